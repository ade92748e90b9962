"""How worn a confirmation set is: recorded runs in, what they used of its error level out (decision 0008)."""

from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks import paths
from tasks.store import duck, frames, holdout
from tests.conftest import Project
from tests.recorded_study import FOUND, NOT_FOUND, Row, put_study
from tests.spec.report_made import Node, decided, held, put, put_walked, weak

pytestmark = pytest.mark.usefixtures("project")

COLUMNS = [
    "study", "n_runs", "n_predicates", "n_discoveries", "n_standing", "n_asked_of_split", "next_alpha",
    "next_alpha_one",
]  # fmt: skip


def row(name: str, q: float, found: bool = FOUND) -> Row:
    return (name, "A", 0.2, 0.05, q, found, name)


def record(study: str, run_id: str, rows: list[Row], split_hash: str = "split-1") -> None:
    put_study(study, run_id, rows, split_hash=split_hash)
    duck.record(study)


def use() -> list[tuple[Any, ...]]:
    return duck.query("holdout-use").select(COLUMNS).rows()


def test_a_set_that_one_run_asked_has_a_sixth_of_the_level_left() -> None:
    record("press", "run-1", [row("x", 0.001), row("y", 0.03), row("z", 0.5, NOT_FOUND)])
    # The first of all runs has 0.05 / 2, which y's q of 0.03 is over; the second 0.05 / 6.
    assert use() == [("press", 1, 3, 2, 1, 1, pytest.approx(0.05 / 6), pytest.approx(0.05 / 18))]


def test_every_run_that_asks_anew_leaves_less_for_the_next_of_any_study() -> None:
    record("press", "run-1", [row("x", 0.001)])
    record("press", "run-2", [row("y", 0.008), row("z", 0.009)])
    record("reviews", "run-3", [row("x", 0.004)])
    # Levels 0.025, 0.0083, 0.0042: of press x and y would stay, of reviews x.
    third = pytest.approx(0.05 / 20)
    assert use() == [
        ("press", 2, 3, 3, 2, 3, third, pytest.approx(0.05 / 40)),
        ("reviews", 1, 1, 1, 1, 3, third, third),
    ]
    assert duck.query("holdout-use", {"study": "reviews"}).height == 1


def test_the_levels_of_all_runs_together_stay_below_the_study_s() -> None:
    for i in range(12):
        record("press", f"run-{i:02d}", [row(f"x{i}", 0.001)])
    levels = duck.query("SELECT nth, shared_alpha FROM holdout_runs ORDER BY nth")
    assert levels["nth"].to_list() == list(range(1, 13))
    assert levels["shared_alpha"].sum() == pytest.approx(0.05 * 12 / 13)


def test_the_same_answers_again_cost_nothing_and_others_do() -> None:
    record("press", "run-1", [row("x", 0.001), row("y", 0.02)])
    record("press", "run-2", [row("x", 0.001), row("y", 0.02)])
    assert use()[0][1:6] == (2, 2, 2, 2, 1)
    # The same predicates among fewer: q is another, and so is what is claimed.
    record("press", "run-3", [row("x", 0.0005)])
    assert use()[0][1:6] == (3, 2, 2, 2, 2)
    # Another minimum effect: the same p and q, another verdict.
    record("press", "run-4", [row("x", 0.0005, NOT_FOUND)])
    assert use()[0][1] == 4 and use()[0][5] == 3


def test_q_alone_makes_another_answer() -> None:
    record("press", "run-1", [row("x", 0.001)])
    put_study("press", "run-2", [row("x", 0.001)])
    for stage, name in (("record", "discoveries"), ("score", "scores")):
        file = paths.output("press", stage) / f"{name}.parquet"
        pl.read_parquet(file).with_columns(q=pl.lit(0.0009)).write_parquet(file)
    duck.record("press")
    assert use()[0][5] == 2


