"""Values as columns, nested ones too, and what a dotted path reaches in them.

Lists and objects of JSON are kept as JSON under a type of their own, so that nobody takes them for text.
A path is the name of a column, then keys of objects and places in lists, counted from 0 or, with a minus,
from the end: `message.body`, `messages.-1.content`. A column that is called so itself comes first.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError, nearest
from tasks.store.sources.wording import listed, shown

_FIELD = "as JSON"
_PACKED = pl.Struct({_FIELD: pl.String})
"""Lists and objects of JSON, one a cell."""
_PLACE = re.compile(r"-?\d{1,9}")
_JSON_CELL = r"(?s)^\s*(?:\{.*\}|\[.*\])\s*$"
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[^\W\d]\w*(?:\.-?\w+)+")
_LOOKED_AT = 100
_MOST_PATHS = 200
_SAID_FIRST = ("content", "text", "body", "value")
"""Keys that mostly hold what is said."""


def column(file: Path, name: str, values: list[Any]) -> tuple[pl.Series, int]:
    """Values as a column, as text where types are mixed; and how many had half a surrogate pair replaced.

    Raises:
        SourceError: no column type holds them.
    """
    kinds = {type(value) for value in values if value is not None}
    if kinds & {list, dict}:
        cells = [None if v is None else json.dumps(v, ensure_ascii=False) for v in values]
        clean, n_replaced = _scrubbed_all(cells)
        return pl.Series(name, clean, dtype=pl.String).to_frame(_FIELD).to_struct(name), n_replaced
    if kinds == {int, float} and all(abs(v) < 2**53 for v in values if type(v) is int):
        return pl.Series(name, values, dtype=pl.Float64, strict=False), 0
    if kinds == {int}:
        numbers = _whole_numbers(name, values)
        if numbers is not None:
            return numbers, 0
    elif len(kinds) <= 1 and kinds != {str}:
        try:
            return pl.Series(name, values), 0
        except (pl.exceptions.PolarsError, OverflowError, TypeError) as error:
            raise SourceError(f"{shown(file)}: column {name} cannot be read: {error}.") from None
    if bytes in kinds:
        raise SourceError(f"{shown(file)}: column {name} holds bytes beside other values: select one kind.")
    clean, n_replaced = _scrubbed_all([None if v is None else _as_text(v) for v in values])
    return pl.Series(name, clean, dtype=pl.String), n_replaced


def _whole_numbers(name: str, values: list[int | None]) -> pl.Series | None:
    """In the narrowest type of 64 or 128 bits that holds all; None where none does."""
    there = [value for value in values if value is not None]
    for dtype, least, most in ((pl.Int64, -(2**63), 2**63), (pl.Int128, -(2**127), 2**127)):
        if least <= min(there) and max(there) < most:
            return pl.Series(name, values, dtype=dtype)
    return None


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _scrubbed_all(cells: list[str | None]) -> tuple[list[str | None], int]:
    clean = [cell if cell is None else scrubbed(cell) for cell in cells]
    return clean, sum(a != b for a, b in zip(cells, clean, strict=True))


def scrubbed(text: str) -> str:
    """The text with U+FFFD in place of each half of a surrogate pair."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_nested(column: pl.Series) -> bool:
    """Whether its cells are lists or objects, rather than values."""
    return column.dtype.is_nested()


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame for SQL, in which what JSON nests is text."""
    packed = [name for name, dtype in frame.schema.items() if dtype == _PACKED]
    return frame.with_columns(pl.col(name).struct.field(_FIELD).alias(name) for name in packed)


def is_json(texts: pl.Series) -> bool:
    """Whether every text that is there is a JSON list or object."""
    filled = texts.drop_nulls().filter(texts.drop_nulls().str.strip_chars() != "")
    if not len(filled) or not filled.str.contains(_JSON_CELL).all():
        return False
    try:
        return all(isinstance(json.loads(cell), list | dict) for cell in filled)
    except (ValueError, RecursionError):
        return False


def reaches(names: list[str], path: str) -> bool:
    """Whether the path is a column or begins with one."""
    return path in names or _head(names, path) is not None


def _head(names: list[str], path: str) -> str | None:
    """The longest beginning of a path that is a column."""
    parts = path.split(".")
    heads = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((head for head in heads if head in names), None)


def heads(names: list[str], paths: Iterable[str]) -> list[str]:
    """The columns that paths are, or begin with, of those that are there."""
    found = (path if path in names else _head(names, path) for path in paths)
    return list(dict.fromkeys(name for name in found if name is not None))


def inside(frame: pl.DataFrame, name: str) -> str | None:
    """The path to what is called so inside a list or object."""
    for column in frame:
        value = next((v for v in _values(column.head(1)) if v), None) if is_nested(column) else None
        last = value[-1] if isinstance(value, list) else value
        if isinstance(last, dict) and name in last:
            return f"{column.name}.-1.{name}" if isinstance(value, list) else f"{column.name}.{name}"
    return None


def opened(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of values; in place of a nested one, the values that paths lead to in it.

    Of a list of objects that is what stands last in it. Keys are looked for in the first rows.
    """
    columns: list[pl.Series] = []
    for column in frame:
        columns += _opened(column) if is_nested(column) else [column]
    return pl.DataFrame(columns)


