"""Measures a model as judge on texts whose labels are known, under each way of sharing a call.

    python -m benchmarks.judge --problem FILE --base-url URL --model NAME [--texts 100]
        [--packings one,one_logprobs,several,texts] [--disjunctions]

FILE is JSON with `texts`, `goal`, `reference_phi_predicate_strings` and `reference_phi_denotation` (text x
predicate, 0 or 1). Asked about are the reference predicates in two wordings ("is one that ..."); a text draws
four of all these, so that none, one or several are true of it, and every packing judges the same pairs. With
--disjunctions it draws from the references and what joins two of them by "or", which is harder:

    one           one plain question a call
    one_logprobs  the same, by the probability of yes
    several       the four of a text in one call
    texts         five texts under one predicate a call

Shares are over the pairs that got a verdict, `in_form` is the share that did; `auroc` is of graded scores
where there are any; tokens and seconds are of a judgement. Answers are kept nowhere, no budget is touched.
Prints a table and, as its last line, one JSON object; its `default` is the packing of a study of this model.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.__main__ import exit_code
from tasks.engines import roles
from tasks.engines.llm import packing
from tasks.engines.llm.judging import LlmJudge
from tasks.engines.llm.marking import auroc, share
from tasks.errors import SourceError
from tasks.records import Call, Predicate
from tasks.store import calls, frames
from tasks.study import Study

STAGE = "judge"
DRAWN, TOGETHER = 4, 5
"""Predicates asked of each text; texts that share a call under `texts`."""
PACKINGS = ("one", "one_logprobs", "several", "texts")
FIGURES = (
    "accuracy", "sensitivity", "specificity", "balanced_accuracy", "auroc", "in_form",
    "tokens_in", "tokens_out", "tokens_cached", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What is asked, and what is right."""

    goal: str
    texts: pl.DataFrame
    predicates: tuple[Predicate, ...]
    truth: Bool[np.ndarray, "text predicate"]
    drawn: Bool[np.ndarray, "text predicate"]
    """The pairs that are judged."""


