"""The table of discoveries: columns that tell rows apart, and numbers that are the same everywhere."""

import json
from typing import Any

import pytest

from tasks.__main__ import main
from tests.conftest import Project
from tests.spec.report_made import Node, held, put, weak

COVID, CRIME = 'mentions "covid"', "is about courts"


def crime(**changes: Any) -> dict[str, Any]:
    there = {"direction": "B", "validity": -0.12, "lo": -0.19, "hi": -0.05, "mean_a": 0.1, "mean_b": 0.22}
    return held(CRIME, **{**there, "p": 0.0312, "q": 0.0478, "grade": "proxy", **changes})


def cells(row: Node) -> list[str]:
    return [node.text for node in row.children if isinstance(node, Node)]


def test_a_row_has_both_shares_and_every_figure(project: Project) -> None:
    page = Node(put(project, [crime(novelty=0.5)]))
    section = page.one("section", id="figures")
    head = [cell.text for cell in section.one("thead").nodes("th")]
    assert "|".join(head) == "#|the text …|more in|in 2020|in 2019|V|95% interval|p|q|judged|cost|grade"
    (row,) = section.one("tbody").nodes("tr")
    wanted = f"1|{CRIME}|◆ 2019|10%|22%|−0.12|[−0.19, −0.05]|0.031|0.048|400|$0|proxy"
    assert cells(row) == wanted.split("|")
    assert "In every row" not in section.text, "one row has nothing to be compared with"


def test_what_all_rows_say_is_told_once_above_the_table(project: Project) -> None:
    rows = [held(COVID), held("is loud", validity=0.3, lo=0.1, hi=0.5, mean_a=0.3), weak("is long")]
    section = Node(put(project, rows)).one("section", id="figures")
    head = [cell.text for cell in section.one("thead").nodes("th")]
    assert head == ["#", "the text …", "in 2020", "V", "95% interval"]
    told = section.nodes("p", class_="note")[0].text
    assert (
        told
        == "In every row: more in 2020; in 2019 0%; p <0.001; q <0.001; judged 400; cost $0; grade exact."
    )
    assert cells(section.one("tbody").nodes("tr")[0]) == ["1", COVID, "26%", "+0.26", "[0.21, 0.31]"]


@pytest.mark.parametrize(
    ("rated_by", "is_shown"),
    [
        ("embedded: relevance, novelty measured", False),
        ("", False),
        ("llm: big; novelty_blind, novelty_past measured", True),
    ],
)
def test_ratings_are_shown_where_somebody_read_the_sentences(
    project: Project, rated_by: str, is_shown: bool
) -> None:
    rated = {"relevance": 1.2, "novelty": 0.5, "novelty_blind": 0.7, "rated_by": rated_by}
    page = Node(put(project, [held(COVID, **rated), crime(**rated, significance=2.0)]))
    head = [cell.text for cell in page.one("section", id="figures").one("thead").nodes("th")]
    assert ("significance" in head) == is_shown
    assert ("relevance 1.2" in page.one("section", id="figures").text) == is_shown, "the same in both rows"
    assert ("novelty" in page.text) == is_shown


def test_every_place_numbers_findings_alike(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    lead = held(COVID)
    alike = held("mentions covid19", lo=0.15, group_id=lead["predicate_id"])
    lost = {"adjusted_validity": -0.01, "adjusted_lo": -0.05, "adjusted_hi": 0.02}
    # Its group's leader came out the other way: the one that held stands for the group.
    other = weak("is the opposite")
    stray = held("is stray", lo=0.03, group_id=other["predicate_id"])
    page = Node(put(project, [weak("is long"), stray, crime(**lost), lead, alike, other]))
    forest = page.one("section", id="findings").one("tbody").nodes("tr")
    assert [row.nodes("td")[0].text for row in forest] == ["1", "2", "3"]
    table = page.one("section", id="figures").one("tbody").nodes("tr")
    wanted = {"1": COVID, "1.1": "mentions covid19", "2": CRIME, "3": "is stray"}
    assert {row.nodes("td")[0].text: row.one("th").one("bdi").text for row in table} == wanted
    rejected = page.one("section", id="rejected").one("tbody").nodes("tr")
    assert [(row.nodes("td")[0].text, row.one("th").text) for row in rejected] == [
        ("4", "is the opposite"), ("5", "is long"),
    ]  # fmt: skip
    assert "1 finding (number 2)" in page.one("section", id="findings").text
    assert page.one("details", id="finding-2").one("h3").text == CRIME
    capsys.readouterr()
    assert main(["show", "--study", "news", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["discoveries"]
    assert {one["number"]: one["predicate"] for one in found} == wanted
    assert main(["show", "--study", "news"]) == 0
    lines = [line.split(maxsplit=1)[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert lines == list(wanted)
