"""Which kinds of fault can be made on this machine, by this process."""

from chaos import clocks, disks, namespace
from chaos.kinds import Need, kinds_for


def left_out(nodes: int) -> dict[str, str]:
    """Return the kinds of fault that can't be made here to so many nodes, and why."""
    lacks: dict[Need, str] = {
        "disks": disks.why_not(),
        "packets": namespace.why_not(),
        "clocks": clocks.why_not(),
    }
    whys = {
        kind.name: "; ".join(filter(None, (lacks[need] for need in sorted(kind.needs))))
        for kind in kinds_for(nodes).values()
    }
    return {name: why for name, why in whys.items() if why}
