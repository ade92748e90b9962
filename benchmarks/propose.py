"""Measures what a proposer suggests: its form, echoes, and whether it finds what is known to be there.

    python -m benchmarks.propose --problem FILE --base-url URL --model NAME [--texts 600] [--seeds 10]

FILE is JSON with `texts`, `reference_phi_predicate_strings`, `reference_phi_denotation` (a row for each text)
and `goal`: for each reference, A are texts of which it holds and B are others. Or it is a table (Parquet,
CSV) with a column `text` and one of groups: `--group year --a 2020 --b 2019`, with `--goal TEXT` or
`--goal-file JSON` (`target`, `user`, `dataset_description`, `example_hypotheses`). Half of the texts are
explored, as in a study; the proposer makes the rounds of a model of its size, and nothing is ranked.

in_form     of the sentences that the model gave, how many went on: as they were (at_once), or mended
echoes      of those, how many repeat an example or hand back one of the explored texts
distinct    of those, how many are left when what says the same is merged
wanted      in how many seeds a suggestion matches `--wanted REGEX`
references  how many references a suggestion's verdicts match with phi >= 0.5, by the model itself as judge
            of `--matched` texts of each group that were not explored (0: not asked)

Every answer is kept in NATSTAT_ANSWERS, where it is set: a rerun goes on from there. Prints one JSON object
as its last line.
"""

import argparse
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl

from tasks.__main__ import exit_code
from tasks.engines import roles
from tasks.engines.encoders import encoder as encoders
from tasks.engines.llm import wording
from tasks.engines.llm.judging import LlmJudge
from tasks.engines.llm.proposing import LlmProposer
from tasks.errors import SourceError
from tasks.records import Predicate, Proposal
from tasks.store import frames
from tasks.study import Study

LEAST_PHI = 0.5
_TABLES: dict[str, Callable[[Path], pl.DataFrame]] = {".parquet": pl.read_parquet, ".csv": pl.read_csv}


@dataclass(frozen=True)
class Problem:
    """Two groups of texts, and what is to be found."""

    name: str
    a: Sequence[str]
    b: Sequence[str]
    names: dict[str, str]
    is_reference: bool
    """Whether the name is a predicate that holds of A and of no text of B."""


def main() -> int:
    """Runs the benchmark and gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.propose", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--problem", type=Path, required=True, help="JSON with references, or a table")
    parser.add_argument("--base-url", required=True, help="of a server that speaks OpenAI's chat completions")
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", type=int, default=600, help="of both groups; half of them are explored")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--matched", type=int, default=0, help="texts of each group judged for references")
    parser.add_argument("--wanted", default="", help="regular expression of a suggestion that is wanted")
    parser.add_argument("--goal", default="", help="of the reader; of a problem its own without it")
    parser.add_argument(
        "--goal-file", type=Path, help="JSON with target, user, dataset_description, examples"
    )
    parser.add_argument("--group", default="group", help="column of a table")
    parser.add_argument("--a", default="A", help="value of the group column in A")
    parser.add_argument("--b", default="B")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one call")
    arguments = parser.parse_args()
    return exit_code(lambda: print(json.dumps(measured(arguments))))


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of the benchmark; what was suggested is printed on the way."""
    started = time.perf_counter()
    problems, goal = read(arguments)
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    found: dict[str, list[bool]] = {}
    n_wanted = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(os.environ, {"NATSTAT_ANSWERS": f"{folder}/answers.sqlite", **os.environ}),
    ):
        for seed in range(arguments.seeds):
            suggested: list[Proposal] = []
            for problem in problems:
                study = asked(arguments, goal, seed)
                explored, held_out = split(problem, arguments.texts, seed)
                proposer = LlmProposer(study, problem.names)
                exploration = roles.Exploration(
                    explored, encoders.load(study).encode(explored["text"].to_list()), 0
                )
                said = proposer.propose(exploration, np.random.default_rng(seed))
                noted = dict(proposer.noted)
                faults.update(noted.pop("unfit", {}))  # type: ignore[arg-type]
                noted.pop("failed", None)
                counts.update(noted)
                counts["n_echoes"] += sum(is_echo(one.predicate, explored, study) for one in said)
                suggested += said
                if problem.is_reference and arguments.matched:
                    phi = best_phi(study, said, held_out, arguments.matched)
                    found.setdefault(problem.name, []).append(phi >= LEAST_PHI)
                    print(f"{problem.name}: best phi {phi:.2f}", flush=True)
                for one in said:
                    print(f"{seed} {problem.names[one.direction]}: {one.predicate}", flush=True)
            if arguments.wanted:
                n_wanted += any(re.search(arguments.wanted, one.predicate, re.I) for one in suggested)
    n, n_kept = counts["n_suggested"], counts["n_suggested"] - counts["n_unfit"]
    return {
        "benchmark": "propose",
        "problem": arguments.problem.name,
        "model": arguments.model,
        "texts": arguments.texts,
        "seeds": arguments.seeds,
        "suggested": n,
        "in_form": share(n_kept, n),
        "at_once": share(n_kept - counts["n_rewritten"], n),
        "unfit": dict(faults),
        "rounds_failed": counts["n_rounds_failed"],
        "echoes": counts["n_echoes"],
        "distinct": share(n_kept - counts["n_repeated"], n_kept),
        "seeds_with_wanted": n_wanted if arguments.wanted else None,
        "references": share(sum(map(sum, found.values())), sum(map(len, found.values()))),
        "seconds": round(time.perf_counter() - started),
    }


