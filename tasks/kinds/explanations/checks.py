"""What a table of explanations must be for anything to be foreseen."""

import json
from collections.abc import Sequence

import polars as pl

from tasks.engines.embedded.tokens import joined_all
from tasks.errors import CorpusError, SourceError
from tasks.kinds.explanations.guesses import folded
from tasks.kinds.explanations.words import Index, listed
from tasks.study import Study

LEAST_ANSWERS = 2
"""Where a model gives one answer throughout there is nothing to foresee."""
_EACH = {
    "answer": (("text_hash",), "input", "another column"),
    "explanation": (("text_hash", "explainer"), "input and explainer", "as explainer what tells them apart"),
    "outcome": (("counterfactual",), "counterfactual", "another column"),
    "guess": (
        ("text_hash", "explainer", "counterfactual"),
        "explanation and counterfactual",
        "as explainer what tells readers apart",
    ),
}
"""Column -> what it is given once for, in columns and in words, and what to name where it is not."""


def said_once(rows: pl.DataFrame, columns: Sequence[str], where: str, label: str) -> None:
    """Does nothing where each of these columns has one value for what it is said of, whatever its case.

    Raises:
        SourceError: one has several.
    """
    for column in columns:
        keys, of, name = _EACH[column]
        shown = "counterfactual" if "counterfactual" in keys else "text"
        values = pl.col(column).str.to_lowercase().fill_null("")
        several = rows.filter(values.n_unique().over(keys) > 1)
        if several.height:
            raise SourceError(
                f"{where}.{column}: wanted one {column} for each {of}, {label} has several for "
                f"{str(several[shown].min())[:80]!r}. Name {name}."
            )


def can_be_told(rows: pl.DataFrame, none: Sequence[str], where: str) -> None:
    """Does nothing where no answer of the model is a word by which a reader says that it cannot tell.

    Args:
        rows: with answer and outcome.
        none: such words, folded.
        where: the block of the study's params.

    Raises:
        SourceError: one is; who foresees it would count as one who makes no guess.
    """
    known = sorted({folded(one) for column in ("answer", "outcome") for one in rows[column].unique()})
    if both := [one for one in known if one in none]:
        kept = ", ".join(json.dumps(one, ensure_ascii=False) for one in none if one not in both)
        raise SourceError(
            f"{where}.cannot_tell: wanted words that are no answer of the model, it answers {both[0]!r}: who "
            f"foresees that would count as one who cannot tell. Write `cannot_tell: [{kept}]`, or name the "
            "answer otherwise."
        )


def answers(study: Study, said: pl.DataFrame, tried: pl.DataFrame) -> list[str]:
    """Warnings about the guesses.

    Args:
        study: whose they are.
        said: rows of tables.EXPLANATIONS.
        tried: rows of tables.COUNTERFACTUALS; none where inputs are drawn.

    Raises:
        CorpusError: the model gives one answer throughout, or nothing is guessed that it ever answers.
    """
    where = f"studies.{study.name}.explanations"
    known = {folded(one) for one in (*said["answer"], *tried["outcome"])}
    if len(known) < LEAST_ANSWERS:
        raise CorpusError(
            f"{where}.answer: wanted a model that gives more than one answer, it gives {said['answer'][0]!r} "
            "throughout: any reader foresees that."
        )
    guesses = tried["guess"].drop_nulls()
    if tried.height and not len(guesses):
        raise CorpusError(
            f"{where}.guess: wanted guesses from explanations, none of the {tried.height:,} inputs has one "
            "that says anything: no input is covered."
        )
    odd = [guess for guess in guesses if folded(guess) not in known]
    if odd and len(odd) == len(guesses):
        raise CorpusError(
            f"{where}.guess: wanted guesses that are among the model's answers, such as "
            f"{said['answer'][0]!r}, got {odd[0][:60]!r} and the like. Name another column, or write guesses "
            "that are none in explanations.cannot_tell."
        )
    if not odd:
        return []
    return [f"guesses: {len(odd):,} are no answer of the model, such as {odd[0][:60]!r}, and count as wrong"]


def covered(study: Study, rows: pl.DataFrame) -> None:
    """Does nothing where an explanation, a list of words, covers an input other than its own.

    Args:
        study: whose they are.
        rows: with text, text_hash and explanation.

    Raises:
        CorpusError: none does.
    """
    inputs = rows.unique("text_hash")
    index = Index(joined_all(inputs["text"].to_list()))
    for own, said in rows.select("text_hash", "explanation").unique().iter_rows():
        if (index.holding(listed(said)) & (inputs["text_hash"] != own).to_numpy()).any():
            return
    raise CorpusError(
        f"studies.{study.name}.explanations.explanation: wanted lists of words, separated by commas, that "
        f"other inputs have too; no input is covered, got {rows['explanation'].min()!s:.60}. Where "
        "these are sentences, name explanations.counterfactual."
    )
