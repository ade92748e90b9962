"""Calls to one server by several flows: together no more than Prefect's global limit of it allows."""

import asyncio
from typing import Any

import pytest

from tasks.engines.gateway import turns
from tasks.study import Study
from tests.conftest import Project
from tests.engines import scripted_server
from tests.engines.chatting import GOOD, run_many, study_of
from tests.llm_study import study as llm_study
from tests.loopback import Server

HERE = "http://127.0.0.1:9/v1"
pytestmark = pytest.mark.usefixtures("project", "prefect_api")


def limit_of(address: str) -> Any:
    from prefect.client.orchestration import get_client

    from flows import limits

    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(limits.name(address))


def test_a_limit_s_name_says_whose_it_is() -> None:
    from flows import limits

    assert limits.name("https://api.openai.com/v1") == "calls to api.openai.com v1"
    assert limits.name("http://127.0.0.1:8080/a/v1/") == "calls to 127.0.0.1:8080 a v1"
    assert limits.name("http://localhost") == "calls to localhost"


def test_who_comes_second_waits_until_the_first_has_ended() -> None:
    from flows import limits

    order = []

    async def second() -> None:
        async with limits._taken({HERE: 4}) as may:
            order.append("the second begins")
            assert may == {HERE: 4}

    async def both() -> None:
        async with limits._taken({HERE: 4}) as may:
            assert may == {HERE: 4}
            waiting = asyncio.create_task(second())
            await asyncio.sleep(1)
            order.append("the first ends")
        await waiting

    asyncio.run(both())
    assert order == ["the first ends", "the second begins"]
    assert (limit_of(HERE).limit, limit_of(HERE).active_slots) == (4, 0)


@pytest.mark.parametrize("concurrency", [2, 8])
def test_a_run_keeps_to_the_limit_that_the_ui_shows(concurrency: int) -> None:
    from prefect.client.orchestration import get_client

    from flows import limits

    async def script(body: dict[str, Any], before: int) -> Any:
        await asyncio.sleep(0.02)
        return scripted_server.says(GOOD)

    with scripted_server.serving(script) as server:
        with get_client(sync_client=True) as client:
            client.upsert_global_concurrency_limit_by_name(limits.name(server.url), 3)
        with limits.shared():
            run_many(study_of(server.url, concurrency=concurrency), 20)
        assert server.calls == 20
        assert server.max_in_flight == min(concurrency, 3)
        assert limit_of(server.url).active_slots == 0
    assert turns.taken is turns._at_once


def test_what_is_known_already_waits_for_nobody() -> None:
    from flows import limits

    async def script(body: dict[str, Any], before: int) -> Any:
        return scripted_server.says(GOOD)

    with scripted_server.serving(script) as server, limits.shared():
        study = study_of(server.url, concurrency=2)
        run_many(study, 3)

        async def again() -> None:
            async with limits._taken({server.url: 2}):
                await asyncio.wait_for(asyncio.to_thread(run_many, study, 3), 20)

        asyncio.run(again())
        assert server.calls == 3


def test_each_server_has_the_places_of_the_study_that_asks_it_most(project: Project) -> None:
    from flows import limits

    def one(name: str, concurrency: int, **more: Any) -> Study:
        made = llm_study(Server(HERE), spend={"concurrency": concurrency}, **more)
        return Study.model_validate({"name": name, **made})

    limits.set_for([one("a", 5), one("b", 7), one("c", 99, engine="embedded")])
    assert limit_of(HERE).limit == 7


def test_workers_ask_at_once_as_far_as_the_study_allows(project: Project) -> None:
    """Two shards, each with the study's calls in flight: one waits for the other unless there is room."""
    from flows import limits

    address = "http://127.0.0.1:9/workers/v1"

    async def begun(calls: int) -> bool:
        async with limits._taken({address: calls}):
            try:
                async with asyncio.timeout(1.5), limits._taken({address: calls}):
                    return True
            except TimeoutError:
                return False

    def study(**runner: Any) -> Study:
        made = llm_study(Server(address), spend={"concurrency": 4})
        runner["on"] = "dask"
        return Study.model_validate({"name": "a", **made, "runner": runner})

    limits.make_for(study())
    assert limit_of(address).limit == 4 and not asyncio.run(begun(4))
    limits.make_for(study(calls_at_once=8))
    assert limit_of(address).limit == 4, "what the UI was told counts"
    limits.set_for([study(calls_at_once=8)])
    assert limit_of(address).limit == 8 and asyncio.run(begun(4))


def test_a_pace_is_not_kept_by_workers_that_do_not_know_of_each_other() -> None:
    made = llm_study(Server(HERE), spend={"requests_per_minute": 60})
    for runner, told in (
        ({"on": "threads", "calls_at_once": 64}, "Raise spend.concurrency"),
        ({"on": "dask", "calls_at_once": 64}, "each worker would use all of them"),
    ):
        with pytest.raises(ValueError, match=told):
            Study.model_validate({"name": "a", **made, "runner": runner})
