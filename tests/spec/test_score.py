"""score: verdict rows in, effects and decisions out."""

import numpy as np
import polars as pl
import pytest

from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.kinds.effects import shuffle_groups, surface_features
from tasks.records import Predicate
from tasks.score.baselines import null_rate
from tasks.score.discoveries import decided_fixed, with_why
from tasks.score.stage import score_judged
from tasks.stats.differences import difference
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.store import frames
from tasks.study import Study
from tasks.study.params import ScoreParams
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import verdict_matrix
from tests.spec.test_verify import predicate

STUDY = Study.model_validate(
    {"name": "s", "data": "x", "goal": "g", "collect": {"group": "random"}, "propose": {"max_predicates": 9}}
)


def held_out(n_a: int, n_b: int) -> pl.DataFrame:
    n = n_a + n_b
    return pl.DataFrame(
        {
            "text_id": [f"t{i:04d}" for i in range(n)],
            "text_hash": [f"h{i:04d}" for i in range(n)],
            "text": ["x"] * n,
            "group": ["A"] * n_a + ["B"] * n_b,
            "document_id": [f"d{i:04d}" for i in range(n)],
            "half": ["confirm"] * n,
            "n_merged": [1] * n,
            "context": [None] * n,
            "media": [None] * n,
        },
        schema=frames.TEXTS,
    )


def rows(matrix: list[list[float | str]], texts: pl.DataFrame, names: list[str]) -> pl.LazyFrame:
    """Verdict rows drawn as a matrix: numbers are values, words are statuses."""
    return pl.DataFrame(
        [
            {
                "predicate_id": name,
                "text_id": text_id,
                "score": float(cell) if not isinstance(cell, str) else None,
                "status": "value" if not isinstance(cell, str) else cell,
            }
            for text_id, line in zip(texts["text_id"], matrix, strict=True)
            for name, cell in zip(names, line, strict=True)
        ],
        schema=frames.VERDICTS,
    ).lazy()


def test_verdict_rows_become_a_matrix() -> None:
    texts = held_out(1, 1)
    verdicts = rows([[1, "refusal"], [0, "absent"]], texts, ["x", "y"])
    score, status = verdict_matrix(texts, [predicate("x"), predicate("y")], verdicts)
    np.testing.assert_array_equal(score, [[1, np.nan], [0, np.nan]])
    assert status.tolist() == [[roles.VALUE, roles.REFUSAL], [roles.VALUE, roles.ABSENT]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda v: v.with_columns(predicate_id=pl.lit("unfrozen")),
        lambda v: v.with_columns(text_id=pl.lit("t9999")),
        lambda v: pl.concat([v, v]),
        lambda v: v.head(1),
        lambda v: v.with_columns(text_id=pl.lit("t0000")),
    ],
    ids=["unfrozen predicate", "unknown text", "twice", "a row lost", "one text twice"],
)
def test_rows_that_do_not_match_the_freeze_are_refused(spoil) -> None:
    texts = held_out(1, 1)
    with pytest.raises(FrozenError):
        verdict_matrix(texts, [predicate("x")], spoil(rows([[1], [0]], texts, ["x"])))


def scored(matrix: np.ndarray, n_a: int, n_b: int, predicates: list[Predicate]):
    texts = held_out(n_a, n_b)
    status = np.where(np.isnan(matrix), roles.REFUSAL, roles.VALUE).astype(np.uint8)
    return score_judged(Judged(STUDY, texts, predicates, matrix, status)).scores


def column(n_a: int, n_b: int, true_a: int, true_b: int) -> np.ndarray:
    return np.array([1.0] * true_a + [0.0] * (n_a - true_a) + [1.0] * true_b + [0.0] * (n_b - true_b))


def test_validity_is_the_difference_of_shares_and_q_counts_all_frozen() -> None:
    matrix = np.stack([column(100, 200, 60, 40), column(100, 200, 10, 20)], axis=1)
    strong, flat = scored(matrix, 100, 200, [predicate("x"), predicate("y")])
    assert (strong.n_a, strong.n_b, strong.mean_a, strong.mean_b) == (100, 200, 0.6, 0.2)
    assert strong.validity == pytest.approx(0.4)
    assert strong.lo < 0.4 < strong.hi
    assert strong.q == pytest.approx(2 * strong.p)
    assert (strong.is_discovery, flat.is_discovery) == (True, False)
    assert flat.validity == 0
    assert flat.p == pytest.approx(1)


def test_a_refusal_is_left_out_of_the_share_counted_and_bounded() -> None:
    values = column(100, 100, 50, 20)
    values[:10] = np.nan
    (s,) = scored(values[:, None], 100, 100, [predicate("x")])
    assert (s.n_a, s.n_refused) == (90, 10)
    assert s.mean_a == pytest.approx(40 / 90)
    assert s.missing_lo == pytest.approx(40 / 100 - 0.2)
    assert s.missing_hi == pytest.approx(50 / 100 - 0.2)


