"""What nearly is the label: a word, phrase, line, host or handle by which a text's group is known.

It is looked for in the exploration half alone: what the confirmation half holds nobody has seen yet.
"""

from typing import Any

import polars as pl

from tasks.store.sources.masking import HANDLE

LEAST = {
    "the word": 0.8,
    "the words": 0.8,
    "the first line": 0.3,
    "the last line": 0.3,
    "the host": 0.3,
    "the handle": 0.3,
}
"""Difference of shares from which on a feature gives the group away: a word nearly is the label then; a line,
host or handle that only one group has is a mark of where its texts come from, also where not all have it."""
MOST_OF_OTHER = 0.02
"""Share of the other group's texts that may have such a mark."""
MASKS = {"the host": "urls", "the handle": "handles"}
MIN_TEXTS = 20
"""Of each group; of fewer nothing is said."""
AT_MOST = 5
_PLAINEST = ("the handle", "the host", "the last line", "the first line", "the words", "the word")
"""Of features that say the same the first of these is named."""
_SAMPLE = 20_000
"""Texts of each group that are read."""
_LINE_CHARS = 200
_WORD = r"[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}'’_-]*"


def leaks(texts: pl.DataFrame) -> list[dict[str, Any]]:
    """The strongest features that tell the groups apart almost perfectly, none within another.

    Args:
        texts: of the exploration half, rows of frames.TEXTS.

    Returns:
        kind, feature, share_a, share_b and mask (the entry of collect.mask that hides its like, or "").
    """
    # In the order of their hashes the first are a random sample.
    read = texts.sort("text_id").group_by("group", maintain_order=True).head(_SAMPLE)
    sizes = dict(read.group_by("group").len().iter_rows())
    if min(sizes.get("A", 0), sizes.get("B", 0)) < MIN_TEXTS:
        return []
    counted = pl.concat([_counted(read, kind, features) for kind, features in _features(read).items()])
    share = (pl.col("n_a") / sizes["A"]).alias("share_a"), (pl.col("n_b") / sizes["B"]).alias("share_b")
    found = (
        counted.with_columns(*share)
        .with_columns((pl.col("share_a") - pl.col("share_b")).abs().alias("effect"))
        .filter(pl.col("effect") >= pl.col("kind").replace_strict(LEAST, return_dtype=pl.Float64))
        .filter(
            (pl.col("effect") >= LEAST["the word"])
            | (pl.min_horizontal("share_a", "share_b") <= MOST_OF_OTHER)
        )
        .with_columns(pl.col("kind").replace_strict(_PLAINEST, range(len(_PLAINEST))).alias("place"))
        .sort(pl.col("effect").round(2) * -1, "place", pl.col("feature").str.len_chars(), "feature")
    )
    shown: list[dict[str, Any]] = []
    for row in found.iter_rows(named=True):
        feature = row["feature"]
        if len(shown) == AT_MOST:
            break
        said = feature.lower()
        if not any(said in one["feature"].lower() or one["feature"].lower() in said for one in shown):
            shares = {name: round(row[name], 4) for name in ("share_a", "share_b")}
            shown.append(
                {"kind": row["kind"], "feature": feature, **shares, "mask": MASKS.get(row["kind"], "")}
            )
    return shown


def _features(read: pl.DataFrame) -> dict[str, pl.Series]:
    """Kind of feature -> list of those of each text."""
    lower = read["text"].str.to_lowercase()
    words = lower.str.extract_all(_WORD)
    following = pl.element().shift(-1)
    # What a sign parts is no phrase: collect.ignore would not find it.
    are_words = pl.element().str.contains(f"^{_WORD}") & following.str.contains(f"^{_WORD}")
    pairs = lower.str.extract_all(rf"{_WORD}|\S").list.eval(
        pl.concat_str(pl.element(), following, separator=" ").filter(are_words)
    )
    lines = (
        read["text"]
        .str.strip_chars()
        .str.split("\n")
        .list.eval(pl.element().str.strip_chars().str.slice(0, _LINE_CHARS))
    )
    several = lines.list.len() > 1
    return {
        "the word": words,
        "the words": pairs,
        "the handle": lower.str.extract_all(rf"\B{HANDLE}"),
        "the host": lower.str.extract_all(r"(?:https?://|www\.)[^\s/?#:]+"),
        "the first line": _where(several, lines.list.slice(0, 1)),
        "the last line": _where(several, lines.list.slice(-1, 1)),
    }


def _where(holds: pl.Series, lists: pl.Series) -> pl.Series:
    return pl.select(pl.when(holds).then(lists).otherwise(pl.lit([], dtype=lists.dtype))).to_series()


def _counted(read: pl.DataFrame, kind: str, features: pl.Series) -> pl.DataFrame:
    """Texts of each group that have each feature."""
    each = pl.DataFrame({"group": read["group"], "feature": features.list.unique()}).explode("feature")
    counted = (
        each.drop_nulls()
        .filter(pl.col("feature") != "")
        .group_by("feature")
        .agg((pl.col("group") == "A").sum().alias("n_a"), (pl.col("group") == "B").sum().alias("n_b"))
    )
    return counted.with_columns(pl.lit(kind).alias("kind"))
