"""A notebook runs an event loop of its own: a study that asks a model runs in it all the same."""

import asyncio

from tasks import api
from tests import loopback
from tests.conftest import Project
from tests.llm_study import HYPOTHESES, prepared
from tests.loopback import Plan


def test_a_study_runs_inside_a_running_loop(project: Project) -> None:
    async def cell() -> int:
        return int(api.open("news").run()["score"]["n_tested"])

    with loopback.serve(Plan(hypotheses=HYPOTHESES)) as server:
        prepared(project, server, n=60)
        assert asyncio.run(cell()) > 0
