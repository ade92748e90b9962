"""Verdicts of people (or of a model asked elsewhere) as gold verdicts: `labels: FILE` in data/labels.

A sheet has a row per text and predicate, in any order, with other columns as it likes:

    verdict                    1 0, yes no, true false, or 0-1; blank: not labelled; ?: cannot be said
    predicate_id or predicate  ids come first; the sentence is what counts where there is no known id
    text_id or text            the same; texts are compared as duplicates are
    chance                     that this pair had to be labelled; without it all had the same
    labeller                   who; of several the mean counts, and their agreement is told
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import paths
from tasks.errors import ParamsError, SourceError
from tasks.records import Predicate
from tasks.stats.reliability import judges_alpha_krippendorff
from tasks.store import frames, sheets
from tasks.store.sources import hashes, normalised
from tasks.store.sources.wording import shown
from tasks.study import Study

PAIR = ["predicate_id", "text_id"]


@dataclass(frozen=True)
class Labels:
    """What a file of labels says about a study."""

    gold: pl.DataFrame
    """Rows of frames.GOLD, sorted by predicate and text."""
    noted: dict[str, Any]
    """Rows read, blank, refused and of no known text or predicate; labellers and how they agree."""


def file_of(study: Study) -> Path:
    """The study's file of labels, whether it is there or not.

    Raises:
        ParamsError: `labels` leaves data/labels.
    """
    file = paths.labels() / (study.label_file or f"{study.name}.csv")
    if not file.resolve().is_relative_to(paths.labels().resolve()):
        raise ParamsError(
            f"studies.{study.name}.labels: wanted the name of a file in {shown(paths.labels())}, got "
            f"{study.label_file!r}. Put the file there and write its name."
        )
    return file


def read(study: Study, held_out: pl.DataFrame, predicates: Sequence[Predicate]) -> pl.DataFrame:
    """The gold verdicts of the study's file of labels, as frames.GOLD; raises as `labelled`."""
    return labelled(study, held_out, predicates).gold


def labelled(study: Study, held_out: pl.DataFrame, predicates: Sequence[Predicate]) -> Labels:
    """The study's file of labels, matched with its confirmation texts and frozen predicates.

    Raises:
        SourceError: the file cannot be read, lacks a column, holds a verdict that cannot be meant or two that
            contradict each other, or nothing of it is about this study.
    """
    file = file_of(study)
    cells = sheets.read(file)
    where = f"studies.{study.name}.labels"
    if study.verify.plan == "sequential" and "chance" not in cells.columns:
        raise SourceError(
            f"{where}: wanted a column 'chance' in {shown(file)} with `plan: sequential`: how likely each "
            "pair was to be labelled, in (0, 1]. `python -m tasks label` writes it; 1 where all were."
        )
    rows = cells.select(
        pl.int_range(pl.len()).alias("row"),
        sheets.text(cells, "labeller").fill_null("").alias("labeller"),
        *sheets.verdicts(sheets.wanted(cells, ("verdict",), file, where), file, where),
        sheets.chances(cells, file, where),
    )
    rows = rows.join(_of_predicates(cells, predicates, file, where), on="row", how="left")
    rows = rows.join(_of_texts(cells, study, held_out, file, where), on="row", how="left").sort("row")
    said = rows.filter(pl.col("status").is_not_null())
    known = said.drop_nulls(PAIR)
    noted: dict[str, Any] = {
        "file": shown(file),
        "n_rows": cells.height,
        "n_blank": cells.height - said["row"].n_unique(),
        "n_unknown_texts": said.filter(pl.col("text_id").is_null())["row"].n_unique(),
        "n_unknown_predicates": said.filter(pl.col("predicate_id").is_null())["row"].n_unique(),
    }
    _check_any(known, noted, where)
    if study.verify.plan == "sequential":
        known = _as_labelled(rows.drop_nulls(PAIR), held_out)
    each = _each_once(known, file, where)
    gold = _together(each, file, where)
    noted |= {"n_labelled": gold.height, "n_refused": gold.filter(pl.col("status") == "refusal").height}
    return Labels(gold, noted | _agreement(each, held_out, study.score.level))


