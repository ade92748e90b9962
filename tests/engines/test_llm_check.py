"""A judge is measured before it is trusted: one that is no better than chance is refused, and told why."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import cost, judge, show
from tasks.errors import EngineError, JudgeError, ParamsError
from tasks.store import duck, frames
from tasks.study import load
from tests import loopback
from tests.conftest import PAIR_STUDY, Project
from tests.llm_study import HYPOTHESES, prepared, rows, study
from tests.loopback import Plan, Server

CHECKED: dict[str, Any] = {"check": True}
ONE = {"predicates_per_call": 1}
PACKINGS: dict[str, dict[str, Any]] = {
    "one": {"verify": ONE},
    "four": {"verify": {"predicates_per_call": 4}},
    "ten": {"verify": {"predicates_per_call": 10}},
    "texts": {"verify": {**ONE, "texts_per_call": 10}},
    "graded": {"verify": ONE, "llm": {"logprobs": True}},
    "pairs": {"verify": {"form": "two_text", **ONE}, "formalise": {"threshold": None}},
    "packed pairs": {
        "verify": {"form": "two_text", "predicates_per_call": 10},
        "formalise": {"threshold": None},
    },
}
JUDGES: dict[str, tuple[Plan, str]] = {
    "says yes": (Plan(verdict="yes", logprobs=True), "says yes to everything"),
    "says no": (Plan(verdict="no", logprobs=True), "says no to everything"),
    "is a coin": (Plan(error_rate=0.5, logprobs=True, seed=1), "answers at random"),
    "is wrong": (Plan(error_rate=1.0, logprobs=True), "answers the wrong way round"),
    "echoes": (Plan(echoes=True), "echoes what it is asked"),
    "says nothing": (Plan(wrong_schema=1.0), "does not answer in form"),
    "refuses": (Plan(refusals=1.0), "refuses to answer"),
}


@pytest.fixture(autouse=True)
def _own_answers(store: Path) -> None:
    """A store of the test's own."""


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.change(Plan(hypotheses=HYPOTHESES, logprobs=True))
    return running


def studied(project: Project, server: Server, n: int = 40, **blocks: Any) -> Project:
    """A project with the study `news`, whose judge is checked."""
    blocks["llm"] = {**CHECKED, **blocks.get("llm", {})}
    return prepared(project, server, n, **blocks)


