"""record: which texts are shown, and what stops it."""

import json

import numpy as np
import polars as pl
import pytest

from tasks.engines.embedded.judging import EmbeddedJudge
from tasks.errors import GuardError
from tasks.record import evidence_rows
from tasks.records import Predicate
from tasks.store import frames
from tasks.study import Study
from tests.conftest import PAIR_STUDY, Project, pair
from tests.spec.test_score import held_out, rows
from tests.spec.test_verify import predicate

STUDY = Study.model_validate(
    {"name": "s", "data": "x", "goal": "g", "collect": {"group": "random"}, "record": {"n_evidence": 2}}
)


def defined(name: str, definition: dict[str, object]) -> Predicate:
    import dataclasses

    return dataclasses.replace(predicate(name), definition=json.dumps(definition))


def test_the_strongest_texts_come_first_on_either_side() -> None:
    texts = held_out(3, 3)
    leaning = defined(
        "x",
        {
            "kind": "similarity", "basis": "topic", "anchor": "sport", "encoder": "e", "threshold": 0.1,
            "vector": [1.0, 0.0],
        },
    )  # fmt: skip
    along = np.array([0.2, 0.9, 0.5, 0.0, 0.3, 0.8])
    embeddings = np.stack([along, np.sqrt(1 - along**2)], axis=1)
    verdicts = rows([[1], [1], [1], [0], [1], [1]], texts, ["x"])
    shown = evidence_rows(STUDY, "run", texts, embeddings, [leaning], verdicts, EmbeddedJudge(STUDY))
    assert shown.select("role", "rank", "text_id").rows() == [
        ("supports", 1, "t0001"),
        ("supports", 2, "t0002"),
        ("contradicts", 1, "t0005"),
        ("contradicts", 2, "t0004"),
    ]


def test_what_holds_nowhere_has_no_evidence() -> None:
    texts = held_out(2, 2)
    word = defined("x", {"kind": "words", "terms": ["absent"]})
    verdicts = rows([[0]] * 4, texts, ["x"])
    shown = evidence_rows(STUDY, "run", texts, np.zeros((4, 0)), [word], verdicts, EmbeddedJudge(STUDY))
    assert shown.height == 0
    assert shown.schema == frames.EVIDENCE


def test_too_many_refusals_stop_the_recording_and_leave_nothing(project: Project) -> None:
    recorded = [
        {**row, "predicate": "holds", "score": None, "status": "refusal"}
        if i % 3 == 0
        else {**row, "predicate": "holds", "score": 1.0, "status": "value"}
        for i, row in enumerate(pair(100, 0.5, 0.1))
    ]
    pl.DataFrame(recorded, infer_schema_length=None).write_parquet("news.parquet")
    study = {**PAIR_STUDY, "engine": "replay", "verdicts": "news.parquet"}
    project.params(news=study)
    with pytest.raises(GuardError, match="refus"):
        project.run("news")
    assert not (project.folder / "data/news/7_discoveries").exists()
    assert not (project.folder / "data/discoveries.duckdb").exists()
