"""How surely comparisons lean to one model, if each document's sign were a coin: to rank, never to test."""

import numpy as np
from jaxtyping import Float, Int

_DIGITS = 4
"""The last bits of a sum do not rank."""


def clustered_z(
    signs: Float[np.ndarray, "pair trait"], document: Int[np.ndarray, " pair"]
) -> Float[np.ndarray, " trait"]:
    """Sum over its standard error where each document's sign is a coin: the null of the sign flip.

    Source:
        Second moment of a randomisation by sign flips (Fisher 1935, The Design of Experiments, 21).
    """
    from scipy import sparse

    n = int(document.max(initial=-1)) + 1
    by_document = sparse.csr_array(
        (np.ones(len(document)), (document, np.arange(len(document)))), shape=(n, len(document))
    )
    total = by_document @ signs
    spread = np.sqrt((total**2).sum(axis=0))
    z: Float[np.ndarray, " trait"] = np.divide(
        total.sum(axis=0), spread, where=spread > 0, out=np.zeros(signs.shape[1])
    )
    return np.round(z, _DIGITS)
