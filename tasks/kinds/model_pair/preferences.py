"""What the values of `preference` say: a winner, a tie, or how far one answer is preferred."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tasks.errors import SourceError
from tasks.kinds.model_pair.naming import folded
from tasks.kinds.model_pair.params import Answers, Preferred
from tasks.store.sources import values
from tasks.store.sources.wording import listed
from tasks.study.corpus import Label

FIRST = ("first", "a", "model-a", "model-1", "answer-a", "answer-1")
SECOND = ("second", "b", "model-b", "model-2", "answer-b", "answer-2")
TIE = ("tie", "draw", "both", "neither", "equal", "both-bad", "bothbad", "both-good", "tie-(bothbad)")
"""What published tables of comparisons write, as `folded` spells it."""
_DRAWN = 0.0
"""Where 1 is the first and 2 the second, this is neither."""
_RANGES = ((0.0, 1.0), (-1.0, 1.0), (1.0, 2.0))
_MEANT = pl.Schema({"said": pl.String, "op_model": pl.String, "op_place": pl.Int64, "op_first": pl.Float64})
_SHOWN = 5
_HALF = 0.5


@dataclass(frozen=True)
class Table:
    """Whose preferences they are."""

    asked: Answers
    models: tuple[str, ...]
    """Those that are compared."""
    every: tuple[str, ...]
    """All there are."""
    label: str
    where: str


Meant = tuple[str | None, int | None, float | None]
"""What a value says: a model (folded), a place in the row, or how far the first is preferred (-1..1)."""
_FIRST: Meant = (None, 0, None)
_SECOND: Meant = (None, 1, None)
_TIE: Meant = (None, None, 0.0)


def opinions(said: pl.Series, table: Table) -> pl.DataFrame:
    """What each distinct value says, in columns op_model, op_place and op_first (as `Meant`).

    Raises:
        SourceError: a value says nothing.
    """
    counted = (
        said.drop_nulls().alias("said").value_counts(name="n").sort("n", "said", descending=[True, False])
    )
    every = counted["said"].to_list()
    preferred = table.asked.preferred
    if isinstance(preferred, Preferred):
        found = _listed(every, preferred, table)
    elif preferred is not None:
        found = _on_scale(every, (preferred[0], preferred[1]))
    else:
        found = _named(every, table)
        if all(meant[2] is not None for meant in found.values()):
            found |= _on_guessed_scale([one for one in every if one not in found])
    unknown = counted.filter(~pl.col("said").is_in(list(found)))
    if unknown.height:
        raise _unknown(unknown, table)
    _check_sides(found, table)
    return pl.DataFrame([(one, *meant) for one, meant in found.items()], schema=_MEANT, orient="row")


def _check_sides(found: Mapping[str, Meant], table: Table) -> None:
    """Refuses what is said of a first and a second answer where nothing says which they are."""
    of_sides = [one for one, meant in found.items() if meant[1] is not None or meant[2] not in {None, 0.0}]
    numbers = [one for one in of_sides if found[one][1] is None]
    is_of_two = len(table.models) == 2 or isinstance(table.asked.model, tuple)
    has_places = not table.asked.is_long or table.asked.models is not None
    head = f"{table.where}.preference: wanted the names of models in column {table.asked.preference!r} of "
    if of_sides and not has_places:
        raise SourceError(
            f"{head}{table.label}, got {of_sides[0]!r}: nothing says which model is the first. Write models: "
            "[ONE, ANOTHER]."
        )
    if numbers and not is_of_two:
        raise SourceError(
            f"{head}{table.label}, got {numbers[0]!r}: a number is about two answers, and there are "
            f"{len(table.models)} models. Name the two with models: [ONE, ANOTHER]."
        )


def _listed(every: Sequence[str], preferred: Preferred, table: Table) -> dict[str, Meant]:
    found: dict[str, Meant] = {}
    sides: list[tuple[Meant, Sequence[Label]]] = [(_FIRST, preferred.first), (_SECOND, preferred.second)]
    for meant, labels in [*sides, (_TIE, preferred.tie)]:
        for label in labels:
            forms = values.forms(label)
            said = {one: meant for one in every if one in forms}
            if twice := next((one for one in said if found.get(one, meant) != meant), None):
                raise SourceError(
                    f"{table.where}.preferred: wanted each value under one of first, second and tie, got "
                    f"{twice!r} under two. Leave it where it belongs."
                )
            found |= said
    return found


def _named(every: Sequence[str], table: Table) -> dict[str, Meant]:
    """Models, columns and words for a place or a tie."""
    known = dict.fromkeys(TIE, _TIE) | dict.fromkeys(FIRST, _FIRST) | dict.fromkeys(SECOND, _SECOND)
    if not table.asked.is_long:
        known |= {folded(column): (None, place, None) for place, column in enumerate(table.asked.answers)}
    known |= {folded(model): (folded(model), None, None) for model in (*table.every, *table.models)}
    return {one: known[folded(one)] for one in every if folded(one) in known}


def _number(said: str) -> float | None:
    try:
        return float(said)
    except ValueError:
        return None


def _on_scale(every: Sequence[str], ends: tuple[float, float]) -> dict[str, Meant]:
    """Numbers from that of the first answer to that of the second, in proportion."""
    first, second = ends
    found: dict[str, Meant] = {}
    for one in every:
        number = _number(one)
        if number is None:
            continue
        if ends == (1.0, 2.0) and number == _DRAWN:
            found[one] = (None, None, 0.0)
        elif min(ends) <= number <= max(ends):
            found[one] = (None, None, 1 - 2 * (number - first) / (second - first))
    return found


def _on_guessed_scale(every: Sequence[str]) -> dict[str, Meant]:
    """The same, where the numbers themselves show from where to where they go."""
    numbers = [number for one in every if (number := _number(one)) is not None]
    if len(numbers) < len(every) or not numbers:
        return {}
    ends = (min(numbers), max(numbers))
    if ends in _RANGES:
        return _on_scale(every, ends)
    # A share on either side of one half; 0 alone may well be a tie.
    return _on_scale(every, (0.0, 1.0)) if 0 <= ends[0] < _HALF < ends[1] <= 1 else {}


def _unknown(unknown: pl.DataFrame, table: Table) -> SourceError:
    asked = table.asked
    got = listed(f"{one!r} ({n:,} rows)" for one, n in unknown.head(_SHOWN).select("said", "n").rows())
    more = f", and {unknown.height - _SHOWN:,} more" if unknown.height > _SHOWN else ""
    of = f"column {asked.preference!r} of {table.label}, got {got}{more}"
    if isinstance(asked.preferred, tuple):
        low, high = sorted(asked.preferred)
        return SourceError(f"{table.where}.preferred: wanted numbers from {low:g} to {high:g} in {of}.")
    if asked.preferred is not None:
        return SourceError(
            f"{table.where}.preferred: wanted every value under first, second or tie, in {of}. Add them."
        )
    names = listed(dict.fromkeys([*table.models, *(() if asked.is_long else asked.answers)]))
    return SourceError(
        f"{table.where}.preference: wanted one of {names}, model_a, model_b, first, second, tie, or numbers "
        f"that go from 0 to 1, -1 to 1 or 1 to 2, in {of}. Write `preferred: {{first: [...], second: [...], "
        "tie: [...]}` with its values, or `preferred: [0, 1]` with the numbers for the first and the second."
    )
