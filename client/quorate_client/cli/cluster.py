"""`quorate init`, `up`, `node run`, `node check` and `demo`: clusters on this machine."""

import asyncio
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from quorate_client.cli import output
from quorate_client.cli.options import Settings, finite
from quorate_client.demo import Options, Stage
from quorate_client.demo import demo as run_demo
from quorate_client.demo import report as demo_report
from quorate_client.errors import LocalError, QuorateError
from quorate_client.processes import check_command, node_command
from quorate_client.profile import FILE_NAME, Profile
from quorate_client.provision import plan_cluster, provision, summary
from quorate_client.up import run_up
from quorate_client.up.printer import Printer


def _folder(value: str) -> Path:
    if not value:  # Path would make the current folder of it
        raise typer.BadParameter("must not be empty")
    return Path(value)


FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The cluster's folder.", parser=_folder)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
node_app = typer.Typer(
    help="Run a single node, or look into its data folder.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add this module's commands to `app`."""
    app.command("init")(init)
    app.command("up")(up)
    app.command("demo")(demo)
    app.add_typer(node_app, name="node")


def init(  # noqa: PLR0913  one argument per option
    ctx: typer.Context,
    directory: FolderArgument,
    *,
    nodes: Annotated[int, typer.Option("--nodes", help="How many; 3 survive one failure.")] = 3,
    client_port: Annotated[
        int, typer.Option("--client-port", help="The first node's port for voters.")
    ] = 7401,
    officer_port: Annotated[
        int | None,
        typer.Option("--officer-port", help="For officers; else the client port + 100."),
    ] = None,
    peer_port: Annotated[
        int | None, typer.Option("--peer-port", help="For the nodes; else the client port + 200.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Where the nodes listen and are found.")
    ] = "127.0.0.1",
    lab: Annotated[
        bool,
        typer.Option(
            "--lab", help="Clients in plaintext, and anyone is an officer: for exercises only."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new cluster's folder: keys, certificates and configuration.

    Example: quorate init cluster --nodes 5
    """
    plan = plan_cluster(
        nodes=nodes,
        client_port=client_port,
        officer_port=officer_port,
        peer_port=peer_port,
        host=host,
        lab=lab,
    )
    cluster = provision(directory, plan)
    if _wants_json(ctx, as_json):
        output.emit(summary.document(directory, plan, cluster, plan.warnings))
        return
    for warning in plan.warnings:
        output.note(f"warning: {warning}")
    output.say(f"cluster {cluster.cluster_id} in {directory}")
    output.table(summary.COLUMNS, summary.rows(plan))
    for line in summary.lines(directory, plan):
        output.say(line)


def up(
    ctx: typer.Context,
    directory: FolderArgument,
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start nodes that die again, after a pause.")
    ] = False,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            "--replace",
            metavar="NAME",
            help="A node whose disk was lost: it gets everything from the others and votes once it "
            "has caught up. Its data folder must be empty, and the old disk must not come back. "
            "Repeatable, but do it with one at a time.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run every node of a folder until Ctrl-C.

    Exits with 6 if too few nodes are fit to run, with 4 if every one has ended otherwise.

    Example: quorate up cluster --restart
    """
    names, to_replace = [node.name for node in Profile.load(directory).nodes], replace or []
    if unknown := [name for name in to_replace if name not in names]:
        flaw = f"{directory} has no node {unknown[0]!r}; it has {', '.join(names)}"
        raise typer.BadParameter(flaw, param_hint="--replace")
    report = Printer(as_json=_wants_json(ctx, as_json))
    asyncio.run(run_up(directory, report, restart=restart, replace=to_replace))


def demo(  # noqa: PLR0913  one argument per option
    ctx: typer.Context,
    *,
    voters: Annotated[int, typer.Option("--voters", min=1, max=20_000, help="How many.")] = 300,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=5.0,
            callback=finite,
            help="How long the election is open; else enough.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="What the voters choose.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the cluster's folder.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Kill the leader in the middle of an election, and count.

    Makes a cluster of three nodes on this machine, lets everyone vote at once, and compares what
    the voters were told with what each node says. Exits with 1 if anything differs.

    Example: quorate demo --voters 1000
    """
    wants_json = _wants_json(ctx, as_json)
    stage = Stage(sys.stderr if wants_json else sys.stdout)
    options = Options(voters, seconds, secrets.randbelow(2**32) if seed is None else seed)
    report = asyncio.run(run_demo(options, stage, keep=keep))
    if wants_json:
        output.emit(demo_report.document(report))
    else:
        demo_report.show(report, stage.console)
    if not report.passed:
        raise typer.Exit(QuorateError.exit_code)


@node_app.command("run")
def node_run(
    ctx: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The node's node.toml.")
    ] = None,
    cluster: Annotated[
        Path | None, typer.Option("--cluster", metavar="DIR", help="Or the cluster's folder,")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NODE", help="and the node's name.")
    ] = None,
) -> None:
    """Run one node here, in this process, until Ctrl-C.

    Example: quorate node run --cluster cluster --name n1
    """
    if config is not None and (cluster is not None or name is not None):
        raise typer.BadParameter("give --config, or --cluster and --name, not both")
    if config is None:
        outer: object = ctx.find_root().obj
        cluster = cluster or (outer.cluster if isinstance(outer, Settings) else None)
        if cluster is None or name is None:
            raise typer.BadParameter("give --config FILE, or --cluster DIR and --name NODE")
        config = _node_config(cluster, name)
    if not config.is_file():
        raise LocalError(f"{config}: no such file")
    sys.stdout.flush()
    command = node_command(config)
    os.execv(command[0], command)  # noqa: S606  no shell is just what is wanted


@node_app.command("check")
def node_check(
    ctx: typer.Context,
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="The node's folder, or its data folder.", parser=_folder
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Verify a node's data folder, and show what it holds.

    Changes nothing and asks nobody; the node may be down or run. Exits with 0 if a node starts from
    it, with 1 if it is damaged (the report says where), with 6 if it is no data folder.

    Example: quorate node check cluster/nodes/n1
    """
    sys.stdout.flush()
    command = check_command(directory, as_json=_wants_json(ctx, as_json))
    ran = subprocess.run(command, check=False)  # noqa: S603  no shell; it prints for itself
    raise typer.Exit(ran.returncode if ran.returncode >= 0 else QuorateError.exit_code)


def _node_config(cluster: Path, name: str) -> Path:
    names = [node.name for node in Profile.load(cluster).nodes]
    if name not in names:
        raise LocalError(f"{cluster} has no node {name!r}; it has {', '.join(names)}")
    folder = cluster.parent if cluster.name == FILE_NAME else cluster
    return folder / "nodes" / name / "node.toml"


def _wants_json(ctx: typer.Context, own: bool) -> bool:
    outer: object = ctx.find_root().obj
    return own or (isinstance(outer, Settings) and outer.json)
