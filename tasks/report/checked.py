"""The page of a run's data checks: what Great Expectations held against what, and the files it rests on.

Its own Data Docs load scripts and styles from the network, so they are not used.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks import paths
from tasks.report.findings import Row
from tasks.store import expectations, files, frames

if TYPE_CHECKING:
    import jinja2

TEMPLATE = "checked.html"
_STAGES = {"collect": "Before anything was looked at", "record": "Before anything was recorded"}
_WORDS = {
    "expect_table_row_count_to_be_between": "number of rows",
    "expect_table_row_count_to_equal": "number of rows",
    "expect_column_values_to_be_unique": "no two are alike",
    "expect_column_values_to_not_be_null": "none is missing",
    "expect_column_values_to_be_between": "every value",
    "expect_column_values_to_be_in_set": "every value",
    "expect_column_mean_to_be_between": "the mean",
}
"""An expectation in words; one without words stands by its name."""


def page(study: str, run: Mapping[str, Any], environment: "jinja2.Environment") -> str:
    """The page as one HTML file that needs no script and no network.

    Args:
        study: its name.
        run: its row of frames.RUNS.
        environment: where the report's templates come from.

    Raises:
        StoreError: a table of checks is damaged.
    """
    parts = [
        {"title": title, "stage": stage, "rows": _checks(study, stage)} for stage, title in _STAGES.items()
    ]
    template = environment.get_template(TEMPLATE)
    return template.render(study=study, run=run, parts=parts, files=_files(study))


def _checks(study: str, stage: str) -> list[Row]:
    """The checks of a stage as they are shown; none where an earlier release ran it."""
    found = _read(study, stage, "checks.parquet", expectations.CHECKS)
    return [{**row, "says": _says(row)} for row in found.iter_rows(named=True)]


def _files(study: str) -> list[Row]:
    return list(_read(study, "record", "files.parquet", files.FILES).iter_rows(named=True))


def _read(study: str, stage: str, name: str, schema: pl.Schema) -> pl.DataFrame:
    folder = paths.output(study, stage)
    return frames.read(folder, name, schema) if (folder / name).is_file() else schema.to_frame()


def _says(row: Row) -> str:
    words = _WORDS.get(row["expectation"]) or str(row["expectation"])
    return f"{words}: {row['limits']}" if row["limits"] else words
