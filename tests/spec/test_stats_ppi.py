"""Gold verdicts on some texts and cheap ones on all: drawn tables in, corrected differences out."""

import numpy as np
import pytest

from tasks.stats.differences import difference
from tasks.stats.prediction_powered import PredictionPowered, difference_ppi

NONE = np.nan


def study(
    n: int = 400, n_gold: int = 100, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth, gold verdicts, groups and documents of one predicate."""
    rng = np.random.default_rng(seed)
    in_a = np.arange(n) < n // 2
    truth = (rng.random(n) < np.where(in_a, 0.4, 0.2)).astype(float)[:, None]
    asked = (rng.permutation(n) < n_gold)[:, None]
    return truth, np.where(asked, truth, NONE), in_a, np.arange(n)


def call(cheap: np.ndarray, gold: np.ndarray, in_a: np.ndarray, document: np.ndarray) -> PredictionPowered:
    return difference_ppi(cheap, gold, in_a, document, 0.95, binary=True)


def test_a_judge_who_is_always_right_gives_the_difference_on_all_texts() -> None:
    truth, gold, in_a, document = study()
    found = call(truth, gold, in_a, document)
    assert found.validity == pytest.approx([truth[in_a].mean() - truth[~in_a].mean()])
    assert found.weight == pytest.approx([1])
    assert found.method == ["ppi_score"]
    assert found.hi - found.lo < 0.65 * (found.hi_gold - found.lo_gold)
    assert (found.n_a[0], found.n_b[0], found.n_gold_a[0] + found.n_gold_b[0]) == (200, 200, 100)


def test_a_judge_who_says_nothing_leaves_the_gold_verdicts_alone() -> None:
    truth, gold, in_a, document = study()
    alone = difference(gold, in_a, document, 0.95, binary=True)
    for useless in (np.zeros_like(truth), np.full_like(truth, 0.5), 1 - truth):
        found = call(useless, gold, in_a, document)
        assert (found.lo[0], found.hi[0], found.p[0]) == (alone.lo[0], alone.hi[0], alone.p[0])
        assert (found.weight[0], found.variance_ratio[0], found.method) == (0, 1, ["fisher_mn"])


def test_a_judge_who_errs_in_one_group_alone_is_corrected() -> None:
    """Half of A's misses look like a difference the other way; the corrected interval is around the truth."""
    truth, gold, in_a, document = study(4000, 1000)
    rng = np.random.default_rng(1)
    cheap = np.where(in_a[:, None] & (rng.random(truth.shape) < 0.7), 0.0, truth)
    found = call(cheap, gold, in_a, document)
    assert found.validity_cheap < -0.05
    assert found.lo < 0.2 < found.hi
    assert difference(cheap, in_a, document, 0.95, True).hi < 0


def test_by_hand() -> None:
    """Four gold texts a group and four others.

    Gold texts of each group: (f, y) = (1, 1), (1, 0), (0, 0), (0, 0): covariance 1 of 4 over variance 1 of 4
    (as sums 0.5 over 1), so the weight is 0.5. The other four of A are called 1, those of B 0.
    """
    cheap = np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=float)[:, None]
    gold = np.array([1, 0, 0, 0] + [NONE] * 4 + [1, 0, 0, 0] + [NONE] * 4)[:, None]
    in_a = np.arange(16) < 8
    for binary in (True, False):
        found = difference_ppi(cheap, gold, in_a, np.arange(16), 0.95, binary)
        if found.weight[0] > 0:
            assert found.weight == pytest.approx([0.5])
            # A: 1/4 - 0.5 (2/4 - 6/8); B: 1/4 - 0.5 (2/4 - 2/8).
            assert (found.mean_a[0], found.mean_b[0]) == pytest.approx((0.375, 0.125))
        assert found.validity_cheap == pytest.approx([0.5])
    assert found.weight[0] > 0


def test_no_gold_positive_is_not_certainty() -> None:
    _, gold, in_a, document = study()
    for cheap in (np.zeros_like(gold), (np.arange(400)[:, None] % 7 == 0) * 1.0):
        for binary in (True, False):
            found = difference_ppi(cheap, np.where(np.isnan(gold), NONE, 0.0), in_a, document, 0.95, binary)
            assert found.hi - found.lo > 0.1
            assert found.p == [1]


