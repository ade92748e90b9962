"""report: the outputs of the earlier stages in, one page that a stranger can read and believe out."""

import json
from typing import Any

import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.errors import MissingStageError, StoreError
from tasks.report import stage as report
from tasks.report import walks
from tasks.store import frames
from tasks.study import load
from tests.conftest import Project
from tests.spec.report_made import (
    CANNOT_FIND,
    Node,
    decided,
    exhibit,
    gold_of,
    held,
    looks,
    put,
    put_gold,
    put_table,
    put_walked,
    weak,
    written,
)

COVID, CRIME = 'mentions "covid"', "is about courts"


def crime(**changes: Any) -> dict[str, Any]:
    """A discovery in B."""
    there = {"direction": "B", "validity": -0.12, "lo": -0.19, "hi": -0.05, "mean_a": 0.1, "mean_b": 0.22}
    return held(CRIME, **{**there, "p": 0.0312, "q": 0.0478, "grade": "proxy", **changes})


def test_the_first_screen_says_what_held(project: Project) -> None:
    page = Node(
        put(project, [weak("is long"), crime(), held(COVID)], report={"title": "News"}, user="a historian")
    )
    head = page.one("header").text
    assert page.one("h1").text == "News"
    assert "Goal: what changed in the news · for a historian" in head
    assert (
        page.one("p", class_="verdict").text == "2 of 3 tested hypotheses hold on texts nobody had looked at."
    )
    assert 'Strongest: the text mentions "covid" holds for 26% of 2020 and 0% of 2019.' in head
    assert "A: 2020 proposed from 210 texts, tested on 210 others" in head
    assert "B: 2019 proposed from 190 texts, tested on 190 others" in head


def test_the_forest_is_sorted_by_certainty_and_says_its_figures(project: Project) -> None:
    wide = held("is wide", validity=0.3, lo=0.01, hi=0.59)
    page = Node(put(project, [wide, weak("is long"), crime(), held(COVID)]))
    rows = page.one("section", id="findings").one("tbody").nodes("tr")
    assert [row.text for row in rows] == [
        '1 mentions "covid" +0.26 [0.21, 0.31]',
        "2 is about courts −0.12 [−0.19, −0.05]",
        "3 is wide +0.30 [0.01, 0.59]",
    ]
    comparison = page.one("section", id="findings").one("tfoot").text
    assert comparison == "for comparison: longer than 40 characters −0.03 [−0.06, 0.00]"
    shapes = [[node.tag for node in row.nodes() if "dot" in (node.attrs.get("class") or "")] for row in rows]
    assert shapes == [["circle"], ["path"], ["circle"]], "direction shows without colour"


def test_a_sample_of_the_confirmation_half_is_told_as_one(project: Project) -> None:
    page = Node(put(project, [held(COVID)], verify={"max_texts": 200}))
    assert "proposed from 210 texts, tested on 200 of 210 others" in page.one("header").text
    assert "proposed from 190 texts, tested on 190 others" in page.one("header").text


def test_small_intervals_earn_a_third_digit(project: Project) -> None:
    put(project, [held(COVID, validity=0.2624, lo=0.2561, hi=0.2688)])
    assert "+0.262 [0.256, 0.269]" in Node(written("index.html")).text


def test_evidence_for_and_against_is_marked(project: Project) -> None:
    row = held(COVID, mean_b=0.01)
    page = put(
        project,
        [row],
        [
            exhibit(row, "supports", "the covid & covid news", "[[4, 9], [12, 17]]"),
            exhibit(row, "supports", "second best", rank=2),
            exhibit(row, "contradicts", "2019 covid", "[[5, 10]]"),
        ],
        report={"n_evidence": 1},
    )
    supports, contradicts = Node(page).one("details", id="finding-1").one(class_="exhibits").nodes("div")
    assert supports.text == "For: from 2020, and it holds the covid & covid news"
    assert [mark.text for mark in supports.nodes("mark")] == ["covid", "covid"]
    assert contradicts.text == "Against: from 2019, yet it holds 2019 covid"


