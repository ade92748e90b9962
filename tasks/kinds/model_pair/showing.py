"""Answers as they are read: texts, or pictures by the hash of their bytes, and where each can be read."""

from pathlib import Path

import polars as pl

from tasks.kinds.model_pair.params import Answers
from tasks.store.sources import places
from tasks.store.sources.opened import Opened
from tasks.store.sources.pictures import PATH, PICTURE
from tasks.store.sources.reader import Pick


def first(asked: Answers) -> Pick | None:
    """The first column of pictures, where answers are some; None where rows may be pictures themselves."""
    if not asked.pictures or not asked.named & {"answers", "answer", "model"}:
        return None
    return _pick(asked.answer, "answer") if asked.is_long else _pick(asked.answers[0], "answers")


def _pick(column: str, key: str) -> Pick:
    return Pick(column, key, block="model_pair")


class Shown:
    """Columns of answers, and where the pictures among them are."""

    def __init__(self, opened: Opened, asked: Answers, base: Path) -> None:
        self._opened, self._asked, self._base = opened, asked, base
        self._places: list[pl.DataFrame] = []

    def column(self, name: str, key: str) -> pl.Series:
        """Its texts, or the hashes of its pictures; "" where there is none, or no file that can be read.

        Raises:
            SourceError: it is not there, or holds something else.
        """
        if not self._asked.pictures:
            return self._opened.text(name, key).fill_null("")
        found = self._opened.pictures(None if self._opened.are_pictures else _pick(name, key))
        found = found.with_columns(places.media(found[PICTURE], self._base).fill_null(""))
        self._places.append(found)
        return found["media"]

    @property
    def places(self) -> pl.DataFrame | None:
        """Columns media, PICTURE and PATH, each picture once: the first by its name. None of texts."""
        if not self._places:
            return None
        every = pl.concat(self._places).filter(pl.col("media") != "")
        return every.sort("media", PATH).unique("media", keep="first", maintain_order=True)
