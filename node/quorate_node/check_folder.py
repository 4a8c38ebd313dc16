"""`quorate-node check DIR`: what a node's data folder holds, and whether it is whole.

Opens no port, asks nobody, and changes nothing: the node may even run meanwhile.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path

from quorate_node.errors import SetupError
from quorate_replication.storage.check import FolderReport, as_dict, inspect_folder, render
from quorate_replication.storage.membership import NEWBORN
from quorate_replication.storage.os_disk import OsDisk

EXIT_WHOLE, EXIT_DAMAGED, EXIT_NO_DATA_FOLDER = 0, 1, 6
CONFIG = "node.toml"
DEFAULT_DATA = "data"

_EPILOG = """\
DIR is a node's folder (with node.toml in it) or the data folder itself, or a copy of one. The
node may be down or run. Nothing is changed.

exit status:
  0  whole: a node starts from it
  1  damaged: the report says where, and what to do
  6  not a data folder, or it can't be read
"""


def main(arguments: list[str]) -> int:
    """Check a data folder; return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        report = _inspect(_data_folder(given.directory))
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


def _data_folder(directory: Path) -> Path:
    """Return the data folder that is meant: the one that the node's settings name, if any."""
    config = directory / CONFIG
    return directory / _data_dir_in(config) if config.exists() else directory


def _data_dir_in(config: Path) -> str:
    """Return what the settings call `data_dir`, whatever else is wrong with them."""
    try:
        given: object = tomllib.loads(config.read_text(encoding="utf-8")).get("data_dir")
    except (OSError, ValueError):
        return DEFAULT_DATA
    return given if isinstance(given, str) else DEFAULT_DATA


def _inspect(folder: Path) -> FolderReport:
    """Raises SetupError if it is no data folder, or can't be read."""
    try:
        disk = OsDisk(folder)
        names, report = disk.names(), inspect_folder(disk)
    except OSError as flaw:
        raise SetupError(f"cannot read {flaw.filename or folder}: {flaw.strerror}") from None
    empty = report.member is None and report.snapshot is None and report.journal is None
    if empty and report.ok and NEWBORN not in names:
        raise SetupError(f"{folder} is not a data folder: there is nothing of a node's in it")
    return report


def _complain(flaw: str, *, as_json: bool) -> None:
    if as_json:
        document = {"error": {"code": "local", "message": flaw, "outcome": None}}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stderr.write(f"error: {flaw}\n")
