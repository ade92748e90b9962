"""Measures how near-duplicates are found: seconds, memory, and whether the copies that were made are found.

    python -m benchmarks.families [--n 100000 1000000] [--words 12] [--encode 2000]

Texts are drawn from a vocabulary with Zipf's frequencies; every fifth is a retweet of the next. The last line
is one JSON object: for each n the seconds, the share of copies that are found and of other texts that are
joined; how the seconds grow with n (the exponent: 1 is linear); and the seconds per text over those that
encoding takes.
"""

import argparse
import json
import math
import resource
import time
from typing import Any

import numpy as np
import polars as pl

from tasks.collect.families import families
from tasks.store.sources import normalised

EVERY = 5
VOCABULARY = 20_000


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.families", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--n", type=int, nargs="+", default=[100_000, 1_000_000], help="how many texts")
    parser.add_argument("--words", type=int, default=12, help="words of a text")
    parser.add_argument("--encode", type=int, default=2000, help="texts to encode for the ratio; 0: none")
    arguments = parser.parse_args()
    runs = [measured(n, arguments.words) for n in arguments.n]
    for run in runs:
        print(run)
    found: dict[str, Any] = {"words": arguments.words, "runs": runs}
    if len(runs) > 1:
        found["exponent"] = round(
            math.log(runs[-1]["wall_s"] / runs[0]["wall_s"]) / math.log(runs[-1]["n"] / runs[0]["n"]), 2
        )
    if arguments.encode:
        per_text = encoding_s(made(arguments.encode, arguments.words))
        found["share_of_encoding"] = round(runs[-1]["wall_s"] / runs[-1]["n"] / per_text, 3)
    print(json.dumps(found))


def made(n: int, n_words: int) -> list[str]:
    """Texts, every fifth of which repeats the next."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnoprstuvwz"))
    vocabulary = np.array(["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(VOCABULARY)])
    frequency = 1 / np.arange(1, VOCABULARY + 1)
    drawn = vocabulary[rng.choice(VOCABULARY, (n, n_words), p=frequency / frequency.sum())]
    texts = [" ".join(row) for row in drawn]
    for i in range(0, n - 1, EVERY):
        texts[i] = f"rt @somebody: {texts[i + 1]}!"
    return texts


def measured(n: int, n_words: int) -> dict[str, Any]:
    """One size."""
    texts = normalised(pl.Series(made(n, n_words)))
    order = texts.unique().sort()
    start = time.perf_counter()
    family = families(order, 0.7).family
    wall_s = time.perf_counter() - start
    place = dict(zip(order, range(len(order)), strict=True))
    of = np.array([family[place[text]] for text in texts])
    copies = np.arange(0, n - 1, EVERY)
    return {
        "n": n,
        "wall_s": round(wall_s, 1),
        "share_found": round(float((of[copies] == of[copies + 1]).mean()), 4),
        "share_joined_otherwise": round(1 - (len(set(of.tolist())) + len(copies)) / n, 4),
        "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def encoding_s(texts: list[str]) -> float:
    """Seconds that the bundled encoder takes for a text."""
    from benchmarks.encode import sides

    ours, _ = sides("float32", "float32")
    ours(texts[:64])
    start = time.perf_counter()
    ours(texts)
    return (time.perf_counter() - start) / len(texts)


if __name__ == "__main__":
    main()
