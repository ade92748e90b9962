"""Reading a predicate's definition: JSON that says completely how the predicate is judged.

{"kind": "words", "terms": ["covid", "pandemic"]}
{"kind": "pattern", "pattern": "(?i)refund(s|ed)?"}
{"kind": "style", "program": "url"}            {"kind": "style", "program": "words", "more_than": 18}
{"kind": "sentiment", "pole": "positive", "least": 0.05}
{"kind": "language", "code": "fr", "among": ["en", "fr"]}
{"kind": "measure", "measure": "lightness", "more_than": 0.62}            of a picture; or less_than
{"kind": "class", "index": 733, "name": "pole", "more_than": 0.1}         of a picture
{"kind": "similarity", "basis": "theme", "encoder": NAME, "vector": [...], "threshold": 0.1, ...}

A list of words or a tone may have `without`: words that are left out (they are names in the corpus, or carry
the difference alone), and `carried_by`, which says what carries it.
Further keys of a similarity (anchor, exemplars, fidelity, words, topic) say where it comes from.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from tasks.engines.embedded import tokens
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs
from tasks.engines.languages import LANGUAGES
from tasks.engines.pictures.measures import NAMES
from tasks.errors import EngineError

Definition = Mapping[str, Any]


def written(definition: Definition) -> str:
    """Compact JSON with sorted keys: equal definitions are equal strings."""
    return json.dumps(
        dict(definition), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def read(text: str, predicate: str) -> Definition:
    """The definition, checked.

    Raises:
        EngineError: it is not one that this engine can judge.
    """
    try:
        definition = json.loads(text)
    except ValueError:
        raise _refused(predicate, "JSON", text) from None
    kind = definition.get("kind") if isinstance(definition, dict) else None
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise _refused(predicate, f"a kind out of {', '.join(_CHECKS)}", text)
    wanted = check(definition)
    if wanted:
        raise _refused(predicate, wanted, text)
    checked: Definition = definition
    return checked


def _refused(predicate: str, wanted: str, got: str) -> EngineError:
    shown = got if len(got) <= 200 else f"{got[:200]}..."
    return EngineError(
        f"predicate `{predicate}`: wanted a definition with {wanted}, got {shown}.",
        hint="Propose again with this engine: `dvc repro -f propose`.",
    )


def words_fault(definition: Definition) -> str:
    """What is wrong with a definition of words; empty where it can be judged."""
    terms = definition.get("terms")
    fine = (
        isinstance(terms, list)
        and terms
        and all(isinstance(term, str) and _canonical(term) for term in terms)
    )
    return "" if fine else "terms: a list of casefolded words or phrases"


def _canonical(term: str) -> bool:
    return all(word and tokens.joined(word) == f" {word} " for word in term.split(" "))


def pattern_fault(pattern: Any) -> str:
    """What is wrong with a regular expression; empty where it can be searched for."""
    if not isinstance(pattern, str):
        return "it is no text"
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.PolarsError as error:
        return str(error).partition("\n\n")[0].rpartition("error: ")[2].strip() or "no regular expression"
    return ""


def _pattern(definition: Definition) -> str:
    return "pattern: a regular expression" if pattern_fault(definition.get("pattern")) else ""


def _style(definition: Definition) -> str:
    name, known = definition.get("program"), MEASURES if "more_than" in definition else programs()
    fine = isinstance(name, str) and name in known and _number(definition.get("more_than", 0))
    if not fine:
        return f"program: one of {', '.join(known)}, and for a measure more_than: a number"
    return _left_out(definition)


def _sentiment(definition: Definition) -> str:
    fine = definition.get("pole") in ("positive", "negative") and _number(definition.get("least"))
    if not fine or definition["least"] <= 0:
        return "pole: positive or negative, and least: above 0"
    return _left_out(definition)


def _left_out(definition: Definition) -> str:
    for key in ("without", "carried_by"):
        words = definition.get(key, [])
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return f"{key}: a list of words"
    return ""


def _language(definition: Definition) -> str:
    among, code = definition.get("among"), definition.get("code")
    known = isinstance(among, list) and all(isinstance(c, str) and c in LANGUAGES for c in among)
    if known and isinstance(among, list) and len(among) > 1 and code in among:
        return ""
    return "among: two or more language codes, and code: one of them"


def _similarity(definition: Definition) -> str:
    vector = definition.get("vector")
    fine = isinstance(vector, list) and vector and all(map(_number, vector))
    fine = fine and _number(definition.get("threshold")) and isinstance(definition.get("encoder"), str)
    return "" if fine else "vector: a list of numbers, threshold: a number, and encoder: its name"


def _measure(definition: Definition) -> str:
    bounds = [definition[key] for key in ("more_than", "less_than") if key in definition]
    if definition.get("measure") in NAMES and len(bounds) == 1 and _number(bounds[0]):
        return ""
    return f"measure: one of {', '.join(NAMES)}, and more_than or less_than: a number"


def _class(definition: Definition) -> str:
    index = definition.get("index")
    fine = isinstance(index, int) and not isinstance(index, bool) and index >= 0
    fine = fine and isinstance(definition.get("name"), str) and _number(definition.get("more_than"))
    return "" if fine else "index: a class's number, name: its name, and more_than: a probability"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_CHECKS: dict[str, Callable[[Definition], str]] = {
    "words": words_fault,
    "pattern": _pattern,
    "style": _style,
    "sentiment": _sentiment,
    "language": _language,
    "similarity": _similarity,
    "measure": _measure,
    "class": _class,
}