def read(arguments: argparse.Namespace) -> tuple[list[Problem], dict[str, Any]]:
    """The problems of the file, and the blocks of a study that say what it is for.

    Raises:
        SourceError: the file is not of one of these forms.
    """
    told: dict[str, Any] = json.loads(arguments.goal_file.read_text()) if arguments.goal_file else {}
    goal = arguments.goal or told.get("target", "")
    read_table = _TABLES.get(arguments.problem.suffix)
    try:
        if read_table is None:
            content = json.loads(arguments.problem.read_text(encoding="utf-8"))
            problems, goal = references(content), goal or content["goal"]
        else:
            problems = [two_groups(read_table(arguments.problem), arguments)]
    except (OSError, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{arguments.problem}: no problem of this benchmark: {error!r}.") from None
    about = {"about": told.get("dataset_description"), "examples": told.get("example_hypotheses", [])}
    return problems, {"goal": goal or "how A and B differ", "user": told.get("user"), "propose": about}


def references(content: dict[str, Any]) -> list[Problem]:
    """For each reference, the texts of which it holds and the others."""
    holds = np.array(content["reference_phi_denotation"]) >= LEAST_PHI
    texts = np.array(content["texts"], dtype=object)
    return [
        Problem(name, list(texts[column]), list(texts[~column]), {"A": "some texts", "B": "others"}, True)
        for name, column in zip(content["reference_phi_predicate_strings"], holds.T, strict=True)
    ]


def two_groups(rows: pl.DataFrame, arguments: argparse.Namespace) -> Problem:
    """The texts of two values of a column."""
    of = pl.col(arguments.group).cast(pl.String)
    a, b = (
        rows.filter(of == value)["text"].unique().sort().to_list() for value in (arguments.a, arguments.b)
    )
    return Problem("", a, b, {"A": arguments.a, "B": arguments.b}, False)


def asked(arguments: argparse.Namespace, goal: dict[str, Any], seed: int) -> Study:
    """A study whose proposals are not ranked."""
    return Study.model_validate(
        {
            "name": "benchmark",
            "engine": "llm",
            "data": "none",
            "collect": {"group": "random"},
            **goal,
            "seed": seed,
            "llm": {"model": arguments.model, "base_url": arguments.base_url},
            "spend": {"timeout_s": arguments.timeout, "concurrency": 2},
            "propose": {**goal["propose"], "judged": 0, "max_predicates": 1000},
        }
    )


def split(problem: Problem, n: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Texts of both groups that are explored, and as many others, as far as there are any."""
    rng = np.random.default_rng(seed)
    rows = [
        {"text": str(text), "group": group, "half": ("explore", "confirm")[i % 2]}
        for group, texts in (("A", problem.a), ("B", problem.b))
        for i, text in enumerate(rng.permutation(np.array(texts, dtype=object))[: n // 2])
    ]
    named = pl.DataFrame(rows).with_row_index("text_id").with_columns(pl.col("text_id").cast(pl.String))
    texts = named.with_columns(pl.col("text_id").str.zfill(8), pl.col("text_id").alias("document_id"))
    return texts.filter(half="explore"), texts.filter(half="confirm")


def is_echo(sentence: str, explored: pl.DataFrame, study: Study) -> bool:
    """Whether it repeats an example or one of the texts."""
    why = wording.fault(sentence, explored["text"].to_list(), study.propose.examples)
    return why in {wording.REPEATS_EXAMPLE, wording.COPIES_TEXT}


def best_phi(study: Study, said: Sequence[Proposal], held_out: pl.DataFrame, n: int) -> float:
    """Of the suggestions' verdicts with being in A, which is what the reference says; at least 0."""
    texts = held_out.group_by("group", maintain_order=True).head(n)
    judge = LlmJudge(study, stage="propose")
    score = judge.judge(
        [predicate(one, judge.name) for one in said], texts, np.zeros((texts.height, 0))
    ).score
    in_a = (texts["group"] == "A").to_numpy().astype(float)
    return max([0.0, *correlations(score >= study.formalise.threshold, in_a)])


def correlations(holds: np.ndarray, in_a: np.ndarray) -> Iterator[float]:
    """Of each column with the groups, the other way round for what holds of B."""
    for column in holds.T.astype(float):
        if 0 < column.mean() < 1:
            yield abs(float(np.corrcoef(column, in_a)[0, 1]))


def predicate(one: Proposal, judge: str) -> Predicate:
    """A suggestion as a judge is asked about it."""
    return roles.unfrozen(
        frames.hashed(one.predicate, one.definition),
        one.predicate,
        direction=one.direction,
        family=one.family,
        grade=one.grade,
        definition=one.definition,
        judge=judge,
        threshold=0.5,
        prompt_hash=one.prompt_hash,
    )


def share(part: int, whole: int) -> float | None:
    """Rounded; None of nothing."""
    return round(part / whole, 3) if whole else None


if __name__ == "__main__":
    raise SystemExit(main())
