"""Read the sources, merge duplicates, split by document.

Reads:      the study's `data` (and `verdicts`), through its kind
Writes:     1_texts/{texts.parquet,manifest.json}, with recorded verdicts also recorded.parquet
Guarantees: duplicates are merged before the split; no text and no document lies in both halves; more rows
            never move a document to the other half; the order of rows changes nothing
Not here:   what a text means: no embedding, no count of words, no choice by content
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths
from tasks.errors import CorpusError
from tasks.store import expectations, frames
from tasks.store.sources import hashes, normalised, read_verdicts, uniform
from tasks.study import Study

MIN_TEXTS = 5
"""Fewest texts of a group in a half; with fewer no difference could ever be shown."""
REPLACEMENT = "\ufffd"
Counts = dict[str, Any]


@dataclass(frozen=True)
class Collected:
    """What collect found, before anything is written."""

    texts: pl.DataFrame
    """Rows of frames.TEXTS, sorted by text_id."""
    units: pl.DataFrame
    """What was drawn for a half: columns unit, half; documents that share a text are one unit."""
    recorded: pl.DataFrame | None
    """Rows of frames.RECORDED."""
    manifest: Counts


def run(study: Study) -> Counts:
    """Collects, checks and writes."""
    found = collected(study)
    expectations.check_texts(found.texts, found.units, study.collect.explore_share)
    with frames.writing(paths.output(study.name, "collect")) as folder:
        frames.write(found.texts, folder / "texts.parquet", frames.TEXTS)
        if found.recorded is not None:
            frames.write(found.recorded, folder / "recorded.parquet", frames.RECORDED)
        frames.write_manifest(folder, found.manifest)
    return found.manifest


def collected(study: Study) -> Collected:
    """All that `run` writes.

    Raises:
        SourceError: a source cannot be read.
        CorpusError: its texts cannot answer the question.
    """
    kind = kinds.load(study.kind)
    gathered = kind.gather(study)
    names = gathered.names
    _each_group(gathered.rows, names, "no rows", "Check the groups under collect.")
    rows, counts = clean(gathered.rows, study.collect.max_chars)
    _each_group(rows, names, "only empty texts", "Check which column collect.text names.")
    merged = merge(rows)
    for group, name in names.items():
        n_rows = rows.filter(pl.col("group") == group).height
        if n_rows > 1 and merged.filter(pl.col("group") == group).height == 1:
            raise CorpusError(
                f"group {group} ({name}): all {n_rows:,} texts are the same one. Check collect.text."
            )
    kept, n_overlap = resolve_overlap(merged, study.collect.overlap)
    _each_group(
        kept,
        names,
        f"no text of its own: {n_overlap:,} texts stand in both groups",
        "Is it the same corpus twice? Change the groups, or keep shared texts with collect.overlap: keep.",
    )
    texts, units = split(kept, study.seed, study.collect.explore_share)
    check_sizes(texts, names)
    recorded, noted = _recorded(study, texts)
    manifest: Counts = {
        "study": study.name,
        "n_rows": gathered.rows.height,
        "n_texts": texts.height,
        "n_documents": texts["document_id"].n_unique(),
        **counts,
        "n_merged": rows.height - merged.height,
        "n_overlap": n_overlap,
        "names": dict(kind.sides) or names,
        "texts": _per_group(texts, names),
        "explore_texts": _per_group(texts.filter(pl.col("half") == "explore"), names),
        "confirm_texts": _per_group(texts.filter(pl.col("half") == "confirm"), names),
        "documents": {
            half: texts.filter(pl.col("half") == half)["document_id"].n_unique()
            for half in ("explore", "confirm")
        },
        "read": gathered.read,
        "split_hash": frames.split_hash(texts),
        **({"recorded": noted} if noted else {}),
    }
    return Collected(texts, units, recorded, manifest)


def clean(rows: pl.DataFrame, max_chars: int) -> tuple[pl.DataFrame, Counts]:
    """Rows with text in one form, with a column `normalised`; and what was changed or left out.

    Line ends become LF, NUL characters U+FFFD, long texts are cut, empty ones dropped.
    """
    texts = rows["text"].str.replace_all("\r\n", "\n", literal=True).str.replace_all("\r", "\n", literal=True)
    has_nul = texts.str.contains("\0", literal=True).fill_null(False)
    is_long = (texts.str.len_chars() > max_chars).fill_null(False)
    texts = texts.str.replace_all("\0", REPLACEMENT, literal=True).str.slice(0, max_chars)
    folded = normalised(texts).fill_null("")
    kept = rows.with_columns(texts.alias("text"), folded.alias("normalised")).filter(folded != "")
    counts = {
        "n_blank": rows.height - kept.height,
        "n_nul": int(has_nul.sum()),
        "n_cut": int(is_long.sum()),
        "n_without_document": kept["document_id"].null_count(),
    }
    return kept, counts


def merge(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per group and normalised text: its smallest spelling, its smallest document, its rows counted.

    A text without a document is a document of its own, so all its copies are one.
    """
    merged = (
        rows.group_by("group", "normalised")
        .agg(pl.col("text").min(), pl.col("document_id").min(), pl.len().cast(pl.Int64).alias("n_merged"))
        .sort("group", "normalised")
    )
    text_hash = hashes(merged["normalised"])
    return merged.with_columns(
        text_hash.alias("text_hash"),
        # The prefix keeps a made-up document apart from one that is named.
        pl.coalesce("document_id", pl.lit("text:") + text_hash).alias("document_id"),
        *[pl.Series("text_id", [frames.hashed(*key) for key in merged.select("group", "normalised").rows()])],
    )


