"""Measures the mining of pairs against three other ways, in one run and on the same made vectors.

    python -m benchmarks.mining [--texts 50000 100000] [--dim 384] [--seed 0] [--sample 0]

The vectors are seeded clusters of 20 unit vectors under test, and unrelated unit vectors as the reference.
`script` works as published scripts do: the full square of both similarities in blocks of 1,024 rows, a mask,
and a Python loop with item() for each hit. `library` is sentence-transformers' paraphrase_mining_embeddings,
told how many pairs there are and how many a text has at most, so that it gives exactly those at the
threshold. `product` is the bare float32 matrix product of the upper triangle in our blocks, of the vectors
under test alone. `ours` keeps the best 1,000 pairs, as a study does; `ours_all` every pair, as the library;
`ours_shards` is `ours` in --shards shards, one after the other, which must find the same.
The script and the library take one turn, the others --repeats; figures are medians. Ratios are of processor
time, which other work on the machine changes little, and on an accelerator of wall time. With --sample N the
script runs on N row blocks spread over the square and its time is extrapolated: `script_blocks` says so.
Memory is that of a process of its own beyond the vectors, with few hits and with clusters of 1,000 (tens of
millions). Prints one JSON object as its last line, and fails if the answers differ by a pair that is not at
the threshold.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks.kinds.encoder_failures import mining, tiles

CLUSTER, CROWDED = 20, 1000
NOISE = 0.5
"""Length of the noise beside a centre of length one: cosines in a cluster are about 0.8."""
THRESHOLD, MARGIN = 0.8, 0.2
TOP, PER_TEXT = 1000, 3
POOL = mining.POOL_MOST
"""More pairs than there are: all are kept."""
BLOCK, SCRIPT_BLOCK = 2048, 1024
AT_THRESHOLD = 1e-5
"""Float32 cosines this near the threshold may fall on either side of it."""
Pairs = set[tuple[int, int]]


def main() -> None:
    """Runs the benchmark, or one part of it in this process."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mining", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--texts", type=int, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3, help="turns of ours and of the product")
    parser.add_argument("--shards", type=int, default=3, help="shards that ours is cut into")
    parser.add_argument("--sample", type=int, default=0, help="row blocks of the script's way; 0: all")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print(json.dumps(peak(arguments.texts[0], arguments.dim, arguments.seed, arguments.peak)))
        return

    import torch

    sizes = [measured(n, arguments) for n in arguments.texts]
    result = {
        "benchmark": "mining",
        "dim": arguments.dim,
        "seed": arguments.seed,
        "repeats": arguments.repeats,
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": tiles.device(),
        "sizes": sizes,
        "target_met": all(size["target_met"] for size in sizes),
    }
    print(json.dumps(result))


