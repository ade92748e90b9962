"""One switch in params.yaml runs a study under `engine: llm`, all stages, against a real server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import show
from tasks.errors import EngineError
from tasks.store import frames
from tasks.study import load
from tests import loopback, scripted_model
from tests.conftest import SHARED, Project, in_a_copy, shared_file
from tests.llm_study import (
    HYPOTHESES,
    NULL,
    PLANTED,
    SHARE_PLANTED,
    discoveries,
    is_refused,
    prepared,
    rows,
    study,
    verdict_files,
    verdicts,
    wanted,
)
from tests.loopback import Plan, Server

ERROR_RATE = 0.05
PLAN = Plan(hypotheses=HYPOTHESES, error_rate=ERROR_RATE, refusals=0.02, logprobs=True)


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(PLAN) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.change(PLAN)
    return running


@pytest.fixture(scope="module")
def whole(running: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study of 400 texts in each group; tests read it and leave it as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("study"))
        running.change(PLAN)
        prepared(Project(Path.cwd()), running, n=400).run("news")
        return Path.cwd()


@pytest.fixture
def finished(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`whole`, as the folder in which the test runs."""
    monkeypatch.chdir(whole)


def test_what_was_planted_is_discovered_and_nothing_else(finished: None) -> None:
    found = discoveries()
    assert set(found) == {*PLANTED, *NULL}
    assert {p for p, row in found.items() if row["is_discovery"]} == set(PLANTED)
    for predicate, group in PLANTED.items():
        row = found[predicate]
        # A judge that errs evenly in both groups shrinks a difference, and turns none round.
        planted = SHARE_PLANTED * (1 - 2 * ERROR_RATE) * (1 if group == "A" else -1)
        assert row["validity"] == pytest.approx(planted, abs=0.1)
        assert row["direction"] == group
        assert row["engine"] == "llm" and row["model"] == "scripted"
    for row in found.values():
        assert {row["relevance"], row["novelty"], row["significance"]} <= {0.0, 1.0, 2.0}


def test_every_verdict_is_the_judges_own(finished: None) -> None:
    found = verdicts()
    confirm = found.filter(pl.col("half") == "confirm")
    assert found.height == confirm.height == found["text_id"].n_unique() * len(HYPOTHESES)
    refused = pl.Series([is_refused(PLAN, text) for text in found["text"]])
    assert refused.any()
    assert (found["status"] == "refusal").to_list() == refused.to_list()
    values = found.filter(~refused)
    assert values["status"].unique().to_list() == ["value"]
    assert values["score"].to_list() == wanted(PLAN, values).to_list()
    wrong = (values["score"] != wanted(Plan(), values)).mean()
    assert wrong == pytest.approx(ERROR_RATE, abs=0.02)


@pytest.mark.parametrize(
    "verify",
    [
        {"predicates_per_call": 1},
        {"predicates_per_call": 3},
        {"predicates_per_call": 1, "texts_per_call": 8},
    ],
    ids=["alone", "predicates", "texts"],
)
def test_packing_changes_no_verdict(verify: dict[str, int], project: Project, server: Server) -> None:
    prepared(project, server, n=60)
    project.run("news", *paths.STAGES[:5])
    found = verdicts().sort("predicate", "text_id")
    project.params(news=study(server, verify=verify))
    project.run("news", "propose", "formalise", "verify")
    other = verdicts().sort("predicate", "text_id")
    assert found.select("predicate", "text_id", "score", "status").equals(
        other.select("predicate", "text_id", "score", "status")
    )


def test_two_texts_are_compared_and_the_judges_bias_for_the_first_is_told(
    project: Project, server: Server
) -> None:
    server.change(Plan(hypotheses=HYPOTHESES, position_bias=0.2))
    prepared(project, server, n=200, verify={"form": "two_text"}, formalise={"threshold": None})
    project.run("news")
    assert {p for p, row in discoveries().items() if row["is_discovery"]} == set(PLANTED)
    bias = frames.read_manifest(paths.output("news", "score"))["position_bias"]["scripted"]
    assert bias["lo"] < 0.2 < bias["hi"]
    assert bias["bias"] == pytest.approx(0.2, abs=0.05)


def test_log_probabilities_give_graded_scores(project: Project, server: Server) -> None:
    verify, formalise = {"predicates_per_call": 1}, {"threshold": None}
    prepared(project, server, n=60, llm={"logprobs": True}, verify=verify, formalise=formalise)
    project.run("news")
    values = verdicts().filter(pl.col("status") == "value")
    assert values["score"].n_unique() > 100
    assert ((values["score"] >= 0.5) == (wanted(PLAN, values) == 1)).all()
    assert discoveries()['mentions "covid"']["is_discovery"]


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_a_predicate_that_is_always_refused_is_a_row_and_the_others_are_found(
    plan: str, project: Project, server: Server
) -> None:
    alone = {"predicates_per_call": 1, "plan": plan, "sequential": {"min_effect": 0.02}}
    server.change(Plan(hypotheses=HYPOTHESES, refuses_to_judge=(NULL[0],)))
    prepared(project, server, n=100, verify=alone, propose={"judged": 0})
    project.run("news")
    found = discoveries()
    assert {p for p, row in found.items() if row["is_discovery"]} == set(PLANTED)
    scores = frames.read(paths.output("news", "score"), "scores.parquet", frames.SCORES)
    ids = {row["predicate_id"]: p for p, row in found.items()}
    why = {ids[row["predicate_id"]]: row["why"] for row in scores.iter_rows(named=True)}
    assert why[NULL[0]] == "too many gaps" and "too many gaps" not in [why[p] for p in NULL[1:]]
    assert (found[NULL[0]]["validity"], found[NULL[0]]["q"]) == (None, 1.0)
    page = (paths.reports() / "news" / "index.html").read_text(encoding="utf-8")
    assert "more than record.max_refusal_share allows" in page
    told = show.found_by(load("news"))
    assert told["n_gapped"] == 1 and any("1 could not be tested" in line for line in show.lines(told))


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_a_judge_that_refuses_nearly_all_ends_the_study_in_verify_after_few_calls(
    plan: str, project: Project, server: Server
) -> None:
    alone = {"predicates_per_call": 1, "plan": plan, "sequential": {"min_effect": 0.02}, "shard_size": 16}
    server.change(Plan(hypotheses=HYPOTHESES, refuses_to_judge=(*PLANTED, *NULL[:-1])))
    prepared(project, server, n=100, verify=alone, propose={"judged": 0})
    project.run("news", *paths.STAGES[:4])
    before = server.stats()["calls"]
    with pytest.raises(EngineError, match=r"got none on \d+ of 1\d\d pairs .* Name another judge") as caught:
        project.run("news", "verify")
    assert not caught.value.retryable
    asked = server.stats()["calls"]
    assert asked - before < 500
    # Asking again is no way out, and costs nothing.
    with pytest.raises(EngineError, match="Name another judge"):
        project.run("news", "verify")
    assert server.stats()["calls"] == asked


