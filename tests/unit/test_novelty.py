"""Novelty as a distance to what was guessed or is known, and what the embedded rater makes of it."""

from collections.abc import Sequence

import numpy as np
import pytest

from tasks.engines import embedded, novelty
from tasks.engines.encoders import encoder
from tasks.store import duck
from tasks.study import Study
from tests.conftest import Project
from tests.recorded_study import put_study
from tests.spec.test_verify import predicate


class Axes:
    """Every new word is a direction of its own; what stands after "mentions" is all that counts."""

    name, dim = "axes", 400

    def __init__(self) -> None:
        self._axis: dict[str, int] = {}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.split("mentions")[-1].split():
                row[self._axis.setdefault(word, len(self._axis)) % self.dim] = 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_distance_is_twice_one_minus_the_greatest_cosine() -> None:
    axes = np.eye(3)
    between = np.array([[0.6, 0.8, 0.0]])
    assert novelty.distances(axes, between) == [0.8, 0.4, 2.0]
    assert novelty.distances(axes, np.vstack([between, axes[:1]])) == [0.0, 0.4, 2.0]
    assert novelty.distances(axes[:1], -axes[:1]) == [2.0], "what is opposite is no newer than what is apart"


def test_without_anything_to_compare_there_is_no_distance() -> None:
    assert novelty.distances(np.eye(2), np.zeros((0, 2))) == [None, None]
    assert novelty.distances(np.zeros((2, 0)), np.zeros((3, 0))) == [None, None]
    assert novelty.from_past(Axes(), np.eye(2), []) == [None, None]


def test_the_embedded_rater_tells_both_novelties(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = Axes()
    monkeypatch.setattr(encoder, "load", lambda study: axes)
    study = Study.model_validate({"name": "s", "data": "d", "goal": "g", "collect": {"group": "random"}})
    flood, virus = (predicate(word) for word in ("flood", "virus"))
    alone = embedded.rater(study).rate([flood, virus])
    assert [one.novelty_blind for one in alone] == [one.novelty for one in alone]
    assert {one.novelty_past for one in alone} == {None}
    put_study("press", "run-1", [("mentions flood", "A", 0.3, 0.01, 0.001, True, "mentions flood")])
    duck.record("press")
    assert [one.novelty_past for one in embedded.rater(study).rate([flood, virus])] == [0.0, 2.0]
