"""Rows of a table of results: what models got right and wrong, told apart as groups A and B.

A table has a row an answer. Rows of the study are answers (wrong_right, two classes) or items (discordant).
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.store.canonical import canonicalised
from tasks.store.sources import answered, columns, values
from tasks.store.sources.parts import DOCUMENT, TEXT
from tasks.store.sources.reader import Pick, Reader
from tasks.store.sources.wording import listed
from tasks.study import Study
from tasks.study.corpus import Label, Results, Source

RIGHT = {"true", "1", "correct", "c", "right"}
WRONG = {"false", "0", "incorrect", "i", "wrong"}
"""How an outcome may be written, in any case: C and I are those of Inspect."""
_ONE = "the model"


def read_results(study: Study, asked: Results) -> tuple[pl.DataFrame, dict[str, str], dict[str, Any]]:
    """Rows, names of groups and what was read, as `groups.read_groups` gives them.

    `results` in what was read counts right answers, of each model and of two on the same items.

    Raises:
        SourceError: a column, model or outcome cannot be used; the message says which and why.
    """
    read, where = Reader(study), f"studies.{study.name}.collect.results"
    table = read.table("", Source(), _picks(asked))
    label = table.label
    _one_filter(table.picked, study, label)
    rows = table.picked.with_columns(_item(table.picked).alias("item"))
    answers = rows.filter(pl.col("outcome").is_not_null())
    warnings = _of_items(rows)
    noted: dict[str, Any] = {"n_without_outcome": rows.height - answers.height}
    if not answers.height:
        raise SourceError(f"{where}.outcome: wanted outcomes in {label}, every row is without one.")
    if isinstance(asked.compare, tuple):
        chosen = _of_model(answers, asked, where, label)
        grouped, names = _classes(chosen, asked.compare, where, label)
    else:
        answers = answers.with_columns(_is_right(answers["outcome"], asked, where, label).alias("is_right"))
        pair = _pair(answers, asked, where, label)
        noted |= answered.counted(answers, pair)
        if asked.compare == "discordant":
            grouped, names = _discordant(answers, pair, where, label)
        else:
            grouped, names = _wrong_right(_of_model(answers, asked, where, label))
    a, b = (study.collect.a_name or names["A"]), (study.collect.b_name or names["B"])
    kept = grouped.filter(pl.col("group").is_not_null())
    counted = dict(kept.group_by("group").len().iter_rows())
    found = read.manifest()
    found |= {
        "rows_of_neither": grouped.height - kept.height,
        "results": noted,
        "rows": {group: counted.get(group, 0) for group in ("A", "B")},
    }
    if warnings:
        found["warnings"] = [*found.get("warnings", []), *warnings]
    return kept.select(TEXT, "group", DOCUMENT), {"A": a, "B": b}, found


def _picks(asked: Results) -> dict[str, Pick]:
    return {
        TEXT: Pick(asked.input, "results.input"),
        DOCUMENT: Pick(asked.item, "results.item", "ids", of_log="item"),
        "outcome": Pick(asked.outcome, "results.outcome"),
        "model": Pick(asked.model, "results.model", "names", of_log="model"),
        "filter": Pick(None, "results", of_log="filter"),
    }


def _one_filter(picked: pl.DataFrame, study: Study, label: str) -> None:
    """Refuses answers that stand twice, once for each way in which a harness read them."""
    filters = picked["filter"].drop_nulls().unique().sort().to_list()
    if len(filters) > 1:
        raise SourceError(
            f"studies.{study.name}.collect: wanted each answer once, {label} has them by several filters: "
            f"{listed(filters)}. Write where: \"filter = '{filters[0]}'\"."
        )


def _item(picked: pl.DataFrame) -> pl.Series:
    """What one item is: its id, else what was asked."""
    return picked.select(pl.coalesce(DOCUMENT, TEXT)).to_series()


def _of_items(rows: pl.DataFrame) -> list[str]:
    """Whether one model was asked several things under one item: ids that begin anew in each file, say."""
    asked = rows.select("item", "model", asked=canonicalised(rows[TEXT]).str.strip_chars())
    counted = asked.group_by("item", "model").agg(pl.col("asked").drop_nulls().n_unique())
    items = counted.filter(pl.col("asked") > 1)["item"].unique().sort()
    if not len(items):
        return []
    said = f"{len(items):,} items, such as {items[0]!r}, ask" if len(items) > 1 else f"item {items[0]!r} asks"
    return [
        f"{said} a model several things: answers to all of them count as answers to one. Do ids begin anew "
        "somewhere? results.item must name what is one question for every model"
    ]


def _is_right(outcomes: pl.Series, asked: Results, where: str, label: str) -> pl.Series:
    """Whether each outcome counts as right.

    Raises:
        SourceError: one is neither right nor wrong.
    """
    numbers = outcomes.cast(pl.Float64, strict=False).fill_nan(None)
    if asked.least is not None:
        _none_unknown(
            outcomes.filter(numbers.is_null()), f"{where}.outcome: wanted numbers with `least`", label, ""
        )
        return numbers >= asked.least
    folded = outcomes.str.to_lowercase()
    is_known = folded.is_in([*RIGHT, *WRONG])
    are_numbers = numbers.filter(~is_known).null_count() == 0
    advice = (
        "Write `least: N`, the number from which on an answer is right."
        if are_numbers
        else "Name what is compared, e.g. `compare: [[I, P], C]`, or leave such rows out with collect.where."
    )
    _none_unknown(
        outcomes.filter(~is_known), f"{where}.outcome: wanted right or wrong answers", label, advice
    )
    return folded.is_in(list(RIGHT))


def _none_unknown(unknown: pl.Series, wanted: str, label: str, advice: str) -> None:
    if len(unknown):
        counted = unknown.alias("value").value_counts(sort=True, name="n")
        known = counted.sort("n", "value", descending=[True, False])["value"].to_list()
        raise SourceError(
            f"{wanted} in {label}, got {listed(known)} in {len(unknown):,} rows. {advice}".strip()
        )


def _models(answers: pl.DataFrame) -> list[str]:
    found: list[str] = answers["model"].drop_nulls().unique().sort().to_list()
    return found


def _there(model: str, models: Sequence[str], key: str, where: str, label: str) -> str:
    if model not in models:
        raise SourceError(
            f"{where}.{key}: wanted a model of {label}, {model!r} is none{nearest(model, models)}. "
            f"Its models: {listed(models)}."
        )
    return model


def _of_model(answers: pl.DataFrame, asked: Results, where: str, label: str) -> pl.DataFrame:
    """The answers of the model that the study is about.

    Raises:
        SourceError: there are several, or not the one that is named.
    """
    models = _models(answers)
    if asked.of is not None:
        return answers.filter(model=_there(asked.of, models, "of", where, label))
    if len(models) > 1:
        raise SourceError(
            f"{where}: wanted the model that is asked about, {label} has {len(models)}: {listed(models)}. "
            f"Write `of: {models[0]}`, or `compare: discordant` for what one of two got right alone."
        )
    return answers


def _pair(answers: pl.DataFrame, asked: Results, where: str, label: str) -> tuple[str, str] | None:
    """The two models that are compared; None where there are not two.

    Raises:
        SourceError: they must be compared, or are named, and are not there.
    """
    models = _models(answers)
    if asked.models is not None:
        first, second = (_there(model, models, "models", where, label) for model in asked.models)
        return first, second
    if len(models) == 2:
        return models[0], models[1]
    if asked.compare == "discordant":
        had = f"has {listed(models)}. Write `models: [ONE, ANOTHER]`" if models else "names none"
        raise SourceError(
            f"{where}: wanted two models to compare, {label} {had}. results.model names their column."
        )
    return None


def _classes(
    answers: pl.DataFrame, compare: tuple[Any, Any], where: str, label: str
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Answers of one class, or several, against those of another."""
    outcomes = answers["outcome"]
    in_a = columns.in_group(outcomes, compare[0], compare[1], label, f"{where}.compare")
    in_b = columns.in_group(outcomes, compare[1], compare[0], label, f"{where}.compare")
    group = pl.select(pl.when(in_a).then(pl.lit("A")).when(in_b).then(pl.lit("B")).alias("group"))
    return answers.hstack(group), {"A": _name(compare[0]), "B": _name(compare[1])}


