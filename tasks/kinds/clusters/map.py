"""A map of the texts under test: their vectors in two dimensions that were chosen on the exploration half."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths
from tasks.kinds.clusters.tables import MAP
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.judged import Judged

DIGITS = 4


def places(
    judged: Judged, texts: pl.DataFrame, z: Float[np.ndarray, "explored predicate"], seen: Any
) -> pl.DataFrame:
    """Rows of tables.MAP; none without an encoder, or where texts do not differ.

    The two dimensions are those in which texts of different verdicts lie farthest apart, for what texts vary
    in otherwise (discriminant analysis: Fisher 1936); where verdicts leave one free, what varies most.

    Args:
        judged: the rows under test.
        texts: of the study.
        z: verdicts on the exploration texts.
        seen: their text_ids.
    """
    vectors = _vectors(judged.study, texts)
    row = {text_id: i for i, text_id in enumerate(texts["text_id"])}
    explored = vectors[[row[one] for one in seen]]
    if not explored.shape[1] or len(explored) < 3:
        return MAP.to_frame()
    mean, axes = explored.mean(axis=0), _axes(explored, z)
    tested = judged.rows["text_id"].to_list()
    place = np.round((vectors[[row[one] for one in tested]] - mean) @ axes, DIGITS) + 0.0
    return frames.conform(pl.DataFrame({"text_id": tested, "x": place[:, 0], "y": place[:, 1]}), MAP)


def _axes(
    explored: Float[np.ndarray, "text dim"], z: Float[np.ndarray, "text predicate"]
) -> Float[np.ndarray, "dim 2"]:
    centred = explored - explored.mean(axis=0)
    told = z - z.mean(axis=0)
    slope = np.linalg.solve(centred.T @ centred + len(z) / 10 * np.eye(centred.shape[1]), centred.T @ told)
    foreseen = centred @ slope
    found = slope @ np.linalg.svd(foreseen, full_matrices=False)[2][:2].T if z.shape[1] else slope
    plain = np.linalg.svd(centred, full_matrices=False)[2].T
    axes, _ = np.linalg.qr(np.column_stack([found, plain[:, :2]]))
    axes = axes[:, :2]
    # A direction and its opposite are one: the larger side is put where it always is.
    return np.asarray(axes * np.where(((centred @ axes) ** 3).sum(axis=0) < 0, -1.0, 1.0))


def _vectors(study: Study, texts: pl.DataFrame) -> Float[np.ndarray, "text dim"]:
    found = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    return np.asarray(found, dtype=np.float64)
