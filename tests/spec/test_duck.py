"""The team's memory, as a specification: recorded Parquet in, SQL answers out."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks import paths
from tasks.errors import MissingStageError, ParamsError, StoreError
from tasks.records import Call
from tasks.report.findings import findings
from tasks.store import answers, duck, frames, past, tables
from tasks.study.params import Price
from tests.conftest import REPO, Project
from tests.recorded_study import PRESS, put_study

pytestmark = pytest.mark.usefixtures("project")


def ask(sql: str) -> list[tuple[Any, ...]]:
    return duck.query(sql).rows()


def n_rows() -> dict[str, int]:
    return {
        table: ask(f"SELECT count(*) FROM {table}")[0][0]
        for table in [*tables.TABLES, "studies", "texts", "verdicts"]
    }


def test_a_recorded_study_is_in_every_table() -> None:
    put_study()
    duck.record("press")
    assert n_rows() == {
        "runs": 1, "predicates": 6, "scores": 6, "discoveries": 6, "changes": 0, "evidence": 6,
        "llm_calls": 0, "asked_texts": 0, "files": 0, "studies": 1, "texts": 1, "verdicts": 6,
    }  # fmt: skip
    stored = duck.query("SELECT * EXCLUDE (found_at, found_nr) FROM discoveries ORDER BY predicate_id")
    written = pl.read_parquet(paths.output("press", "record") / "discoveries.parquet").sort("predicate_id")
    assert stored.equals(written)


def test_when_it_changed_is_answered_for_discoveries_alone() -> None:
    put_study()
    scores = pl.read_parquet(paths.output("press", "score") / "scores.parquet").sort("is_discovery")
    jump = {"at": 2.0, "lo": 1.0, "hi": 3.0, "said": "2020-03", "said_lo": "2020-02", "said_hi": "2020-04"}
    shares = {"before": 0.05, "after": 0.3, "p": 0.001}
    ids = scores["predicate_id"][[0, -1]]
    jumps = pl.DataFrame([{"predicate_id": one, **jump, **shares} for one in ids])
    frames.write(jumps, paths.output("press", "score") / "changes.parquet", frames.CHANGES)
    duck.record("press")
    assert n_rows()["changes"] == 2
    ((study, predicate, *rest),) = duck.query("changes", {"study": "press"}).rows()
    assert study == "press" and rest == ["2020-03", "2020-02", "2020-04", 0.05, 0.3, 0.001]
    assert dict(ask("SELECT predicate_id, predicate FROM predicates"))[ids[1]] == predicate
    assert duck.query("changes", {"words": "no such word"}).is_empty()


def test_recording_twice_changes_nothing_but_when() -> None:
    put_study()
    duck.record("press")
    first = ask("SELECT found_at, recorded_at FROM runs")[0]
    before = duck.query("SELECT * FROM discoveries ORDER BY ALL")
    for file in paths.output("press", "record").glob("*.parquet"):
        os.utime(file, (time.time() + 60, time.time() + 60))
    duck.record("press")
    assert n_rows()["discoveries"] == 6
    assert duck.query("SELECT * FROM discoveries ORDER BY ALL").equals(before)
    again = ask("SELECT found_at, recorded_at FROM runs")[0]
    assert again[0] == first[0]
    assert again[1] > first[1]


def test_a_changed_row_of_the_same_run_is_replaced() -> None:
    put_study()
    duck.record("press")
    put_study(rows=PRESS[:2])
    duck.record("press")
    assert (n_rows()["discoveries"], n_rows()["evidence"], n_rows()["predicates"]) == (2, 2, 2)


def test_earlier_runs_are_remembered() -> None:
    put_study(run_id="run-1")
    duck.record("press")
    put_study(run_id="run-2", rows=PRESS[:1])
    duck.record("press")
    assert (n_rows()["runs"], n_rows()["discoveries"]) == (2, 7)
    assert ask("SELECT run_id, n_runs, n_predicates FROM studies") == [("run-2", 2, 1)]


def test_going_back_to_an_earlier_run_makes_it_the_current_one_again() -> None:
    for run_id in ("run-1", "run-2", "run-1"):
        put_study(run_id=run_id)
        duck.record("press")
    assert ask("SELECT run_id, n_runs FROM studies") == [("run-1", 2)]
    assert ask("SELECT run_id FROM runs ORDER BY found_nr") == [("run-1",), ("run-2",)]


def test_a_discovery_speaks_for_its_group_where_the_leader_is_none() -> None:
    leader = ('mentions "covid"', "A", 0.27, 0.01, 0.4, False, 'mentions "covid"')
    better = ('mentions "flu"', "A", 0.25, 0.01, 0.001, True, 'mentions "covid"')
    put_study(rows=[leader, *PRESS[1:3], better])
    duck.record("press")
    found = duck.query("strongest").select("predicate", "n_alike").rows()
    rows = duck.query("SELECT * FROM discoveries").to_dicts()
    assert found == [('mentions "flu"', 1), ("is a question", 0)]
    assert found == [(row["predicate"], len(row["members"])) for row in findings(rows)]


def test_load_all_rebuilds_from_parquet_and_counts_studies() -> None:
    put_study("press", "run-1")
    put_study("reviews", "run-2", PRESS[:2])
    (paths.data() / "unfinished" / "1_texts").mkdir(parents=True)
    assert duck.load_all() == 2
    whole = duck.query("SELECT * FROM discoveries ORDER BY ALL")
    paths.discoveries_db().unlink()
    assert duck.load_all() == 2
    assert duck.query("SELECT * FROM discoveries ORDER BY ALL").equals(whole)
    assert whole["found_at"].dtype == pl.Datetime("us")
    written = (paths.output("press", "record") / "runs.parquet").stat().st_mtime
    assert abs((whole["found_at"][0] - datetime(1970, 1, 1)).total_seconds() - written) < 1


def test_load_all_keeps_runs_no_parquet_holds_any_more() -> None:
    put_study(run_id="run-1")
    duck.record("press")
    put_study(run_id="run-2")
    assert duck.load_all() == 1
    assert ask("SELECT run_id FROM runs ORDER BY ALL") == [("run-1",), ("run-2",)]


def test_rows_of_a_later_unrecorded_run_are_not_mixed_in() -> None:
    put_study(run_id="run-1")
    duck.record("press")
    recorded = paths.output("press", "record")
    shutil.copytree(recorded, recorded.with_name("kept"))
    put_study(run_id="run-2", rows=PRESS[:2])  # formalise and score ran again, record did not
    shutil.rmtree(recorded)
    recorded.with_name("kept").rename(recorded)
    duck.load_all()
    assert ask("SELECT count(*) FROM predicates")[0] == (6,)
    assert ask("SELECT count(*) FROM scores")[0] == (6,)


def test_one_damaged_study_leaves_the_database_as_it_was() -> None:
    put_study("press", "run-1")
    duck.record("press")
    before = paths.discoveries_db().read_bytes()
    put_study("reviews", "run-2")
    (paths.output("reviews", "record") / "evidence.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(StoreError, match=r"evidence\.parquet: damaged"):
        duck.load_all()
    assert paths.discoveries_db().read_bytes() == before
    assert [f.name for f in paths.data().glob(".discoveries*")] == []


def test_views_name_the_study_and_follow_the_folders() -> None:
    put_study("press", "run-1")
    put_study("reviews", "run-2")
    duck.load_all()
    both = [("press", 1), ("reviews", 1)]
    assert ask("SELECT study, count(*) FROM texts GROUP BY ALL ORDER BY ALL") == both
    shutil.rmtree(paths.data() / "reviews")
    assert ask("SELECT study, count(*) FROM texts GROUP BY ALL") == [("press", 1)]
    assert ask("SELECT DISTINCT study FROM verdicts") == [("press",)]
    assert n_rows()["discoveries"] == 12


def test_views_are_empty_and_typed_when_no_study_folder_is_left() -> None:
    put_study()
    duck.record("press")
    kept = paths.output("press", "record").parent
    shutil.rmtree(paths.output("press", "collect"))
    shutil.rmtree(paths.output("press", "verify"))
    with pytest.raises(StoreError, match="Run `natstat load`"):
        ask("SELECT * FROM texts")
    assert kept.is_dir()
    duck.load_all()
    assert duck.query("SELECT * FROM texts").schema == {"study": pl.String, **frames.TEXTS}
    assert duck.query("SELECT * FROM verdicts").schema == {"study": pl.String, **frames.VERDICTS}


def test_views_work_from_any_folder_and_any_folder_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "it's [our] *data*"
    odd.mkdir()
    monkeypatch.chdir(odd)
    put_study()
    duck.record("press")
    file = paths.discoveries_db()
    monkeypatch.chdir("/")
    connection = duckdb.connect(str(file), read_only=True)
    assert connection.sql("SELECT study, text FROM texts").fetchall() == [("press", "covid rises")]
    connection.close()


READER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
deadline = time.monotonic() + 60
n = 0
while "stop" not in open(sys.argv[2]).read() and time.monotonic() < deadline:
    assert connection.sql("SELECT count(*) FROM discoveries").fetchall() == [(6,)]
    n += 1
print(n, flush=True)
"""


