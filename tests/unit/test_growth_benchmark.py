"""The benchmark of growth: its restatement of the published schedule, and its output."""

import json

import numpy as np
import pytest

from benchmarks import growth
from tasks.stats import tilting


def test_a_step_over_patterns_is_a_step_over_texts() -> None:
    z = growth.drifting(50, 3)
    pattern, member = tilting.patterns(z)
    weight = np.random.default_rng(0).normal(size=z.shape)
    loss, pull = growth.slope(weight, z, pattern, np.bincount(member).astype(float))
    by_text, pull_by_text = growth.slope(weight, z, z, np.ones(50))
    assert loss == pytest.approx(by_text)
    assert pull == pytest.approx(pull_by_text)
    moved = np.zeros_like(weight)
    moved[7, 1] = 1e-6
    change = growth.slope(weight + moved, z, z, np.ones(50))[0] - loss
    assert change / 1e-6 == pytest.approx(pull[7, 1], rel=1e-3, abs=1e-8)


def test_the_published_rule_stops_above_the_minimum() -> None:
    z = growth.drifting(60, 2)
    objective, steps = growth.published(z)
    assert 100 < steps < 50_000
    assert objective > tilting.fit(z, np.arange(60.0)).objective
    assert growth.published(z, most=10)[1] == 10


def test_it_prints_a_line_for_each_size_and_says_whether_growth_is_linear(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LEAST_CPU_S", 0.0)
    growth.main(["--texts", "100", "200", "--predicates", "2", "--published", "50"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["texts"] for line in lines[:3]] == [100, 200, 50]
    assert lines[2]["objective"] < lines[2]["published_objective"]
    assert set(lines[3]["cpu_s_by_texts"]) == {"100", "200"}
    assert lines[3]["target_met"] == (lines[3]["ratio_to_linear"] <= 1.5)
