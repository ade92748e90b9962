"""Measures where sequential walks stop, what they find, and how far estimates at the stop are off.

    python -m benchmarks.sequential_stopping [--studies 100] [--control fdr] [--seed 0]

A study has 8 predicates whose share in A is larger by the shift and 32 with no difference, 2,000 texts in A
and in B at most, and the default looks. Verdicts are independent and 0/1. Printed are a Markdown table and,
as the last line, one JSON object.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np

from tasks.stats.blocks import look_rows
from tasks.stats.decisions import CONFIRMED, CURTAILED, FUTILE, Rule
from tasks.stats.sequential import Look, Sequential
from tasks.study import params

TRUE, FALSE = 8, 32
TEXTS = 2000

DESIGNS = (
    (0.005, 0.02),
    (0.005, 0.05),
    (0.005, 0.1),
    (0.05, 0.05),
    (0.05, 0.1),
    (0.3, 0.05),
    (0.3, 0.1),
    (0.3, 0.2),
    (0.005, 0.0),
    (0.3, 0.0),
)
"""Share in B, and how much larger it is in A."""


@dataclass(frozen=True)
class Stopped:
    """Means over studies; None where there is nothing to average."""

    found: float
    """Share of the true predicates that were confirmed."""
    futile: float
    """Share of the true predicates that were dropped as such."""
    curtailed: float
    """Likewise."""
    texts_true: float
    texts_null: float
    """Judgements per predicate up to the stop, of at most 4,000."""
    false_share: float
    """Mean share of false discoveries, 0 in a study without any."""
    any_false: float
    """Share of studies with a false discovery."""
    bias: float | None
    """Mean estimate at the stop less the truth, of confirmed true predicates."""
    bias_conservative: float | None
    """Likewise of `Sequential.conservative`."""
    over: float | None
    """Share of these of which that is over the truth."""
    missed: float
    """Share of all predicates whose interval at the stop does not hold the truth."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sequential_stopping", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--control", choices=["fdr", "fwer"], default="fdr")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started, rows = time.perf_counter(), []
    print(
        "| B's share | shift | found | futile | curtailed | texts: true | null | false | any false | bias "
        "| conservative | over | missed |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for share, shift in DESIGNS:
        rng = np.random.default_rng(arguments.seed)
        stopped = measure(share, shift, arguments.studies, Rule(control=arguments.control), rng)
        rows.append({"share": share, "shift": shift, **asdict(stopped)})
        print(_line(share, shift, stopped), flush=True)
    print(
        json.dumps(
            {
                "benchmark": "sequential_stopping",
                "studies": arguments.studies,
                "control": arguments.control,
                "seconds": round(time.perf_counter() - started, 1),
                "designs": rows,
            }
        )
    )


def measure(share: float, shift: float, studies: int, rule: Rule, rng: np.random.Generator) -> Stopped:
    """Walks studies of 8 true and 32 null predicates."""
    truth = np.r_[np.full(TRUE, shift), np.zeros(FALSE)]
    walks = [walked(truth, share, rule, rng) for _ in range(studies)]
    ends = [walk.path[-1] for walk in walks]
    confirmed = np.array([end.status == CONFIRMED for end in ends])
    # Without a difference there is nothing true to find.
    wrong = confirmed & (truth == 0)
    n_texts = np.array([end.n_texts for end in ends])
    estimate = np.array([end.estimate for end in ends])
    missed = np.array([(end.lo > truth) | (end.hi < truth) for end in ends])
    good = confirmed[:, :TRUE]
    bias = (estimate[:, :TRUE] - shift)[good]
    careful = (np.array([walk.conservative() for walk in walks])[:, :TRUE] - shift)[good]
    status = np.array([end.status[:TRUE] for end in ends])
    is_known = bool(shift) and bias.size > 0
    return Stopped(
        found=float(good.mean()),
        futile=float((status == FUTILE).mean()),
        curtailed=float((status == CURTAILED).mean()),
        texts_true=float(n_texts[:, :TRUE].mean()),
        texts_null=float(n_texts[:, TRUE:].mean()),
        false_share=float((wrong.sum(axis=1) / np.maximum(confirmed.sum(axis=1), 1)).mean()),
        any_false=float(wrong.any(axis=1).mean()),
        bias=float(bias.mean()) if is_known else None,
        bias_conservative=float(careful.mean()) if is_known else None,
        over=float((careful > 1e-12).mean()) if is_known else None,
        missed=float(missed.mean()),
    )


def study(truth: np.ndarray, share: float, rule: Rule, rng: np.random.Generator) -> Look:
    """What is known at the end of one walk."""
    return walked(truth, share, rule, rng).path[-1]


def walked(truth: np.ndarray, share: float, rule: Rule, rng: np.random.Generator) -> Sequential:
    """One walk to its end."""
    in_a = np.arange(2 * TEXTS) % 2 == 0
    shares = np.where(in_a[:, None], share + truth, share)
    score = (rng.random(shares.shape) < shares).astype(float)
    block = np.arange(2 * TEXTS) // 2
    walk = Sequential(np.ones(truth.size, dtype=bool), TEXTS, rule)
    for rows in look_rows(block, params.Sequential().look_every):
        walk.update(score[rows], in_a[rows], block[rows])
        walk.look()
        if not walk.going.any():
            break
    return walk


def _line(share: float, shift: float, found: Stopped) -> str:
    cells = (
        share,
        shift,
        f"{found.found:.3f}" if shift else "-",
        f"{found.futile:.3f}",
        f"{found.curtailed:.3f}",
        f"{found.texts_true:.0f}" if shift else "-",
        f"{found.texts_null:.0f}",
        f"{found.false_share:.3f}",
        f"{found.any_false:.3f}",
        "-" if found.bias is None else f"{found.bias:+.3f}",
        "-" if found.bias_conservative is None else f"{found.bias_conservative:+.3f}",
        "-" if found.over is None else f"{found.over:.3f}",
        f"{found.missed:.3f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
