"""Accuracies and exact McNemar against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from tasks.stats.accuracy import discordance_pvalue_mcnemar, share_ci_wilson_clustered
from tasks.stats.judge_error import share_ci_wilson


@pytest.mark.parametrize(("k", "n"), [(0, 9), (3, 10), (250, 400), (12, 12)])
def test_items_that_go_singly_have_wilsons_interval(k: int, n: int) -> None:
    right = np.repeat([1.0, 0.0], [k, n - k])
    wanted = proportion_confint(k, n, alpha=0.1, method="wilson")
    assert share_ci_wilson_clustered(right, np.arange(n), 0.9) == pytest.approx(wanted, abs=1e-12)


def test_items_with_several_answers_are_worth_what_their_variance_says() -> None:
    rng = np.random.default_rng(0)
    item = np.repeat(np.arange(60), rng.integers(1, 6, 60))
    right = (rng.random(len(item)) < rng.beta(2, 1, 60)[item]).astype(float)
    fitted = sm.OLS(right, np.ones(len(right))).fit(cov_type="cluster", cov_kwds={"groups": item})
    share = right.mean()
    size = share * (1 - share) / float(fitted.bse[0]) ** 2
    assert size < len(right)
    wanted = share_ci_wilson(share * size, size, 0.95, 59)
    assert share_ci_wilson_clustered(right, item, 0.95) == pytest.approx(
        [float(end) for end in wanted], abs=1e-9
    )


def test_copies_of_an_item_tell_nothing_new() -> None:
    right, item = np.tile([1.0, 1.0, 0.0, 1.0, 0.0, 1.0], 50), np.tile(np.arange(6), 50)
    lo, hi = share_ci_wilson_clustered(right, item, 0.95)
    assert lo < 0.3 and hi > 0.9
    # All right: what is known is the number of items.
    assert share_ci_wilson_clustered(np.ones(300), item, 0.95)[0] < 0.61
    assert share_ci_wilson_clustered(np.ones(5), np.zeros(5, dtype=int), 0.95) == (0.0, 1.0)


@pytest.mark.parametrize("only", [(0, 0), (1, 0), (5, 5), (3, 12), (76, 360)])
def test_mcnemar_is_exact(only: tuple[int, int]) -> None:
    wanted = mcnemar([[10, only[0]], [only[1], 20]], exact=True).pvalue if sum(only) else 1.0
    assert discordance_pvalue_mcnemar(*only) == pytest.approx(wanted, rel=1e-9)


def test_rows_summed_by_item_give_the_interval_of_the_rows() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(1, 9, 40)
    item = np.repeat(np.arange(40), rows)
    right = (rng.random(len(item)) < 0.3).astype(float)
    assert share_ci_wilson_clustered(np.bincount(item, right), np.arange(40), 0.9, rows) == pytest.approx(
        share_ci_wilson_clustered(right, item, 0.9), abs=1e-12
    )
