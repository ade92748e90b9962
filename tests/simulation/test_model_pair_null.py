"""A whole study of two models where chance says whose an answer is: nothing tells them apart, and it says so.

The small case runs always; 200 seeds of each size under the marker.
"""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.conftest import SHUFFLES, Project

ALPHA = 0.05
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")
WORDS = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in "prstz"]
FORMS = ("{}.", "{}.", "{}.", "- {}.", "1. {}.", "**{}**.", "I think {}.", "Perhaps {}.", "{}!", "Is it {}?")


def most(draws: int) -> int:
    """So many of the draws chance lets miss a level of 0.95 once in a thousand times."""
    return int(stats.binom.isf(1e-3, draws, ALPHA))


def answers(n: int, rng: np.random.Generator) -> pl.DataFrame:
    """Prompts with two answers and a preference, all of them by chance."""

    def sentence(k: int) -> str:
        return " ".join(rng.choice(WORDS, k))

    def answer() -> str:
        said = [
            str(rng.choice(FORMS)).format(sentence(int(rng.integers(3, 12))))
            for _ in range(rng.integers(1, 6))
        ]
        return ("\n" if rng.random() < 0.5 else " ").join(said)

    return pl.DataFrame(
        {
            "prompt": [sentence(8) + "?" for _ in range(n)],
            "answer_1": [answer() for _ in range(n)],
            "answer_2": [answer() for _ in range(n)],
            "liked": rng.random(n).round(1),
        }
    )


def nothing_is_told(project: Project, n: int, seeds: int) -> None:
    """Runs whole studies: intervals of accuracy cover one half, and few studies discover anything."""
    project.params(
        noise={
            "kind": "model_pair",
            "goal": "how the answers differ",
            "data": "answers.parquet",
            "embed": {"encoder": "none"},
            "model_pair": {"preference": "liked", "preferred": [0, 1]},
        }
    )
    missed, found, liked = {"model": 0, "preference": 0}, 0, 0
    for seed in range(seeds):
        answers(n, np.random.default_rng([seed, n])).write_parquet("answers.parquet")
        project.run("noise", *STAGES)
        told = pl.read_parquet("data/noise/6_scores/telling.parquet").filter(by="traits")
        for row in told.to_dicts():
            missed[row["target"]] += not row["lo"] <= 0.5 <= row["hi"]
        found += bool(pl.read_parquet("data/noise/6_scores/scores.parquet")["is_discovery"].any())
        liked += bool((pl.read_parquet("data/noise/6_scores/liked.parquet")["q"] <= ALPHA).any())
    told_of = f"of {seeds} studies of {n} prompts: missed {missed}, found in {found}, liked in {liked}"
    print(told_of)
    assert max(*missed.values(), found, liked) <= most(seeds), told_of


@pytest.fixture(autouse=True)
def _one_shuffle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many studies are asked, not one study many times."""
    monkeypatch.setattr(SHUFFLES, 1)


def test_nothing_is_told_where_chance_says_whose_an_answer_is_small(project: Project) -> None:
    nothing_is_told(project, 50, 4)


@pytest.mark.simulation
@pytest.mark.parametrize("n", [50, 100, 300])
def test_nothing_is_told_where_chance_says_whose_an_answer_is(project: Project, n: int) -> None:
    nothing_is_told(project, n, 200)
