"""Measures ratings of relevance, novelty and significance against those of three people.

    python -m benchmarks.ratings --ratings FILE [--study NAME] [--limit N]

FILE is a CSV of hypotheses that three people rated 0-2: columns hypothesis, problem_id, target (the goal),
A_desc, B_desc, author{0,1,2}_{rel,nov,sig}, and user where it is known. The embedded engine's measures are
the floor. `--study` names an `engine: llm` study of params.yaml, whose rater and endpoint are then used; each
problem of the file brings its own goal and groups. Spearman against the mean of the three people and against
each, with a 95 % interval from resampled problems; between the people as the ceiling. Prints one JSON object
as its last line.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.__main__ import exit_code
from tasks.engines.roles import Rater, Rating
from tasks.errors import ParamsError, SourceError
from tasks.records import Predicate
from tasks.study import Study

RATINGS = {"relevance": "rel", "novelty": "nov", "significance": "sig"}
PEOPLE = (0, 1, 2)
ASKED = ("hypothesis", "problem_id", "target", "A_desc", "B_desc")
N_RESAMPLES = 2000
LEAST = 3
"""Rows under which a rank correlation says nothing."""

Names = dict[str, str]
RaterOf = Callable[[str, str | None, Names], Rater]
"""The rater for a goal, a user and the names of groups A and B."""


def main() -> int:
    """Runs the benchmark and gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ratings", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--ratings", type=Path, required=True, help="CSV of rated hypotheses")
    parser.add_argument("--study", help="an `engine: llm` study, whose rater is measured too")
    parser.add_argument("--limit", type=int, help="first so many rows only")
    arguments = parser.parse_args()
    return exit_code(lambda: print(json.dumps(measured(arguments.ratings, arguments.study, arguments.limit))))


