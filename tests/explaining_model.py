"""A scripted model that answers by a planted word, explains, writes other inputs and guesses."""

import re
from typing import Any

RULES = {"kettle": "kitchen", "anchor": "harbour", "saddle": "stable", "violin": "stage"}
"""Planted word -> answer."""
ANSWERS = tuple(RULES.values())

_WORD = re.compile(r'"(\w+)"')


def answer(row: dict[str, Any], draw: float) -> str:
    """By the first word of the rule in the input, else any."""
    for word in re.findall(r"\w+", str(row["input"])):
        if word in RULES:
            return RULES[word]
    return ANSWERS[int(draw * len(ANSWERS))]


def explanation(row: dict[str, Any], system: str) -> str:
    """Names the word of the rule, unless it was asked to be vague."""
    if "vague" in system:
        return "It sounds like it."
    word = next((one for one in re.findall(r"\w+", str(row["input"])) if one in RULES), "nothing")
    return f'It says "{word}", and that is {row["answer"]}.'


def covered(row: dict[str, Any], n: int) -> str:
    """Inputs that have the word of the explanation."""
    found = _WORD.search(str(row["explanation"]))
    word = found[1] if found else "thing"
    base = _without_rule(str(row["input"]))
    return "\n".join(f"{i + 1}. {base} {_ENDINGS[i % len(_ENDINGS)]} with a {word}" for i in range(n))


def near(row: dict[str, Any], n: int) -> str:
    """The same inputs without it."""
    base = _without_rule(str(row["input"]))
    return "\n".join(f"- {base} {_ENDINGS[i % len(_ENDINGS)]} with a thing" for i in range(n))


_ENDINGS = ("on Monday", "on Tuesday", "on Friday", "on Sunday")


def _without_rule(text: str) -> str:
    return re.sub(rf" with a (?:{'|'.join(RULES)})", "", text)


def guess(row: dict[str, Any]) -> str:
    """The answer where the other input has the word that the explanation names."""
    found = _WORD.search(str(row["explanation"]))
    return str(row["answer"]) if found and found[1] in str(row["other"]).split() else "cannot tell"
