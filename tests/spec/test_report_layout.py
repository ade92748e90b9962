"""The page in a real browser: it fits a telephone and prints on four pages, whatever things are called.

Where there is no Chromium these are skipped.
"""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.spec.report_made import Node, exhibit, gold_of, held, put, put_gold, weak

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
LONG = {
    "unbroken": "experiment_2024_" + "x" * 90 + "_arm_",
    "rtl": "مجموعة_النصوص_" * 9,
    "emoji": "👩‍👩‍👧🏳️‍🌈" * 40,
    "markup": "<b>&amp;</b>" * 12,
}
MEASURE = """<script>addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")].filter((one) => !one.closest(".box, svg, .hidden"));
  const ends = wide.map((one) => one.getBoundingClientRect().right);
  parent.document.title += ` ${frameElement.id}=${Math.ceil(Math.max(...ends))}`;
});</script>"""


def chromium(*arguments: str) -> str:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def opened(file: Path) -> tuple[str, list[str]]:
    """What a browser makes of the page, and what its console says of it."""
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--v=0",
    ]
    command += ["--virtual-time-budget=3000", "--dump-dom", f"file://{file}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def n_pages(page: str, folder: Path) -> int:
    (folder / "page.html").write_text(page, encoding="utf-8")
    chromium(f"--print-to-pdf={folder / 'page.pdf'}", "--no-pdf-header-footer", f"file://{folder}/page.html")
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", (folder / "page.pdf").read_bytes()))


def right_ends(pages: dict[str, str], folder: Path, width: int) -> dict[str, int]:
    """How far anything of each page reaches that is in no box of its own, in frames of that width."""
    frames = []
    for name, page in pages.items():
        opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        inner = html.escape(opened.replace("</body>", f"{MEASURE}</body>"))
        # A window is never narrower than 500 pixels; a frame is.
        frames.append(f'<iframe id="{name}" style="width:{width}px;border:0" srcdoc="{inner}"></iframe>')
    (folder / "frames.html").write_text("<title>measured</title>" + "".join(frames), encoding="utf-8")
    dumped = chromium("--dump-dom", "--virtual-time-budget=3000", f"file://{folder}/frames.html")
    return {name: int(end) for name, end in re.findall(r" (\w+)=(\d+)", dumped.split("</title>")[0])}


def long_study(project: Project, name: str) -> str:
    rows = [held(f"mentions {name}{i}", lo=0.2 - i / 1000) for i in range(3)]
    texts = [exhibit(row, role, name * 9) for row in rows for role in ("supports", "contradicts")]
    names = {"names": {"A": name + "1", "B": name + "2"}}
    named = {"record": names, "goal": name * 3, "user": name, "report": {"title": name * 2}}
    said = [f"{name} {i} of {j}" for i in range(9) for j in range(9)]
    told = {"warnings": [f"the word {name} gives the group away"]}
    return put(project, [*rows, weak(f"is {name}")], texts, said=said, collected=told, **named)


def test_long_names_stay_inside_a_telephone(project: Project) -> None:
    pages = {kind: long_study(project, name) for kind, name in LONG.items()}
    ends = right_ends(pages, project.folder, 390)
    assert ends.keys() == LONG.keys()
    assert max(ends.values()) <= 390, ends
    for page in pages.values():
        shown = {one.text[-1] for one in Node(page).one("header").nodes("bdi", class_="name")}
        assert shown == {"1", "2"}, "long names that differ at their ends are told apart"


def test_a_browser_has_nothing_to_complain_of_under_the_policy_of_the_page(project: Project) -> None:
    page = long_study(project, LONG["markup"])
    for name, whole in (("as_it_is", page), ("styled", page.replace("<h1", "<h1 style='color:red'"))):
        (project.folder / f"{name}.html").write_text(whole, encoding="utf-8")
    said = {name: opened(project.folder / f"{name}.html")[1] for name in ("as_it_is", "styled")}
    assert said["as_it_is"] == []
    assert len(said["styled"]) == 1 and "Content Security Policy" in said["styled"][0]


HEADERS = """<script>addEventListener("load", () => {
  const headers = [...document.querySelectorAll("#data thead th")];
  const words = headers.filter((one) => /^\\w+$/.test(one.textContent));
  document.title = Math.max(...words.map((one) => {
    const around = document.createRange();
    around.selectNodeContents(one);
    return around.getClientRects().length;
  }));
});</script>"""


def test_no_word_of_a_header_is_broken_in_print(project: Project) -> None:
    page = long_study(project, "gpt-3.5-turbo-1106_concise_")
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    page = page.replace("@media print", "@media all").replace("</body>", f"{HEADERS}</body>")
    (project.folder / "page.html").write_text(page, encoding="utf-8")
    shown = chromium("--dump-dom", "--window-size=760,900", f"file://{project.folder}/page.html")
    assert "<title>1</title>" in shown


CLICK = """<script>addEventListener("load", () => {
  const heard = [], labels = [...document.querySelectorAll("#map text.term")];
  const click = () => labels.find((one) => one.firstChild.data === "cases")
    .dispatchEvent(new MouseEvent("click", { bubbles: true }));
  document.addEventListener("input", (event) => heard.push(event.target.value));
  click();
  const nobody = [...heard];
  const make = (tag, id) => Object.assign(document.createElement(tag), { id });
  const texts = make("section", "texts"), whole = make("input", "texts-whole");
  whole.type = "checkbox";
  texts.append(make("input", "texts-search"), whole);
  document.querySelector("main").append(texts);
  click();
  const told = document.getElementById("map-told").textContent;
  document.title = JSON.stringify([nobody, heard, whole.checked, told]);
});</script>"""


def test_a_click_on_a_word_of_the_map_looks_it_up_where_texts_are(project: Project) -> None:
    said = [f"covid cases {i}" for i in range(12)] + ["other words"] * 12
    page = put(project, [held("is")], said=said + [f"w{i} x{i}" for i in range(9)])
    assert 'id="texts-search"' not in page
    file = project.folder / "click.html"
    opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    file.write_text(opened.replace("</body>", f"{CLICK}</body>"), encoding="utf-8")
    dumped = chromium("--dump-dom", "--virtual-time-budget=2000", f"file://{file}")
    nobody, heard, whole, told = json.loads(html.unescape(dumped.split("<title>")[1].split("</title>")[0]))
    assert whole, "the map counts words, and no parts of them"
    assert (nobody, heard) == ([], ["cases"]), "equal counts are one point, which goes by its first word"
    assert told.startswith("cases, covid\n40% of 2020 (84 of 210 texts); 37% of 2019 (")


def test_forty_findings_with_all_that_can_be_told_print_on_four_pages(project: Project) -> None:
    said = "resembles texts about something that takes a long sentence to be said in full, number"
    rows = [held(f"{said} {i}", lo=0.2 - i / 1000, novelty=0.5, rated_by="llm: x") for i in range(40)]
    rejected = [weak(f"{said} rejected {i}") for i in range(20)]
    texts = [
        exhibit(row, role, "A long text of many words, " * 20, rank=rank)
        for row in rows for role in ("supports", "contradicts") for rank in (1, 2, 3)
    ]  # fmt: skip
    gold = [gold_of(row, "supported") for row in rows] + [gold_of(row, "open") for row in rejected]
    warnings = [f"warning {i} of a data check that takes nearly a line to be told" for i in range(6)]
    page = put_gold(project, [*rows, *rejected], gold, exhibits=texts, collected={"warnings": warnings})
    assert n_pages(page, project.folder) <= 4
