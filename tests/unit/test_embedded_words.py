"""Words: what is a word, what a predicate of words holds for, and what is marked."""

import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import grams, tokens, words
from tasks.engines.embedded.rules import Rules


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("COVID-19 hits St. John's!", "covid 19 hits st . john's !"),
        ("don’t — stop", "don’t — stop"),
        ("今天很好 ok", "今天 很好 ok"),
        ("วันนี้อากาศดีมาก", "วัน นี้ อากาศ ดี มาก"),
        ("東京でラーメンを食べた", "東京 で ラーメン を 食 べた"),
        ("ok! 😀👩‍👩‍👧‍👦 🇦🇺", "ok ! 😀 👩‍👩‍👧‍👦 🇦🇺"),
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("שלום עולם", "שלום עולם"),
        ("ÇA 😀😀 Straße", "ça 😀 😀 strasse"),
        ("a.b_c(d)", "a . b_c ( d )"),
        ("", ""),
        (" \n\t", ""),
    ],
)
def test_words_and_breaks(text: str, read: str) -> None:
    assert tokens.joined(text) == f" {read} "


def test_a_phrase_does_not_reach_across_punctuation() -> None:
    held = words.holds(
        ["hong kong"], tokens.joined_all(["Hong Kong votes", "in Hong. Kong", "hong-kong", "hongkong"])
    )
    assert held.tolist() == [True, False, True, False]


def test_a_word_is_not_found_inside_another() -> None:
    held = words.holds(
        ["art", "new art"], tokens.joined_all(["party artful", "renew art", "new arts", "ART!"])
    )
    assert held.tolist() == [False, True, False, True]
    assert words.holds(["new art"], tokens.joined_all(["renew art", "new arts"])).tolist() == [False, False]


