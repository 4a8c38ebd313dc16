"""`quorate-node check DIR`: what a node's data folder holds, and whether it is whole.

Opens no port, asks nobody, and changes nothing: the node may even run meanwhile.
"""

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Self

from quorate_node.errors import SetupError
from quorate_replication.storage.check import FolderReport, as_dict, inspect_folder, render
from quorate_replication.storage.membership import NEWBORN
from quorate_replication.storage.os_disk import OsDisk

EXIT_WHOLE, EXIT_DAMAGED, EXIT_NO_DATA_FOLDER = 0, 1, 6
CONFIG = "node.toml"
DEFAULT_DATA = "data"
MOST_NODES = 15  # of a cluster

_EPILOG = """\
DIR is a node's folder (with node.toml in it) or the data folder itself, or a copy of one. The
node may be down or run. Nothing is changed.

exit status:
  0  whole: a node starts from it
  1  damaged, or another node's: the report says where, and what to do
  6  not a data folder, or it can't be read
"""


def main(arguments: list[str]) -> int:
    """Check a data folder; return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        config = _Config.of(given.directory)
        report = _compare(_inspect(config.data or given.directory), config)
    except SetupError as flaw:
        _complain(str(flaw), as_json=given.json)
        return EXIT_NO_DATA_FOLDER
    told = json.dumps(as_dict(report), indent=2) if given.json else render(report)
    sys.stdout.write(f"{told}\n")
    return EXIT_WHOLE if report.ok else EXIT_DAMAGED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quorate-node check",
        description="Verify every record and snapshot in a node's data folder, and show what is "
        "there.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the folder")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


@dataclass(frozen=True, slots=True)
class _Config:
    """What the settings beside a data folder say, whatever else is wrong with them; None: nothing.

    `data` is where they put the data folder.
    """

    path: Path
    data: Path | None = None
    name: str | None = None
    cluster_id: str | None = None

    @classmethod
    def of(cls, directory: Path) -> Self:
        """Read those of a node's folder, or of the folder that a data folder is in."""
        own = cls._read(directory / CONFIG)
        if own.data is not None:
            return own
        around = cls._read(directory.absolute().parent / CONFIG)
        its_own = around.data is not None and around.data.resolve() == directory.resolve()
        return replace(around, data=directory) if its_own else cls(directory / CONFIG)

    @classmethod
    def _read(cls, path: Path) -> Self:
        if not path.exists():
            return cls(path)
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            given = {}
        told = {key: value for key, value in given.items() if isinstance(value, str)}
        data = path.parent / told.get("data_dir", DEFAULT_DATA)
        return cls(path, data, told.get("name"), told.get("cluster_id"))


def _inspect(folder: Path) -> FolderReport:
    """Raises SetupError if it is no data folder, or can't be read."""
    try:
        disk = OsDisk(folder)
        names, report = disk.names(), inspect_folder(disk)
    except OSError as flaw:
        raise SetupError(f"cannot read {flaw.filename or folder}: {flaw.strerror}") from None
    empty = report.member is None and report.snapshot is None and report.journal is None
    if empty and report.ok and NEWBORN not in names:
        raise _no_data_folder(folder)
    return report


def _no_data_folder(folder: Path) -> SetupError:
    """Say so, and where there may be some: in a cluster's folder, its nodes' are below."""
    nodes = [config.parent for config in islice(folder.glob(f"nodes/*/{CONFIG}"), MOST_NODES)]
    if not nodes:
        return SetupError(f"{folder} is not a data folder: there is nothing of a node's in it")
    told = ", ".join(str(node) for node in sorted(nodes))
    return SetupError(f"{folder} is not a data folder; its nodes are in {told}")


def _compare(report: FolderReport, config: _Config) -> FolderReport:
    """Add a problem if the data is not that of the node whose settings are beside it."""
    member = report.member
    if member is None:
        return report
    name, cluster_id = config.name or member.name, config.cluster_id or member.cluster_id
    if (name, cluster_id) == (member.name, member.cluster_id):
        return report
    problem = (
        f"{report.path} belongs to {member.name} of cluster {member.cluster_id}, but {config.path}"
        f" says {name} of cluster {cluster_id}. Put the right folder there."
    )
    return replace(report, problems=[*report.problems, problem])


def _complain(flaw: str, *, as_json: bool) -> None:
    if as_json:
        document = {"error": {"code": "local", "message": flaw, "outcome": None}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stderr.write(f"error: {flaw}\n")
