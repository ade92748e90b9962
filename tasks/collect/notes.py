"""What a user must know of a corpus before anything is read into it: near-duplicates, overlap, leaks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tasks.store.canonical import CHANGES
from tasks.store.sources.masking import STAND_INS

MOST_IN_ONE = 0.25
"""Share of all texts in one document from which on a study rests on it."""
MOST_OF_PATTERN = 0.5
"""Share of all texts that vary one pattern from which on a corpus is that pattern."""
UNEQUAL = 1.5
"""Groups of which one is so many times the other are unequal."""
ENCODED_APART = 0.05
"""Difference of shares of changed texts from which on groups are encoded differently."""
_AT_MOST_SHOWN = 3
_SHOWN_CHARS = 100
_FEW = 5


def near_duplicates(drawn: pl.DataFrame) -> dict[str, Any]:
    """How many texts are in families, how large the largest is, and exploration texts as examples.

    Args:
        drawn: what units.link gives, with `half`, and of pictures `path`. Of answers their prompts are
            alike, and a prompt counts once, however many pairs it stands in.
    """
    if drawn["context"].null_count() < drawn.height:
        drawn = drawn.unique("normalised", keep="first", maintain_order=True)
    # Equal ones, in both groups by overlap: keep or at several values, are no near-duplicates.
    families = drawn.filter(pl.col("normalised").n_unique().over("family_id") > 1)
    own = pl.coalesce("source_document_id", "text_hash")
    joined = drawn.filter(own.n_unique().over("document_id") > 1)
    patterns = drawn.filter(pl.col("normalised").n_unique().over("pattern") > 1)
    explored = families.filter(half="explore").group_by("family_id").len("n")
    shown = explored.sort(["n", "family_id"], descending=[True, False]).head(_AT_MOST_SHOWN)
    return {
        "n_families": families["family_id"].n_unique(),
        "n_texts": families.height,
        "share": _share(families.height, drawn),
        "largest": _largest(families, "family_id"),
        "n_in_both": drawn.height - drawn["text_hash"].n_unique(),
        "n_joined": joined["document_id"].n_unique(),
        "largest_joined_share": _share(_largest(joined, "document_id"), drawn),
        "largest_pattern_share": _share(_largest(patterns, "pattern"), drawn),
        "examples": [
            {"n_texts": n, "texts": _examples(drawn.filter(family_id=family))} for family, n in shown.rows()
        ],
        "pattern": _examples(patterns.filter(half="explore")),
    }


def _largest(rows: pl.DataFrame, column: str) -> int:
    return int(rows[column].value_counts()["count"].max() or 0)  # type: ignore[arg-type]


def _share(n: int, drawn: pl.DataFrame) -> float:
    return round(n / max(drawn.height, 1), 4)


def _examples(rows: pl.DataFrame) -> list[str]:
    """Two texts of the commonest pattern."""
    common = (
        rows["pattern"].value_counts().sort(["count", "pattern"], descending=[True, False])["pattern"].head(1)
    )
    alike = rows.filter(pl.col("pattern").is_in(common.implode())).sort("normalised")
    absent = [name for name in ("context", "path") if name not in alike.columns]
    alike = alike.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    # A picture without a caption is called by its path.
    shown = pl.coalesce("context", pl.when(pl.col("text") != "").then("text"), "path")
    return [printable(text) for text in alike.select(shown).to_series().unique(maintain_order=True).head(2)]


def advice(copied: Mapping[str, Any], alike: str) -> str:
    """What to do where near-duplicates make one document of a large part of all texts; else empty.

    Args:
        copied: what near_duplicates gives.
        alike: what they are: texts, prompts.
    """
    if copied["largest_joined_share"] < MOST_IN_ONE:
        return ""
    shown = f", such as {_and(copied['examples'][0]['texts'])}" if copied["examples"] else ""
    kept = " Equal texts of both groups join documents, too; collect.overlap: draw has each in one."
    return (
        f"{copied['largest_joined_share']:.0%} of the {alike} are near-duplicates of one another, or in "
        f"documents that share some, and count as one document{shown}. Cut out what they have in common with "
        f"collect.ignore, raise collect.near_duplicates, or set it to null if they are different {alike}."
        f"{kept if copied['n_in_both'] else ''}"
    )


def of_families(copied: Mapping[str, Any], alike: str) -> list[str]:
    """Too few independent texts."""
    return [f"this study rests on few documents: {told}"] if (told := advice(copied, alike)) else []


def of_pattern(copied: Mapping[str, Any], alike: str) -> list[str]:
    """That the corpus is one pattern."""
    if copied["largest_pattern_share"] < MOST_OF_PATTERN or advice(copied, alike):
        return []
    return [
        f"{copied['largest_pattern_share']:.0%} of the {alike} vary one pattern, such as "
        f"{_and(copied['pattern'])}. They count as different {alike}; if some belong together, name what "
        "says so in collect.document."
    ]


def of_overlap(overlap: str, n_overlap: int, sizes: Mapping[str, int]) -> list[str]:
    """What is estimated where texts of both groups are not drawn and the groups are unequal."""
    small, large = min(sizes.values()), max(sizes.values())
    if overlap == "draw" or not n_overlap or small * UNEQUAL > large:
        return []
    done = (
        "were left out: what they speak of is missing in the smaller group"
        if overlap == "drop"
        else "count once in each: they weigh more in the smaller group"
    )
    return [
        f"{n_overlap:,} texts stand in both groups and {done}, and differences may come of that alone. With "
        "collect.overlap: draw they may not."
    ]


def of_changes(changed: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """Where the groups differ in how they are encoded, which no hypothesis can find any more.

    Args:
        changed: as texts.clean counts.
        names: of the groups.
    """
    told = []
    for kind, counted in changed.items():
        share, n = counted["share"], counted["n"]
        if max(n.values()) >= _FEW and max(share.values()) - min(share.values()) >= ENCODED_APART:
            shares = " and ".join(f"{share[group]:.0%} of {names[group]}" for group in share)
            told.append(
                f"the groups are encoded differently: in {shares} {CHANGES[kind]}. Such a difference is no "
                "hypothesis about the texts; look at where they come from."
            )
    return told


def of_leaks(found: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """What gives the group away, and what to write to look past it."""
    return [_of_leak(leak, quoted(leak["feature"]), names) for leak in found]


def _of_leak(leak: Mapping[str, Any], feature: str, names: Mapping[str, str]) -> str:
    shares = " and ".join(f"{leak[f'share_{group.lower()}']:.0%} of {names[group]}" for group in ("A", "B"))
    other = f" or collect: {{mask: [{leak['mask']}]}}" if leak["mask"] else ""
    told = "give the group away: they are" if leak["kind"] == "the words" else "gives the group away: it is"
    return (
        f"{leak['kind']} {feature} {told} in {shares}. To look past it write "
        f"collect: {{ignore: [{feature}]}}{other}"
    )


def of_masks(masked: Mapping[str, int]) -> list[str]:
    """Entries that changed no text."""
    return [
        f"collect.{'mask' if entry in STAND_INS else 'ignore'}: {quoted(entry)} is in no text"
        for entry, n in masked.items()
        if not n
    ]


def quoted(text: str) -> str:
    """The text in double quotes, as YAML and JSON read it, with what would steer a terminal escaped."""
    said = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in said)


def printable(text: str) -> str:
    """The text's beginning in one line, without characters that would steer a terminal."""
    shown = "".join(c if c.isprintable() else " " for c in text[: 4 * _SHOWN_CHARS])
    shown = " ".join(shown.split())
    return shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"


def _and(texts: Sequence[str]) -> str:
    return " and ".join(quoted(text) for text in texts)
