"""`verify.plan: sequential` with a language model: predicates leave the calls as they are decided."""

import shutil
import sqlite3
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.errors import EngineError
from tasks.store import calls, frames
from tasks.study import load
from tests import loopback
from tests.conftest import Project
from tests.llm_study import HYPOTHESES, NULL, PLANTED, prepared, study, verdict_files, verdicts
from tests.loopback import Plan, Server

RULE = {"alpha": 0.05, "min_effect": 0.15}
SEQUENTIAL = {"plan": "sequential", "sequential": {**RULE, "look_every": 48}}
PLAN = Plan(hypotheses=HYPOTHESES, error_rate=0.02, refusals=0.02)
QUICK = {"timeout_s": 10.0}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(PLAN) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.change(PLAN)
    return running


def walked(project: Project, server: Server, n: int = 400, **blocks: Any) -> Project:
    """The study as it is frozen, n texts in each group."""
    prepared(project, server, n=n)
    project.params(news=asked(server, **blocks))
    project.run("news", *paths.STAGES[:4])
    return project


def asked(server: Server, **blocks: Any) -> dict[str, Any]:
    """The study with a sequential plan beside what the blocks say."""
    verify = SEQUENTIAL | blocks.pop("verify", {})
    return study(server, verify=verify, score=RULE, **({"spend": QUICK} | blocks))


def told(stage: str) -> dict[str, Any]:
    return frames.read_manifest(paths.output("news", stage))


def paid_for_verdicts() -> float:
    """What the study's files say that verify cost."""
    paid = calls.cost_usd(calls.read("news", ("verify",)), load("news").spend.prices)
    assert paid is not None
    return paid


def in_ledger(stage: str) -> float:
    """What was paid, as it was written down at once."""
    with sqlite3.connect(paths.answers()) as ledger:
        (paid,) = ledger.execute("select total(cost_usd) from calls where stage = ?", (stage,)).fetchone()
    return float(paid)


def decisions() -> dict[str, str]:
    scored = frames.read(paths.output("news", "score"), "scores.parquet", frames.SCORES)
    frozen = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    named = frozen.join(scored, on="predicate_id").select("predicate", "decision")
    return dict(named.iter_rows())


@pytest.mark.parametrize(
    "verify",
    [{"predicates_per_call": 3}, {"predicates_per_call": 1, "texts_per_call": 8}],
    ids=["predicates", "texts"],
)
def test_what_was_planted_is_found_with_fewer_calls(
    verify: dict[str, int], project: Project, server: Server
) -> None:
    walked(project, server, verify=verify).run("news", "verify", "score")
    assert {p for p, decision in decisions().items() if decision == "confirmed"} == set(PLANTED)
    manifest = frames.read_manifest(paths.output("news", "verify"))
    assert manifest["n_asked"] < 0.6 * manifest["n_grid"]
    some = verdicts().filter(pl.col("status") != "absent")
    project.params(news=study(server, verify=verify, score=RULE, spend=QUICK))
    project.run("news", "formalise", "verify")
    fixed = frames.read_manifest(paths.output("news", "verify"))
    assert manifest["n_calls"] < 0.6 * fixed["n_calls"]
    # A judge whose answers do not depend on their company says the same in smaller calls.
    key = ["predicate", "text_id", "score", "status"]
    assert some.select(key).join(verdicts().select(key), on=key, nulls_equal=True).height == some.height


def test_two_texts_are_compared_pair_by_pair(project: Project, server: Server) -> None:
    verify, formalise = {"form": "two_text", "predicates_per_call": 4}, {"threshold": None}
    walked(project, server, verify=verify, formalise=formalise).run("news", "verify", "score")
    found = decisions()
    assert {p for p, decision in found.items() if decision == "confirmed"} == set(PLANTED)
    manifest = frames.read_manifest(paths.output("news", "verify"))
    assert manifest["n_asked"] < 0.6 * manifest["n_grid"]
    assert frames.read_manifest(paths.output("news", "score"))["position_bias"]["scripted"]["n_pairs"] > 0
    orders = pl.read_parquet(sorted(paths.output("news", "verify").glob("orders-*.parquet")))
    asked = verdicts().filter(pl.col("score").is_not_null()).select("predicate_id", "text_id", "score")
    both = orders.join(asked, on=["predicate_id", "text_id"])
    assert both.height == orders.height == asked.height


