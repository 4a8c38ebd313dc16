"""The real replication code for many nodes in one thread, under virtual time, from one seed."""
