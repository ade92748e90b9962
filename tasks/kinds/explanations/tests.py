"""The estimand: guesses from explanations against those of the matched reader, by items and by inputs.

Many explanations may be tried on the same few inputs: what the model happened to answer there comes again in
every item, and clusters of items do not see it. So V is tested by clusters of explained items, by clusters of
inputs, and with inputs dealt out anew: few inputs that nearly all got one answer hide how much they vary. The
widest interval and the largest p count.
"""

from dataclasses import replace

import polars as pl

from tasks.kinds import effects
from tasks.stats.documents import document_sums
from tasks.stats.exchanged import mean_difference_permutation_pearson3
from tasks.verdicts.judged import Judged

PLANNED = "items_inputs_exchanged"
"""What is frozen as the test, and named as its method."""


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Rows of frames.ESTIMATES, one a predicate; `judged.rows` are of tables.TRIALS.

    Source:
        The first two are tests of tasks/stats/differences.py; the larger of two one-way cluster-robust
        variances bounds what either kind of cluster brings alone (Cameron, Gelbach & Miller 2011, section 2).
        The third is that of tasks/stats/exchanged.py. docs/decisions/0035 has their measured size.
    """
    of_inputs = replace(judged, rows=judged.rows.with_columns(document_id=pl.col("input")))
    by_item, by_input = (effects.estimates(one, level) for one in (judged, of_inputs))
    sums = document_sums(of_inputs.verdict, of_inputs.in_a, of_inputs.document)
    lo, hi, p = mean_difference_permutation_pearson3(sums, level)
    return by_item.with_columns(
        lo=pl.min_horizontal(by_item["lo"], by_input["lo"], pl.Series(lo)),
        hi=pl.max_horizontal(by_item["hi"], by_input["hi"], pl.Series(hi)),
        p=pl.max_horizontal(by_item["p"], by_input["p"], pl.Series(p)),
        method=pl.lit(PLANNED),
    )
