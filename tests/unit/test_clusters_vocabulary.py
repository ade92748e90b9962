"""Which words a text has, and which of them a predicate is made of."""

import json

import numpy as np
import pytest

from tasks.errors import CorpusError
from tasks.kinds.clusters.vocabulary import of_texts, said_in

ENGLISH = [
    "The team won a game and the games went on.",
    "A team of players plays games.",
    "Games: the team plays!",
]
CHINESE = ["我们喜欢音乐和电影", "音乐很好听", "他们听音乐"]


def test_words_are_those_of_enough_documents_the_commonest_first() -> None:
    found = of_texts([*ENGLISH, "12 34 rare"], np.arange(4), 50)
    assert set(found.words) == {"the", "team", "games", "a"} - {"the", "a"}


def test_texts_of_one_document_count_once() -> None:
    with pytest.raises(CorpusError, match="3 documents or more"):
        of_texts(ENGLISH, np.zeros(3, dtype=np.int64), 50)


def test_scripts_without_blanks_are_cut_into_words() -> None:
    assert "音乐" in said_in(CHINESE[0])
    found = of_texts([*CHINESE, "音乐 好听", "很好听的歌", "好听"], np.arange(6), 50)
    assert "音乐" in found.words


def test_a_text_has_a_word_once_and_its_halves_part_its_words() -> None:
    found = of_texts([*ENGLISH, "team games team games"], np.arange(4), 50)
    held = found.held(["games games team", "nothing"])
    assert held.toarray().sum(axis=1).tolist() == [2.0, 0.0]
    first, second = found.parted(["games games team"])
    assert first.toarray().tolist() == [[float(word == "games") for word in found.words]]
    assert (first + second).toarray().sum() == 2


@pytest.mark.parametrize(
    ("predicate", "definition", "own"),
    [
        ('mentions "game"', "", {"games"}),
        ("is about play", "", {"plays"}),
        ("x", {"kind": "words", "terms": ["the team"]}, {"team", "the"}),
        ("x", {"kind": "pattern", "pattern": "(?i)^gam"}, {"games"}),
        ("x", {"kind": "pattern", "pattern": "\\bGam"}, {"games"}),
        ("x", {"kind": "similarity", "words": ["player"], "encoder": "team", "vector": [1.0]}, set()),
        ("x", "no JSON, but a team", {"team", "a"}),
    ],
)
def test_own_words_are_those_of_sentence_and_definition_with_inflections(
    predicate: str, definition: object, own: set[str]
) -> None:
    texts = ["the team plays a games", "a team plays the games", "a games team the plays"]
    found = of_texts(texts, np.arange(3), 50)
    written = definition if isinstance(definition, str) else json.dumps(definition)
    assert {found.words[i] for i in found.own(predicate, written)} == own
