"""A node's configuration: a TOML file, then environment variables, then flags.

Each later source wins. `QUORATE_NODE_LISTEN__CLIENT` is the variable for `client` in `[listen]`.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from quorate_node.errors import SetupError
from quorate_node.setting_sources import Sources

ENVIRONMENT_PREFIX = "QUORATE_NODE_"


def _address(text: str) -> str:
    host, separator, port = text.rpartition(":")
    if not (separator and host and port.isdecimal() and 0 < int(port) < 65536):  # noqa: PLR2004
        raise ValueError("must be host:port, with a port from 1 to 65535")
    return text


Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(_Section):
    """Where this node listens, host:port each."""

    client: Address
    officer: Address | None = None
    """Mutual TLS, for officers; absent in lab mode."""
    peer: Address


class Tls(_Section):
    """PEM files; relative paths are relative to the configuration file.

    The nodes always speak mutual TLS with one another; clients do unless `lab = true`.
    """

    ca: Path
    certificate: Path
    key: Path


class Member(_Section):
    """One member of the cluster, as the others reach it."""

    name: Name
    client: Address
    peer: Address


class Raft(_Section):
    """Consensus settings; the defaults suit a local network and a good disk."""

    election_timeout_min_s: Annotated[float, Field(ge=0.1, le=30)] = 0.4
    election_timeout_max_s: Annotated[float, Field(ge=0.2, le=60)] = 0.8
    heartbeat_s: Annotated[float, Field(ge=0.02, le=5)] = 0.1
    snapshot_entries: Annotated[int, Field(ge=10, le=10_000_000)] = 20_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 3 * self.heartbeat_s < self.election_timeout_min_s < self.election_timeout_max_s:
            raise ValueError(
                "needs 3 x heartbeat_s < election_timeout_min_s < election_timeout_max_s"
            )
        return self


class NodeConfig(BaseSettings):
    """Everything that a node is told."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    cluster_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    name: Name
    lab: bool = False
    """Clients' port in plaintext, open registration; for the course's clients, never for a real
    election. The nodes' own traffic is TLS all the same."""
    data_dir: Path
    secret_file: Path
    listen: Listen
    tls: Tls
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=15)]
    raft: Raft = Raft()
    max_clock_offset_s: Annotated[float, Field(ge=0.1, le=3600)] = 2.0
    """A node whose clock is further than this from the members' median serves no ballots."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="before")
    @classmethod
    def _has_tls(cls, settings: dict[str, Any]) -> dict[str, Any]:
        if "tls" not in settings:
            raise ValueError(
                "[tls] is needed, in lab mode too: the nodes speak TLS with one another; "
                "`quorate init` makes the files"
            )
        return settings

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError("members: two have the same name")
        if self.name not in names:
            raise ValueError(f"members: none is named {self.name!r}, the node itself")
        if not self.lab and self.listen.officer is None:
            raise ValueError("listen.officer is needed, unless lab = true")
        if self.lab and self.listen.officer is not None:
            raise ValueError(
                "lab = true has one plaintext port for all callers: take out listen.officer"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Split what `load_config` passes into flags and file, and put the environment between."""
        del dotenv_settings, file_secret_settings
        given = init_settings()
        flags = InitSettingsSource(settings_cls, given.get("flags", {}))
        file = InitSettingsSource(settings_cls, given.get("file", {}))
        return (flags, env_settings, file)


def load_config(path: Path, flags: dict[str, Any]) -> NodeConfig:
    """Read a node's configuration.

    Args:
        path: the TOML file.
        flags: settings that win over it and over the environment, nested like it.

    Raises:
        SetupError: the file can't be read, is no TOML, or a setting is wrong.
    """
    try:
        file = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as flaw:
        raise SetupError(f"cannot read {path}: {_reason(flaw)}") from None
    except tomllib.TOMLDecodeError as flaw:
        raise SetupError(f"{path} is not valid TOML: {flaw}") from None
    try:
        config = NodeConfig(file=file, flags=flags)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue] - taken apart above
    except ValidationError as flaws:
        sources = Sources(path, flags, EnvSettingsSource(NodeConfig)(), ENVIRONMENT_PREFIX)
        raise SetupError(_first(flaws, sources)) from None
    except SettingsError as flaw:
        raise SetupError(f"environment {ENVIRONMENT_PREFIX}*: {flaw}") from None
    return _with_paths_from(config, path.parent)


def _with_paths_from(config: NodeConfig, folder: Path) -> NodeConfig:
    tls = Tls(
        ca=folder / config.tls.ca,
        certificate=folder / config.tls.certificate,
        key=folder / config.tls.key,
    )
    update = {
        "data_dir": folder / config.data_dir,
        "secret_file": folder / config.secret_file,
        "tls": tls,
    }
    return config.model_copy(update=update)


def _first(flaws: ValidationError, sources: Sources) -> str:
    """Put the first flaw into one line; the value itself may be secret and stays out."""
    flaw = flaws.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in flaw["loc"])
    what = flaw["msg"].removeprefix("Value error, ")
    more = flaws.error_count() - 1
    rest = f" (and {more} more)" if more else ""
    source = sources.of(flaw["loc"])
    return f"{source}: {where}: {what}{rest}" if where else f"{source}: {what}{rest}"


def _reason(flaw: OSError | UnicodeDecodeError) -> str:
    return (flaw.strerror or str(flaw)) if isinstance(flaw, OSError) else "it is not UTF-8 text"
