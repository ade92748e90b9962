"""Random halves of one corpus: runs that discover anything stay at or under alpha.

Every repetition is the whole pipeline (split, proposals, frozen tests) under another seed. The limit
is alpha plus two binomial standard errors: what a rate of exactly alpha shows by chance.
"""

import math

import polars as pl
import pytest

from tests.conftest import SHARED, SHUFFLES, Project, sentences, shared_file

ALPHA = 0.05


@pytest.fixture(autouse=True)
def _one_shuffle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many studies are asked, not one study many times."""
    monkeypatch.setattr(SHUFFLES, 1)


def _limit(n_runs: int) -> int:
    """Most runs with a discovery that a true rate of alpha gives in 97.7 % of the cases."""
    return math.floor(n_runs * ALPHA + 2 * math.sqrt(n_runs * ALPHA * (1 - ALPHA)))


def _runs_with_discovery(project: Project, seeds: range, study: dict) -> int:
    found = 0
    for seed in seeds:
        project.params(halves={**study, "seed": seed})
        project.run("halves", "collect", "embed", "propose", "formalise", "verify", "score")
        scores = pl.read_parquet(project.folder / "data/halves/6_scores/scores.parquet")
        found += bool(scores["is_discovery"].any())
    return found


STUDY = {
    "goal": "how two random halves differ",
    "data": "corpus.parquet",
    "collect": {"group": "random"},
    "embed": {"encoder": "none"},
    "propose": {"families": ["words", "style"]},
}


def test_random_halves_of_sentences_small(project: Project) -> None:
    project.table("corpus.parquet", [{"text": t} for t in sentences(600, 0.3, 5)])
    assert _runs_with_discovery(project, range(10), STUDY) <= _limit(10)


@pytest.mark.simulation
@shared_file("headlines.parquet")
def test_random_halves_of_2019_headlines(project: Project) -> None:
    headlines = pl.read_parquet(SHARED / "data/headlines.parquet").filter(pl.col("year") == 2019)
    headlines.select("text").write_parquet(project.folder / "corpus.parquet")
    study = {**STUDY, "embed": {"precision": "bfloat16"}, "propose": {}}
    found = _runs_with_discovery(project, range(100), study)
    print(f"{found} of 100 null runs with a discovery")
    assert found <= _limit(100)
