"""What a predicate adds to a model, in bits a text: by documents, with p, interval and e-value."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse, stats

from tasks.stats.rectifier import members

_LEAST_DOCUMENTS = 3
_LEAST_SPREAD = 1e-12


@dataclass(frozen=True)
class Gains:
    """One entry per predicate."""

    mean: Float[np.ndarray, " predicate"]
    """Over documents, in bits a text; NaN without any."""
    lo: Float[np.ndarray, " predicate"]
    hi: Float[np.ndarray, " predicate"]
    p: Float[np.ndarray, " predicate"]
    """One-sided, of no gain or a loss."""
    n_documents: Int[np.ndarray, " predicate"]


def gains(
    full: Float[np.ndarray, " text"] | Float[np.ndarray, "text predicate"],
    without: Float[np.ndarray, "text predicate"],
    document: Int[np.ndarray, " text"],
    level: float,
    variance: Float[np.ndarray, "text predicate"] | None = None,
) -> Gains:
    """Gives how many bits likelier a text is to the full model than to that without a predicate.

    Where losses are large but rare, none may be among the texts: then all gains are small, alike, and over 0,
    and Student's test of them finds what is not there (a class of 2 % and a predicate of 2 %, labels by
    chance: 48 of 100 times at p <= 0.05, and corrections for skewness make it worse, since the texts do not
    show it). The models know better: the variance of a document is therefore taken to be no less than what
    the model without the predicate expects, times the design effect of the observed gains.

    Args:
        full: log2-likelihood of each text, of one model or of one for every predicate.
        without: the same of the model without that predicate. NaN in either leaves the text out for it.
        document: any integer per text; equal ones are one document.
        level: coverage of the interval, in (0, 1).
        variance: of each text's gain, in bits squared: `gain_variance` of the module of the model. Without
            it the test is Student's, and good for gains of many sizes alone.

    Returns:
        The mean over documents of the mean of a document's texts. With fewer than three documents p is 1 and
        the interval is infinite.

    Raises:
        ValueError: shapes disagree or the level is outside (0, 1).

    Assumes:
        Both models were fitted on other documents; documents are independent.

    Source:
        Difference of the mean scores of two forecasts, Diebold & Mariano (1995), J. Business & Economic
        Statistics 13:253-263; the least variance is own, and its size measured in
        tests/simulation/test_planted_weights.py. Without one checked against SciPy's test of one sample.
    """
    if not 0 < level < 1:
        raise ValueError(f"wanted a level in (0, 1), got {level}")
    difference, member = _differences(full, without, document)
    observed = ~np.isnan(difference)
    size = member @ observed.astype(float)
    n = (size > 0).sum(axis=0)
    mean = member @ np.where(observed, difference, 0.0) / np.maximum(size, 1)
    with np.errstate(invalid="ignore"):
        average = np.where(n > 0, mean.sum(axis=0) / np.maximum(n, 1), np.nan)
    left = np.where(observed, difference - np.nan_to_num(average), 0.0)
    count = np.maximum(n, 2)
    spread = ((member @ left / np.maximum(size, 1)) ** 2).sum(axis=0) / (count - 1)
    if variance is not None:
        least, apart = (
            ((member @ one) / np.maximum(size, 1) ** 2).sum(axis=0) / count
            for one in (np.where(observed, variance, 0.0), left**2)
        )
        deff = np.divide(spread, apart, out=np.ones_like(spread), where=apart > 0)
        spread = np.maximum(spread, least * np.maximum(deff, 1))
    error = np.sqrt(spread / count)
    known = (n >= _LEAST_DOCUMENTS) & (error > 0)
    half = stats.t.ppf((1 + level) / 2, count - 1) * error
    p = stats.t.sf(np.nan_to_num(average) / np.where(known, error, 1.0), count - 1)
    return Gains(
        mean=average,
        lo=np.where(known, average - half, -np.inf),
        hi=np.where(known, average + half, np.inf),
        p=np.where(known, p, 1.0),
        n_documents=n,
    )


def log_evalue(
    full: Float[np.ndarray, " text"] | Float[np.ndarray, "text predicate"],
    without: Float[np.ndarray, "text predicate"],
    document: Int[np.ndarray, " text"],
) -> Float[np.ndarray, " predicate"]:
    """Gives the natural logarithm of the split-likelihood e-value of each predicate.

    Args:
        full: log2-likelihood of each text by the full model, fitted on other documents.
        without: that of the model without the predicate, of maximum likelihood on these documents, each
            document with the same mass (`document_mass`). NaN in either leaves the text out.
        document: any integer per text; equal ones are one document.

    Returns:
        The sum over documents of the mean of the logarithms of a document's ratios.

    Assumes:
        Documents are independent, and under the hypothesis the likelihood of each text is one of the model
        without the predicate. Within a document any dependence: the expectation of a geometric mean of ratios
        is at most the geometric mean of their expectations (Hoelder).

    Source:
        Wasserman, Ramdas & Balakrishnan (2020), Universal inference, PNAS 117:16880-16890, theorem 1. Checked
        by hand.
    """
    difference, member = _differences(full, without, document)
    observed = ~np.isnan(difference)
    size = np.maximum(member @ observed.astype(float), 1)
    return np.asarray((member @ np.where(observed, difference, 0.0) / size).sum(axis=0) * np.log(2))


def document_mass(document: Int[np.ndarray, " text"]) -> Float[np.ndarray, " text"]:
    """Gives each text one over the number of texts of its document, so that documents weigh the same.

    Args:
        document: any integer per text; equal ones are one document.

    Assumes:
        Nothing.

    Source:
        The definition; checked by hand.
    """
    _, position, size = np.unique(document, return_inverse=True, return_counts=True)
    return np.asarray(1 / size[position])


def _differences(
    full: NDArray[np.float64], without: NDArray[np.float64], document: NDArray[np.int64]
) -> tuple[NDArray[np.float64], sparse.csr_array]:
    """The gain of each text by each predicate, and document x text."""
    left = full[:, None] if full.ndim == 1 else full
    if without.ndim != 2 or left.shape[:1] != without.shape[:1] or document.shape != without.shape[:1]:
        raise ValueError(
            f"wanted full (text) or (text, predicate), without (text, predicate) and a document of each "
            f"text, got {full.shape}, {without.shape} and {document.shape}"
        )
    return left - without, members(document)


def association(
    verdict: Float[np.ndarray, "text predicate"],
    told: Float[np.ndarray, "text predicate"],
    document: Int[np.ndarray, " text"],
) -> Float[np.ndarray, " predicate"]:
    """Gives the one-sided p that texts for which a predicate holds are those of which its model says so.

    A gain compares two fitted models, and one may happen to lie nearer to new texts than the other though the
    verdicts say nothing of them: few documents, unlike each other, are enough. This does not.

    Args:
        verdict: in [0, 1]; NaN where there is none.
        told: in bits, how much likelier the model makes what is observed of the text where the predicate
            holds than where it does not.
        document: of each text, as numbers.

    Returns:
        p of a covariance over 0, documents weighing alike; 1 where either does not vary.

    Assumes:
        Documents are independent. Under the null hypothesis verdicts are independent of what is observed.

    Source:
        The score test of a slope with variances clustered by document (Liang & Zeger 1986, Biometrika
        73:13-22). Checked by permutation.
    """
    p = np.ones(verdict.shape[1])
    for k, (z, said) in enumerate(zip(verdict.T, told.T, strict=True)):
        known = np.flatnonzero(~np.isnan(z))
        if not known.size:
            continue
        _, of = np.unique(document[known], return_inverse=True)
        weight = 1 / np.bincount(of)[of]
        apart = [one[known] - np.average(one[known], weights=weight) for one in (z, said)]
        part = np.bincount(of, weights=weight * apart[0] * apart[1])
        spread = float(np.sqrt((part**2).sum()))
        if part.size > 1 and spread > _LEAST_SPREAD:
            p[k] = float(stats.t.sf(part.sum() / spread, part.size - 1))
    return p