def _opened(column: pl.Series) -> list[pl.Series]:
    values = _values(column)
    seen = [value for value in values if value is not None][:_LOOKED_AT]
    paths = list(dict.fromkeys(path for value in seen for path in _paths(value)))[:_MOST_PATHS]
    found = [
        _as_column(".".join((column.name, *path)), [_at(value, list(path)) for value in values])
        for path in paths
        if path
    ]
    return [values for values in found if not is_nested(values)]


def _paths(value: Any) -> Iterator[tuple[str, ...]]:
    """To all values in an object that can be named; in a list to those of the object that stands last."""
    if isinstance(value, dict):
        for key, held in value.items():
            if key and "." not in key:
                yield from ((key, *path) for path in _paths(held))
    elif isinstance(value, list):
        if value and isinstance(value[-1], dict):
            yield from (("-1", *path) for path in _paths(value[-1]))
    elif value is not None:
        yield ()


def reached(frame: pl.DataFrame, path: str, label: str, where: str) -> pl.Series:
    """What the path names; null in rows where nothing is there.

    Raises:
        SourceError: the path leads to nothing in any row, or into something that is not nested.
    """
    if path in frame.columns:
        return frame[path]
    head, column, steps = _taken_apart(frame, path)
    if isinstance(column.dtype, pl.String) and not is_json(column):
        raise SourceError(
            f"{where}: wanted lists or objects in column {head!r} of {label} to reach {path} in, got text."
        )
    if not (isinstance(column.dtype, pl.String) or is_nested(column)):
        raise SourceError(
            f"{where}: wanted lists or objects in column {head!r} of {label} to reach {path} in, got "
            f"{column.dtype}."
        )
    found = _walked(column, steps)
    if found.null_count() == len(found) and column.null_count() < len(column):
        raise _leads_nowhere(column, head, steps, label, where)
    return found.alias(path)


def ends(frame: pl.DataFrame, path: str) -> bool:
    """Whether a path into lists or objects leads to nothing in any row of those that have some."""
    if path in frame.columns or not reaches(frame.columns, path):
        return False
    _, column, steps = _taken_apart(frame, path)
    is_open = is_nested(column) or (column.dtype == pl.String and is_json(column))
    return is_open and _walked(column, steps).null_count() == len(column) > column.null_count()


def _taken_apart(frame: pl.DataFrame, path: str) -> tuple[str, pl.Series, list[str]]:
    """The column a path begins with, by name, and the steps into it."""
    head = _head(frame.columns, path) or path
    return head, frame[head], path[len(head) + 1 :].split(".")


