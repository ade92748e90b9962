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
    rarer_elsewhere: Float[np.ndarray, "..."],
    documents: Float[np.ndarray, " predicate"],
) -> Float[np.ndarray, " predicate"]:
    """Gives a group's design effect, raised where few documents hold the rarer of the two verdicts.

    One positive text in six documents of fifty says nothing about how alike a document's texts are: the
    variance over documents is then that of independent rows, although the texts may be copies. So the
    correlation of two rows of a document, which the design effect stands for, is raised twice, for what the
    documents without the rarer verdict (a share u of all) may hide.

    Let d documents of the group hold it, e of the other group, and k texts of the group. First one more text
    with the rarer verdict is taken to be out there, all of whose document agrees. It counts u / 2^(d+e-1)
    beside the k: at a correlation of one half, d + e documents show no agreement about so rarely. Then the
    odds of agreement are raised by 2 u / d, as by two documents beside those seen: a ratio of sums over few
    documents is mostly too small.

    Nothing changes with one row per document, nor where every document holds both verdicts; with many
    documents that hold the rarer one nearly nothing. Without any such text it is Kish's design effect.

    Args:
        deff: at least 1; as estimated from the verdicts.
        deff_apart: with rows of a document independent; 1 without weights.
        deff_alike: with rows of a document that are one, at least `deff_apart`; Kish's without weights.
        rarer_texts: k, texts with the rarer of the two verdicts.
        rarer_documents: d, documents with such a text, at most `documents`.
        rarer_elsewhere: e, documents of the other group that hold its rarer verdict; 0 for a group by itself.
        documents: of the group.

    Returns:
        At least `deff`.

    Assumes:
        Correlations of up to about one half, in both groups if there are two; documents of similar size.

    Source:
        Own, shaped by Laplace's rule of succession (one unseen case beside those seen) and Agresti & Coull
        (1998), The American Statistician 52:119-126 (two). Picked from two dozen such rules by coverage and
        width on designs like those of docs/statistics.md. Checked by hand.
    """
    holding = np.maximum(rarer_documents, 1)
    unseen = 1 - holding / np.maximum(documents, holding)
    text = unseen * 0.5 ** (holding + rarer_elsewhere - 1)
    weight = np.where(rarer_texts > 0, text / np.maximum(rarer_texts + text, 1), 1.0)
    clustered = deff_alike > deff_apart * (1 + _LEAST_CLUSTERING)
    span = np.where(clustered, deff_alike - deff_apart, 1.0)
    correlation = np.clip((deff - deff_apart) / span, 0, 1)
    correlation = correlation + weight * (1 - correlation)
    raised = 2 * unseen / holding
    correlation = correlation * (1 + raised) / (1 + correlation * raised)
    return np.asarray(np.where(clustered, np.maximum(deff, deff_apart + span * correlation), deff))
