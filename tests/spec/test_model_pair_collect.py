"""What collect makes of answers of models: forms, preferences, documents, what is missing, what is told."""

import json
import shutil
from typing import Any

import polars as pl
import pytest

from tasks.__main__ import main
from tasks.errors import CorpusError, NatstatError, SourceError
from tasks.kinds import load
from tasks.study import dialect
from tests.conftest import REPO, SHARED, Project, shared_file
from tests.model_pairs import ONE, OTHER, N, gathered, long, pairs, prompts, read, study, wide

NAMED = {"models": [ONE, OTHER]}
LONG = {"model": "model", "answer": "answer"}


def test_long_and_wide_are_the_same(project: Project) -> None:
    rows = wide()
    of_wide, of_long = gathered(project, rows, NAMED), gathered(project, long(rows), LONG)
    assert of_wide.names == of_long.names == {"A": ONE, "B": OTHER}
    assert pairs(of_wide).equals(pairs(of_long))
    assert of_wide.tables["pairs"].equals(of_long.tables["pairs"])
    assert pairs(of_wide).height == N


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json", "arrow"])
def test_a_table_is_read_in_any_format(project: Project, ending: str) -> None:
    frame = pl.DataFrame(wide(12))
    file = project.folder / f"rows.{ending}"
    writers = {"csv": "write_csv", "jsonl": "write_ndjson", "json": "write_json", "arrow": "write_ipc"}
    getattr(frame, writers[ending])(file)
    found = load("model_pair").gather(study(file.name, NAMED | {"category": "topic", "preference": "won"}))
    assert pairs(found).equals(pairs(gathered(project, wide(12), NAMED)))
    assert set(found.tables["pairs"]["category"]) == {"news", "sport"}


def test_paths_filters_and_masks_are_those_of_collect(project: Project) -> None:
    rows = [
        {"said": {"p": r["prompt"]}, "a": [r["answer_1"]], "b": [r["answer_2"]], "n": i}
        for i, r in enumerate(wide())
    ]
    collect = {"where": "n < 40", "ignore": ["of it"], "near_duplicates": None}
    found = read(project, rows, {"prompt": "said.p", "answers": ["a.0", "b.0"]}, collect=collect)
    assert found.texts.height == 80
    assert not found.texts["text"].str.contains("of it").any()


def test_two_prompts_with_one_answer_stay_two_and_copies_are_one(project: Project) -> None:
    rows = [{**row, "answer_1": "Yes.", "answer_2": "Yes."} for row in wide()]
    found = read(project, [*rows, *rows[:10]], {})
    assert found.texts.height == 2 * N and found.texts["text_hash"].n_unique() == N
    assert found.manifest["n_merged"] == 20
    assert any(
        told.startswith("both answers are the same in 60 of 60 pairs") for told in found.manifest["warnings"]
    )


def test_a_prompt_with_several_answers_is_one_document_in_one_half(project: Project) -> None:
    again = [{**row, "answer_1": "Another one."} for row in wide()]
    found = read(project, [*wide(), *again], {})
    assert found.texts.height == 4 * N
    assert found.texts.group_by("context").agg(pl.col("half", "document_id").n_unique()).select(
        pl.col("half", "document_id").max()
    ).row(0) == (1, 1)
    assert any("60 prompts stand in several pairs (120 in all)" in told for told in found.manifest["remarks"])
    # A prompt is no near-duplicate of itself.
    once = read(project, wide(), {}).manifest["near_duplicates"]
    assert found.manifest["near_duplicates"]["n_texts"] == once["n_texts"]


def test_answers_of_one_number_are_paired_and_the_order_of_rows_is_nothing(project: Project) -> None:
    rows = long(wide(8))
    more = [{**row, "answer": f"{row['answer']} Again.", "nr": 2} for row in rows]
    rows = [{**row, "nr": 1} for row in rows]
    by_number = pairs(gathered(project, [*rows, *more], LONG | {"sample": "nr"}))
    assert by_number.height == 16
    assert (by_number["A"].str.ends_with("Again.") == by_number["B"].str.ends_with("Again.")).all()
    by_chance = [pairs(gathered(project, every, LONG)) for every in ([*rows, *more], [*more[::-1], *rows])]
    assert by_chance[0].equals(by_chance[1]) and by_chance[0].height == 16


def test_of_unequally_many_answers_those_left_over_are_none(project: Project) -> None:
    rows = long(wide(8))
    more = [{**row, "answer": f"{row['answer']} Again."} for row in rows if row["model"] == ONE]
    found = gathered(project, [*rows, *more], LONG)
    assert pairs(found).height == 8 and found.read["missing"] == {ONE: 0, OTHER: 0}


