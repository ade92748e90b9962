"""report: whatever a corpus holds, the page shows it and nothing acts on the reader."""

import base64
import hashlib
import json
import re
import time

import pytest

from tasks.report import filters
from tasks.report import stage as report
from tasks.store import frames
from tasks.study import load
from tests.conftest import REPO, Project
from tests.spec.report_made import Node, decided, exhibit, held, put, put_walked, weak, written

ATTACK = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x07\u2066"
SHOWN = ATTACK.replace("\u202e", "\ufffd").replace("\x07", "\ufffd").replace("\u2066", "\ufffd")


@pytest.fixture
def attacked(project: Project) -> str:
    lead = held(ATTACK, definition=json.dumps({"words": ATTACK}), judge=ATTACK, method=ATTACK)
    alike = held(ATTACK + "2", lo=0.1, group_id=lead["predicate_id"], conditional_validity=0.1)
    exhibits = [exhibit(lead, role, ATTACK, "[[3, 60]]") for role in ("supports", "contradicts")]
    names = {
        "names": {"A": "alert " + ATTACK, "B": "alert " + ATTACK},
        "cannot_find": [ATTACK],
        "versions": {ATTACK: ATTACK},
    }
    rows = [lead, alike, weak(ATTACK + "3"), weak(ATTACK + "4", q=0.01, direction="B")]
    return put(project, rows, exhibits, record=names, goal=ATTACK, user=ATTACK, report={"title": ATTACK})


def test_markup_from_outside_is_text(attacked: str) -> None:
    page = Node(attacked)
    (script,) = page.nodes("script")
    hashed = base64.b64encode(hashlib.sha256(str(script.children[0]).encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}'" in attacked, "the one script that may run"
    ours = "\n".join((report.TEMPLATES / name).read_text(encoding="utf-8") for name in report.SCRIPTS)
    assert script.children == [ours]
    assert not page.nodes("img")
    assert not [a for node in page.nodes() for a in node.attrs if a.startswith("on")]
    assert page.one("h1").text == SHOWN
    assert attacked.count("alert(1)") > 20, "it was in every field"


def test_a_sequential_page_escapes_as_well(project: Project) -> None:
    rows = [decided(held(ATTACK), "confirmed", 64), decided(weak(ATTACK + "2"), "futile", 128)]
    page = Node(put_walked(project, rows))
    assert len(page.nodes("script")) == 1 and not page.nodes("img")
    assert page.one("section", id="walks").text.count(SHOWN) == 2


def test_what_would_act_on_the_page_is_shown_as_a_replacement(attacked: str) -> None:
    found = re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", attacked)
    assert not found
    assert "\u202e" not in written("forest.json")
    quotes = Node(attacked).nodes("blockquote")
    assert quotes[0].text == SHOWN
    assert quotes[0].one("mark").text == SHOWN[3:60]


def test_every_text_from_outside_is_isolated_from_its_surroundings(attacked: str) -> None:
    """A right-to-left name may not turn the figures beside it around."""

    def isolated(node: Node, inside: bool) -> bool:
        safe = inside or node.tag in ("bdi", "title", "pre") or node.attrs.get("dir") == "auto"
        own = any(isinstance(child, str) and "alert" in child for child in node.children)
        # A version or a judge comes from the installation, a limit from the engine.
        own = own and node.tag not in ("script", "dt", "dd", "code", "li")
        return (safe or not own) and all(isolated(c, safe) for c in node.children if isinstance(c, Node))

    assert isolated(Node(attacked), False)


def test_the_page_loads_nothing(attacked: str) -> None:
    page = Node(attacked)
    for node in page.nodes():
        for name in ("src", "href", "data", "action", "poster", "srcset"):
            # The one page beside it, which is opened and not loaded.
            is_own = node.tag == "a" and node.attrs.get(name) == "checks.html"
            assert is_own or (node.attrs.get(name) or "#").startswith("#"), (node.tag, node.attrs)
    assert not page.nodes("link")
    style = "".join(map(str, page.one("style").children))
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in (page.nodes("meta")[1].attrs["content"] or "")


def test_no_page_lets_a_text_bring_a_style_or_script() -> None:
    pages = [*(REPO / "tasks").rglob("*.html")]
    assert len(pages) > 10
    assert not [page.name for page in pages if "unsafe-" in page.read_text(encoding="utf-8")]


def test_equal_input_gives_equal_bytes_whatever_its_order(project: Project) -> None:
    rows = [held("is a"), held("is b"), weak("is c"), weak("is d")]
    exhibits = [exhibit(rows[0], "supports", f"text {rank}", rank=rank) for rank in (1, 2)]
    names = ("index.html", "metrics.json", "forest.json")
    put(project, rows, exhibits)
    first = [written(name) for name in names]
    put(project, rows[::-1], exhibits[::-1])
    assert [written(name) for name in names] == first


def test_five_hundred_long_predicates_stay_under_two_megabytes(project: Project) -> None:
    rows = [
        (weak if i % 5 == 0 else held)(f"日本語の長い述語 {'<&>' * 60}{i}", validity=i / 1000)
        for i in range(500)
    ]
    exhibits = [
        exhibit(row, role, "長い文章<&>" * 100, "[[300, 305]]", rank)
        for row in rows
        for role in ("supports", "contradicts")
        for rank in range(1, 6)
    ]
    started = time.process_time()
    put(project, rows, exhibits, report={"n_rejected": 500, "n_evidence": 5})
    assert time.process_time() - started < 10
    assert len(written("index.html").encode()) < 2_000_000
    page = Node(written("index.html"))
    assert len(page.one("section", id="figures").one("tbody").nodes("tr")) == 400
    assert "60 strongest findings" in page.one("section", id="evidence").text


def test_a_long_text_is_shown_around_its_match(project: Project) -> None:
    row = held("is here")
    text = "before " * 200 + "NEEDLE" + " after" * 200
    at = text.index("NEEDLE")
    quote = Node(put(project, [row], [exhibit(row, "supports", text, f"[[{at}, {at + 6}]]")])).nodes(
        "blockquote"
    )[0]
    assert quote.one("mark").text == "NEEDLE"
    assert quote.text.startswith("… before")
    assert quote.text.endswith("after …")
    assert len(quote.text) < filters.MAX_CHARS + 10


def test_no_texts_where_none_are_asked_for(project: Project) -> None:
    row = held("is here")
    page = put(
        project, [row], [exhibit(row, "supports", "a text")], report={"n_evidence": 0, "n_rejected": 0}
    )
    assert not Node(page).nodes("blockquote")


def test_a_lone_surrogate_in_a_goal_does_not_stop_the_report(project: Project) -> None:
    put(project, [held("is here")])
    study = load("news")
    report.run(study.model_copy(update={"goal": "what \ud800 changed"}))
    assert "what \ufffd changed" in written("index.html")
    assert frames.read_manifest(project.folder / "data/news/1_texts")["n_rows"] == 844
