"""Kind explanations: faithful words foretell the model, others do not, and what a user gets wrong is one
line."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.__main__ import main
from tasks.engines.embedded.tokens import joined_all
from tasks.kinds.explanations import anchors, guessing, strata, tables
from tasks.kinds.explanations.trials import matched
from tasks.kinds.explanations.words import Index
from tasks.study import dialect
from tests.conftest import REPO, Project
from tests.explained import FAITHFUL, OTHER, drawn_rows, inputs, tried_rows

N = 160
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")


def entry(**blocks: Any) -> dict[str, Any]:
    made = {"kind": "explanations", "goal": "whether it can be foreseen", "data": "rows.parquet"}
    return {**made, "explanations": {}, **blocks}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study of two explainers, whose inputs are drawn, run to its end."""
    folder = tmp_path_factory.mktemp("explained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        project = Project(folder)
        project.table("rows.parquet", drawn_rows(N))
        project.params(
            news=entry(explanations={"explainer": "who"}),
            misleading={
                "goal": "how explanations that mislead differ",
                "data": "data/news/6_scores/foreseen.parquet",
                # Precise ones are four words here, too few texts for a group.
                "collect": {"document": "document", "where": "foreseen = 'misleading'", "group": "random"},
            },
        )
        project.run("news")
    return project


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By name of the study the row of its explainer: readers were asked, of CSV."""
    folder = tmp_path_factory.mktemp("tried")
    tables = {
        "all": tried_rows(N),
        "exceptions": tried_rows(N, exceptions=0.3),
        "refuses": tried_rows(N, refuses=0.5),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        project = Project(folder)
        for name, rows in tables.items():
            pl.DataFrame(rows).write_csv(folder / f"{name}.csv")
        block = {"counterfactual": "counterfactual"}
        project.params(**{name: entry(data=f"{name}.csv", explanations=block) for name in tables})
        for name in tables:
            project.run(name, *STAGES)
    return {name: explainers(project, name).row(0, named=True) for name in tables}


def explainers(project: Project, study: str = "news") -> pl.DataFrame:
    return pl.read_parquet(project.folder / "data" / study / "6_scores/explainers.parquet")


def scores(project: Project, study: str = "news") -> dict[str, dict[str, Any]]:
    folder = project.folder / "data" / study
    found = pl.read_parquet(folder / "6_scores/scores.parquet")
    named = pl.read_parquet(folder / "4_predicates/predicates.parquet").select("predicate_id", "predicate")
    return {row["predicate"]: row for row in found.join(named, on="predicate_id").iter_rows(named=True)}


def test_words_that_drive_the_model_foretell_it_and_others_do_not(done: Project) -> None:
    found = scores(done)
    assert found[FAITHFUL]["is_discovery"] and found[FAITHFUL]["lo"] > 0.3
    # Their matches share the word that drives the model more often: as near an input must share something.
    assert found[OTHER]["lo"] <= 0


def test_explainers_stand_beside_anchors(done: Project) -> None:
    rows = {row["explainer"]: row for row in explainers(done).iter_rows(named=True)}
    assert set(rows) == {FAITHFUL, OTHER, *tables.ANCHORS}
    assert rows[FAITHFUL]["precision"] == 1 > rows[FAITHFUL]["majority"]
    assert rows[FAITHFUL]["coverage_lo"] < rows[FAITHFUL]["coverage"] < rows[FAITHFUL]["coverage_hi"]
    assert abs(rows[FAITHFUL]["similarity"] - rows[FAITHFUL]["similarity_matched"]) < 0.05
    assert rows[tables.FAITHFUL]["validity"] > 0.3


def test_misleading_explanations_are_texts_of_a_study_with_both_halves(
    done: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done.folder)
    assert main(["collect", "--study", "misleading"]) == 0
    texts = pl.read_parquet(done.folder / "data/misleading/1_texts/texts.parquet")
    assert set(texts["half"]) == {"explore", "confirm"}


def test_explanations_as_texts_are_precise_where_most_guesses_come_true(done: Project) -> None:
    rows = pl.read_parquet(done.folder / "data/news/6_scores/foreseen.parquet")
    assert set(rows.filter(explainer=FAITHFUL)["foreseen"]) == {"precise"}
    other = rows.filter(explainer=OTHER)
    assert set(other.filter(pl.col("precision") < 0.5)["foreseen"]) == {"misleading"}
    assert other.filter(pl.col("precision") == 0.5)["foreseen"].null_count() > 0


def test_trials_stay_in_the_half_of_the_input_that_is_explained(done: Project) -> None:
    folder = done.folder / "data/news"
    texts = pl.read_parquet(folder / "1_texts/texts.parquet")
    confirm = texts.filter(half="confirm")
    rows = pl.read_parquet(folder / "5_verdicts/trials.parquet")
    assert rows.height and set(rows["item"]) <= set(confirm["text_id"])
    assert set(rows["text"]) <= set(confirm["text"])
    own = rows.join(confirm.select(item="text_id", own="text"), on="item")
    assert own.filter(pl.col("text") == pl.col("own")).is_empty(), "an input is no counterfactual of itself"


def test_the_page_shows_explainers_and_what_they_were_tried_on(done: Project) -> None:
    page = (done.folder / "reports/news/index.html").read_text(encoding="utf-8")
    assert FAITHFUL in page and "matched: " in page and tables.SHUFFLED in page


def test_guesses_come_true_as_often_as_outcomes_follow_the_rule(tried: dict[str, dict[str, Any]]) -> None:
    assert tried["all"]["precision"] == 1
    assert tried["all"]["n_pairs"] > tried["all"]["n_unmatched"], "apart allows most a match"
    assert tried["all"]["lo"] > 0.3
    assert tried["exceptions"]["precision"] == pytest.approx(0.7, abs=0.05)


def test_a_reader_who_refuses_half_is_shown_so_and_gains_nothing(tried: dict[str, dict[str, Any]]) -> None:
    whole, half = tried["all"], tried["refuses"]
    assert whole["coverage"] == pytest.approx(0.5, abs=0.01)
    assert half["coverage"] == pytest.approx(0.25, abs=0.04)
    assert half["validity"] <= whole["validity"] + 0.02


def test_explanations_dealt_out_keep_input_answer_and_explainer() -> None:
    said = pl.DataFrame(
        {
            "text_hash": [f"h{i}" for i in range(40)],
            "explainer": ["a", "b"] * 20,
            "explanation": [f"e{i}" for i in range(40)],
            "answer": [str(i % 3) for i in range(40)],
            "plausibility": [None] * 40,
        },
        schema_overrides={"plausibility": pl.Float64},
    )
    dealt = anchors.shuffled(said, 0)
    kept = ["text_hash", "explainer", "answer"]
    assert dealt.select(kept).equals(said.select(kept))
    groups = ["explainer", "answer", "explanation"]
    assert dealt.select(groups).sort(groups).equals(said.select(groups).sort(groups))
    assert not dealt.equals(said)


def test_a_match_lies_as_near_and_is_taken_once() -> None:
    near = np.array([[0.9, 0.1], [0.5, 0.5], [0.52, 0.5], [0.5, 0.9]])
    free = np.array([False, True, True, True])
    assert matched(np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]), near, free, 0.05) == [1, 2, -1]
    assert matched(near[:1], near, np.zeros(4, dtype=bool), 2) == [-1]


def test_words_are_found_whole() -> None:
    index = Index(joined_all(["The cat sat", "a catalogue", "Cat and dog", "", "the dog house"]))
    assert index.holding(["cat"]).tolist() == [True, False, True, False, False]
    assert index.holding(["dog house", "sat"]).tolist() == [True, False, False, False, True]
    assert not index.holding(["", "!!"]).any()


@pytest.mark.parametrize("of", ["all", "answer", "word", "long", "short"])
def test_what_is_meant_can_be_said_and_found_again(of: str) -> None:
    items = pl.DataFrame(
        {"explainer": ["a", "a", "b"], "answer": ["Yes", "no", "yes"], "explanation": ["x y z", "y", "x"]}
    )
    more = {
        "answer": {"answer": "yes"},
        "word": {"word": "x"},
        "long": {"more_than": 1},
        "short": {"at_most": 1},
    }
    definition = {"kind": "foresight", "explainer": "a", "of": of, **more.get(of, {})}
    wanted = {"all": [True, True, False], "short": [False, True, False]}.get(of, [True, False, False])
    assert strata.holds(definition, strata.Items(items)).tolist() == wanted
    assert strata.phrase(definition).startswith("a")


def rewritten(rows: list[dict[str, Any]], **values: Any) -> list[dict[str, Any]]:
    return [{**row, **values} for row in rows]


BAD: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "no explanation": (
        rewritten(drawn_rows(40), explanation=None),
        {"explainer": "who"},
        "have no explanation",
    ),
    "one answer": (rewritten(drawn_rows(40), answer="yes"), {"explainer": "who"}, "'yes' throughout"),
    "no explainer named": (drawn_rows(40), {}, "several for"),
    "no such column": (drawn_rows(40), {"explainer": "whom"}, "who"),
    "nothing is covered": (
        rewritten(tried_rows(40), guess="cannot tell"),
        {"counterfactual": "counterfactual"},
        "no input is covered",
    ),
    "an answer that would be no guess": (
        [
            {**row, "outcome": "Unknown" if row["outcome"] == "stage" else row["outcome"]}
            for row in tried_rows(40)
        ],
        {"counterfactual": "counterfactual"},
        "it answers 'unknown': who foresees that would count as one who cannot tell. Write "
        '`cannot_tell: ["", "cannot tell"]`',
    ),
    "lists that cover nothing": (
        rewritten(drawn_rows(40), explanation="zebra, quagga"),
        {"explainer": "who"},
        "no input is covered, got zebra, quagga",
    ),
    "two outcomes": (
        rewritten(tried_rows(40), counterfactual="a shop by the sea"),
        {"counterfactual": "counterfactual"},
        "wanted one outcome for each counterfactual",
    ),
    "the input as its own counterfactual": (
        [{**row, "counterfactual": row["text"].upper()} for row in tried_rows(40)],
        {"counterfactual": "counterfactual"},
        "no counterfactual other than the input",
    ),
    "guesses of other words": (
        rewritten(tried_rows(40), guess="somewhere warm"),
        {"counterfactual": "counterfactual"},
        "got 'somewhere warm'",
    ),
    "one input": (
        tried_rows(1),
        {"counterfactual": "counterfactual"},
        "wanted at least 5 explained inputs in each half",
    ),
    "no number": (
        rewritten(drawn_rows(40), rated="much"),
        {"explainer": "who", "plausibility": "rated"},
        "wanted numbers",
    ),
    "no function": (drawn_rows(40), {"python": "nowhere:at_all"}, "cannot"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_a_user_gets_wrong_is_one_line(
    project: Project, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    rows, block, wanted = BAD[what]
    project.table("rows.parquet", rows)
    project.params(news=entry(explanations=block))
    assert main(["check", "--study", "news"]) != 0
    said = capsys.readouterr().err
    assert wanted in said and "Traceback" not in said


def test_some_guesses_that_are_no_answer_are_told(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tried_rows(40)
    rows[0]["guess"] = "somewhere warm"
    project.table("rows.parquet", rows)
    project.params(news=entry(explanations={"counterfactual": "counterfactual"}))
    assert main(["check", "--study", "news"]) == 0
    assert "guesses: 1 are no answer of the model, such as 'somewhere warm'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "collect", "block"),
    [
        ({}, {}, {"counterfactual": "counterfactual", "guess": "guess", "outcome": "outcome"}),
        (
            {"text": "input", "answer": "prediction", "explanation": "Rationale", "counterfactual": "other"},
            {"text": "input"},
            {"answer": "prediction", "explanation": "Rationale", "counterfactual": "other"},
        ),
    ],
)
def test_a_new_study_finds_its_columns(
    project: Project, names: dict[str, str], collect: dict[str, str], block: dict[str, str]
) -> None:
    shutil.copy(REPO / "params.yaml", project.folder)
    pl.DataFrame(tried_rows(40)).rename(names).write_csv(project.folder / "triage.csv")
    assert main(["new", "triage.csv", "--yes"]) == 0
    made = dialect.read((project.folder / "params.yaml").read_text())["studies"]["triage"]
    assert made["kind"] == "explanations" and (made["collect"] or {}) == collect
    assert block.items() <= made["explanations"].items()
    assert main(["check", "--study", "triage"]) == 0


def test_sentences_without_anything_tried_are_no_table_of_explanations() -> None:
    rows = pl.DataFrame(drawn_rows(20))
    assert guessing.block(rows) == {"explanation": "explanation", "answer": "answer", "explainer": "who"}
    prose = rows.with_columns(explanation=pl.lit("because the message says that it came too late"))
    assert guessing.block(prose) is None
    assert guessing.block(rows.drop("answer")) is None


@pytest.mark.parametrize(
    ("blocks", "wanted"),
    [
        ({"engine": "llm", "llm": {"model": "m"}}, "explanations.task"),
        ({"explanations": {"task": "What?", "answers": ["a", "b"]}}, "explanations.task"),
        (
            {
                "engine": "llm",
                "llm": {"model": "m"},
                "explanations": {"task": "What?", "answers": ["a", "Cannot  tell"]},
            },
            "name that answer otherwise",
        ),
        ({"embed": {"encoder": "none"}}, "embed.encoder"),
        ({"explanations": {"python": "a:b", "counterfactual": "c"}}, "not both"),
        ({"explanations": {"python": "os.system('x')"}}, "python"),
        ({"explanations": {"edited": 4}}, "explanations.python"),
        ({"verify": {"plan": "sequential"}}, "plan: fixed"),
    ],
)
def test_what_there_is_no_test_for_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], blocks: dict[str, Any], wanted: str
) -> None:
    project.table("rows.parquet", drawn_rows(40))
    project.params(news=entry(**blocks))
    assert main(["check", "--study", "news"]) != 0
    assert wanted in capsys.readouterr().err


MODEL = """
def explained(texts):
    return [{"answer": "long" if len(t) % 2 else "short", "explanation": t.split()[0]} for t in texts]

def broken(texts):
    raise RuntimeError("no weights")

def short(texts):
    return []

def wrong(texts):
    return [{"answer": 3, "explanation": "x"} for t in texts]
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("broken", "RuntimeError: no weights"),
        ("short", "wanted 40 answers"),
        ("wrong", "all text"),
        ("nil", "nil"),
    ],
)
def test_a_function_that_fails_is_one_line(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    wanted: str,
) -> None:
    monkeypatch.syspath_prepend(project.folder)
    (project.folder / "own_model_of_a_test.py").write_text(MODEL)
    project.table("rows.parquet", drawn_rows(40))
    project.params(news=entry(explanations={"python": f"own_model_of_a_test:{name}"}))
    assert main(["check", "--study", "news"]) != 0
    assert wanted in capsys.readouterr().err


