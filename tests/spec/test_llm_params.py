"""What may stand under `llm` in params.yaml, and what is said of the rest."""

from typing import Any

import pytest

from tasks import study
from tasks.errors import ParamsError
from tests.conftest import PAIR_STUDY, Project

URL = "http://127.0.0.1:1/v1"
NAMED = {"model": "small", "base_url": URL}


def loaded(project: Project, **llm: Any) -> study.Study:
    project.params(news={**PAIR_STUDY, "engine": "llm", "llm": {**NAMED, **llm}})
    return study.load("news")


def refused(project: Project, **llm: Any) -> str:
    with pytest.raises(ParamsError) as refusal:
        loaded(project, **llm)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("field", "advice"),
    [
        ("model", "write `model` beside `extra`"),
        ("messages", "leave it out"),
        ("max_tokens", "write `max_tokens` beside `extra`"),
        ("max_completion_tokens", "write `max_tokens` beside `extra`"),
        ("temperature", "write `temperature` beside `extra`"),
        ("n", "leave it out"),
        ("best_of", "leave it out"),
        ("stream", "leave it out"),
        ("response_format", "leave it out"),
        ("logprobs", "write `llm: {logprobs: true}`"),
        ("top_logprobs", "write `llm: {logprobs: true}`"),
    ],
)
def test_a_field_that_natstat_sets_is_refused_with_what_to_write(
    project: Project, field: str, advice: str
) -> None:
    for where, llm in (
        ("llm.extra", {"extra": {"seed": 1, field: "sk-1"}}),
        ("llm.judge.extra", {"judge": {"extra": {field: "sk-1"}}}),
    ):
        said = refused(project, **llm)
        assert said.startswith(f"studies.news.{where}: wanted no `{field}` in it")
        assert advice in said.splitlines()[0] and "sk-1" not in said


def test_other_fields_are_passed_on(project: Project) -> None:
    extra = {"reasoning_effort": "low", "seed": 1, "N": 2, "nested": {"n": 3}}
    (judge,) = loaded(project, extra=extra).llm.endpoints("judge")
    assert judge.extra == extra


@pytest.mark.parametrize(
    "panel",
    [
        [{"model": "one"}, {"model": "one"}],
        [{}, {"model": "other"}, {"model": "small"}],
        [{"temperature": 1.0}, {"temperature": 1.0, "base_url": "http://127.0.0.1:2/v1", "key_env": "OTHER"}],
        [{"max_tokens": 4096}, {"temperature": 0.0}],
    ],
)
def test_a_panel_of_the_same_judge_twice_is_refused(project: Project, panel: list[Any]) -> None:
    name = panel[0].get("model", "small")
    said = refused(project, judge=panel)
    assert f"got `{name}` twice in the same way: both would read the same kept answer" in said


@pytest.mark.parametrize(
    "panel",
    [
        [{"model": "one"}, {"model": "two"}],
        [{"temperature": 0.0}, {"temperature": 1.0}],
        [{"temperature": 1.0, "extra": {"seed": 1}}, {"temperature": 1.0, "extra": {"seed": 2}}],
    ],
)
def test_a_panel_whose_members_differ_is_taken(project: Project, panel: list[Any]) -> None:
    assert len(loaded(project, judge=panel).llm.endpoints("judge")) == len(panel)


@pytest.mark.parametrize("url", [f" {URL}", f"{URL}\n", f"\t{URL}/ \r\n", f"{URL}/"])
def test_what_stands_around_an_address_is_no_part_of_it(project: Project, url: str) -> None:
    assert loaded(project, base_url=url).llm.base_url == URL


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/\nv1", "http://127.0.0.1:1/v 1", "http://a\tb/v1", " "])
def test_an_address_with_a_gap_in_it_is_refused(project: Project, url: str) -> None:
    assert "wanted an address like http://localhost:8000/v1" in refused(project, base_url=url)
