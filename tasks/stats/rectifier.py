"""The mean of one group when a cheap judge read all of it and a gold judge a part, summed by document."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import sparse

from tasks.stats.design_effect import difference_variance_kept, share_design_effect_unseen

_ROUNDING = 1e-12


@dataclass(frozen=True)
class RectifiedGroup:
    """What one group gives: means, and how far each document pulls them; one entry per predicate.

    The corrected mean is gold - w (cheap_on_gold - cheap), and its pulls are gold_pull - w cheap_pull: linear
    in the weight w, so that one pass over the texts serves every w.

    Source:
        As `group_rectified`; gold mean and variance checked against statsmodels' weighted least squares with
        a sandwich over documents.
    """

    n: Float[np.ndarray, " predicate"]
    """Texts with a cheap verdict."""
    n_gold: Float[np.ndarray, " predicate"]
    documents_gold: Float[np.ndarray, " predicate"]
    """Documents with a gold verdict."""
    gold: Float[np.ndarray, " predicate"]
    """Weighted mean of the gold verdicts; NaN without one."""
    cheap: Float[np.ndarray, " predicate"]
    """Mean of the cheap verdicts of all texts; NaN without one."""
    cheap_on_gold: Float[np.ndarray, " predicate"]
    gold_pull: Float[np.ndarray, "document predicate"]
    cheap_pull: Float[np.ndarray, "document predicate"]
    product: Float[np.ndarray, " predicate"]
    """Squared-weight covariance of both judges over the gold texts, over the squared sum of weights."""
    square: Float[np.ndarray, " predicate"]
    """The same of the cheap judge with itself."""
    concentration: Float[np.ndarray, " predicate"]
    """Sum of squared shares of the documents in the gold sample: 1 over their effective number."""
    concentration_rows: Float[np.ndarray, " predicate"]
    """The same over texts: 1 over the effective number of gold texts."""
    rarer_texts: Float[np.ndarray, " predicate"]
    """Gold texts with the rarer of two verdicts, 1 or another."""
    rarer_documents: Float[np.ndarray, " predicate"]
    """Documents with such a text."""

    @cached_property
    def gold_variance(self) -> NDArray[np.float64]:
        """Of the gold mean alone."""
        return np.asarray((self.gold_pull**2).sum(axis=0))

    def mean(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        """The corrected mean at weight w."""
        return np.asarray(self.gold - w * (self.cheap_on_gold - np.nan_to_num(self.cheap)))

    def pull(self, w: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far each document pulls the corrected mean at weight w."""
        return np.asarray(self.gold_pull - w * self.cheap_pull)


def group_rectified(
    cheap: Float[np.ndarray, "text predicate"],
    gold: Float[np.ndarray, "text predicate"],
    weight: Float[np.ndarray, "text *predicate"],
    inside: Bool[np.ndarray, " text"],
    member: sparse.csr_array,
) -> RectifiedGroup:
    """Gives one group's means and pulls.

    Prefer `difference_ppi`, which is made of two of these.

    Args:
        cheap: verdicts in [0, 1], NaN where there is none.
        gold: verdicts in [0, 1], NaN where not asked; a text without a cheap verdict must have none.
        weight: over 0; of each gold text.
        inside: True for the texts of this group.
        member: document x text, 1 where the text is of the document.

    Assumes:
        Nothing; what the pulls are worth is up to the caller.

    Source:
        Linearisation of a difference estimator, Sarndal, Swensson & Wretman (1992), Model Assisted Survey
        Sampling, chapter 6; each document's pull is raised by (1 - share)^(-1/2) as in CR2 (Bell &
        McCaffrey 2002), so that without a cheap judge the sum of squares is `mean_difference_variance_cr2`,
        checked.
    """
    member = member @ sparse.diags_array(inside * 1.0)
    observed, asked = ~np.isnan(cheap) & inside[:, None], ~np.isnan(gold) & inside[:, None]
    w = np.where(asked, weight, 0.0)
    y, f = np.where(asked, gold, 0.0), np.where(observed, cheap, 0.0)
    total, n = w.sum(axis=0), observed.sum(axis=0).astype(float)
    gold_mean, on_gold = _ratio((w * y).sum(axis=0), total), _ratio((w * f).sum(axis=0), total)
    cheap_mean = _ratio(f.sum(axis=0), n)
    y, f_gold = _deviation(y, gold_mean), _deviation(f, on_gold)
    scale = np.where(total > 0, total, 1.0)
    share, share_all = member @ (w / scale), member @ (observed / np.maximum(n, 1))
    squared = (w / scale) ** 2
    verdicts = (asked & (gold == 1), asked & (gold != 1))
    everywhere = _pull(
        member @ np.where(observed, f - np.nan_to_num(cheap_mean), 0.0) / np.maximum(n, 1), share_all
    )
    return RectifiedGroup(
        n=n,
        n_gold=asked.sum(axis=0).astype(float),
        documents_gold=(share > 0).sum(axis=0).astype(float),
        gold=gold_mean,
        cheap=cheap_mean,
        cheap_on_gold=on_gold,
        gold_pull=_pull(member @ (w * y) / scale, share),
        cheap_pull=_pull(member @ (w * f_gold) / scale, share) - everywhere,
        product=(squared * y * f_gold).sum(axis=0),
        square=(squared * f_gold**2).sum(axis=0),
        concentration=(share**2).sum(axis=0),
        concentration_rows=squared.sum(axis=0),
        rarer_texts=np.minimum(*(one.sum(axis=0) for one in verdicts)).astype(float),
        rarer_documents=np.minimum(*((member @ (one * 1.0) > 0).sum(axis=0) * 1.0 for one in verdicts)),
    )


