"""Kind explanations: many items tried on the same few inputs do not make the luck of these a discovery."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
from scipy.stats import binom

from tasks.engines import roles
from tasks.kinds import effects
from tasks.kinds.explanations import tests
from tasks.verdicts.judged import Judged

STUDIES, ALPHA = 100, 0.05
N, COVERED, DRAWN = 120, 30, 10
YES = 0.8
"""Share of inputs that the model answers with yes, whatever they say."""


def judged(seed: int) -> Judged:
    """One word explains every item: all are tried on the inputs that have it, and on as many without."""
    rng = np.random.default_rng([seed, 60])
    answer = rng.random(N) < YES
    rows, value = [], []
    for item in range(N):
        for group, pool in (("A", np.arange(COVERED)), ("B", np.arange(COVERED, N))):
            for other in rng.choice(pool[pool != item], DRAWN, replace=False):
                rows.append((f"{item} {other}", group, f"d{item}", f"d{other}", "p"))
                value.append(answer[item] == answer[other])
    names = ["text_id", "group", "document_id", "input", "predicate_id"]
    of = pl.DataFrame(rows, schema=names, orient="row").with_columns(text=pl.col("text_id"))
    score = np.array(value, dtype=float)[:, None]
    status = np.full(score.shape, roles.VALUE, dtype=np.uint8)
    study = cast(Any, SimpleNamespace())
    return Judged(study, of, [roles.unfrozen("p", "one word", threshold=0.5)], score, status)


def test_the_luck_of_inputs_that_all_items_share_is_no_discovery() -> None:
    studies = [judged(seed) for seed in range(STUDIES)]
    by_both = [tests.estimates(one, 0.95)["p"][0] < ALPHA for one in studies]
    by_item = [effects.estimates(one, 0.95)["p"][0] < ALPHA for one in studies]
    assert sum(by_both) <= binom.ppf(0.999, STUDIES, ALPHA)
    assert sum(by_item) > 0.3 * STUDIES, "clusters of items alone see none of it"
