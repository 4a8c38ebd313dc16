"""Which packets pass between two nodes, by their configuration."""

from pathlib import Path

import pytest

from quorate_client.chaos.model import pairs_of
from quorate_client.chaos.peers import Peer, check_distinct, cut_pairs, read_peers, rules_of
from quorate_client.errors import LocalError
from quorate_client.provision import plan_cluster, provision

PEERS = {f"n{i}": Peer(f"127.0.1.{i}", 7600 + i) for i in (1, 2, 3)}


def test_a_new_cluster_has_peers_that_can_be_told_apart(tmp_path: Path) -> None:
    provision(tmp_path / "c", plan_cluster(nodes=3, client_port=7401))
    peers = read_peers(tmp_path / "c/nodes/n2/node.toml")
    assert peers == PEERS
    check_distinct(peers, tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.9", "localhost", "10.0.0.1", "::1"])
def test_a_cluster_whose_peers_share_a_host_cannot_be_cut(tmp_path: Path, host: str) -> None:
    provision(tmp_path / "c", plan_cluster(nodes=3, client_port=7401, host=host))
    with pytest.raises(LocalError, match="no loopback addresses of their own"):
        check_distinct(read_peers(tmp_path / "c/nodes/n1/node.toml"), tmp_path)


def test_peers_elsewhere_cannot_be_cut_here(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no loopback addresses of their own"):
        check_distinct({"n1": Peer("10.0.0.1", 1), "n2": Peer("10.0.0.2", 1)}, tmp_path)


@pytest.mark.parametrize("text", ["", "members = 1", "members = [{}]", "\x00", "[[members]]"])
def test_a_broken_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "node.toml").write_text(text)
    with pytest.raises(LocalError, match=r"node\.toml"):
        read_peers(tmp_path / "node.toml")


def test_a_cut_names_both_addresses_and_the_port_of_whoever_was_dialled() -> None:
    assert rules_of(PEERS["n1"], PEERS["n2"]) == {
        "-s 127.0.1.1/32 -d 127.0.1.2/32 -p tcp -m tcp --dport 7602",
        "-s 127.0.1.2/32 -d 127.0.1.1/32 -p tcp -m tcp --sport 7602",
        "-s 127.0.1.2/32 -d 127.0.1.1/32 -p tcp -m tcp --dport 7601",
        "-s 127.0.1.1/32 -d 127.0.1.2/32 -p tcp -m tcp --sport 7601",
    }


def test_a_cut_is_recognised_among_the_rules_of_others() -> None:
    possible = {(a, b): rules_of(PEERS[a], PEERS[b]) for a, b in pairs_of(list(PEERS))}
    others = rules_of(Peer("127.0.1.1", 8601), Peer("127.0.1.2", 8602))  # another cluster
    assert cut_pairs(others, possible) == []
    assert cut_pairs(others | possible["n2", "n3"], possible) == [("n2", "n3")]
