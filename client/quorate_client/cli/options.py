"""The options that every command shares, and the parsing of what people type."""

import functools
import inspect
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec

import typer

from quorate_client.errors import LocalError
from quorate_client.fields import MAX_REQUEST_ID_BYTES, REQUEST_ID_BYTES
from quorate_client.profile import FILE_NAME, Profile
from quorate_client.sync import Client

CLUSTER_VARIABLE = "QUORATE_CLUSTER"
DEFAULT_FOLDER = Path("cluster")
DEFAULT_TIMEOUT_S = 30.0

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the common options say; None and False where they say nothing."""

    cluster: Path | None = None
    endpoints: str | None = None
    ca: Path | None = None
    plaintext: bool = False
    timeout: float | None = None
    json: bool = False

    def over(self, outer: "Settings") -> "Settings":
        """Return these settings, filled up from those given before the command's name."""
        return Settings(
            cluster=self.cluster or outer.cluster,
            endpoints=self.endpoints or outer.endpoints,
            ca=self.ca or outer.ca,
            plaintext=self.plaintext or outer.plaintext,
            timeout=self.timeout or outer.timeout,
            json=self.json or outer.json,
        )

    @property
    def timeout_s(self) -> float:
        """How many seconds a whole call may take."""
        return self.timeout or DEFAULT_TIMEOUT_S

    def profile(self) -> Profile:
        """Return the cluster that is meant; LocalError if none is."""
        if self.endpoints is not None:
            if self.cluster is not None:
                raise typer.BadParameter("give --cluster or --endpoints, not both")
            return Profile.from_endpoints(
                self.endpoints.split(","), ca=self.ca, plaintext=self.plaintext
            )
        if self.ca is not None or self.plaintext:
            raise typer.BadParameter("--ca and --plaintext belong to --endpoints")
        if self.cluster is not None:
            return Profile.load(self.cluster)
        if folder := os.environ.get(CLUSTER_VARIABLE):
            return Profile.load(Path(folder))
        if (DEFAULT_FOLDER / FILE_NAME).exists():
            return Profile.load(DEFAULT_FOLDER)
        raise LocalError(
            f"which cluster? give --cluster DIR or --endpoints, or set {CLUSTER_VARIABLE}"
        )

    def flags(self) -> list[str]:
        """Return the options that lead another command to the same cluster."""
        given = {"--cluster": self.cluster, "--endpoints": self.endpoints, "--ca": self.ca}
        flags = [f for name, value in given.items() if value for f in (name, str(value))]
        return [*flags, "--plaintext"] if self.plaintext else flags

    def client(self) -> Client:
        """Return a client of the cluster that is meant."""
        return Client(self.profile(), timeout_s=self.timeout_s)


def finite(seconds: float | None) -> float | None:
    """Check a number of seconds: infinity and NaN are floats, too."""
    if seconds is not None and not math.isfinite(seconds):
        raise typer.BadParameter("must be finite")
    return seconds


_PANEL = "Common options"
_COMMON: dict[str, object] = {
    "cluster": Annotated[
        Path | None,
        typer.Option(
            "--cluster",
            metavar="DIR",
            help=f"The cluster's folder. Else ${CLUSTER_VARIABLE}, else ./cluster.",
            rich_help_panel=_PANEL,
        ),
    ],
    "endpoints": Annotated[
        str | None,
        typer.Option(
            "--endpoints",
            metavar="HOST:PORT,...",
            help="The nodes, instead of a folder.",
            rich_help_panel=_PANEL,
        ),
    ],
    "ca": Annotated[
        Path | None,
        typer.Option(
            "--ca",
            metavar="FILE",
            help="With --endpoints: the cluster's CA certificate.",
            rich_help_panel=_PANEL,
        ),
    ],
    "plaintext": Annotated[
        bool,
        typer.Option(
            "--plaintext", help="With --endpoints: a lab cluster, no TLS.", rich_help_panel=_PANEL
        ),
    ],
    "timeout": Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            callback=finite,
            help=f"For a whole call, failover included ({DEFAULT_TIMEOUT_S:.0f}).",
            rich_help_panel=_PANEL,
        ),
    ],
    "json": Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON document on standard output.", rich_help_panel=_PANEL
        ),
    ],
}