def _name(side: Label | tuple[Label, ...]) -> str:
    return " or ".join(values.name_of(one) for one in (side if isinstance(side, tuple) else (side,)))


def _wrong_right(answers: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    group = pl.when("is_right").then(pl.lit("B")).otherwise(pl.lit("A")).alias("group")
    model = next(iter(_models(answers)), _ONE)
    return answers.with_columns(group), {"A": f"{model} wrong", "B": f"{model} right"}


def _discordant(
    answers: pl.DataFrame, pair: tuple[str, str] | None, where: str, label: str
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Items that one of two models alone got right, each once, as the first of them was asked.

    Raises:
        SourceError: one model has no such item.
    """
    first, second = pair or ("", "")
    outcomes = answered.by_item(answers, (first, second))
    only_first, only_second = pl.col("right_1") & ~pl.col("right_2"), ~pl.col("right_1") & pl.col("right_2")
    group = pl.when(only_second).then(pl.lit("A")).when(only_first).then(pl.lit("B")).alias("group")
    texts = answers.filter(model=first).group_by("item").agg(pl.col(TEXT).min(), pl.col(DOCUMENT).min())
    grouped = outcomes.join(texts, on="item").with_columns(group)
    names = {"A": f"only {second} right", "B": f"only {first} right"}
    present = set(grouped["group"])
    lacking = [names[one] for one in ("A", "B") if one not in present]
    if lacking:
        raise SourceError(
            f"{where}: wanted items of {label} that one of {first} and {second} alone got right; of "
            f"{outcomes.height:,} that both answered there is none with {lacking[0]}. Write "
            f"`compare: wrong_right` and `of: {first}` for what one got wrong."
        )
    return grouped, names
