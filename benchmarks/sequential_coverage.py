"""Measures whether all intervals of a sequential walk hold the truth at once, and how wide the last one is.

    python -m benchmarks.sequential_coverage [--draws 1000] [--level 0.95] [--seed 0]

Designs are drawn as by `benchmarks.coverage`. A draw is missed when any of some 30 looks, spread evenly on a
logarithmic scale from the first block to the last, has an interval without the true difference. Printed are a
Markdown table and, as the last line, one JSON object.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float

from benchmarks.coverage import Design, draw, layout
from tasks.stats.betting import mean_atom_counts, mean_ci_betting
from tasks.stats.blocks import block_differences, text_blocks
from tasks.stats.differences import difference
from tasks.stats.sequential import difference_ci_last_look

LOOKS = 30
CELLS_AT_ONCE = 2_000_000

DESIGNS = (
    *(Design(n, n, share=share) for n in (30, 300, 10_000) for share in (0.001, 0.01, 0.1, 0.5)),
    Design(1000, 1000, share=0.005, shift=0.045),
    Design(1000, 1000, share=0.2, shift=0.05),
    Design(30, 300, share=0.05),
    Design(300, 500, share=0.3, shift=0.1),
    Design(200, 200, binary=False, shift=0.1),
    Design(100, 100, 5, rho=0.5),
    Design(100, 100, 5, rho=0.0),
    Design(200, 200, 4, True, rho=0.3, share=0.02),
    Design(50, 50, 50, rho=0.0),
    Design(50, 50, 50, rho=0.1),
    Design(50, 50, 50, rho=0.5, share=0.05),
    Design(50, 200, 10, True, rho=0.3, shift=0.1),
    Design(50, 50, 10, True, True, rho=0.3),
    Design(10, 10, 20, True, rho=0.5),
    Design(100, 100, 5, True, rho=0.3, binary=False),
)


@dataclass(frozen=True)
class Followed:
    """Shares of draws, and widths at the end of the walk."""

    walk_missed: float
    """The confidence sequence at `level` alone, at any look."""
    plan_missed: float
    """The plan's: the sequence at half the error, and at the end the fixed interval at the other half."""
    fixed_missed: float
    """The fixed-sample interval at `level`, with all texts."""
    walk_width: float
    """Mean width at the end over that of the fixed interval."""
    plan_width: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sequential_coverage", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    rows = []
    print(
        "| scores | documents A, B | rows each | rho | B's mean | shift | sequence missed | plan missed "
        "| fixed missed | width: sequence | plan |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for design in DESIGNS:
        found = measure(design, arguments.draws, arguments.level, np.random.default_rng(arguments.seed))
        rows.append({**asdict(design), **asdict(found)})
        print(_line(design, found), flush=True)
    print(
        json.dumps(
            {
                "benchmark": "sequential_coverage",
                "draws": arguments.draws,
                "level": arguments.level,
                "seed": arguments.seed,
                "seconds": round(time.perf_counter() - started, 1),
                "designs": rows,
            }
        )
    )


def measure(design: Design, draws: int, level: float, rng: np.random.Generator) -> Followed:
    """Gives the figures of a design; sizes and order are drawn afresh in at least 10 parts."""
    parts = []
    done = 0
    while done < draws:
        in_a, document = layout(design, rng)
        some = int(min(draws - done, max(1, draws // 10), max(1, CELLS_AT_ONCE // in_a.size)))
        parts.append(_part(design, draw(design, in_a, document, some, rng), in_a, document, level, rng))
        done += some
    missed = np.concatenate([part[0] for part in parts], axis=1).mean(axis=1)
    widths = np.concatenate([part[1] for part in parts], axis=1).mean(axis=1)
    figures = (*missed, widths[0] / widths[2], widths[1] / widths[2])
    return Followed(*(round(float(figure), 4) for figure in figures))


def _part(
    design: Design,
    score: Float[np.ndarray, "text draw"],
    in_a: np.ndarray,
    document: np.ndarray,
    level: float,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "interval draw"], Float[np.ndarray, "interval draw"]]:
    """Whether sequence, plan and fixed interval missed, and their widths at the end."""
    block = text_blocks(in_a, document, rng)
    g = block_differences(score, in_a, block).answered
    half, truth = (1 + level) / 2, design.difference
    resolution = 1 if np.isin(g, (-1, 0, 1)).all() else 20
    ends = np.unique(np.rint(np.geomspace(1, len(g), LOOKS)).astype(int))
    counts = np.zeros((score.shape[1], 2 * resolution + 1))
    missed = np.zeros((2, score.shape[1]), dtype=bool)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        counts += mean_atom_counts(g[start:end], resolution)
        walk, careful = (mean_ci_betting(counts, of, len(g)) for of in (level, half))
        for which, (lo, hi) in enumerate((walk, careful)):
            missed[which] |= (lo > truth) | (hi < truth)
    fixed, end_look = (difference(score, in_a, document, of, design.binary) for of in (level, half))
    plan = difference_ci_last_look(*careful, end_look.lo, end_look.hi)
    missed[1] |= _without(plan, truth)
    widths = [hi - lo for lo, hi in (walk, plan, (fixed.lo, fixed.hi))]
    return np.array([*missed, _without((fixed.lo, fixed.hi), truth)]), np.array(widths)


def _without(interval: tuple[np.ndarray, np.ndarray], truth: float) -> np.ndarray:
    return np.asarray((interval[0] > truth + 1e-12) | (interval[1] < truth - 1e-12))


def _line(design: Design, found: Followed) -> str:
    cells = (
        "0/1" if design.binary else "graded",
        f"{design.documents_a}, {'same' if design.paired else design.documents_b}",
        f"{'about ' if design.uneven else ''}{design.rows}",
        design.rho,
        design.share,
        design.shift,
        *(f"{figure:.3f}" for figure in (found.walk_missed, found.plan_missed, found.fixed_missed)),
        *(f"{figure:.2f}" for figure in (found.walk_width, found.plan_width)),
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
