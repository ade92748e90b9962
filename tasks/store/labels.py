"""Verdicts of people (or of a model asked elsewhere) as gold verdicts: `labels: FILE` in data/labels.

A sheet has a row per text and predicate, in any order, with other columns as it likes:

    verdict                    1 0, yes no, true false, or 0-1; blank: not labelled; ?: cannot be said
    predicate_id or predicate  ids come first; the sentence is what counts where there is no known id
    text_id or text            the same; texts are compared as duplicates are; both may not name two texts
    chance                     that this pair had to be labelled; without it that of its group, by what was
    labeller                   who; of several the majority counts (of grades the mean; a tie is a refusal),
                               and their agreement is told
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
from tasks.store.sources import hashes, masked, normalised
from tasks.store.sources.wording import shown
from tasks.study import Study

PAIR = ["predicate_id", "text_id"]
_ROUNDING = 1e-9
_LONGEST = 255
"""Bytes of a file's name, on nearly all systems."""
_MOST_SHOWN = 60
_HALF = 0.5
_ERRORS = 2
"""Standard errors by which shares of A and B must differ to be two."""


@dataclass(frozen=True)
class Labels:
    """What a file of labels says about a study."""

    gold: pl.DataFrame
    """Rows of frames.GOLD, sorted by predicate and text."""
    noted: dict[str, Any]
    """Rows read, blank, refused, tied and of no known text or predicate; labellers and how they agree."""


def file_of(study: Study) -> Path:
    """The study's file of labels, whether it is there or not.

    Raises:
        ParamsError: `labels` is no name of a file, or leaves data/labels.
    """
    name = f"{study.name}.csv" if study.label_file is None else study.label_file
    file = paths.labels() / name
    if not (_is_name(name) and paths.labels().resolve() in file.resolve().parents and not file.is_dir()):
        given = repr(name if len(name) <= _MOST_SHOWN else f"{name[:_MOST_SHOWN]}...")
        raise ParamsError(
            f"studies.{study.name}.labels: wanted the name of a file in {shown(paths.labels())}, got "
            f"{given}. Put the file there and write its name."
        )
    return file


def _is_name(name: str) -> bool:
    """Whether a file may be called so anywhere; systems fail in many ways at what may not."""
    parts = name.split("/")
    return bool(name.strip()) and name.isprintable() and max(len(part.encode()) for part in parts) <= _LONGEST


def read(study: Study, held_out: pl.DataFrame, predicates: Sequence[Predicate]) -> pl.DataFrame:
    """The gold verdicts of the study's file of labels, as frames.GOLD; raises as `labelled`."""
    return labelled(study, held_out, predicates).gold


def labelled(study: Study, held_out: pl.DataFrame, predicates: Sequence[Predicate]) -> Labels:
    """The study's file of labels, matched with its confirmation texts and frozen predicates.

    Raises:
        SourceError: the file cannot be read, lacks a column, holds a verdict that cannot be meant or two that
            contradict each other, an id and a text that are not one, or nothing of it is about this study.
    """
    file = file_of(study)
    cells = sheets.read(file)
    where = f"studies.{study.name}.labels"
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
        known = _as_labelled(rows.drop_nulls(PAIR), held_out, file, where)
    elif "chance" not in cells.columns:
        known = _alike(_as_labelled(known, held_out, file, where))
    each = _each_once(known, file, where)
    threshold = next((p.threshold for p in predicates), None)
    gold, n_ties = _together(each, threshold, file, where)
    n_refused = gold.filter(pl.col("status") == "refusal").height
    noted |= {"n_labelled": gold.height, "n_refused": n_refused, "n_ties": n_ties}
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
    sentence = sheets.text(cells, "predicate")
    keys = [normalised(one) for one in (sentence, sheets.unguarded(sentence))]
    return _matched(cells, "predicate", keys, frozen, file, where)


def _of_texts(
    cells: pl.DataFrame, study: Study, held_out: pl.DataFrame, file: Path, where: str
) -> pl.DataFrame:
    """Columns row, text_id: by id, else by the text, which may stand in both groups."""
    sheets.wanted(cells, ("text_id", "text"), file, where)
    said = sheets.text(cells, "text")
    whole = [text.str.slice(0, study.collect.max_chars) for text in (said, sheets.unguarded(said))]
    # A sheet of ours has texts as collect left them: hiding may find more in what it left.
    as_read = [masked(text, study.collect)[0] for text in whole]
    keys = [hashes(normalised(text).fill_null("")) for text in (*whole, *as_read)]
    known = held_out.select(pl.col("text_hash").alias("key"), "text_id")
    return _matched(cells, "text", keys, known, file, where)


def _matched(
    cells: pl.DataFrame,
    what: str,
    keys: Sequence[pl.Series],
    known: pl.DataFrame,
    file: Path,
    where: str,
) -> pl.DataFrame:
    """Columns row and the id, by id, else by what is said: by the first of its keys that is known.

    Raises:
        SourceError: a row's id is of one, and what it says another.
    """
    name = f"{what}_id"
    of_each = pl.DataFrame([one.alias(str(i)) for i, one in enumerate(keys)])
    is_known = [pl.when(pl.col(one).is_in(known["key"].implode())).then(one) for one in of_each.columns]
    key = of_each.select(pl.coalesce(*is_known, "0").alias("key"))
    given = sheets.read_ids(sheets.text(cells, name)).alias(name)
    rows = pl.DataFrame([given, key.to_series()]).with_columns(pl.int_range(pl.len()).alias("row"))
    by_id = rows.join(known.select(name).unique(), on=name)
    # One text may stand in both groups: any of its ids will do.
    others = by_id.join(known.select("key").unique(), on="key").join(known, on=["key", name], how="anti")
    if others.height:
        row = int(others["row"].min())  # type: ignore[arg-type]
        raise SourceError(
            f"{where}: wanted the {name} and the {what} of a row to be of one {what}, "
            f"{sheets.row_name(file, row)} of {shown(file)} has the id of one and the words of another "
            f"({others.height} such rows). Were columns sorted apart? Bring them together, or empty the "
            "column that is wrong."
        )
    by_key = rows.join(by_id, on="row", how="anti").select("row", "key").join(known, on="key")
    return pl.concat([by_id.select("row", name), by_key.select("row", name)])


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
            "`natstat label` writes a sheet for this one."
        )


