"""Certificates: voters check the nodes', officers show their own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
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


BROKEN_PEM = b"-----BEGIN %b-----\nanVuaw==\n-----END %b-----\n"


@pytest.fixture
def nothing_logged(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Check that gRPC, which would log to standard error, was never bothered."""
    yield
    assert capfd.readouterr().err == ""


def forget_key(files: Officer, _: Authority) -> None:
    files.key.unlink()


def junk_key(files: Officer, _: Authority) -> None:
    files.key.write_bytes(b"junk")


def broken_key(files: Officer, _: Authority) -> None:
    files.key.write_bytes(BROKEN_PEM % (b"PRIVATE KEY", b"PRIVATE KEY"))


def others_key(files: Officer, authority: Authority) -> None:
    files.key.write_bytes(authority.officer("registrar").key)


def junk_certificate(files: Officer, _: Authority) -> None:
    files.certificate.write_bytes(b"\xff\x00junk")


def broken_certificate(files: Officer, _: Authority) -> None:
    files.certificate.write_bytes(BROKEN_PEM % (b"CERTIFICATE", b"CERTIFICATE"))


def strangers_pair(files: Officer, _: Authority) -> None:
    officer(Authority("00", datetime.now(UTC)), "registrar", files.key.parent)


@pytest.mark.usefixtures("nothing_logged")
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (forget_key, r"registrar\.key: no such file"),
        (junk_key, r"registrar\.key: not a private key"),
        (broken_key, r"registrar\.key: not a private key"),
        (others_key, r"registrar\.key: not the key of .*registrar\.pem"),
        (junk_certificate, r"registrar\.pem: not a usable certificate"),
        (broken_certificate, r"registrar\.pem: not a usable certificate"),
        (strangers_pair, r"registrar\.pem: was not issued by this cluster's CA"),
    ],
)
async def test_wrong_officers_files_are_a_local_error_and_no_matter_to_voters(
    node: FakeNode,
    authority: Authority,
    tmp_path: Path,
    spoil: Callable[[Officer, Authority], None],
    complaint: str,
) -> None:
    files = officer(authority, "registrar", tmp_path)
    spoil(files, authority)
    async with AsyncClient(profile_of(node, authority, {"registrar": files})) as client:
        with pytest.raises(LocalError, match=complaint) as caught:
            await client.register_voter("alice", group="g", key=KEY)
        assert "\n" not in str(caught.value)
        assert node.seen == []
        await client.cluster_status()


@pytest.mark.usefixtures("nothing_logged")
async def test_an_officers_certificate_that_is_out_of_date_is_a_local_error(
    node: FakeNode, tmp_path: Path
) -> None:
    old = Authority("00", datetime.now(UTC) - timedelta(days=1000))  # outlives its officers
    profile = profile_of(node, old, {"registrar": officer(old, "registrar", tmp_path)})
    async with AsyncClient(profile) as client:
        with pytest.raises(LocalError, match=r"registrar\.pem: valid from .* to .*, not now"):
            await client.register_voter("alice", group="g", key=KEY)
    assert node.seen == []


@pytest.mark.usefixtures("nothing_logged")
@pytest.mark.parametrize(
    ("ca", "complaint"),
    [
        (b"junk", "not a usable certificate"),
        (BROKEN_PEM % (b"CERTIFICATE", b"CERTIFICATE"), "not a usable certificate"),
        (Authority("00", datetime(2001, 1, 1, tzinfo=UTC)).identity.certificate, "not now"),
    ],
)
async def test_a_wrong_authority_is_a_local_error_that_names_its_file(
    node: FakeNode, ca: bytes, complaint: str
) -> None:
    profile = Profile((Node("n1", node.endpoint),), ca=ca, ca_file=Path("my-ca.pem"))
    async with AsyncClient(profile) as client:
        with pytest.raises(LocalError, match=rf"^my-ca\.pem: .*{complaint}"):
            await client.cluster_status()
    assert node.seen == []


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
