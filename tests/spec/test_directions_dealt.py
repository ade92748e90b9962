"""Kind directions: where activations mean nothing, documents of unlike size give no discovery either."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tasks.engines import roles
from tasks.kinds.directions import ends
from tasks.score.baselines import null_rate
from tasks.score.stage import score_judged
from tasks.study.reading import study_of
from tasks.verdicts.judged import Judged
from tests.planted_units import study

SIZES = {
    "large documents": np.repeat([12, 1], [40, 400]),
    "a size each": np.r_[np.arange(2, 42), np.ones(400, dtype=int)],
}


def by_size(rows: np.ndarray) -> tuple[Judged, np.ndarray]:
    """Large documents have higher activations, and a sentence holds for most of their texts."""
    rng, document = np.random.default_rng(2), np.repeat(np.arange(rows.size), rows)
    large = (rows > 1)[document]
    verdict = (rng.random((document.size, 1)) < np.where(large, 0.9, 0.05)[:, None]) * 1.0
    values = (3 * large + rng.normal(size=rows.size)[document] + rng.normal(size=document.size))[:, None]
    texts = pl.DataFrame(
        {
            "text_id": [f"t{i}" for i in range(document.size)],
            "text": "said",
            "group": ends.FIRST,
            "document_id": [f"d{one:04d}" for one in document],
            "text_hash": [f"t{i}" for i in range(document.size)],
        }
    )
    told = json.dumps({"unit": "u", "end": "high", "means": None})
    named = replace(roles.unfrozen("p", "u high: says so", judge="embedded/2"), definition=told)
    status = np.full(verdict.shape, roles.VALUE, dtype=np.uint8)
    return Judged(study_of("units", study()), texts, [named], verdict, status), values


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("wanted", [False, True], ids=["all are judged", "each on its own"])
def test_units_that_follow_the_size_of_documents_are_shuffled_away(
    sizes: str, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Had documents of a size traded activations among themselves, all shuffles would find it again."""
    judged, values = by_size(SIZES[sizes])
    monkeypatch.setattr("tasks.score.baselines.NULL_SHUFFLES", 40)
    monkeypatch.setattr(ends, "activations", lambda study, text_hash: values)
    monkeypatch.setattr(ends, "unit_names", lambda study: ["u"])
    if wanted:
        random, at_ends = ends.members(judged.study, judged.rows, values)
        judged = replace(judged, wanted=(random | at_ends["u", "high"])[:, None])
    assert score_judged(judged).scores[0].is_discovery
    told = null_rate(judged)
    assert told["null_runs_with_discovery"] <= told["null_most"]


def test_what_random_inputs_say_by_chance_is_not_in_every_shuffle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of noise, and verdicts that differ between random inputs and others, as some of many do."""
    judged, values = by_size(np.ones(600, dtype=int))
    random = ends.random_rows(judged.rows, judged.study.seed)
    verdict = (np.random.default_rng(4).random(600) < np.where(random, 0.35, 0.05))[:, None] * 1.0
    monkeypatch.setattr("tasks.score.baselines.NULL_SHUFFLES", 40)
    monkeypatch.setattr(ends, "activations", lambda study, text_hash: values)
    monkeypatch.setattr(ends, "unit_names", lambda study: ["u"])
    told = null_rate(replace(judged, score=verdict))
    assert told["null_runs_with_discovery"] <= told["null_most"]


def test_dealing_is_a_permutation_and_documents_of_one_size_trade_whole() -> None:
    unlike = np.repeat(np.arange(5), [7, 1, 1, 3, 2])
    for seed in range(20):
        source = ends.dealt_out(unlike, np.random.default_rng(seed))
        assert sorted(source.tolist()) == list(range(unlike.size))
        pairs = ends.dealt_out(np.array([0, 0, 1, 1, 2, 2]), np.random.default_rng(seed)).reshape(3, 2)
        assert sorted(pairs.tolist()) == [[0, 1], [2, 3], [4, 5]]


def test_a_large_document_takes_the_places_of_any() -> None:
    """One document is half of all rows: it stays where it is about as often as chance has it."""
    document = np.r_[np.zeros(100, dtype=int), np.arange(1, 101)]
    own = [
        float((ends.dealt_out(document, np.random.default_rng(seed))[:100] < 100).mean())
        for seed in range(200)
    ]
    assert 0.4 < np.mean(own) < 0.75 and min(own) < 0.3