def shares_effective_sizes(
    a: RectifiedGroup, b: RectifiedGroup
) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Gives how many independent gold texts each group is worth: texts over design effect.

    `share_effective_sizes_rao_scott` for weighted gold verdicts; the same without weights.

    Args:
        a: group A, gold verdicts 0/1.
        b: group B.

    Assumes:
        As `share_effective_sizes_rao_scott`.

    Source:
        As there; with equal weights the same figures, checked.
    """
    independent = [share_independent_variance(side) for side in (a, b)]
    apart = a.gold_variance + b.gold_variance
    total = ((a.gold_pull - b.gold_pull) ** 2).sum(axis=0)
    shared, whole = ratio_or_one(total, apart), ratio_or_one(apart, independent[0] + independent[1])
    kept, ones = difference_variance_kept(a.gold_pull, b.gold_pull), np.ones_like(shared)
    size_a, size_b = (
        np.maximum(
            share_effective_size(side, shared, whole * shared, other.rarer_documents),
            share_effective_size(side, ones, whole, other.rarer_documents) / kept,
        )
        for side, other in ((a, b), (b, a))
    )
    return size_a, size_b


def share_effective_size(
    side: RectifiedGroup,
    shared: Float[np.ndarray, "..."],
    least: Float[np.ndarray, "..."],
    elsewhere: Float[np.ndarray, "..."],
) -> Float[np.ndarray, " predicate"]:
    """Gives the effective size of one group's gold texts.

    Args:
        side: gold verdicts 0/1.
        shared: what documents of both groups make of the variance of a difference; 1 for a group by itself.
        least: least design effect; 1 for a group by itself.
        elsewhere: documents of the other group with its rarer verdict; 0 for a group by itself.

    Assumes:
        As `share_effective_sizes_rao_scott`.

    Source:
        Rao & Scott (1992), as there. 25 documents of four texts that are one count as 24, checked.
    """
    own, n = share_independent_variance(side), np.maximum(side.n_gold, 1)
    deff = np.where(own > 0, ratio_or_one(side.gold_variance * shared, own), side.concentration * n)
    deff = np.maximum(np.maximum(deff, least), 1)
    # n / (n - 1) is the design effect of one text a document and equal weights: each then counts in full.
    deff = np.where(deff <= n / np.maximum(n - 1, 1) + 1e-9, 1, deff)
    apart, alike = side.concentration_rows * n, side.concentration * n
    rarer = (side.rarer_texts, side.rarer_documents, elsewhere)
    return np.asarray(n / share_design_effect_unseen(deff, apart, alike, *rarer, side.documents_gold))


def share_independent_variance(side: RectifiedGroup) -> Float[np.ndarray, " predicate"]:
    """Gives the variance of the gold share, were its texts independent and weighed alike.

    Args:
        side: gold verdicts 0/1.

    Assumes:
        Nothing: what is divided by it is a design effect.

    Source:
        Binomial: share (1 - share) / n; checked by hand.
    """
    return np.asarray(np.nan_to_num(side.gold * (1 - side.gold)) / np.maximum(side.n_gold, 1))


def ratio_or_one(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gives top / bottom, and 1 where the bottom is 0.

    Assumes:
        Nothing.

    Source:
        Own: where there is no variance to compare with, a design effect is taken for 1.
    """
    return np.asarray(np.divide(top, bottom, out=np.ones_like(top), where=bottom > 0))


def members(document: Int[np.ndarray, " text"]) -> sparse.csr_array:
    """Gives document x text, 1 where the text is of the document.

    Args:
        document: any integer per text; equal ones are one document.

    Assumes:
        Nothing.

    Source:
        Own; checked against scikit-learn's `LabelBinarizer`.
    """
    names, position = np.unique(document, return_inverse=True)
    n = document.shape[0]
    return sparse.csr_array((np.ones(n), (position, np.arange(n))), shape=(names.size, n))


def _deviation(score: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score less mean; exactly 0 where rounding alone is left, so that a constant has no variance."""
    left = score - np.nan_to_num(mean)
    return np.where(np.abs(left) > _ROUNDING, left, 0.0)


def _pull(mean: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.sqrt(np.maximum(1 - share, 0))
    raised = np.divide(mean, root, out=np.zeros_like(mean), where=root > _ROUNDING)
    return np.where(np.abs(mean) > _ROUNDING * share, raised, 0.0)


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return ratio