def n_texts(study: Study, held_out: pl.DataFrame) -> dict[str, int]:
    """How many texts of each group have a label, whatever it is about.

    Raises:
        SourceError: the file cannot be read.
    """
    file = file_of(study)
    cells = sheets.read(file)
    matched = _of_texts(cells, study, held_out, file, f"studies.{study.name}.labels")
    done = pl.Series("row", (sheets.text(cells, "verdict").fill_null("") != "").arg_true(), dtype=pl.Int64)
    labelled_ids = matched.filter(pl.col("row").is_in(done.implode()))["text_id"]
    known = held_out.filter(pl.col("text_id").is_in(labelled_ids.implode()))
    return {group: known.filter(group=group).height for group in ("A", "B")}


def n_verdicts(file: Path) -> int:
    """How many rows of a sheet have anything in their verdict column: work that must not be lost."""
    cells = sheets.read(file)
    if "verdict" not in cells.columns:
        return cells.height
    return int((sheets.text(cells, "verdict").fill_null("") != "").sum())


def _of_predicates(
    cells: pl.DataFrame, predicates: Sequence[Predicate], file: Path, where: str
) -> pl.DataFrame:
    """Columns row, predicate_id: by id, else by the sentence."""
    sheets.wanted(cells, ("predicate_id", "predicate"), file, where)
    frozen = pl.DataFrame(
        {"key": [p.predicate for p in predicates], "predicate_id": [p.predicate_id for p in predicates]},
        schema={"key": pl.String, "predicate_id": pl.String},
    ).with_columns(normalised(pl.Series("key", [p.predicate for p in predicates], dtype=pl.String)))
    return _matched(
        cells, "predicate_id", normalised(sheets.unguarded(sheets.text(cells, "predicate"))), frozen
    )


def _of_texts(
    cells: pl.DataFrame, study: Study, held_out: pl.DataFrame, file: Path, where: str
) -> pl.DataFrame:
    """Columns row, text_id: by id, else by the text, which may stand in both groups."""
    sheets.wanted(cells, ("text_id", "text"), file, where)
    text = sheets.unguarded(sheets.text(cells, "text"))
    text = text.str.replace_all("\0", "\ufffd", literal=True).str.slice(0, study.collect.max_chars)
    known = held_out.select(pl.col("text_hash").alias("key"), "text_id")
    return _matched(cells, "text_id", hashes(normalised(text).fill_null("")), known)


def _matched(cells: pl.DataFrame, name: str, key: pl.Series, known: pl.DataFrame) -> pl.DataFrame:
    rows = pl.DataFrame(
        [sheets.read_ids(sheets.text(cells, name)).alias(name), key.alias("key")]
    ).with_row_index("row")
    rows = rows.with_columns(pl.col("row").cast(pl.Int64))
    by_id = rows.select("row", name).join(known.select(name), on=name)
    others = rows.join(by_id, on="row", how="anti").select("row", "key").join(known, on="key")
    return pl.concat([by_id.select("row", name), others.select("row", name)])


def _check_any(known: pl.DataFrame, noted: dict[str, Any], where: str) -> None:
    """Raises where no verdict is left: for want of any, or of any about this study."""
    if noted["n_blank"] == noted["n_rows"]:
        raise SourceError(
            f"{where}: wanted verdicts in column 'verdict' of {noted['file']}, all of its {noted['n_rows']} "
            "rows are blank. Fill some in, or leave `labels` out until then."
        )
    if not known.height:
        raise SourceError(
            f"{where}: wanted verdicts about confirmation texts and frozen predicates of this study in "
            f"{noted['file']}, there are none: {noted['n_unknown_texts']} rows name no such text, "
            f"{noted['n_unknown_predicates']} no such predicate. Was it written for another split or study? "
            "`python -m tasks label` writes a sheet for this one."
        )


