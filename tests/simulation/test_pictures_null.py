"""Random halves of drawn pictures: runs that discover anything stay at or under alpha; what differs is found.

Every repetition is the whole pipeline on the same pictures under another seed, with what the bundled network
sees of them.
"""

from pathlib import Path

import polars as pl
import pytest
from PIL import Image, ImageEnhance
from scipy import stats

from tests.conftest import SHUFFLES, Project
from tests.drawn_pictures import drawn, stored

ALPHA = 0.05
STUDY = {"goal": "how they differ", "data": "seen", "collect": {"group": "random"}}
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


@pytest.fixture(autouse=True)
def _one_shuffle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many studies are asked, not one study many times."""
    monkeypatch.setattr(SHUFFLES, 1)


def most(draws: int) -> int:
    """So many of the draws a level of alpha lets through once in a thousand times."""
    return int(stats.binom.isf(1e-3, draws, ALPHA))


def put(folder: Path, n: int, dark: range = range(0)) -> None:
    """Pictures of spots, some of them at half the light."""
    folder.mkdir()
    for number in range(n):
        image: Image.Image = drawn(number, 48)
        light = ImageEnhance.Brightness(image).enhance(0.5) if number in dark else image
        (folder / f"{number:04}.png").write_bytes(stored(light))


def is_anything_found(project: Project, seed: int, **changed: object) -> bool:
    project.params(photos={**STUDY, "seed": seed, **changed})
    project.run("photos", *STAGES)
    return bool(pl.read_parquet(project.folder / "data/photos/6_scores/scores.parquet")["is_discovery"].any())


def nothing_is_found(project: Project, n: int, seeds: int) -> None:
    put(project.folder / "seen", n)
    found = sum(is_anything_found(project, seed) for seed in range(seeds))
    print(f"{found} of {seeds} null runs with a discovery")
    assert found <= most(seeds)


def test_random_halves_of_drawn_pictures_small(project: Project) -> None:
    nothing_is_found(project, 60, 6)


@pytest.mark.simulation
def test_random_halves_of_drawn_pictures(project: Project) -> None:
    nothing_is_found(project, 200, 100)


def test_of_as_many_pictures_half_of_them_dark_that_is_found(project: Project) -> None:
    """The same study is not blind."""
    put(project.folder / "seen", 60, dark=range(30))
    of = {"group": None, "a": {"path": "00[012]*.png"}, "b": {"path": "00[345]*.png"}}
    assert is_anything_found(project, 0, collect=of)
