"""Rows of pictures: each is opened once, those that cannot be are counted, near copies are found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tasks.collect.families import first_linked
from tasks.engines.pictures import hashing
from tasks.engines.pictures.opening import PictureError, opened
from tasks.errors import CorpusError
from tasks.store import frames, media
from tasks.store.sources.pictures import PICTURE, bytes_of

MOST_BAD = 0.5
"""Share of pictures that may be unreadable; with more the study is not about what is there."""
_SHOWN = 3


@dataclass(frozen=True)
class Pictures:
    """What is known of the pictures that could be read."""

    facts: pl.DataFrame
    """Rows of frames.PICTURES, by media."""
    place: pl.DataFrame
    """Columns media and picture: where each can be read again, by media."""
    spots: np.ndarray
    """Of each, by media, its 8 x 8 picture."""
    bad: dict[str, Any]
    """By what is wrong: how many rows (n), and the first of them (files)."""

    def bytes(self) -> Iterator[tuple[str, bytes]]:
        """Hash and bytes of each; another file than was opened is an error."""
        for name, place in self.place.rows():
            data = bytes_of(place)
            if data is None or media.media_of(data) != name:
                raise CorpusError(f"{place}: changed while it was read. Run collect again.")
            yield name, data

    @property
    def warnings(self) -> list[str]:
        """What cannot be read, by reason."""
        return [
            f"left out: {told['n']:,} picture{'s' * (told['n'] != 1)} of which the file {why}, such as "
            f"{', '.join(told['files'])}"
            for why, told in self.bad.items()
        ]


def read(rows: pl.DataFrame) -> tuple[pl.DataFrame, Pictures]:
    """The rows whose picture can be read, with `media`; and what is known of these.

    Raises:
        CorpusError: most cannot be read.
    """
    seen: dict[str, dict[str, Any]] = {}
    spots: dict[str, np.ndarray] = {}
    names: list[str | None] = []
    bad: dict[str, Any] = {}
    for place, file in rows.select(PICTURE, "file").rows():
        data = bytes_of(place)
        try:
            if data is None:
                raise PictureError("cannot be read")
            name = media.media_of(data)
            if name not in seen:
                picture = opened(data)
                spots[name] = hashing.tiny(picture.rgb)
                dhash = f"{hashing.difference_hash(picture.rgb):016x}"
                facts = {key: getattr(picture, key) for key in frames.PICTURES if hasattr(picture, key)}
                seen[name] = {"media": name, "path": file, **facts, "dhash": dhash, PICTURE: place}
            names.append(name)
        except PictureError as error:
            names.append(None)
            told = bad.setdefault(str(error), {"n": 0, "files": []})
            told["n"] += 1
            told["files"] += [file] if len(told["files"]) < _SHOWN else []
    n_bad = sum(told["n"] for told in bad.values())
    if n_bad > MOST_BAD * rows.height:
        first = next(iter(bad))
        raise CorpusError(
            f"wanted pictures, {n_bad:,} of {rows.height:,} cannot be read: {bad[first]['files'][0]} {first}. "
            "Check what data names."
        )
    order = sorted(seen)
    schema = {**frames.PICTURES, PICTURE: pl.String}
    known = pl.DataFrame([seen[name] for name in order], schema=schema)
    kept = rows.with_columns(pl.Series("media", names, dtype=pl.String)).drop_nulls("media")
    stacked = np.array([spots[name] for name in order])
    return kept, Pictures(
        known.select(frames.PICTURES.names()),
        known.select("media", PICTURE),
        stacked,
        dict(sorted(bad.items())),
    )


def families(known: Pictures) -> pl.DataFrame:
    """Columns media and family: the first picture that each is a near copy of."""
    hashes = np.array([int(one, 16) for one in known.facts["dhash"]], dtype=np.uint64)
    left, right = hashing.near(hashes, known.spots)
    first = first_linked(left, right, len(hashes))
    return pl.DataFrame(
        {"media": known.facts["media"], "family": known.facts["media"].gather(pl.Series(first))}
    )