def n_calls(server: Server) -> int:
    found: int = server.stats()["calls"]
    return found


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_good_judge_passes_in_under_a_hundred_calls(
    packing: str, project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    studied(project, server, **PACKINGS[packing])
    before = n_calls(server)
    assert main(["judge", "--study", "news", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (one,) = found["judges"]
    assert found["passes"] and one["passes"]
    assert one["n_right"] == one["n_questions"] == (32 if packing == "pairs" else 64)
    assert one["balanced_accuracy"] == one["in_form"] == one["consistency"] == 1.0 and one["lo"] > 0.8
    assert found["n_calls"] == n_calls(server) - before < 100
    assert one["yes_bias"] == 0.0 and (one["flips"] in {None, 0.0})
    assert (one["auroc"] == 1.0) is (packing == "graded")
    assert one["by_place"] == ({"start": 1.0, "middle": 1.0, "end": 1.0})
    assert found["seconds_a_judgement"] > 0 and found["tokens_in"] > 0


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("kind", JUDGES)
def test_a_judge_that_is_no_better_than_chance_is_refused_with_the_right_words(
    kind: str, packing: str, project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, words = JUDGES[kind]
    if packing in {"pairs", "packed pairs"} and kind in {"says yes", "says no"}:
        words = "neither text meets more: no better than chance"
    if packing == "graded" and kind in {"echoes", "says nothing"}:
        pytest.skip("without words there are log-probabilities or none")
    server.change(plan)
    studied(project, server, **PACKINGS[packing])
    before = n_calls(server)
    assert main(["judge", "--study", "news"]) == 19
    told, error = capsys.readouterr()
    assert "scripted: REFUSED" in told and words in told
    assert words in error and "check: false" in error and error.count("\n") == 1
    assert n_calls(server) - before < 100


def test_a_coin_contradicts_itself(project: Project, server: Server) -> None:
    server.change(Plan(error_rate=0.5))
    studied(project, server, verify=ONE)
    (one,) = judge.measured(load("news"))["judges"]
    assert not one["passes"] and one["consistency"] < 0.8
    assert "is inconsistent: asked the same again it says otherwise in" in one["words"]


def test_a_judge_that_obeys_a_text_passes_and_is_told(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.change(Plan(obeys=True))
    studied(project, server, verify=ONE)
    assert main(["judge", "--study", "news"]) == 0
    assert "obeys who orders yes 1.00" in capsys.readouterr().out


def test_a_judge_that_prefers_the_first_text_is_told_by_how_much(project: Project, server: Server) -> None:
    server.change(Plan(position_bias=0.5))
    studied(project, server, **PACKINGS["packed pairs"])
    (one,) = judge.measured(load("news"))["judges"]
    assert 0.1 < one["first_bias"] < 0.9 and 0.1 < one["flips"] < 0.9


def test_a_judge_that_always_prefers_the_first_text_is_refused(project: Project, server: Server) -> None:
    server.change(Plan(position_bias=1.0))
    studied(project, server, **PACKINGS["pairs"])
    (one,) = judge.measured(load("news"))["judges"]
    assert not one["passes"] and "prefers the first of two texts whatever they are" in one["words"]


def test_every_member_of_a_panel_must_pass(project: Project, server: Server) -> None:
    with loopback.serve(Plan(verdict="yes")) as other:
        panel = [{"model": "good"}, {"model": "bad", "base_url": other.url}]
        studied(project, server, llm={"judge": panel})
        found = judge.measured(load("news"))
        calls_of_other = n_calls(other)
    assert [(one["model"], one["passes"]) for one in found["judges"]] == [("good", True), ("bad", False)]
    assert not found["passes"]
    assert calls_of_other < 100 and found["n_calls"] == 2 * calls_of_other


def test_nothing_is_proposed_with_a_judge_no_better_than_chance(project: Project, server: Server) -> None:
    server.change(Plan(hypotheses=HYPOTHESES, error_rate=0.5))
    studied(project, server).run("news", "collect", "embed")
    asked = server.stats()["by_task"].get("hypotheses", 0)
    with pytest.raises(JudgeError, match=r"scripted answers at random.*write `check: false` under `llm:`"):
        project.run("news", "propose")
    assert server.stats()["by_task"].get("hypotheses", 0) == asked
    assert not paths.output("news", "propose").exists()

    project.params(news=study(server, llm={"check": False}))
    project.run("news", "propose")
    assert "judge" not in frames.read_manifest(paths.output("news", "propose"))


def test_what_the_judge_got_right_is_kept_and_shown(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    studied(project, server, n=60, spend={"prices": {"scripted": {"input": 1.0, "output": 4.0}}}).run("news")
    told = frames.read_manifest(paths.output("news", "propose"))["judge"]
    assert told["passes"] and told["judges"][0]["n_right"] == 64
    assert show.found_by(load("news"))["measured"] == told
    assert main(["show", "--study", "news"]) == 0
    words = "scripted got 64 of 64 questions with known answers right"
    assert words in capsys.readouterr().out
    page = (paths.reports() / "news" / "index.html").read_text(encoding="utf-8")
    assert "64 of 64 right (sensitivity" in page.replace("<bdi>scripted</bdi> got ", "")
    by_stage = {row["stage"]: row for row in duck.query("calls").iter_rows(named=True)}
    assert 0 < by_stage["judge"]["n_calls"] == told["n_calls"] < 100
    assert by_stage["judge"]["cost_usd"] == pytest.approx(told["cost_usd"], abs=1e-6)


def test_a_check_is_asked_once_and_rests_on_the_exploration_half(project: Project, server: Server) -> None:
    studied(project, server)
    server.keep_bodies()
    before = n_calls(server)
    found = judge.measured(load("news"))
    assert n_calls(server) - before == found["n_calls"]
    assert judge.measured(load("news")) == found, "the seconds, too, are those of the first time"
    assert n_calls(server) - before == found["n_calls"]
    project.run("news", "collect", "embed", "propose")
    assert frames.read_manifest(paths.output("news", "propose"))["judge"] == {
        name: value for name, value in found.items() if name != "study"
    }
    bodies = server.bodies()[: found["n_calls"]]
    sent = "\n".join(message["content"] for body in bodies for message in body["messages"])
    texts = frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    held_out = texts.filter(pl.col("half") == "confirm")["text"]
    assert not any(text in sent for text in held_out)
    assert any(text in sent for text in texts.filter(pl.col("half") == "explore")["text"])


def test_a_budget_that_ends_the_check_loses_nothing(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    spend = {"prices": {"scripted": {"input": 1.0, "output": 4.0}}, "concurrency": 2}
    # An answer may be as long as it says: the budget is kept for the longest.
    blocks: dict[str, Any] = {"verify": ONE, "llm": {"max_tokens": 30}}
    studied(project, server, **blocks, spend=spend)
    usd = judge.measured(load("news"))["cost_usd"]
    shutil.rmtree(paths.data(), ignore_errors=True)
    paths.answers().unlink()
    before = n_calls(server)
    studied(project, server, **blocks, spend={**spend, "budget_usd": usd / 2})
    assert main(["judge", "--study", "news"]) == 16
    assert "budget" in capsys.readouterr().err
    asked = n_calls(server) - before
    assert 20 < asked < 70
    studied(project, server, **blocks, spend={**spend, "budget_usd": usd * 10})
    assert main(["judge", "--study", "news"]) == 0
    assert n_calls(server) - before == 92


def test_cost_measures_the_judge_and_tells_tokens_and_time(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    studied(project, server, n=100, verify=ONE)
    estimated = cost.preview(load("news"))
    before = n_calls(server)
    assert main(["cost", "--no-judge", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert n_calls(server) == before and "Tokens are estimated" in told and "  judge    judge " in told

    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert n_calls(server) - before == 92
    assert "The judge's tokens are measured" in told and "right 64 of 64" in told
    assert "verify would take about" in told and "s a judgement" in told

    measured = cost.preview(load("news"), measure=True)
    by = {(one["stage"], one["role"]): one for one in measured["asked"]}
    of_check = by["judge", "judge"]
    assert of_check["n_calls"] == measured["measured"]["n_calls"] == 92
    # The scripted server counts characters its own way: what it counted is what is told, not bytes over 4.
    assert of_check["tokens_in"] == pytest.approx(measured["measured"]["tokens_in"], rel=0.05)
    before_by = {(one["stage"], one["role"]): one for one in estimated["asked"]}
    ratio = by["verify", "judge"]["tokens_in"] / before_by["verify", "judge"]["tokens_in"]
    assert ratio == pytest.approx(of_check["tokens_in"] / before_by["judge", "judge"]["tokens_in"], rel=0.01)
    assert by["propose", "proposer"] == before_by["propose", "proposer"]


def test_cost_tells_what_it_can_where_nobody_answers(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.table("news.parquet", rows(40))
    nobody = {"model": "scripted", "base_url": "http://127.0.0.1:9/v1"}
    project.params(news={**PAIR_STUDY, "engine": "llm", "llm": nobody, "spend": {"patience_s": 0.2}})
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert "the judge could not be measured: " in told and told.count("could not") == 1
    assert "Tokens are estimated" in told and "at most 20 predicates" in told


def test_cost_tells_of_a_judge_that_will_be_refused(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.change(Plan(verdict="yes"))
    studied(project, server)
    assert main(["cost", "--study", "news"]) == 0
    assert "REFUSED, says yes to everything" in capsys.readouterr().out


def test_a_judge_that_is_no_language_model_is_not_measured(planted: Project) -> None:
    with pytest.raises(ParamsError, match="wanted a study whose texts a language model judges"):
        judge.measured(load("news"))


def test_an_endpoint_that_is_down_is_no_bad_judge(project: Project, server: Server) -> None:
    server.change(Plan(status=500))
    studied(project, server, spend={"patience_s": 0.2, "attempts": 2})
    with pytest.raises(EngineError):
        judge.measured(load("news"))
