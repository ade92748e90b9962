"""Times as people write them: which are read as what, and which are refused."""

import re
from typing import Any

import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.kinds.fitted.valued import At, Valued
from tasks.kinds.timeline import times
from tasks.kinds.timeline.params import Timeline

AT = At("day", "news.csv", "studies.news.timeline.value")
DAY = 86_400.0
NEW_YEAR = 1_577_836_800.0
"""2020-01-01 in seconds since 1970."""


def read(*values: str | None, **asked: Any) -> Valued:
    return times.read(pl.DataFrame({"value": values}, schema={"value": pl.String}), AT, Timeline(**asked))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2020-01-31", "2020-01-31"),
        ("2020-1-31", "2020-01-31"),
        ("2020/01/31", "2020-01-31"),
        ("2020.01.31", "2020-01-31"),
        ("31.01.2020", "2020-01-31"),
        ("31. 1. 2020", "2020-01-31"),
        ("31/01/2020", "2020-01-31"),
        ("01/31/2020", "2020-01-31"),
        ("31-01-2020 09:30", "2020-01-31T09:30:00"),
        ("Jan 31, 2020", "2020-01-31"),
        ("January 31st, 2020", "2020-01-31"),
        ("31 January 2020", "2020-01-31"),
        ("31-Jan-2020", "2020-01-31"),
        ("Friday, 31 Jan 2020", "2020-01-31"),
        ("Fri, 31 Jan 2020 10:00:00 +0100", "2020-01-31T09:00:00"),
        ("Fri Jan 31 10:00:00 +0000 2020", "2020-01-31T10:00:00"),
        ("Fri Jan 31 10:00:00 2020", "2020-01-31T10:00:00"),
        ("2020-01-31T10:00:00Z", "2020-01-31T10:00:00"),
        ("2020-01-31 10:00:00.250", "2020-01-31T10:00:00.25"),
        ("2020-01-31T00:30:00+09:00", "2020-01-30T15:30:00"),
        ("2020-01-31 12:05 am", "2020-01-31T00:05:00"),
        ("1/31/2020, 5:30 PM", "2020-01-31T17:30:00"),
        ("20200131", "2020-01-31"),
        ("20200131T100000Z", "2020-01-31T10:00:00"),
        ("2020-02", "2020-02"),
        ("02/2020", "2020-02"),
        ("February 2020", "2020-02"),
        ("2020-Q2", "2020-04"),
        ("Q2 2020", "2020-04"),
        ("-0044-03-15", "-0044-03-15"),
        ("12020-01-01", "12020-01-01"),
        ("1580428800", "2020-01-31"),
        ("1580428800.5", "2020-01-31T00:00:00.5"),
        ("1580428800000", "2020-01-31"),
        ("1580428800000000", "2020-01-31"),
        ("1580428800000000000", "2020-01-31"),
        ("1987", "1987"),
        ("2020.5", "2020.5"),
        ("44 BC", "-44"),
        ("AD 79", "79"),
        ("79 CE", "79"),
        ("1e3", "1000"),
        ("v1.2.0", "1.2.0"),
    ],
)
def test_a_time_has_one_written_form(written: str, said: str) -> None:
    assert read(written, written).said.to_list() == [said, said]


@pytest.mark.parametrize(
    "written",
    [
        "spring",
        "2020-02-30",
        "2020-13-01",
        "29.02.2019",
        "31/01/20",
        "10:00:00",
        "2020-01-31 25:00",
        "inf",
        "31 Foo 2020",
    ],
)
def test_what_is_no_time_is_refused(written: str) -> None:
    message = (
        r"^studies\.news\.timeline\.value: wanted \w+ in column 'day' of news\.csv; 1 of 1 values cannot be "
        rf"read, such as {re.escape(repr(written))} \(row 1\)\. Write dates as 2020-01-31"
    )
    with pytest.raises(SourceError, match=message):
        read(written)


def test_numbers_of_dates_are_seconds_whatever_is_written() -> None:
    found = read("1970-01-02", "Jan 3, 1970", "4 January 1970 12:00", "1971", None)
    assert found.number.to_list() == [DAY, 2 * DAY, 3.5 * DAY, 365 * DAY, None]
    assert found.noted == {"is": "date", "told": [], "n_missing": 1, "n_unreadable": 0}


def test_years_are_themselves_and_beside_dates_their_first_day() -> None:
    assert read("1987", "2020").noted["is"] == "year"
    assert read("1987", "2020").number.to_list() == [1987.0, 2020.0]
    assert read("2020", "2020-06-01").number[0] == NEW_YEAR


def test_months_are_days_where_a_day_is_said() -> None:
    assert read("2020-02", "2020-03").said.to_list() == ["2020-02", "2020-03"]
    assert read("2020-02", "2020-03-02").said.to_list() == ["2020-02-01", "2020-03-02"]


