"""A kind that is one folder, as docs/adding-a-kind.md adds it, runs everywhere; no other file knows it."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import kinds, paths
from tasks.__main__ import main
from tests.conftest import PAIR_STUDY, REPO, STAGES, Project, pair
from tests.toy_kind import PAGE, TOY_STUDY, toy_files


@pytest.fixture
def toy(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project with a study of the kind, whose folder lies outside `tasks`."""
    elsewhere = tmp_path_factory.mktemp("kinds")
    for name, content in toy_files():
        (elsewhere / name).parent.mkdir(exist_ok=True)
        (elsewhere / name).write_text(content, encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(elsewhere)])
    # The planted words open the texts of A.
    rows = [{**row, "text": f"{' '.join(row['text'].split()[::-1])}"} for row in pair(300, 0.4, 0.0)]
    project.table("news.parquet", rows)
    project.params(news=TOY_STUDY)
    return project


def test_the_page_is_short_and_holds_the_whole_kind() -> None:
    assert len(PAGE.splitlines()) < 60
    assert [name for name, _ in toy_files()] == ["openings/__init__.py", "openings/sizes.html"]


def test_a_kind_of_one_folder_runs_through_all_stages(toy: Project) -> None:
    toy.run("news")
    texts = pl.read_parquet(paths.output("news", "collect") / "texts.parquet")
    assert (texts["text"].str.split(" ").list.len() <= 7).all()
    scores = pl.read_parquet(paths.output("news", "score") / "scores.parquet")
    assert scores["is_discovery"].any()
    sizes = pl.read_parquet(paths.output("news", "score") / "sizes.parquet")
    assert sizes["group"].to_list() == ["A", "B"]
    page = (paths.output("news", "report") / "index.html").read_text(encoding="utf-8")
    assert '<section id="sizes"><h2>Sizes</h2>' in page and "the opening …" in page
    assert 'id="evidence"' in page, "its part stands beside the evidence"


def test_commands_know_the_kind(toy: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--study", "news"]) == 0
    assert main(["cost", "--study", "news"]) == 0
    assert main(["explain", "openings"]) == 0
    told = capsys.readouterr().out
    assert "openings.n_words" in told and "So many of its first words. (default 5)" in told


def test_its_keys_are_checked_like_any(toy: Project, capsys: pytest.CaptureFixture[str]) -> None:
    for block, said in (
        ({"n_wrods": 3}, "studies.news.openings.n_wrods: unknown key; did you mean `n_words`?"),
        ({"n_words": 0}, "studies.news.openings.n_words: wanted greater than or equal to 1, got 0. Write 5."),
    ):
        toy.params(news={**PAIR_STUDY, "kind": "openings", "openings": block})
        assert main(["check", "--study", "news"]) == 10
        assert said in capsys.readouterr().err


def test_no_file_outside_a_kinds_folder_names_the_kind() -> None:
    """Defaults are no kind: what holds for all stands in the base class, what holds for one in its folder."""
    known = [name for name in kinds.names() if name != "corpus_pair"]
    assert known
    for root in ("tasks", "flows"):
        for file in (REPO / root).rglob("*"):
            if file.suffix not in {".py", ".html", ".sql", ".md", ".css", ".js", ".yaml"}:
                continue
            inside = file.relative_to(REPO).parts
            source = file.read_text(encoding="utf-8")
            for name in kinds.names():
                if inside[:3] == ("tasks", "kinds", name):
                    continue
                # Some names are words of every day: these are meant where they are imported or compared with.
                is_word = "_" not in name
                meant = rf"kinds[./]{name}\b|[=!]= [\"']{name}[\"']|[\"']{name}[\"'] [=!]="
                named = re.search(meant if is_word else rf"\b{name}\b", source)
                # The kind of a study that names none.
                is_default = name == "corpus_pair" and inside == ("tasks", "study", "study.py")
                assert not named or is_default, f"{'/'.join(inside)} names the kind {name}"


def test_dvc_asks_for_the_kinds_own_folder_and_block() -> None:
    import yaml

    blocks = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert {name for name, block in blocks.items() if "do" in block} == set(STAGES)
    for stage in STAGES:
        block = blocks[stage]
        assert "tasks/kinds/${item.kind}" in block["do"]["deps"], stage
        assert "studies.${key}.${item.kind}" in block["do"]["params"], stage


def test_a_kind_that_is_not_there_is_named_with_those_that_are(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.params(news={**PAIR_STUDY, "kind": "corpus_pairs"})
    assert main(["check", "--study", "news"]) == 10
    assert "studies.news.kind: wanted one of " in (said := capsys.readouterr().err)
    assert "did you mean `corpus_pair`?" in said


def test_a_study_without_the_block_of_its_kind_is_told_what_to_write(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.params(news=PAIR_STUDY)
    file = Path("params.yaml")
    file.write_text(file.read_text(encoding="utf-8").replace("    corpus_pair: {}\n", ""), encoding="utf-8")
    assert main(["check", "--study", "news"]) == 10
    assert "Write `corpus_pair:`, with or without keys" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": 5}, f"studies.news.kind: wanted one of {', '.join(kinds.names())}, got 5."),
        ({"corpus_pair": {"x": 1}}, "studies.news.corpus_pair.x: unknown key."),
        (
            {"encoder_failures": {"treshold": 1}},
            "studies.news.encoder_failures.treshold: unknown key; did you mean `threshold`?",
        ),
        ({"encoder_failures": 3}, "studies.news.encoder_failures: wanted keys and values, got 3."),
    ],
    ids=["no name", "own block", "another kind's block", "no block"],
)
def test_what_is_wrong_with_a_block_is_told(
    changed: dict[str, Any], said: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.params(news={**PAIR_STUDY, **changed})
    assert main(["check", "--study", "news"]) == 10
    assert said in capsys.readouterr().err
