"""Texts of equally many words, some of which stand for predicates of known shares and weights."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

FILL = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in "prstz"]
"""Words that say nothing."""
WORDS = ("rocket", "garden", "violin", "harbour")
ASKED = [f"/{word}/" for word in WORDS]
"""Sentences of a user's, one for each of WORDS."""
LENGTH = 12


def texts(held: Float[np.ndarray, "text word"], rng: np.random.Generator) -> list[str]:
    """Texts of LENGTH words, with those of WORDS that hold."""
    found = []
    for row in held:
        said: list[str] = [word for word, holds in zip(WORDS, row, strict=False) if holds]
        said += rng.choice(FILL, LENGTH - len(said)).tolist()
        found.append(" ".join(rng.permutation(said).tolist()))
    return found


def drawn(
    share: Sequence[float] | Float[np.ndarray, "text word"], n: int, rng: np.random.Generator
) -> np.ndarray:
    """Verdicts of n texts, by shares of all texts or of each."""
    return np.asarray(rng.random((n, np.shape(share)[-1])) < np.asarray(share)).astype(float)


def labelled(
    n: int, start: Sequence[float], weight: Float[np.ndarray, "word class"], rng: np.random.Generator
) -> pl.DataFrame:
    """Texts with labels a, b, c ...: log-odds are `start` and `weight` of each word that holds."""
    held = drawn([0.4, 0.3, 0.3, 0.2], n, rng)
    odds = np.asarray(start) + held @ weight + rng.gumbel(size=(n, len(start)))
    label = ["abcdefgh"[k] for k in odds.argmax(axis=1)]
    return pl.DataFrame({"text": texts(held, rng), "label": label})


def ratings(
    n: int, weight: Sequence[float], sd: float, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "text word"], Float[np.ndarray, " text"]]:
    """Verdicts, and a rating of 1 to 5: 3, and `weight` of each word that holds, with errors, rounded."""
    held = drawn([0.4, 0.3, 0.3, 0.2], n, rng)
    return held, np.clip(np.round(3 + held @ np.asarray(weight) + sd * rng.normal(size=n)), 1, 5)


def rated(n: int, weight: Sequence[float], sd: float, rng: np.random.Generator) -> pl.DataFrame:
    """Texts with such ratings."""
    held, rating = ratings(n, weight, sd, rng)
    return pl.DataFrame({"text": texts(held, rng), "label": rating.astype(int)})


def dated(n: int, jump: float, rng: np.random.Generator) -> pl.DataFrame:
    """Texts of 2010 to 2019: rocket drifts from 10 to 60 %, garden jumps so at `jump` in [0, 1]."""
    time = np.sort(rng.random(n))
    share = np.column_stack(
        [0.1 + 0.5 * time, np.where(time < jump, 0.1, 0.6), np.full(n, 0.3), np.full(n, 0.2)]
    )
    days = np.datetime64("2010-01-01") + (time * 3652).astype(int)
    return pl.DataFrame({"text": texts(drawn(share, n, rng), rng), "time": days.astype(str)})
