"""collect.results, drawn: a table of answers goes in, what went wrong and right comes out as groups."""

import re
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.collect.stage import collected
from tasks.errors import ParamsError, SourceError
from tasks.kinds.answered import lines
from tasks.store import frames
from tasks.store.sources import read_groups
from tasks.study import load
from tests.conftest import SHARED, STAGES, Project, place, shared_file
from tests.results_table import RESULTS, answers, study

TABLE = [
    ("q1", "a", "one", True),
    ("q1", "b", "one", False),
    ("q2", "a", "two", False),
    ("q2", "b", "two", True),
    ("q3", "a", "three", True),
    ("q3", "b", "three", True),
    ("q4", "a", "four", None),
    ("q5", "b", "five", True),
]
COLUMNS = ("item", "model", "question", "is_correct")
OF = {**RESULTS, "model": "model"}


def read(
    project: Project, results: dict[str, Any], rows: Any = TABLE, **collect: Any
) -> tuple[list[tuple[str, ...]], dict[str, str], dict[str, Any]]:
    """Groups, texts and documents, as sorted rows."""
    project.table("results.parquet", [dict(zip(COLUMNS, row, strict=True)) for row in rows])
    project.params(results=study({"results": results, **collect}))
    found, names, noted = read_groups(load("results"))
    return sorted(found.select("group", "text", "document_id").rows()), names, noted


def test_wrong_against_right_is_about_one_model(project: Project) -> None:
    rows, names, noted = read(project, {**OF, "of": "a"})
    assert rows == [("A", "two", "q2"), ("B", "one", "q1"), ("B", "three", "q3")]
    assert names == {"A": "a wrong", "B": "a right"}
    assert noted["results"]["n_without_outcome"] == 1
    assert noted["rows"] == {"A": 1, "B": 2}


def test_discordant_items_are_those_one_model_alone_got_right(project: Project) -> None:
    rows, names, noted = read(project, {**OF, "compare": "discordant"})
    assert rows == [("A", "two", "q2"), ("B", "one", "q1")]
    assert names == {"A": "only b right", "B": "only a right"}
    assert noted["rows_of_neither"] == 1
    paired = noted["results"]["paired"]
    assert (paired["n_only_first_answered"], paired["n_only_second_answered"]) == (0, 1)
    assert paired["items"] == [[0, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1]]
    told = lines(noted)[1]
    assert told.startswith("on the same 3 items a is right 0.0 points [")
    assert told.endswith("1 only a got right, 1 only b (McNemar p 1); items only b answered: 1")
    turned, names, _ = read(project, {**OF, "compare": "discordant", "models": ["b", "a"]})
    assert turned == [("A", "one", "q1"), ("B", "two", "q2")]
    assert names == {"A": "only a right", "B": "only b right"}


def test_an_item_answered_several_times_is_one_document_and_goes_by_most_answers(project: Project) -> None:
    repeated = [
        ("q1", m, "one", right) for m, rights in (("a", (1, 1, 0)), ("b", (0, 0, 1))) for right in rights
    ]
    repeated += [("q2", m, "two", right) for m, right in (("a", 0), ("b", 1))]
    repeated += [("q3", m, "three", right) for m, right in (("a", 0), ("a", 1), ("b", 1))]
    rows, _, noted = read(project, {**OF, "compare": "discordant"}, repeated)
    assert rows == [("A", "two", "q2"), ("B", "one", "q1")]
    assert noted["results"]["models"][0] == {"model": "a", "items": [[0, 1, 1], [1, 2, 1], [2, 3, 1]]}
    told = lines(noted)
    assert told[0].startswith("right answers: a 50.0% of 6 answers to 3 items [")
    assert told[1].endswith("items a model got right as often as wrong: 1")


@pytest.mark.parametrize(
    ("right", "wrong"), [("C", "I"), ("correct", "Incorrect"), (1, 0), (1.0, 0.0), ("TRUE", "False")]
)
def test_right_and_wrong_are_read_however_they_are_written(project: Project, right: Any, wrong: Any) -> None:
    rows, _, _ = read(project, RESULTS, [("q1", "a", "one", right), ("q2", "a", "two", wrong)])
    assert rows == [("A", "two", "q2"), ("B", "one", "q1")]


def test_a_score_counts_from_a_threshold_on(project: Project) -> None:
    scored = [("q1", "a", "one", 0.7), ("q2", "a", "two", 0.69), ("q3", "a", "three", None)]
    rows, _, noted = read(project, {**RESULTS, "least": 0.7}, scored)
    assert rows == [("A", "two", "q2"), ("B", "one", "q1")]
    assert noted["results"]["n_without_outcome"] == 1


