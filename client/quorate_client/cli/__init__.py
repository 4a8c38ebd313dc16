"""The `quorate` command line; `app.py` lists the commands.

Whatever goes wrong ends in one line, `error: what is wrong; what to do`, and an exit code:
0 done or counted, 1 a check failed or an internal error, 2 usage, 3 rejected by the cluster, 4 not
done (definite; `up`: every node has ended), 5 unknown (safe to repeat), 6 something local is wrong
(`up`: too few nodes are fit to run), 7 not authenticated or not permitted, 130 interrupted.
QUORATE_DEBUG=1 shows the traceback instead.
"""

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

import typer

from quorate_client.cli import output
from quorate_client.cli.app import app
from quorate_client.cli.outcomes import INTERRUPTED, Interruption, Rejected
from quorate_client.errors import LocalError, NotDone, QuorateError, Unknown

DEBUG_VARIABLE = "QUORATE_DEBUG"


class _UsageError(QuorateError):
    exit_code = 2
    code = "usage"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `quorate` with `arguments` (default: the process's) and return its exit code."""
    args = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        code: object = app(args, prog_name="quorate", standalone_mode=False)
        output.flush()
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        return _report(_as_quorate_error(error), args)
    if code == INTERRUPTED:  # typer's way to pass on a KeyboardInterrupt
        interrupted = Interruption("interrupted; what was already sent may have been done")
        return _report(interrupted, args)
    return code if isinstance(code, int) else 0


def _as_quorate_error(error: Exception) -> QuorateError:
    match error:
        case QuorateError():
            return error
        case typer.TyperException():
            context: object = getattr(error, "ctx", None)
            path = getattr(context, "command_path", "quorate")
            return _UsageError(f"{error.format_message().rstrip('.')}; try `{path} --help`")
        case typer.Abort():
            return Interruption("aborted; nothing was done")
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return LocalError(f"{where}{error.strerror or error}")
        case _:
            return QuorateError(f"{type(error).__name__}: {error}; {DEBUG_VARIABLE}=1 shows where")


def _report(error: QuorateError, args: list[str]) -> int:
    """Print the error, as JSON if that was asked for, and return its exit code."""
    message, document = " ".join(str(error).split()), dict[str, object]()
    match error:
        case Unknown():
            document |= {"outcome": "indefinite", "request_id": error.request_id.hex()}
            message = f"{message}: {_repeated(args, error.request_id)}"
        case Rejected():
            document["outcome"] = error.outcome
        case NotDone():
            document["outcome"] = "definite"
        case _:
            document["outcome"] = None
    told = False
    if "--json" in _before_dashes(args):
        with contextlib.suppress(LocalError):  # standard output is what fails
            output.emit({"error": {"code": error.code, "message": message, **document}})
            told = True
    if not told:
        with contextlib.suppress(OSError):  # nobody to tell; the exit code is left
            output.note(f"error: {message}")
    output.give_up_stdout()
    return error.exit_code


def _repeated(args: list[str], request_id: bytes) -> str:
    """Return the command that repeats the request under the same id."""
    own = _before_dashes(args)
    named = any(o.partition("=")[0] in {"--request-id", "--ballot"} for o in own)
    option = [] if named else ["--request-id", request_id.hex()]
    return shlex.join(["quorate", *own, *option, *args[len(own) :]])


def _before_dashes(args: list[str]) -> list[str]:
    return args[: args.index("--")] if "--" in args else args
