"""Documentation strings of installed packages, as a catalogue lists them: read at run time, never stored.

The catalogue is YAML: `packages:` maps a package to the modules and classes to read. A module gives its
public functions, a class its public methods, properties and accessors. One row per function or method:
`text`, `name` (bare: `sort` for DataFrame.sort and Series.sort alike), `package`, `object`,
`added`, the version that a `versionadded` of the function itself names, and `packages`, how many of them
document that name.
"""

import importlib
import importlib.metadata
import inspect
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.store.sources.nested import scrubbed
from tasks.store.sources.tables import text_of
from tasks.store.sources.wording import shown
from tasks.study import dialect

_KEYS = ("packages", "examples")
_PROMPT = re.compile(r"\s*>>>")
_ADDED = re.compile(r"^\.\. versionadded:: *v?(\d[\d.]*\d|\d)", re.MULTILINE)
"""At the left edge: one that is indented is of an argument."""


def read_docstrings(file: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """Columns text, name, package, object, added, packages; and the version of every package.

    Raises:
        SourceError: the catalogue is no catalogue, or names what is not installed or not there.
    """
    catalogue = _catalogue(file)
    rows: list[tuple[str, str, str, str, str | None]] = []
    versions: dict[str, str] = {}
    with warnings.catch_warnings():
        # Merely looking at a deprecated name warns.
        warnings.simplefilter("ignore")
        for package, places in catalogue["packages"].items():
            versions[package] = _version(file, package)
            for place in places:
                rows += [
                    (
                        _prose(scrubbed(doc), examples=catalogue["examples"]),
                        name,
                        package,
                        f"{place}.{name}",
                        _added(doc),
                    )
                    for name, doc in _documented(_object_named(file, package, place), package)
                ]
    columns = ["text", "name", "package", "object", "added"]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    return frame.with_columns(packages=pl.col("package").n_unique().over("name")), versions


def _catalogue(file: Path) -> dict[str, Any]:
    try:
        content = dialect.read(text_of(file))
    except dialect.NotYaml as error:
        raise SourceError(f"{shown(file)}: not valid YAML: {error}.") from None
    if not isinstance(content, dict) or not isinstance(content.get("packages"), dict):
        raise SourceError(
            f"{shown(file)}: wanted `packages:` with a list of modules and classes for each package."
        )
    unknown = [str(key) for key in content if key not in _KEYS]
    if unknown:
        raise SourceError(f"{shown(file)}: unknown key {unknown[0]}{nearest(unknown[0], _KEYS)}.")
    for package, places in content["packages"].items():
        if not (isinstance(places, list) and places and all(isinstance(place, str) for place in places)):
            raise SourceError(
                f"{shown(file)}: packages.{package}: wanted a list of names such as {package}.Name."
            )
        # Importing runs code: only what the catalogue names as a package is imported.
        astray = [place for place in places if place.split(".")[0] != package]
        if astray:
            raise SourceError(f"{shown(file)}: packages.{package}: {astray[0]} lies outside the package.")
    examples = content.get("examples", False)
    if not isinstance(examples, bool):
        raise SourceError(f"{shown(file)}: examples: wanted true or false, got {examples!r}.")
    return {"packages": content["packages"], "examples": examples}


def _version(file: Path, package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise SourceError(
            f"{shown(file)}: packages.{package}: no such package is installed. Install it or leave it out."
        ) from None


def _object_named(file: Path, package: str, place: str) -> Any:
    """The module or class of that dotted name."""
    try:
        found: Any = importlib.import_module(package)
    except ImportError as error:
        raise SourceError(f"{shown(file)}: packages.{package}: cannot be imported: {error}.") from None
    walked = package
    for part in place.split(".")[1:]:
        walked = f"{walked}.{part}"
        try:
            found = getattr(found, part, None) or importlib.import_module(walked)
        except ImportError:
            known = [name for name in dir(found) if not name.startswith("_")]
            raise SourceError(f"{shown(file)}: {place} is not there{nearest(part, known)}.") from None
    if not (inspect.isclass(found) or inspect.ismodule(found)):
        raise SourceError(f"{shown(file)}: {place}: wanted a module or a class, got {type(found).__name__}.")
    return found


def _documented(owner: Any, package: str) -> Iterator[tuple[str, str]]:
    """Public names of a module or class with the documentation the package itself wrote for them."""
    for name in sorted(set(dir(owner))):
        if name.startswith("_"):
            continue
        member = _unwrapped(inspect.getattr_static(owner, name, None))
        if isinstance(owner, ModuleType) and not inspect.isroutine(member):
            continue
        if inspect.isclass(member) or inspect.ismodule(member) or not _is_own(member, package):
            continue
        doc = getattr(member, "__doc__", None)
        # A descriptor without words of its own shows those of its type.
        if isinstance(doc, str) and doc.strip() and doc != type(member).__doc__:
            yield name, doc


def _unwrapped(member: Any) -> Any:
    """What the documentation hangs on: the function behind a static method, class method or property."""
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    if isinstance(member, property):
        return member.fget or member
    return getattr(member, "__func__", member)


def _is_own(member: Any, package: str) -> bool:
    """Whether the package wrote it: not `list` or `str` under another name, nor a plain value."""
    module = getattr(member, "__module__", None) or getattr(type(member), "__module__", None) or ""
    return str(module).split(".")[0] == package


def _added(doc: str) -> str | None:
    """The version in which it came, where it says so."""
    said = _ADDED.search(inspect.cleandoc(doc))
    return said[1] if said else None


def _prose(doc: str, *, examples: bool) -> str:
    """The cleaned documentation; without `examples` no doctest and no output of one."""
    lines, kept, in_example = inspect.cleandoc(doc).split("\n"), [], False
    for line in lines:
        if not examples:
            in_example = bool(line.strip()) and (in_example or bool(_PROMPT.match(line)))
        if not in_example:
            kept.append(line.rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