def measured(file: Path, study: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """All figures of the benchmark; a table of them is printed on the way.

    Raises:
        SourceError: the file lacks a column, or a rating is not 0-2.
        ParamsError: the study has no model to ask.
    """
    rows = read(file, limit)
    found: dict[str, Any] = {
        "benchmark": "ratings",
        "rows": rows.height,
        "problems": rows["problem_id"].n_unique(),
        "people": {name: between_people(rows, name) for name in RATINGS},
        # In an empty folder: what other studies found here has no part in it.
        "embedded": against_people(rows, rated(rows, floor(), elsewhere=True)),
    }
    if study is not None:
        rater_of, model = paid(study)
        found["llm"] = {"model": model, **against_people(rows, rated(rows, rater_of))}
    for line in told(found):
        print(line)
    return found


def read(file: Path, limit: int | None = None) -> pl.DataFrame:
    """The rated hypotheses.

    Raises:
        SourceError: the file cannot be read, lacks a column or has too few rows, or a rating is not 0-2.
    """
    try:
        rows = pl.read_csv(file, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{file}: wanted a CSV of rated hypotheses: {str(error).splitlines()[0]}") from None
    columns = [f"author{i}_{short}" for short in RATINGS.values() for i in PEOPLE]
    missing = [name for name in (*ASKED, *columns) if name not in rows.columns]
    if missing:
        raise SourceError(f"{file}: wanted columns {', '.join(missing)}, got {', '.join(rows.columns)}.")
    rows = rows.head(limit) if limit is not None else rows
    if rows.height < LEAST:
        raise SourceError(f"{file}: wanted at least {LEAST} rated hypotheses, got {rows.height}.")
    numbers = rows.select(pl.col(columns).cast(pl.Float64, strict=False))
    for name in columns:
        if not numbers[name].is_between(0, 2).fill_null(False).all():
            raise SourceError(f"{file}: wanted ratings of 0, 1 or 2 in column {name}, got others.")
    return rows.with_columns(numbers)


def floor() -> RaterOf:
    """The embedded engine's measures."""
    from tasks.engines import embedded

    return lambda goal, user, names: embedded.rater(_study(goal, user))


def paid(name: str) -> tuple[RaterOf, str]:
    """The rater of an `engine: llm` study, and the model it asks.

    Raises:
        ParamsError: the study is of another engine.
    """
    from tasks import study
    from tasks.engines.llm.rating import LlmRater

    loaded = study.load(name)
    if loaded.engine != "llm":
        raise ParamsError(f"--study {name}: wanted a study with `engine: llm`, got {loaded.engine}.")

    def rater_of(goal: str, user: str | None, names: Names) -> Rater:
        return LlmRater(loaded.model_copy(update={"goal": goal, "user": user}), names)

    return rater_of, loaded.llm.endpoints("rater")[0].model


def _study(goal: str, user: str | None) -> Study:
    groups = {"group": "random"}
    return Study.model_validate(
        {"name": "ratings", "data": ".", "goal": goal, "user": user, "collect": groups}
    )


def rated(rows: pl.DataFrame, rater_of: RaterOf, *, elsewhere: bool = False) -> list[Rating]:
    """A rating for each row, problem by problem: hypotheses of one problem are rated together."""
    ratings: dict[int, Rating] = {}
    with tempfile.TemporaryDirectory() as empty, chdir(empty if elsewhere else Path.cwd()):
        for problem in rows.with_row_index("row").partition_by("problem_id", maintain_order=True):
            first = problem.row(0, named=True)
            rater = rater_of(first["target"], first.get("user"), {"A": first["A_desc"], "B": first["B_desc"]})
            predicates = [predicate(h) for h in problem["hypothesis"]]
            ratings |= dict(zip(problem["row"].to_list(), rater.rate(predicates), strict=True))
    return [ratings[row] for row in range(rows.height)]


def predicate(hypothesis: str) -> Predicate:
    """A hypothesis said to hold more often in A, as the file has them."""
    from tasks.store.frames import hashed

    return Predicate(
        predicate_id=hashed(hypothesis), predicate=hypothesis.strip().rstrip("."), direction="A",
        family="rated", grade="exact", definition="{}", judge="", threshold=None, planned_test="",
        split_hash="", prompt_hash="", explore_effect=0.0, explore_z=0.0,
    )  # fmt: skip


def against_people(rows: pl.DataFrame, ratings: Sequence[Rating]) -> dict[str, Any]:
    """Spearman of each rating with the mean of the people and with each of them; None where not rated."""
    found: dict[str, Any] = {}
    for name, short in RATINGS.items():
        given = np.array([_number(getattr(rating, name)) for rating in ratings])
        kept = np.isfinite(given)
        if kept.sum() < LEAST:
            found[name] = None
            continue
        people = rows.select([f"author{i}_{short}" for i in PEOPLE]).to_numpy()[kept]
        problems = rows["problem_id"].to_numpy()[kept]
        mean = people.mean(axis=1)
        found[name] = {
            "n": int(kept.sum()),
            "mean": spearman(given[kept], mean),
            "interval": spearman_ci_bootstrap(given[kept], mean, problems),
            "each": [spearman(given[kept], people[:, i]) for i in PEOPLE],
        }
    return found


def between_people(rows: pl.DataFrame, name: str) -> dict[str, Any]:
    """Spearman between each two people, and its mean: what a rater can be held against."""
    columns = [f"author{i}_{RATINGS[name]}" for i in PEOPLE]
    pairs = [
        spearman(rows[left].to_numpy(), rows[right].to_numpy())
        for left, right in itertools.combinations(columns, 2)
    ]
    known = [value for value in pairs if value is not None]
    return {"mean": round(float(np.mean(known)), 3) if known else None, "pairs": pairs}


def spearman(left: np.ndarray, right: np.ndarray) -> float | None:
    """Rank correlation with mean ranks for ties; None where one side is all the same."""
    value = _rank_correlation(left, right)
    return round(value, 3) if np.isfinite(value) else None


def spearman_ci_bootstrap(left: np.ndarray, right: np.ndarray, problems: np.ndarray) -> list[float] | None:
    """A 95 % interval from resampled problems: hypotheses of one problem are no independent draws."""
    rng = np.random.default_rng(0)
    rows_of = [np.flatnonzero(problems == problem) for problem in np.unique(problems)]
    drawn = []
    for _ in range(N_RESAMPLES):
        rows = np.concatenate([rows_of[i] for i in rng.integers(0, len(rows_of), len(rows_of))])
        drawn.append(_rank_correlation(left[rows], right[rows]))
    known = np.array(drawn)[np.isfinite(drawn)]
    return [round(float(end), 3) for end in np.quantile(known, [0.025, 0.975])] if len(known) else None


def _rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(left), rankdata(right)
    if any(np.ptp(one) == 0 for one in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def told(found: dict[str, Any]) -> list[str]:
    """The figures as a person reads them."""
    lines = [f"{found['rows']} hypotheses of {found['problems']} problems; Spearman with people"]
    for name in RATINGS:
        people = found["people"][name]
        lines.append(f"{name:<13} between people {_shown(people['mean'])}  pairs {_listed(people['pairs'])}")
        for who in ("embedded", "llm"):
            figures = found.get(who, {}).get(name)
            if figures:
                lines.append(
                    f"  {who:<11} with their mean {_shown(figures['mean'])} {_listed(figures['interval'])}  "
                    f"with each {_listed(figures['each'])}  n {figures['n']}"
                )
            elif who in found:
                lines.append(f"  {who:<11} not rated")
    return lines


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _listed(values: Sequence[float | None] | None) -> str:
    return "[" + ", ".join(map(_shown, values or [])) + "]"


if __name__ == "__main__":
    raise SystemExit(main())