def test_paraphrases_are_folded_under_their_leader(project: Project) -> None:
    lead = held(COVID)
    alike = held(
        "mentions covid19", validity=0.2, lo=0.1, group_id=lead["predicate_id"], conditional_validity=0.004
    )
    page = Node(put(project, [alike, lead, crime()]))
    assert page.one("p", class_="verdict").text.startswith("3 of 3 tested hypotheses hold")
    assert "Paraphrases folded, they are 2 findings." in page.one("header").text
    assert [row.one("th").text for row in page.one("section", id="findings").one("tbody").nodes("tr")] == [
        f"{COVID} + 1 alike",
        CRIME,
    ]
    finding = page.one("details", id="finding-1").text
    assert "1 paraphrase folded" in finding
    assert "mentions covid19: V +0.20 [0.10, 0.31], q <0.001; beyond what 1 explains: 0.00" in finding


def test_what_was_rejected_says_why(project: Project) -> None:
    rows = [
        held(COVID),
        weak("is long"),
        weak("is small", p=0.01, q=1.0),
        weak("is other", p=0.01, q=1.0, direction="B"),
        weak(
            "is empty",
            q=float("nan"),
            p=float("nan"),
            validity=float("nan"),
            lo=float("nan"),
            hi=float("nan"),
        ),
    ]
    section = Node(put(project, rows)).one("section", id="rejected")
    why = {row.one("th").text: row.nodes("td")[-1].text for row in section.one("tbody").nodes("tr")}
    assert why == {
        "is long": "q 0.80 is over 0.05",
        "is small": "smaller than the minimum effect of 0.02",
        "is other": "proposed for 2019, came out the other way",
        "is empty": "no verdicts to test on",
    }
    assert "4 hypotheses: 1 could be chance (q over 0.05); 1 under the minimum effect;" in section.text


def test_no_more_rejected_than_asked_for(project: Project) -> None:
    section = Node(put(project, [weak(f"is {i}") for i in range(5)], report={"n_rejected": 2})).one(
        id="rejected"
    )
    assert len(section.one("tbody").nodes("tr")) == 2
    assert "3 more are in scores.parquet" in section.text


def test_data_checks_tell_counts_gaps_and_what_they_could_do(project: Project) -> None:
    row = held(COVID, n_refused=30, n_unparsable=10, missing_lo=0.01, missing_hi=0.4, fragile=True)
    section = Node(put(project, [row, weak("is long", n_absent=7)])).one("section", id="data").text
    assert "confirmation 2020 210 210 420" in section
    assert "blank rows left out 3" in section
    assert "duplicate rows merged 41" in section
    assert "new kind of count 5" in section, "a count unknown to the report is shown under its own name"
    assert "read: files news.csv · 900" in section
    assert "30 verdicts were refused and 10 unparsable" in section
    assert 'V would move by at most 0.25 (mentions "covid"), and 1 discovery would fall' in section
    assert "7 pairs were never judged" in section
    section = Node(put(project, [held(COVID)])).one("section", id="data").text
    assert "No verdict was refused or unparsable." in section


def test_baselines_null_rate_and_limits_are_shown(project: Project) -> None:
    page = Node(put(project, [held(COVID)]))
    baseline = page.one("section", id="baseline").text
    assert "longer than 40 characters −0.03 [−0.06, 0.00] 0.050" in baseline
    assert "3 of 100 shuffles gave any discovery. At most about 5% should; more than 11" in baseline
    assert [line.text for line in page.one("section", id="limits").nodes("li")] == CANNOT_FIND


@pytest.mark.parametrize(("found", "is_told"), [(11, False), (12, True)], ids=["by chance", "too often"])
@pytest.mark.parametrize("row", [held(COVID), weak(COVID)], ids=["found", "nothing"])
def test_shuffles_that_find_too_often_are_told_in_the_answer(
    project: Project, row: dict[str, Any], found: int, is_told: bool
) -> None:
    told = {"null_shuffles": 100, "null_runs_with_discovery": found, "null_most": 11}
    page = Node(put(project, [row], score=told))
    alarms = page.one("div", class_="answer").nodes(class_="alarm")
    assert bool(alarms) == is_told
    if is_told:
        assert "12 of 100 shuffles gave a discovery, and by chance at most 11 would." in alarms[0].text
        assert ("no evidence until it is known why" in alarms[0].text) == row["is_discovery"]
    assert page.one("p", id="shuffles") is not None


