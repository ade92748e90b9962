"""A study of kind encoder_failures under `engine: llm`, all of it against the scripted server.

The server's own encoder is under test: it hardly sees the order of words, and takes synonyms for one word.
"""

from itertools import combinations, cycle
from typing import Any

import polars as pl

from tasks import paths
from tasks.kinds.encoder_failures import KIND
from tasks.store import frames
from tests.conftest import Project
from tests.loopback import Plan, Server
from tests.scripted_model import SAME

ROLES, SYNONYMS, TOPIC = "who does what to whom", "synonyms of an adjective", "topic"
DESCRIBED = {
    ROLES: "The second text exchanges who acts and who is acted upon",
    SYNONYMS: "The second text says an adjective by a synonym",
    TOPIC: "The second text is about something else",
}
PLAN = Plan(
    # What was suggested before comes again, in other words.
    failures=(
        (ROLES, DESCRIBED[ROLES]),
        (SYNONYMS, DESCRIBED[SYNONYMS]),
        ("The synonym of adjectives.", "Said again"),
    ),
    blind_failures=(("Who DOES what to whom", "And again"), (TOPIC, DESCRIBED[TOPIC])),
)
N_FRESH = 40
ENCODER = "openai:tiny"
LLM_TASKS = ("failures", "pair", "pairs", "meaning", "meanings", "guesses", "ratings")
PEOPLE = ("admiral", "barber", "cook", "dancer", "editor", "farmer", "guard", "hunter")
DEEDS = ("paints", "visits", "calls")
OTHER_DEEDS = ("praises", "follows", "greets", "warns", "mocks", "trusts")


def captions() -> list[dict[str, str]]:
    """Sentences with their twins, in which roles are exchanged, and sentences without."""
    twins = [
        text
        for deed in DEEDS
        for a, b in combinations(PEOPLE, 2)
        for text in (f"an old {a} {deed} a young {b}", f"an old {b} {deed} a young {a}")
    ]
    alone = [
        f"a {adjective} {a} {deed} the {b}"
        for deed in OTHER_DEEDS
        for adjective, (a, b) in zip(cycle(SAME), combinations(PEOPLE, 2), strict=False)
    ]
    return [{"text": text, "scene": f"scene {i}"} for i, text in enumerate([*twins, *alone])]


def failures_study(server: Server, **blocks: Any) -> dict[str, Any]:
    """The study's entry; blocks add to its own."""
    made: dict[str, Any] = {
        "kind": "encoder_failures",
        "engine": "llm",
        "goal": "which captions the encoder takes for the same though they are not",
        "user": "a team that searches captions",
        "data": "captions.parquet",
        "collect": {},
        "embed": {"encoder": ENCODER},
        "encoder_failures": {"threshold": 0.97, "margin": 0.1, "fresh": N_FRESH},
        "propose": {"rounds": 2, "per_round": 4, "max_predicates": 6},
        "llm": {"base_url": server.url, "model": "scripted"},
        "spend": {"timeout_s": 1.0, "attempts": 12, "concurrency": 8},
    }
    for name, block in blocks.items():
        made[name] = {**made.get(name, {}), **block} if isinstance(block, dict) else block
    return made


def prepared_failures(
    project: Project, server: Server, rows: list[dict[str, str]] | None = None, **blocks: Any
) -> Project:
    """A project with the study `captions`."""
    project.table("captions.parquet", rows or captions())
    project.params(captions=failures_study(server, **blocks))
    return project


def n_asked(server: Server) -> int:
    """Calls of language models so far; those of the encoder are others."""
    by_task = server.stats()["by_task"]
    return sum(by_task.get(task, 0) for task in LLM_TASKS)


SCHEMAS = KIND.tables


def table(stage: str, name: str) -> pl.DataFrame:
    """A stage's table."""
    return frames.read(
        paths.output("captions", stage), f"{name}.parquet", SCHEMAS.get(name) or getattr(frames, name.upper())
    )


def named(stage: str, name: str) -> pl.DataFrame:
    """A stage's table, with the name of each row's failure."""
    names = table("formalise", "predicates").select("predicate_id", "predicate")
    return table(stage, name).join(names, on="predicate_id", maintain_order="left")


def failed() -> dict[str, dict[str, Any]]:
    """The row of each tested failure, by its name."""
    return {row["predicate"]: row for row in table("record", "discoveries").iter_rows(named=True)}
