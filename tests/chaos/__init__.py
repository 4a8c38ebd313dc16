"""Real nodes, real faults, and a judge who was not there: see docs/CHAOS.md."""