def test_the_entry_shown_reproduces_the_study(project: Project) -> None:
    page = Node(put(project, [held(COVID)], seed=7, score={"null_shuffles": 0}, report={"n_rejected": 9}))
    before = load("news")
    section = page.one("section", id="reproduce")
    (pre,) = section.nodes("pre")
    (project.folder / "params.yaml").write_text("".join(map(str, pre.children)), encoding="utf-8")
    assert load("news") == before
    for known in ("run1", "5b117", "0.1.0+abc", "polars 2.1.0", "MiniLM"):
        assert known in section.text


@pytest.mark.parametrize(
    ("rows", "collect", "verdict", "meaning"),
    [
        (
            [weak("is a"), weak("is b")],
            {"group": "random"},
            "Nothing held up: none of the 2 tested hypotheses passed on texts nobody had looked at.",
            "That is the right answer: the groups are random halves of one corpus, so there is nothing "
            "to find. At most about 5% of such studies should find anything at all.",
        ),
        (
            [weak("is a"), weak("is b")],
            {"group": "year", "a": 1, "b": 2},
            "Nothing held up: none of the 2 tested hypotheses passed on texts nobody had looked at.",
            "The typical interval reaches 0.04 to either side: differences of up to twice that can easily be "
            "missed with this many texts",
        ),
        (
            [weak("is a")],
            {"group": "random"},
            "Nothing held up: the one tested hypothesis did not pass on texts nobody had looked at.",
            "That is the right answer",
        ),
        (
            [held("is a")],
            {"group": "random"},
            "The one tested hypothesis holds on texts nobody had looked at.",
            "By construction there is nothing to find here: the groups are random halves of one corpus. "
            "This is a false alarm",
        ),
        (
            [held("is a"), weak("is b")],
            {"group": "year", "a": 1, "b": 2},
            "1 of 2 tested hypotheses holds on texts nobody had looked at.",
            "Strongest: the text is a holds for 26% of 2020 and 0% of 2019.",
        ),
    ],
    ids=["null", "nothing found", "one, null", "false alarm", "one of two"],
)
def test_the_verdict_in_every_case(
    project: Project, rows: list[dict[str, Any]], collect: dict[str, Any], verdict: str, meaning: str
) -> None:
    answer = Node(put(project, rows, collect=collect)).one("div", class_="answer")
    assert answer.nodes("p")[0].text == verdict
    assert answer.nodes("p")[1].text.startswith(meaning)


def test_where_nothing_held_the_closest_are_drawn(project: Project) -> None:
    rows = [weak(f"is {i:02d}", q=0.3 + i / 100) for i in range(20)] + [weak("is off", lo=0.001, q=0.2)]
    section = Node(put(project, rows)).one("section", id="findings")
    assert section.one("h2").text == "What was tested"
    assert [row.one("th").text for row in section.one("tbody").nodes("tr")][:2] == ["is off", "is 00"]
    assert "The 12 hypotheses that came closest." in section.text
    assert "1 of 21 leaves zero out; chance alone gives about 1." in section.text


def test_metrics_and_forest_for_dvc(project: Project) -> None:
    lead = held(COVID, n_refused=80, n_unparsable=0)
    alike = held("is alike", lo=0.1, group_id=lead["predicate_id"])
    put(project, [weak("is long"), alike, lead, crime()])
    assert json.loads(written("metrics.json")) == {
        "n_texts": 800,
        "n_texts_confirm": 400,
        "n_tested": 4,
        "n_discoveries": 3,
        "n_findings": 2,
        "strongest_validity": 0.26,
        "median_interval_width": 0.12,
        "baseline_max_abs_validity": 0.03,
        "null_rate": 0.03,
        "share_refused": 0.047619,
        "share_unparsable": 0.0,
        "n_absent": 0,
        "n_judgements": 1600,
        "cost_usd": 0.0,
    }
    forest = json.loads(written("forest.json"))
    assert [row["predicate"] for row in forest] == [COVID, "is alike", CRIME, "is long"]
    assert forest[0] == {
        "predicate": COVID,
        "validity": 0.26,
        "lo": 0.21,
        "hi": 0.31,
        "q": 0.0,
        "is_discovery": True,
    }