def test_a_reader_goes_on_while_a_writer_replaces_the_file(tmp_path: Path) -> None:
    put_study(run_id="run-1")
    duck.record("press")
    flag = tmp_path / "flag"
    flag.write_text("", encoding="utf-8")
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(paths.discoveries_db()), str(flag)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    for n in range(2, 6):
        put_study(run_id=f"run-{n}")
        duck.record("press")
        assert ask("SELECT count(*) FROM runs") == [(n,)]
    flag.write_text("stop", encoding="utf-8")
    asked = int(reader.stdout.readline())
    assert reader.wait(60) == 0
    reader.stdout.close()
    assert asked > 0


def test_views_lack_no_row_while_a_stage_puts_its_output_into_place() -> None:
    put_study("press", "run-1")
    put_study("reviews", "run-2")
    duck.load_all()
    counted = "SELECT study, count(*) FROM texts JOIN verdicts USING (study) GROUP BY ALL ORDER BY ALL"
    texts = pl.read_parquet(paths.output("press", "collect") / "texts.parquet")
    verdicts = pl.read_parquet(paths.output("press", "verify") / "part-0000.parquet")
    is_over = threading.Event()

    def rewrite() -> None:
        while not is_over.is_set():
            for stage, name, rows in (("collect", "texts", texts), ("verify", "part-0000", verdicts)):
                with frames.writing(paths.output("press", stage)) as folder:
                    rows.write_parquet(folder / f"{name}.parquet")

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        connection = duckdb.connect(str(paths.discoveries_db()), read_only=True)
        found = {tuple(connection.sql(counted).fetchall()) for _ in range(300)}
        connection.close()
    finally:
        is_over.set()
        writer.join()
    assert found == {(("press", 6), ("reviews", 6))}