def measured(n: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """All ways on n texts."""
    under_test, reference, texts = made(n, arguments.dim, arguments.seed, CLUSTER)
    # First calls pay for imports; this one also says how many pairs there are.
    every = mine(texts, under_test, reference, POOL, n)
    most = int(np.bincount(every.pairs[["left", "right"]].to_numpy().ravel()).max())
    mined = set(every.pairs.select("left", "right").iter_rows())
    seconds: dict[str, list[tuple[float, float]]] = {}
    for number in range(arguments.repeats):
        turn(seconds, "product", lambda: product(under_test))
        ours = turn(seconds, "ours", lambda: mine(texts, under_test, reference, TOP, PER_TEXT))
        cut = turn(seconds, "ours_shards", lambda: in_shards(texts, under_test, reference, arguments.shards))
        if not ours.pairs.equals(cut.pairs) or replace(ours, pairs=cut.pairs) != cut:
            raise SystemExit("shards found something else than one piece")
        turn(seconds, "ours_all", lambda: mine(texts, under_test, reference, POOL, n))
        if number == 0:
            hits, blocks = turn(seconds, "script", lambda: script(under_test, reference, arguments.sample))
            close = turn(seconds, "library", lambda: library(under_test, every.n_collisions, most))
    check_equal("library", {(i, j) for _, i, j in close}, mined, under_test)
    n_blocks = -(-n // SCRIPT_BLOCK)
    if blocks == n_blocks:
        check_equal("script", {(i, j) for i, j, *_ in hits if i < j}, mined, under_test)
    wall, cpu = ({name: middle(runs, k) for name, runs in seconds.items()} for k in (0, 1))
    for median in (wall, cpu):
        median["script"] *= n_blocks / blocks
    peaks = [peak_beyond(n, arguments, cluster) for cluster in (CLUSTER, CROWDED)]
    rest = "" if blocks == n_blocks else ", the rest extrapolated"
    return {
        "texts": n,
        "n_hits": every.n_hits,
        "n_collisions": every.n_collisions,
        "wall_s": {name: round(value, 2) for name, value in wall.items()},
        "cpu_s": {name: round(value, 2) for name, value in cpu.items()},
        "script_blocks": f"{blocks} of {n_blocks} row blocks measured{rest}",
        "equal": True,
        "peak_mb": {str(one["n_hits"]): round(one["peak_mb"]) for one in peaks},
        **judged(cpu if tiles.device() == "cpu" else wall, max(one["peak_mb"] for one in peaks)),
    }


def turn(seconds: dict[str, list[tuple[float, float]]], name: str, work: Callable[[], Any]) -> Any:
    """The answer of one way; its wall and processor time are noted and printed."""
    began, began_cpu = time.perf_counter(), time.process_time()
    answer = work()
    took = time.perf_counter() - began, time.process_time() - began_cpu
    seconds.setdefault(name, []).append(took)
    print(f"{name:<11} {took[0]:8.2f} s {took[1]:8.2f} CPU-s", flush=True)
    return answer


def middle(runs: list[tuple[float, float]], which: int) -> float:
    """The median of one of the two times."""
    return statistics.median(run[which] for run in runs)


def judged(median: dict[str, float], most_mb: float) -> dict[str, Any]:
    """The ratios, and whether they are those that are wanted."""
    ratios = {
        "script_to_ours": median["script"] / median["ours"],
        "library_to_ours_all": median["library"] / median["ours_all"],
        "ours_to_product": median["ours"] / median["product"],
        "ours_all_to_product": median["ours_all"] / median["product"],
        "ours_shards_to_ours": median["ours_shards"] / median["ours"],
    }
    return {
        **{name: round(value, 2) for name, value in ratios.items()},
        "target_met": ratios["script_to_ours"] >= 10
        and ratios["library_to_ours_all"] > 1
        and max(ratios["ours_to_product"], ratios["ours_all_to_product"]) <= 1.5
        and most_mb < 1000,
    }


def made(n: int, dim: int, seed: int, cluster: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Vectors under test, vectors of the reference, and texts, in an order without clusters."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((-(-n // cluster), dim), dtype=np.float32))
    under_test = unit(rng.standard_normal((n, dim), dtype=np.float32))
    of_text = rng.permutation(n) // cluster
    for rows in np.array_split(np.arange(n), -(-n // BLOCK)):
        under_test[rows] = NOISE * under_test[rows] + centres[of_text[rows]]
    reference = unit(rng.standard_normal((n, dim), dtype=np.float32))
    return unit(under_test), reference, [f"caption number {i}" for i in range(n)]


def unit(vectors: np.ndarray) -> np.ndarray:
    """The rows, put at length one in place and in parts: what is made leaves no peak of memory behind."""
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        vectors[rows] /= np.linalg.norm(vectors[rows], axis=1, keepdims=True)
    return vectors


def mine(
    texts: list[str], under_test: np.ndarray, reference: np.ndarray, top: int, per_text: int
) -> mining.Mined:
    """Our way."""
    return mining.mine(
        texts, under_test, reference, threshold=THRESHOLD, margin=MARGIN, top=top, per_text=per_text
    )


def in_shards(texts: list[str], under_test: np.ndarray, reference: np.ndarray, n_shards: int) -> mining.Mined:
    """Our way, in shards, one after the other."""
    search = mining.Search(
        texts, under_test, reference, threshold=THRESHOLD, margin=MARGIN, top=TOP, per_text=PER_TEXT
    )
    return search.merged(search.part(blocks) for blocks in search.shares(n_shards))


def product(under_test: np.ndarray) -> None:
    """The upper triangle in blocks of ours; nothing is looked at."""
    import torch

    place = tiles.device()
    blocks = [
        torch.from_numpy(under_test[start : start + BLOCK]).to(place)
        for start in range(0, len(under_test), BLOCK)
    ]
    cells = torch.empty(BLOCK * BLOCK, device=place)
    for i, a in enumerate(blocks):
        for b in blocks[i:]:
            torch.mm(a, b.T, out=cells[: len(a) * len(b)].view(len(a), len(b)))
    float(cells[0])  # waits for an accelerator


def script(
    under_test: np.ndarray, reference: np.ndarray, sample: int
) -> tuple[list[tuple[int, int, float, float]], int]:
    """Hits in both orders, best first, and how many row blocks were done."""
    import torch

    place = tiles.device()
    tested, other = (torch.from_numpy(view).to(place) for view in (under_test, reference))
    starts = np.arange(0, len(under_test), SCRIPT_BLOCK)
    if 0 < sample < len(starts):
        starts = starts[np.linspace(0, len(starts) - 1, sample).round().astype(int)]
    hits = []
    for start in starts.tolist():
        similarity = torch.matmul(tested[start : start + SCRIPT_BLOCK], tested.t())
        apart = torch.matmul(other[start : start + SCRIPT_BLOCK], other.t())
        mask = (similarity > THRESHOLD) & (torch.abs(similarity - apart) > MARGIN)
        rows, columns = mask.nonzero(as_tuple=True)
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
            hits.append((start + i, j, similarity[i, j].item(), apart[i, j].item()))
    hits.sort(key=lambda hit: hit[2], reverse=True)
    return hits, len(starts)


def library(under_test: np.ndarray, n_pairs: int, most: int) -> list[Any]:
    """The library's way, with what it needs to know to be exact and to keep no more than asked for."""
    import torch
    from sentence_transformers.util import paraphrase_mining_embeddings

    vectors = torch.from_numpy(under_test).to(tiles.device())
    return list(paraphrase_mining_embeddings(vectors, max_pairs=n_pairs, top_k=most))


def check_equal(name: str, theirs: Pairs, ours: Pairs, under_test: np.ndarray) -> None:
    """Stops the benchmark where a pair is missing or added that does not lie at the threshold."""
    for i, j in theirs ^ ours:
        cosine = float(under_test[i].astype(np.float64) @ under_test[j].astype(np.float64))
        if i != j and abs(cosine - THRESHOLD) > AT_THRESHOLD:
            raise SystemExit(f"{name} and ours differ at {(i, j)}: cosine {cosine}")


def peak_beyond(n: int, arguments: argparse.Namespace, cluster: int) -> dict[str, Any]:
    """peak() in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.mining", "--texts", str(n), "--dim", str(arguments.dim)]
    command += ["--seed", str(arguments.seed), "--peak", str(cluster)]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print(f"{n:>8} {found['n_hits']} hits: {found['peak_mb']:.0f} MB in {found['seconds']:.1f} s", flush=True)
    return found


def peak(n: int, dim: int, seed: int, cluster: int) -> dict[str, Any]:
    """Hits, seconds, and the most memory that mining took beyond the vectors and the packages."""
    under_test, reference, texts = made(n, dim, seed, cluster)
    mine(texts[:100], under_test[:100], reference[:100], TOP, PER_TEXT)
    before, began = resident_mb(), time.perf_counter()
    found = mine(texts, under_test, reference, TOP, PER_TEXT)
    took = time.perf_counter() - began
    return {"n_hits": found.n_hits, "seconds": took, "peak_mb": peak_mb() - before}


def peak_mb() -> float:
    """The most memory this process has had: making the vectors counts, so that this errs upwards."""
    file = Path("/proc/self/status")
    if file.exists():  # what getrusage gives there counts the process that started this one, too
        return next(
            int(line.split()[1]) / 2**10
            for line in file.read_text(encoding="utf-8").splitlines()
            if line.startswith("VmHWM:")
        )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)


def resident_mb() -> float:
    """The memory this process has now; its peak where the system does not say."""
    file = Path("/proc/self/statm")
    if not file.exists():
        return peak_mb()
    return int(file.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