WALKED = [
    decided(held(COVID, conservative_validity=0.22), "confirmed", 128),
    decided(crime(), "confirmed", 320),
    decided(weak("is long", q=1.0), "futile", 150),
    decided(weak("is short", q=0.9), "curtailed", 200),
    decided(weak("is loud", q=0.4), "undecided", 400),
]


def test_a_sequential_plan_shows_where_each_was_decided_and_why(project: Project) -> None:
    section = Node(put_walked(project, WALKED)).one("section", id="walks")
    rows = {
        row.one("th").text: [cell.text for cell in row.nodes("td")]
        for row in section.one("tbody").nodes("tr")
    }
    assert list(rows) == [COVID, CRIME, "is loud", "is short", "is long"]
    # The estimate at the stop, and what the page goes by.
    assert rows[COVID][:4] == ["", "128", "+0.26", "+0.22"]
    assert [row[-1] for row in rows.values()] == [
        "confirmed: q <0.001 is at most 0.05, and the estimate is clear of the minimum effect",
        "confirmed: q 0.048 is at most 0.05, and the estimate is clear of the minimum effect",
        "not decided when the texts ended",
        "curtailed: with all texts its estimate would hardly be 0.02 or more in 2020",
        "futile: with 0.02 or more in 2020 it would hardly look like this",
    ]
    assert "2 confirmed, 1 futile, 1 curtailed, 1 not decided when the texts ended." in section.text
    ends = [
        [node.tag for node in row.one("svg", class_="walk").children][3:]
        for row in section.one("tbody").nodes("tr")
    ]  # type: ignore[union-attr]
    assert ends == [["circle"], ["path"], ["circle"], ["path"], ["path"]], "how it ended shows without colour"


def test_a_path_runs_from_knowing_nothing_to_its_stop(project: Project) -> None:
    section = Node(put_walked(project, WALKED)).one("section", id="walks")
    covid = section.nodes("svg", class_="walk")[0]
    area = [
        tuple(map(float, point.split(","))) for point in str(covid.one("polygon").attrs["points"]).split()
    ]
    n_looks = len(looks(WALKED[0]))
    assert len(area) == 2 * (n_looks + 1)
    assert (area[0][0], area[-1][0]) == (6, 6), "before any text"
    # 128 of 400 texts: 32 % of the way; the dot is where the line ends.
    assert max(x for x, _ in area) == pytest.approx(6 + 0.32 * 208, abs=0.1)
    line = str(covid.one("polyline").attrs["points"]).split()
    assert len(line) == n_looks
    assert line[-1] == f"{covid.one('circle').attrs['cx']},{covid.one('circle').attrs['cy']}"
    assert all(0 <= y <= 52 for _, y in area)


def test_long_paths_are_thinned_and_keep_their_end() -> None:
    frame = walks.Frame(10_000, -0.5, 0.5)
    path = [{"n_judged": n, "estimate": 0.1, "lo": 0.0, "hi": 0.2} for n in range(10, 5_001, 10)]
    found = walks.draw_path(path, frame)
    assert found is not None
    assert len(found.line.split()) <= walks.MOST_POINTS
    assert found.line.split()[-1] == f"{found.x},{found.y}" == "110,22"
    assert walks.draw_path([{"n_judged": 9, "estimate": None, "lo": None, "hi": None}], frame) is None


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"judging_usd": 2.0}, "about $1.34 more: an estimate"),
        ({"judging_usd": None}, "What these would have cost is not known"),
        ({"judging_usd": 0.0}, "802 were not needed. 2 confirmed"),
    ],
)
def test_what_was_saved_is_told_in_judgements_and_money(
    project: Project, record: dict[str, Any], told: str
) -> None:
    page = Node(put_walked(project, WALKED, record=record))
    section = page.one("section", id="walks").text
    assert "1,198 of 2,000 judgements were asked for (60% of the full grid), 802 were not needed." in section
    assert told in section
    assert "60% of the judgements of the full grid sufficed" in page.one("section", id="findings").text
    figures = json.loads(written("metrics.json"))
    assert (figures["n_judgements"], figures["n_grid"]) == (1198, 2000)


