"""The page of two models: prompts with both answers, what is liked, where it shows, and nothing that acts."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import kinds, paths
from tasks.commands import label, show
from tasks.commands import texts as texts_command
from tasks.errors import ParamsError
from tasks.kinds.model_pair import answers, page, picture, tables
from tasks.record import with_others
from tasks.records import Predicate
from tasks.report import stage as report
from tasks.report import verdicts
from tasks.store import frames
from tasks.study import load
from tests.conftest import Project
from tests.spec.report_made import Node, held, put, weak, written

ATTACK = "</p></script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
LONGER, BOLDER = (
    held("is longer"),
    held("uses bold text more", direction="B", validity=-0.3, lo=-0.4, hi=-0.2),
)
FLAT = weak("hedges more")
ROWS = [LONGER, BOLDER, FLAT]
PAIRS = (("p0", "code"), ("p1", "code"), ("p2", "poems"), ("p3", None))


def answer(pair: str, group: str) -> str:
    return f"answer {group} to {pair} " + ("with **bold** words" if group == "B" else "of many words " * 90)


def shown(row: dict[str, Any], role: str, rank: int, pair: str) -> list[dict[str, Any]]:
    """A pair as record keeps it: the answer that shows it more, and the other."""
    more = row["direction"] if role == "supports" else "AB".replace(row["direction"], "")
    return [
        {
            "run_id": "run1",
            "predicate_id": row["predicate_id"],
            "role": role + ("" if group == more else "_other"),
            "rank": rank,
            "text_id": f"{pair}{group}",
            "group": group,
            "text": answer(pair, group),
            "score": float(group == more),
            "spans": "[[0, 6]]" if group == more else "[]",
        }
        for group in "AB"
    ]


def save(stage: str, name: str, rows: Sequence[dict[str, Any]], schema: pl.Schema) -> None:
    folder = paths.output("news", stage)
    folder.mkdir(parents=True, exist_ok=True)
    frames.write(pl.DataFrame(rows, schema=schema), folder / f"{name}.parquet", schema)


def made(project: Project, attack: str = "", rows: Sequence[dict[str, Any]] = ROWS) -> str:
    """The page of a small study; tables of score that were saved before are shown."""
    pairs = [
        {
            "pair": pair,
            "model_a": "one" + attack,
            "model_b": "two" + attack,
            "category": category and category + attack,
            "preference": None,
        }
        for pair, category in PAIRS
    ]
    save("collect", "pairs", pairs, tables.PAIRS)
    exhibits = [
        one
        for row in rows
        if row["is_discovery"]
        for role, rank, pair in (("supports", 1, "p0"), ("supports", 2, "p2"), ("contradicts", 1, "p1"))
        for one in shown(row, role, rank, pair)
    ]
    put(
        project,
        list(rows),
        kind="model_pair",
        collect={},
        model_pair={},
        verified={"n_texts": 800},
        record={"names": {"A": "one" + attack, "B": "two" + attack}},
    )
    texts = frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    own = [
        {
            **texts.row(0, named=True),
            "text_id": f"{pair}{group}",
            "text_hash": pair,
            "group": group,
            "document_id": pair,
            "half": "confirm",
            "text": answer(pair, group) + attack,
            "context": f"prompt {pair}{attack}",
        }
        for pair, _ in PAIRS
        for group in "AB"
    ]
    save("collect", "texts", [*texts.to_dicts(), *own], frames.TEXTS)
    marked = [{**one, "text": one["text"] + attack} for one in exhibits]
    save("record", "evidence", marked, frames.EVIDENCE)
    report.run(load("news"))
    return written("index.html")


def save_scores() -> None:
    """All tables that score may leave."""
    ids = [row["predicate_id"] for row in ROWS]
    ends = {"lo": 0.1, "hi": 0.5}
    liked = [{"predicate_id": i, "n": 300, "coefficient": 0.3, **ends, "p": 0.01, "q": 0.02} for i in ids]
    save("score", "liked", liked, tables.LIKED)
    told = [
        {
            **{"target": target, "by": by, "n": 400, "accuracy": accuracy, "balanced": 0.6, "auc": 0.7},
            **{"lo": accuracy - 0.05, "hi": accuracy + 0.05},
            **dict.fromkeys(("lift", "lift_lo", "lift_hi"), None if by == "traits" else 0.08),
        }
        for target in ("model", "preference")
        for by, accuracy in (("traits", 0.8), ("surface", 0.72), ("length", 0.6), ("majority", 0.5))
    ]
    save("score", "telling", told, tables.TELLING)
    within = [
        {"predicate_id": i, "category": name, "n": 40, "validity": 0.3, **ends}
        for i in ids
        for name in ("code", "poems")
    ]
    save("score", "categories", within, tables.CATEGORIES)
    of_models = [
        {"predicate_id": i, "model": m, "n": 40, "validity": -0.3, "lo": -0.5, "hi": -0.1}
        for i in ids
        for m in ("two", "three")
    ]
    save("score", "models", of_models, tables.MODELS)
    kappa = {"kappa": 0.5, "kappa_lo": 0.4, "kappa_hi": 0.6, "bias": 0.1, "bias_lo": 0.0, "bias_hi": 0.2}
    orders = [{"predicate_id": i, "judge": "m", **kappa, "n": 400, "is_defined": True} for i in ids]
    save("score", "orders", orders, tables.ORDERS)


def test_both_answers_stand_side_by_side_under_their_prompt(project: Project) -> None:
    tree = Node(made(project))
    card = tree.one("section", id="answers").one("details", id="finding-1")
    first, *_ = card.nodes("article")
    assert "prompt p0" in first.one(class_="prompt").text
    left, right = first.nodes(class_="sides")[0].nodes(class_="side")
    assert left.one("h4").text == "● one shows it more" and right.one("h4").text == "◆ two"
    assert [mark.text for mark in left.nodes("mark")] == ["answer"]
    assert not right.nodes("mark")
    assert "more characters" in first.one("details", class_="fold").text
    assert [article.one(class_="prompt").text.split()[0] for article in card.nodes("article")] == [
        "for", "for", "against",
    ]  # fmt: skip
    (of_other,) = tree.one("details", id="finding-2").nodes("article")[0].nodes("span", class_="tag")
    assert of_other.text == "shows it more"


def test_the_page_speaks_of_prompts_and_answers(project: Project) -> None:
    text = Node(made(project)).text
    assert "hold on prompts nobody had looked at" in text
    assert "that of one for 26% of prompts, that of two for 0%" in text
    assert "the share of prompts where the answer of one shows a trait more" in text
    assert "prompts that are near-duplicates joined into one document" in text
    assert "answers kept" in text and "texts kept" not in text
    assert "stood in both groups" not in text
    assert "natstat label" not in text


def test_a_table_that_is_not_there_leaves_its_part_out(project: Project) -> None:
    tree = Node(made(project))
    for part in ("liked", "where", "models", "orders"):
        assert not tree.nodes(id=part), part
    assert not tree.nodes(class_="telling")
    assert tree.one("section", id="answers")


def test_what_is_told_and_liked_and_where_it_shows(project: Project) -> None:
    save_scores()
    html = made(project)
    tree = Node(html)
    claims = [one.text for one in tree.nodes("p", class_="claim")]
    assert len(claims) == 2
    assert claims[0] == (
        "Traits alone tell it for 80% of 400 prompts that nobody had looked at: 8.0 points more than surface "
        "counts do."
    )
    liked = tree.one("section", id="liked")
    numbers = [one.text for one in liked.one("svg", class_="plane").nodes("text", class_="number")]
    assert sorted(numbers) == ["1", "2"]
    names = [row.one("th").text for row in liked.one("tbody").nodes("tr")]
    assert names == ["is longer", "uses bold text more", "hedges more"], "liked, though it tells nothing"
    assert "× 1.35" in liked.text
    heads = [th.text for th in tree.one("section", id="where").one("thead").nodes("th")]
    assert heads[2:] == ["code40 prompts", "poems40 prompts"]
    assert len(tree.one("section", id="models").one("tbody").nodes("tr")) == 2
    trust = tree.one("section", id="trust")
    assert "is longer m 0.50 [0.40, 0.60] +0.10 [0.00, 0.20] 400 yes" in trust.text
    assert made(project) == html, "equal input, equal bytes"


def test_a_lift_that_is_none_is_called_none(project: Project) -> None:
    save_scores()
    folder = paths.output("news", "score")
    told = frames.read(folder, "telling.parquet", tables.TELLING)
    less = told.with_columns(lift=-pl.col("lift"), lift_lo=pl.lit(-0.2), lift_hi=pl.lit(0.1))
    frames.write(less, folder / "telling.parquet", tables.TELLING)
    assert "no clear gain over surface counts (−8.0 points)" in Node(made(project)).text
    coin = less.with_columns(lo=pl.lit(0.48), hi=pl.lit(0.52))
    frames.write(coin, folder / "telling.parquet", tables.TELLING)
    assert "cannot be told better than by a coin" in Node(made(project)).text


def test_what_judges_say_is_shown_where_nothing_held(project: Project) -> None:
    save_scores()
    tree = Node(made(project, rows=[FLAT]))
    assert tree.nodes(id="orders") and tree.nodes(id="liked")
    assert not tree.one("section", id="liked").nodes("svg", class_="plane"), "there is nothing to draw"


def test_nothing_in_prompt_answer_model_or_category_acts(project: Project) -> None:
    save_scores()
    rows = [held("is longer" + ATTACK), BOLDER]
    tree = Node(made(project, ATTACK, rows))
    assert not tree.nodes("img")
    assert len(tree.nodes("script")) == 1
    assert "49" not in tree.one("section", id="answers").text
    said = tree.one("section", id="answers").text
    for where in ("prompt p0", "one", "code", "is longer"):
        assert where + ATTACK in said, where
    options = [one.attrs["value"] for one in tree.nodes("option")]
    assert "code" + ATTACK in options


def test_the_page_runs_its_kinds_own_script(project: Project) -> None:
    (script,) = Node(made(project)).nodes("script")
    own = (kinds.load("model_pair").folders[0] / "page.js").read_text("utf-8")
    assert str(script.children[0]).endswith(own)
    assert "innerHTML" not in own


DRIVE = """<script>
const choice = document.getElementById("category"), told = {};
const seen = () => [...document.querySelectorAll("#finding-1 .exhibit")].map((one) => +!one.hidden).join("");
for (const name of ["poems", "code", ""]) {
  choice.value = name;
  choice.dispatchEvent(new Event("change"));
  told[name] = [seen(), [...document.querySelectorAll("#where thead th:not([hidden])")].length];
}
document.body.dataset.told = JSON.stringify(told);
</script></body>"""


@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser is here")
def test_the_filter_hides_what_is_of_another_category(project: Project, tmp_path: Path) -> None:
    save_scores()
    own = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", made(project))
    (tmp_path / "page.html").write_text(own.replace("</body>", DRIVE), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser"]
    done = subprocess.run(
        ["chromium", *flags, "--dump-dom", f"file://{tmp_path}/page.html"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    # In the order of the card: p0 (code), p2 (poems), p1 (code).
    for wanted in ('"poems":["010",3]', '"code":["101",3]', '"":["111",4]'):
        assert wanted.replace('"', "&quot;") in done.stdout


def test_a_long_answer_is_folded_at_a_line_and_keeps_its_marks() -> None:
    text = "one line\n" * 30 + "the end"
    found = answers.folded(text, "[[0, 3], [252, 260]]", chars=600, lines=4)
    assert found.head == (("one", True), (" line" + "\none line" * 3, False))
    assert found.n_marks == 1 and found.n_left == 0
    assert "".join(part for part, _ in (*found.head, ("\n", False), *found.rest)) == text
    assert answers.folded("short", "[]").rest == ()
    assert answers.folded("", "[]").is_empty
    long = answers.folded("x" * 9_000, "[]")
    assert (len(long.head[0][0]), long.n_left) == (answers.HEAD_CHARS, 9_000 - answers.MOST_CHARS)


def test_pairs_for_a_finding_stand_before_one_against_it() -> None:
    shown = [{"supports": True, "n": n} for n in range(4)] + [{"supports": False, "n": n} for n in range(3)]
    first, more = page.chosen(shown, 3)
    assert [one["supports"] for one in first] == [True, True, False]
    assert len(more) == 4
    assert page.chosen(shown[:4], 3)[0] == shown[:3], "where nothing is against it all are for it"


def test_numbers_on_the_plane_stand_beside_each_other() -> None:
    of = {"coefficient": 0.2, "lo": 0.1, "hi": 0.3, "is_clear": True}
    rows = [
        {"number": n, "validity": 0.3 + n / 1000, "lo": 0.2, "hi": 0.4, "predicate": "x", "liked": of}
        for n in range(1, 5)
    ]
    points = picture.plane(rows)["points"]
    assert len({(one["dx"], one["dy"]) for one in points}) == 4
    assert all(0 <= one[axis] <= 100 for one in points for axis in ("x", "y"))


def test_an_interval_that_ran_away_does_not_squeeze_the_others() -> None:
    axis = picture.Axis.over([0.1, -0.2], [-9.0, 9.0, 0.3])
    assert (round(axis.lo, 1), round(axis.hi, 1)) == (-0.5, 0.5)
    assert axis.at(9.0) == 100


class Marks:
    """A judge that marks the first two characters."""

    def spans(self, predicate: Predicate, text: str) -> list[tuple[int, int]]:
        return [(0, 2)]


def under_test() -> pl.DataFrame:
    """Two pairs, as a kind's units."""
    return pl.DataFrame(
        [
            {"pair": pair, "text_id": f"{pair}{group}", "group": group, "text": f"{group} to {pair}"}
            | {"context": f"prompt {pair}", "document_id": pair, "n_merged": 1}
            for pair in ("p0", "p1")
            for group in "AB"
        ]
    )


