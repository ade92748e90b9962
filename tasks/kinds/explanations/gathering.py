"""A table of explanations -> explained inputs, what is said of each, and what it was tried on."""

from typing import Any

import polars as pl

from tasks.errors import CorpusError, SourceError
from tasks.kinds.explanations import asking, calling, checks, editing, tables
from tasks.kinds.explanations.guesses import folded
from tasks.kinds.explanations.inputs import opened
from tasks.kinds.explanations.params import Explanations, own
from tasks.kinds.parts import Gathered
from tasks.records import Call
from tasks.store import canonical
from tasks.store.sources import hashes, told_apart
from tasks.store.sources.parts import DOCUMENT, TEXT
from tasks.study import Study

ONE = "the explanations"
"""What an explainer is called where no column names one."""


def gathered(study: Study) -> Gathered:
    """All explained inputs of the sources.

    Raises:
        SourceError: a source or column cannot be used, or one input has two answers or explanations.
        CorpusError: nothing is explained, nothing was guessed, or all answers are one.
        MissingStageError: models are yet to be asked.
    """
    asked, where = own(study), f"studies.{study.name}.explanations"
    reader, table = opened(study, _columns(asked))
    given, noted, calls = table.picked, dict[str, Any](), tuple[Call, ...]()
    if asked.python:
        given, noted = _called(given, asked, study.seed, where)
    elif asked.task:
        said, calls, in_vain = asking.told(study)
        given, noted = given.join(said, on=TEXT, how="inner", maintain_order="left"), {"in_vain": in_vain}
    rows, left_out = _whole(_with_hashes(given, study), where, table.label)
    explained = _explanations(rows, study, table.label)
    tried = _counterfactuals(rows, asked, where, table.label)
    odd = checks.answers(study, explained, tried)
    if not _is_tried(rows):
        checks.covered(study, rows)
    read: dict[str, Any] = reader.manifest() | noted
    read |= {"explainers": explained["explainer"].unique().sort().to_list(), "left_out": left_out}
    if warnings := [*read.get("warnings", []), *_of_left_out(left_out), *_of_vain(noted), *odd]:
        read["warnings"] = warnings
    items = rows.select(TEXT, DOCUMENT).unique(maintain_order=True).with_columns(group=pl.lit("A"))
    return Gathered(
        items.select(TEXT, "group", DOCUMENT),
        {"A": study.collect.a_name or "the explained inputs"},
        read,
        {"explanations": explained, "counterfactuals": tried},
        calls,
    )


def _called(
    rows: pl.DataFrame, asked: Explanations, seed: int, where: str
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The rows with what the function says of each distinct text, and of edits of it."""
    named = str(asked.python)
    texts = rows[TEXT].drop_nulls().unique(maintain_order=True).to_list()
    said, digest = calling.told(named, texts, ONE, where)
    if asked.edited:
        said = editing.edited(said, asked.edited, seed)
        others = said["counterfactual"].unique().sort().to_list()
        answers, _ = calling.told(named, others, ONE, where)
        outcome = answers.unique("text").select(counterfactual="text", outcome="answer")
        said = said.join(outcome, on="counterfactual", how="left", maintain_order="left")
    told = rows.join(said, on=TEXT, how="inner", maintain_order="left")
    return told, {"function": {"name": named, "digest": digest}}


def _columns(asked: Explanations) -> dict[str, str | None]:
    """By key the column that is read; none where a function or models say it."""
    if asked.python or asked.task:
        return {}
    columns = {"explanation": asked.explanation, "answer": asked.answer, "explainer": asked.explainer}
    columns |= {"plausibility": asked.plausibility, "counterfactual": asked.counterfactual}
    if asked.counterfactual:
        columns |= {"guess": asked.guess, "outcome": asked.outcome}
    return columns


def _with_hashes(rows: pl.DataFrame, study: Study) -> pl.DataFrame:
    """With the text_hash that collect will give the explained input, and answers as they are compared."""
    told = hashes(told_apart(rows[TEXT], study.collect))
    given = [name for name in ("answer", "guess", "outcome", "explanation") if name in rows.columns]
    tidy = [_tidy(name) for name in given]
    explainer = _tidy("explainer").fill_null(ONE) if "explainer" in rows.columns else pl.lit(ONE)
    made = rows.with_columns(told.alias("text_hash"), *tidy, explainer.alias("explainer"))
    if not _is_tried(rows):
        return made
    other = canonical.with_changes(rows["counterfactual"])[0]
    is_other = _line(pl.lit(other)).str.to_lowercase() != _line(pl.col(TEXT)).str.to_lowercase()
    return made.with_columns(counterfactual=pl.when(is_other).then(other))


def _tidy(name: str) -> pl.Expr:
    """As one line; null where nothing is written."""
    said = _line(pl.col(name).cast(pl.String))
    return pl.when(said != "").then(said).alias(name)


def _line(said: pl.Expr) -> pl.Expr:
    return said.str.replace_all(r"\s+", " ").str.strip_chars()


def _whole(rows: pl.DataFrame, where: str, label: str) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that say what was explained, how, and what came of it; and how many lack what.

    Raises:
        CorpusError: none is left.
    """
    needed = ["text", "answer", "explanation"]
    needed += [name for name in ("counterfactual", "outcome") if _is_tried(rows) and name in rows.columns]
    left_out = {name: rows[name].null_count() for name in needed if rows[name].null_count()}
    kept = rows.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in needed))
    if rows.is_empty():
        raise CorpusError(
            f"{where}: wanted inputs that were answered and explained, models gave nothing of use for any of "
            f"{label}. Look at explanations.answers, or name other models."
        )
    if kept.is_empty():
        lacking = max(left_out, key=left_out.__getitem__)
        raise CorpusError(
            f"{where}: wanted rows with {', '.join(needed)}, none of the {rows.height:,} rows of {label} has "
            f"all of them, and {left_out[lacking]:,} have no {_LACKED.get(lacking, lacking)}."
        )
    return kept, left_out


