"""Write an entry of params.yaml for a file, by what its columns seem to be."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks import kinds, paths
from tasks.commands import guess, guess_pictures, output
from tasks.commands.guess_results import guess_results
from tasks.errors import ParamsError
from tasks.store.sources import groups, read_groups
from tasks.store.sources.pictures import PICTURE
from tasks.store.sources.wording import listed, shown
from tasks.study import adding, naming
from tasks.study.reading import study_of


def run(arguments: argparse.Namespace) -> None:
    """Asks what is not said in the arguments, writes the entry and tells what to run next."""
    is_asked = not arguments.yes and not arguments.json
    if is_asked and not sys.stdin.isatty():
        raise ParamsError(
            "new: wanted a terminal to ask questions on, got none. Write --yes to take what is guessed."
        )
    file = arguments.file or (_asked("file or folder of the texts", "") if is_asked else "")
    if not file:
        raise ParamsError("new: wanted a file, got none. Write natstat new FILE.")
    found = guessed(file, vars(arguments))
    if is_asked:
        output(found, lines, False)
        found["entry"]["goal"] = arguments.goal or _asked("goal: what is asked", found["entry"]["goal"])
        if _asked("write it to params.yaml? y or n", "y").lower() not in {"y", "yes"}:
            raise ParamsError("new: nothing was written. Say what is different: natstat new --help.")
    adding.add(found["name"], found["entry"], found["comment"])
    if is_asked:
        output(found, next_lines, False)
    else:
        output(found, lambda told: [*lines(told), *next_lines(told)], arguments.json)


def guessed(file: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The name and the entry that a study of this file would have; nothing is written.

    Args:
        file: a file or folder.
        asked: name, goal, encoding, kind, text, group, document, a and b, where they are known.

    Raises:
        ParamsError: the name is taken, or a column or value that is asked for is not there.
        SourceError: the file cannot be read, or holds no texts.
        CorpusError: no column tells groups apart.
    """
    name = asked.get("name") or naming.suggested(Path(file).name.partition(".")[0])
    adding.free_name(name)
    entry, rows, label = _read(name, guess_pictures.table_of(Path(file).expanduser().absolute()), asked)
    known = {
        "name": name,
        "columns": [column for column in rows.columns if column not in guess_pictures.PLACES],
        "n_rows": rows.height,
        "are_pictures": guess_pictures.are_pictures(rows),
        "comment": guess_pictures.comment(entry, rows),
    }
    wanted = asked.get("kind") or (_of_one_pile() if guess_pictures.is_one_pile(entry, rows, asked) else None)
    if wanted and not _compares(wanted):
        whole = _whole_of_kind(entry, rows, label, {**asked, "kind": wanted})
        return _told(known, whole, asked.get("goal"))
    # Folders of pictures may be anything; whether they are models is for the user to say (--kind).
    is_told = (
        wanted
        or guess_pictures.are_files(entry, rows)
        or any(asked.get(key) for key in ("text", "group", "document", "a", "b"))
    )
    is_seen = guess_pictures.are_pictures(rows)
    found = None if is_told or is_seen else guess_results(rows, label)
    if not is_told and not found and (own := _of_kind(known, entry, rows, asked.get("goal"))):
        return own
    chosen = {"results": found} if found else guess.guess(rows, label, asked).collect
    entry["collect"] = {**entry.get("collect", {}), **chosen}
    _, names, read = read_groups(_study(name, entry))
    what = "two random halves" if chosen.get("group") == "random" else f"{names['A']} and {names['B']}"
    wrong = f"what {found.get('of', 'the model')} gets wrong" if found else ""
    entry["goal"] = asked.get("goal") or wrong or f"how {what} differ"
    return {**known, "entry": entry, "names": names, "rows": read["rows"]}


def _read(name: str, place: Path, asked: Mapping[str, Any]) -> tuple[dict[str, Any], pl.DataFrame, str]:
    """An entry that says where the rows are; the rows; and what errors call them."""
    encoded = {"encoding": asked["encoding"]} if asked.get("encoding") else {}

    def read(where: guess_pictures.Place) -> tuple[dict[str, Any], pl.DataFrame, str]:
        inside = where.data.is_relative_to(paths.root())
        collect = {**encoded, **where.collect}
        entry: dict[str, Any] = {
            "goal": "",
            "data": where.data.relative_to(paths.root()).as_posix() if inside else str(where.data),
            **({"collect": collect} if collect else {}),
        }
        asks = {**entry, "collect": {**collect, "group": "random"}}
        return entry, *groups.all_rows(_study(name, asks))

    first = guess_pictures.first_rows(place)
    if first is not None:
        return read(guess_pictures.place_of(place, first))
    entry, rows, label = read(guess_pictures.Place(place, {}))
    is_table = place.is_file() and not guess_pictures.are_pictures(rows)
    if is_table and (where := guess_pictures.place_of(place, rows)).collect:
        return read(where)
    return entry, rows, label


def _of_one_pile() -> str:
    """The kind that asks what is in one pile, and wants no more than the pile."""
    every = map(kinds.load, kinds.names())
    return next(kind.name for kind in every if kind.fits and "value" not in kind.Params.model_fields)


def _compares(kind: str) -> bool:
    """Whether it compares two groups of any rows."""
    of = kinds.load(kind)
    return of.has_groups and type(of).guessed is kinds.Kind.guessed


def _of_kind(
    known: Mapping[str, Any], entry: Mapping[str, Any], rows: pl.DataFrame, goal: str | None
) -> dict[str, Any] | None:
    """The same for a table that a kind knows as its own."""
    for kind in map(kinds.load, kinds.names()):
        if (block := kind.guessed(rows)) is not None:
            own = {"kind": kind.name, **_columns(kind, entry, rows, block), kind.name: block or None}
            whole = {**entry, **own}
            return _told(known, whole, goal)
    return None


