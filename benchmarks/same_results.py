"""Whether two versions of the code give the same results: `python -m benchmarks.same_results BEFORE AFTER`.

Both are `data` folders that the same studies were run in, by the one version and by the other. Every table
and every file of vectors must be equal to the byte. A table that says which code made it (`code_version`, and
`run_id`, which follows from it), that holds params, or that has a column which is told to be new, is compared
without these columns. The last line is JSON.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

MADE_BY = ("code_version", "run_id", "params")
"""Columns that differ between versions by their nature."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compares, and gives 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--new", nargs="*", default=[], metavar="COLUMN", help="columns that are new")
    arguments = parser.parse_args(argv)
    found = {
        file: compared(arguments.before / file, arguments.after / file, arguments.new)
        for file in tables(arguments.before) | tables(arguments.after)
    }
    for file, verdict in sorted(found.items()):
        if verdict not in {"equal bytes", "equal rows"}:
            print(f"{file}: {verdict}")
    counted = Counter(verdict if verdict.startswith("equal") else "different" for verdict in found.values())
    studies = {Path(file).parts[0] for file in found}
    print(json.dumps({"studies": len(studies), "files": len(found), **dict(sorted(counted.items()))}))
    return int(counted["different"] > 0 or not found)


def tables(data: Path) -> set[str]:
    """Tables and vectors of all stages of all studies."""
    return {
        str(file.relative_to(data))
        for kind in ("parquet", "npy")
        for file in data.glob(f"*/[1-7]_*/*.{kind}")
    }


def compared(before: Path, after: Path, new: Sequence[str] = ()) -> str:
    """`equal bytes`, `equal rows` (but for columns that may differ), or what differs."""
    if not before.is_file() or not after.is_file():
        return f"only {'before' if before.is_file() else 'after'}"
    if before.read_bytes() == after.read_bytes():
        return "equal bytes"
    if before.suffix == ".npy":
        return "other vectors"
    one, other = pl.read_parquet(before, glob=False), pl.read_parquet(after, glob=False)
    aside = {*MADE_BY, *new} & {*one.columns, *other.columns}
    if not aside:
        return "other bytes"
    one, other = (frame.drop(aside, strict=False) for frame in (one, other))
    if one.columns != other.columns or one.height != other.height:
        return f"other columns or rows: {one.shape}, {other.shape}"
    differing = [name for name in one.columns if not one[name].equals(other[name], null_equal=True)]
    return f"other {', '.join(differing)}" if differing else "equal rows"


if __name__ == "__main__":
    sys.exit(main())