def test_fences_thoughts_and_a_server_without_schemas_change_nothing(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(project, server, n=40)
    project.run("news", *paths.STAGES[:5])
    plain = verdict_files()
    monkeypatch.setenv("NATSTAT_ANSWERS", str(project.folder / "other.sqlite"))
    server.change(
        Plan(
            hypotheses=HYPOTHESES,
            error_rate=ERROR_RATE,
            refusals=0.02,
            fenced=True,
            thinks=True,
            no_schema_support=True,
            no_usage=True,
        )
    )
    project.run("news", "verify")
    assert verdict_files() == plain


def test_a_rerun_asks_nothing(project: Project, server: Server) -> None:
    prepared(project, server, n=40)
    project.run("news")
    calls, first = server.stats()["calls"], verdict_files()
    project.run("news")
    assert server.stats()["calls"] == calls
    assert verdict_files() == first


def test_the_report_tells_what_was_found_and_who_said_so(finished: None) -> None:
    page = (paths.reports() / "news" / "index.html").read_text(encoding="utf-8")
    for said in ("covid", "cricket", "scripted"):
        assert said in page


@pytest.fixture
def new_texts(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Texts that the finished study has not seen, in new.csv of a copy of its folder."""
    in_a_copy(whole, tmp_path / "copy", monkeypatch)
    texts = pl.DataFrame(rows(20, seed=77)).select("text")
    texts.write_csv("new.csv")
    return texts


def test_discoveries_are_applied_to_new_texts_by_the_same_judge(
    new_texts: pl.DataFrame, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.change(replace(PLAN, refusals=0.2))
    before = server.stats()["calls"]
    assert main(["apply", "news", "--data", "new.csv"]) == 10
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("news: at most 40 calls of scripted, ") and "no price is known" in told[0]
    assert told[1] == "error: apply news: nobody was asked. Add --yes to ask."
    assert server.stats()["calls"] == before and not Path("new-news.csv").exists()
    assert main(["apply", "news", "--data", "new.csv", "--out", "told.parquet", "--yes"]) == 0
    table = pl.read_parquet("told.parquet")
    assert table["text"].to_list() == new_texts["text"].to_list()
    plan = replace(PLAN, refusals=0.2)
    for predicate in PLANTED:
        for text, said in table.select("text", predicate).iter_rows():
            holds = scripted_model.holds(plan, predicate, text, 1)
            assert said == (None if is_refused(plan, text) else int(holds)), text
    n_refused = sum(is_refused(plan, text) for text in new_texts["text"])
    assert 0 < n_refused < 20 and f"{n_refused} without a verdict" in capsys.readouterr().out


def test_whoever_stopped_applying_pays_nothing_twice(
    new_texts: pl.DataFrame, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.change(replace(PLAN, refusals=0.0))
    arguments = ["apply", "news", "--data", "new.csv", "--yes"]
    new_texts.head(15).write_csv("new.csv")
    assert main([*arguments, "--out", "first.jsonl"]) == 0
    before = server.stats()["calls"]
    new_texts.write_csv("new.csv")
    assert main([*arguments, "--out", "whole.jsonl"]) == 0
    assert server.stats()["calls"] == before + new_texts.height - 15
    assert main([*arguments, "--out", "again.jsonl"]) == 0
    assert server.stats()["calls"] == before + new_texts.height - 15
    assert Path("again.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()


@shared_file("headlines.parquet")
def test_the_headlines_study_finds_what_the_year_brought(project: Project, server: Server) -> None:
    goal: dict[str, Any] = json.loads((SHARED / "data" / "headlines.goal.json").read_text(encoding="utf-8"))
    known = (
        ('mentions "covid" or "coronavirus" or "pandemic"', "A"),
        ('mentions "election"', "B"),
        ("reads as if it were written on a Tuesday", "A"),
        ("would make a good riddle", "B"),
    )
    server.change(Plan(hypotheses=known, error_rate=0.02))
    params = study(server, verify={"max_texts": 1000}, propose={"about": goal["generation"], "judged": 50})
    params |= {"goal": goal["target"], "user": goal["user"]}
    params["data"] = str(SHARED / "data" / "headlines.parquet")
    project.params(headlines=params)
    project.run("headlines")
    found = {p for p, row in discoveries("headlines").items() if row["is_discovery"]}
    assert known[0][0] in found
    assert not found & {known[2][0], known[3][0]}
