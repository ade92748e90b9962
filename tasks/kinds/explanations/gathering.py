"""A table of explanations -> explained inputs, what is said of each, and what it was tried on."""

from typing import Any

import polars as pl

from tasks.errors import CorpusError, SourceError
from tasks.kinds.explanations import tables
from tasks.kinds.explanations.params import Explanations, folded, own
from tasks.kinds.parts import Gathered
from tasks.store import canonical
from tasks.store.sources import hashes, masked, normalised
from tasks.store.sources.reader import DOCUMENT, TEXT, Pick, Reader
from tasks.study import Study
from tasks.study.corpus import Source

ONE = "the explanations"
"""What an explainer is called where no column names one."""
LEAST_ANSWERS = 2
"""Where a model gives one answer throughout there is nothing to foresee."""


def gathered(study: Study) -> Gathered:
    """All explained inputs of the sources.

    Raises:
        SourceError: a source or column cannot be used, or one input has two answers or explanations.
        CorpusError: nothing is explained, nothing was guessed, or all answers are one.
    """
    asked, params = own(study), study.collect
    reader = Reader(study)
    table = reader.table("", Source(), _picks(study, asked))
    rows = _with_hashes(table.picked, study)
    rows, left_out = _whole(rows, asked, f"studies.{study.name}.explanations", table.label)
    said = _explanations(rows, study, table.label)
    tried = _counterfactuals(rows, asked)
    _check_answers(study, said, tried, asked)
    read: dict[str, Any] = reader.manifest()
    read |= {"explainers": said["explainer"].unique().sort().to_list(), "left_out": left_out}
    if warnings := [*read.get("warnings", []), *_of_left_out(left_out)]:
        read["warnings"] = warnings
    items = rows.select("text", "document_id").unique(maintain_order=True).with_columns(group=pl.lit("A"))
    return Gathered(
        items.select("text", "group", "document_id"),
        {"A": params.a_name or "the explained inputs"},
        read,
        {"explanations": said, "counterfactuals": tried},
    )


def _picks(study: Study, asked: Explanations) -> dict[str, Pick]:
    columns = {"explanation": asked.explanation, "answer": asked.answer, "explainer": asked.explainer}
    columns |= {"plausibility": asked.plausibility, "counterfactual": asked.counterfactual}
    if asked.counterfactual:
        columns |= {"guess": asked.guess, "outcome": asked.outcome}
    picks = {
        TEXT: Pick(study.collect.text, "text"),
        DOCUMENT: Pick(study.collect.document, "document", "ids"),
    }
    return picks | {name: Pick(column, name, block=study.kind) for name, column in columns.items()}


def _with_hashes(rows: pl.DataFrame, study: Study) -> pl.DataFrame:
    """With the text_hash that collect will give the explained input, and answers as they are compared."""
    params = study.collect
    read = canonical.with_changes(rows[TEXT])[0].str.slice(0, params.max_chars)
    told = hashes(normalised(masked(read, params)[0]).fill_null(""))
    given = [name for name in ("answer", "guess", "outcome", "explanation") if name in rows.columns]
    tidy = [_tidy(name) for name in given]
    explainer = _tidy("explainer").fill_null(ONE) if "explainer" in rows.columns else pl.lit(ONE)
    return rows.with_columns(told.alias("text_hash"), *tidy, explainer.alias("explainer"))


def _tidy(name: str) -> pl.Expr:
    """As one line; null where nothing is written."""
    said = pl.col(name).cast(pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(said != "").then(said).alias(name)


def _whole(
    rows: pl.DataFrame, asked: Explanations, where: str, label: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that say what was explained, how, and what came of it; and how many lack what.

    Raises:
        CorpusError: none is left.
    """
    needed = ["text", "answer", "explanation"]
    needed += ["counterfactual", "outcome"] if asked.counterfactual else []
    left_out = {name: rows[name].null_count() for name in needed if rows[name].null_count()}
    kept = rows.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in needed))
    if kept.is_empty():
        lacking = max(left_out, key=left_out.__getitem__)
        raise CorpusError(
            f"{where}: wanted rows with {', '.join(needed)}, none of the {rows.height:,} rows of {label} has "
            f"all of them, and {left_out[lacking]:,} have no {lacking}."
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
    for column, keys in (("answer", ["text_hash"]), ("explanation", ["text_hash", "explainer"])):
        twice = told.select(*keys, column).unique().filter(pl.len().over(keys) > 1)
        if twice.height:
            text = told.filter(pl.col("text_hash") == twice["text_hash"].min())["text"][0]
            raise SourceError(
                f"{where}.{column}: wanted one {column} for each input"
                f"{' and explainer' if len(keys) > 1 else ''}, {label} has several for {text[:80]!r}. Name "
                f"{'what tells explanations apart as explainer' if len(keys) > 1 else 'another column'}."
            )
    each = told.group_by("text_hash", "explainer").agg(
        pl.col("explanation", "answer").first(), pl.col("plausibility").mean()
    )
    return each.select(tables.EXPLANATIONS.names()).cast(tables.EXPLANATIONS).sort("text_hash", "explainer")  # type: ignore[arg-type]


def _number(rows: pl.DataFrame, where: str, label: str) -> pl.Series:
    said = rows["plausibility"].cast(pl.String).str.strip_chars()
    number = said.cast(pl.Float64, strict=False)
    broken = said.filter(said.is_not_null() & (said != "") & (number.is_null() | ~number.is_finite()))
    if len(broken):
        raise SourceError(f"{where}.plausibility: wanted numbers in {label}, got {broken[0]!r}.")
    return number.alias("plausibility")


def _counterfactuals(rows: pl.DataFrame, asked: Explanations) -> pl.DataFrame:
    """Distinct inputs that explanations were tried on; a guess that is none is null."""
    if not asked.counterfactual:
        return pl.DataFrame(schema=tables.COUNTERFACTUALS)
    none = [folded(one) for one in asked.cannot_tell]
    guess = pl.when(~pl.col("guess").str.to_lowercase().is_in(none)).then("guess")
    tried = rows.with_columns(
        guess.alias("guess"), counterfactual=canonical.with_changes(rows["counterfactual"])[0]
    )
    return tried.select(tables.COUNTERFACTUALS.names()).unique().sort(tables.COUNTERFACTUALS.names())


def _check_answers(study: Study, said: pl.DataFrame, tried: pl.DataFrame, asked: Explanations) -> None:
    where = f"studies.{study.name}.explanations"
    answers = pl.concat([said["answer"], tried["outcome"]]).str.to_lowercase().unique()
    if len(answers) < LEAST_ANSWERS:
        raise CorpusError(
            f"{where}.answer: wanted a model that gives more than one answer, it gives {answers[0]!r} "
            "throughout: any reader foresees that."
        )
    if asked.counterfactual and not tried["guess"].count():
        raise CorpusError(
            f"{where}.guess: wanted guesses from explanations, none of the {tried.height:,} inputs has one "
            "that says anything: no input is covered."
        )


def _of_left_out(left_out: dict[str, int]) -> list[str]:
    return [
        f"left out: {n:,} row{'s' * (n != 1)} without {'an' if name[0] in 'aeo' else 'a'} {name}"
        for name, n in left_out.items()
    ]
