"""What the keys of params.yaml mean, and what is wrong with one, in a line each."""

import json
import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tasks.errors import nearest
from tasks.study.corpus import Source
from tasks.study.params import Role


def error_lines(name: str, study: type[BaseModel], error: ValidationError) -> str:
    """Turns pydantic's errors into one line each: where, wanted, got, what to write."""
    return "\n".join(dict.fromkeys(_explained_one(name, study, dict(e)) for e in error.errors()))


_UNION_MEMBER = re.compile(
    r"(a source|a list|a value|Role|str|int|float|bool|literal|tuple|constrained|function)\b"
)


def _explained_one(name: str, study: type[BaseModel], error: dict[str, Any]) -> str:
    # Union members appear in the location by type name; they are no keys of params.yaml.
    location = [str(part) for part in error["loc"] if not _UNION_MEMBER.match(str(part))]
    where = ".".join(["studies", name, *location])
    got, context, kind = error["input"], error.get("ctx", {}), error["type"]
    if kind == "extra_forbidden":
        advice = _home(study, location) or nearest(location[-1], _keys_at(study, location[:-1]))
        return f"{where}: unknown key{advice}."
    if kind == "missing":
        return f"{where}: wanted, not there. Write it under `{'.'.join(['studies', name, *location[:-1]])}:`."
    if kind == "value_error":
        return f"{where}: {context['error']}."
    message = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    if "dictionary" in message:
        message = "keys and values"
    if kind == "tuple_type":
        message = "a list"
    default = _default_at(study, location)
    if isinstance(default, tuple) and location[:1] != ["llm"]:
        default = f"[{got}]" if isinstance(got, str | int | float) else list(default)
    advice = f" Write {default}." if default is not None else ""
    if kind == "string_type" and isinstance(got, bool | int | float):
        # YAML took a word for a number or truth value: `true` is how it writes one.
        advice = f' Quote it: "{json.dumps(got)}".'
    # Under `llm` what stands in the wrong place may be a key: never shown.
    came = f"a {type(got).__name__}" if location[:1] == ["llm"] else repr(got)
    return f"{where}: wanted {message}, got {came}.{advice}"


def _home(study: type[BaseModel], location: list[str]) -> str:
    """Where a key belongs that was written one level too high."""
    if len(location) > 1:
        return ""
    blocks = [block for block in _keys_at(study, []) if location[0] in _keys_at(study, [block])]
    return f"; it belongs under `{blocks[0]}:`, indented" if blocks else ""


def _model_at(study: type[BaseModel], location: list[str]) -> type[BaseModel] | None:
    model = study
    for part in location:
        if part in {"a", "b"}:
            return Source
        field = model.model_fields.get(part)
        inner = None if field is None else _block(field.annotation)
        if inner is None:
            return None
        model = inner
    return model


def _block(annotation: Any) -> type[BaseModel] | None:
    """The block that a key holds, also where it may be left out."""
    for one in get_args(annotation) or (annotation,):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _keys_at(study: type[BaseModel], location: list[str]) -> list[str]:
    model = _model_at(study, location)
    return [key for key in model.model_fields if key != "name"] if model else []


def _default_at(study: type[BaseModel], location: list[str]) -> Any:
    model = _model_at(study, location[:-1])
    field = model.model_fields.get(location[-1]) if model and location else None
    if field is None or field.is_required():
        return None
    default = field.get_default(call_default_factory=True)
    return None if isinstance(default, BaseModel) else default


ENTRIES: dict[Any, str] = {dict: "NAME.", tuple: "N."}
"""What stands for the name, or the number, of a block of which there may be several."""


def key_meanings(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str]]:
    """Every key of a block with its type, default and meaning."""
    rows: list[tuple[str, str]] = []
    for key, field in model.model_fields.items():
        inner = field.annotation
        # The name of a study is that of its entry.
        if key == "name" and not prefix:
            continue
        if inner is Role:
            rows.append((f"{prefix}{key}", f"{field.description} Takes the keys of llm. (default {{}})"))
            continue
        block, entry = _block(inner), ENTRIES.get(get_origin(inner), "")
        if block and not entry:
            rows.append((f"{prefix}{key}", block.__doc__ or ""))
        else:
            fallback = field.get_default(call_default_factory=True)
            fallback = {} if isinstance(fallback, BaseModel) else fallback
            default = "required" if field.is_required() else f"default {json.dumps(fallback)}"
            rows.append((f"{prefix}{key}", f"{field.description or ''} ({default})".strip()))
        if block:
            rows += key_meanings(block, f"{prefix}{key}.{entry}")
    return rows
