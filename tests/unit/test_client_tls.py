"""Certificates: voters check the nodes', officers show their own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quorate_client import AsyncClient, LocalError, NotDone, Profile
from quorate_client.profile import Node, Officer, OfficerRole
from quorate_client.provision.certificates import Authority

from .client_fakes import FakeNode, State

KEY = Ed25519PrivateKey.generate().public_key()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("00", datetime.now(UTC))


@pytest.fixture
def node(authority: Authority) -> Iterator[FakeNode]:
    node = FakeNode("n1", State(), authority)
    yield node
    node.die()


def profile_of(
    node: FakeNode, authority: Authority, officers: dict[OfficerRole, Officer]
) -> Profile:
    nodes = (Node("n1", node.endpoint, node.officer_endpoint),)
    return Profile(nodes, ca=authority.identity.certificate, officers=officers)


def officer(authority: Authority, role: OfficerRole, folder: Path) -> Officer:
    identity = authority.officer(role)
    files = Officer(folder / f"{role}.pem", folder / f"{role}.key")
    files.certificate.write_bytes(identity.certificate)
    files.key.write_bytes(identity.key)
    return files


async def test_voters_need_no_certificate(node: FakeNode, authority: Authority) -> None:
    async with AsyncClient(profile_of(node, authority, {})) as client:
        assert await client.authenticate("alice", Ed25519PrivateKey.generate()) == b"token 1"
    assert node.callers == set()


async def test_the_registrar_shows_her_certificate_at_the_officers_door(
    node: FakeNode, authority: Authority, tmp_path: Path
) -> None:
    officers: dict[OfficerRole, Officer] = {
        "operator": officer(authority, "operator", tmp_path),
        "registrar": officer(authority, "registrar", tmp_path),
    }
    async with AsyncClient(profile_of(node, authority, officers)) as client:
        await client.register_voter("alice", group="g", key=KEY)
    assert node.callers == {b"urn:quorate:officer:registrar"}


async def test_the_operator_may_list_the_roll_but_not_change_it(
    node: FakeNode, authority: Authority, tmp_path: Path
) -> None:
    officers: dict[OfficerRole, Officer] = {"operator": officer(authority, "operator", tmp_path)}
    async with AsyncClient(profile_of(node, authority, officers)) as client:
        assert [voter async for voter in client.list_voters()] == []
        with pytest.raises(LocalError, match="registrar"):
            await client.unregister_voter("alice")
    assert node.callers == {b"urn:quorate:officer:operator"}


async def test_a_node_of_another_clusters_authority_is_not_trusted(node: FakeNode) -> None:
    profile = profile_of(node, Authority("11", datetime.now(UTC)), {})
    async with AsyncClient(profile, timeout_s=0.5) as client:
        with pytest.raises(NotDone, match="not of this cluster's CA"):
            await client.cluster_status()
    assert node.seen == []


async def test_an_officer_of_another_clusters_authority_does_not_get_in(
    node: FakeNode, authority: Authority, tmp_path: Path
) -> None:
    stranger = officer(Authority("11", datetime.now(UTC)), "registrar", tmp_path)
    profile = profile_of(node, authority, {"registrar": stranger})
    async with AsyncClient(profile, timeout_s=0.5) as client:
        with pytest.raises(NotDone):
            await client.register_voter("alice", group="g", key=KEY)
    assert node.seen == []


async def test_a_missing_officers_key_is_a_local_error(
    node: FakeNode, authority: Authority, tmp_path: Path
) -> None:
    files = officer(authority, "registrar", tmp_path)
    files.key.unlink()
    async with AsyncClient(profile_of(node, authority, {"registrar": files})) as client:
        with pytest.raises(LocalError, match=r"registrar\.key: cannot be read"):
            await client.register_voter("alice", group="g", key=KEY)


async def test_tls_and_plaintext_do_not_mix(node: FakeNode, authority: Authority) -> None:
    plain = Profile((Node("n1", node.endpoint),), lab=True)
    async with AsyncClient(plain, timeout_s=0.5) as client:
        with pytest.raises(NotDone):
            await client.cluster_status()
    lab = FakeNode("n1", State())
    try:
        async with AsyncClient(profile_of(lab, authority, {}), timeout_s=0.5) as client:
            with pytest.raises(NotDone, match="--plaintext"):
                await client.cluster_status()
    finally:
        lab.die()
