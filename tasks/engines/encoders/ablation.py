"""What an encoder loses without some of its parts: the test of whether a part does what its name says.

An attribute (something that holds for some inputs and not for others) has a direction, from the mean of those
where it does not hold to that of those where it does. Its margin is the mean cosine with that direction of
inputs where it holds, minus that of inputs where it does not. A set of parts is ablated by giving every input
what the set adds on average, so that it tells inputs apart no more (Gandelsman, Efros & Steinhardt 2024). A
set that does what its name says takes more of the named attribute's margin than of others, and more so than
random sets do.

Directions and means are of exploration inputs, margins of new ones. Inputs come in batches: of what parts add
no more than a batch is held.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from tasks.stats.multiplicity import pvalues_adjusted_bh

Batch = tuple[Int[np.ndarray, " some"], Float[np.ndarray, "some part dim"]]
"""Which inputs, and what the parts add to each."""
SURE = 2.0
"""An attribute whose margin is fewer standard errors above zero has none that could be lost."""


@dataclass(frozen=True)
class Named:
    """A set of parts and what it was named for."""

    parts: tuple[int, ...]
    attribute: int


@dataclass(frozen=True)
class Effects:
    """What the named sets do; NaN where there is nothing to lose, or nothing to compare with."""

    margin: Float[np.ndarray, " attribute"]
    """Before any ablation, -2 to 2."""
    loss: Float[np.ndarray, " named"]
    """Share of the named attribute's margin that is lost; negative where it grows."""
    loss_others: Float[np.ndarray, " named"]
    """Mean share that the other attributes lose."""
    specificity: Float[np.ndarray, " named"]
    """The first less the second ..."""
    lo: Float[np.ndarray, " named"]
    """... with its interval over documents."""
    hi: Float[np.ndarray, " named"]
    p: Float[np.ndarray, " named"]
    """Share of sets, random ones and this, that are as specific for the attribute or more."""
    q: Float[np.ndarray, " named"]
    """Benjamini-Hochberg over those that have a p."""
    n_random: Int[np.ndarray, " named"]
    p_all: float
    """The same for the mean specificity of all named sets."""


def part_means(batches: Iterable[Batch]) -> Float[np.ndarray, "part dim"]:
    """What each part adds on average."""
    total, count = np.zeros(()), 0
    for _, parts in batches:
        total, count = total + parts.sum(axis=0, dtype=np.float64), count + len(parts)
    means: Float[np.ndarray, "part dim"] = total / count
    return means


def attribute_directions(
    vectors: Float[np.ndarray, "input dim"], holds: Float[np.ndarray, "input attribute"]
) -> Float[np.ndarray, "attribute dim"]:
    """Unit vectors from the mean of inputs where an attribute does not hold to that of those where it does.

    Args:
        vectors: of exploration inputs.
        holds: 0 or 1; NaN where nobody can tell.

    Returns:
        Rows of NaN for an attribute that holds everywhere or nowhere.
    """
    sides = [_shares(holds == side).T @ vectors for side in (1, 0)]
    apart = sides[0] - sides[1]
    with np.errstate(invalid="ignore"):
        directions: Float[np.ndarray, "attribute dim"] = apart / np.linalg.norm(apart, axis=1, keepdims=True)
    return directions


def ablated_cosines(
    parts: Float[np.ndarray, "input part dim"],
    means: Float[np.ndarray, "part dim"],
    directions: Float[np.ndarray, "attribute dim"],
    sets: Bool[np.ndarray, "set part"],
    weight: float = 0.0,
) -> Float[np.ndarray, "input set attribute"]:
    """Cosines of inputs with directions after each set was ablated.

    Args:
        parts: what each part adds; the sum is the input's vector.
        means: what each adds on average, on other inputs.
        directions: of length one.
        sets: which parts belong to each; an empty set changes nothing.
        weight: what is left of the difference from the mean: 0 ablates, 1 changes nothing.
    """
    off, taken, whole = parts - means, (1 - weight) * sets, parts.sum(axis=1)
    along = (whole @ directions.T)[:, None] - taken @ (off @ directions.T)
    crossed = (off @ whole[:, :, None])[:, :, 0] @ taken.T
    within = ((taken @ (off @ off.transpose(0, 2, 1))) * taken).sum(axis=2)
    squared = (whole**2).sum(axis=1)[:, None] - 2 * crossed + within
    cosines: Float[np.ndarray, "input set attribute"] = along / np.sqrt(squared)[:, :, None]
    return cosines


