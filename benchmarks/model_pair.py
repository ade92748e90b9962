"""What a study of two models finds in a file of answers, and how well its traits tell whose answer is which.

    python -m benchmarks.model_pair --answers FILE [--prompt COLUMN --first COLUMN --second COLUMN]
        [--preference COLUMN] [--category COLUMN] [--seed 0] [--seeds 1] [--sample N] [--encoder bundled]
        [--shuffle]

FILE is CSV, JSONL or Parquet with a prompt and two answers: the columns prompt, answer_1 and answer_2 unless
others are named. Where they are there, category is that of the prompt, and second_preferred says how far the
second answer is preferred, from 0 to 1; a preference may also name the column of the better answer.

Each seed is a whole study by the embedded engine: traits are proposed from one half of the prompts, and every
figure is of the other half. Accuracies are of models fitted to other prompts than those they tell. A table of
the first seed's discoveries is printed and, as the last line, one JSON object: of the first seed, with what
several seeds come to: means, how many have a discovery and cover 0.5, and `first`, the first discoveries, in
how many studies each stands first and the mean, least and largest |V| that it has there. Seeds are splits of
one file, and what is uneven in it by chance is so in many of them; with --shuffle chance says anew for each
seed which of a prompt's answers is the first.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from benchmarks import studies
from benchmarks.planting import read_table
from tasks.run import module
from tasks.study import load

STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")
NAME = "bench"
_BLOCKS = ("llm", "spend", "gold", "record", "report", "corpus_pair", "encoder_failures")
_KNOWN = {
    "prompt": ("prompt", "question", "instruction"),
    "preference": ("second_preferred", "preference"),
    "category": ("category",),
}


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.model_pair", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--answers", type=Path, required=True, help="CSV, JSONL or Parquet")
    for name in ("prompt", "first", "second", "preference", "category"):
        parser.add_argument(f"--{name}", help=f"column of the {name}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="studies, each with a split of its own")
    parser.add_argument("--sample", type=int, help="prompts, drawn by the seed; all without it")
    parser.add_argument(
        "--encoder", default="bundled", choices=("bundled", "none"), help="none: no traits that need one"
    )
    parser.add_argument("--shuffle", action="store_true", help="chance says which answer is the first")
    arguments = parser.parse_args()
    asked = {
        name: getattr(arguments, name) for name in ("prompt", "first", "second", "preference", "category")
    }
    table = read(read_table(arguments.answers), asked)
    if arguments.sample and arguments.sample < table.height:
        table = table.sample(arguments.sample, seed=arguments.seed)
    runs = []
    # One project for all: what is encoded for the first study is there for the others.
    with studies.project() as folder:
        for seed in range(arguments.seed, arguments.seed + arguments.seeds):
            of = shuffled(table, seed) if arguments.shuffle else table
            runs.append(measured(folder, of, seed, arguments.encoder))
            print(line(seed, runs[-1]), flush=True)
    print(found(runs[0]["discoveries"]))
    print(json.dumps(runs[0] | (over_seeds(runs) if len(runs) > 1 else {})))


def read(table: pl.DataFrame, asked: dict[str, str | None]) -> pl.DataFrame:
    """The columns prompt, answer_1 and answer_2, and category and second_preferred where they are there.

    Raises:
        SystemExit: a column is not there, or a preference is neither a share nor the name of an answer.
    """
    columns = {name: column or _known(table, name) for name, column in asked.items()}
    if columns["first"] is None and columns["second"] is None:
        columns["first"], columns["second"] = _answers(table, [c for c in columns.values() if c])
    lost = [column for column in columns.values() if column is not None and column not in table.columns]
    if lost or None in (columns["prompt"], columns["first"], columns["second"]):
        wanted = ", ".join(lost) or "a prompt and two answers: name them by --prompt, --first and --second"
        raise SystemExit(f"wanted {wanted}; the file has {', '.join(table.columns)}")
    found = {"prompt": columns["prompt"], "answer_1": columns["first"], "answer_2": columns["second"]}
    if columns["category"]:
        found["category"] = columns["category"]
    rows = table.select(pl.col(str(column)).alias(name) for name, column in found.items())
    if columns["preference"]:
        liked = _preference(table[columns["preference"]], str(columns["first"]), str(columns["second"]))
        rows = rows.with_columns(second_preferred=liked)
    return rows


def _known(table: pl.DataFrame, name: str) -> str | None:
    return next((column for column in _KNOWN.get(name, ()) if column in table.columns), None)


def _answers(table: pl.DataFrame, taken: Sequence[str]) -> tuple[str | None, str | None]:
    """answer_1 and answer_2, else the only two columns of text that are left."""
    if {"answer_1", "answer_2"} <= set(table.columns):
        return "answer_1", "answer_2"
    left = [name for name in table.columns if table[name].dtype == pl.String and name not in taken]
    return (left[0], left[1]) if len(left) == 2 else (None, None)


def _preference(said: pl.Series, first: str, second: str) -> pl.Series:
    """How far the second answer is preferred, 0 to 1."""
    if said.dtype == pl.String:
        if other := sorted(set(said.drop_nulls()) - {first, second}):
            raise SystemExit(f"--preference: wanted {first} or {second}, got {', '.join(other[:5])}")
        return said.replace_strict({first: 0.0, second: 1.0}, return_dtype=pl.Float64)
    if not said.drop_nulls().cast(pl.Float64).is_between(0, 1).all():
        raise SystemExit("--preference: wanted shares from 0 to 1")
    return said.cast(pl.Float64)


def shuffled(table: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The same answers, in an order by chance: there is nothing to find."""
    swap = pl.Series(np.random.default_rng([seed, 7]).random(table.height) < 0.5)
    first, second = pl.col("answer_1"), pl.col("answer_2")
    swapped = [
        pl.when(swap).then(second).otherwise(first).alias("answer_1"),
        pl.when(swap).then(first).otherwise(second).alias("answer_2"),
    ]
    if "second_preferred" in table.columns:
        liked = pl.col("second_preferred")
        swapped.append(pl.when(swap).then(1 - liked).otherwise(liked).alias("second_preferred"))
    return table.with_columns(swapped)