def test_a_file_that_a_view_lacks_for_a_moment_is_looked_for_again() -> None:
    put_study()
    duck.record("press")
    collected = paths.output("press", "collect")
    collected.rename(aside := collected.with_name("aside"))
    writer = threading.Timer(0.3, aside.rename, [collected])
    writer.start()
    assert ask("SELECT count(*) FROM texts") == [(1,)]
    writer.join()
    shutil.rmtree(collected)
    with pytest.raises(StoreError, match=r"No files found .* Ask again when the stage"):
        ask("SELECT count(*) FROM texts")


RECORDER = "import sys; from tasks.store import duck; [duck.record(sys.argv[1]) for _ in range(5)]"


def test_two_processes_may_record_at_once_while_others_read() -> None:
    names = ["press", "reviews"]
    counted = "SELECT study, count(*) FROM discoveries GROUP BY ALL ORDER BY ALL"
    for name in names:
        put_study(name, f"run-{name}")
        duck.record(name)
    env = {**os.environ, "PYTHONPATH": str(REPO)}
    recorders = [subprocess.Popen([sys.executable, "-c", RECORDER, name], env=env) for name in names]
    found = set()
    while any(recorder.poll() is None for recorder in recorders):
        with duckdb.connect(str(paths.discoveries_db()), read_only=True) as connection:
            found.add(tuple(connection.sql(counted).fetchall()))
        found.add(tuple(ask(counted)))
    assert [recorder.returncode for recorder in recorders] == [0, 0]
    assert found == {(("press", 6), ("reviews", 6))}
    assert len(ask("SELECT * FROM runs")) == 2


