"""Versions as times: their order."""

import polars as pl
from packaging.version import InvalidVersion, Version

_LIKE_ONE = r"^[vV]?\d+(?:\.\d+)*(?:[.-]?\p{L}[\p{L}\d.+-]*)?$"


def read(texts: pl.Series) -> list[Version | None]:
    """Each text as a version; None where it is none, or a bare number."""
    might_be = texts.str.contains(_LIKE_ONE) & texts.str.contains(r"\.|^[vV]")
    return [
        _version(text) if fits else None
        for text, fits in zip(texts.to_list(), might_be.fill_null(False).to_list(), strict=True)
    ]


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def ranked(texts: pl.Series, found: list[Version | None]) -> tuple[list[str | None], list[float | None]]:
    """How each version is written, and its place among all of them, from 0.

    Versions have an order (PEP 440) and no distance: from 0.25.3 to 1.0 is one step, as from 1.0 to 1.1.
    Places are counted over all rows, before the split, so that both halves speak of the same.

    Args:
        texts: distinct, as they are spelt.
        found: what `read` gives of them.
    """
    there = sorted({one for one in found if one is not None})
    place = {one: float(rank) for rank, one in enumerate(there)}
    # 1.1 and 1.1.0 are one version, which has one name.
    named: dict[Version, str] = {}
    for text, one in sorted(zip(texts.to_list(), found, strict=True), key=lambda pair: str(pair[0])):
        if one is not None:
            named.setdefault(one, text.lstrip("vV"))
    return (
        [None if one is None else named[one] for one in found],
        [None if one is None else place[one] for one in found],
    )
