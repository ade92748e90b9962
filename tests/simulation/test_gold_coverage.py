"""End of score under a judge that errs: seeded, on matrices; tolerance from binomial error.

The small case of each runs always; the long one under the marker.
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from jaxtyping import Bool, Float
from scipy import stats

from tasks.engines import roles
from tasks.score.corrected import corrected_fixed
from tasks.score.discoveries import SUPPORTED
from tasks.score.tests import Outcome, decide
from tasks.study import Study
from tasks.verdicts.bets import labels_of_file, largest_weight
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import GoldVerdicts
from tasks.verdicts.walk import Walk, walk_over
from tests.spec.test_gold_score import study
from tests.spec.test_score import held_out
from tests.spec.test_verify import predicate

LEVEL = 0.95
ALPHA = 0.05
# Score intervals are not exact: what a rate of misses may exceed the level by, over and above chance.
SLACK = 0.01


@dataclass(frozen=True)
class Design:
    """Predicates of which the first `real` differ between A and B by `effect`, and a judge of all of them."""

    sensitivity: tuple[float, float] = (0.9, 0.9)
    """In A and B."""
    specificity: tuple[float, float] = (0.75, 0.95)
    share: float = 0.2
    effect: float = 0.0
    real: int = 1
    n_predicates: int = 1
    n: int = 600
    """Texts of each group."""
    per_document: int = 1
    """Texts of a document; half of its truth is shared."""
    weight: int = 4
    """1 / chance of gold."""

    def draw(self, of: Study, rng: np.random.Generator) -> Judged:
        """One data set, every text judged."""
        in_a = np.arange(2 * self.n) < self.n
        document = np.arange(2 * self.n) // self.per_document
        effect = np.where(np.arange(self.n_predicates) < self.real, self.effect, 0.0)
        likely = self.share + in_a[:, None] * effect
        own = rng.random((2 * self.n, self.n_predicates))
        shared = rng.random((document[-1] + 1, self.n_predicates))[document]
        follows = (rng.random(own.shape) < 0.5) & (self.per_document > 1)
        truth = (np.where(follows, shared, own) < likely).astype(float)
        right = np.where(
            truth == 1, *(_by_group(pair, in_a) for pair in (self.sensitivity, self.specificity))
        )
        score = np.where(rng.random(truth.shape) < right, truth, 1 - truth)
        asked = np.broadcast_to((rng.random(2 * self.n) < 1 / self.weight)[:, None], truth.shape)
        gold = GoldVerdicts(
            np.where(asked, truth, np.nan), np.where(asked, 1 / self.weight, 1.0), np.array(asked)
        )
        names = [predicate(f"p{k}") for k in range(self.n_predicates)]
        texts = held_out(self.n, self.n).with_columns(document_id=pl.Series(document).cast(pl.String))
        return Judged(of, texts, names, score, np.zeros(score.shape, np.uint8), gold)


def _by_group(pair: tuple[float, float], in_a: Bool[np.ndarray, " text"]) -> Float[np.ndarray, "text 1"]:
    return np.where(in_a, *pair)[:, None]


def plan(name: str, **gold: bool) -> Study:
    """With few looks: they cost time, not error."""
    of = study(name, **gold)
    rule = of.verify.sequential.model_copy(update={"look_every": 200})
    return of.model_copy(update={"verify": of.verify.model_copy(update={"sequential": rule})})


def walked(of: Judged) -> tuple[Walk, Outcome]:
    """The walk to its stop, with what it did not ask left out, and what score makes of it."""
    gold = of.gold if of.study.gold.decides else None
    weight = None if gold is None else largest_weight(gold)
    first, again = (walk_over(of.study, of.rows, of.predicates, LEVEL, weight) for _ in range(2))
    kept = np.zeros(of.score.shape, dtype=bool)
    while first.going.any():
        rows = first.batches[first.n_looks]
        kept[np.ix_(rows, np.flatnonzero(first.going))] = True
        first.take(of.score[rows], of.status[rows], None if gold is None else gold.at(rows))
    of.score[~kept], of.status[~kept] = np.nan, roles.ABSENT
    return again, decide(of, again)


def most(draws: int, rate: float) -> float:
    """The largest share of draws that chance lets pass once in ten thousand."""
    return float(stats.binom.isf(1e-4, draws, rate)) / draws


AT_STOP = [
    Design(specificity=(0.5, 0.95)),
    Design(effect=0.1),
    Design(specificity=(0.5, 0.95), weight=1),
    Design(sensitivity=(1.0, 1.0), specificity=(1.0, 1.0), effect=0.2, weight=10),
    Design(per_document=5, weight=2, effect=0.1),
    Design(share=0.02, specificity=(0.8, 0.99), weight=10),
]


@dataclass
class Missed:
    """How often which interval left the gold difference out, as shares of all draws."""

    corrected: float = 0.0
    judge: float = 0.0
    fixed_formula: float = 0.0
    """The fixed plan's corrected interval, read where the walk stopped."""
    stopped_early: float = 0.0
    """Not a miss: how often the walk did not come to the last text."""


