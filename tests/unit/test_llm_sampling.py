"""Which texts a language model is shown: typical, unlike each other, never twice while there are others."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.engines.contrast import Contrast, cross_fitted
from tasks.engines.llm import ranking, sampling
from tasks.engines.llm.sampling import Sampler
from tasks.study import Study


def _texts(n_a: int, n_b: int, words: str = "subject {i} {group}") -> pl.DataFrame:
    rows = [
        {"text": words.format(i=i, group=group), "group": group, "document_id": f"{group}{i}"}
        for group, n in (("A", n_a), ("B", n_b))
        for i in range(n)
    ]
    return pl.DataFrame(rows).with_row_index("text_id")


def _none(texts: pl.DataFrame) -> np.ndarray:
    return np.empty((texts.height, 0))


def _drawn_groups(texts: pl.DataFrame, rows: list[int]) -> list[str]:
    return texts["group"][rows].to_list()


def _leaning(texts: pl.DataFrame, seed: int = 0) -> np.ndarray:
    """Embeddings in which the first of each group lie farthest apart."""
    rng = np.random.default_rng(seed)
    in_a = (texts["group"] == "A").to_numpy()
    place = texts["document_id"].str.slice(1).cast(pl.Int64).to_numpy()
    strength = 1.0 - place / (place.max() + 1)
    vectors = rng.normal(scale=0.05, size=(texts.height, 4))
    vectors[:, 0] = np.where(in_a, strength, -strength)
    return vectors


def test_each_group_brings_as_many_texts_and_a_stands_first() -> None:
    texts = _texts(50, 60)
    rows = Sampler(texts, _none(texts), np.random.default_rng(0)).typical(0, 10)
    assert _drawn_groups(texts, rows) == ["A"] * 10 + ["B"] * 10


def test_first_texts_are_the_most_typical_and_later_windows_are_wider() -> None:
    texts = _texts(1000, 1000)
    sampler = Sampler(texts, _leaning(texts), np.random.default_rng(0))
    place = texts["document_id"].str.slice(1).cast(pl.Int64).to_numpy()
    farthest = [int(place[sampler.typical(n_round, 20)].max()) for n_round in range(4)]
    # 5, 20, 50 and 100 % of a group; the classifier is not perfect.
    assert farthest[0] < 100 and farthest[0] < farthest[1] < 300 < farthest[2] < 600 < farthest[3]


def test_a_text_is_typical_by_a_classifier_that_has_not_seen_its_document() -> None:
    """Copies of noise in one document would be known again by heart."""
    in_a = np.arange(600) < 300
    copies = np.repeat(np.random.default_rng(1).normal(size=(200, 200)), 3, axis=0)
    right = {}
    for by, document in (("document", np.arange(600) // 3), ("text", np.arange(600))):
        lean = cross_fitted(Contrast(in_a, document), copies, np.random.default_rng(0))
        right[by] = float(((lean > 0) == in_a).mean())
    assert right["document"] < 0.6 < 0.8 < right["text"]


def test_no_text_comes_twice_while_its_group_has_others() -> None:
    texts = _texts(45, 200)
    sampler = Sampler(texts, _leaning(texts), np.random.default_rng(0))
    rounds = [sampler.typical(n_round, 20) for n_round in range(4)]
    of_a = [[row for row in rows if row < 45] for rows in rounds]
    of_b = [row for rows in rounds for row in rows if row >= 45]
    assert len(set(of_a[0] + of_a[1])) == 40
    assert set(range(45)) - set(of_a[0] + of_a[1]) <= set(of_a[2])
    assert [len(rows) for rows in of_a] == [20] * 4
    assert len(set(of_b)) == 80


def test_a_group_smaller_than_the_sample_is_shown_whole() -> None:
    texts = _texts(3, 40)
    sampler = Sampler(texts, _none(texts), np.random.default_rng(0))
    for n_round in range(2):
        assert sorted(row for row in sampler.typical(n_round, 20) if row < 3) == [0, 1, 2]


def test_a_third_of_what_could_be_shown_gives_way_the_texts_that_repeat_the_words_of_others() -> None:
    alike = [f"the council opens the old bridge in week {i}" for i in range(30)]
    unlike = [f"story{i} about{i} something{i}" for i in range(12)]
    texts = pl.DataFrame({"text": [*alike, *unlike, *alike]}).with_columns(
        pl.Series("group", ["A"] * 42 + ["B"] * 30), pl.int_range(72).cast(pl.String).alias("document_id")
    )
    rows = Sampler(texts, _none(texts), np.random.default_rng(0)).typical(3, 28)
    assert set(range(30, 42)) < set(rows)
    few = Sampler(texts, _none(texts), np.random.default_rng(0)).typical(3, 6)
    assert len([row for row in few if row < 30]) >= 2


@pytest.mark.parametrize("with_vectors", [True, False])
def test_the_same_seed_gives_the_same_texts_and_another_seed_others(with_vectors: bool) -> None:
    texts = _texts(300, 300)
    vectors = _leaning(texts) if with_vectors else _none(texts)
    draws = [[Sampler(texts, vectors, np.random.default_rng(seed)).typical(3, 10)] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_megabytes_and_texts_without_a_word_are_drawn_like_others() -> None:
    texts = pl.DataFrame(
        {"text": ["word " * 400_000, "?!", "", "\n", "東京は雨", "plain"] * 2, "group": ["A"] * 6 + ["B"] * 6}
    ).with_columns(pl.int_range(12).cast(pl.String).alias("document_id"))
    rows = Sampler(texts, _none(texts), np.random.default_rng(0)).typical(0, 6)
    assert sorted(rows) == list(range(12))
    assert all(len(sampling.excerpt(text, 12)) <= sampling.MAX_CHARS for text in texts["text"])


@pytest.mark.parametrize(("wanted", "room"), [(10, 10), (375, 375), (100_000, 375)])
def test_a_prompt_is_bounded_however_many_texts_are_wanted(wanted: int, room: int) -> None:
    n = sampling.affordable(wanted)
    assert n == room
    assert 2 * n * len(sampling.excerpt("x" * 10_000, 2 * n)) <= sampling.MAX_CHARS_IN_ALL


def test_a_short_text_is_shown_as_it_is_and_a_long_one_is_marked_as_cut() -> None:
    assert sampling.excerpt("two\nlines ", 4) == "two\nlines "
    assert sampling.excerpt("x" * 401, 4) == "x" * 399 + "…"


def test_the_next_round_shows_judged_texts_that_the_verdicts_put_into_the_other_group() -> None:
    texts = _texts(60, 60)
    sampler = Sampler(texts, _none(texts), np.random.default_rng(0))
    judged = [*range(40), *range(60, 100)]
    lean = np.array([1.0] * 30 + [-1.0] * 10 + [-1.0] * 30 + [1.0] * 10)
    rows = sampler.unexplained(lean, judged, 5)
    assert set(rows[:5]) <= set(range(30, 40)) and set(rows[5:]) <= set(range(90, 100))
    again = sampler.unexplained(lean, judged, 5)
    assert sorted({*rows, *again}) == [*range(30, 40), *range(90, 100)]


def _scores() -> tuple[np.ndarray, Contrast]:
    """On 200 texts: one strong, its copy, one weak, one that holds nowhere, one judged for A alone."""
    in_a = np.arange(200) < 100
    strong = np.where(in_a, np.arange(200) % 2, 0).astype(float)
    copy = strong.copy()
    copy[0] = 1 - copy[0]
    weak = (np.arange(200) % 10 == 0).astype(float)
    weak[5] = 1.0
    only_a = np.where(in_a, 1.0, np.nan)
    score = np.column_stack([weak, strong, copy, np.zeros(200), only_a])
    return score, Contrast(in_a, np.arange(200))


def test_effects_are_shares_in_a_minus_shares_in_b_over_texts_with_a_verdict() -> None:
    score, contrast = _scores()
    score[:10, 1] = np.nan
    effect, z = ranking.effect_and_z(score, contrast)
    assert effect.tolist() == pytest.approx([0.01, 0.5, 0.51, 0.0, 0.0])
    # The score test with 45 of 90 against 0 of 100: both have the variance of all texts together.
    share = 45 / 190
    variance = share * (1 - share) * (1 / 90 + 1 / 100)
    assert z[1] == pytest.approx(0.5 / np.sqrt(variance))
    assert z[3] == z[4] == 0.0


def test_a_proposal_that_says_what_a_stronger_one_says_is_left_out() -> None:
    score, contrast = _scores()
    _, z = ranking.effect_and_z(score, contrast)
    assert ranking.chosen(z, score, 20, 0.5, 2.0) == [2, 0, 3, 4]
    assert ranking.chosen(z, score, 20, 1.0, 2.0) == [2, 1, 0, 3, 4]
    assert ranking.chosen(z, score, 1, 0.5, 2.0) == [2]


def test_weak_proposals_only_fill_up_to_five() -> None:
    rng = np.random.default_rng(0)
    score = (rng.random((400, 30)) < 0.5).astype(float)
    score[:200, :7] = (rng.random((200, 7)) < 0.9).astype(float)
    _, z = ranking.effect_and_z(score, Contrast(np.arange(400) < 200, np.arange(400)))
    assert sorted(ranking.chosen(z, score, 20, 0.5, 4.0)) == list(range(7))
    assert len(ranking.chosen(z, score, 20, 0.5, 50.0)) == 5


def test_only_a_clear_contradiction_turns_a_direction() -> None:
    assert [ranking.direction_of("A", z) for z in (5.0, -2.9, 0.0, -3.0)] == ["A", "A", "A", "B"]


def test_texts_lean_to_the_group_whose_proposals_hold() -> None:
    score, contrast = _scores()
    score[:20] = np.nan
    lean = ranking.lean(score, contrast, np.random.default_rng(0))
    held = (score[:, 1] == 1) & contrast.in_a
    assert lean[held].min() > lean[~contrast.in_a].max()


def _alike(n: int, shared: int, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Two strong proposals that hold of `shared` texts together, and weak ones, none of them alike."""
    rng = np.random.default_rng(0)
    first = np.arange(n) < n // 4
    second = np.arange(n) < shared
    weak = rng.random((n, 4)) < 0.5
    return np.column_stack([first, second, weak]).astype(float), np.array([6.0, z, 1.4, 1.3, 1.2, 1.1])


