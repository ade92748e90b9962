"""Kind encoder_failures under `engine: llm`: every role asks the scripted server, and what it says is used."""

import pytest

from tasks import paths
from tests.conftest import Project
from tests.llm_failures import PLAN, ROLES, SYNONYMS, TOPIC, failed, prepared_failures
from tests.loopback import Server


@pytest.fixture
def server(scripted: Server) -> Server:
    scripted.change(PLAN)
    scripted.keep_bodies()
    return scripted


def test_a_failure_is_confirmed_and_synonyms_and_what_is_told_apart_are_not(
    project: Project, server: Server
) -> None:
    prepared_failures(project, server).run("captions")
    found = failed()
    print(found)
    assert 0
