"""What is told of a repaired encoder: failures before and after, and the price."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks import paths
from tasks.kinds.encoder_failures import tables
from tasks.store import frames
from tasks.study import Study

_SIDES = BEFORE, AFTER = "before", "after"
NEAREST = 10
"""A search brings so many."""


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    """Rows of the table of that name; none of an encoder that was not repaired."""
    if not (folder / f"{name}.parquet").is_file():
        return []
    schema = {"mended": tables.MENDED, "price": tables.PRICE}[name]
    return frames.read(folder, f"{name}.parquet", schema).to_dicts()


def sides(rows: Sequence[dict[str, Any]], by: str) -> dict[str, dict[str, Any]]:
    """By predicate or sort of pairs: its row before and after."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row[by], {})[row["encoder"]] = row
    return found


def headline(study: Study) -> dict[str, dict[str, Any]]:
    """Of a repaired encoder: each tested failure before and after, and the price.

    Raises:
        MissingStageError: score has not run.
        StoreError: a table is damaged.
    """
    score = paths.output(study.name, "score")
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    names = dict(frozen.select("predicate_id", "predicate").iter_rows())
    told = {names[id_]: both for id_, both in sides(read(score, "mended"), "predicate_id").items()}
    found = {
        name: {
            **{f"{what}_{side}": both[side][what] for what in ("success", "validity") for side in _SIDES},
            "fitted": both[AFTER]["fitted"],
            **{key: both[AFTER][key] for key in ("lo", "hi", "n")},
        }
        for name, both in told.items()
    }
    for sort, both in sides(read(score, "price"), "pairs").items():
        found[sort] = {
            f"{what}_{side}": both[side][what] for what in ("close", "recall") for side in _SIDES
        } | {key: both[AFTER][key] for key in ("kept", "n")}
    return found


def lines(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The same as a person reads it."""
    return [
        _of_price(_SORTS[name], one) if name in _SORTS else _of_failure(name, one)
        for name, one in told.items()
    ]


def _of_failure(name: str, one: Mapping[str, Any]) -> str:
    return (
        f"  repaired{'' if one['fitted'] else ' (not fitted on)'}: fail {one['success_before']:.0%} -> "
        f"{one['success_after']:.0%}, V {one['validity_before']:+.2f} -> {one['validity_after']:+.2f} "
        f"[{one['lo']:+.2f}, {one['hi']:+.2f}] of {name}"
    )


def _of_price(sort: str, one: Mapping[str, Any]) -> str:
    kept = "" if one["kept"] is None else f" ({one['kept']:.0%} of those that were)"
    return (
        f"  {sort} ({one['n']:,}): {one['close_before']:.0%} -> {one['close_after']:.0%} taken for one text"
        f"{kept}; {one['recall_before']:.0%} -> {one['recall_after']:.0%} among the {NEAREST} nearest"
    )


_SORTS = {"paraphrases": "pairs that mean the same", "documents": "pairs of one document"}
