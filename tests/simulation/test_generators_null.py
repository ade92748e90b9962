"""One generator's pictures dealt by chance to two names: no trait tells them apart."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("PIL")

from tasks import paths
from tasks.store import frames
from tests.conftest import Project
from tests.drawn_pictures import KINDS, scene, stored

N = 80


def n_studies_with_a_discovery(project: Project, seeds: int) -> int:
    """Of so many studies of the same pictures, each dealt anew."""
    folder = project.folder / "made"
    folder.mkdir()
    files: list[Path] = []
    for i in range(2 * N):
        files.append(folder / f"{i:03}.png")
        files[-1].write_bytes(stored(scene(KINDS[i // 2 % 3], i, 32, light=i % 40)))
    n_found = 0
    for seed in range(seeds):
        swapped = np.random.default_rng(seed).integers(2, size=N)
        rows = [
            {
                "prompt": f"{KINDS[i % 3]} {i * 7919 % 9973}",
                "one": files[2 * i + swapped[i]].name,
                "other": files[2 * i + 1 - swapped[i]].name,
            }
            for i in range(N)
        ]
        pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
        block = {"answers": ["one", "other"], "pictures": True}
        project.params(
            chance={
                "kind": "model_pair", "goal": "how they differ", "data": "made", "seed": seed,
                "collect": {"path": "rows.parquet"}, "embed": {"encoder": "none"}, "model_pair": block,
            }
        )  # fmt: skip
        project.run("chance", "collect", "embed", "propose", "formalise", "verify", "score")
        scores = frames.read(paths.output("chance", "score"), "scores.parquet", frames.SCORES)
        assert scores.height, "something is always tested"
        n_found += bool(scores["is_discovery"].any())
    return n_found


def test_two_names_for_one_generator_are_not_told_apart(project: Project) -> None:
    # At alpha .05: two or more of three come by chance in 7 of 1,000.
    assert n_studies_with_a_discovery(project, 3) <= 1


@pytest.mark.simulation
def test_two_names_for_one_generator_are_hardly_ever_told_apart(project: Project) -> None:
    # Five or more of 20 come by chance in 3 of 1,000.
    assert n_studies_with_a_discovery(project, 20) <= 4