def _whole_of_kind(
    entry: Mapping[str, Any], rows: pl.DataFrame, label: str, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """The entry of a study of the kind that is asked for.

    Raises:
        ParamsError: these rows are none of its form.
    """
    kind = kinds.load(asked["kind"])
    block = kind.begun(PICTURE in rows.columns) or None
    if not kind.fits and type(kind).guessed is not kinds.Kind.guessed:
        columns = [name for name in rows.columns if name not in guess_pictures.PLACES]
        if (block := kind.guessed(rows)) is None:
            raise ParamsError(
                f"--kind {kind.name}: wanted columns of that kind in {label}, got {listed(columns)}. "
                f"Leave --kind out, or write the entry by hand: natstat explain {kind.name}."
            )
        own = {"kind": kind.name, **_columns(kind, entry, rows, block), kind.name: block or None}
        return {**entry, **own}
    if "value" in kind.Params.model_fields:
        block = kind.guessed(rows) if not asked.get("group") else None
        block = block or {"value": guess.guess(rows, label, {**asked, "a": None, "b": None}).group}
    given = {key: asked.get(key) for key in ("text", "document")}
    value = block.get("value") if block else None
    without = rows.drop(value) if value in rows.columns else rows
    chosen = guess.guess(without, label, {**given, "group": "random"}).collect
    del chosen["group"]
    collect = {**entry.get("collect", {}), **chosen}
    # Pictures that are files need no column to be named.
    return {**entry, "kind": kind.name, **({"collect": collect} if collect else {}), kind.name: block}


def _told(known: Mapping[str, Any], whole: Mapping[str, Any], goal: str | None) -> dict[str, Any]:
    """What is known of a study of a kind that has an entry of its own."""
    kind = kinds.load(whole["kind"])
    gathered = kind.gather(_study(known["name"], {"goal": "", **whole}))
    differ = f"how {' and '.join(gathered.names.values())} differ"
    goal = goal or (differ if len(gathered.names) > 1 else kind.question.rstrip("?"))
    counts = gathered.rows.group_by("group").len()
    entry = {"goal": goal, **{key: value for key, value in whole.items() if key != "goal"}}
    return {**known, "entry": entry, "names": gathered.names, "rows": dict(counts.iter_rows())}


def _columns(
    kind: kinds.Kind, entry: Mapping[str, Any], rows: pl.DataFrame, block: Mapping[str, Any]
) -> dict[str, Any]:
    """`collect:` with the column of the texts, for a kind of one pile where it has another name."""
    if kind.has_groups or "text" in rows.columns:
        return {}
    left = rows.drop(value for value in block.values() if value in rows.columns)
    found = guess.guess(left, "", {"group": "random"}).collect
    del found["group"]
    return {"collect": {**entry.get("collect", {}), **found}}


def _study(name: str, entry: Mapping[str, Any]) -> Any:
    return study_of(name, adding.whole({**entry, "goal": entry["goal"] or "none yet"}))


def lines(found: Mapping[str, Any]) -> list[str]:
    """What was guessed."""
    if kind := found["entry"].get("kind"):
        return _lines_of_kind(found, kind)
    collect, counts, names = found["entry"]["collect"], found["rows"], found["names"]
    kept = counts["A"] + counts["B"]
    rest = f"; {found['n_rows'] - kept:,} rows in neither" if kept < found["n_rows"] else ""
    groups = f"A is {names['A']} ({counts['A']:,} rows), B is {names['B']} ({counts['B']:,} rows){rest}"
    asked, are_pictures = collect.get("results"), found["are_pictures"]
    own = f"none: each {'picture' if are_pictures else 'text'} is its own"
    text, group, document = (
        (asked.get("input", "input"), asked.get("outcome", "outcome"), asked.get("item", "item"))
        if asked is not None
        else (collect.get("text", "none"), collect["group"], collect.get("document", own))
    )
    return [
        f"{found['entry']['data']}: {found['n_rows']:,} rows, columns {', '.join(found['columns'])}",
        *(["  answers of models: what was wrong, and what right (collect.results)"] if asked else []),
        *([f"  picture   {collect.get('picture', 'each file')}"] if are_pictures else []),
        f"  {'caption ' if are_pictures else 'text    '}  {text}",
        f"  group     {group}: {groups}",
        f"  document  {document}",
    ]


def _lines_of_kind(found: Mapping[str, Any], kind: str) -> list[str]:
    entry, names = found["entry"], found["names"]
    block = {**entry.get("collect", {}), **(entry[kind] or {})}
    width = max(map(len, ["kind", *block]))
    return [
        f"{found['entry']['data']}: {found['n_rows']:,} rows, columns {', '.join(found['columns'])}",
        f"  {'kind':<{width}}  {kind}: {kinds.load(kind).question}",
        *[
            f"  {key:<{width}}  {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in block.items()
        ],
        *[
            f"  {f'{group} is {name}' if len(names) > 1 else name} ({found['rows'].get(group, 0):,} rows)"
            for group, name in names.items()
        ],
    ]


def next_lines(found: Mapping[str, Any]) -> list[str]:
    """What to run next."""
    return [
        f"{shown(paths.params_file())}: study {found['name']} was added. Other columns: edit it there.",
        f"  natstat check --study {found['name']}",
        f"  dvc repro report@{found['name']}",
    ]


def _asked(question: str, default: str) -> str:
    try:
        return input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
    except EOFError:
        raise ParamsError("new: nothing was written, the questions had no answer.") from None
