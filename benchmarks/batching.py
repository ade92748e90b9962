"""Measures what asking several things in one call does to a judge's verdicts, and what it saves.

    python -m benchmarks.batching --study NAME [--texts 200] [--sizes 1,5,10,20]
    python -m benchmarks.batching --loopback

The judge of an `engine: llm` study of params.yaml judges the study's frozen predicates on a seeded sample of
exploration texts (the confirmation half stays unseen), at each size both ways: several predicates on one
text, and several texts under one predicate. Agreement is with one predicate and one text a call: the share of
equal verdicts and Cohen's kappa, over pairs where both gave one. `again` asks one by one a second time, under
other ids: what the judge disagrees with itself is no effect of batching. Answers are kept and paid within the
study's budget; `seconds` is empty where some were kept from before.
`--loopback` asks the scripted server, whose error grows with the size of a call by a known rate, and fails
if the measured disagreement is another. Prints one JSON object as its last line, after a table.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks import paths
from tasks.__main__ import exit_code
from tasks.engines import roles
from tasks.engines.llm.judging import LlmJudge
from tasks.errors import EngineError, ParamsError
from tasks.records import Predicate
from tasks.store import answers, calls, frames
from tasks.study import Study, load

STAGE = "batching"
"""What the ledger says these calls were for."""
WORDS = 20
ERROR_RATE, ERROR_PER_ITEM = 0.02, 0.005
STANDARD_ERRORS = 4.0

Verdicts = Float[np.ndarray, "text predicate"]


@dataclass(frozen=True)
class Way:
    """How much is asked in one call."""

    predicates: int = 1
    texts: int = 1
    again: bool = False
    """Under other ids, so that nothing comes from the store."""

    @property
    def name(self) -> str:
        """As the table shows it."""
        if self.again:
            return "again"
        return f"{self.texts} texts" if self.texts > 1 else f"{self.predicates} predicates"


def main() -> int:
    """Runs the benchmark and gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batching", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--study", help="an `engine: llm` study whose predicates are frozen")
    parser.add_argument("--texts", type=int, default=200, help="exploration texts judged")
    parser.add_argument("--sizes", default="1,5,10,20", help="predicates, or texts, in one call")
    parser.add_argument("--loopback", action="store_true", help="the scripted server instead of a study")
    arguments = parser.parse_args()
    sizes = tuple(int(size) for size in arguments.sizes.split(","))
    if arguments.loopback == bool(arguments.study) or arguments.texts < 1 or min(sizes) < 1:
        parser.error("wanted --study NAME or --loopback, and sizes and texts of 1 or more")

    def run() -> None:
        measure = against_loopback if arguments.loopback else of_study
        print(json.dumps(measure(arguments.study, arguments.texts, sizes)))

    return exit_code(run)


def of_study(name: str, n_texts: int, sizes: Sequence[int]) -> dict[str, Any]:
    """All figures for a study's judge; the table is printed on the way.

    Raises:
        ParamsError: the study is of another engine, or judges by log-probabilities, always one by one.
        MissingStageError: nothing is collected, or no predicate is frozen.
        EngineError: the endpoint cannot be used, or the budget is reached.
    """
    study = load(name)
    if study.engine != "llm" or study.llm.logprobs:
        raise ParamsError(f"--study {name}: wanted `engine: llm` without `logprobs`. Name another study.")
    texts = explored(study, n_texts)
    frozen = frames.read(paths.output(name, "formalise"), "predicates.parquet", frames.PREDICATES)
    return measured(study, [Predicate(**row) for row in frozen.iter_rows(named=True)], texts, sizes)


def explored(study: Study, n: int) -> pl.DataFrame:
    """A seeded sample of exploration texts of both groups, in text_id order."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    texts = texts.filter(pl.col("half") == "explore")
    draw = [frames.hashed(STAGE, str(study.seed), text_id) for text_id in texts["text_id"]]
    return texts.with_columns(draw=pl.Series(draw)).sort("draw").head(n).drop("draw").sort("text_id")


def measured(
    study: Study, predicates: Sequence[Predicate], texts: pl.DataFrame, sizes: Sequence[int]
) -> dict[str, Any]:
    """Each way's cost and agreement."""
    larger = sorted({size for size in sizes if size > 1})
    ways = [Way(again=True), *(Way(predicates=n) for n in larger), *(Way(texts=n) for n in larger)]
    alone, first = judged(study, Way(), predicates, texts)
    rows = [{"way": "alone", **first}]
    for way in ways:
        score, cost = judged(study, way, predicates, texts)
        rows.append({"way": way.name, **cost, **agreement(alone, score)})
    table(rows)
    return {
        "benchmark": "batching",
        "model": LlmJudge(study).model,
        "texts": texts.height,
        "predicates": len(predicates),
        "share_true": round(float(np.nanmean(alone)), 3) if np.isfinite(alone).any() else None,
        "ways": rows,
    }


def judged(
    study: Study, way: Way, predicates: Sequence[Predicate], texts: pl.DataFrame
) -> tuple[Verdicts, dict[str, Any]]:
    """Verdicts (NaN where there is none), and what they took."""
    packed = study.verify.model_copy(
        update={"form": "one_text", "predicates_per_call": way.predicates, "texts_per_call": way.texts}
    )
    asked = study.model_copy(update={"verify": packed, "seed": study.seed + way.again})
    began_us, began = time.time_ns() // 1000, time.perf_counter()
    found = LlmJudge(asked, stage=STAGE).judge(predicates, texts, np.zeros((texts.height, 0)))
    seconds = time.perf_counter() - began
    score = np.where(found.status == roles.VALUE, found.score, np.nan)
    used = frames.from_records(found.calls, frames.CALLS)
    ledger = answers.ledger(used["request_hash"].to_list())
    was_paid = ledger.filter(pl.col("called_at").to_physical() >= began_us)["request_hash"]
    tokens = {key.removeprefix("tokens_"): value for key, value in calls.totals(used).items()}
    cost_usd = calls.cost_usd(used, study.spend.prices)
    return score, {
        "calls": tokens.pop("n_calls"),
        "tokens": tokens,
        "cost_usd": None if cost_usd is None else round(cost_usd, 6),
        "seconds": round(seconds, 2) if was_paid.n_unique() == used.height else None,
        "missing": int(np.isnan(score).sum()),
    }


