"""Print the confirmation texts for which a predicate was judged to hold, or all verdicts as CSV or JSON."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import polars.selectors as cs

from tasks import kinds, paths, study
from tasks.commands import output
from tasks.errors import ParamsError, StoreError, nearest
from tasks.report import filters, verdicts
from tasks.report.findings import by_certainty, numbers
from tasks.store import frames, media, sheets
from tasks.store.sources.wording import shown
from tasks.study import Study

LIMIT = 20
"""Texts printed where nothing else is asked for."""
MOST_WORDS = 200
"""Characters that are searched for."""
STDOUT = "-"
_SEARCHED = ("text", "path")
"""What a search looks through: of a picture its caption, and where it was read."""
_INVALID = ("refusal", "unparsable")
_WANTED = {"yes": (verdicts.YES,), "no": (verdicts.NO,), "invalid": _INVALID}
_WANTED["all"] = (verdicts.YES, verdicts.NO, *_INVALID)


def run(arguments: argparse.Namespace) -> None:
    """Prints them, or writes the file."""
    asked, as_csv = study.load(arguments.study), arguments.csv is not None
    check(arguments)
    found, rows = found_by(
        asked,
        arguments.predicate,
        wanted=arguments.verdict or ("all" if as_csv else "yes"),
        group=arguments.group,
        words=arguments.search,
    )
    limit = arguments.limit or (rows.height if as_csv or arguments.json else LIMIT)
    if as_csv:
        write_csv(rows.head(limit), arguments.csv)
        return
    output({**found, "texts": rows.head(limit).to_dicts()}, lines, arguments.json)


def check(arguments: argparse.Namespace) -> None:
    """Refuses arguments that cannot be meant.

    Raises:
        ParamsError: it says what was wanted.
    """
    if arguments.json and arguments.csv is not None:
        raise ParamsError("texts: wanted --json or --csv, got both. Leave one out.")
    if arguments.limit is not None and arguments.limit < 1:
        raise ParamsError(f"--limit {arguments.limit}: wanted 1 or more.")
    if arguments.search is not None and not 0 < len(arguments.search.strip()) <= MOST_WORDS:
        raise ParamsError(
            f"--search: wanted words, at most {MOST_WORDS} characters. Leave it out for all texts."
        )


def found_by(
    asked: Study,
    predicate: str | None = None,
    *,
    wanted: str = "yes",
    group: str | None = None,
    words: str | None = None,
) -> tuple[dict[str, Any], pl.DataFrame]:
    """What is told of the predicates, and the verdicts that were asked for, by verdicts.COLUMNS.

    Raises:
        MissingStageError: the study has not run to its end.
        ParamsError: there is no such predicate.
    """
    tested = verdicts.read(asked)
    predicates = listed(asked)
    if predicate is not None:
        predicates = [chosen(predicate, predicates)]
    said = tested.of([row["predicate_id"] for row in predicates])
    if group:
        said = said.filter(group=group)
    if (beside := tested.beside()) is not None:
        said = said.join(beside, on="text_id", how="left", maintain_order="left")
    if words:
        said = said.filter(
            pl.any_horizontal(cs.by_name(*_SEARCHED, require_all=False).str.contains(pattern(words)))
        )
    judged = said.filter(pl.col("verdict") != verdicts.ABSENT)
    kind = kinds.load(asked.kind)
    found = {
        "study": asked.name,
        "names": dict(tested.names),
        "rows": kind.speaks(of_pictures=media.are_there(asked.name)).rows,
        "search": words,
        "verdict": wanted,
        "one": predicate is not None,
        "predicates": [{**row, **counted(said, judged, row["predicate_id"])} for row in predicates],
    }
    rows = judged.filter(pl.col("verdict").is_in(_WANTED[wanted]))
    return {**found, "n": rows.height}, rows


def listed(asked: Study) -> list[dict[str, Any]]:
    """The tested predicates in the order of the report, with their numbers there.

    Raises:
        MissingStageError: the study has not run to its end.
    """
    recorded = frames.read(paths.output(asked.name, "record"), "discoveries.parquet", frames.DISCOVERIES)
    rows = sorted(recorded.iter_rows(named=True), key=by_certainty)
    number = numbers(rows)
    of = {row["predicate_id"]: row for row in rows}
    columns = ("predicate_id", "predicate", "direction", "is_discovery")
    return [{"number": number[one], **{name: of[one][name] for name in columns}} for one in number]


def chosen(given: str, predicates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The predicate of that number in the report, of that id, or whose id alone begins so.

    Raises:
        ParamsError: there is none, or more than one.
    """
    given = given.strip()
    plain = given.lower().removeprefix("id-")
    of_number = [row for row in predicates if row["number"] == given]
    begin = [row for row in predicates if plain and row["predicate_id"].startswith(plain)]
    fitting = of_number or [row for row in begin if row["predicate_id"] == plain] or begin
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        some = ", ".join(row["predicate_id"] for row in fitting[:3])
        raise ParamsError(f"--predicate {given}: {len(fitting)} ids begin so ({some}). Write more of it.")
    named = [row["number"] for row in predicates if plain and plain in row["predicate"].lower()]
    close = (
        f"; did you mean `{named[0]}`?" if named else nearest(plain, [r["predicate_id"] for r in predicates])
    )
    raise ParamsError(
        f"--predicate {said(given, 80)}: wanted a number, 1 to {predicates[-1]['number']}, or the beginning "
        f"of an id{close}. Without --predicate all are listed."
    )


def pattern(words: str) -> str:
    """As a regular expression that passes over case and what white space there is between the words."""
    return "(?i)" + r"\s+".join(map(pl.escape_regex, words.split()))


