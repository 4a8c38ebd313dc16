"""`quorate-node replace`: say once that a node's disk was lost, for the start that comes next.

For nodes that something else starts, with a command line that stays the same (a container, a
service of the system). It is what `quorate-node --replace` does first, and then ends.
"""

import argparse
import secrets
import sys
from pathlib import Path

from quorate_node.config import NodeConfig, load_config
from quorate_node.data_folder import open_data_folder
from quorate_node.errors import SetupError
from quorate_node.process import check
from quorate_replication.errors import EngineStartError
from quorate_replication.storage.member_file import INCARNATION_BYTES
from quorate_replication.storage.membership import NEWBORN, Membership
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.messages import Standing

_EPILOG = """\
Never where the old disk may come back, and with one node at a time while the others are well.

exit status:
  0  done, or it was done before
  6  the data folder is not empty, or a file or a setting is wrong; nothing was changed
"""


def main(arguments: list[str]) -> int:
    """Mark an empty data folder; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="quorate-node replace",
        description="Mark a node's empty data folder as the replacement of a disk that was lost: "
        "once it is started, the node gets everything from the others, and votes when it has it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="the node's TOML file")
    given = parser.parse_args(arguments)
    try:
        config = load_config(given.config, {})
        check(config)
        with open_data_folder(config.data_dir):
            _mark(config)
    except SetupError as flaw:
        sys.stderr.write(f"error: {flaw}\n")
        return flaw.exit_status
    sys.stdout.write(f"{config.name} has a new disk: it will catch up before it votes\n")
    return 0


def _mark(config: NodeConfig) -> None:
    """Raises SetupError if the folder holds what counts."""
    disk = OsDisk(config.data_dir)
    if NEWBORN in disk.names():
        raise SetupError(f"{config.data_dir} is new, no replacement: start {config.name} as it is")
    try:
        membership = Membership.open(
            disk,
            cluster_id=config.cluster_id,
            name=config.name,
            others={member.name for member in config.members} - {config.name},
            fresh_incarnation=secrets.token_bytes(INCARNATION_BYTES),
            replace=True,
        )
    except EngineStartError as flaw:
        raise SetupError(str(flaw)) from None
    if membership.standing is not Standing.REPLACING:
        raise SetupError(
            f"{config.data_dir} is not empty: it holds what {config.name} votes with; nothing was"
            " changed"
        )
