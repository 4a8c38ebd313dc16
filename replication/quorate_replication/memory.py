"""What a node does about Python's cyclic garbage collector, which stops all threads to look around.

A full collection walks through every object that can hold others. Of the election state these are
few (`state/sorted_map.py`, `state/voter.py`): a process with a million voters and as many ballots
takes 10 ms for one, where an object for each voter made it 360 ms. What is left are the libraries
and thousands of elections: beside 9,000 of them, the longest collection while a snapshot was loaded
was 30 to 37 ms, and 5 to 8 ms after `calm_collector` (`benchmarks/snapshot_stall.py`, 2 cores).
"""

import gc


def calm_collector() -> None:
    """Take what exists now out of every later collection. Call it once, at the end of starting.

    Not again later: what is frozen and becomes a cycle of garbage is never found.
    """
    gc.collect()
    gc.freeze()
