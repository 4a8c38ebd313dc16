"""`quorate chaos`: breaking the nodes of a running cluster, and mending them."""

from dataclasses import asdict, replace
from typing import Annotated

import typer

from quorate_client.chaos import Broken, Mended, NodeState, leader_now
from quorate_client.cli import output
from quorate_client.cli.chaos_target import Target, keep_options, with_target
from quorate_client.cli.options import finite

app = typer.Typer(no_args_is_help=True)
NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="Its name, such as n1.")]


@app.callback()
@keep_options
def chaos() -> None:
    """Break the nodes of a running cluster on purpose, and mend them.

    The cluster is one that `quorate up` runs on this machine or, with --compose, one that Docker
    Compose does.

    Example: quorate chaos kill-leader

    Example: quorate chaos --compose partition n1
    """


@app.command("kill-leader")
@with_target
def kill_leader(
    target: Target,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            callback=finite,
            help="How long to wait for a leader (30).",
        ),
    ] = None,
) -> None:
    """Kill the node that leads (SIGKILL).

    Example: quorate chaos kill-leader
    """
    target.cluster.check_running()
    leader = leader_now(target.profile(), timeout or target.timeout_s)
    killed = target.cluster.kill(target.node(leader))
    what = f"{killed.what}, which led"
    _tell(
        target,
        replace(killed, what=what, follows=f"the others elect a new leader; {killed.follows}"),
    )


@app.command()
@with_target
def kill(target: Target, node: NodeArgument) -> None:
    """Kill a node (SIGKILL).

    Example: quorate chaos kill n2
    """
    _tell(target, target.cluster.kill(target.node(node)))


@app.command()
@with_target
def pause(target: Target, node: NodeArgument) -> None:
    """Freeze a node (SIGSTOP): it keeps its connections, and answers nothing.

    Example: quorate chaos pause n2
    """
    _tell(target, target.cluster.pause(target.node(node)))


@app.command()
@with_target
def partition(
    target: Target,
    node: NodeArgument,
    other: Annotated[
        str | None, typer.Argument(metavar="OTHER", help="Another node; else all the others.")
    ] = None,
) -> None:
    """Drop what two nodes send each other, both ways; or what a node and all the others do.

    It takes iptables and root, except for `--compose partition NODE`, which takes the node out of
    the containers' network.

    Example: quorate chaos partition n1 n2
    """
    if other is None:
        _tell(target, target.cluster.cut_off(target.node(node)))
    elif node == other:
        raise typer.BadParameter("a node cannot be cut off from itself: name two nodes, or one")
    else:
        _tell(target, target.cluster.cut(target.node(node), target.node(other)))


@app.command()
@with_target
def heal(target: Target) -> None:
    """Mend whatever is broken: resume what is paused, join what is cut off.

    With --compose, start what was killed, too. It may be repeated.

    Example: quorate chaos heal
    """
    mended = target.cluster.heal()
    if target.json:
        output.emit(asdict(mended))
        return
    for line in _lines(mended) or ["nothing was broken"]:
        output.say(line)
    if mended.unknown is not None:
        output.note(f"note: {mended.unknown}")


@app.command()
@with_target
def show(target: Target) -> None:
    """Show which nodes are paused, down or cut off now.

    Example: quorate chaos show
    """
    states = target.cluster.states()
    if target.json:
        output.emit({"nodes": [asdict(state) for state in states]})
        return
    rows = [(state.name, state.state, _cut_off_from(state)) for state in states]
    output.table(["node", "state", "cut off from"], rows)


def _tell(target: Target, broken: Broken) -> None:
    if target.json:
        output.emit(asdict(broken))
        return
    output.say(broken.what)
    output.say(broken.follows)


def _lines(mended: Mended) -> list[str]:
    return [
        *(f"resumed {name}" for name in mended.resumed),
        *(f"joined {' and '.join(each)}" for each in mended.joined),
        *(f"started {name}" for name in mended.started),
    ]


def _cut_off_from(state: NodeState) -> str:
    if state.cut_off_from is None:
        return "only root can tell"
    return ", ".join(state.cut_off_from)
