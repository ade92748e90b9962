"""A column of labels or scores -> each in one written form; a score also as a number."""

from collections.abc import Sequence

import polars as pl

from tasks.errors import CorpusError
from tasks.kinds.classes.params import Classes
from tasks.kinds.fitted.valued import MOST_UNREADABLE, At, Valued, looked_up, noted, shown, unreadable

FEW_VALUES = 10
"""Numbers with at most so many different values may be labels (ratings, codes) and are taken as such."""
MOST_CLASSES = 50
"""Of a model of labels: each has a weight for every predicate, which nobody would read."""
LEAST_OF_CLASS = 10
"""Fewest texts of a class: with fewer a half has hardly five of them, and nothing could be told of it."""
_FAR = 10.0
"""Standard deviations from the mean beyond which a score hangs on single texts."""
_LARGEST = 1e100
"""Of a score, and of one over its spread: squares of larger ones are no numbers any more."""
_NAMED = 5


def read(rows: pl.DataFrame, at: At, asked: Classes) -> Valued:
    """Labels or scores of the rows.

    Args:
        rows: columns value (in the written form of store/sources/values.py) and normalised (the text).
        at: where the values stand.
        asked: whether they are labels or scores, where the study says so.

    Raises:
        SourceError: too many are no scores.
        CorpusError: there is one class or one score alone, or there are too many or too small classes.
    """
    values = _truths(rows["value"].cast(pl.String))
    distinct = values.drop_nulls().unique().sort()
    numbers = distinct.cast(pl.Float64, strict=False)
    numbers = pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()
    each = looked_up(values, distinct, number=numbers)["number"]
    is_score = asked.value_is == "score" or (asked.value_is is None and _are_scores(values, each))
    return _scores(values, each, at) if is_score else _labels(rows, values, at)


def _truths(values: pl.Series) -> pl.Series:
    """Labels that are all true and false as JSON writes them, whoever wrote them; others as they are."""
    lower = values.str.to_lowercase()
    return lower if lower.drop_nulls().is_in(["true", "false"]).all() else values


def _are_scores(values: pl.Series, numbers: pl.Series) -> bool:
    n = len(values) - values.null_count()
    n_numbers = len(numbers) - numbers.null_count()
    return n_numbers >= (1 - MOST_UNREADABLE) * n and numbers.drop_nulls().n_unique() > FEW_VALUES


def _scores(values: pl.Series, numbers: pl.Series, at: At) -> Valued:
    is_read = numbers.is_not_null()
    advice = f"For labels write {at.block}: {{value_is: label}}."
    warnings = unreadable(values, is_read, at, "numbers", advice)
    there = numbers.drop_nulls()
    if there.n_unique() == 1:
        raise CorpusError(
            f"{at.where}: wanted different scores in {at.said}, all {len(there):,} are {there[0]:g}."
        )
    _squarable(there, at)
    far = float(((there - there.mean()) / there.std()).abs().max() or 0)  # type: ignore[arg-type]
    if far > _FAR:
        warnings.append(
            f"{at.said}: the farthest score is {far:.0f} standard deviations from the mean, and the model of "
            "scores is linear: what it finds may hang on few texts. Put logarithms, or ranks, in a column"
        )
    said = pl.select(pl.when(is_read).then(values)).to_series()
    return Valued(said, numbers, noted("score", values, is_read), warnings)


def _squarable(there: pl.Series, at: At) -> None:
    """Passes where squares of scores can be told apart.

    Raises:
        CorpusError: they are too large, or hardly differ.
    """
    ends = [float(end) for end in (there.min(), there.max())]  # type: ignore[arg-type]
    if max(map(abs, ends)) > _LARGEST or ends[1] - ends[0] < 1 / _LARGEST:
        raise CorpusError(
            f"{at.where}: wanted scores of common size in {at.said}, got {ends[0]:g} to {ends[1]:g}. "
            "Write them in another unit, or as logarithms."
        )


def _labels(rows: pl.DataFrame, values: pl.Series, at: At) -> Valued:
    """Labels of classes that are large enough; rows of others are left out."""
    sizes = (
        pl.DataFrame({"value": values, "text": rows["normalised"]})
        .filter(pl.col("value").is_not_null() & (pl.col("text") != ""))
        .group_by("value")
        .agg(pl.col("text").n_unique().alias("n"))
        .sort(["n", "value"], descending=[True, False])
    )
    kept = sizes.filter(pl.col("n") >= LEAST_OF_CLASS)["value"]
    _several(sizes, kept, values, at)
    is_kept = values.is_in(kept.implode()).fill_null(False)
    told = []
    if len(kept) > 2 and not kept.cast(pl.Float64, strict=False).null_count():
        told = [
            f"numbers of few values are taken as labels, without an order; for scores write {at.block}: "
            "{value_is: score}"
        ]
    gone = sizes.filter(pl.col("n") < LEAST_OF_CLASS)
    small = {"n_small": int((values.is_not_null() & ~is_kept).sum()), "small": gone["value"].to_list()}
    warnings = [*_of_small(gone, at), *_of_case(kept, at)]
    said = pl.select(pl.when(is_kept).then(values)).to_series()
    number = pl.repeat(None, len(values), dtype=pl.Float64, eager=True)
    return Valued(said, number, noted("label", values, values.is_not_null(), told) | small, warnings)


def _several(sizes: pl.DataFrame, kept: pl.Series, values: pl.Series, at: At) -> None:
    """Passes where there are two classes at least, and not too many.

    Raises:
        CorpusError: there are not.
    """
    n = len(values) - values.null_count()
    if sizes.height < 2:
        one = shown(sizes["value"][0]) if sizes.height else "nothing"
        raise CorpusError(
            f"{at.where}: wanted two classes at least in {at.said}, all {n:,} values are {one}. Name another "
            "column; for themes of one pile of texts write kind: clusters."
        )
    rest = int((~values.is_in(kept.implode())).sum())
    if len(kept) < 2 or 2 * rest > n:
        raise CorpusError(
            f"{at.where}: wanted two classes at least of {LEAST_OF_CLASS} texts or more in {at.said}, and "
            f"most texts in such; got {sizes.height:,} classes, the largest {_sizes(sizes)}. Group them, or "
            "name another column."
        )
    if len(kept) > MOST_CLASSES:
        raise CorpusError(
            f"{at.where}: wanted at most {MOST_CLASSES} classes in {at.said}, got {len(kept):,}. Group them "
            f"into fewer; if they are numbers with an order write {at.block}: {{value_is: score}}."
        )


def _sizes(sizes: pl.DataFrame) -> str:
    told = [f"{shown(value)} ({n:,})" for value, n in sizes.head(_NAMED).iter_rows()]
    return ", ".join(told) + (f" and {sizes.height - _NAMED:,} more" if sizes.height > _NAMED else "")


def _of_small(gone: pl.DataFrame, at: At) -> list[str]:
    if not gone.height:
        return []
    return [
        f"{at.said}: classes of fewer than {LEAST_OF_CLASS} texts are left out: {_sizes(gone)}. Nothing "
        "could be told of them; to keep them give several one label"
    ]


def _of_case(kept: pl.Series, at: At) -> list[str]:
    """Labels that may be one, written in two ways."""
    alike: dict[str, list[str]] = {}
    for one in kept.sort().to_list():
        alike.setdefault(one.casefold(), []).append(one)
    twins: Sequence[str] = next((several for several in alike.values() if len(several) > 1), ())
    if not twins:
        return []
    return [f"{at.said}: {' and '.join(map(shown, twins))} are two classes, and differ in case alone"]