def test_other_texts_are_another_set() -> None:
    record("press", "run-1", [row("x", 0.001)])
    record("press", "run-2", [row("x", 0.001)], split_hash="split-2")
    assert [line[1:6] for line in use()] == [(1, 1, 1, 1, 1)] * 2


@dataclass
class Asked:
    """A run as record has it before it is remembered."""

    study: str
    run: pl.DataFrame
    discoveries: pl.DataFrame

    @property
    def use(self) -> dict[str, Any]:
        texts = frames.read(paths.output(self.study, "collect"), "texts.parquet", frames.TEXTS)
        return holdout.use(self.run, self.discoveries, texts)


def asked(study: str, run_id: str, rows: list[Row], split_hash: str = "split-1") -> Asked:
    put_study(study, run_id, rows, split_hash=split_hash)
    folder = paths.output(study, "record")
    return Asked(
        study,
        frames.read(folder, "runs.parquet", frames.RUNS),
        frames.read(folder, "discoveries.parquet", frames.DISCOVERIES),
    )


def test_a_run_is_told_what_was_asked_before_it_and_not_what_came_after() -> None:
    first = asked("press", "run-1", [row("x", 0.001), row("y", 0.02)])
    fresh = {"n_runs": 0, "n_predicates": 0, "share_of_texts": None, "is_repeat": False, "alpha": 0.025}
    assert first.use == fresh, "there is no database yet"
    duck.record("press")
    second = asked("reviews", "run-2", [row("x", 0.002), row("z", 0.02)])
    told = {
        "n_runs": 1,
        "n_predicates": 2,
        "share_of_texts": None,
        "is_repeat": False,
        "alpha": pytest.approx(0.05 / 6),
    }
    assert second.use == told
    duck.record("reviews")
    assert (first.use, second.use) == (fresh, told), "a rerun is told the same"
    assert asked("press", "run-3", [row("x", 0.002)]).use["is_repeat"]
    assert asked("press", "run-4", [row("x", 0.001)], "split-2").use == fresh


def put_texts(study: str, confirm: str) -> str:
    """Texts of one letter each, these in the confirmation half and z in the other; gives their split."""
    rows = [
        {"text_id": f"{letter}-id", "text_hash": letter, "text": letter, "group": "A", "document_id": letter,
         "half": "explore" if letter == "z" else "confirm", "n_merged": 1}
        for letter in confirm + "z"
    ]  # fmt: skip
    texts = pl.DataFrame(rows, schema=frames.TEXTS)
    frames.write(texts, paths.output(study, "collect") / "texts.parquet", frames.TEXTS)
    return frames.split_hash(texts)


def asked_of(study: str, run_id: str, rows: list[Row], confirm: str) -> Asked:
    put_study(study, run_id, rows)
    found = asked(study, run_id, rows, put_texts(study, confirm))
    put_texts(study, confirm)
    return found


def test_another_seed_on_the_same_texts_is_no_first_asking() -> None:
    """Four splits of one corpus: each asks texts that others asked, and none is fresh."""
    for i, confirm in enumerate(("abcd", "cdef", "abef", "bdxy")):
        run = asked_of("press", f"run-{i}", [row("p", 0.001 * (i + 1))], confirm)
        told = run.use
        assert (told["n_runs"], told["alpha"]) == (i, pytest.approx(0.05 / ((i + 1) * (i + 2))))
        assert told["share_of_texts"] == (0, 0.5, 1, 0.5)[i]
        duck.record("press")
        assert run.use == told, "a rerun is told the same"
    assert duck.query("SELECT nth FROM holdout_runs ORDER BY run_id")["nth"].to_list() == [1, 2, 3, 4]
    assert set(duck.query("holdout-use")["n_asked_of_split"]) == {4}


def test_texts_nobody_asked_are_a_fresh_set() -> None:
    asked_of("press", "run-1", [row("p", 0.001)], "abcd")
    duck.record("press")
    fresh = asked_of("reviews", "run-2", [row("p", 0.002)], "efgh")
    assert (fresh.use["n_runs"], fresh.use["share_of_texts"]) == (0, 0)
    duck.record("reviews")
    assert duck.query("holdout-use")["n_asked_of_split"].to_list() == [1, 1]


