"""verify.form: two_text: pairs of texts, both orders of each, and the test that knows they are pairs."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tasks import kinds, paths
from tasks.engines import roles
from tasks.engines.llm.judging import LlmJudge
from tasks.errors import EngineError
from tasks.kinds.effects import baselines, estimates, shuffle_groups
from tasks.kinds.rows import pair_texts
from tasks.score.groups import adjusted_effects
from tasks.store import frames
from tasks.study import Study, load
from tasks.verdicts.judged import Judged
from tasks.verdicts.planned import planned
from tasks.verify import stage as verify
from tests.conftest import PAIR_STUDY, PLANTED, Project, pair
from tests.engines.scripted import Question, Scripted, serving
from tests.spec.report_made import held, put
from tests.spec.test_verify import predicate

KIND = kinds.load("corpus_pair")
GRADED = replace(predicate("x"), threshold=None)


def texts(*rows: tuple[str, str]) -> pl.DataFrame:
    """Confirmation texts of these documents and groups."""
    ids = [f"t{i:04d}" for i in range(len(rows))]
    columns = {
        "text_id": ids,
        "text_hash": ids,
        "text": [f"text {i}" for i in ids],
        "group": [group for _, group in rows],
        "document_id": [document for document, _ in rows],
        "half": ["confirm"] * len(rows),
        "n_merged": [1] * len(rows),
        "context": [None] * len(rows),
        "media": [None] * len(rows),
    }
    return pl.DataFrame(columns, schema=frames.TEXTS)


def documents_of(pairs: pl.DataFrame, source: pl.DataFrame) -> list[tuple[str, str]]:
    """Document of A and document of B in each pair."""
    named = pairs.select("text_id", "group", "pair").join(
        source.select("text_id", "document_id"), on="text_id"
    )
    wide = named.pivot("group", index="pair", values="document_id")
    return sorted(wide.select("A", "B").iter_rows())


def test_documents_are_paired_one_to_one_and_the_rest_is_left_out() -> None:
    source = texts(*[(f"a{i}", "A") for i in range(5) for _ in range(3)], *[(f"b{i}", "B") for i in range(3)])
    found = pair_texts(source, seed=0)
    pairs = documents_of(found, source)
    assert found.height == 6 and len(pairs) == 3
    assert len({a for a, _ in pairs}) == 3 and {b for _, b in pairs} == {"b0", "b1", "b2"}
    assert found["document_id"].equals(found["pair"].alias("document_id"))
    assert found["group"].to_list() == ["A", "B"] * 3, "a pair's texts are neighbours"


def test_a_document_with_texts_in_both_groups_is_paired_with_itself() -> None:
    source = texts(("x", "A"), ("x", "B"), ("x", "B"), ("a", "A"), ("b", "B"), ("y", "A"), ("y", "B"))
    assert documents_of(pair_texts(source, seed=0), source) == [("a", "b"), ("x", "x"), ("y", "y")]


def test_pairs_do_not_depend_on_row_order_but_on_the_seed() -> None:
    source = texts(*[(f"a{i}", "A") for i in range(9)], *[(f"b{i}", "B") for i in range(9)])
    assert pair_texts(source.sample(fraction=1, shuffle=True, seed=1), seed=0).equals(
        pair_texts(source, seed=0)
    )
    assert documents_of(pair_texts(source, seed=1), source) != documents_of(
        pair_texts(source, seed=0), source
    )


def test_max_texts_is_the_number_of_pairs_and_a_larger_one_keeps_the_smaller() -> None:
    source = texts(*[(f"a{i}", "A") for i in range(9)], *[(f"b{i}", "B") for i in range(9)])
    few, more = (KIND.units(study(max_texts=n), source) for n in (3, 6))
    assert (few.height, more.height) == (6, 12)
    assert set(few["text_id"]) < set(more["text_id"])


def study(url: str = "http://127.0.0.1:1/v1", **verify: Any) -> Study:
    return Study.model_validate({"name": "news", **entry(url, **verify)})


def entry(url: str, **verify: Any) -> dict[str, Any]:
    return {
        **PAIR_STUDY,
        "engine": "llm",
        "llm": {"model": "judge-model", "base_url": url},
        "formalise": {"threshold": None},
        "verify": {"form": "two_text", **verify},
    }


def estimated(score_a: np.ndarray) -> tuple[pl.DataFrame, SimpleNamespace]:
    """The test of pairs in which A's text scores this and B's the rest to 1."""
    n = len(score_a)
    source = texts(*[(f"a{i}", "A") for i in range(n)], *[(f"b{i}", "B") for i in range(n)])
    found = pair_texts(source, seed=0)
    score = np.column_stack([score_a, 1 - score_a]).reshape(-1, 1)
    return found, of_pairs(found, score)


def of_pairs(rows: pl.DataFrame, score: np.ndarray) -> SimpleNamespace:
    status = np.zeros(score.shape, dtype=np.uint8)
    return SimpleNamespace(
        **estimates(Judged(study(), rows, [GRADED], score, status), 0.95).row(0, named=True)
    )


@pytest.mark.parametrize("n", [8, 30, 200])
def test_the_test_is_the_paired_t_test_of_wins_minus_losses(n: int) -> None:
    score_a = np.random.default_rng(n).choice([0.0, 0.5, 1.0], n, p=[0.2, 0.3, 0.5])
    _, estimate = estimated(score_a)
    reference = stats.ttest_1samp(2 * score_a - 1, 0)
    lo, hi = reference.confidence_interval(0.95)
    assert estimate.method == "cluster_robust"
    assert estimate.n_documents == estimate.n_a == estimate.n_b == n
    assert estimate.validity == pytest.approx((2 * score_a - 1).mean())
    assert (estimate.lo, estimate.hi) == pytest.approx((max(lo, -1), min(hi, 1)))
    assert estimate.p == pytest.approx(reference.pvalue)


def test_formalise_plans_the_test_of_pairs() -> None:
    source = texts(("a", "A"), ("b", "B"))
    assert planned(study(), KIND.units(study(), source)) == "cluster_robust"


def test_shuffled_labels_swap_within_pairs_as_by_a_coin() -> None:
    found, _ = estimated(np.ones(400))
    shuffled = found.with_columns(shuffle_groups(found, np.random.default_rng(0)))
    assert (shuffled.group_by("pair").agg(pl.col("group").n_unique())["group"] == 2).all()
    swapped = (shuffled["group"] != found["group"]).mean()
    assert 0.4 < swapped < 0.6
    score = np.tile([1.0, 0.0], 400).reshape(-1, 1)
    assert of_pairs(shuffled, score).validity == pytest.approx(1 - 2 * swapped)


def bias_of(question: Question, one: dict[str, Any]) -> bool:
    """Three answers in ten say `first`, whatever the texts."""
    drawn = frames.hashed(*question.pair.values(), one["predicate"])
    return int(drawn[:4], 16) / 16**4 < 0.3


def preferring_first(question: Question) -> dict[str, Any]:
    return {
        "verdicts": [
            {
                "id": one["id"],
                "more": "first" if bias_of(question, one) else more(one["predicate"], question.pair),
            }
            for one in question.predicates
        ]
    }


def more(sentence: str, shown: dict[str, str]) -> str:
    word = sentence.split('"')[1]
    first, second = (word in shown[name] for name in ("first", "second"))
    return "neither" if first == second else "first" if first else "second"


def careful(question: Question) -> dict[str, Any]:
    return {
        "verdicts": [
            {"id": p["id"], "more": more(p["predicate"], question.pair)} for p in question.predicates
        ]
    }


@pytest.fixture(autouse=True)
def _own_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATSTAT_ANSWERS", str(tmp_path / "answers.sqlite"))


def judged(answer: Any, source: pl.DataFrame, words: tuple[str, ...]) -> tuple[roles.Judgements, Scripted]:
    with serving(answer) as server:
        found = LlmJudge(study(server.url)).judge(
            [predicate(f'"{word}"') for word in words], source, np.zeros((source.height, 0))
        )
    return found, server


def test_each_pair_is_shown_in_both_orders_and_a_score_is_the_mean_of_both() -> None:
    source = pair_texts(texts(("a", "A"), ("b", "B")), 0).with_columns(
        text=pl.when(pl.col("group") == "A").then(pl.lit("flood and rain")).otherwise(pl.lit("rain"))
    )
    found, server = judged(careful, source, ("flood", "rain"))
    np.testing.assert_array_equal(found.score, [[1, 0.5], [0, 0.5]])
    shown = [tuple(q.pair.values()) for q in server.asked]
    assert sorted(shown) == [("flood and rain", "rain"), ("rain", "flood and rain")]
    # Always the one shown first: each text wins once.
    always_first = {"more": "first"}
    found, _ = judged(
        lambda q: {"verdicts": [{"id": p["id"], **always_first} for p in q.predicates]}, source, ("sun",)
    )
    np.testing.assert_array_equal(found.score, [[0.5], [0.5]])
    assert found.first is not None
    np.testing.assert_array_equal(found.first, [[[1], [1]]])


def test_an_order_that_is_refused_is_a_gap_of_both_texts() -> None:
    source = pair_texts(texts(("a", "A"), ("b", "B"), ("a2", "A"), ("b2", "B")), 0)
    shy = source["text"][0]
    found, _ = judged(lambda q: None if q.pair["first"] == shy else careful(q), source, ("flood",))
    assert found.status.ravel().tolist() == [roles.REFUSAL] * 2 + [roles.VALUE] * 2
    assert found.first is not None
    assert np.isnan(found.score[:2]).all() and np.isnan(found.first[0, :2]).all()


def test_texts_that_are_no_pair_are_refused() -> None:
    source = pair_texts(texts(("a", "A"), ("b", "B")), 0).head(1)
    with pytest.raises(EngineError, match="one text of A and one of B"):
        judged(careful, source, ("flood",))


def frozen(
    project: Project, url: str, rows: list[dict[str, Any]], of: dict[str, Any] | None = None, **verify: Any
) -> Study:
    """A study up to its frozen predicates, which were proposed by hand."""
    project.table("news.parquet", rows)
    project.params(news=of or entry(url, **verify))
    project.run("news", "collect", "embed")
    blank = {
        "direction": "A",
        "family": "llm",
        "grade": "theme",
        "explore_effect": 0.0,
        "explore_z": 0.0,
        "weight": 1.0,
    }
    proposals = [
        {**blank, "predicate": s, "definition": json.dumps({"says": s}), "example_ids": [], "prompt_hash": ""}
        for s in (f'mentions "{PLANTED}"', 'mentions "bridge"')
    ]
    with frames.writing(paths.output("news", "propose")) as folder:
        frames.write(
            pl.DataFrame(proposals, schema=frames.PROPOSALS), folder / "proposals.parquet", frames.PROPOSALS
        )
    project.run("news", "formalise")
    return load("news")


@pytest.mark.usefixtures("all_shuffles")
def test_position_bias_is_reported_and_does_not_reach_the_effect(project: Project) -> None:
    with serving(preferring_first) as server:
        frozen(project, server.url, pair(300, 0.4, 0.0))
        project.run("news", "verify", "score")
    bias = frames.read_manifest(paths.output("news", "score"))["position_bias"]["judge-model"]
    assert bias["lo"] < 0.3 < bias["hi"] and bias["lo"] > 0.2 and bias["n_pairs"] > 100
    scores = pl.read_parquet(paths.output("news", "score") / "scores.parquet")
    planted, bridge = scores.iter_rows(named=True)
    assert planted["is_discovery"] and planted["validity"] == pytest.approx(0.7 * 0.4, abs=0.1)
    assert bridge["lo"] < 0 < bridge["hi"] and abs(bridge["validity"]) < 0.1
    assert not bridge["is_discovery"]
    baselines = pl.read_parquet(paths.output("news", "score") / "baselines.parquet")
    assert baselines.filter(pl.col("baseline") == "always true")["validity"].item() == 0
    assert frames.read_manifest(paths.output("news", "score"))["null_runs_with_discovery"] <= 20


def test_a_judge_without_position_bias_shows_none(project: Project) -> None:
    with serving(careful) as server:
        frozen(project, server.url, pair(60, 0.4, 0.0))
        project.run("news", "verify", "score")
    bias = frames.read_manifest(paths.output("news", "score"))["position_bias"]["judge-model"]
    assert bias["bias"] == 0 and bias["lo"] <= 0 <= bias["hi"]


def test_what_was_asked_is_kept_beside_the_verdicts_and_no_shard_cuts_a_pair(project: Project) -> None:
    with serving(preferring_first) as server:
        asked = frozen(project, server.url, pair(60, 0.4, 0.0), shard_size=7, max_chars=100)
        project.run("news", "verify")
    folder = paths.output("news", "verify")
    manifest = frames.read_manifest(folder)
    held_out = KIND.units(asked, pl.read_parquet(paths.output("news", "collect") / "texts.parquet"))
    pair_of = dict(held_out.select("text_id", "pair").iter_rows())
    parts = sorted(folder.glob("part-*.parquet"))
    assert len(parts) == verify.shards(asked) > 3
    for part in parts:
        rows = pl.read_parquet(part).filter(pl.col("predicate_id") == pl.col("predicate_id").first())
        assert rows.height <= 6
        assert rows["text_id"].replace_strict(pair_of).value_counts()["count"].to_list() == [2] * (
            rows.height // 2
        )
    orders = pl.read_parquet(folder / "orders-*.parquet")
    verdicts = frames.scan_verdicts(folder).collect().join(orders, on=["predicate_id", "text_id"])
    assert orders.schema == frames.ORDERS and verdicts.height == orders.height == 2 * held_out.height
    assert (verdicts["score"] == (verdicts["first"] + verdicts["second"]) / 2).all()
    assert set(orders["first"]) | set(orders["second"]) == {0.0, 0.5, 1.0}
    calls = pl.read_parquet(folder / "calls-*.parquet")
    assert calls.schema == frames.CALLS
    assert manifest["n_calls"] == len(server.asked) == calls.height == held_out.height
    assert manifest["tokens"] == {"in": 100 * calls.height, "out": 10 * calls.height, "cached": 0}
    assert manifest["n_cut"] == (held_out["text"].str.len_chars() > 100).sum()


def test_baselines_are_tested_as_pairs_too() -> None:
    found, _ = estimated(np.ones(20))
    explored = found.with_columns(half=pl.lit("explore"))
    nothing = np.zeros((found.height, 1))
    of = Judged(study(), found, [GRADED], nothing, nothing.astype(np.uint8))
    assert baselines(KIND, of, explored)["p"].is_between(0, 1).all()


def test_the_report_tells_the_position_bias(project: Project) -> None:
    folder = paths.output("news", "verify")
    folder.mkdir(parents=True)
    bias = {"bias": -0.04, "lo": -0.06, "hi": -0.02, "n_pairs": 120}
    frames.write_manifest(folder, {"n_texts": 240})
    shuffled = {"null_shuffles": 100, "null_runs_with_discovery": 3, "null_most": 11}
    compared = {key: value for key, value in entry("http://127.0.0.1:1/v1").items() if key not in PAIR_STUDY}
    page = put(
        project,
        [held("mentions a flood", threshold=None)],
        score={**shuffled, "position_bias": {"judge-model": bias}},
        **compared,
    )
    assert "Position bias</b> −0.04 [−0.06, −0.02]" in page
    assert "of two texts the one shown second was preferred" in page
    assert "120 pairs" in page


def test_a_study_of_single_texts_has_no_orders_and_no_position_bias(planted: Project) -> None:
    planted.run("news", "collect", "embed", "propose", "formalise", "verify")
    folder = paths.output("news", "verify")
    assert {file.name for file in folder.iterdir()} == {"part-0000.parquet", "manifest.json"}
    assert set(frames.read_manifest(folder)) == {
        "n_predicates",
        "n_texts",
        "n_verdicts",
        "frozen_hash",
        "judge",
    }


def test_of_a_panel_each_judge_has_a_position_bias_of_its_own(project: Project) -> None:
    def answering(question: Question) -> dict[str, Any]:
        return (preferring_first if question.body["model"] == "hasty" else careful)(question)

    with serving(answering) as server:
        panel = [{"model": name} for name in ("hasty", "careful")]
        study_entry = entry(server.url) | {"llm": {"base_url": server.url, "model": "m", "judge": panel}}
        frozen(project, server.url, pair(120, 0.4, 0.0), of=study_entry)
        project.run("news", "verify", "score")
    biases = frames.read_manifest(paths.output("news", "score"))["position_bias"]
    assert list(biases) == ["careful", "hasty"]
    assert biases["careful"]["bias"] == 0
    assert biases["hasty"]["lo"] < 0.3 < biases["hasty"]["hi"] and biases["hasty"]["lo"] > 0.1
    orders = pl.read_parquet(paths.output("news", "verify") / "orders-*.parquet")
    careful_one = orders.filter(judge="careful")
    assert (careful_one["first"] == careful_one["second"]).all() and orders.height == 2 * careful_one.height


def test_a_predicate_that_is_a_length_is_not_asked_about_at_equal_length() -> None:
    rng, n = np.random.default_rng(0), 60
    rows = pair_texts(texts(*[(f"d{i}", group) for i in range(n) for group in "AB"]), seed=0)
    long = np.array([[g == "A" for g in rows["group"]]]).T ^ np.repeat(rng.random(n) < 0.2, 2)[:, None]
    said = [("a long text of many words " * 3 if is_long else "short") for is_long in long[:, 0]]
    rows = rows.with_columns(text=pl.Series(said))
    other = np.where(rng.random(long.shape) < 0.4, ~long, long)
    score = np.column_stack([long, other]).astype(float)
    judged = Judged(study(), rows, [GRADED, GRADED], score, np.zeros(score.shape, dtype=np.uint8))
    at_equal = adjusted_effects(judged, np.array([True, True]), np.array([0, 1]))
    assert at_equal[0] == (None, None, None) and at_equal[1][0] is not None