RULE = """
RULES = {"kettle": "unknown", "anchor": "harbour", "saddle": "stable", "violin": "stage"}

def by_rule(texts):
    found = []
    for text in texts:
        words = [word for word in text.split() if word in RULES]
        answer = RULES[words[-1]] if words else "nowhere"
        found.append({"answer": answer, "explanations": {"all": ", ".join(words), "first": text.split()[0]}})
    return found
"""


def test_edits_keep_the_answer_where_they_keep_the_words_that_decide(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is a word by which a reader of a table says that it cannot tell."""
    monkeypatch.syspath_prepend(project.folder)
    (project.folder / "rule_of_a_test.py").write_text(RULE)
    project.table("rows.parquet", [{"text": text} for text, _ in inputs(60)])
    project.params(news=entry(explanations={"python": "rule_of_a_test:by_rule", "edited": 6}))
    project.run("news", "collect")
    rows = pl.read_parquet("data/news/1_texts/counterfactuals.parquet")
    said = pl.read_parquet("data/news/1_texts/explanations.parquet")
    rows = rows.join(said.select("text_hash", "explainer", "answer"), on=["text_hash", "explainer"])
    kept = rows.group_by("explainer", covered=pl.col("guess").is_not_null()).agg(
        n=pl.len(), same=(pl.col("outcome") == pl.col("answer")).mean()
    )
    share = {(row["explainer"], row["covered"]): row["same"] for row in kept.iter_rows(named=True)}
    assert kept["n"].min() > 150
    # A word of the rule may come in with another input's words.
    assert share["all", True] > 0.9 and share["all", False] < 0.1
    assert abs(share["first", True] - share["first", False]) < 0.15


def test_a_function_answers_and_explains(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(project.folder)
    (project.folder / "own_model_of_a_test.py").write_text(MODEL)
    project.table("rows.parquet", drawn_rows(60))
    project.params(news=entry(explanations={"python": "own_model_of_a_test:explained"}))
    project.run("news", "collect")
    said = pl.read_parquet(Path("data/news/1_texts/explanations.parquet"))
    assert said.height == 60 and set(said["answer"]) == {"long", "short"}