def _walked(column: pl.Series, steps: list[str]) -> pl.Series:
    for n, step in enumerate(steps):
        dtype = column.dtype
        if n and dtype == pl.String:
            return _nothing(column)
        if dtype == _PACKED or not isinstance(dtype, pl.Struct | pl.List):
            cells = [_at(value, steps[n:]) for value in _values(column)]
            return _as_column(column.name, cells)
        if isinstance(dtype, pl.Struct):
            if step not in {field.name for field in dtype.fields}:
                return _nothing(column)
            column = column.struct.field(step)
        elif _PLACE.fullmatch(step):
            column = column.list.get(int(step), null_on_oob=True)
        else:
            return _nothing(column)
    return column


def _nothing(column: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(column))


def _as_column(name: str, cells: list[Any]) -> pl.Series:
    return column(Path(name), name, cells)[0]


def _values(column: pl.Series) -> list[Any]:
    """Cells as Python has them; None also where a cell is no JSON."""
    if column.dtype == _PACKED:
        column = column.struct.field(_FIELD)
    cells: list[Any] = column.to_list()
    if column.dtype != pl.String:
        return cells
    return [json.loads(cell) if cell is not None and cell.strip() else None for cell in cells]


def _at(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and _PLACE.fullmatch(step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _leads_nowhere(column: pl.Series, head: str, steps: list[str], label: str, where: str) -> SourceError:
    """The error that names the step at which a path ends, and what could be written there."""
    values, walked = [value for value in _values(column) if value is not None], head
    for step in steps:
        following = [_at(value, [step]) for value in values]
        if all(value is None for value in following):
            keys = list(dict.fromkeys(key for value in values if isinstance(value, dict) for key in value))
            there = f"its keys: {listed(keys)}" if keys else f"it holds {_kind(values)}"
            return SourceError(
                f"{where}: wanted {step!r} in {walked} of {label}{nearest(step, keys)}; {there}."
            )
        values, walked = [value for value in following if value is not None], f"{walked}.{step}"
    return SourceError(f"{where}: {walked} of {label} is empty in every row.")


def _kind(values: list[Any]) -> str:
    value = next(iter(values), None)
    if isinstance(value, list):
        return "lists: write a place, 0 for the first and -1 for the last"
    return "text" if isinstance(value, str) else type(value).__name__


def no_text(column: pl.Series, path: str, label: str, where: str) -> SourceError:
    """The error for lists or objects where text is wanted, with a path that leads to text."""
    value = next((v for v in _values(column) if v and isinstance(v, list | dict)), None)
    got, steps = "lists or objects", ""
    if isinstance(value, list):
        got, steps = "lists", ".0"
        if isinstance(value[-1], dict):
            got = f"lists of objects with {listed(value[-1])}"
            steps = f".-1{_first_text(value[-1])}"
    elif isinstance(value, dict):
        got, steps = f"objects with {listed(value)}", _first_text(value)
    ends = " for what stands last in each list, or a place such as 0" if ".-1" in steps else ""
    advice = f" Write text: {path}{steps}{ends}." if steps else ""
    return SourceError(f"{where}: wanted text in {path!r} of {label}, got {got}.{advice}")


def _first_text(value: dict[str, Any]) -> str:
    keys = [key for key, held in value.items() if isinstance(held, str)]
    chosen = next((key for key in _SAID_FIRST if key in keys), next(iter(keys), None))
    return f".{chosen}" if chosen else f".{next(iter(value))}"


def with_paths(frame: pl.DataFrame, condition: str, label: str, where: str) -> tuple[pl.DataFrame, str]:
    """The frame with a column for each dotted path of a SQL condition, and the condition that names these."""
    added: dict[str, pl.Series] = {}

    def named(found: re.Match[str]) -> str:
        path = found[0].strip('"')
        if found[0].startswith("'") or not reaches(frame.columns, path):
            return found[0]
        if path not in frame.columns:
            added[path] = reached(frame, path, label, where)
        return f'"{path}"'

    condition = _TOKEN.sub(named, condition)
    return frame.with_columns(added.values()), condition
