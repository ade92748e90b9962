"""What holds for every table of verdicts: symmetry, order, monotony, and one meaning in three languages."""

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.stats.agreement import paraphrase_groups, verdicts_phi
from tasks.stats.differences import Differences, difference
from tasks.stats.missing import share_difference_bounds_missing
from tasks.stats.multiplicity import pvalues_adjusted_bh, pvalues_adjusted_holm
from tasks.stats.shares import (
    share_difference_ci_mn,
    share_difference_pvalue_fisher,
    share_difference_pvalue_mn,
)

Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, bool]
CLOSE = 1e-9
UNHURRIED = settings(deadline=None)
"""On a busy machine one example may take long."""


@st.composite
def verdicts(draw: st.DrawFn) -> Drawn:
    """A score matrix with missing verdicts, groups that may be empty, documents that may repeat."""
    texts, predicates = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    binary = draw(st.booleans())
    values = [0.0, 1.0] if binary else [0.0, 0.1, 0.25, 0.9, 1.0]
    cell = st.sampled_from([*values, *values, np.nan])
    score = draw(st.lists(cell, min_size=texts * predicates, max_size=texts * predicates))
    in_a = draw(st.lists(st.booleans(), min_size=texts, max_size=texts))
    most = draw(st.sampled_from([2, 5, 1000]))
    document = draw(st.lists(st.integers(0, most), min_size=texts, max_size=texts))
    return np.array(score).reshape(texts, predicates), np.array(in_a), np.array(document), binary


def call(drawn: Drawn, level: float = 0.95) -> Differences:
    score, in_a, document, binary = drawn
    return difference(score, in_a, document, level, binary)


def same(a: Differences, b: Differences, at: slice | list[int] = slice(None)) -> None:
    for name in ("n_a", "n_b", "n_documents", "mean_a", "mean_b", "validity", "lo", "hi", "p"):
        expected = pytest.approx(getattr(b, name)[at], abs=CLOSE, nan_ok=True)
        assert getattr(a, name) == expected, name
    assert a.method == [b.method[i] for i in np.arange(len(b.method))[at]]


@UNHURRIED
@given(verdicts())
def test_swapping_the_groups_flips_the_sign(drawn: Drawn) -> None:
    score, in_a, document, binary = drawn
    one, other = call(drawn), call((score, ~in_a, document, binary))
    assert other.validity == pytest.approx(-one.validity, abs=1e-12, nan_ok=True)
    assert other.lo == pytest.approx(-one.hi, abs=1e-12)
    assert other.hi == pytest.approx(-one.lo, abs=1e-12)
    assert other.p == pytest.approx(one.p, abs=1e-12)
    assert other.n_a.tolist() == one.n_b.tolist()


@UNHURRIED
@given(verdicts(), st.randoms(use_true_random=False))
def test_neither_row_order_nor_document_numbers_matter(drawn: Drawn, random: object) -> None:
    score, in_a, document, binary = drawn
    order = np.arange(len(in_a))
    random.shuffle(order)  # type: ignore[attr-defined]
    same(call((score[order], in_a[order], 7 - 3 * document[order], binary)), call(drawn))


@UNHURRIED
@given(verdicts())
def test_predicates_do_not_touch_one_another(drawn: Drawn) -> None:
    score, in_a, document, binary = drawn
    same(call((score[:, ::-1], in_a, document, binary)), call(drawn), slice(None, None, -1))
    same(call((score[:, :1], in_a, document, binary)), call(drawn), slice(0, 1))


@UNHURRIED
@given(verdicts())
def test_the_estimate_is_inside_and_everything_is_in_range(drawn: Drawn) -> None:
    found = call(drawn)
    known = ~np.isnan(found.validity)
    assert (found.lo[known] <= found.validity[known] + 1e-12).all()
    assert (found.validity[known] <= found.hi[known] + 1e-12).all()
    assert ((found.lo >= -1) & (found.hi <= 1) & (found.lo <= found.hi)).all()
    assert ((found.p >= 0) & (found.p <= 1)).all()
    assert (known == ((found.n_a > 0) & (found.n_b > 0))).all()
    # A difference of nothing is not a discovery, and no interval is a point.
    assert (found.p[found.validity == 0] > 0.5).all()
    assert (found.hi > found.lo).all()


@UNHURRIED
@given(verdicts(), st.floats(0.5, 0.999), st.floats(0.5, 0.999))
def test_a_higher_level_gives_a_wider_interval(drawn: Drawn, one: float, other: float) -> None:
    low, high = call(drawn, min(one, other)), call(drawn, max(one, other))
    assert (high.lo <= low.lo + 1e-12).all()
    assert (high.hi >= low.hi - 1e-12).all()
    assert high.p.tolist() == low.p.tolist()


@UNHURRIED
@given(verdicts(), st.sampled_from([0.8, 0.95, 0.99]))
def test_where_test_and_interval_are_one_they_agree_on_zero(drawn: Drawn, level: float) -> None:
    found = call(drawn, level)
    for i, method in enumerate(found.method):
        if method != "fisher_mn" and abs(found.p[i] - (1 - level)) > 1e-6:
            assert (found.p[i] > 1 - level) == (found.lo[i] <= 1e-12 and found.hi[i] >= -1e-12)