def test_perfect_agreement_on_the_gold_texts_is_not_certainty() -> None:
    """Fifty texts a group without an error still allow for a few in a hundred."""
    truth, gold, in_a, document = study(100_000, 100)
    found = call(truth, gold, in_a, document)
    assert 0.03 < found.hi[0] - found.lo[0] < found.hi_gold[0] - found.lo_gold[0]


def test_a_group_without_gold_verdicts() -> None:
    truth, gold, in_a, document = study()
    found = call(truth, np.where(in_a[:, None], gold, NONE), in_a, document)
    assert (found.lo[0], found.hi[0], found.p[0]) == (-1, 1, 1)
    assert np.isnan(found.validity[0])
    nothing = call(truth, np.full_like(truth, NONE), in_a, document)
    assert (nothing.lo[0], nothing.hi[0], nothing.p[0]) == (-1, 1, 1)


def test_gold_verdicts_on_all_texts_need_no_cheap_ones() -> None:
    truth, _, in_a, document = study()
    cheap = np.where(np.random.default_rng(2).random(truth.shape) < 0.1, 1 - truth, truth)
    found, alone = call(cheap, truth, in_a, document), difference(truth, in_a, document, 0.95, True)
    assert (found.lo[0], found.hi[0]) == pytest.approx((alone.lo[0], alone.hi[0]))


def test_a_text_that_the_cheap_judge_refused_is_left_out() -> None:
    truth, gold, in_a, document = study()
    cheap, kept = truth.copy(), np.arange(400) % 5 > 0
    cheap[~kept] = NONE
    found, without = (
        call(cheap, gold, in_a, document),
        call(cheap[kept], gold[kept], in_a[kept], document[kept]),
    )
    assert (found.lo[0], found.hi[0], found.n_a[0]) == pytest.approx((without.lo[0], without.hi[0], 160))


def test_predicates_are_treated_one_by_one_however_many() -> None:
    rng = np.random.default_rng(3)
    truth, in_a = (rng.random((200, 70)) < 0.3).astype(float), np.arange(200) % 2 == 0
    gold = np.where(rng.random(truth.shape) < 0.4, truth, NONE)
    document = np.arange(200) // 4
    together = difference_ppi(truth, gold, in_a, document, 0.95, True)
    for j in (0, 31, 32, 69):
        alone = difference_ppi(truth[:, [j]], gold[:, [j]], in_a, document, 0.95, True)
        expected = (together.lo[j], together.hi[j], together.p[j])
        assert (alone.lo[0], alone.hi[0], alone.p[0]) == pytest.approx(expected, abs=1e-12)
    assert difference_ppi(truth[:, :0], gold[:, :0], in_a, document, 0.95, True).method == []


def test_equal_weights_are_no_weights() -> None:
    truth, gold, in_a, document = study()
    plain = call(truth, gold, in_a, document)
    weighted = difference_ppi(truth, gold, in_a, document, 0.95, True, weight=np.full(400, 4.0))
    assert (plain.lo[0], plain.hi[0]) == (weighted.lo[0], weighted.hi[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold": np.zeros((4, 2))}, "alike"),
        ({"in_a": np.zeros(3, bool)}, "in_a"),
        ({"cheap": np.full((4, 1), 1.5)}, r"cheap verdicts in \[0, 1\]"),
        ({"gold": np.full((4, 1), -0.5)}, r"gold verdicts in \[0, 1\]"),
        ({"gold": np.full((4, 1), 0.5)}, "0/1 gold"),
        ({"level": 95}, "level"),
        ({"weight": np.zeros(4)}, "over 0"),
        ({"weight": np.ones(3)}, "weights"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "cheap": np.zeros((4, 1)),
        "gold": np.zeros((4, 1)),
        "in_a": np.array([True, True, False, False]),
        "document": np.arange(4),
        "level": 0.95,
        "binary": True,
    }
    with pytest.raises(ValueError, match=message):
        difference_ppi(**(given | change))  # type: ignore[arg-type]