def agreement(alone: Verdicts, batched: Verdicts) -> dict[str, float | int | None]:
    """Share of equal verdicts, and kappa, over all texts and predicates where both have one."""
    both = ~(np.isnan(alone) | np.isnan(batched))
    left, right = alone[both] >= 0.5, batched[both] >= 0.5
    kappa = cohens_kappa(left, right)
    return {
        "compared": int(both.sum()),
        "equal": round(float((left == right).mean()), 4) if left.size else None,
        "kappa": None if kappa is None else round(kappa, 4),
    }


def cohens_kappa(left: Bool[np.ndarray, " pair"], right: Bool[np.ndarray, " pair"]) -> float | None:
    """Agreement beyond what the two shares of yes would bring by chance; None where that is all there is."""
    if not left.size:
        return None
    by_chance = left.mean() * right.mean() + (1 - left.mean()) * (1 - right.mean())
    return None if by_chance == 1 else float(((left == right).mean() - by_chance) / (1 - by_chance))


def table(rows: Sequence[dict[str, Any]]) -> None:
    """Prints one line for each way."""
    print(
        f"{'':<14}{'calls':>8}{'in':>10}{'cached':>10}{'out':>10}{'usd':>9}{'s':>8}{'equal':>8}{'kappa':>8}"
    )
    for row in rows:
        numbers = (row["cost_usd"], row["seconds"], row.get("equal"), row.get("kappa"))
        shown = ["-" if number is None else f"{number:g}" for number in numbers]
        tokens = "".join(f"{row['tokens'][name]:>10}" for name in ("in", "cached", "out"))
        widths = zip(shown, (9, 8, 8, 8), strict=True)
        print(f"{row['way']:<14}{row['calls']:>8}{tokens}" + "".join(f"{s:>{w}}" for s, w in widths))


def against_loopback(_: None, n_texts: int, sizes: Sequence[int]) -> dict[str, Any]:
    """The figures for the scripted judge, and whether they are those that were injected.

    Raises:
        EngineError: the measured disagreement is not the injected one.
    """
    from tests import loopback

    plan = loopback.Plan(error_rate=ERROR_RATE, error_per_item=ERROR_PER_ITEM)
    with (
        tempfile.TemporaryDirectory() as name,
        chdir(name),
        loopback.serve(plan) as server,
        patch.dict(os.environ, NATSTAT_ANSWERS=f"{name}/answers.sqlite", NATSTAT_LOOPBACK_ONLY="1"),
    ):
        predicates, texts = scripted()
        found = measured(study_of(server.url), predicates, texts.head(n_texts), sizes)
    wrong = [row["way"] for row in found["ways"][1:] if not is_as_injected(row, found)]
    if wrong:
        raise EngineError(f"the disagreement measured with {', '.join(wrong)} is not the injected one.")
    return {**found, "injected_error_per_item": ERROR_PER_ITEM, "target_met": True}


def is_as_injected(row: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether a way's disagreement is that of its size, within binomial error."""
    n, _, item = row["way"].partition(" ")
    items = 1 if row["way"] == "again" else int(n)
    in_all = found["texts" if item == "texts" else "predicates"]
    # Of in_all items those that do not fill a call share a smaller one.
    full, rest = divmod(in_all, items)
    others = (full * items * (items - 1) + rest * max(rest - 1, 0)) / in_all
    expected = ERROR_PER_ITEM * others
    error = (expected * (1 - expected) / row["compared"]) ** 0.5
    return bool(abs(1 - row["equal"] - expected) <= STANDARD_ERRORS * error + 1e-4)


def scripted() -> tuple[list[Predicate], pl.DataFrame]:
    """Predicates that name a word each, and texts of ten of these words."""
    rng, words = np.random.default_rng(0), [f"word{i:02d}" for i in range(WORDS)]
    texts = [" ".join(rng.choice(words, 10, replace=False)) + f" {i}" for i in range(5000)]
    predicates = [
        Predicate(
            predicate_id=frames.hashed(word),
            predicate=f'mentions "{word}"',
            direction="A",
            family="llm",
            grade="proxy",
            definition="{}",
            judge="",
            threshold=0.5,
            planned_test="",
            split_hash="",
            prompt_hash="",
            explore_effect=0.0,
            explore_z=0.0,
        )
        for word in words
    ]
    return predicates, pl.DataFrame({"text_id": [frames.hashed(text) for text in texts], "text": texts})


def study_of(url: str) -> Study:
    """A study that asks the scripted server."""
    return Study.model_validate(
        {
            "name": STAGE,
            "engine": "llm",
            "data": str(Path.cwd()),
            "goal": "whether batching changes verdicts",
            "collect": {"group": "random"},
            "llm": {"base_url": url, "model": "scripted"},
            "spend": {"prices": {"scripted": {"input": 1.0, "output": 4.0, "cached": 0.1}}},
        }
    )


if __name__ == "__main__":
    sys.exit(main())