def causal_test(
    batches: Iterable[Batch],
    means: Float[np.ndarray, "part dim"],
    directions: Float[np.ndarray, "attribute dim"],
    holds: Float[np.ndarray, "input attribute"],
    document: Int[np.ndarray, " input"],
    named: Sequence[Named],
    pool: Sequence[int],
    rng: np.random.Generator,
    n_random: int = 999,
    weight: float = 0.0,
    level: float = 0.95,
) -> Effects:
    """Whether sets of parts carry what they are named for, against random sets of equally many parts.

    Where there are no more than n_random other sets of a size, each of them is compared with, once.

    Args:
        batches: new inputs.
        means: of exploration inputs, by `part_means`.
        directions: of exploration inputs, by `attribute_directions`.
        holds: of new inputs, 0 or 1; NaN where nobody can tell.
        document: what each new input is of; intervals are over documents.
        named: the sets.
        pool: parts that random sets are made of.
        rng: draws them.
        n_random: random sets of each size, at most.
        weight: as in `ablated_cosines`.
        level: of the intervals, in (0, 1).

    Assumes:
        Under the null hypothesis the named set is one of the sets of its size, as likely as any.

    Source:
        Permutation p as in Phipson & Smyth (2010), (1 + k) / (1 + n).
    """
    n_parts = len(means)
    random = {
        size: _random_sets(size, pool, n_parts, n_random, rng) for size in {len(n.parts) for n in named}
    }
    own = _members([one.parts for one in named], n_parts)
    sets = np.concatenate([_members([()], n_parts), own, *random.values()])
    weights = _shares(holds == 1) - _shares(holds == 0)
    cosines, margins = _margins(batches, means, directions, sets, weights, 1 + len(named), weight)
    of_documents = _by_document(cosines, holds, document)
    usable = margins[0] > SURE * _standard_error(of_documents[:, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = np.where(usable, 1 - margins / margins[0], np.nan)
    _, own_losses, *random_losses = np.split(
        losses, np.cumsum([1, len(named), *map(len, random.values())])[:-1]
    )
    contrast = np.stack([_contrast(one.attribute, usable) for one in named])
    specificity = _weighed(own_losses, contrast)
    half = _half_width(of_documents, margins, contrast, level)
    loss = own_losses[np.arange(len(named)), [one.attribute for one in named]]
    by_size = dict(zip(random, random_losses, strict=True))
    chance = [
        _weighed(by_size[len(one.parts)][(random[len(one.parts)] != row).any(axis=1)], against[None])
        for row, one, against in zip(own, named, contrast, strict=True)
    ]
    p = np.array([_p(*both) for both in zip(specificity, chance, strict=True)])
    return Effects(
        margin=margins[0],
        loss=loss,
        loss_others=loss - specificity,
        specificity=specificity,
        lo=specificity - half,
        hi=specificity + half,
        p=p,
        q=_adjusted(p),
        n_random=np.array([one.size for one in chance]),
        p_all=_p_of_all(specificity, chance, n_random, rng),
    )


def _members(chosen: Sequence[Sequence[int]], n_parts: int) -> Bool[np.ndarray, "set part"]:
    sets = np.zeros((len(chosen), n_parts), dtype=bool)
    for row, parts in zip(sets, chosen, strict=True):
        row[list(parts)] = True
    return sets


def _shares(member: Bool[np.ndarray, "input attribute"]) -> Float[np.ndarray, "input attribute"]:
    """Weights by which a sum over inputs is the mean of members; NaN where there are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Float[np.ndarray, "input attribute"] = member / member.sum(axis=0)
    return shares


def _random_sets(
    size: int, pool: Sequence[int], n_parts: int, n: int, rng: np.random.Generator
) -> Bool[np.ndarray, "set part"]:
    """All sets of this size where they are few, else n of them."""
    if math.comb(len(pool), size) <= n + 1:
        return _members(list(combinations(pool, size)), n_parts)
    return _members(np.array(pool)[rng.random((n, len(pool))).argsort(axis=1)[:, :size]].tolist(), n_parts)


def _margins(
    batches: Iterable[Batch],
    means: Float[np.ndarray, "part dim"],
    directions: Float[np.ndarray, "attribute dim"],
    sets: Bool[np.ndarray, "set part"],
    weights: Float[np.ndarray, "input attribute"],
    n_kept: int,
    weight: float,
) -> tuple[Float[np.ndarray, "input kept attribute"], Float[np.ndarray, "set attribute"]]:
    """Cosines without each of the first few sets, and margins, sums by these weights, without each set."""
    kept = np.full((len(weights), n_kept, len(directions)), np.nan, dtype=np.float32)
    margins = np.zeros((len(sets), len(directions)))
    for rows, parts in batches:
        cosines = ablated_cosines(parts, means, directions, sets, weight)
        kept[rows] = cosines[:, :n_kept]
        margins += np.einsum("ia,isa->sa", weights[rows], cosines)
    return kept, margins


def _by_document(
    cosines: Float[np.ndarray, "input set attribute"],
    holds: Float[np.ndarray, "input attribute"],
    document: Int[np.ndarray, " input"],
) -> Float[np.ndarray, "document set attribute"]:
    """How far each document moves each margin: its influence, which sums to 0 over documents."""
    influence = np.zeros_like(cosines)
    for side in (1, 0):
        share = _shares(holds == side)[:, None]
        centred = cosines - (share * cosines).sum(axis=0)
        influence += (1 if side else -1) * share * centred
    place = np.unique(document, return_inverse=True)[1]
    summed = np.zeros((place.max(initial=-1) + 1, *cosines.shape[1:]))
    np.add.at(summed, place, influence)
    return summed


def _standard_error(influence: Float[np.ndarray, "document *some"]) -> Float[np.ndarray, "*some"]:
    n = len(influence)
    error: Float[np.ndarray, "*some"] = np.sqrt((influence**2).sum(axis=0) * n / max(n - 1, 1))
    return error


def _contrast(attribute: int, usable: Bool[np.ndarray, " attribute"]) -> Float[np.ndarray, " attribute"]:
    """Weights that make of losses the named one less the mean of the others; NaN where there is no other."""
    others = usable.copy()
    others[attribute] = False
    if not usable[attribute] or not others.any():
        return np.full(usable.shape, np.nan)
    contrast: Float[np.ndarray, " attribute"] = others / -others.sum()
    contrast[attribute] = 1.0
    return contrast


def _weighed(
    losses: Float[np.ndarray, "set attribute"], contrast: Float[np.ndarray, "set attribute"]
) -> Float[np.ndarray, " set"]:
    """What cannot be lost has weight 0 and no loss."""
    weighed: Float[np.ndarray, " set"] = (np.nan_to_num(losses) * contrast).sum(axis=1)
    return weighed


def _half_width(
    of_documents: Float[np.ndarray, "document set attribute"],
    margins: Float[np.ndarray, "set attribute"],
    contrast: Float[np.ndarray, "named attribute"],
    level: float,
) -> Float[np.ndarray, " named"]:
    """Of the interval of each specificity, by the delta method over documents."""
    before, after = margins[0], margins[1 : 1 + len(contrast)]
    with np.errstate(invalid="ignore", divide="ignore"):
        of_loss = (after * of_documents[:, :1] / before - of_documents[:, 1:]) / before
    used = contrast != 0  # NaN is used, and gives NaN
    influence = np.where(used, of_loss * contrast, 0.0).sum(axis=2)
    n = len(of_documents)
    if n < 2:
        return np.full(len(contrast), np.nan)
    return np.asarray(stats.t.ppf((1 + level) / 2, n - 1) * _standard_error(influence))


def _p(specificity: float, chance: Float[np.ndarray, " set"]) -> float:
    if np.isnan(specificity) or not chance.size:
        return float("nan")
    return float((1 + (chance >= specificity).sum()) / (1 + chance.size))


def _adjusted(p: Float[np.ndarray, " named"]) -> Float[np.ndarray, " named"]:
    told, q = ~np.isnan(p), np.full(p.shape, np.nan)
    q[told] = pvalues_adjusted_bh(p[told])
    return q


def _p_of_all(
    specificity: Float[np.ndarray, " named"],
    chance: Sequence[Float[np.ndarray, " set"]],
    n: int,
    rng: np.random.Generator,
) -> float:
    """Every named set is exchanged for a random one, n times."""
    told = np.array([one.size > 0 for one in chance]) & ~np.isnan(specificity)
    if not told.any():
        return float("nan")
    drawn = [rng.choice(one, n) for one, is_told in zip(chance, told, strict=True) if is_told]
    return _p(float(specificity[told].mean()), np.mean(drawn, axis=0))
