"""Whole studies of themes, without an encoder: themes that were put there, and none."""

import numpy as np
import polars as pl
import pytest

from tasks.errors import CorpusError
from tasks.kinds.clusters.tables import MAP
from tests.conftest import Project

COMMON = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in "prstz"]
THEMES = [[f"{theme}{i}x" for i in range(20)] for theme in ("sport", "money")]
ALL = [*COMMON, *THEMES[0], *THEMES[1]]


def texts(n: int, themed: float) -> pl.DataFrame:
    rng = np.random.default_rng(n)
    said = [
        " ".join(np.where(rng.random(16) < themed, rng.choice(THEMES[i % 2], 16), rng.choice(ALL, 16)))
        for i in range(n)
    ]
    return pl.DataFrame({"text": said})


@pytest.fixture(autouse=True)
def _few_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.score.baselines.NULL_SHUFFLES", 2)


def study(project: Project, themed: float) -> None:
    texts(240, themed).write_csv("texts.csv")
    project.params(
        heap={
            "kind": "clusters",
            "goal": "what these texts are about",
            "data": "texts.csv",
            "embed": {"encoder": "none"},
            "clusters": {"restarts": 1},
        }
    )


def test_themes_are_found_and_say_more_than_what_is_always_true(project: Project) -> None:
    study(project, 0.5)
    project.run("heap", "collect", "embed", "propose", "formalise", "verify", "score")
    scores = pl.read_parquet("data/heap/6_scores/scores.parquet")
    assert scores["is_discovery"].any()
    said = pl.read_parquet("data/heap/4_predicates/predicates.parquet")["predicate"].to_list()
    assert all("sport" in one or "money" in one for one in said)
    told = dict(
        pl.read_parquet("data/heap/6_scores/baselines.parquet").select("baseline", "validity").iter_rows()
    )
    assert told["all sentences together"] > 0 == told["always true"]
    places = pl.read_parquet("data/heap/6_scores/map.parquet")
    assert places.schema == MAP and places.is_empty()


def test_words_without_order_end_the_study_in_clear_words(project: Project) -> None:
    study(project, 0.0)
    project.run("heap", "collect", "embed")
    with pytest.raises(CorpusError, match=r"found nothing to suggest.*both halves"):
        project.run("heap", "propose")
