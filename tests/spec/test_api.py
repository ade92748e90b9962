"""The entrance for notebooks, as a specification: what each name gives, of a real small study."""

import html
import json
import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import api, kinds, paths
from tasks.__main__ import main
from tasks.commands import stage as command
from tasks.errors import MissingStageError, ParamsError
from tasks.store import duck, frames
from tests.conftest import PAIR_STUDY, Project, in_a_copy, pair
from tests.docs import pages
from tests.dvc_project import change
from tests.spec.report_made import Node

NAME = "docstrings"
"""As in docs/notebook.md, whose sample is run here."""
ATTACK = "</iframe></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"
OUTPUTS = ("texts", "predicates", "verdicts", "scores", "discoveries")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a finished study that shows an attack wherever it shows anything."""
    with pytest.MonkeyPatch.context() as patch:
        project = Project(tmp_path_factory.mktemp("made"))
        patch.chdir(project.folder)
        rows = [{**row, "text": f"{row['text']} {ATTACK}"} for row in pair(300, 0.3, 0.0)]
        project.table("news.parquet", rows)
        names = {"a_name": f"then {ATTACK}", "b_name": f"now {ATTACK}"}
        collect = {**PAIR_STUDY["collect"], **names}
        project.params(**{NAME: {**PAIR_STUDY, "goal": f"what changed {ATTACK}", "collect": collect}})
        api.open(NAME).run()
        yield project.folder


@pytest.fixture
def finished(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it that a test may change."""
    return in_a_copy(made, tmp_path / "copy", monkeypatch)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages that were run; none is, but its folder is as new as if."""
    stages: list[str] = []

    def run_stage(study: Any, stage: str) -> dict[str, Any]:
        stages.append(stage)
        folder = paths.output(study.name, stage)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("manifest.json", "metrics.json", "index.html"):
            (folder / name).write_text("{}")
        os.utime(folder)
        return {}

    monkeypatch.setattr(command, "run_stage", run_stage)
    return stages


class Tags(HTMLParser):
    """All elements of a piece of HTML, with their attributes."""

    def __init__(self, piece: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(piece)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_studies_are_those_of_params(planted: Project) -> None:
    assert api.studies() == ["news"]
    with pytest.raises(ParamsError, match="did you mean `news`"):
        api.open("nws")


def test_before_anything_ran_every_output_says_so(planted: Project) -> None:
    study = api.open("news")
    for name in (*OUTPUTS, "report"):
        with pytest.raises(MissingStageError):
            getattr(study, name)
    for member in (study.show, lambda: study.run("verify"), lambda: api.query("strongest")):
        with pytest.raises(MissingStageError):
            member()
    assert repr(study) == (
        "OpenStudy news (corpus_pair): what changed in the news from year to year [there: nothing; missing: "
        f"{', '.join(paths.STAGES)}]"
    )
    assert "there: nothing" in study._repr_html_()
    assert not (planted.folder / "data" / "news").exists(), "looking writes nothing"


def test_run_says_what_each_stage_counted(planted: Project, capsys: pytest.CaptureFixture[str]) -> None:
    study = api.open("news")
    assert study.run("collect").keys() == {"collect"}
    assert re.fullmatch(r"collect news: .*n_texts 600.*\n", capsys.readouterr().out)
    manifests = study.run()
    told = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert told == list(paths.STAGES[1:]), "collect is there"
    assert list(manifests) == list(paths.STAGES)
    assert manifests["score"]["n_tested"] == manifests["report"]["n_tested"] == study.scores.height
    assert "missing: nothing" in repr(study)


def test_run_knows_its_stages(finished: Project) -> None:
    with pytest.raises(ParamsError, match="wanted a stage, one of collect"):
        api.open(NAME).run("clean")


def test_nothing_runs_twice(finished: Project, ran: list[str]) -> None:
    assert list(api.open(NAME).run()) == list(paths.STAGES)
    assert ran == []


def test_what_is_missing_runs_and_all_after_it(finished: Project, ran: list[str]) -> None:
    shutil.rmtree(paths.output(NAME, "formalise"))
    assert "; missing: formalise]" in repr(api.open(NAME))
    api.open(NAME).run()
    assert ran == ["formalise", "verify", "score", "record", "report"]


def test_a_report_without_its_page_is_missing(finished: Project, ran: list[str]) -> None:
    (paths.output(NAME, "report") / "index.html").unlink()
    with pytest.raises(MissingStageError, match=r"index\.html: wanted the report"):
        _ = api.open(NAME).report
    api.open(NAME).run()
    assert ran == ["report"]


def test_what_is_older_than_a_stage_before_it_runs(finished: Project, ran: list[str]) -> None:
    study = api.open(NAME)
    study.run("verify")
    study.run()
    assert ran == ["verify", "score", "record", "report"]
    study.run()
    assert len(ran) == 4


def test_new_data_runs_everything(finished: Project, ran: list[str]) -> None:
    os.utime(finished.folder / "news.parquet")
    api.open(NAME).run()
    assert ran == list(paths.STAGES)


def test_other_keys_run_everything(finished: Project, ran: list[str]) -> None:
    study = api.open(NAME)
    change(finished, NAME, report={"title": "Another title"}, spend={"concurrency": 2})
    study.run()
    assert ran == [], "these change no result"
    change(finished, NAME, score={"alpha": 0.01})
    study.run()
    assert ran == list(paths.STAGES)


def test_a_record_that_cannot_be_read_runs_everything(finished: Project, ran: list[str]) -> None:
    (paths.output(NAME, "record") / "runs.parquet").write_bytes(b"")
    api.open(NAME).run()
    assert ran == list(paths.STAGES)


def test_outputs_are_the_tables_of_the_stages(finished: Project) -> None:
    study = api.open(NAME)
    for stage, name in (
        ("collect", "texts"),
        ("formalise", "predicates"),
        ("score", "scores"),
        ("record", "discoveries"),
    ):
        frame = getattr(study, name)
        assert frame.equals(pl.read_parquet(paths.output(NAME, stage) / f"{name}.parquet")), name
    assert study.verdicts.schema == frames.VERDICTS
    assert study.verdicts.height == study.predicates.height * study.texts.filter(half="confirm").height


def test_a_table_of_a_kind(finished: Project) -> None:
    assert not kinds.load("corpus_pair").tables
    with pytest.raises(ParamsError, match="of kind corpus_pair"):
        api.open(NAME).table("fresh")
    finished.params(mixed={"kind": "encoder_failures", "goal": "g", "data": "news.parquet"})
    study = api.open("mixed")
    with pytest.raises(ParamsError, match="did you mean `fresh`"):
        study.table("frsh")
    with pytest.raises(MissingStageError, match="table fresh of mixed"):
        study.table("fresh")
    schema = kinds.load("encoder_failures").tables["fresh"]
    folder = paths.output("mixed", "verify")
    folder.mkdir(parents=True)
    frames.write(schema.to_frame(), folder / "fresh.parquet", schema)
    assert study.table("fresh").schema == schema


@pytest.mark.parametrize("name", ["check", "cost", "show"])
def test_dicts_are_those_of_the_commands(
    finished: Project, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main([name, "--study", NAME, "--json"]) == 0
    assert getattr(api.open(NAME), name)() == json.loads(capsys.readouterr().out)


def test_the_report_is_shown_in_a_frame_of_its_own(finished: Project) -> None:
    report = api.open(NAME).report
    assert report.path == finished.folder / "reports" / NAME / "index.html"
    page = report.path.read_text(encoding="utf-8")
    shown = report._repr_html_()
    tags = Tags(shown)
    ((tag, attributes),) = tags.found
    assert (tag, tags.text) == ("iframe", "")
    assert attributes["sandbox"] == "allow-scripts allow-downloads", (
        "neither the notebook's origin nor a way out of the frame"
    )
    # Nothing lies beside the page in a frame.
    alone = re.sub(r'<a href="checks\.html">(.*?)</a>', r"\1", page)
    assert alone != page
    assert str(attributes["srcdoc"]).replace('href="about:srcdoc#', 'href="#') == alone
    assert page.count("alert(1)") > 5, "the attack was there"


def test_the_page_in_the_frame_is_the_report(finished: Project) -> None:
    ((_, attributes),) = Tags(api.open(NAME).report._repr_html_()).found
    page = Node(str(attributes["srcdoc"]))
    assert [node.attrs for node in page.nodes("script")] == [
        {"type": "application/json", "id": "texts-data"},
        {},
    ], "one that runs"
    assert not page.nodes("img")
    links = [node.attrs["href"] for node in page.nodes("a")]
    assert links and all(link.startswith("about:srcdoc#") for link in links), "a bare # leads to the notebook"


def test_a_study_in_a_cell_shows_its_discoveries(finished: Project) -> None:
    study = api.open(NAME)
    shown = study._repr_html_()
    tags = Tags(shown)
    assert {tag for tag, _ in tags.found} == {"p", "b", "br", "table", "tr", "th", "td"}
    assert not any(attributes for _, attributes in tags.found)
    (found,) = [row for row in study.show()["discoveries"] if "covid" in row["predicate"]]
    assert found["predicate"] in tags.text and f"{found['validity']:+.2f}" in tags.text
    assert "\u202e" not in shown
    assert html.escape(ATTACK.replace("\u202e", "\ufffd")) in shown


def test_a_study_has_one_line(finished: Project) -> None:
    change(finished, NAME, goal="what\nchanged")
    assert repr(api.open(NAME)).startswith(f"OpenStudy {NAME} (corpus_pair): what changed [there: collect, ")


def test_params_are_read_anew(finished: Project) -> None:
    study = api.open(NAME)
    change(finished, NAME, collect={"group": "year", "a": 2019, "b": 2020})
    assert study.check()["names"] == {"A": "2019", "B": "2020"}
    change(finished, NAME, colect={})
    with pytest.raises(ParamsError, match="did you mean `collect`"):
        study.check()
    assert "there: collect" in study._repr_html_(), "a cell shows a study all the same"


def test_query_asks_the_memory(finished: Project) -> None:
    assert api.query("strongest", study=NAME, limit=1).equals(
        duck.query("strongest", {"study": NAME, "limit": "1"})
    )
    assert api.query("strongest", study=NAME, limit=1).height == 1
    assert api.query("select $n + 1 as m", n=2).item() == 3
    for wrong in ({"stody": NAME}, {"limit": "many"}):
        with pytest.raises(ParamsError):
            api.query("strongest", **wrong)


def test_the_sample_of_the_page_runs(finished: Project) -> None:
    samples = re.findall(r"^```python\n(.*?)^```", pages.text("docs/notebook.md"), re.MULTILINE | re.DOTALL)
    known: dict[str, Any] = {}
    for sample in samples:
        exec(sample, known)
    assert isinstance(known["study"], api.OpenStudy)
