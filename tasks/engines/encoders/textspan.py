"""TextSpan: the sentences of a bank along which the outputs of a part of an encoder differ most.

Source: Gandelsman, Efros & Steinhardt 2024, algorithm 1. Here outputs are centred first, sentences are at
unit length, and the search ends where no sentence is left along which outputs differ.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

EXHAUSTED = 1e-6
"""Less than this share of the variance is none."""
_LEAST_LENGTH = 1e-4
"""What is left of a sentence that is shorter than this is rounding."""


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of the outputs of a part: all that TextSpan needs of them."""

    mean: Float[np.ndarray, " dim"]
    covariance: Float[np.ndarray, "dim dim"]

    @classmethod
    def of(cls, outputs: Float[np.ndarray, "input dim"]) -> "Moments":
        """Of outputs that are all at hand."""
        mean = outputs.mean(axis=0, dtype=np.float64)
        left = outputs - mean
        return cls(mean, left.T @ left / len(outputs))


@dataclass(frozen=True)
class Span:
    """Directions that are named by sentences, the one along which outputs differ most first."""

    chosen: Int[np.ndarray, " direction"]
    """Which sentences of the bank."""
    directions: Float[np.ndarray, "direction dim"]
    """Orthonormal: of each sentence what lies in the span of the outputs and along none chosen before it. An
    output that lies further along is nearer to the sentence."""
    mean: Float[np.ndarray, " dim"]
    """Of the outputs it was found on."""
    share: Float[np.ndarray, " direction"]
    """Share of the variance of those outputs that lies along each direction, 0 to 1."""

    def along(self, outputs: Float[np.ndarray, "input dim"]) -> Float[np.ndarray, "input direction"]:
        """How far outputs lie along each direction, from the mean."""
        found: Float[np.ndarray, "input direction"] = (outputs - self.mean) @ self.directions.T
        return found

    def explained(self, outputs: Float[np.ndarray, "input dim"]) -> float:
        """Share of the variance of new outputs that all directions explain; NaN where they do not vary.

        1 less the mean square of what they leave over that around the new outputs' own mean: below 0 where
        the frozen mean is further off than what the directions explain.
        """
        spread = float(((outputs - outputs.mean(axis=0)) ** 2).sum())
        left = float(((outputs - self.mean) ** 2).sum() - (self.along(outputs) ** 2).sum())
        return 1 - left / spread if spread > 0 else float("nan")


def textspan(moments: Moments, bank: Float[np.ndarray, "sentence dim"], n_directions: int) -> Span:
    """The sentences that span what a part puts out, greedily.

    The sentence along which outputs vary most is taken; then it is taken out of the outputs and of all other
    sentences, and so on. What is left of a sentence keeps its length, so that one that hardly differs from a
    sentence taken before, or hardly lies in the span of the outputs, is not taken for its rest.

    Args:
        moments: of the part's outputs on exploration inputs.
        bank: vectors of sentences in the space of the outputs, of any length above 0.
        n_directions: at most so many, 1 or more.

    Returns:
        Fewer directions where the variance is exhausted, or the bank is.

    Source: Gandelsman, Efros & Steinhardt 2024, algorithm 1.
    """
    values, axes = np.linalg.eigh(moments.covariance)
    total = float(values.clip(min=0).sum())
    kept = values > EXHAUSTED * max(total, np.finfo(float).tiny)
    spread, axes = np.sqrt(values[kept]), axes[:, kept]
    # In the axes of the outputs' covariance: what lies outside their span falls away.
    rest = bank / np.linalg.norm(bank, axis=1, keepdims=True) @ axes
    chosen: list[int] = []
    found = np.zeros((0, len(spread)))
    share: list[float] = []
    while len(chosen) < min(n_directions, len(spread)):
        # Rounded, so that of sentences that say the same the first is taken.
        gained = np.round(((rest * spread) ** 2).sum(axis=1) / total, 12)
        best = int(gained.argmax())
        length = float(np.linalg.norm(rest[best]))
        if gained[best] <= EXHAUSTED or length <= _LEAST_LENGTH:
            break
        direction = rest[best] / length
        direction -= found.T @ (found @ direction)
        direction /= np.linalg.norm(direction)
        chosen.append(best)
        found = np.vstack([found, direction])
        share.append(float(((direction * spread) ** 2).sum() / total))
        rest = rest - np.outer(rest @ direction, direction)
    return Span(np.array(chosen, dtype=np.int64), found @ axes.T, moments.mean, np.array(share))
