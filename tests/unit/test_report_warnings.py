"""What the first screen warns of: one line for each check that failed, worst first, and nothing else."""

from typing import Any

import pytest

from tasks.kinds import Words
from tasks.report.warnings import MOST_CHARS, first_sentence, warnings
from tests.conftest import Project
from tests.spec.report_made import Node, held, put

SPLIT = [{"half": "confirm", "group": group, "n_documents": 200} for group in "AB"]
WELL: dict[str, Any] = {
    "collected": {"n_texts": 1000, "n_cut": 3},
    "proposed": {},
    "scored": {},
    "verified": {},
    "split": SPLIT,
    "names": {"A": "new", "B": "old"},
    "unread": "",
    "figures": {"share_refused": 0.01, "share_unparsable": None, "n_discoveries": 3},
    "missing": {"n_fallen": 0},
    "holdout": None,
    "is_written": False,
    "words": Words(),
}
JUDGE = {"model": "tiny", "n_right": 40, "n_questions": 64}


def test_nothing_is_said_where_all_is_well() -> None:
    assert warnings(**WELL) == []
    good = {"judge": {"judges": [{**JUDGE, "sensitivity": 0.9, "specificity": 0.9}]}}
    asked = {"n_standing": 3, "n_runs": 2, "is_repeat": False}
    assert warnings(**{**WELL, "proposed": good, "holdout": asked}) == []


@pytest.mark.parametrize(
    ("changes", "told", "anchor"),
    [
        (
            {"proposed": {"judge": {"judges": [{**JUDGE, "sensitivity": 0.8, "specificity": 0.45}]}}},
            "the judge tiny got 40 of 64 questions with known answers right: of a true difference its "
            "verdicts show 25%",
            "trust",
        ),
        (
            {"scored": {"gold": {"sensitivity": 0.4, "specificity": 0.5}}},
            "beside the gold verdicts the judge errs much (sensitivity 40%, specificity 50%): of a true "
            "difference its verdicts show 0%",
            "trust",
        ),
        (
            {
                "collected": {
                    "warnings": ['the word "e.g. so" gives the group away: it is in 9%. To look past']
                }
            },
            'the word "e.g. so" gives the group away: it is in 9%',
            "data",
        ),
        (
            {"collected": {"notes": ["60% of the texts vary one pattern. They count"]}},
            "60% of the texts vary one pattern",
            "data",
        ),
        (
            {"collected": {"n_documents": 170, "near_duplicates": {"share": 0.93}}},
            "93% of the texts are near-duplicates of others: 1,000 texts count as 170 documents",
            "data",
        ),
        ({"unread": "the encoder `x` reads English. Set it"}, "the encoder `x` reads English", "data"),
        (
            {"split": [{**SPLIT[0], "n_documents": 12}, SPLIT[1]]},
            "tested on 12 documents of new: only large differences can be found",
            "data",
        ),
        (
            {"collected": {"n_texts": 1000, "n_cut": 50}},
            "50 texts are longer than collect.max_chars and were cut: what stands after it is not in this "
            "study",
            "data",
        ),
        (
            {"verified": {"n_cut": 500}},
            "500 texts are longer than verify.max_chars and were cut: the judge did not read on",
            "data",
        ),
        (
            {"figures": {**WELL["figures"], "share_unparsable": 0.06}},
            "7.0% of the verdicts are refused or unparsable: had they all gone one way, no discovery would "
            "fall",
            "data",
        ),
        (
            {"missing": {"n_fallen": 1}},
            "1.0% of the verdicts are refused or unparsable: had they all gone one way, 1 discovery would "
            "fall",
            "data",
        ),
        (
            {"holdout": {"n_standing": 1, "n_runs": 4, "is_repeat": False}},
            "these texts were asked in 4 runs before: were the error level shared, 1 of 3 discoveries would "
            "remain",
            "findings",
        ),
    ],
    ids=[
        "judge",
        "gold",
        "leak",
        "pattern",
        "copies",
        "unread",
        "few",
        "cut",
        "unread rest",
        "gaps",
        "fragile",
        "asked",
    ],
)
def test_each_check_that_failed_is_one_line(changes: dict[str, Any], told: str, anchor: str) -> None:
    collected = {**WELL["collected"], **changes.get("collected", {})}
    (found,) = warnings(**{**WELL, **changes, "collected": collected})
    assert (found.text, found.anchor) == (told, anchor)


def test_the_worst_comes_first() -> None:
    bad = {
        "collected": {
            "n_texts": 10,
            "n_cut": 9,
            "warnings": ["rests on few documents"],
            "notes": ["one pattern"],
        },
        "scored": {"gold": {"sensitivity": 0.5, "specificity": 0.5}},
        "unread": "not read",
        "split": [{**SPLIT[0], "n_documents": 5}],
    }
    found = [one.text.split(":")[0] for one in warnings(**{**WELL, **bad})]
    assert [text[:10] for text in found] == [
        "beside the", "rests on f", "one patter", "not read", "tested on ", "9 texts ar",
    ]  # fmt: skip


def test_pairs_that_were_written_have_no_documents_to_be_few() -> None:
    few = [{**SPLIT[0], "n_documents": 5}]
    assert warnings(**{**WELL, "split": few, "is_written": True}) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one. two", "one"),
        ('the line "Dear Sir. Yours" is. Then', 'the line "Dear Sir. Yours" is'),
        ('an \\"open quote. Then', 'an \\"open quote'),
        ("version 2.1 of it\nand more. Then", "version 2.1 of it and more"),
        ("x" * 999, "x" * (MOST_CHARS - 1) + "…"),
    ],
)
def test_a_line_is_the_first_sentence(text: str, wanted: str) -> None:
    assert first_sentence(text) == wanted


def test_the_first_screen_shows_them_and_leads_to_the_rest(project: Project) -> None:
    row = held('mentions "covid"')
    assert not Node(put(project, [row])).nodes("ul", class_="warned")
    leak = 'the word "<b>x</b>" gives the group away: it is in 99% of 2020. To look past it write y'
    page = Node(put(project, [row], collected={"warnings": [leak], "n_cut": 500}))
    lines = page.one("header").one("ul", class_="warned").nodes("li")
    assert [line.text for line in lines] == [
        'Beware: the word "<b>x</b>" gives the group away: it is in 99% of 2020. details',
        "And: 500 texts are longer than collect.max_chars and were cut: what stands after it is not in this "
        "study. details",
    ]
    assert [line.one("a").attrs["href"] for line in lines] == ["#data", "#data"]
    assert leak in page.one("section", id="data").text


def test_what_is_harmless_is_no_warning() -> None:
    harmless = {"n_texts": 4, "remarks": ["2 prompts stand in several pairs (4 in all)"]}
    assert warnings(**{**WELL, "collected": harmless}) == []
