"""Two groups of texts, judged one by one: what a kind tests on where it says nothing else."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths
from tasks.store import frames
from tasks.store.frames import hashed
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds import Kind


def check(kind: "Kind", study: Study) -> None:
    """Refuses a study without the groups that the kind compares.

    Raises:
        ValueError: there are none.
    """
    if kind.has_groups and study.collect.is_one_pile:
        raise ValueError(
            "wanted collect.a and collect.b: two sources, two values of the column named by "
            "collect.group, or two SQL filters"
        )


def units(study: Study, texts: pl.DataFrame) -> pl.DataFrame:
    """The confirmation half, or a seeded sample of `verify.max_texts` per group, in text_id order.

    The sample goes by hash, so it does not depend on row order and grows without replacing anyone. Where
    two texts are compared they are `paired`, at most `max_texts` pairs.
    """
    confirm = texts.filter(pl.col("half") == "confirm").sort("text_id")
    most = study.verify.max_texts
    if study.verify.form == "two_text":
        return pair_texts(confirm, study.seed, most)
    if most is None or confirm.height <= most:
        return confirm
    draw = [hashed("held_out", str(study.seed), text_id) for text_id in confirm["text_id"]]
    return (
        confirm.with_columns(pl.Series("_draw", draw))
        .filter(pl.col("_draw").rank("ordinal").over("group") <= most)
        .drop("_draw")
    )


def pair_texts(texts: pl.DataFrame, seed: int, most: int | None = None) -> pl.DataFrame:
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


def holds(threshold: str) -> pl.Expr:
    """Whether `score` says yes: at the threshold in that column, or above a half where it is null.

    Graded, a half says neither: a tie of two texts, a judge that cannot tell.
    """
    return (pl.col("score") >= pl.col(threshold)).fill_null(pl.col("score") > 0.5)


def evidence(study: Study, texts: pl.DataFrame) -> tuple[pl.DataFrame, Float[np.ndarray, "text dim"]]:
    """The confirmation half with its vectors."""
    confirms = texts["half"] == "confirm"
    vectors = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    return texts.filter(confirms), vectors[confirms.to_numpy()]
