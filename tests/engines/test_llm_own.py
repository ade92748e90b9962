"""Sentences of the user's own under `engine: llm`: as they are, with no proposer where they stand alone."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tasks import paths
from tasks.commands import check, cost, discovery, replicate, trace_checks
from tasks.errors import ParamsError
from tasks.store import duck, frames
from tasks.study import load
from tests import loopback
from tests.conftest import Project, pair
from tests.llm_study import HYPOTHESES, NULL, PLANTED, discoveries, prepared, rows, study
from tests.loopback import Plan, Server

ASKED = ['The text mentions "covid".', "texts that discuss a village fair", f"b: {NULL[0]}"]
SENTENCES = ['mentions "covid"', "discusses a village fair", NULL[0]]


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(Plan(hypotheses=HYPOTHESES)) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    running.change(Plan(hypotheses=HYPOTHESES))
    return running


def proposals() -> list[dict[str, Any]]:
    folder = paths.output("news", "propose")
    return frames.read(folder, "proposals.parquet", frames.PROPOSALS).to_dicts()


def test_alone_they_need_no_proposer(project: Project, server: Server) -> None:
    llm = {"model": None, "judge": {"model": "scripted"}, "rater": {"model": "scripted"}}
    llm["generator"] = {"model": "scripted"}
    prepared(project, server, llm=llm, propose={"also": ASKED, "only": True})
    project.run("news")
    rows = proposals()
    assert [(row["predicate"], row["family"], row["grade"]) for row in rows] == [
        (sentence, "user", "proxy") for sentence in SENTENCES
    ]
    assert (rows[0]["direction"], rows[2]["direction"]) == ("A", "B") and rows[0]["explore_z"] > 2
    paid = frames.read(paths.output("news", "propose"), "calls.parquet", frames.CALLS)
    assert set(paid["role"]) == {"judge"}
    assert {p for p, row in discoveries().items() if row["is_discovery"]} == {'mentions "covid"'}
    assert set(discoveries()) == set(SENTENCES)


def test_a_discovery_is_traced_to_its_answers_and_tested_again_by_the_model(
    project: Project, server: Server
) -> None:
    alone = {"also": [f"a: {SENTENCES[0]}"], "only": True, "judged": 0}
    prepared(project, server, n=60, propose=alone)
    project.run("news")
    row = discovery.named("news/1")
    project.table("later.parquet", rows(60, seed=9))
    named = {"replicates": f"{row['run_id']}/{row['predicate_id']}"}
    again = study(server, data="later.parquet", propose=named)
    project.params(news=study(server, propose=alone), later=again)
    assert replicate.registered("news/1", load("later"))["moved_by_seen"] == 0
    project.run("later")
    (found,) = discoveries("later").values()
    assert found["predicate_id"] == row["predicate_id"] and found["direction"] == "A"
    paid = duck.query("SELECT DISTINCT stage, role FROM llm_calls WHERE study = 'later'").rows()
    assert "proposer" not in dict(paid).values() and ("verify", "judge") in paid
    assert duck.query("replications")["outcome"].to_list() == ["held"]
    checks = {one.of: one.state for one in trace_checks.checks(discovery.named("later/1"))}
    assert checks.pop("DVC's lock") == "unknown" and set(checks.values()) == {"verified"}
    with sqlite3.connect(paths.answers()) as connection:
        connection.execute("UPDATE answers SET response = replace(response, '0', '1')")
    connection.close()
    checks = {one.of: one.state for one in trace_checks.checks(discovery.named("later/1"))}
    assert checks["answers"] == "differs"


def test_beside_what_the_model_proposes_they_go_first_and_none_twice(
    project: Project, server: Server
) -> None:
    prepared(project, server, propose={"also": ASKED, "max_predicates": 6})
    project.run("news", *paths.STAGES[:3])
    rows = proposals()
    said = [row["predicate"] for row in rows]
    assert said[:3] == SENTENCES and len(said) == len(set(said)) == 6
    assert {row["family"] for row in rows[3:]} == {"llm"} and set(PLANTED) < set(said)
    manifest = frames.read_manifest(paths.output("news", "propose"))
    assert (manifest["n_asked"], manifest["n_asked_and_proposed"]) == (3, 2)


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("is more formal than others", "compares with other texts"),
        ("/refund/", "engine: embedded"),
        ("is longer compared to the texts of the other group", "names a group"),
    ],
)
def test_what_is_no_hypothesis_about_one_text_is_told(
    sentence: str, why: str, project: Project, server: Server
) -> None:
    prepared(project, server, n=40, propose={"also": ["mentions rain", sentence]})
    with pytest.raises(
        ParamsError, match=f"wanted sentences that `engine: llm` can judge, got .*{why}"
    ) as told:
        check.preview(load("news"))
    assert "mentions rain" not in str(told.value)


def test_without_a_judged_sample_the_direction_must_be_said(project: Project, server: Server) -> None:
    prepared(project, server, n=40, propose={"also": ["mentions rain"], "judged": 0})
    with pytest.raises(ParamsError, match="Write `a: "):
        check.preview(load("news"))
    prepared(project, server, n=40, propose={"also": ["a: mentions rain"], "only": True, "judged": 0})
    project.run("news", *paths.STAGES[:3])
    assert [(row["direction"], row["explore_effect"]) for row in proposals()] == [("A", 0.0)]
    assert not (paths.output("news", "propose") / "calls.parquet").exists()


def test_cost_counts_what_is_asked_and_no_proposer_that_is_not(project: Project, server: Server) -> None:
    project.table("news.parquet", pair(60, 0.4, 0.0))
    found = {}
    for name, blocks in (
        ("none", {}),
        ("also", {"also": ASKED}),
        ("only", {"also": ASKED, "only": True}),
    ):
        project.params(news=study(server, propose={"judged": 10, **blocks}))
        found[name] = cost.preview(load("news"))
    roles = {name: {(one["stage"], one["role"]) for one in told["asked"]} for name, told in found.items()}
    assert ("propose", "proposer") in roles["also"] and ("propose", "proposer") not in roles["only"]
    calls = {
        name: sum(
            one["n_calls"] for one in told["asked"] if (one["stage"], one["role"]) == ("propose", "judge")
        )
        for name, told in found.items()
    }
    assert calls["also"] == calls["none"] + 20 and calls["only"] == 20
    assert [told["n_asked"] for told in found.values()] == [0, 3, 3]
    assert (found["also"]["n_predicates"], found["only"]["n_predicates"]) == (20, 3)
    assert found["only"]["n_judgements"] == 3 * found["only"]["n_texts"]
    assert json.dumps(found)
