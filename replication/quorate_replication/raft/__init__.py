"""Consensus: PySyncObj's Raft skeleton, and around it what makes it safe to stake an election on.

`core` alone knows PySyncObj. `member` is one member without thread, socket or clock of its own;
`driver` runs it in an event loop, `thread` in a thread of its own with real parts.
"""
