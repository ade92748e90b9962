"""Counts how many studies discover anything where there is nothing to find, over designs that tempt them to.

    python -m benchmarks.nulls [--seeds 100] [--only WORD ...]

Designs of verdicts draw judged matrices and decide on them as score does; designs of texts write a table and
run the pipeline from collect to score. Under each the groups are drawn by chance, for whole documents or
families where they are, so every discovery is false. Printed are a Markdown table and, as the last line, one
JSON object. A rate over `limit` is more than alpha and two binomial errors. `self-check` is the share of
shuffles with a discovery, over all studies of a fixed plan (a few each).
"""

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from jaxtyping import Float

from benchmarks import studies
from benchmarks.null_designs import DESIGNS, Design
from tasks.engines import roles
from tasks.records import Group, Predicate
from tasks.run import module
from tasks.score import baselines
from tasks.score.tests import decide
from tasks.study import Study, load
from tasks.verdicts.judged import Judged
from tasks.verdicts.walk import walk_over

ALPHA = 0.05
SHUFFLES = 4
KINDS: dict[str, Any] = {"corpus_pair": {}, "encoder_failures": {}}
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=100, help="studies of each design")
    parser.add_argument("--only", nargs="+", default=[""], help="designs with one of these in their names")
    args = parser.parse_args()
    started, rows = time.perf_counter(), []
    print("| design | that is | plan | any discovery | limit | self-check |")
    print("|---|---|---|---|---|---|")
    for design in DESIGNS:
        if any(word in design.name for word in args.only):
            rows.append(measure(design, args.seeds))
            print(_line(design, rows[-1]), flush=True)
    print(
        json.dumps(
            {
                "benchmark": "nulls",
                "alpha": ALPHA,
                "seeds": args.seeds,
                "duration_s": round(time.perf_counter() - started, 1),
                "n_over": sum(row["rate"] > row["limit"] for row in rows),
                "designs": rows,
            }
        )
    )


def measure(design: Design, seeds: int) -> dict[str, Any]:
    """Gives the share of studies with any false discovery, and of shuffles with any."""
    found, shuffled = 0, []
    with _few_shuffles(), studies.project() as folder:
        for seed in range(seeds):
            rng = np.random.default_rng([seed, 17])
            any_false, rate = (
                _of_verdicts(design, seed, rng) if design.verdicts else _of_texts(design, seed, rng, folder)
            )
            found += any_false
            shuffled += [] if rate is None else [rate]
    return {
        "design": design.name,
        "plan": design.plan,
        "min_effect": design.min_effect,
        "rate": found / seeds,
        "limit": round(ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / seeds), 4),
        "self_check": round(float(np.mean(shuffled)), 4) if shuffled else None,
    }


def _of_verdicts(design: Design, seed: int, rng: np.random.Generator) -> tuple[bool, float | None]:
    assert design.verdicts is not None  # noqa: S101 - asked for
    of = design.verdicts(rng)
    to_b = (rng.random(of.is_null.size) < 0.5) & of.is_null
    frozen = [_predicate(k, "B" if b else "A") for k, b in enumerate(to_b)]
    study = Study.model_validate({**_study(design, seed), "name": "nulls"})
    rows = pl.DataFrame(
        {
            "group": np.where(of.in_a, "A", "B"),
            "document_id": of.document.astype(str),
            "text_id": np.arange(of.in_a.size).astype(str),
        }
    )
    if design.plan == "sequential":
        return _walked(study, rows, frozen, of.score), None
    judged = Judged(study, rows, frozen, of.score, np.full(of.score.shape, roles.VALUE, dtype=np.uint8))
    found = decide(judged).table["is_discovery"].to_numpy()
    return bool(found[of.is_null].any()), _shuffled(baselines.null_rate(judged))


def _walked(
    study: Study, rows: pl.DataFrame, frozen: Sequence[Predicate], score: Float[np.ndarray, "text predicate"]
) -> bool:
    walk = walk_over(study, rows, frozen)
    while walk.going.any():
        batch = walk.batches[walk.n_looks]
        status = np.where(walk.going, roles.VALUE, roles.ABSENT)
        walk.take(score[batch], np.tile(status, (batch.size, 1)).astype(np.uint8))
    return "confirmed" in walk.decisions


def _of_texts(design: Design, seed: int, rng: np.random.Generator, folder: Path) -> tuple[bool, float | None]:
    assert design.texts is not None  # noqa: S101 - asked for
    rows = design.texts(rng)
    pl.DataFrame(rows).write_parquet(folder / "texts.parquet")
    study = _study(design, seed, "author" if "author" in rows[0] else None)
    (folder / "params.yaml").write_text(
        yaml.safe_dump({"studies": {"nulls": {**study, **KINDS}}}), encoding="utf-8"
    )
    for stage in STAGES:
        module(stage).run(load("nulls"))
    scores = pl.read_parquet(folder / "data/nulls/6_scores/scores.parquet")
    told = json.loads((folder / "data/nulls/6_scores/manifest.json").read_text(encoding="utf-8"))
    return bool(scores["is_discovery"].any()), _shuffled(told)


def _study(design: Design, seed: int, document: str | None = None) -> dict[str, Any]:
    effect = {"alpha": ALPHA, "min_effect": design.min_effect}
    verify = {"plan": "sequential", "sequential": effect} if design.plan == "sequential" else {}
    blocks: dict[str, Any] = {stage: {} for stage in (*STAGES, "record", "report", "llm", "spend", "gold")}
    return {
        **blocks,
        **{
            "kind": "corpus_pair",
            "engine": "embedded",
            "user": None,
            "verdicts": None,
            "labels": ".gitkeep",
            "after": ".gitkeep",
        },
        "seed": seed,
        "goal": "how texts that do not differ differ",
        "data": "texts.parquet",
        "collect": {"group": "label", "a": "A", "b": "B", "document": document},
        "embed": {"encoder": "none"},
        "propose": {"families": ["words", "style"]},
        "verify": verify,
        "score": effect,
    }


def _shuffled(told: dict[str, Any]) -> float | None:
    n = told["null_shuffles"]
    return told["null_runs_with_discovery"] / n if n else None


def _predicate(k: int, direction: Group) -> Predicate:
    return Predicate(
        predicate_id=f"p{k:03d}",
        predicate=f"says {k}",
        direction=direction,
        family="words",
        grade="exact",
        definition="{}",
        judge="embedded",
        threshold=0.5,
        planned_test="",
        split_hash="",
        prompt_hash="",
        explore_effect=0.1,
        explore_z=3.0,
    )


@contextmanager
def _few_shuffles() -> Iterator[None]:
    """The share over many studies is asked for, not that of one."""
    usual, baselines.NULL_SHUFFLES = baselines.NULL_SHUFFLES, SHUFFLES
    try:
        yield
    finally:
        baselines.NULL_SHUFFLES = usual


def _line(design: Design, row: dict[str, Any]) -> str:
    check = "-" if row["self_check"] is None else f"{row['self_check']:.3f}"
    over = " **over**" if row["rate"] > row["limit"] else ""
    cells = (design.name, design.what, design.plan, f"{row['rate']:.3f}{over}", f"{row['limit']:.3f}", check)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
