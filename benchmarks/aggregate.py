"""Measures DuckDB against pandas at the share of positive verdicts by predicate and group.

    python -m benchmarks.aggregate [--rows 10000000] [--threads 1] [--repeats 3]

Verdicts are made as verify writes them (`5_verdicts/part-*.parquet`), with each text's group beside
them. DuckDB asks the Parquet; pandas reads the columns it needs and groups. In turns, each from the files.
Prints one JSON object as its last line, and fails if the two answers differ.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

N_PREDICATES = 50
ROWS_PER_FILE = 2_000_000

Shares = dict[tuple[str, str], tuple[int, float]]
"""(predicate_id, group) -> how many values, and their mean."""

SQL = """
SELECT predicate_id, "group", count(score), avg(score)
FROM read_parquet(?)
WHERE status = 'value'
GROUP BY predicate_id, "group"
"""


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.aggregate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=1, help="of DuckDB and of pandas' Parquet reader")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        files = make(Path(name), arguments.rows)
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        duckdb_s, pandas_s = [], []
        for _ in range(arguments.repeats):
            seconds, by_duckdb = timed(lambda: with_duckdb(files, arguments.threads))
            duckdb_s.append(seconds)
            seconds, by_pandas = timed(lambda: with_pandas(files, arguments.threads))
            pandas_s.append(seconds)
            check_equal(by_duckdb, by_pandas)
    ratio = statistics.median(p / d for d, p in zip(duckdb_s, pandas_s, strict=True))
    print(
        json.dumps(
            {
                "benchmark": "aggregate",
                "rows": arguments.rows,
                "megabytes": round(megabytes, 1),
                "threads": arguments.threads,
                "processors": os.cpu_count(),
                "repeats": arguments.repeats,
                "groups": len(by_duckdb),
                "duckdb_s": round(statistics.median(duckdb_s), 3),
                "pandas_s": round(statistics.median(pandas_s), 3),
                "ratio": round(ratio, 2),
                "equal": True,
                "target_met": ratio >= 4,
            }
        )
    )


def make(folder: Path, rows: int, seed: int = 0) -> list[Path]:
    """Verdict rows with seeded scores: nine in ten 0/1 or graded values, the rest refusals."""
    rng = np.random.default_rng(seed)
    ids = pl.Series([f"{i:016x}" for i in rng.integers(0, 2**62, N_PREDICATES)])
    files = []
    for number, start in enumerate(range(0, rows, ROWS_PER_FILE)):
        n = min(ROWS_PER_FILE, rows - start)
        text = rng.integers(0, max(1, rows // N_PREDICATES), n)
        is_value = pl.Series(rng.random(n) < 0.9)
        frame = pl.DataFrame(
            {
                "predicate_id": ids.gather(rng.integers(0, N_PREDICATES, n)),
                "text_id": pl.Series(text).cast(pl.String).str.zfill(16),
                "group": pl.Series(np.where(text % 2 == 0, "A", "B")),
                "score": rng.integers(0, 5, n) / 4,
            }
        ).with_columns(
            pl.when(is_value).then("score").alias("score"),
            pl.when(is_value).then(pl.lit("value")).otherwise(pl.lit("refusal")).alias("status"),
        )
        files.append(folder / f"part-{number:04d}.parquet")
        frame.write_parquet(files[-1], compression="zstd")
    return files


def with_duckdb(files: list[Path], threads: int) -> Shares:
    """The shares, by SQL on the Parquet."""
    import duckdb

    with duckdb.connect(config={"threads": threads}) as connection:
        rows = connection.execute(SQL, [[str(file) for file in files]]).fetchall()
    return {(predicate, group): (n, mean) for predicate, group, n, mean in rows}


def with_pandas(files: list[Path], threads: int) -> Shares:
    """The shares, by reading the columns needed and grouping."""
    import pandas as pd
    import pyarrow

    pyarrow.set_cpu_count(threads)
    columns = ["predicate_id", "group", "score", "status"]
    frame = pd.concat([pd.read_parquet(file, columns=columns) for file in files], ignore_index=True)
    values = frame[frame["status"] == "value"]
    shares = values.groupby(["predicate_id", "group"])["score"].agg(["count", "mean"])
    return {
        (str(predicate), str(group)): (int(n), float(mean))
        for (predicate, group), n, mean in shares.itertuples(name=None)
    }


def timed(work: Callable[[], Shares]) -> tuple[float, Shares]:
    """Seconds, and the answer."""
    started = time.perf_counter()
    answer = work()
    return time.perf_counter() - started, answer


def check_equal(left: Shares, right: Shares) -> None:
    """Stops the benchmark unless both sides counted the same."""
    if left.keys() != right.keys():
        raise SystemExit("duckdb and pandas found different groups")
    for key, (n, mean) in left.items():
        if n != right[key][0] or abs(mean - right[key][1]) > 1e-12:
            raise SystemExit(f"duckdb and pandas differ at {key}: {left[key]} and {right[key]}")


if __name__ == "__main__":
    main()
