"""Measures what the statistics of paired answers promise, on pairs with known truth.

    python -m benchmarks.pairs [--part coverage|noise|liked|orders] [--draws 2000] [--seed 0]

`coverage`: intervals and tests of a mean paired difference, by documents. `noise`: studies in which there is
nothing to tell, beside what testing traits on the pairs they were picked on reports. `liked`: coefficients of
traits where length drives the preference. `orders`: judges that lean to a place or guess. `--draws` is draws
a design for `coverage` and studies a design for the others. Printed are a Markdown table and, as the last
line, one JSON object.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import special, stats

from tasks.stats.liked import liked_coefficients
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.stats.orders import agreement_sufficient, orders_kappa_cohen, position_bias
from tasks.stats.paired import paired_difference, paired_mean_pvalue_sign_flip
from tasks.stats.telling import identity_told, pair_folds, preference_told, told_lift

LEVEL = 0.95
TIES = (0.0, 0.2, 0.5, 0.8, 0.95)
EFFECTS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)
DOCUMENTS = tuple(
    (n, rows, alike)
    for n in (20, 50, 100, 300, 800)
    for rows, alike in ((1, 0.0), (3, 0.3), (3, 1.0), (5, 0.7))
    if n > 20 or rows == 1
)
"""Pairs, pairs a document (geometric), and the share of pairs that say what their document says."""

JUDGES = (("right, leans 0.3", 0.3, False), ("guesses", 0.0, True), ("guesses, leans 0.3", 0.3, True))

Row = dict[str, float | int | str | bool]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=list(PARTS), default="coverage")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started, rows = time.perf_counter(), list[Row]()
    for row in PARTS[args.part](args.draws, np.random.default_rng(args.seed)):
        if not rows:
            print("| " + " | ".join(row) + " |\n" + "|---" * len(row) + "|")
        print("| " + " | ".join(_cell(cell) for cell in row.values()) + " |", flush=True)
        rows.append(row)
    duration = round(time.perf_counter() - started, 1)
    print(json.dumps({"benchmark": "pairs", **vars(args), "duration_s": duration, "rows": rows}))


def coverage(draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Gives the least coverage and largest size of each layout over shares of ties and effects."""
    for pairs, rows, alike in DOCUMENTS:
        found = [
            covered(pairs, rows, alike, ties, effect, draws, rng)
            for ties in TIES
            for effect in EFFECTS
            if effect <= 1 - ties + 1e-9
        ]
        yield {
            "pairs": pairs,
            "a document": rows if rows == 1 else f"about {rows}",
            "alike": alike,
            "least covered": min(one["covered"] for one in found),
            "mean": float(np.mean([one["covered"] for one in found])),
            "width": float(np.mean([one["width"] for one in found])),
            "Tango": min(one["tango"] for one in found) if rows == 1 else "-",
            "Student": min(one["student"] for one in found),
            "largest size": max(one["size"] for one in found if one["effect"] == 0),
        }


