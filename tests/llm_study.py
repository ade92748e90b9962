"""A study under `engine: llm` against the scripted server, with two differences that were planted."""

import random
from pathlib import Path
from typing import Any

import polars as pl

from tasks import paths
from tasks.engines.llm import prompts
from tasks.store import frames
from tests import scripted_model
from tests.conftest import PAIR_STUDY, Project, sentences
from tests.loopback import Plan, Server

PLANTED = {'mentions "covid"': "A", 'mentions "cricket"': "B"}
"""Predicate and the group in which it holds more often."""
NULL = (
    'mentions "the harbour"',
    'mentions "the minister"',
    'mentions "plans" or "reviews"',
    "expresses doubt about a promise",
    "is written in haste",
)
HYPOTHESES = (*((p, d) for p, d in PLANTED.items()), *((p, "AB"[i % 2]) for i, p in enumerate(NULL)))
SHARE_PLANTED = 0.3

FAULTS: dict[str, float] = {
    "rate_limited": 0.2,
    "server_error": 0.03,
    "hang": 0.01,
    "dropped": 0.02,
    "half_body": 0.02,
    "half_json": 0.02,
    "wrong_schema": 0.02,
    "reordered": 0.05,
    "missing_items": 0.05,
}
"""All that goes wrong on the way and leaves verdicts as they are: refusals are not among it."""


def rows(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """n texts of each group: covid is told of in A alone, cricket in B alone."""
    rng = random.Random(seed)
    made = []
    for year, covid, cricket in ((2020, SHARE_PLANTED, 0.0), (2019, 0.0, SHARE_PLANTED)):
        for text in sentences(n, covid, seed + year):
            ending = "before the cricket final" if rng.random() < cricket else "before the village fair"
            made.append({"text": f"{text} {ending}", "year": year})
    return made


def study(server: Server, **blocks: Any) -> dict[str, Any]:
    """The study; blocks add to its own."""
    made: dict[str, Any] = {
        **PAIR_STUDY,
        "engine": "llm",
        # What is asked and counted here is what the study itself asks; the check has tests of its own.
        "llm": {"base_url": server.url, "model": "scripted", "check": False},
        "spend": {"timeout_s": 1.0, "attempts": 12, "concurrency": 32},
        # No gate: predicates that say nothing are to be tested, and found to be nothing.
        "propose": {"samples": 5, "rounds": 2, "judged": 20, "gate_z": 0.0},
    }
    for name, block in blocks.items():
        made[name] = {**made.get(name, {}), **block} if isinstance(block, dict) else block
    return made


def prepared(project: Project, server: Server, n: int = 100, **blocks: Any) -> Project:
    """A project with the study `news`, n texts in each group."""
    project.table("news.parquet", rows(n))
    project.params(news=study(server, **blocks))
    return project


def verdict_files(name: str = "news") -> dict[str, bytes]:
    """The stage's Parquet by file name, calls left out: these differ where a call was repaired."""
    folder = paths.output(name, "verify")
    return {file.name: file.read_bytes() for file in sorted(folder.glob("[op]*.parquet"))}


def discoveries(name: str = "news") -> dict[str, dict[str, Any]]:
    """Every tested predicate's row."""
    frame = frames.read(paths.output(name, "record"), "discoveries.parquet", frames.DISCOVERIES)
    return {row["predicate"]: row for row in frame.iter_rows(named=True)}


def verdicts(name: str = "news") -> pl.DataFrame:
    """Verdicts beside the predicate and the text they are about."""
    files = sorted(paths.output(name, "verify").glob("part-*.parquet"))
    predicates = frames.read(paths.output(name, "formalise"), "predicates.parquet", frames.PREDICATES)
    texts = frames.read(paths.output(name, "collect"), "texts.parquet", frames.TEXTS)
    return (
        pl.read_parquet(files)
        .join(predicates.select("predicate_id", "predicate"), on="predicate_id", how="left")
        .join(texts.select("text_id", "text", "group", "half"), on="text_id", how="left")
    )


def wanted(plan: Plan, found: pl.DataFrame) -> pl.Series:
    """What the scripted judge says of each row, asked here, without a server."""
    said = [
        float(scripted_model.holds(plan, prompts.phrase(row["predicate"]), row["text"], 1))
        for row in found.iter_rows(named=True)
    ]
    return pl.Series("wanted", said)


def is_refused(plan: Plan, text: str) -> bool:
    """Whether the scripted server refuses the text."""
    return scripted_model.draw("refusal", plan.seed, text) < plan.refusals


def every_file(folder: Path) -> dict[str, bytes]:
    """All that lies under a folder, as it is on the disk."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
