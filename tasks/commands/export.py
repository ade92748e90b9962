"""Write what was tested as a data set: CSV, Parquet, and a Croissant description that says what they hold.

Croissant 1.0 is JSON-LD by MLCommons (http://mlcommons.org/croissant/1.0): files with their SHA-256, and what
each column means.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks.commands import output
from tasks.errors import StoreError
from tasks.report import filters
from tasks.store import frames, listing, sheets
from tasks.store.sources.wording import shown
from tasks.store.version import code_version

NAME = "discoveries"
CROISSANT = "croissant.json"
_CONFORMS = "http://mlcommons.org/croissant/1.0"
_OF_DTYPE = {
    pl.String: "sc:Text",
    pl.Float64: "sc:Float",
    pl.Int64: "sc:Integer",
    pl.Boolean: "sc:Boolean",
    pl.Datetime: "sc:DateTime",
}
_TERMS = (
    "citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes "
    "isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace "
    "samplingRate separator source subField transform"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}
"""The terms of the format, used or not: who reads it wants them all."""


def run(arguments: argparse.Namespace) -> None:
    """Writes the folder, and says what is in it."""
    rows = listing.listed(arguments.study or "", arguments.kind or "", held=arguments.held)
    folder = Path(arguments.out)
    _check(folder)
    write(rows, folder)
    told = {
        "folder": shown(folder),
        "files": sorted(file.name for file in folder.iterdir()),
        "n_rows": rows.height,
        "n_studies": rows["study"].n_unique(),
    }
    output(told, lines, arguments.json)


def lines(told: Mapping[str, Any]) -> list[str]:
    """What was written."""
    n = told["n_studies"]
    return [
        f"{told['folder']}: {told['n_rows']:,} rows of {n} {'study' if n == 1 else 'studies'} "
        f"({', '.join(told['files'])})"
    ]


def _check(folder: Path) -> None:
    """Refuses a place that holds something else.

    Raises:
        StoreError: it is a file, or a folder with files that this command did not write.
    """
    if not folder.exists():
        return
    ours = {f"{NAME}.csv", f"{NAME}.parquet", CROISSANT}
    if not folder.is_dir() or {one.name for one in folder.iterdir()} - ours:
        raise StoreError(
            f"{shown(folder)}: wanted a new folder, or one that this command wrote; nothing was written. "
            "Name another with --out."
        )


def write(rows: pl.DataFrame, folder: Path) -> None:
    """Writes the folder whole.

    Args:
        rows: rows of `listing.listed`.
        folder: takes the place of one that this command wrote before.

    Raises:
        StoreError: the place cannot be written.
    """
    with frames.writing(folder) as temporary:
        parquet, csv = (temporary / f"{NAME}.{suffix}" for suffix in ("parquet", "csv"))
        frames.write(rows, parquet, rows.schema)
        untrusted = pl.col(pl.String).map_elements(filters.neutral, return_dtype=pl.String)
        sheets.write(rows.with_columns(untrusted), csv)
        described = json.dumps(croissant(rows, parquet, csv), indent=1, ensure_ascii=False)
        (temporary / CROISSANT).write_text(described + "\n", encoding="utf-8", errors="replace")


def croissant(rows: pl.DataFrame, parquet: Path, csv: Path) -> dict[str, Any]:
    """The description: both files, and the columns as they are in the Parquet."""
    newest = rows["found_at"].max() if rows.height else None
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "natstat-discoveries",
        "description": (
            "Hypotheses in natural language, each tested on data that no proposer had seen, with effect, "
            f"interval, p and q. Written by natstat {code_version()}."
        ),
        "conformsTo": _CONFORMS,
        "version": "1.0.0",
        **({"datePublished": newest.date().isoformat()} if newest else {}),  # type: ignore[union-attr]
        "distribution": [
            _file(parquet, "application/x-parquet", "All rows, typed."),
            _file(csv, "text/csv", "The same as a sheet; a cell that would run as a formula begins with '."),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": NAME,
                "name": NAME,
                "description": "One row a tested hypothesis.",
                "field": [_field(name, dtype, parquet.name) for name, dtype in rows.schema.items()],
            }
        ],
    }


def _file(file: Path, encoding: str, description: str) -> dict[str, Any]:
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": description,
        "contentUrl": file.name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def _field(name: str, dtype: pl.DataType, file: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{NAME}/{name}",
        "name": name,
        "description": listing.COLUMNS[name],
        "dataType": _OF_DTYPE[dtype.base_type()],
        "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
    }
