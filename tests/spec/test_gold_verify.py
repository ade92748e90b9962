"""Gold verdicts in verify: who is drawn, what is asked, and a walk that bets on corrected verdicts."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import kinds, paths
from tasks.engines import roles
from tasks.engines.llm.judging import LlmJudge
from tasks.errors import EngineError, FrozenError
from tasks.records import Predicate
from tasks.stats.sequential import Look
from tasks.store import frames
from tasks.study import Study, load
from tasks.verdicts import gold_draw
from tasks.verdicts.matrices import GoldVerdicts
from tasks.verdicts.planned import check_plan, planned
from tasks.verdicts.walk import Walk, walk_over
from tasks.verify import stage as verify
from tests.conftest import PAIR_STUDY, Project, pair
from tests.engines.test_replay import REPLAY, recorded_rows
from tests.spec.test_score import held_out as texts_of
from tests.spec.test_sequential_plan import SEQUENTIAL, columns, drawn
from tests.spec.test_two_text import texts
from tests.spec.test_verify import predicate

KIND = kinds.load("corpus_pair")
GOLD = {"llm": {"gold": {"model": "better"}}}
DECIDES = {**SEQUENTIAL, **GOLD, "gold": {"texts": 100, "decides": True}}


def study(**blocks: Any) -> Study:
    return Study.model_validate({"name": "news", **PAIR_STUDY, **blocks})


def two_groups(n_a: int, n_b: int) -> pl.DataFrame:
    return texts(*[(f"a{i}", "A") for i in range(n_a)], *[(f"b{i}", "B") for i in range(n_b)])


class Told:
    """A gold judge that knows, refuses some and remembers what it was asked."""

    name = "told/1"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def judge_pairs(
        self, predicates: Sequence[Predicate], texts: pl.DataFrame, wanted: np.ndarray
    ) -> roles.Judgements:
        score, status = np.full(wanted.shape, np.nan), np.full(wanted.shape, roles.ABSENT, dtype=np.uint8)
        for row, column in np.argwhere(wanted):
            text_id = texts["text_id"][int(row)]
            self.asked.append((predicates[column].predicate_id, text_id))
            refuses = text_id.startswith(("0", "1"))
            status[row, column] = roles.REFUSAL if refuses else roles.VALUE
            score[row, column] = np.nan if refuses else float(said(text_id))
        return roles.Judgements(score, status)


def said(text_id: str) -> bool:
    return int(text_id[-1], 16) < 8


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    found = Told()
    monkeypatch.setattr(roles, "gold_judge", lambda study: found)
    return found


def gold_rows() -> pl.DataFrame:
    return frames.read(paths.output("news", "verify"), "gold.parquet", frames.GOLD)


def verdicts() -> pl.DataFrame:
    return frames.scan_verdicts(paths.output("news", "verify")).collect()


def manifest() -> dict[str, Any]:
    return frames.read_manifest(paths.output("news", "verify"))


def test_chances_are_one_of_a_whole_number_and_each_group_has_its_own() -> None:
    source = two_groups(1000, 350)
    chance = gold_draw.chances(source, 100)
    in_a = (source["group"] == "A").to_numpy()
    assert set(chance[in_a]) == {1 / 10} and set(chance[~in_a]) == {1 / 3}
    assert set(gold_draw.chances(source, 400)) == {1 / 2, 1.0}
    assert gold_draw.largest_weight(source, 100) == 10


def test_texts_are_drawn_by_themselves() -> None:
    source = two_groups(2000, 2000)
    chance = gold_draw.chances(source, 200)
    found = gold_draw.are_drawn(source, chance, seed=0)
    n_a = found[(source["group"] == "A").to_numpy()].sum()
    assert abs(n_a - 200) < 4 * np.sqrt(200 * 0.9)
    order = np.random.default_rng(0).permutation(source.height)
    assert (gold_draw.are_drawn(source[order], chance[order], seed=0) == found[order]).all()
    assert (gold_draw.are_drawn(source[:30], chance[:30], seed=0) == found[:30]).all()
    assert (gold_draw.are_drawn(source, chance, seed=1) != found).any()


def test_pairs_of_which_the_judge_is_unsure_are_drawn_more_often() -> None:
    source = two_groups(1000, 1000)
    rng = np.random.default_rng(0)
    score = np.column_stack([np.where(rng.random(2000) < 0.2, 0.5, 0.01), rng.random(2000)])
    score[:100, 1] = np.nan
    chance = gold_draw.chances_uncertain(source, 100, score)
    in_a = (source["group"] == "A").to_numpy()
    assert np.allclose([chance[side].sum(axis=0) for side in (in_a, ~in_a)], 100)
    assert (chance[score[:, 0] == 0.5, 0] > 2 * chance[score[:, 0] == 0.01, 0].max()).all()
    assert (chance[:100, 1] == 0).all() and (chance[:, 0] > 0).all()
    found = gold_draw.are_pairs_drawn(source, chance, 0, ["x", "y"])
    assert not found[:100, 1].any()
    assert np.all(np.abs(found.sum(axis=0) - 200) < 60)
    assert (gold_draw.are_pairs_drawn(source[:50], chance[:50], 0, ["x", "y"]) == found[:50]).all()


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_the_gold_judge_is_asked_about_the_texts_that_are_drawn(
    plan: str, planted: Project, told: Told
) -> None:
    blocks = {**(SEQUENTIAL if plan == "sequential" else {}), **GOLD, "gold": {"texts": 40}}
    planted.params(news={**PAIR_STUDY, **blocks})
    planted.run("news", *paths.STAGES[:5])
    rows, judged = gold_rows(), verdicts().filter(pl.col("status") == "value")
    held_out = KIND.units(
        load("news"), frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    )
    chance = gold_draw.chances(held_out, 40)
    chosen = held_out.with_columns(chance=chance).filter(pl.Series(gold_draw.are_drawn(held_out, chance, 0)))
    wanted = judged.join(chosen.select("text_id", "chance"), on="text_id")
    both = rows.join(wanted, on=["predicate_id", "text_id"], suffix="_wanted")
    assert both.height == wanted.height == rows.height > 40
    assert both["chance"].equals(both["chance_wanted"].alias("chance"))
    assert rows.sort("predicate_id", "text_id").equals(rows)
    assert sorted(told.asked) == sorted(rows.select("predicate_id", "text_id").rows()), (
        "and nobody else, once"
    )
    known = rows.filter(pl.col("status") == "value")
    assert known["score"].to_list() == [float(said(text_id)) for text_id in known["text_id"]]
    refused = rows.filter(pl.col("status") == "refusal")
    assert (
        refused.height == rows.height - known.height > 0 and refused["score"].null_count() == refused.height
    )
    assert manifest()["gold"] == {
        "judge": "told/1",
        "texts": 40,
        "choose": "random",
        "n_asked": rows.height,
        "n_refused": refused.height,
        "n_gold_texts": rows["text_id"].n_unique(),
    }


@pytest.mark.parametrize("choose", ["random", "uncertain"])
def test_shards_and_a_killed_run_change_nothing(choose: str, project: Project, told: Told) -> None:
    graded = [{**row, "score": 0.3 + 0.4 * float(row["score"])} for row in recorded_rows(300)]  # type: ignore[arg-type]
    project.table("recorded.parquet", graded)
    blocks = {**REPLAY, **GOLD, "gold": {"texts": 30, "choose": choose}}
    project.params(news=blocks)
    project.run("news", *paths.STAGES[:5])
    whole, n_asked, figures = gold_rows(), len(told.asked), manifest()["gold"]
    assert n_asked == whole.height > 60
    told.asked.clear()
    project.params(news={**blocks, "verify": {"shard_size": 64}})
    project.run("news", "formalise")
    asked, n_shards = load("news"), verify.shards(load("news"))
    assert n_shards > 3
    for shard in (2, 0):
        verify.run_shard(asked, shard)
    verify._planned.cache_clear()  # another process goes on
    for shard in range(n_shards):
        verify.run_shard(asked, shard)
    verify.finish(asked)
    assert gold_rows().equals(whole) and manifest()["gold"] == figures
    assert len(told.asked) == n_asked, "nobody is asked twice"
    assert {0.0} < set(whole["chance"]) | {0.0} and whole["chance"].max() <= 1


def test_what_was_never_recorded_is_not_put_to_the_gold_judge(project: Project, told: Told) -> None:
    project.table("recorded.parquet", recorded_rows(200))
    project.params(news={**REPLAY, **GOLD, "gold": {"texts": 50}})
    project.run("news", *paths.STAGES[:5])
    judged = verdicts().join(gold_rows(), on=["predicate_id", "text_id"], how="semi")
    assert set(judged["status"]) == {"value"}
    assert verdicts().filter(pl.col("status") == "absent").height > 0


def test_a_killed_walk_asks_the_gold_judge_nothing_twice(
    planted: Project, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.table("news.parquet", pair(400, 0.3, 0.0))
    planted.params(news={**PAIR_STUDY, **DECIDES, "gold": {"texts": 150, "decides": True}})
    planted.run("news", *paths.STAGES[:5])
    whole, folder = gold_rows(), paths.output("news", "verify")
    files, n_asked = {f.name: f.read_bytes() for f in folder.iterdir()}, len(told.asked)
    told.asked.clear()
    with monkeypatch.context() as broken:
        breaking(broken, at=4)
        with pytest.raises(EngineError, match="the line is cut"):
            planted.run("news", "verify")
    planted.run("news", "verify")
    assert gold_rows().equals(whole) and len(told.asked) == n_asked
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == files


def breaking(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The gold judge fails when it is asked for that time."""
    judge, calls = Told.judge_pairs, []

    def breaks(self: Told, *asked: Any) -> roles.Judgements:
        calls.append(1)
        if len(calls) == at:
            raise EngineError("the line is cut.")
        return judge(self, *asked)

    monkeypatch.setattr(Told, "judge_pairs", breaks)