def _as_labelled(rows: pl.DataFrame, held_out: pl.DataFrame, file: Path, where: str) -> pl.DataFrame:
    """The labelled rows, each with the share of its group's confirmation texts that were labelled as chance.

    A walk would take a text without a label for one that was not drawn, and believe the judge about it. So
    what counts is how many were labelled of how many there are, whatever the sheet says: it may be half done,
    have lost its blank rows, or have been written for other texts.

    Raises:
        SourceError: texts of one group had different chances. A walk bets within the range of the smallest
            chance there was, and of texts that were not drawn a file does not tell.
    """
    part = ["predicate_id", "group"]
    rows = rows.join(held_out.select("text_id", "group"), on="text_id", maintain_order="left")
    chance = pl.col("chance")
    ends = rows.group_by(part).agg(chance.min().alias("least"), chance.max().alias("most"))
    uneven = ends.filter(pl.col("most") > pl.col("least") * (1 + _ROUNDING)).sort(part)
    if uneven.height:
        of = uneven.row(0, named=True)
        raise SourceError(
            f"{where}: wanted one chance for all texts of a group about a predicate with `plan: sequential`, "
            f"got {of['least']:.4g} and {of['most']:.4g} for {of['predicate_id']} in {of['group']} of "
            f"{shown(file)} ({uneven.height} such). Draw texts of a group alike, or write `plan: fixed`."
        )
    said = rows.filter(pl.col("status").is_not_null())
    labelled = said.unique(PAIR).group_by(part).agg(pl.len().alias("n_labelled"))
    own = [name for name in part if name in held_out.columns]
    share = labelled.join(held_out.group_by(own).agg(pl.len().alias("n_texts")), on=own)
    share = share.select(*part, (pl.col("n_labelled") / pl.col("n_texts")).alias("share"))
    return said.join(share, on=part, maintain_order="left").with_columns(chance="share")


def _alike(rows: pl.DataFrame) -> pl.DataFrame:
    """One chance for both groups of a fixed plan where what was labelled may well come of one.

    Its effects are made group by group and need neither. The judge's error is weighted by chances, and kappa,
    which cannot be, is told where there is one: two that differ by chance alone would take it away.
    """
    n, k, share = pl.col("n"), pl.col("k"), pl.col("chance")
    of_groups = rows.unique(PAIR).group_by("predicate_id", "group").agg(pl.len().alias("k"), share.first())
    both = of_groups.with_columns(n=k / share).group_by("predicate_id").agg(
        (k.sum() / n.sum()).alias("one"),
        (share.max() - share.min()).alias("apart"),
        (1 / n).sum().alias("per_n"),
    )  # fmt: skip
    error = (pl.col("one") * (1 - pl.col("one")) * pl.col("per_n")).sqrt()
    both = both.select("predicate_id", one=pl.when(pl.col("apart") <= _ERRORS * error).then("one"))
    rows = rows.join(both, on="predicate_id", maintain_order="left")
    return rows.with_columns(chance=pl.coalesce("one", "chance"))


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


def _together(
    each: pl.DataFrame, threshold: float | None, file: Path, where: str
) -> tuple[pl.DataFrame, int]:
    """Labellers of a pair as one, by those who gave a value, and how many pairs were tied.

    Each says yes or no by the judge's threshold, and the majority counts; the mean of all under that same
    threshold would take what one of two says for what both do. Where the effect is of grades, the mean does.
    """
    score, yes = pl.col("score").drop_nulls(), pl.col("yes")
    several = pl.lit(threshold is not None) & (pl.col("n_values") > 1)
    pairs = each.group_by(PAIR).agg(
        score.len().alias("n_values"),
        score.mean().alias("mean"),
        (score >= (threshold or 0)).mean().alias("yes"),
        pl.col("chance").first(),
        pl.col("chance").n_unique().alias("n_chances"),
        pl.col("row").max(),
    ).with_columns(tied=several & (yes == _HALF)).with_columns(
        score=pl.when("tied").then(None).when(several).then((yes > _HALF).cast(pl.Float64)).otherwise("mean")
    ).with_columns(
        status=pl.when(pl.col("score").is_null()).then(pl.lit("refusal")).otherwise(pl.lit("value"))
    ).sort(PAIR)  # fmt: skip
    two = pairs.filter(pl.col("n_chances") > 1).sort("row")
    if two.height:
        raise SourceError(
            f"{where}: wanted one chance of a text and predicate, its rows in {shown(file)} give several, "
            f"the last in {sheets.row_name(file, int(two['row'][0]))}. Write the one it was drawn with."
        )
    return frames.conform(pairs, frames.GOLD), int(pairs["tied"].sum())


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
