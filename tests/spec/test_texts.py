"""All matching texts: what `natstat texts` prints and writes, and what the page's search looks through."""

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import texts as command
from tasks.report import concordance, verdicts
from tasks.report import stage as report
from tasks.report.findings import numbers
from tasks.store import frames
from tasks.study import load
from tests.conftest import PAIR_STUDY, SHUFFLES, Project, in_a_copy, pair, sentences
from tests.spec.report_made import Node, written

BREAKS_OUT = "</script><img onerror=alert(1)><!-- & {}"
RUNS = "=1+{}"
ACTS = "\x1b[2J\x9b31m red \u202e {}\u2028ÉTÉ"
ATTACKS = (BREAKS_OUT, RUNS, ACTS)
"""Around a sentence with the planted phrase."""
ANY = ("news", "walked")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished study, `news`, one whose plan is sequential, `walked`, and one that has not run, `later`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SHUFFLES, 2)
        project = Project(tmp_path_factory.mktemp("texts"))
        patch.chdir(project.folder)
        attacks = [
            {"text": ATTACKS[i % 3].format(sentence), "year": 2020}
            for i, sentence in enumerate(sentences(24, 1.0, 9))
        ]
        project.table("news.parquet", [*pair(150, 0.3, 0.02), *attacks])
        walked = {"verify": {"plan": "sequential"}}
        project.params(news=PAIR_STUDY, walked={**PAIR_STUDY, **walked}, later=PAIR_STUDY)
        for name in ANY:
            project.run(name)
        yield project.folder


