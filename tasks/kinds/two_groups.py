"""The estimand of kinds that compare what is judged in A with what is judged in B."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from tasks.engines.roles import REFUSAL, UNPARSABLE, VALUE
from tasks.kinds import Estimate
from tasks.records import Predicate
from tasks.stats.differences import difference
from tasks.stats.missing import share_difference_bounds_missing
from tasks.verdicts.matrices import groups_and_documents, thresholded


def estimand(
    texts: pl.DataFrame,
    score: Float[np.ndarray, "text predicate"],
    status: UInt8[np.ndarray, "text predicate"],
    predicates: Sequence[Predicate],
    level: float,
) -> list[Estimate]:
    """Share in A minus share in B with interval and two-sided p, for each predicate."""
    threshold = predicates[0].threshold
    verdict = thresholded(score, threshold)
    in_a, document = groups_and_documents(texts)
    found = difference(verdict, in_a, document, level, binary=threshold is not None)
    asked_in_vain = (status == REFUSAL) | (status == UNPARSABLE)
    judged = np.where(status == VALUE, verdict, np.nan)
    # What a gap counts as (`filled`) is in the estimate, and no verdict.
    n_judged = [(~np.isnan(judged[side])).sum(axis=0) for side in (in_a, ~in_a)]
    lowest, highest = share_difference_bounds_missing(judged, asked_in_vain, in_a)
    return [
        Estimate(
            n_a=int(n_judged[0][i]),
            n_b=int(n_judged[1][i]),
            n_documents=int(found.n_documents[i]),
            mean_a=float(found.mean_a[i]),
            mean_b=float(found.mean_b[i]),
            validity=float(found.validity[i]),
            lo=float(found.lo[i]),
            hi=float(found.hi[i]),
            p=float(found.p[i]),
            missing_lo=float(lowest[i]),
            missing_hi=float(highest[i]),
            method=found.method[i],
        )
        for i in range(len(predicates))
    ]
