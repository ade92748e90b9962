"""A study that asks one server, and ways to ask it."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.study import Study
from tests.engines.scripted_server import says


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    holds: bool


class Verdicts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    verdicts: list[Verdict]


GOOD = json.dumps({"verdicts": [{"id": "k3f7", "holds": True}]})


def study_of(url: str, *, llm: dict[str, Any] | None = None, **spend: Any) -> Study:
    return Study.model_validate(
        {
            "name": "news",
            "engine": "llm",
            "data": "news.parquet",
            "goal": "what changed",
            "collect": {"group": "random"},
            "llm": {"base_url": url, "model": "small", **(llm or {})},
            "spend": spend,
        }
    )


def request(study: Study, user: str = "a text", **fields: Any) -> Request:
    fields = {"answer": Verdicts, "predicate_ids": ("p1", "p2")} | fields
    (endpoint,) = study.llm.endpoints("judge")
    return Request("judge", endpoint, "Task: verdicts", user, prompt_hash="h1", **fields)


def ask(study: Study, user: str = "a text", **fields: Any) -> Answer:
    return Gateway(study, "verify").ask_now(request(study, user, **fields))


def always(*contents: str) -> Callable[[dict[str, Any], int], Any]:
    """The contents in turn, the last one for ever."""

    async def script(body: dict[str, Any], before: int) -> web.Response:
        return says(contents[min(before, len(contents) - 1)])

    return script


def run_many(study: Study, n: int) -> list[Answer]:
    gateway, got = Gateway(study, "verify"), []
    jobs = (lambda i=i: gateway.ask(request(study, f"text {i}")) for i in range(n))
    gateway.run(jobs, got.append, n, "judging")
    return got