def counted(said: pl.DataFrame, judged: pl.DataFrame, predicate_id: str) -> dict[str, Any]:
    """How many texts there are and were judged, and for how many of each group it holds."""
    own, given = (frame.filter(predicate_id=predicate_id) for frame in (said, judged))
    valid = given.filter(pl.col("verdict").is_in((verdicts.YES, verdicts.NO)))
    return {
        "n_texts": own.height,
        "n_judged": given.height,
        "n_invalid": given.height - valid.height,
        "valid": {side: valid.filter(group=side).height for side in ("A", "B")},
        "holds": {side: valid.filter(group=side, verdict=verdicts.YES).height for side in ("A", "B")},
    }


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same as a person reads it."""
    if not found["one"]:
        return list_lines(found)
    (row,) = found["predicates"]
    return [
        f"{found['study']} {row['number']}: {said(row['predicate'])} (id {row['predicate_id']})",
        f"  {count_words(row, found)}",
        *[f"  {text_line(text, found['search'])}" for text in found["texts"]],
        *more_lines(found, f"--predicate {row['number']} "),
    ]


def list_lines(found: Mapping[str, Any]) -> list[str]:
    """The predicates, to choose one of."""
    width = max((len(row["number"]) for row in found["predicates"]), default=0)
    return [
        f"{found['study']}: {len(found['predicates'])} tested predicates, the discoveries first",
        *[
            f"  {row['number']:<{width}}  {said(row['predicate'])}: {count_words(row, found)}"
            for row in found["predicates"]
        ],
        f"  natstat texts --study {found['study']} --predicate NUMBER prints the {found['rows']} of one, "
        "--csv FILE writes the verdicts of all",
    ]


def count_words(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """For how many texts it holds, of how many judged, of how many there are."""
    holds, valid = row["holds"], row["valid"]
    of_groups = [
        f"{holds[side]:,} of {valid[side]:,}{f' in {said(name)}' if len(found['names']) > 1 else ''}"
        f"{share(holds[side], valid[side])}"
        for side, name in found["names"].items()
    ]
    invalid = f", {row['n_invalid']:,} refused or unparsable" if row["n_invalid"] else ""
    searched = " with these words" if found["search"] else ""
    left = "" if row["n_judged"] == row["n_texts"] else "; of the others nobody was asked"
    return (
        f"holds for {', '.join(of_groups)}; judged {row['n_judged']:,} of {row['n_texts']:,} "
        f"{found['rows']}{searched}{invalid}{left}"
    )


def share(n: int, of: int) -> str:
    """In percent; nothing of nothing."""
    return f" ({filters.share(n / of)})" if of else ""


def text_line(text: Mapping[str, Any], words: str | None) -> str:
    """A text on a line, around the first word that was searched."""
    score = "" if text["score"] in {None, 0.0, 1.0} else f" {text['score']:.2g}"
    gold = "" if text["gold"] is None else f" (gold {text['gold']:.2g})"
    place = words and re.search(r"\s+".join(map(re.escape, words.split())), text["text"], re.IGNORECASE)
    spans = f"[[{place.start()}, {place.end()}]]" if place else "[]"
    shown = "".join(part for part, _ in filters.pieces(text["text"], spans))
    group = (
        said(text["value"], 40) if text.get("value") else f"{text['group']} {said(text['group_name'], 30)}"
    )
    # What an answer belongs to says its prompt, and which picture it is its path, not a hash of it.
    named = text.get("path") if text.get("context") is None else text["context"]
    of = said(text["document_id"], 40) if named is None else said(named, 120)
    other = "" if text.get("other") is None else f" | the other: {said(text['other'], 120)}"
    return f"{group} | {of} | {text['verdict']}{score}{gold} | {said(shown, 400)}{other}"


def more_lines(found: Mapping[str, Any], predicate: str) -> list[str]:
    """How many there are that were not printed, and how to have them."""
    n_more = found["n"] - len(found["texts"])
    if not found["n"]:
        return ["  no such text"]
    if not n_more:
        return []
    command = f"natstat texts --study {found['study']} {predicate}"
    return [f"  {n_more:,} more: {command}--limit {found['n']}, or {command}--csv FILE for all verdicts"]


def said(text: str, most: int = 200) -> str:
    """Text from outside on one line, with nothing in it that would act on a terminal."""
    return filters.clip(" ".join(str(filters.neutral(text)).split()), most)


def write_csv(rows: pl.DataFrame, place: str) -> None:
    """Writes verdicts as a sheet that runs no formula, to a file or to standard output.

    Raises:
        StoreError: the file is there and is no such sheet, or cannot be written.
    """
    untrusted = {"predicate", "document_id", "group_name", "text", "context", "other", "value", "path"}
    neutral = pl.col(*(name for name in rows.columns if name in untrusted)).map_elements(
        filters.neutral, return_dtype=pl.String
    )
    cells = rows.with_columns(neutral).with_columns(
        pl.col("predicate_id", "text_id").map_batches(sheets.written_ids, return_dtype=pl.String)
    )
    if place == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(sheets.guarded(cells).write_csv(quote_style="always").encode())
        sys.stdout.buffer.flush()
        return
    file = Path(place)
    if file.exists() and not _is_ours(file):
        raise StoreError(
            f"{shown(file)}: is there and is no CSV of verdicts, nothing was written. Name another file."
        )
    sheets.write(cells, file)
    output([shown(file), rows.height], lambda told: [f"{told[0]}: {told[1]:,} verdicts"], as_json=False)


def _is_ours(file: Path) -> bool:
    """Whether this command wrote it."""
    first = ",".join(f'"{name}"' for name in verdicts.COLUMNS).encode()
    try:
        with file.open("rb") as opened:
            return opened.read(len(first) + 3).removeprefix(b"\xef\xbb\xbf").startswith(first)
    except OSError:
        return False
