"""record: which texts are shown, and what stops it."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.engines.embedded.judging import EmbeddedJudge
from tasks.errors import EngineError
from tasks.record import evidence_rows, run_row
from tasks.records import Call, Predicate
from tasks.store import calls, duck, frames
from tasks.study import Study, load
from tasks.study.params import Price, Record, Spend
from tasks.study.running import Runner
from tasks.study.unattended import Notify
from tests.conftest import PAIR_STUDY, STAGES, Project, pair
from tests.spec.test_score import held_out, rows
from tests.spec.test_verify import predicate

STUDY = Study.model_validate(
    {"name": "s", "data": "x", "goal": "g", "collect": {"group": "random"}, "record": {"n_evidence": 2}}
)


def defined(name: str, definition: dict[str, object]) -> Predicate:
    import dataclasses

    return dataclasses.replace(predicate(name), definition=json.dumps(definition))


def test_the_strongest_texts_come_first_on_either_side() -> None:
    texts = held_out(3, 3)
    leaning = defined(
        "x",
        {
            "kind": "similarity", "basis": "topic", "anchor": "sport", "encoder": "e", "threshold": 0.1,
            "vector": [1.0, 0.0],
        },
    )  # fmt: skip
    along = np.array([0.2, 0.9, 0.5, 0.0, 0.3, 0.8])
    embeddings = np.stack([along, np.sqrt(1 - along**2)], axis=1)
    verdicts = rows([[1], [1], [1], [0], [1], [1]], texts, ["x"])
    shown = evidence_rows(STUDY, "run", texts, embeddings, [leaning], verdicts, EmbeddedJudge(STUDY))
    assert shown.select("role", "rank", "text_id").rows() == [
        ("supports", 1, "t0001"),
        ("supports", 2, "t0002"),
        ("contradicts", 1, "t0005"),
        ("contradicts", 2, "t0004"),
    ]


def test_what_holds_nowhere_has_no_evidence() -> None:
    texts = held_out(2, 2)
    word = defined("x", {"kind": "words", "terms": ["absent"]})
    verdicts = rows([[0]] * 4, texts, ["x"])
    shown = evidence_rows(STUDY, "run", texts, np.zeros((4, 0)), [word], verdicts, EmbeddedJudge(STUDY))
    assert shown.height == 0
    assert shown.schema == frames.EVIDENCE


def shown_for_both(texts: pl.DataFrame, n_a: int, n_evidence: int) -> pl.DataFrame:
    """Evidence for two sentences that both hold for the first `n_a` texts."""
    named = [defined(name, {"kind": "words", "terms": ["any"]}) for name in ("x", "y")]
    held = [[1, 1]] * n_a + [[0, 0]] * (texts.height - n_a)
    study = STUDY.model_copy(update={"record": Record(n_evidence=n_evidence)})
    verdicts = rows(held, texts, ["x", "y"])
    vectors = np.zeros((texts.height, 0))
    shown = evidence_rows(study, "run", texts, vectors, named, verdicts, EmbeddedJudge(STUDY))
    return shown.join(texts.select("text_id", "document_id"), on="text_id", maintain_order="left")


def test_evidence_is_spread_over_documents_and_findings() -> None:
    documents = [f"d{i // 5}" for i in range(40)] + ["other", "another"]
    shown = shown_for_both(held_out(40, 2).with_columns(document_id=pl.Series(documents)), 40, 4)
    by_finding = shown.group_by("predicate_id").agg(pl.col("document_id").n_unique())
    assert by_finding["document_id"].to_list() == [4, 4]
    assert shown["text_id"].n_unique() == 8


def test_both_answers_to_a_prompt_are_one_piece_of_evidence() -> None:
    import dataclasses

    texts = held_out(8, 8).with_columns(text_hash=pl.Series([f"pair{i % 8}" for i in range(16)]))
    one = defined("x", {"kind": "words", "terms": ["any"]})
    other = dataclasses.replace(defined("y", {"kind": "words", "terms": ["any"]}), direction="B")
    verdicts = rows([[1, 0]] * 8 + [[0, 1]] * 8, texts, ["x", "y"])
    study = STUDY.model_copy(update={"record": Record(n_evidence=4)})
    judge = EmbeddedJudge(STUDY)
    shown = evidence_rows(study, "run", texts, np.zeros((16, 0)), [one, other], verdicts, judge)
    assert shown.join(texts, on="text_id")["text_hash"].n_unique() == shown.height == 8


def test_evidence_repeats_rather_than_runs_out() -> None:
    texts = held_out(3, 2).with_columns(document_id=pl.Series(["d", "d", "d", "e", "f"]))
    shown = shown_for_both(texts, 3, 4)
    assert shown.group_by("predicate_id").len()["len"].to_list() == [3, 3]


CHEAP, DEAR = Price(input=1.0, output=10.0, cached=0.1), Price(input=4.0, output=40.0)


def call(request_hash: str, about: Sequence[str], model: str = "cheap", cached: int = 0) -> Call:
    """An answer of 10,000 tokens to 100,000."""
    return Call(request_hash, "verify", "judge", model, tuple(about), 100_000, 10_000, cached)


def test_a_call_is_shared_equally_by_the_predicates_it_is_about() -> None:
    paid = frames.from_records(
        [call("h1", ["x", "y"]), call("h2", ["x"], cached=90_000), call("h3", [], "dear")], frames.CALLS
    )
    prices = {"cheap": CHEAP, "dear": DEAR}
    by_predicate = calls.cost_usd_by_predicate(paid, prices)
    assert by_predicate == pytest.approx({"x": 0.1 + 0.01 + 0.009 + 0.1, "y": 0.1})
    common = 0.4 + 0.4
    assert calls.cost_usd(paid, prices) == pytest.approx(sum(by_predicate.values()) + common)


def test_a_cost_is_unknown_where_a_price_is_and_only_there() -> None:
    paid = frames.from_records([call("h1", ["x", "y"]), call("h2", ["x"], "dear")], frames.CALLS)
    assert calls.cost_usd(paid, {"cheap": CHEAP}) is None
    assert calls.cost_usd_by_predicate(paid, {"cheap": CHEAP}) == {"x": None, "y": pytest.approx(0.1)}
    assert calls.cost_usd(frames.CALLS.to_frame(), {}) == 0.0


def test_cost_does_not_depend_on_the_order_of_the_calls() -> None:
    many = [call(f"h{i}", ["x", "y", "z"][: i % 3 + 1], cached=7 * i) for i in range(500)]
    prices = {"cheap": Price(input=0.1, output=0.3, cached=0.07)}
    forth, back = (frames.from_records(some, frames.CALLS) for some in (many, many[::-1]))
    assert calls.cost_usd(forth, prices) == calls.cost_usd(back, prices)
    assert calls.cost_usd_by_predicate(forth, prices) == calls.cost_usd_by_predicate(back, prices)


def test_an_answer_that_two_stages_rest_on_is_paid_once() -> None:
    one, two = (frames.from_records([call("h1", about)], frames.CALLS) for about in (["x"], ["y"]))
    assert calls.once([one, two])["predicate_ids"].to_list() == [["x"]]


def test_how_fast_a_study_is_asked_makes_no_other_run_and_what_it_cost_does(planted: Project) -> None:
    planted.run("news", *(stage for stage in STAGES if stage not in ("record", "report")))
    texts = frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    predicates = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    scores = frames.read(paths.output("news", "score"), "scores.parquet", frames.SCORES)

    def run_id(cost_usd: float | None, **spend: Any) -> str:
        study = load("news").model_copy(update={"spend": Spend(**spend)})
        row = run_row(study, "m", texts, predicates, scores, cost_usd)
        assert row["cost_usd"].item() == cost_usd
        return str(row["run_id"].item())

    assert run_id(1.0) == run_id(1.0, concurrency=2, budget_usd=9.0)
    assert len({run_id(1.0), run_id(2.0), run_id(None)}) == 3
    unattended = {"schedule": "every hour", "notify": Notify(file="news.jsonl"), "runner": Runner(on="dask")}
    row = run_row(load("news").model_copy(update=unattended), "m", texts, predicates, scores, 1.0)
    assert row["run_id"].item() == run_id(1.0)


def test_what_a_sequential_plan_decided_on_is_recorded_with_its_discoveries(planted: Project) -> None:
    planted.run("news", *(stage for stage in STAGES if stage not in ("record", "report")))
    folder = paths.output("news", "score")
    scores = frames.read(folder, "scores.parquet", frames.SCORES)
    stopped = scores.with_columns(
        e_value=pl.lit(400.0),
        decision=pl.lit("confirmed"),
        n_a=pl.lit(30),
        n_b=pl.lit(20),
        n_refused=pl.lit(5),
    )
    frames.write(stopped, folder / "scores.parquet", frames.SCORES)
    planted.run("news", "record")
    found = frames.read(paths.output("news", "record"), "discoveries.parquet", frames.DISCOVERIES)
    assert set(found["e_value"]) == {400.0}
    assert set(found["n_judgements"]) == {55}
    told = duck.query("SELECT DISTINCT e_value, decision, fragile FROM scores").rows()
    assert told == [(400.0, "confirmed", False)]


def test_a_recorded_study_without_a_paid_model_costs_nothing(planted: Project) -> None:
    planted.run("news")
    folder = paths.output("news", "record")
    found = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
    assert set(found["cost_usd"]) == {0.0}
    assert frames.read_manifest(folder)["calls"]["n_calls"] == 0
    assert not (folder / "calls.parquet").exists()


def test_the_price_of_answers_is_on_the_run_its_predicates_and_its_page(planted: Project) -> None:
    planted.run("news", *(stage for stage in STAGES if stage not in ("record", "report")))
    ids = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    first, second = ids["predicate_id"].head(2)
    for stage, asked in (
        ("propose", [call("p1", [], "dear"), call("p2", ["never frozen", first])]),
        ("verify", [call("v1", [first, second], "dear")]),
    ):
        paid = frames.from_records(asked, frames.CALLS)
        frames.write(paid, paths.output("news", stage) / "calls.parquet", frames.CALLS)
    prices = {"cheap": {"input": 1.0, "output": 10.0}, "dear": {"input": 4.0, "output": 40.0}}
    planted.params(news={**PAIR_STUDY, "spend": {"prices": prices}})
    planted.run("news", "record", "report")
    folder = paths.output("news", "record")
    found = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
    cost = dict(found.select("predicate_id", "cost_usd").iter_rows())
    assert (cost.pop(first), cost.pop(second)) == pytest.approx((0.1 + 0.4, 0.4))
    assert set(cost.values()) == {0.0}
    assert frames.read(folder, "runs.parquet", frames.RUNS)["cost_usd"].item() == pytest.approx(1.8)
    page = (paths.output("news", "report") / "index.html").read_text(encoding="utf-8")
    assert "$1.80" in page
    assert "3 to language models, 300,000 tokens in (0 cached), 30,000 out" in page
    assert "input: 4.0" in page

    planted.params(news={**PAIR_STUDY, "spend": {"prices": {"cheap": prices["cheap"]}}})
    planted.run("news", "record", "report")
    assert frames.read(folder, "runs.parquet", frames.RUNS)["cost_usd"].item() is None
    assert "a price is not known" in (paths.output("news", "report") / "index.html").read_text(
        encoding="utf-8"
    )


def recorded_with_gaps(project: Project, every: int, refused: int) -> None:
    """Verdicts of two predicates; of one, so many of every so many are refused."""
    rows = [
        {**row, "predicate": name, "score": None, "status": "refusal"}
        if name == "refused" and i % every < refused
        else {**row, "predicate": name, "score": float("covid" in row["text"]), "status": "value"}
        for name in ("refused", "holds")
        for i, row in enumerate(pair(100, 0.5, 0.1))
    ]
    pl.DataFrame(rows, infer_schema_length=None).write_parquet("news.parquet")
    project.params(news={**PAIR_STUDY, "engine": "replay", "verdicts": "news.parquet"})


def test_too_many_refusals_are_a_row_and_no_end_of_the_study(project: Project) -> None:
    recorded_with_gaps(project, every=3, refused=2)
    project.run("news")
    folder = paths.output("news", "record")
    rows = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
    assert dict(rows.select("predicate", "is_discovery").iter_rows()) == {"holds": True, "refused": False}


def test_where_most_is_refused_the_study_ends_before_it_is_scored(project: Project) -> None:
    recorded_with_gaps(project, every=1, refused=1)
    kept = pl.read_parquet("news.parquet").filter(predicate="refused")
    kept.write_parquet("news.parquet")
    with pytest.raises(EngineError, match="too few are left to test anything"):
        project.run("news")
    assert not (project.folder / "data/news/5_verdicts").exists()
    assert not (project.folder / "data/discoveries.duckdb").exists()


def test_measured_novelty_is_told_with_the_evidence_and_in_no_column(project: Project) -> None:
    from tests.spec.report_made import Node, held, put

    told = held('mentions "covid"', novelty=2.0, novelty_blind=0.4, novelty_past=None, rated_by="llm: x")
    page = Node(
        put(
            project,
            [told],
            record={"calls": {"n_calls": 7, "tokens_in": 1200, "tokens_out": 90, "tokens_cached": 600}},
        )
    )
    detail = page.one("details", id="finding-1").text
    assert "novelty, measured 0.4 from what is guessed without the texts, – from what other" in detail
    assert "cost $0 for" in detail
    assert "0.4" not in page.one("section", id="figures").one("tbody").text
    assert (
        "7 to language models, 1,200 tokens in (600 cached), 90 out"
        in page.one("section", id="reproduce").text
    )
    plain = Node(put(project, [held('mentions "covid"')]))
    assert "novelty, measured" not in plain.text and "language models" not in plain.text
