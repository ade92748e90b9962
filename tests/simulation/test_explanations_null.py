"""Kind explanations where nothing can be foreseen: the model's answers follow nothing that is said."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import binom

from tests.conftest import Project
from tests.explained import drawn_rows

ALPHA = 0.05
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


def dealt(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Explanations dealt out anew between the inputs of one answer and explainer."""
    rng, piles = random.Random(seed), dict[tuple[str, str], list[str]]()
    for row in rows:
        piles.setdefault((row["who"], row["answer"]), []).append(row["explanation"])
    for pile in piles.values():
        rng.shuffle(pile)
    return [{**row, "explanation": piles[row["who"], row["answer"]].pop()} for row in rows]


def finds(folder: Path, seed: int) -> bool:
    """Whether a study finds anything."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("tasks.score.baselines.NULL_SHUFFLES", 0)
        project = Project(folder)
        project.table("rows.parquet", dealt(drawn_rows(160, seed, by_chance=True), seed))
        block = {"explainer": "who"}
        project.params(
            news={"kind": "explanations", "goal": "g", "data": "rows.parquet", "explanations": block}
        )
        project.run("news", *STAGES)
    return bool(pl.read_parquet(folder / "data/news/6_scores/scores.parquet")["is_discovery"].any())


def test_answers_by_chance_are_foreseen_by_nothing(tmp_path: Path) -> None:
    seeds = 5
    assert sum(finds(tmp_path / str(seed), seed) for seed in range(seeds)) <= binom.ppf(0.999, seeds, ALPHA)


@pytest.mark.long
def test_answers_by_chance_are_foreseen_by_nothing_in_a_hundred_studies(tmp_path: Path) -> None:
    seeds = 100
    assert sum(finds(tmp_path / str(seed), seed) for seed in range(seeds)) <= binom.ppf(0.99, seeds, ALPHA)
