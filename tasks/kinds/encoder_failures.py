"""Kind encoder_failures: which inputs does an embedding model confuse?

Unit judged: a pair of texts written to show a failure. Estimand: share of these pairs that fail (the encoder
takes them for one text, and their meanings differ) less that share of controls that share as many words
(MultiMon: Tong, Jones & Steinhardt 2023, with a control). The corpus is one pile of texts; its exploration
half is searched for confused pairs, its confirmation half is what a search is tried on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import mining, roles
from tasks.engines.views import LEXICAL
from tasks.errors import CorpusError
from tasks.kinds import Gathered
from tasks.kinds.fresh import fresh_pairs
from tasks.records import Predicate
from tasks.store import frames, sources
from tasks.study import Study

unit = "pair of texts"
REFERENCE = "reference"
"""The further view, where the reference is an encoder."""


def gather(study: Study) -> Gathered:
    """One pile of texts, all of group A."""
    rows, names, read = sources.read_groups(study)
    return Gathered(rows, names, read)


def views(study: Study) -> dict[str, str]:
    """The encoder under test, and the reference where it is one."""
    reference = study.failures.reference
    return {"embeddings": study.embed.encoder} | ({} if reference == LEXICAL else {REFERENCE: reference})


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


def held_out(study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate] = ()) -> pl.DataFrame:
    """Fresh pairs of each failure and their controls: rows of frames.FRESH."""
    return fresh_pairs(study, texts, predicates, roles.load(study.engine).pair_generators(study))