def test_a_budget_that_ends_on_the_way_leaves_a_result_and_a_higher_one_goes_on_from_there(
    project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    spend = {**QUICK, "prices": {"scripted": {"input": 1.0, "output": 1.0}}, "concurrency": 4}
    walked(project, server, n=150, spend=spend).run("news", "verify", "score")
    whole, manifest, decided = verdict_files(), told("verify"), decisions()
    usd = (manifest["tokens"]["in"] + manifest["tokens"]["out"]) / 1e6
    shutil.rmtree(paths.output("news", "verify"))
    paths.answers().unlink()
    before = server.stats()["answered"]
    project.params(news=asked(server, spend={**spend, "budget_usd": usd / 2}))
    project.run("news", "verify")
    ended = told("verify")
    assert ended["ended"] == "budget" and 0 < ended["n_looks"] < manifest["n_looks"]
    assert ended["n_asked"] < manifest["n_asked"] and ended["decisions"]["undecided"] > 0
    said = capsys.readouterr().err
    assert f"the budget ended the walk after {ended['n_looks']} looks" in said
    assert "`dvc repro --force --single-item verify@news`" in said
    assert paid_for_verdicts() == pytest.approx(in_ledger("verify")), (
        "calls of the look that has no verdicts, too"
    )
    same = verdicts().filter(pl.col("status") != "absent").height
    assert same == ended["n_asked"] and verdicts().height == ended["n_grid"]
    project.run("news", "verify")
    assert told("verify") == ended, "with no more money, the same"
    assert paid_for_verdicts() == pytest.approx(in_ledger("verify"))
    project.run("news", "score", "record")
    proposed = calls.cost_usd(calls.read("news", ("propose", "record")), load("news").spend.prices)
    assert told("record")["cost_usd"] == pytest.approx(in_ledger("verify") + proposed)
    assert list(decisions().values()).count("undecided") == ended["decisions"]["undecided"]
    project.params(news=asked(server, spend={**spend, "budget_usd": usd * 10}))
    project.run("news", "verify", "score")
    assert verdict_files() == whole and decisions() == decided
    assert not list(paths.output("news", "verify").glob("calls-unfinished-*"))
    assert paid_for_verdicts() == pytest.approx(in_ledger("verify"))
    again = told("verify")
    assert {k: v for k, v in again.items() if k != "tokens"} == {
        k: v for k, v in manifest.items() if k != "tokens"
    }
    assert not list((paths.cache() / "parts").glob("news/*")), "nothing is kept of a walk that is done"
    # The rest, with the calls that were refused for want of money.
    assert server.stats()["answered"] - before <= manifest["n_calls"] + 4


def test_a_budget_that_ends_before_the_first_look_ends_without_a_result(
    project: Project, server: Server
) -> None:
    spend = {**QUICK, "prices": {"scripted": {"input": 1.0, "output": 1.0}}}
    walked(project, server, n=60, spend=spend)
    with sqlite3.connect(paths.answers()) as answers:
        paid = answers.execute("select sum(cost_usd) from calls").fetchone()[0]
    project.params(news=asked(server, spend={**spend, "budget_usd": paid}))
    with pytest.raises(EngineError, match="budget") as caught:
        project.run("news", "verify")
    assert caught.value.exit_code == 16
    assert not paths.output("news", "verify").exists()


def test_a_whole_study_goes_through_all_stages(project: Project, server: Server) -> None:
    walked(project, server, n=150).run("news", *paths.STAGES[4:])
    page = (paths.reports() / "news" / "index.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("covid", "cricket"))
    assert set(decisions()) == {*PLANTED, *NULL}
