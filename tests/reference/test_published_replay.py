"""The published numbers of recorded verdicts, through the replay engine and our statistics."""

import numpy as np
import polars as pl
import pytest

from tasks.engines import roles
from tasks.engines.replay import Recorded
from tasks.records import Predicate
from tasks.stats.differences import difference
from tasks.stats.means import (
    mean_difference_ci_normal,
    mean_difference_moments,
    mean_difference_pvalue_pooled_t,
)
from tasks.store import frames
from tasks.study import load
from tests.conftest import SHARED, Project, shared_file

LEVEL = 1 - 1e-5
"""Of the published intervals."""


@shared_file("recorded_verdicts.parquet")
def test_published_estimates_intervals_and_p_values(project: Project) -> None:
    verdicts = str(SHARED / "data/recorded_verdicts.parquet")
    project.params(
        news={
            "goal": "what changed",
            "engine": "replay",
            "data": verdicts,
            "verdicts": verdicts,
            "collect": {"group": "corpus", "a": "A", "b": "B"},
            "embed": {"encoder": "none"},
        }
    )
    project.run("news", "collect", "embed", "propose", "formalise")
    data = project.folder / "data/news"
    texts = frames.read(data / "1_texts", "texts.parquet", frames.TEXTS)
    frozen = frames.read(data / "4_predicates", "predicates.parquet", frames.PREDICATES)
    predicates = [Predicate(**row) for row in frozen.iter_rows(named=True)]
    # The published run had no split: both halves are judged here, and only here.
    judged = Recorded(load("news")).judge(predicates, texts, np.zeros((texts.height, 0)))
    assert set(np.unique(judged.status)) <= {roles.VALUE, roles.ABSENT}
    in_a = (texts["group"] == "A").to_numpy()
    moments = mean_difference_moments(judged.score, in_a)
    lo, hi = mean_difference_ci_normal(moments, LEVEL)
    p = mean_difference_pvalue_pooled_t(moments)
    ours = difference(judged.score, in_a, np.arange(texts.height), 0.95, binary=False)

    published = pl.read_csv(SHARED / "data/recorded_verdicts.published.csv")
    at = {predicate.predicate: i for i, predicate in enumerate(predicates)}
    assert published.height == len(predicates) == 30
    for row in published.iter_rows(named=True):
        i = at[row["hypothesis"]]
        assert moments.n_a[i] + moments.n_b[i] == row["n_scored"]
        assert moments.mean_a[i] - moments.mean_b[i] == pytest.approx(row["v"], abs=1e-6)
        assert (lo[i], hi[i]) == pytest.approx((row["lo"], row["hi"]), abs=1e-6)
        assert p[i] == pytest.approx(row["p_one_sided"], abs=1e-6, rel=1e-6)
        # Ours beside it: the same estimate, and a narrower interval at the usual level.
        assert ours.validity[i] == pytest.approx(row["v"], abs=1e-6)
        assert row["lo"] < ours.lo[i] < ours.validity[i] < ours.hi[i] < row["hi"]