def measured(folder: Path, table: pl.DataFrame, seed: int, encoder: str) -> dict[str, Any]:
    """What one study found, run in this project."""
    table.write_parquet(folder / "answers.parquet")
    own: dict[str, Any] = {"category": "category"} if "category" in table.columns else {}
    if "second_preferred" in table.columns:
        own |= {"preference": "second_preferred", "preferred": [0, 1]}
    entry = {
        **{block: {} for block in (*STAGES, *_BLOCKS)},
        **{"kind": "model_pair", "engine": "embedded", "seed": seed, "user": None},
        **{"verdicts": None, "labels": ".gitkeep", "after": ".gitkeep", "data": "answers.parquet"},
        "goal": "how the answers differ",
        "model_pair": own,
        "embed": {"encoder": encoder},
    }
    text = yaml.safe_dump({"studies": {NAME: entry}})
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    for stage in STAGES:
        module(stage).run(load(NAME))
    return _results(folder / "data" / NAME)


def _results(folder: Path) -> dict[str, Any]:
    telling = pl.read_parquet(folder / "6_scores" / "telling.parquet")
    predicates = pl.read_parquet(folder / "4_predicates" / "predicates.parquet")
    scores = pl.read_parquet(folder / "6_scores" / "scores.parquet")
    named = scores.filter("is_discovery").join(
        predicates.select("predicate_id", "predicate", "direction"), on="predicate_id"
    )
    nearer = pl.max_horizontal(pl.col("lo"), -pl.col("hi"))
    columns = ("predicate", "direction", "validity", "lo", "hi", "q")
    identity, preference = (_told(telling, target) for target in ("model", "preference"))
    assert identity is not None  # noqa: S101 - whose an answer is, is always known
    return {
        "n": identity.pop("n"),
        "identity": {name: identity[name] for name in ("accuracy", "lo", "hi", "surface", "length")},
        "preference": preference,
        "discoveries": named.sort(nearer, descending=True).select(columns).to_dicts(),
    }


def _told(telling: pl.DataFrame, target: str) -> dict[str, Any] | None:
    rows = {row["by"]: row for row in telling.filter(target=target).to_dicts()}
    if not rows:
        return None
    traits = rows["traits"]
    return {
        "n": traits["n"],
        **{name: traits[name] for name in ("accuracy", "lo", "hi")},
        **{by: rows[by]["accuracy"] for by in ("surface", "length", "majority")},
        **{name: traits[name] for name in ("balanced", "auc")},
    }


def over_seeds(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How alike studies of several splits are."""
    identity = [run["identity"] for run in runs]
    return {
        "seeds": {
            "n": len(runs),
            "with_discovery": sum(bool(run["discoveries"]) for run in runs),
            "covers_half": sum(one["lo"] <= 0.5 <= one["hi"] for one in identity),
            **{
                f"mean_{name}": float(np.mean([one[name] for one in identity]))
                for name in ("accuracy", "surface", "length")
            },
            "first": _firsts([run["discoveries"][0] for run in runs if run["discoveries"]]),
        }
    }


def _firsts(discoveries: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """By trait, the commonest first: in how many studies it stands first, and with which |V|."""
    if not discoveries:
        return {}
    size = pl.col("validity").abs()
    found = (
        pl.DataFrame(discoveries)
        .group_by("predicate")
        .agg(pl.len().alias("n"), size.mean().alias("mean"), size.min().alias("min"), size.max().alias("max"))
        .sort("n", "predicate", descending=[True, False])
    )
    return {row.pop("predicate"): row for row in found.to_dicts()}


def line(seed: int, run: dict[str, Any]) -> str:
    """One study in a line."""
    first = "".join(f" (first: {one['predicate']} {one['validity']:+.3f})" for one in run["discoveries"][:1])
    parts = [f"seed {seed}: {run['n']} prompts, {len(run['discoveries'])} discoveries{first}"]
    for target in ("identity", "preference"):
        if one := run[target]:
            beside = ", ".join(f"{by} {one[by]:.3f}" for by in ("surface", "length", "majority") if by in one)
            parts.append(f"{target} {one['accuracy']:.3f} [{one['lo']:.3f}, {one['hi']:.3f}], {beside}")
    return "; ".join(parts)


def found(discoveries: Sequence[dict[str, Any]]) -> str:
    """A table of discoveries."""
    rows = [
        "| {predicate} | {validity:.3f} | {lo:.3f} to {hi:.3f} | {q:.1g} |".format(**one)
        for one in discoveries
    ]
    return "\n".join(["| the answer that | V | interval | q |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    main()