def _as_labelled(rows: pl.DataFrame, held_out: pl.DataFrame) -> pl.DataFrame:
    """The labelled rows, with the chance to be drawn and then labelled.

    Sheets are left half done. A walk would take a drawn text without a label for one that was not drawn, and
    lean to the judge by as much: so the chance is that of the part that was labelled, in each group.
    """
    part = ["predicate_id", "group"]
    rows = rows.join(held_out.select("text_id", "group"), on="text_id")
    done = pl.col("status").is_not_null().any().over([*PAIR])
    counted = rows.with_columns(done.alias("done")).unique(PAIR, maintain_order=True)
    share = counted.group_by(part).agg(pl.col("done").mean().alias("share"))
    said = rows.filter(pl.col("status").is_not_null()).join(share, on=part)
    return said.with_columns(pl.col("chance") * pl.col("share"))


def _each_once(rows: pl.DataFrame, file: Path, where: str) -> pl.DataFrame:
    """One row per pair and labeller; the same verdict twice is one."""
    key = [*PAIR, "labeller"]
    first, other = pl.struct("score", "status"), pl.col("row")
    clash = rows.with_columns(first.first().over(key).alias("one"), other.first().over(key).alias("before"))
    clash = clash.filter(pl.col("one") != first).sort("row")
    if clash.height:
        before, now = (sheets.row_name(file, int(clash[name][0])) for name in ("before", "row"))
        who = clash["labeller"][0]
        advice = "Correct one" if who else "Correct one, or name who labelled in a column 'labeller'"
        raise SourceError(
            f"{where}: wanted one verdict of a text and predicate{f' by {who}' if who else ''}, {before} and "
            f"{now} of {shown(file)} disagree ({clash.height} such rows). {advice}."
        )
    return rows.unique(key, keep="first", maintain_order=True)


def _together(each: pl.DataFrame, file: Path, where: str) -> pl.DataFrame:
    """Labellers of a pair as one: the mean of those who gave a value."""
    pairs = each.group_by(PAIR).agg(
        pl.col("score").mean(),
        pl.when(pl.col("score").is_not_null().any()).then(pl.lit("value")).otherwise(pl.lit("refusal"))
        .alias("status"),
        pl.col("chance").first(),
        pl.col("chance").n_unique().alias("n_chances"),
        pl.col("row").max(),
    ).sort(PAIR)  # fmt: skip
    two = pairs.filter(pl.col("n_chances") > 1).sort("row")
    if two.height:
        raise SourceError(
            f"{where}: wanted one chance of a text and predicate, its rows in {shown(file)} give several, "
            f"the last in {sheets.row_name(file, int(two['row'][0]))}. Write the one it was drawn with."
        )
    return frames.conform(pairs, frames.GOLD)


def _agreement(each: pl.DataFrame, held_out: pl.DataFrame, level: float) -> dict[str, Any]:
    """How many labelled, and Krippendorff's alpha over all pairs that two or more of them labelled."""
    wide = each.drop_nulls("score").join(held_out.select("text_id", "document_id"), on="text_id")
    n_labellers = each["labeller"].n_unique()
    wide = wide.sort("labeller", *PAIR).pivot(
        "labeller", index=[*PAIR, "document_id"], values="score", maintain_order=True
    )
    every = wide.drop(*PAIR, "document_id").to_numpy().astype(np.float64)
    several = (~np.isnan(every)).sum(axis=1) > 1
    found: dict[str, Any] = {"n_labellers": n_labellers, "n_shared": int(several.sum())}
    if not several.any():
        return found
    document = wide["document_id"].rank("dense").to_numpy().astype(np.int64)[several]
    scores = every[several]
    is_binary = np.isin(scores[~np.isnan(scores)], (0.0, 1.0)).all()
    alpha = judges_alpha_krippendorff(
        scores[:, None, :], document, level, "nominal" if is_binary else "interval"
    )
    if np.isnan(alpha.estimate[0]):
        return found
    ends = {"alpha": alpha.estimate[0], "alpha_lo": alpha.lo[0], "alpha_hi": alpha.hi[0]}
    return found | {name: float(value) for name, value in ends.items()}