def test_a_missing_answer_is_a_row_and_is_told(project: Project) -> None:
    rows = wide()
    for row in rows[:12]:
        row["answer_2"] = (None, " ")[row["topic"] == "news"]
    rows[12]["answer_1"] = rows[12]["answer_2"] = None
    found = read(project, rows, NAMED)
    assert found.texts.height == 2 * (N - 1)
    assert found.manifest["n_empty"] == {"B": 12}
    told = " ".join(found.manifest["warnings"])
    assert f"{OTHER} gave no answer, or an empty one, to 12 of 59 prompts (20%)" in told
    assert "1 row that nobody answered" in told
    of_long = gathered(
        project, [row for row in long(wide()) if row["prompt"] != prompts()[0] or row["model"] == ONE], LONG
    )
    assert of_long.read["missing"] == {ONE: 0, OTHER: 1}


def test_more_than_two_models_are_each_compared_with_the_first(project: Project) -> None:
    third = [{**row, "model": "third", "answer": "Yes."} for row in long(wide(20))[:20]]
    found = gathered(
        project, [*long(wide(20)), *third], LONG | {"models": [ONE, OTHER, "third"], "preference": "won"}
    )
    by_model = (
        found.tables["pairs"]
        .group_by("model_b")
        .agg(pl.len(), pl.col("preference").mean(), pl.col("preference").null_count().alias("unsaid"))
    )
    assert found.names == {"A": ONE, "B": f"{OTHER} or third"}
    assert any("less than another cancels out" in told for told in found.read["warnings"])
    # A win of the third says nothing of the first two, and the other way round.
    assert found.read["preferred"] == {"A": 14, "B": 7, "ties": 12, "not said": 7}
    # Of 20 prompts each of two models won 7 and 6 are ties; a win of the second says nothing of the third.
    assert {row[0]: row[1:] for row in by_model.rows()} == {OTHER: (20, 0.0, 0), "third": (20, 7 / 13, 7)}
    assert found.rows["identity"].n_unique() == 40
    assert found.rows.select(pl.struct("context", "document_id").n_unique()).item() == 20


def test_rows_that_say_who_wrote_what_are_turned_the_same_way(project: Project) -> None:
    rows = []
    for i, row in enumerate(wide(20)):
        whose, said = [ONE, OTHER], [row["answer_1"], row["answer_2"]]
        turned = slice(None, None, -1) if i % 2 else slice(None)
        (a, b), (of_a, of_b) = said[turned], whose[turned]
        rows.append(
            {"prompt": row["prompt"], "a": a, "b": b, "model_a": of_a, "model_b": of_b, "winner": "model_a"}
        )
    rows += [{**rows[0], "model_b": "third"}, {**rows[1], "model_b": rows[1]["model_a"]}]
    block = {
        "answers": ["a", "b"],
        "model": ["model_a", "model_b"],
        "models": [ONE, OTHER],
        "preference": "winner",
    }
    found = gathered(project, rows, block)
    assert (
        pairs(found)
        .select("context", "A", "B")
        .equals(pairs(gathered(project, wide(20), NAMED)).select("context", "A", "B"))
    )
    assert sorted(found.tables["pairs"]["preference"]) == [-1.0] * 10 + [1.0] * 10
    assert found.read["left_out"] == {"in which a model stands against itself": 1, "of other models": 1}


SAID: dict[str, tuple[list[Any], Any, list[float | None]]] = {
    "models": ([f"{ONE} ", ONE.upper(), OTHER, "tie", None], None, [1, 1, -1, 0, None]),
    "columns": (["answer_1", "answer_2", "answer_2"], None, [1, -1, -1]),
    "arena": (["model_a", "model_b", "tie", "tie (bothbad)", "both_bad"], None, [1, -1, 0, 0, 0]),
    "letters": (["A", "B", "Tie"], None, [1, -1, 0]),
    "shares": ([0.0, 0.25, 1.0, 0.5], None, [1, 0.5, -1, 0]),
    "signed": ([-1.0, 0.0, 1.0], None, [1, 0, -1]),
    "numbers of the answers": ([1, 2, 1], None, [1, -1, 1]),
    "and none for a tie": ([1, 2, 0], [1, 2], [1, -1, 0]),
    "seven steps": ([1, 7, 4, 2], [1, 7], [1, -1, 0, 2 / 3]),
    "turned round": ([1.0, 0.0], [1, 0], [-1, 1][::-1]),
    "listed": (["l", "r", "x"], {"first": ["l"], "second": ["r"], "tie": ["x"]}, [1, -1, 0]),
    "truth": ([True, False], {"first": [True], "second": [False]}, [1, -1]),
}


