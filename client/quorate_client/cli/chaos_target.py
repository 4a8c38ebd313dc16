"""Which cluster `quorate chaos` breaks: options that stand before or after its commands."""

import functools
import inspect
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Concatenate, ParamSpec

import typer

from quorate_client.chaos import Cluster, Compose, Machine, Project
from quorate_client.cli.options import CLUSTER_VARIABLE, DEFAULT_FOLDER, Settings
from quorate_client.errors import LocalError
from quorate_client.profile import FILE_NAME, Profile

P = ParamSpec("P")
_PANEL = "Which cluster"


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say; None and False where they say nothing."""

    cluster: Path | None = None
    compose: bool = False
    project: str | None = None
    file: Path | None = None
    json: bool = False

    def over(self, outer: "Given") -> "Given":
        """Return this, filled up from what was given before the command's name."""
        return Given(
            cluster=self.cluster or outer.cluster,
            compose=self.compose or outer.compose,
            project=self.project or outer.project,
            file=self.file or outer.file,
            json=self.json or outer.json,
        )

    @property
    def flags(self) -> list[str]:
        """What leads another command to the same cluster."""
        given = {"--cluster": self.cluster, "--project": self.project, "--file": self.file}
        flags = [part for flag, value in given.items() if value for part in (flag, str(value))]
        return ["--compose", *flags] if self.compose else flags


class Target:
    """The cluster that is meant, and how to speak of it."""

    def __init__(self, given: Given, outer: Settings) -> None:
        if outer.endpoints is not None:
            raise typer.BadParameter("chaos takes --cluster or --compose, not --endpoints")
        if given.compose and given.cluster is not None:
            raise typer.BadParameter("give --cluster or --compose, not both")
        if not given.compose and (given.project is not None or given.file is not None):
            raise typer.BadParameter("--project and --file belong to --compose")
        self.json = given.json
        self.timeout_s = outer.timeout_s
        self.cluster: Cluster
        self.profile: Callable[[], Profile]
        if given.compose:
            compose = Compose(Project(given.project, given.file), _mend(given.flags))
            self.cluster, self.profile = compose, compose.profile
        else:
            folder = _folder(given.cluster)
            profile = Profile.load(folder)
            self.cluster = Machine(folder, profile, _mend(given.flags))
            self.profile = lambda: profile

    def node(self, name: str) -> str:
        """Return `name` if that is a node's."""
        if name not in self.cluster.names:
            known = ", ".join(self.cluster.names)
            raise typer.BadParameter(f"there is no node {name!r}; there are {known}")
        return name


def _mend(flags: list[str]) -> str:
    return shlex.join(["quorate", "chaos", *flags, "heal"])


def _folder(given: Path | None) -> Path:
    folder = given or Path(os.environ.get(CLUSTER_VARIABLE) or DEFAULT_FOLDER)
    if given is None and folder == DEFAULT_FOLDER and not (folder / FILE_NAME).exists():
        raise LocalError(
            f"which cluster? give --cluster DIR or --compose, or set {CLUSTER_VARIABLE}"
        )
    return folder.parent if folder.suffix == ".toml" else folder


_OPTIONS: dict[str, object] = {
    "cluster": Annotated[
        Path | None,
        typer.Option(
            "--cluster",
            metavar="DIR",
            help=f"The folder that `quorate up` runs. Else ${CLUSTER_VARIABLE}, else ./cluster.",
            rich_help_panel=_PANEL,
        ),
    ],
    "compose": Annotated[
        bool,
        typer.Option(
            "--compose",
            help="The one that Docker Compose runs on this machine.",
            rich_help_panel=_PANEL,
        ),
    ],
    "project": Annotated[
        str | None,
        typer.Option(
            "--project",
            metavar="NAME",
            help="With --compose: its project. Else the one of the compose file.",
            rich_help_panel=_PANEL,
        ),
    ],
    "file": Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="With --compose: its file. Else ./docker-compose.yml.",
            rich_help_panel=_PANEL,
        ),
    ],
    "json": Annotated[bool, typer.Option("--json", help="One JSON document.")],
}


def with_target(command: Callable[Concatenate[Target, P], None]) -> Callable[..., None]:
    """Give `command` the options, and as its first argument the cluster that they mean."""

    @functools.wraps(command)
    def wrapper(ctx: typer.Context, *args: P.args, **kwargs: P.kwargs) -> None:
        command(Target(*_given(ctx, kwargs)), *args, **kwargs)

    _sign(wrapper, list(inspect.signature(command).parameters.values())[1:])
    return wrapper


def keep_options(callback: Callable[[], None]) -> Callable[..., None]:
    """Make `callback` that of the group: the options that stand before the commands' names."""

    @functools.wraps(callback)
    def wrapper(ctx: typer.Context, **kwargs: object) -> None:
        ctx.obj, _ = _given(ctx, kwargs)
        callback()

    _sign(wrapper, [])
    return wrapper


def _given(ctx: typer.Context, options: dict[str, object]) -> tuple[Given, Settings]:
    """Take the options out, and fill them up from those given before."""
    own = Given(**{name: options.pop(name) for name in _OPTIONS})  # type: ignore[arg-type]
    root: object = ctx.find_root().obj
    outer = root if isinstance(root, Settings) else Settings()
    if isinstance(ctx.obj, Given):
        own = own.over(ctx.obj)
    return own.over(Given(cluster=outer.cluster, json=outer.json)), outer


def _sign(wrapper: Callable[..., None], own: list[inspect.Parameter]) -> None:
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(
            inspect.Parameter(name, keyword, default=getattr(Given(), name), annotation=kind)
            for name, kind in _OPTIONS.items()
        ),
    ]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(wrapper)["__signature__"] = inspect.Signature(parameters)