@pytest.fixture
def there(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished studies; tests leave them as they are."""
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def copied(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of them that a test may change."""
    return in_a_copy(made, tmp_path / "copy", monkeypatch)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["texts", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(said(capsys, "--study", "news", *arguments, "--json"))
    return told


def confirmation(name: str = "news") -> pl.DataFrame:
    texts = frames.read(paths.output(name, "collect"), "texts.parquet", frames.TEXTS)
    return texts.filter(half="confirm")


def first_id() -> str:
    predicates = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    return str(predicates.filter(pl.col("predicate").str.contains("covid"))["predicate_id"].item())


@pytest.mark.usefixtures("there")
class TestTheTextsOfAPredicate:
    def test_are_those_for_which_it_holds(self, capsys: pytest.CaptureFixture[str]) -> None:
        told = found(capsys, "--predicate", "1")
        wanted = confirmation().filter(pl.col("text").str.contains("covid outbreak"))
        assert {row["text"] for row in told["texts"]} == set(wanted["text"])
        assert {row["verdict"] for row in told["texts"]} == {"yes"}
        assert [*told["texts"][0]] == sorted(verdicts.COLUMNS)
        (predicate,) = told["predicates"]
        assert predicate["predicate_id"] == first_id()
        assert predicate["holds"] == {side: wanted.filter(group=side).height for side in ("A", "B")}
        assert predicate["n_judged"] == predicate["n_texts"] == confirmation().height

    def test_are_printed_with_group_and_document_and_how_many_more(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        n = found(capsys, "--predicate", "1")["n"]
        assert n > 20
        head, counts, *lines, last = said(capsys, "--study", "news", "--predicate", "1").splitlines()
        assert head == f'news 1: mentions "covid outbreak" (id {first_id()})'
        assert re.search(r"holds for \d+ of \d+ in 2020 \(\d+%\), \d+ of \d+ in 2019", counts)
        assert len(lines) == 20
        assert re.match(r"  [AB] 20(20|19) \| text:[0-9a-f]{16} \| yes \| .*covid outbreak", lines[0])
        assert last.startswith(f"  {n - 20} more: natstat texts --study news --predicate 1 --limit {n}")
        whole = said(capsys, "--study", "news", "--predicate", "1", "--limit", str(n)).splitlines()
        assert len(whole) == n + 2

    def test_can_be_those_for_which_it_does_not_hold(self, capsys: pytest.CaptureFixture[str]) -> None:
        yes, no, every, invalid = (
            found(capsys, "--predicate", "1", "--verdict", verdict)
            for verdict in ("yes", "no", "all", "invalid")
        )
        assert not {row["text_id"] for row in yes["texts"]} & {row["text_id"] for row in no["texts"]}
        assert yes["n"] + no["n"] == every["n"] == confirmation().height
        assert invalid["texts"] == []
        assert "no such text" in said(capsys, "--study", "news", "--predicate", "1", "--verdict", "invalid")

    def test_can_be_those_of_a_group_and_with_words(self, capsys: pytest.CaptureFixture[str]) -> None:
        told = found(capsys, "--predicate", "1", "--group", "A", "--search", " RED")
        assert told["texts"] and all("red" in row["text"].lower() for row in told["texts"])
        folded = found(capsys, "--predicate", "1", "--search", "covid   OUTBREAK\u2028été")
        assert folded["n"] == sum("ÉTÉ" in text for text in confirmation()["text"])
        assert {row["group"] for row in found(capsys, "--group", "B")["texts"]} == {"B"}
        assert found(capsys, "--predicate", "1", "--search", ".*")["n"] == 0, "words, not a pattern"

    def test_nothing_in_them_acts_on_a_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        printed = said(capsys, "--study", "news", "--predicate", "1", "--search", "red")
        assert "[2J" in printed
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", printed)

    def test_without_a_predicate_all_are_listed(self, capsys: pytest.CaptureFixture[str]) -> None:
        head, *rows, last = said(capsys, "--study", "news").splitlines()
        assert head.startswith(f"news: {len(rows)} tested predicates")
        assert [row.split()[0] for row in rows] == [str(i) for i in range(1, len(rows) + 1)]
        assert rows[0].startswith('  1   mentions "covid outbreak": holds for ')
        assert "--predicate NUMBER" in last

    @pytest.mark.parametrize("written", ["1", "{}", "id-{}", "{:.6}", " 1 "])
    def test_it_goes_by_number_or_id(self, capsys: pytest.CaptureFixture[str], written: str) -> None:
        told = found(capsys, "--predicate", written.format(first_id()))
        assert [row["predicate_id"] for row in told["predicates"]] == [first_id()]


def test_a_sequential_plan_judged_some_and_says_so(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(said(capsys, "--study", "walked", "--predicate", "1", "--verdict", "all", "--json"))
    (predicate,) = told["predicates"]
    assert predicate["n_judged"] == told["n"] < predicate["n_texts"] == confirmation("walked").height
    printed = said(capsys, "--study", "walked", "--predicate", "1")
    n_judged, n = predicate["n_judged"], predicate["n_texts"]
    assert f"judged {n_judged} of {n} texts; of the others nobody was asked" in printed


def test_numbers_are_those_of_the_page() -> None:
    held = {"direction": "A", "hi": 1.0, "q": 0.01, "p": 0.01}
    rows = [
        {"predicate_id": "a", "group_id": "a", "is_discovery": True, "lo": 0.5, **held},
        {"predicate_id": "b", "group_id": "a", "is_discovery": True, "lo": 0.4, **held},
        {"predicate_id": "c", "group_id": "a", "is_discovery": True, "lo": 0.3, **held},
        {"predicate_id": "d", "group_id": "d", "is_discovery": True, "lo": 0.2, **held},
        {"predicate_id": "e", "group_id": "e", "is_discovery": False, "lo": 0.0, **held},
    ]
    assert numbers(rows) == {"a": "1", "b": "1.1", "c": "1.2", "d": "2", "e": "3"}


PREDICATES = [
    {"predicate_id": "1a00", "predicate": 'mentions "covid"', "number": "1"},
    {"predicate_id": "1a11", "predicate": "is long", "number": "2"},
    {"predicate_id": "2222", "predicate": "is short", "number": "2.1"},
]


def test_a_number_comes_before_the_beginning_of_an_id() -> None:
    for given, wanted in {"1": "1a00", "2": "1a11", "2.1": "2222", "22": "2222", "1A1": "1a11"}.items():
        assert command.chosen(given, PREDICATES)["predicate_id"] == wanted


CASES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no such study": (("--study", "nws"), 10, "did you mean `news`"),
    "not run": (("--study", "later"), 18, "Run `dvc repro` or the stages before."),
    "no such number": (("--study", "news", "--predicate", "99"), 10, "wanted a number, 1 to 26, or the"),
    "a word of it": (("--study", "news", "--predicate", "Covid"), 10, "did you mean `1`"),
    "no such id": (("--study", "news", "--predicate", "zz\x1b[31m"), 10, "--predicate zz\ufffd[31m: wanted"),
    "blank": (("--study", "news", "--predicate", ""), 10, "wanted a number"),
    "no words": (("--study", "news", "--search", " "), 10, "--search: wanted words"),
    "too many words": (("--study", "news", "--search", "a" * 201), 10, "at most 200 characters"),
    "limit": (("--study", "news", "--limit", "0"), 10, "--limit 0: wanted 1 or more"),
    "both": (("--study", "news", "--json", "--csv"), 10, "wanted --json or --csv, got both"),
    "a file of the user": (("--study", "news", "--csv", "news.parquet"), 17, "nothing was written"),
    "no place": (("--study", "news", "--csv", "params.yaml/x.csv"), 17, "cannot be written"),
}


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(("arguments", "code", "words"), CASES.values(), ids=CASES)
def test_what_cannot_be_told_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert main(["texts", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert words in line


def test_an_id_that_several_begin_with_is_refused() -> None:
    with pytest.raises(command.ParamsError, match=r"2 ids begin so \(1a00, 1a11\). Write more of it."):
        command.chosen("1a", PREDICATES)


class TestTheSheet:
    def test_has_all_verdicts_and_runs_no_formula(
        self, there: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        file = tmp_path / "sheets" / "verdicts.csv"
        assert main(["texts", "--study", "news", "--csv", str(file)]) == 0
        n_verdicts = 26 * confirmation().height
        assert capfdbinary.readouterr().out.endswith(f"{n_verdicts:,} verdicts\n".encode())
        raw = file.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf"), "spreadsheet programs read UTF-8 by it"
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
        assert tuple(rows[0]) == verdicts.COLUMNS
        assert {(row["predicate_id"], row["text_id"]) for row in rows} == {
            (f"id-{one}", f"id-{text}")
            for one in pl.read_parquet("data/news/4_predicates/predicates.parquet")["predicate_id"]
            for text in confirmation()["text_id"]
        }
        assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@\t\r")]
        assert any(row["text"].startswith("'=1+") for row in rows)
        assert "\x1b" not in raw.decode() and "[2J" in raw.decode()
        assert main(["texts", "--study", "news", "--csv"]) == 0
        assert capfdbinary.readouterr().out == raw[3:], "the same on standard output, for programs"
        assert (
            main(["texts", "--study", "news", "--predicate", "1", "--verdict", "no", "--csv", str(file)]) == 0
        )
        assert {row["verdict"] for row in csv.DictReader(io.StringIO(file.read_text("utf-8-sig")))} == {"no"}

    def test_what_better_judges_said_stands_beside(
        self, copied: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sheet = pl.DataFrame(
            {
                "verdict": ["0", "?"],
                "predicate_id": [first_id()] * 2,
                "text_id": confirmation()["text_id"][:2],
            }
        )
        (copied.folder / "data/labels").mkdir()
        sheet.write_csv(copied.folder / "data/labels/people.csv")
        copied.params(news={**PAIR_STUDY, "labels": "people.csv"})
        told = found(capsys, "--predicate", "1", "--verdict", "all")
        gold = {row["text_id"]: row["gold"] for row in told["texts"]}
        assert gold[sheet["text_id"][0]] == 0.0
        assert sum(value is not None for value in gold.values()) == 1
        assert "(gold 0)" in said(
            capsys, "--study", "news", "--predicate", "1", "--verdict", "all", "--limit", "999"
        )


def test_recorded_verdicts_are_listed_and_those_not_recorded_counted(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"predicate": predicate, "text": f"{word} {i}", "corpus": corpus, "score": 0.9 if i % 3 == 0 else 0.2}
        for corpus, word in (("A", "one"), ("B", "two"))
        for i in range(60)
        for predicate, every in (("holds", 1), ("holds now and then", 2))
        if i % every == 0
    ]
    project.table("recorded.parquet", rows)
    project.params(
        news={
            **PAIR_STUDY,
            "engine": "replay",
            "data": "recorded.parquet",
            "verdicts": "recorded.parquet",
            "collect": {"group": "corpus", "a": "A", "b": "B"},
        }
    )
    project.run("news")
    told = {row["predicate"]: row for row in found(capsys)["predicates"]}
    assert told["holds"]["n_judged"] == told["holds"]["n_texts"] == confirmation().height
    assert 0 < told["holds now and then"]["n_judged"] < confirmation().height
    number = told["holds"]["number"]
    assert "| yes 0.9 | " in said(capsys, "--study", "news", "--predicate", number)
    block = block_of(written("index.html"))
    assert {len(one["scores"]) for one in block["predicates"]} == {confirmation().height}
    assert {sign for one in block["predicates"] for sign in one["verdicts"]} == set("10-")


def block_of(page: str) -> dict[str, Any]:
    node = Node(page).one("script", id="texts-data")
    block: dict[str, Any] = json.loads("".join(map(str, node.children)))
    return block


@pytest.mark.usefixtures("there")
class TestThePage:
    def test_carries_the_texts_with_their_verdicts(self) -> None:
        block, texts = block_of(written("index.html")), confirmation().sort("text_id")
        assert block["text_id"] == texts["text_id"].to_list()
        assert block["group"] == "".join(texts["group"])
        assert block["columns"] == list(verdicts.COLUMNS)
        first = block["predicates"][0]
        assert (first["id"], first["number"], first["found"]) == (first_id(), "1", True)
        assert first["scores"] is None, "yes and no say all"
        for text, sign in zip(block["text"], first["verdicts"], strict=True):
            assert (sign == "1") == ("covid outbreak" in text)
        section = Node(written("index.html")).one("section", id="texts")
        assert f"All {texts.height} confirmation texts" in section.text
        assert "other texts must test it" in section.text
        assert section.one("input", id="texts-search").attrs["type"] == "search"

    def test_nothing_in_a_text_acts_on_it(self) -> None:
        page = written("index.html")
        tree = Node(page)
        assert not tree.nodes("img")
        data, script = tree.nodes("script")
        raw = "".join(map(str, data.children))
        assert not set("<>&\u2028\u2029\u202e\x1b\x9b") & set(raw)
        assert any(text.startswith("</script><img onerror=alert(1)>") for text in block_of(page)["text"])
        wanted = "\n".join(
            (report.TEMPLATES / name).read_text("utf-8") for name in (*report.SCRIPTS, report.SEARCH)
        )
        assert script.children == [wanted]
        assert base64.b64encode(hashlib.sha256(wanted.encode()).digest()).decode() in page
        assert "innerHTML" not in wanted and "insertAdjacentHTML" not in wanted

    def test_of_a_sequential_plan_tells_who_was_not_asked(self) -> None:
        page = (paths.output("walked", "report") / "index.html").read_text("utf-8")
        first = block_of(page)["predicates"][0]
        asked = pl.read_parquet("data/walked/5_verdicts/part-*.parquet").filter(
            pl.col("status") != "absent", predicate_id=first["id"]
        )
        assert len(first["verdicts"]) - first["verdicts"].count("-") == asked.height

    def test_carries_a_sample_where_not_all_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(concordance, "MAX_BYTES", 4_000)
        monkeypatch.setattr(concordance, "MAX_CHARS", 60)
        study = load("news")
        inputs = report.read_inputs("news")
        page = report.page(study, inputs, report.metrics(inputs))
        block = block_of(page)
        assert 10 < len(block["text"]) < confirmation().height
        assert abs(block["group"].count("A") - block["group"].count("B")) <= 1
        assert max(map(len, block["text"])) <= 60
        assert all(len(one["verdicts"]) == len(block["text"]) for one in block["predicates"])
        told = Node(page).one("section", id="texts").text
        assert f"{len(block['text'])} of {confirmation().height} confirmation texts" in told
        assert "cut to 60 characters" in told
        assert "natstat texts --study news --predicate NUMBER" in told
        assert report.page(study, inputs, report.metrics(inputs)) == page

    def test_leaves_them_out_where_params_say_so(self) -> None:
        study, inputs = load("news"), report.read_inputs("news")
        without = study.model_copy(update={"report": study.report.model_copy(update={"texts": False})})
        page = report.page(without, inputs, report.metrics(inputs))
        assert "texts-data" not in page and "startTexts" not in page and 'href="#texts"' not in page


DRIVE = """
<script>
const wait = (ms) => new Promise((done) => setTimeout(done, ms)), told = {}, blobs = [];
// A blob's text comes by another process, for which the browser's virtual time does not wait.
window.Blob = function (parts) { this.whole = parts.join(""); };
URL.createObjectURL = (blob) => (blobs.push(blob), "#");
const at = (id) => document.getElementById(`texts-${id}`);
const set = async (id, value, kind) => {
  at(id).value = value;
  at(id).dispatchEvent(new Event(kind, { bubbles: true }));
  await wait(100);
};
const counts = () => document.querySelector("#texts .counts").textContent;
(async () => {
  told.all = counts();
  at("csv").click();
  for (const words of ["COVID outbreak été", "ovid", "img onerror", "zebra"]) {
    await set("search", words, "input");
    told[words] = counts();
  }
  await set("search", "ovid", "input");
  at("whole").click();
  told.whole = counts();
  await set("search", "covid", "input");
  await set("predicate", "0", "change");
  told.holds = counts();
  await set("verdict", "0", "change");
  told.not = counts();
  await set("verdict", "1", "change");
  await set("search", "img onerror", "input");
  document.querySelector(".concordance summary").click();
  await wait(100);
  told.line = document.querySelector(".concordance summary mark").textContent;
  told.whole_text = document.querySelector(".concordance blockquote").textContent;
  told.images = document.images.length;
  told.csv = blobs[0].whole;
  document.body.dataset.told = JSON.stringify(told);
})();
</script></body>"""


@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser is here")
def test_the_search_finds_and_counts_in_a_browser(
    there: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    # The page's policy runs no script but its own: the copy has none, to be driven.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", written("index.html"))
    (tmp_path / "page.html").write_text(page.replace("</body>", DRIVE), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser"]
    done = subprocess.run(
        ["chromium", *flags, "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path}/page.html"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (body,) = Node(f"<x>{done.stdout[done.stdout.index('<body') :].replace('</html>', '')}</x>").nodes("body")
    told = json.loads(body.attrs["data-told"] or "")
    texts = confirmation()

    def counted(words: str) -> str:
        has = texts.filter(pl.col("text").str.to_lowercase().str.contains(words, literal=True))
        return " · ".join(
            f"{shape} {name}: {has.filter(group=side).height} of {texts.filter(group=side).height}"
            for side, shape, name in (("A", "●", "2020"), ("B", "◆", "2019"))
        )

    def plain(counts: str) -> str:
        return re.sub(r" \([\d.]+%\)", "", counts)

    assert plain(told["all"]) == counted("")
    assert plain(told["ovid"]) == counted("covid") == plain(told["holds"])
    assert plain(told["COVID outbreak été"]) == counted("été")
    assert plain(told["img onerror"]) == counted("onerror")
    assert plain(told["zebra"]) == plain(told["whole"]) == plain(told["not"]) == counted("zebra")
    assert told["line"] == "img onerror"
    assert told["whole_text"].startswith("</script><img onerror=alert(1)>")
    assert told["images"] == 0
    assert main(["texts", "--study", "news", "--csv"]) == 0
    wanted = capfdbinary.readouterr().out.decode()
    rows = [sorted(csv.reader(io.StringIO(text.lstrip("\ufeff")))) for text in (told["csv"], wanted)]
    assert rows[0] == rows[1], "the page writes what the command writes"
