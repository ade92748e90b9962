"""Sets the judgements of the sequential plan beside those of an oracle that knows every distribution.

    python -m benchmarks.oracle [--studies 40] [--texts 2000] [--seed 0]

The oracle bets on each predicate's pairs of texts with the fraction that grows its capital fastest, which it
knows beforehand, and stops when the expected capital is enough: m / (alpha R) for R discoveries among m, or
1 / futility against the minimum effect, whichever comes first, at most all texts. A study here has 10
predicates of one effect and 20 without, their shares in B from 0.002 to 0.3. Printed are a Markdown table
and, as the last line, one JSON object.
"""

import argparse
import json
import time

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from benchmarks.exhaustive import exhaustive
from benchmarks.walking import order_units, sequential_walk, walk
from tasks.stats.decisions import CONFIRMED, Rule
from tasks.study.params import Sequential

EFFECTS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
TRUE, NULL = 10, 20
SHARES = (0.002, 0.3)
_STEP = 1e-3
"""Scores are rounded to it, so that pairs can be counted."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.oracle", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--studies", type=int, default=40, help="of each effect")
    parser.add_argument("--texts", type=int, default=2000, help="of A and B together")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started, rows = time.perf_counter(), []
    print("| effect | oracle | plan | ratio | ratio of those with the effect | agreement | beyond |")
    print("|---|---|---|---|---|---|---|")
    for effect in EFFECTS:
        rng = np.random.default_rng([arguments.seed, round(1000 * effect)])
        found = measure(effect, arguments.studies, arguments.texts, Rule(), rng)
        rows.append(found)
        print("| " + " | ".join("-" if x is None else f"{x:.3g}" for x in found.values()) + " |", flush=True)
    total = {name: float(np.mean([row[name] for row in rows])) for name in ("oracle", "plan")}
    print(
        json.dumps(
            {
                "benchmark": "oracle",
                "studies": arguments.studies,
                "texts": arguments.texts,
                "seconds": round(time.perf_counter() - started, 1),
                "ratio": round(total["plan"] / total["oracle"], 3),
                "effects": rows,
            }
        )
    )


def measure(
    effect: float, studies: int, texts: int, rule: Rule, rng: np.random.Generator
) -> dict[str, float | None]:
    """Shares of the grid, over studies whose first predicates have the effect."""
    used, best, agreed, fixed_total, beyond = [], [], 0, 0, 0
    in_a = np.arange(texts) < texts // 2
    for _ in range(studies):
        b = np.exp(rng.uniform(np.log(SHARES[0]), np.log(SHARES[1]), TRUE + NULL))
        a = np.where(np.arange(b.size) < TRUE, b + effect, b)
        score = (rng.random((texts, b.size)) < np.where(in_a[:, None], a, b)).astype(float)
        fixed = exhaustive(score, in_a, rule)
        steps = walk(score, in_a, [order_units(in_a, rng)], Sequential().look_every)
        judged, status = sequential_walk(steps, rule)
        used.append(judged[0])
        known = [np.array([[0.0, 1 - share], [1.0, share]]) for share in (*a, *b)]
        best.append(
            [
                oracle_judgements(known[k], known[b.size + k], int(fixed.sum()), b.size, texts, rule)
                for k in range(b.size)
            ]
        )
        confirmed = status[0] == CONFIRMED
        agreed += int((confirmed & fixed).sum())
        fixed_total += int(fixed.sum())
        beyond += int((confirmed & ~fixed).sum())
    plan, oracle = np.array(used, dtype=float), np.array(best)
    return {
        "effect": effect,
        "oracle": round(float(oracle.mean()) / texts, 4),
        "plan": round(float(plan.mean()) / texts, 4),
        "ratio": round(float(plan.mean() / oracle.mean()), 3),
        "ratio_true": round(float(plan[:, :TRUE].mean() / oracle[:, :TRUE].mean()), 3),
        "agreement": round(agreed / fixed_total, 4) if fixed_total else None,
        "beyond": round(beyond / studies, 2),
    }


def oracle_grid(
    score: Float[np.ndarray, "text predicate"], in_a: Bool[np.ndarray, " text"], found: int, rule: Rule
) -> float:
    """Judgements of the oracle over recorded verdicts, NaN where there is none."""
    texts, predicates = score.shape
    return sum(
        oracle_judgements(
            distribution(score[in_a, k]), distribution(score[~in_a, k]), found, predicates, texts, rule
        )
        for k in range(predicates)
    )


def oracle_judgements(
    a: Float[np.ndarray, "value 2"],
    b: Float[np.ndarray, "value 2"],
    found: int,
    predicates: int,
    most: int,
    rule: Rule,
) -> float:
    """Judgements until the oracle decides on one predicate, in expectation.

    Args:
        a: scores of A, and how often each comes.
        b: likewise.
        found: discoveries of the study.
        predicates: tested.
        most: judgements there can be.
        rule: of the study.
    """
    difference, place = np.unique(np.subtract.outer(a[:, 0], b[:, 0]).ravel(), return_inverse=True)
    chance = np.bincount(place, np.multiply.outer(a[:, 1], b[:, 1]).ravel())
    least = rule.min_effect
    against_none = _growth(difference, chance)
    against_minimum = _growth((least - difference) / (1 + least), chance)
    wealth = np.log(predicates / (rule.alpha * max(found, 1)))
    pairs = min(_blocks(wealth, against_none), _blocks(-np.log(rule.futility), against_minimum))
    return float(min(2 * pairs, most))


def distribution(score: Float[np.ndarray, " text"]) -> Float[np.ndarray, "value 2"]:
    """The scores there are and how often each comes."""
    values, counts = np.unique(np.rint(score[~np.isnan(score)] / _STEP) * _STEP, return_counts=True)
    return np.column_stack([values, counts / max(counts.sum(), 1)])


def _growth(gain: np.ndarray, chance: np.ndarray) -> float:
    """Of capital in a block, by the best constant bet; natural logarithm."""
    best = optimize.minimize_scalar(
        lambda bet: -float(chance @ np.log1p(bet * gain)), bounds=(0, 1 - 1e-9), method="bounded"
    )
    return float(-best.fun)


def _blocks(log_wealth: float, growth: float) -> float:
    return log_wealth / growth if growth > 1e-12 else np.inf


if __name__ == "__main__":
    main()
