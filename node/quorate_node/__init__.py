"""Node: one server process of the cluster."""

import os
from importlib.metadata import version

# gRPC's core has a log of its own, which it writes to standard error past ours: a line for every
# failed handshake, several a second while a stranger calls. It reads this once, when it is
# imported: so here, before anything imports grpc. Whoever looks for a fault sets it otherwise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

VERSION = version("quorate")
