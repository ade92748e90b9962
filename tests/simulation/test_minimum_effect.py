"""With a minimum effect in force the share of false discoveries is what was promised, in every plan."""

from dataclasses import replace

import numpy as np
import pytest

from tasks.engines import roles
from tasks.kinds import load
from tasks.score.corrected import corrected_fixed
from tasks.score.discoveries import corrected_q, effect_towards, holds
from tasks.score.groups import groups_frame
from tasks.score.tests import decide
from tasks.stats.decisions import pvalues_adjusted
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import GoldVerdicts
from tests.spec.test_score import STUDY, held_out
from tests.spec.test_verify import predicate

WANTED = STUDY.score
TRUE = np.repeat([True, False], [60, 40])
"""Sixty rare predicates of which there is more in A, by too little; forty common ones that do not differ."""
SHARE_A = np.where(TRUE, 0.01, 0.5)
SHARE_B = np.where(TRUE, 0.001, 0.5)
ROWS = 2000


def judged(rng: np.random.Generator) -> Judged:
    """Verdicts of a study that the proposer meant for A throughout."""
    texts = held_out(ROWS, ROWS)
    in_a = (texts["group"] == "A").to_numpy()
    verdict = (rng.random((2 * ROWS, TRUE.size)) < np.where(in_a[:, None], SHARE_A, SHARE_B)) * 1.0
    frozen = [predicate(f"p{i:03d}") for i in range(TRUE.size)]
    return Judged(STUDY, texts, frozen, verdict, np.full(verdict.shape, roles.VALUE, dtype=np.uint8))


def false_share(found: np.ndarray) -> float:
    return float(found[~TRUE].sum() / max(found.sum(), 1))


@pytest.mark.parametrize("runs", [40, pytest.param(400, marks=pytest.mark.simulation)])
def test_small_true_effects_do_not_let_chance_through(runs: int) -> None:
    """Correcting first and dropping small effects then: nearly half of the discoveries were false."""
    before, now = [], []
    for seed in range(runs):
        of = judged(np.random.default_rng(seed))
        table = decide(of).table
        towards = effect_towards(table["validity"].to_numpy(), of.towards_a)
        q = pvalues_adjusted_bh(table["p"].to_numpy())
        before.append(false_share(holds(q, towards, WANTED)))
        now.append(false_share(table["is_discovery"].to_numpy()))
    assert np.mean(before) > 0.25
    # Only forty of a hundred are null, each in one of two directions.
    assert np.mean(now) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


def test_groups_and_corrected_effects_go_by_the_same_rule() -> None:
    of = judged(np.random.default_rng(0))
    table = decide(of).table
    small = table["validity"].to_numpy() < WANTED.min_effect
    by_group = groups_frame(of, np.arange(TRUE.size), table)
    assert by_group["q"].to_numpy() == pytest.approx(table["q"].to_numpy())
    assert (table["q"].to_numpy()[small] == 1).all()
    alone = load(of.study.kind).estimates(of, 0.95)
    figures = {name: alone[name].to_numpy() for name in ("validity", "p")}
    every = GoldVerdicts(of.score, np.ones(of.score.shape), np.ones(of.score.shape, dtype=bool))
    fixed = replace(corrected_fixed(replace(of, gold=every), 0.95), **figures)
    assert corrected_q(fixed, of.towards_a, WANTED) == pytest.approx(table["q"].to_numpy())


def test_what_counts_is_never_less_than_p() -> None:
    p, named = np.array([0.001, 0.02, 0.5, 0.03]), np.array([False, True, True, True])
    assert pvalues_adjusted(p, named) == pytest.approx(pvalues_adjusted_bh(np.array([1, 0.02, 0.5, 0.03])))
    assert pvalues_adjusted(p, ~named | named) == pytest.approx(pvalues_adjusted_bh(p))
