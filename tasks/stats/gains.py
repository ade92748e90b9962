"""What a predicate adds to a model, in bits a text: by documents, with p, interval and e-value."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import stats

from tasks.stats.rectifier import members

_LEAST_DOCUMENTS = 3


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
) -> Gains:
    """Gives how many bits likelier a text is to the full model than to that without a predicate.

    Args:
        full: log2-likelihood of each text, of one model or of one for every predicate.
        without: the same of the model without that predicate. NaN in either leaves the text out for it.
        document: any integer per text; equal ones are one document.
        level: coverage of the interval, in (0, 1).

    Returns:
        The mean over documents of the mean of a document's texts. With fewer than three documents p is 1 and
        the interval is infinite.

    Raises:
        ValueError: shapes disagree or the level is outside (0, 1).

    Assumes:
        Both models were fitted on other documents; documents are independent.

    Source:
        To be said.
    """
    mean, seen = _by_document(full, without, document)
    n = seen.sum(axis=0)
    known = n >= _LEAST_DOCUMENTS
    count = np.maximum(n, 2)
    with np.errstate(invalid="ignore"):
        average = np.where(n > 0, mean.sum(axis=0) / np.maximum(n, 1), np.nan)
    deviation = np.where(seen, mean - np.nan_to_num(average), 0.0)
    error = np.sqrt((deviation**2).sum(axis=0) / (count - 1) / count)
    half = stats.t.ppf((1 + level) / 2, count - 1) * error
    safe = np.maximum(error, 1e-300)
    p = np.where(error > 0, stats.t.sf(np.nan_to_num(average) / safe, count - 1), 1.0)
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
    mean, _ = _by_document(full, without, document)
    return np.asarray(mean.sum(axis=0) * np.log(2))


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


def _by_document(
    full: NDArray[np.float64], without: NDArray[np.float64], document: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean difference of each document and predicate, 0 where it has no text, and whether it has one."""
    left = full[:, None] if full.ndim == 1 else full
    difference = left - without
    if without.ndim != 2 or difference.shape != without.shape or document.shape != without.shape[:1]:
        raise ValueError(
            f"wanted full (text) or (text, predicate), without (text, predicate) and a document of each "
            f"text, got {full.shape}, {without.shape} and {document.shape}"
        )
    observed = ~np.isnan(difference)
    member = members(document)
    size = member @ observed.astype(float)
    total = member @ np.where(observed, difference, 0.0)
    return total / np.maximum(size, 1), size > 0