def test_size_tells_seconds_since_1970_and_unit_what_is_meant() -> None:
    found = read("1580428800000", "946684800000")
    assert found.said.to_list() == ["2020-01-31", "2000-01-01"]
    assert found.noted["told"] == [
        "numbers are read as milliseconds since 1970; if they are not write timeline: {unit: number}"
    ]
    assert read("1580428800000", unit="number").number.to_list() == [1580428800000.0]
    assert read("0", "86400", unit="seconds").said.to_list() == ["1970-01-01", "1970-01-02"]
    # Too different to be of one unit.
    assert read("5", "1580428800").noted["is"] == "number"


def test_versions_are_taken_in_their_order() -> None:
    found = read("0.24", "1.10.0", "v1.9", "1.1.0", "1.1", "1.10.0rc1", "0.25.3")
    assert found.number.to_list() == [0.0, 5.0, 3.0, 2.0, 2.0, 4.0, 1.0]
    assert found.said.to_list() == ["0.24", "1.10.0", "1.9", "1.1", "1.1", "1.10.0rc1", "0.25.3"]
    assert found.noted["is"] == "version"


def test_two_numbers_with_a_dot_are_a_number_unless_they_are_said_to_be_versions() -> None:
    found = read("1.9", "1.10", "1.1")
    assert found.number.to_list() == [1.9, 1.1, 1.1]
    assert "write timeline: {unit: version}" in found.noted["told"][0]
    assert read("1.9", "1.10", "2", unit="version").number.to_list() == [0.0, 1.0, 2.0]


def test_one_value_tells_the_order_of_day_and_month_for_all() -> None:
    day_first = read("03/04/2020", "25/12/2020")
    assert day_first.said.to_list() == ["2020-04-03", "2020-12-25"]
    assert day_first.noted["told"] == ["31/01/2020 is day, month, year"]
    assert read("03/04/2020", "12/25/2020").said.to_list() == ["2020-03-04", "2020-12-25"]


def test_where_none_tells_the_order_a_format_is_asked_for() -> None:
    with pytest.raises(SourceError, match=r"one can tell day and month.*'03/04/2020' \(row 2\).*%d/%m/%Y"):
        read("05/04/2020", "03/04/2020")
    assert read("03/04/2020", "05/04/2020", format="%d/%m/%Y").said[0] == "2020-04-03"
    assert read("03/04/2020", "05/04/2020", format="%m/%d/%Y").said[0] == "2020-03-04"


def test_two_orders_in_one_column_are_refused() -> None:
    with pytest.raises(
        SourceError, match=r"wanted one order of day and month .*'25/12/2020' \(row 2\) and '12/26"
    ):
        read("12/26/2020", "25/12/2020")


def test_a_format_is_pythons() -> None:
    assert read("31.1.20", format="%d.%m.%y").said[0] == "2020-01-31"
    assert read("202001", "202002", format="%Y%m").said.to_list() == ["2020-01", "2020-02"]
    assert read("31 Jan 20 09:00 +0200", format="%d %b %y %H:%M %z").said[0] == "2020-01-31T07:00:00"


@pytest.mark.parametrize("asked", [{"format": "%Q"}, {"format": "day"}, {"format": "%Y", "unit": "number"}])
def test_a_format_that_is_none_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        Timeline.model_validate(asked)


def test_time_zones_are_put_into_utc_and_it_is_said() -> None:
    found = read("2020-01-31T10:00:00+02:00", "2020-01-31T10:00:00-0500", "2020-01-31T10:00:00")
    assert found.said.to_list() == ["2020-01-31T08:00:00", "2020-01-31T15:00:00", "2020-01-31T10:00:00"]
    assert found.noted["told"] == [
        "times are put into UTC, and those without a time zone are taken as if in it"
    ]
    assert read("2020-01-31T10:00:00Z").noted["told"] == []


def test_a_few_slips_are_left_out_and_told_and_many_are_an_error() -> None:
    dates = [f"2020-01-{day:02}" for day in range(1, 20)]
    found = read(*dates, "sometime")
    assert found.said.null_count() == 1
    assert found.noted["n_unreadable"] == 1
    assert found.warnings == [
        "column 'day' of news.csv: 1 of 20 values cannot be read, such as 'sometime' (row 20); their rows "
        "are left out"
    ]
    with pytest.raises(SourceError, match=r"2 of 20 values cannot be read, such as 'one day' \(row 19\)"):
        read(*dates[:18], "one day", "sometime")


@pytest.mark.parametrize("nothing", [None, "", "NaN", "n/a", "NULL", "undated", "?"])
def test_what_says_that_there_is_none_is_missing_not_unreadable(nothing: str | None) -> None:
    assert read("2020", nothing).noted["n_missing"] == 1


def test_a_value_cannot_steer_a_terminal() -> None:
    with pytest.raises(SourceError) as error:
        read("\x1b[31mred")
    assert "\x1b" not in str(error.value)


def test_order_and_ties_of_rows_do_not_matter() -> None:
    forward, back = (
        read("2020-01-02", "2020-01-01", "2020-01-02"),
        read("2020-01-02", "2020-01-02", "2020-01-01"),
    )
    assert sorted(forward.number) == sorted(back.number)
