"""Pages of timeline, classes and clusters: what a person reads there, and nothing that means nothing."""

import json
import re
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from tasks import kinds, paths
from tasks.commands import show
from tasks.commands import texts as texts_command
from tasks.kinds.classes import picture as coefficients
from tasks.kinds.fitted import tables
from tasks.kinds.fitted.axis import Axis
from tasks.kinds.timeline.calendar import Calendar
from tasks.report import verdicts
from tasks.report.scale import Scale
from tasks.store import frames
from tasks.study import load
from tests.conftest import Project
from tests.spec import fitted_made as made
from tests.spec.report_made import Node, written

ATTACK = "</p></script></svg></style><img src=x onerror=alert(1)>\"'{{ 7 * 123457 }}"
LABELS: list[tuple[str | None, float | None]] = [(name, None) for name in made.CLASSES]
KINDS = ("timeline", "classes", "clusters")


def page_of(
    project: Project, kind: str, rows: Sequence[dict[str, Any]] | None = None, attack: str = ""
) -> str:
    """The page of a study with all tables."""
    of = made.rows() if rows is None else rows
    made.save_chosen(of)
    if kind == "classes":
        made.save_classes(of, [name + attack for name in made.CLASSES])
    elif kind == "timeline":
        made.save_courses(of, made.days())
    else:
        made.save_map()
        made.save_words(of)
    values = {"classes": LABELS, "timeline": made.days()}.get(kind, ())
    return made.made(project, kind, of, values, attack)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_are_told_as_bits_and_no_groups_are(project: Project, kind: str) -> None:
    page = Node(page_of(project, kind))
    text = page.text
    assert "3 of 4 tested hypotheses hold on texts nobody had looked at" in text
    assert "V, bits per text" in text and "minimum effect of 0.02 bits per text" in text
    for nothing in ("more often in", "group labels", "If the groups", "more in"):
        assert nothing not in text, nothing
    heads = [head.text for head in page.one("section", id="figures").nodes("th", scope="col")]
    assert heads == ["#", "the text …", "V", "95% interval"], "what is the same in all rows is told above"


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_says_what_all_sentences_reach_beside_the_best_baseline(
    project: Project, kind: str
) -> None:
    answer = Node(page_of(project, kind)).one("div", class_="answer").text
    assert re.search(r"All 4 sentences together (tell|save) 0\.62 \[0\.57, 0\.67\]", answer)
    assert "(k-means on the embeddings: 0.55)" in answer
    assert ("of the 2.00 bits per text by which the label is open" in answer) == (kind == "classes")


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_texts_and_labels_is_text_on_the_page(project: Project, kind: str) -> None:
    rows = [made.found("is " + ATTACK), made.found("other " + ATTACK, 0.1), made.flat("flat " + ATTACK)]
    html = page_of(project, kind, rows, ATTACK)
    page = Node(html)
    assert len(page.nodes("script")) == 1 and not page.nodes("img")
    assert not [name for node in page.nodes() for name in node.attrs if name.startswith("on")]
    assert "src=x" in page.text and "864199" not in html
    assert not re.search(r"(src|href)=.?(http|//)", html.replace(ATTACK, "")), "nothing is loaded"


