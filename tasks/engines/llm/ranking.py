"""What verdicts on a sample of the exploration half say about proposals: which to keep, and what they miss.

Nothing here is a test: the sample is the one the proposals came from. It decides the order in which, and
how many of them, go on to the confirmation half.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast, cross_fitted
from tasks.records import Group

LEAST_KEPT = 5
"""So many go on even where none is strong enough: a study without a difference must end and say so."""
TWIN_PHI = 0.9
"""Two proposals whose verdicts correlate more than this are one in two wordings."""
HOLDS = 0.5
EXPLAINS_Z = 1.0
"""Least |z| with which a proposal explains the texts it holds of."""
FLIP_Z = 3.0
"""A proposal this far off in the other direction is turned round."""


def effect_and_z(
    score: Float[np.ndarray, "text proposal"], contrast: Contrast
) -> tuple[Float[np.ndarray, " proposal"], Float[np.ndarray, " proposal"]]:
    """Effect (mean in A minus mean in B) and z of each proposal over its texts with a verdict.

    Both are 0 where a group has no verdict.
    """
    effect, z = np.zeros(score.shape[1]), np.zeros(score.shape[1])
    for i, column in enumerate(score.T):
        known = ~np.isnan(column)
        among = contrast.among(known)
        if 0 < among.in_a.sum() < among.n_texts:
            one_effect, one_z = among.measure(column[known][:, None])
            effect[i], z[i] = one_effect[0], one_z[0]
    return effect, z


def direction_of(direction: Group, z: float) -> Group:
    """The proposal's direction, or the measured one where they clearly contradict each other.

    What the model says is the hypothesis. But a model also mixes up the letters, and then a true finding
    would be reported as one that came out the other way.
    """
    if abs(z) < FLIP_Z:
        return direction
    return "A" if z > 0 else "B"


def lean(
    score: Float[np.ndarray, "text proposal"], contrast: Contrast, rng: np.random.Generator
) -> Float[np.ndarray, " text"]:
    """How A-like each text is by its verdicts, fitted without its document; a gap counts as average."""
    return cross_fitted(contrast, _filled(score), rng)


def chosen(
    z: Float[np.ndarray, " proposal"],
    score: Float[np.ndarray, "text proposal"],
    most: int,
    max_phi: float,
    gate_z: float,
) -> list[int]:
    """Which proposals to keep, strongest first, none of them correlated more than max_phi with a stronger.

    Where these are fewer than LEAST_KEPT, strong ones that are alike fill up first (never twins), and only
    then those below the gate: a real difference told twice is worth more than none.

    Unlike in the embedded engine no false discovery rate is kept here: some dozens of sentences were looked
    at, not thousands of words, and a hundred verdicts per group would hide most true ones.
    """
    columns = _standard(score)
    rank = sorted(range(len(z)), key=lambda i: (-round(abs(float(z[i])), 6), i))
    strong = [i for i in rank if abs(z[i]) >= gate_z]
    weak = [i for i in rank if abs(z[i]) < gate_z]
    kept = _grown([], columns, strong, most, max_phi)
    least = min(LEAST_KEPT, most)
    kept = _grown(kept, columns, strong, least, max(max_phi, TWIN_PHI))
    kept = _grown(kept, columns, weak, least, max_phi)
    return sorted(kept, key=rank.index)


def explained(score: Float[np.ndarray, "text proposal"], contrast: Contrast) -> Bool[np.ndarray, " text"]:
    """Whether a proposal holds of the text that holds more often in its group; a gap does not hold."""
    effect, z = effect_and_z(score, contrast)
    holds = np.where(np.isnan(score), 0.0, score) >= HOLDS
    in_group = (effect > 0) == contrast.in_a[:, None]
    found: Bool[np.ndarray, " text"] = (holds & in_group & (np.abs(z) >= EXPLAINS_Z)).any(axis=1)
    return found


def _grown(
    kept: Sequence[int],
    columns: Float[np.ndarray, "text proposal"],
    rank: Sequence[int],
    most: int,
    max_phi: float,
) -> list[int]:
    """With further ones of the rank, as long as there are not `most`, that are unlike all others."""
    grown = list(kept)
    for i in rank:
        unlike = all(abs(float(columns[:, i] @ columns[:, j])) <= max_phi for j in grown)
        if len(grown) < most and i not in grown and unlike:
            grown.append(i)
    return grown


def _filled(score: Float[np.ndarray, "text proposal"]) -> Float[np.ndarray, "text proposal"]:
    known = ~np.isnan(score)
    mean = np.where(known, score, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled: Float[np.ndarray, "text proposal"] = np.where(known, score, mean)
    return filled


def _standard(score: Float[np.ndarray, "text proposal"]) -> Float[np.ndarray, "text proposal"]:
    """Columns centred and of unit length, so that dot products are correlations."""
    filled = _filled(score)
    centred: Float[np.ndarray, "text proposal"] = filled - filled.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    # A column that is the same everywhere correlates with nothing, whatever rounding leaves of it.
    standard: Float[np.ndarray, "text proposal"] = np.where(length > 1e-9, centred, 0.0)
    standard /= np.where(length > 1e-9, length, 1.0)
    return standard
