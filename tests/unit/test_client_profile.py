"""Reading cluster.toml: what is right, and one line for each thing that is wrong."""

from pathlib import Path

import pytest

from quorate_client import LocalError, Profile
from quorate_client.profile import Node, Officer

CA = b"-----BEGIN CERTIFICATE-----\n..."
LAB = """
cluster_id = "00112233445566778899aabbccddeeff"
lab = true
[[nodes]]
name = "n1"
client = "127.0.0.1:7401"
"""
TLS = """
cluster_id = "00112233445566778899aabbccddeeff"
lab = false
ca = "ca.pem"
[[nodes]]
name = "n1"
client = "127.0.0.1:7401"
officer = "127.0.0.1:7501"
[[nodes]]
name = "n2"
client = "[::1]:7402"
officer = "[::1]:7502"
[officers.registrar]
certificate = "officers/registrar.pem"
key = "officers/registrar.key"
"""


def load(folder: Path, toml: str) -> Profile:
    (folder / "cluster.toml").write_text(toml)
    (folder / "ca.pem").write_bytes(CA)
    return Profile.load(folder)


def test_a_lab_profile_has_no_certificates(tmp_path: Path) -> None:
    profile = load(tmp_path, LAB)
    assert profile.lab
    assert profile.ca is None
    assert profile.officers == {}
    assert profile.nodes == (Node("n1", "127.0.0.1:7401"),)


def test_paths_in_a_profile_are_relative_to_it(tmp_path: Path) -> None:
    profile = load(tmp_path, TLS)
    assert profile.ca == CA
    assert profile.nodes[1] == Node("n2", "[::1]:7402", "[::1]:7502")
    officers = tmp_path / "officers"
    assert profile.officers == {
        "registrar": Officer(officers / "registrar.pem", officers / "registrar.key")
    }


def test_a_profile_may_be_named_by_its_file(tmp_path: Path) -> None:
    assert load(tmp_path, LAB) == Profile.load(tmp_path / "cluster.toml")


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("cluster_id =", "not valid TOML"),
        ('lab = "yes"', "lab must be true or false"),
        (LAB.replace("cluster_id", "id"), "cluster_id is missing"),
        (LAB.replace("[[nodes]]", "[nodes]"), r"\[\[nodes\]\] are missing"),
        (LAB.replace("[[nodes]]", "[[members]]"), r"\[\[nodes\]\] are missing"),
        ('lab = true\nnodes = [1]\ncluster_id = "00"', "nodes must be a table"),
        (LAB.replace(":7401", ""), "is not host:port"),
        (LAB.replace(":7401", ":65536"), "is not host:port"),
        (LAB.replace('"n1"', "1"), "name is missing or not a text"),
        (LAB + '[[nodes]]\nname = "n1"\nclient = "127.0.0.1:7402"\n', "two nodes"),
        (TLS.replace('"ca.pem"', '"cluster.toml"'), "not a certificate in PEM"),
        (TLS.replace('"ca.pem"', '"elsewhere.pem"'), "no such file"),
        (TLS.replace('key = "officers/registrar.key"', ""), "key is missing"),
        (LAB.replace("lab = true", "lab = false"), "ca is missing"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said_in_one_line(
    tmp_path: Path, toml: str, complaint: str
) -> None:
    with pytest.raises(LocalError, match=complaint) as caught:
        load(tmp_path, toml)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_profile_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="quorate init"):
        Profile.load(tmp_path)


def test_a_profile_tells_where_its_authority_was_read(tmp_path: Path) -> None:
    assert load(tmp_path, TLS).ca_file == tmp_path / "ca.pem"
    assert Profile.from_endpoints(["a:1"], ca=tmp_path / "ca.pem").ca_file == tmp_path / "ca.pem"


def test_endpoints_can_be_given_by_hand(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(CA)
    profile = Profile.from_endpoints(["a:1", " b:2", "a:1"], ca=tmp_path / "ca.pem")
    assert [node.client for node in profile.nodes] == ["a:1", "b:2"]
    assert profile.ca == CA
    assert Profile.from_endpoints(["a:1"], plaintext=True).lab


@pytest.mark.parametrize(
    ("endpoints", "plaintext", "complaint"),
    [(["a:1"], False, "--ca"), ([""], True, "no endpoints"), (["a"], True, "not host:port")],
)
def test_endpoints_by_hand_are_checked(
    endpoints: list[str], plaintext: bool, complaint: str
) -> None:
    with pytest.raises(LocalError, match=complaint):
        Profile.from_endpoints(endpoints, plaintext=plaintext)
