"""Ask the team's memory: a ready question by name, or SQL."""

import argparse
from typing import Any

import polars as pl

from tasks.commands import output
from tasks.commands.show import small
from tasks.errors import ParamsError
from tasks.store import duck

MOST_COLUMNS = 16
"""With more, rows are shown one below the other."""
MOST_CHARS = 160


def run(arguments: argparse.Namespace) -> None:
    """Prints the answer, or the list of questions."""
    if arguments.question is None:
        output(
            duck.questions(),
            lambda found: [f"{name:<18} {title}" for name, title in found.items()],
            arguments.json,
        )
        return
    wrong = [v for v in arguments.values if "=" not in v]
    if wrong:
        raise ParamsError(f"query: wanted NAME=VALUE, got {wrong[0]!r}. Put SQL in quotes.")
    answer = duck.query(arguments.question, dict(v.split("=", 1) for v in arguments.values))
    print(answer.write_json() if arguments.json else table(answer))


def table(answer: pl.DataFrame) -> str:
    """The answer as a person reads it."""
    if not answer.height:
        return "(no rows)"
    if answer.width > MOST_COLUMNS:
        return "\n\n".join(map(_stacked, _readable(answer).iter_rows(named=True)))
    with pl.Config(
        tbl_rows=200,
        tbl_cols=30,
        fmt_str_lengths=60,
        tbl_width_chars=160,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        float_precision=3,
    ):
        return str(_readable(answer))


def _stacked(row: dict[str, Any]) -> str:
    """A row as lines of a column and its value: so many columns side by side would be cut to letters."""
    width = max(map(len, row))
    return "\n".join(f"{name:<{width}}  {_one_line(value)}".rstrip() for name, value in row.items())


def _one_line(value: Any) -> str:
    if value is None:
        return ""
    told = f"{value:.3f}" if isinstance(value, float) else " ".join(str(value).split())
    return told if len(told) <= MOST_CHARS else f"{told[: MOST_CHARS - 1]}…"


def _readable(answer: pl.DataFrame) -> pl.DataFrame:
    """p and q to two digits however small, times to the minute."""
    shown = [
        pl.col(name).map_elements(small, return_dtype=pl.String)
        for name, dtype in answer.schema.items()
        if name.endswith(("p", "q")) and dtype == pl.Float64
    ]
    return answer.with_columns(shown).with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%d %H:%M"))
