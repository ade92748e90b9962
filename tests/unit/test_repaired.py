"""`repaired:STUDY`: the weighted sum of an encoder's parts, and nothing but what its file says."""

import json
from typing import Any

import numpy as np
import pytest

from tasks import paths
from tasks.engines.encoders import encoder, repaired, units
from tasks.engines.encoders.parts import Decomposed
from tasks.errors import EngineError
from tasks.study import Study
from tests.conftest import Project
from tests.tiny_encoder import save_tiny_encoder

TEXTS = [
    "A doctor did not visit the museum.",
    "Rain.",
    "All of the farmers will plan a new road.",
    "word " * 90,
]


STUDY = Study(name="after", data="any", goal="any")


@pytest.fixture
def tiny(project: Project) -> Decomposed:
    save_tiny_encoder(project.folder / "tiny")
    return units.opened("tiny", STUDY)


def opened(repair: repaired.Repair | dict[str, Any] | str) -> Any:
    """The encoder of study `mend`, whose file holds this."""
    file = paths.output("mend", "score") / repaired.FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    text = repair.model_dump_json() if isinstance(repair, repaired.Repair) else repair
    file.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return encoder.open_named("repaired:mend", STUDY)


def parts_of(decomposed: Decomposed) -> np.ndarray:
    found = np.empty((len(TEXTS), len(decomposed.parts.names), decomposed.dim))
    for one in decomposed.contributions(TEXTS):
        found[one.rows] = one.parts
    return found


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_weights_of_one_change_nothing(tiny: Decomposed) -> None:
    weights = np.ones(len(tiny.parts.names))
    same = opened(repaired.written("tiny", tiny, weights, {}))
    base = encoder.open_named("tiny", STUDY)
    np.testing.assert_allclose(same.encode(TEXTS), base.encode(TEXTS), atol=2e-6)
    assert same.name != base.name


def test_forgetting_one_part_is_seen(tiny: Decomposed) -> None:
    base = encoder.open_named("tiny", STUDY).encode(TEXTS)
    for name in ("e", "h0.0", "h0.1", "m0"):  # biases of a model without training are 0
        weights = np.ones(len(tiny.parts.names))
        weights[tiny.parts.names.index(name)] = 0
        assert np.abs(opened(repaired.written("tiny", tiny, weights, {})).encode(TEXTS) - base).max() > 1e-4


def test_vectors_are_the_weighted_sum_and_the_means(tiny: Decomposed) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(1, 0.3, len(tiny.parts.names)).round(6)
    weights[2] = 0
    mean = rng.normal(size=tiny.dim).round(8)
    found = opened(repaired.written("tiny", tiny, weights, {tiny.parts.names[2]: mean})).encode(TEXTS)
    expected = unit(np.einsum("p,tpd->td", weights, parts_of(tiny)) + mean)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_vector_depends_on_its_text_alone(tiny: Decomposed) -> None:
    weights = np.linspace(0.5, 1.5, len(tiny.parts.names))
    one = opened(repaired.written("tiny", tiny, weights, {}))
    together = one.encode(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        assert np.array_equal(one.encode([text])[0], row)


def test_names_tell_weights_and_models_apart(tiny: Decomposed) -> None:
    weights = np.ones(len(tiny.parts.names))
    first = opened(repaired.written("tiny", tiny, weights, {})).name
    assert opened(repaired.written("tiny", tiny, weights, {}, paraphrases=7)).name == first
    weights[0] = 0.999
    assert opened(repaired.written("tiny", tiny, weights, {})).name != first


def good(tiny: Decomposed) -> dict[str, Any]:
    weights = np.ones(len(tiny.parts.names))
    return repaired.written("tiny", tiny, weights, {}).model_dump()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": {"e": 1.0}}, "wanted a weight for each of"),
        ({"weights": {"e": float("nan")}}, "weights.e"),
        ({"weights": {"e": "1"}}, "weights.e"),
        ({"means": {"e": [0.0]}}, "means of 16 numbers"),
        ({"means": {"nobody": [0.0] * 16}}, "wanted a weight for each of"),
        ({"model": "tiny-of-yesterday"}, "repaired was tiny-of-yesterday"),
        ({"base": "repaired:mend"}, "wanted an encoder of its own"),
        ({"base": "./gone"}, "wanted a folder"),
        ({"more": 1}, "more: Extra inputs"),
    ],
)
def test_a_wrong_file_is_one_line(tiny: Decomposed, change: dict[str, Any], said: str) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        opened({**good(tiny), **change})
    assert "\n" not in str(caught.value)


def test_what_is_no_file_says_which_stage_to_run(tiny: Decomposed) -> None:
    with pytest.raises(EngineError, match="dvc repro score@mend"):
        encoder.open_named("repaired:mend", STUDY)
    for broken in ("", "[", "null"):
        with pytest.raises(EngineError, match="dvc repro -f score@mend"):
            opened(broken)
    for name in ("repaired:", "repaired:../mend", "repaired:/etc"):
        with pytest.raises(EngineError, match="wanted the name of a study"):
            encoder.open_named(name, STUDY)


def test_a_model_that_was_changed_is_not_repaired(tiny: Decomposed, project: Project) -> None:
    repair = repaired.written("tiny", tiny, np.ones(len(tiny.parts.names)), {})
    file = project.folder / "tiny" / "tokenizer.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["truncation"] = None
    content["added_tokens"] = content["added_tokens"][:-1]
    file.write_text(json.dumps(content), encoding="utf-8")
    encoder._load_repaired.cache_clear()
    with pytest.raises(EngineError, match=r"is tiny-.* by now"):
        opened(repair)
