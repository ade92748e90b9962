"""Measures where sequential walks stop, what they find, and how far estimates at the stop are off.

    python -m benchmarks.sequential_stopping [--studies 100] [--control fdr] [--seed 0]

A study has 8 predicates whose share in A is larger by the shift and 32 with no difference, 2,000 texts in A
and in B at most, and looks every 32 texts. Verdicts are independent and 0/1. Printed are a Markdown table
and, as the last line, one JSON object.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np

from tasks.stats.decisions import CONFIRMED, FUTILE, Rule
from tasks.stats.sequential import Look, Sequential

TRUE, FALSE = 8, 32
TEXTS = 2000
PAIRS_A_LOOK = 16

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
    """Share of the true predicates that were dropped."""
    texts_true: float
    texts_null: float
    """Judgements per predicate up to the stop, of at most 4,000."""
    false_share: float
    """Mean share of false discoveries, 0 in a study without any."""
    any_false: float
    """Share of studies with a false discovery."""
    bias: float | None
    """Mean estimate at the stop less the truth, of confirmed true predicates."""
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
    print("| B's share | shift | found | dropped | texts: true | null | false | any false | bias | missed |")
    print("|---|---|---|---|---|---|---|---|---|---|")
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
    ends = [study(truth, share, rule, rng) for _ in range(studies)]
    confirmed = np.array([end.status == CONFIRMED for end in ends])
    # Without a difference there is nothing true to find.
    wrong = confirmed & (truth == 0)
    n_texts = np.array([end.n_texts for end in ends])
    estimate = np.array([end.estimate for end in ends])
    missed = np.array([(end.lo > truth) | (end.hi < truth) for end in ends])
    good = confirmed[:, :TRUE]
    bias = (estimate[:, :TRUE] - shift)[good]
    return Stopped(
        found=float(good.mean()),
        futile=float(np.mean([(end.status == FUTILE)[:TRUE].mean() for end in ends])),
        texts_true=float(n_texts[:, :TRUE].mean()),
        texts_null=float(n_texts[:, TRUE:].mean()),
        false_share=float((wrong.sum(axis=1) / np.maximum(confirmed.sum(axis=1), 1)).mean()),
        any_false=float(wrong.any(axis=1).mean()),
        bias=float(bias.mean()) if shift and bias.size else None,
        missed=float(missed.mean()),
    )


def study(truth: np.ndarray, share: float, rule: Rule, rng: np.random.Generator) -> Look:
    """One walk to its end."""
    in_a = np.arange(2 * TEXTS) % 2 == 0
    shares = np.where(in_a[:, None], share + truth, share)
    score = (rng.random(shares.shape) < shares).astype(float)
    block = np.arange(2 * TEXTS) // 2
    walk = Sequential(np.ones(truth.size, dtype=bool), TEXTS, rule)
    for start in range(0, 2 * TEXTS, 2 * PAIRS_A_LOOK):
        at = slice(start, start + 2 * PAIRS_A_LOOK)
        walk.update(score[at], in_a[at], block[at])
        look = walk.look()
        if not walk.going.any():
            break
    return look


def _line(share: float, shift: float, found: Stopped) -> str:
    cells = (
        share,
        shift,
        f"{found.found:.3f}" if shift else "-",
        f"{found.futile:.3f}",
        f"{found.texts_true:.0f}" if shift else "-",
        f"{found.texts_null:.0f}",
        f"{found.false_share:.3f}",
        f"{found.any_false:.3f}",
        "-" if found.bias is None else f"{found.bias:+.3f}",
        f"{found.missed:.3f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
