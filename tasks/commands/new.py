"""Write an entry of params.yaml for a file, by what its columns seem to be."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks import kinds, paths
from tasks.commands import guess, output
from tasks.commands.guess_results import guess_results
from tasks.errors import ParamsError, nearest
from tasks.store.sources import groups, read_groups
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
    adding.add(found["name"], found["entry"])
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
    place = Path(file).expanduser()
    name = asked.get("name") or naming.suggested(place.name.partition(".")[0])
    adding.free_name(name)
    data = place.absolute()
    inside = data.is_relative_to(paths.root())
    entry: dict[str, Any] = {
        "goal": "",
        "data": data.relative_to(paths.root()).as_posix() if inside else str(data),
    }
    encoded = {"encoding": asked["encoding"]} if asked.get("encoding") else {}
    rows, label = groups.all_rows(_study(name, {**entry, "collect": {**encoded, "group": "random"}}))
    known = {"name": name, "columns": rows.columns, "n_rows": rows.height}
    if asked.get("kind"):
        whole = _whole_of_kind(entry | ({"collect": encoded} if encoded else {}), rows, label, asked)
        return _told(known, whole, asked.get("goal"))
    is_told = any(asked.get(key) for key in ("text", "group", "document", "a", "b"))
    found = None if is_told else guess_results(rows, label)
    if not is_told and not found:
        own = _of_kind(known, {**entry, **({"collect": encoded} if encoded else {})}, rows, asked.get("goal"))
        if own:
            return own
    chosen = {"results": found} if found else guess.guess(rows, label, asked).collect
    entry["collect"] = {**encoded, **chosen}
    _, names, read = read_groups(_study(name, entry))
    what = "two random halves" if chosen.get("group") == "random" else f"{names['A']} and {names['B']}"
    wrong = f"what {found.get('of', 'the model')} gets wrong" if found else ""
    entry["goal"] = asked.get("goal") or wrong or f"how {what} differ"
    return {**known, "entry": entry, "names": names, "rows": read["rows"]}


def _of_kind(
    known: Mapping[str, Any], entry: Mapping[str, Any], rows: pl.DataFrame, goal: str | None
) -> dict[str, Any] | None:
    """The same for a table that a kind knows as its own."""
    for kind in map(kinds.load, kinds.names()):
        if (block := kind.guessed(rows)) is not None:
            whole = {**entry, "kind": kind.name, **_columns(kind, entry, rows), kind.name: block or None}
            return _told(known, whole, goal)
    return None


def _whole_of_kind(
    entry: Mapping[str, Any], rows: pl.DataFrame, label: str, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """The entry of a study of the kind that is asked for.

    Raises:
        ParamsError: it is none that any corpus will do for.
    """
    fitting = [name for name in kinds.names() if kinds.load(name).begun() is not None]
    if asked["kind"] not in fitting:
        raise ParamsError(
            f"--kind {asked['kind']}: wanted {listed(fitting)}{nearest(asked['kind'], fitting)}. Others are "
            "known by their columns."
        )
    kind = kinds.load(asked["kind"])
    block = kind.begun() or None
    if "value" in kind.Params.model_fields:
        block = kind.guessed(rows) if not asked.get("group") else None
        block = block or {"value": guess.guess(rows, label, {**asked, "a": None, "b": None}).group}
    given = {key: asked.get(key) for key in ("text", "document")}
    value = block.get("value") if block else None
    without = rows.drop(value) if value in rows.columns else rows
    chosen = guess.guess(without, label, {**given, "group": "random"}).collect
    del chosen["group"]
    collect = {**entry.get("collect", {}), **chosen}
    return {**entry, "kind": kind.name, "collect": collect, kind.name: block}


def _told(known: Mapping[str, Any], whole: Mapping[str, Any], goal: str | None) -> dict[str, Any]:
    """What is known of a study of a kind that has an entry of its own."""
    kind = kinds.load(whole["kind"])
    gathered = kind.gather(_study(known["name"], {"goal": "", **whole}))
    differ = f"how {' and '.join(gathered.names.values())} differ"
    goal = goal or (differ if len(gathered.names) > 1 else kind.question.rstrip("?"))
    counts = gathered.rows.group_by("group").len()
    entry = {"goal": goal, **{key: value for key, value in whole.items() if key != "goal"}}
    return {**known, "entry": entry, "names": gathered.names, "rows": dict(counts.iter_rows())}


def _columns(kind: kinds.Kind, entry: Mapping[str, Any], rows: pl.DataFrame) -> dict[str, Any]:
    """`collect:` with the column of the texts, for a kind whose texts a column of another name holds."""
    if not kind.fits or "text" in rows.columns:
        return {}
    found = guess.guess(rows, "", {"group": "random"}).collect
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
    asked = collect.get("results")
    text, group, document = (
        (asked.get("input", "input"), asked.get("outcome", "outcome"), asked.get("item", "item"))
        if asked is not None
        else (collect["text"], collect["group"], collect.get("document", "none: each text is its own"))
    )
    return [
        f"{found['entry']['data']}: {found['n_rows']:,} rows, columns {', '.join(found['columns'])}",
        *(["  answers of models: what was wrong, and what right (collect.results)"] if asked else []),
        f"  text      {text}",
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