def test_a_strong_proposal_that_is_alike_goes_before_weak_ones() -> None:
    """Lockdowns beside a pandemic: told twice is better than not at all."""
    score, z = _alike(400, 60, 5.0)
    assert ranking.chosen(z, score, 20, 0.5, 2.0) == [0, 1, 2, 3, 4]
    assert ranking.chosen(z, score, 1, 0.5, 2.0) == [0]


def test_a_twin_fills_nothing_up() -> None:
    score, z = _alike(400, 99, 5.0)
    assert ranking.chosen(z, score, 20, 0.5, 2.0) == [0, 2, 3, 4, 5]


def test_a_text_is_explained_by_what_holds_of_it_and_more_often_in_its_group() -> None:
    texts = _texts(40, 40)
    in_a = (texts["group"] == "A").to_numpy()
    place = texts["document_id"].str.slice(1).cast(pl.Int64).to_numpy()
    of_a, of_both, gap = in_a & (place < 20), place < 10, np.full(80, np.nan)
    score = np.column_stack([of_a, of_both, gap]).astype(float)
    found = ranking.explained(score, Contrast.of(texts))
    assert found.tolist() == of_a.tolist()


@pytest.mark.parametrize(
    ("llm", "propose", "wanted"),
    [
        ({"model": "gpt-5-mini"}, {}, sampling.LARGE),
        ({"model": "llama3.1:8b"}, {}, sampling.SMALL),
        ({"model": "big", "judge": {"model": "x-7b"}}, {}, sampling.Sizes(3, 25, 24)),
        ({"model": "x-7b"}, {"rounds": 5, "samples": 30, "judged": 0}, sampling.Sizes(5, 30, 0)),
    ],
)
def test_small_models_get_less_unless_the_study_says_otherwise(
    llm: dict[str, Any], propose: dict[str, Any], wanted: sampling.Sizes
) -> None:
    blocks = {"name": "s", "data": "x", "goal": "g", "collect": {"group": "random"}}
    asked = Study.model_validate({**blocks, "engine": "llm", "llm": llm, "propose": propose})
    assert sampling.sizes(asked) == wanted


@pytest.mark.parametrize("said", [0.0, 0.1, 1.0])
def test_a_judge_that_says_the_same_of_every_text_explains_nothing(said: float) -> None:
    texts = _texts(15, 15)
    lean = ranking.lean(np.full((30, 3), said), Contrast.of(texts), np.random.default_rng(0))
    assert (lean == 0).all()
