"""A discovery by its id: `STUDY/ID` or `RUN/ID`, an id alone, or `STUDY/NUMBER` as in the report."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.errors import ParamsError
from tasks.report.findings import numbers
from tasks.store import duck

LEAST = 4
"""Digits that the beginning of an id has at least."""
SHORT = 8
"""Digits of an id that are shown."""
_ALL = """
SELECT d.*, runs.params, runs.found_at AS run_found_at, runs.recorded_nr,
    studies.run_id IS NOT NULL AS is_newest
FROM discoveries AS d
JOIN runs USING (run_id)
LEFT JOIN studies USING (run_id)
ORDER BY runs.recorded_nr DESC, d.predicate_id
"""


def named(said: str) -> dict[str, Any]:
    """The tested predicate of a run that an id means: its row of `discoveries`, with the run's params.

    Of a study, or of an id alone, the newest run speaks.

    Raises:
        ParamsError: none has such an id, or several have.
        MissingStageError: nothing has been recorded yet.
    """
    place, _, which = said.strip().rpartition("/")
    rows = duck.query(_ALL)
    if place:
        rows = _of_place(rows, place, said)
    found = _matching(rows, which, is_placed=bool(place))
    if found.is_empty():
        raise ParamsError(
            f"{said}: wanted the id of a recorded discovery, there is none like it. `natstat show --study "
            "NAME --ids` prints them."
        )
    if found["predicate_id"].n_unique() > 1 or found["study"].n_unique() > 1:
        raise ParamsError(f"{said}: wanted the id of one discovery, several have it: {_listed(found)}.")
    return found.row(0, named=True)


def shown(row: Mapping[str, Any]) -> str:
    """The id by which the newest run of a study is asked for it."""
    return f"{row['study']}/{row['predicate_id'][:SHORT]}"


def _of_place(rows: pl.DataFrame, place: str, said: str) -> pl.DataFrame:
    """The rows of a study's newest run, or of the run whose id begins so."""
    of_study = rows.filter(pl.col("is_newest"), study=place)
    if of_study.height:
        return of_study
    of_run = rows.filter(pl.col("run_id").str.starts_with(place.lower()))
    if len(place) < LEAST or of_run["run_id"].n_unique() != 1:
        known = ", ".join(rows["study"].unique().sort())
        raise ParamsError(
            f"{said}: wanted a study ({known}), or the beginning of a run's id, before the slash; got "
            f"{place}."
        )
    return of_run


def _matching(rows: pl.DataFrame, which: str, *, is_placed: bool) -> pl.DataFrame:
    if is_placed:
        number = numbers(rows.to_dicts())
        of_number = [predicate_id for predicate_id, one in number.items() if one == which]
        if of_number:
            return rows.filter(pl.col("predicate_id") == of_number[0])
    if len(which) < LEAST:
        return rows.clear()
    found = rows.filter(pl.col("predicate_id").str.starts_with(which.lower()))
    newest = found.filter("is_newest")
    return newest if newest.height else found


def _listed(found: pl.DataFrame) -> str:
    names: Sequence[str] = [shown(row) for row in found.head(5).iter_rows(named=True)]
    return ", ".join(dict.fromkeys(names)) + (" ..." if found.height > 5 else "")
