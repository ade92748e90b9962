"""What the statistics of pairs say of small, hand-made pairs."""

import numpy as np
import pytest

from tasks.stats.liked import liked_coefficients
from tasks.stats.orders import agreement_sufficient, orders_kappa_cohen, position_bias
from tasks.stats.paired import paired_difference, paired_mean_ci
from tasks.stats.telling import Told, identity_told, pair_folds, preference_told, told_lift

NONE = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def test_ties_are_pairs_and_pairs_without_a_verdict_are_not() -> None:
    found = paired_difference(column(1, 1, 0, -1, NONE, 1), np.arange(6), 0.95)
    assert found.n[0] == 5 and found.n_documents[0] == 5
    assert found.estimate[0] == pytest.approx(0.4)
    assert found.p[0] == pytest.approx(10 / 16)


def test_swapping_the_two_flips_the_interval_and_keeps_p() -> None:
    rng = np.random.default_rng(0)
    d, document = rng.choice([-1, -0.5, 0, 0.5, 1], size=(60, 8)) * 1.0, np.arange(60) // 2
    one, other = paired_difference(d, document, 0.9), paired_difference(-d, document, 0.9)
    assert one.lo == pytest.approx(-other.hi) and one.estimate == pytest.approx(-other.estimate)
    assert one.p == pytest.approx(other.p)
    assert ((one.lo <= one.estimate) & (one.estimate <= one.hi)).all()
    assert list((one.lo <= 0) & (one.hi >= 0)) == list(one.p > 0.1)


@pytest.mark.parametrize("value", [1.0, 0.0, -1.0, 0.3])
def test_pairs_that_are_all_alike_are_no_point(value: float) -> None:
    found = paired_difference(np.full((50, 1), value), np.arange(50), 0.95)
    assert found.lo[0] <= value <= found.hi[0]
    assert 0.05 < found.hi[0] - found.lo[0] < 0.2
    assert (found.p[0] < 1e-10) == (value != 0)


def test_p_and_interval_agree_on_0() -> None:
    """Few documents whose pairs are alike, where the interval by itself is the wider one; and many levels."""
    rng = np.random.default_rng(4)
    document = np.arange(60) // 5
    d = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.2, 0.7], size=(12, 300))[document]
    for level in (0.5, 0.9, 0.95, 0.99):
        found = paired_difference(d, document, level)
        assert ((found.lo <= 0) & (found.hi >= 0) == (found.p > 1 - level)).all()
        assert ((found.lo <= found.estimate) & (found.estimate <= found.hi)).all()


def test_copies_of_a_prompt_are_one_document() -> None:
    d = np.random.default_rng(1).choice([-1.0, 0.0, 1.0, 1.0], size=(40, 1))
    once = paired_difference(d, np.arange(40), 0.95)
    copied = paired_difference(np.repeat(d, 4, axis=0), np.repeat(np.arange(40), 4), 0.95)
    assert copied.n[0] == 160 and copied.n_documents[0] == 40
    for name in ("estimate", "lo", "hi", "p"):
        assert getattr(copied, name) == pytest.approx(getattr(once, name))


def test_nothing_and_one_document_say_nothing() -> None:
    d = np.column_stack([np.full(4, NONE), np.ones(4)])
    found = paired_difference(d, np.zeros(4, dtype=int), 0.95)
    assert np.isnan(found.estimate[0]) and found.estimate[1] == 1
    assert list(found.lo) == [-1, -1] and list(found.hi) == [1, 1] and list(found.p) == [1, 1]
    assert paired_difference(np.zeros((4, 0)), np.arange(4), 0.95).p.shape == (0,)


def test_folds_keep_documents_whole_and_are_even() -> None:
    document = np.arange(63) // 3
    fold = pair_folds(document, np.random.default_rng(0))
    assert all(len(set(fold[document == one])) == 1 for one in range(21))
    assert sorted(np.unique(fold[::3], return_counts=True)[1]) == [2] * 9 + [3]
    assert len(set(pair_folds(np.array([7, 7, 9]), np.random.default_rng(0)))) == 2


def told(x: np.ndarray, **more: np.ndarray) -> Told:
    document = np.arange(len(x))
    fold = pair_folds(document, np.random.default_rng(0))
    if "preference" in more:
        return preference_told(x, more["preference"], document, fold, 0.95)
    return identity_told(x, document, fold, 0.95)


