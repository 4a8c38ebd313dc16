"""What the documents tell people to paste, pasted; and a cluster of five."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compose.engine import ROOT, V2, compose_command, docker, needs_engine, run
from compose.project import Project
from quorate_client import Client, VoterKey
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome

pytestmark = needs_engine

DOCUMENTS = ("README.md", "docs/COMPOSE.md")
VICTIMS = ("n1", "n5")


def tours() -> set[str]:
    """The commands of every section that has a whole election in containers."""
    sections = [
        section
        for document in DOCUMENTS
        for section in re.split(r"^#+ ", (ROOT / document).read_text(), flags=re.MULTILINE)
        if "docker compose up" in section and "quorate vote " in section
    ]
    blocks = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return {"".join(blocks.findall(section)) for section in sections}


def test_the_documents_tour_works_when_it_is_pasted(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    [tour] = tours()  # all documents say the same
    assert tour.count("quorate vote ") == 2
    with Project(tmp_path, variables) as project:
        mine = tour.replace(
            "COMPOSE_PROJECT_NAME=quorate\n", f"COMPOSE_PROJECT_NAME={project.name}\n"
        )
        mine = mine.replace("--for 45s", "--for 20s")
        if compose_command() != V2:
            mine = mine.replace("up --detach --wait", "up --detach")
            mine = mine.replace("docker compose", " ".join(compose_command()))
        ran = run("bash", "-euc", mine, environment=project.environment)
        assert re.search(r"Barbara\s+1\b.*Radia \(again\)\s+1\b", ran.stdout, re.DOTALL), ran.stdout
        assert not project.containers()
        assert not docker("volume", "ls", "--quiet", "--filter", f"name={project.name}_")


def test_a_cluster_of_five_goes_on_without_two(
    variables: Mapping[str, str], tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    end_time = datetime.now(UTC) + timedelta(hours=1)
    with Project(tmp_path, variables, nodes=5) as project:
        project.up()
        docker("kill", *map(project.container, VICTIMS))
        with Client(project.profile) as client:
            ada = VoterKey("ada", key)
            client.register_voter("ada", group="staff", key=key.public_key())
            client.create_election(
                "chair", groups=["staff"], choices=["Barbara"], end_time=end_time, by=ada
            )
            told = client.cast_ballot("chair", "Barbara", by=ada)
        assert told.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED
        docker("start", *map(project.container, VICTIMS))
        project.wait_ready()
        project.wait_same()
