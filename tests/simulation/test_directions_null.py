"""Kind directions where nothing is there: units of pure noise, and noise beside planted units."""

from pathlib import Path

import polars as pl
import pytest
from scipy.stats import binom

from tests.conftest import Project
from tests.planted_units import Units, save_units

ALPHA = 0.05
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


def run(folder: Path, n: int, n_planted: int, n_noise: int, seed: int) -> tuple[Units, pl.DataFrame]:
    """The units of a study, and its discoveries."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("tasks.score.baselines.NULL_SHUFFLES", 0)
        project = Project(folder)
        made = save_units(project, n, n_planted, n_noise, seed)
        project.run("units", *STAGES)
    scored = folder / "data" / "units" / "6_scores"
    scores = pl.read_parquet(scored / "scores.parquet").filter("is_discovery")
    return made, scores.join(pl.read_parquet(scored / "readings.parquet"), on="predicate_id")


def _runs_with_discovery(folder: Path, seeds: int) -> int:
    return sum(run(folder / str(seed), 400, 0, 20, seed)[1].height > 0 for seed in range(seeds))


def test_noise_alone_gives_nothing(tmp_path: Path) -> None:
    seeds = 10
    assert _runs_with_discovery(tmp_path, seeds) <= binom.ppf(0.999, seeds, ALPHA)


@pytest.mark.long
def test_noise_alone_gives_nothing_in_a_hundred_studies(tmp_path: Path) -> None:
    seeds = 100
    assert _runs_with_discovery(tmp_path, seeds) <= binom.ppf(0.99, seeds, ALPHA)


@pytest.mark.long
def test_planted_units_are_named_and_noise_is_not_in_twenty_studies(tmp_path: Path) -> None:
    for seed in range(20):
        made, found = run(tmp_path / str(seed), 1500, 30, 10, seed)
        named = {row["unit"]: row["sentence"] for row in found.iter_rows(named=True) if row["end"] == "high"}
        right = sum(f'"{word}"' in named.get(unit, "") for unit, word in made.words.items())
        assert right >= 27, seed
        assert not set(made.noise) & set(found["unit"]), seed