def test_a_damaged_database_is_kept_aside_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    put_study()
    for n in (1, 2):
        paths.discoveries_db().write_bytes(b"no database" * 1000)
        with pytest.raises(StoreError, match=r"cannot be opened.*Run `natstat load`"):
            ask("SELECT 1")
        duck.record("press")
        assert n_rows()["discoveries"] == 6
        assert f"kept as discoveries.duckdb.unreadable-{n}" in capsys.readouterr().err


@contextmanager
def held() -> Iterator[None]:
    """Another program has the database open for writing."""
    hold = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(paths.discoveries_db())],
        stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    yield
    holder.communicate("")


def test_a_database_held_for_writing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    put_study()
    duck.record("press")
    monkeypatch.setattr(duck, "_RETRY_S", 0.5)
    with held():
        with pytest.raises(StoreError, match=r"cannot be opened.*Close it there"):
            ask("SELECT 1")
        duck.record("press")  # writes a copy: not in anybody's way
    assert n_rows()["runs"] == 1


def test_a_question_that_an_earlier_release_has_no_table_for_says_what_to_do() -> None:
    put_study(run_id="run-1")
    duck.record("press")
    connection = duckdb.connect(str(paths.discoveries_db()))
    connection.execute("DROP VIEW holdout_runs; DROP VIEW holdout_splits")
    connection.close()
    with pytest.raises(
        ParamsError, match=r"not exist\. Was the database made by an earlier release\? Run `natstat load`"
    ):
        duck.query("holdout-use")


def test_a_file_of_an_earlier_release_gains_columns() -> None:
    put_study(run_id="run-1")
    duck.record("press")
    connection = duckdb.connect(str(paths.discoveries_db()))
    connection.execute("ALTER TABLE discoveries DROP COLUMN e_value")
    connection.execute("ALTER TABLE runs ADD COLUMN of_old VARCHAR")
    connection.execute("DROP TABLE llm_calls")
    connection.close()
    put_study(run_id="run-2")
    duck.record("press")
    assert ask("SELECT count(*), count(e_value) FROM discoveries") == [(12, 0)]
    assert ask("SELECT count(*) FROM llm_calls") == [(0,)]


ASKED = [
    Call("h1", "verify", "judge", "small", (frames.hashed("is long"), frames.hashed("is short")), 900, 60, 0),
    Call("h2", "verify", "judge", "small", (frames.hashed("is long"),), 400, 30, 300),
]


def paid(request_hash: str, status: str = "value", attempts: int = 1) -> None:
    with answers.opened() as opened:
        row = answers.Paid(
            request_hash, "press", "verify", "judge", (), "small", 900, 60, 0, 0.1, 0.25, attempts, status,
            served="small-2026",
        )  # fmt: skip
        opened.put(row, "{}" if status == "value" else None)


def test_calls_are_remembered_with_what_the_ledger_knows() -> None:
    paid("h1", attempts=3)
    paid("h1", status="failed", attempts=8)
    put_study(asked=ASKED, prices={"small": Price(input=1.0, output=10.0)})
    duck.record("press")
    columns = (
        "request_hash, predicate_ids, tokens_in, tokens_cached, cost_usd, latency_s, attempts, status, served"
    )
    found = ask(f"SELECT {columns}, called_at IS NULL FROM llm_calls ORDER BY request_hash")
    about = [frames.hashed("is long"), frames.hashed("is short")]
    assert found == [
        ("h1", about, 900, 0, 0.0015, 0.25, 3, "value", "small-2026", False),
        ("h2", about[:1], 400, 300, 0.0007, None, None, None, None, True),
    ]
    paths.discoveries_db().unlink()
    duck.load_all()
    assert ask(f"SELECT {columns}, called_at IS NULL FROM llm_calls ORDER BY request_hash") == found