def resolve_overlap(merged: pl.DataFrame, overlap: str) -> tuple[pl.DataFrame, int]:
    """The rows to use, and how many texts stand in both groups (left out unless `keep`)."""
    in_both = pl.col("group").n_unique().over("normalised") > 1
    n_overlap = merged.filter(in_both)["normalised"].n_unique()
    return (merged if overlap == "keep" else merged.filter(~in_both)), n_overlap


def split(rows: pl.DataFrame, seed: int, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Texts with their half, drawn per document by hash; and the units that were drawn.

    Documents that share a text are drawn as one, by the smallest of their ids.
    """
    unit = _joined(rows)
    half = pl.select(
        pl.when(uniform(unit, "half", str(seed)) < share).then(pl.lit("explore")).otherwise(pl.lit("confirm"))
    ).to_series()
    drawn = rows.with_columns(unit.alias("unit"), half.alias("half"))
    texts = drawn.select(frames.TEXTS.names()).sort("text_id")
    return texts, drawn.select("unit", "half").unique().sort("unit")


def _joined(rows: pl.DataFrame) -> pl.Series:
    """Per row the smallest id among the documents that are linked to its own by shared texts."""
    shared = rows.filter(pl.col("document_id").n_unique().over("text_hash") > 1)
    own = rows["document_id"].alias("unit")
    if shared.height == 0:
        return own
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    documents = shared.select(pl.col("document_id").unique().sort()).to_series()
    document = documents.search_sorted(shared["document_id"]).to_numpy()
    text = shared["text_hash"].rank("dense").to_numpy().astype(np.int64) - 1
    n_documents, n_nodes = len(documents), len(documents) + int(text.max()) + 1
    links = coo_array((np.ones(len(text)), (document, text + n_documents)), shape=(n_nodes, n_nodes))
    _, component = connected_components(links, directed=False)
    joined = pl.DataFrame({"document_id": documents, "component": component[:n_documents]}).with_columns(
        pl.col("document_id").min().over("component").alias("unit")
    )
    found = rows.select("document_id").join(joined, on="document_id", how="left", maintain_order="left")
    return found.select(pl.coalesce("unit", "document_id").alias("unit")).to_series()


def check_sizes(texts: pl.DataFrame, names: Mapping[str, str]) -> None:
    """Passes when both halves have enough texts of both groups.

    Raises:
        CorpusError: one has not.
    """
    counted = {(half, group): n for half, group, n in texts.group_by("half", "group").len().iter_rows()}
    sizes = {
        (half, group): counted.get((half, group), 0) for half in ("explore", "confirm") for group in names
    }
    short = {key: n for key, n in sizes.items() if n < MIN_TEXTS}
    if not short:
        return
    said = "; ".join(
        f"{half}: {', '.join(f'{name} {sizes[half, group]}' for group, name in names.items())}"
        for half in ("explore", "confirm")
    )
    n_documents = texts["document_id"].n_unique()
    documents = f"{texts.height} texts of {n_documents} document{'s' if n_documents != 1 else ''}"
    advice = (
        "Documents are not divided: name a finer collect.document or leave it out."
        if texts.height >= 8 * MIN_TEXTS and n_documents < texts.height
        else "Add texts, or change collect.explore_share or seed."
    )
    raise CorpusError(
        f"wanted at least {MIN_TEXTS} texts of each group in each half, got {said} ({documents}). {advice}"
    )


def _each_group(rows: pl.DataFrame, names: Mapping[str, str], lack: str, advice: str) -> None:
    present = set(rows["group"].unique())
    for group, name in names.items():
        if group not in present:
            raise CorpusError(f"group {group} ({name}) has {lack}. {advice}")


def _per_group(texts: pl.DataFrame, names: Mapping[str, str]) -> dict[str, int]:
    return {group: texts.filter(pl.col("group") == group).height for group in names}


def _recorded(study: Study, texts: pl.DataFrame) -> tuple[pl.DataFrame | None, Counts]:
    read = read_verdicts(study)
    if read is None:
        return None, {}
    verdicts, noted = read
    recorded = by_hash(verdicts, study.collect.max_chars)
    n_known = recorded.filter(pl.col("text_hash").is_in(texts["text_hash"].implode())).height
    if n_known == 0:
        raise CorpusError(
            f"studies.{study.name}.verdicts: none of the {recorded.height:,} verdicts is about a text of "
            "this study. Name the file whose texts are those of data."
        )
    noted |= {
        "n_verdicts": recorded.height,
        "n_of_other_texts": recorded.height - n_known,
        "n_predicates": recorded["predicate"].n_unique(),
    }
    return recorded, noted


def by_hash(verdicts: pl.DataFrame, max_chars: int) -> pl.DataFrame:
    """Verdicts per predicate and text_hash; among spellings of one text the smallest decides.

    Raises:
        CorpusError: one predicate and text has two different verdicts.
    """
    rows, _ = clean(verdicts.with_columns(pl.lit(None, pl.String).alias("document_id")), max_chars)
    distinct = rows.select("predicate", "text", "normalised", "score", "status").unique()
    twice = distinct.filter(pl.len().over("predicate", "text") > 1).sort("predicate", "text", "score")
    if twice.height:
        row = twice.row(0, named=True)
        others = twice.filter((pl.col("predicate") == row["predicate"]) & (pl.col("text") == row["text"]))
        said = " and ".join(f"{status} {score}" for score, status in others.select("score", "status").rows())
        raise CorpusError(
            f"recorded verdicts: wanted one per predicate and text, got {said} for {row['predicate']!r} and "
            f"{row['text'][:80]!r}. Keep one of them."
        )
    first = distinct.sort("predicate", "normalised", "text").unique(
        ["predicate", "normalised"], keep="first", maintain_order=True
    )
    return (
        first.with_columns(hashes(first["normalised"]).alias("text_hash"))
        .select(frames.RECORDED.names())
        .sort("predicate", "text_hash")
    )