def test_evidence_has_the_other_answer_too(project: Project) -> None:
    made(project)
    frozen = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    predicates = [Predicate(**row) for row in frozen.iter_rows(named=True)]
    one = shown(LONGER, "supports", 1, "p0")[0] | {"text": "A to p0", "score": 0.75}
    evidence = pl.DataFrame([one], schema=frames.EVIDENCE)
    found = with_others(evidence, under_test(), predicates, Marks())  # type: ignore[arg-type]
    other, given = found.to_dicts()
    assert given == one
    assert (other["role"], other["rank"], other["text_id"]) == ("supports_other", 1, "p0B")
    assert (other["text"], other["group"], other["score"]) == ("B to p0", "B", 0.25)
    assert other["spans"] == "[[0, 2]]"


def test_a_listed_text_shows_its_prompt_and_the_other_answer(project: Project) -> None:
    made(project)
    tested = verdicts.Tested(load("news"), {"A": "one", "B": "two"}, under_test(), pl.DataFrame())
    beside = tested.beside()
    assert beside is not None
    row = beside.filter(text_id="p1B").row(0, named=True)
    assert (row["context"], row["other"]) == ("prompt p1", "A to p1")
    text = {
        "group": "B",
        "group_name": "two",
        "document_id": "p1",
        "verdict": "yes",
        "score": 1.0,
        "gold": None,
    }
    line = texts_command.text_line({**text, "text": "B to p1", **row}, None)
    assert line == "B two | prompt p1 | yes | B to p1 | the other: A to p1"


def test_show_tells_the_headline_and_label_refuses(project: Project) -> None:
    save_scores()
    made(project)
    headline = show.found_by(load("news"))["headline"]
    (told,) = kinds.load("model_pair").headline_lines({"model": headline["model"]})
    wanted = "80% [75%, 85%] of 400 pairs; by surface counts 72%, length alone 60%, a coin 50%"
    assert told == f"  which model wrote it: told right by traits alone in {wanted}"
    with pytest.raises(ParamsError, match="Its kind compares two"):
        label.write(load("news"))