def test_no_letter_folds_into_a_space() -> None:
    folded = (chr(code).casefold() for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    assert not [form for form in folded if len(form) > 1 and any(map(str.isspace, form))]


_TEXT = st.text(
    st.sampled_from(list("aAbBß .-'’\n中İ😀\u0301_1")) | st.characters(exclude_categories=["Cs"]), max_size=40
)


@settings(max_examples=300, deadline=None)
@given(_TEXT, st.lists(_TEXT, min_size=1, max_size=3))
@example("İstanbul is far", ["İstanbul"])
@example("ŉ ab-ba", ["ab ba"])
def test_marks_stand_exactly_where_a_predicate_holds(text: str, said: list[str]) -> None:
    # Terms from the text itself, so that many of them occur.
    found = [word for _, _, word in tokens.located(text)]
    terms = [tokens.joined(one)[1:-1] for one in said] + [" ".join(found[1:3])]
    for term in (term for term in terms if term and "\u2423" not in term):
        marked = words.spans([term], text)
        assert bool(marked) == bool(words.holds([term], tokens.joined_all([text]))[0])
        assert all(0 <= start < end <= len(text) for start, end in marked)
        assert all(tokens.joined(text[start:end])[1:-1] for start, end in marked)


@settings(max_examples=200, deadline=None)
@given(_TEXT)
def test_a_word_read_again_is_itself(text: str) -> None:
    for word in tokens.joined(text).split():
        assert tokens.joined(word) == f" {word} "


def test_a_space_inside_a_script_without_spaces_ends_a_phrase() -> None:
    held = words.holds(["天气 公园"], tokens.joined_all(["今天天气公园", "今天天气 公园", "天气\n公园"]))
    assert held.tolist() == [True, False, False]


def test_overlapping_marks_are_one() -> None:
    assert words.spans(["new south", "south wales"], "New South Wales") == [(0, 15)]


def test_counts_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    vocabulary = ["covid", "of", "cases", ".", "hong", "kong", "7", "今"]
    joined = [f" {' '.join(rng.choice(vocabulary, size=rng.integers(0, 60)))} " for _ in range(60)]
    counted = grams.count(joined, grams.Rarest(np.arange(len(joined)) % 2 == 0, 4), Rules())
    assert {"covid", "hong kong", "今"} <= set(counted.terms)
    assert not {"of", "7", ".", "of covid", "covid .", "7 7"} & set(counted.terms)
    for term, column in zip(counted.terms, counted.held.toarray().T, strict=True):
        assert column.tolist() == [f" {term} " in text for text in joined]
        assert column.sum() >= 4


def test_rare_terms_and_empty_texts_leave_nothing() -> None:
    counted = grams.count([" a b ", "  ", ""], grams.Rarest(np.array([True, False, True]), 2), Rules())
    assert counted.terms == []
    assert grams.count([], grams.Rarest(np.zeros(0, bool), 1), Rules()).terms == []


def _contrast(in_a: list[bool], documents: list[str] | None = None) -> Contrast:
    names = documents or [str(i) for i in range(len(in_a))]
    return Contrast.of(pl.DataFrame({"group": ["A" if a else "B" for a in in_a], "document_id": names}))


@pytest.mark.parametrize(
    ("n", "held", "z"),
    [
        ((40, 60), (20, 6), 4.4675),
        # One word that a small group says often, and one that only the large group says.
        ((300, 2100), (72, 21), 19.308),
        ((300, 2100), (0, 105), -3.961),
        ((2100, 300), (105, 0), 3.961),
    ],
)
def test_z_of_independent_texts_is_that_of_the_pooled_two_share_test(n: Any, held: Any, z: float) -> None:
    column = np.concatenate([np.arange(size) < yes for size, yes in zip(n, held, strict=True)])[:, None]
    effect, found = _contrast([True] * n[0] + [False] * n[1]).measure(column)
    share = sum(held) / sum(n)
    closed = (held[0] / n[0] - held[1] / n[1]) / (share * (1 - share) * (1 / n[0] + 1 / n[1])) ** 0.5
    assert effect[0] == pytest.approx(held[0] / n[0] - held[1] / n[1])
    assert found[0] == pytest.approx(closed) and found[0] == pytest.approx(z, abs=0.001)


def test_the_root_is_that_of_the_likelihood_ratio() -> None:
    from scipy.stats import chi2_contingency

    n, held = (300, 2100), (72, 21)
    table = [[yes, size - yes] for size, yes in zip(n, held, strict=True)]
    ratio = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    column = np.concatenate([np.arange(size) < yes for size, yes in zip(n, held, strict=True)])[:, None]
    assert _contrast([True] * 300 + [False] * 2100).root(column)[0] == pytest.approx(ratio**0.5)
    assert _contrast([False] * 300 + [True] * 2100).root(column)[0] == pytest.approx(-(ratio**0.5))


@pytest.mark.parametrize("in_small", [1, 3])
def test_the_root_is_as_likely_as_it_says_where_a_small_group_holds_a_rare_word(in_small: int) -> None:
    from scipy.stats import hypergeom, norm

    column = np.concatenate([np.arange(50) < in_small, np.arange(1000) < 3 - in_small])[:, None]
    contrast = _contrast([True] * 50 + [False] * 1000)
    chance = float(hypergeom.sf(in_small - 1, 1050, 3, 50))
    assert contrast.root(column)[0] == pytest.approx(norm.isf(chance), abs=0.7)
    assert contrast.measure(column)[1][0] > norm.isf(chance) + 0.7


def test_copies_of_a_document_do_not_raise_z() -> None:
    in_a, held = [True] * 20 + [False] * 20, [True] * 12 + [False] * 8 + [True] * 5 + [False] * 15
    _, once = _contrast(in_a).measure(np.array(held)[:, None])
    names = [str(i) for i in range(40) for _ in range(3)]
    _, thrice = _contrast(list(np.repeat(in_a, 3)), names).measure(np.repeat(held, 3)[:, None])
    assert thrice[0] == pytest.approx(once[0])


def test_a_document_in_both_groups_counts_against_itself() -> None:
    held = np.array([True] * 10 + [False] * 10 + [True] * 8 + [False] * 12)[:, None]
    shared = [str(i % 20) for i in range(40)]
    assert abs(_contrast([True] * 20 + [False] * 20, shared).measure(held)[1][0]) > abs(
        _contrast([True] * 20 + [False] * 20).measure(held)[1][0]
    )


def test_within_documents_only_what_their_texts_share_counts_less() -> None:
    """Size under the null, at one to nine: documents of one group, and of both."""
    rng = np.random.default_rng(1)
    for is_mixed in (False, True):
        size = rng.integers(1, 6, 500)
        document = np.repeat(np.arange(500), size)
        alike = rng.beta(0.3, 1.2, (500, 300))[document]
        held = rng.random(alike.shape) < alike
        in_a = rng.random(len(document)) < 0.1 if is_mixed else document % 10 == 0
        contrast = _contrast(in_a.tolist(), [str(one) for one in document])
        for z in (contrast.measure(held)[1], contrast.root(held)):
            assert 0.85 < np.std(z) < 1.15


def test_a_document_of_one_verdict_counts_once_where_groups_do_not_vary() -> None:
    column = np.repeat([1.0, 0.0], 30)[:, None]
    thrice = [str(i // 3) for i in range(60)]
    z = _contrast([True] * 30 + [False] * 30, thrice).measure(column)[1][0]
    assert z == pytest.approx(_contrast([True] * 10 + [False] * 10).measure(column[::3])[1][0])


def test_what_holds_everywhere_has_no_z() -> None:
    effect, z = _contrast([True, False, True]).measure(np.ones((3, 1)))
    assert effect[0] == pytest.approx(0) and z[0] == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("bushfire", "bushfires", True),
        ("case", "cases", True),
        ("city", "cities", True),
        ("jail", "jailed", True),
        ("rise", "rising", True),
        ("news", "new", False),
        ("miss", "mis", False),
        ("中文", "中", False),
    ],
)
def test_stems_join_inflections(one: str, other: str, same: bool) -> None:
    assert Rules().are_forms(one, other) is same


def test_names_list_every_word() -> None:
    assert words.phrase(["covid"]) == 'mentions "covid"'
    assert words.phrase(["a b", "c", "今 天"]) == 'mentions "a b", "c" or "今天"'


def test_function_words_and_forms_go_by_the_languages_of_a_corpus() -> None:
    german = Rules.of({"de": 0.95, "en": 0.05})
    assert german.languages == ("de",)
    assert {"und", "der"} <= german.function_words and "the" not in german.function_words
    assert german.are_forms("häuser", "häusern") and not Rules().are_forms("häuser", "häusern")
    both = Rules.of({"en": 0.6, "zh": 0.4})
    assert {"the", "因为"} <= both.function_words and both.are_forms("case", "cases")
    assert Rules.of({"zxx": 1.0}).function_words == frozenset()


@pytest.mark.parametrize("word", ["a", "7", "の", "ア", "ก"])
def test_a_single_letter_is_no_word(word: str) -> None:
    assert grams.count([f" {word} "] * 5, grams.Rarest(np.ones(5, bool), 1), Rules()).terms == []


def test_a_single_character_can_be_a_word() -> None:
    assert grams.count([" 猫 😷 的 "] * 5, grams.Rarest(np.ones(5, bool), 1), Rules(("zh",))).terms[:2] == [
        "猫",
        "😷",
    ]
