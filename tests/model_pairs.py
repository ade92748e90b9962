"""Prompts with the answers of two models, as tables have them."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks.collect.stage import Collected, collected
from tasks.kinds import Gathered, load
from tasks.study import Study
from tasks.study.reading import study_of
from tests.conftest import Project, place, sentences

ONE, OTHER = "model-1x", "model-2x"
N = 60


def prompts(n: int = N) -> list[str]:
    """Distinct prompts, none nearly another."""
    return [f"What do you say of this: {sentence}?" for sentence in sentences(n, 0.3, 0)]


def wide(n: int = N) -> list[dict[str, Any]]:
    """A row a prompt; the second model is brief."""
    return [
        {
            "prompt": prompt,
            "answer_1": f"There is much to say of {place(7 * i)}. Some of it is known, and some is not.",
            "answer_2": f"Little of {place(7 * i)}.",
            "topic": ("news", "sport")[i % 2],
            "won": (ONE, OTHER, "tie")[i % 3],
        }
        for i, prompt in enumerate(prompts(n))
    ]


def long(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with a row an answer."""
    shared = [{key: row[key] for key in ("prompt", "topic", "won")} for row in rows]
    return [
        {**known, "model": model, "answer": row[f"answer_{i}"]}
        for i, model in ((1, ONE), (2, OTHER))
        for known, row in zip(shared, rows, strict=True)
    ]


def study(data: str, block: Mapping[str, Any] | None = None, **entry: Any) -> Study:
    """A study of a file in the project."""
    whole = {"goal": "how they differ", "kind": "model_pair", "data": data, "model_pair": block, **entry}
    return study_of("pairs", whole)


def gathered(
    project: Project, rows: list[dict[str, Any]], block: Mapping[str, Any], **entry: Any
) -> Gathered:
    """What is read of these rows."""
    project.table("rows.parquet", rows)
    asked = study("rows.parquet", block, **entry)
    return load("model_pair").gather(asked)


def read(project: Project, rows: list[dict[str, Any]], block: Mapping[str, Any], **entry: Any) -> Collected:
    """What collect makes of these rows."""
    project.table("rows.parquet", rows)
    return collected(study("rows.parquet", block, **entry))


def pairs(found: Gathered) -> pl.DataFrame:
    """Both answers and the preference of each pair, by prompt."""
    sides = [
        found.rows.filter(group=group).select("identity", "context", pl.col("text").alias(group))
        for group in "AB"
    ]
    return sides[0].join(sides[1].drop("context"), on="identity").sort("context", "identity")