def test_a_sequential_report_says_how_to_read_it_and_that_nothing_was_shuffled(project: Project) -> None:
    page = Node(put_walked(project, WALKED))
    reading = page.one("section", id="reading").text
    assert (
        "the interval and q hold wherever judging stopped. The estimate at a stop leans away "
        "from zero, so V is given one standard error nearer to it there" in reading
    )
    assert "corrected for all 5 tested hypotheses and for every look: among discoveries" in reading
    assert "not run: labels cannot be shuffled" in page.one("section", id="baseline").text
    assert "tested on up to 210 others" in page.one("header").text
    assert "never judged" not in page.text, "what was not asked was not needed"
    assert (
        "confirmed after 128 of 400 texts; evidence (e-value) 2346"
        in page.one("details", id="finding-1").text
    )
    why = [row.nodes("td")[-1].text for row in page.one("section", id="rejected").one("tbody").nodes("tr")]
    assert why == [
        "not decided when the texts ended",
        "curtailed: with all texts hardly 0.02 or more in 2020",
        "futile: hardly 0.02 or more in 2020",
    ]
    fwer = put_walked(project, WALKED, verify={"sequential": {"control": "fwer"}})
    assert "at most about 5% of such studies have any false discovery" in Node(fwer).text


def test_what_is_surest_comes_first_and_no_estimate_of_a_stop_stands_bare(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    early = held(COVID, validity=0.6, conservative_validity=0.41, lo=0.02, hi=0.9)
    page = Node(
        put_walked(project, [decided(early, "confirmed", 20), decided(held(POWER), "confirmed", 300)])
    )
    forest = page.one("section", id="findings").one("tbody").nodes("tr")
    assert [row.one("th").text for row in forest] == [POWER, COVID]
    assert forest[1].nodes("td")[-1].text == "+0.41 [0.02, 0.90]"
    assert "(of 20 texts, judged up to the stop)" in page.one("details", id="finding-2").text
    # Of all that the page says only the account of the walk has the estimate of the stop.
    assert page.text.count("+0.60") == page.one("section", id="walks").text.count("+0.60") == 1
    assert main(["show", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.index(POWER) < told.index(COVID) and "+0.41 [+0.02, +0.90]" in told and "+0.60" not in told


def test_a_fixed_report_says_nothing_of_walks(project: Project) -> None:
    page = Node(put(project, [held(COVID), weak("is long")]))
    assert not page.nodes("section", id="walks")
    for word in ("until decided", "fragile", "leans away", "not run", "futile"):
        assert word not in page.text


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_fragile_discoveries_are_marked_and_explained(project: Project, plan: str) -> None:
    rows = [decided(row, "confirmed", 128) for row in (held(COVID, fragile=True), crime())]
    page = Node(put_walked(project, rows) if plan == "sequential" else put(project, rows))
    forest = page.one("section", id="findings").one("tbody").nodes("tr")
    assert [len(row.nodes("span", class_="fragile")) for row in forest] == [1, 0]
    assert "fragile would no longer be a discovery had every missing verdict gone against it." in page.text
    assert page.one("details", id="finding-1").nodes("span", class_="fragile")
    assert not page.one("details", id="finding-2").nodes("span", class_="fragile")


POWER = "complains about power"


def trusted(project: Project, **changes: Any) -> Node:
    """A report of three claims of the judge, of which one is contradicted by gold verdicts."""
    gone = weak(POWER, validity=0.14, lo=0.08, hi=0.2, q=0.001)
    rows = [held(COVID), crime(), gone, weak("is long")]
    apart = {
        "specificity_difference": -0.12,
        "specificity_difference_lo": -0.2,
        "specificity_difference_hi": -0.04,
    }
    wide = {"validity": -0.05, "lo": -0.2, "hi": 0.1}
    gold = [
        gold_of(rows[0], "supported"),
        gold_of(rows[1], "open", **wide, **apart, kappa=None, kappa_lo=None, kappa_hi=None),
        gold_of(gone, "contradicted", validity=-0.01, lo=-0.08, hi=0.06),
        gold_of(rows[3], "open"),
    ]
    return Node(put_gold(project, rows, gold, **changes))


def test_gold_verdicts_say_how_far_the_judge_can_be_trusted(project: Project) -> None:
    section = trusted(project).one("section", id="trust")
    assert "A better judge (llm/1 strong) judged 800 pairs of text and hypothesis, too" in section.text
    assert "yes to 91% [88%, 94%] of what holds (sensitivity) and no to 96% [95%, 97%] of" in section.text
    assert "Of what the judge found, 1 supported, 1 open, 1 contradicted by the gold" in section.text
    assert "elsewhere on this page are the judge's" in section.text
    rows = [row.text for row in section.one("tbody").nodes("tr")]
    assert rows == [
        f"{COVID} supported sensitivity 90% [82%, 95%], specificity 97% [94%, 99%], kappa 0.81 [0.70, 0.90] "
        "+0.24 [0.19, 0.29] judge +0.26",
        f"{CRIME} open sensitivity 90% [82%, 95%], specificity 97% [94%, 99%]; says a wrong yes less in 2019 "
        "by 0.12: A − B −0.12 [−0.20, −0.04] −0.05 [−0.20, 0.10] judge −0.12",
        f"{POWER} contradicted sensitivity 90% [82%, 95%], specificity 97% [94%, 99%], kappa 0.81 "
        "[0.70, 0.90] −0.01 [−0.08, 0.06] judge +0.14",
    ]


def test_what_gold_verdicts_say_stands_beside_each_finding(project: Project) -> None:
    page = trusted(project)
    forest = page.one("section", id="findings").one("tbody").nodes("tr")
    assert [[tag.text for tag in row.nodes("span", class_="tag")] for row in forest] == [
        ["supported"],
        ["open"],
    ]
    assert "1 more that the judge found is contradicted by the gold verdicts" in page.one("header").text
    rejected = page.one("section", id="rejected")
    why = {row.one("th").text: row.nodes("td")[-1].text for row in rejected.one("tbody").nodes("tr")}
    assert why[POWER] == "contradicted by the gold verdicts: corrected V −0.01 [−0.08, 0.06]"
    assert why["is long"] == "q 0.80 is over 0.05"
    assert "2 hypotheses: 1 contradicted by the gold verdicts; 1 could be chance" in rejected.text
    figures = json.loads(written("metrics.json"))
    assert {name: figures[name] for name in ("sensitivity", "n_supported", "n_open", "n_contradicted")} == {
        "sensitivity": 0.91, "n_supported": 1, "n_open": 1, "n_contradicted": 1,
    }  # fmt: skip


def test_labels_of_people_are_told_with_their_agreement_and_what_was_left_out(project: Project) -> None:
    counted = {"n_labellers": 3, "n_unknown_texts": 4, "n_unknown_predicates": 0}
    alpha = {"alpha": 0.72, "alpha_lo": 0.6, "alpha_hi": 0.83}
    file = {"file": "data/labels/<news>.csv", "decides": True, "sensitivity": None, "specificity": None}
    section = trusted(project, noted={**counted, **alpha, **file}).one("section", id="trust").text
    assert "People (data/labels/<news>.csv) judged 800 pairs" in section, "and escaped"
    assert "3 people labelled; they agree beyond chance by 0.72 [0.60, 0.83]" in section
    assert "4 rows of the file name no confirmation text" in section
    assert "Beside these verdicts" not in section, "nothing is said of what is not known"
    assert "V, interval and q all over this page are the corrected ones" in section
    assert "judge +0.26" not in section


def test_without_gold_verdicts_the_report_says_that_nobody_checked(project: Project) -> None:
    page = Node(put(project, [held(COVID), weak("is long")]))
    section = page.one("section", id="trust")
    assert "Nobody has checked the judge's verdicts" in section.text
    assert "natstat label --study news" in section.text
    assert not section.nodes("table")
    for word in ("supported", "contradicted", "not by itself"):
        assert word not in page.text


def test_a_panel_says_how_its_judges_agree(project: Project) -> None:
    rows = [held(COVID), weak("is long")]
    alpha = {"measure": "alpha", "estimate": 0.6, "lo": 0.4, "hi": 0.8, "n": 9}
    put_table("agreement", [{"predicate_id": row["predicate_id"], **alpha} for row in rows])
    panel = {"judges": ["a", "b"], "alpha": 0.71, "alpha_lo": 0.66, "alpha_hi": 0.75, "n_pairs": 18}
    page = Node(put(project, rows, score={"null_shuffles": 0, "panel": panel}))
    section = page.one("section", id="trust")
    assert "Nobody has checked the panel's verdicts" in section.text
    assert "A panel of 2 judges" in section.text and "by 0.71 [0.66, 0.75]" in section.text
    assert [row.text for row in section.one("tbody").nodes("tr")] == [
        f"{COVID} panel's alpha 0.60 [0.40, 0.80]"
    ]


def test_what_only_follows_from_length_is_said_in_words(project: Project) -> None:
    still = {"adjusted_validity": 0.2, "adjusted_lo": 0.1, "adjusted_hi": 0.3}
    lost = {"adjusted_validity": -0.01, "adjusted_lo": -0.05, "adjusted_hi": 0.02}
    page = Node(put(project, [held(COVID, **still), crime(**lost), weak("is long")]))
    summaries = [page.one("details", id=f"finding-{i}").nodes("summary")[0].text for i in (1, 2)]
    assert summaries[0].endswith("at equal length and equal other findings +0.20 [0.10, 0.30]")
    assert summaries[1].endswith("findings −0.01 [−0.05, 0.02]: it may only follow from these")
    assert (
        "nothing clear is left of 1 finding (number 2): it may only"
        in page.one("section", id="findings").text
    )
    forest = page.one("section", id="findings").one("tbody").nodes("tr")
    assert [len(row.nodes("span", class_="dependent")) for row in forest] == [0, 1]


def test_paraphrases_are_tested_as_one(project: Project) -> None:
    lead = held(COVID)
    alike = held("is alike", lo=0.1, group_id=lead["predicate_id"])
    as_one = {"group_id": lead["predicate_id"], "n_predicates": 2, "validity": 0.23, "lo": 0.18, "hi": 0.28}
    put_table("groups", [{**as_one, "p": 1e-9, "q": 1e-8}])
    finding = Node(put(project, [lead, alike])).one("details", id="finding-1").text
    assert "Tested as one, by the mean of their verdicts: V +0.23 [0.18, 0.28], q <0.001." in finding


def test_a_budget_that_ended_the_walk_is_said(project: Project) -> None:
    page = Node(put_walked(project, WALKED, score={"ended": "budget"}))
    assert "60% of the judgements of the full grid were made when the budget ended" in page.text
    section = page.one("section", id="walks").text
    assert (
        "for the rest the budget ended the walk" in section
        and "1 not decided when the budget ended" in section
    )
    assert "texts ended" not in page.text


def test_a_missing_stage_is_named_and_nothing_is_written(project: Project) -> None:
    project.params(news={"goal": "g", "data": "x", "collect": {"group": "random"}})
    with pytest.raises(MissingStageError, match="1_texts"):
        report.run(load("news"))
    assert not paths.reports().exists()


def test_tables_of_different_runs_are_refused(project: Project) -> None:
    put(project, [held(COVID), weak("is long")])
    folder = paths.output("news", "score")
    scores = frames.read(folder, "scores.parquet", frames.SCORES)
    frames.write(scores.head(1), folder / "scores.parquet", frames.SCORES)
    with pytest.raises(StoreError, match="Rerun score and record"):
        report.run(load("news"))


def test_suggestions_that_could_not_be_tested_are_told_with_the_reasons(project: Project) -> None:
    assert "Proposer:" not in put(project, [held(COVID)])
    noted = {
        "n_suggested": 20,
        "n_unfit": 4,
        "unfit": {"copies one text": 3, "is too long": 1},
        "failed": {"refused: <b>no</b>": 2},
    }
    page = put(project, [held(COVID)], proposed=noted)
    assert "4 of 20 suggestions were left out: copies one text (3), is too long (1)" in page
    assert "brought no suggestion: refused: &lt;b&gt;no&lt;/b&gt; (2)" in page


def test_an_encoder_that_did_not_read_the_texts_is_told(project: Project) -> None:
    assert "Not read" not in put(project, [held(COVID)])
    page = put(project, [held(COVID)], proposed={"n_unread_zh": 300})
    assert "Not read:" in page and "Chinese 75%" in page and "multilingual" in page