@pytest.mark.parametrize(("said", "preferred", "meant"), SAID.values(), ids=SAID)
def test_what_a_preference_says(
    project: Project, said: list[Any], preferred: Any, meant: list[float | None]
) -> None:
    rows = [{**row, "won": one} for row, one in zip(wide(len(said)), said, strict=True)]
    block = NAMED | {"preference": "won"} | ({"preferred": preferred} if preferred else {})
    found = gathered(project, rows, block)
    assert sorted(found.tables["pairs"]["preference"], key=str) == sorted(map(_float, meant), key=str)


def _float(number: float | None) -> float | None:
    return None if number is None else pytest.approx(number)


def test_several_opinions_of_a_pair_are_their_mean(project: Project) -> None:
    row = wide(8)
    rows = [{**row[0], "won": one} for one in (ONE, ONE, OTHER, "tie")] + [
        {**one, "won": "tie"} for one in row[1:]
    ]
    for every, block in ((rows, NAMED), (long(rows), LONG)):
        found = gathered(project, every, {**block, "preference": "won"}).tables["pairs"]["preference"]
        assert sorted(found) == [0.0] * 7 + [0.25]


def test_prompts_of_a_conversation_and_prompts_that_two_share_are_one_document(project: Project) -> None:
    rows = [{**row, "talk": f"talk {i // 2}"} for i, row in enumerate(wide(20))]
    rows.append({**rows[19], "talk": "talk 0", "answer_1": "Another."})
    found = gathered(project, rows, {"document": "talk"}).rows
    assert found["document_id"].n_unique() == 9
    joined = found.filter(pl.col("context").is_in([rows[i]["prompt"] for i in (0, 1, 18, 19)]))
    assert joined["document_id"].n_unique() == 1


def alpaca(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "instruction": row["prompt"],
            "output_1": row["answer_1"],
            "generator_1": ONE,
            "dataset": row["topic"],
            "output_2": row["answer_2"],
            "generator_2": OTHER,
            "annotator": "a judge",
            "preference": 1.25,
        }
        for row in rows
    ]


def test_files_of_alpaca_eval_need_no_key(project: Project) -> None:
    rows = wide(20)
    (project.folder / "annotations.json").write_text(json.dumps(alpaca(rows)))
    (project.folder / "outputs").mkdir()
    for i, model in ((1, ONE), (2, OTHER)):
        outputs = [
            {
                "dataset": r["topic"],
                "instruction": r["prompt"],
                "output": r[f"answer_{i}"],
                "generator": model,
            }
            for r in rows
        ]
        (project.folder / "outputs" / f"{i}.json").write_text(json.dumps(outputs))
    expected = pairs(gathered(project, rows, NAMED))
    for data, preference in (("annotations.json", 0.5), ("outputs", None)):
        found = load("model_pair").gather(study(data))
        assert found.names == {"A": ONE, "B": OTHER} and pairs(found).equals(expected)
        assert set(found.tables["pairs"]["preference"]) == {preference}
        assert set(found.tables["pairs"]["category"]) == {"news", "sport"}


def test_answers_that_say_whose_they_are_are_told_of_the_exploration_half(project: Project) -> None:
    rows = wide()
    for row in rows:
        row["answer_1"] = f"As an AI language model made by OpenAI, I say this. {row['answer_1']}"
    told = read(project, rows, {}).manifest["warnings"]
    assert "answers say whose they are, or that a model wrote them: 100.0% of answer_1" in told[0]
    assert (
        "0.0% of answer_2 (0)" in told[0]
        and '{ignore: ["As an AI language model made by OpenAI"]}' in told[0]
    )
    hidden = read(project, rows, {}, collect={"ignore": ["As an AI language model made by OpenAI"]})
    assert not [one for one in hidden.manifest["warnings"] if "whose they are" in one]
    for said, is_told in (
        ("I was trained by Google.", True),
        ("Speaking as an AI made by Anthropic, I can't.", True),
        ("I’m Claude, and glad to help.", True),
        ("Windows is developed by Microsoft.", False),
        ("Claude Monet painted it.", False),
    ):
        rows = [{**row, "answer_1": f"{said} {row['answer_1']}"} for row in wide()]
        told = read(project, rows, {}).manifest["warnings"]
        assert any("whose they are" in one for one in told) is is_told, said
    ours = [{**row, "answer_2": f"{OTHER.replace('-', ' ').upper()}: {row['answer_2']}"} for row in wide()]
    assert "100.0% of model-2x" in read(project, ours, NAMED).manifest["warnings"][0]