def test_two_classes_of_a_classifier(project: Project) -> None:
    labelled = [(f"q{i}", "a", f"t{i}", label) for i, label in enumerate(("spam", "ham", "eggs", "toast"))]
    rows, names, noted = read(project, {**RESULTS, "compare": ["spam", ["ham", "eggs"]]}, labelled)
    assert [(group, text) for group, text, _ in rows] == [("A", "t0"), ("B", "t1"), ("B", "t2")]
    assert names == {"A": "spam", "B": "ham or eggs"}
    assert noted["rows_of_neither"] == 1


@pytest.mark.parametrize(
    ("results", "outcome", "said"),
    [
        (OF, True, r"wanted the model that is asked about, .* has 2: a, b. Write `of: a`"),
        ({**OF, "of": "c"}, True, r"results.of: wanted a model of .*, 'c' is none"),
        ({**OF, "compare": "discordant", "models": ["a", "c"]}, True, r"results.models: .*'c' is none"),
        ({**RESULTS, "compare": "discordant"}, True, r"wanted two models to compare, .* names none"),
        (
            {**RESULTS, "outcome": "correct"},
            True,
            r"results.outcome: wanted a column 'correct'.*`is_correct`",
        ),
        (RESULTS, "P", r"wanted right or wrong answers in .*, got P in 7 rows. Name what is compared"),
        (RESULTS, 0.5, r"got 0.5 in 7 rows. Write `least: N`"),
        ({**RESULTS, "least": 0.5}, "C", r"wanted numbers with `least` in .*, got C in 7 rows"),
        ({**RESULTS, "compare": ["C", "I"]}, "C", r"results.compare: wanted rows with outcome = 'I'"),
        ({**OF, "compare": "discordant"}, True, r"there is none with only b right"),
    ],
)
def test_what_cannot_be_meant_is_told(
    project: Project, results: dict[str, Any], outcome: Any, said: str
) -> None:
    rows = [(*row[:3], outcome if row[3] is not None else None) for row in TABLE]
    with pytest.raises(SourceError, match=said):
        read(project, results, rows)


@pytest.mark.parametrize(
    ("collect", "said"),
    [
        ({"results": RESULTS, "group": "model"}, "wanted no text, document, group, a or b with results"),
        ({"results": RESULTS, "text": "question"}, "wanted no text, document, group, a or b with results"),
        ({"results": {**OF, "compare": "discordant", "of": "a"}}, r"wanted `models: \[ONE, ANOTHER\]`"),
        ({"results": {**OF, "models": ["a", "a"]}}, "wanted two different models, got 'a' twice"),
        ({"results": {**OF, "compare": ["x", ["x", "y"]]}}, "wanted two different classes, got 'x' in both"),
        ({"results": {**OF, "compare": ["x", "y"], "least": 1.0}}, "got two classes to compare"),
        ({"results": {**OF, "compare": ["x"]}}, r"wanted two classes, such as .*; got 1: \['x'\]"),
        ({"results": {**OF, "compare": ["x", "y", "z"]}}, "got 3"),
        ({"results": {**OF, "least": float("nan")}}, "results.least"),
        ({"results": {**OF, "compare": "wrong"}}, r"results.compare: wanted 'wrong_right' or 'discordant'"),
        ({"results": {"inputs": "question"}}, r"results.inputs: unknown key; did you mean `input`"),
    ],
)
def test_keys_that_contradict_are_refused(project: Project, collect: dict[str, Any], said: str) -> None:
    project.params(results=study(collect))
    with pytest.raises(ParamsError, match=said):
        load("results")


def test_check_tells_accuracies_and_variants(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "model": "one"} for row in answers(200, 0.5, 0.1, "{}, mostly")]
    rows += [{**row, "model": "two", "is_correct": True} for row in rows[:150]]
    project.table("results.parquet", rows)
    project.params(results=study({"results": {**OF, "of": "one"}}))
    assert main(["check", "--study", "results"]) == 0
    told = capsys.readouterr().out
    share = sum(row["is_correct"] for row in rows[:200]) / 200
    assert f"right answers: one {share:.1%} of 200 [" in told
    n_wrong = sum(not row["is_correct"] for row in rows[:150])
    assert f": 0 only one got right, {n_wrong} only two (McNemar p " in told
    assert "items only one answered: 50" in told


def test_ids_that_begin_anew_are_told(project: Project) -> None:
    rows = [{**row, "item": row["item"] % 100} for row in answers(160, 0.5, 0.1, "{}, mostly")]
    project.table("results.parquet", [*rows, *rows])
    project.params(results=study({"results": RESULTS}))
    warnings = collected(load("results")).manifest["warnings"]
    assert any("60 items, such as '0', ask a model several things" in one for one in warnings)


