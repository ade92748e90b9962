"""Evidence on a bounded mean by betting, valid at any time: e-values and confidence sequences.

Values lie in [-1, 1] and come one after another; only how many fell where is kept (`mean_atom_counts`), so
nothing here depends on how long the walk was. A value between two atoms is shared out to both: log(1 + bet *
x) is concave, so the shared-out value never earns more than the value itself, and validity is untouched.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

TEST_FRACTIONS = (0.06, 0.15, 0.35, 0.7, 0.95)
"""Against a mean of at most 0: from small differences of common predicates to large ratios of rare ones."""
FUTILITY_FRACTIONS = (0.1, 0.25, 0.55, 0.97)
CURTAILMENT_FRACTIONS = (0.15, 0.35, 0.7)
"""On what the texts to come must make up for, which grows; more bets, or adapted ones, gain nothing."""
_LARGEST = 0.97
_NEWTON_STEPS = 60
_CLOSE = 1e-9


def mean_atoms(resolution: int) -> Float[np.ndarray, " atom"]:
    """Gives the values that are told apart: 2 * resolution + 1 from -1 to 1.

    With `resolution` 1 differences of two 0/1 verdicts are exact, with m those of one 0/1 verdict and the
    mean of m others.

    Raises:
        ValueError: resolution is under 1.

    Assumes:
        Nothing.

    Source:
        Own.
    """
    if resolution < 1:
        raise ValueError(f"wanted a resolution of at least 1, got {resolution}")
    return np.linspace(-1.0, 1.0, 2 * resolution + 1)


def mean_atom_counts(
    value: Float[np.ndarray, "draw predicate"], resolution: int
) -> Float[np.ndarray, "predicate atom"]:
    """Gives how many values of each predicate fell on each atom, in fractions where they fell between two.

    Args:
        value: in [-1, 1]; NaN is left out.
        resolution: as of `mean_atoms`.

    Raises:
        ValueError: a value outside [-1, 1].

    Assumes:
        Nothing.

    Source:
        Own; the mean of the counts is that of the values.
    """
    atoms = mean_atoms(resolution).size
    predicates = value.shape[1]
    seen = ~np.isnan(value)
    if (np.abs(value[seen]) > 1 + _CLOSE).any():
        raise ValueError("wanted values in [-1, 1], got one outside")
    place = np.clip((value[seen] + 1) * resolution, 0, atoms - 1)
    below = np.minimum(place.astype(np.int64), atoms - 2)
    above = place - below
    row = np.broadcast_to(np.arange(predicates) * atoms, value.shape)[seen] + below
    size = predicates * atoms
    counts = np.bincount(row, 1 - above, size) + np.bincount(row + 1, above, size)
    return counts.reshape(predicates, atoms)


def mean_logevalue_betting(
    counts: Float[np.ndarray, "predicate atom"], null: ArrayLike, fractions: ArrayLike = TEST_FRACTIONS
) -> Float[np.ndarray, " predicate"]:
    """Gives the log e-value against a mean of at most `null`: what a gambler made by betting on more.

    Stakes start at 1 and are split evenly over `fractions`; the part with fraction f is multiplied by
    1 + f (x - null) / (1 + null) at each value x. Prefer it to a p-value where you look more than once: it
    may be read after every value, and 1/e is a p-value at any moment. To test for at least `null`, flip the
    atoms' axis and the sign of null.

    Args:
        counts: of `mean_atom_counts`.
        null: one, or one per predicate; in (-1, 1).
        fractions: share of the largest safe stake, in (0, 1); fixed before the first value is seen.

    Returns:
        Natural logarithm; 0 where nothing was seen.

    Raises:
        ValueError: a null or a fraction outside its range.

    Assumes:
        Given the past, each value has the mean in question: so for independent values, and for those drawn
        without replacement from two groups that differ by nothing. Nothing on their distribution.

    Source:
        Waudby-Smith & Ramdas (2024), J. R. Stat. Soc. B 86:1-27, section 4 (capital process) with constant
        bets mixed evenly (a discrete mixture in the sense of their "hedging"); Shekhar & Ramdas (2024), IEEE
        Trans. Inf. Theory 70:1178-1203 for differences of paired draws. Ville (1939): it exceeds 1/alpha at
        any time with chance at most alpha. Checked against the product written out, value by value.
    """
    return log_mean_exp(mean_loggains_betting(counts, null, fractions))


def mean_loggains_betting(
    counts: Float[np.ndarray, "predicate atom"], null: ArrayLike, fractions: ArrayLike = TEST_FRACTIONS
) -> Float[np.ndarray, "predicate bet"]:
    """Gives by how much each bet multiplied its stake, on "the mean is more than `null`".

    Prefer it to `mean_logevalue_betting` where the null is another one after every batch: gains of batches
    add up, bet by bet.

    Args:
        counts: of `mean_atom_counts`.
        null: one, or one per predicate; in (-1, 1).
        fractions: as of `mean_logevalue_betting`.

    Returns:
        Natural logarithm.

    Raises:
        ValueError: as `mean_logevalue_betting`.

    Assumes:
        As `mean_logevalue_betting`; or that the values are drawn without replacement from some whose mean is
        the null or less, which makes the expected product smaller still (Maclaurin's inequality).

    Source:
        As `mean_logevalue_betting`.
    """
    null, fractions = np.asarray(null, dtype=float), _fractions(fractions)
    if not ((null > -1) & (null < 1)).all():
        raise ValueError("wanted a null in (-1, 1), got one outside")
    atoms = _atoms_of(counts)
    if null.ndim == 0:
        return np.asarray(counts @ np.log1p(np.multiply.outer(_gain(atoms, null), fractions)))
    occupied = counts.any(axis=0)
    gain = _gain(atoms[occupied], null)
    return np.asarray(np.einsum("pa,paf->pf", counts[:, occupied], np.log1p(gain[:, :, None] * fractions)))


def mean_ci_betting(
    counts: Float[np.ndarray, "predicate atom"],
    level: float,
    horizon: int,
    within: tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]] | None = None,
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives a confidence sequence's interval for the mean: all intervals of a walk hold it together.

    Prefer it to a fixed-sample interval where you look more than once, or stop when you like. It is wider for
    it: see docs/sequential.md.

    Args:
        counts: of `mean_atom_counts`.
        level: chance that every interval of the walk covers, in (0, 1).
        horizon: how many values there may be at most; it steers the bets, may be wrong, must not change.
        within: an earlier interval of the same walk: what it left out stays out, which is quicker as well.

    Returns:
        Lower and upper ends in [-1, 1].

    Raises:
        ValueError: level outside (0, 1), or horizon under 1.

    Assumes:
        As `mean_logevalue_betting`.

    Source:
        Waudby-Smith & Ramdas (2024), theorem 3 and its corollary: the means that are not rejected at half of
        1 - level from below or above. The log e-value is convex and falling in log(1 + mean), so Newton's
        steps from the left never pass the end. Checked against a grid of means.
    """
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
    fractions = horizon_fractions(horizon, level)
    threshold = np.log(2 / (1 - level))
    ends = np.full((2, counts.shape[0]), -1.0) if within is None else np.array([within[0], -within[1]])
    lo = _lower_end(counts, fractions, threshold, ends[0])
    hi = -_lower_end(counts[:, ::-1], fractions, threshold, ends[1])
    if within is None or not (crossed := lo > hi).any():
        return lo, hi
    # Nothing is left: some interval of this walk was wrong. The newest rests on most.
    newest = mean_ci_betting(counts, level, horizon)
    return np.where(crossed, newest[0], lo), np.where(crossed, newest[1], hi)


def horizon_fractions(horizon: int, level: float) -> Float[np.ndarray, " bet"]:
    """Gives bets from the one that is best after `horizon` values of variance 1 up to nearly all.

    Raises:
        ValueError: horizon under 1.

    Assumes:
        Nothing: any bets are valid.

    Source:
        Waudby-Smith & Ramdas (2024), section 4, their bet for a known n: sqrt(2 log(2/alpha) /
        (variance * n)); neighbours differ by a factor of about 2.
    """
    if horizon < 1:
        raise ValueError(f"wanted a horizon of at least 1, got {horizon}")
    smallest = min(np.sqrt(2 * np.log(2 / (1 - level)) / horizon), 0.5)
    return np.geomspace(smallest, _LARGEST, 2 + int(np.log2(_LARGEST / smallest)))


def _lower_end(
    counts: NDArray[np.float64], fractions: NDArray[np.float64], threshold: float, known: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The largest mean rejected as too small, or that already known to be; -1 where there is none."""
    occupied = counts.any(axis=0)
    shifted = (1 + _atoms_of(counts))[occupied]
    counts = counts[:, occupied]
    log_mean = np.log(np.maximum(1 + known, _CLOSE))
    open_ = np.ones(counts.shape[0], dtype=bool)
    rejected = np.zeros(counts.shape[0], dtype=bool)
    for _ in range(_NEWTON_STEPS):
        at = np.flatnonzero(open_)
        if not at.size:
            break
        # Each bet multiplies by a + b / (1 + mean), with a = 1 - f and b = f (1 + x).
        part = shifted[:, None] * fractions * np.exp(-log_mean[at])[:, None, None]
        whole = (1 - fractions) + part
        capital = np.einsum("pa,paf->pf", counts[at], np.log(whole))
        value = log_mean_exp(capital) - threshold
        slope = np.einsum("pa,paf->pf", counts[at], part / whole)
        slope = (slope * np.exp(capital - (value + threshold)[:, None]) / fractions.size).sum(axis=1)
        going = value >= 0
        rejected[at] |= going
        step = np.divide(value, slope, out=np.zeros_like(value), where=going & (slope > 0))
        log_mean[at] += step
        open_[at] = step > _CLOSE
    # A step rounds to the wrong side by no more than it is long.
    return np.where(rejected, np.maximum(np.expm1(log_mean) - 2 * _CLOSE, known), known)


def _gain(atoms: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """Profit per unit staked, at least -1."""
    return (atoms - null[..., None]) / (1 + null[..., None])


def _atoms_of(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    if counts.ndim != 2 or counts.shape[1] < 3 or counts.shape[1] % 2 == 0:
        raise ValueError(f"wanted counts (predicate, atom) with an odd number of atoms, got {counts.shape}")
    return mean_atoms(counts.shape[1] // 2)


def _fractions(fractions: ArrayLike) -> NDArray[np.float64]:
    fractions = np.atleast_1d(np.asarray(fractions, dtype=float))
    if not ((fractions > 0) & (fractions < 1)).all():
        raise ValueError("wanted bets in (0, 1), got one outside")
    return fractions


def log_mean_exp(capital: Float[np.ndarray, "predicate bet"]) -> Float[np.ndarray, " predicate"]:
    """Gives the log of what stakes split evenly over the bets have become together.

    Args:
        capital: log of what each bet made of its stake, of `mean_loggains_betting`.

    Assumes:
        Nothing; what is a log e-value for each bet is one together.

    Source:
        As `mean_logevalue_betting`.
    """
    top = capital.max(axis=1)
    mean: NDArray[np.float64] = top + np.log(np.exp(capital - top[:, None]).mean(axis=1))
    return mean
