"""All rows of a study's data, for a kind that names columns of its own."""

from collections.abc import Callable
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources import columns, nested, values
from tasks.store.sources.parts import Part, of_parts
from tasks.store.sources.pictures import PATH, PICTURE
from tasks.store.sources.reader import Pick, Reader
from tasks.study import Study
from tasks.study.corpus import Source


class Opened:
    """Rows that meet collect.where, column by column; a column is null where a file lacks it."""

    def __init__(self, study: Study, picture: Pick | None = None) -> None:
        """Reads the files.

        Args:
            study: whose they are.
            picture: a column of pictures, whose bytes stay where they are (`pictures`).

        Raises:
            SourceError: a file, query or filter cannot be used, or there is no row.
        """
        self._study, self._picture = study, picture
        self._reader = Reader(study, picture)
        self._parts, self.label, _ = self._reader.parts("", Source())
        """What errors call it."""
        self.where = f"studies.{study.name}.{study.kind}"
        """Where its columns are named."""
        self.columns = list(dict.fromkeys(name for part in self._parts for name in part.rows.columns))
        self._kept = self._filter(study.collect.where, f"studies.{study.name}.collect.where")

    def _filter(self, condition: str | None, where: str) -> pl.Series | None:
        if condition is None:
            return None
        rows = columns.stacked([part.rows for part in self._parts], self.label)
        kept = columns.matching(rows, condition, self.label, where)
        if not kept.any():
            raise SourceError(f"{where}: wanted rows of {self.label}, none meets {condition!r}.")
        return kept

    def has(self, name: str) -> bool:
        """Whether a file has the column, or a path leads into one."""
        return nested.reaches(self.columns, name)

    def text(self, name: str, key: str) -> pl.Series:
        """A column of texts.

        Raises:
            SourceError: it is not there, or holds no text.
        """
        where = f"{self.where}.{key}"
        return self._of(name, where, lambda part: columns.text(_as_text(part), name, self.label, where))

    def ids(self, name: str, key: str, what: str = "values") -> pl.Series:
        """A column of ids, labels or numbers, in one written form (values.py).

        Raises:
            SourceError: it is not there, or holds no plain values.
        """
        where = f"{self.where}.{key}"

        def read(part: Part) -> pl.Series:
            column = columns.column_named(_as_text(part), name, self.label, where)
            return values.written(column, what, self.label, where, untyped=part.untyped is not None)

        return self._of(name, where, read)

    @property
    def are_pictures(self) -> bool:
        """Whether each row is a picture of its own: `data` is a folder or zip of them."""
        return self._picture is None and PICTURE in self.columns

    def pictures(self, picture: Pick | None = None) -> pl.DataFrame:
        """Columns PICTURE and PATH: where the picture of each row is, and how the user knows it.

        Args:
            picture: the column that holds it; None: rows are pictures.

        Raises:
            SourceError: the column is not there, or holds no pictures.
        """
        # A column of bytes is left in its file, so that another one is found by reading again.
        same = picture == self._picture
        parts = self._parts if same else Reader(self._study, picture).parts("", Source())[0]
        found = pl.concat(part.rows.select(PICTURE, PATH) for part in parts)
        return found if self._kept is None else found.filter(self._kept)

    def _of(self, name: str, where: str, read: Callable[[Part], pl.Series]) -> pl.Series:
        column = of_parts(self._parts, name, read, self.label, where)
        return column if self._kept is None else column.filter(self._kept)

    def manifest(self) -> dict[str, Any]:
        """What was read."""
        return self._reader.manifest()


def _as_text(part: Part) -> pl.DataFrame:
    """Cells as the file has them: `01` and `1` are two, where nothing has a type."""
    return part.rows if part.untyped is None else part.untyped
