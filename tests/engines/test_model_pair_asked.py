"""Answers that models write to a study's prompts: paid once, counted, and never asked for by a look ahead."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tests import loopback
from tests.conftest import Project
from tests.engines import scripted
from tests.engines.test_llm_kill import killed, started
from tests.loopback import Plan, Server
from tests.model_pairs import prompts

N = 30


def prepared(project: Project, server: Server, **blocks: Any) -> None:
    """A study of prompts that one model answers in two ways."""
    pl.DataFrame({"prompt": prompts(N)}).write_csv(project.folder / "prompts.csv")
    of_both = {"model": "scripted", "base_url": server.url, "max_tokens": 200}
    ask = [{**of_both, "name": "plain"}, {**of_both, "name": "brief", "system": "Be brief."}]
    study = {
        "kind": "model_pair",
        "goal": "how a model answers that is to be brief",
        "data": "prompts.csv",
        "collect": {"near_duplicates": None},
        "embed": {"encoder": "none"},
        "spend": {"timeout_s": 2.0, "attempts": 12, "prices": {"scripted": {"input": 1, "output": 2}}},
        "model_pair": {"ask": ask},
    }
    project.params(news={**study, **blocks})


def test_answers_are_asked_for_once_whatever_happens_on_the_way(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = Plan(rate_limited=0.2, dropped=0.03, refusals=0.1)
    with loopback.serve(faults) as server:
        prepared(project, server)
        for command in ("check", "cost"):
            assert main([command, "--study", "news"]) == 0
            told = capsys.readouterr().out
            assert "plain: 30 of 30 answers are missing, at most" in told
            assert "`natstat collect --study news` asks for them" in told
        assert server.stats()["calls"] == 0

        assert main(["collect", "--study", "news"]) == 0
        first = server.stats()
        assert first["repeated"] == 0 and first["answered"] == 2 * N and first["by_fault"]["rate_limited"] > 0
        texts = {
            name: (paths.output("news", "collect") / f"{name}.parquet").read_bytes()
            for name in ("texts", "calls")
        }
        assert main(["collect", "--study", "news"]) == 0
        for command in ("check", "cost"):
            assert main([command, "--study", "news"]) == 0
        assert server.stats()["calls"] == first["calls"]
        for name, content in texts.items():
            assert (paths.output("news", "collect") / f"{name}.parquet").read_bytes() == content
    told = capsys.readouterr().out
    assert "A plain against B brief" in told
    read = pl.read_parquet(paths.output("news", "collect") / "texts.parquet")
    assert read.filter(group="B")["text"].str.starts_with("In short").all()
    # A prompt that is refused is refused to both: nobody answered it.
    manifest = json.loads((paths.output("news", "collect") / "manifest.json").read_text())
    n_refused = manifest["read"]["left_out"]["that nobody answered"]
    assert 0 < n_refused < 15 and read.height == 2 * (N - n_refused)


def test_what_was_paid_is_part_of_what_the_study_cost(project: Project) -> None:
    with loopback.serve() as server:
        prepared(project, server)
        project.run("news", *paths.STAGES[:7])
    paid = pl.read_parquet(paths.output("news", "collect") / "calls.parquet")
    assert paid.height == 2 * N and set(paid["role"]) == {"generator"}
    cost = (paid["tokens_in"].sum() + 2 * paid["tokens_out"].sum()) / 1e6
    runs = pl.read_parquet(paths.output("news", "record") / "runs.parquet")
    assert runs["cost_usd"].item() == pytest.approx(cost)


def test_the_budget_holds_and_a_rerun_goes_on(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with loopback.serve() as server:
        prices = {"scripted": {"input": 1, "output": 2}}
        prepared(project, server, spend={"budget_usd": 0.002, "prices": prices, "concurrency": 1})
        assert main(["collect", "--study", "news"]) == 16
        assert "budget" in capsys.readouterr().err
        assert not paths.output("news", "collect").exists()
        n = server.stats()["answered"]
        assert 0 < n < 2 * N
        prepared(project, server)
        assert main(["collect", "--study", "news"]) == 0
        assert server.stats()["answered"] == 2 * N and server.stats()["repeated"] == 0


def test_a_killed_run_pays_no_answer_twice_but_what_was_in_flight(project: Project) -> None:
    answers = project.folder / "answers.sqlite"
    with loopback.serve(Plan(latency_s=0.03)) as server:
        prepared(project, server, spend={"concurrency": 4})
        assert killed(started(project, answers, "collect"), server, at_call=10, after_s=0.01)
        assert not paths.output("news", "collect").exists()
        with started(project, answers, "collect") as process:
            said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        counted = server.stats()
        assert counted["repeated"] <= 4 and counted["answered"] - counted["repeated"] == 2 * N


def test_answers_that_are_cut_off_are_told(project: Project) -> None:
    def cut(question: scripted.Question) -> str:
        return f"About {question.user} " + "and so on " * 300

    with scripted.serving(cut) as server:
        server.finish = "length"
        prepared(project, Server(server.url))
        project.run("news", "collect")
        sent = [one.body for one in server.asked]
    assert {len(body["messages"]) for body in sent} == {1, 2} and len(sent) == 2 * N
    assert {body.get("max_tokens", 200) for body in sent} == {200}
    manifest = json.loads((paths.output("news", "collect") / "manifest.json").read_text())
    assert "30 answers of plain were cut off at 200 tokens" in " ".join(manifest["warnings"])


@pytest.mark.parametrize("missing", ["prompt", "file"])
def test_prompts_that_are_not_there_cost_nothing(
    project: Project, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    with loopback.serve() as server:
        prepared(project, server)
        if missing == "file":
            Path("prompts.csv").unlink()
        else:
            Path("prompts.csv").write_text("question\nWhat?\n")
        assert main(["collect", "--study", "news"]) == 11
        assert server.stats()["calls"] == 0
    assert "prompt" in capsys.readouterr().err
