"""`quorate compose`: the override is right, and says of a node what docker-compose.yml says."""

import re
from pathlib import Path

import pytest

from quorate_client.cli import main
from quorate_client.compose.override import NODE, init_service, override, service
from quorate_client.errors import LocalError

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_compose_file_says_of_every_node_what_an_override_would_say() -> None:
    assert NODE in COMPOSE
    assert "".join(service(number) for number in (1, 2, 3)) in COMPOSE


def test_the_compose_file_tells_its_init_service_what_an_override_would_tell_it() -> None:
    for line in init_service(3).splitlines():
        assert f"{line}\n" in COMPOSE


def test_the_compose_file_and_the_image_name_the_same_base() -> None:
    (compose,) = re.findall(r"\$\{BASE_IMAGE:-(.+)\}", COMPOSE)
    (image,) = re.findall(r"ARG BASE_IMAGE=(.+)", DOCKERFILE)
    assert compose == image


def test_an_override_has_the_nodes_that_are_missing_and_no_others() -> None:
    text = override(5)
    assert re.findall(r"^  (n\d):$", text, re.MULTILINE) == ["n4", "n5", "n4", "n5"]
    assert '"--nodes", "5"' in text
    assert re.findall(r"- (n\d):/nodes/n\d", text) == ["n1", "n2", "n3", "n4", "n5"]
    assert re.findall(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:(\d+)", text) == [
        ("QUORATE_N4_PORT", "7404", "7400"),
        ("QUORATE_N5_PORT", "7405", "7400"),
    ]


def test_officers_ports_are_published_when_that_is_asked_for_and_for_every_node() -> None:
    published = re.findall(r"(\w+_OFFICER_PORT):-(\d+)\}:7500", override(4, officers=True))
    assert published == [
        (f"QUORATE_N{number}_OFFICER_PORT", f"750{number}") for number in range(1, 5)
    ]
    assert "OFFICER_PORT" not in override(4)
    assert override(3, officers=True).count(":7500") == 3


def test_nothing_is_published_but_on_loopback() -> None:
    for text in (COMPOSE, override(9, officers=True)):
        ports = re.findall(r'- "(.*):7[45]00"', text)
        assert ports
        assert all(port.startswith("127.0.0.1:") for port in ports)
        assert ":7600" not in text


@pytest.mark.parametrize(("nodes", "officers"), [(2, True), (3, False), (10, False), (10, True)])
def test_a_number_of_nodes_that_cannot_be_is_refused(nodes: int, officers: bool) -> None:
    with pytest.raises(LocalError, match=f"give {4 - officers} to 9, not {nodes}"):
        override(nodes, officers=officers)


def test_the_command_prints_the_override_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        assert main(["compose", "--nodes", "5"]) == 0
        assert capsys.readouterr() == (override(5), "")


def test_the_command_warns_of_an_even_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "--nodes", "4"]) == 0
    told = capsys.readouterr()
    assert told.out == override(4)
    assert "no more failures than 3" in told.err


def test_the_command_makes_a_cluster_in_volumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [tmp_path / name for name in ("vault", "officers", "nodes")]
    for folder in (*places, places[2] / "n1"):
        folder.mkdir(exist_ok=True)
    flags = ["--vault", str(places[0]), "--officers", str(places[1]), "--volumes", str(places[2])]
    assert main(["compose", "init", "--nodes", "1", *flags]) == 0
    assert "made a cluster of 1 nodes: n1" in capsys.readouterr().out
    assert main(["compose", "init", "--nodes", "1", "--replace", "n1", *flags]) == 6
    assert "is new, no replacement" in capsys.readouterr().err
