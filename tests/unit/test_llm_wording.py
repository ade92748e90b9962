"""Sentences of a proposer: one form, one text, each said once."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.engines.llm import wording
from tests.conftest import SHARED, shared_file


@pytest.mark.parametrize(
    ("said", "tidy"),
    [
        ("The text mentions a flood.", "mentions a flood"),
        ("the text ... is sad", "is sad"),
        ("Mentions a flood", "mentions a flood"),
        ("  This text\u202e is\x00 odd\n too ", "is odd too"),
        ("NASA is praised", "NASA is praised"),
        ("James is mentioned", "James is mentioned"),
        ("The text is about U.S. politics.", "is about U.S. politics"),
        ("breaks off with ...", "breaks off with ..."),
        ("speaks\u2028of\u0085x\ud800", "speaks of x\ufffd"),
        ("erwähnt eine Überschwemmung。", "erwähnt eine Überschwemmung。"),
        ("a texture is described", "a texture is described"),
        ("quotes 'the text'", "quotes 'the text'"),
        ("The text.", ""),
        (" \x07 ", ""),
    ],
)
def test_a_sentence_completes_the_text(said: str, tidy: str) -> None:
    assert wording.tidied(said) == tidy
    assert wording.tidied(tidy) == tidy


@pytest.mark.parametrize(
    ("said", "tidy"),
    [
        ("The text in group A mentions a flood.", "mentions a flood"),
        ("mentions a flood (in group B)", "mentions a flood"),
        ("The texts of corpus A mention a flood", "mention a flood"),
        ("More texts about floods", "is about floods"),
        ("mentions a flood in many of these texts", "mentions a flood"),
        ("coronavirus", "is about coronavirus"),
        ("about the harbour", "is about the harbour"),
        ("The text reports a flood, including the", "reports a flood"),
        (
            "The text reports on a flood, on how people whose houses are lost now live, on food, clothes and",
            "reports on a flood, on how people whose houses are lost now live, on food",
        ),
        (
            "The text discusses what the flood does to many parts of life, including schools and and.",
            "discusses what the flood does to many parts of life",
        ),
        ("mentions sport, such as cricket", "mentions sport, such as cricket"),
        ("discusses vitamin B", "discusses vitamin B"),
        ("erwähnt die Flut", "erwähnt die Flut"),
        ("high levels of worry about what comes next", "high levels of worry about what comes next"),
    ],
)
def test_a_suggestion_speaks_of_one_text(said: str, tidy: str) -> None:
    assert wording.predicate(said) == tidy
    assert wording.predicate(tidy) == tidy


def test_a_comparison_is_no_less_one_where_it_names_a_group() -> None:
    assert wording.fault(wording.predicate("is more formal than in group B")) == wording.NAMES_GROUP
    assert wording.fault(wording.predicate("is shorter")) == wording.COMPARES


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("mentions the", wording.EMPTY),
        ("", wording.EMPTY),
        ("x" * 201, wording.LONG),
        ("talks about healthcare and medical issues", wording.REPEATS_EXAMPLE),
        ("discusses health care, medical issues", ""),
        ("mentions a doctor", ""),
        ("describes the agreement to keep private hospitals open", wording.COPIES_TEXT),
        ("private hospitals agreement kept open", wording.COPIES_TEXT),
        ("mentions private hospitals", ""),
        ("discusses the economy andreligiousservices", wording.GARBLED),
        ("discusses the spread of 疫情", wording.GARBLED),
        ("mentions a café or a naïve voter", ""),
        ("tells that the shop is open on sunday", ""),
    ],
)
def test_what_is_handed_back_is_no_hypothesis(sentence: str, why: str) -> None:
    texts = [
        "agreement to keep private hospitals open",
        *(f"the shop is open on sunday, number {i} of all the shops in town" for i in range(3)),
    ]
    examples = ["Talks about healthcare and medical breakthroughs or issues."]
    assert wording.fault(sentence, texts, examples) == why


@pytest.mark.parametrize(
    "sentence",
    [
        "is more formal than group B",
        "mentions covid more often",
        "uses more formal language",
        "contains fewer numbers",
        "has a less formal tone",
        "is sadder than the other texts",
        "is worse than those in A",
        "is longer than usual",
        "uses longer sentences",
        "is shorter",
        "compared to B, is longer",
        "is formal relative to Corpus A",
        "says that prices rise, unlike texts in group B",
        "is most likely about sport",
        "mentions prices more often than B",
    ],
)
def test_what_compares_with_other_texts_is_found(sentence: str) -> None:
    assert wording.is_comparative(sentence)
    assert not wording.fits(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "mentions a flood",
        "is longer than 20 words",
        "mentions more than one person",
        "names fewer than three places",
        "is less than a sentence long",
        "says that prices are higher than last year",
        "complains that the service is worse than before",
        'quotes "more than ever"',
        "quotes 'no fewer people'",
        "tells readers where to learn more",
        "asks to read more about it",
        "uses passive rather than active voice",
        "is about someone other than the author",
        "mentions higher education",
        "asks for better service",
        "mentions one more thing",
        "compares two products",
        "is written in one hour, more or less",
        "discusses vitamin B",
    ],
)
def test_what_is_said_of_one_text_is_no_comparison(sentence: str) -> None:
    assert wording.fits(sentence)


@shared_file("human_ratings.csv")
def test_comparisons_among_published_hypotheses_are_found() -> None:
    """All that compare, by reading them; and one false alarm."""
    published = pl.read_csv(SHARED / "data/human_ratings.csv")["hypothesis"].unique().to_list()
    found = [sentence for sentence in published if wording.is_comparative(wording.tidied(sentence))]
    assert len(found) == 34
    assert [s for s in found if "fewer amenities" in s] == [
        "discusses United Airlines' outdated planes and fewer amenities"
    ]


@pytest.mark.parametrize("sentence", ["", "x" * 201])
def test_nothing_and_too_much_do_not_fit(sentence: str) -> None:
    assert not wording.fits(sentence)


def test_a_sentence_is_kept_once_whatever_its_spelling_and_direction() -> None:
    sentences = ['mentions a "flood"', "is sad", "Mentions  a “FLOOD”.", "is sad", 'mentions a "ﬂood"']
    assert wording.distinct(sentences, ["A", "A", "A", "B", "A"], None) == [0, 1]


def test_without_an_encoder_rewordings_stay() -> None:
    assert wording.distinct(["mentions a flood", "mentions flooding"], ["A", "A"], None) == [0, 1]
    assert wording.distinct([], [], None) == []


class _SameVector:
    """Finds everything alike: what it keeps apart is kept apart by words."""

    name, dim = "same", 2

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))


@pytest.mark.parametrize(
    ("first", "second", "n_kept"),
    [
        ("mentions a flood", "talks about flooding", 1),
        ("mentions rising prices", "mentions falling prices", 2),
        ("recommends the product", "does not recommend the product", 2),
        ("is about a city", "is about a city and its mayor", 2),
    ],
)
def test_sentences_with_other_content_words_are_two_however_near(
    first: str, second: str, n_kept: int
) -> None:
    assert len(wording.distinct([first, second], ["A", "A"], _SameVector())) == n_kept


def test_rewordings_with_opposite_directions_are_two() -> None:
    assert wording.distinct(["mentions a flood", "mentions flooding"], ["A", "B"], _SameVector()) == [0, 1]


def test_the_bundled_encoder_merges_rewordings_and_keeps_opposites(tmp_path: Path) -> None:
    from tasks.engines.encoders import encoder
    from tasks.study import Study

    study = {"name": "s", "data": "x", "goal": "g", "collect": {"group": "random"}}
    sentences = [
        "mentions a flood",
        "talks about a flood",
        "mentions the president",
        "mentions an increase in unemployment",
        "mentions a decrease in unemployment",
        "quotes a politician",
        "contains a quote from a politician",
        "mentions international news",
        "mentions internal news",
    ]
    kept = wording.distinct(sentences, ["A"] * len(sentences), encoder.load(Study.model_validate(study)))
    assert kept == [0, 2, 3, 4, 5, 7, 8]