def missed_at_stop(design: Design, draws: int, seed: int = 0) -> Missed:
    """Where the judge's verdicts stopped the walk."""
    rng, found = np.random.default_rng(seed), Missed()
    for _ in range(draws):
        of = design.draw(plan("sequential"), rng)
        walk, one = walked(of)
        assert of.gold is not None and one.corrected is not None
        naive = corrected_fixed(of, LEVEL)
        by_judge = SimpleNamespace(**one.table.row(0, named=True))
        truth = design.effect
        found.corrected += (not one.corrected.lo[0] <= truth <= one.corrected.hi[0]) / draws
        found.judge += (not by_judge.lo <= truth <= by_judge.hi) / draws
        found.fixed_formula += (not naive.lo[0] <= truth <= naive.hi[0]) / draws
        found.stopped_early += (not walk.ended.all()) / draws
    return found


def missed_ever(design: Design, draws: int, seed: int = 0) -> float:
    """By any look of a walk by which gold decides, or at its end."""
    rng, missed = np.random.default_rng(seed), 0
    for _ in range(draws):
        walk, one = walked(design.draw(plan("sequential", decides=True), rng))
        last = SimpleNamespace(**one.table.row(0, named=True))
        ends = [*((look.lo[0], look.hi[0]) for look in walk.looks), (last.lo, last.hi)]
        missed += not all(lo <= design.effect <= hi for lo, hi in ends)
    return missed / draws


@pytest.mark.parametrize("design", AT_STOP[:2], ids=str)
def test_the_corrected_interval_covers_where_the_walk_stopped_small(design: Design) -> None:
    found = missed_at_stop(design, 40)
    assert found.corrected <= most(40, 1 - LEVEL)
    assert found.stopped_early > 0.5
    if not design.effect:
        assert found.judge > 0.5


@pytest.mark.simulation
@pytest.mark.parametrize("design", AT_STOP, ids=str)
def test_the_corrected_interval_covers_where_the_walk_stopped(design: Design) -> None:
    found = missed_at_stop(design, 400, seed=1)
    print(design, found)
    assert found.corrected <= most(400, 1 - LEVEL)


def test_a_walk_by_gold_covers_at_every_look_small() -> None:
    assert missed_ever(AT_STOP[0], 30) <= most(30, 1 - LEVEL)


@pytest.mark.simulation
@pytest.mark.parametrize("design", AT_STOP, ids=str)
def test_a_walk_by_gold_covers_at_every_look(design: Design) -> None:
    found = missed_ever(design, 400, seed=1)
    print(design, found)
    assert found <= most(400, 1 - LEVEL)


REFUSED = Design(specificity=(0.7, 0.95), n=1000, weight=2)


