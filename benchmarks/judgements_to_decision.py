"""Counts the judgements that each plan spends on recorded verdicts until every hypothesis is decided.

    python -m benchmarks.judgements_to_decision --verdicts FILE [--orders 100] [--nulls 20] [--seed 0]

FILE is Parquet or CSV with the columns hypothesis_no, hypothesis, text, corpus (A or B) and score in [0, 1],
at most one row per hypothesis, text and corpus; a hypothesis walks over the texts that it has verdicts of.
Each random order is walked by the sequential plan (false discovery rate and family-wise), by D5's rule and by
a peeking t-test; beside them the test at the full grid, and an oracle that knows every hypothesis'
distribution (`benchmarks.oracle`): `ratio` is the share of e-BH over the oracle's. With the labels A and B
shuffled within the file (`--nulls` runs) it is counted how often each would ever have found anything,
stopped at the worst moment.
Prints a table and, as its last line, one JSON object; used_* are shares of the grid.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from benchmarks.exhaustive import ADJUSTED, exhaustive
from benchmarks.oracle import oracle_grid
from benchmarks.peeking import Peeks, d5_walk, peeks, t_test_walk, welch_pvalues
from benchmarks.walking import Walk, null_rates, order_units, sequential_walk, walk
from tasks.stats.decisions import CONFIRMED, CURTAILED, FUTILE, Rule
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.study.params import Sequential

BATCH = 32
"""Texts of a hypothesis between two looks of the plans that peek; the sequential plan's are the default."""
COLUMNS = ("hypothesis_no", "hypothesis", "text", "corpus", "score")
NULLS_AT_ONCE = 20
ROUNDING = 1e-4
"""By which a judge's score may be out of [0, 1]: the recorded ones carry noise of 1e-5."""


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judgements_to_decision", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--verdicts", type=Path, required=True)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--nulls", type=int, default=20, help="runs with shuffled labels")
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--min-effect", type=float, default=0.05)
    parser.add_argument(
        "--futility", type=float, default=Rule.futility, help="as of tasks.stats.decisions.Rule"
    )
    parser.add_argument("--margin", type=float, default=Rule.margin, help="likewise")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.orders < 1 or arguments.nulls < 0:
        raise SystemExit("--orders: wanted 1 or more, --nulls: 0 or more")
    try:
        rule = Rule(
            alpha=arguments.alpha,
            min_effect=arguments.min_effect,
            futility=arguments.futility,
            margin=arguments.margin,
        )
    except ValueError as error:
        raise SystemExit(str(error)) from error
    started = time.perf_counter()
    score, in_a = read(arguments.verdicts)
    found = measure(score, in_a, arguments.orders, arguments.nulls, rule, arguments.seed)
    print(table(found))
    print(json.dumps({**found, "seconds": round(time.perf_counter() - started, 1)}))


def read(file: Path) -> tuple[Float[np.ndarray, "text predicate"], Bool[np.ndarray, " text"]]:
    """The grid of verdicts, NaN where there is none, and which texts are of A.

    Raises:
        SystemExit: the file cannot be used; the message says what is wrong and where.
    """
    if not file.is_file():
        raise SystemExit(f"{file}: no such file")
    frame = pl.read_csv(file) if file.suffix == ".csv" else pl.read_parquet(file)
    if lost := [name for name in COLUMNS if name not in frame.columns]:
        raise SystemExit(f"{file}: wanted the columns {', '.join(COLUMNS)}; {', '.join(lost)} missing")
    if not frame.schema["score"].is_numeric():
        raise SystemExit(f"{file}: wanted numbers in score, got {frame.schema['score']}")
    frame = frame.with_columns(pl.col("score").cast(pl.Float64).fill_nan(None)).drop_nulls("score")
    if other := sorted(set(frame["corpus"].unique().to_list()) - {"A", "B"}, key=str):
        raise SystemExit(f"{file}: wanted corpus A or B, got {other[0]!r}")
    if not frame["score"].is_between(-ROUNDING, 1 + ROUNDING).all():
        worst = frame.filter(~pl.col("score").is_between(-ROUNDING, 1 + ROUNDING))["score"][0]
        raise SystemExit(f"{file}: wanted scores in [0, 1], got {worst}")
    if twice := frame.height - frame.n_unique(["hypothesis_no", "text", "corpus"]):
        raise SystemExit(f"{file}: {twice} rows repeat a hypothesis, text and corpus; wanted one row each")
    if set(frame["corpus"].unique()) != {"A", "B"}:
        raise SystemExit(f"{file}: wanted scores of both corpora, got one alone or none")
    numbers = frame["hypothesis_no"].unique(maintain_order=True)
    texts = frame.select("corpus", "text").unique(maintain_order=True)
    rows = texts.with_row_index("row")
    columns = pl.DataFrame({"hypothesis_no": numbers}).with_row_index("column")
    placed = frame.join(rows, on=["corpus", "text"], nulls_equal=True).join(
        columns, on="hypothesis_no", nulls_equal=True
    )
    score = np.full((texts.height, numbers.len()), np.nan)
    score[placed["row"].to_numpy(), placed["column"].to_numpy()] = placed["score"].to_numpy().clip(0, 1)
    return score, (texts["corpus"] == "A").to_numpy()


