"""Every published figure of the recorded D5 verdicts, from the verdicts and `tasks/stats` alone."""

import numpy as np
import polars as pl
import pytest

from tasks.stats.means import (
    mean_difference_ci_normal,
    mean_difference_moments,
    mean_difference_pvalue_pooled_t,
)
from tests.conftest import SHARED, shared_file

LEVEL = 1 - 1e-5


@shared_file("recorded_verdicts.parquet")
def test_every_row_of_the_published_table() -> None:
    verdicts = pl.read_parquet(SHARED / "data/recorded_verdicts.parquet")
    published = pl.read_csv(SHARED / "data/recorded_verdicts.published.csv")
    assert published.height == verdicts["hypothesis_no"].n_unique() == 30
    for row in published.iter_rows(named=True):
        one = verdicts.filter(pl.col("hypothesis_no") == row["hypothesis_no"])
        assert one.height == row["n_scored"]
        moments = mean_difference_moments(one["score"].to_numpy()[:, None], (one["corpus"] == "A").to_numpy())
        lo, hi = mean_difference_ci_normal(moments, LEVEL)
        assert moments.mean_a - moments.mean_b == pytest.approx([row["v"]], abs=1e-6)
        assert (lo[0], hi[0]) == pytest.approx((row["lo"], row["hi"]), abs=1e-6)
        # Relative: the smallest is 2.6e-70.
        p = mean_difference_pvalue_pooled_t(moments)
        assert p == pytest.approx([row["p_one_sided"]], rel=1e-6, abs=0)


def test_a_published_line_by_its_moments() -> None:
    """The width and p of a line follow from 0/1 verdicts of known counts, with or without the file."""
    score = np.concatenate([np.arange(1000) < 262, np.arange(1000) < 3]).astype(float)[:, None]
    moments = mean_difference_moments(score, np.arange(2000) < 1000)
    lo, hi = mean_difference_ci_normal(moments, LEVEL)
    half = 4.417173413469 * np.sqrt(0.262 * 0.738 / 1000 + 0.003 * 0.997 / 1000)
    assert (lo[0], hi[0]) == pytest.approx((0.259 - half, 0.259 + half), abs=1e-9)