def test_paraphrases_share_a_group_led_by_the_stronger() -> None:
    strong = column(200, 200, 120, 20)
    alike = strong.copy()
    alike[:10] = 0
    other = np.tile([1.0, 0.0], 200)
    first, second, third = scored(
        np.stack([alike, strong, other], axis=1), 200, 200, [predicate("a"), predicate("s"), predicate("o")]
    )
    assert first.group_id == second.group_id == "s"
    assert second.conditional_validity is None
    assert first.conditional_validity is not None
    assert abs(first.conditional_validity) < 0.1
    assert third.group_id == "o"


def test_opposites_are_two_findings() -> None:
    strong = column(200, 200, 120, 20)
    first, second = scored(np.stack([strong, 1 - strong], axis=1), 200, 200, [predicate("a"), predicate("b")])
    assert (first.group_id, second.group_id) == ("a", "b")


def estimate(p: float, validity: float = 0.1) -> pl.DataFrame:
    """One predicate's, so that its q is its p."""
    row = (100, 100, 200, 0.5, 0.5 - validity, validity, -0.05, 0.15, p, validity, validity, "fisher_mn")
    return pl.DataFrame([row], schema=frames.ESTIMATES, orient="row")


@pytest.mark.parametrize(
    ("direction", "p", "min_effect", "why"),
    [
        ("A", 0.04, 0.02, None),
        ("A", 0.05, 0.02, None),
        ("A", 0.06, 0.02, "not significant"),
        ("A", 0.04, 0.11, "under the minimum"),
        ("A", 0.06, 0.11, "not significant"),
        ("B", 0.04, 0.02, "other direction"),
        ("B", 0.06, 0.02, "not significant"),
    ],
    ids=[
        *("all met", "p at alpha", "p too large", "too small to matter", "small, and chance"),
        *("against the frozen direction", "against it, and chance"),
    ],
)
def test_what_counts_as_a_discovery_and_why_not(
    direction: str, p: float, min_effect: float, why: str | None
) -> None:
    towards_a, wanted = np.array([direction == "A"]), ScoreParams(min_effect=min_effect)
    decided = decided_fixed(estimate(p), towards_a, wanted)
    row = with_why(decided, towards_a, None, wanted).row(0, named=True)
    is_named = direction == "A" and min_effect < 0.1
    assert (row["p"], row["q"]) == (p, p if is_named else 1)
    assert (row["is_discovery"], row["why"]) == (why is None, why)


def test_what_may_not_be_named_lowers_no_bar_for_others() -> None:
    """Four of five differ clearly, by too little or the other way: the fifth stands alone among five."""
    wanted = ScoreParams(min_effect=0.02)
    table = pl.concat([estimate(1e-6, 0.01)] * 2 + [estimate(1e-6, -0.2)] * 2 + [estimate(0.04)])
    decided = decided_fixed(table, np.full(5, True), wanted)
    assert decided["q"].to_list() == pytest.approx([1, 1, 1, 1, 0.2])
    assert not decided["is_discovery"].any()
    assert with_why(decided, np.full(5, True), None, wanted)["why"].to_list() == [
        *["under the minimum"] * 2,
        *["other direction"] * 2,
        "not significant",
    ]


def test_without_a_verdict_in_a_group_a_predicate_is_untested() -> None:
    matrix = np.column_stack([column(50, 50, 30, 10), np.r_[np.full(50, np.nan), np.zeros(50)]])
    status = np.where(np.isnan(matrix), roles.ABSENT, roles.VALUE).astype(np.uint8)
    judged = Judged(STUDY, held_out(50, 50), [predicate("x"), predicate("y")], matrix, status)
    found, lost = score_judged(judged).scores
    assert (found.why, lost.why) == (None, "untested")


def test_a_predicate_that_is_refused_too_often_is_no_discovery_whatever_is_left_of_it() -> None:
    seldom, often = column(100, 100, 60, 10), column(100, 100, 60, 10)
    seldom[60:80], often[60:102] = np.nan, np.nan
    kept, lost, flat = scored(
        np.column_stack([seldom, often, column(100, 100, 20, 20)]), 100, 100, [predicate(x) for x in "xyz"]
    )
    assert kept.is_discovery and (lost.is_discovery, lost.why) == (False, "too many gaps")
    assert (lost.p, lost.q, lost.lo, lost.hi, lost.n_refused) == (1, 1, -1, 1, 42)
    assert np.isnan(lost.validity)
    # It counts among the tested all the same.
    assert kept.q == pytest.approx(3 * kept.p) and flat.why == "not significant"


def test_shuffled_groups_keep_sizes_and_whole_documents() -> None:
    texts = held_out(30, 20).with_columns(document_id=pl.Series([f"d{i // 2}" for i in range(50)]))
    shuffled = texts.with_columns(shuffle_groups(texts, np.random.default_rng(0)))
    assert not shuffled["group"].equals(texts["group"])
    assert (shuffled["group"] == "A").sum() == 30
    assert shuffled.group_by("document_id").agg(pl.col("group").n_unique())["group"].max() == 1