def test_only_runs_that_share_texts_count() -> None:
    """b shares with a and c, which share nothing: c is the second to ask its texts, not the third."""
    for i, confirm in enumerate(("ab", "bc", "cd")):
        asked_of("press", f"run-{i}", [row("p", 0.001 * (i + 1))], confirm)
        duck.record("press")
    assert duck.query("SELECT nth FROM holdout_runs ORDER BY run_id")["nth"].to_list() == [1, 2, 2]


def test_of_runs_of_an_earlier_release_the_split_is_known() -> None:
    for run_id, q in (("run-1", 0.001), ("run-2", 0.002)):
        asked_of("press", run_id, [row("p", q)], "abcd")
        duck.record("press")
        with duckdb.connect(str(paths.discoveries_db())) as connection:
            connection.execute("DROP VIEW holdout_runs")
            connection.execute("DROP VIEW holdout_splits")
            connection.execute("DROP TABLE asked_texts")
    # Their split is that of the run that comes now, and so they count; with texts of its own it would not.
    assert asked_of("press", "run-3", [row("p", 0.003)], "abcd").use["n_runs"] == 2
    assert asked_of("press", "run-4", [row("p", 0.003)], "abce").use["n_runs"] == 0


def test_asking_changes_nothing_in_the_database() -> None:
    record("press", "run-1", [row("x", 0.001)])
    before = paths.discoveries_db().read_bytes()
    assert asked("press", "run-2", [row("y", 0.002)]).use["n_runs"] == 1
    assert paths.discoveries_db().read_bytes() == before


def test_a_damaged_database_remembers_nothing() -> None:
    run = asked("press", "run-1", [row("x", 0.001)])
    paths.discoveries_db().write_bytes(b"not a database")
    assert run.use["n_runs"] == 0


def page(project: Project, **holdout: Any) -> str:
    rows = [held("is strong", q=0.001), held("is near", q=0.03), weak("is long")]
    use = {"n_runs": 2, "n_predicates": 61, "share_of_texts": 0.4, "is_repeat": False, "alpha": 0.05 / 12}
    use |= holdout
    return Node(put(project, rows, record={"holdout": use})).one("section", id="findings").text


def test_the_report_says_in_a_line_what_the_texts_answered_before(project: Project) -> None:
    assert (
        "Of these confirmation texts 40% have answered 61 predicates in 2 runs before; were the error level "
        "of 0.05 shared among all of them, this run would have 0.004, and 1 of its 2 discoveries would "
        "remain. What is recorded is not changed by it"
    ) in page(project)
    assert "this run repeats answers that were given already" in page(project, is_repeat=True)
    assert "These confirmation texts" not in page(project, n_runs=0)


def test_a_sequential_run_would_have_judged_on(project: Project) -> None:
    use = {"n_runs": 1, "n_predicates": 3, "is_repeat": False, "alpha": 0.05 / 6}
    page = put_walked(project, [decided(held("x", q=0.04), "confirmed", 64)], record={"holdout": use})
    told = Node(page).one("section", id="findings").text
    assert "3 predicates in 1 run before" in told
    assert "this run would have 0.008, and would have judged on until that was reached" in told
    assert "would remain" not in told


def test_a_study_s_own_runs_are_counted_from_the_pipeline(planted: Project) -> None:
    planted.run("news")
    manifest = frames.read_manifest(paths.output("news", "record"))
    assert manifest["holdout"] == {
        "n_runs": 0,
        "n_predicates": 0,
        "share_of_texts": 0,
        "is_repeat": False,
        "alpha": 0.025,
    }
    planted.run("news", "record")
    assert frames.read_manifest(paths.output("news", "record")) == manifest
    assert duck.query("holdout-use").select("n_runs", "n_asked_of_split").rows() == [(1, 1)]
