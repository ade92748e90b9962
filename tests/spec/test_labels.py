"""labels: the sheet that people fill in, and what is read from it however a spreadsheet program saved it."""

import csv
import dataclasses
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import label
from tasks.errors import MissingStageError, ParamsError, SourceError, StoreError
from tasks.records import Predicate
from tasks.store import frames, labels, sheets
from tasks.store.sources import hashes, normalised
from tasks.study import Study, load
from tests.conftest import Project

CODED = frames.hashed("p0")


def predicate(name: str, sentence: str) -> Predicate:
    return Predicate(
        predicate_id=frames.hashed(name), predicate=sentence, direction="A", family="words", grade="exact",
        definition="{}", judge="embedded/1", threshold=0.5, planned_test="fisher_mn", split_hash="s",
        prompt_hash="", explore_effect=0.2, explore_z=4.0,
    )  # fmt: skip


PREDICATES = [predicate("p0", 'mentions "covid"'), predicate("p1", "=is about courts")]


def texts(n: int) -> pl.DataFrame:
    """n texts of A and a third as many of B, all of them to test on; the first would run as a formula."""
    rows = [(group, f"{'=' * (not i)}{group} report number {i}") for group, m in (("A", n), ("B", n // 3))
            for i in range(m)]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["group", "text"], orient="row")
    return frame.select(
        pl.Series("text_id", [frames.hashed(*row) for row in rows]),
        hashes(normalised(frame["text"])).alias("text_hash"),
        "text", "group", pl.Series("document_id", [f"d{i}" for i in range(frame.height)]),
        pl.lit("confirm").alias("half"), pl.lit(1).cast(pl.Int64).alias("n_merged"),
        pl.lit(None, pl.String).alias("context"), pl.lit(None, pl.String).alias("media"),
    ).sort("text_id")  # fmt: skip


def put(project: Project, n: int = 60, **blocks: Any) -> tuple[Study, pl.DataFrame]:
    """A study that was formalised."""
    wanted = {"goal": "g", "data": "x", "collect": {"group": "year", "a": 1, "b": 2}, **blocks}
    project.params(news=wanted)
    held_out = texts(n)
    for stage, name, frame, schema in (
        ("collect", "texts", held_out, frames.TEXTS),
        ("formalise", "predicates", frames.from_records(PREDICATES, frames.PREDICATES), frames.PREDICATES),
    ):
        folder = paths.output("news", stage)
        folder.mkdir(parents=True, exist_ok=True)
        frames.write(frame, folder / f"{name}.parquet", schema)
    return load("news"), held_out


def sheet() -> list[dict[str, str]]:
    with (paths.labels() / "news.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def saved(content: str | bytes, name: str = "news.csv") -> Path:
    """A file of labels as someone saved it."""
    file = paths.labels() / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def by_name(rows: list[tuple[str, ...]], head: str = "text,predicate,verdict") -> str:
    return "\n".join(
        [head, *(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows)]
    )


def read(study: Study, held_out: pl.DataFrame) -> list[tuple[Any, ...]]:
    return labels.read(study, held_out, PREDICATES).rows()


GOLD = {"labels": "news.csv"}
ONE, COURTS = 'mentions "covid"', "=is about courts"


# the sheet


def test_the_sheet_is_blind_and_drawn_by_chance(project: Project) -> None:
    study, held_out = put(project, 600)
    written = label.write(study, 50)
    rows = sheet()
    assert list(rows[0]) == ["verdict", "predicate", "text", "predicate_id", "text_id"]
    group = dict(held_out.select("text_id", "group").iter_rows())
    drawn = [group[row["text_id"].removeprefix("id-")] for row in rows[::2]]
    assert len(rows) == 2 * written.n_texts == 2 * len(drawn)
    assert abs(drawn.count("A") - 50) < 20 and abs(drawn.count("B") - 50) < 20
    # 600 of A and 200 of B, one in 12 and one in 4: a chance would tell which is which.
    assert set(label.gold_texts(held_out, 50, 0).select("group", "chance").rows()) == {
        ("A", 1 / 12),
        ("B", 1 / 4),
    }
    assert "B" in drawn[:20] and "A" in drawn[-20:], "half a sheet is a sample of both groups"
    assert not any(row["verdict"] for row in rows)


def test_the_same_texts_whatever_else_is_there_and_more_add_to_them(project: Project) -> None:
    _, held_out = put(project, 600)
    few, many = (set(label.gold_texts(held_out, n, 0)["text_id"]) for n in (20, 100))
    assert few < many
    shuffled = label.gold_texts(held_out.sample(fraction=1, shuffle=True, seed=3), 20, 0)
    assert set(shuffled["text_id"]) == few
    assert set(label.gold_texts(held_out, 20, 1)["text_id"]) != few


def test_texts_are_found_as_the_source_has_them_and_as_what_is_hidden_left_them(project: Project) -> None:
    rows = [("A report number 5", ONE, "1"), ("Anna: A report number 6", ONE, "0")]
    saved(by_name(rows))
    collect = {"group": "year", "a": 1, "b": 2, "ignore": [r"/^\S+ /"]}
    study, held_out = put(project, 9, collect=collect, **GOLD)
    assert sorted(one[-1] for one in labels.read(study, held_out, PREDICATES).select("score").rows()) == [
        0,
        1,
    ]


def test_no_cell_runs_as_a_formula(project: Project) -> None:
    study, held_out = put(project, 9)
    label.write(study, 100)
    cells = {cell for row in sheet() for cell in row.values()}
    assert "'=A report number 0" in cells and "'=is about courts" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]
    filled = [{**row, "verdict": "1", "text_id": "", "predicate_id": ""} for row in sheet()]
    pl.DataFrame(filled).write_csv(paths.labels() / "news.csv")
    study, _ = put(project, 9, **GOLD)
    assert len(read(study, held_out)) == 2 * held_out.height, "found again by what they say"


HOSTILE = [
    "hello;=HYPERLINK(1)", "a,+b\tc", "x\n@SUM(1)", 'q;"=cmd"', "it's;'=kept", "'=quoted", "\t=x",
    "a, - b = c",
]  # fmt: skip


def test_no_part_of_a_cell_runs_whatever_mark_parts_fields(project: Project) -> None:
    cells = pl.Series("text", HOSTILE)
    file = paths.labels() / "s.csv"
    sheets.write(pl.DataFrame([cells, cells.alias("other")]), file)
    content = file.read_text(encoding="utf-8-sig")
    assert all(line[:1] == '"' for line in content.splitlines()[:2]), "all cells are quoted"
    assert not re.search(r'(^|[;,\t\r\n])"*[=+@-]', content)
    assert sheets.unguarded(sheets.read(file)["text"]).to_list() == HOSTILE
    assert "a, - b = c" in content, "what does not run stays as it is"


def test_a_text_that_looks_guarded_is_found_as_it_stands(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    text = "so it said;'=this"
    known = normalised(pl.Series([text]))
    held_out = held_out.with_columns(
        text_hash=pl.when(pl.col("text") == "A report number 3").then(pl.lit(hashes(known)[0]))
        .otherwise("text_hash")
    )  # fmt: skip
    saved(by_name([(text, ONE, "1")]))
    assert [row[1] for row in read(study, held_out)] == [frames.hashed("A", "A report number 3")]


def test_a_sheet_filled_in_comes_back_as_it_was_said(project: Project) -> None:
    study, held_out = put(project, 30)
    label.write(study, 100)
    filled = [{**row, "verdict": str(i % 2)} for i, row in enumerate(sheet())]
    pl.DataFrame(filled[::-1]).write_csv(paths.labels() / "news.csv", separator=";", include_bom=True)
    study, _ = put(project, 30, **GOLD)
    found = labels.labelled(study, held_out, PREDICATES)
    wanted = {(row["predicate_id"][3:], row["text_id"][3:], float(row["verdict"])) for row in filled}
    assert set(found.gold.select("predicate_id", "text_id", "score").rows()) == wanted
    assert found.gold.schema == frames.GOLD and set(found.gold["chance"]) == {1.0}
    assert found.gold.rows() == sorted(found.gold.rows())
    assert {k: found.noted[k] for k in ("n_rows", "n_blank", "n_labelled", "n_labellers")} == {
        "n_rows": 80, "n_blank": 0, "n_labelled": 80, "n_labellers": 1,
    }  # fmt: skip


def test_the_command_says_what_to_do_next_and_keeps_verdicts(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    put(project)
    assert main(["label", "--study", "news", "--texts", "10"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("data/labels/news.csv: ") and "labels: news.csv" in told
    assert main(["label", "--study", "news", "--texts", "12"]) == 0, "a blank sheet may be written over"
    rows = sheet()
    rows[3]["verdict"] = "0"
    pl.DataFrame(rows).write_csv(paths.labels() / "news.csv")
    before = (paths.labels() / "news.csv").read_bytes()
    assert main(["label", "--study", "news"]) == StoreError.exit_code
    assert "holds 1 verdicts, nothing was written" in capsys.readouterr().err
    assert (paths.labels() / "news.csv").read_bytes() == before


def test_only_what_was_found_is_labelled(project: Project) -> None:
    study, _ = put(project)
    folder = paths.output("news", "score")
    folder.mkdir(parents=True)
    scores = pl.DataFrame(
        {"predicate_id": [p.predicate_id for p in PREDICATES], "is_discovery": [False, True]}
    )
    blank = [name for name in frames.SCORES if name not in scores.columns]
    whole = scores.with_columns(pl.lit(None).alias(name) for name in blank)
    frames.write(whole, folder / "scores.parquet", frames.SCORES)
    assert label.write(study, 10, found=True).n_predicates == 1
    assert {row["predicate"] for row in sheet()} == {"'=is about courts"}
    frames.write(whole.with_columns(is_discovery=False), folder / "scores.parquet", frames.SCORES)
    with pytest.raises(ParamsError, match=r"no predicate is a discovery\. Leave --found out"):
        label.write(study, 10, found=True)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"labels": "../x.csv"}, "wanted the name of a file in data/labels, got '../x.csv'"),
        ({"labels": "x" * 300 + ".csv"}, r"wanted the name of a file in data/labels, got 'x+\.\.\.'"),
        ({"labels": ""}, "wanted the name of a file in data/labels, got ''"),
        ({"labels": "."}, "wanted the name of a file in data/labels, got '.'"),
        ({"labels": "x.parquet"}, "ends in .csv to write a sheet, got x.parquet"),
        (
            {
                "engine": "llm",
                "llm": {"model": "m"},
                "verify": {"form": "two_text"},
                "formalise": {"threshold": None},
            },
            "a label is about one text",
        ),
    ],
)
def test_what_cannot_be_labelled_is_refused(project: Project, blocks: dict[str, Any], message: str) -> None:
    study, _ = put(project, **blocks)
    with pytest.raises(ParamsError, match=message):
        label.write(study, 10)


def test_a_folder_is_no_sheet(project: Project) -> None:
    study, held_out = put(project, labels="folder.csv")
    (paths.labels() / "folder.csv").mkdir(parents=True)
    for step in (lambda: label.write(study, 10), lambda: labels.read(study, held_out, PREDICATES)):
        with pytest.raises(ParamsError, match=r"wanted the name of a file .* got .folder\.csv"):
            step()


def test_a_sheet_goes_where_the_study_will_read_it(project: Project) -> None:
    study, _ = put(project, labels="people.csv")
    assert label.write(study, 10).file == paths.labels() / "people.csv"


def test_before_formalise_there_is_nothing_to_label(project: Project) -> None:
    project.params(news={"goal": "g", "data": "x", "collect": {"group": "year", "a": 1, "b": 2}})
    with pytest.raises(MissingStageError, match="4_predicates"):
        label.write(load("news"))
    assert not paths.labels().exists()
    assert main(["label", "--study", "nwes"]) == ParamsError.exit_code


# what people and programs make of it


@pytest.mark.parametrize(
    ("written", "score", "status"),
    [
        ("1", 1.0, "value"), ("0", 0.0, "value"), ("Yes", 1.0, "value"), ("no ", 0.0, "value"),
        ("TRUE", 1.0, "value"), ("false", 0.0, "value"), ("0.25", 0.25, "value"), ("1,0", 1.0, "value"),
        ("1.0", 1.0, "value"), ("?", None, "refusal"), ("refused", None, "refusal"),
        ("WAHR", 1.0, "value"), ("FALSCH", 0.0, "value"), ("VRAI", 1.0, "value"), ("FAUX", 0.0, "value"),
        ("VERO", 1.0, "value"), ("FALSO", 0.0, "value"), ("VERDADERO", 1.0, "value"), ("Y", 1.0, "value"),
        ("n", 0.0, "value"), ("Ja", 1.0, "value"), ("nein", 0.0, "value"), ("oui", 1.0, "value"),
        ("Non", 0.0, "value"),
    ],
)  # fmt: skip
def test_words_for_a_verdict(project: Project, written: str, score: float | None, status: str) -> None:
    study, held_out = put(project, **GOLD)
    saved(by_name([("A report number 3", ONE, written), ("A report number 4", ONE, "1")]))
    text_id = frames.hashed("A", "A report number 3")
    assert (CODED, text_id, score, status) in [row[:4] for row in read(study, held_out)]


@pytest.mark.parametrize("written", ["2", "-0.1", "maybe", "1;0", "inf", "50%"])
def test_no_other_word_is_guessed(project: Project, written: str) -> None:
    study, held_out = put(project, **GOLD)
    saved(by_name([("A report number 3", ONE, "1"), ("A report number 4", ONE, written)]))
    with pytest.raises(
        SourceError, match=rf"Got '{written}' in row 3 of data/labels/news.csv \(1 such rows\)"
    ):
        read(study, held_out)


PLAIN = 'text,predicate,verdict,note\nA Report  number 3,MENTIONS "covid",1,über\n'


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ";"),
        "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        PLAIN.encode("cp1252"),
        PLAIN.replace(",", "\t").encode("utf-16"),
        PLAIN.replace("text,predicate,verdict", " Text ,Predicate,VERDICT"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", ",,\n") + ",,,,,\n",
        PLAIN.replace("\n", ", ,\r\n").replace(",", ";"),
    ],
    ids=["plain", "mark", "semicolons", "sep", "cp1252", "utf-16", "head", "mac", "empty", "spaces"],
)
def test_any_csv_that_a_spreadsheet_program_saves_is_read(project: Project, content: str | bytes) -> None:
    study, held_out = put(project, **GOLD)
    saved(content)
    assert read(study, held_out) == [(CODED, frames.hashed("A", "A report number 3"), 1.0, "value", 1 / 60)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,predicate,verdict\n\x81\x8d,x,1\n", "wanted UTF-8, or CSV as a spreadsheet program saves it"),
        (
            "text,predicate\na,b\n",
            "wanted a column 'verdict' in data/labels/news.csv; did you mean `predicate`",
        ),
        ("predicate,verdict\nb,1\n", "wanted a column 'text_id' or 'text'"),
        ("text,verdict\nb,1\n", "wanted a column 'predicate_id' or 'predicate'"),
        ("text,predicate,verdict,verdict\na,b,1,0\n", "wanted one column 'verdict'"),
        ("text,predicate,verdict\na,b,1,0\n", "every row needs as many fields as the header"),
        ("", "the file is empty"),
        ("text,predicate,verdict\na,b,\nc,d,\n", "all of its 2 rows are blank"),
        ("text,predicate,verdict\n", "all of its 0 rows are blank"),
        (
            "text,predicate,verdict\nnobody said,is about courts,1\n",
            "there are none: 1 rows name no such text, 1 no such predicate",
        ),
        (
            "text,predicate,verdict,chance\nA report number 3,x,1,0\n",
            "wanted each chance in .*, got '0' in row 2",
        ),
    ],
)
def test_a_sheet_that_cannot_be_meant_is_one_clear_error(
    project: Project, content: str | bytes, message: str
) -> None:
    study, held_out = put(project, **GOLD)
    saved(content)
    with pytest.raises(SourceError, match=message):
        read(study, held_out)


