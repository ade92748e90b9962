"""A new entry in params.yaml, or a new block in one; all that stands there already stays as it is."""

import re
from collections.abc import Mapping
from typing import Any

from tasks import paths
from tasks.errors import ParamsError, StoreError
from tasks.study import dialect, naming, reading

_DEFAULTS = re.compile(r"^\ufeff?defaults:[ \t]*&([^\s\[\]{},]+)", re.MULTILINE)
_STUDIES = re.compile(r"^studies:[ \t]*(?:\{[ \t]*\})?[ \t]*(#.*)?$", re.MULTILINE)
_STUDY = re.compile(r"^( +)[^\s#]", re.MULTILINE)


def free_name(name: str) -> None:
    """Does nothing where a study may be added under that name.

    Raises:
        ParamsError: it is no name of a study, or there is one of that name; or params.yaml is broken.
    """
    if wrong := naming.problem(name):
        raise ParamsError(f"--name: {wrong}.")
    there = reading.names()
    if name in there:
        another = next(
            f"{name[:60]}-{n}" for n in range(2, len(there) + 3) if f"{name[:60]}-{n}" not in there
        )
        raise ParamsError(
            f"{name}: wanted a new study, params.yaml has one of that name. Write --name {another}."
        )


def whole(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with what `defaults:` of params.yaml gives it."""
    return {**_defaults(dialect.read(_text())), **entry}


def add(name: str, entry: Mapping[str, Any], comment: str = "") -> None:
    """Writes the entry at the end of `studies:`, under a line of comment if there is one.

    Raises:
        ParamsError: the name is taken, or params.yaml is not written as it must be to take one.
        StoreError: it cannot be written.
    """
    free_name(name)
    text = _text()
    new = _with(text.replace("\r\n", "\n"), name, entry, comment)
    if "\r\n" in text:
        new = new.replace("\n", "\r\n")
    if _read(new) != _expected(text, name, entry):
        raise ParamsError(
            f"params.yaml: wanted `defaults: &defaults` and a `studies:` block of one study under the other; "
            f"nothing was written. Add this entry by hand:\n{_lines(name, entry, '  ', 'defaults')}"
        )
    _put(new)


def add_block(name: str, block: str, values: Mapping[str, Any]) -> None:
    """Writes a block into a study's entry, which has none of its own.

    Raises:
        ParamsError: it has one, or params.yaml is not written as it must be to take one.
        StoreError: it cannot be written.
    """
    text = _text()
    line = f"{block}: {{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"
    new = _with_block(text, name, line)
    content = dialect.read(text)
    studies = {**content["studies"], name: {**content["studies"][name], block: dict(values)}}
    if _read(new) != {**content, "studies": studies}:
        raise ParamsError(
            f"studies.{name}: wanted an entry without a block `{block}` of its own; nothing was written. "
            f"Write this line into it by hand, in place of that block: `{line}`."
        )
    _put(new)


def _with_block(text: str, name: str, line: str) -> str:
    """The file with that line before the first key of the entry's own; the caller sees whether it reads."""
    head = re.search(rf"^( +)(['\"]?){re.escape(name)}\2:[ \t]*(#.*)?\r?\n", text, re.MULTILINE)
    own = head and re.compile(rf"^({head[1]} +)(?!<<:)[^\s#]", re.MULTILINE).search(text, head.end())
    if not own:
        return ""
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{text[: own.start()]}{own[1]}{line}{end}{text[own.start() :]}"


def _put(new: str) -> None:
    """Writes params.yaml whole, or not at all."""
    file = paths.params_file().resolve()
    beside = file.with_name(f".{file.name}.tmp")
    try:
        beside.write_text(new, encoding="utf-8", newline="")
        beside.chmod(file.stat().st_mode)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(
            f"params.yaml: cannot be written: {error.strerror}. Free space or permissions, then rerun."
        ) from None


def _text() -> str:
    with paths.params_file().open(encoding="utf-8", newline="") as file:
        return file.read()


def _with(text: str, name: str, entry: Mapping[str, Any], comment: str) -> str:
    """The file with the entry; whether it reads as it should is for the caller to see."""
    anchor, head = _DEFAULTS.search(text), _STUDIES.search(text)
    if anchor is None or head is None:
        return ""
    # `studies:` is the last block: its entries mean what stands under `defaults:`, before it.
    before = text[: head.end()].replace(head[0], re.sub(r"\{[ \t]*\}", "", head[0]))
    body = text[head.end() :].rstrip()
    indent = _STUDY.search(body)
    by = indent[1] if indent else "  "
    said = f"{by}# {' '.join(comment.split())}\n" if comment else ""
    lines = said + _lines(name, entry, by, anchor[1])
    return f"{before}{body}\n\n{lines}" if body else f"{before}\n{lines}"


def _lines(name: str, entry: Mapping[str, Any], indent: str, anchor: str) -> str:
    keys = "".join(f"{indent * 2}{line}\n" for line in dialect.written(dict(entry)).splitlines())
    return f"{indent}{name}:\n{indent * 2}<<: *{anchor}\n{keys}"


def _read(text: str) -> Any:
    try:
        return dialect.read(text)
    except dialect.NotYaml:
        return None


def _expected(text: str, name: str, entry: Mapping[str, Any]) -> Any:
    content = dialect.read(text)
    studies = {**(content["studies"] or {}), name: {**_defaults(content), **entry}}
    return {**content, "studies": studies}


def _defaults(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get("defaults")
    return found if isinstance(found, dict) else {}
