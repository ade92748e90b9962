"""From which cosine two texts count as one, on the encoder's own scale.

Encoders spread their cosines differently: 0.8 is next to nothing with one and a paraphrase with another. So
the threshold is, unless params name one, the cosine that 1 in 1,000 pairs of texts of two documents reach:
as near as the first of a thousand other texts, which is what a search would bring. It follows from the
exploration half alone and is fixed before any new pair is written.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tasks import paths
from tasks.kinds.encoder_failures.params import AUTO, own
from tasks.store import frames
from tasks.study import Study

SHARE = 1e-3
"""Share of the pairs of two documents that reach the threshold."""
N_PAIRS = 1_000_000
"""Random pairs that are looked at; all pairs where there are fewer."""
LEAST = 0.05
"""No lower threshold is taken: texts at right angles are no twins."""
_AT_ONCE = 8192


def chosen_threshold(vectors: Float[np.ndarray, "text dim"], documents: Sequence[str]) -> float:
    """The cosine that SHARE of the pairs of two documents reach, rounded down to 3 decimals.

    The same whatever the machine, for the same rows in the same order.

    Args:
        vectors: of the explored texts, any length; zeros are near to nothing.
        documents: what each text is of.
    """
    n = len(documents)
    of = np.unique(documents, return_inverse=True)[1]
    if n * (n - 1) // 2 <= N_PAIRS:
        left, right = np.triu_indices(n, 1)
    else:
        left, right = np.random.default_rng(0).integers(n, size=(2, N_PAIRS))
    apart = of[left] != of[right]
    left, right = left[apart], right[apart]
    if not left.size:
        return 1.0
    cosine = np.empty(left.size)
    for start in range(0, left.size, _AT_ONCE):
        a, b = (np.asarray(vectors[at[start : start + _AT_ONCE]], dtype=np.float64) for at in (left, right))
        norms = np.sqrt(np.einsum("pd,pd->p", a, a) * np.einsum("pd,pd->p", b, b))
        dots = np.einsum("pd,pd->p", a, b)
        cosine[start : start + _AT_ONCE] = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
    # Rounded first, so that the last bits of a sum decide nothing.
    reached = np.sort(cosine.round(9))[::-1][max(0, round(SHARE * cosine.size) - 1)]
    return float(np.clip(np.floor(reached * 1000 + 1e-6) / 1000, LEAST, 1.0))


def threshold_of(study: Study) -> float:
    """The threshold of a study: that of its params, or else what propose chose.

    Raises:
        MissingStageError: params name none, and propose has not run.
    """
    named = own(study).threshold
    if named != AUTO:
        return float(named)
    return float(frames.read_manifest(paths.output(study.name, "propose"))["threshold"])
