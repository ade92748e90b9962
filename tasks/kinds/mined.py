"""Pairs of the exploration half that an encoder puts close and a reference apart, and why there are none."""

from collections.abc import Mapping

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import mining, roles
from tasks.errors import CorpusError
from tasks.store import frames
from tasks.study import Study

REFERENCE = "reference"
"""The view of the reference, where it is an encoder."""


def evidence(
    study: Study, texts: pl.DataFrame, seen: Mapping[str, Float[np.ndarray, "text dim"]]
) -> roles.PairEvidence:
    """Pairs of the exploration half that the encoder puts close and the reference apart.

    Raises:
        CorpusError: there is none; it says which threshold would select some.
    """
    explored = np.flatnonzero((texts["half"] == "explore").to_numpy())
    of = texts[explored].sort("text_id")
    rows = explored[texts[explored]["text_id"].arg_sort().to_numpy()]
    params = study.failures
    found = mining.mine(
        of["text"].to_list(),
        seen["embeddings"][rows],
        seen[REFERENCE][rows] if REFERENCE in seen else None,
        threshold=params.threshold,
        margin=params.margin,
        top=params.top,
        per_text=params.per_text,
    )
    if found.pairs.is_empty():
        raise CorpusError(_nothing(study, found))
    left, right = of[found.pairs["left"]], of[found.pairs["right"]]
    mined = found.pairs.select("similarity", "reference", "overlap").with_columns(
        left["text"].alias("left"),
        right["text"].alias("right"),
        left["text_id"].alias("left_id"),
        right["text_id"].alias("right_id"),
    )
    return roles.PairEvidence(
        frames.conform(mined, frames.PAIRS),
        n_texts=of.height,
        domain=params.domain or "",
        noted={
            "n_searched": found.n_texts,
            "n_collisions": found.n_collisions,
            "n_hits": found.n_hits,
            "n_mined": mined.height,
        },
    )


def _nothing(study: Study, found: mining.Mined) -> str:
    """Why no pair was found, and what would find some."""
    params, where = study.failures, f"studies.{study.name}.failures"
    if found.n_collisions:
        is_same = params.reference == study.embed.encoder
        same = " Reference and encoder under test are the same." if is_same else ""
        return (
            f"{where}: {found.n_collisions:,} pairs of {found.n_texts:,} texts reach the threshold of "
            f"{params.threshold:g}, but for none of them is the reference ({params.reference}) lower by "
            f"{params.margin:g}: it confuses the same.{same} Name another reference, or lower the margin."
        )
    nearest = "; ".join(f"{value:.2f} selects {n}" for n, value in found.quantiles.items() if value > 0)
    return (
        f"{where}.threshold: no pair of {found.n_texts:,} texts reaches {params.threshold:g}. "
        f"Lower it ({nearest or 'no pair is alike at all'}), or bring more texts."
    )
