"""Clusters of containers: what goes into their volumes, and compose files for more nodes."""

from quorate_client.compose.override import override
from quorate_client.compose.volumes import Volumes

__all__ = ["Volumes", "override"]
