"""Proxies: topics of the bank and tone axes, anchored in sentences written beforehand.

They are phrased against the corpus itself, "leans towards ... (top 25 %)": the ranking is sound, a
level of its own ("is about ...") is not.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import bank, grams, similarity, tokens
from tasks.engines.embedded.axes import axes
from tasks.engines.embedded.candidate import LEAST_LEAN, Candidate, Harvest
from tasks.engines.roles import Encoder

TOP_SHARES = (0.25, 0.1)
NEAR_TOPIC = 0.2
"""Least mean cosine of the members with the topic's own phrase; unrelated texts have 0.0 to 0.1."""
NEAREST_TOPICS = 2
"""The topic must be among so many that lie nearest to its members."""
MOOD = "positive"
"""The axis that words of a list tell of as well."""
AT_POLE, OFF_POLE = 0.5, 0.25
"""Where members must lie at least, and all others at most, on an axis: midpoint 0, the pole's examples 1."""


def topics(
    contrast: Contrast,
    embeddings: Float[np.ndarray, "text dim"],
    anchors: Float[np.ndarray, "topic dim"],
    lean: Float[np.ndarray, " topic"],
    encoder_name: str,
) -> Harvest:
    """Topics of the bank: nearer to this topic, compared with the mean of all, than most texts.

    A quarter of the texts is nearest to any topic, in a corpus that never speaks of it, too; so its
    members must be near it by themselves. And the topic's own words (`lean`, as topic_lean gives it) must not
    lean to the other group.
    """
    names = list(bank.topics())
    phrases = [f"leans towards the topic {name}" for name in names]
    cosine = similarity.projections(embeddings, anchors)

    def fits(topic: int, member: Bool[np.ndarray, " text"], side: float) -> bool:
        mean = cosine[member].mean(axis=0)
        is_near = mean[topic] >= NEAR_TOPIC and (mean > mean[topic]).sum() < NEAREST_TOPICS
        return bool(is_near and side * lean[topic] >= 0)

    vectors = anchors - anchors.mean(axis=0)
    return _harvest(contrast, embeddings, vectors, phrases, names, "topic", encoder_name, fits)


def tones(
    contrast: Contrast, embeddings: Float[np.ndarray, "text dim"], lean: float, encoder: Encoder
) -> Harvest:
    """Both poles of every axis, where some texts lie at the pole and the others do not.

    Good and bad must not contradict the words of the texts.

    Args:
        contrast: of the texts.
        embeddings: of the texts.
        lean: how much better A sounds by its words (tone.lean).
        encoder: made the embeddings.
    """
    poles, other = pole_vectors(encoder)
    phrases = [f"leans towards {pole}" for pole in pole_names()]
    names = [name for name in axes() for _ in range(2)]
    along = poles - other
    middle = ((poles + other) / 2 * along).sum(axis=1)
    place = (similarity.projections(embeddings, along) - middle) / ((along**2).sum(axis=1) / 2)

    def fits(pole: int, member: Bool[np.ndarray, " text"], side: float) -> bool:
        if names[pole] == MOOD and side * (1 if pole == names.index(MOOD) else -1) * lean <= -LEAST_LEAN:
            return False
        inside, outside = place[member, pole], place[~member, pole]
        return bool(inside.mean() >= AT_POLE and outside.size and outside.mean() <= OFF_POLE)

    return _harvest(contrast, embeddings, along, phrases, names, "axis", encoder.name, fits)


def pole_names() -> list[str]:
    """What a tone is called at each pole, the high one of an axis before the low one."""
    return [pole for axis in axes().values() for pole in (axis.high, axis.low)]


def pole_vectors(encoder: Encoder) -> tuple[Float[np.ndarray, "pole dim"], Float[np.ndarray, "pole dim"]]:
    """The mean of each pole's examples, in the order of pole_names(), and that of the pole across from it."""
    sides = [side for axis in axes().values() for side in (axis.high_examples, axis.low_examples)]
    encoded = encoder.encode([sentence for side in sides for sentence in side]).astype(np.float64)
    ends = np.cumsum([len(side) for side in sides])
    poles = np.stack([part.mean(axis=0) for part in np.split(encoded, ends[:-1])])
    return poles, poles.reshape(-1, 2, poles.shape[1])[:, ::-1].reshape(poles.shape)


def topic_lean(contrast: Contrast, counted: grams.Grams) -> Float[np.ndarray, " topic"]:
    """z of holding any word that names or anchors a topic of the bank; 0 where the corpus has none."""
    place = {term: i for i, term in enumerate(counted.terms)}
    said = [
        [place[word] for word in tokens.joined(anchor).split() if word in place] for anchor in bank.anchors()
    ]
    columns = [np.asarray(counted.held[:, list(words)].sum(axis=1)).ravel() > 0 for words in said]
    return contrast.measure(np.column_stack(columns))[1]


def topic_vectors(encoder: Encoder) -> Float[np.ndarray, "topic dim"]:
    """Embeddings of the bank, in its order."""
    result: Float[np.ndarray, "topic dim"] = encoder.encode(bank.anchors()).astype(np.float64)
    return result


def top(phrase: str, share: float) -> str:
    """A phrase about the texts that project furthest, of which there are so many."""
    return f"{phrase} (top {share:.0%})".replace("%", " %")


def _harvest(
    contrast: Contrast,
    embeddings: Float[np.ndarray, "text dim"],
    vectors: Float[np.ndarray, "predicate dim"],
    phrases: list[str],
    anchors: list[str],
    basis: str,
    encoder_name: str,
    fits: Callable[[int, Bool[np.ndarray, " text"], float], bool],
) -> Harvest:
    """Every phrase at every share. One that leans otherwise at its threshold than on the whole is no name."""
    vectors = np.stack([similarity.rounded(vector) for vector in vectors])
    projection = similarity.projections(embeddings, vectors)
    found: list[tuple[str, Mapping[str, Any]]] = []
    columns, fitting = [], []
    whole = np.sign(contrast.weights @ projection)
    for i, phrase in enumerate(phrases):
        for share in TOP_SHARES:
            cut = similarity.threshold(projection[:, i], share)
            found.append((top(phrase, share), {
                "kind": "similarity", "basis": basis, "anchor": anchors[i],
                "encoder": encoder_name, "vector": vectors[i].tolist(), "threshold": cut,
            }))  # fmt: skip
            column = similarity.reaches(projection[:, i], cut, embeddings)
            columns.append(column)
            side = float(np.sign(contrast.weights @ column))
            fitting.append(bool(column.any()) and side == whole[i] and fits(i, column, side))
    held = np.column_stack(columns)
    effect, z = contrast.measure(held)
    family = "axis" if basis == "axis" else "theme"
    candidates = [
        Candidate(phrase, family, "proxy", definition, column, float(e), float(s))
        for (phrase, definition), column, e, s, fit in zip(found, columns, effect, z, fitting, strict=True)
        if fit
    ]
    # The gate counts everything measured, named or not.
    return Harvest(candidates, contrast.root(held))