def test_a_trait_of_one_model_tells_it_and_the_order_of_its_pairs_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    x = np.column_stack([rng.choice([1.0, 0.0, -1.0], p=[0.8, 0.1, 0.1], size=200), rng.standard_normal(200)])
    found = told(x)
    assert 0.75 < found.lo < found.accuracy < found.hi < 0.95
    # The model learns from a pair what it learns from the exchanged one.
    preference = rng.choice([-1.0, -0.4, 0.4, 1.0], size=200)
    turned = rng.random(200) < 0.5
    one = told(x, preference=preference)
    other = told(np.where(turned[:, None], -x, x), preference=np.where(turned, -preference, preference))
    assert other.accuracy == one.accuracy and other.score == pytest.approx(
        np.where(turned, -1, 1) * one.score
    )


def test_the_accuracys_interval_knows_that_pairs_train_each_others_models() -> None:
    rng = np.random.default_rng(5)
    x, document = rng.choice([1.0, 0.0, -1.0], p=[0.6, 0.2, 0.2], size=(400, 2)), np.arange(400)
    found = told(x)
    _, lo, hi = paired_mean_ci(2 * found.right[:, None] - 1, document, 0.95)
    assert found.hi - found.lo == pytest.approx((hi[0] - lo[0]) / 2 * np.sqrt(1 + 2 / np.pi), rel=0.01)
    # What is told worse than by chance is told by chance.
    worse = [told(rng.choice([1.0, -1.0], size=(60, 1))) for _ in range(40)]
    assert min(one.accuracy for one in worse) < 0.35 and all(one.hi >= 0.5 for one in worse)


@pytest.mark.parametrize("x", [np.zeros((40, 3)), np.zeros((40, 0)), np.full((40, 2), NONE)])
def test_traits_that_say_nothing_are_right_half_the_time(x: np.ndarray) -> None:
    found = told(x)
    assert found.accuracy == found.auc == found.balanced == 0.5
    assert found.lo < 0.5 < found.hi
    liked = told(x, preference=np.resize([1.0, -1.0, 0.5], 40))
    assert liked.accuracy == liked.auc == liked.balanced == 0.5


def test_always_the_same_side_ranks_no_pair_over_another() -> None:
    preference = np.where(np.random.default_rng(0).random(100) < 0.6, 1.0, -1.0)
    assert told(np.ones((100, 1)), preference=preference).auc == 0.5


def test_pairs_without_a_preference_are_left_out_and_counted() -> None:
    x = column(1, 1, -1, -1, 1, -1)
    found = told(x, preference=np.array([1.0, 0.2, -1.0, -0.3, 0.0, NONE]))
    assert (found.n, found.n_left_out, found.accuracy, found.balanced) == (4, 2, 1.0, 1.0)
    assert np.isnan(found.right[4:]).all()
    none = told(x, preference=np.full(6, NONE))
    assert none.n == 0 and np.isnan(none.accuracy) and np.isnan(none.majority)


def test_a_constant_says_what_is_preferred_more_often() -> None:
    preference = np.where(np.arange(100) < 90, -1.0, 1.0)
    always = told(np.ones((100, 1)), preference=preference)
    assert always.accuracy == always.majority == 0.9 and always.balanced == 0.5
    assert always.lo < 0.9 < always.hi


def test_lift_is_over_the_same_pairs() -> None:
    rng = np.random.default_rng(3)
    x = rng.choice([1.0, -1.0], p=[0.9, 0.1], size=(300, 1))
    document = np.arange(300)
    more, less = told(x), told(rng.standard_normal((300, 1)))
    found = told_lift(more, less, document, 0.95)
    assert found.estimate == pytest.approx(more.accuracy - less.accuracy)
    assert 0.2 < found.lo < found.estimate < found.hi
    same = told_lift(more, more, document, 0.95)
    assert same.estimate == 0 and same.lo < 0 < same.hi
    with pytest.raises(ValueError, match="same pairs"):
        told_lift(more, told(x, preference=np.resize([1.0, 0.0], 300)), document, 0.95)


def preferred(n: int = 600, seed: int = 0) -> dict[str, np.ndarray]:
    """Length is liked; trait 0 follows length alone, 1 is liked, 2 is its paraphrase, 3 is unrelated."""
    rng = np.random.default_rng(seed)
    length = rng.standard_normal(n)
    own = rng.choice([-1.0, 0.0, 1.0], size=(n, 2))
    follows = np.sign(np.round(length))
    paraphrase = np.where(rng.random(n) < 0.03, 0.0, own[:, 0])
    chance = 1 / (1 + np.exp(-(1.5 * length + own[:, 0])))
    document = np.arange(n)
    return {
        "x": np.column_stack([follows, own[:, 0], paraphrase, own[:, 1]]),
        "covariate": length[:, None],
        "preference": (rng.random((2, n)) < chance).mean(axis=0) * 2 - 1,
        "document": document,
        "fold": pair_folds(document, rng),
    }


