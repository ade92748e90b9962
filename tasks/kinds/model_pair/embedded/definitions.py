"""Definitions of comparisons: JSON that says completely which of two answers shows a trait more.

{"kind": "comparison", "trait": "length"}          {"kind": "comparison", "trait": "length", "less": true}
{"kind": "comparison", "terms": ["delve", "delves"]}
{"kind": "comparison", "pattern": "(?i)refund(s|ed)?"}
{"kind": "comparison", "axis": "formal", "encoder": NAME, "vector": [...]}
{"kind": "comparison", "measure": "lightness"}     {"kind": "comparison", "class": 733, "name": "pole"}

A list of words or a tone may have `without`, words that are left out because they are names in these answers,
and `carried_by`, which says what carries its difference. `among` are the languages that are told apart.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from tasks.engines.embedded import definitions as of_texts
from tasks.engines.embedded import tokens, words
from tasks.engines.languages import LANGUAGES
from tasks.errors import EngineError
from tasks.kinds.model_pair.embedded import looking
from tasks.kinds.model_pair.embedded.traits import AXES, BY_ENCODER, traits

Definition = Mapping[str, Any]
KIND = "comparison"
written = of_texts.written


def phrase(definition: Definition) -> str:
    """What the definition says, as a completion of 'the answer that ...'."""
    less = bool(definition.get("less"))
    if "terms" in definition:
        return words.phrase(definition["terms"]).replace("mentions ", "says ", 1) + " more"
    if "pattern" in definition:
        return f"matches /{definition['pattern']}/ more"
    if looking.compares(definition):
        return looking.phrase(definition)
    if "axis" in definition:
        return AXES[definition["axis"]][less] + BY_ENCODER
    trait = traits()[definition["trait"]]
    said = trait.less if less else trait.phrase
    carried = definition.get("carried_by")
    return f"{said} (here mostly {tokens.listed(carried)})" if carried else said


def read(text: str, predicate: str) -> Definition:
    """The definition, checked.

    Raises:
        EngineError: it is not one that this engine can judge.
    """
    try:
        definition = json.loads(text)
    except ValueError:
        definition = None
    if isinstance(definition, dict) and definition.get("kind") == KIND:
        wrong = _fault(definition)
    else:
        wrong = f"JSON of the kind {KIND}"
    if wrong:
        shown = text if len(text) <= 200 else f"{text[:200]}..."
        raise EngineError(
            f"predicate `{predicate}`: wanted a definition with {wrong}, got {shown}.",
            hint="Propose again with this engine: `dvc repro -f propose`.",
        )
    checked: Definition = definition
    return checked


def _fault(definition: Definition) -> str:
    """What is wanted in place of what it has; empty where it can be judged."""
    if "terms" in definition:
        return of_texts.words_fault(definition)
    if "pattern" in definition:
        return of_texts.pattern_fault(definition["pattern"]) and "pattern: a regular expression"
    if looking.compares(definition):
        return looking.fault(definition)
    if "axis" in definition:
        vector = definition.get("vector")
        fine = (
            definition["axis"] in AXES and isinstance(vector, list) and vector and all(map(_number, vector))
        )
        return "" if fine else f"axis: one of {', '.join(AXES)}, and vector: a list of numbers"
    return _fault_of_trait(definition)


def _fault_of_trait(definition: Definition) -> str:
    name = definition.get("trait")
    if not isinstance(name, str) or name not in traits():
        return f"trait: one of {', '.join(traits())}"
    if definition.get("less") and not traits()[name].less:
        return f"no less: `{traits()[name].phrase}` has no opposite that is a trait"
    among = definition.get("among", [])
    if not isinstance(among, list) or not all(code in LANGUAGES for code in among):
        return "among: language codes"
    left_out = definition.get("without", [])
    fine = isinstance(left_out, list) and all(isinstance(word, str) for word in left_out)
    return "" if fine else "without: a list of words"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