def measure(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    orders: int,
    nulls: int,
    wanted: Rule,
    seed: int,
) -> dict[str, Any]:
    """All figures of the last line."""
    rng = np.random.default_rng([seed, 0])
    drawn = [order_units(in_a, rng) for _ in range(orders)]
    steps = walk(score, in_a, drawn, Sequential().look_every)
    looks = peeks(score, [(order, in_a[order]) for order in drawn], BATCH)
    found: dict[str, Any] = {
        "benchmark": "judgements_to_decision",
        "orders": orders,
        "hypotheses": score.shape[1],
        "texts": score.shape[0],
        "grid": score.size,
        "recorded": int((~np.isnan(score)).sum()),
    }
    for control in ADJUSTED:
        rule = replace(wanted, control=control)
        fixed = exhaustive(score, in_a, rule)
        suffix = "" if control == "fdr" else f"_{control}"
        found |= {f"{key}{suffix}": value for key, value in one_plan(steps, fixed, rule, score.size).items()}
        if control == "fdr":
            best = oracle_grid(score, in_a, int(fixed.sum()), rule) / score.size
            found |= {"oracle": round(best, 4), "ratio": round(found["used_mean"] / best, 3)}
            found |= peeking_plans(looks, fixed, rule, score.size)
    found["target_met"] = found["ratio"] <= 1.25 and (found["agreement"] or 0) >= 0.95
    return found | {"nulls": nulls, **shuffled(score, in_a, nulls, wanted.alpha, seed)}


def one_plan(steps: Walk, fixed: Bool[np.ndarray, " predicate"], rule: Rule, grid: int) -> dict[str, Any]:
    """Spending and agreement of the sequential plan over the orders."""
    used, status = sequential_walk(steps, rule)
    confirmed = status == CONFIRMED
    shares = used.sum(axis=1) / grid
    return {
        "used_mean": round(float(shares.mean()), 4),
        "used_sd": round(float(shares.std()), 4),
        "used_max": round(float(shares.max()), 4),
        "confirmed_mean": round(float(confirmed.sum(axis=1).mean()), 2),
        "confirmed_fixed": int(fixed.sum()),
        "agreement": share(confirmed[:, fixed]),
        "confirmed_beyond_fixed": round(float(confirmed[:, ~fixed].sum(axis=1).mean()), 2),
        "futile_mean": round(float((status == FUTILE).sum(axis=1).mean()), 2),
        "curtailed_mean": round(float((status == CURTAILED).sum(axis=1).mean()), 2),
    }


def peeking_plans(
    looks: Peeks, fixed: Bool[np.ndarray, " predicate"], rule: Rule, grid: int
) -> dict[str, Any]:
    """Spending of D5's rule and of the peeking t-test."""
    d5_used, kept = d5_walk(looks)
    q = np.apply_along_axis(pvalues_adjusted_bh, 1, welch_pvalues(looks.last)[0])
    named = kept & (q <= rule.alpha) & (looks.last.validity[0] >= rule.min_effect)
    t_used, hit = t_test_walk(looks, rule.alpha, rule.min_effect)
    return {
        "d5_used": round(float((d5_used / grid).mean()), 4),
        "d5_used_sd": round(float((d5_used / grid).std()), 4),
        "d5_kept_mean": round(float(kept.sum(axis=1).mean()), 2),
        "d5_confirmed_mean": round(float(named.sum(axis=1).mean()), 2),
        "d5_agreement": share(named[:, fixed]),
        "peeking_t_used": round(float((t_used / grid).mean()), 4),
        "peeking_t_confirmed_mean": round(float(hit.sum(axis=1).mean()), 2),
        "peeking_t_agreement": share(hit[:, fixed]),
    }


def shuffled(
    score: Float[np.ndarray, "text predicate"],
    in_a: Bool[np.ndarray, " text"],
    nulls: int,
    alpha: float,
    seed: int,
) -> dict[str, float | None]:
    """How often anything is ever found when the labels mean nothing."""
    rng = np.random.default_rng([seed, 1])
    sums: dict[str, float] = {}
    for start in range(0, nulls, NULLS_AT_ONCE):
        runs = min(NULLS_AT_ONCE, nulls - start)
        labels = [rng.permutation(in_a) for _ in range(runs)]
        orders = [order_units(label, rng) for label in labels]
        p = welch_pvalues(
            peeks(score, [(order, label[order]) for order, label in zip(orders, labels, strict=True)], BATCH)
        )
        studies = [
            (np.apply_along_axis(pvalues_adjusted_bh, 1, p[:, run]) <= alpha).any() for run in range(runs)
        ]
        rates = null_rates(score, labels, orders, alpha) | {
            "null_peeking_t_predicate": float((p <= alpha).any(axis=0).mean()),
            "null_peeking_t_bh_study": float(np.mean(studies)),
        }
        for name, rate in rates.items():
            sums[name] = sums.get(name, 0.0) + rate * runs
    return {name: round(total / nulls, 4) for name, total in sums.items()}


def share(found: Bool[np.ndarray, "order predicate"]) -> float | None:
    """Of what the full grid confirms; None where that is nothing."""
    return round(float(found.mean()), 4) if found.size else None


def table(found: dict[str, Any]) -> str:
    """The plans side by side, in Markdown."""
    rows = [
        ("exhaustive, fixed sample", found["recorded"] / found["grid"], found["confirmed_fixed"], 1.0),
        ("oracle", found["oracle"], None, None),
        ("sequential, e-BH", found["used_mean"], found["confirmed_mean"], found["agreement"]),
        (
            "sequential, family-wise",
            found["used_mean_fwer"],
            found["confirmed_mean_fwer"],
            found["agreement_fwer"],
        ),
        ("D5's rule", found["d5_used"], found["d5_confirmed_mean"], found["d5_agreement"]),
        (
            "peeking t-test",
            found["peeking_t_used"],
            found["peeking_t_confirmed_mean"],
            found["peeking_t_agreement"],
        ),
    ]
    lines = ["| plan | share of the grid | confirmed | of those of the full grid |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {used:.3f} | {_cell(confirmed, 2)} | {_cell(kept, 3)} |"
        for name, used, confirmed, kept in rows
    ]
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
