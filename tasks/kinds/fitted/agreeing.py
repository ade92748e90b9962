"""How far the choice agrees when it is made again on other parts of the same texts."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.kinds.fitted import choosing, tables
from tasks.kinds.fitted.choosing import Chosen, Gauge
from tasks.kinds.fitted.look import Look
from tasks.kinds.fitted.model import Verdicts
from tasks.records import Proposal
from tasks.store import frames
from tasks.store.sources import uniform


def restarts(
    look: Look,
    candidates: Sequence[Proposal],
    z: Verdicts,
    chosen: Chosen,
    pool: Sequence[int],
    most: int,
    fixed: int | None,
    n: int,
    ids: Sequence[str],
) -> pl.DataFrame:
    """Rows of tables.AGREEMENT; nobody is judged anew.

    Args:
        look: the texts.
        candidates: all of them.
        z: their verdicts, gaps filled.
        chosen: what is compared.
        pool: columns that are judged on all texts.
        most: columns at most.
        fixed: columns in any case.
        n: how often the choice is made again.
        ids: predicate_ids of the chosen columns.
    """
    rows = []
    for restart in range(n):
        draw = uniform(look.texts["document_id"], "restart", str(restart)).to_numpy()
        gauge = Gauge(look, candidates, z, draw)
        again = Chosen(chosen.columns[: chosen.asked], chosen.asked)
        choosing.grown(gauge, again, pool, most, fixed)
        choosing.swapped(gauge, again, pool)
        choosing.at_least(gauge, again, pool, most)
        rows += [
            {"restart": restart, "predicate_id": one, "match": match, "phi": phi}
            for one, (match, phi) in zip(ids, _matched(candidates, z, chosen.columns, again.columns), strict=True)
        ]
    return frames.conform(pl.DataFrame(rows, schema=tables.AGREEMENT), tables.AGREEMENT)


def _matched(
    candidates: Sequence[Proposal], z: Verdicts, chosen: Sequence[int], again: Sequence[int]
) -> list[tuple[str, float]]:
    """For each chosen column the sentence of the one it is matched with, one to one, and their correlation."""
    from scipy.optimize import linear_sum_assignment

    standard = z - z.mean(axis=0)
    standard = standard / np.maximum(np.sqrt((standard**2).sum(axis=0)), 1e-12)
    phi = np.abs(standard[:, list(chosen)].T @ standard[:, list(again)])
    pairs = dict(zip(*linear_sum_assignment(-phi), strict=True))
    return [
        (candidates[again[pairs[i]]].predicate, float(np.round(phi[i, pairs[i]], 9))) if i in pairs else ("", 0.0)
        for i in range(len(chosen))
    ]
