"""Rows of a study's sources, each with the group it falls into.

Groups come from two sources, from the values of a column, from two SQL filters, or by chance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources import (
    captions,
    columns,
    databases,
    delimited,
    docstrings,
    locate,
    nested,
    problem,
    tables,
    values,
)
from tasks.store.sources.grammar import is_grammar
from tasks.store.sources.hashing import normalised, uniform
from tasks.store.sources.wording import listed, shown
from tasks.study import Study
from tasks.study.corpus import Collect, Label, Source

_TEXT, _DOCUMENT, _LABEL = "text", "document_id", "label"


def read_groups(study: Study) -> tuple[pl.DataFrame, dict[str, str], dict[str, Any]]:
    """Rows as the sources hold them, before any cleaning.

    Returns:
        Rows with columns text, group ("A" or "B"; of one pile all "A") and document_id (null where the
        source names none); what the groups are called; and what was read: files with their rows, versions,
        rows per group.

    Raises:
        SourceError: a file, column, query or filter cannot be used; the message says which and why.
    """
    params = study.collect
    if isinstance(params.a, Source) and isinstance(params.b, Source):
        rows, read = _two_sources(study, params.a, params.b)
    else:
        rows, read = _one_source(study)
    counted = dict(rows.group_by("group").len().sort("group").iter_rows())
    names = names_of(params)
    read["rows"] = {group: counted.get(group, 0) for group in names}
    return rows.select("text", "group", "document_id"), names, read


def all_rows(study: Study) -> tuple[pl.DataFrame, str]:
    """Every column of every row of a study's data, and how errors call it: before there is a study.

    Raises:
        SourceError: there is nothing that can be read, or no row.
    """
    files, reader = locate.files_of(study, None), Reader(study)
    parts = [reader.file(file, "", Source(), None).rows for file in files]
    label = called(files)
    rows = columns.stacked(parts, label)
    if not rows.height:
        raise SourceError(f"{label}: has columns {listed(rows.columns)}, but no rows.")
    return rows, label


def names_of(params: Collect) -> dict[str, str]:
    """What the groups are called: as asked for, or by what tells them apart."""
    if params.is_one_pile:
        return {"A": params.a_name or "the corpus"}
    if params.group == "random":
        a, b = "random half 1", "random half 2"
    elif isinstance(params.a, Source) and isinstance(params.b, Source):
        a, b = _source_names(params.a, params.b)
    else:
        a, b = _label_names(params.a), _label_names(params.b)
    return {"A": params.a_name or a, "B": params.b_name or b}


def _label_names(chosen: Any) -> str:
    return " or ".join(values.name_of(one) for one in (chosen if isinstance(chosen, tuple) else (chosen,)))


def _source_names(a: Source, b: Source) -> tuple[str, str]:
    """The first key in which the two sources differ, and both have something to say."""
    for key in ("path", "where", "query", "text"):
        of_a, of_b = getattr(a, key), getattr(b, key)
        if of_a and of_b and of_a != of_b:
            return _path_names(of_a, of_b) if key == "path" else (of_a, of_b)
    return "A", "B"


def _path_names(a: str, b: str) -> tuple[str, str]:
    """The last part in which two paths differ and that is no bare pattern, without its ending."""
    for of_a, of_b in zip(reversed(Path(a).parts), reversed(Path(b).parts), strict=False):
        stem_a, stem_b = Path(of_a).stem.strip("*?."), Path(of_b).stem.strip("*?.")
        if stem_a and stem_b and stem_a != stem_b:
            return stem_a, stem_b
    return a, b


def _two_sources(study: Study, a: Source, b: Source) -> tuple[pl.DataFrame, dict[str, Any]]:
    parts, read = [], Reader(study)
    for group, source in (("A", a), ("B", b)):
        picked = read.table(group.lower(), source).picked
        parts.append(picked.select(_TEXT, _DOCUMENT).with_columns(pl.lit(group).alias("group")))
    return pl.concat(parts), read.manifest()


def _one_source(study: Study) -> tuple[pl.DataFrame, dict[str, Any]]:
    params, read = study.collect, Reader(study)
    table = read.table("", Source())
    picked, where = table.picked, f"studies.{study.name}.collect"
    if params.group == "random":
        return picked.with_columns(_random_half(study, picked)), read.manifest()
    if params.is_one_pile:
        return picked.with_columns(pl.lit("A").alias("group")), read.manifest()
    if params.group is not None:
        labels = picked[_LABEL].alias(params.group)
        in_a = columns.in_group(labels, _label(params.a), _label(params.b), table.label, f"{where}.a")
        in_b = columns.in_group(labels, _label(params.b), _label(params.a), table.label, f"{where}.b")
    else:
        in_a = columns.matching(table.rows, str(params.a), table.label, f"{where}.a")
        in_b = columns.matching(table.rows, str(params.b), table.label, f"{where}.b")
    both = int((in_a & in_b).sum())
    if both:
        raise SourceError(
            f"{where}: wanted each row in one group, {both} of {picked.height} rows of {table.label} are in "
            f"both. Make the two exclude each other: a: {params.a!r}, b: {params.b!r}."
        )
    group = pl.select(pl.when(in_a).then(pl.lit("A")).when(in_b).then(pl.lit("B")).alias("group"))
    picked = picked.hstack(group)
    found = read.manifest()
    found["rows_of_neither"] = int(picked["group"].null_count())
    return picked.filter(pl.col("group").is_not_null()), found


def _label(chosen: Any) -> Label | tuple[Label, ...]:
    """The label or labels of a group: a source of its own has none, and does not come here."""
    found: Label | tuple[Label, ...] = chosen
    return found


def _random_half(study: Study, rows: pl.DataFrame) -> pl.Series:
    """A fair coin per document; a text without one is its own, so that its copies stay together."""
    unit = rows.select(pl.coalesce("document_id", normalised(rows["text"].fill_null("")))).to_series()
    coin = uniform(unit, "group", str(study.seed))
    return pl.select(pl.when(coin < 0.5).then(pl.lit("A")).otherwise(pl.lit("B")).alias("group")).to_series()


def called(files: Sequence[Path]) -> str:
    """How errors call these files."""
    return shown(files[0]) if len(files) == 1 else f"{len(files)} files such as {shown(files[0])}"


@dataclass(frozen=True)
class Part:
    """The rows of one file."""

    rows: pl.DataFrame
    untyped: pl.DataFrame | None = None
    """The same with all cells as text, where the file gives no types."""

    def of_file(self, name: str) -> "Part":
        """The rows with the name of their file, where they have none."""
        if "file" in self.rows.columns:
            return self
        named = pl.lit(name).alias("file")
        untyped = None if self.untyped is None else self.untyped.with_columns(named)
        return Part(self.rows.with_columns(named), untyped)


@dataclass(frozen=True)
class _Table:
    """The rows of a source that meet its filters."""

    rows: pl.DataFrame
    """All columns, where a SQL filter asks for them."""
    picked: pl.DataFrame
    """Text, document_id and label of the same rows, each read file by file, whatever type it has there."""
    label: str
    """What errors call it."""


class Reader:
    """Reads tables and keeps note of what was read."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._files: list[dict[str, Any]] = []
        self._versions: dict[str, str] = {}
        self._n_surrogates = 0
        self._warnings: list[str] = []

    def table(self, key: str, source: Source) -> _Table:
        """All rows of a source that meet its filters."""
        params, study = self._study.collect, self._study
        files = locate.files_of(study, source.path or params.path)
        formats = {locate.format_of(file) for file in files}
        query = source.query or params.query
        if query is not None and formats != {"database"}:
            raise SourceError(
                f"studies.{study.name}.collect.query: wanted a DuckDB or SQLite file, got {shown(files[0])}. "
                "Use where: FILTER for other files."
            )
        parts = [self.file(file, key, source, query) for file in files]
        if len(files) > 1:
            # Text files name themselves already; rows of several tables can be told apart by their file.
            parts = [part.of_file(self._inside(file)) for part, file in zip(parts, files, strict=True)]
        label = called(files)
        if formats == {"text"}:
            parts = [Part(pl.concat([part.rows for part in parts]))]
        if sum(part.rows.height for part in parts) == 0:
            raise SourceError(f"{label}: has columns {listed(parts[0].rows.columns)}, but no rows.")
        picked = self._picked(parts, source, label, "file" if formats == {"text"} else None)
        rows = columns.stacked([part.rows for part in parts], label) if self._asks_sql(source) else picked
        prefix = f"studies.{study.name}.collect"
        for where, at in ((params.where, f"{prefix}.where"), (source.where, f"{prefix}.{key}.where")):
            if where is not None:
                kept = columns.matching(rows, where, label, at)
                rows, picked = rows.filter(kept), picked.filter(kept)
        return _Table(rows, picked, label)

    def _asks_sql(self, source: Source) -> bool:
        params = self._study.collect
        by_filter = params.group is None and isinstance(params.a, str)
        return by_filter or params.where is not None or source.where is not None

    def _picked(self, parts: list[Part], source: Source, label: str, file_column: str | None) -> pl.DataFrame:
        """Columns text, document_id and label of all parts."""
        params, where = self._study.collect, f"studies.{self._study.name}.collect"

        def ids(name: str, what: str, at: str) -> Callable[[Part], pl.Series]:
            def of(part: Part) -> pl.Series:
                rows = part.rows if part.untyped is None else part.untyped
                column = columns.column_named(rows, name, label, at)
                return values.written(column, what, label, at, untyped=part.untyped is not None)

            return of

        text = source.text or params.text
        texts = of_parts(
            parts,
            text,
            lambda part: columns.text(part.rows, text, label, f"{where}.text"),
            label,
            f"{where}.text",
        )
        if nested.is_json(texts):
            self._warnings.append(
                f"every text of {label} is a JSON list or object: its marks and keys are compared, too. To "
                f"reach in, write the path, such as collect: {{text: {text}.KEY}}"
            )
        document, group = source.document or params.document or file_column, params.group
        named = {
            _TEXT: texts,
            _DOCUMENT: document
            and of_parts(
                parts, document, ids(document, "ids", f"{where}.document"), label, f"{where}.document"
            ),
            _LABEL: group
            and group != "random"
            and of_parts(parts, group, ids(group, "values", f"{where}.group"), label, f"{where}.group"),
        }
        return pl.DataFrame(
            [
                column.alias(name)
                if isinstance(column, pl.Series)
                else pl.repeat(None, len(texts), dtype=pl.String, eager=True).alias(name)
                for name, column in named.items()
            ]
        )

    def file(self, file: Path, key: str, source: Source, query: str | None) -> Part:
        """The rows of one file, by the reader of its format."""
        params = self._study.collect
        replaced, untyped = 0, None
        bad_lines: list[int] = []
        match locate.format_of(file):
            case "csv":
                untyped, bad_lines = tables.read_csv(file, params)
                named = {source.text or params.text, source.document or params.document or ""}
                frame = delimited.typed(untyped, named)
                self._note_bad_lines(file, bad_lines)
            case "jsonl":
                frame, replaced = tables.read_jsonl(file, params)
            case "json":
                frame, replaced = tables.read_json(file, params)
            case "parquet":
                frame = tables.read_parquet(file)
            case "ipc":
                frame = tables.read_ipc(file)
            case "text":
                frame = tables.read_text(file, self._base(file), params)
            case "database":
                frame = databases.read_query(file, query)
            case "problem":
                frame, replaced = problem.read_problem(file, params.max_unpacked_mb)
            case "yaml" if is_grammar(file):
                frame = captions.read_captions(file)
            case "yaml":
                frame, self._versions = docstrings.read_docstrings(file)
            case _:
                raise locate.no_reader(file)
        self._n_surrogates += replaced
        noted: dict[str, Any] = {"file": self._inside(file), "rows": frame.height}
        noted |= {"group": key.upper()} if key else {}
        self._files.append(noted | ({"bad_lines": len(bad_lines)} if bad_lines else {}))
        return Part(columns.named(frame, shown(file)), untyped)

    def _note_bad_lines(self, file: Path, bad_lines: list[int]) -> None:
        if bad_lines:
            said = (
                f"line {bad_lines[0]}"
                if len(bad_lines) == 1
                else f"{len(bad_lines):,} lines ({listed(bad_lines)})"
            )
            self._warnings.append(
                f"{shown(file)}: {said} skipped, which did not fit (collect.csv.skip_bad_lines)"
            )

    def _base(self, file: Path) -> Path:
        return self._study.data_path if self._study.data_path.is_dir() else file.parent

    def _inside(self, file: Path) -> str:
        return file.relative_to(self._base(file)).as_posix()

    def manifest(self) -> dict[str, Any]:
        """What was read, for the manifest."""
        read: dict[str, Any] = {"data": self._study.data, tables.SURROGATES: self._n_surrogates}
        # A folder of thousands of texts is told by its size.
        read["n_files"] = len(self._files)
        read["files"] = self._files[:100]
        if self._versions:
            read["versions"] = self._versions
        if self._warnings:
            read["warnings"] = self._warnings
        return read


def of_parts(
    parts: list[Part], name: str, read: Callable[[Part], pl.Series], label: str, where: str
) -> pl.Series:
    """A column of all parts; null where a part lacks it.

    Raises:
        SourceError: all lack it.
    """
    reached = [nested.reaches(part.rows.columns, name) for part in parts]
    if not any(reached):
        raise columns.no_column([part.rows for part in parts], name, label, where)
    has = [there and not nested.ends(part.rows, name) for part, there in zip(parts, reached, strict=True)]
    # Where it ends in all of them, the first that is read says so.
    has = has if any(has) else reached
    return pl.concat(
        read(part) if there else pl.repeat(None, part.rows.height, dtype=pl.String, eager=True).alias(name)
        for part, there in zip(parts, has, strict=True)
    )