def test_mirrored_rows_are_told(project: Project) -> None:
    rows = wide()
    turned = [{**row, "answer_1": row["answer_2"], "answer_2": row["answer_1"]} for row in rows[:20]]
    told = read(project, [*rows, *turned], {}).manifest["warnings"]
    assert told[0].startswith("mirrored rows: 40 of 80 pairs stand there twice, with answers swapped")
    # Where rows say who wrote what they are one pair.
    named = [{**row, "m1": ONE, "m2": OTHER} for row in rows] + [
        {**row, "m1": OTHER, "m2": ONE} for row in turned
    ]
    found = read(project, named, {"model": ["m1", "m2"]})
    assert found.texts.height == 2 * N and not found.manifest["warnings"]


def test_answers_that_are_cut_off_are_told(project: Project) -> None:
    rows = wide()
    for row in rows:
        row["answer_1"] = "It is known that much can be said of this and that in many words " * 8
        row["answer_2"] = f"{row['answer_1']}indeed."
    assert any(
        told.startswith("answers are cut off: 100% of answer_1")
        for told in read(project, rows, {}).manifest["warnings"]
    )


def test_a_name_is_one_line(project: Project) -> None:
    rows = [{**row, "model": row["model"].replace("-", "\n")} for row in long(wide())]
    assert gathered(project, rows, LONG).names == {"A": "model 1x", "B": "model 2x"}


def test_what_is_ignored_must_leave_two_answers(project: Project) -> None:
    with pytest.raises(CorpusError, match=r"got none after collect.ignore"):
        read(project, wide(), NAMED, collect={"ignore": ["/Little of .+/"]})


def test_a_category_spelled_in_two_ways_is_one_and_told(project: Project) -> None:
    rows = [{**row, "topic": ("News", "news ", "sport")[i % 3]} for i, row in enumerate(wide())]
    found = read(project, rows, {"category": "topic"})
    assert found.tables["pairs"]["category"].n_unique() == 2
    assert (
        "a category is spelled in several ways, and counts as one: 'News' and 'news'"
        in found.manifest["warnings"]
    )


def _spelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**row, "model": row["model"].upper() if i % 5 == 0 else row["model"]} for i, row in enumerate(rows)
    ]


def _three(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "model": (row["model"], "third")[i % 5 == 0]} for i, row in enumerate(rows)]


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no such prompt": (
        wide,
        {"prompt": "promt"},
        "model_pair.prompt: wanted a column 'promt' in rows.parquet; did you mean `prompt`?",
    ),
    "no such answer": (
        wide,
        {"answers": ["answer_1", "answer_3"]},
        "model_pair.answers: wanted a column 'answer_3'",
    ),
    "no such model": (
        lambda: long(wide()),
        LONG | {"models": [ONE, "modl-2x"]},
        "'modl-2x' is none; did you mean `model-2x`?",
    ),
    "a model spelled twice": (lambda: _spelled(long(wide())), LONG, "wanted each model spelled in one way"),
    "three models": (
        lambda: _three(long(wide())),
        LONG,
        "has 3: model-1x, model-2x, third. Write models: [ONE, ANOTHER]",
    ),
    "one model": (
        lambda: long(wide())[:N],
        LONG,
        "wanted two models in column 'model' of rows.parquet, got model-1x",
    ),
    "an empty model": (
        lambda: [{**row, "answer_2": ""} for row in wide()],
        NAMED,
        "two models answered, got none (model-1x answered 60 of 60, model-2x answered 0 of 60)",
    ),
    "no preference": (
        lambda: [{**r, "won": "perhaps"} for r in wide()],
        {"preference": "won"},
        "got 'perhaps' (60 rows). Write `preferred:",
    ),
    "too far": (
        lambda: [{**r, "won": i} for i, r in enumerate(wide())],
        {"preference": "won", "preferred": [1, 7]},
        "wanted numbers from 1 to 7 in column 'won' of rows.parquet, got '0' (1 rows)",
    ),
    "0, 1 and 2": (
        lambda: [{**r, "won": i % 3} for i, r in enumerate(wide())],
        {"preference": "won"},
        "got '0' (20 rows), '1' (20 rows), '2' (20 rows)",
    ),
    "not listed": (
        wide,
        NAMED | {"preference": "won", "preferred": {"first": [ONE]}},
        "under first, second or tie",
    ),
    "0 alone": (
        lambda: [{**r, "won": 0} for r in wide()],
        {"preference": "won"},
        "got '0' (60 rows). Write `preferred:",
    ),
    "listed twice": (
        wide,
        NAMED | {"preference": "won", "preferred": {"first": [ONE], "second": [ONE, OTHER], "tie": ["tie"]}},
        "got 'model-1x' under two",
    ),
    "who is first": (
        lambda: [{**r, "won": "A"} for r in long(wide())],
        LONG | {"preference": "won"},
        "nothing says which model is the first",
    ),
    "numbers as answers": (
        lambda: [{**r, "answer_1": 4} for r in wide()],
        {},
        "wanted text in column 'answer_1'",
    ),
    "no row": (wide, {}, "wanted rows of rows.parquet, none meets"),
}


