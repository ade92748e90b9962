"""What other stages counted, as lines of the report."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from tasks.engines import languages
from tasks.kinds import Words, lines
from tasks.report import filters

UNREAD = "n_unread_"
"""Begins what propose notes of a language."""

LABELS = {
    "n_rows": "rows read",
    "n_blank": "blank rows left out",
    "n_merged": "duplicate rows merged",
    "n_overlap": "{corpus} that stood in both groups",
    "n_texts": "{corpus} kept",
    "near_duplicates": "near-duplicates",
    "n_documents": "documents",
    "n_without_document": "rows without a document, each its own",
    "n_cut": "long texts cut",
}
"""What collect's counts are called, of a kind's words; others are shown under their own names."""
IN_TABLE = {
    "study",
    "names",
    "texts",
    "explore_texts",
    "confirm_texts",
    "documents",
    "overlap",
    "changed",
    "leaks",
    "warnings",
    "notes",
    "remarks",
    "pictures",
}
"""Entries of collect's manifest that are shown in another way."""


_IN_SENTENCES = {"results", "sampled"}
"""Of what was read (tasks/kinds/answered.py, tasks/kinds/lines.py)."""


def collected_lines(
    manifest: dict[str, Any], words: Words | None = None, hidden: Container[str] = ()
) -> list[tuple[str, Any]]:
    """What collect counted: the known counts in reading order, then whatever else it wrote.

    Args:
        manifest: collect's.
        words: how the study's kind speaks.
        hidden: counts that mean nothing in it.
    """
    said = words or Words()
    known = [
        (
            label.format(corpus=said.corpus),
            _families(manifest[key], said) if key == "near_duplicates" else manifest[key],
        )
        for key, label in LABELS.items()
        if key in manifest and key not in hidden
    ]
    rest = {key: value for key, value in manifest.items() if key not in IN_TABLE | set(LABELS)}
    if "read" in rest:
        rest["read"] = {key: value for key, value in rest["read"].items() if key not in _IN_SENTENCES}
    return known + lines.drawn(manifest) + lines.pictures(manifest) + lines.changes(manifest) + flat(rest)


def _families(copied: dict[str, Any], said: Words) -> str:
    """How many texts are near-duplicates, with the largest family's as an example."""
    like = " like " + " and ".join(copied["examples"][0]["texts"]) if copied["examples"] else ""
    return (
        f"{copied['n_texts']:,} {said.alike} ({copied['share']:.0%}) in {copied['n_families']:,} families, "
        f"at most {copied['largest']:,} in one{like}"
    )


def unread(manifest: Mapping[str, Any], split: Sequence[Mapping[str, Any]], encoder: str) -> str:
    """What to tell where texts are in languages that the encoder does not read; else empty.

    Args:
        manifest: propose's, with the counts that the embedded engine notes.
        split: texts by half and group.
        encoder: as params.yaml names it.
    """
    n_texts = sum(part["n_texts"] for part in split if part["half"] == "explore")
    missed = {
        key.removeprefix(UNREAD): n / max(n_texts, 1) for key, n in manifest.items() if key.startswith(UNREAD)
    }
    return languages.warning(missed, encoder)


def useless(manifest: Mapping[str, Any]) -> list[str]:
    """Why suggestions could not be tested, calls brought none, and pictures were not described.

    Args:
        manifest: propose's, with what the proposer noted.
    """
    told = []
    if manifest.get("unfit"):
        why = _counted(manifest["unfit"])
        n, n_suggested = manifest["n_unfit"], manifest["n_suggested"]
        told.append(f"{n} of {n_suggested} suggestions were left out: {why}")
    if manifest.get("failed"):
        told.append(f"calls that brought no suggestion: {_counted(manifest['failed'])}")
    if manifest.get("not_described"):
        n = manifest["n_described"] + manifest["n_not_described"]
        why = _counted(manifest["not_described"])
        told.append(f"{manifest['n_not_described']} of {n} pictures were not described: {why}")
    return told


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{why} ({n})" for why, n in reasons.items())


def flat(manifest: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The manifest's entries with nested names joined and hashes left out."""
    found: list[tuple[str, Any]] = []
    for key, value in sorted(manifest.items()):
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict) and any(isinstance(inner, dict | list) for inner in value.values()):
            found += flat(value, f"{name}: ")
        elif isinstance(value, dict):
            found.append((name, ", ".join(f"{k} {filters.figure(v)}" for k, v in value.items())))
        elif isinstance(value, list):
            found.append((name, "; ".join(map(_item, value)) or "none"))
        elif not key.endswith("hash"):
            found.append((name, value))
    return found


def _item(value: Any) -> str:
    return " · ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
