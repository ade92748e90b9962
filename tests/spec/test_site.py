"""site: one page of all studies and all that they tested, which nothing from outside acts on."""

import html
import json
import re
from pathlib import Path

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import site
from tasks.report.pages import digest
from tasks.store import duck, frames, listing
from tests.conftest import REPO, Project, in_a_copy
from tests.recorded_study import FOUND, NOT_FOUND, PRESS, put_again, put_study
from tests.spec.report_made import Node
from tests.spec.test_report_layout import CHROMIUM, opened
from tests.spec.test_report_untrusted import ATTACK, SHOWN

COVID, VIRUS = 'mentions "covid"', 'mentions "virus"'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies; of the second run of press one discovery fell, and one was not tested again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("recorded"))
        _record()
        return Path.cwd()


@pytest.fixture
def recorded(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """These, which tests leave as they are."""
    monkeypatch.chdir(made)


def _record() -> None:
    put_study("attacked", "run-a", [(ATTACK, "A", 0.9, 0.05, 0.001, FOUND, ATTACK)], goal=ATTACK)
    duck.record("attacked")
    put_study("press", "run-1", PRESS)
    duck.record("press")
    again = [(VIRUS, "A", 0.02, 0.01, 0.6, NOT_FOUND, VIRUS), *((*row[:6], row[0]) for row in PRESS[2:])]
    put_study("press", "run-2", again, split_hash="split-2")
    manifest = frames.read_manifest(paths.output("press", "record"))
    frames.write_manifest(paths.output("press", "record"), {**manifest, "names": {"A": "2020", "B": "2019"}})
    duck.record("press")
    paths.report_page("press").parent.mkdir(parents=True)
    paths.report_page("press").write_text("<title>a report</title>", encoding="utf-8")


@pytest.fixture
def page(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """The page in a copy that a test may change."""
    in_a_copy(made, tmp_path / "copy", monkeypatch)
    assert main(["site"]) == 0
    assert capsys.readouterr().out == ("reports/index.html: 2 studies; 2 of 7 tested hypotheses hold\n")
    return paths.site_page().read_text(encoding="utf-8")


def test_the_newest_run_speaks_and_earlier_discoveries_are_not_lost(recorded: None) -> None:
    found = {row["predicate"]: row for row in listing.listed("press").to_dicts()}
    assert {said: row["state"] for said, row in found.items()} == {
        COVID: listing.UNTESTED,
        VIRUS: listing.FELL,
        "is a question": listing.HELD,
        "contains 100% digits": listing.REJECTED,
        "is long": listing.REJECTED,
        "is short": listing.REJECTED,
    }
    assert found[COVID]["run_id"] == "run-1" and found[VIRUS]["run_id"] == "run-2"
    assert found["is a question"]["more_in"] == "2019" and found[COVID]["more_in"] == "A"
    assert listing.listed(held=True)["study"].to_list() == ["attacked", "press"]
    assert listing.listed(kind="corpus_pair").columns == list(listing.COLUMNS)


def test_the_page_is_two_tables_without_its_script(page: str) -> None:
    tree = Node(page)
    studies, tested = tree.nodes("table")
    assert [row.text for row in studies.one("tbody").nodes("tr")][1].startswith(
        "press corpus_pair what changed"
    )
    rows = tested.one("tbody").nodes("tr")
    assert len(rows) == 7
    shown = [[cell.text.strip() for cell in row.children if isinstance(cell, Node)] for row in rows]
    date = listing.listed()["found_at"][0].date().isoformat()
    assert ["is a question", "press", "◆ 2019", "−0.05", "[−0.09, −0.01]", "0.010", "holds", date] in shown
    assert [cells[6] for cells in shown] == ["holds"] * 2 + ["no longer holds", "not tested again"] + [
        "was rejected"
    ] * 3
    links = {a.attrs["href"] for a in tested.nodes("a")}
    own = {"press/index.html", "press/index.html#finding-1", "press/index.html#rejected"}
    assert links == own, "attacked has no report, and what was not tested again is not in one"


def test_a_replication_stands_beside_its_attempts(page: str) -> None:
    for nr, (validity, q, is_found) in enumerate(((0.0, 0.9, NOT_FOUND), (0.5, 0.02, FOUND))):
        rows = [(ATTACK, "A", validity, 0.05, q, is_found, ATTACK)]
        put_again("again", rows, "run-a", f"run-again-{nr}", f"split-again-{nr}")
        duck.record("again")
    assert main(["site"]) == 0
    studies = Node(paths.site_page().read_text(encoding="utf-8")).nodes("table")[0]
    (row,) = (row for row in studies.nodes("tr") if "again" in row.text.split())
    told = "tests a discovery of attacked again: weakened, attempt 2 of 2 (1 weakened, 1 not confirmed); no"
    assert told in row.text
    assert listing.listed("again").select("attempt", "n_attempts").rows() == [(2, 2)]
    assert listing.listed("press")["attempt"].null_count() == 6


def test_nothing_from_outside_acts_on_the_page(page: str) -> None:
    tree = Node(page)
    (script,), (style,) = tree.nodes("script"), tree.nodes("style")
    ours = (Path(site.__file__).parent / "site.js").read_text(encoding="utf-8")
    assert script.children == [ours]
    policy = tree.nodes("meta")[1].attrs["content"] or ""
    assert f"script-src '{digest(ours)}'" in policy and "default-src 'none'" in policy
    assert f"style-src '{digest(''.join(map(str, style.children)))}'" in policy and "unsafe" not in policy
    assert not tree.nodes("img") and not tree.nodes("link")
    for node in tree.nodes():
        assert not [name for name in node.attrs if name.startswith("on") or name in {"src", "style"}]
    assert tree.one("table", id="listed").one("tbody").nodes("bdi")[0].text == SHOWN
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval", ours)


def test_no_template_brings_a_style_of_its_own() -> None:
    """The policy of the pages would leave it out."""
    templates = [file for file in (REPO / "tasks").rglob("*.html") if ".venv" not in file.parts]
    assert len(templates) > 25
    for file in templates:
        assert not re.search(r"\sstyle=|\son\w+=", file.read_text(encoding="utf-8")), file


def test_it_is_deleted_with_what_natstat_made_and_only_if_it_is_natstats(page: str) -> None:
    assert main(["clean"]) == 0
    assert not paths.site_page().exists() and paths.report_page("press").exists()
    paths.site_page().write_text("<title>mine · natstat</title>", encoding="utf-8")
    assert main(["clean"]) == 0
    assert paths.site_page().exists()


def test_without_a_run_there_is_nothing_to_show(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site"]) == 18
    assert "wanted the recorded discoveries" in capsys.readouterr().err


DRIVE = """
const told = {}, by = (id) => document.getElementById(id);
const rows = () => [...document.querySelectorAll("#listed tbody tr")];
const first = () => rows().map((row) => row.cells[0].textContent.slice(0, 12));
const set = (id, value, kind) => { by(id).value = value; by(id).dispatchEvent(new Event(kind)); };
const click = (n) => document.querySelectorAll("#listed thead button")[n].click();
told.begin = first();
set("state", "", "change");
click(5); told.q = first();
click(3); told.size = first();
click(3); told.least = first();
set("study", "press", "change"); told.press = first().length;
set("goal", document.querySelector("#goal").options[1].value, "change"); told.other = first().length;
set("study", "", "change"); set("goal", "", "change");
set("search", "Covid  YEAR", "input");
setTimeout(() => { told.search = first(); document.title = JSON.stringify(told); }, 300);
"""


def title_of(file: Path) -> tuple[str, list[str]]:
    """The page's title after its script has run, and what the browser complains of."""
    page, complaints = opened(file)
    title = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    assert title
    return html.unescape(title[1]), complaints


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_searches_filters_and_sorts_under_the_policy(page: str, tmp_path: Path) -> None:
    whole = page.replace("</body>", f"<script>{DRIVE}</script></body>")
    allowed = whole.replace("script-src ", f"script-src '{digest(DRIVE)}' ")
    (tmp_path / "driven.html").write_text(allowed, encoding="utf-8")
    title, complaints = title_of(tmp_path / "driven.html")
    assert complaints == []
    told = json.loads(title)
    assert told["begin"] == [SHOWN[:12], "is a questio"], "what holds, the largest effect first"
    assert told["q"][:2] == [SHOWN[:12], 'mentions "co'] and len(told["q"]) == 7
    assert told["size"][:2] == [SHOWN[:12], 'mentions "co'] and told["least"][-2:] == told["size"][1::-1]
    assert (told["press"], told["other"]) == (6, 0)
    assert told["search"] == ['mentions "co']
    (tmp_path / "attacked.html").write_text(whole.replace("<h1>", "<h1 style='color:red'>"), encoding="utf-8")
    title, complaints = title_of(tmp_path / "attacked.html")
    assert title == "All studies · natstat" and len(complaints) == 2, (
        "the policy stops what is not the page's own"
    )


def test_a_row_takes_less_than_six_hundred_bytes(recorded: None) -> None:
    one, n = listing.listed("press").filter(state=listing.HELD), 2_000
    ids = pl.int_range(n).cast(pl.String)
    many = pl.concat([one] * n).with_columns(predicate_id=ids, group_id=ids)
    studies = listing.studies()
    sizes = [len(site.page(studies, rows, {}).encode()) for rows in (one, many)]
    assert (sizes[1] - sizes[0]) / (n - 1) < 600
