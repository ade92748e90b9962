"""What holds for every table of gold and cheap verdicts: symmetry, order, monotony, ranges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.stats.differences import difference
from tasks.stats.judge_error import judge_error
from tasks.stats.missing import difference_worst_case_missing
from tasks.stats.prediction_powered import PredictionPowered, difference_ppi
from tasks.stats.reliability import judges_alpha_krippendorff, judges_kappa_cohen

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool, np.ndarray | None]
UNHURRIED = settings(deadline=None, max_examples=60)
"""On a busy machine one example may take long."""


@st.composite
def judged(draw: st.DrawFn) -> Drawn:
    """Cheap and gold verdicts with gaps, groups and documents of any size, maybe weights."""
    texts, predicates, binary = draw(st.integers(1, 40)), draw(st.integers(1, 3)), draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = np.array([0.0, 1.0] if binary else [0.0, 0.1, 0.25, 0.9, 1.0])
    size = (texts, predicates)
    gold = rng.choice(values, size, p=rng.dirichlet(np.ones(values.size)))
    cheap = np.where(rng.random(size) < rng.random(), gold, rng.choice([0.0, 0.3, 1.0], size))
    gold = np.where(rng.random(size) < rng.random(), gold, np.nan)
    cheap = np.where(rng.random(size) < 0.1 * draw(st.integers(0, 2)), np.nan, cheap)
    in_a, document = (
        rng.random(texts) < rng.random(),
        rng.integers(0, draw(st.sampled_from([2, 9, 999])), texts),
    )
    weight = rng.uniform(1, 9, texts) if draw(st.booleans()) else None
    return cheap, gold, in_a, document, binary, weight


def call(drawn: Drawn, level: float = 0.95) -> PredictionPowered:
    cheap, gold, in_a, document, binary, weight = drawn
    return difference_ppi(cheap, gold, in_a, document, level, binary, weight)


@UNHURRIED
@given(judged())
def test_swapping_the_groups_flips_the_sign(drawn: Drawn) -> None:
    cheap, gold, in_a, document, binary, weight = drawn
    one, other = call(drawn), call((cheap, gold, ~in_a, document, binary, weight))
    assert other.lo == pytest.approx(-one.hi, abs=1e-9)
    assert other.hi == pytest.approx(-one.lo, abs=1e-9)
    assert other.p == pytest.approx(one.p, abs=1e-9)
    assert other.weight == pytest.approx(one.weight, abs=1e-9)
    assert other.validity == pytest.approx(-one.validity, abs=1e-9, nan_ok=True)


@UNHURRIED
@given(judged(), st.integers(0, 2**32 - 1))
def test_neither_row_order_nor_document_numbers_matter(drawn: Drawn, seed: int) -> None:
    cheap, gold, in_a, document, binary, weight = drawn
    order = np.random.default_rng(seed).permutation(len(in_a))
    own = None if weight is None else weight[order]
    one, other = (
        call(drawn),
        call((cheap[order], gold[order], in_a[order], 7 - 3 * document[order], binary, own)),
    )
    for name in ("lo", "hi", "p", "validity", "weight", "lo_gold", "hi_gold"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9, nan_ok=True), name


@UNHURRIED
@given(judged())
def test_never_wider_than_the_gold_verdicts_alone_never_a_point_and_in_range(drawn: Drawn) -> None:
    found = call(drawn)
    assert (found.hi - found.lo <= found.hi_gold - found.lo_gold + 1e-12).all()
    assert (found.hi > found.lo).all()
    assert ((found.lo >= -1) & (found.hi <= 1)).all()
    assert ((found.p >= 0) & (found.p <= 1)).all()
    assert ((found.variance_ratio > 0) & (found.variance_ratio <= 1)).all()
    assert (found.weight >= 0).all()
    if drawn[5] is None:
        gold = np.where(np.isnan(drawn[0]), np.nan, drawn[1])
        alone = difference(gold, drawn[2], drawn[3], 0.95, drawn[4])
        assert found.lo_gold.tolist() == alone.lo.tolist()


@UNHURRIED
@given(judged(), st.floats(0.5, 0.999), st.floats(0.5, 0.999))
def test_a_higher_level_gives_a_wider_interval(drawn: Drawn, one: float, other: float) -> None:
    low, high = call(drawn, min(one, other)), call(drawn, max(one, other))
    # The choice between both intervals may differ by level, so widths are compared, not ends.
    assert (high.hi - high.lo >= low.hi - low.lo - 1e-9).all()


@UNHURRIED
@given(judged())
def test_the_test_and_the_interval_agree_on_zero(drawn: Drawn) -> None:
    found = call(drawn)
    for i, method in enumerate(found.method):
        if method != "fisher_mn" and abs(found.p[i] - 0.05) > 1e-6:
            assert (found.p[i] > 0.05) == (found.lo[i] <= 1e-12 and found.hi[i] >= -1e-12)


@UNHURRIED
@given(judged())
def test_rates_are_in_range_and_flip_with_the_groups(drawn: Drawn) -> None:
    cheap, gold, in_a, document, _, _ = drawn
    one, other = (judge_error(cheap, gold, side, document, 0.95) for side in (in_a, ~in_a))
    for a, b in ((one.sensitivity, other.sensitivity), (one.specificity, other.specificity)):
        known = ~np.isnan(a.estimate)
        assert ((a.lo >= 0) & (a.hi <= 1) & (a.lo < a.hi)).all()
        assert ((a.lo <= a.estimate + 1e-9) & (a.estimate <= a.hi + 1e-9))[known].all()
        assert (b.lo_a, b.hi_a) == (pytest.approx(a.lo_b), pytest.approx(a.hi_b))
        assert b.lo_difference == pytest.approx(-a.hi_difference, abs=1e-9)
        assert b.lo == pytest.approx(a.lo, abs=1e-9)
    assert other.bias_lo == pytest.approx(-one.bias_hi, abs=1e-9)
    assert (one.bias_lo < one.bias_hi).all()


@UNHURRIED
@given(judged())
def test_agreement_is_symmetric_and_knows_no_order(drawn: Drawn) -> None:
    cheap, gold, _, document, _, _ = drawn
    one, other = (
        judges_kappa_cohen(cheap, gold, document, 0.95),
        judges_kappa_cohen(gold, cheap, document, 0.95),
    )
    assert other.estimate == pytest.approx(one.estimate, abs=1e-9, nan_ok=True)
    assert other.lo == pytest.approx(one.lo, abs=1e-7)
    both = np.stack([cheap, gold], axis=-1)
    for metric in ("nominal", "interval"):
        alpha = judges_alpha_krippendorff(both, document, 0.95, metric)  # type: ignore[arg-type]
        back = judges_alpha_krippendorff(both[::-1, :, ::-1], document[::-1], 0.95, metric)  # type: ignore[arg-type]
        assert back.estimate == pytest.approx(alpha.estimate, abs=1e-9, nan_ok=True)
        assert back.hi == pytest.approx(alpha.hi, abs=1e-7)
        known = ~np.isnan(alpha.estimate)
        assert ((alpha.lo >= -1) & (alpha.hi <= 1) & (alpha.lo < alpha.hi)).all()
        assert (alpha.lo <= alpha.estimate + 1e-9)[known].all()


@UNHURRIED
@given(judged())
def test_what_survives_the_worst_case_survives_any_filling(drawn: Drawn) -> None:
    _, gold, in_a, document, binary, _ = drawn
    missing = np.isnan(gold)
    worst = difference_worst_case_missing(gold, missing, in_a, document, 0.95, binary)
    seen = difference(gold, in_a, document, 0.95, binary)
    found = (seen.lo > 0) | (seen.hi < 0)
    assert not worst.fragile[~found].any()
    # The estimate at worst bounds that of any filling.
    filled = np.where(missing, (np.random.default_rng(0).random(gold.shape) < 0.5) * 1.0, gold)
    other = difference(filled, in_a, document, 0.95, binary)
    toward = np.sign(seen.validity[found])
    assert (toward * other.validity[found] >= toward * worst.validity[found] - 1e-9).all()
