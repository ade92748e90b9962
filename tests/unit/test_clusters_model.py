"""Words of texts given predicates: gains without own words, themes and where there are none."""

from typing import Any

import numpy as np
import pytest

from tasks.kinds.clusters import directions
from tasks.kinds.clusters.model import Words, model
from tasks.kinds.clusters.params import Clusters
from tasks.kinds.fitted.observed import Observed

COMMON = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in "prstz"]
THEMES = [[f"{theme}{i}x" for i in range(10)] for theme in ("sport", "money", "music")]
ALL = [*COMMON, *(word for theme in THEMES for word in theme)]


def corpus(n: int, rng: np.random.Generator, themed: float) -> tuple[list[str], np.ndarray]:
    """Texts of 20 words drawn independently; so large a share of them from the words of the text's theme."""
    theme = rng.integers(0, len(THEMES), n)
    texts = []
    for one in theme:
        own = rng.random(20) < themed
        drawn = np.where(own, rng.choice(THEMES[one], 20), rng.choice(ALL, 20))
        texts.append(" ".join(drawn))
    return texts, theme


def made(texts: list[str], predicates: int | None = None) -> tuple[Words, Observed]:
    of = Observed(np.arange(len(texts)), tuple(texts))
    return model(Clusters(predicates=predicates), of), of


def vectors(form: Words, of: Observed) -> np.ndarray:
    """As an encoder of single words would give them: every word has a part in a text's vector."""
    held = form.vocabulary.held(of.text)
    found = held @ np.random.default_rng(1).normal(size=(held.shape[1], 30))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def gain(form: Words, z: Any, of: Observed, own: tuple[int, ...]) -> np.ndarray:
    """Bits that a predicate adds to the second half of the texts, by models of the first."""
    first, second = np.arange(len(z) // 2), np.arange(len(z) // 2, len(z))
    column = np.asarray(z, dtype=float)[:, None]
    full = form.fit(column[first], of.take(first))
    none = form.fit(column[first][:, :0], of.take(first))
    new = of.take(second)
    return form.bits(full, column[second], new, own) - form.bits(none, column[second][:, :0], new, own)


def test_a_theme_gains_and_a_word_alone_does_not() -> None:
    rng = np.random.default_rng(0)
    texts, theme = corpus(300, rng, 0.3)
    form, of = made(texts)
    told = gain(form, theme == 0, of, ())
    assert told.mean() > 5 * told.std() / np.sqrt(len(told))
    texts, _ = corpus(300, rng, 0.0)
    form, of = made(texts)
    says = np.array(["sport0x" in text.split() for text in texts])
    own = tuple(form.own_words('mentions "sport0x"', '{"kind":"words","terms":["sport0x"]}'))
    assert {form.slots[i] for i in own} == {"sport0x"}
    assert gain(form, says, of, ()).mean() > 0.03
    assert gain(form, says, of, own).mean() < 0


def test_verdicts_of_other_documents_gain_nothing() -> None:
    rng = np.random.default_rng(1)
    texts, theme = corpus(300, rng, 0.3)
    form, of = made(texts)
    lucky = 0
    for _ in range(20):
        told = gain(form, rng.permutation(theme == 0), of, ())
        lucky += told.mean() > 1.65 * told.std() / np.sqrt(len(told))
    assert lucky <= 3


def test_themes_that_part_the_texts_all_gain_beside_each_other() -> None:
    texts, theme = corpus(400, np.random.default_rng(2), 0.3)
    form, of = made(texts)
    z = np.eye(3)[theme]
    full = form.fit(z, of)
    for k in range(3):
        rest = np.delete(z, k, axis=1)
        assert (form.bits(full, z, of) - form.bits(form.fit(rest, of), rest, of)).mean() > 0.5


def test_weights_are_read_back() -> None:
    texts, theme = corpus(60, np.random.default_rng(3), 0.3)
    form, of = made(texts)
    z = np.eye(3)[theme]
    fitted = form.fit(z, of)
    again = form.frozen(form.weights(fitted), z, of)
    assert np.array_equal(form.bits(again, z, of), form.bits(fitted, z, of))
    assert form.targets(of).shape == (60, len(form.slots))
    assert abs(form.targets(of).sum(axis=0)).max() < 1e-9


@pytest.mark.parametrize("has_vectors", [True, False])
def test_directions_find_the_themes_and_their_number(has_vectors: bool) -> None:
    texts, theme = corpus(300, np.random.default_rng(4), 0.4)
    form, of = made(texts)
    x = vectors(form, of) if has_vectors else np.zeros((300, 0))
    found = form.directions(x, np.zeros((300, 0)), of, 6, np.random.default_rng(0))
    assert found.shape == (300, 3)
    agree = [[((found[:, k] > 0) == (theme == t)).mean() for t in range(3)] for k in range(3)]
    assert sorted(np.argmax(agree, axis=1)) == [0, 1, 2]
    assert np.max(agree, axis=1).min() > 0.85
    again = form.directions(x, np.zeros((300, 0)), of, 6, np.random.default_rng(0))
    assert np.array_equal(again, found)
    rest = form.directions(x, np.eye(3)[theme], of, 6, np.random.default_rng(0))
    assert rest.shape[1] == 0


@pytest.mark.parametrize("wanted", [None, 4])
def test_words_without_order_have_no_theme_whatever_their_vectors(wanted: int | None) -> None:
    found = 0
    for seed in range(4):
        texts, _ = corpus(100, np.random.default_rng([5, seed]), 0.0)
        form, of = made(texts, wanted)
        for x in (vectors(form, of), np.zeros((100, 0))):
            found += form.directions(x, np.zeros((100, 0)), of, 4, np.random.default_rng(seed)).shape[1] > 0
    assert found == 0


def test_too_few_documents_have_no_theme() -> None:
    texts, _ = corpus(12, np.random.default_rng(6), 0.4)
    form, of = made(texts)
    assert form.directions(np.zeros((12, 0)), np.zeros((12, 0)), of, 6, np.random.default_rng(0)).shape == (
        12,
        0,
    )


def test_as_many_are_beyond_the_border_as_belong_to_the_theme() -> None:
    texts, theme = corpus(300, np.random.default_rng(7), 0.6)
    form, of = made(texts, 3)
    found = form.directions(vectors(form, of), np.zeros((300, 0)), of, 6, np.random.default_rng(0))
    sizes = sorted((found > 0).sum(axis=0).tolist())
    assert np.allclose(sizes, sorted(np.bincount(theme).tolist()), atol=6)
    assert min(sizes) > directions.LEAST_TEXTS