def test_calls_of_a_later_unrecorded_run_are_not_mixed_in() -> None:
    put_study(asked=ASKED)
    duck.record("press")
    more = frames.from_records([*ASKED, replace(ASKED[0], request_hash="h3")], frames.CALLS)
    frames.write(more, paths.output("press", "verify") / "calls-0000.parquet", frames.CALLS)
    duck.load_all()
    assert ask("SELECT request_hash FROM llm_calls ORDER BY ALL") == [("h1",), ("h2",)]


def test_calls_of_an_earlier_release_gain_the_list_of_predicates() -> None:
    put_study()
    duck.record("press")
    connection = duckdb.connect(str(paths.discoveries_db()))
    connection.execute("ALTER TABLE llm_calls DROP COLUMN predicate_ids")
    connection.execute("ALTER TABLE llm_calls ADD COLUMN predicate_id VARCHAR")
    connection.close()
    put_study(asked=ASKED)
    duck.record("press")
    assert ask("SELECT sum(len(predicate_ids)) FROM llm_calls") == [(3,)]


def test_past_discoveries_are_those_of_other_studies_in_their_newest_runs() -> None:
    assert past.discoveries("press") == []
    put_study("press", "run-1")
    duck.record("press")
    assert past.discoveries("press") == []
    assert past.discoveries("reviews") == ["is a question", 'mentions "covid"', 'mentions "virus"']
    put_study("press", "run-2", PRESS[:1])
    duck.record("press")
    assert past.discoveries("reviews") == ['mentions "covid"']


def test_past_discoveries_are_read_while_another_program_holds_the_file() -> None:
    put_study()
    duck.record("press")
    with held():
        assert len(past.discoveries("reviews")) == 3


def test_a_damaged_database_holds_no_past_discoveries() -> None:
    paths.data().mkdir()
    paths.discoveries_db().write_bytes(b"no database" * 1000)
    assert past.discoveries("press") == []


def test_nothing_recorded_says_what_to_run() -> None:
    for call in (lambda: duck.query("studies"), lambda: duck.query("SELECT 1 AS one")):
        with pytest.raises(MissingStageError, match="Run `dvc repro`, or `natstat load`"):
            call()
    with pytest.raises(MissingStageError, match="Run `dvc repro`"):
        duck.load_all()
    with pytest.raises(MissingStageError, match=r"runs\.parquet"):
        duck.record("press")
    assert not paths.discoveries_db().exists()


def test_no_table_is_fetched_or_installed() -> None:
    put_study()
    duck.record("press")
    assert ask("SELECT current_setting('autoinstall_known_extensions')")[0] == (False,)
    assert ask("SELECT current_setting('autoload_known_extensions')")[0] == (False,)


def test_the_database_is_read_only_for_queries() -> None:
    put_study()
    duck.record("press")
    with pytest.raises(ParamsError, match="read-only"):
        ask("DELETE FROM runs")
    assert n_rows()["runs"] == 1


def test_the_pipeline_s_own_output_loads(planted: Project) -> None:
    planted.run("news", *(s for s in paths.STAGES if s not in {"record", "report"}))
    from tasks import record
    from tasks.study import load

    manifest = record.run(load("news"))
    assert ask("SELECT run_id FROM studies") == [(manifest["run_id"],)]
    counts = n_rows()
    assert counts["predicates"] == counts["scores"] == counts["discoveries"] > 0
    assert counts["texts"] == 600
    assert counts["verdicts"] > 0


def test_a_file_of_an_earlier_release_gets_the_columns_of_the_sequential_plan() -> None:
    put_study(run_id="run-1")
    duck.record("press")
    with duckdb.connect(str(paths.discoveries_db())) as connection:
        for name in ("e_value", "decision", "fragile"):
            connection.execute(f"ALTER TABLE scores DROP COLUMN {name}")
        connection.execute("DROP VIEW holdout_runs")
    put_study(run_id="run-2")
    duck.record("press")
    assert duck.query("SELECT DISTINCT e_value, decision, fragile FROM scores").rows() == [(None, None, None)]
    assert set(frames.SCORES) < set(duck.query("SELECT * FROM scores").columns)
    assert duck.query("holdout-use")["n_runs"].to_list() == [2]
