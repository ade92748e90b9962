"""Whether a table holds answers of models to prompts, and in which columns (`natstat new`)."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.kinds.model_pair import layout
from tasks.kinds.model_pair.params import Answers
from tasks.kinds.model_pair.preferences import Table, opinions
from tasks.store.sources import values

PROMPTS = ("prompt", "question", "instruction", "query", "user_prompt", "input")
ANSWERS = ("answer", "output", "response", "completion", "reply", "generation")
MODELS = ("model", "generator", "model_name", "llm")
PREFERENCES = ("preference", "winner", "preferred", "second_preferred", "vote", "choice")
CATEGORIES = ("category", "dataset", "task", "topic", "domain")
"""What such columns are called, the likeliest first."""
_SIDES = ("123456789", "abcdefghi")
_LONG_CHARS = 60
"""Characters that answers have on average, where their columns are called as nothing tells."""
_MOST_CATEGORIES = 50


def block(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The keys of a study of this table; None where it is none of answers."""
    if set(rows.columns) >= layout.PICTURES:
        # Folders are models, and names prompts: nothing has to be said.
        return {}
    there = {name.lower(): name for name in rows.columns}
    prompt = _first(there, PROMPTS)
    known = layout.resolved(Answers(), rows.columns)
    if known.prompt != Answers().prompt:
        found = known.model_dump(mode="json", exclude_unset=True)
        return {key: value for key, value in found.items() if value != Answers.model_fields[key].default}
    if prompt is None or rows[prompt].dtype != pl.String:
        return None
    columns = _long(rows, there) or _wide(rows, there, prompt)
    if columns is None:
        return None
    found = {"prompt": prompt, **columns, **_category(rows, there)}
    preference = _first(there, PREFERENCES)
    says = preference is not None and _is_read(rows, found, preference)
    return {**found, "preference": preference} if says else found


def _first(there: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((there[name] for name in names if name in there), None)


def _long(rows: pl.DataFrame, there: Mapping[str, str]) -> dict[str, Any] | None:
    """A row has one answer and says whose it is."""
    model, answer = _first(there, MODELS), _first(there, ANSWERS)
    if model is None or answer is None or rows[answer].dtype != pl.String:
        return None
    counted = rows[model].drop_nulls().value_counts(name="n").sort("n", model, descending=[True, False])
    if counted.height < 2:
        return None
    chosen = {"models": [str(one) for one in counted[model].head(2)]} if counted.height > 2 else {}
    return {"model": model, "answer": answer, **chosen}


def _wide(rows: pl.DataFrame, there: Mapping[str, str], prompt: str) -> dict[str, Any] | None:
    """A row has all answers."""
    answers = _all_of(there, ANSWERS)
    if answers:
        models = _all_of(there, MODELS)
        return {"answers": answers, **({"model": models} if len(models or ()) == len(answers) else {})}
    texts = [
        name
        for name, column in rows.select(pl.col(pl.String)).to_dict().items()
        if name != prompt and _mean_chars(column) >= _LONG_CHARS
    ]
    return {"answers": texts} if len(texts) > 1 else None


def _all_of(there: Mapping[str, str], stems: Sequence[str]) -> list[str] | None:
    """Two columns or more of one stem, such as answer_1 and answer_2, or response_a and response_b."""
    for stem in stems:
        for sides in _SIDES:
            for join in ("_", "", "-", " "):
                named = (f"{stem}{join}{side}" for side in sides)
                found = [there[name] for name in takewhile(there.__contains__, named)]
                if len(found) > 1:
                    return found
    return None


def _mean_chars(column: pl.Series) -> float:
    filled = column.drop_nulls()
    return int(filled.str.len_chars().sum()) / max(len(filled), 1)


def _category(rows: pl.DataFrame, there: Mapping[str, str]) -> dict[str, Any]:
    category = _first(there, CATEGORIES)
    is_one = category and 2 <= rows[category].drop_nulls().n_unique() <= _MOST_CATEGORIES
    return {"category": category} if is_one else {}


def _is_read(rows: pl.DataFrame, found: Mapping[str, Any], preference: str) -> bool:
    """Whether its values say what they mean."""
    asked = Answers.model_validate({**found, "preference": preference})
    whose = [asked.model] if isinstance(asked.model, str) else asked.model or ()
    named = [name for column in whose for name in rows[column].drop_nulls().cast(pl.String).unique()]
    models = tuple(dict.fromkeys(asked.models or named or asked.answers))
    try:
        said = values.written(rows[preference], "values", "", "", untyped=rows[preference].dtype == pl.String)
        opinions(said, Table(asked, models, models, "", ""))
    except SourceError:
        return False
    return True
