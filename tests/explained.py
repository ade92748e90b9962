"""Inputs with a planted word, a model that follows a rule on it, and explanations that say so or do not."""

import random
from typing import Any

from tests.conftest import place, sentences
from tests.explaining_model import ANSWERS, RULES

FAITHFUL, OTHER = "names the word", "names another word"


def inputs(n: int, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct texts, each with a word of the rule."""
    rng = random.Random(seed)
    made = []
    for i, sentence in enumerate(sentences(n, 0.3, seed)):
        word = list(RULES)[i % len(RULES)]
        made.append((f"{sentence} near {place(rng.randrange(10_000))} with a {word}", word))
    return made


def drawn_rows(n: int, seed: int = 0, by_chance: bool = False) -> list[dict[str, Any]]:
    """A table for which inputs are drawn: one explainer lists the word of the rule, the other two more.

    Args:
        n: inputs.
        seed: of all that is drawn.
        by_chance: the model's answers follow nothing.
    """
    rng = random.Random(seed + 1)
    rows = []
    for text, word in inputs(n, seed):
        answer = rng.choice(ANSWERS) if by_chance else RULES[word]
        said = text.split()
        rows.append({"text": text, "who": FAITHFUL, "explanation": word, "answer": answer})
        rows.append({"text": text, "who": OTHER, "explanation": f"{said[1]}, {said[2]}", "answer": answer})
    return rows


def tried_rows(n: int, exceptions: float = 0.0, refuses: float = 0.0, seed: int = 0) -> list[dict[str, Any]]:
    """A table of inputs that readers were asked about: half have the word, and half another one.

    Args:
        n: explained inputs.
        exceptions: share of outcomes that do not follow the rule.
        refuses: share of the covered inputs of which the reader makes no guess.
        seed: of all that is drawn.
    """
    rng = random.Random(seed + 2)
    rows = []
    for text, word in inputs(n, seed):
        for k in range(8):
            tried = word if k % 2 == 0 else rng.choice([one for one in RULES if one != word])
            outcome = RULES[tried]
            if rng.random() < exceptions:
                outcome = rng.choice([one for one in ANSWERS if one != outcome])
            covers = tried == word and rng.random() >= refuses
            other = text.replace(word, tried).replace("near ", f"near {place(rng.randrange(10_000))} ")
            rows.append(
                {
                    "text": text,
                    "explanation": f'It says "{word}", so it is {RULES[word]}.',
                    "answer": RULES[word],
                    "counterfactual": other,
                    "guess": RULES[word].upper() if covers else "Cannot tell",
                    "outcome": outcome,
                }
            )
    return rows
