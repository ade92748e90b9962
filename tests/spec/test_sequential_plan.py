"""verify.plan: sequential. Predicates are judged until they are decided, and score takes the same walk."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.engines import roles
from tasks.errors import EngineError, FrozenError, MissingStageError, ParamsError
from tasks.kinds.effects import estimates
from tasks.records import Predicate
from tasks.score import stage as score
from tasks.score.discoveries import is_fragile
from tasks.stats.sequential import difference_ci_last_look
from tasks.store import frames
from tasks.study import Study, load
from tasks.verdicts.judged import Judged
from tasks.verdicts.walk import Walk, walk_over
from tasks.verify import part
from tasks.verify import stage as verify
from tests.conftest import PAIR_STUDY, Project, pair
from tests.engines.test_replay import REPLAY, recorded_rows
from tests.spec.test_two_text import texts
from tests.spec.test_verify import predicate

RULE = {"alpha": 0.05, "min_effect": 0.05}
SEQUENTIAL: dict[str, Any] = {
    "verify": {"plan": "sequential", "sequential": {**RULE, "look_every": 32}},
    "score": RULE,
}
BEFORE = paths.STAGES[:4]


def study(**blocks: Any) -> Study:
    return Study.model_validate({"name": "news", **PAIR_STUDY, **SEQUENTIAL, **blocks})


@pytest.fixture
def walked(planted: Project) -> Project:
    """A study with a planted difference, frozen for the sequential plan."""
    planted.table("news.parquet", pair(600, 0.3, 0.0))
    planted.params(news={**PAIR_STUDY, **SEQUENTIAL})
    planted.run("news", *BEFORE)
    return planted


def folder(stage: str) -> Path:
    return paths.output("news", stage)


def files(stage: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder(stage).iterdir())}


def scores() -> pl.DataFrame:
    frozen = frames.read(folder("formalise"), "predicates.parquet", frames.PREDICATES)
    found = frames.read(folder("score"), "scores.parquet", frames.SCORES)
    return found.join(frozen.select("predicate_id", "predicate"), on="predicate_id", maintain_order="left")


def verdicts() -> pl.DataFrame:
    return frames.scan_verdicts(folder("verify")).sort("predicate_id", "text_id").collect()


def columns(walk: Walk, score: np.ndarray, status: np.ndarray | None = None) -> Walk:
    """The walk along these verdicts, as verify takes it: what is not going is not asked."""
    known = np.zeros(score.shape, dtype=np.uint8) if status is None else status
    while walk.going.any():
        rows, off = walk.batches[walk.n_looks], ~walk.going
        part, gaps = score[rows], known[rows]
        part[:, off], gaps[:, off] = np.nan, roles.ABSENT
        walk.take(part, gaps)
    return walk


def test_the_planted_difference_is_found_with_fewer_judgements(walked: Project) -> None:
    walked.run("news", "verify", "score")
    found = scores()
    assert "covid" in " ".join(found.filter("is_discovery")["predicate"])
    judged, scored = frames.read_manifest(folder("verify")), frames.read_manifest(folder("score"))
    asked = verdicts().filter(pl.col("status") != "absent")
    assert judged["n_grid"] == verdicts().height == judged["n_predicates"] * judged["n_texts"]
    assert judged["n_asked"] == scored["n_judged"] == asked.height
    assert judged["n_verdicts"]["absent"] == judged["n_grid"] - judged["n_asked"]
    assert scored["share_judged"] == asked.height / verdicts().height < 0.6
    assert sum(judged["decisions"].values()) == judged["n_predicates"]
    assert judged["decisions"] == scored["decisions"]
    assert scored["n_discoveries"] == judged["decisions"]["confirmed"] == found["is_discovery"].sum() > 0
    assert scored["null_shuffles"] == 0


def test_a_confirmed_predicate_meets_what_was_asked_for(walked: Project) -> None:
    walked.run("news", "verify", "score")
    frozen = frames.read(folder("formalise"), "predicates.parquet", frames.PREDICATES)
    for row in scores().join(frozen.select("predicate_id", "direction"), on="predicate_id").to_dicts():
        sign = 1 if row["direction"] == "A" else -1
        assert row["lo"] <= row["validity"] <= row["hi"]
        assert row["p"] == pytest.approx(min(1, 1 / row["e_value"]))
        assert row["is_discovery"] == (row["decision"] == "confirmed")
        if row["is_discovery"]:
            assert sign * row["validity"] >= 0.05
            assert row["q"] <= 0.05
        assert row["validity"] == pytest.approx(row["mean_a"] - row["mean_b"])


def test_verdicts_are_those_of_the_fixed_plan_where_they_were_asked_for(walked: Project) -> None:
    walked.run("news", "verify")
    some = verdicts().filter(pl.col("status") == "value")
    walked.params(news=PAIR_STUDY)
    walked.run("news", "formalise", "verify")
    both = some.join(verdicts(), on=["predicate_id", "text_id"], suffix="_fixed")
    assert both.height == some.height < verdicts().height
    assert both["score"].equals(both["score_fixed"].alias("score"))


def test_paths_tell_each_look_of_each_predicate_up_to_its_decision(walked: Project) -> None:
    walked.run("news", "verify", "score")
    path = frames.read(folder("score"), "paths.parquet", frames.PATHS)
    found = scores()
    last = path.group_by("predicate_id", maintain_order=True).last()
    both = found.join(last, on="predicate_id", suffix="_path")
    asked = verdicts().filter(pl.col("status") != "absent").group_by("predicate_id").len()
    assert both.height == found.height
    assert both["decision"].to_list() == both["decision_path"].to_list()
    for name, at_end in (("lo", "lo_path"), ("hi", "hi_path"), ("validity", "estimate")):
        assert both[name].equals(both[at_end].alias(name))
    assert dict(last.select("predicate_id", "n_judged").iter_rows()) == dict(asked.iter_rows())
    for (_,), rows in path.group_by("predicate_id"):
        assert rows["look"].to_list() == list(range(1, rows.height + 1))
        assert set(rows["decision"].head(rows.height - 1)) <= {"undecided"}


def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_bytes(
    walked: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked.run("news", "verify")
    whole = files("verify")
    n_looks = frames.read_manifest(folder("verify"))["n_looks"]
    shutil.rmtree(folder("verify"))
    judge, asked = part.judge_part, []

    def stops_at(stop: int) -> None:
        def judged(plan: Any, look: int, predicates: Sequence[Predicate], texts: pl.DataFrame) -> None:
            if look == stop:
                raise EngineError("the budget of 1 USD is reached.")
            asked.append(look)
            judge(plan, look, predicates, texts)

        monkeypatch.setattr(part, "judge_part", judged)

    for stop in (3, 7):
        stops_at(stop)
        with pytest.raises(EngineError, match="budget"):
            walked.run("news", "verify")
        with pytest.raises(MissingStageError, match=f"look {stop + 1} is not judged"):
            verify.finish(load("news"))
        assert not folder("verify").exists()
    stops_at(-1)
    walked.run("news", "verify")
    assert asked == list(range(n_looks)), "no look is judged twice"
    assert files("verify") == whole


def test_one_shard_is_the_whole_walk(walked: Project) -> None:
    walked.run("news", "verify")
    whole = files("verify")
    assert verify.shards(load("news")) == 1
    verify.run_shard(load("news"), 0)
    verify.finish(load("news"))
    assert files("verify") == whole


def test_files_of_verdicts_hold_shard_size_texts_each(walked: Project) -> None:
    walked.run("news", "verify")
    whole = verdicts()
    walked.params(news={**PAIR_STUDY, **SEQUENTIAL, "verify": {**SEQUENTIAL["verify"], "shard_size": 100}})
    walked.run("news", "formalise", "verify")
    parts = [pl.read_parquet(file) for file in sorted(folder("verify").glob("part-*.parquet"))]
    assert [part["text_id"].n_unique() for part in parts[:-1]] == [100] * (len(parts) - 1)
    assert len(parts) == -(-whole["text_id"].n_unique() // 100)
    assert verdicts().equals(whole)


def test_nothing_is_confirmed_where_nothing_is() -> None:
    """Forty studies of ten predicates, each as often in A as in B: at alpha 0.05 two of them may err."""
    n, erred, shares = 300, 0, []
    source = texts(*[(f"a{i}", "A") for i in range(n)], *[(f"b{i}", "B") for i in range(n)])
    frozen = [dataclasses.replace(predicate(f"p{k}"), direction="AB"[k % 2]) for k in range(10)]  # type: ignore[arg-type]
    for seed in range(40):
        drawn = np.random.default_rng(seed).random((2 * n, 10)) < np.linspace(0.02, 0.6, 10)
        walk = columns(walk_over(study(seed=seed), source, frozen), drawn.astype(float))
        erred += "confirmed" in walk.decisions
        shares.append(walk.state.path[-1].n_texts.mean() / (2 * n))
    assert erred <= 2
    assert np.mean(shares) < 0.9


def test_the_order_follows_from_the_seed_and_not_from_the_rows() -> None:
    source = texts(*[(f"a{i // 2}", "A") for i in range(40)], *[(f"b{i}", "B") for i in range(30)])
    shuffled = source.sample(fraction=1, shuffle=True, seed=1)
    frozen = [predicate("x")]

    def batches(asked: Study, of: pl.DataFrame) -> list[set[str]]:
        return [set(of["text_id"][rows]) for rows in walk_over(asked, of, frozen).batches]

    first = batches(study(), source)
    assert first == batches(study(), shuffled)
    assert first != batches(study(seed=1), source)
    assert set.union(*first) == set(source["text_id"])
    assert sum(map(len, first)) == source.height


def test_documents_of_several_texts_stay_whole() -> None:
    source = texts(
        *[(f"a{i // 7}", "A") for i in range(140)],
        *[(f"b{i // 3}", "B") for i in range(150)],
        *[(f"c{i // 4}", "AB"[i % 2]) for i in range(40)],
    )
    walk = walk_over(study(), source, [predicate("x")])
    found = pl.concat(
        [source[rows].select("document_id", "group", batch=pl.lit(i)) for i, rows in enumerate(walk.batches)]
    )
    assert found.group_by("document_id").agg(pl.col("batch").n_unique())["batch"].max() == 1
    assert found.group_by("batch").agg(pl.col("group").n_unique())["group"].min() == 2
    *sizes, _ = map(len, walk.batches)
    assert min(sizes) >= 20 and max(sizes) <= 50
    decided = columns(walk, np.where(source["group"] == "A", 1.0, 0.0)[:, None])
    assert decided.decisions == ["confirmed"]
    assert decided.state.path[-1].n_texts[0] < source.height


def test_a_group_of_one_document_is_judged_whole_and_decides_nothing() -> None:
    source = texts(*[("a", "A")] * 50, *[(f"b{i}", "B") for i in range(60)])
    walk = columns(
        walk_over(study(), source, [predicate("x")]), np.where(source["group"] == "A", 1.0, 0.0)[:, None]
    )
    assert len(walk.batches) == 1
    assert walk.decisions == ["undecided"]
    matrix = np.where(source["group"] == "A", 1.0, 0.0)[:, None]
    status = np.zeros(matrix.shape, dtype=np.uint8)
    start = walk_over(study(), source, [predicate("x")])
    (s,) = score.score_judged(Judged(study(), source, [predicate("x")], matrix, status), start).scores
    assert (s.decision, s.is_discovery, s.validity, s.method) == (
        "undecided",
        False,
        1.0,
        "betting+cluster_score",
    )


def scored(
    matrix: np.ndarray, status: np.ndarray, source: pl.DataFrame, frozen: list[Predicate], **blocks: Any
) -> tuple[Walk, list[Any]]:
    """What a walk asks of these verdicts, and what score makes of that."""
    asked = study(**blocks)
    walk = columns(walk_over(asked, source, frozen), matrix, status)
    n_looks = np.array([sum(taken[k] for taken in walk._taken) for k in range(len(frozen))])
    seen = np.zeros(matrix.shape, dtype=bool)
    for look, rows in enumerate(walk.batches):
        seen[rows] = look < n_looks
    left, gaps = np.where(seen, matrix, np.nan), np.where(seen, status, roles.ABSENT).astype(np.uint8)
    again = walk_over(asked, source, frozen, asked.score.level)
    return walk, score.score_judged(Judged(asked, source, frozen, left, gaps), again).scores


def drawn(n: int, share_a: Sequence[float], share_b: Sequence[float]) -> tuple[pl.DataFrame, np.ndarray]:
    source = texts(*[(f"a{i}", "A") for i in range(n)], *[(f"b{i}", "B") for i in range(n)])
    share = np.where((source["group"] == "A").to_numpy()[:, None], share_a, share_b)
    return source, (np.random.default_rng(0).random(share.shape) < share).astype(float)


def test_score_takes_the_walk_of_verify() -> None:
    source, matrix = drawn(500, [0.5, 0.3, 0.2, 0.05], [0.1, 0.3, 0.1, 0.05])
    matrix[::7, 1] = np.nan
    status = np.where(np.isnan(matrix), roles.REFUSAL, roles.VALUE).astype(np.uint8)
    frozen = [predicate(name) for name in "wxyz"]
    walk, rows = scored(matrix, status, source, frozen)
    look = walk.state.path[-1]
    assert [row.decision for row in rows] == walk.decisions
    assert walk.decisions[0] == "confirmed"
    assert [row.validity for row in rows] == look.estimate.tolist()
    assert [row.q for row in rows] == look.q.tolist()
    asked = [row.n_a + row.n_b + row.n_refused for row in rows]
    assert asked == look.n_texts.tolist()
    assert rows[1].n_refused > 0 and rows[1].n_absent == source.height - asked[1]


def test_a_predicate_judged_on_every_text_has_the_interval_of_the_last_look() -> None:
    source, matrix = drawn(100, [0.5, 0.35], [0.1, 0.25])
    frozen = [predicate("x"), predicate("y")]
    walk, (early, late) = scored(matrix, np.zeros(matrix.shape, dtype=np.uint8), source, frozen)
    assert (early.method, early.decision) == ("betting", "confirmed")
    assert (late.method, late.decision) == ("betting+fisher_mn", "undecided")
    of = Judged(study(), source, frozen[1:], matrix[:, 1:], np.zeros((200, 1), dtype=np.uint8))
    fixed = estimates(of, 0.975)
    look = walk.state.path[-1]
    wanted = difference_ci_last_look(look.lo[1:], look.hi[1:], fixed["lo"].to_numpy(), fixed["hi"].to_numpy())
    assert (late.lo, late.hi) == (wanted[0][0], wanted[1][0])
    assert late.hi - late.lo < look.hi[1] - look.lo[1]
    assert (early.lo, early.hi) == (look.lo[0], look.hi[0])
    path = walk.path(np.array([early.lo, late.lo]), np.array([early.hi, late.hi]))
    *before, end = path.filter(pl.col("predicate_id") == "y").select("lo", "hi").rows()
    assert end == (late.lo, late.hi)
    assert before == [(seen.lo[1], seen.hi[1]) for seen in walk.state.path[:-1]]


def test_missing_verdicts_make_a_discovery_fragile() -> None:
    source, matrix = drawn(300, [0.35, 0.35], [0.05, 0.05])
    status = np.zeros(matrix.shape, dtype=np.uint8)
    gone = np.random.default_rng(1).random(600) < 0.18
    matrix[gone, 1], status[gone, 1] = np.nan, roles.UNPARSABLE
    _, (whole, holed) = scored(matrix, status, source, [predicate("x"), predicate("y")])
    assert (whole.decision, whole.fragile) == ("confirmed", False)
    assert (holed.decision, holed.fragile, holed.is_discovery) == ("confirmed", True, True)
    assert holed.missing_lo < holed.validity < holed.missing_hi


def test_what_a_walk_confirmed_leads_its_group() -> None:
    """It stopped early and has the wider interval: distance from zero alone would not put it first."""
    rule = {"alpha": 0.05, "min_effect": 0.3}
    source, matrix = drawn(300, [0.6], [0.0])
    kept = np.random.default_rng(2).random(600) < 0.48
    both = np.column_stack([matrix[:, 0] * kept, matrix[:, 0]])
    blocks = {"verify": {"plan": "sequential", "sequential": {**rule, "look_every": 10}}, "score": rule}
    gaps = np.zeros(both.shape, dtype=np.uint8)
    _, (late, early) = scored(both, gaps, source, [predicate("late"), predicate("early")], **blocks)
    assert (late.decision, early.decision) == ("curtailed", "confirmed")
    assert late.lo > early.lo
    assert late.group_id == early.group_id == "early"


def test_pairs_that_nobody_was_asked_about_are_not_missing() -> None:
    source, matrix = drawn(400, [0.5], [0.1])
    status = np.where(np.random.default_rng(1).random(matrix.shape) < 0.5, roles.ABSENT, roles.VALUE)
    matrix[status == roles.ABSENT] = np.nan
    walk = columns(walk_over(study(), source, [predicate("x")]), matrix, status.astype(np.uint8))
    look = walk.state.path[-1]
    assert walk.decisions == ["confirmed"] and not look.fragile[0]
    taken = np.concatenate(walk.batches[: walk.n_looks])
    assert look.n_texts[0] == (status[taken] == roles.VALUE).sum() < taken.size


def test_at_the_end_what_was_seen_is_all_there_is() -> None:
    """An estimate just over the minimum is confirmed once no more texts come, though verdicts are missing."""
    rule = {"alpha": 0.05, "min_effect": 0.3}
    source = texts(*[(f"a{i}", "A") for i in range(200)], *[(f"b{i}", "B") for i in range(200)])
    blocks = {"verify": {"plan": "sequential", "sequential": {**rule, "look_every": 400}}, "score": rule}
    walk = walk_over(study(**blocks), source, [predicate("x")])
    in_a, matrix = (source["group"] == "A").to_numpy(), np.zeros((400, 1))
    matrix[np.flatnonzero(in_a)[:31]] = 1
    status = np.zeros((400, 1), dtype=np.uint8)
    beyond = np.isin(walk.block, walk.block[np.flatnonzero(in_a)[100:]])
    matrix[beyond], status[beyond] = np.nan, roles.REFUSAL
    walk.take(matrix[walk.batches[0]], status[walk.batches[0]])
    assert walk.state.path[-1].estimate[0] == pytest.approx(0.31)
    assert walk.decisions == ["confirmed"]


def test_scores_count_from_the_threshold_on_as_in_the_fixed_plan() -> None:
    source, matrix = drawn(300, [0.5], [0.1])
    gaps = np.zeros(matrix.shape, dtype=np.uint8)
    (_, whole), (_, graded) = (
        scored(values, gaps, source, [predicate("x")]) for values in (matrix, 0.45 + 0.1 * matrix)
    )
    assert whole == graded


def test_bets_are_exact_where_blocks_are_two_texts_with_verdicts_of_0_or_1() -> None:
    single, _ = drawn(20, [0.5], [0.5])
    several = texts(*[(f"a{i // 2}", "A") for i in range(20)], *[(f"b{i}", "B") for i in range(20)])
    graded = dataclasses.replace(predicate("x"), threshold=None)

    def resolution(source: pl.DataFrame, frozen: Predicate) -> int:
        return walk_over(study(), source, [frozen]).state.resolution

    assert resolution(single, predicate("x")) == 1
    assert resolution(several, predicate("x")) == resolution(single, graded) == 20


def test_recorded_verdicts_are_walked(project: Project) -> None:
    project.table("recorded.parquet", recorded_rows(400))
    project.params(news={**REPLAY, **SEQUENTIAL})
    project.run("news", *BEFORE, "verify", "score")
    found = {row["predicate"]: row for row in scores().to_dicts()}
    assert found["holds more in A"]["decision"] == "confirmed"
    assert not found["holds alike"]["is_discovery"]
    judged = frames.read_manifest(folder("verify"))
    asked = sum(row["n_a"] + row["n_b"] for row in found.values())
    assert judged["n_asked"] == asked < 0.7 * judged["n_grid"]


def test_predicates_frozen_for_the_other_plan_are_refused(walked: Project) -> None:
    frozen = frames.read(folder("formalise"), "predicates.parquet", frames.PREDICATES)
    assert set(frozen["planned_test"]) == {"sequential_betting"}
    walked.run("news", "verify")
    walked.params(news=PAIR_STUDY)
    for stage in ("verify", "score"):
        with pytest.raises(FrozenError, match="Rerun formalise"):
            walked.run("news", stage)
    walked.run("news", "formalise", "verify")
    walked.params(news={**PAIR_STUDY, **SEQUENTIAL})
    for stage in ("verify", "score"):
        with pytest.raises(FrozenError, match="got the planned test fisher_mn"):
            walked.run("news", stage)


def test_another_rule_than_verifys_is_refused(walked: Project) -> None:
    walked.run("news", "verify")
    laxer = {
        "verify": {"plan": "sequential", "sequential": {"alpha": 0.2, "min_effect": 0.05, "look_every": 32}}
    }
    walked.params(news={**PAIR_STUDY, **laxer, "score": {"alpha": 0.2, "min_effect": 0.05}})
    with pytest.raises(FrozenError, match="Rerun verify"):
        walked.run("news", "score")


def test_verdicts_beyond_the_walk_are_refused() -> None:
    source, matrix = drawn(300, [0.6], [0.1])
    with pytest.raises(FrozenError, match="did not ask for"):
        walk_over(study(), source, [predicate("x")]).replay(matrix, np.zeros(matrix.shape, dtype=np.uint8))


@pytest.mark.parametrize("told", [{"alpha": 0.1}, {"min_effect": 0.2}])
def test_the_walk_and_the_score_have_one_rule(project: Project, told: dict[str, float]) -> None:
    project.params(news={**PAIR_STUDY, **SEQUENTIAL, "score": {**RULE, **told}})
    with pytest.raises(ParamsError, match=r"as under score"):
        load("news")


def test_a_fixed_plan_says_nothing_of_walks(planted: Project, all_shuffles: None) -> None:
    planted.run("news", *BEFORE, "verify", "score")
    assert not (folder("score") / "paths.parquet").exists()
    assert set(scores()["decision"]) == {"fixed"}
    assert scores()["e_value"].null_count() == scores().height
    manifests = {
        stage: json.loads((folder(stage) / "manifest.json").read_text()) for stage in ("verify", "score")
    }
    assert not {"plan", "n_asked", "n_judged", "decisions"} & {*manifests["verify"], *manifests["score"]}
    assert manifests["score"]["null_shuffles"] == 100


@pytest.mark.parametrize(
    ("direction", "bounds", "wanted"),
    [
        ("A", (0.05 - 1e-17, 0.05 - 1e-17), False),
        ("A", (0.06, 0.2), False),
        ("A", (0.04, 0.2), True),
        ("A", (-0.1, 0.3), True),
        ("B", (-0.3, -0.06), False),
        ("B", (-0.3, -0.04), True),
    ],
)
def test_a_fixed_discovery_is_fragile_where_missing_verdicts_could_undo_it(
    direction: str, bounds: tuple[float, float], wanted: bool
) -> None:
    from tasks.study.params import ScoreParams
    from tests.spec.test_score import estimate

    bounded = estimate(0.001).with_columns(missing_lo=bounds[0], missing_hi=bounds[1])
    found = is_fragile(bounded, np.array([direction == "A"]), ScoreParams(min_effect=0.05))
    assert found.tolist() == [wanted]


def test_a_predicate_recorded_in_one_group_only_stays_undecided(project: Project) -> None:
    rows = recorded_rows(200)
    one_sided = [{**row, "predicate": "told of A alone"} for row in rows if row["corpus"] == "A"]
    project.table("recorded.parquet", [*rows, *one_sided[::2]])
    project.params(news={**REPLAY, **SEQUENTIAL})
    project.run("news")
    (found,) = scores().filter(pl.col("predicate") == "told of A alone").to_dicts()
    assert (found["decision"], found["n_b"], found["e_value"], found["p"]) == ("undecided", 0, 1, 1)
    assert found["validity"] is None and (found["lo"], found["hi"]) == (-1, 1)
