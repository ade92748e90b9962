"""Sheets that people fill in: CSV as spreadsheet programs read and write it, or Parquet.

Programs add a byte order mark and empty columns, part fields by semicolons, end lines as an old Mac did, save
in an old encoding, write TRUE in their own language, and take a cell that starts with = for a formula and an
id of digits for a number. All of that is met here, and nothing else.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.store import disk
from tasks.store.canonical import canonicalised
from tasks.store.sources import delimited
from tasks.store.sources.tables import read_parquet
from tasks.store.sources.wording import listed, reading, shown
from tasks.study.corpus import Csv

FORMATS = (".csv", ".tsv", ".parquet")
# A program whose fields are parted by another mark cuts a text there, quoted or not, and what follows starts
# a cell. Apostrophes that were there are kept apart from ours, so that no text is changed for good.
_FORMULA = r"(^|[\r\n\t;,])(\"*)('*[=+\-@])"
_GUARDED = r"(^|[\r\n\t;,])(\"*)'('*[=+\-@])"
_GAP = r"^('*[\t\r])"
_GUARDED_GAP = r"^'('*[\t\r])"
_YES = ("yes", "y", "true", "ja", "wahr", "oui", "vrai", "vero", "verdadero")
_NO = ("no", "n", "false", "nein", "falsch", "non", "faux", "falso")
WORDS = {**dict.fromkeys(_YES, 1.0), **dict.fromkeys(_NO, 0.0)}
"""What people write, and spreadsheet programs for a box that is ticked."""
REFUSED = ("?", "refused", "refusal")
_ID = "id-"
"""Before every id: a spreadsheet program would round one that is all digits."""


def read(file: Path) -> pl.DataFrame:
    """All rows as strings in their one form (canonical.py), column names in lower case.

    Raises:
        SourceError: the file is missing, empty, ragged, or in no encoding or format that is read.
    """
    if not file.is_file():
        there = sorted(p.name for p in file.parent.glob("*") if p.suffix in FORMATS)
        raise SourceError(
            f"{shown(file)}: wanted a sheet of verdicts, not there. {file.parent.name}/ has: "
            f"{', '.join(there) or 'none'}. `natstat label --study NAME` writes one."
        )
    if file.suffix.lower() not in FORMATS:
        raise SourceError(f"{shown(file)}: wanted a sheet saved as {' '.join(FORMATS)}, got {file.suffix!r}.")
    frame = read_parquet(file) if file.suffix.lower() == ".parquet" else _read_csv(file)
    frame = frame.drop(name for name in frame.columns if _is_nothing(frame[name]))
    names = [name.strip().lower() for name in frame.columns]
    twice = sorted({name.partition("_duplicated_")[0] for name in names if "_duplicated_" in name})
    twice += sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"{shown(file)}: wanted one column {twice[0]!r}, there are two. Rename one.")
    plain = frame.rename(dict(zip(frame.columns, names, strict=True)))
    nested = [name for name, dtype in plain.schema.items() if dtype.is_nested() or dtype == pl.Binary]
    cells = plain.drop(nested).with_columns(pl.all().cast(pl.String))
    return cells.with_columns(canonicalised(cells[name]) for name in cells.columns)


def row_name(file: Path, row: int) -> str:
    """A row as a person finds it: in a CSV the header is row 1."""
    return f"row {row + 1}" if file.suffix.lower() == ".parquet" else f"row {row + 2}"


def _is_nothing(column: pl.Series) -> bool:
    """Whether it has no name and no cell, as a program adds at the right of a sheet."""
    is_nameless = not column.name.strip() or re.fullmatch(r"\s*_duplicated_\d+", column.name)
    if not is_nameless or column.dtype.is_nested() or column.dtype == pl.Binary:
        return False
    return bool((column.cast(pl.String).str.strip_chars().fill_null("") == "").all())


def _read_csv(file: Path) -> pl.DataFrame:
    content = _decoded(file)
    content = content if "\n" in content else content.replace("\r", "\n")
    if not content.strip():
        raise SourceError(f"{shown(file)}: wanted rows of fields, the file is empty.")
    advice = "Save the sheet as CSV again; every row needs as many fields as the header."
    return delimited.read(content, Csv(), shown(file), advice).rows


def _decoded(file: Path) -> str:
    with reading(file, "a text file", "Check that it may be read."):
        raw = file.read_bytes()
    encodings = ("utf-16",) if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SourceError(
        f"{shown(file)}: wanted UTF-8, or CSV as a spreadsheet program saves it (Windows-1252), got neither. "
        "Save the sheet as `CSV UTF-8`."
    )


def text(cells: pl.DataFrame, name: str) -> pl.Series:
    """The column without white space around; all null where there is none."""
    if name not in cells.columns:
        return pl.repeat(None, cells.height, dtype=pl.String, eager=True).alias(name)
    return cells[name].str.strip_chars()


def wanted(cells: pl.DataFrame, names: Sequence[str], file: Path, where: str) -> pl.Series:
    """The first of these columns that is there; raises SourceError where none is."""
    there = [name for name in names if name in cells.columns]
    if not there:
        raise SourceError(
            f"{where}: wanted a column {' or '.join(map(repr, names))} in {shown(file)}"
            f"{nearest(names[0], cells.columns)}. Its columns: {listed(cells.columns)}."
        )
    return text(cells, there[0])


def verdicts(said: pl.Series, file: Path, where: str) -> tuple[pl.Series, pl.Series]:
    """Score and status of each row; both null where it is blank. Raises SourceError on what is no verdict."""
    word = said.str.to_lowercase().str.strip_prefix("'")
    blank = (word.is_null() | (word == "") | (word == "nan")).fill_null(True)
    refused = word.is_in(REFUSED).fill_null(False)
    score = pl.select(
        pl.coalesce(
            word.replace_strict(WORDS, default=None, return_dtype=pl.Float64),
            word.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False),
        )
    ).to_series()
    wrong = ~blank & ~refused & ~score.is_between(0, 1).fill_null(False)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise SourceError(
            f"{where}: wanted verdicts of 1 or 0, yes or no, true or false, or a score between; blank or ? "
            f"where there is none. Got {said[row]!r} in {row_name(file, row)} of {shown(file)} "
            f"({int(wrong.sum())} such rows)."
        )
    status = pl.select(
        pl.when(blank).then(None).when(refused).then(pl.lit("refusal")).otherwise(pl.lit("value"))
    ).to_series()
    return pl.select(pl.when(~blank).then(score)).to_series().alias("score"), status.alias("status")


def chances(cells: pl.DataFrame, file: Path, where: str) -> pl.Series:
    """The chance of each row to be labelled; 1 without the column. Raises SourceError outside (0, 1]."""
    if "chance" not in cells.columns:
        return pl.repeat(1.0, cells.height, eager=True).alias("chance")
    given = text(cells, "chance")
    chance = given.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    said = (text(cells, "verdict").fill_null("") != "").fill_null(False)
    wrong = said & ~((chance > 0) & (chance <= 1)).fill_null(False)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise SourceError(
            f"{where}: wanted each chance in (0, 1], got {given[row]!r} in {row_name(file, row)} of "
            f"{shown(file)} ({int(wrong.sum())} such rows). Without the column they follow from what was "
            "labelled."
        )
    return chance.alias("chance")


def write(frame: pl.DataFrame, file: Path) -> None:
    """Writes the sheet whole: with a byte order mark, all cells quoted, and none that would run as a formula.

    Raises:
        StoreError: the place cannot be written.
    """
    temporary = disk.copy_beside(file)
    try:
        with disk.reported(shown(file)):
            file.parent.mkdir(parents=True, exist_ok=True)
            guarded(frame).write_csv(temporary, include_bom=True, quote_style="always")
            temporary.replace(file)
    finally:
        disk.remove(temporary)


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with no cell that would run as a formula."""
    return frame.with_columns(pl.col(pl.String).str.replace_all(_FORMULA, "$1$2'$3").str.replace(_GAP, "'$1"))


def unguarded(cells: pl.Series) -> pl.Series:
    """Cells as they were before `write` kept them from running."""
    return cells.str.replace(_GUARDED_GAP, "$1").str.replace_all(_GUARDED, "$1$2$3")


def written_ids(ids: pl.Series) -> pl.Series:
    """Ids as they stand in a sheet."""
    return (_ID + ids.to_frame().select(pl.first())[ids.name]).alias(ids.name)


def read_ids(cells: pl.Series) -> pl.Series:
    """Ids as they are in the tables."""
    return cells.str.strip_chars().str.strip_prefix(_ID)