def test_what_only_follows_from_length_is_not_liked() -> None:
    given = preferred()
    found = liked_coefficients(**given, level=0.95, group=np.array([0, 1, 1, 3]))
    assert found.lo[0] < 0 < found.hi[0] and found.lo[3] < 0 < found.hi[3]
    assert found.lo[1] > 0.4 and found.lo[2] > 0.4 and found.estimate[1] == pytest.approx(1, abs=0.3)
    assert ((found.p < 0.05) == ((found.lo > 0) | (found.hi < 0))).all()
    without = liked_coefficients(**(given | {"covariate": np.zeros((600, 0))}), level=0.95)
    assert without.lo[0] > 0.5
    # Given its paraphrase hardly anything is left.
    assert (without.hi - without.lo)[1] > 2 * (found.hi - found.lo)[1]


def test_what_is_liked_about_one_model_is_not_the_traits_it_shows() -> None:
    """A is preferred for something else; trait 0 is A's in nearly all pairs."""
    rng = np.random.default_rng(2)
    x = rng.choice([1.0, 0.0], p=[0.8, 0.2], size=(500, 1))
    preference = rng.choice([1.0, -1.0], p=[0.8, 0.2], size=500)
    document = np.arange(500)
    given = (preference, document, pair_folds(document, rng), 0.95)
    assert liked_coefficients(x, np.zeros((500, 0)), *given).lo[0] > 0.8
    apart = liked_coefficients(x, np.ones((500, 1)), *given)
    assert apart.lo[0] < 0 < apart.hi[0]


def test_constant_decided_and_separating_traits_have_no_coefficient() -> None:
    given = preferred(200)
    given["x"][:, 0] = 0.0
    given["x"][:, 2] = given["x"][:, 1]
    given["x"][:, 3] = np.where(given["preference"] == 0, 0.0, np.sign(given["preference"]))
    found = liked_coefficients(**given, level=0.95)
    assert np.isnan(found.estimate).all() and np.isnan(found.lo).all() and (found.p == 1).all()
    few = liked_coefficients(**(given | {"document": np.arange(200) // 30}), level=0.95)
    assert np.isnan(few.estimate).all()
    none = liked_coefficients(**(given | {"preference": np.full(200, NONE)}), level=0.95)
    assert np.isnan(none.estimate).all() and (none.n == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariate": np.full((600, 1), NONE)}, "finite"),
        ({"preference": np.full(600, 2.0)}, "preferences in"),
        ({"document": np.arange(3)}, "a document and a fold"),
        ({"x": np.zeros((3, 2))}, "covariate"),
    ],
)
def test_bad_input_is_named(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        liked_coefficients(**(preferred() | change), level=0.95)
    with pytest.raises(ValueError, match="outside"):
        paired_difference(column(2.0), np.arange(1), 0.95)
    with pytest.raises(ValueError, match="level"):
        paired_difference(column(1.0), np.arange(1), 1.0)


def test_a_trait_that_one_model_nearly_always_shows_is_not_vague_for_that() -> None:
    """By Cohen's own margins the first column has kappa -0.05."""
    first = np.ones((100, 2))
    second = np.where(np.arange(100)[:, None] < 5, 0.0, first)
    first[95:, 0] = 0.0
    first[:, 1] = np.resize([1.0, 0.0], 100)
    found = orders_kappa_cohen(first, second, np.arange(100), 0.95)
    assert found.estimate[0] > 0.7 and found.n[0] == 100
    assert list(agreement_sufficient(found)) == [True, False]
    assert list(agreement_sufficient(found, 0.99)) == [False, False]


def test_a_trait_that_is_never_seen_is_not_well_defined() -> None:
    found = orders_kappa_cohen(np.full((100, 1), 0.5), np.full((100, 1), 0.5), np.arange(100), 0.95)
    assert found.lo[0] == -1 and not agreement_sufficient(found)[0]


def test_position_bias_is_what_the_place_decides() -> None:
    first, second = column(1, 1, 0, 0.5, 1), column(0, 1, 0, 0.5, NONE)
    found = position_bias(first, second, np.arange(5), 0.95)
    assert found.n == 4 and found.estimate == 0.25 and found.lo < 0.25 < found.hi
    always = position_bias(np.ones((50, 3)), np.zeros((50, 3)), np.arange(50), 0.95)
    assert always.estimate == 1 and always.n == 150
    backwards = position_bias(1 - first, 1 - second, np.arange(5), 0.95)
    assert backwards.estimate == -0.25
