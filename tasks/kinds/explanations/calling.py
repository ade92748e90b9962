"""A model under test that is a Python function: what it answers, and how it explains."""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store.frames import hashed

Function = Callable[[list[str]], Sequence[Mapping[str, Any]]]


def told(named: str, texts: Sequence[str], one: str, where: str) -> tuple[pl.DataFrame, str]:
    """Columns text, explainer, explanation and answer; and a digest of the function's module.

    Args:
        named: as `module:function`; modules of the working folder can be named.
        texts: distinct.
        one: what an explainer is called that the function does not name.
        where: the key that names it, for errors.

    Raises:
        SourceError: there is no such function, it fails, or it gives something else.
    """
    function = _function(named, where)
    try:
        given = list(function(list(texts)))
    except Exception as error:  # noqa: BLE001 - whatever a function of the user raises is one line
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SourceError(f"{where}: {named} failed on {len(texts):,} texts: {said}.") from None
    if len(given) != len(texts):
        raise SourceError(f"{where}: wanted {len(texts):,} answers of {named}, got {len(given):,}.")
    rows = [
        row
        for text, answer in zip(texts, given, strict=True)
        for row in _rows(text, answer, one, named, where)
    ]
    schema = dict.fromkeys(("text", "explainer", "explanation", "answer"), pl.String)
    module = inspect.getsourcefile(function)
    digest = hashed(Path(module).read_text(encoding="utf-8")) if module else ""
    return pl.DataFrame(rows, schema=schema, orient="row"), digest


def _function(named: str, where: str) -> Function:
    module, name = named.split(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - a module may raise anything where it is read
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SourceError(
            f"{where}: wanted a function that can be imported, {named!r} cannot: {said}."
        ) from None
    if not callable(found):
        raise SourceError(f"{where}: wanted a function, {named!r} is {type(found).__name__}.")
    return found  # type: ignore[no-any-return]


def _rows(text: str, answer: Any, one: str, named: str, where: str) -> list[tuple[Any, ...]]:
    said = answer.get("explanations", answer.get("explanation")) if isinstance(answer, Mapping) else None
    by_explainer = said if isinstance(said, Mapping) else {one: said}
    values = [answer.get("answer") if isinstance(answer, Mapping) else None, *by_explainer.values()]
    if not all(isinstance(value, str) for value in values):
        raise SourceError(
            f"{where}: wanted a mapping with `answer` and `explanation`, or `explanations` by explainer, all "
            f"text, for every text; {named} gave {str(answer)[:120]!r} for {text[:60]!r}."
        )
    return [(text, str(who), explanation, answer["answer"]) for who, explanation in by_explainer.items()]
