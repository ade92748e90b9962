"""What would be found at other thresholds: success, control and V of every tested failure over a grid.

Shown beside the one that was tested and never in its place: who picks the best of eight thresholds finds
something in one null study of ten.
"""

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.kinds.encoder_failures import tables
from tasks.stats.differences import difference

N_STEPS = 24


def over_thresholds(
    fresh: pl.DataFrame, differs: Float[np.ndarray, " pair"], threshold: float, level: float
) -> pl.DataFrame:
    """Rows of tables.CURVE, by failure and threshold; the tested threshold is one of the grid.

    Args:
        fresh: rows of tables.FRESH.
        differs: 1 where the texts differ in meaning, 0 where not, NaN where nobody can tell; a pair that was
            not asked, as it did not collide under test, counts as differing: it was written to.
        threshold: the one that was tested.
        level: of the intervals, each for itself.
    """
    rows: list[dict[str, object]] = []
    near = fresh["similarity"].to_numpy()
    low = min(float(np.quantile(near, 0.02)), threshold) if near.size else threshold
    grid = np.unique([*np.linspace(np.floor(low * 20) / 20, 1, N_STEPS + 1).round(3), threshold])
    for predicate_id in fresh["predicate_id"].unique().sort():
        at = (fresh["predicate_id"] == predicate_id).to_numpy()
        of = fresh.filter(at)
        in_a = (of["group"] == "A").to_numpy()
        document = of["document_id"].rank("dense").to_numpy().astype(np.int64)
        fails = np.where(near[at, None] >= grid, differs[at, None], 0.0)
        found = difference(fails, in_a, document, level, binary=True)
        rows += [
            {
                "predicate_id": predicate_id,
                "threshold": float(one),
                "success": float(found.mean_a[k]),
                "control": float(found.mean_b[k]),
                **{name: float(getattr(found, name)[k]) for name in ("validity", "lo", "hi")},
            }
            for k, one in enumerate(grid)
        ]
    return pl.DataFrame(rows, schema=tables.CURVE).fill_nan(None)
