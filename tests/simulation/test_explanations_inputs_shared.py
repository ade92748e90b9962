"""Kind explanations: many items tried on the same few inputs do not make the luck of these a discovery."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from tasks.engines import roles
from tasks.kinds import effects
from tasks.kinds.explanations import tests
from tasks.verdicts.judged import Judged

STUDIES, ALPHA = 60, 0.05
N, DRAWN = 120, 7


def judged(seed: int, covered: int, yes: float) -> Judged:
    """One word explains every item: all are tried on the inputs that have it, and on as many without.

    Args:
        seed: of all that is drawn.
        covered: inputs that have it.
        yes: share of inputs that the model answers with yes, whatever they say.
    """
    rng = np.random.default_rng([seed, 60])
    answer = rng.random(N) < yes
    order = rng.random((N, N))
    np.fill_diagonal(order, np.inf)
    has, lacks = order[:, :covered].argsort(axis=1), covered + order[:, covered:].argsort(axis=1)
    tried = np.concatenate([has[:, :DRAWN], lacks[:, :DRAWN]], axis=1).ravel()
    item = np.repeat(np.arange(N), 2 * DRAWN)
    rows = pl.DataFrame({"item": item, "tried": tried}).select(
        text_id=pl.format("{} {}", "item", "tried"),
        text=pl.lit(""),
        group=pl.Series(np.tile(np.repeat(["A", "B"], DRAWN), N)),
        document_id=pl.format("d{}", "item"),
        input=pl.format("d{}", "tried"),
        predicate_id=pl.lit("p"),
    )
    score = (answer[item] == answer[tried]).astype(float)[:, None]
    status = np.full(score.shape, roles.VALUE, dtype=np.uint8)
    study = cast(Any, SimpleNamespace())
    return Judged(study, rows, [roles.unfrozen("p", "one word", threshold=0.5)], score, status)


def n_found(studies: list[Judged], estimates: Callable[[Judged, float], pl.DataFrame]) -> int:
    return sum(estimates(one, 0.95)["p"][0] < ALPHA for one in studies)


@pytest.mark.parametrize(("covered", "yes", "by_input"), [(30, 0.8, False), (8, 0.9, True)])
def test_the_luck_of_inputs_that_all_items_share_is_no_discovery(
    covered: int, yes: float, by_input: bool
) -> None:
    studies = [judged(seed, covered, yes) for seed in range(STUDIES)]
    assert n_found(studies, tests.estimates) <= binom.ppf(0.999, STUDIES, ALPHA)
    assert n_found(studies, effects.estimates) > 0.2 * STUDIES, "clusters of items see none of it"
    of_inputs = [replace(one, rows=one.rows.with_columns(document_id=pl.col("input"))) for one in studies]
    found = n_found(of_inputs, effects.estimates)
    assert (found > 0.2 * STUDIES) == by_input, "clusters of inputs miss what few that agree may hide"
