"""The folder of a stage's cluster: provisioned as any, then each node's file set for the stage.

Each node finds the others through its own relays, keeps its data on its own disk, and makes
snapshots often.
"""

import asyncio
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from chaos.disks import Disk
from chaos.network import Network
from quorate_client.profile import Profile
from quorate_client.provision import NodePlan, plan_cluster, provision
from support.cluster import free_ports

_HOST = "127.0.0.1"


async def set_up(
    folder: Path, network: Network, disks: Mapping[str, Disk], snapshot_entries: int
) -> Profile:
    """Make the cluster's folder, open the network, fit each node's configuration to them."""
    count = len(disks)
    first = free_ports(3 * count)
    plan = plan_cluster(
        nodes=count, client_port=first, officer_port=first + count, peer_port=first + 2 * count
    )
    await asyncio.to_thread(provision, folder, plan)
    await network.open(
        {node.name: node.peer for node in plan.nodes},
        {node.name: node.client for node in plan.nodes},
    )
    for node in plan.nodes:
        _fit(folder, node, network, disks[node.name], snapshot_entries)
    return Profile.load(folder)


def _fit(folder: Path, node: NodePlan, network: Network, disk: Disk, snapshot_entries: int) -> None:
    config = folder / "nodes" / node.name / "node.toml"
    settings: dict[str, Any] = tomllib.loads(config.read_text())
    for member in settings["members"]:
        if member["name"] != node.name:
            peer, client = network.ports((node.name, member["name"]))
            member["peer"], member["client"] = f"{_HOST}:{peer}", f"{_HOST}:{client}"
    old = config.parent / settings["data_dir"]
    for file in old.iterdir():  # what says that the data folder is a new one's
        shutil.move(file, disk.data / file.name)
    old.rmdir()
    settings["data_dir"] = str(disk.data)
    settings["raft"] = {"snapshot_entries": snapshot_entries}
    config.write_text(tomli_w.dumps(settings))
