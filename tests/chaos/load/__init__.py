"""The load: voters, creators and readers who write down all that they were told."""

from chaos.load.workload import Workload

__all__ = ["Workload"]
