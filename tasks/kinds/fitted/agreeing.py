"""How far the choice agrees when it is made again on other parts of the same texts."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.kinds.fitted import choosing, tables
from tasks.kinds.fitted.choosing import Chosen
from tasks.kinds.fitted.found import Found
from tasks.kinds.fitted.model import Verdicts
from tasks.records import Proposal
from tasks.store import frames
from tasks.store.sources.hashing import uniform


def restarts(found: Found, ids: Sequence[str], n: int) -> pl.DataFrame:
    """Rows of tables.AGREEMENT; nobody is judged anew.

    Args:
        found: what is compared, and the candidates.
        ids: predicate_ids of the chosen.
        n: how often the choice is made again.
    """
    rows = []
    chosen, salt = found.chosen, str(found.answers.study.seed)
    for restart in range(n):
        draw = uniform(found.look.texts["document_id"], f"restart {restart}", salt).to_numpy()
        gauge, again = found.gauge(draw), Chosen(chosen.columns[: chosen.asked], chosen.asked)
        choosing.grown(gauge, again, found.pool, found.most)
        choosing.swapped(gauge, again, found.pool)
        choosing.finished(gauge, again, found.pool, found.most, found.fixed)
        matched = _matched(gauge.candidates, gauge.z, chosen.columns, again.columns)
        rows += [
            {"restart": restart, "predicate_id": one, "match": match, "phi": phi}
            for one, (match, phi) in zip(ids, matched, strict=True)
        ]
    return frames.conform(pl.DataFrame(rows, schema=tables.AGREEMENT), tables.AGREEMENT)


def _matched(
    candidates: Sequence[Proposal], z: Verdicts, chosen: Sequence[int], again: Sequence[int]
) -> list[tuple[str, float]]:
    """For each chosen column the sentence of the one it is matched with, one to one, and their phi."""
    from scipy.optimize import linear_sum_assignment

    standard = z - z.mean(axis=0)
    standard = standard / np.maximum(np.sqrt((standard**2).sum(axis=0)), 1e-12)
    phi = np.abs(standard[:, list(chosen)].T @ standard[:, list(again)])
    pairs = {int(i): int(j) for i, j in zip(*linear_sum_assignment(-phi), strict=True)}
    return [
        (candidates[again[pairs[i]]].predicate, float(np.round(phi[i, pairs[i]], 9)))
        if i in pairs
        else ("", 0.0)
        for i in range(len(chosen))
    ]
