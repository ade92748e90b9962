"""What documents not drawn could add to a variance: those that hold the rarer verdict, those that differ."""

import numpy as np
from jaxtyping import Float

_LEAST_CLUSTERING = 1e-9
_ROUNDING = 1e-12


def difference_variance_kept(
    pull_a: Float[np.ndarray, "document predicate"], pull_b: Float[np.ndarray, "document predicate"]
) -> Float[np.ndarray, " predicate"]:
    """Gives what documents with rows in both groups leave of the variance of a difference, with care.

    What a document has in both groups cancels: of pairs that mostly agree little variance is left, and it
    rests on the few that do not. So it is taken for that of one more such document beside those seen, up to
    the variance of groups that share no document; where their documents pull apart, it is more than that.

    Args:
        pull_a: how far each document pulls the mean of A; 0 where it has no row there.
        pull_b: the same of B.

    Returns:
        Over 0; 1 where no document is in both groups, or where they cancel to nothing: then nothing is known.

    Assumes:
        Documents are independent.

    Source:
        Own: var / (var_a + var_b) times 1 + 1/d, where d = (sum of squares)^2 / sum of fourth powers is how
        many documents the variance rests on (Kish's effective number). One unseen case beside those seen is
        Laplace's rule. Of pairs it makes McNemar's (b - c)^2 / (b + c) about (b - c)^2 / (b + c + 1), checked
        by hand; among 0, 1/2, 1 and 2 it is the least with which rare pairs keep the levels 0.05 to 0.0001.
    """
    apart = (pull_a**2).sum(axis=0) + (pull_b**2).sum(axis=0)
    net = (pull_a - pull_b) ** 2
    var = net.sum(axis=0)
    known = var > _ROUNDING**2 * apart
    kept = np.divide(var, apart, out=np.ones_like(var), where=known)
    unseen = np.divide((net**2).sum(axis=0), var**2, out=np.zeros_like(var), where=known)
    return np.asarray(np.maximum(kept, np.minimum(kept * (1 + unseen), 1)))


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
