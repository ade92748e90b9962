"""What `benchmarks.model_pair` finds in real answers of which the truth is known; skips without the files."""

from typing import Any

from benchmarks import model_pair as benchmark
from benchmarks.planting import read_table
from tests.conftest import SHARED, Project, shared_file

NOTHING_NAMED: dict[str, str | None] = dict.fromkeys(("prompt", "first", "second", "preference", "category"))


def found(project: Project, file: str, by_coin: bool = False) -> dict[str, Any]:
    """One study of the file; by_coin: chance says which answer is the first."""
    table = benchmark.read(read_table(SHARED / "data" / file), NOTHING_NAMED)
    table = benchmark.shuffled(table, 0) if by_coin else table
    return benchmark.measured(project.folder, table, 0, "none")


@shared_file("answers/asked_to_be_concise.parquet")
def test_of_a_model_asked_to_be_concise_shorter_comes_first_and_tells_it(project: Project) -> None:
    of = found(project, "answers/asked_to_be_concise.parquet")
    first = of["discoveries"][0]
    assert (first["predicate"], first["direction"]) == ("is shorter", "B")
    assert first["validity"] <= -0.7
    assert all(abs(one["validity"]) < abs(first["validity"]) for one in of["discoveries"][1:])
    assert of["identity"]["accuracy"] >= 0.85


@shared_file("answers/asked_to_be_verbose.parquet")
def test_of_a_model_asked_to_be_verbose_longer_comes_first_and_tells_it(project: Project) -> None:
    of = found(project, "answers/asked_to_be_verbose.parquet")
    first = of["discoveries"][0]
    assert (first["predicate"], first["direction"]) == ("is longer", "B")
    # Of all 805 prompts its words are more in 0.84 and fewer in 0.14; a half of them is off by chance.
    assert first["lo"] < -0.70 < first["hi"]
    assert all(abs(one["validity"]) < abs(first["validity"]) for one in of["discoveries"][1:])
    # Length alone tells 0.85 of all prompts, and seventy more counts tell no more.
    assert of["identity"]["lo"] < 0.85 < of["identity"]["hi"]


@shared_file("answers/same_model_twice.parquet")
def test_of_one_model_twice_nothing_is_told_where_chance_says_whose_an_answer_is(project: Project) -> None:
    of = found(project, "answers/same_model_twice.parquet", by_coin=True)
    assert not of["discoveries"]
    assert of["identity"]["lo"] <= 0.5 <= of["identity"]["hi"]


@shared_file("arena_answers.parquet")
def test_of_two_models_traits_tell_no_less_than_surface_counts(project: Project) -> None:
    of = found(project, "arena_answers.parquet")
    assert of["identity"]["accuracy"] >= of["identity"]["surface"] - 0.02
    assert of["identity"]["surface"] > 0.75
    assert {"majority", "balanced", "auc"} <= set(of["preference"])


@shared_file("answers/judged_by_a_model.parquet")
def test_a_preference_that_is_nearly_always_the_same_has_figures_that_know_it(project: Project) -> None:
    of = found(project, "answers/judged_by_a_model.parquet")
    preference = of["preference"]
    assert preference["majority"] > 0.8
    assert preference["lo"] < preference["accuracy"] < preference["hi"]
    assert preference["balanced"] < preference["accuracy"] and 0 < preference["auc"] < 1
