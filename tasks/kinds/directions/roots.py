"""How surely candidates hold more often, or less, at an end than elsewhere."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import xlogy


def roots(held: Any, member: Bool[np.ndarray, "text end"]) -> Float[np.ndarray, "candidate end"]:
    """Signed root of the likelihood ratio of every candidate at every end: standard normal under the null.

    Args:
        held: text x candidate, 0/1, a NumPy array or a SciPy sparse matrix.
        member: who belongs to each end; all others are compared with them.
    """
    n = member.shape[0]
    inside, size = held.T @ member.astype(np.float64), member.sum(axis=0).astype(np.float64)
    total = np.asarray(held.sum(axis=0), dtype=np.float64).ravel()[:, None]
    outside, rest = total - inside, n - size

    def log_likelihood(k: Any, m: Any) -> Any:
        share = np.divide(k, m, out=np.zeros_like(k + m), where=m > 0)
        return xlogy(k, share) + xlogy(m - k, 1 - share)

    ratio = log_likelihood(inside, size) + log_likelihood(outside, rest) - log_likelihood(total, float(n))
    sign = np.sign(inside * rest - outside * size)
    return np.asarray(sign * np.sqrt(np.maximum(2 * ratio, 0)))
