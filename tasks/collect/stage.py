"""Read the sources, merge duplicates, join near-duplicates, split by document.

Reads:      the study's `data` (and `verdicts`), through its kind
Writes:     1_texts/{texts,documents,checks}.parquet, manifest.json; with recorded verdicts recorded.parquet
Guarantees: duplicates are merged and near-duplicates joined before the split; no text, family or document is
            in both halves; more rows move a document only where they join it to another; the order of rows
            changes nothing
Not here:   what a text means: no embedding, no choice by content
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks import kinds, paths
from tasks.collect import answers, leaks, notes, results
from tasks.collect.pictures import Pictures, families, read
from tasks.collect.texts import clean, merge, resolve_overlap
from tasks.collect.units import link, split
from tasks.errors import CorpusError
from tasks.kinds.parts import of_pictures
from tasks.store import expectations, files, frames, media
from tasks.store.sources import IS_DRAWN, hashes, read_verdicts
from tasks.store.sources.pictures import PICTURE
from tasks.study import Study
from tasks.study.corpus import Collect

MIN_TEXTS = 5
"""Fewest texts of a group in a half; with fewer no difference could ever be shown."""
Counts = dict[str, Any]


@dataclass(frozen=True)
class Collected:
    """What collect found, before anything is written."""

    texts: pl.DataFrame
    """Rows of frames.TEXTS, sorted by text_id."""
    documents: pl.DataFrame
    """Rows of frames.DOCUMENTS, sorted by text_id."""
    recorded: pl.DataFrame | None
    """Rows of frames.RECORDED."""
    manifest: Counts
    tables: Mapping[str, pl.DataFrame]
    """The kind's own (`Gathered.tables`)."""
    calls: pl.DataFrame
    """The paid answers that rows rest on; rows of frames.CALLS."""
    pictures: Pictures | None = None
    """Where rows are pictures: what is known of them."""


def run(study: Study) -> Counts:
    """Collects, checks and writes."""
    kinds.load(study.kind).fetch(study)
    found = collected(study)
    read = files.place_hash(study.data_path)
    checks = expectations.check_texts(found.texts, found.documents, study.collect.explore_share)
    with frames.writing(paths.output(study.name, "collect")) as folder:
        frames.write(found.texts, folder / "texts.parquet", frames.TEXTS)
        frames.write(found.documents, folder / "documents.parquet", frames.DOCUMENTS)
        for name, frame in found.tables.items():
            frames.write(frame, folder / f"{name}.parquet", kinds.load(study.kind).tables[name])
        if found.calls.height:
            frames.write(found.calls, folder / "calls.parquet", frames.CALLS)
        if found.recorded is not None:
            frames.write(found.recorded, folder / "recorded.parquet", frames.RECORDED)
        if found.pictures is not None:
            frames.write(found.pictures.facts, folder / media.PICTURES, frames.PICTURES)
            frames.write(found.pictures.measures, folder / media.MEASURES, found.pictures.measures.schema)
            media.write(folder, found.pictures.bytes())
        frames.write(checks, folder / "checks.parquet", expectations.CHECKS)
        frames.write_manifest(folder, found.manifest)
    files.note_data(study, read)
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
    held, known, n_alone = gathered.rows, None, 0
    if PICTURE in held.columns:
        if not kind.reads_pictures:
            raise CorpusError(
                f"studies.{study.name}.data: wanted texts with `kind: {study.kind}`, got pictures. Name "
                "texts, or another kind."
            )
        held, known = read(held, study.data_path)
        held, n_alone = answers.whole(held)
        _each_group(held, names, "no picture that can be read", "Check its files.")
    rows, counts = clean(held, study.collect)
    _each_group(
        rows,
        names,
        "only empty texts",
        "Check which column collect.text names, and what collect.ignore leaves.",
    )
    words = kind.speaks(of_pictures=known is not None)
    _some_answered(rows)
    merged = merge(rows)
    counted, distinct = _drawn(rows), _drawn(merged)
    _several(counted, distinct, names, words)
    # Two models may well give the same answer.
    is_answers = "context" in gathered.rows.columns
    kept, n_overlap = (merged, 0) if is_answers else _without_overlap(merged, study, names, words)
    linked = link(
        kept,
        study.collect.near_duplicates if kind.joins_near_duplicates else None,
        # Two pictures of one prompt may be alike; what is drawn for a half are the prompts.
        None if known is None or is_answers else families(known),
    )
    drawn = split(linked, study.seed, study.collect.explore_share)
    texts, documents = (frames.conform(drawn, schema) for schema in (frames.TEXTS, frames.DOCUMENTS))
    copied = notes.near_duplicates(drawn if known is None else known.named(drawn))
    check_sizes(texts, names, copied, kind)
    surveyed = kind.survey(study, texts, gathered.tables)
    recorded, noted = _recorded(study, drawn)
    sizes = _per_group(texts, names)
    looks = kind.has_groups and not is_answers
    given_away = leaks.leaks(texts.filter(half="explore")) if looks else []
    models = gathered.read.get("models", {})
    alarms, remarks = answers.told(texts, names, models) if is_answers else ([], [])
    manifest: Counts = {
        "study": study.name,
        "n_rows": _drawn(gathered.rows).height,
        "n_texts": texts.height,
        "n_documents": texts["document_id"].n_unique(),
        **counts,
        "n_merged": counted.height - distinct.height,
        "n_overlap": n_overlap,
        "overlap": study.collect.overlap,
        "names": _sides(kind, known is not None) or names,
        **({"corpora": names} if kind.sides and len(names) > 1 else {}),
        "texts": sizes,
        "explore_texts": _per_group(texts.filter(half="explore"), names),
        "confirm_texts": _per_group(texts.filter(half="confirm"), names),
        "documents": {
            half: texts.filter(half=half)["document_id"].n_unique() for half in ("explore", "confirm")
        },
        "near_duplicates": copied,
        "leaks": given_away,
        "notes": notes.of_pattern(copied, words.alike),
        "warnings": [
            *gathered.read.get("warnings", []),
            *(known.warnings if known else []),
            *(known.apart(texts, names) if known and looks else []),
            *answers.of_alone(n_alone),
            *surveyed.pop("warnings", []),
            *alarms,
            *notes.of_families(copied, words.alike),
            *results.of_variants(study.collect, texts["text"]),
            *notes.of_overlap(study.collect.overlap, n_overlap, sizes),
            *notes.of_changes(counts.get("changed", {}), names),
            *notes.of_leaks(given_away, names),
            *notes.of_masks(counts.get("masked", {})),
        ],
        "read": gathered.read,
        "split_hash": frames.split_hash(texts),
        **surveyed,
        **({"remarks": remarks} if is_answers else {}),
        **({"recorded": noted} if noted else {}),
        **({"pictures": known.counted()} if known else {}),
    }
    paid = frames.from_records(gathered.calls, frames.CALLS).sort("request_hash")
    return Collected(texts, documents, recorded, manifest, gathered.tables, paid, known)


