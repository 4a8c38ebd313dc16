"""The election state machine: pure, total, deterministic.

Rule 1. State changes only in `Elections.apply`, one batch at a time, in log order.
Rule 2. The same batches give the same state and the same outcomes: no clock, no dice, no
        I/O, no dependence on hash seeds, Python versions or iteration order.
Rule 3. Nothing raises: whatever decodes has an outcome, accepted or a named rejection.
Rule 4. What a request created remembers the request's id, so a repeated request gets the
        first answer.
Rule 5. Who voted (participation) and what was voted (tally) are kept apart.
"""
