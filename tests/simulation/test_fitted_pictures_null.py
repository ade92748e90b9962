"""Labels of pictures that mean nothing: the sentences about how they look gain nothing on new pictures."""

from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("PIL")

from tasks import paths
from tasks.store import frames
from tests.conftest import Project
from tests.drawn_pictures import KINDS, scene, stored

SEEDS, N = 20, 120
MOST = 4
"""Of 20 studies at alpha .05: five or more come by chance in 3 of 1,000."""


@pytest.mark.simulation
def test_labels_dealt_by_chance_are_not_foretold(project: Project) -> None:
    folder = project.folder / "seen"
    folder.mkdir()
    for i in range(N):
        (folder / f"{i:03}.png").write_bytes(stored(scene(KINDS[i % 3], i, 32)))
    n_found = 0
    for seed in range(SEEDS):
        label = np.random.default_rng(seed).permutation(N) % 2
        rows: list[dict[str, Any]] = [{"image": f"{i:03}.png", "label": "ab"[label[i]]} for i in range(N)]
        pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
        project.params(
            chance={
                "kind": "classes", "goal": "what tells a from b", "data": "seen", "seed": seed,
                "collect": {"path": "rows.parquet", "picture": "image"}, "embed": {"encoder": "none"},
                "classes": {"value": "label"},
            }
        )  # fmt: skip
        project.run("chance", "collect", "embed", "propose", "formalise", "verify", "score")
        scores = frames.read(paths.output("chance", "score"), "scores.parquet", frames.SCORES)
        n_found += bool(scores["is_discovery"].any())
    assert n_found <= MOST