def test_a_missing_file_says_what_is_there(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    saved("x", "other.csv")
    with pytest.raises(SourceError, match=r"labels/ has: other\.csv\. `natstat label"):
        read(study, held_out)
    with pytest.raises(SourceError, match=r"saved as \.csv \.tsv \.parquet, got '.xlsx'"):
        sheets.read(saved("x", "x.xlsx"))


def test_unknown_texts_and_predicates_are_counted_and_left_out(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    rows = [
        ("A report number 3", ONE, "1"),
        ("gone", ONE, "1"),
        ("gone", "lost", "0"),
        ("A report number 4", ONE, ""),
    ]
    saved(by_name(rows))
    noted = labels.labelled(study, held_out, PREDICATES).noted
    counts = {
        name: noted[f"n_{name}"]
        for name in ("rows", "blank", "unknown_texts", "unknown_predicates", "labelled")
    }
    assert counts == {"rows": 4, "blank": 1, "unknown_texts": 2, "unknown_predicates": 1, "labelled": 1}


def test_parquet_with_numbers_and_truth_values(project: Project) -> None:
    study, held_out = put(project, labels="news.parquet")
    paths.labels().mkdir(parents=True)
    rows = [
        {"predicate_id": CODED, "text_id": held_out["text_id"][i], "verdict": value, "chance": 0.5}
        for i, value in enumerate([1.0, 0.0, None, float("nan")])
    ]
    for verdict in (pl.Float64, pl.Int64, pl.Boolean):
        frame = pl.DataFrame(rows).with_columns(pl.col("verdict").fill_nan(None).cast(verdict))
        frame.write_parquet(paths.labels() / "news.parquet")
        assert {row[2:] for row in read(study, held_out)} == {(1.0, "value", 0.5), (0.0, "value", 0.5)}


def test_ids_go_before_sentences(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    text_id = frames.hashed("A", "A report number 3")
    head = "text,text_id,predicate,predicate_id,verdict"
    saved(by_name([("As someone put it right", text_id, "mentions it", CODED, "1")], head))
    assert [row[:2] for row in read(study, held_out)] == [(CODED, text_id)]
    saved(by_name([("B report number 1", "1.23E+15", COURTS, "rounded", "1")], head))
    assert [row[:2] for row in read(study, held_out)] == [
        (PREDICATES[1].predicate_id, frames.hashed("B", "B report number 1"))
    ]


def test_an_id_and_words_of_two_texts_are_an_error_that_names_the_row(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    id_of = {text: frames.hashed("A", text) for text in ("A report number 3", "A report number 4")}
    three, four = id_of
    rows = [(three, id_of[three], ONE, CODED, "1"), (four, id_of[three], ONE, CODED, "1")]
    head = "text,text_id,predicate,predicate_id,verdict"
    saved(by_name(rows, head))
    with pytest.raises(SourceError, match=r"row 3 of data/labels/news\.csv has the id of one and the words"):
        read(study, held_out)
    saved(by_name([rows[0], (four, id_of[four], COURTS, CODED, "1")], head))
    with pytest.raises(SourceError, match=r"wanted the predicate_id and the predicate of a row .* row 3"):
        read(study, held_out)
    # A text that stands in both groups is of either id.
    both = held_out.with_columns(text_hash=pl.lit(held_out["text_hash"][3]))
    saved(by_name([rows[0]], head))
    assert [row[:2] for row in read(study, both)] == [(CODED, id_of[three])]


# several verdicts of one pair


def test_two_verdicts_of_one_pair_are_an_error_that_names_the_rows(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    same, other = ("A report number 3", ONE, "1"), ("A report number 3", ONE, "no")
    saved(by_name([same, same]))
    assert len(read(study, held_out)) == 1, "the same verdict twice is one"
    saved(by_name([same, ("A report number 4", ONE, "1"), other]))
    with pytest.raises(
        SourceError, match=r"row 2 and row 4 of data/labels/news.csv disagree .* column 'labeller'"
    ):
        read(study, held_out)
    saved(by_name([(*same, "Ann"), (*other, "Ann")], "text,predicate,verdict,labeller"))
    with pytest.raises(SourceError, match=r"one verdict of a text and predicate by Ann"):
        read(study, held_out)


SEVERAL = [("Ann", "10110?10"), ("Bo", "10010?11"), ("Cy", "1011?110")]


def by_several(said: list[tuple[str, str]]) -> str:
    rows = [
        (f"A report number {i + 1}", ONE, verdict, who)
        for who, verdicts in said
        for i, verdict in enumerate(verdicts)
    ]
    return by_name(rows, "text,predicate,verdict,labeller")


def scores_of(found: labels.Labels) -> list[float | None]:
    score = {row[1]: row[2] for row in found.gold.rows()}
    return [score[frames.hashed("A", f"A report number {i}")] for i in range(1, len(score) + 1)]


def test_of_several_labellers_the_majority_counts_and_they_are_compared(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    saved(by_several(SEVERAL))
    found = labels.labelled(study, held_out, PREDICATES)
    # Who says nothing is left out.
    assert scores_of(found) == [1, 0, 1, 1, 0, 1, 1, 0]
    assert (found.noted["n_labellers"], found.noted["n_shared"], found.noted["n_refused"]) == (3, 7, 0)
    assert 0.3 < found.noted["alpha"] < 0.9
    assert found.noted["alpha_lo"] <= found.noted["alpha"] <= found.noted["alpha_hi"]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_two_who_disagree_are_a_refusal_whatever_the_threshold(project: Project, threshold: float) -> None:
    study, held_out = put(project, **GOLD)
    saved(by_several([("Ann", "1100?"), ("Bo", "1010?")]))
    judged = [dataclasses.replace(p, threshold=threshold) for p in PREDICATES]
    found = labels.labelled(study, held_out, judged)
    assert scores_of(found) == [1, None, None, 0, None]
    assert found.gold["status"].to_list().count("refusal") == 3
    assert (found.noted["n_ties"], found.noted["n_refused"]) == (2, 3)
    saved(by_several([("Ann", "1100"), ("Bo", "1010"), ("Cy", "1000")]))
    assert scores_of(labels.labelled(study, held_out, judged)) == [1, 0, 0, 0]


def test_of_graded_labels_the_mean_counts(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    saved(by_several([("Ann", "110?"), ("Bo", "1001")]))
    graded = [dataclasses.replace(p, threshold=None) for p in PREDICATES]
    found = labels.labelled(study, held_out, graded)
    assert scores_of(found) == [1, 0.5, 0, 1]
    assert found.noted["n_ties"] == 0


# chances


def coded(n_a: int, n_b: int, predicate: str = ONE) -> list[tuple[str, ...]]:
    """So many labelled texts of each group, and two that were left blank."""
    said = [("A", i, "1" if i <= n_a else "") for i in range(1, n_a + 3)]
    said += [("B", i, "0" if i <= n_b else "") for i in range(1, n_b + 3)]
    return [(f"{group} report number {i}", predicate, verdict) for group, i, verdict in said]


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_without_chances_they_are_what_was_labelled_of_what_there_is(project: Project, plan: str) -> None:
    study, held_out = put(project, 60, **GOLD, verify={"plan": plan})
    saved(by_name(coded(6, 12) + coded(15, 5, COURTS)))
    chances = {(row[0], row[2]): row[4] for row in read(study, held_out)}
    other = PREDICATES[1].predicate_id
    assert chances == {(CODED, 1): 6 / 60, (CODED, 0): 12 / 20, (other, 1): 15 / 60, (other, 0): 5 / 20}


def test_groups_that_may_have_had_one_chance_have_one_in_a_fixed_plan(project: Project) -> None:
    study, held_out = put(project, 60, **GOLD)
    saved(by_name(coded(14, 6)))
    assert {row[4] for row in read(study, held_out)} == {20 / 80}
    study, _ = put(project, 60, **GOLD, verify={"plan": "sequential"})
    assert {row[4] for row in read(study, held_out)} == {14 / 60, 6 / 20}


def test_chances_of_the_file_are_those_of_a_fixed_plan(project: Project) -> None:
    study, held_out = put(project, 30, **GOLD)
    rows = [(f"A report number {i}", ONE, "1" if i < 5 else "", "0,5") for i in range(1, 9)]
    rows += [(f"B report number {i}", ONE, "0", "0.2") for i in range(1, 4)]
    saved(by_name(rows, "text,predicate,verdict,chance"))
    assert {(row[2], row[4]) for row in read(study, held_out)} == {(1.0, 0.5), (0.0, 0.2)}


def test_a_walk_believes_no_chance_that_a_sheet_was_written_with(project: Project) -> None:
    study, held_out = put(project, 30, **GOLD, verify={"plan": "sequential"})
    # Written for another split: of these texts two are no longer tested; and blank rows were deleted.
    rows = [
        (f"A report number {i}", ONE, "?" if i == 1 else "1" if i < 5 else "", "0.5") for i in range(1, 8)
    ]
    rows += [(f"B report number {i}", ONE, "0", "0.2") for i in range(1, 4)]
    rows += [(f"A former report number {i}", ONE, "1", "0.5") for i in (1, 2)]
    saved(by_name(rows, "text,predicate,verdict,chance"))
    found = read(study, held_out)
    assert {(row[2], row[4]) for row in found} == {(1.0, 4 / 30), (None, 4 / 30), (0.0, 3 / 10)}
    assert [row[3] for row in found].count("refusal") == 1, "who could not say was asked"


@pytest.mark.parametrize("labelled", ["1", ""])
def test_a_walk_refuses_chances_that_differ_within_a_group(project: Project, labelled: str) -> None:
    study, held_out = put(project, 30, **GOLD, verify={"plan": "sequential"})
    rows = [(f"A report number {i}", ONE, "1", "0.5") for i in range(1, 8)]
    rows += [("A report number 9", ONE, labelled, "0.1"), ("B report number 1", ONE, "0", "0.2")]
    saved(by_name(rows, "text,predicate,verdict,chance"))
    with pytest.raises(SourceError, match=r"wanted one chance for all texts of a group .*got 0\.1 and 0\.5"):
        read(study, held_out)
    fixed, _ = put(project, 30, **GOLD)
    assert {row[4] for row in read(fixed, held_out)} == {0.5, 0.2, *([0.1] if labelled else [])}


def test_two_chances_of_one_pair_are_an_error(project: Project) -> None:
    study, held_out = put(project, **GOLD)
    rows = [("A report number 3", ONE, "1", "0.5", "Ann"), ("A report number 3", ONE, "1", "0.2", "Bo")]
    saved(by_name(rows, "text,predicate,verdict,chance,labeller"))
    with pytest.raises(SourceError, match="wanted one chance of a text and predicate"):
        read(study, held_out)