def test_a_document_in_both_groups_keeps_or_swaps_its_labels() -> None:
    texts = held_out(50, 50).with_columns(document_id=pl.Series([f"d{i % 50}" for i in range(100)]))
    shuffled = texts.with_columns(shuffle_groups(texts, np.random.default_rng(0)))
    assert shuffled.group_by("document_id").agg(pl.col("group").n_unique())["group"].min() == 2
    assert 10 < (shuffled["group"].head(50) == "A").sum() < 40


def in_documents(group: np.ndarray, document: np.ndarray) -> pl.DataFrame:
    texts = held_out(int(group.sum()), int((~group).sum()))
    return texts.with_columns(
        group=pl.Series(np.where(group, "A", "B")), document_id=pl.Series([f"d{d:04d}" for d in document])
    )


def shuffled_rate(verdict: np.ndarray, texts: pl.DataFrame) -> tuple[int, int]:
    frozen = [predicate(f"p{i}") for i in range(verdict.shape[1])]
    status = np.full(verdict.shape, roles.VALUE, dtype=np.uint8)
    told = null_rate(Judged(STUDY, texts, frozen, verdict, status))
    return told["null_runs_with_discovery"], told["null_most"]


def by_size(rows: np.ndarray, share: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five verdicts on the rows of documents, which correlate within a document."""
    rng, document = np.random.default_rng(seed), np.repeat(np.arange(rows.size), rows)
    held = rng.beta(4 * share[:, None], 4 * (1 - share[:, None]), (rows.size, 5))[document]
    return (rng.random(held.shape) < held) * 1.0, document


@pytest.mark.usefixtures("all_shuffles")
def test_labels_by_chance_within_documents_raise_no_false_alarm() -> None:
    """Eight in ten texts are of A; long documents say it more often. A coin moved those to B: 63 of 100."""
    rows = np.repeat([1, 4], 500)
    verdict, document = by_size(rows, np.where(rows == 1, 0.1, 0.35), 0)
    group = np.random.default_rng(1).random(document.size) < 0.8
    found, most = shuffled_rate(verdict, in_documents(group, document))
    assert (found <= 8, most) == (True, 11)


@pytest.mark.usefixtures("all_shuffles")
@pytest.mark.parametrize("a_of_large", [1.0, 0.85], ids=["large documents are of A", "mostly of A"])
def test_a_difference_between_documents_of_unlike_size_is_shuffled_away(a_of_large: float) -> None:
    """Had documents of a size kept their labels among themselves, 100 of 100 would have found it again."""
    rows = np.repeat([12, 1], [40, 400])
    verdict, document = by_size(rows, np.where(rows > 1, 0.5, 0.1), 2)
    chance = np.where(rows > 1, a_of_large, 0.3)[document]
    group = np.random.default_rng(3).random(document.size) < chance
    texts = in_documents(group, document)
    frozen = [predicate(f"p{i}") for i in range(5)]
    status = np.full(verdict.shape, roles.VALUE, dtype=np.uint8)
    assert all(s.is_discovery for s in score_judged(Judged(STUDY, texts, frozen, verdict, status)).scores)
    found, most = shuffled_rate(verdict, texts)
    assert found <= most


@pytest.mark.usefixtures("all_shuffles")
def test_shuffles_keep_dependence_so_that_a_test_that_ignores_it_is_seen() -> None:
    """Families of six near copies: as documents nothing is found; as texts of their own, nearly always.

    Only what is named as one document is shuffled as one: copies that nobody joined are not seen.
    """
    verdict, document = by_size(np.full(100, 6), np.full(100, 0.3), 4)
    verdict = verdict[np.searchsorted(document, document)]  # all six alike
    texts = in_documents(np.random.default_rng(5).random(100)[document] < 0.5, document)
    assert shuffled_rate(verdict, texts)[0] <= 8
    rng, ignoring = np.random.default_rng(6), 0
    for _ in range(20):
        in_a = (shuffle_groups(texts, rng) == "A").to_numpy()
        p = difference(verdict, in_a, np.arange(in_a.size), 0.95, binary=True).p
        ignoring += bool((pvalues_adjusted_bh(p) <= 0.05).any())
    assert ignoring > 10
    apart = texts.with_columns(document_id="text_id")
    assert shuffled_rate(verdict, apart)[0] <= 8


def test_shares_that_do_not_come_out_even_are_rounded_by_chance() -> None:
    group = np.r_[np.tile([True, True, False], 40), np.tile([True, False, False, False], 30)]
    document = np.r_[np.repeat(np.arange(40), 3), 40 + np.repeat(np.arange(30), 4)]
    texts = in_documents(group, document)
    rng = np.random.default_rng(7)
    sizes = [(shuffle_groups(texts, rng) == "A").sum() for _ in range(200)]
    share = (40 * 2 / 3 + 30 / 4) / 70
    assert np.mean(sizes) == pytest.approx(share * 240, abs=2)
    assert np.std(sizes) < 10


def test_surface_features_are_read_off_the_characters() -> None:
    found = surface_features(pl.Series(["Is it 5?", "no; none\nat all", "plain"]), 6)
    assert found.row(0) == (True, True, True, True, True, False, False)
    assert found.row(1) == (True, True, False, False, False, True, True)
    assert found.row(2) == (True, False, False, False, False, False, False)
