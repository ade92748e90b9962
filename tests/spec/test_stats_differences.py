"""What `difference` gives for drawn tables: rows in, one line per predicate out."""

import numpy as np
import pytest

from tasks.stats.differences import Differences, difference

NONE = np.nan


def call(table: str, level: float = 0.95, binary: bool = True) -> Differences:
    """Reads a drawn table: group, document, then one score per predicate ('-' where there is none)."""
    rows = [line.split() for line in table.strip().splitlines()]
    score = np.array([[NONE if cell == "-" else float(cell) for cell in row[2:]] for row in rows])
    in_a = np.array([row[0] == "A" for row in rows])
    document = np.array([int(row[1]) for row in rows])
    return difference(score, in_a, document, level, binary)


def test_one_row_per_document_and_verdicts_of_0_and_1_go_to_fisher_and_the_score_interval() -> None:
    found = call("""
        A 1   1 1 0
        A 2   1 1 0
        A 3   1 1 0
        A 4   0 1 0
        B 5   1 0 0
        B 6   0 0 0
        B 7   0 0 0
        B 8   0 0 0
    """)
    # predicate        tea   perfect    never
    assert found.method == ["fisher_mn"] * 3
    assert found.n_a.tolist() == found.n_b.tolist() == [4, 4, 4]
    assert found.n_documents.tolist() == [8, 8, 8]
    assert found.mean_a.tolist() == [0.75, 1, 0]
    assert found.mean_b.tolist() == [0.25, 0, 0]
    assert found.validity.tolist() == [0.5, 1, 0]
    # Fisher's tea table is 34/70; of 70 equally likely tables 2 are as extreme as the perfect one.
    assert found.p == pytest.approx([34 / 70, 2 / 70, 1], abs=1e-12)
    assert found.hi[1] == 1
    assert 0.2 < found.lo[1] < 0.35
    # 0 of 4 against 0 of 4 is not certainty.
    z2 = 1.959963984540054**2 * 8 / 7
    assert found.hi[2] == -found.lo[2] == pytest.approx(z2 / (z2 + 4), abs=1e-9)


def test_a_missing_verdict_leaves_its_row_out_for_that_predicate_alone() -> None:
    found = call("""
        A 1   1 1
        A 2   0 -
        B 3   0 0
        B 4   1 -
        B 5   0 0
    """)
    assert found.n_a.tolist() == [2, 1]
    assert found.n_b.tolist() == [3, 2]
    assert found.n_documents.tolist() == [5, 3]
    assert found.validity == pytest.approx([0.5 - 1 / 3, 1.0])


def test_a_group_without_a_verdict_claims_nothing() -> None:
    for binary in (True, False):
        found = call(
            """
            A 1   -  1 -
            A 1   -  1 -
            B 3   0  - -
            B 3   1  - -
        """,
            binary=binary,
        )
        assert np.isnan(found.validity).all()
        assert np.isnan(found.mean_a).tolist() == [True, False, True]
        assert found.n_b.tolist() == [2, 0, 0]
        assert found.p.tolist() == [1, 1, 1]
        assert found.lo.tolist() == [-1, -1, -1]
        assert found.hi.tolist() == [1, 1, 1]


def test_the_test_is_chosen_by_the_rows_that_were_judged() -> None:
    table = """
        A 1   1 1
        A 1   0 -
        A 2   0 0
        B 3   0 0
        B 4   1 1
    """
    assert call(table).method == ["cluster_score", "fisher_mn"]
    assert call(table, binary=False).method == ["cluster_robust", "welch"]
    assert call(table).n_documents.tolist() == [4, 4]


def test_graded_scores_go_to_welch() -> None:
    found = call(
        """
        A 1   0.9
        A 2   0.7
        A 3   0.8
        B 4   0.1
        B 5   0.3
        B 6   0.2
    """,
        binary=False,
    )
    # Standard error sqrt(0.01/3 + 0.01/3), 4 degrees of freedom, t(0.975, 4) = 2.776445.
    half = 2.7764451 * np.sqrt(0.02 / 3)
    assert found.method == ["welch"]
    assert found.validity == pytest.approx([0.6])
    assert (found.lo[0], found.hi[0]) == pytest.approx((0.6 - half, 0.6 + half), abs=1e-7)
    # t = sqrt(54); with 4 degrees of freedom p has a closed form.
    assert found.p == pytest.approx([1 - np.sqrt(54 / 58) * (1 + 2 / 58)], abs=1e-12)


def test_rows_of_one_document_are_worth_one() -> None:
    """Every document says the same thing five times over: as good as one row per document, not better."""
    once = [("A", d, d < 7) for d in range(10)] + [("B", d, d < 13) for d in range(10, 20)]
    five = "\n".join(f"{g} {d} {int(v)}" for g, d, v in once for _ in range(5))
    single = "\n".join(f"{g} {d} {int(v)}" for g, d, v in once)
    repeated, alone = call(five), call(single)
    assert (repeated.n_a[0], repeated.n_documents[0]) == (50, 20)
    assert repeated.validity == pytest.approx(alone.validity)
    assert repeated.lo[0] < alone.lo[0] + 0.02
    assert repeated.hi[0] > alone.hi[0] - 0.02
    # Taken for independent rows, 35 of 50 against 15 of 50 would have been a sensation.
    assert 0.05 < repeated.p[0] < alone.p[0] + 0.05
    as_if = call("\n".join(f"{g} {i} {int(v)}" for i, (g, _, v) in enumerate(5 * once)))
    assert as_if.p[0] < 0.001