def _drawn(rows: pl.DataFrame) -> pl.DataFrame:
    """Those of the sample; all where none was drawn."""
    return rows.filter(IS_DRAWN).drop(IS_DRAWN) if IS_DRAWN in rows.columns else rows


def _sides(kind: kinds.Kind, are_pictures: bool) -> dict[str, str]:
    """What A and B are called where they are no groups of the rows that are read; else nothing."""
    return {group: of_pictures(name) if are_pictures else name for group, name in kind.sides.items()}


def _without_overlap(
    merged: pl.DataFrame, study: Study, names: Mapping[str, str], words: kinds.Words
) -> tuple[pl.DataFrame, int]:
    """The rows to use, and how many texts stood in both groups.

    Raises:
        CorpusError: all did, or a group has no other texts.
    """
    kept, n_overlap = resolve_overlap(merged, study.collect.overlap, study.seed)
    lack = f"no {words.corpus} of its own: {n_overlap:,} {words.corpus} stand in both groups"
    advice = (
        f"Is it the same corpus twice? Change the groups, or keep shared {words.corpus} with "
        "collect.overlap: keep."
    )
    if study.collect.overlap != "keep" and 0 < n_overlap == merged["normalised"].n_unique():
        kept = kept.clear()
    # Others were kept until it was known which texts stand in both groups.
    kept = _drawn(kept)
    _each_group(kept, names, lack, advice)
    return kept, n_overlap