def covered(
    pairs: int, rows: int, alike: float, ties: float, effect: float, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """Gives shares over draws of one design; document sizes are drawn afresh in 10 batches."""
    parts: dict[str, list[NDArray[np.generic]]] = {}
    for _ in range(10):
        sizes = np.ones(pairs, dtype=int) if rows == 1 else rng.geometric(1 / rows, max(pairs // rows, 2))
        document = np.repeat(np.arange(sizes.size), sizes)
        own, latent = (_verdicts(ties, effect, (n, draws // 10), rng) for n in (document.size, sizes.size))
        d = np.where(rng.random(own.shape) < alike, latent[document], own)
        found = paired_difference(d, document, LEVEL)
        ends = {"covered": (found.lo, found.hi), "student": _student(d, document), "tango": _tango(d)}
        for name, (lo, hi) in ends.items():
            parts.setdefault(name, []).append((lo <= effect + 1e-12) & (hi >= effect - 1e-12))
        parts.setdefault("size", []).append(found.p <= 1 - LEVEL)
        parts.setdefault("width", []).append(found.hi - found.lo)
    return {
        **{name: float(np.concatenate(part).mean()) for name, part in parts.items()},
        "effect": effect,
    }


def noise(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Gives what studies of noise report, ours beside the naive way."""
    for pairs in (50, 100, 300):
        found = [nothing(pairs, rng) for _ in range(studies)]
        mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        yield {"pairs": pairs, **mean}


def nothing(
    pairs: int, rng: np.random.Generator, traits: int = 10, candidates: int = 100
) -> dict[str, float]:
    """Gives one study of traits that say nothing of which answer is whose, nor of which is preferred."""
    document = np.arange(pairs)
    fold = pair_folds(document, rng)
    x, length = _verdicts(0.4, 0.0, (pairs, traits), rng), rng.standard_normal((pairs, 1))
    preference = np.where(rng.random(pairs) < 0.9, -1.0, 1.0)
    told, alone = identity_told(x, document, fold, LEVEL), identity_told(length, document, fold, LEVEL)
    liked = preference_told(x, preference, document, fold, LEVEL)
    lift = told_lift(told, alone, document, LEVEL)
    tests = paired_difference(x, document, LEVEL)
    found = (pvalues_adjusted_bh(tests.p) <= 0.05) & (np.abs(tests.estimate) >= 0.02)
    many = _verdicts(0.4, 0.0, (pairs, candidates), rng)
    p = paired_mean_pvalue_sign_flip(many, document)[0]
    picked = np.argsort(p, kind="stable")[:traits]
    kept = picked[p[picked] < 0.05]
    return {
        "identity covers 0.5": told.lo <= 0.5 <= told.hi,
        "accuracy": told.accuracy,
        "length alone covers 0.5": alone.lo <= 0.5 <= alone.hi,
        "preference covers 0.5": liked.lo <= 0.5 <= liked.hi,
        "lift covers 0": lift.lo <= 0 <= lift.hi,
        "any discovery": found.any(),
        "naive: kept of 10": kept.size,
        "naive: accuracy": _accuracy_in_sample(many[:, kept]),
        "naive: accuracy, folds": identity_told(many[:, kept], document, fold, LEVEL).accuracy,
    }


def liked(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Gives size, coverage and estimates of coefficients beside a length that drives the preference."""
    for pairs, traits in ((150, 10), (300, 10), (300, 20), (700, 20)):
        for lopsided in (False, True):
            found = [coefficients(pairs, traits, lopsided, rng) for _ in range(studies)]
            null = np.ones(traits, dtype=bool)
            null[[1, 7]] = False
            rejected = np.array([one["p"] <= 1 - LEVEL for one in found])
            inside = np.array([one["inside"] for one in found])
            planted = np.array([one["estimate"][[1, 7]] for one in found])
            yield {
                "pairs": pairs,
                "traits": traits,
                "favourite": "yes" if lopsided else "no",
                "size": float(rejected[:, null].mean()),
                "largest of a trait": float(rejected[:, null].mean(axis=0).max()),
                "covered": float(inside.mean()),
                "least covered": float(inside.mean(axis=0).min()),
                "0.8 is": float(np.nanmedian(planted[:, 0])),
                "-0.8 is": float(np.nanmedian(planted[:, 1])),
                "found": float(rejected[:, ~null].mean()),
            }


def coefficients(
    pairs: int, traits: int, lopsided: bool, rng: np.random.Generator
) -> dict[str, Float[np.ndarray, " trait"]]:
    """Gives one study: traits that follow length, two that are liked (0.8 and -0.8), ties, a favourite."""
    length = rng.standard_normal(pairs)
    style = 0.5 * length[:, None] + rng.standard_normal((pairs, 2))
    latent = 0.8 * length[:, None] * (np.arange(traits) < 6) + rng.standard_normal((pairs, traits))
    latent += 0.7 * (np.arange(traits) % 3 == 0)
    x = np.where(np.abs(latent) > 0.7, np.sign(latent), 0.0)
    truth = np.zeros(traits)
    truth[[1, 7]] = 0.8, -0.8
    chance = special.expit(length + x @ truth + 2.2 * lopsided)
    # Two readers, each of whom prefers one: where they differ it is a tie.
    preference = (rng.random((2, pairs)) < chance).mean(axis=0) * 2 - 1
    document = np.arange(pairs)
    covariate = np.column_stack([length, style, np.ones(pairs)])
    fold = pair_folds(document, rng)
    found = liked_coefficients(x, covariate, preference, document, fold, LEVEL)
    inside = ((found.lo <= truth) & (truth <= found.hi)) | np.isnan(found.estimate)
    return {"p": found.p, "inside": inside, "estimate": found.estimate}


def orders(studies: int, rng: np.random.Generator) -> Iterator[Row]:
    """Gives how many traits pass for well-defined, by judge."""
    for pairs in (50, 100, 300):
        for judge, bias, guesses in JUDGES:
            for ties in (0.0, 0.3, 0.8):
                first, second = judged(pairs, studies, ties, bias, guesses, rng)
                document = np.arange(pairs)
                agreement = orders_kappa_cohen(first, second, document, LEVEL)
                lean = position_bias(first, second, document, LEVEL)
                yield {
                    "pairs": pairs,
                    "judge": judge,
                    "ties": ties,
                    "kappa": float(np.nanmean(agreement.estimate)),
                    "well-defined": float(agreement_sufficient(agreement).mean()),
                    "position bias": lean.estimate,
                }


def judged(
    pairs: int, traits: int, ties: float, bias: float, guesses: bool, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "pair trait"], Float[np.ndarray, "pair trait"]]:
    """Gives what a judge says of A's answer shown first, and second; of untied pairs 3 in 4 are for A."""
    truth = (1 + _verdicts(ties, 0.5 * (1 - ties), (pairs, traits), rng)) / 2
    leans = rng.random(truth.shape) < bias
    if not guesses:
        return np.where(leans, 1.0, truth), np.where(leans, 0.0, truth)
    # A guess is about the place, and falls anew in the other order.
    first, second = ((1 + _verdicts(ties, 0.0, truth.shape, rng)) / 2 for _ in range(2))
    again = rng.random(truth.shape) < bias
    return np.where(leans, 1.0, first), np.where(again, 0.0, second)


def _verdicts(
    ties: float, effect: float, shape: tuple[int, int], rng: np.random.Generator
) -> Float[np.ndarray, "pair draw"]:
    """1, 0 or -1, with this share of 0 and this mean."""
    u, over = rng.random(shape), (1 - ties + effect) / 2
    return np.where(u < over, 1.0, np.where(u < 1 - ties, -1.0, 0.0))


def _student(
    d: Float[np.ndarray, "pair draw"], document: Int[np.ndarray, " pair"]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = np.bincount(document)
    sums = np.add.reduceat(d, np.concatenate([[0], np.cumsum(n)[:-1]]), axis=0)
    mean = d.mean(axis=0)
    spread = ((sums - mean * n[:, None]) ** 2).sum(axis=0) * n.size / (n.size - 1)
    half = stats.t.ppf((1 + LEVEL) / 2, n.size - 1) * np.sqrt(spread) / d.shape[0]
    return mean - half, mean + half


def _tango(d: Float[np.ndarray, "pair draw"]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tango (1998), Statistics in Medicine 17:891-908: the score interval, by bisection."""
    n, over, under = d.shape[0], (d > 0).sum(axis=0), (d < 0).sum(axis=0)
    z = stats.norm.ppf((1 + LEVEL) / 2)

    def end(sign: int) -> NDArray[np.float64]:
        estimate = (over - under) / n
        kept, lost = estimate, np.full(estimate.shape, float(sign))
        for _ in range(40):
            middle = (kept + lost) / 2
            b = -over - under + (2 * n - over + under) * middle
            root = np.sqrt(np.maximum(b**2 + 8 * n * under * middle * (1 - middle), 0))
            variance = n * ((root - b) / (2 * n) + middle * (1 - middle))
            inside = (over - under - n * middle) ** 2 <= z**2 * variance
            kept, lost = np.where(inside, middle, kept), np.where(inside, lost, middle)
        return np.asarray(kept)

    return end(-1), end(1)


def _accuracy_in_sample(x: Float[np.ndarray, "pair trait"]) -> float:
    """Of a model fitted on the pairs that it tells."""
    document, twice = np.arange(2 * len(x)), np.concatenate([x, x])
    # Each half is told by a model of the other, which is the same pairs.
    return identity_told(twice, document, np.repeat([0, 1], len(x)), LEVEL).accuracy


def _cell(cell: float | int | str | bool) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


PARTS: dict[str, Callable[[int, np.random.Generator], Iterator[Row]]] = {
    "coverage": coverage,
    "noise": noise,
    "liked": liked,
    "orders": orders,
}


if __name__ == "__main__":
    main()