@pytest.mark.parametrize("kind", KINDS)
def test_equal_input_gives_equal_bytes(project: Project, kind: str) -> None:
    assert page_of(project, kind) == page_of(project, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_without_findings_or_tables_has_a_page(project: Project, kind: str) -> None:
    values = {"classes": LABELS, "timeline": made.days()}.get(kind, ())
    page = Node(made.made(project, kind, [made.flat("a"), made.flat("b")], values))
    assert "Nothing held up" in page.one("div", class_="answer").text
    assert not page.nodes("svg", class_="map") and not page.nodes("svg", class_="course")
    assert "No path was noted" in page.one("section", id="chosen").text


def test_the_choice_and_its_restarts_are_shown(project: Project) -> None:
    chosen = Node(page_of(project, "classes")).one("section", id="chosen")
    steps = chosen.one("table", class_="chosen").nodes("tr")[1:]
    assert [step.nodes("td")[0].text for step in steps] == ["1", "2", "3", "4"]
    assert "add, not kept" in steps[3].text and "not kept" not in steps[0].text
    assert "by 4,000 judgements" in chosen.text and "conditional_gain:5b117" in chosen.text
    assert "3 other divisions" in chosen.text and "Median 0.70, from 0.60 to 0.80" in chosen.text


def test_coefficients_stand_with_classes_as_columns(project: Project) -> None:
    page = Node(page_of(project, "classes"))
    table = page.one("section", id="weights").one("table", class_="coefficients")
    heads = [head.text for head in table.nodes("th", scope="col")]
    assert [head.split()[0] for head in heads[2:]] == sorted(made.CLASSES) and "25% of texts" in heads[2]
    first = table.nodes("tr")[1].nodes("td")[1:]
    by_class = {cell.attrs["data-label"]: cell for cell in first}
    assert "+1.20 [+0.80, +1.60]" in by_class["sports"].text
    assert by_class["sports"].nodes("circle", class_="a") and by_class["politics"].nodes("path", class_="b")
    assert by_class["sports"].nodes("line", class_="frozen"), "what was tested is marked"
    assert "odds of sports × 3.3 [2.2, 5.0]" in page.one("div", class_="answer").text
    shares = page.one("section", id="coverage").nodes("tr")
    assert "10% [7.0%, 13%]" in shares[1].text and "no finding holds" in shares[-1].text


def test_of_two_classes_one_column_says_all() -> None:
    row = {**made.found("x"), "number": 1}
    ends = {"weight": 0.5, "lo": 0.3, "hi": 0.7, "frozen": 0.4}
    weights = {(row["predicate_id"], slot): {**ends} for slot in ("ham", "spam")}
    columns = [{"slot": "ham", "share": 0.8}, {"slot": "spam", "share": 0.2}]
    plot = coefficients.coefficients([row], weights, columns, is_score=False)
    assert plot and [column["slot"] for column in plot["columns"]] == ["spam"]
    assert plot["lines"][0]["cells"][0]["weight"] == 1.0, "against the other, not against the mean of both"
    assert coefficients.told(plot["lines"][0], plot, "label") == "odds of spam × 2.7 [1.8, 4.1]"


def test_a_score_is_one_column_in_its_own_units(project: Project) -> None:
    of = made.rows()
    made.save_classes(of, ["score"])
    scores: list[tuple[str | None, float | None]] = [(str(i), float(i)) for i in range(1, 6)]
    page = Node(made.made(project, "classes", of, scores))
    assert "label higher by 1.20 [0.80, 1.60]" in page.one("div", class_="answer").text
    table = page.one("table", class_="coefficients")
    assert [head.text.strip() for head in table.nodes("th", scope="col")][2:] == ["label"]
    assert "units of the score" in page.one("section", id="weights").text
    assert "bits per text of label" in page.one("div", class_="answer").text


def test_evidence_stands_with_its_value_for_and_against(project: Project) -> None:
    finding = Node(page_of(project, "classes")).one("details", id="finding-1")
    supports, contradicts = finding.one("div", class_="exhibits").nodes("div")
    assert "one that it makes likelier" in supports.text and "less likely" in contradicts.text
    assert [quote.one("span", class_="tag").text for quote in supports.nodes("blockquote")] == ["sports"] * 2
    assert "politics" in contradicts.text


def test_courses_say_when_shares_changed(project: Project) -> None:
    page = Node(page_of(project, "timeline"))
    rising, jumping, passing = page.one("section", id="course").nodes("figure")
    assert "rose from 4.0% (2009) to 19%" in rising.text and not rising.nodes("line", class_="jump")
    assert "jumps at 2016-10 [2016-07, 2017-02] from 5.0% to 30%" in jumping.text
    assert (
        len(jumping.nodes("line", class_="jump")) == 1 and len(jumping.nodes("rect", class_="between")) == 1
    )
    assert "and fell again to" in passing.text
    assert [tick.text for tick in rising.one("svg", class_="axis").nodes("text")] == ["2010", "2015", "2020"]
    assert "What changed, 2009 to 2022" in page.one("h1").text
    row = page.one("section", id="jumps").nodes("tr")[1].text
    assert "2016-10" in row and "[2016-07, 2017-02]" in row


def test_the_map_shows_every_text_and_sizes_and_overlaps(project: Project) -> None:
    page = Node(page_of(project, "clusters"))
    themes = page.one("section", id="themes")
    points = themes.nodes("circle", class_="k")
    assert len(points) == made.N and all(len(point.nodes("title")) == 1 for point in points)
    grey = [point for point in points if "k0" in str(point.attrs["class"]).split()]
    assert len(grey) == sum(all(i % k for k in (2, 3, 4)) for i in range(made.N))
    assert "50% [47%, 53%]" in themes.text and "no finding holds" in themes.text
    assert 'with it come "coach", "season"' in page.one("div", class_="answer").text, "not its own word"
    overlaps = page.one("section", id="overlaps").nodes("tr")
    assert [cell.text for cell in overlaps[1].nodes("td")[1:]] == ["60", "·", "33%", "50%"]
    tags = page.one("details", id="finding-1").nodes("blockquote")[0].nodes("span", class_="tag")
    assert [tag.text for tag in tags] == ["1", "2", "3"], "text c000 is of all three"


def test_show_and_lists_of_texts_name_no_groups(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    page_of(project, "classes")
    study = load("news")
    monkeypatch.setattr(type(kinds.load("classes")), "headline", lambda self, study: {})
    told = "\n".join(show.lines(show.found_by(study)))
    assert "+0.140 [+0.098, +0.182] bits q=2e-09  is about goals" in told and "the texts:" not in told
    monkeypatch.setattr(verdicts.Tested, "graded", lambda self: set())
    found, rows = texts_command.found_by(study, "1")
    lines = texts_command.lines({**found, "texts": rows.head(2).to_dicts()})
    assert "holds for 60 of 120 (50%)" in lines[1] and lines[2].strip().startswith("sports | c000")
    assert rows["value"].to_list()[:2] == ["sports", "business"]


def test_the_search_carries_values_in_place_of_groups(project: Project) -> None:
    made.save_classes(made.rows())
    html = made.made(project, "classes", made.rows(), LABELS, search=True)
    page = Node(html)
    data = json.loads(str(page.one("script", id="texts-data").children[0]))
    assert data["names"] == {"A": "the texts"} and data["value"][:2] == ["sports", "politics"]
    assert page.one("section", id="texts").nodes("label", class_="hidden")


def test_texts_speak_for_a_sentence_by_what_the_frozen_model_says_of_their_values(project: Project) -> None:
    (row,) = of = [made.found("is about goals")]
    made.made(project, "classes", of, LABELS)
    weights = [
        {"without": "", "predicate_id": row["predicate_id"], "slot": slot, "weight": weight}
        for slot, weight in (("sports", 0.9), ("politics", -0.3), ("business", -0.5), ("science", -0.1))
    ]
    made.save("propose", "model", weights, tables.MODEL)
    held = pl.DataFrame({"predicate_id": row["predicate_id"], "text_id": [f"c{i:03}" for i in range(4)]})
    assert kinds.load("classes").supports(load("news"), held).to_list() == [True, False, False, False]


def test_texts_speak_for_a_sentence_where_they_come_when_it_is_frequent(project: Project) -> None:
    (row,) = of = [made.found("is about goals")]
    times = made.days()
    made.made(project, "timeline", of, times)
    weights = [
        {"without": "", "predicate_id": row["predicate_id"], "slot": repr(number), "weight": weight}
        for (_, number), weight in ((times[0], -1.0), (times[-1], 1.0))
    ]
    made.save("propose", "model", weights, tables.MODEL)
    held = pl.DataFrame({"predicate_id": row["predicate_id"], "text_id": ["c001", "c118"]})
    assert kinds.load("timeline").supports(load("news"), held).to_list() == [False, True]


def values(rows: Sequence[tuple[str, float]]) -> pl.DataFrame:
    known = [{"text_hash": str(i), "value": said, "number": number} for i, (said, number) in enumerate(rows)]
    return pl.DataFrame(known, schema=tables.VALUES)


@pytest.mark.parametrize(
    ("times", "form", "ticks", "told"),
    [
        ([("1987", 1987.0), ("2020", 2020.0)], "number", ["1990", "2000", "2010", "2020"], "1987"),
        (
            [("2020-01-01", 1577836800.0), ("2020-03-01", 1583020800.0)],
            "date",
            ["2020-01", "2020-02", "2020-03"],
            "2020-01-01",
        ),
        ([("0.24", 0.0), ("1.0", 1.0), ("1.10", 2.0)], "order", ["0.24", "1.0", "1.10"], "0.24"),
        (
            [("2020-01-01T00:00:00", 1577836800.0), ("2020-01-01T08:00:00", 1577865600.0)],
            "date",
            ["2020-01-01 00:00", "2020-01-01 03:00", "2020-01-01 06:00"],
            "2020-01-01 00:00",
        ),
        (
            [("-0500-01-01", -77945673600.0), ("1500-01-01", -14831769600.0)],
            "date",
            ["-500", "0", "500", "1000", "1500"],
            "-500",
        ),
    ],
)
def test_times_are_written_no_finer_than_matters(
    times: list[tuple[str, float]], form: str, ticks: list[str], told: str
) -> None:
    calendar = Calendar.of(values(times))
    assert calendar.form == form
    assert [tick["label"] for tick in calendar.ticks()] == ticks
    assert calendar.said(times[0][1]) == told
    assert calendar.number(times[-1][0]) == times[-1][1] and calendar.at(times[-1][1]) == 100


def test_one_time_is_a_calendar_as_well() -> None:
    calendar = Calendar.of(values([("2020-01-01", 1577836800.0)]))
    assert calendar.at(1577836800.0) == 0 and calendar.said(1577836800.0) == "2020-01-01 00:00"


def test_an_axis_has_round_ticks_and_holds_zero() -> None:
    axis = Axis.over([{"w": 1.2, "lo": 0.9, "hi": 99.0}, {"w": None, "lo": None, "hi": None}], "w")
    assert [tick["label"] for tick in axis.ticks()] == ["0", "+1", "+2", "+3"]
    assert axis.at(99.0) == 100 and 0 < axis.at(0.0) < 5


def test_the_axis_of_bits_begins_at_zero() -> None:
    scale = Scale.over([{"lo": 0.1, "hi": 3.4}, {"lo": -9.0, "hi": 0.1}], 0.02, from_zero=True)
    assert scale.lo > -1.1 and scale.ticks == (0.0, 1.0, 2.0, 3.0)
    assert Scale.over([{"lo": 0.1, "hi": 3.4}], 0.02, from_zero=True).ticks[0] == 0.0


def test_what_is_told_to_dvc_keeps_its_keys(project: Project) -> None:
    page_of(project, "classes")
    metrics = json.loads(written("metrics.json"))
    assert metrics["baseline_max_abs_validity"] == 0.55, "all sentences together are no baseline"
    assert {"predicate", "validity", "lo", "hi", "q", "is_discovery"} == set(
        json.loads(written("forest.json"))[0]
    )
    assert paths.output("news", "report").joinpath("index.html").stat().st_size < 2_000_000
    assert frames.TOGETHER in written("index.html")
