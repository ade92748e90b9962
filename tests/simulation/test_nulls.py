"""Nothing is found where there is nothing, in designs that tempt a study (`benchmarks.nulls`, in short)."""

import pytest

from benchmarks.null_designs import DESIGNS, Design
from benchmarks.nulls import measure

SHORT = {
    **dict.fromkeys(("1:20", "tiny, unequal", "clusters, few", "size tells", "some matched"), 20),
    **dict.fromkeys(("small true effects", "sequential, 1:9"), 12),
    **dict.fromkeys(("near-duplicates: punctuation", "duplicates that tell the group"), 2),
}
"""Studies of each design that the whole suite draws."""


@pytest.mark.parametrize("design", [d for d in DESIGNS if d.name in SHORT], ids=lambda d: d.name)
def test_nothing_is_found_where_there_is_nothing_small(design: Design) -> None:
    found = measure(design, SHORT[design.name])
    assert found["rate"] <= found["limit"]
    assert found["self_check"] is None or found["self_check"] <= 0.25


@pytest.mark.simulation
@pytest.mark.parametrize("design", DESIGNS, ids=lambda d: d.name)
def test_nothing_is_found_where_there_is_nothing(design: Design) -> None:
    found = measure(design, 100)
    assert found["rate"] <= found["limit"]
    assert found["self_check"] is None or found["self_check"] <= 0.1
