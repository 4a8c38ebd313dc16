"""What `quorate init` refuses before it makes anything."""

import pytest

from quorate_client.errors import LocalError
from quorate_client.provision import NodePlan, Plan, plan_cluster


def test_ports_count_up_from_the_client_port() -> None:
    plan = plan_cluster(nodes=2, client_port=7401)
    assert [(n.name, n.client, n.officer, n.peer) for n in plan.nodes] == [
        ("n1", "127.0.0.1:7401", "127.0.0.1:7501", "127.0.1.1:7601"),
        ("n2", "127.0.0.1:7402", "127.0.0.1:7502", "127.0.1.2:7602"),
    ]


def test_only_on_the_loopback_address_have_nodes_another_one_for_their_peers() -> None:
    for host in ("localhost", "127.0.0.2", "10.0.0.1", "n1.example.org"):
        nodes = plan_cluster(nodes=2, client_port=7401, host=host).nodes
        assert [node.peer for node in nodes] == [f"{host}:7601", f"{host}:7602"]


def test_a_lab_has_no_officer_ports() -> None:
    assert [n.officer for n in plan_cluster(nodes=1, client_port=1, lab=True).nodes] == [None]
    with pytest.raises(LocalError, match="lab mode has no officer ports"):
        plan_cluster(nodes=1, client_port=1, officer_port=2, lab=True)


def test_an_ipv6_address_gets_brackets() -> None:
    assert plan_cluster(nodes=1, client_port=1, host="::1").nodes[0].client == "[::1]:1"


@pytest.mark.parametrize("nodes", [-1, 0, 10])
def test_refuses_a_number_of_nodes_out_of_range(nodes: int) -> None:
    with pytest.raises(LocalError, match="1 to 9 nodes"):
        plan_cluster(nodes=nodes, client_port=7401)


@pytest.mark.parametrize(
    ("client", "officer", "peer"),
    [(0, 100, 200), (65535, 100, 200), (100, 65534, 200), (100, 200, -1), (65400, None, None)],
)
def test_refuses_ports_out_of_range(client: int, officer: int | None, peer: int | None) -> None:
    with pytest.raises(LocalError, match=r"is not in 1\.\.65535"):
        plan_cluster(nodes=3, client_port=client, officer_port=officer, peer_port=peer)


@pytest.mark.parametrize(("officer", "peer"), [(102, 200), (200, 202), (200, 98), (100, 200)])
def test_refuses_ranges_that_overlap(officer: int, peer: int) -> None:
    with pytest.raises(LocalError, match=r"port \d+ would be .* and also "):
        plan_cluster(nodes=3, client_port=100, officer_port=officer, peer_port=peer)


@pytest.mark.parametrize(
    "host",
    ["", "0" + ".0" * 3, "::", "224.0.0.1", "127.0.0.256", "a b", "-a", "a..b", "fe80::1%lo", "é"],
)
def test_refuses_a_host_that_nobody_can_dial(host: str) -> None:
    with pytest.raises(LocalError):
        plan_cluster(nodes=1, client_port=1, host=host)


@pytest.mark.parametrize("host", ["localhost", "n1", "vote.example.org", "10.0.0.1"])
def test_takes_names_and_addresses(host: str) -> None:
    assert plan_cluster(nodes=1, client_port=1, host=host).nodes[0].client == f"{host}:1"


def test_the_same_port_on_two_hosts_is_no_overlap() -> None:
    nodes = (NodePlan("n1", "a", 1, 2, 3), NodePlan("n2", "b", 1, 2, 3))
    assert Plan(nodes, lab=False).nodes == nodes


@pytest.mark.parametrize(
    ("nodes", "lab", "words"),
    [(3, False, []), (4, False, ["no more failures than 3"]), (3, True, ["lab mode"])],
)
def test_warns_of_what_is_not_wise(nodes: int, lab: bool, words: list[str]) -> None:
    warnings = plan_cluster(nodes=nodes, client_port=7401, lab=lab).warnings
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))