def test_a_run_that_is_killed_where_the_judge_was_unsure_asks_nothing_twice(
    project: Project, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.table("recorded.parquet", recorded_rows(300))
    gold = {"texts": 30, "choose": "uncertain"}
    project.params(news={**REPLAY, **GOLD, "gold": gold, "verify": {"shard_size": 64}})
    project.run("news", *paths.STAGES[:4])
    with monkeypatch.context() as broken:
        breaking(broken, at=3)
        with pytest.raises(EngineError, match="the line is cut"):
            project.run("news", "verify")
    project.run("news", "verify")
    assert len(told.asked) == len(set(told.asked)) == gold_rows().height > 0


def matrices_of(asked: Study, source: pl.DataFrame, truth: np.ndarray, every: bool = False) -> GoldVerdicts:
    """What the gold judge says of the texts that this study draws, or of every text."""
    chance = gold_draw.chances(source, asked.gold.texts)
    is_drawn = (
        np.ones(source.height, dtype=bool) if every else gold_draw.are_drawn(source, chance, asked.seed)
    )
    both = np.broadcast_to(is_drawn[:, None], truth.shape)
    whole = np.broadcast_to((np.ones_like(chance) if every else chance)[:, None], truth.shape)
    return GoldVerdicts(np.where(both, truth, np.nan), np.where(both, whole, 1.0), both)


def walked(walk: Walk, cheap: np.ndarray, gold: GoldVerdicts, status: np.ndarray | None = None) -> Look:
    """To its end, as verify takes it."""
    known = np.zeros(cheap.shape, dtype=np.uint8) if status is None else status
    while walk.going.any():
        rows = walk.batches[walk.n_looks]
        walk.take(cheap[rows], known[rows], gold.at(rows))
    return walk.looks[-1]


def test_a_walk_that_asks_gold_about_every_text_is_that_of_the_gold_verdicts() -> None:
    source, truth = drawn(400, [0.5, 0.3, 0.2], [0.1, 0.3, 0.1])
    cheap = 1 - truth
    frozen = [predicate(name) for name in "xyz"]
    asked = study(**{**DECIDES, "gold": {"texts": 400, "decides": True}})
    walk = walk_over(asked, source, frozen)
    found = walked(walk, cheap, matrices_of(asked, source, truth, every=True))
    plain = columns(walk_over(study(**SEQUENTIAL), source, frozen), truth)
    assert walk.decisions == plain.decisions and walk.n_looks == plain.n_looks
    for name in ("estimate", "lo", "hi", "log_e", "q", "n_texts"):
        assert getattr(found, name) == pytest.approx(getattr(plain.looks[-1], name))


def judged_wrongly(
    n: int, share_a: Sequence[float], share_b: Sequence[float], wrong_b: float, seed: int = 0
) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Texts, what is true of them, and what a judge says who takes some texts of B for what they are not."""
    source, truth = drawn(n, share_a, share_b)
    rng = np.random.default_rng([seed, 1])
    in_b = (source["group"] == "B").to_numpy()[:, None]
    return source, truth, np.where(in_b & (rng.random(truth.shape) < wrong_b), 1.0, truth)


def test_a_judge_that_errs_in_one_group_is_corrected_in_units_of_validity() -> None:
    source, truth, cheap = judged_wrongly(2000, [0.6, 0.2], [0.2, 0.2], wrong_b=0.3)
    asked, frozen = (
        study(**{**DECIDES, "gold": {"texts": 500, "decides": True}}),
        [predicate("x"), predicate("y")],
    )
    told_wrong = columns(walk_over(study(**SEQUENTIAL), source, [frozen[0], _towards_b(frozen[1])]), cheap)
    assert told_wrong.decisions[1] == "confirmed", "the judge alone says that B has more"
    walk = walk_over(asked, source, [frozen[0], _towards_b(frozen[1])])
    look = walked(walk, cheap, matrices_of(asked, source, truth))
    assert walk.decisions[0] == "confirmed" and walk.decisions[1] != "confirmed"
    seen = np.concatenate(walk.batches[: walk.n_looks])
    in_a = (source["group"] == "A").to_numpy()[seen]
    for column in range(2):
        of = truth[seen, column]
        at_most = np.isin(np.arange(seen.size), np.arange(look.n_texts[column]))
        real = of[in_a & at_most].mean() - of[~in_a & at_most].mean()
        assert look.lo[column] <= real <= look.hi[column]
        assert look.lo[column] <= look.estimate[column] <= look.hi[column]
    assert look.estimate[0] == pytest.approx(0.4, abs=0.2)


def _towards_b(frozen: Predicate) -> Predicate:
    return dataclasses.replace(frozen, direction="B")


def test_corrected_verdicts_are_right_on_average_over_the_draw() -> None:
    source, truth, cheap = judged_wrongly(200, [0.5], [0.2], wrong_b=0.4)
    estimates = []
    for seed in range(300):
        asked = study(seed=seed, **{**DECIDES, "gold": {"texts": 50, "decides": True}})
        walk = walk_over(asked, source, [predicate("x")])
        scale, rows = walk._scale, matrices_of(asked, source, truth)
        value = 1 - 4 + scale.width * scale.scores(cheap, rows, None, np.zeros_like(cheap))
        in_a = (source["group"] == "A").to_numpy()
        estimates.append(value[in_a].mean() - value[~in_a].mean())
    in_a = (source["group"] == "A").to_numpy()
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(truth[in_a].mean() - truth[~in_a].mean(), abs=3 * error)
    assert error < 0.01


def test_what_the_gold_judge_refuses_speaks_against_and_widens_the_other_end() -> None:
    source, truth = drawn(400, [0.6, 0.1], [0.1, 0.6])
    asked, frozen = study(**DECIDES), [predicate("x"), _towards_b(predicate("y"))]
    in_a = (source["group"] == "A").to_numpy()[:, None]
    said = matrices_of(asked, source, truth)
    lost = said.asked & (np.random.default_rng(4).random(truth.shape) < 0.3)
    looks = {}
    for name, instead in {
        "refused": np.full(truth.shape, np.nan),
        "worst of A": np.where(in_a, 0.0, 1.0) * np.ones((1, 2)),
        "best of A": np.where(in_a, 1.0, 0.0) * np.ones((1, 2)),
    }.items():
        walk = walk_over(asked, source, frozen)
        walked(walk, truth, dataclasses.replace(said, score=np.where(lost, instead, said.score)))
        looks[name] = walk.looks
    # What is decided in one of them goes on in another.
    n = min(sum(not look.status.any() for look in of) for of in looks.values())
    assert n > 2
    for refused, worst, best in zip(*(of[:n] for of in looks.values()), strict=True):
        # The first predicate is said to hold more in A, the second in B.
        for name in ("estimate", "log_e"):
            assert getattr(refused, name)[0] == getattr(worst, name)[0]
            assert getattr(refused, name)[1] == getattr(best, name)[1]
        assert refused.lo == pytest.approx(np.minimum(worst.lo, best.lo))
        assert refused.hi == pytest.approx(np.maximum(worst.hi, best.hi))
    assert looks["refused"][n - 1].hi[0] > looks["worst of A"][n - 1].hi[0] + 0.05


def test_what_was_refused_is_hoped_for_as_long_as_the_walk_goes_and_where_it_is_ended() -> None:
    source, truth = drawn(600, [0.9], [0.1])
    asked = study(**DECIDES)
    said = matrices_of(asked, source, truth)
    lost = np.random.default_rng(4).random(truth.shape) < 0.35
    holed = dataclasses.replace(said, score=np.where(lost, np.nan, said.score))
    in_a = (source["group"] == "A").to_numpy()[:, None]
    best = dataclasses.replace(said, score=np.where(lost & said.asked, in_a * 1.0, said.score))
    hoped = walk_over(asked, source, [predicate("x")])
    walked(hoped, truth, best)
    walk, cut = (walk_over(asked, source, [predicate("x")]) for _ in range(2))
    walked(walk, truth, holed)
    assert hoped.decisions == ["confirmed"] and walk.n_looks > hoped.n_looks, "with hope it would have ended"
    assert walk._hopeful is not None
    assert walk._hopeful.path[-1].n_texts == walk.looks[-1].n_texts, "hope decides nothing"
    values = np.zeros(truth.shape, dtype=np.uint8)
    for rows in cut.batches[:5]:
        cut.take(truth[rows], values[rows], holed.at(rows))
    cut.stop()
    assert len(cut.looks) == 5
    assert cut.looks[-1].hi == pytest.approx(walk.looks[4].hi) and cut.looks[-1].lo == walk.looks[4].lo


def test_a_gold_judge_who_always_refuses_confirms_nothing() -> None:
    source, truth = drawn(400, [0.6], [0.1])
    asked = study(**DECIDES)
    walk = walk_over(asked, source, [predicate("x")])
    walked(walk, truth, matrices_of(asked, source, np.full(truth.shape, np.nan)))
    assert walk.decisions != ["confirmed"]
    plain = columns(walk_over(study(**SEQUENTIAL), source, [predicate("x")]), truth)
    assert plain.decisions == ["confirmed"], "the judge alone has no doubt"


def test_missing_verdicts_of_the_judge_make_a_corrected_discovery_fragile_only_if_they_matter() -> None:
    source, truth = drawn(1000, [0.7, 0.7, 0.7], [0.1, 0.1, 0.1])
    status = np.zeros(truth.shape, dtype=np.uint8)
    rng = np.random.default_rng(3)
    for column, share in enumerate((0.02, 0.06, 0.45)):
        status[rng.random(2000) < share, column] = roles.REFUSAL
    cheap = np.where(status == roles.VALUE, truth, np.nan)
    asked = study(**{**DECIDES, "gold": {"texts": 500, "decides": True}})
    walk = walk_over(asked, source, [predicate(name) for name in "xyz"])
    look = walked(walk, cheap, matrices_of(asked, source, truth), status)
    assert walk.decisions == ["confirmed"] * 3
    assert look.fragile.tolist() == [False, False, True]


def test_nothing_is_confirmed_where_the_gold_judge_finds_nothing() -> None:
    """Forty studies of six predicates; the judge alone finds every one of them in B."""
    n, erred = 300, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        source = two_groups(n, n)
        in_b = (source["group"] == "B").to_numpy()[:, None]
        truth = (rng.random((2 * n, 6)) < np.linspace(0.05, 0.6, 6)).astype(float)
        cheap = np.where(in_b & (rng.random(truth.shape) < 0.4), 1.0, truth)
        asked = study(seed=seed, **{**DECIDES, "gold": {"texts": 100, "decides": True}})
        walk = walk_over(asked, source, [_towards_b(predicate(f"p{k}")) for k in range(6)])
        walked(walk, cheap, matrices_of(asked, source, truth))
        erred += "confirmed" in walk.decisions
    assert erred <= 2


def test_a_walk_that_was_ended_is_replayed_to_where_it_was() -> None:
    source, matrix = drawn(300, [0.4, 0.3], [0.1, 0.25])
    frozen = [predicate("x"), predicate("y")]
    walk = walk_over(study(**SEQUENTIAL), source, frozen)
    status = np.full(matrix.shape, roles.ABSENT, dtype=np.uint8)
    for _ in range(3):
        rows = walk.batches[walk.n_looks]
        status[np.ix_(rows, np.flatnonzero(walk.going))] = roles.VALUE
        walk.take(matrix[rows], status[rows])
    assert walk.going.any()
    walk.stop()
    assert not walk.going.any() and walk.n_looks == len(walk.looks) == 3
    again = walk_over(study(**SEQUENTIAL), source, frozen)
    left = np.where(status == roles.VALUE, matrix, np.nan)
    again.replay(left, status, n_looks=3)
    assert again.decisions == walk.decisions and again.n_looks == 3
    assert (again.looks[-1].estimate == walk.looks[-1].estimate).all()
    with pytest.raises(FrozenError, match="did not ask for"):
        walk_over(study(**SEQUENTIAL), source, frozen).replay(left, status, n_looks=2)


def test_a_walk_that_gold_decides_wants_its_gold_verdicts() -> None:
    source, matrix = drawn(200, [0.5], [0.1])
    asked = study(**{**DECIDES, "gold": {"texts": 50, "decides": True}})
    gaps = np.zeros(matrix.shape, dtype=np.uint8)
    with pytest.raises(FrozenError, match="there are none"):
        walk_over(asked, source, [predicate("x")]).replay(matrix, gaps)
    rare = dataclasses.replace(matrices_of(asked, source, matrix), chance=np.full(matrix.shape, 0.01))
    with pytest.raises(FrozenError, match=r"chances of at least 0\.25, got 0\.01"):
        walk_over(asked, source, [predicate("x")]).replay(matrix, gaps, rare)
    walk_over(asked, source, [predicate("x")], weight=100.0).replay(
        np.full(matrix.shape, np.nan), np.full_like(gaps, roles.REFUSAL), rare
    )


def test_a_walk_bets_on_the_labels_of_people_where_they_decide(planted: Project) -> None:
    planted.table("news.parquet", pair(600, 0.3, 0.0))
    blocks = {**PAIR_STUDY, **SEQUENTIAL}
    planted.params(news={**blocks, "labels": "news.csv", "gold": {"decides": True}})
    planted.run("news", *paths.STAGES[:4])
    source = frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    held_out = KIND.units(load("news"), source)
    frozen = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    halves = held_out.filter(pl.Series(gold_draw.are_drawn(held_out, np.full(held_out.height, 0.5), 0)))
    pairs = halves.join(frozen, how="cross").with_columns(chance=0.5, verdict=0)
    paths.labels().mkdir(parents=True, exist_ok=True)
    pairs.select("predicate_id", "text_id", "chance", "verdict").write_csv(paths.labels() / "news.csv")
    planted.run("news", "verify")
    of_none = manifest()["decisions"]
    assert of_none["confirmed"] == 0 and "gold" not in manifest()
    planted.run("news", "score")
    covid = pl.col("predicate").str.contains("covid") & pl.col("text").str.contains("covid")
    true = pairs.with_columns(verdict=covid.cast(pl.Int64))
    true.select("predicate_id", "text_id", "chance", "verdict").write_csv(paths.labels() / "news.csv")
    with pytest.raises(FrozenError, match=r"labels that decided where its walk stopped.*Rerun verify"):
        planted.run("news", "score")
    planted.run("news", "verify")
    assert manifest()["decisions"]["confirmed"] > 0, "other labels are another run"
    planted.run("news", "score")
    scored = frames.read_manifest(paths.output("news", "score"))
    assert scored["decisions"] == manifest()["decisions"]
    # What no one ever labelled in a group is not found, however many labels there are of the other.
    some = true.join(held_out.select("text_id", of="group"), on="text_id").filter(pl.col("of") == "A")
    some.select("predicate_id", "text_id", "chance", "verdict").write_csv(paths.labels() / "news.csv")
    planted.run("news", "verify", "score")
    assert manifest()["decisions"]["undecided"] == frozen.height
    scored = frames.read_manifest(paths.output("news", "score"))
    assert scored["n_discoveries"] == scored["gold"]["n_supported"] == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"llm": {"gold": {"model": "other"}}}, r"judge 'other/1' \(verify had 'told/1'\)"),
        ({"gold": {"texts": 41}}, r"texts 41 \(verify had 40\)"),
        ({"gold": {"texts": 40, "choose": "uncertain"}}, r"choose 'uncertain' \(verify had 'random'\)"),
    ],
)
def test_gold_verdicts_of_other_params_are_refused(
    changed: dict[str, Any], message: str, project: Project, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded = [{**row, "score": 0.3 + 0.4 * float(row["score"])} for row in recorded_rows(200)]  # type: ignore[arg-type]
    project.table("recorded.parquet", graded)
    blocks = {**REPLAY, **GOLD, "gold": {"texts": 40}}
    project.params(news=blocks)
    project.run("news", *paths.STAGES[:6])
    if "llm" in changed:
        monkeypatch.setattr(told, "name", "other/1")
    project.params(news={**blocks, **changed})
    with pytest.raises(FrozenError, match=message):
        project.run("news", "score")


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_who_decides_is_frozen(plan: str, planted: Project, told: Told) -> None:
    blocks = {**PAIR_STUDY, **(SEQUENTIAL if plan == "sequential" else {}), **GOLD}
    planted.params(news={**blocks, "gold": {"texts": 40, "decides": True}})
    planted.run("news", *paths.STAGES[:5])
    frozen = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    test = "sequential_betting" if plan == "sequential" else "fisher_mn"
    assert set(frozen["planned_test"]) == {f"{test}+ppi"}
    planted.params(news={**blocks, "gold": {"texts": 40}})
    with pytest.raises(FrozenError, match=r"decides: false.*got the planned test \w+\+ppi"):
        planted.run("news", "verify")


def test_the_planned_test_says_who_decides() -> None:
    fixed, decides = study(), study(**GOLD, gold={"texts": 5, "decides": True})
    assert [planned(of, texts_of(9, 9)) for of in (fixed, decides)] == ["fisher_mn", "fisher_mn+ppi"]
    check_plan(decides, [dataclasses.replace(predicate("x"), planned_test="welch+ppi")])
    with pytest.raises(FrozenError, match="Rerun formalise"):
        check_plan(decides, [predicate("x")])


def test_another_gold_judge_takes_up_no_parts() -> None:
    def name(**llm: Any) -> str:
        asked = study(**{**GOLD, "llm": {"gold": {"model": "better", **llm}}, "gold": {"texts": 5}})
        return roles.gold_judge(asked).name

    assert name() == name(base_url="http://127.0.0.1:9/v1")
    assert name() != name(temperature=1.0) and "better" in name()
    assert isinstance(roles.gold_judge(study(**GOLD, gold={"texts": 5})), LlmJudge)


def test_a_gold_judge_that_leaves_pairs_out_is_an_error(
    planted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lazy(Told):
        def judge_pairs(self, predicates: Any, texts: Any, wanted: Any) -> roles.Judgements:
            return super().judge_pairs(predicates, texts, wanted & (np.arange(len(wanted)) % 2 == 0)[:, None])

    monkeypatch.setattr(roles, "gold_judge", lambda study: Lazy())
    planted.params(news={**PAIR_STUDY, **GOLD, "gold": {"texts": 40}})
    planted.run("news", *paths.STAGES[:4])
    with pytest.raises(EngineError, match="left out pairs"):
        planted.run("news", "verify")