def missed_with_holes(
    design: Design, lost: float, decides: bool, draws: int, of_people: bool = False
) -> tuple[float, float]:
    """How often there was a discovery, and the interval left the difference out, with gold verdicts lost.

    A model's are refused; people's are left blank, and count as not drawn.
    """
    rng, found, missed = np.random.default_rng(5), 0, 0
    for _ in range(draws):
        of = design.draw(plan("sequential", decides=decides), rng)
        assert of.gold is not None
        left = np.where(rng.random(of.gold.score.shape) < lost, np.nan, of.gold.score)
        gold = replace(of.gold, score=left)
        if of_people:
            there = ~np.isnan(left)
            share = np.where(of.in_a, *(there[side].mean() for side in (of.in_a, ~of.in_a)))[:, None]
            gold = labels_of_file(
                GoldVerdicts(left, np.where(there, share, 1.0), there), of.in_a, of.document
            )
        one = walked(replace(of, gold=gold))[1]
        assert one.corrected is not None and one.bearing is not None
        found += one.bearing[0] == SUPPORTED
        missed += not one.corrected.lo[0] <= design.effect <= one.corrected.hi[0]
    return found / draws, missed / draws


@pytest.mark.parametrize("decides", [True, False])
@pytest.mark.parametrize("lost", [0.3, 0.6, 1.0])
def test_what_the_gold_judge_refused_is_no_word_for_the_judge(lost: float, decides: bool) -> None:
    found, missed = missed_with_holes(REFUSED, lost, decides, 20)
    assert found == 0
    assert missed <= most(20, 1 - LEVEL)


@pytest.mark.parametrize("lost", [0.3, 0.6, 1.0])
def test_what_people_left_blank_is_no_word_for_the_judge(lost: float) -> None:
    found, missed = missed_with_holes(REFUSED, lost, decides=True, draws=20, of_people=True)
    assert found <= most(20, ALPHA)
    assert missed <= most(20, 1 - LEVEL)


def test_few_refusals_leave_a_large_difference_to_be_found() -> None:
    found, missed = missed_with_holes(replace(REFUSED, effect=0.3), 0.05, decides=True, draws=10)
    assert found > 0.8
    assert missed <= most(10, 1 - LEVEL)


NOTHING = Design(n_predicates=10, real=0)
SOME = Design(n_predicates=10, real=3, effect=0.25)
PLANS = {
    "judge": plan("fixed"),
    "judge, sequential": plan("sequential"),
    "judge, less contradicted": plan("fixed"),
    "gold": plan("fixed", decides=True),
    "gold, sequential": plan("sequential", decides=True),
}


def false_discoveries(design: Design, draws: int, seed: int = 0) -> dict[str, tuple[float, float]]:
    """By whoever decides: mean share of false discoveries among all, and share of the real ones found."""
    return {name: _false_discoveries(design, name, draws, seed) for name in PLANS}


def _false_discoveries(design: Design, name: str, draws: int, seed: int) -> tuple[float, float]:
    rng, real = np.random.default_rng(seed), np.arange(design.n_predicates) < design.real
    false, power = 0.0, 0.0
    for _ in range(draws):
        one = design.draw(PLANS[name], rng)
        if name in ("judge", "judge, sequential"):
            one = replace(one, gold=None)
        found = decide(one) if one.study.verify.plan == "fixed" else walked(one)[1]
        is_found = found.table["is_discovery"].to_numpy()
        false += (is_found & ~real).sum() / max(is_found.sum(), 1) / draws
        power += (is_found & real).sum() / max(design.real, 1) / draws
    return float(false), float(power)


@pytest.mark.parametrize("design", [NOTHING, SOME], ids=["nothing", "some"])
def test_what_a_judge_makes_out_of_nothing_is_not_found_where_gold_decides_small(design: Design) -> None:
    found = false_discoveries(design, 15)
    # A share of false ones is at most 1: in a run with any it counts for no more than the binomial's one.
    for name in ("gold", "gold, sequential"):
        assert found[name][0] <= most(15, ALPHA + SLACK)
    for name in ("judge", "judge, sequential"):
        assert found[name][0] > 0.5


@pytest.mark.simulation
@pytest.mark.parametrize("design", [NOTHING, SOME], ids=["nothing", "some"])
def test_what_a_judge_makes_out_of_nothing_is_not_found_where_gold_decides(design: Design) -> None:
    found = false_discoveries(design, 200, seed=1)
    print(design, found)
    for name in ("gold", "gold, sequential"):
        assert found[name][0] <= most(200, ALPHA + SLACK)
    assert found["judge"][0] > 0.5
