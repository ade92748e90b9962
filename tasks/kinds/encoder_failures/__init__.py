"""Kind encoder_failures: which inputs does an embedding model confuse?

Unit judged: a pair of texts written to show a failure. Estimand: share of these pairs that fail (the encoder
takes them for one text, and their meanings differ) less that share of controls that share as many words
(MultiMon: Tong, Jones & Steinhardt 2023, with a control). The corpus is one pile of texts; its exploration
half is searched for confused pairs, its confirmation half is what a search is tried on.

What only one stage calls is imported there: mined.py by propose, fresh.py by verify, transfer.py by score.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from tasks.engines import roles
from tasks.errors import CorpusError
from tasks.kinds import REFERENCE, Gathered, Written, two_groups
from tasks.records import Predicate
from tasks.store import frames, sources
from tasks.study import Study
from tasks.study.params import LEXICAL
from tasks.verdicts.matrices import groups_and_documents
from tasks.verdicts.walk import PLANNED_TEST, Walk

unit = "pair of texts"
writes_pairs = True
estimand = two_groups.estimand


def gather(study: Study) -> Gathered:
    """One pile of texts, all of group A."""
    rows, names, read = sources.read_groups(study)
    return Gathered(rows, names, read, compared={"A": "new pairs", "B": "controls"})


def views(study: Study) -> dict[str, str]:
    """The encoder under test, and the reference where it is one."""
    reference = study.failures.reference
    return {"embeddings": study.embed.encoder} | ({} if reference == LEXICAL else {REFERENCE: reference})


def evidence(
    study: Study, texts: pl.DataFrame, seen: Mapping[str, Float[np.ndarray, "text dim"]]
) -> roles.PairEvidence:
    """Pairs of the exploration half that the encoder puts close and the reference apart."""
    from tasks.kinds.encoder_failures import mined

    return mined.evidence(study, texts, seen)


def held_out(study: Study, texts: pl.DataFrame) -> pl.DataFrame:
    """Nothing of the corpus: pairs are `written`."""
    return pl.DataFrame(schema=frames.FRESH)


def written(study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate]) -> Written:
    """Fresh pairs of each failure and their controls.

    Raises:
        CorpusError: there is not a pair for any failure.
    """
    from tasks.kinds.encoder_failures.fresh import fresh_pairs

    generators = roles.load(study.engine).pair_generators(study)
    rows = fresh_pairs(study, texts, predicates, generators)
    if rows.is_empty():
        raise CorpusError(
            f"studies.{study.name}: no new pair was written for any of {len(predicates)} failures, or none "
            "that has a control. Name another model under llm.generator, or look at the descriptions in "
            "4_predicates; controls exchange English words, so pairs in other languages have none."
        )
    paid = {call.request_hash: call for one in generators.values() for call in one.calls}
    return Written(rows, tuple(paid[key] for key in sorted(paid)))


def planned_test(texts: pl.DataFrame, threshold: float | None, plan: str = "fixed") -> str:
    """A pair and its control are one document."""
    return PLANNED_TEST if plan == "sequential" else "cluster_score"


def filled(
    texts: pl.DataFrame,
    score: Float[np.ndarray, "text predicate"],
    status: UInt8[np.ndarray, "text predicate"],
) -> Float[np.ndarray, "text predicate"]:
    """A gap counts against the failure: a fresh pair as no failure, a control as one.

    Only pairs that collide are asked for their meaning, so gaps follow from what is measured, and controls
    are harder to read than pairs that were written to be read: left out, they would make V too large.
    """
    in_vain = (status == roles.REFUSAL) | (status == roles.UNPARSABLE)
    against = np.where((texts["group"] == "A").to_numpy(), 0.0, 1.0)[:, None]
    return np.where(in_vain, against, score)


def walk(
    study: Study,
    texts: pl.DataFrame,
    predicates: Sequence[Predicate],
    level: float = 0.95,
    weight: float | None = None,
) -> Walk:
    """The walk over pairs with their controls; each failure has its own, so many as the most has."""
    n_blocks = texts.group_by("predicate_id").agg(pl.col("document_id").n_unique())["document_id"].max()
    return Walk(study, *groups_and_documents(texts), predicates, level, weight, cast(int, n_blocks))


def tables(
    study: Study,
    fresh: pl.DataFrame,
    score: Float[np.ndarray, "text predicate"],
    found: Sequence[str],
    corpus: Float[np.ndarray, "text dim"],
) -> dict[str, pl.DataFrame]:
    """Baselines, the confirmed failures on other encoders, and a search for their twins.

    Args:
        study: names the encoders.
        fresh: rows of frames.FRESH.
        score: verdicts; NaN where there is none.
        found: predicate_ids of the confirmed failures.
        corpus: vectors of the confirmation texts.
    """
    from tasks.kinds.encoder_failures.transfer import baselines, searched, transferred

    level = study.score.level
    return {
        "baselines": baselines(study, fresh, score, corpus),
        "transfer": transferred(study, fresh, score, found, level),
        "retrieval": searched(study, fresh, corpus, found, level),
    }
