"""Whatever goes wrong on the way, verify ends with the verdicts of a run in which nothing did."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks import run as stage
from tasks.errors import EngineError
from tasks.study import load
from tests import loopback
from tests.conftest import Project
from tests.llm_study import (
    FAULTS,
    HYPOTHESES,
    discoveries,
    is_refused,
    prepared,
    study,
    verdict_files,
    verdicts,
    wanted,
)
from tests.loopback import Plan, Server

CLEAN = Plan(hypotheses=HYPOTHESES, error_rate=0.1, refusals=0.02, logprobs=True)
FAULTY = replace(CLEAN, **FAULTS)
MANY = tuple((f'mentions "week {i}" or "{word}"', "AB"[i % 2]) for i, word in enumerate(
    ("council", "team", "farmer", "minister", "neighbour", "court", "school", "opens", "plans", "reviews",
     "closes", "paints", "repairs", "visits", "bridge", "road", "harbour", "budget", "covid", "cricket")
))  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(CLEAN) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.change(CLEAN)
    return running


def verified_under(
    plan: Plan, project: Project, blocks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The verdict Parquet of a second run, which has no answers yet, and what its own server counted."""
    monkeypatch.setenv("NATSTAT_ANSWERS", str(project.folder / "other.sqlite"))
    with loopback.serve(plan) as server:
        project.params(news=study(server, **blocks))
        project.run("news", "verify")
        return verdict_files(), server.stats()


def check_every_verdict(plan: Plan) -> pl.DataFrame:
    """Each one is there once, is what the scripted judge says of it, or is refused as its text is."""
    found = verdicts()
    assert found.select("predicate_id", "text_id").is_unique().all()
    refused = pl.Series([is_refused(plan, text) for text in found["text"]])
    assert (found["status"] == "refusal").to_list() == refused.to_list()
    values = found.filter(~refused)
    assert values["status"].unique().to_list() == ["value"]
    assert values["score"].to_list() == wanted(plan, values).to_list()
    return found


ONE_BY_ONE = {"predicates_per_call": 1}
PACKINGS: dict[str, dict[str, Any]] = {
    "alone": {"verify": ONE_BY_ONE},
    "predicates": {"verify": {"predicates_per_call": 5}},
    "texts": {"verify": {**ONE_BY_ONE, "texts_per_call": 6}},
    "pairs": {"verify": {"form": "two_text"}, "formalise": {"threshold": None}},
    "graded": {"verify": ONE_BY_ONE, "llm": {"logprobs": True}, "formalise": {"threshold": None}},
}


@pytest.mark.parametrize("blocks", PACKINGS.values(), ids=PACKINGS)
def test_faults_change_no_verdict(
    blocks: dict[str, Any], project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(project, server, n=40, **blocks).run("news", *paths.STAGES[:5])
    undisturbed = verdict_files()
    disturbed, counted = verified_under(FAULTY, project, blocks, monkeypatch)
    assert disturbed == undisturbed
    assert sum(counted["by_fault"].values()) > 0.15 * counted["calls"]
    if "formalise" not in blocks:
        check_every_verdict(CLEAN)


def test_a_whole_study_under_faults_finds_what_it_finds_without(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(project, server, n=200)
    project.run("news")
    found = {p: (row["validity"], row["q"], row["relevance"]) for p, row in discoveries().items()}
    monkeypatch.setenv("NATSTAT_ANSWERS", str(project.folder / "other.sqlite"))
    server.change(FAULTY)
    project.run("news")
    assert {p: (row["validity"], row["q"], row["relevance"]) for p, row in discoveries().items()} == found


def test_calls_in_flight_never_exceed_the_limit(project: Project) -> None:
    with loopback.serve(replace(CLEAN, latency_s=0.02, rate_limited=0.2)) as server:
        prepared(project, server, n=60, spend={"concurrency": 5})
        project.run("news", *paths.STAGES[:5])
        assert server.stats()["max_in_flight"] == 5


@pytest.mark.slow
def test_twenty_thousand_judgements_under_every_fault_lose_none_and_invent_none(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, faulty = replace(CLEAN, hypotheses=MANY), replace(FAULTY, hypotheses=MANY)
    blocks = {
        "propose": {"per_round": 20, "rounds": 1, "error_rounds": 0, "max_predicates": 20, "max_phi": 1.0},
        "verify": {"predicates_per_call": 20, "shard_size": 400, "max_texts": 500},
    }
    server.change(clean)
    prepared(project, server, n=1100, **blocks).run("news", *paths.STAGES[:5])
    undisturbed = verdict_files()
    disturbed, counted = verified_under(faulty, project, blocks, monkeypatch)
    assert disturbed == undisturbed
    assert check_every_verdict(clean).height == 20_000
    for fault in (*FAULTS, "refusal", "content_filter", "http_400"):
        assert counted["by_fault"][fault] > 2, fault
    assert counted["by_fault"]["rate_limited"] > 0.15 * counted["calls"]
    # On a machine that stands still for a second, an answer comes after the client gave it up.
    assert counted["repeated"] <= 0.005 * counted["answered"]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(status=401), "HTTP 401"),
        (Plan(status=403), "HTTP 403"),
        (Plan(status=404), "HTTP 404"),
        (Plan(status=400), "HTTP 400"),
        (Plan(redirect_to="http://127.0.0.1:9/v1/chat/completions"), "redirected"),
    ],
    ids=["401", "403", "404", "400", "redirect"],
)
def test_what_no_second_try_can_mend_stops_the_run_at_once_and_the_next_goes_on(
    plan: Plan, words: str, project: Project, server: Server
) -> None:
    prepared(project, server, n=40)
    project.run("news", *paths.STAGES[:4])
    server.change(plan)
    calls = server.stats()["calls"]
    with pytest.raises(EngineError, match=words) as caught:
        project.run("news", "verify")
    assert not caught.value.retryable and caught.value.hint
    assert server.stats()["calls"] - calls <= 32
    assert not paths.output("news", "verify").exists()
    server.change(CLEAN)
    project.run("news", "verify")
    check_every_verdict(CLEAN)


def test_a_run_that_stops_half_way_pays_only_for_the_rest(project: Project, server: Server) -> None:
    prices = {"scripted": {"input": 1.0, "output": 1.0}}
    prepared(project, server, n=60, spend={"prices": prices, "concurrency": 4})
    project.run("news", *paths.STAGES[:5])
    whole = verdict_files()
    manifest = json.loads((paths.output("news", "verify") / "manifest.json").read_text(encoding="utf-8"))
    usd = (manifest["tokens"]["in"] + manifest["tokens"]["out"]) / 1e6
    paths.answers().unlink()
    (project.folder / "data/discoveries.duckdb").unlink(missing_ok=True)
    spend = {"prices": prices, "concurrency": 4, "budget_usd": usd / 2}
    project.params(news=study(server, spend=spend))
    before = server.stats()
    with pytest.raises(EngineError, match="budget"):
        stage.run(load("news"), "verify")
    half = server.stats()
    assert 0 < half["answered"] - before["answered"] < manifest["n_calls"]
    project.params(news=study(server, spend={**spend, "budget_usd": usd * 10}))
    project.run("news", "verify")
    assert verdict_files() == whole
    # The rest, with the calls of the batches that were refused: none was paid twice within these two runs.
    assert server.stats()["answered"] - before["answered"] <= manifest["n_calls"] + 4
