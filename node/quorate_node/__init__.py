"""Node: one server process of the cluster."""

from importlib.metadata import version

VERSION = version("quorate")
