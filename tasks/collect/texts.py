"""Rows as read become texts: cleaned, each distinct one once, in one group."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import polars.selectors as cs

from tasks.store import canonical, frames
from tasks.store.sources import IS_DRAWN, hashes, masked, normalised, uniform
from tasks.study.corpus import Collect


def clean(rows: pl.DataFrame, collect: Collect) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Rows with text in one form, with a column `normalised`; and what was changed or left out.

    Texts get their one form (store/canonical.py), long ones are cut, what is ignored or masked goes, then
    empty ones are dropped. Of answers `normalised` is what they answer: an empty one is a row, and counted.
    Of a sample only its own rows are counted.
    """
    if IS_DRAWN in rows.columns:
        kept, counts = clean(rows.filter(IS_DRAWN).drop(IS_DRAWN), collect)
        others, _ = clean(rows.filter(~pl.col(IS_DRAWN)).drop(IS_DRAWN), collect)
        marked = [
            part.with_columns(pl.lit(is_drawn).alias(IS_DRAWN))
            for part, is_drawn in ((kept, True), (others, False))
        ]
        return pl.concat(marked), counts
    texts, changed, is_long, n_masked = in_one_form(rows["text"], collect)
    read = rows.with_columns(texts.alias("text"), normalised(texts).fill_null("").alias("normalised"))
    if "media" in rows.columns:
        read = read.with_columns(pl.col("text").fill_null(""), normalised=pl.col("media"))
    if "context" in rows.columns:
        asked = canonical.with_changes(rows["context"])[0].str.slice(0, collect.max_chars)
        empty = read.filter(normalised="").group_by("group").len().sort("group")
        read = read.with_columns(
            pl.col("text").fill_null(""),
            asked.alias("context"),
            normalised(asked).fill_null("").alias("normalised"),
        )
    kept = read.filter(pl.col("normalised") != "")
    counts = {
        **({"n_empty": dict(empty.iter_rows())} if "context" in rows.columns else {}),
        "n_blank": rows.height - kept.height,
        "n_cut": int(is_long.sum()),
        "n_without_document": kept["document_id"].null_count(),
        **({"changed": _by_group(rows, changed)} if changed and "group" in rows.columns else {}),
        **({"masked": n_masked} if n_masked else {}),
    }
    return kept, counts


def in_one_form(
    texts: pl.Series, collect: Collect
) -> tuple[pl.Series, Mapping[str, pl.Series], pl.Series, dict[str, int]]:
    """Texts as a judge reads them; by kind of change which were changed; which are cut; how many masked."""
    read, changed = canonical.with_changes(texts)
    is_long = (read.str.len_chars() > collect.max_chars).fill_null(False)
    kept, n_masked = masked(read.str.slice(0, collect.max_chars), collect)
    return kept, changed, is_long, n_masked


def _by_group(rows: pl.DataFrame, changed: Mapping[str, pl.Series]) -> dict[str, dict[str, Any]]:
    """Kind of change -> rows of each group that it changed (n), and their share of the group's rows."""
    sizes = dict(rows.group_by("group").len().sort("group").iter_rows())
    counted = {
        kind: {group: int((is_changed & (rows["group"] == group)).sum()) for group in sizes}
        for kind, is_changed in changed.items()
    }
    return {
        kind: {"n": n, "share": {group: round(n[group] / size, 4) for group, size in sizes.items()}}
        for kind, n in counted.items()
    }


def merge(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per group and normalised text: its smallest spelling, its smallest document, its rows counted.

    A text without a document is a document of its own, so all its copies are one. Where rows bring an
    `identity` it stands in place of the normalised text. Of a sample, copies that were not drawn say nothing
    of a text that was in their group, and texts that were drawn in no group go.
    """
    one = "identity" if "identity" in rows.columns else "normalised"
    if IS_DRAWN in rows.columns:
        of_text, of_group = (pl.col(IS_DRAWN).any().over(*by) for by in ([one], [one, "group"]))
        rows = rows.filter(of_text, pl.col(IS_DRAWN) | ~of_group)
    also = [name for name in ("normalised", "context", "media") if name in rows.columns and name != one]
    merged = (
        rows.group_by("group", one)
        .agg(
            pl.col("text").min(),
            pl.col("document_id").min(),
            pl.col(also).min(),
            cs.by_name(IS_DRAWN, require_all=False).max(),
            pl.len().cast(pl.Int64).alias("n_merged"),
        )
        .sort("group", one)
    )
    absent = [name for name in ("context", "media") if name not in also]
    merged = merged.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    text_hash = hashes(merged[one])
    return merged.with_columns(
        text_hash.alias("text_hash"),
        # The prefix keeps a made-up document apart from one that is named.
        pl.coalesce("document_id", pl.lit("text:") + text_hash).alias("document_id"),
        pl.col("document_id").alias("source_document_id"),
        *[pl.Series("text_id", [frames.hashed(*key) for key in merged.select("group", one).rows()])],
    )


def resolve_overlap(merged: pl.DataFrame, overlap: str, seed: int) -> tuple[pl.DataFrame, int]:
    """The rows to use, and how many texts stand in both groups.

    `draw` takes the group of one of a text's rows, each as likely as any other: where labels mean nothing,
    the group of every distinct text is then a draw like that of all rows. Left out (`drop`), common texts
    vanish from the smaller group, nearly all of whose texts the larger one has, too; once in each (`keep`),
    they weigh more there.
    """
    in_both = pl.col("group").n_unique().over("normalised") > 1
    n_overlap = merged.filter(in_both)["normalised"].n_unique()
    if overlap == "keep":
        return merged, n_overlap
    if overlap == "drop":
        return merged.filter(~in_both), n_overlap
    n_rows = pl.col("n_merged").sum().over("normalised")
    n_a = pl.col("n_merged").filter(pl.col("group") == "A").sum().over("normalised")
    drawn = pl.when(pl.col("_coin") * n_rows < n_a).then(pl.lit("A")).otherwise(pl.lit("B"))
    coin = uniform(merged["text_hash"], "overlap", str(seed)).alias("_coin")
    return (
        merged.with_columns(coin)
        .with_columns(drawn.alias("_drawn"), n_rows.alias("n_merged"))
        .filter(pl.col("group") == pl.col("_drawn"))
        .drop("_coin", "_drawn"),
        n_overlap,
    )
