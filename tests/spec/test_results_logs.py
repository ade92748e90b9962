"""Evaluation logs are tables of results: columns of their own are found without a word."""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import SourceError
from tasks.kinds.answered import lines
from tasks.store.sources import read_groups
from tasks.study import load
from tests.conftest import Project, place
from tests.results_table import study

N = 12


def samples(folder: Path, model: str, right: Any, filters: tuple[str, ...] = ("none",)) -> None:
    """What lm-evaluation-harness writes with --log_samples."""
    (folder / model).mkdir(parents=True)
    lines = [
        {
            "doc_id": i,
            "doc": {"question": f"How many are in {place(i)}?", "answer": str(i)},
            "target": str(i),
            "arguments": {
                "gen_args_0": {"arg_0": f"Question: How many are in {place(i)}?\nAnswer:", "arg_1": {}}
            },
            "resps": [["about " + str(i)]],
            "filtered_resps": [str(i)],
            "filter": name,
            "metrics": ["exact_match"],
            "doc_hash": "",
            "exact_match": float(right(i)),
        }
        for i in range(N)
        for name in filters
    ]
    file = folder / model / "samples_counting_2026-01-02T03-04-05.678901.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def read(project: Project, results: dict[str, Any], data: str, **collect: Any) -> Any:
    project.params(results=study({"results": results, **collect}, data))
    return read_groups(load("results"))


def test_samples_of_a_harness_know_their_columns(project: Project) -> None:
    samples(project.folder / "out", "org__small", lambda i: i % 3 == 0)
    samples(project.folder / "out", "org__large", lambda i: i % 2 == 0)
    rows, names, noted = read(project, {"compare": "discordant"}, "out")
    # 0 and 6 both got right; 3 and 9 the small one alone; 2, 4, 8, 10 the large one alone.
    wanted = [(f"How many are in {place(i)}?", "A", f"counting/{i}") for i in (3, 9)]
    wanted += [(f"How many are in {place(i)}?", "B", f"counting/{i}") for i in (2, 4, 8, 10)]
    assert sorted(rows.rows()) == sorted(wanted)
    assert names == {"A": "only org__small right", "B": "only org__large right"}
    assert lines(noted)[0].startswith("right answers: org__large 50.0% of 12 [")
    assert ", org__small 33.3% of 12 [" in lines(noted)[0]


def test_answers_read_by_several_filters_are_no_several_answers(project: Project) -> None:
    samples(project.folder / "out", "m", lambda i: i % 3 == 0, ("strict", "flexible"))
    with pytest.raises(
        SourceError, match=r"several filters: flexible, strict. Write where: \"filter = 'flexible'"
    ):
        read(project, {}, "out")
    rows, _, _ = read(project, {}, "out", where="filter = 'strict'")
    assert rows["group"].value_counts(sort=True).rows() == [("A", 8), ("B", 4)]


def test_without_a_question_in_the_document_the_prompt_is_the_text(project: Project) -> None:
    samples(project.folder / "out", "m", lambda i: i % 3 == 0)
    file = next((project.folder / "out").rglob("*.jsonl"))
    file.write_text(file.read_text(encoding="utf-8").replace('"question"', '"ask"'), encoding="utf-8")
    rows, _, _ = read(project, {}, "out")
    assert rows["text"].str.starts_with("Question: How many").all()


def test_samples_without_what_was_asked_say_so(project: Project) -> None:
    samples(project.folder / "out", "m", lambda i: i % 3 == 0)
    file = next((project.folder / "out").rglob("*.jsonl"))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    emptied = [json.dumps({**line, "doc": None, "arguments": None}) for line in lines]
    file.write_text("\n".join(emptied), encoding="utf-8")
    rows, _, _ = read(project, {}, "out")
    assert rows["text"].is_null().all()


@pytest.mark.parametrize("name", ["log.eval", "log.json"])
def test_a_log_of_inspect_needs_inspect(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    content = {"version": 2, "status": "success", "eval": {"task": "t", "model": "m"}, "samples": []}
    (project.folder / name).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        SourceError, match=f"{name}: wanted Inspect to read its log, .*`pip install inspect-ai`"
    ):
        read(project, {}, name)


def inspect_log(
    file: Path, model: str, values: dict[int, Any], scorers: tuple[str, ...] = ("match",)
) -> None:
    """A log as Inspect writes it, of two epochs."""
    log = pytest.importorskip("inspect_ai.log")
    scorer, models = pytest.importorskip("inspect_ai.scorer"), pytest.importorskip("inspect_ai.model")
    kept = []
    for i, value in values.items():
        for epoch in (1, 2):
            asked: Any = f"How many are in {place(i)}?"
            if i % 2:
                asked = [models.ChatMessageSystem(content="Be brief."), models.ChatMessageUser(content=asked)]
            sample = log.EvalSample(id=i, epoch=epoch, input=asked, target=str(i))
            sample.output = models.ModelOutput.from_content(model, "12")
            sample.scores = None if value is None else {name: scorer.Score(value=value) for name in scorers}
            kept.append(sample)
    spec = log.EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task="counting",
        dataset=log.EvalDataset(name="d", samples=len(values)),
        model=model,
        config=log.EvalConfig(epochs=2),
    )
    log.write_eval_log(log.EvalLog(eval=spec, samples=kept, status="success"), str(file))


@pytest.mark.parametrize("ending", ["eval", "json"])
def test_logs_of_inspect_know_their_columns(project: Project, ending: str) -> None:
    (project.folder / "logs").mkdir()
    inspect_log(project.folder / f"logs/a.{ending}", "mock/a", {0: "C", 1: "I", 2: "N", 3: None, 4: "I"})
    inspect_log(project.folder / f"logs/b.{ending}", "mock/b", {0: "I", 1: "C", 2: "C", 3: "C", 4: "I"})
    rows, names, noted = read(project, {"compare": "discordant"}, "logs")
    assert sorted(rows.rows()) == sorted(
        (f"How many are in {place(i)}?", group, f"counting/{i}")
        for i, group in ((0, "B"), (1, "A"), (2, "A"))
    )
    assert names == {"A": "only mock/b right", "B": "only mock/a right"}
    assert noted["results"]["n_without_outcome"] == 2
    assert lines(noted)[0].startswith("right answers: mock/a 25.0% of 8 answers to 4 items [")


def test_of_several_scorers_of_inspect_one_is_named(project: Project) -> None:
    inspect_log(project.folder / "a.eval", "mock/a", {0: "C", 1: "I"}, ("match", "judge"))
    with pytest.raises(SourceError, match=r"wanted a column 'outcome' .*scores.match, scores.judge"):
        read(project, {}, "a.eval")
    rows, _, _ = read(project, {"outcome": "scores.judge"}, "a.eval")
    assert sorted(rows["group"]) == ["A", "A", "B", "B"]


def test_a_log_of_inspect_that_is_cut_off_is_told(project: Project) -> None:
    inspect_log(project.folder / "a.eval", "mock/a", {0: "C", 1: "I"})
    raw = (project.folder / "a.eval").read_bytes()
    (project.folder / "a.eval").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(SourceError, match=r"a.eval: wanted a log of Inspect, cannot be read: "):
        read(project, {}, "a.eval")


def test_a_log_that_unpacks_to_too_much_is_refused_unread(project: Project) -> None:
    with zipfile.ZipFile(project.folder / "a.eval", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("header.json", " " * 3_000_000)
    with pytest.raises(SourceError, match="unpacks to more than 1 MB"):
        read(project, {}, "a.eval", max_unpacked_mb=1)