def test_items_that_hardly_differ_are_no_copies_and_are_told(project: Project) -> None:
    sums = [(place(97 * i), place(61 * i + 5), place(37 * i + 9)) for i in range(40)]
    said = [
        f"Near {one} in {two} somebody gave {who} ten pears for {three}. Who has them?"
        for one, two, three in sums
        for who in ("Ann", "Bob", "Cy", "Di", "Ed")
    ]
    rows = [{"item": i, "question": q, "is_correct": i % 3 > 0} for i, q in enumerate(said)]
    project.table("results.parquet", rows)
    asked: dict[str, Any] = {"results": RESULTS}
    project.params(apart=study(asked), joined=study({**asked, "near_duplicates": 0.7}))
    found = collected(load("apart")).manifest
    assert found["n_documents"] == 200
    assert "100% of the items are near-duplicates of others (40 families), in both" in found["warnings"][0]
    found = collected(load("joined")).manifest
    assert (found["n_documents"], found["warnings"]) == (40, [])


SLICES = {
    "negation": ("{} and not later", 0.75, 0.15, "negation", "A"),
    "cue": ("{} near a kangaroo", 0.05, 0.85, "kangaroo", "B"),
}


@pytest.mark.parametrize("name", SLICES)
def test_a_planted_failure_is_found_end_to_end(project: Project, name: str) -> None:
    mark, wrong_with, wrong_without, word, side = SLICES[name]
    rows = answers(500, wrong_with, wrong_without, mark)
    collect: dict[str, Any] = {"results": RESULTS}
    if name == "cue":
        # A classifier that says so wherever the word stands, whatever the truth is.
        rows = [{**row, "is_correct": "animals" if row["is_correct"] else "other"} for row in rows]
        collect["results"] = {**RESULTS, "compare": ["other", "animals"]}
    project.table("results.parquet", rows)
    project.params(results=study(collect))
    project.run("results")
    found = frames.read(paths.output("results", "record"), "discoveries.parquet", frames.DISCOVERIES)
    first = found.filter("is_discovery").sort(pl.col("validity").abs(), descending=True).row(0, named=True)
    assert word in first["predicate"] and first["direction"] == side
    assert abs(first["validity"]) > 0.4
    assert ("right answers: " in paths.report_page("results").read_text(encoding="utf-8")) == (name != "cue")


def real(project: Project, name: str, **results: Any) -> Any:
    """Discoveries on real answers, by |V|."""
    columns = {"input": "question", "outcome": "is_correct", "model": "model", "item": "item"}
    asked = study({"results": {**columns, **results}}, str(SHARED / "data" / name))
    project.params(results=asked)
    project.run("results", *STAGES[:6])
    scores = frames.read(paths.output("results", "score"), "scores.parquet", frames.SCORES)
    frozen = frames.read(paths.output("results", "formalise"), "predicates.parquet", frames.PREDICATES)
    found = scores.filter("is_discovery").join(frozen.select("predicate_id", "predicate"), on="predicate_id")
    return found.sort(pl.col("validity").abs(), descending=True)


@shared_file("math_results.parquet")
@pytest.mark.parametrize("model", ["175b_finetuning", "175b_verification"])
def test_long_school_problems_go_wrong(project: Project, model: str) -> None:
    first = real(project, "math_results.parquet", of=model).row(0, named=True)
    n_words = re.fullmatch(r"is longer than (\d+) words", first["predicate"])
    assert n_words and 40 <= int(n_words[1]) <= 50
    assert first["validity"] == pytest.approx(0.25, abs=0.08)


@shared_file("bias_results_age.parquet")
def test_ambiguous_contexts_show_through_their_wording(project: Project) -> None:
    found = real(project, "bias_results_age.parquet")
    rows = pl.read_parquet(SHARED / "data/bias_results_age.parquet").unique("question")
    texts = frames.read(paths.output("results", "collect"), "texts.parquet", frames.TEXTS)
    verdicts = pl.read_parquet(paths.output("results", "verify") / "*.parquet")
    known = verdicts.join(texts, on="text_id").join(rows, left_on="text", right_on="question")
    alike = [
        abs(
            known.filter(predicate_id=predicate_id)
            .select(pl.corr(pl.col("score"), (pl.col("condition") == "ambig").cast(pl.Float64)))
            .item()
        )
        for predicate_id in found["predicate_id"].head(3)
    ]
    assert max(alike) > 0.8
