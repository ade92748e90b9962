"""What `python -m tasks check` tells."""

import json

import pytest

from tasks.__main__ import main
from tests.conftest import PAIR_STUDY, Project, pair


def test_sizes_are_told_and_nothing_is_written(planted: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("news: 600 rows give 600 texts in 600 documents")
    assert "2020" in told
    assert "0 duplicates" in told
    assert not (planted.folder / "data/news").exists()


def test_json_holds_every_count(planted: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--study", "news", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["texts"] == {"A": 300, "B": 300}
    assert 0 < found["smallest_effect"]["alone"] < found["smallest_effect"]["of_many"]


def test_a_study_too_small_for_many_hypotheses_says_so(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.table("news.parquet", pair(11, 0.5, 0.0))
    project.params(news={**PAIR_STUDY, "seed": 3})
    assert main(["check", "--study", "news"]) == 0
    assert "for one hypothesis, none among many" in capsys.readouterr().out
