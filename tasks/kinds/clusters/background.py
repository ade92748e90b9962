"""Weights of words over a background, the words of the whole corpus."""

from typing import Any

import numpy as np

from tasks.kinds.fitted.model import Mass, Verdicts
from tasks.stats import wording
from tasks.stats.wording import Wording

RIDGE = 3.0
"""Worth three texts with a word: on news of four topics 1 and 3 foretell new texts best (5.2 and 4.5 bits per
text of 25 words, 10: 3.0)."""
BACKGROUND = 10.0
"""How often all texts together count once more as a text for which nothing holds: the words of texts that no
predicate is about are then those of the whole corpus. Were they those of the texts that are left, one of K
themes that part the texts would be told by the others, and add nothing."""


def fit(z: Verdicts, held: Any, mass: Mass | None = None, start: Wording | None = None) -> Wording:
    """log p(word | z) = background + w . z, up to a constant, by penalised maximum likelihood.

    Args:
        z: verdicts.
        held: text x word, of 0 and 1.
        mass: counts each text so often.
        start: a fit of as many predicates, to begin from.
    """
    from scipy import sparse

    weight = np.ones(len(z)) if mass is None else np.asarray(mass, dtype=float)
    everyone = sparse.csr_array((weight @ held)[None])
    rows = sparse.csr_array(sparse.vstack([held, everyone]))
    nothing, begin = np.zeros((1, z.shape[1])), None if start is None else start.weight
    return wording.fit(np.vstack([z, nothing]), rows, RIDGE, np.append(weight, BACKGROUND), begin)
