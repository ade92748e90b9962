"""Rows of a study's sources, each with the group it falls into.

Groups come from two sources, from a column with two values, from two SQL filters, or by chance.
"""

from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store import canonical
from tasks.store.sources import captions, columns, databases, docstrings, locate, problem, tables
from tasks.store.sources.grammar import is_grammar
from tasks.store.sources.hashing import normalised, uniform
from tasks.store.sources.wording import listed, shown
from tasks.study import Study
from tasks.study.corpus import Collect, Source


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


def names_of(params: Collect) -> dict[str, str]:
    """What the groups are called: as asked for, or by what tells them apart."""
    if params.is_one_pile:
        return {"A": params.a_name or "the corpus"}
    if params.group == "random":
        a, b = "random half 1", "random half 2"
    elif isinstance(params.a, Source) and isinstance(params.b, Source):
        a, b = _source_names(params.a, params.b)
    else:
        a, b = str(params.a), str(params.b)
    return {"A": params.a_name or a, "B": params.b_name or b}


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
    frames, read = [], _Read(study)
    for group, source in (("A", a), ("B", b)):
        frame, label, file_column = read.table(group.lower(), source)
        picked = _texts_and_documents(study, frame, label, source, file_column)
        frames.append(picked.with_columns(pl.lit(group).alias("group")))
    return pl.concat(frames), read.manifest()


def _one_source(study: Study) -> tuple[pl.DataFrame, dict[str, Any]]:
    params, read = study.collect, _Read(study)
    frame, label, file_column = read.table("", Source())
    where = f"studies.{study.name}.collect"
    if params.group == "random":
        picked = _texts_and_documents(study, frame, label, Source(), file_column)
        return picked.with_columns(_random_half(study, picked)), read.manifest()
    if params.is_one_pile:
        picked = _texts_and_documents(study, frame, label, Source(), file_column)
        return picked.with_columns(pl.lit("A").alias("group")), read.manifest()
    if params.group is not None:
        column = columns.column_named(frame, params.group, label, f"{where}.group")
        if column.dtype in (pl.String, pl.Categorical, pl.Enum):
            column = canonical.canonicalised(column.cast(pl.String))
        in_a = columns.equals(column, _label(params.a), label, f"{where}.a")
        in_b = columns.equals(column, _label(params.b), label, f"{where}.b")
    else:
        in_a = _meets(frame, str(params.a), label, f"{where}.a")
        in_b = _meets(frame, str(params.b), label, f"{where}.b")
    both = int((in_a & in_b).sum())
    if both:
        raise SourceError(
            f"{where}: wanted each row in one group, {both} of {frame.height} rows of {label} are in both. "
            f"Make the two exclude each other: a: {params.a!r}, b: {params.b!r}."
        )
    group = pl.select(pl.when(in_a).then(pl.lit("A")).when(in_b).then(pl.lit("B")).alias("group"))
    picked = _texts_and_documents(study, frame, label, Source(), file_column).hstack(group)
    found = read.manifest()
    found["rows_of_neither"] = int(picked["group"].null_count())
    return picked.filter(pl.col("group").is_not_null()), found


def _label(value: Any) -> Any:
    return canonical.canonical(value) if isinstance(value, str) else value


def _meets(frame: pl.DataFrame, condition: str, label: str, where: str) -> pl.Series:
    """Which rows meet a SQL condition, however both are composed."""
    return columns.matching(canonical.composed(frame), canonical.nfc(condition), label, where)


def _random_half(study: Study, rows: pl.DataFrame) -> pl.Series:
    """A fair coin per document; a text without one is its own, so that its copies stay together."""
    unit = rows.select(pl.coalesce("document_id", normalised(rows["text"].fill_null("")))).to_series()
    coin = uniform(unit, "group", str(study.seed))
    return pl.select(pl.when(coin < 0.5).then(pl.lit("A")).otherwise(pl.lit("B")).alias("group")).to_series()


def _texts_and_documents(
    study: Study, frame: pl.DataFrame, label: str, source: Source, file_column: str | None
) -> pl.DataFrame:
    """Columns text and document_id."""
    params, where = study.collect, f"studies.{study.name}.collect"
    text = columns.text(frame, source.text or params.text, label, f"{where}.text")
    named = source.document or params.document or file_column
    if named is None:
        document = pl.Series("document_id", [None], dtype=pl.String).new_from_index(0, frame.height)
    else:
        named_ids = columns.document(frame, named, label, f"{where}.document")
        document = canonical.canonicalised(named_ids).replace("", None)
    return pl.DataFrame([text.alias("text"), document.alias("document_id")])


class _Read:
    """Reads tables and keeps note of what was read."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._files: list[dict[str, Any]] = []
        self._versions: dict[str, str] = {}
        self._n_surrogates = 0

    def table(self, key: str, source: Source) -> tuple[pl.DataFrame, str, str | None]:
        """All rows of a source that meet its filters, how errors call it, and its own document column."""
        params, study = self._study.collect, self._study
        files = locate.files_of(study, source.path or params.path)
        formats = {locate.format_of(file) for file in files}
        query = source.query or params.query
        if query is not None and formats != {"database"}:
            raise SourceError(
                f"studies.{study.name}.collect.query: wanted a DuckDB or SQLite file, got {shown(files[0])}. "
                "Use where: FILTER for other files."
            )
        parts = [self._file(file, key, source, query) for file in files]
        label = shown(files[0]) if len(files) == 1 else f"{len(files)} files such as {shown(files[0])}"
        if len(parts) == 1:
            frame = parts[0]
        else:
            # Text files name themselves already; rows of several tables can be told apart by their file.
            parts = [
                part
                if "file" in part.columns
                else part.with_columns(pl.lit(self._inside(file)).alias("file"))
                for part, file in zip(parts, files, strict=True)
            ]
            frame = columns.stacked(parts, label)
        if frame.height == 0:
            raise SourceError(f"{label}: has columns {listed(frame.columns)}, but no rows.")
        prefix = f"studies.{study.name}.collect"
        for where, at in ((params.where, f"{prefix}.where"), (source.where, f"{prefix}.{key}.where")):
            if where is not None:
                frame = frame.filter(_meets(frame, where, label, at))
        return frame, label, "file" if formats == {"text"} else None

    def _file(self, file: Path, key: str, source: Source, query: str | None) -> pl.DataFrame:
        params = self._study.collect
        as_text = [
            source.text or params.text,
            *[name for name in (source.document, params.document) if name is not None],
        ]
        replaced = 0
        match locate.format_of(file):
            case "csv":
                frame = tables.read_csv(file, as_text)
            case "jsonl":
                frame, replaced = tables.read_jsonl(file)
            case "json":
                frame, replaced = tables.read_json(file)
            case "parquet":
                frame = tables.read_parquet(file)
            case "ipc":
                frame = tables.read_ipc(file)
            case "text":
                frame = tables.read_text(file, self._base(file))
            case "database":
                frame = databases.read_query(file, query)
            case "problem":
                frame, replaced = problem.read_problem(file)
            case "yaml" if is_grammar(file):
                frame = captions.read_captions(file)
            case "yaml":
                frame, self._versions = docstrings.read_docstrings(file)
            case _:
                raise locate.no_reader(file)
        self._n_surrogates += replaced
        self._files.append(
            {"file": self._inside(file), "rows": frame.height, **({"group": key.upper()} if key else {})}
        )
        return frame

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
        return read