def with_settings(command: Callable[Concatenate[Settings, P], None]) -> Callable[..., None]:
    """Give `command` the common options, and as its first argument what they say."""

    @functools.wraps(command)
    def wrapper(ctx: typer.Context, *args: P.args, **kwargs: P.kwargs) -> None:
        common = {name: kwargs.pop(name) for name in _COMMON}
        root = ctx.find_root()
        outer = root.obj if isinstance(root.obj, Settings) else Settings()
        root.obj = Settings(**common).over(outer)  # type: ignore[arg-type] # typer saw to it
        command(root.obj, *args, **kwargs)

    own = list(inspect.signature(command).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(
            inspect.Parameter(name, keyword, default=getattr(Settings(), name), annotation=kind)
            for name, kind in _COMMON.items()
        ),
    ]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(wrapper)["__signature__"] = inspect.Signature(parameters)
    return wrapper


def text(value: str) -> str:
    """Check a name: not empty, and valid UTF-8."""
    if not value:
        raise typer.BadParameter("must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise typer.BadParameter("not valid UTF-8") from error
    return value


def texts(values: list[str]) -> list[str]:
    """Check several names."""
    return [text(value) for value in values]


_DURATION = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def end_time(end: str | None, duration: str | None, now: datetime) -> datetime:
    """Tell the end of an election: at `end` (ISO 8601 with a zone), or `duration` after `now`."""
    if (end is None) == (duration is None):
        raise typer.BadParameter("give the end of the election: either --for or --end")
    try:
        if duration is not None:
            match = _DURATION.fullmatch(duration)
            if match is None or int(match[1]) == 0:
                raise typer.BadParameter(
                    f"{duration!r} is not a duration such as 60s, 5m, 2h or 3d", param_hint="--for"
                )
            return now + timedelta(seconds=int(match[1]) * _UNIT_S[match[2]])
        moment = datetime.fromisoformat(end or "")
        if moment.tzinfo is None:
            raise typer.BadParameter(
                f"{end!r} has no time zone; write for example {end}Z or {end}+02:00",
                param_hint="--end",
            )
        return moment.astimezone(UTC)
    except ValueError as error:
        raise typer.BadParameter(
            f"{end!r} is not a time such as 2030-01-31T20:00:00Z", param_hint="--end"
        ) from error
    except OverflowError as error:
        raise typer.BadParameter("that is after the year 9999") from error


def request_id(value: str | None) -> bytes | None:
    """Decode --request-id: 16 to 64 bytes in hexadecimal."""
    if value is None:
        return None
    try:
        decoded = bytes.fromhex(value)
    except ValueError as error:
        raise typer.BadParameter("not hexadecimal", param_hint="--request-id") from error
    if not REQUEST_ID_BYTES <= len(decoded) <= MAX_REQUEST_ID_BYTES:
        raise typer.BadParameter("must be 16 to 64 bytes", param_hint="--request-id")
    return decoded


NameArgument = Annotated[str, typer.Argument(metavar="NAME", callback=text)]
AsOption = Annotated[
    str, typer.Option("--as", metavar="VOTER", help="Your name on the roll.", callback=text)
]
KeyOption = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="Your private key; see `quorate key new`.")
]
RequestIdOption = Annotated[
    str | None,
    typer.Option(
        "--request-id",
        metavar="HEX",
        help="Repeat a request whose outcome is unknown: it is done at most once, and the answer "
        "is the first request's.",
    ),
]
ForOption = Annotated[
    str | None, typer.Option("--for", metavar="DURATION", help="From now: 60s, 5m, 2h or 3d.")
]
EndOption = Annotated[
    str | None, typer.Option("--end", metavar="TIME", help="Such as 2030-01-31T20:00:00Z.")
]
