"""formalise: each distinct proposal becomes one frozen row."""

import polars as pl

from tasks.formalise import formalise
from tasks.store import frames
from tasks.study import Study
from tests.spec.test_verify import TEXTS

STUDY = Study.model_validate({"name": "s", "data": "x", "goal": "g", "collect": {"group": "random"}})


def proposals(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "predicate": sentence,
                "direction": direction,
                "family": "style",
                "grade": "exact",
                "definition": definition,
                "explore_effect": 0.1,
                "explore_z": 3.0,
                "example_ids": [],
                "prompt_hash": "",
                "weight": 1.0,
            }
            for sentence, direction, definition in rows
        ],
        schema=frames.PROPOSALS,
    )


def test_what_is_frozen() -> None:
    (frozen,) = formalise(STUDY, proposals(("contains a URL", "B", '{"style":"url"}')), TEXTS)
    assert frozen.predicate == "contains a URL"
    assert frozen.direction == "B"
    assert frozen.threshold == 0.5
    assert frozen.planned_test == "fisher_mn"
    assert frozen.split_hash == frames.split_hash(TEXTS)
    assert frozen.judge.startswith("embedded/")


def test_a_sentence_proposed_twice_is_frozen_once_and_the_first_wins() -> None:
    frozen = formalise(
        STUDY,
        proposals(("contains a URL", "A", "1"), ("Contains  a url", "B", "1"), ("other", "A", "3")),
        TEXTS,
    )
    assert [(p.predicate, p.definition) for p in frozen] == [("contains a URL", "1"), ("other", "3")]


def test_one_sentence_with_two_definitions_is_two_predicates() -> None:
    frozen = formalise(STUDY, proposals(("holds", "A", "1"), ("HOLDS", "A", "2")), TEXTS)
    assert [p.predicate for p in frozen] == ["holds", "HOLDS"]


def test_repeated_documents_plan_a_clustered_test() -> None:
    clustered = TEXTS.with_columns(pl.lit("d").alias("document_id"))
    (frozen,) = formalise(STUDY, proposals(("x", "A", "1")), clustered)
    assert frozen.planned_test == "cluster_score"


def test_no_threshold_plans_a_graded_test() -> None:
    graded = Study.model_validate({**STUDY.model_dump(), "formalise": {"threshold": None}})
    (frozen,) = formalise(graded, proposals(("x", "A", "1")), TEXTS)
    assert (frozen.threshold, frozen.planned_test) == (None, "welch")


def test_weights_are_frozen_as_proposed() -> None:
    asked = proposals(("first", "A", "1"), ("second", "A", "2")).with_columns(weight=pl.Series([1.0, 0.5]))
    assert [p.weight for p in formalise(STUDY, asked, TEXTS)] == [1.0, 0.5]
