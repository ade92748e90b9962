"""Measures how the fit of a timeline grows with its texts, beside the published schedule.

    python -m benchmarks.growth [--texts 1000 10000 100000] [--predicates 8] [--published 2048] [--problem F]

Texts have random verdicts of random density that drift over time, each at a time of its own. The published
schedule (Zhong et al. 2024: Adam at a rate of 0.001 from weights of 0, a softmax of text x text a step, until
a step gains less than 0.00001) is run to its end over distinct verdicts, which takes the same steps, to see
where it stops; what a step costs as it was published is measured on a few, and `published_cpu_s` extrapolates
it. F, if given, has `reference_phi_denotation` in order of time, and takes the place of random verdicts
there. Prints a JSON object a line; the last says whether growth is linear within 1.5.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy import special

from tasks.stats import tilting

LINEAR_WITHIN = 1.5
LEAST_GAIN = 1e-5
RATE, FADING, FADING_SQUARES, TINY = 1e-3, 0.9, 0.999, 1e-8
MEASURED_STEPS = 5
MOST_STEPS = 50_000
LEAST_CPU_S = 0.5
"""A fit is repeated until so much time was measured."""

Weights = Float[np.ndarray, "step predicate"]
Fitted = TypeVar("Fitted")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--texts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--predicates", type=int, default=8)
    parser.add_argument("--published", type=int, default=2_048, metavar="TEXTS", help="0: not run")
    parser.add_argument("--problem", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    fits = [growth(texts, arguments.predicates) for texts in arguments.texts]
    for one in fits:
        print(json.dumps(one), flush=True)
    if arguments.published:
        z = drifting(arguments.published, arguments.predicates)
        if arguments.problem is not None:
            found = json.loads(arguments.problem.read_text(encoding="utf-8"))["reference_phi_denotation"]
            z = np.array(found, dtype=float)
        print(json.dumps(beside_published(z)), flush=True)
    a_text = [one["cpu_s"] / one["texts"] for one in fits]
    ratio = a_text[-1] / a_text[0]
    print(
        json.dumps(
            {
                "benchmark": "growth",
                "predicates": arguments.predicates,
                "cpu_s_by_texts": {one["texts"]: one["cpu_s"] for one in fits},
                "ratio_to_linear": round(ratio, 2),
                "target_met": ratio <= LINEAR_WITHIN,
            }
        )
    )


def drifting(texts: int, predicates: int) -> Float[np.ndarray, "text predicate"]:
    """Verdicts in order of time, of which the log-odds drift by a normal amount from first to last."""
    rng = np.random.default_rng(0)
    level = special.logit(rng.uniform(0.05, 0.5, predicates))
    drift = rng.normal(0, 1.5, predicates)
    odds = level + np.linspace(-0.5, 0.5, texts)[:, None] * drift
    return (rng.random(odds.shape) < special.expit(odds)).astype(float)


def growth(texts: int, predicates: int) -> dict[str, float]:
    """Processor time of one fit with the published penalty."""
    z = drifting(texts, predicates)
    at = np.arange(texts, dtype=float)
    model, cpu_s = measured(lambda: tilting.fit(z, at))
    return {
        "texts": texts,
        "patterns": model.count.size,
        "objective": round(model.objective, 6),
        "cpu_s": round(cpu_s, 4),
    }


def beside_published(z: Float[np.ndarray, "text predicate"]) -> dict[str, float]:
    """Where Newton's method and the published schedule end on the same texts, and what they cost."""
    model, cpu_s = measured(lambda: tilting.fit(z, np.arange(len(z), dtype=float)))
    objective, steps = published(z)
    every = z.astype(np.float32)
    weight = np.zeros_like(every)
    _, one_step_s = measured(lambda: slope(weight, every, every, np.ones(len(z), dtype=np.float32)))
    return {
        "texts": len(z),
        "predicates": z.shape[1],
        "cpu_s": round(cpu_s, 4),
        "objective": round(model.objective, 6),
        "published_objective": round(objective, 6),
        "published_steps": steps,
        "published_step_cpu_s": round(one_step_s, 4),
        "published_cpu_s": round(one_step_s * steps, 1),
    }


def published(z: Float[np.ndarray, "text predicate"], most: int = MOST_STEPS) -> tuple[float, int]:
    """Objective at which the published rule stops, and after how many steps."""
    pattern, member = tilting.patterns(z)
    count = np.bincount(member).astype(float)
    weight, first, second = np.zeros_like(z), np.zeros_like(z), np.zeros_like(z)
    before = np.inf
    for step in range(1, most + 1):
        loss, pull = slope(weight, z, pattern, count)
        first = FADING * first + (1 - FADING) * pull
        second = FADING_SQUARES * second + (1 - FADING_SQUARES) * pull**2
        size = np.sqrt(second / (1 - FADING_SQUARES**step)) + TINY
        weight = weight - RATE * first / (1 - FADING**step) / size
        if loss > before - LEAST_GAIN:
            break
        before = loss
    return loss, step


def slope(
    weight: Weights,
    z: Float[np.ndarray, "step predicate"],
    pool: Float[np.ndarray, "pattern predicate"],
    count: Float[np.ndarray, " pattern"],
) -> tuple[float, Weights]:
    """The published objective at a penalty of 1, and its slope: T x T where the pool is all texts."""
    linear = weight @ pool.T
    most = linear.max(axis=1, keepdims=True)
    chance = np.exp(linear - most) * count
    norm = chance.sum(axis=1, keepdims=True)
    level = np.log(norm)[:, 0] + most[:, 0]
    jump = np.diff(weight, axis=0)
    pull = ((chance / norm) @ pool - z) / len(z)
    pull[1:] += 2 * jump / jump.size
    pull[:-1] -= 2 * jump / jump.size
    return float((level - (weight * z).sum(axis=1)).mean() + (jump**2).mean()), pull


def measured(work: Callable[[], Fitted]) -> tuple[Fitted, float]:
    """What it gives, and the least processor time of a run."""
    took: list[float] = []
    while True:
        started = time.process_time()
        found = work()
        took.append(time.process_time() - started)
        if sum(took) >= LEAST_CPU_S or len(took) >= MEASURED_STEPS:
            return found, min(took)


if __name__ == "__main__":
    main()
