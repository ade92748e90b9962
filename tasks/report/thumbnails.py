"""Small pictures for a page: decoded and encoded anew, so that nothing of a file but its look is in it."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from tasks import paths
from tasks.engines.pictures import opening
from tasks.store import frames, media

SIDE = 96
"""Pixels of the longer side."""
MOST = 240
"""Pictures among the evidence, and as many among all that is searched: with some 3 kB each a page stays
under 2 MB. Of the others the path is told."""
_QUALITY = 80


class Thumbnail(NamedTuple):
    """A picture as the page shows it."""

    path: str
    """Where it was read."""
    uri: str
    """Its look as a data URI; empty where the page has enough of them."""
    width: int
    height: int


def of(study_name: str, text_ids: Sequence[str]) -> dict[str, Thumbnail]:
    """By text_id; none of a study of texts.

    Args:
        study_name: whose rows they are.
        text_ids: what is shown, the most important first: later ones go without where there are many.

    Raises:
        StoreError: the bytes of a picture are not those that were collected.
    """
    if not media.are_there(study_name):
        return {}
    texts = frames.read(paths.output(study_name, "collect"), "texts.parquet", frames.TEXTS)
    order = pl.DataFrame({"text_id": list(dict.fromkeys(text_ids))}, schema={"text_id": pl.String})
    rows = order.join(texts.select("text_id", "media"), on="text_id", maintain_order="left")
    places = media.facts(study_name).select("media", "path")
    rows = rows.join(places, on="media", maintain_order="left").drop_nulls("media")
    first = rows["media"].unique(maintain_order=True)[:MOST].to_list()
    small = {name: _small(data) for name, data in media.read(study_name, first)}
    return {
        text_id: Thumbnail(path or "", *small.get(name, ("", 0, 0)))
        for text_id, name, path in rows.select("text_id", "media", "path").iter_rows()
    }


def _small(data: bytes) -> tuple[str, int, int]:
    """Data URI, width and height; nothing where the file cannot be opened."""
    try:
        pixels = opening.opened(data, SIDE).rgb
    except opening.PictureError:
        return "", 0, 0
    written = io.BytesIO()
    opening.library().fromarray(pixels).save(written, "JPEG", quality=_QUALITY)
    height, width = pixels.shape[:2]
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode('ascii')}", width, height