def _explanations(rows: pl.DataFrame, study: Study, label: str) -> pl.DataFrame:
    """One row an input and explainer.

    Raises:
        SourceError: an input has two answers, or two explanations of one explainer, or a plausibility is no
            number.
    """
    where = f"studies.{study.name}.explanations"
    told = rows.with_columns(_number(rows, where, label))
    checks.said_once(told, ("answer", "explanation"), where, label)
    each = told.group_by("text_hash", "explainer").agg(
        pl.col("explanation", "answer").first(), pl.col("plausibility").mean()
    )
    return each.select(tables.EXPLANATIONS.names()).cast(tables.EXPLANATIONS).sort("text_hash", "explainer")


def _is_tried(rows: pl.DataFrame) -> bool:
    """Whether inputs were tried on readers; else they are drawn."""
    return "guess" in rows.columns


def _number(rows: pl.DataFrame, where: str, label: str) -> pl.Series:
    if "plausibility" not in rows.columns:
        return pl.repeat(None, rows.height, dtype=pl.Float64, eager=True).alias("plausibility")
    said = rows["plausibility"].cast(pl.String).str.strip_chars()
    number = said.cast(pl.Float64, strict=False)
    broken = said.filter(said.is_not_null() & (said != "") & (number.is_null() | ~number.is_finite()))
    if len(broken):
        raise SourceError(f"{where}.plausibility: wanted numbers in {label}, got {broken[0]!r}.")
    return number.alias("plausibility")


def _counterfactuals(rows: pl.DataFrame, asked: Explanations, where: str, label: str) -> pl.DataFrame:
    """Distinct inputs that explanations were tried on; a guess that is none is null.

    Raises:
        SourceError: a counterfactual has two outcomes, or two guesses from one explanation; or an answer
            of the model would be no guess.
    """
    if not _is_tried(rows):
        return pl.DataFrame(schema=tables.COUNTERFACTUALS)
    tried = rows
    # Of a function and of models there is no guess where there is none; what is written in a table says so.
    if asked.counterfactual:
        none = [folded(one) for one in asked.cannot_tell]
        checks.can_be_told(rows, none, where)
        guess = pl.when(~pl.col("guess").str.to_lowercase().is_in(none)).then("guess")
        tried = rows.with_columns(guess.alias("guess"))
    checks.said_once(tried, ("outcome", "guess"), where, label)
    return tried.select(tables.COUNTERFACTUALS.names()).unique().sort(tables.COUNTERFACTUALS.names())


def _of_vain(noted: dict[str, Any]) -> list[str]:
    """What models were asked in vain: refused, empty, or none of the answers they may give."""
    return [f"no use: {n:,} {what} of models" for what, n in noted.get("in_vain", {}).items()]


def _of_left_out(left_out: dict[str, int]) -> list[str]:
    lacked = [(n, _LACKED.get(name, name)) for name, n in left_out.items()]
    return [
        f"left out: {n:,} row{'s' * (n != 1)} without {'an' if name[0] in 'aeo' else 'a'} {name}"
        for n, name in lacked
    ]


_LACKED = {"counterfactual": "counterfactual other than the input"}
"""What a row lacks where a column has nothing of use."""
