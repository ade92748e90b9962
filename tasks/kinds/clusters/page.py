"""What a report of themes shows: a map of the texts, sizes, overlaps, and the words of each theme."""

import json
from typing import Any

import polars as pl

from tasks.kinds.clusters import picture
from tasks.kinds.clusters.tables import MAP
from tasks.kinds.fitted import axis, page, tables
from tasks.kinds.parts import Outputs, Section
from tasks.store import frames

Row = dict[str, Any]
MOST_WORDS = 3
"""Words told of a theme."""
_WORDS = {
    "evidence": "Beside each the numbers of other sentences that hold for it.",
    "supports": "Texts for which it holds",
    "contradicts": "",
}


def section(outputs: Outputs) -> Section:
    """The page's part of kind `clusters`."""
    of = page.read(outputs)
    held = page.held(of)
    sizes_ = sizes(of, held)
    places = _places(outputs)
    shared = page.shared(of)
    overlaps = picture.overlaps(held, of.found)
    own = {
        **shared,
        "words": _WORDS,
        "map": picture.text_map(places, of.confirm, held, of.found) if of.found else None,
        "sizes": sizes_,
        "overlaps": overlaps,
        "tags": tags(held),
        "headings": [("Overlaps", "overlaps")] if overlaps else [],
    }
    return page.section(
        outputs,
        own,
        page="What is in these texts",
        answer=answer(shared, len(outputs.rows)),
        said={row["predicate_id"]: said(of, row, sizes_) for row in of.found},
    )


def _places(outputs: Outputs) -> pl.DataFrame:
    folder = outputs.folder["score"]
    if not (folder / "map.parquet").is_file():
        return MAP.to_frame()
    return frames.read(folder, "map.parquet", MAP)


def sizes(of: page.Read, held: pl.DataFrame) -> Row:
    """The share of each finding on one axis from zero, and that of texts without any."""
    n = max(of.confirm.height, 1)
    counted = dict(held.group_by("predicate_id").len().iter_rows())
    rows = [
        {**_share(of, row["predicate_id"], counted.get(row["predicate_id"], 0) / n), "row": row}
        for row in of.found
    ]
    rest = _share(of, tables.UNEXPLAINED, 1 - held["text_id"].n_unique() / n)
    drawn = axis.table([*rows, {**rest, "row": None}], "share", signed=False)
    colours = [picture.colour_of(at) for at in range(len(rows))]
    return {
        **drawn,
        "lines": [
            {**line, "colour": colour} for line, colour in zip(drawn["lines"], [*colours, 0], strict=True)
        ],
        "ticks": [{**tick, "label": _percent(tick["label"])} for tick in drawn["ticks"]],
    }


def _share(of: page.Read, predicate_id: str, counted: float) -> Row:
    known = of.coverage.get(predicate_id, {}).get("")
    return dict(known) if known else {"predicate_id": predicate_id, "share": counted, "lo": None, "hi": None}


def _percent(label: str) -> str:
    return f"{100 * float(label.replace('−', '-')):g}%"


def tags(held: pl.DataFrame) -> dict[str, list[str]]:
    """By text_id the findings that hold for it."""
    numbers = held.group_by("text_id", maintain_order=True).agg("number")
    return {text_id: list(of) for text_id, of in numbers.iter_rows() if len(of) > 1}


def answer(shared: Row, n: int) -> str:
    """What all sentences save of the words of a text, and for how many texts none holds."""
    told = page.answer(shared["together"], n, "save {bits} bits per text of what its words cost")
    rest = shared["unexplained"]
    if rest and axis.is_known(rest["share"]):
        told += f" For {100 * rest['share']:.0f}% of the texts none of the findings holds."
    return told.strip()


def said(of: page.Read, row: Row, sizes_: Row) -> str:
    """How many texts it holds for, and words that come with it beyond its own."""
    line = next(line for line in sizes_["lines"] if line["predicate_id"] == row["predicate_id"])
    ends = f" [{line['lo']:.0%}, {line['hi']:.0%}]" if axis.is_known(line["lo"]) else ""
    told = f"holds for {line['share']:.0%}{ends} of the texts"
    words = top_words(of, row)
    return (
        f"{told}; with it come {', '.join(json.dumps(one, ensure_ascii=False) for one in words)}"
        if words
        else told
    )


def top_words(of: page.Read, row: Row) -> list[str]:
    """The words that a theme makes most likelier, clear of zero, none of which it is made of."""
    own = row["predicate"].casefold()
    known = [
        (slot, weight)
        for (predicate_id, slot), weight in of.weights.items()
        if predicate_id == row["predicate_id"] and weight["weight"] > 0 and slot.casefold() not in own
    ]
    clear = [(slot, weight) for slot, weight in known if axis.shape(weight) == "a"]
    clear.sort(key=lambda one: (-one[1]["weight"], one[0]))
    return [slot for slot, _ in clear[:MOST_WORDS]]
