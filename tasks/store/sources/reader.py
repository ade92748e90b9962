"""The rows of a source's files that meet its filters, and a note of what was read."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from tasks import progress
from tasks.errors import SourceError
from tasks.store import canonical, remote
from tasks.store.sources import (
    captions,
    columns,
    databases,
    delimited,
    docstrings,
    locate,
    logs,
    nested,
    pictures,
    places,
    problem,
    streamed,
    tables,
    values,
)
from tasks.store.sources.grammar import is_grammar
from tasks.store.sources.parts import DOCUMENT, ROW, TEXT, Part, Table, TextStream, of_parts
from tasks.store.sources.wording import listed, shown
from tasks.study import Study
from tasks.study.corpus import Source


def called(files: Sequence[Path]) -> str:
    """How errors call these files."""
    return shown(files[0]) if len(files) == 1 else f"{len(files)} files such as {shown(files[0])}"


@dataclass(frozen=True)
class Pick:
    """A column that is wanted of every row."""

    column: str | None
    key: str
    """Where its name is said, under `block`."""
    what: str = "values"
    """What its values are, as errors call them."""
    of_log: str | None = None
    """What it is called in an evaluation log, which has columns of its own (logs.py)."""
    block: str = "collect"
    as_spelt: bool = False
    """Whether text stays as it is spelt, be it a number or a datetime: what 1.10 means is not known yet."""


class Reader:
    """Reads tables and keeps note of what was read."""

    def __init__(self, study: Study, picture: Pick | None = None) -> None:
        """`picture` is the column that holds pictures, where it is not that of `collect.picture`."""
        if "://" in study.data:
            remote.fetch(study.data)
        self._study = study
        self._picture = picture or Pick(study.collect.picture, "picture")
        self._files: list[dict[str, Any]] = []
        self._versions: dict[str, str] = {}
        self._n_surrogates = 0
        self._warnings: list[str] = []

    def table(
        self, key: str, source: Source, picks: Mapping[str, Pick], *, may_stream: bool = False
    ) -> Table:
        """All rows of a source that meet its filters, with the columns that are wanted, TEXT among them.

        With collect.sample, of files that can be read block by block, texts come when they are asked for:
        where this `may_stream`.
        """
        params, study = self._study.collect, self._study
        streams = may_stream and params.sample is not None and self._picture.column is None
        parts, label, is_text = self.parts(key, source, self._held(source, picks) if streams else None)
        stream = None
        if any(part.blocks for part in parts):
            pick = picks[TEXT]
            at = f"studies.{study.name}.{pick.block}.{pick.key}"
            noted = partial(self._note_json, pick=pick, label=label)
            stream = TextStream(parts, str(pick.column), label, at, f"collect {study.name}", noted)
            picks = {name: pick for name, pick in picks.items() if name != TEXT}
        picked = self._picked(parts, picks, label, "file" if is_text else None)
        rows = columns.stacked([part.rows for part in parts], label) if self._asks_sql(source) else picked
        prefix = f"studies.{study.name}.collect"
        for where, at in ((params.where, f"{prefix}.where"), (source.where, f"{prefix}.{key}.where")):
            if where is not None:
                kept = columns.matching(rows, where, label, at)
                rows, picked = rows.filter(kept), picked.filter(kept)
        if pictures.PICTURE in picked.columns:
            picked = picked.with_columns(places.media(picked[pictures.PICTURE], study.data_path))
        return Table(rows, picked, label, stream)

    def _held(self, source: Source, picks: Mapping[str, Pick]) -> streamed.Held:
        """Which columns decide of a row: those that are wanted beside its text, and those of filters."""
        params = self._study.collect
        paths = [pick.column for name, pick in picks.items() if name != TEXT and pick.column]
        filters = [one for one in (params.where, source.where) if one is not None]
        filters += [one for one in (params.a, params.b) if params.group is None and isinstance(one, str)]

        def held(names: list[str]) -> list[str]:
            said = canonical.nfc("\n".join(filters))
            named = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said)]
            return list(dict.fromkeys([*nested.heads(names, paths), *named]))

        return held

    def parts(
        self, key: str, source: Source, held: streamed.Held | None = None
    ) -> tuple[list[Part], str, bool]:
        """Each file's rows, how errors call them, and whether they are texts without columns.

        Args:
            key: of the source.
            source: which files.
            held: of files that can be read block by block, which columns are held of all rows; None: all.

        Raises:
            SourceError: a file or query cannot be used, or there is no row.
        """
        params, study = self._study.collect, self._study
        if (found := self.pictures(key, source.path or params.path)) is not None:
            return found
        files = locate.files_of(study, source.path or params.path)
        formats = {locate.format_of(file) for file in files}
        query = source.query or params.query
        if query is not None and formats != {"database"}:
            raise SourceError(
                f"studies.{study.name}.collect.query: wanted a DuckDB or SQLite file, got {shown(files[0])}. "
                "Use where: FILTER for other files."
            )
        with progress.bar(f"collect {study.name}", None) as advance:
            parts = [
                (held and self._streamed(file, key, source, held, advance))
                or self.file(file, key, source, query)
                for file in files
            ]
        if len(files) > 1:
            # Text files name themselves already; rows of several tables can be told apart by their file.
            parts = [part.of_file(self._inside(file)) for part, file in zip(parts, files, strict=True)]
        label = called(files)
        if formats == {"text"}:
            parts = [Part(pl.concat([part.rows for part in parts]))]
        if sum(part.rows.height for part in parts) == 0:
            raise SourceError(f"{label}: has columns {listed(parts[0].rows.columns)}, but no rows.")
        return parts, label, formats == {"text"}

    def pictures(self, key: str, path: str | None) -> tuple[list[Part], str, bool] | None:
        """The same where the path names pictures; None where it does not."""
        base, column = self._study.data_path, self._picture.column
        if column:
            return None
        apart = locate.verdicts_file(self._study)
        read = partial(tables.text_of, collect=self._study.collect)
        rows = pictures.found(base, path, frozenset({*locate.FORMATS, ".gz"}), read, apart)
        if rows is None:
            return None
        place = base / path if path else base
        noted = {"file": path or base.name, "rows": rows.height}
        self._files.append(noted | ({"group": key.upper()} if key else {}))
        return [Part(rows)], shown(place), False

    def _asks_sql(self, source: Source) -> bool:
        params = self._study.collect
        by_filter = params.group is None and isinstance(params.a, str)
        return by_filter or params.where is not None or source.where is not None

    def _picked(
        self, parts: list[Part], picks: Mapping[str, Pick], label: str, file_column: str | None
    ) -> pl.DataFrame:
        """The columns that are wanted, of all parts; null where there is none of a name."""
        n_rows = sum(part.rows.height for part in parts)
        of_logs = {name for part in parts for name in part.rows.columns} if self._are_logs(parts) else set()
        are_pictures = all(pictures.PICTURE in part.rows.columns for part in parts)
        found: list[pl.Series] = []
        for name, pick in picks.items():
            column = pick.column or (pick.of_log if pick.of_log in of_logs else None)
            if name == DOCUMENT:
                column = column or file_column
            if name == TEXT and are_pictures and column == TEXT and not self._have(parts, TEXT):
                column = None
            read = self._text_column if name == TEXT else self._ids
            at = f"studies.{self._study.name}.{pick.block}.{pick.key}"
            found.append(
                of_parts(parts, column, read(column, pick, label, at), label, at).alias(name)
                if column
                else pl.repeat(None, n_rows, dtype=pl.String, eager=True).alias(name)
            )
        if TEXT in picks:
            self._note_json(found[list(picks).index(TEXT)], picks[TEXT], label)
        else:
            found.append(pl.arange(n_rows, eager=True).alias(ROW))
        if are_pictures:
            found += [
                pl.concat(part.rows[name] for part in parts) for name in (pictures.PICTURE, pictures.PATH)
            ]
        return pl.DataFrame(found)

    @staticmethod
    def _have(parts: list[Part], name: str) -> bool:
        return any(nested.reaches(part.rows.columns, name) for part in parts)

    @staticmethod
    def _are_logs(parts: list[Part]) -> bool:
        return logs.are_logs(part.rows for part in parts)

    @staticmethod
    def _text_column(column: str, pick: Pick, label: str, at: str) -> Callable[[Part], pl.Series]:
        return lambda part: columns.text(part.rows, column, label, at)

    @staticmethod
    def _ids(column: str, pick: Pick, label: str, at: str) -> Callable[[Part], pl.Series]:
        def of(part: Part) -> pl.Series:
            rows = part.rows if part.untyped is None else part.untyped
            found = columns.column_named(rows, column, label, at)
            if pick.as_spelt and found.dtype == pl.String:
                return values.spelt(found)
            return values.written(found, pick.what, label, at, untyped=part.untyped is not None)

        return of

    def _note_json(self, texts: pl.Series, pick: Pick, label: str) -> None:
        if nested.is_json(texts):
            self._warnings.append(
                f"every text of {label} is a JSON list or object: its marks and keys are compared, too. To "
                f"reach in, write the path, such as collect: {{{pick.key}: {pick.column}.KEY}}"
            )

    def file(self, file: Path, key: str, source: Source, query: str | None) -> Part:
        """The rows of one file, by the reader of its format."""
        params = self._study.collect
        replaced, untyped = 0, None
        bad_lines: list[int] = []
        match locate.format_of(file):
            case "csv":
                untyped, bad_lines = tables.read_csv(file, params)
                frame = delimited.typed(untyped, self._untyped(source))
                self._note_bad_lines(file, bad_lines)
            case "jsonl":
                frame, replaced = tables.read_jsonl(file, params)
            case "json":
                frame, replaced = tables.read_json(file, params)
            case "log":
                frame, replaced = tables.read_log(file, params)
            case "parquet":
                frame = self._parquet(file)
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
        self._note_file(file, key, frame.height, bad_lines)
        return Part(self._placed(columns.named(logs.recognised(frame, file), shown(file)), file), untyped)

    def _streamed(
        self, file: Path, key: str, source: Source, held: streamed.Held, advance: progress.Advance
    ) -> Part | None:
        """A file that is read block by block; None where it must be read whole."""
        found = streamed.streamed(file, self._study.collect, held, self._untyped(source), advance)
        if found is None:
            return None
        self._note_bad_lines(file, found.bad_lines)
        self._n_surrogates += found.n_surrogates
        self._note_file(file, key, found.rows.height, found.bad_lines)
        return Part(found.rows, found.untyped, found.blocks)

    def _note_file(self, file: Path, key: str, n_rows: int, bad_lines: Sequence[int]) -> None:
        noted: dict[str, Any] = {"file": self._inside(file), "rows": n_rows}
        noted |= {"group": key.upper()} if key else {}
        self._files.append(noted | ({"bad_lines": len(bad_lines)} if bad_lines else {}))

    def _parquet(self, file: Path) -> pl.DataFrame:
        column = self._picture.column
        in_file = pictures.read_parquet(file, column) if column else None
        return tables.read_parquet(file) if in_file is None else in_file

    def _placed(self, rows: pl.DataFrame, file: Path) -> pl.DataFrame:
        """The rows, with the places of their pictures where a column holds any.

        Raises:
            SourceError: the column holds something else, or paths where `data` is the table alone.
        """
        column, at = self._picture.column, f"studies.{self._study.name}"
        if column is None:
            return rows
        where = f"{at}.{self._picture.block}.{self._picture.key}"
        placed = pictures.placed(rows, file, column, where)
        if self._study.data_path.is_file() and places.are_paths(placed[pictures.PICTURE]):
            raise SourceError(
                f"{at}.data: wanted the folder of the table and its pictures, so that a change of them is "
                f"noticed; got the table {shown(file)}. Write data: FOLDER, collect: {{path: {file.name}}}."
            )
        return placed

    def _untyped(self, source: Source) -> set[str]:
        """Columns that are text, or ids, whatever they look like."""
        params = self._study.collect
        if params.results is not None:
            return {params.results.input, params.results.item or ""}
        return {source.text or params.text, source.document or params.document or ""}

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
