"""What the commands print: the same for programs as for people, and one line where nothing can be told."""

import argparse
import json
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from tasks import run
from tasks.__main__ import main, parser
from tasks.commands import show
from tests.conftest import PAIR_STUDY, REPO, Project, pair


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished study, `news`, and one that has not run, `later`; tests leave it as it is."""
    with pytest.MonkeyPatch.context() as patch:
        project = Project(tmp_path_factory.mktemp("finished"))
        patch.chdir(project.folder)
        project.table("news.parquet", pair(300, 0.3, 0.0))
        project.params(news=PAIR_STUDY, later={**PAIR_STUDY, "goal": "what changed\nsince", "seed": 1})
        project.run("news")
    return project.folder


@pytest.fixture
def there(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(finished)
    yield finished


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def both(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[Any, str]:
    """What a program reads, and what a person reads."""
    return json.loads(said(capsys, *arguments, "--json")), said(capsys, *arguments)


@pytest.mark.usefixtures("there")
class TestBothSayTheSame:
    def test_studies(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "studies")
        assert [one["name"] for one in found] == ["news", "later"]
        for one, line in zip(found, text.splitlines(), strict=True):
            assert line.split()[:3] == [one["name"], one["kind"], one["engine"]]
            assert " ".join(one["goal"].split()) in line
            assert line.endswith(one["report"] or " ".join(one["goal"].split()))
        assert [one["report"] for one in found] == ["reports/news/index.html", None], "once there is one"

    def test_the_last_stages_name_the_report(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert said(capsys, "report", "--study", "news").endswith("; report: reports/news/index.html\n")
        told = [run.line("news", stage, {"n": 5}) for stage in ("score", "record")]
        assert told == ["score news: n 5", "record news: n 5; report writes reports/news/index.html"]

    def test_check(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "check", "--study", "news")
        assert f"{found['n_rows']:,} rows give {found['n_texts']:,} texts" in text
        for group in ("A", "B"):
            assert f"{found['names'][group]}        {found['texts'][group]} texts" in text
        assert f"{found['smallest_effect']['alone']:.3f} for one hypothesis" in text
        assert f"{found['judge']['of_many']:.3f} among many" in text

    def test_cost(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "cost", "--study", "news")
        assert f"= {found['n_judgements']:,} judgements, {found['cost_usd']:.2f} USD" in text
        assert f"{found['smallest_effect']['alone']:.3f} for one hypothesis" in text

    def test_show(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "show", "--study", "news")
        assert f"{len(found['discoveries'])} of {found['n_tested']} tested hypotheses" in text
        assert found["discoveries"]
        for row in found["discoveries"]:
            assert f"{row['validity']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}]" in text
            assert f"{row['more_in']}: {row['predicate']}" in text
        assert Path(found["report"]).is_file()
        assert found["report"] in text
        assert set(found["shuffled"]) == {"shuffles", "runs_with_discovery", "most"}
        assert "beware" not in text
        found["shuffled"] |= {"runs_with_discovery": found["shuffled"]["most"] + 1}
        assert show.lines(found)[1].startswith("  beware: with group labels that mean nothing, ")

    @pytest.mark.parametrize("key", ["", "score", "score.alpha"])
    def test_explain(self, capsys: pytest.CaptureFixture[str], key: str) -> None:
        found, text = both(capsys, "explain", *([key] if key else []))
        told = dict(line.split(maxsplit=1) for line in text.splitlines())
        assert told == {name: " ".join(meaning.split()) for name, meaning in found.items()}
        assert all(name.startswith(key) for name in found)

    def test_the_questions_that_can_be_asked(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "query")
        assert dict(line.split(maxsplit=1) for line in text.splitlines()) == found

    def test_an_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "query", "strongest", "study=news")
        assert found
        for row in found:
            assert any(
                row["predicate"] in line and f"{row['validity']:.3f}" in line for line in text.splitlines()
            )

    def test_an_answer_of_many_rows_is_one_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "query", "select predicate, p from discoveries order by p")
        assert len(found) == 24
        assert [*found[0]] == ["predicate", "p"], "columns stand as they were asked for"
        places = [text.index(row["predicate"]) for row in found]
        assert places == sorted(places)

    def test_an_answer_without_rows(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert both(capsys, "query", "strongest", "study=later") == ([], "(no rows)\n")

    def test_a_stage(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "collect", "--study", "news")
        assert f"n_rows {found['n_rows']}, n_texts {found['n_texts']}" in text

    def test_load(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "load")
        assert found == {"n_runs": 1, "n_studies": 1, "file": "data/discoveries.duckdb"}
        assert found["file"] in text

    def test_label(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, text = both(capsys, "label", "--study", "news", "--texts", "5")
        assert f"{found['n_texts']} texts x {found['n_predicates']} predicates" in text
        Path(found["file"]).unlink()

    def test_what_is_no_number_in_an_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        found, _ = both(capsys, "query", "select 'nan'::double as x, null as y")
        assert found == [{"x": None, "y": None}]


@pytest.mark.usefixtures("there")
def test_studies_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "studies", "--kind", "corpus_pair", "--names") == "news\nlater\n"
    found = json.loads(said(capsys, "studies", "--kind", "corpus_pair", "--json"))
    assert {one["kind"] for one in found} == {"corpus_pair"}


CASES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "check unknown": (("check", "--study", "nws"), 10, "wanted one of news, later; did you mean `news`"),
    "cost unknown": (("cost", "--study", "nws"), 10, "did you mean `news`"),
    "show unknown": (("show", "--study", "nws"), 10, "did you mean `news`"),
    "show before the stages": (("show", "--study", "later"), 18, "Run `dvc repro` or the stages before."),
    "no such key": (("explain", "score.alhpa"), 10, "score.alhpa: unknown key; did you mean `score.alpha`"),
    "no such question": (("query", "strngest"), 10, "did you mean `strongest`"),
    "no such parameter": (("query", "strongest", "stody=news"), 10, "did you mean `study`"),
    "SQL without quotes": (("query", "select", "1"), 10, "Put SQL in quotes."),
    "wrong SQL": (("query", "select nothing from runs"), 10, "nothing"),
    "no such kind": (("studies", "--kind", "pair"), 10, "wanted one of classes, clusters"),
    "a kind without a study": (("studies", "--kind", "encoder_failures"), 10, "a study in params.yaml"),
}


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("arguments", "code", "words"), CASES.values(), ids=CASES)
def test_what_cannot_be_told_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str, as_json: bool
) -> None:
    assert main([*arguments, *(["--json"] if as_json else [])]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert words in line


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("arguments", [["query", "strongest"], ["query", "strongest", "--json"], ["load"]])
def test_nothing_recorded_yet(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 18
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)


@pytest.mark.parametrize("command", ["studies", "check --study news", "show --study news"])
@pytest.mark.usefixtures("project")
def test_no_params_here(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main(command.split()) == 10
    assert "Start natstat in the project folder." in capsys.readouterr().err


@pytest.mark.usefixtures("planted")
def test_a_stage_says_what_it_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formalise", "--study", "news"]) == 18
    assert "3_proposals" in capsys.readouterr().err
    (line,) = said(capsys, "collect", "--study", "news").splitlines()
    assert line.startswith("collect news: ") and "n_texts 600" in line


def test_every_command_that_tells_something_takes_json() -> None:
    commands = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    silent = {name for name, one in commands.items() if "--json" not in one.format_help()}
    assert silent == {"completion"}


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"natstat {project['version']}\n"


def test_a_stage_tells_counts_and_names_and_no_flag(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "record", "--study", "news")
    assert "run_id" in told and "n_judgements" in told
    assert "is_written" not in told, "which is about the texts, and reads as if nothing had been written"


def test_load_says_where_to(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "load") == "loaded 1 run of 1 study into data/discoveries.duckdb\n"


def test_label_says_what_to_do(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "label", "--study", "news", "--texts", "5", "--found")
    sheet = there / "data" / "labels" / "news.csv"
    assert "x 1 predicates" in told and "labels: news.csv" in told
    assert sheet.is_file()
    sheet.unlink()


def test_natstat_gives_the_exit_code(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    natstat = EntryPoint("natstat", "tasks.__main__:main", "console_scripts").load()
    assert natstat(["studies"]) == 0
    assert natstat(["studies", "--kind", "pair"]) == 10
    assert capsys.readouterr().err
