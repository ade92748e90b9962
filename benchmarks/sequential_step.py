"""Measures one step of a sequential walk: new verdicts taken in, all predicates decided, all intervals given.

    python -m benchmarks.sequential_step [--predicates 1000] [--verdicts 256] [--repeats 5] [--graded]

Verdicts are 0/1 (or graded), equally many of A and B, one text per document. The same step is taken after
little and after much has been seen, in turns, and against the same figures made from all verdicts anew. No
predicate is decided meanwhile, so that each step does all the work. Prints one JSON object as its last line.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.stats.decisions import Rule
from tasks.stats.sequential import Sequential

LIMIT_MS = 50
SEEN = (1_024, 8_192, 65_536)
"""Verdicts of each predicate before the step."""
UNDECIDED = Rule(alpha=1e-190, futility=1e-300, min_effect=0, margin=1e9)

Batch = tuple[Float[np.ndarray, "text predicate"], Bool[np.ndarray, " text"], Int[np.ndarray, " text"]]


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sequential_step", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--predicates", type=int, default=1000)
    parser.add_argument("--verdicts", type=int, default=256, help="of each predicate, in one step; even")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--graded", action="store_true", help="scores between 0 and 1, told apart by 0.05")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    resolution = 20 if arguments.graded else 1
    batches = [make(arguments.verdicts, arguments.predicates, arguments.graded, rng) for _ in range(4)]
    step_ms: dict[int, float] = {}
    for seen in SEEN:
        walk = Sequential(np.ones(arguments.predicates, bool), max(SEEN), UNDECIDED, resolution)
        for _ in range(seen // arguments.verdicts):
            # Ever the same few batches would decide.
            walk.update(*make(arguments.verdicts, arguments.predicates, arguments.graded, rng))
        walk.look()
        if not walk.going.all():
            raise SystemExit("a predicate was decided: the step would be measured on fewer")
        # The batch is new; only the counts are carried on.
        times = [timed(partial(step, walk, batches[0])) for _ in range(arguments.repeats)]
        step_ms[seen] = round(statistics.median(times), 2)
    anew = SEEN[1]
    whole = join([batches[i % len(batches)] for i in range(anew // arguments.verdicts)])
    scratch = [
        timed(
            lambda: step(
                Sequential(np.ones(arguments.predicates, bool), max(SEEN), UNDECIDED, resolution), whole
            )
        )
        for _ in range(min(arguments.repeats, 3))
    ]
    worst = max(step_ms.values())
    print(
        json.dumps(
            {
                "benchmark": "sequential_step",
                "predicates": arguments.predicates,
                "verdicts": arguments.verdicts,
                "graded": arguments.graded,
                "processors": os.cpu_count(),
                "step_ms_by_seen": step_ms,
                "growth": round(step_ms[SEEN[-1]] / step_ms[SEEN[0]], 2),
                "anew_ms": round(statistics.median(scratch), 1),
                "anew_seen": anew,
                "ratio": round(statistics.median(scratch) / step_ms[anew], 1),
                "target_met": worst < LIMIT_MS,
            }
        )
    )


def make(verdicts: int, predicates: int, graded: bool, rng: np.random.Generator) -> Batch:
    """A batch of pairs of texts; shares from rare to one half."""
    share = np.geomspace(0.005, 0.5, predicates)
    drawn = rng.random((verdicts, predicates))
    score = np.where(drawn < share, rng.uniform(0.5, 1, drawn.shape), 0.0) if graded else drawn < share
    return score.astype(float), np.arange(verdicts) % 2 == 0, np.arange(verdicts) // 2


def join(batches: list[Batch]) -> Batch:
    """One batch of all blocks."""
    shift = np.cumsum([0] + [batch[2].max() + 1 for batch in batches[:-1]])
    return (
        np.concatenate([batch[0] for batch in batches]),
        np.concatenate([batch[1] for batch in batches]),
        np.concatenate([batch[2] + by for batch, by in zip(batches, shift, strict=True)]),
    )


def step(walk: Sequential, batch: Batch) -> None:
    """Takes the batch in and decides."""
    walk.update(*batch)
    walk.look()


def timed(work: Callable[[], None]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
