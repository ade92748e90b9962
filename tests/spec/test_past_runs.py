"""Which run is the newest, and what is left of all of them when the database is damaged or gone."""

import shutil
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tasks import paths
from tasks.errors import StoreError
from tasks.store import duck, loading, past, past_runs
from tests.conftest import Project
from tests.recorded_study import PRESS, put_study
from tests.spec.test_holdout_use import asked, asked_of, row

pytestmark = pytest.mark.usefixtures("project")

NEWEST = "SELECT run_id FROM studies ORDER BY study"
ORDER = "SELECT run_id, found_nr, recorded_nr FROM runs ORDER BY recorded_nr"


def record(run_id: str, study: str = "press", rows: Any = PRESS) -> None:
    put_study(study, run_id, rows)
    duck.record(study)


def rows_of_all_tables() -> dict[str, list[tuple[Any, ...]]]:
    tables = ("predicates", "scores", "discoveries", "evidence", "asked_texts")
    found = {table: duck.query(f"SELECT * FROM {table} ORDER BY ALL").rows() for table in tables}
    for table in ("runs", "studies"):
        found[table] = duck.query(f"SELECT * EXCLUDE recorded_at FROM {table} ORDER BY ALL").rows()
    return found


class Future(datetime):
    """A clock that is five years fast."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Future":
        return cls(2031, 1, 1, tzinfo=tz)

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> "Future":
        return cls(2031, 1, 1, tzinfo=tz)


def test_a_run_under_a_wrong_clock_is_the_newest_until_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr(loading, "datetime", Future)
        record("run-1", rows=PRESS[:1])
    record("run-2", rows=PRESS[2:4])
    assert duck.query(NEWEST).rows() == [("run-2",)]
    assert duck.query("strongest")["predicate"].to_list() == ["is a question"]
    assert duck.query("studies")["n_predicates"].to_list() == [2]
    assert past.discoveries("reviews") == ["is a question"]
    assert duck.query("SELECT recorded_at FROM runs WHERE run_id = 'run-1'").item().year == 2031


def test_what_was_asked_before_goes_by_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr(loading, "datetime", Future)
        asked_of("press", "run-1", [row("p", 0.001)], "abcd")
        duck.record("press")
    second = asked_of("press", "run-2", [row("p", 0.002)], "abcd")
    assert second.use["n_runs"] == 1
    duck.record("press")
    assert second.use["n_runs"] == 1
    nth = duck.query("SELECT run_id, nth FROM holdout_runs ORDER BY nth").rows()
    assert nth == [("run-1", 1), ("run-2", 2)]
    assert duck.query("past-discoveries")["validity"].to_list() == [0.2]


def test_all_ready_questions_go_by_number() -> None:
    for file in (Path(duck.__file__).parent / "sql").glob("*.sql"):
        sql = file.read_text(encoding="utf-8")
        for clause in ("ORDER BY found_at", "found_at >", "found_at <", "(found_at", "recorded_at DESC"):
            assert clause not in sql, file.name


def test_going_back_and_recording_again_keep_every_number_apart() -> None:
    for run_id in ("run-1", "run-2", "run-1", "run-1", "run-3"):
        record(run_id)
    assert duck.query(ORDER).rows() == [("run-2", 2, 2), ("run-1", 1, 3), ("run-3", 4, 4)]
    names = sorted(folder.name for folder in paths.past_runs().glob("0*"))
    assert names == ["000002-run-2", "000003-run-1", "000004-run-3"]


@pytest.mark.parametrize("left", ["gone", "cut off", "other file", "wrong in the middle"])
def test_a_database_that_is_gone_or_damaged_is_rebuilt_whole(
    left: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, confirm in enumerate(("abcd", "cdef")):
        asked_of("press", f"run-{i}", [row("p", 0.001 * (i + 1))], confirm)
        duck.record("press")
    record("run-3", "reviews", PRESS * 40)
    for run_id in ("run-4", "run-5", "run-4"):
        record(run_id, "tickets")
    whole = rows_of_all_tables()
    file = paths.discoveries_db()
    content = file.read_bytes()
    if left == "gone":
        file.unlink()
    elif left == "cut off":
        file.write_bytes(content[: len(content) // 2])
    elif left == "other file":
        file.write_bytes(b"no database" * 1000)
    else:
        middle = len(content) // 2
        file.write_bytes(content[:middle] + bytes(len(content) - middle))
    if left != "gone":
        with pytest.raises(
            StoreError, match="`natstat load`: it keeps a damaged file aside and builds it anew"
        ):
            duck.query("SELECT max(hash(d)) FROM discoveries d")
    assert duck.load_all() == 3
    again = rows_of_all_tables()
    assert again == whole
    told = capsys.readouterr().err
    if left != "gone":
        assert "kept as discoveries.duckdb.unreadable-1" in told
        assert (
            "built anew with the 5 runs in .runs" in told and "Lost are only runs that neither holds" in told
        )
        assert (paths.data() / "discoveries.duckdb.unreadable-1").is_file()


def test_a_damaged_database_forgets_no_asking_before_it_is_healed() -> None:
    asked_of("press", "run-1", [row("p", 0.001)], "abcd")
    duck.record("press")
    record("run-2", "reviews")
    paths.discoveries_db().write_bytes(b"no database" * 1000)
    assert asked_of("press", "run-3", [row("p", 0.002)], "abcd").use["n_runs"] == 1
    assert past.discoveries("press") == ["is a question", 'mentions "covid"', 'mentions "virus"']
    paths.discoveries_db().unlink()
    assert asked("press", "run-3", [row("p", 0.002)]).run["run_id"].item() == "run-3"
    assert past.discoveries("press") == ["is a question", 'mentions "covid"', 'mentions "virus"']


def test_what_a_run_asked_is_written_down_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(folder: Path) -> Any:
        raise KeyboardInterrupt(folder)

    asked_of("press", "run-1", [row("p", 0.001)], "abcd")
    with monkeypatch.context() as ended, pytest.raises(KeyboardInterrupt):
        ended.setattr(past_runs.frames, "writing", killed)
        duck.record("press")
    assert [file.name.split("-")[0] for file in paths.past_runs().glob("*")] == ["split"]


def test_a_run_that_cannot_be_read_is_said_and_the_others_are_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for run_id in ("run-1", "run-2", "run-3"):
        record(run_id)
    (paths.past_runs() / "000001-run-1" / "discoveries.parquet").write_bytes(b"PAR1 no")
    paths.discoveries_db().unlink()
    duck.load_all()
    assert [run_id for run_id, _, _ in duck.query(ORDER).rows()] == ["run-2", "run-3"]
    told = capsys.readouterr().err
    assert "discoveries.parquet: damaged" in told and "000001-run-1 is left out" in told


def test_runs_of_an_earlier_release_are_numbered_and_written_down() -> None:
    for run_id in ("run-1", "run-2"):
        record(run_id)
    shutil.rmtree(paths.past_runs())
    with duckdb.connect(str(paths.discoveries_db())) as connection:
        for view in ("studies", "holdout_runs"):
            connection.execute(f"DROP VIEW {view}")
        for table, column in (("runs", "found_nr"), ("runs", "recorded_nr"), ("discoveries", "found_nr")):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("UPDATE runs SET recorded_at = TIMESTAMP '2031-01-01' WHERE run_id = 'run-1'")
    record("run-3")
    assert duck.query(NEWEST).rows() == [("run-3",)]
    assert duck.query("SELECT run_id FROM runs ORDER BY recorded_nr").rows() == [
        ("run-2",), ("run-1",), ("run-3",),
    ]  # fmt: skip
    paths.discoveries_db().unlink()
    assert past_runs.are_there() and duck.load_all() == 1
    assert duck.query("SELECT count(*) FROM discoveries").item() == 18


def test_past_runs_alone_are_enough(project: Project) -> None:
    record("run-1")
    shutil.rmtree(project.folder / "data" / "press")
    paths.discoveries_db().unlink()
    assert duck.load_all() == 0
    assert duck.query(NEWEST).rows() == [("run-1",)]
