"""What a design effect leaves out: documents that hold the rarer verdict and were not drawn."""

import numpy as np
from jaxtyping import Float

_LEAST_CLUSTERING = 1e-9


def share_design_effect_unseen(
    deff: Float[np.ndarray, " predicate"],
    deff_apart: Float[np.ndarray, " predicate"],
    deff_alike: Float[np.ndarray, " predicate"],
    rarer_texts: Float[np.ndarray, " predicate"],
    rarer_documents: Float[np.ndarray, " predicate"],
    documents: Float[np.ndarray, " predicate"],
) -> Float[np.ndarray, " predicate"]:
    """Gives a group's design effect, raised where few documents hold the rarer of the two verdicts.

    One positive text in six documents of fifty says nothing about how alike a document's texts are: the
    variance over documents is then that of independent rows, although the texts may be copies. So the
    correlation of two rows of a document, which the design effect stands for, is raised twice, by what the
    documents without the rarer verdict (a share u of all) may hide.

    With d documents that hold it and k texts in them, first one more text with the rarer verdict is taken to
    be out there, all of whose document agrees. It counts u / 2^(d-1) beside the k: at a correlation of one
    half, as many as d documents show no agreement about so rarely. Then the odds of agreement are raised by
    u / d, as by one more document of those seen: a ratio of sums over few documents is mostly too small.

    Nothing changes with one row per document, nor where every document holds both verdicts; with many
    documents that hold the rarer one nearly nothing. Without any such text it is Kish's design effect.

    Args:
        deff: at least 1; as estimated from the verdicts.
        deff_apart: with rows of a document independent; 1 without weights.
        deff_alike: with rows of a document that are one, at least `deff_apart`; Kish's without weights.
        rarer_texts: k, texts with the rarer of the two verdicts.
        rarer_documents: d, documents with such a text, at most `documents`.
        documents: of the group.

    Returns:
        At least `deff`.

    Assumes:
        Correlations of up to about one half; documents of similar size.

    Source:
        Own, shaped by Laplace's rule of succession: one unseen case beside those seen. Picked from a dozen
        such rules by coverage on the designs of docs/statistics.md. Checked by hand.
    """
    holding = np.maximum(rarer_documents, 1)
    unseen = 1 - holding / np.maximum(documents, holding)
    text = unseen * 0.5 ** (holding - 1)
    weight = np.where(rarer_texts > 0, text / np.maximum(rarer_texts + text, 1), 1.0)
    clustered = deff_alike > deff_apart * (1 + _LEAST_CLUSTERING)
    span = np.where(clustered, deff_alike - deff_apart, 1.0)
    correlation = np.clip((deff - deff_apart) / span, 0, 1)
    correlation = correlation + weight * (1 - correlation)
    raised = unseen / holding
    correlation = correlation * (1 + raised) / (1 + correlation * raised)
    return np.asarray(np.where(clustered, np.maximum(deff, deff_apart + span * correlation), deff))
