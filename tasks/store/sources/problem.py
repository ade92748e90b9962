"""An OpenD5 problem file: a pickle, read without ever running what it asks to run.

A pickle is a program. Before it is loaded its opcodes are walked, and only those that build plain
containers, strings and numbers are let through; the loader itself resolves no name either.
"""

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, NoReturn

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources import nested
from tasks.store.sources.tables import too_large
from tasks.store.sources.wording import listed, reading, shown

_MB = 2**20
_PLAIN_OPCODES = frozenset(
    """
    PROTO FRAME STOP MARK POP POP_MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
    EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    """.split()  # noqa: SIM905 (forty lines otherwise)
)
_MEMO_OPCODES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_A, _B = "A_samples", "B_samples"


class _PlainUnpickler(pickle.Unpickler):
    """Resolves no name at all: the second lock behind the walk over the opcodes."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise pickle.UnpicklingError(f"names {module_name}.{global_name}")

    def persistent_load(self, pid: Any, /) -> NoReturn:
        raise pickle.UnpicklingError("refers to an object outside the file")


def read_problem(file: Path, most_mb: int) -> tuple[pl.DataFrame, int]:
    """Columns text, group (A or B) and part (research, validation), and how many texts lost half a surrogate.

    Raises:
        SourceError: the file would run code, is damaged or too large, or holds no A and B samples.
    """
    loaded = _load(file, most_mb)
    if isinstance(loaded, list | tuple) and len(loaded) == 1:
        loaded = loaded[0]
    if not isinstance(loaded, dict):
        size = f" of {len(loaded)}" if isinstance(loaded, list | tuple) else ""
        raise SourceError(
            f"{shown(file)}: wanted a problem, a dict with {_A} and {_B}, got {type(loaded).__name__}{size}. "
            "Save one problem per file."
        )
    parts = dict(_parts(loaded, "", 3))
    if not parts:
        raise SourceError(
            f"{shown(file)}: wanted lists {_A} and {_B}, at the top or under research and validation; "
            f"its keys are {listed(loaded)}."
        )
    rows: dict[str, list[Any]] = {"text": [], "group": [], "part": []}
    n_chars = 0
    for part, samples in parts.items():
        for group, key in (("A", _A), ("B", _B)):
            texts = _texts(file, part, key, samples[key])
            # One string in the file may stand in a million places.
            n_chars += sum(len(text or "") + 1 for text in texts)
            if n_chars > most_mb * _MB:
                raise too_large(file, most_mb)
            rows["text"] += texts
            rows["group"] += [group] * len(texts)
            rows["part"] += [part] * len(texts)
    texts_read, replaced = nested.column(file, "text", rows.pop("text"))
    frame = pl.DataFrame(rows, schema={"group": pl.String, "part": pl.String})
    return frame.insert_column(0, texts_read.cast(pl.String)), replaced


def _load(file: Path, most_mb: int) -> Any:
    with reading(file, "an OpenD5 problem (pickle)", "Check that it may be read."):
        if file.stat().st_size > most_mb * _MB:
            raise too_large(file, most_mb)
        raw = file.read_bytes()
    try:
        _refuse_programs(file, raw)
        return _PlainUnpickler(io.BytesIO(raw)).load()
    except SourceError:
        raise
    # A damaged pickle raises nearly anything; nothing but data can have been built.
    except Exception as error:  # noqa: BLE001
        raise SourceError(f"{shown(file)}: wanted a pickle, it is damaged: {error}.") from None


def _refuse_programs(file: Path, raw: bytes) -> None:
    for n_before, (opcode, argument, position) in enumerate(pickletools.genops(raw)):
        if opcode.name not in _PLAIN_OPCODES:
            named = f" ({argument})" if argument is not None else ""
            raise SourceError(
                f"{shown(file)}: wanted a pickle of plain containers and strings, got {opcode.name}{named} "
                f"at byte {position}, which can run code. It was not loaded. Save the texts as JSON or CSV."
            )
        # The loader allocates as many slots as the highest number, however small the file.
        if opcode.name in _MEMO_OPCODES and int(argument or 0) > n_before:
            raise SourceError(
                f"{shown(file)}: wanted a pickle, it is damaged (memo {argument} at byte {position})."
            )


def _parts(node: Any, name: str, depth: int) -> list[tuple[str, dict[str, Any]]]:
    """Every dict with both lists, by the key it stands under."""
    if not isinstance(node, dict):
        return []
    if _A in node and _B in node:
        return [(name or "all", node)]
    if depth == 0:
        return []
    return [found for key, value in node.items() for found in _parts(value, str(key), depth - 1)]


def _texts(file: Path, part: str, key: str, samples: Any) -> list[str]:
    if not isinstance(samples, list | tuple):
        raise SourceError(
            f"{shown(file)}: {part}.{key}: wanted a list of texts, got {type(samples).__name__}."
        )
    for number, sample in enumerate(samples):
        if not (sample is None or isinstance(sample, str)):
            raise SourceError(
                f"{shown(file)}: {part}.{key}[{number}]: wanted a text, got {type(sample).__name__}."
            )
    return list(samples)