def main() -> int:
    """Runs the benchmark and gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judge", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--problem", type=Path, required=True, help="JSON with texts and reference labels")
    parser.add_argument("--base-url", required=True, help="any server that speaks chat completions")
    parser.add_argument("--model", required=True, help="as the server calls it")
    parser.add_argument("--texts", type=int, default=100, help="texts judged, a seeded sample")
    parser.add_argument("--packings", default=",".join(PACKINGS), help="which of them")
    parser.add_argument("--disjunctions", action="store_true", help="ask about two references joined by or")
    parser.add_argument("--seed", type=int, default=0, help="draws texts and predicates")
    parser.add_argument("--concurrency", type=int, default=4, help="calls in flight at once")
    arguments = parser.parse_args()
    packings = arguments.packings.split(",")
    if arguments.texts < 1 or not set(packings) <= set(PACKINGS):
        parser.error(f"wanted texts of 1 or more and packings of {', '.join(PACKINGS)}")

    def run() -> None:
        asked = problem(arguments.problem, arguments.texts, arguments.seed, arguments.disjunctions)
        study = study_of(arguments.base_url, arguments.model, asked.goal, arguments.concurrency)
        print(json.dumps(measured(study, asked, packings)))

    return exit_code(run)


def problem(file: Path, n_texts: int, seed: int, disjunctions: bool = False) -> Problem:
    """A seeded sample of a problem's texts, each with four predicates of the pool.

    Raises:
        SourceError: the file cannot be read, or lacks a key.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        texts, labels = content["texts"], np.array(content["reference_phi_denotation"], dtype=float) >= 0.5
        names = [str(name).strip().rstrip(".") for name in content["reference_phi_predicate_strings"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SourceError(f"{file}: wanted a problem with texts and reference labels: {error!r}.") from None
    if labels.shape != (len(texts), len(names)):
        raise SourceError(
            f"{file}: wanted a label for each of {len(texts)} texts and {len(names)} predicates."
        )
    pool = [(name, labels[:, i]) for i, name in enumerate(names)]
    if disjunctions:
        pool += [
            (f"{names[i]} or {names[j]}", labels[:, i] | labels[:, j])
            for i, j in combinations(range(len(names)), 2)
        ]
    else:
        pool += [(f"is one that {name}", holds) for name, holds in pool]
    rng = np.random.default_rng(seed)
    # In no order of their own: where several share a call, none is always first.
    pool = [pool[k] for k in rng.permutation(len(pool))]
    rows = np.sort(rng.choice(len(texts), min(n_texts, len(texts)), replace=False))
    drawn = np.zeros((rows.size, len(pool)), dtype=bool)
    for row in drawn:
        row[rng.choice(len(pool), min(DRAWN, len(pool)), replace=False)] = True
    shown = [str(texts[row]).strip() for row in rows]
    return Problem(
        str(content.get("goal") or "what the texts are about"),
        pl.DataFrame({"text_id": [frames.hashed(str(row)) for row in rows], "text": shown}),
        tuple(roles.unfrozen(frames.hashed(name), name) for name, _ in pool),
        np.stack([holds[rows] for _, holds in pool], axis=1),
        drawn,
    )


def measured(study: Study, asked: Problem, packings: Sequence[str]) -> dict[str, Any]:
    """Every packing's figures, with a table on the way."""
    print(
        f"{'':<14}"
        + "".join(f"{name.replace('_accuracy', '').replace('tokens_', ''):>13}" for name in FIGURES)
    )
    found = {}
    for name in packings:
        with (
            tempfile.TemporaryDirectory() as folder,
            patch.dict(os.environ, NATSTAT_ANSWERS=f"{folder}/answers.sqlite"),
        ):
            found[name] = figures(asked, *judged(study, name, asked))
        shown = ["-" if (value := found[name][figure]) is None else f"{value:g}" for figure in FIGURES]
        print(f"{name:<14}" + "".join(f"{value:>13}" for value in shown), flush=True)
    n_pairs = int(asked.drawn.sum())
    return {
        "benchmark": "judge",
        "model": study.llm.model,
        "texts": asked.texts.height,
        "judgements": n_pairs,
        "share_true": share(asked.truth[asked.drawn]),
        "default": default(study),
        "packings": found,
    }


def judged(
    study: Study, name: str, asked: Problem
) -> tuple[Float[np.ndarray, "text predicate"], list[Call], float]:
    """Scores (NaN where there is none or none was wanted), the calls and the seconds."""
    wanted = {
        "one": {"predicates_per_call": 1},
        "one_logprobs": {"predicates_per_call": 1},
        # The pool in one call, less what is not wanted: the four that the text has drawn.
        "several": {"predicates_per_call": len(asked.predicates)},
        "texts": {"predicates_per_call": 1, "texts_per_call": TOGETHER},
    }
    way = study.model_copy(
        update={
            "verify": study.verify.model_copy(update=wanted[name]),
            "llm": study.llm.model_copy(update={"logprobs": name == "one_logprobs"}),
        }
    )
    judge = LlmJudge(way, STAGE)
    score = np.full(asked.drawn.shape, np.nan)
    used: list[Call] = []
    began = time.perf_counter()
    for part in _parts(name, asked):
        found = judge.judge_pairs(
            [asked.predicates[k] for k in part.columns], asked.texts[part.rows], part.wanted
        )
        given = np.where(found.status == roles.VALUE, found.score, np.nan)
        score[np.ix_(part.rows, part.columns)] = given
        used += found.calls
    return score, used, time.perf_counter() - began


@dataclass(frozen=True)
class _Part:
    rows: np.ndarray
    columns: np.ndarray
    wanted: Bool[np.ndarray, "text predicate"]


def _parts(name: str, asked: Problem) -> list[_Part]:
    """All at once; where texts share a call by predicate, so that five that drew it are together."""
    every = np.arange(asked.texts.height), np.arange(len(asked.predicates))
    if name != "texts":
        return [_Part(*every, asked.drawn)]
    parts = []
    for column in every[1]:
        rows = np.flatnonzero(asked.drawn[:, column])
        parts.append(_Part(rows, np.array([column]), np.ones((rows.size, 1), dtype=bool)))
    return [part for part in parts if part.rows.size]


def figures(
    asked: Problem, score: Float[np.ndarray, "text predicate"], used: Sequence[Call], seconds: float
) -> dict[str, float | None]:
    """What the verdicts are worth, and what one took."""
    truth, said = asked.truth[asked.drawn], score[asked.drawn]
    there = ~np.isnan(said)
    right = (said >= 0.5) == truth
    sensitivity, specificity = share(right[there & truth]), share(right[there & ~truth])
    both = None if sensitivity is None or specificity is None else round((sensitivity + specificity) / 2, 4)
    tokens = calls.totals(frames.from_records(list(used), frames.CALLS))
    return {
        "accuracy": share(right[there]),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": both,
        "auroc": auroc(truth[there], said[there]),
        "in_form": round(float(there.mean()), 4),
        **{name: round(tokens[name] / truth.size, 2) for name in calls.TOKENS},
        "seconds": round(seconds / truth.size, 3),
    }


def default(study: Study) -> str:
    """The packing that a study has which says nothing about it."""
    if packing.per_call(study, "judge") > 1:
        return "several"
    return "one_logprobs" if study.llm.logprobs else "one"


def study_of(url: str, model: str, goal: str, concurrency: int) -> Study:
    """A study with every default but patience: a small machine may think for minutes."""
    spend: Mapping[str, Any] = {"concurrency": concurrency, "timeout_s": 600.0, "patience_s": 600.0}
    return Study.model_validate(
        {
            "name": STAGE,
            "engine": "llm",
            "data": str(Path.cwd()),
            "goal": goal,
            "collect": {"group": "random"},
            "llm": {"base_url": url, "model": model},
            "spend": spend,
        }
    )


if __name__ == "__main__":
    sys.exit(main())
