"""Rows of pictures: each is opened once, those that cannot be are counted, near copies are found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import UInt8

from tasks.collect.families import first_linked
from tasks.engines.pictures import hashing, measures
from tasks.engines.pictures.opening import PictureError, opened
from tasks.errors import CorpusError
from tasks.progress import track
from tasks.store import frames
from tasks.store.sources import places
from tasks.store.sources.pictures import PATH, PICTURE

MOST_BAD = 0.5
"""Share of pictures that may be unreadable; with more the study is not about what is there."""
STORED_APART = 0.2
"""Difference of shares of a format or size from which on groups are stored differently."""
_SHOWN = 3
_AT_ONCE = 1_000
"""Pictures of which what is known is kept as Python's objects, before it becomes columns."""
_OWN = [name for name in frames.PICTURES if name not in {"media", "path", "dhash"}]
"""Facts of a picture that opening tells."""


@dataclass(frozen=True)
class Pictures:
    """What is known of the pictures that could be read; rows are by media."""

    facts: pl.DataFrame
    """Rows of frames.PICTURES."""
    measures: pl.DataFrame
    """`media` and a column of each exact measure."""
    spots: UInt8[np.ndarray, "picture level"]
    """Of each its 8 x 8 picture."""
    places: pl.DataFrame
    """Columns media and place, in the order of the sources: where each can be read again."""
    base: Path
    """The study's data."""
    bad: dict[str, Any]
    """By what is wrong: how many rows (n), and the first of them (files)."""

    def bytes(self) -> Iterator[tuple[str, bytes]]:
        """Hash and bytes of each, in the order of the sources.

        Raises:
            CorpusError: it is another file than was opened.
        """
        found = places.each(self.places["place"], self.base)
        for name, data in zip(self.places["media"], found, strict=True):
            if isinstance(data, str) or places.media_of(data) != name:
                raise CorpusError("a picture was changed while it was read. Run collect again.")
            yield name, data

    def named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with the `path` of each picture."""
        known = self.facts.select("media", "path")
        return rows.join(known, on="media", how="left", maintain_order="left")

    def counted(self) -> dict[str, Any]:
        """How many there are by format, how large they are in pixels, and what could not be read."""
        formats = self.facts["format"].value_counts().sort("count", "format", descending=[True, False])
        sides = {
            side: {"least": values.min(), "median": values.median(), "most": values.max()}
            for side in ("width", "height")
            if (values := self.facts[side]).len()
        }
        return {
            "n": self.facts.height,
            "formats": dict(formats.iter_rows()),
            **sides,
            "unreadable": self.bad,
        }

    def apart(self, texts: pl.DataFrame, names: Mapping[str, str]) -> list[str]:
        """Where the groups differ in how their pictures are stored, which differences may come of alone.

        Args:
            texts: rows of frames.TEXTS; of these the exploration half is looked at.
            names: what groups A and B are called.
        """
        size = pl.format("{} x {} pixels", "width", "height").alias("size")
        known = self.facts.select("media", "format", size)
        seen = texts.filter(half="explore").join(known, on="media")
        told = []
        for what, said in (("format", "stored in another format"), ("size", "of another size")):
            share = {group: seen.filter(group=group)[what].value_counts(normalize=True) for group in names}
            of = {group: dict(counted.iter_rows()) for group, counted in share.items()}
            a, b = of["A"], of["B"]
            most = max(sorted({*a, *b}), key=lambda one: abs(a.get(one, 0) - b.get(one, 0)))
            if abs(a.get(most, 0) - b.get(most, 0)) >= STORED_APART:
                shares = " and ".join(f"{of[g].get(most, 0):.0%} of {name}" for g, name in names.items())
                told.append(
                    f"the groups are {said}: {most} is {shares}. Edges, colours and sizes may differ for "
                    "that reason alone; save all pictures alike."
                )
        return told

    @property
    def warnings(self) -> list[str]:
        """What cannot be read, by reason."""
        return [
            f"left out: {told['n']:,} picture{'s' * (told['n'] != 1)} of which the file {why}, such as "
            f"{', '.join(told['files'])}"
            for why, told in self.bad.items()
        ]


@dataclass
class _Known:
    """What is known so far, of each picture once."""

    seen: set[str] = field(default_factory=set)
    parts: list[pl.DataFrame] = field(default_factory=list)
    spots: list[np.ndarray] = field(default_factory=list)
    _held: list[dict[str, Any]] = field(default_factory=list)

    def add(self, data: bytes, place: str) -> str:
        """Opens a picture that is new; gives its hash.

        Raises:
            PictureError: it cannot be read.
        """
        name = places.media_of(data)
        if name not in self.seen:
            picture = opened(data)
            self.seen.add(name)
            self.spots.append(hashing.tiny(picture.rgb))
            dhash = f"{hashing.difference_hash(picture.rgb):016x}"
            facts = {fact: getattr(picture, fact) for fact in _OWN}
            self._held.append(
                {"media": name, "place": place, "dhash": dhash, **facts, **measures.of(picture)}
            )
            if len(self._held) == _AT_ONCE:
                self.flush()
        return name

    def flush(self) -> None:
        """Makes columns of what is held."""
        self.parts.append(pl.DataFrame(self._held, schema=_SCHEMA))
        self._held.clear()


_OF_FRAME = {name: dtype for name, dtype in frames.PICTURES.items() if name != "path"}
_SCHEMA = pl.Schema(
    [*_OF_FRAME.items(), ("place", pl.String()), *((name, pl.Float64()) for name in measures.NAMES)]
)


def read(rows: pl.DataFrame, base: Path) -> tuple[pl.DataFrame, Pictures]:
    """The rows whose picture can be read, with `media`; and what is known of these.

    Args:
        rows: with columns PICTURE and PATH (store/sources/pictures.py).
        base: the study's data; what lies outside is not read.

    Raises:
        CorpusError: most cannot be read.
    """
    known = _Known()
    names: list[str | None] = []
    bad: dict[str, Any] = {}
    found = track(places.each(rows[PICTURE], base), "pictures", rows.height)
    for place, file, data in zip(rows[PICTURE], rows[PATH], found, strict=True):
        try:
            if isinstance(data, str):
                raise PictureError(data)
            names.append(known.add(data, place))
        except PictureError as error:
            names.append(None)
            told = bad.setdefault(str(error), {"n": 0, "files": []})
            told["n"] += 1
            told["files"] += [file] if len(told["files"]) < _SHOWN else []
    known.flush()
    _check_bad(bad, rows.height)
    kept = rows.with_columns(pl.Series("media", names, dtype=pl.String)).drop_nulls("media")
    return kept, _pictures(known, kept, base, dict(sorted(bad.items())))


def _check_bad(bad: dict[str, Any], n_rows: int) -> None:
    n_bad = sum(told["n"] for told in bad.values())
    if n_bad > MOST_BAD * n_rows:
        first = max(bad, key=lambda why: bad[why]["n"])
        raise CorpusError(
            f"wanted pictures, {n_bad:,} of {n_rows:,} cannot be read: {bad[first]['files'][0]} {first}. "
            "Check what data names."
        )


def _pictures(known: _Known, kept: pl.DataFrame, base: Path, bad: dict[str, Any]) -> Pictures:
    every = pl.concat(known.parts)
    # The same picture may stand in several places: the first by name is the one that is told.
    path = kept.group_by("media").agg(pl.col(PATH).min().alias("path"))
    told = every.join(path, on="media", how="left").sort("media")
    order = every["media"].arg_sort().to_numpy()
    stacked = np.array(known.spots, dtype=np.uint8)
    return Pictures(
        told.select(frames.PICTURES.names()),
        told.select("media", *measures.NAMES),
        stacked[order] if len(stacked) else stacked,
        every.select("media", "place"),
        base,
        bad,
    )


def families(known: Pictures) -> pl.DataFrame:
    """Columns media and family: the first picture that each is a near copy of."""
    hashes = np.array([int(one, 16) for one in known.facts["dhash"]], dtype=np.uint64)
    left, right = hashing.near(hashes, known.spots)
    first = first_linked(left, right, len(hashes))
    return pl.DataFrame(
        {"media": known.facts["media"], "family": known.facts["media"].gather(pl.Series(first))}
    )
