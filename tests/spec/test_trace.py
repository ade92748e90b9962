"""Where a discovery comes from: everything is verified as it was recorded, and one changed byte is found."""

import json
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import discovery, trace
from tasks.errors import MismatchError, ParamsError, SourceError, StoreError
from tasks.store import dvc_lock, files, frames
from tests import finished_study
from tests.conftest import Project, in_a_copy


@pytest.fixture
def finished(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return in_a_copy(finished_study.finished(tmp_path_factory.getbasetemp()), tmp_path / "copy", monkeypatch)


def states(said: str = "news/1") -> dict[str, str]:
    """What was looked at, and how it is; of several of one name the worst."""
    worst = ("verified", "unknown", "differs")
    found: dict[str, str] = {}
    for check in trace.traced(said)["checks"]:
        found[check["of"]] = max(found.get(check["of"], "verified"), check["state"], key=worst.index)
    return found


def flip(file: Path, at: float = 0.5) -> None:
    """Changes one bit of a file."""
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 0x10
    file.write_bytes(content)


def differing(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert main([*command]) == MismatchError.exit_code
    return capsys.readouterr().out


def test_a_discovery_as_it_was_recorded_is_verified_down_to_its_data(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "news/1"]) == 0
    said = capsys.readouterr().out
    assert 'mentions "covid outbreak" (more in A; a discovery)' in said
    assert "data      news.parquet " + frames.file_hash(finished.folder / "news.parquet") in said
    found = states()
    assert {of for of, state in found.items() if state != "verified"} == {"DVC's lock"}
    assert {"figures from the verdicts", "run id", "split", "judge and prompts", "row in DuckDB"} < set(found)
    assert main(["verify-store"]) == 0


def test_an_id_is_its_beginning_of_a_study_or_a_run(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    row = discovery.named("news/1")
    whole, run_id = row["predicate_id"], row["run_id"]
    for said in (whole, whole[:6], f"news/{whole[:5]}", f"{run_id[:7]}/{whole}", f"news/{whole.upper()}"):
        assert discovery.named(said)["predicate_id"] == whole, said
    assert main(["show", "--study", "news", "--ids"]) == 0
    assert f"  {discovery.shown(row)}\n" in capsys.readouterr().out
    page = paths.report_page("news").read_text(encoding="utf-8")
    assert f'<code class="id">news/{whole}</code>' in page
    for said, told in (
        ("ffff", "there is none like it"),
        (whole[:3], "there is none like it"),
        ("press/1", r"wanted a study \(news\), or the beginning of a run's id, before the slash"),
    ):
        with pytest.raises(ParamsError, match=told):
            discovery.named(said)


FILES = {
    "data/news/1_texts/texts.parquet": "files of collect",
    "data/news/5_verdicts/part-0000.parquet": "files of verify",
    "data/news/6_scores/scores.parquet": "files of score",
    "data/news/7_discoveries/runs.parquet": "files of record",
    "news.parquet": "files of data",
}


def test_one_changed_byte_is_found(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for file, of in FILES.items():
        place = finished.folder / file
        whole = place.read_bytes()
        flip(place)
        assert f"differs   {of}: {file}" in differing(capsys, "trace", "news/1")
        place.write_bytes(whole)
    assert main(["trace", "news/1"]) == 0


def test_one_changed_byte_of_what_is_remembered_is_found(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (kept,) = paths.past_runs().glob("0*")
    flip(kept / "scores.parquet")
    assert "differs   recorded Parquet: scores.parquet was changed" in differing(capsys, "trace", "news/1")
    said = differing(capsys, "verify-store")
    assert f"data/.runs/{kept.name}/scores.parquet was changed since it was written" in said


def test_what_has_no_hash_is_not_proven(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (kept,) = paths.past_runs().glob("0*")
    (split,) = paths.past_runs().glob("split-*.parquet")
    whole = split.read_bytes()
    flip(split)
    assert f"data/.runs/{split.name} was changed since it was written" in differing(capsys, "verify-store")
    split.write_bytes(whole)
    shutil.copyfile(kept / "scores.parquet", kept / "more.parquet")
    assert "more.parquet was added since its run was written" in differing(capsys, "verify-store")
    (kept / "more.parquet").unlink()
    assert main(["verify-store", "--json"]) == 0 and json.loads(capsys.readouterr().out)["is_proven"]
    (kept / "hashes.json").unlink()
    (paths.output("news", "score") / "scores.parquet").unlink()
    assert main(["verify-store"]) == 0
    said = capsys.readouterr().out
    assert "skipped  data/.runs: no hash says how it was written" in said and split.name in said
    assert "skipped  data/news/6_scores/scores.parquet: it is not there" in said
    assert "2 of " in said and "skipped: nothing is proven of them" in said
    assert main(["verify-store", "--json"]) == 0 and not json.loads(capsys.readouterr().out)["is_proven"]


def test_one_other_verdict_gives_other_figures(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    row = discovery.named("news/1")
    folder = paths.output("news", "verify")
    verdicts = frames.scan_verdicts(folder).collect().to_dicts()
    changed = next(v for v in verdicts if v["predicate_id"] == row["predicate_id"] and v["score"] == 1.0)
    changed["score"] = 0.0
    frames.write(
        pl.DataFrame(verdicts, schema=frames.VERDICTS), folder / "part-0000.parquet", frames.VERDICTS
    )
    said = differing(capsys, "trace", "news/1")
    assert "differs   figures from the verdicts: validity is " in said
    assert "differs   files of verify" in said and "verified  split" in said


def test_a_changed_row_of_duckdb_is_found(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    row = discovery.named("news/1")
    with duckdb.connect(str(paths.discoveries_db())) as connection:
        connection.execute(
            "UPDATE discoveries SET validity = validity + 1e-12 WHERE predicate_id = ?", [row["predicate_id"]]
        )
        connection.execute("INSERT INTO evidence FROM evidence LIMIT 1")
        connection.execute(
            "DELETE FROM asked_texts WHERE text_hash = (SELECT min(text_hash) FROM asked_texts)"
        )
    assert "differs   row in DuckDB: validity is " in differing(capsys, "trace", "news/1")
    said = differing(capsys, "verify-store")
    assert f"predicate_id {row['predicate_id']}: DuckDB has validity {row['validity'] + 1e-12}" in said
    assert "DIFFERS  evidence" in said and "only in DuckDB: run_id" in said
    assert "DIFFERS  asked_texts" in said and "only in Parquet: split_hash" in said
    assert "equal    scores" in said


def test_changed_bytes_of_the_database_are_no_answer(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in range(1, 10):
        flip(paths.discoveries_db(), at / 10)
    assert main(["verify-store"]) in {MismatchError.exit_code, StoreError.exit_code}
    assert "discoveries.duckdb" in capsys.readouterr().err


def test_what_is_gone_cannot_be_verified_and_is_no_difference(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(finished.folder / "data" / "news")
    assert main(["trace", "news/1"]) == 0
    said = capsys.readouterr().out
    assert "unknown   verdicts and figures: data/news/7_discoveries holds another run, or none" in said
    assert "unknown   files of verify: data/news/5_verdicts/part-0000.parquet: gone" in said
    assert "verified  row in DuckDB: as in data/.runs" in said and "no longer there" in said
    assert main(["verify-store"]) == 0


def test_a_run_of_an_earlier_release_is_traced_as_far_as_it_goes(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no hashes, and a table without a column that came later."""
    (kept,) = paths.past_runs().glob("0*")
    (kept / "hashes.json").unlink()
    (kept / "files.parquet").unlink()
    for folder in (kept, paths.output("news", "record")):
        rows = frames.read_any(folder / "discoveries.parquet").drop("estimand")
        rows.write_parquet(folder / "discoveries.parquet")
    for name in ("files", "checks"):
        (paths.output("news", "record") / f"{name}.parquet").unlink()
    shutil.rmtree(finished.folder / "data" / "news")
    paths.discoveries_db().unlink()
    assert main(["load"]) == 0 and main(["verify-store"]) == 0
    assert main(["trace", "news/1"]) == 0
    said = capsys.readouterr().out
    assert "unknown   files: an earlier release recorded the run, without their hashes" in said
    assert f"unknown   recorded Parquet: data/.runs/{kept.name} has no hashes" in said


def test_outputs_are_held_against_dvcs_lock(finished: Project) -> None:
    """The hashes of a folder and a file as DVC 3.67 wrote them for this content."""
    folder = finished.folder / "data" / "news" / "1_texts"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "b.parquet").write_text("two\n")
    (folder / "a.parquet").write_text("one\n")
    (finished.folder / "reports" / "news" / "index.html").write_text("one\n")
    (finished.folder / "dvc.lock").write_text(LOCK)
    found = {stage: now == was for stage, _, now, was in dvc_lock.outputs("news")}
    assert found == {"collect": True, "report": True}
    flip(folder / "b.parquet")
    assert states()["DVC's lock"] == "differs"


OUTS = {
    "embed": "2_embeddings", "propose": "3_proposals", "formalise": "4_predicates",
    "verify": "5_verdicts", "score": "6_scores", "record": "7_discoveries",
}  # fmt: skip


def test_a_lock_of_an_earlier_run_is_no_difference_but_a_changed_output_is(finished: Project) -> None:
    """Whoever runs stages without DVC leaves the lock as it was."""
    every = (
        f"  {stage}@news:\n    cmd: x\n    outs:\n    - path: data/news/{out}\n      md5: 0.dir\n"
        for stage, out in OUTS.items()
    )
    (finished.folder / "dvc.lock").write_text(LOCK + "".join(every))
    (told,) = [one["told"] for one in trace.traced("news/1")["checks"] if one["of"] == "DVC's lock"]
    assert told.startswith("dvc.lock is of another run: what it says of data/news/1_texts, ")
    assert all(out in told for out in OUTS.values()) and "reports/news/index.html" in told
    assert states()["DVC's lock"] == "unknown"
    added = finished.folder / "data" / "news" / "1_texts" / "more.parquet"
    added.write_bytes(b"x")
    assert states()["DVC's lock"] == "differs"
    added.unlink()
    # A page alone was made from nothing that changed.
    only_page = LOCK.split("  collect@news:", maxsplit=1)[0] + LOCK[LOCK.index("  report@news") :]
    (finished.folder / "dvc.lock").write_text(only_page)
    assert states()["DVC's lock"] == "differs"


def test_a_file_that_may_not_be_read_is_told_and_the_rest_is_still_looked_at(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(finished.folder / "data" / "news" / "6_scores" / "scores.parquet")
    whole = files.place_hash

    def denied(place: Path) -> str:
        if place.name == "news.parquet":
            raise SourceError(f"{place}: cannot be read: Permission denied.")
        return whole(place)

    monkeypatch.setattr(files, "place_hash", denied)
    found = states()
    assert found["files of data"] == "unknown" and found["files of score"] == "differs"


LOCK = """schema: '2.0'
stages:
  collect@newspaper:
    cmd: python -m flows collect
    outs:
    - path: data/newspaper/1_texts
      hash: md5
      md5: 00000000000000000000000000000000.dir
  collect@news:
    cmd: python -m flows collect
    outs:
    - path: data/news/1_texts
      hash: md5
      md5: 93fb672e86b51f9020863f467685816c.dir
      size: 8
      nfiles: 2
  report@news:
    cmd: python -m flows report
    outs:
    - path: reports/news/index.html
      hash: md5
      md5: 5bbf5a52328e7439ae6e719dfe712200
      size: 4
"""


def test_the_page_of_checks_has_every_check_and_file_and_loads_nothing(finished: Project) -> None:
    page = (paths.reports() / "news" / "checks.html").read_text(encoding="utf-8")
    for stage in ("collect", "record"):
        checks = frames.read_any(paths.output("news", stage) / "checks.parquet")
        assert checks.height > 10 and checks["is_met"].all()
        assert f"{checks.height} checks by <code>{stage}</code>, {checks.height} of them met" in page
    files = frames.read_any(paths.output("news", "record") / "files.parquet")
    assert all(f"<code>{one}</code>" in page for one in files["hash"])
    assert "default-src 'none'" in page and "<script" not in page and "http://" not in page
    assert 'href="checks.html"' in paths.report_page("news").read_text(encoding="utf-8")


def test_a_trace_is_data_too(finished: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "news/1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["params"]["data"] == "news.parquet" and found["asked"]["collect"]["group"] == "year"
    held = {(one["group"], one["status"]): one["n"] for one in found["verdicts"]}
    assert held[("A", "value")] == found["n_a"] and held[("B", "value")] == found["n_b"]
