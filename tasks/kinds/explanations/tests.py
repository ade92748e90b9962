"""The estimand: guesses from explanations against those of the matched reader, by items and by inputs.

Many explanations may be tried on the same few inputs: what the model happened to answer there comes again in
every item, and clusters of items do not see it. So V is tested twice, by clusters of explained items and by
clusters of inputs, and the wider interval and the larger p count.
"""

from dataclasses import replace

import polars as pl

from tasks.kinds import effects
from tasks.verdicts.judged import Judged

PLANNED = "items_and_inputs"
"""What is frozen as the test, and named as its method."""


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Rows of frames.ESTIMATES, one a predicate; `judged.rows` are of tables.TRIALS.

    Source:
        Each is the test of tasks/stats/differences.py. The larger of two one-way cluster-robust variances
        bounds what either kind of cluster brings alone (Cameron, Gelbach & Miller 2011, section 2).
    """
    by_item = effects.estimates(judged, level)
    of_inputs = replace(judged, rows=judged.rows.with_columns(document_id=pl.col("input")))
    by_input = effects.estimates(of_inputs, level)
    return by_item.with_columns(
        lo=pl.min_horizontal(by_item["lo"], by_input["lo"]),
        hi=pl.max_horizontal(by_item["hi"], by_input["hi"]),
        p=pl.max_horizontal(by_item["p"], by_input["p"]),
        method=pl.lit(PLANNED),
    )
