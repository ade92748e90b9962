"""A quick look at many candidates at once: what each would add, before any model is fitted with it.

What is observed of a text is taken as numbers (`Model.targets`: labels as columns of 0 and 1, counts of
words, waves of time), and the log-likelihood as quadratic around what the chosen predicates say: then the
gain of every candidate is a few products of matrices. Halves of the documents are exchanged, so that no text
is foretold by weights that it had a part in. It orders candidates and drops some; models decide.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tasks.kinds.fitted.model import Verdicts

RIDGE = 3.0
"""Of a weight, in the units of the log-likelihood: as small effects as a handful of texts could show."""
RIDGE_OF_MANY = 0.3
"""The same where the gain from many texts is asked. Of 89 news the four themes are then among the best five
of twelve candidates; with the other ridge two of them are among the last."""
OVERLAP = 0.4
"""Of a gain so much is taken off where all texts that a theme holds for are told by others already."""
_LEAST = 1e-9


@dataclass(frozen=True)
class Targets:
    """What is to be foretold of the texts at hand."""

    number: Float[np.ndarray, "text target"]
    first: Bool[np.ndarray, " text"]
    """Which half of the documents a text is in."""
    pinned: float = 0.0
    """How often all texts together count once more as one for which nothing holds, foretold as they are."""


def gains(
    targets: Targets,
    z: Verdicts,
    candidates: Verdicts,
    left_out: Bool[np.ndarray, "candidate target"],
    of_many: bool = False,
) -> Float[np.ndarray, "text candidate"]:
    """Bits by which each text is better foretold with a candidate beside the chosen, about.

    Args:
        targets: of the texts.
        z: verdicts of the chosen.
        candidates: verdicts of the candidates.
        left_out: targets that do not count for a candidate.
        of_many: what would be gained with weights learnt from many texts, as these few foresee it: how far
            the halves agree on the weights, and nothing off for what few texts get wrong of them.

    Source:
        The log-likelihood to second order, U w - w' I w / 2 at w = U / (I + ridge), of which the score
        statistic of Rao (1948) is the maximum in sample.
    """
    found = np.zeros(candidates.shape)
    given = np.column_stack([np.ones(len(z)), z])
    for learns in (targets.first, ~targets.first):
        if learns.any() and not learns.all():
            found[~learns] = _half(targets, given, candidates, left_out, learns, of_many)
    return found


def worth(z: Verdicts, candidates: Verdicts) -> Float[np.ndarray, " candidate"]:
    """What a bit of each candidate counts beside the chosen, by how far it holds where one of them does."""
    told = z.max(axis=1, initial=0.0)
    return np.asarray(1 - OVERLAP * (told @ candidates) / np.maximum(candidates.sum(axis=0), _LEAST))


def _half(
    targets: Targets,
    given: Float[np.ndarray, "text given"],
    candidates: Verdicts,
    left_out: Bool[np.ndarray, "candidate target"],
    learns: Bool[np.ndarray, " text"],
    of_many: bool,
) -> Float[np.ndarray, "text candidate"]:
    number = targets.number
    spread = number[learns].var(axis=0)
    told = spread > _LEAST
    if not told.any():
        return np.zeros((int((~learns).sum()), candidates.shape[1]))
    number, spread = number[:, told], spread[told]
    # Shrunken as the weights of the model are: where predicates share the texts among them, the last one
    # says nothing new, but adds a little.
    shrunk = RIDGE / float(spread.mean()) * np.eye(given.shape[1])
    shrunk[0, 0] = max(targets.pinned * learns.sum(), _LEAST)
    own = given[learns]
    solved = np.linalg.solve(own.T @ own + shrunk, own.T @ np.hstack([number[learns], candidates[learns]]))
    expected = given @ solved
    rest = number - expected[:, : number.shape[1]]
    column = candidates - expected[:, number.shape[1] :]
    left = np.maximum(rest[learns].var(axis=0), _LEAST)
    ridge = RIDGE_OF_MANY if of_many else RIDGE
    weight = column[learns].T @ rest[learns] / ((column[learns] ** 2).sum(axis=0)[:, None] * left + ridge)
    weight[left_out[:, told]] = 0.0
    there = column[~learns]
    bits = there * (rest[~learns] @ weight.T)
    if not of_many:
        bits -= there**2 * (weight**2 @ left) / 2
    return np.asarray(bits / np.log(2))
