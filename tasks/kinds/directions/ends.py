"""Which inputs are an end of a unit, and which are the random ones they are compared with."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks import paths
from tasks.kinds.directions import tables
from tasks.store import frames
from tasks.study import Study

HIGH, LOW = "high", "low"
SIGN = {HIGH: 1.0, LOW: -1.0}
RANDOM_SHARE = 1 / 3
"""Share of the documents that are drawn to be compared with, the same for all units."""


def unit_names(study: Study) -> list[str]:
    """Names of the units, in order."""
    return frames.read(_collected(study), "units.parquet", tables.UNITS)["unit"].to_list()


def activations(study: Study, text_hash: pl.Series) -> Float[np.ndarray, "text unit"]:
    """The activations of these texts."""
    known = frames.read(_collected(study), "activations.parquet", tables.ACTIVATIONS)
    rows = text_hash.alias("text_hash").to_frame()
    found = rows.join(known, on="text_hash", how="left", maintain_order="left")
    return np.array(found["activation"].to_list(), dtype=np.float64)


def _collected(study: Study) -> Path:
    return paths.output(study.name, "collect")


def random_rows(rows: pl.DataFrame, seed: int) -> Bool[np.ndarray, " text"]:
    """Inputs to compare with: all of a third of the documents, drawn by a seeded hash whatever they say."""
    documents = rows["document_id"].unique().sort().to_list()
    drawn = sorted(documents, key=lambda one: frames.hashed("random inputs", str(seed), one))
    chosen = drawn[: max(round(RANDOM_SHARE * len(drawn)), 1)]
    return rows["document_id"].is_in(chosen).to_numpy()


def end_of(
    activation: Float[np.ndarray, " text"], sign: float, share: float, among: Bool[np.ndarray, " text"]
) -> Bool[np.ndarray, " text"]:
    """The inputs where a unit is highest (sign 1) or lowest (-1): such a share of those among.

    None lies on the other side of the median or on it, so that of a unit that is mostly silent the silent
    inputs are no end. Ties are all in or all out.
    """
    signed = sign * activation
    values = np.sort(signed[among])
    if not values.size:
        return np.zeros(len(signed), dtype=bool)
    cut = values[max(values.size - max(round(share * values.size), 1), 0)]
    reached = among & (signed > np.median(values))
    # Where more than twice as many are tied at the cut, only those above it are an end.
    at_cut = reached & (signed >= cut)
    above = reached & (signed > cut)
    many = at_cut.sum() > 2 * max(round(share * values.size), 1)
    return np.asarray(above if many and above.any() else at_cut)


def dealt_out(document: Int[np.ndarray, " row"], rng: np.random.Generator) -> Int[np.ndarray, " row"]:
    """Of each row the row whose activations it gets where they mean nothing: documents of one size trade."""
    size = np.bincount(document, minlength=int(document.max(initial=-1)) + 1)
    order = np.argsort(document, kind="stable")
    start = np.cumsum(size) - size
    source = np.arange(len(document))
    for one in np.unique(size[size > 0]):
        of_size = np.flatnonzero(size == one)
        given = rng.permutation(of_size)
        place = np.arange(one)
        source[order[start[of_size][:, None] + place]] = order[start[given][:, None] + place]
    return source
