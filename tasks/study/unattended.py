"""A study that nobody sits beside: when it runs (`schedule`), and whom it tells (`notify`).

Not here:   starting it (flows/deployments.py), and telling anybody (tasks/notices.py)
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator

from tasks.errors import nearest
from tasks.study.block import Block
from tasks.study.params import KeyEnv

_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_DAYS = {
    "day": "*", "weekday": "1-5", "sunday": "0", "monday": "1", "tuesday": "2", "wednesday": "3",
    "thursday": "4", "friday": "5", "saturday": "6",
}  # fmt: skip
"""Names of days, as cron has them."""
_ZONED = re.compile(r"(?P<when>.*?)(?:\s+in\s+(?P<zone>\S+))?", re.S)
_EVERY = re.compile(r"every (?:(?P<n>[1-9]\d{0,3}) )?(?P<unit>minute|hour|day|week)(?P<s>s?)", re.I)
_AT = re.compile(
    r"every (?P<days>[a-z]+(?:(?:, | and |, and )[a-z]+)*) at (?P<hour>\d\d?):(?P<minute>\d\d)", re.I
)
_CRON = re.compile(r"[\dA-Za-z*/,\-]+(?: [\dA-Za-z*/,\-]+){4}")
_WRITE = "Write `every 6 hours`, `every monday at 03:00 in Europe/Berlin`, or cron such as `0 3 * * *`"


@dataclass(frozen=True)
class When:
    """Times that come again: by cron, or every so many seconds."""

    cron: str | None
    """Minute, hour, day of the month, month, day of the week; None where `every_s` is given."""
    every_s: int | None
    """Seconds from one time to the next, counted from a Monday at midnight of the zone."""
    zone: str
    """Whose clock counts, by its IANA name."""


def read(text: str) -> When:
    """The times that a schedule means.

    Raises:
        ValueError: it is none, with what to write.
    """
    parts = _ZONED.fullmatch(" ".join(text.split()))
    said, zone = (parts["when"], parts["zone"] or "UTC") if parts else (text, "UTC")
    _check_zone(zone)
    if every := _EVERY.fullmatch(said):
        return _interval(every, zone)
    if at := _AT.fullmatch(said):
        return When(_cron_of_days(at), None, zone)
    if _CRON.fullmatch(said) and _is_cron(said):
        return When(said, None, zone)
    raise ValueError(f"wanted when to run, got {text!r}. {_WRITE}")


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # KeyError: there is no such file
        raise ValueError(
            f"wanted a time zone such as Europe/Berlin, got {zone!r}{nearest(zone, available_timezones())}"
        ) from None


def _interval(every: re.Match[str], zone: str) -> When:
    n = int(every["n"] or 1)
    if (n > 1) != bool(every["s"]):
        raise ValueError(f"wanted `every {n} {every['unit']}{'s' * (n > 1)}`, got {every[0]!r}")
    return When(None, n * _SECONDS[every["unit"].lower()], zone)


def _cron_of_days(at: re.Match[str]) -> str:
    hour, minute = int(at["hour"]), int(at["minute"])
    if hour > 23 or minute > 59:
        raise ValueError(f"wanted a time from 00:00 to 23:59, got {at['hour']}:{at['minute']}")
    days = re.split(r",? and |, ", at["days"].lower())
    for day in days:
        if day not in _DAYS:
            raise ValueError(
                f"wanted a day of the week, `day` or `weekday`, got {day!r}{nearest(day, _DAYS)}"
            )
    return f"{minute} {hour} * * {'*' if 'day' in days else ','.join(_DAYS[day] for day in days)}"


def _is_cron(text: str) -> bool:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        return False
    return True


def _can_be_read(text: str | None) -> str | None:
    if text is not None:
        read(text)
    return text


Schedule = Annotated[str | None, AfterValidator(_can_be_read)]


def _is_in_the_project(file: str | None) -> str | None:
    if file is not None and (not file.strip() or Path(file).is_absolute() or ".." in Path(file).parts):
        raise ValueError(f"wanted a file in the project folder, such as news.jsonl, got {file!r}")
    return file


class Notify(Block):
    """Who is told when a run finds something new, or does not find again what the run before it found."""

    file: Annotated[str | None, AfterValidator(_is_in_the_project)] = None
    """A file in the project folder that is given a line of JSON each time."""
    webhook: KeyEnv | None = None
    """Environment variable that holds the address of a webhook which takes {"text": ...}, as Slack's do."""
