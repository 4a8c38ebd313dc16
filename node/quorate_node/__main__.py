"""`quorate-node`: run one node of a cluster, or do one of the other things that one node needs."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

from quorate_node import VERSION, check_folder, health, replace_disk
from quorate_node.config import ENVIRONMENT_PREFIX, load_config
from quorate_node.errors import SetupError
from quorate_node.process import check, serve

EXIT_OK, EXIT_INTERNAL = 0, 1

_EPILOG = f"""\
other uses:
  quorate-node check DIR              verify a node's data folder, and show what it holds
  quorate-node health --config FILE   ask a node that runs whether it should get ballots now
  quorate-node replace --config FILE  say that its disk was lost, for the next start

settings: the file, then environment variables ({ENVIRONMENT_PREFIX}LISTEN__CLIENT=...), then flags

exit status:
  0   stopped on SIGTERM or SIGINT
  2   wrong usage
  6   a file, certificate, setting or port is wrong, or the others know this node with another
      disk (see --replace); the message says which. Starting it again unchanged does not help
  70  stopped itself rather than go on with a state that may be wrong
  74  its disk refused to write or to sync: full, or failing. What it has acknowledged is there;
      make room, or start it with --replace on another disk
"""


_OTHER_USES = {
    "check": check_folder.main,
    "health": health.main,
    "replace": replace_disk.main,
}


def main(arguments: list[str] | None = None) -> int:
    """Run a node, or do what the first argument names; return the exit status."""
    given_arguments = sys.argv[1:] if arguments is None else arguments
    other_use = _OTHER_USES.get(given_arguments[0]) if given_arguments else None
    if other_use is not None:
        return other_use(given_arguments[1:])
    given = _parser().parse_args(given_arguments)
    try:
        config = load_config(given.config, _flags(given))
        if given.check:
            check(config)
            sys.stdout.write(f"{given.config}: ok\n")
            return EXIT_OK
        _start_logging(config.log_level)
        asyncio.run(serve(config, replace=given.replace))
    except SetupError as flaw:
        sys.stderr.write(f"error: {flaw}\n")
        return flaw.exit_status
    except Exception as flaw:
        if os.environ.get("QUORATE_DEBUG"):
            raise
        sys.stderr.write(f"error: internal: {type(flaw).__name__}: {flaw}\n")
        return EXIT_INTERNAL
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quorate-node",
        description="Run one node of a Quorate cluster until SIGTERM.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="the node's TOML file")
    parser.add_argument("--data-dir", type=Path, help="where the log and snapshots are kept")
    parser.add_argument("--listen-client", metavar="HOST:PORT", help="where clients connect")
    parser.add_argument("--listen-officer", metavar="HOST:PORT", help="where officers connect")
    parser.add_argument("--listen-peer", metavar="HOST:PORT", help="where other nodes connect")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
    replace_help = (
        "start on an empty data folder in place of a disk that was lost: the node gets everything "
        "from the others and votes once it has caught up. Never where the old disk may come back"
    )
    parser.add_argument("--replace", action="store_true", help=replace_help)
    check_help = "check the settings, the secret and the certificates, and exit"
    parser.add_argument("--check", action="store_true", help=check_help)
    parser.add_argument("--version", action="version", version=f"quorate-node {VERSION}")
    return parser


def _flags(given: argparse.Namespace) -> dict[str, Any]:
    listen = {
        "client": given.listen_client,
        "officer": given.listen_officer,
        "peer": given.listen_peer,
    }
    data_dir = given.data_dir and given.data_dir.absolute()  # relative to here, not to the file
    flags = {
        "data_dir": data_dir,
        "log_level": given.log_level,
        "listen": {key: value for key, value in listen.items() if value is not None},
    }
    return {key: value for key, value in flags.items() if value}


def _start_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("asyncio", "grpc", "pysyncobj"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
