"""Kind corpus_pair: how do corpora A and B differ, given a goal?

Unit judged: one text. Estimand: share of A's texts for which the predicate holds minus B's
(validity V of Zhong et al. 2022, 2023), on the confirmation half, clustered by document. In the two-text
form a text of A is judged against one of B: V is the share of pairs that A wins minus the share B wins.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from tasks.engines.roles import Exploration
from tasks.kinds import Gathered, two_groups
from tasks.records import Predicate
from tasks.store import sources
from tasks.store.frames import hashed
from tasks.study import Study
from tasks.verdicts.gold_draw import largest_weight
from tasks.verdicts.matrices import groups_and_documents
from tasks.verdicts.walk import PLANNED_TEST, Walk

unit = "text"
writes_pairs = False
estimand = two_groups.estimand


def gather(study: Study) -> Gathered:
    """Rows of both groups, as the sources hold them."""
    rows, names, read = sources.read_groups(study)
    return Gathered(rows, names, read)


def views(study: Study) -> dict[str, str]:
    """One encoder."""
    return {"embeddings": study.embed.encoder}


def evidence(
    study: Study, texts: pl.DataFrame, seen: Mapping[str, Float[np.ndarray, "text dim"]]
) -> Exploration:
    """The exploration half, with its vectors; of the other half only its size."""
    explored = (texts["half"] == "explore").to_numpy()
    confirm_documents = texts.filter(pl.col("half") == "confirm")["document_id"].n_unique()
    return Exploration(
        texts.filter(pl.col("half") == "explore"),
        seen["embeddings"][explored],
        confirm_documents=confirm_documents,
    )


def held_out(study: Study, texts: pl.DataFrame) -> pl.DataFrame:
    """The confirmation half, or a seeded sample of `verify.max_texts` per group, in text_id order.

    The sample goes by hash, so it does not depend on row order and grows without replacing anyone. Where
    two texts are compared they are `paired`, at most `max_texts` pairs.
    """
    confirm = texts.filter(pl.col("half") == "confirm").sort("text_id")
    most = study.verify.max_texts
    if study.verify.form == "two_text":
        return paired(confirm, study.seed, most)
    if most is None or confirm.height <= most:
        return confirm
    draw = [hashed("held_out", str(study.seed), text_id) for text_id in confirm["text_id"]]
    rank = pl.Series("draw", draw)
    return (
        confirm.with_columns(rank.alias("_draw"))
        .filter(pl.col("_draw").rank("ordinal").over("group") <= most)
        .drop("_draw")
    )


def paired(texts: pl.DataFrame, seed: int, most: int | None = None) -> pl.DataFrame:
    """One text of A and one of B under each value of `pair`, neighbours; `document_id` is the pair's too.

    Documents of A and of B are paired one to one by a seeded hash, and those left over are left out. A
    document with texts in both groups is paired with itself: in two pairs it would make them depend on
    each other, and left out it would be lost. Of a document's texts of a group one is taken, by hash.
    """
    in_a, in_b = (set(texts.filter(pl.col("group") == group)["document_id"]) for group in ("A", "B"))
    first, second = (
        sorted(alone, key=lambda document: hashed("document", str(seed), document))
        for alone in (in_a - in_b, in_b - in_a)
    )
    partners = [*((d, d) for d in in_a & in_b), *zip(first, second, strict=False)]
    pairs = sorted((hashed("pair", str(seed), a, b), a, b) for a, b in partners)[:most]
    pair_of = {document: pair for pair, *both in pairs for document in both}
    draw = pl.Series("_draw", [hashed("text", str(seed), text_id) for text_id in texts["text_id"]])
    return (
        texts.with_columns(draw, pair=pl.col("document_id").replace_strict(pair_of, default=None))
        .filter(pl.col("pair").is_not_null())
        .sort("pair", "group", "_draw")
        .unique(["pair", "group"], keep="first", maintain_order=True)
        .with_columns(document_id=pl.col("pair"))
        .drop("_draw")
    )


def planned_test(texts: pl.DataFrame, threshold: float | None, plan: str = "fixed") -> str:
    """The test these confirmation texts call for: 0/1 or graded, clustered or not; or one for any case."""
    if plan == "sequential":
        return PLANNED_TEST
    clustered = texts["document_id"].n_unique() < texts.height
    if threshold is None:
        return "cluster_robust" if clustered else "welch"
    return "cluster_score" if clustered else "fisher_mn"


def filled(
    texts: pl.DataFrame,
    score: Float[np.ndarray, "text predicate"],
    status: UInt8[np.ndarray, "text predicate"],
) -> Float[np.ndarray, "text predicate"]:
    """As they are: whether a judge answers does not follow from the group."""
    return score


def walk(
    study: Study,
    texts: pl.DataFrame,
    predicates: Sequence[Predicate],
    level: float = 0.95,
    weight: float | None = None,
) -> Walk:
    """The walk over blocks of documents of A and of B; a pair of texts is a block."""
    if study.gold.decides and weight is None:
        weight = largest_weight(texts, study.gold.texts)
    return Walk(study, *groups_and_documents(texts), predicates, level, weight)
