"""Copies are no evidence: families whose group is drawn by chance give no discoveries, of whatever sort."""

import random
from typing import Any

import polars as pl
import pytest

from tests.conftest import Project

WORDS = (
    "account", "bill", "update", "device", "support", "delivery", "plan", "month", "login", "order", "price",
    "sound", "team", "ticket", "battery", "screen", "door", "invoice", "refund", "email",
)  # fmt: skip
FORMS = [word + ending for word in WORDS for ending in ("", "s", "ing", "ed", "er")]
NAMES = ("anna", "bob", "carla", "dave", "erin", "frank", "gina", "hugo", "ivy", "jack")
SORTS = ("signs", "retweets", "numbers", "names", "quotes")


def copy(sort: str, words: list[str], i: int, rng: random.Random) -> str:
    """The i-th copy of a text."""
    text, said = list(words), " ".join(words)
    match sort:
        case "signs":
            return said + ("", ".", "!", " !", "?", "...")[i]
        case "retweets":
            return f"RT @{NAMES[i]}: {said}" if i else said
        case "numbers":
            text[4] = str(rng.randrange(1000))
            return " ".join(text)
        case "names":
            text[2], text[6] = rng.choices(NAMES, k=2)
            return f"dear {rng.choice(NAMES)} {' '.join(text)}"
        case _:
            around = [" ".join(rng.choices(FORMS, k=k)) for k in (12, 5)]
            return f"{around[0]} > {said} {around[1]}" if i else said


def copied(sort: str, seed: int) -> list[dict[str, str]]:
    """150 texts in six copies, in random order."""
    rng = random.Random(seed)
    rows = []
    for _ in range(150):
        words, label = rng.choices(WORDS if sort in SORTS[:2] else FORMS, k=14), rng.choice("AB")
        rows += [{"text": copy(sort, words, i, rng), "label": label} for i in range(6)]
    rng.shuffle(rows)
    return rows


def n_discoveries(project: Project, rows: list[dict[str, str]], seed: int, **params: Any) -> int:
    project.table("posts.parquet", rows)
    collect = {"group": "label", "a": "A", "b": "B", **params}
    project.params(
        posts={
            "goal": "what differs", "data": "posts.parquet", "seed": seed, "collect": collect,
            "embed": {"encoder": "none"}, "propose": {"families": ["words", "style"]},
        }
    )  # fmt: skip
    project.run("posts", "collect", "embed", "propose", "formalise", "verify", "score")
    scores = pl.read_parquet(project.folder / "data/posts/6_scores/scores.parquet")
    return int(scores["is_discovery"].sum())


@pytest.mark.parametrize("sort", SORTS)
def test_families_of_one_group_by_chance_give_nothing(project: Project, sort: str) -> None:
    assert n_discoveries(project, copied(sort, 0), 0) == 0


def test_taken_for_different_texts_they_give_many(project: Project) -> None:
    assert n_discoveries(project, copied("signs", 0), 0, near_duplicates=None) > 5


@pytest.mark.simulation
@pytest.mark.parametrize("sort", SORTS)
def test_of_twenty_studies_at_most_one_has_a_discovery(project: Project, sort: str) -> None:
    """At alpha .05: more than 3 of 20 have chance .016; before, 20 of 20 had some."""
    found = [n_discoveries(project, copied(sort, seed), seed) for seed in range(20)]
    assert sum(n > 0 for n in found) <= 1
