"""Studies of the kinds with a model, drawn by hand as report reads them."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from tasks import paths
from tasks.kinds.clusters.tables import MAP
from tasks.kinds.fitted import tables
from tasks.report import stage as report
from tasks.store import frames
from tasks.study import load
from tests.conftest import Project
from tests.spec.report_made import exhibit, held, put, weak, written

BITS = {"mean_a": -0.9, "mean_b": -1.05, "n_a": 300, "n_b": 0, "method": "conditional_gain"}
PLANNED = "conditional_gain:5b117"
TOGETHER = frames.TOGETHER
CLASSES = ("sports", "politics", "business", "science")
N = 120
"""Texts of either half."""


def found(name: str, gain: float = 0.14, **changes: Any) -> dict[str, Any]:
    """A sentence that adds so many bits."""
    ends = {"validity": gain, "lo": 0.7 * gain, "hi": 1.3 * gain}
    return held(name, **BITS, planned_test=PLANNED, **{**ends, **changes})


def flat(name: str, **changes: Any) -> dict[str, Any]:
    """A sentence that adds nothing."""
    return weak(name, **{**BITS, "planned_test": PLANNED, **changes})


def rows() -> list[dict[str, Any]]:
    """Three findings and one that is none."""
    return [
        found("is about goals"),
        found("names a minister", 0.1),
        found("is in the past tense", 0.05),
        flat("has many commas"),
    ]


def save(stage: str, name: str, content: Sequence[Mapping[str, Any]], schema: pl.Schema) -> None:
    """A table of that stage."""
    folder = paths.output("news", stage)
    folder.mkdir(parents=True, exist_ok=True)
    frames.write(pl.DataFrame(list(content), schema=schema), folder / f"{name}.parquet", schema)


def made(
    project: Project,
    kind: str,
    of: Sequence[dict[str, Any]],
    values: Sequence[tuple[str | None, float | None]] = (),
    attack: str = "",
    search: bool = False,
) -> str:
    """The page of a study of that kind; tables of score and propose that were saved before are shown.

    Args:
        project: where it lies.
        kind: of the study.
        of: tested predicates.
        values: of the texts, value and number, in turn.
        attack: stands in every text and value.
        search: whether the page carries the texts.
    """
    texts = [text(half, i, attack) for half in ("explore", "confirm") for i in range(N)]
    if values:
        given = [values[i % len(values)] for i in range(N)] * 2
        known = [
            {"text_hash": one["text_hash"], "value": said and said + attack, "number": number}
            for one, (said, number) in zip(texts, given, strict=True)
        ]
        save("collect", "values", known, tables.VALUES)
    verdicts(of)
    put(
        project,
        list(of),
        record={"names": {"A": "the texts", "B": "no text"}},
        kind=kind,
        collect={},
    )
    save("collect", "texts", texts, frames.TEXTS)
    save_baselines()
    exhibits = [
        {**exhibit(row, role, f"text {role} {i}{attack}", rank=i + 1), "text_id": f"c{i:03}", "group": "A"}
        for row in of
        if row["is_discovery"]
        for role, i in (("supports", 0), ("supports", 4), ("contradicts", 1))
    ]
    save("record", "evidence", exhibits, frames.EVIDENCE)
    frozen = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    frames.write_manifest(paths.output("news", "verify"), {"frozen_hash": frames.frozen_hash(frozen)})
    if search:
        entry = {"goal": "what changed in the news", "data": "news.csv", "kind": kind, kind: {}}
        project.params(news={**entry, "collect": {}, "report": {"texts": True}})
    report.run(load("news"))
    return written("index.html")


def text(half: str, i: int, attack: str) -> dict[str, Any]:
    """A text of that half."""
    name = f"{half[0]}{i:03}"
    return {
        "text_id": name,
        "text_hash": name,
        "text": f"text {name} says this{attack}",
        "group": "A",
        "document_id": name,
        "half": half,
        "n_merged": 1,
        "context": None,
        "media": None,
    }


def verdicts(of: Sequence[Mapping[str, Any]]) -> None:
    """Predicate k holds for every (k + 2)th confirmation text."""
    said = [
        {
            "predicate_id": row["predicate_id"],
            "text_id": f"c{i:03}",
            "status": "value",
            "score": float(i % (k + 2) == 0),
        }
        for k, row in enumerate(of)
        for i in range(N)
    ]
    save("verify", "part-0000", said, frames.VERDICTS)


def save_chosen(of: Sequence[Mapping[str, Any]]) -> None:
    """How the predicates were chosen, and again by three restarts."""
    steps = [
        {
            "step": i + 1,
            "move": "add",
            "predicate": row["predicate"],
            "gain": 0.3 / (i + 1),
            "lo": 0.2 / (i + 1),
            "hi": 0.4 / (i + 1),
            "kept": row["is_discovery"],
            "n_judged": 1000 * (i + 1),
        }
        for i, row in enumerate(of)
    ]
    save("propose", "path", steps, tables.PATH)
    again = [
        {
            "restart": r,
            "predicate_id": row["predicate_id"],
            "match": "like " + row["predicate"],
            "phi": 0.9 - 0.1 * r,
        }
        for row in of
        for r in (1, 2, 3)
    ]
    save("propose", "restarts", again, tables.AGREEMENT)


def save_baselines() -> None:
    """What all sentences and two baselines reach."""
    reached = {TOGETHER: 0.62, "k-means on the embeddings": 0.55, "surface features": 0.08}
    content: list[dict[str, Any]] = [
        {"baseline": name, "validity": value, "lo": value - 0.05, "hi": value + 0.05, "p": 1e-6}
        for name, value in reached.items()
    ]
    content.append({"baseline": "always true", "validity": 0.0, "lo": None, "hi": None, "p": None})
    save("score", "baselines", content, frames.BASELINES)


def save_classes(of: Sequence[Mapping[str, Any]], slots: Sequence[str] = CLASSES) -> None:
    """Coefficients and shares by class."""
    weights = [
        {
            "predicate_id": row["predicate_id"],
            "slot": slot,
            "weight": (1.2 if j == k % len(slots) else -0.4) if k < 3 else 0.05,
            "lo": (0.8 if j == k % len(slots) else -0.6) if k < 3 else -0.2,
            "hi": (1.6 if j == k % len(slots) else -0.2) if k < 3 else 0.3,
            "frozen": 1.1 if j == k % len(slots) else -0.3,
        }
        for k, row in enumerate(of)
        for j, slot in enumerate(slots)
    ]
    save("score", "weights", weights, tables.WEIGHTS)
    ids = [*(row["predicate_id"] for row in of), "unexplained"]
    save(
        "score",
        "coverage",
        [share_row(one, slot, 0.1 + 0.05 * j) for one in ids for j, slot in enumerate(["", *slots])],
        tables.COVERAGE,
    )


def share_row(predicate_id: str, slot: str, share: float, half: float = 0.03) -> dict[str, Any]:
    """A row of COVERAGE."""
    return {
        "predicate_id": predicate_id,
        "slot": slot,
        "share": share,
        "lo": max(share - half, 0.0),
        "hi": min(share + half, 1.0),
        "n": 100,
    }


def days(n: int = N, first: date = date(2009, 1, 1), step: int = 40) -> list[tuple[str | None, float | None]]:
    """Dates with their seconds since 1970."""
    every = [first + timedelta(days=step * i) for i in range(n)]
    return [(one.isoformat(), float((one - date(1970, 1, 1)).days * 86_400)) for one in every]


def save_courses(of: Sequence[Mapping[str, Any]], times: Sequence[tuple[str | None, float | None]]) -> None:
    """The first rises, the second jumps, the third comes and goes, others stay."""
    grid = times[:: max(1, len(times) // 60)]
    x = np.linspace(0, 1, len(grid))
    courses = [
        0.04 + 0.15 * x,
        np.where(x < 0.6, 0.05, 0.3),
        0.05 + 0.3 * np.exp(-(((x - 0.4) / 0.12) ** 2)),
    ]
    content = []
    for k, row in enumerate(of):
        shares = courses[k] if k < 3 else np.full(len(grid), 0.12)
        content += [
            share_row(row["predicate_id"], str(said), float(share))
            for (said, _), share in zip(grid, shares, strict=True)
        ]
        content.append(share_row(row["predicate_id"], "", float(shares.mean())))
    save("score", "coverage", content, tables.COVERAGE)
    at, lo, hi = (times[math.floor(part * (len(times) - 1))] for part in (0.6, 0.58, 0.63))
    jump = {
        "predicate_id": of[1]["predicate_id"],
        **{"at": at[1], "lo": lo[1], "hi": hi[1], "said": at[0], "said_lo": lo[0], "said_hi": hi[0]},
        **{"before": 0.05, "after": 0.3, "p": 0.0004},
    }
    save("score", "changes", [jump], tables.CHANGES)


def save_map(n: int = N) -> None:
    """Places of the confirmation texts."""
    rng = np.random.default_rng(0)
    content = [
        {"text_id": f"c{i:03}", "x": float(x + 3 * (i % 2)), "y": float(y + 3 * (i % 3))}
        for i, (x, y) in enumerate(rng.normal(size=(n, 2)))
    ]
    save("score", "map", content, MAP)


def save_words(of: Sequence[Mapping[str, Any]]) -> None:
    """Words that come with each sentence."""
    content = [
        {
            "predicate_id": row["predicate_id"],
            "slot": word,
            "weight": w,
            "lo": w - 0.3,
            "hi": w + 0.3,
            "frozen": w,
        }
        for row in of
        for word, w in (("goals", 2.0), ("coach", 1.5), ("season", 1.2), ("tax", -0.8))
    ]
    save("score", "weights", content, tables.WEIGHTS)
    ids = [*(row["predicate_id"] for row in of), "unexplained"]
    save(
        "score", "coverage", [share_row(one, "", 0.5 / (k + 1)) for k, one in enumerate(ids)], tables.COVERAGE
    )
