"""One judge asked about two answers in both orders: does it say the same, and does it favour a place?"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.stats.paired import paired_mean_ci
from tasks.stats.reliability import Agreement, judges_kappa_cohen


@dataclass(frozen=True)
class PositionBias:
    """How much more often the answer that stands first is said to show a trait, over all predicates."""

    n: int
    """Pairs and predicates with a verdict in both orders."""
    estimate: float
    """Share said of the first less share said of the second; NaN without a verdict."""
    lo: float
    hi: float


def orders_kappa_cohen(
    first: Float[np.ndarray, "pair predicate"],
    second: Float[np.ndarray, "pair predicate"],
    document: Int[np.ndarray, " pair"],
    level: float,
) -> Agreement:
    """Gives a judge's agreement with itself in the other order, beyond chance, with an interval.

    Cohen's kappa of three classes (A, B, neither), each pair counted as it is and with A and B exchanged:
    which one is called A is no part of what a judge says. By Cohen's own margins a trait that A shows in nine
    pairs of ten would be called vague for that alone. A judge's leaning to a place stays in the margins.
    Classes are not weighted: a judge that says A in one order and neither in the other says two things, and
    weights would hold a leaning, which the mean of both orders takes away, against the trait.

    Args:
        first: score of A's answer where it is shown first: 1 (A), 0.5 (neither), 0 (B), NaN.
        second: score of A's answer where it is shown second.
        document: any integer per pair; equal ones are one document.
        level: coverage of the interval, in (0, 1).

    Returns:
        As `judges_kappa_cohen`; [-1, 1] where fewer than five documents show the rarer classes. A judge that
        answers at random has kappa 0, whatever place it leans to.

    Raises:
        ValueError: shapes disagree.

    Assumes:
        Documents are independent.

    Source:
        Cohen (1960), Educational and Psychological Measurement 20:37-46; interval of `judges_kappa_cohen`,
        its jackknife over documents. Exchanging A and B exchanges the orders, too: the first order of the one
        is the second of the other. Checked against scikit-learn's `cohen_kappa_score` on pairs and their
        exchanged copies; judges that lean or guess in docs/statistics.md.
    """
    if first.shape != second.shape or first.ndim != 2 or document.shape != first.shape[:1]:
        raise ValueError(
            f"wanted first and second (pair, predicate) and document (pair,), got {first.shape}, "
            f"{second.shape} and {document.shape}"
        )
    one, other = np.concatenate([first, 1 - second]), np.concatenate([second, 1 - first])
    found = judges_kappa_cohen(one, other, np.concatenate([document, document]), level)
    return replace(found, n=found.n // 2)


def agreement_sufficient(agreement: Agreement, least: float = 0.2) -> Bool[np.ndarray, " predicate"]:
    """Gives whether judges, or two orders of one, agree well enough for a predicate to be well-defined.

    Args:
        agreement: with its interval.
        least: what the lower end must reach; 0.2 is where Landis and Koch's "slight" agreement ends.

    Assumes:
        As the agreement.

    Source:
        Landis & Koch (1977), Biometrics 33:159-174, for the bar. Checked by hand.
    """
    return np.asarray(agreement.lo >= least)


def position_bias(
    first: Float[np.ndarray, "pair predicate"],
    second: Float[np.ndarray, "pair predicate"],
    document: Int[np.ndarray, " pair"],
    level: float,
) -> PositionBias:
    """Gives the share of verdicts for the answer shown first less the share for the one shown second.

    Args:
        first: as of `orders_kappa_cohen`.
        second: as of `orders_kappa_cohen`. A pair with a verdict in one order only is left out: what is said
            of the first may then be the truth.
        document: any integer per pair; equal ones are one document, over all predicates.
        level: coverage of the interval, in (0, 1).

    Returns:
        1 where the first is always named, whatever it is; -1 where the second is.

    Raises:
        ValueError: shapes disagree, or the level is outside (0, 1).

    Assumes:
        Documents are independent.

    Source:
        Wang et al. (2024), Large language models are not fair evaluators, ACL 2024, who ask in both orders;
        the mean of first less second is what the place decides. Interval: `paired_mean_ci`. Checked by hand.
    """
    d = (first - second).reshape(-1, 1)
    estimate, lo, hi = paired_mean_ci(d, np.repeat(document, first.shape[1]), level)
    return PositionBias(int((~np.isnan(d)).sum()), float(estimate[0]), float(lo[0]), float(hi[0]))