@pytest.mark.parametrize(("rows", "block", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_compared_is_one_clear_error(
    project: Project, rows: Any, block: dict[str, Any], words: str
) -> None:
    entry = {"collect": {"where": "topic = 'none'"}} if "none meets" in words else {}
    with pytest.raises((SourceError, CorpusError)) as error:
        gathered(project, rows(), block, **entry)
    assert words in str(error.value) and "\n" not in str(error.value)


KEYS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "text": ({}, {"collect": {"text": "x"}}, "wanted no collect.text with `kind: model_pair`; write"),
    "document": ({}, {"collect": {"document": "x"}}, "write `model_pair: {document: COLUMN}`"),
    "overlap": ({}, {"collect": {"overlap": "keep"}}, "wanted no collect.overlap"),
    "both forms": ({"model": "m", "answers": ["a", "b"]}, {}, "got both"),
    "one answer": ({"answers": ["a"]}, {}, "wanted two or more, got a"),
    "twice": ({"answers": ["a", "a"]}, {}, "wanted different ones, got `a` twice"),
    "an answer of nobody": ({"answer": "a"}, {}, "wanted `model: COLUMN` with `answer: COLUMN`"),
    "names": ({"models": ["a", "b", "c"]}, {}, "wanted a name under `models` for each of 2 answers, got 3"),
    "names alike": (
        {"models": ["GPT 4", "gpt-4"]},
        {},
        "wanted names that differ in a letter or digit, got 'GPT 4' and 'gpt-4'",
    ),
    "no name": ({"models": [" ", "b"]}, {}, "wanted a name for each model, got ' '"),
    "writers": ({"model": ["a", "b", "c"]}, {}, "wanted a column under `model` for each of 2 answers, got 3"),
    "a sample": ({"sample": "nr"}, {}, "wanted no `sample`"),
    "no preference": ({"preferred": [0, 1]}, {}, "wanted `preference: COLUMN` with `preferred`"),
    "no range": ({"preference": "p", "preferred": [1, 1]}, {}, "wanted two different numbers"),
    "an endless range": (
        {"preference": "p", "preferred": [0, float("inf")]},
        {},
        "wanted two different numbers",
    ),
    "one to ask": ({"ask": [{"model": "m"}]}, {}, "wanted two models or more under `ask`, got one"),
    "alike": ({"ask": [{"model": "m"}, {"model": "m"}]}, {}, "got `m` twice"),
    "asked and read": (
        {"ask": [{"model": "m"}, {"model": "n"}], "model": "x"},
        {},
        "wanted no `model` with `ask`",
    ),
    "no price": (
        {"ask": [{"model": "m"}, {"model": "n"}]},
        {"spend": {"budget_usd": 1.0}},
        "wanted spend.prices for `m`",
    ),
}


@pytest.mark.parametrize(("block", "entry", "words"), KEYS.values(), ids=KEYS)
def test_keys_that_cannot_stand_together_are_told(
    block: dict[str, Any], entry: dict[str, Any], words: str
) -> None:
    with pytest.raises(NatstatError) as error:
        study("rows.parquet", block, **entry)
    assert error.value.exit_code == 10 and words in str(error.value)


def test_logs_of_two_models_need_no_key(project: Project) -> None:
    for i, model in ((1, ONE), (2, OTHER)):
        folder = project.folder / "logs" / model
        folder.mkdir(parents=True)
        samples = [
            {
                "doc_id": n,
                "doc": {"question": row["prompt"]},
                "target": "x",
                "filtered_resps": [row[f"answer_{i}"]],
                "acc": 1,
            }
            for n, row in enumerate(wide(20))
        ]
        lines = "\n".join(map(json.dumps, samples))
        (folder / "samples_trivia_2026-01-01T00-00-00.jsonl").write_text(lines)
    found = load("model_pair").gather(study("logs"))
    assert found.names == {"A": ONE, "B": OTHER}
    assert pairs(found).equals(pairs(gathered(project, wide(20), NAMED)))


def test_logs_of_inspect_of_two_models_need_no_key(project: Project) -> None:
    log, models = pytest.importorskip("inspect_ai.log"), pytest.importorskip("inspect_ai.model")
    (project.folder / "logs").mkdir()
    rows = wide(20)
    for i, model in ((1, ONE), (2, OTHER)):
        samples = [
            log.EvalSample(
                id=n,
                epoch=1,
                input=row["prompt"],
                target="x",
                output=models.ModelOutput.from_content(model, row[f"answer_{i}"]),
            )
            for n, row in enumerate(rows)
        ]
        spec = log.EvalSpec(
            created="2026-01-01T00:00:00+00:00",
            task="trivia",
            dataset=log.EvalDataset(name="d", samples=len(rows)),
            model=model,
            config=log.EvalConfig(),
        )
        file = project.folder / "logs" / f"{i}.eval"
        log.write_eval_log(log.EvalLog(eval=spec, samples=samples, status="success"), str(file))
    found = load("model_pair").gather(study("logs"))
    assert found.names == {"A": ONE, "B": OTHER}
    assert pairs(found).equals(pairs(gathered(project, rows, NAMED)))
    assert set(found.tables["pairs"]["category"]) == {"trivia"}


def test_new_writes_the_entry_of_a_table_of_answers(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(REPO / "params.yaml", project.folder)
    pl.DataFrame(long(wide())).rename({"won": "winner"}).write_csv(project.folder / "answers.csv")
    assert main(["new", "answers.csv", "--yes"]) == 0
    assert "A is model-1x (60 rows)" in capsys.readouterr().out
    entry = dialect.read((project.folder / "params.yaml").read_text())["studies"]["answers"]
    assert (entry["kind"], entry["goal"]) == ("model_pair", f"how {ONE} and {OTHER} differ")
    assert main(["check", "--study", "answers"]) == 0
    assert f"A {ONE} against B {OTHER}: 60 pairs" in capsys.readouterr().out


@shared_file("arena_answers.parquet")
def test_published_answers_are_read_as_they_are() -> None:
    arena = {
        "prompt": "question",
        "answers": ["llama-3-70b-instruct", "not_llama"],
        "preference": "preference",
    }
    found = load("model_pair").gather(study(str(SHARED / "data/arena_answers.parquet"), arena))
    assert found.rows.height == 2 * 693
    assert found.tables["pairs"]["preference"].mean() == pytest.approx((308 - 385) / 693)


def test_dialect_writes_what_is_guessed() -> None:
    from tasks.kinds.model_pair import guessing

    frame = pl.DataFrame(wide()).rename({"won": "winner"})
    assert guessing.block(frame) == {
        "prompt": "prompt",
        "answers": ["answer_1", "answer_2"],
        "category": "topic",
    }
    assert guessing.block(pl.DataFrame(alpaca(wide()))) == {
        "prompt": "instruction",
        "answers": ["output_1", "output_2"],
        "model": ["generator_1", "generator_2"],
        "preference": "preference",
        "preferred": [1.0, 2.0],
        "category": "dataset",
    }
    named = pl.DataFrame(long(wide())).rename({"won": "winner", "topic": "category"})
    guessed = guessing.block(named)
    assert guessed == {
        "prompt": "prompt",
        "model": "model",
        "answer": "answer",
        "category": "category",
        "preference": "winner",
    }
    assert dialect.read(dialect.written(guessed)) == guessed
    assert guessing.block(pl.DataFrame({"text": ["a"], "year": [1]})) is None
    three = frame.with_columns(answer_3="answer_2")
    assert guessing.block(three)["answers"] == ["answer_1", "answer_2", "answer_3"]
    called = three.rename({"answer_1": "plain", "answer_2": "brief", "answer_3": "wordy"})
    called = called.with_columns(pl.col("plain", "brief", "wordy").str.pad_end(80, "."))
    assert guessing.block(called)["answers"] == ["plain", "brief", "wordy"]
