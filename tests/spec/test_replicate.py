"""A past discovery tested again on other data: frozen as it was, alone, on texts that nobody asked."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import check, discovery, show
from tasks.errors import CorpusError, ParamsError, SourceError
from tasks.formalise import check_new
from tasks.store import duck, frames, originals
from tasks.study import load
from tests import finished_study
from tests.conftest import Project, in_a_copy
from tests.finished_study import write_params
from tests.recorded_study import Row, put_study


@pytest.fixture
def project(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return in_a_copy(finished_study.finished(tmp_path_factory.getbasetemp()), tmp_path / "copy", monkeypatch)


def test_it_runs_as_a_study_of_its_own_and_is_compared(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    row = discovery.named("news/1")
    before = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert main(["replicate", "news/1", "--study", "later"]) == 0
    said = capsys.readouterr().out
    assert f"later tests {discovery.shown(row)} again, and nothing else" in said
    assert (
        "which is 2020 here; two-sided, one hypothesis" in said
        and "could move the effect: by 0.0% at most" in said
    )
    line = f"    propose: {{replicates: {row['run_id']}/{row['predicate_id']}}}\n"
    after = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert after.count(line) == 1 and after.replace(line, "") == before
    assert "asked by you" in "\n".join(check.lines(check.preview(load("later"))))
    project.run("later")
    frozen = frames.read_any(paths.output("later", "formalise") / "predicates.parquet")
    old = frames.read_any(paths.output("news", "formalise") / "predicates.parquet")
    same = ["predicate_id", "predicate", "direction", "definition", "grade", "judge", "threshold"]
    assert frozen.height == 1
    assert frozen.select(same).row(0) == old.filter(predicate_id=row["predicate_id"]).select(same).row(0)
    outcome = duck.query("replications").to_dicts()
    assert [(one["again_in"], one["outcome"], one["share_of_old_texts"]) for one in outcome] == [
        ("later", "held", 0.0)
    ]
    assert outcome[0]["validity"] == row["validity"]
    lines = "\n".join(show.lines(show.found_by(load("later"))))
    assert f"tests {row['run_id']}/{row['predicate_id']} of news again" in lines and lines.count("held") == 1
    page = paths.report_page("later").read_text(encoding="utf-8")
    assert "This study tests one discovery of <code>news</code> again" in page
    assert "on the exploration half of the original" in page


def test_the_same_texts_are_refused_and_so_are_too_many_of_them(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("same", "part"):
        assert main(["replicate", "news/1", "--study", name]) == CorpusError.exit_code
        assert "were in the study that is replicated" in capsys.readouterr().err
    assert not list((project.folder / paths.ASKED).glob("*.json"))
    check_new(load("later"), None)
    check_new(load("later"), 0.02)
    with pytest.raises(CorpusError, match=r"wanted new texts, .* could move the effect by 2\.1%"):
        check_new(load("later"), 0.021)


def test_formalise_refuses_them_too_by_the_ledger_of_what_was_asked(project: Project) -> None:
    assert main(["replicate", "news/1", "--study", "later"]) == 0
    (project.folder / "later.parquet").write_bytes((project.folder / "news.parquet").read_bytes())
    project.run("later", "collect", "embed", "propose")
    with pytest.raises(CorpusError, match=r"wanted new texts, .* could move the effect by 200\.0%"):
        project.run("later", "formalise")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"formalise": {"threshold": 0.4}}, r"later\.formalise\.threshold: wanted 0\.5, as where news found"),
        ({"embed": {"encoder": "bundled"}}, r"later\.embed: wanted none \(float32\)"),
        ({"propose": {"families": ["words"]}}, "without a block `propose` of its own"),
        ({"propose": {"replicates": f"{'0' * 16}/{'0' * 16}"}}, "wanted one discovery a study"),
        ({"kind": "timeline", "collect": {}}, "alone it is another number"),
    ],
)
def test_what_would_be_another_measurement_is_refused(
    changes: dict[str, Any], told: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(project.folder, later=changes)
    before = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert main(["replicate", "news/1", "--study", "later"]) == ParamsError.exit_code
    assert re.search(told, capsys.readouterr().err)
    assert (project.folder / "params.yaml").read_text(encoding="utf-8") == before


def test_only_a_discovery_of_another_study_is_replicated(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for said, name, told in (
        ("news/1", "news", "another study"),
        ("news/3", "later", "it was tested and is none"),
    ):
        assert main(["replicate", said, "--study", name]) == ParamsError.exit_code
        assert told in capsys.readouterr().err


def test_a_registration_that_was_changed_is_refused(project: Project) -> None:
    assert main(["replicate", "news/1", "--study", "later"]) == 0
    (file,) = (project.folder / paths.ASKED).glob("*.json")
    whole = file.read_text(encoding="utf-8")
    for changed in (
        whole.replace("covid", "virus"),
        whole.replace('"predicate_id": "', '"predicate_id": "0'),
        whole.replace('"direction": "A"', '"direction": "B"'),
        "{",
    ):
        file.write_text(changed, encoding="utf-8")
        with pytest.raises(SourceError, match="as it was frozen, what stands there is another"):
            originals.read(load("later"))
    file.unlink()
    with pytest.raises(SourceError, match="Run `natstat replicate"):
        originals.read(load("later"))


CAME = [
    (0.25, 0.05, True, "held"),
    (0.35, 0.05, True, "held"),
    (0.10, 0.05, True, "weakened"),
    (0.01, 0.05, False, "not confirmed"),
    (0.05, 0.02, False, "not confirmed"),
    (-0.20, 0.05, False, "reversed"),
]
"""V again, half its interval, whether it is a discovery again; the old V is 0.27."""


def test_what_came_of_it_in_either_direction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for direction, side in (("A", 1), ("B", -1)):
        put_study(
            f"press-{direction}", f"run-{direction}", [("x", direction, side * 0.27, 0.01, 0.001, True, "x")]
        )
        rows: list[Row] = [
            (f"case {i}", direction, side * validity, half, 0.001, is_found, f"case {i}")
            for i, (validity, half, is_found, _) in enumerate(CAME)
        ]
        put_study(f"again-{direction}", f"run-again-{direction}", rows, split_hash="other")
        says_so(f"again-{direction}", f"run-{direction}/{frames.hashed('x')}")
    duck.load_all()
    came = duck.query("replications")
    wanted = [outcome for *_, outcome in CAME]
    for direction in "AB":
        part = came.filter(again_in=f"again-{direction}", study=f"press-{direction}").sort("predicate")
        assert part["outcome"].to_list() == wanted
        assert duck.query("replications", {"study": f"press-{direction}"}).height == len(CAME)


def says_so(study: str, replicates: str) -> None:
    """The study's run as one that tested a discovery again."""
    file = paths.output(study, "record") / "runs.parquet"
    params = json.dumps({"propose": {"replicates": replicates}, "score": {"alpha": 0.05}})
    rows = frames.read_any(file).with_columns(pl.lit(params).alias("params"))
    frames.write(rows, file, frames.RUNS)
