"""The words of a text, given predicates: a log-linear model of all words at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import sparse, special

from tasks.stats.masses import text_masses
from tasks.stats.multinomial import weighted_variance
from tasks.stats.tilting import patterns

_BLOCK = 2**20
"""Numbers in one block of pattern x word: 8 MB, of which a few are held at once."""
_STEPS = 200
_LEAST_GAIN = 1e-8
"""Nats a word of the texts, that a step has to promise to be worth it."""
_JITTER = 1e-9


@dataclass(frozen=True)
class Wording:
    """Logarithms of the chances of words are linear in the verdicts, up to a constant of the text."""

    weight: Float[np.ndarray, "coefficient word"]
    """The intercepts, then a row for each predicate."""


def fit(
    z: Float[np.ndarray, "text predicate"],
    counts: sparse.csr_array,
    ridge: float = 1.0,
    mass: Float[np.ndarray, " text"] | None = None,
    start: Float[np.ndarray, "coefficient word"] | None = None,
    pseudo_words: float = 1.0,
) -> Wording:
    """Gives how much commoner each word is where a predicate holds, the other predicates being equal.

    Minimised is the sum over words of texts of -log p(word | z), in nats, plus `ridge` / 2 times the sum of
    squared weights, intercepts left out. Words of a text come in bursts and are not independent, so that the
    best ridge is more than 1: choose it on texts that were not fitted.

    Texts of equal verdicts are added up first, so the cost is distinct verdicts x words. Verdicts that are
    not 0 or 1 are taken as they are; then there are more distinct rows, at most one a text.

    Args:
        z: verdicts in [0, 1], finite; there may be no column.
        counts: text x word, how often each word is in each text.
        ridge: over 0 where there is a predicate.
        mass: of each text, 0 or more.
        start: weights to begin with.
        pseudo_words: so many words are added to the texts of mean verdicts, divided equally among all words,
            so that each has a chance.

    Returns:
        The model.

    Raises:
        ValueError: shapes disagree, a verdict is not finite, or no word is left.

    Assumes:
        Given verdicts, the words of all texts are drawn independently.

    Source:
        Taddy (2013), Multinomial Inverse Regression for Text Analysis, JASA 108:755-770, with a normal prior
        in place of his. Steps are Newton's with the blocks of single words alone, which bound the Hessian
        from above (diag(p) - pp' <= diag(p)), as in Taddy (2015), Annals of Applied Statistics 9:1394-1414;
        they are shortened while they lose. Checked against scipy's general minimiser.
    """
    lengths = np.asarray(counts.sum(axis=1), dtype=float).ravel()
    weights = text_masses(z, mass, lengths)
    pattern, member = patterns(z)
    member_of = sparse.csr_array((weights, (member, np.arange(member.size))), (pattern.shape[0], member.size))
    table = np.asarray((member_of @ counts).toarray(), dtype=float)
    words = table.shape[1]
    lengths = lengths * weights
    if not lengths.sum() > 0:
        raise ValueError("wanted a word, got texts without any")
    table = np.vstack([table, np.full((1, words), pseudo_words / words)])
    mean = lengths @ z / lengths.sum()
    x = np.column_stack([np.ones(table.shape[0]), np.vstack([pattern, mean])])
    used = table.sum(axis=1) > 0
    if start is None:
        first = np.zeros((x.shape[1], words))
        first[0] = np.log(table.sum(axis=0) + 1 / words)
    else:
        first = np.array(start, dtype=float)
    penalty = np.full(x.shape[1], float(ridge))
    penalty[0] = 0.0
    return Wording(_minimised(x[used], table[used], penalty, first))


def log2_likelihood(
    model: Wording,
    z: Float[np.ndarray, "text predicate"],
    counts: sparse.csr_array,
    words: Bool[np.ndarray, " word"] | None = None,
) -> Float[np.ndarray, " text"]:
    """Gives log2 of the chance of each text's words, all of a text together.

    Args:
        model: of as many predicates and words.
        z: finite verdicts in [0, 1].
        counts: text x word.
        words: those that count, as if the texts had no others. All without it.

    Returns:
        Bits, at most 0; 0 for a text without words that count.

    Assumes:
        As `fit`. The order of words is not modelled.

    Source:
        The definition; checked against scipy's `multinomial`.
    """
    weight = model.weight
    if words is not None:
        kept = np.flatnonzero(words)
        weight, counts = weight[:, kept], sparse.csr_array(counts[:, kept])
    pattern, member = patterns(z)
    level = np.empty(pattern.shape[0])
    for rows in _blocks(level.size, weight.shape[1]):
        level[rows] = special.logsumexp(weight[0] + pattern[rows] @ weight[1:], axis=1)
    own = counts @ weight.T
    linear = own[:, 0] + (own[:, 1:] * z).sum(axis=1)
    length = np.asarray(counts.sum(axis=1)).ravel()
    return np.asarray((linear - np.where(length > 0, length * level[member], 0.0)) / np.log(2))


def gain_variance(
    model: Wording,
    other: Wording,
    dropped: int,
    z: Float[np.ndarray, "text predicate"],
    counts: sparse.csr_array,
    words: Bool[np.ndarray, " word"] | None = None,
) -> Float[np.ndarray, " text"]:
    """Gives how much a text's gain could differ by chance, by what the model without a predicate expects.

    Args:
        model: the full one.
        other: the one without a predicate.
        dropped: which column of z that is.
        z: finite verdicts in [0, 1] on all predicates.
        counts: text x word.
        words: those that count, as in `log2_likelihood`.

    Returns:
        In bits squared: the variance of log2 p(full) - log2 p(without) over words, drawn as the model
        without the predicate says.

    Assumes:
        As `fit`.

    Source:
        The definition; checked by drawn words. What it is for: `tasks.stats.gains`.
    """
    own, left = model.weight, other.weight
    if words is not None:
        kept = np.flatnonzero(words)
        own, left, counts = own[:, kept], left[:, kept], sparse.csr_array(counts[:, kept])
    pattern, member = patterns(z)
    reduced = np.delete(pattern, dropped, axis=1)
    found = np.empty(pattern.shape[0])
    for rows in _blocks(found.size, own.shape[1]):
        chance = special.log_softmax(left[0] + reduced[rows] @ left[1:], axis=1)
        # Constants of a text add nothing to a variance.
        ratio = own[0] + pattern[rows] @ own[1:] - chance
        found[rows] = weighted_variance(ratio / np.log(2), np.exp(chance))
    return np.asarray(found[member] * np.asarray(counts.sum(axis=1)).ravel())


def _blocks(rows: int, columns: int) -> list[slice]:
    size = max(_BLOCK // max(columns, 1), 1)
    return [slice(first, first + size) for first in range(0, rows, size)]


def _minimised(
    x: NDArray[np.float64],
    table: NDArray[np.float64],
    penalty: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    total = float(table.sum())
    value, slope, curvature = _expanded(x, table, penalty, weight)
    for _ in range(_STEPS):
        step = -np.linalg.solve(curvature, slope.T[:, :, None])[:, :, 0].T
        promised = float(-(slope * step).sum())
        size = 1.0
        while True:
            trial, trial_slope, curvature = _expanded(x, table, penalty, weight + size * step)
            if trial <= value or size < 1e-6:
                break
            size /= 2
        if trial > value:
            # Rounding is all that is left to gain.
            break
        weight, value, slope = weight + size * step, trial, trial_slope
        if promised < _LEAST_GAIN * total:
            break
    return weight


def _expanded(
    x: NDArray[np.float64],
    table: NDArray[np.float64],
    penalty: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Value, slope, and for each word a block of the curvature, word x coefficient x coefficient."""
    size, words = weight.shape
    value = float((penalty[:, None] * weight**2).sum() / 2)
    slope = penalty[:, None] * weight
    first, second = np.triu_indices(size)
    half = np.zeros((words, first.size))
    for rows in _blocks(x.shape[0], words):
        linear = x[rows] @ weight
        linear -= special.logsumexp(linear, axis=1, keepdims=True)
        value -= float((table[rows] * linear).sum())
        wanted = np.exp(linear, out=linear)
        wanted *= table[rows].sum(axis=1, keepdims=True)
        slope += x[rows].T @ (wanted - table[rows])
        half += wanted.T @ (x[rows][:, first] * x[rows][:, second])
    block = np.empty((words, size, size))
    block[:, first, second] = block[:, second, first] = half
    block[:, range(size), range(size)] += penalty + _JITTER
    return value, slope, block
