"""What `schedule:` and `notify:` of params.yaml mean, and what is wrong with one."""

from typing import Any

import pytest

from tasks import study
from tasks.errors import ParamsError
from tasks.study.unattended import When, read
from tests.conftest import PAIR_STUDY, Project


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("every 6 hours", When(None, 21_600, "UTC")),
        ("Every  minute", When(None, 60, "UTC")),
        ("every 2 weeks in Asia/Kolkata", When(None, 1_209_600, "Asia/Kolkata")),
        ("every day at 3:05", When("5 3 * * *", None, "UTC")),
        ("every weekday at 23:59", When("59 23 * * 1-5", None, "UTC")),
        ("every Monday, friday and sunday at 03:00 in Asia/Tokyo", When("0 3 * * 1,5,0", None, "Asia/Tokyo")),
        ("every day and monday at 03:00", When("0 3 * * *", None, "UTC")),
        ("*/15 8-18 * * mon-fri", When("*/15 8-18 * * mon-fri", None, "UTC")),
        ("0 3 1 JAN,jul *  in America/New_York", When("0 3 1 JAN,jul *", None, "America/New_York")),
    ],
)  # fmt: skip
def test_times_in_words_and_as_cron(text: str, when: When) -> None:
    assert read(text) == when


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ("sometimes", "got 'sometimes'. Write `every 6 hours`"),
        ("", "wanted when to run"),
        ("every 0 hours", "wanted when to run"),
        ("every 2 hour", "wanted `every 2 hours`"),
        ("every 1 hours", "wanted `every 1 hour`"),
        ("every day at 24:00", "wanted a time from 00:00 to 23:59, got 24:00"),
        ("every mnday at 03:00", "did you mean `monday`?"),
        ("60 * * * *", "wanted when to run"),
        ("0 0 31 2 *", "wanted when to run"),
        ("0 3 * *", "wanted when to run"),
        ("0 3 * * * *", "wanted when to run"),
        ("0 3 * * 1#2", "wanted when to run"),
        ("every day at 03:00 in Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("every day in ../../etc/passwd", "wanted a time zone"),
        (5, 'Quote it: "5"'),
    ],
)
def test_what_is_no_time_is_one_error(project: Project, schedule: Any, told: str) -> None:
    project.params(news={**PAIR_STUDY, "schedule": schedule})
    with pytest.raises(ParamsError) as error:
        study.load("news")
    assert str(error.value).startswith("studies.news.schedule: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        ({"file": "../outside"}, "notify.file: wanted a file in the project folder"),
        ({"file": "/etc/motd"}, "notify.file: wanted a file in the project folder"),
        ({"file": " "}, "notify.file: wanted a file in the project folder"),
        ({"webhook": "https://hooks.example/T0/secret"}, "notify.webhook: wanted the name of an environment"),
        ({"email": "a@b.example"}, "notify.email: unknown key"),
        ("news.txt", "notify: wanted"),
    ],
)
def test_whom_nobody_can_tell_is_one_error(project: Project, notify: Any, told: str) -> None:
    project.params(news={**PAIR_STUDY, "notify": notify})
    with pytest.raises(ParamsError) as error:
        study.load("news")
    assert told in str(error.value)
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_a_study_without_them_runs_when_it_is_told_and_tells_nobody(project: Project) -> None:
    project.params(news=PAIR_STUDY)
    news = study.load("news")
    assert (news.schedule, news.notify.file, news.notify.webhook) == (None, None, None)
