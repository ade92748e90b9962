"""What every interval owes: a higher level never shortens it, swapping A and B flips it, order is nothing.

One list of all interval functions, one test for each property: a new function is added to the list.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.stats import clustered, means
from tasks.stats.betting import mean_atom_counts, mean_ci_betting
from tasks.stats.blocks import block_differences, text_blocks
from tasks.stats.conditional import mean_difference_conditional
from tasks.stats.decisions import Rule
from tasks.stats.differences import difference
from tasks.stats.documents import document_sums
from tasks.stats.judge_error import JudgeError, judge_error, share_ci_wilson
from tasks.stats.missing import difference_worst_case_missing, share_difference_bounds_missing
from tasks.stats.prediction_powered import difference_ppi, difference_sampled
from tasks.stats.reliability import judges_alpha_krippendorff, judges_kappa_cohen
from tasks.stats.sequential import Sequential, difference_ci_last_look
from tasks.stats.shares import share_difference_ci_mn
from tasks.stats.stratified import mean_difference_ci_mh

UNHURRIED = settings(deadline=None, max_examples=20)
"""On a busy machine one example may take long."""
LEVELS = st.tuples(st.floats(0.5, 0.999), st.floats(0.5, 0.999)).map(sorted)
CLOSE = 1e-7

Interval = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, repr=False)
class Study:
    """Verdicts of a cheap and a gold judge; `gold` has gaps."""

    cheap: np.ndarray
    gold: np.ndarray
    chance: np.ndarray
    in_a: np.ndarray
    document: np.ndarray
    stratum: np.ndarray
    length: np.ndarray
    binary: bool

    def swapped(self) -> "Study":
        return replace(self, in_a=~self.in_a)

    def shuffled(self, seed: int) -> "Study":
        order = np.random.default_rng(seed).permutation(len(self.in_a))
        rows = {name: value[order] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **rows)


@st.composite
def studies(draw: st.DrawFn, least: int = 1, most: int = 60) -> Study:
    """Of any size, share, likeness of the judges, and documents from one row to many."""
    texts, predicates, binary = draw(st.integers(least, most)), draw(st.integers(1, 3)), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, share = (texts, predicates), rng.choice([0.02, 0.2, 0.5, 0.9])
    in_a = rng.random(texts) < draw(st.sampled_from([0.1, 0.5, 0.5, 1.0]))
    gold = (rng.random(size) < np.where(in_a, share, rng.choice([share, 0.5]))[:, None]).astype(float)
    cheap = np.where(rng.random(size) < rng.random(), gold, rng.choice([0.0, 0.3, 1.0], size))
    if not binary:
        gold = np.round(0.6 * gold + 0.4 * rng.random(size), 2)
    chance = rng.uniform(0.2, 1, texts)
    gold = np.where(rng.random(size) < np.sqrt(chance)[:, None], gold, np.nan)
    document = rng.integers(0, draw(st.sampled_from([3, texts, 9999])), texts)
    return Study(
        cheap, gold, chance, in_a, document, rng.integers(0, 3, texts), rng.standard_normal(texts), binary
    )


def _counts(s: Study) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    seen = ~np.isnan(s.gold)
    held = np.nan_to_num(s.gold) >= 0.5
    parts = (held & seen)[s.in_a], seen[s.in_a], (held & seen)[~s.in_a], seen[~s.in_a]
    a, n_a, b, n_b = (part.sum(axis=0) for part in parts)
    return a, n_a, b, n_b


def _clustered(of: Callable[..., Interval], s: Study, level: float) -> Interval:
    score = np.where(np.isnan(s.gold), np.nan, s.gold >= 0.5) if "share" in of.__name__ else s.gold
    sums = document_sums(score, s.in_a, s.document)
    return of(sums, clustered.mean_difference_variance_cr2(sums), level)


def _ends(found: object, lo: str = "lo", hi: str = "hi") -> Interval:
    return getattr(found, lo), getattr(found, hi)


def _error(s: Study, level: float) -> JudgeError:
    return judge_error(s.cheap, s.gold, s.in_a, s.document, level, probability=s.chance)


def _error_differences(s: Study, level: float) -> Interval:
    found = _error(s, level)
    parts = [_ends(rate, "lo_difference", "hi_difference") for rate in (found.sensitivity, found.specificity)]
    lo, hi = zip(*parts, _ends(found, "bias_lo", "bias_hi"), strict=True)
    return np.concatenate(lo), np.concatenate(hi)


def _error_rates(s: Study, level: float) -> Interval:
    found = _error(s, level)
    lo, hi = zip(_ends(found.sensitivity), _ends(found.specificity), strict=True)
    return np.concatenate(lo), np.concatenate(hi)


def _betting(s: Study, level: float) -> Interval:
    if s.in_a.all() or not s.in_a.any():
        return np.array([-1.0]), np.array([1.0])
    # One block for each stratum that has both groups: blocks know no order of rows.
    whole = [k for k in range(3) if s.in_a[s.stratum == k].any() and (~s.in_a)[s.stratum == k].any()]
    at = np.isin(s.stratum, whole)
    g = block_differences(s.gold[at], s.in_a[at], s.stratum[at]).answered
    return mean_ci_betting(mean_atom_counts(g, 20), level, 50)


SIGNED: dict[str, Callable[[Study, float], Interval]] = {
    "share_difference_ci_mn": lambda s, level: share_difference_ci_mn(*_counts(s), level),
    "mean_difference_ci_welch": lambda s, level: means.mean_difference_ci_welch(
        means.mean_difference_moments(s.gold, s.in_a), level
    ),
    "mean_difference_ci_normal": lambda s, level: means.mean_difference_ci_normal(
        means.mean_difference_moments(s.gold, s.in_a), level
    ),
    "mean_difference_ci_cluster_robust": lambda s, level: _clustered(
        clustered.mean_difference_ci_cluster_robust, s, level
    ),
    "share_difference_ci_cluster_score": lambda s, level: _clustered(
        clustered.share_difference_ci_cluster_score, s, level
    ),
    "mean_difference_ci_mh": lambda s, level: mean_difference_ci_mh(s.gold, s.in_a, s.stratum, level),
    "difference": lambda s, level: _ends(difference(s.gold, s.in_a, s.document, level, s.binary)),
    "difference_ppi": lambda s, level: _ends(
        difference_ppi(s.cheap, s.gold, s.in_a, s.document, level, s.binary)
    ),
    "difference_sampled": lambda s, level: _ends(
        difference_sampled(s.cheap, s.gold, s.in_a, s.document, s.chance, level, s.binary)
    ),
    "difference_worst_case_missing": lambda s, level: _ends(
        difference_worst_case_missing(s.gold, np.isnan(s.gold), s.in_a, s.document, level, s.binary)
    ),
    "judge_error: differences and bias": _error_differences,
    "mean_ci_betting": _betting,
}
UNSIGNED: dict[str, Callable[[Study, float], Interval]] = {
    "judge_error: rates": _error_rates,
    "judges_kappa_cohen": lambda s, level: _ends(
        judges_kappa_cohen(s.cheap, s.gold.round(), s.document, level)
    ),
    "judges_alpha_krippendorff": lambda s, level: _ends(
        judges_alpha_krippendorff(np.stack([s.cheap, s.gold], -1), s.document, level, "interval")
    ),
}
"""Their intervals are of one quantity of both groups: swapping changes nothing."""
EVERY = {**SIGNED, **UNSIGNED}
BY_CHOICE = {"difference_ppi", "difference_sampled"}
"""The shorter of two intervals: which one may differ by level, so that widths grow and ends need not."""


def close(one: Interval, other: Interval) -> bool:
    return all(np.allclose(a, b, rtol=0, atol=CLOSE, equal_nan=True) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", SIGNED)
@UNHURRIED
@given(study=studies(), level=st.floats(0.5, 0.999))
def test_swapping_the_groups_flips_the_interval(name: str, study: Study, level: float) -> None:
    lo, hi = SIGNED[name](study, level)
    assert close(SIGNED[name](study.swapped(), level), (-hi, -lo))


@pytest.mark.parametrize("name", UNSIGNED)
@UNHURRIED
@given(study=studies(), level=st.floats(0.5, 0.999))
def test_swapping_the_groups_leaves_what_is_of_both(name: str, study: Study, level: float) -> None:
    assert close(UNSIGNED[name](study.swapped(), level), UNSIGNED[name](study, level))


@pytest.mark.parametrize("name", EVERY)
@UNHURRIED
@given(study=studies(), level=st.floats(0.5, 0.999), seed=st.integers(0, 2**32 - 1))
def test_row_order_does_not_matter(name: str, study: Study, level: float, seed: int) -> None:
    assert close(EVERY[name](study.shuffled(seed), level), EVERY[name](study, level))


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"difference_worst_case_missing"}))
@UNHURRIED
@given(study=studies(), levels=LEVELS)
def test_a_higher_level_never_shortens(name: str, study: Study, levels: list[float]) -> None:
    (lo, hi), (lower, higher) = (EVERY[name](study, level) for level in levels)
    known = ~np.isnan(lo)
    if name in BY_CHOICE:
        assert (higher - lower >= hi - lo - CLOSE).all()
    else:
        assert (lower <= lo + CLOSE)[known].all()
        assert (higher >= hi - CLOSE)[known].all()


@UNHURRIED
@given(study=studies(), levels=LEVELS)
def test_the_worst_case_widens_with_the_level_where_the_same_verdicts_are_filled_in(
    study: Study, levels: list[float]
) -> None:
    """Only discoveries have a worst case: at a level at which it is none, the interval is as observed."""
    name = "difference_worst_case_missing"
    seen = [SIGNED["difference"](study, level) for level in levels]
    found = [(lo > 0) | (hi < 0) for lo, hi in seen]
    (lo, hi), (lower, higher) = (SIGNED[name](study, level) for level in levels)
    same = found[0] == found[1]
    assert (lower <= lo + CLOSE)[same].all() and (higher >= hi - CLOSE)[same].all()


CONDITIONAL = settings(deadline=None, max_examples=10)


def conditional(s: Study, level: float) -> Interval:
    found = mean_difference_conditional(s.gold, s.in_a, s.document, s.length[:, None], level)
    return found.lo, found.hi


@CONDITIONAL
@given(study=studies(least=60, most=160), levels=LEVELS, seed=st.integers(0, 2**32 - 1))
def test_conditional_differences(study: Study, levels: list[float], seed: int) -> None:
    study = replace(study, document=np.arange(len(study.in_a)) // 2)
    (lo, hi), (lower, higher) = (conditional(study, level) for level in levels)
    assert (lower <= lo + CLOSE).all() and (higher >= hi - CLOSE).all()
    flipped, shuffled = conditional(study.swapped(), levels[0]), conditional(study.shuffled(seed), levels[0])
    # Newton's steps end when little is left to gain, which rounding may see one step later.
    assert np.allclose(flipped, (-hi, -lo), atol=1e-4)
    assert np.allclose(shuffled, (lo, hi), atol=1e-4)


@UNHURRIED
@given(studies(), st.integers(0, 2**32 - 1))
def test_bounds_for_missing_verdicts_flip_and_know_no_order(study: Study, seed: int) -> None:
    lo, hi = share_difference_bounds_missing(study.gold, np.isnan(study.gold), study.in_a)
    for other, expected in ((study.swapped(), (-hi, -lo)), (study.shuffled(seed), (lo, hi))):
        assert close(share_difference_bounds_missing(other.gold, np.isnan(other.gold), other.in_a), expected)


@UNHURRIED
@given(st.integers(0, 60), st.integers(1, 60), LEVELS, st.floats(1, 50))
def test_one_share(k: int, n: int, levels: list[float], df: float) -> None:
    k = min(k, n)
    (lo, hi), (lower, higher) = (share_ci_wilson(k, n, level, df) for level in levels)
    assert 0 <= lower <= lo <= k / n + 1e-12 and k / n - 1e-12 <= hi <= higher <= 1
    other = share_ci_wilson(n - k, n, levels[0], df)
    assert (1 - other[1], 1 - other[0]) == (pytest.approx(lo, abs=1e-12), pytest.approx(hi, abs=1e-12))


@UNHURRIED
@given(studies(least=4), LEVELS, st.integers(0, 2**32 - 1))
def test_a_walk_knows_no_order_within_a_batch_and_widens_with_its_level(
    study: Study, levels: list[float], seed: int
) -> None:
    """Rows of a look may come in any order; the level only widens, at the end of the walk as well."""
    in_a = study.in_a.copy()
    in_a[:2] = True, False
    block = text_blocks(in_a, study.document, np.random.default_rng(0))
    score = study.gold
    order = np.random.default_rng(seed).permutation(len(in_a))
    # Nobody is decided: only then do two levels see the same verdicts.
    rules = [Rule(alpha=1e-9, futility=1e-9, level=level) for level in levels]
    ends = []
    for rule, rows in ((rules[0], np.arange(len(in_a))), (rules[0], order), (rules[1], order)):
        walk = Sequential(np.ones(score.shape[1], bool), int(block.max()) + 1, rule)
        for of in (block < 3, block >= 3):
            at = rows[of[rows]]
            if at.size:
                walk.update(score[at], in_a[at], block[at])
                walk.look()
        ends.append((walk.counts, walk.path[-1]))
    (counts, look), (other_counts, other), (_, wider) = ends
    assert other_counts == pytest.approx(counts)
    assert close((look.lo, look.hi), (other.lo, other.hi))
    assert (wider.lo <= look.lo + 1e-6).all() and (wider.hi >= look.hi - 1e-6).all()
    fixed = [difference(score, in_a, study.document, (1 + level) / 2, study.binary) for level in levels]
    last, last_wider = (
        difference_ci_last_look(at.lo, at.hi, f.lo, f.hi) for at, f in zip((look, wider), fixed, strict=True)
    )
    # Where walk and fixed interval are apart the fixed one stands, which may be the longer of the two.
    together = np.maximum(look.lo, fixed[0].lo) <= np.minimum(look.hi, fixed[0].hi)
    assert (last_wider[0] <= last[0] + 1e-6)[together].all()
    assert (last_wider[1] >= last[1] - 1e-6)[together].all()
