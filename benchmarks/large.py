"""Large corpora: memory and time of collect with a sample and of embed, and of score by rows of verdicts.

    python -m benchmarks.large [--texts 10_000_000] [--format parquet] [--sample 20_000] [--folder DIR]
    python -m benchmarks.large --verdicts 5_000_000 10_000_000 20_000_000

Texts are made in chunks (two years, two texts a document, some 90 characters each) and written to one file
under DIR, which is deleted in the end. Each stage runs in a process of its own. Of verdicts (20 predicates)
what is timed begins with the Parquet that verify writes and ends with q-values. The last line is one JSON
object; `peak_mb` is the largest resident set of a process, `ratio` the CPU time per row at most rows over
that at fewest.
"""

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

AT_ONCE = 500_000
"""Texts that are made at a time."""
N_WORDS = 14
"""Of a text."""
N_PREDICATES = 20


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--texts", type=int, default=10_000_000)
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--sample", type=int, default=20_000, help="documents of each group")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--no-documents", dest="documents", action="store_false", help="each text is its own")
    parser.add_argument("--no-embed", dest="embed", action="store_false", help="collect alone")
    parser.add_argument("--folder", type=Path, help="where the file is made")
    parser.add_argument("--verdicts", type=int, nargs="+", help="rows to be scored, in place of texts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        found = scored(Path(name), arguments.verdicts) if arguments.verdicts else read(Path(name), arguments)
    print(json.dumps({"benchmark": "large", "processors": os.cpu_count(), **found}))


def read(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """What reading a sample of a large file takes."""
    file = folder / f"texts.{arguments.format}"
    started = time.perf_counter()
    make(file, arguments.texts)
    study: dict[str, Any] = {
        "name": "large",
        "data": str(file),
        "goal": "what changed from year to year",
        "collect": {"group": "year", "a": 2020, "b": 2019, "sample": arguments.sample},
        "embed": {"precision": arguments.precision},
    }
    study["collect"] |= {"document": "document"} if arguments.documents else {}
    told = {
        "texts": arguments.texts,
        "format": arguments.format,
        "documents": arguments.documents,
        "sample": arguments.sample,
        "file_mb": round(file.stat().st_size / 1e6),
        "made_s": round(time.perf_counter() - started, 1),
    }
    stages = ("collect", "embed") if arguments.embed else ("collect",)
    measured = {stage: apart(_stage, folder, stage, study) for stage in stages}
    told |= {"rows_per_s": round(arguments.texts / measured["collect"]["wall_s"])}
    told |= {"peak_mb": max(one["peak_mb"] for one in measured.values())}
    return {**told, **measured, "target_met": told["peak_mb"] <= 4096}


def make(file: Path, n: int, seed: int = 0) -> None:
    """Writes texts, a chunk at a time."""
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucm"))
    words = pl.Series(["".join(rng.choice(letters, size)) for size in rng.integers(2, 9, 20_000)])
    with file.open("wb") as opened:
        writer = None
        for start in range(0, n, AT_ONCE):
            chunk = _chunk(words, start, min(AT_ONCE, n - start), rng)
            if file.suffix == ".csv":
                chunk.write_csv(opened, include_header=not start)
                continue
            table = chunk.to_arrow()
            writer = writer or pq.ParquetWriter(opened, table.schema, compression="zstd")
            writer.write_table(table)
        if writer:
            writer.close()


def _chunk(words: pl.Series, start: int, n: int, rng: np.random.Generator) -> pl.DataFrame:
    said = pl.DataFrame({str(i): words.gather(rng.integers(0, len(words), n)) for i in range(N_WORDS)})
    number = np.arange(start, start + n)
    return pl.DataFrame(
        {
            "document": pl.Series(number // 2).cast(pl.String),
            "text": said.select(pl.concat_str(pl.all(), separator=" ")).to_series(),
            "year": pl.Series(2019 + number % 2),
            "seen": pl.Series(number % 365),
        }
    ).with_columns(pl.format("document-{}", "document").alias("document"))


def _stage(folder: Path, stage: str, given: dict[str, Any]) -> dict[str, Any]:
    """Runs a stage in this process."""
    from tasks import embed
    from tasks.collect import stage as collect
    from tasks.study import Study

    os.chdir(folder)
    found = {"collect": collect, "embed": embed}[stage].run(Study.model_validate(given))
    return {"n_texts": found["n_texts"], **({"drawn": found["read"]["sampled"]} if "read" in found else {})}


def apart(work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """What some work gives in a process of its own, with its seconds and megabytes."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, *given))


def _measured(work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work(*given)
    return {
        **found,
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def scored(folder: Path, sizes: list[int]) -> dict[str, Any]:
    """What scoring takes by rows of verdicts."""
    measured = []
    for rows in sorted(sizes):
        texts = make_verdicts(folder, rows)
        measured.append({"rows": rows, **apart(_score, folder, texts)})
    least, most = (measured[at]["score_s"] / measured[at]["rows"] for at in (0, -1))
    return {"verdicts": measured, "ratio": round(most / least, 2), "target_met": most <= 1.5 * least}


def make_verdicts(folder: Path, rows: int, seed: int = 0) -> int:
    """Writes verdicts of all predicates on some texts, as verify does; gives how many texts."""
    rng = np.random.default_rng(seed)
    n_texts = rows // N_PREDICATES
    for file in folder.glob("*.parquet"):
        file.unlink()
    ids = pl.Series([f"{i:016x}" for i in range(n_texts)])
    in_a = rng.random(n_texts) < 0.5
    for number in range(N_PREDICATES):
        is_true = rng.random(n_texts) < np.where(in_a, 0.2 + number / 100, 0.2)
        status = pl.Series(np.where(rng.random(n_texts) < 0.99, "value", "refusal"))
        frame = pl.DataFrame({"text_id": ids, "score": is_true.astype(float), "status": status})
        frame.select(
            "text_id",
            pl.lit(f"p{number}").alias("predicate_id"),
            pl.when(pl.col("status") == "value").then("score").alias("score"),
            "status",
        ).write_parquet(folder / f"part-{number:04d}.parquet")
    pl.DataFrame(
        {
            "text_id": ids,
            "group": pl.Series(np.where(in_a, "A", "B")),
            "document_id": ids.gather(np.arange(n_texts) // 2),
        }
    ).write_parquet(folder / "texts.parquet")
    return n_texts


def _score(folder: Path, n_texts: int) -> dict[str, Any]:
    """From rows of verdicts to q-values."""
    from tasks.records import Predicate
    from tasks.score import tests
    from tasks.store import frames
    from tasks.study import Study
    from tasks.verdicts import matrices
    from tasks.verdicts.judged import judged_from

    study = Study.model_validate(
        {"name": "large", "data": "-", "goal": "-", "collect": {"group": "year", "a": 2020, "b": 2019}}
    )
    of_all: dict[str, Any] = {
        "direction": "A",
        "family": "words",
        "grade": "meaning",
        "judge": "-",
        "threshold": 0.5,
    }
    of_all |= {"definition": "-", "planned_test": "two_sided", "split_hash": "-", "prompt_hash": "-"}
    predicates = [
        Predicate(f"p{n}", f"says {n}", explore_effect=0.1, explore_z=3.0, **of_all)
        for n in range(N_PREDICATES)
    ]
    texts = pl.read_parquet(folder / "texts.parquet")
    started = time.process_time()
    score, status = matrices.verdict_matrix(texts, predicates, frames.scan_verdicts(folder))
    judged = judged_from(study, texts, predicates, score, status)
    table = tests.decide(judged).table
    seconds = time.process_time() - started
    return {
        "n_texts": n_texts,
        "score_s": round(seconds, 2),
        "n_discoveries": int(table["is_discovery"].sum()),
    }


if __name__ == "__main__":
    main()