def check_sizes(texts: pl.DataFrame, names: Mapping[str, str], copied: Counts, kind: kinds.Kind) -> None:
    """Passes when both halves have enough texts of both groups.

    Raises:
        CorpusError: one has not.
    """
    counted = {(half, group): n for half, group, n in texts.group_by("half", "group").len().iter_rows()}
    sizes = {
        (half, group): counted.get((half, group), 0) for half in ("explore", "confirm") for group in names
    }
    words = kind.speaks(of_pictures=media.are_pictures(texts))
    short = {key: n for key, n in sizes.items() if n < MIN_TEXTS}
    if not short:
        return
    said = "; ".join(
        f"{half}: {', '.join(f'{name} {sizes[half, group]}' for group, name in names.items())}"
        for half in ("explore", "confirm")
    )
    of_each = "of each group " if len(names) > 1 else ""
    n_documents = texts["document_id"].n_unique()
    documents = f"{texts.height} {words.corpus} of {n_documents} document{'s' if n_documents != 1 else ''}"
    advice = notes.advice(copied, words.alike) or (
        "Documents are not divided: name a finer collect.document or leave it out."
        if texts.height >= 8 * MIN_TEXTS and n_documents < texts.height and not kind.compares
        else f"{words.more if kind.compares else f'Add {words.corpus}'}, or change collect.explore_share "
        "or seed."
    )
    raise CorpusError(
        f"wanted at least {MIN_TEXTS} {words.corpus} {of_each}in each half, got {said} ({documents}). "
        f"{advice}"
    )


def _each_group(rows: pl.DataFrame, names: Mapping[str, str], lack: str, advice: str) -> None:
    present = set(rows["group"].unique())
    for group in names:
        if group not in present:
            raise CorpusError(f"{_called(group, names)} has {lack}. {advice}")


def _called(group: str, names: Mapping[str, str]) -> str:
    """A group as errors name it; of one pile there is none."""
    return f"group {group} ({names[group]})" if len(names) > 1 else names[group]


def _some_answered(rows: pl.DataFrame) -> None:
    """Passes where two answers to a prompt are left.

    Raises:
        CorpusError: what is ignored leaves none.
    """
    if "context" not in rows.columns:
        return
    filled = rows.filter(answers.is_there(rows))
    if not filled.select("identity", "group").unique()["identity"].is_duplicated().any():
        raise CorpusError(
            "wanted prompts with two answers, got none after collect.ignore and collect.mask: they leave "
            "one of each two empty. Ignore less."
        )


def _several(rows: pl.DataFrame, merged: pl.DataFrame, names: Mapping[str, str], words: kinds.Words) -> None:
    """Refuses a group of which all texts are one."""
    before, after = _per_group(rows, names), _per_group(merged, names)
    for group in names:
        if before[group] > 1 and after[group] == 1:
            raise CorpusError(
                f"{_called(group, names)}: all {before[group]:,} {words.corpus} are the same one. Check "
                "which ones collect names."
            )


def _per_group(texts: pl.DataFrame, names: Mapping[str, str]) -> dict[str, int]:
    return {group: texts.filter(pl.col("group") == group).height for group in names}


def _recorded(study: Study, texts: pl.DataFrame) -> tuple[pl.DataFrame | None, Counts]:
    """What is recorded of the texts; of a text that is several rows, as at two times, each has it."""
    read = read_verdicts(study)
    if read is None:
        return None, {}
    verdicts, noted = read
    each = texts.select(row=pl.col("text_hash"), text_hash=hashes(texts["normalised"])).unique()
    recorded = (
        by_hash(verdicts, study.collect)
        .join(each, on="text_hash", how="left")
        .with_columns(pl.coalesce("row", "text_hash").alias("text_hash"))
        .select(frames.RECORDED.names())
        .sort("predicate", "text_hash")
    )
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


def by_hash(verdicts: pl.DataFrame, collect: Collect) -> pl.DataFrame:
    """Verdicts per predicate and text_hash; among spellings of one text, and texts that are one with what
    collect.ignore and collect.mask leave, the smallest decides.

    Raises:
        CorpusError: one predicate and text has two different verdicts.
    """
    whole = collect.model_copy(update={"ignore": (), "mask": ()})
    rows, _ = clean(verdicts.with_columns(pl.lit(None, pl.String).alias("document_id")), whole)
    rows, _ = clean(rows.with_columns(pl.col("text").alias("said")), collect)
    distinct = rows.select("predicate", "said", "normalised", "score", "status").unique()
    twice = distinct.filter(pl.len().over("predicate", "said") > 1).sort("predicate", "said", "score")
    if twice.height:
        row = twice.row(0, named=True)
        others = twice.filter((pl.col("predicate") == row["predicate"]) & (pl.col("said") == row["said"]))
        said = " and ".join(f"{status} {score}" for score, status in others.select("score", "status").rows())
        raise CorpusError(
            f"recorded verdicts: wanted one per predicate and text, got {said} for {row['predicate']!r} and "
            f"{row['said'][:80]!r}. Keep one of them."
        )
    first = distinct.sort("predicate", "normalised", "said").unique(
        ["predicate", "normalised"], keep="first", maintain_order=True
    )
    return (
        first.with_columns(hashes(first["normalised"]).alias("text_hash"))
        .select(frames.RECORDED.names())
        .sort("predicate", "text_hash")
    )