def test_a_group_of_one_document_says_nothing_about_other_documents() -> None:
    table = "\n".join(["A 1 1"] * 50 + [f"B {i} 0" for i in range(2, 60)])
    for binary in (True, False):
        found = call(table, binary=binary)
        assert (found.p[0], found.lo[0], found.hi[0]) == (1, -1, 1)
        assert found.validity[0] == 1


def test_documents_in_both_groups_cancel_what_they_share() -> None:
    """Six documents on very different levels, each 0.1 higher in A give or take a little."""
    levels, wobble = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85), (0.01, -0.01, 0.02, -0.02, 0.01, -0.01)
    paired = call(
        "\n".join(
            f"A {i} {v + 0.1 + w}\nB {i} {v}" for i, (v, w) in enumerate(zip(levels, wobble, strict=True))
        ),
        binary=False,
    )
    assert paired.method == ["cluster_robust"]
    assert paired.p[0] < 1e-3
    # CR2 on pairs is the paired t: mean 0.1, standard error sd/sqrt(6), 5 degrees of freedom.
    half = 2.5705818 * np.std(wobble, ddof=1) / np.sqrt(6)
    assert (paired.lo[0], paired.hi[0]) == pytest.approx((0.1 - half, 0.1 + half), abs=1e-7)


@pytest.mark.parametrize("repeat", [1, 3])
def test_constant_groups_give_neither_nan_nor_certainty(repeat: int) -> None:
    rows = [("A", 1, "0.1 0.9 0.5"), ("A", 2, "0.1 0.9 0.5"), ("A", 3, "0.1 0.9 0.5")]
    rows += [("B", 4, "0.1 0.1 0.1"), ("B", 5, "0.1 0.1 0.2"), ("B", 6, "0.1 0.1 0.3")]
    table = "\n".join(f"{g} {d} {cells}" for g, d, cells in rows for _ in range(repeat))
    found = call(table, binary=False)
    #       all the same, both constant, one constant
    assert found.validity == pytest.approx([0, 0.8, 0.3])
    assert found.p[0] == 1
    # With 3 against 3 even perfect separation is one in ten; B's variance alone would give p = 0.035 at most.
    assert 0.04 < found.p[1] < 0.2
    assert 0.04 < found.p[2] < 0.2
    assert (found.hi - found.lo > 0.1).all()
    assert found.hi[0] == -found.lo[0] > 0.3


def test_no_predicates_give_no_lines() -> None:
    found = difference(np.zeros((4, 0)), np.array([True, True, False, False]), np.arange(4), 0.95, True)
    assert found.p.shape == (0,)
    assert found.method == []


@pytest.mark.parametrize(
    ("score", "in_a", "document", "level", "message"),
    [
        (np.zeros(3), np.ones(3, bool), np.arange(3), 0.95, "wanted score"),
        (np.zeros((3, 1)), np.ones(2, bool), np.arange(3), 0.95, r"\(2,\)"),
        (np.zeros((3, 1)), np.ones(3, bool), np.arange(4), 0.95, r"\(4,\)"),
        (np.zeros((3, 1)), np.ones(3, bool), np.arange(3), 95, "level"),
        (np.full((3, 1), np.inf), np.ones(3, bool), np.arange(3), 0.95, "finite"),
        (np.full((3, 1), 0.5), np.ones(3, bool), np.arange(3), 0.95, "0/1"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    score: np.ndarray, in_a: np.ndarray, document: np.ndarray, level: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        difference(score, in_a, document, level, binary=True)


def test_three_documents_that_never_say_it_are_three_whatever_the_other_group_does() -> None:
    """300 rows of 3 documents, all 0, against 300 documents with 5 % of 1: Fisher would see p < 0.001."""
    rows = [f"A {d} 0" for d in range(3) for _ in range(100)]
    rows += [f"B {d} {int(d % 20 == 0)}" for d in range(100, 400)]
    found = call("\n".join(rows))
    assert found.method == ["cluster_score"]
    assert found.p[0] > 0.5
    assert found.hi[0] > 0.4


@pytest.mark.parametrize("clustered", [True, False])
def test_rounding_is_not_taken_for_variance(clustered: bool) -> None:
    """The same score everywhere, many such scores: sums of squares then differ in their last digits."""
    rng = np.random.default_rng(0)
    for score in rng.random(200):
        n = int(rng.integers(6, 60))
        document = np.arange(n) // 2 if clustered else np.arange(n)
        found = difference(np.full((n, 1), score), np.arange(n) < n // 2, document, 0.95, binary=False)
        assert found.p[0] == 1
        assert found.hi[0] - found.lo[0] > 0.1
