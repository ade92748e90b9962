"""A repaired encoder beside the one that it was made of: failures before and after on the same new pairs, and
what it cost.

Each encoder is held to its own threshold where params leave that to the encoder. Pairs that the repaired one
tells apart were not asked for their meaning and count as differing, as they were written to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.encoders import encoder, repaired
from tasks.engines.encoders.cached import encoded
from tasks.engines.roles import Encoder
from tasks.kinds.encoder_failures import tables, views
from tasks.kinds.encoder_failures.fresh import held_out_sentences
from tasks.kinds.encoder_failures.params import AUTO, own
from tasks.kinds.encoder_failures.scale import chosen_threshold, threshold_of
from tasks.kinds.encoder_failures.told import AFTER, BEFORE, NEAREST
from tasks.records import Predicate
from tasks.study import Study

N_PAIRS = 500
"""Pairs that must stay together, of each sort, at most."""
LEAST = 20
"""Of fewer nothing is told."""
_STREAM = 7
"""Of the study's seed."""

Success = Callable[[pl.DataFrame, Float[np.ndarray, " pair"], str, float], dict[str, float]]


@dataclass(frozen=True)
class Sides:
    """The encoder before and after, with the threshold of each."""

    models: dict[str, Encoder]
    thresholds: dict[str, float]

    @classmethod
    def of(cls, study: Study, texts: pl.DataFrame) -> "Sides":
        """Opens both."""
        base = encoder.open_named(repaired.read(study.embed.encoder).base, study)
        at = threshold_of(study)
        before = at
        if own(study).threshold == AUTO:
            seen = texts.filter(half="explore").sort("text_id")
            before = chosen_threshold(encoded(base, seen["text"].to_list()), seen["document_id"].to_list())
        return cls({BEFORE: base, AFTER: views.under_test(study)}, {BEFORE: before, AFTER: at})


def before_and_after(
    sides: Sides,
    name: str,
    fresh: pl.DataFrame,
    differs: Float[np.ndarray, " pair"],
    predicates: Sequence[Predicate],
    success: Success,
    level: float,
) -> pl.DataFrame:
    """Every tested failure on both encoders; rows of tables.MENDED.

    Args:
        sides: the encoders.
        name: of the repaired one.
        fresh: rows of tables.FRESH.
        differs: whether the meanings differ, 0 or 1; NaN where nobody can tell.
        predicates: all that were tested.
        success: figures of one failure.
        level: of the intervals.
    """
    left, right = fresh["left"].to_list(), fresh["right"].to_list()
    fitted, there = repaired.read(name).fitted_on, set(fresh["predicate_id"])
    rows = []
    for side, model in sides.models.items():
        near = views.cosines(encoded(model, left), encoded(model, right))
        fails = np.where(near >= sides.thresholds[side], differs, 0.0)
        rows += [
            {
                "predicate_id": one.predicate_id,
                "fitted": one.predicate in fitted,
                "encoder": side,
                "threshold": sides.thresholds[side],
                **success(fresh, fails, one.predicate_id, level),
            }
            for one in predicates
            if one.predicate_id in there
        ]
    return pl.DataFrame(rows, schema=tables.MENDED)


def price(study: Study, sides: Sides, texts: pl.DataFrame) -> pl.DataFrame:
    """What must stay together, before and after; rows of tables.PRICE."""
    corpus = texts.filter(half="confirm")["text"].to_list()
    vectors = {side: encoded(model, corpus) for side, model in sides.models.items()}
    rows = []
    for sort, pairs in (("paraphrases", _paraphrases(study, texts)), ("documents", _documents(study, texts))):
        if len(pairs) < LEAST:
            continue
        left, right = ([pair[i] for pair in pairs] for i in (0, 1))
        own_text = [{left[i], right[i]} for i in range(len(pairs))]
        before = np.ones(len(pairs), dtype=bool)
        for side, model in sides.models.items():
            query, mate = encoded(model, right), encoded(model, left)
            near = views.cosines(query, mate)
            close = near >= sides.thresholds[side]
            before = close if side == BEFORE else before
            rows.append(
                {
                    "pairs": sort,
                    "encoder": side,
                    "n": len(pairs),
                    "close": float(close.mean()),
                    "kept": float(close[before].mean()) if before.any() else None,
                    "recall": _recall(query, near, vectors[side], corpus, own_text),
                }
            )
    return pl.DataFrame(rows, schema=tables.PRICE)


def _recall(
    query: Float[np.ndarray, "pair dim"],
    near: Float[np.ndarray, " pair"],
    corpus: Float[np.ndarray, "text dim"],
    texts: Sequence[str],
    own_text: Sequence[set[str]],
) -> float:
    """Share of queries with fewer than NEAREST other texts nearer than their mate."""
    at: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        at.setdefault(text, []).append(i)
    found = []
    for vector, cosine, known in zip(query, near, own_text, strict=True):
        nearer = corpus @ vector > cosine
        nearer[[i for text in known for i in at.get(text, [])]] = False
        found.append(nearer.sum() < NEAREST)
    return float(np.mean(found))


def _paraphrases(study: Study, texts: pl.DataFrame) -> list[tuple[str, str]]:
    """Sentences of the confirmation half, and the same in other words."""
    from tasks.kinds.encoder_failures.embedded.rephrasing import paraphrases

    sources = held_out_sentences(study, texts, repaired.learned(study.embed.encoder))
    made = paraphrases(sources, N_PAIRS, np.random.default_rng([study.seed, _STREAM]))
    return [(one.left, one.right) for one in made]


def _documents(study: Study, texts: pl.DataFrame) -> list[tuple[str, str]]:
    """The first two texts of each document of the confirmation half that has two."""
    known = set(repaired.learned(study.embed.encoder))
    rows = texts.filter(~pl.col("text").is_in(list(known)), half="confirm").sort("document_id", "text_id")
    two = rows.group_by("document_id", maintain_order=True).agg(pl.col("text").head(2))
    pairs = [tuple(both) for both in two.filter(pl.col("text").list.len() == 2)["text"]]
    order = np.random.default_rng([study.seed, _STREAM]).permutation(len(pairs))
    return [pairs[int(i)] for i in order[:N_PAIRS]]
