"""Measures coverage of the intervals about judges, and of conditional differences, on texts with known truth.

    python -m benchmarks.judge_error [--draws 2000] [--level 0.95] [--seed 0]

Three tables: sensitivity, specificity and bias of a cheap judge; kappa and alpha of two judges; conditional
differences of a predicate that follows from length alone, and of one that does not. The last line is one JSON
object.
"""

import argparse
import json
import time

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.gold_savings import DIFFERENT, EVEN, Design, draw
from tasks.stats.conditional import covariate_spline, mean_difference_conditional
from tasks.stats.judge_error import judge_error
from tasks.stats.reliability import judges_alpha_krippendorff, judges_kappa_cohen

CHUNK = 100
HEADS = (
    "| a document | share | sens. A, B | spec. A, B | n gold "
    "| sens. | spec. | sens. A-B | spec. A-B | bias |",
    "| texts | a document | share | errors | kappa | kappa covered | alpha covered | width |",
    "| texts | a document | by length: V | conditional V | covered | by itself: conditional V | covered |",
)
ERRORS = tuple(
    Design(2000, rows, icc, share, sensitivity=judge[0], specificity=judge[1], n_gold=gold)
    for rows, icc in ((1, 0.0), (10, 0.3))
    for share in (0.02, 0.1, 0.5)
    for gold in (50, 500)
    for judge in (EVEN, DIFFERENT)
)
KAPPAS = tuple(
    (n, rows, share, *errors)
    for n in (50, 200, 1000)
    for rows in (1, 5)
    for share, errors in ((0.3, (0.1, 0.1)), (0.3, (0.02, 0.02)), (0.05, (0.02, 0.05)), (0.5, (0.3, 0.3)))
)
"""Texts, texts per document, share, error of either judge."""
LENGTHS = ((300, 1), (1000, 1), (1000, 5), (4000, 20))
"""Texts, texts per document."""


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started, least = time.perf_counter(), 1.0
    print(HEADS[0] + "\n|" + "---|" * 10)
    for design in ERRORS:
        found = measure_errors(design, args.draws, args.level, np.random.default_rng(args.seed))
        judge = ("{}, {}".format(*design.sensitivity), "{}, {}".format(*design.specificity))
        _print(design.rows, design.share, *judge, design.n_gold, *found)
        least = min(least, *found)
    print("\n" + HEADS[1] + "\n|" + "---|" * 8)
    for n, rows, share, first, second in KAPPAS:
        kappa, *parts = measure_kappa(n, rows, share, (first, second), args.draws, args.level, args.seed)
        _print(n, rows, share, f"{first}, {second}", round(kappa, 2), *parts)
        least = min(least, *parts[:2])
    print("\n" + HEADS[2] + "\n|" + "---|" * 7)
    for n, rows in LENGTHS:
        left = measure_conditional(n, rows, args.draws // 4, args.level, args.seed)
        _print(n, rows, *left)
        least = min(least, left[2], left[4])
    duration = round(time.perf_counter() - started, 1)
    print(
        json.dumps(
            {"benchmark": "judge_error", "draws": args.draws, "covered_least": least, "duration_s": duration}
        )
    )


def measure_errors(
    design: Design, draws: int, level: float, rng: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Gives the coverage of sensitivity, specificity, their differences, and the bias."""
    held = []
    for at in range(0, draws, CHUNK):
        in_a, document, gold, cheap = draw(design, min(CHUNK, draws - at), rng)
        asked = rng.random(gold.shape).argsort(axis=0).argsort(axis=0) < design.n_gold
        found = judge_error(cheap, np.where(asked, gold, np.nan), in_a, document, level)
        share, (sens_a, sens_b), (spec_a, spec_b) = design.share, design.sensitivity, design.specificity
        bias = share * (sens_a - sens_b) + (1 - share) * (spec_b - spec_a)
        held.append(
            [
                _inside(found.sensitivity.lo, (sens_a + sens_b) / 2, found.sensitivity.hi),
                _inside(found.specificity.lo, (spec_a + spec_b) / 2, found.specificity.hi),
                _inside(found.sensitivity.lo_difference, sens_a - sens_b, found.sensitivity.hi_difference),
                _inside(found.specificity.lo_difference, spec_a - spec_b, found.specificity.hi_difference),
                _inside(found.bias_lo, bias, found.bias_hi),
            ]
        )
    one, two, three, four, five = np.concatenate(held, axis=1).mean(axis=1)
    return float(one), float(two), float(three), float(four), float(five)


def measure_kappa(
    n: int, rows: int, share: float, errors: tuple[float, float], draws: int, level: float, seed: int
) -> tuple[float, float, float, float]:
    """Gives the true kappa, coverage of kappa and alpha, and the width of kappa's interval."""
    rng = np.random.default_rng(seed)
    document = np.arange(n) // rows
    latent = rng.beta(3 * share, 3 * (1 - share), (n // rows + 1, draws))[document] if rows > 1 else share
    truth = rng.random((n, draws)) < latent
    first, second = (np.where(rng.random(truth.shape) < e, ~truth, truth).astype(float) for e in errors)
    # In large numbers: chances of both 1, and of each.
    a, b = (share * (1 - e) + (1 - share) * e for e in errors)
    both = share * (1 - errors[0]) * (1 - errors[1]) + (1 - share) * errors[0] * errors[1]
    disagree = a + b - 2 * both
    kappa = 1 - disagree / (a + b - 2 * a * b)
    mean = (a + b) / 2
    alpha = 1 - disagree / (2 * mean * (1 - mean))
    found = judges_kappa_cohen(first, second, document, level)
    other = judges_alpha_krippendorff(np.stack([first, second], axis=-1), document, level)
    covered = [_inside(found.lo, kappa, found.hi).mean(), _inside(other.lo, alpha, other.hi).mean()]
    return float(kappa), float(covered[0]), float(covered[1]), float((found.hi - found.lo).mean())


def measure_conditional(
    n: int, rows: int, draws: int, level: float, seed: int
) -> tuple[float, float, float, float, float]:
    """Gives plain and conditional difference, and coverage, of two predicates; documents are of one group."""
    rng, found, plain = np.random.default_rng(seed), [], []
    document = np.arange(n) // rows
    for _ in range(draws):
        in_a = np.isin(document, rng.permutation(document.max() + 1)[: (document.max() + 1) // 2])
        liking = rng.standard_normal((document.max() + 1, 2))[document] * (0.7 if rows > 1 else 0.0)
        length = rng.standard_normal(n) + 0.8 * in_a
        longer = rng.random(n) < special.expit(4 * (length - 0.7))
        own = rng.random(n) < np.clip(0.3 + 0.1 * in_a + 0.1 * liking[:, 1], 0, 1)
        noise = rng.random((n, 3)) < special.expit(-1 + 0.5 * length[:, None] + liking[:, [0]])
        score = np.column_stack([longer, own, noise]).astype(float)
        left = mean_difference_conditional(score, in_a, document, covariate_spline(length), level)
        plain.append(score[in_a, 0].mean() - score[~in_a, 0].mean())
        covered = _inside(left.lo[:2], np.array([0.0, 0.1]), left.hi[:2])
        found.append([left.validity[0], covered[0], left.validity[1], covered[1]])
    one, two, three, four = np.mean(found, axis=0)
    return float(np.mean(plain)), float(one), float(two), float(three), float(four)


def _inside(
    lo: NDArray[np.float64], value: float | NDArray[np.float64], hi: NDArray[np.float64]
) -> NDArray[np.bool_]:
    return np.asarray((lo <= value + 1e-12) & (value - 1e-12 <= hi))


def _print(*cells: object) -> None:
    shown = (
        f"{cell:.3f}" if isinstance(cell, float) and cell not in (0.02, 0.1, 0.5) else cell for cell in cells
    )
    print("| " + " | ".join(str(cell) for cell in shown) + " |", flush=True)


if __name__ == "__main__":
    main()