@UNHURRIED
@given(verdicts())
def test_validity_in_plain_python_polars_and_sql(drawn: Drawn) -> None:
    score, in_a, _document, _ = drawn
    found = call(drawn)
    rows = [
        {"predicate": j, "text_group": "A" if in_a[i] else "B", "score": float(score[i, j])}
        for i in range(score.shape[0])
        for j in range(score.shape[1])
        if not np.isnan(score[i, j])
    ]
    frame = pl.DataFrame(rows, schema={"predicate": pl.Int64, "text_group": pl.String, "score": pl.Float64})
    in_polars = frame.group_by("predicate").agg(
        (
            pl.col("score").filter(pl.col("text_group") == "A").mean()
            - pl.col("score").filter(pl.col("text_group") == "B").mean()
        ).alias("validity")
    )
    with duckdb.connect() as connection:
        connection.register("verdicts", frame)
        in_sql = connection.sql(
            "SELECT predicate, avg(score) FILTER (text_group = 'A') - avg(score) FILTER (text_group = 'B')"
            " FROM verdicts GROUP BY predicate"
        ).fetchall()
    for j in range(score.shape[1]):
        a = [r["score"] for r in rows if r["predicate"] == j and r["text_group"] == "A"]
        b = [r["score"] for r in rows if r["predicate"] == j and r["text_group"] == "B"]
        expected = sum(a) / len(a) - sum(b) / len(b) if a and b else None
        polars_says = dict(in_polars.iter_rows()).get(j)
        if expected is None:
            assert np.isnan(found.validity[j])
            assert polars_says is None
            assert dict(in_sql).get(j) is None
        else:
            assert found.validity[j] == pytest.approx(expected, abs=CLOSE)
            assert polars_says == pytest.approx(expected, abs=CLOSE)
            assert dict(in_sql)[j] == pytest.approx(expected, abs=CLOSE)


@UNHURRIED
@given(st.lists(st.floats(0, 1), max_size=40), st.randoms(use_true_random=False))
def test_adjusted_p_values_are_no_smaller_and_keep_the_order(p: list[float], random: object) -> None:
    given_p = np.array(p)
    order = np.arange(len(p))
    random.shuffle(order)  # type: ignore[attr-defined]
    q, holm = pvalues_adjusted_bh(given_p), pvalues_adjusted_holm(given_p)
    assert (q >= given_p).all()
    # The last bits of p * n / k and p * (n - k + 1) may round either way.
    assert (holm >= q - 1e-12).all()
    for adjust, adjusted in ((pvalues_adjusted_bh, q), (pvalues_adjusted_holm, holm)):
        assert ((adjusted >= 0) & (adjusted <= 1)).all()
        assert (np.diff(adjusted[np.argsort(given_p, kind="stable")]) >= 0).all()
        assert adjust(given_p[order]) == pytest.approx(adjusted[order])


@UNHURRIED
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
def test_shares_seen_from_the_other_side(k_a: int, n_a: int, k_b: int, n_b: int) -> None:
    """Counting where it does not hold flips the sign; so does swapping the groups."""
    k_a, k_b = min(k_a, n_a), min(k_b, n_b)
    lo, hi = share_difference_ci_mn(k_a, n_a, k_b, n_b, 0.95)
    other = share_difference_ci_mn(n_a - k_a, n_a, n_b - k_b, n_b, 0.95)
    assert (-other[1], -other[0]) == (pytest.approx(lo, abs=1e-6), pytest.approx(hi, abs=1e-6))
    for pvalue in (share_difference_pvalue_fisher, share_difference_pvalue_mn):
        p = pvalue(k_a, n_a, k_b, n_b)  # type: ignore[operator]
        assert pvalue(n_a - k_a, n_a, n_b - k_b, n_b) == pytest.approx(p, rel=1e-6)  # type: ignore[operator]
        assert pvalue(k_b, n_b, k_a, n_a) == pytest.approx(p, rel=1e-6)  # type: ignore[operator]


@UNHURRIED
@given(verdicts())
def test_bounds_for_missing_verdicts_hold_whatever_they_were(drawn: Drawn) -> None:
    score, in_a, _, _ = drawn
    missing = np.isnan(score)
    lo, hi = share_difference_bounds_missing(score, missing, in_a)
    assert ((lo >= -1) & (hi <= 1) & (lo <= hi + 1e-12)).all()
    if in_a.all() or not in_a.any():
        return
    filled = np.where(missing, np.random.default_rng(0).random(score.shape), score)
    true = filled[in_a].mean(axis=0) - filled[~in_a].mean(axis=0)
    assert ((lo <= true + 1e-12) & (true <= hi + 1e-12)).all()


@UNHURRIED
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from([0.2, 0.5, 0.8]))
def test_groups_agree_inside_are_led_by_the_strongest_and_ignore_the_order(
    seed: int, predicates: int, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    score = (rng.random((30, predicates)) < rng.random((30, 1))).astype(float)
    phi, strength = verdicts_phi(score), rng.random(predicates)
    leader = paraphrase_groups(phi, threshold, strength)
    assert (leader[leader] == leader).all()
    for i in range(predicates):
        assert strength[leader[i]] >= strength[i]
        for j in range(i):
            if leader[i] == leader[j]:
                assert abs(phi[i, j]) >= threshold - 1e-9
    order = rng.permutation(predicates)
    shuffled = paraphrase_groups(phi[np.ix_(order, order)], threshold, strength[order])
    assert (order[shuffled] == leader[order]).all()


@UNHURRIED
@given(verdicts())
def test_more_copies_of_the_same_rows_are_no_new_documents(drawn: Drawn) -> None:
    """Five copies of every row inside its document leave p large: no evidence is made."""
    score, in_a, document, binary = drawn
    copied = tuple(np.repeat(part, 5, axis=0) for part in (score, in_a, document))
    once, copies = call(drawn), call((*copied, binary))  # type: ignore[arg-type]
    assert copies.n_documents.tolist() == once.n_documents.tolist()
    clustered = [i for i, name in enumerate(once.method) if name == "cluster_robust"]
    assert copies.p[clustered] == pytest.approx(once.p[clustered], abs=0.2)
