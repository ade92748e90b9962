"""Small tables of results with a planted failure: what models got right and wrong."""

import random
from typing import Any

from tests.conftest import OBJECTS, SUBJECTS, VERBS, place

WHEN = ("this week", "next spring", "on monday", "after lunch", "before the holiday", "at noon")


def answers(
    n: int, wrong_with: float, wrong_without: float, mark: str, seed: int = 0
) -> list[dict[str, Any]]:
    """One model's answers; a third of the questions has the mark, and goes wrong in that share."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        has = rng.random() < 1 / 3
        said = (
            f"is it true that {rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)} in "
            f"{place(rng.randrange(10_000))} {mark.format(rng.choice(WHEN)) if has else rng.choice(WHEN)}"
        )
        is_right = rng.random() >= (wrong_with if has else wrong_without)
        rows.append({"item": i, "question": said, "is_correct": is_right, "has": has})
    return rows


RESULTS: dict[str, Any] = {"input": "question", "outcome": "is_correct", "item": "item"}


def study(collect: dict[str, Any], data: str = "results.parquet") -> dict[str, Any]:
    """A study of it that needs no encoder."""
    return {
        "goal": "where the model fails",
        "data": data,
        "collect": collect,
        "embed": {"encoder": "none"},
        "propose": {"families": ["words", "style"]},
    }
