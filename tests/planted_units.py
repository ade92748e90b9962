"""Inputs and a table of activations: units that fire on planted words, and units that fire on nothing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tests.conftest import Project, place

STRENGTH = 2.0
"""By how many standard deviations of its noise a unit fires on its word."""


@dataclass(frozen=True)
class Units:
    """A made study."""

    words: dict[str, str]
    """By planted unit its word."""
    noise: list[str]


def save_units(
    project: Project, n: int, n_planted: int, n_noise: int, seed: int = 0, **directions: Any
) -> Units:
    """Writes inputs, activations and the study `units`."""
    rng = np.random.default_rng(seed)
    names = rng.choice(10_000, size=n_planted + 200, replace=False)
    words, filler = [place(int(i)) for i in names[:n_planted]], [place(int(i)) for i in names[n_planted:]]
    has = rng.random((n, n_planted)) < 0.15
    texts = []
    for i in range(n):
        said = [filler[j] for j in rng.integers(len(filler), size=10)]
        said += [words[j] for j in np.flatnonzero(has[i])]
        texts.append(" ".join(["the note names", *rng.permutation(said)]))
    fires = STRENGTH * has + rng.normal(size=has.shape)
    values = np.column_stack([fires, rng.normal(size=(n, n_noise))])
    units = [f"p{j}" for j in range(n_planted)] + [f"n{j}" for j in range(n_noise)]
    ids = [f"input {i}" for i in range(n)]
    (project.folder / "inputs").mkdir(exist_ok=True)
    project.table("inputs/texts.parquet", [{"id": a, "text": b} for a, b in zip(ids, texts, strict=True)])
    table = pl.DataFrame({"id": ids, **{unit: values[:, j] for j, unit in enumerate(units)}})
    table.write_parquet(project.folder / "inputs" / "activations.parquet")
    project.params(units=study(seed, **directions))
    return Units(dict(zip(units, words, strict=False)), units[n_planted:])


def save_also(project: Project, made: Units, n: int, silent: list[str], seed: int = 1) -> dict[str, str]:
    """Writes another corpus on which all planted units but the silent ones fire on their words.

    Gives what stands under `also_on`.
    """
    rng = np.random.default_rng(seed)
    filler = [place(int(i)) for i in rng.choice(range(20_000, 30_000), size=100, replace=False)]
    has = rng.random((n, len(made.words))) < 0.15
    texts = [
        " ".join(
            [
                "a letter from",
                *rng.permutation([*rng.choice(filler, 8), *np.array(list(made.words.values()))[row]]),
            ]
        )
        for row in has
    ]
    speaks = np.array([unit not in silent for unit in made.words])
    fires = STRENGTH * has * speaks + rng.normal(size=has.shape) + 5.0
    ids = [f"letter {i}" for i in range(n)]
    project.table("inputs/also.parquet", [{"id": a, "text": b} for a, b in zip(ids, texts, strict=True)])
    values = {unit: fires[:, j] for j, unit in enumerate(made.words)}
    values |= {unit: rng.normal(size=n) for unit in made.noise}
    pl.DataFrame({"id": ids, **values}).write_parquet(project.folder / "inputs" / "also_values.parquet")
    return {"path": "also.parquet", "activations": "also_values.parquet"}


def study(seed: int = 0, **directions: Any) -> dict[str, Any]:
    """The study of these inputs; it needs no encoder."""
    return {
        "kind": "directions",
        "seed": seed,
        "goal": "what units respond to",
        "data": "inputs",
        "collect": {"path": "texts.parquet"},
        "embed": {"encoder": "none"},
        "directions": {"activations": "activations.parquet", **directions},
    }
