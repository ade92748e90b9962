"""What is planted is found where a test that knows it would find it, whatever the sizes of the groups.

The full table is that of benchmarks.recall; here without an encoder, so that a study takes moments.
"""

import numpy as np
import pytest

from benchmarks import planted, planting
from benchmarks.recall import measure
from tasks.engines.encoders.encoder import NoEncoder

POOL = planting.made_pool(per_topic=310)


@pytest.mark.parametrize(("n", "ratio"), [(400, 1), (1000, 9), (2000, 20)])
@pytest.mark.parametrize("kind", ["phrase", "style"])
def test_twenty_points_are_found_at_any_ratio(
    kind: str, n: int, ratio: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.studies.ENCODER", "none")
    cell = measure(POOL, kind, 20, n, ratio, True, 3, 0, NoEncoder())
    assert cell["seeds"] == 3 and cell["natstat"] >= cell["among"] - 0.34
    assert cell["natstat"] >= 0.66


def test_planted_hypotheses_are_recovered_with_their_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.studies.ENCODER", "none")
    table, names = planted.made(np.random.default_rng(0))
    truth = table.select(names).to_numpy() > 0
    found = planted.recovered(table["text"].to_list(), table["in_a"].to_numpy(), truth, NoEncoder(), 0)
    assert set(names) == {"prize", "club", "late", "question", "volunteer", "numbers"}
    is_found = np.array(found["phi"]) >= planted.LEAST_PHI
    assert is_found.sum() >= 4 and all(found["ceiling"])
    assert all(np.array(found["is_right"])[is_found])
