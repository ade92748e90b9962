"""gold: what a better judge's sample makes of effects, discoveries and the judge's own error."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.records import Predicate
from tasks.score import groups as findings
from tasks.score import judges
from tasks.score.corrected import corrected_fixed
from tasks.score.corrected_walk import corrected_at_stop, corrected_whatever_refused
from tasks.score.discoveries import BEARINGS, corrected_q
from tasks.score.stage import Scored, gold_figures, score_judged
from tasks.score.tests import fixed_estimates
from tasks.stats.differences import difference
from tasks.stats.prediction_powered import difference_ppi, difference_sampled
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.bets import labels_of_file, largest_weight
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import GoldVerdicts, gold_matrix, groups_and_documents, panel_tensor
from tasks.verdicts.walk import walk_over
from tests.spec.test_score import column, held_out
from tests.spec.test_verify import predicate

RULE = {"alpha": 0.05, "min_effect": 0.02}


def study(plan: str = "fixed", threshold: float | None = 0.5, **gold: Any) -> Study:
    return Study.model_validate(
        {
            "name": "s",
            "data": "x",
            "goal": "g",
            "collect": {"group": "random"},
            "formalise": {"threshold": threshold},
            "verify": {"plan": plan, "sequential": {**RULE, "look_every": 32}},
            "score": RULE,
            **({"gold": gold} if gold.get("texts") else {"labels": "labels.csv", "gold": gold}),
        }
    )


def asked(truth: np.ndarray, chance: np.ndarray | float, seed: int = 0) -> GoldVerdicts:
    """The gold verdicts of a draw; a chance by text draws all predicates of a text together."""
    rng = np.random.default_rng(seed)
    c = np.broadcast_to(np.asarray(chance, float), truth.shape).copy()
    drawn = rng.random((truth.shape[0], 1)) < c
    return GoldVerdicts(np.where(drawn, truth, np.nan), np.where(drawn, c, 1.0), drawn)


def judged(
    of: Study,
    score: np.ndarray,
    gold: GoldVerdicts,
    predicates: list[Predicate] | None = None,
    texts: pl.DataFrame | None = None,
    status: np.ndarray | None = None,
) -> Judged:
    """Half of the texts in A, the rest in B, unless texts say otherwise; a walk may leave some out."""
    score = score.copy()
    n = score.shape[0] // 2
    names = [predicate(f"p{k}") for k in range(score.shape[1])]
    codes = np.where(np.isnan(score), roles.REFUSAL, roles.VALUE).astype(np.uint8)
    return Judged(
        of,
        held_out(n, score.shape[0] - n) if texts is None else texts,
        predicates or names,
        score,
        codes if status is None else status,
        gold,
    )


def errs(truth: np.ndarray, of_yes: tuple[float, float], of_no: tuple[float, float], seed: int = 1) -> Any:
    """A judge with these sensitivities and specificities in A (the first half) and B."""
    rng = np.random.default_rng(seed)
    half = truth.shape[0] // 2
    in_a = (np.arange(truth.shape[0]) < half)[:, None]
    right = np.where(truth == 1, np.where(in_a, of_yes[0], of_yes[1]), np.where(in_a, of_no[0], of_no[1]))
    return np.where(rng.random(truth.shape) < right, truth, 1 - truth)


def shares(n: int, share_a: list[float], share_b: list[float], seed: int = 2) -> np.ndarray:
    """0/1 verdicts of n texts of A and n of B."""
    rng = np.random.default_rng(seed)
    return (rng.random((2 * n, len(share_a))) < np.repeat([share_a, share_b], n, axis=0)).astype(float)


def table(found: Scored) -> pl.DataFrame:
    assert found.judges is not None
    assert found.judges.schema == frames.JUDGES
    return found.judges


TRUTH = shares(1000, [0.5, 0.2], [0.2, 0.2])
# Right about the first predicate; of the second it makes a difference out of nothing.
JUDGE = np.column_stack(
    [errs(TRUTH[:, :1], (0.95, 0.95), (0.95, 0.95)), errs(TRUTH[:, 1:], (0.95, 0.95), (0.7, 0.99))]
)


@pytest.mark.parametrize(("decides", "wanted"), [(False, [True, False]), (True, [True, False])])
def test_what_gold_contradicts_is_no_discovery(decides: bool, wanted: list[bool]) -> None:
    gold = asked(TRUTH, 0.2)
    alone = score_judged(
        Judged(
            study(),
            held_out(1000, 1000),
            [predicate("p0"), predicate("p1")],
            JUDGE,
            np.zeros(JUDGE.shape, np.uint8),
        )
    )
    assert [s.is_discovery for s in alone.scores] == [True, True]
    assert alone.judges is None
    found = score_judged(judged(study(decides=decides), JUDGE, gold))
    assert [s.is_discovery for s in found.scores] == wanted
    assert table(found)["bearing"].to_list() == ["supported", "contradicted"]
    assert not found.scores[1].fragile
    assert found.scores[1].decision == "fixed"


def test_the_judge_decides_unless_gold_does_and_both_are_told() -> None:
    gold = asked(TRUTH, 0.2)
    by_judge, by_gold = (score_judged(judged(study(decides=d), JUDGE, gold)) for d in (False, True))
    assert table(by_judge).equals(table(by_gold))
    in_a, document = groups_and_documents(held_out(1000, 1000))
    cheap = difference(JUDGE, in_a, document, 0.95, binary=True)
    ppi = difference_ppi(JUDGE, gold.score, in_a, document, 0.95, binary=True)
    for i in range(2):
        assert by_judge.scores[i].validity == cheap.validity[i]
        for name in ("validity", "lo", "hi", "p", "mean_a", "mean_b"):
            assert getattr(by_gold.scores[i], name) == pytest.approx(getattr(ppi, name)[i])
        assert by_gold.scores[i].method == "ppi_score"
        assert by_gold.scores[i].n_a == 1000
    for name in ("validity", "lo", "hi", "p", "lo_gold", "hi_gold", "weight", "variance_ratio"):
        np.testing.assert_allclose(table(by_judge)[name].to_numpy(), getattr(ppi, name))
    assert table(by_judge)["q"].to_list() == [s.q for s in by_gold.scores]


def test_chances_that_differ_between_groups_alone_need_no_weights_and_others_do() -> None:
    in_a, document = groups_and_documents(held_out(1000, 1000))
    by_group = asked(TRUTH, np.where(in_a, 0.5, 0.2)[:, None])
    found = corrected_fixed(judged(study(), JUDGE, by_group), 0.95)
    wanted = difference_ppi(JUDGE, by_group.score, in_a, document, 0.95, binary=True)
    np.testing.assert_allclose(found.lo, wanted.lo)
    assert found.method == wanted.method
    uneven = np.column_stack([np.where(in_a, 0.5, 0.2), np.tile([0.5, 0.1], 1000)])
    mixed = asked(TRUTH, uneven)
    found = corrected_fixed(judged(study(), JUDGE, mixed), 0.95)
    even = difference_ppi(JUDGE, mixed.score, in_a, document, 0.95, binary=True)
    weighed = difference_sampled(JUDGE, mixed.score, in_a, document, mixed.chance, 0.95, binary=True)
    assert (found.lo[0], found.hi[0]) == pytest.approx((even.lo[0], even.hi[0]))
    assert (found.lo[1], found.hi[1]) == pytest.approx((weighed.lo[1], weighed.hi[1]))
    assert abs(found.lo[1] - even.lo[1]) > 1e-4


def test_verdicts_that_the_judge_refused_are_no_use_to_gold_and_counted() -> None:
    score = JUDGE.copy()
    score[:300] = np.nan
    gold = asked(TRUTH, 0.3)
    of = judged(study(), score, gold)
    found = score_judged(of)
    usable = ~np.isnan(gold.score[:1000, 0]) & ~np.isnan(score[:1000, 0])
    assert table(found)["n_gold_a"].to_list() == [usable.sum()] * 2
    told = gold_figures(of, table(found))
    assert told["n_ignored"] == 2 * (~np.isnan(gold.score[:300, 0])).sum() > 0
    assert told["n_gold"] == table(found).select(pl.sum_horizontal("n_gold_a", "n_gold_b").sum()).item()
    assert told["n_refused"] == 0


def test_a_gold_judge_who_refuses_is_counted_and_widens_the_bounds() -> None:
    gold = asked(TRUTH, 0.3)
    refused = np.flatnonzero(gold.asked[:1000, 0])[::4]
    score = gold.score.copy()
    score[refused] = np.nan
    holed = GoldVerdicts(score, gold.chance, gold.asked)
    of = judged(study(decides=True), JUDGE, holed)
    found = score_judged(of)
    assert gold_figures(of, table(found))["n_refused"] == 2 * refused.size
    one = found.scores[0]
    share = refused.size / gold.asked[:1000, 0].sum()
    assert one.missing_lo == pytest.approx(one.mean_a * (1 - share) - one.mean_b)
    assert one.missing_hi == pytest.approx(one.mean_a * (1 - share) + share - one.mean_b)
    whole = score_judged(judged(study(decides=True), JUDGE, gold)).scores[0]
    assert whole.missing_lo == pytest.approx(whole.validity) == pytest.approx(whole.missing_hi)


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
@pytest.mark.parametrize("n_gold", [0, 1])
def test_with_fewer_than_two_gold_documents_nothing_is_said(plan: str, n_gold: int) -> None:
    gold = asked(TRUTH, 0.2)
    score = gold.score.copy()
    score[1000 + np.flatnonzero(~np.isnan(score[1000:, 0]))[n_gold:]] = np.nan
    of = judged(study(plan), JUDGE, GoldVerdicts(score, gold.chance, ~np.isnan(score)))
    found = score_judged(of, walked(of))
    rows = table(found)
    assert rows.select("lo", "hi", "p", "q").rows() == [(-1.0, 1.0, 1.0, 1.0)] * 2
    assert rows["validity"].to_list() == [None, None]
    assert rows["bearing"].to_list() == ["open", "open"]
    assert found.scores[0].is_discovery


def test_two_texts_of_one_document_are_not_two_documents() -> None:
    gold = asked(TRUTH, 0.2)
    score = gold.score.copy()
    score[1000:] = np.nan
    score[1000:1010] = TRUTH[1000:1010]
    texts = held_out(1000, 1000)
    together = texts.with_row_index("i").with_columns(
        document_id=pl.when(pl.col("i").is_between(1000, 1009)).then(pl.lit("d")).otherwise("document_id")
    )
    few = GoldVerdicts(score, gold.chance, ~np.isnan(score))
    apart, one = (
        table(score_judged(judged(study(), JUDGE, few, texts=t))) for t in (texts, together.drop("i"))
    )
    assert apart["lo"][0] > -1
    assert one.select("lo", "hi", "validity").row(0) == (-1, 1, None)
    assert apart["validity"][0] is not None


def test_graded_verdicts_are_corrected_as_they_are() -> None:
    truth = np.clip(shares(400, [0.5], [0.3]) * 0.8 + 0.1, 0, 1)
    cheap = np.clip(truth + np.random.default_rng(0).normal(0, 0.05, truth.shape), 0, 1)
    gold = asked(truth, 0.25)
    frozen = [Predicate(**{**predicate("p").__dict__, "threshold": None})]
    found = score_judged(judged(study(threshold=None, decides=True), cheap, gold, frozen))
    in_a, document = groups_and_documents(held_out(400, 400))
    ppi = difference_ppi(cheap, gold.score, in_a, document, 0.95, binary=False)
    assert (found.scores[0].lo, found.scores[0].method) == (ppi.lo[0], "ppi_t")
    assert table(found)["sensitivity"][0] == 1


def test_gold_scores_are_thresholded_as_the_judges_are() -> None:
    gold = asked(TRUTH, 0.2)
    graded = GoldVerdicts(np.where(gold.score == 1, 0.7, gold.score * 0.4 + 0.3), gold.chance, gold.asked)
    assert table(score_judged(judged(study(), JUDGE, graded))).equals(
        table(score_judged(judged(study(), JUDGE, gold)))
    )


def walked(of: Judged) -> Any:
    """The walk of a sequential plan over these verdicts, at its start, and what it does not ask left out."""
    if of.study.verify.plan == "fixed":
        return None
    weight = float(1 / of.gold.chance.min()) if of.gold is not None and of.study.gold.decides else None
    first, again = (walk_over(of.study, of.rows, of.predicates, 0.95, weight) for _ in range(2))
    kept = np.full(of.score.shape, False)
    while first.going.any():
        rows = first.batches[first.n_looks]
        kept[np.ix_(rows, np.flatnonzero(first.going))] = True
        first.take(of.score[rows], of.status[rows], of.gold.at(rows) if weight and of.gold else None)
    of.score[~kept], of.status[~kept] = np.nan, roles.ABSENT
    return again


def test_a_walk_is_corrected_where_it_stopped() -> None:
    of = judged(study("sequential"), JUDGE, asked(TRUTH, 0.5))
    found = score_judged(of, walked(of))
    assert [s.decision for s in found.scores] == ["confirmed", "confirmed"]
    assert (of.status[:, 0] == roles.ABSENT).any()
    rows = table(found)
    assert rows["method"].to_list() == ["betting", "betting"]
    assert rows["lo"][0] <= 0.3 <= rows["hi"][0]
    assert rows["lo"][1] <= 0 <= rows["hi"][1]
    seen = ~np.isnan(of.score[:, 0]) & ~np.isnan(of.gold.score[:, 0])
    assert rows["n_gold_a"][0] == seen[:1000].sum()
    assert found.groups is None


def refusing(gold: GoldVerdicts, share: float, seed: int = 9) -> GoldVerdicts:
    """As asked, with this share in vain."""
    lost = np.random.default_rng(seed).random(gold.score.shape) < share
    return dataclasses.replace(gold, score=np.where(lost, np.nan, gold.score))


def test_a_walk_is_corrected_for_the_worst_that_was_refused() -> None:
    truth = shares(1000, [0.5], [0.1])
    cheap = errs(truth, (0.95, 0.95), (0.95, 0.95))
    gold = refusing(asked(truth, 0.5), 0.4)
    whole = np.arange(2000)
    in_a, _ = groups_and_documents(held_out(1000, 1000))
    fixed = corrected_fixed(judged(study(), cheap, gold), 0.975)
    walk: Any = SimpleNamespace(block=whole % 1000, ended=np.array([False]))

    def at_stop(of: GoldVerdicts, towards_a: bool = True) -> Any:
        frozen = dataclasses.replace(predicate("p0"), direction="A" if towards_a else "B")
        return corrected_at_stop(fixed, judged(study(), cheap, of, [frozen]), walk, 0.95)

    worst, best = (
        dataclasses.replace(gold, score=np.where(gold.asked & np.isnan(gold.score), of, gold.score))
        for of in (np.where(in_a, 0.0, 1.0)[:, None], np.where(in_a, 1.0, 0.0)[:, None])
    )
    found, low, high = at_stop(gold), at_stop(worst), at_stop(best)
    assert (found.lo, found.hi) == (low.lo, high.hi)
    assert (found.lo_gold, found.hi_gold) == (low.lo_gold, high.hi_gold)
    assert (found.p, found.validity) == (low.p, low.validity)
    assert low.hi + 0.1 < high.hi, "that much was refused"
    assert low.log_e is not None and high.log_e is not None and low.log_e + 5 < high.log_e
    other = at_stop(gold, towards_a=False)
    assert other.lo == pytest.approx(found.lo, abs=1e-6) and other.hi == pytest.approx(found.hi, abs=1e-6)
    assert other.validity == at_stop(best).validity


def test_what_was_refused_widens_the_interval_whatever_the_threshold() -> None:
    truth = shares(200, [0.5], [0.5])
    gold = refusing(asked(truth, 1.0), 0.5)
    frozen = [dataclasses.replace(predicate("p0"), threshold=0.0)]
    of = judged(study(), truth, gold, frozen)
    fixed = corrected_fixed(of, 0.95)
    wide = corrected_whatever_refused(fixed, of, 0.95)
    assert wide.lo[0] < fixed.lo[0] - 0.2 and wide.hi[0] > fixed.hi[0] + 0.2


def test_at_the_last_text_the_interval_leaves_room_for_what_was_refused() -> None:
    for decides, share_a, lost in ((False, 0.22, 0.3), (True, 0.4, 0.1)):
        truth = shares(300, [share_a], [0.2])
        gold = refusing(asked(truth, 0.5), lost)
        cheap = errs(truth, (0.95, 0.95), (0.98, 0.98))
        of = judged(study("sequential", decides=decides), cheap, gold)
        walk = walked(of)
        row = table(score_judged(of, walk)).row(0, named=True)
        assert walk.ended.all()
        half = corrected_fixed(of, 0.975)
        room = gold.n_refused[0] / gold.asked.sum()
        assert row["lo"] < half.lo[0] - room / 2 and row["hi"] > half.hi[0] + room / 2


def test_what_gold_knows_of_one_group_alone_is_never_found_by_a_walk() -> None:
    truth = shares(1500, [0.2, 0.6], [0.2, 0.2])
    cheap = np.column_stack(
        [errs(truth[:, :1], (0.95, 0.95), (0.5, 0.99)), errs(truth[:, 1:], (0.95, 0.95), (0.95, 0.95))]
    )
    gold = asked(truth, 0.5)
    only_a = gold.asked & (np.arange(3000)[:, None] < 1500)
    kept = np.column_stack([only_a[:, 0], gold.asked[:, 1]])
    few = GoldVerdicts(np.where(kept, truth, np.nan), np.where(kept, [0.01, 0.5], 1.0), kept)
    in_a, document = groups_and_documents(held_out(1500, 1500))
    labels = labels_of_file(few, in_a, document)
    assert labels.known is not None and labels.known.tolist() == [False, True]
    assert largest_weight(labels) == 2, "a chance by which nothing is bet widens nothing"
    for gold_of_file in (labels, dataclasses.replace(few, chance=np.where(kept, 0.5, 1.0))):
        of = judged(study("sequential", decides=True), cheap, gold_of_file)
        weight = largest_weight(gold_of_file)
        first, again = (walk_over(of.study, of.rows, of.predicates, 0.95, weight) for _ in range(2))
        while first.going.any():
            rows = first.batches[first.n_looks]
            for k in np.flatnonzero(~first.going):
                of.score[rows, k], of.status[rows, k] = np.nan, roles.ABSENT
            first.take(of.score[rows], of.status[rows], gold_of_file.at(rows))
        for rows in first.batches[first.n_looks :]:
            of.score[rows], of.status[rows] = np.nan, roles.ABSENT
        found = score_judged(of, again)
        assert [s.is_discovery for s in found.scores] == [False, True]
        assert table(found)["bearing"].to_list() == ["open", "supported"]
        assert table(found).select("lo", "hi", "p", "q").row(0) == (-1.0, 1.0, 1.0, 1.0)
        if gold_of_file is labels:
            assert np.isnan(first.looks[-1].estimate[0]) and first.decisions[0] == "undecided"


def test_a_walk_is_contradicted_too_and_its_decision_stays() -> None:
    truth = shares(2000, [0.2], [0.2])
    of = judged(study("sequential"), errs(truth, (0.95, 0.95), (0.4, 1.0)), asked(truth, 1.0))
    found = score_judged(of, walked(of))
    assert table(found)["bearing"].to_list() == ["contradicted"]
    assert (found.scores[0].decision, found.scores[0].is_discovery) == ("confirmed", False)


def test_a_walk_of_gold_decides_by_the_corrected_scores() -> None:
    truth = shares(3000, [0.5, 0.2], [0.1, 0.2])
    cheap = np.column_stack(
        [errs(truth[:, :1], (0.95, 0.95), (0.95, 0.95)), errs(truth[:, 1:], (0.95, 0.95), (0.7, 0.99))]
    )
    of = judged(study("sequential", decides=True), cheap, asked(truth, 0.5))
    found = score_judged(of, walked(of))
    assert [s.is_discovery for s in found.scores] == [True, False]
    rows = table(found)
    assert rows["bearing"].to_list() == ["supported", "open"]
    for name in ("validity", "lo", "hi", "p", "q"):
        assert rows[name].to_list() == [getattr(s, name) for s in found.scores]
    for one in found.scores:
        assert one.lo <= one.validity <= one.hi
    assert abs(found.scores[1].validity) < 0.1


def test_at_the_last_text_the_fixed_interval_decides() -> None:
    truth = shares(300, [0.22], [0.2])
    of = judged(study("sequential"), errs(truth, (0.95, 0.95), (0.98, 0.98)), asked(truth, 0.2))
    walk = walked(of)
    row = table(score_judged(of, walk)).row(0, named=True)
    assert walk.ended.all()
    half = corrected_fixed(of, 0.975)
    assert row["method"] == f"betting+{half.method[0]}"
    assert (row["validity"], row["lo"], row["hi"]) == (half.validity[0], half.lo[0], half.hi[0])


def test_how_the_judge_errs_is_told_by_predicate_and_pooled() -> None:
    found = score_judged(of := judged(study(), JUDGE, gold := asked(TRUTH, 0.5)))
    row = table(found).row(1, named=True)
    said, true = JUDGE[:, 1], gold.score[:, 1]
    assert row["sensitivity"] == pytest.approx((said[true == 1]).mean())
    assert row["specificity"] == pytest.approx((1 - said[true == 0]).mean())
    assert row["specificity_difference_hi"] < 0
    assert row["bias_lo"] > 0
    assert -1 <= row["kappa_lo"] < row["kappa"] < row["kappa_hi"] <= 1
    told = gold_figures(of, table(found))
    every, yes = gold.score.ravel() == 1, JUDGE.ravel() == 1
    assert told["sensitivity"] == pytest.approx(yes[every].mean())
    assert told["sensitivity_lo"] < told["sensitivity"] < told["sensitivity_hi"]
    assert [told[f"n_{bearing}"] for bearing in BEARINGS] == [1, 0, 1]


def test_kappa_is_not_told_where_uncertain_texts_were_asked_about_more_often() -> None:
    uneven = np.tile([0.5, 0.2], 1000)[:, None] * np.ones((1, 2))
    row = table(score_judged(judged(study(), JUDGE, asked(TRUTH, uneven)))).row(0, named=True)
    assert (row["kappa"], row["kappa_lo"]) == (None, None)
    assert row["sensitivity"] == pytest.approx(0.95, abs=0.1)


def test_gold_rows_become_matrices_and_strangers_are_refused() -> None:
    texts = held_out(1, 1)
    rows = pl.DataFrame(
        [("x", "t0000", 1.0, "value", 0.5), ("y", "t0001", None, "refusal", 0.25)],
        schema=frames.GOLD,
        orient="row",
    )
    frozen = [predicate("x"), predicate("y")]
    found = gold_matrix(texts, frozen, rows)
    np.testing.assert_array_equal(found.score, [[1, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(found.chance, [[0.5, 1], [1, 0.25]])
    assert found.asked.tolist() == [[True, False], [False, True]]
    assert found.n_refused.tolist() == [0, 1]
    for spoilt in (
        rows.with_columns(text_id=pl.lit("other")),
        rows.with_columns(predicate_id=pl.lit("z")),
        pl.concat([rows, rows]),
    ):
        with pytest.raises(FrozenError, match="gold verdicts"):
            gold_matrix(texts, frozen, spoilt)


def test_a_panel_is_told_by_its_agreement() -> None:
    texts, frozen = held_out(100, 100), [predicate("x")]
    truth = column(100, 100, 50, 30)
    other = truth.copy()
    other[::10] = 1 - other[::10]
    each = {"first": truth, "second": other, "third": truth}
    rows = pl.concat(
        pl.DataFrame(
            {"predicate_id": ["x"] * 200, "text_id": texts["text_id"], "judge": [name] * 200, "score": said}
        )
        for name, said in each.items()
    )
    of = Judged(study(), texts, frozen, truth[:, None], np.zeros((200, 1), np.uint8))
    names, of_three = panel_tensor(texts, frozen, rows.lazy())
    assert names == ["first", "second", "third"]
    np.testing.assert_array_equal(of_three[:, 0, 1], other)
    three = judges.agreement_frame(of, of_three)
    assert three["measure"].to_list() == ["alpha"]
    _, of_two = panel_tensor(texts, frozen, rows.filter(pl.col("judge") != "third").lazy())
    two = judges.agreement_frame(of, of_two)
    assert two.schema == frames.AGREEMENT
    assert two["measure"].to_list() == ["alpha", "kappa"]
    agree = (truth == other).mean()
    by_chance = truth.mean() * other.mean() + (1 - truth.mean()) * (1 - other.mean())
    assert two["estimate"][1] == pytest.approx((agree - by_chance) / (1 - by_chance))
    pooled = judges.agreement_pooled(of, of_two)
    assert pooled["alpha"] == pytest.approx(two["estimate"][0])
    assert pooled["n_pairs"] == 200


def test_judges_who_never_gave_two_values_have_no_agreement() -> None:
    each = np.ones((20, 1, 2))
    of = Judged(study(), held_out(10, 10), [predicate("x")], each[..., 0], np.zeros((20, 1), np.uint8))
    assert judges.agreement_frame(of, each)["estimate"].to_list() == [None, None]
    assert judges.agreement_pooled(of, each)["alpha"] is None


def test_paraphrases_are_tested_as_one_and_one_alone_by_its_own_test() -> None:
    strong = column(200, 200, 120, 20)
    alike = strong.copy()
    alike[:10] = 0
    other = np.tile([1.0, 0.0], 200)
    score = np.stack([alike, strong, other], axis=1)
    of = Judged(
        study(),
        held_out(200, 200),
        [predicate(n) for n in "aso"],
        score,
        np.zeros(score.shape, np.uint8),
    )
    found = score_judged(of)
    assert found.groups is not None
    assert found.groups.schema == frames.GROUPS
    rows = found.groups.rows(named=True)
    assert [(r["group_id"], r["n_predicates"]) for r in rows] == [("s", 2), ("o", 1)]
    assert rows[0]["validity"] == pytest.approx((0.55 + 0.6) / 2 - 0.1)
    assert rows[1]["p"] == found.scores[2].p
    assert rows[0]["q"] == pytest.approx(2 * rows[0]["p"])


def test_groups_are_corrected_where_gold_decides() -> None:
    truth = np.repeat(TRUTH[:, 1:], 2, axis=1)
    cheap = np.repeat(JUDGE[:, 1:], 2, axis=1)
    found = score_judged(judged(study(decides=True), cheap, asked(truth, 0.3)))
    assert found.groups is not None
    (row,) = found.groups.rows(named=True)
    assert row["n_predicates"] == 2
    assert row["lo"] < 0 < row["hi"]
    alone = score_judged(judged(study(), cheap, asked(truth, 0.3))).groups
    assert alone is not None
    assert alone["lo"].item() > 0.1


def test_pairs_drawn_apart_count_with_the_chance_of_both() -> None:
    chance = np.full((4, 2), 0.5)
    gold = GoldVerdicts(np.ones((4, 2)), chance, np.ones((4, 2), bool))
    groups = [np.array([0, 1])]
    assert findings._gold_of_groups(gold, groups, drawn_apart=True).chance.tolist() == [[0.25]] * 4
    assert findings._gold_of_groups(gold, groups, drawn_apart=False).chance.tolist() == [[0.5]] * 4


def test_what_follows_from_length_alone_is_gone_at_equal_length() -> None:
    rng = np.random.default_rng(3)
    n = 1500
    length = np.exp(rng.normal(np.repeat([5.0, 4.0], n), 0.7))
    by_length = (rng.random(2 * n) < 1 / (1 + np.exp(-2 * (np.log(length) - 4.5)))).astype(float)
    itself = column(n, n, 900, 450)
    rng.shuffle(itself[:n])
    rng.shuffle(itself[n:])
    flat = rng.permutation(column(n, n, 300, 300))
    texts = held_out(n, n).with_columns(text=pl.Series(["x" * max(int(c), 1) for c in length]))
    score = np.stack([by_length, itself, flat], axis=1)
    of = Judged(study(), texts, [predicate(k) for k in "lif"], score, np.zeros(score.shape, np.uint8))
    first, second, third = score_judged(of).scores
    assert first.is_discovery and second.is_discovery and not third.is_discovery
    assert first.adjusted_lo is not None and second.adjusted_lo is not None
    assert first.validity > 0.2
    assert first.adjusted_lo < 0 < (first.adjusted_hi or 0)
    assert second.adjusted_lo > 0.2
    assert third.adjusted_validity is third.adjusted_lo is third.adjusted_hi is None


def test_a_walk_or_a_handful_of_documents_has_no_effect_at_equal_length() -> None:
    of = judged(study("sequential"), JUDGE, asked(TRUTH, 0.5))
    assert {s.adjusted_validity for s in score_judged(of, walked(of)).scores} == {None}
    few = np.concatenate([np.ones(9), np.zeros(9)])[:, None]
    tiny = Judged(study(), held_out(9, 9), [predicate("x")], few, np.zeros(few.shape, np.uint8))
    (one,) = score_judged(tiny).scores
    assert one.is_discovery
    assert (one.adjusted_validity, one.adjusted_lo, one.adjusted_hi) == (None, None, None)


def test_with_shuffled_labels_the_test_of_whoever_decides_is_repeated() -> None:
    of = judged(study(decides=True), JUDGE, asked(TRUTH, 0.2))
    group = pl.Series("group", np.where(np.arange(2000) % 2 == 0, "A", "B"))
    in_a, document = groups_and_documents(of.rows.with_columns(group))
    wanted = difference_ppi(JUDGE, of.gold.score, in_a, document, 0.95, True)  # type: ignore[union-attr]
    np.testing.assert_allclose(fixed_estimates(of.regrouped(group))["p"], wanted.p, rtol=1e-10)
    alone = Judged(study(), of.rows, of.predicates, of.score, of.status, of.gold).regrouped(group)
    assert (
        fixed_estimates(alone)["p"].to_list()
        == difference(JUDGE, in_a, document, 0.95, binary=True).p.tolist()
    )


def test_q_of_a_walk_keeps_the_study_s_control_and_names_only_what_is_large_enough() -> None:
    of = judged(study(), np.repeat(JUDGE[:, :1], 4, axis=1), asked(np.repeat(TRUTH[:, :1], 4, axis=1), 0.2))
    fixed = corrected_fixed(of, 0.95)
    stopped = dataclasses.replace(
        fixed, validity=np.array([0.3, 0.3, 0.01, -0.3]), log_e=np.log([200.0, 50.0, 900.0, 900.0])
    )
    wanted = of.study.score
    assert corrected_q(stopped, of.towards_a, wanted, "fdr").tolist() == pytest.approx([0.02, 0.04, 1, 1])
    assert corrected_q(stopped, of.towards_a, wanted, "fwer")[1] == pytest.approx(0.06)


def test_paraphrases_do_not_explain_each_other_away() -> None:
    rng = np.random.default_rng(5)
    n = 1000
    one = column(n, n, 600, 300)
    rng.shuffle(one[:n])
    rng.shuffle(one[n:])
    other = np.where(rng.random(2 * n) < 0.01, 1 - one, one)  # the same finding in other words
    score, texts = np.stack([one, other], axis=1), held_out(n, n)
    found, same = np.array([True, True]), np.array([0, 0])
    of = Judged(study(), texts, [predicate("a"), predicate("b")], score, np.zeros(score.shape, np.uint8))
    together = findings.adjusted_effects(of, found, same)
    apart = findings.adjusted_effects(of, found, np.array([0, 1]))
    assert all(0.25 < (effect[0] or 0) < 0.35 for effect in together)
    assert all(abs(effect[0] or 0) < 0.1 for effect in apart)


def test_the_pooled_error_weighs_each_verdict_by_its_chance() -> None:
    rng = np.random.default_rng(6)
    n = 4000
    truth = np.ones((2 * n, 1))
    verdict = (rng.random((2 * n, 1)) < 0.9).astype(float)
    # What the judge missed is read four times as often: unweighted, the judge would look far worse.
    gold = asked(truth, np.where(verdict == 1, 0.1, 0.4))
    found = judges.error_pooled(judged(study(), verdict, gold))
    seen = verdict[gold.asked].mean()
    assert seen < 0.8
    assert (found["sensitivity_lo"] or 1) < 0.9 < (found["sensitivity_hi"] or 0)
    assert abs((found["sensitivity"] or 0) - 0.9) < 0.03
