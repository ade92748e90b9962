"""What is left of a difference at equal length and equal other predicates, on texts with known causes."""

import numpy as np
import pytest
from scipy import special

from tasks.stats.conditional import covariate_spline, mean_difference_conditional
from tasks.stats.differences import difference

NONE = np.nan


def texts(n: int, seed: int, length_effect: float = 0.8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group, log length, and five verdicts.

    0 follows from length alone, in a curve; 1 differs by itself; 2 follows from 1 alone; 3 is unrelated;
    4 is a paraphrase of 1.
    """
    rng = np.random.default_rng(seed)
    in_a = rng.random(n) < 0.5
    length = rng.standard_normal(n) + length_effect * in_a
    chance = rng.random((5, n))
    longer = chance[0] < special.expit(4 * (length - 0.7))
    own = chance[1] < special.expit(-1 + 0.9 * in_a)
    follows = chance[2] < np.where(own, 0.7, 0.2)
    paraphrase = np.where(chance[4] < 0.05, ~own, own)
    score = np.column_stack([longer, own, follows, chance[3] < 0.3, paraphrase]).astype(float)
    return score, in_a, length


def test_longer_explains_away_what_only_follows_from_length() -> None:
    score, in_a, length = texts(6000, 0)
    document = np.arange(6000)
    plain = difference(score, in_a, document, 0.95, True)
    assert plain.lo[0] > 0.15
    found = mean_difference_conditional(score[:, :4], in_a, document, covariate_spline(length), 0.95)
    assert found.lo[0] < 0 < found.hi[0]
    assert abs(found.validity[0]) < 0.03
    # What is not due to length stays, and what follows from it goes.
    assert found.lo[1] > 0.1
    assert plain.lo[2] > 0.03
    assert found.lo[2] < 0 < found.hi[2]
    assert found.lo[3] < 0 < found.hi[3]
    assert (found.p[[0, 2, 3]] > 0.05).all() and found.p[1] < 1e-6
    assert ((found.overlap > 0.7) & (found.overlap < 1)).all()


def test_paraphrases_of_one_group_do_not_explain_each_other_away() -> None:
    score, in_a, length = texts(6000, 1)
    given = (score, in_a, np.arange(6000), covariate_spline(length), 0.95)
    apart = mean_difference_conditional(*given)
    together = mean_difference_conditional(*given, group=np.array([0, 1, 2, 3, 1]))
    assert apart.validity[1] < 0.06
    assert together.lo[1] > 0.1 and together.lo[4] > 0.1


def test_nothing_to_condition_on_is_the_plain_difference() -> None:
    score, in_a, _ = texts(3000, 2)
    plain = difference(score[:, [1]], in_a, np.arange(3000), 0.95, True)
    found = mean_difference_conditional(score[:, [1]], in_a, np.arange(3000), np.zeros((3000, 0)), 0.95)
    assert found.validity == pytest.approx(plain.validity, abs=0.002)
    assert found.hi - found.lo == pytest.approx(plain.hi - plain.lo, rel=0.03)
    assert found.overlap == pytest.approx([1], abs=0.01)


def test_copies_of_a_text_in_one_document_are_not_more_evidence() -> None:
    score, in_a, length = texts(800, 3)
    once = mean_difference_conditional(score[:, :4], in_a, np.arange(800), length[:, None], 0.95)
    five = (np.repeat(part, 5, axis=0) for part in (score[:, :4], in_a, np.arange(800), length[:, None]))
    copied = mean_difference_conditional(*five, 0.95)
    assert copied.hi - copied.lo == pytest.approx(once.hi - once.lo, rel=0.03)


def test_a_covariate_that_decides_the_group_leaves_nothing() -> None:
    score, in_a, length = texts(1000, 4)
    decides = np.column_stack([length, in_a + 0.001 * length])
    found = mean_difference_conditional(score, in_a, np.arange(1000), decides, 0.95, ridge=1e-3)
    assert np.isnan(found.validity).all()
    assert (found.lo == -1).all() and (found.hi == 1).all() and (found.p == 1).all()


def test_missing_verdicts_constant_predicates_and_few_documents() -> None:
    score, in_a, length = texts(2000, 5)
    full = mean_difference_conditional(score[:, :4], in_a, np.arange(2000), length[:, None], 0.95)
    score[np.random.default_rng(5).random(score.shape) < 0.1] = NONE
    score[:, 4] = 0.0
    found = mean_difference_conditional(score, in_a, np.arange(2000), length[:, None], 0.95)
    assert found.validity[:4] == pytest.approx(full.validity, abs=0.03)
    assert found.n[0] < 2000
    assert found.validity[4] == pytest.approx(0, abs=1e-9)
    assert found.hi[4] > found.lo[4]
    few = mean_difference_conditional(score, in_a, np.arange(2000) // 250, length[:, None], 0.95)
    assert np.isnan(few.validity).all() and (few.p == 1).all()


def test_row_order_does_not_matter() -> None:
    score, in_a, length = texts(500, 6)
    document = np.arange(500) // 2
    order = np.random.default_rng(6).permutation(500)
    one = mean_difference_conditional(score, in_a, document, length[:, None], 0.95)
    other = mean_difference_conditional(
        score[order], in_a[order], document[order], length[order][:, None], 0.95
    )
    assert other.validity == pytest.approx(one.validity, abs=1e-5)
    assert other.lo == pytest.approx(one.lo, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariate": np.zeros((3, 1))}, "covariate"),
        ({"covariate": np.full((4, 1), NONE)}, "finite"),
        ({"in_a": np.zeros(3, bool)}, "in_a"),
        ({"level": 1.0}, "level"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "score": np.zeros((4, 1)),
        "in_a": np.array([True, True, False, False]),
        "document": np.arange(4),
        "covariate": np.zeros((4, 1)),
        "level": 0.95,
    }
    with pytest.raises(ValueError, match=message):
        mean_difference_conditional(**(given | change))  # type: ignore[arg-type]
