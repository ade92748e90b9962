"""What benchmarks.nl_parameters reads and counts, on small problems."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import nl_parameters
from benchmarks.nl_oracle import LEAST, Oracle

TRUTH = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]


def written(folder: Path, **told: object) -> Path:
    file = folder / "problem.json"
    whole = {"K": 2, "goal": "topics", "reference_phi_denotation": TRUTH, **told}
    file.write_text(json.dumps(whole), encoding="utf-8")
    return file


def test_texts_with_and_without_times(tmp_path: Path) -> None:
    names = ["is a", "is b"]
    plain = nl_parameters.read(written(tmp_path, texts=list("abcd"), reference_phi_predicate_strings=names))
    assert plain.names == names and plain.penalty is None
    assert nl_parameters.objective(plain) == {"objective": None}
    timed = nl_parameters.read(written(tmp_path, texts_by_time=list("abcd"), discontinuity_penalty=2.0))
    found = nl_parameters.objective(timed)
    assert timed.penalty == 2.0 and 0 < found["objective"] < np.log(4) and found["objective_cpu_s"] < 1


def test_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="texts or texts_by_time"):
        nl_parameters.read(written(tmp_path))
    with pytest.raises(SystemExit, match="denotation for 3 texts"):
        nl_parameters.read(written(tmp_path, texts=list("abc")))


def test_f1_is_of_other_texts_than_those_that_are_matched_on() -> None:
    truth = np.array(TRUTH) > 0
    swapped = truth[:, ::-1]
    assert nl_parameters.matched_f1(swapped, truth, swapped, truth) == 1
    assert nl_parameters.matched_f1(truth, truth, swapped, truth) == 0
    assert nl_parameters.matched_f1(truth[:, :1], truth, truth[:, :1], truth) == 0.5
    always = np.ones((4, 1), dtype=bool)
    assert nl_parameters.f1_of_each(always, truth).mean() == pytest.approx(2 / 3)


def test_references_are_among_many_others() -> None:
    truth = np.random.default_rng(0).random((50, 4)) < 0.3
    ids = [str(i) for i in range(50)]
    oracle = Oracle(truth, list("abcd"), ids, np.random.default_rng(1))
    names = [one.predicate for one in oracle.proposed(np.zeros((50, 0)), bool)]
    assert len(names) == len(set(names)) == LEAST and {"a", "b", "c", "d", "a or b"} <= set(names)
