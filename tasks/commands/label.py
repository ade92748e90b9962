"""Write the sheet on which people label a sample of the confirmation texts (`natstat label`).

It is no stage: what it writes, data/labels/NAME.csv, is filled in by hand, belongs in git and is read by
score once `labels: NAME.csv` names it. The sheet is blind: it shows no group, no verdict and no result, not
even the chance of a text, which differs between groups of different size; and its texts stand in an order
that says nothing. Texts are drawn as for a gold judge, by chance alone.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from tasks import kinds, paths
from tasks.commands import output
from tasks.errors import ParamsError, StoreError
from tasks.store import frames, labels, media, sheets
from tasks.store.sources import hashes
from tasks.store.sources.wording import shown
from tasks.study import Study, load
from tasks.verdicts import gold_draw


@dataclass(frozen=True)
class Written:
    """A blank sheet."""

    file: Path
    n_texts: int
    n_predicates: int


def run(arguments: argparse.Namespace) -> None:
    """Writes the sheet and says what to do with it."""
    study = load(arguments.study)
    written = write(study, arguments.texts, arguments.found)
    found = {**asdict(written), "file": shown(written.file)}
    output(found, lambda _: lines(written, study), arguments.json)


def write(study: Study, n_texts: int = 100, found: bool = False) -> Written:
    """Writes the study's sheet: about so many texts of each group, all frozen predicates or those found.

    Raises:
        MissingStageError: formalise, or with `found` score, has not run.
        ParamsError: there is nothing to label, or the study judges more than single texts of two groups.
        StoreError: the sheet is there and has verdicts.
    """
    file = _file(study)
    if n_texts < 1:
        raise ParamsError(f"--texts {n_texts}: wanted 1 or more texts of each group.")
    predicates = _predicates(study, found)
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    held_out = kinds.load(study.kind).units(study, texts)
    drawn = gold_texts(held_out, n_texts, study.seed)
    if not drawn.height:
        raise ParamsError(f"--texts {n_texts}: no text was drawn, of {held_out.height}. Ask for more.")
    if media.are_pictures(drawn):
        known = media.facts(study.name).select("media", "path")
        drawn = drawn.join(known, on="media", how="left", maintain_order="left")
    sheets.write(blank(drawn, predicates, study.seed), file)
    return Written(file, drawn.height, predicates.height)


def gold_texts(held_out: pl.DataFrame, n_texts: int, seed: int) -> pl.DataFrame:
    """The texts that a gold judge of `gold: {texts: n_texts}` reads, with the chance that each had."""
    chance = gold_draw.chances(held_out, n_texts)
    chosen = held_out.with_columns(pl.Series("chance", chance, dtype=pl.Float64))
    return chosen.filter(pl.Series(gold_draw.are_drawn(held_out, chance, seed)))


def blank(drawn: pl.DataFrame, predicates: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The sheet's rows: text by text in the order of a hash, so that half a sheet is a random half."""
    order = hashes(drawn["text_id"], "sheet", str(seed)).alias("order")
    return (
        drawn.with_columns(order)
        .sort("order")
        .join(predicates, how="cross", maintain_order="left_right")
        .select(
            pl.lit("").alias("verdict"),
            "predicate",
            # Of a picture the text is its caption, if it has one: the path says which to look at.
            cs.by_name("path", "text", require_all=False),
            pl.col("predicate_id").map_batches(sheets.written_ids, return_dtype=pl.String),
            pl.col("text_id").map_batches(sheets.written_ids, return_dtype=pl.String),
        )
    )


def lines(written: Written, study: Study) -> list[str]:
    """What to do with the sheet."""
    name = written.file.name
    rows = written.n_texts * written.n_predicates
    return [
        f"{shown(written.file)}: {rows:,} rows to fill in, {written.n_texts:,} texts x "
        f"{written.n_predicates:,} predicates",
        "  verdict: 1 where it holds for the text, 0 where not, ? where nobody could say, blank if not read",
        f"  then write `labels: {name}` under {study.name} in params.yaml and run "
        f"`dvc repro report@{study.name}`",
    ]


def _file(study: Study) -> Path:
    compares = kinds.load(study.kind).compares
    if study.collect.is_one_pile or study.verify.form == "two_text":
        raise ParamsError(
            f"studies.{study.name}: wanted two groups of texts that are judged one by one; a label is about "
            f"one text. {'Its kind compares two' if compares else 'Write `form: one_text` under verify'}."
        )
    file = labels.file_of(study)
    if file.suffix.lower() != ".csv":
        raise ParamsError(
            f"studies.{study.name}.labels: wanted a name that ends in .csv to write a sheet, got {file.name}."
        )
    n_there = labels.n_verdicts(file) if file.exists() else 0
    if n_there:
        raise StoreError(
            f"{shown(file)}: holds {n_there:,} verdicts, nothing was written. Go on in it, or move it away."
        )
    return file


def _predicates(study: Study, found: bool) -> pl.DataFrame:
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    if found:
        scores = frames.read(paths.output(study.name, "score"), "scores.parquet", frames.SCORES)
        held = scores.filter("is_discovery").select("predicate_id")
        frozen = frozen.join(held, on="predicate_id", how="semi", maintain_order="left")
    if not frozen.height:
        lack = "no predicate is a discovery. Leave --found out" if found else "there are none. Rerun propose"
        raise ParamsError(f"label {study.name}: wanted frozen predicates to label, {lack}.")
    return frozen.select("predicate_id", "predicate")
