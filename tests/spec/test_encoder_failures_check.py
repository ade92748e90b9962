"""What `check` and `cost` tell of a study of encoder failures, before anything is judged or paid."""

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import check, cost
from tasks.study import load
from tests import loopback
from tests.conftest import Project
from tests.llm_failures import PLAN, captions, failed, prepared_failures
from tests.loopback import Server

PRICES = {name: {"input": 1.0, "output": 10.0} for name in ("scripted", "tiny")}
NOWHERE = Server("http://127.0.0.1:9/v1")
SEQUENTIAL = {"plan": "sequential", "sequential": {"look_every": 20}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with loopback.serve(PLAN) as running:
        yield running


def told(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, Any]]:
    """What a command says, in words and as figures."""
    assert main([command, "--study", "captions"]) == 0
    words = capsys.readouterr().out
    assert main([command, "--study", "captions", "--json"]) == 0
    return words, json.loads(capsys.readouterr().out)


def test_check_tells_what_is_searched_written_and_found(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared_failures(project, NOWHERE, [*captions(), captions()[0], {"text": " ", "scene": "x"}])
    words, found = told("check", capsys)
    n_explore, n_confirm = found["explore_texts"]["A"], found["confirm_texts"]["A"]
    assert words.startswith("captions: 338 rows give 336 texts in 336 documents\n")
    assert (
        f"{n_explore:,} texts to propose from, {n_explore * (n_explore - 1) // 2:,} pairs of them to" in words
    )
    assert f"{n_confirm} texts that a search is tried on" in words
    assert "left out: 1 duplicates, 1 blank" in words
    assert "at most 6 failures x 40 new pairs = 240, and as many controls" in words
    assert "to be judged: at most 480 pairs" in words
    smallest = found["smallest_effect"]
    assert f"{smallest['alone']:.3f} for one failure, {smallest['of_many']:.3f} among many" in words
    assert found["written"] == {"n_predicates": 6, "n_fresh": 40, "n_pairs": 240, "n_judged": 480}
    assert found["judge"] is None and "judge that errs" not in words
    assert not paths.data().exists(), "a preview writes nothing"


def test_what_is_found_depends_on_the_new_pairs_and_not_on_the_corpus(project: Project) -> None:
    found = {}
    for n in (20, 40, 200):
        prepared_failures(project, NOWHERE, encoder_failures={"fresh": n})
        found[n] = check.preview(load("captions"))["smallest_effect"]["of_many"]
    assert found[20] > found[40] > found[200] > 0.05
    prepared_failures(project, NOWHERE, captions()[:80])
    assert check.preview(load("captions"))["smallest_effect"]["of_many"] == found[40]
    # A failure of 0.3 above its control is found with 100 pairs, by Fisher's test among 6.
    prepared_failures(project, NOWHERE, encoder_failures={"fresh": 100})
    assert 0.15 < check.preview(load("captions"))["smallest_effect"]["of_many"] < 0.3


@pytest.mark.parametrize("command", ["check", "cost"])
def test_too_few_pairs_are_told_before_all_else(
    command: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared_failures(project, NOWHERE, encoder_failures={"fresh": 10}, score={"alpha": 1e-6})
    words, _ = told(command, capsys)
    assert words.startswith("this study cannot find anything: the largest difference of one failure would")
    assert "Raise encoder_failures.fresh" in words.splitlines()[0]


@pytest.mark.parametrize("command", ["check", "cost"])
def test_a_sequential_plan_tells_how_many_pairs_a_failure_takes(
    command: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared_failures(project, NOWHERE, verify=SEQUENTIAL, encoder_failures={"fresh": 300})
    words, found = told(command, capsys)
    ahead = found["sequential"]
    assert (ahead["n_texts"], ahead["n_grid"]) == (600, 3600)
    assert "judged until decided, at most 600 pairs each" in words and "for one failure among 6" in words
    assert 0.05 < ahead["smallest_effect"] < 0.4
    assert not words.startswith("this study")


def test_without_a_language_model_it_costs_nothing(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared_failures(project, NOWHERE, engine="embedded")
    words, found = told("cost", capsys)
    assert words.startswith("at most 6 failures x 80 new pairs and controls = 480 judgements, 0.00 USD")
    assert found["asked"] == [] and "smallest success above control" in words


def test_an_unknown_price_says_what_to_write(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    prepared_failures(project, NOWHERE)
    words, found = told("cost", capsys)
    assert "price of scripted unknown: write `spend: {prices: {scripted:" in words
    assert found["without_price"] == ["scripted"] and found["cost_usd"] is None


STUDIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "domain": {"encoder_failures": {"fresh": 50, "domain": "captions of kitchens"}},
    "shards": {"verify": {"shard_size": 33}},
    "sequential": {"verify": SEQUENTIAL},
    "panel": {"llm": {"judge": [{"model": "one"}, {"model": "two"}]}},
    "a single one": {"propose": {"max_predicates": 1}},
}


@pytest.mark.parametrize("blocks", STUDIES.values(), ids=STUDIES)
def test_a_run_asks_no_more_than_was_told(blocks: dict[str, Any], project: Project, server: Server) -> None:
    propose = {"rounds": 2, "per_round": 4, "max_predicates": 3, **blocks.get("propose", {})}
    prepared_failures(project, server, **{**blocks, "propose": propose, "spend": {"prices": PRICES}})
    ahead = cost.preview(load("captions"))
    project.run("captions")
    assert len(failed()) <= propose["max_predicates"]
    files = [file for stage in ("propose", "verify", "record") for file in
             paths.output("captions", stage).glob("calls*.parquet")]  # fmt: skip
    calls = pl.concat([pl.read_parquet(file) for file in files]).unique("request_hash")
    done = {
        (row.pop("stage"), row.pop("role"), row.pop("model")): row
        for row in calls.group_by("stage", "role", "model")
        .agg(pl.len().alias("n_calls"), pl.col("tokens_in").sum(), pl.col("tokens_out").sum())
        .to_dicts()
    }
    expected = {(one["stage"], one["role"], one["model"]): one for one in ahead["asked"]}
    assert set(done) == set(expected)
    for key, one in done.items():
        assert one["n_calls"] <= expected[key]["n_calls"], key
        # Tokens are estimated, by texts of the corpus; the server counts four characters as one.
        assert one["tokens_in"] < 1.2 * expected[key]["tokens_in"], key
    exact = {key: one["n_calls"] for key, one in expected.items() if key[1] in {"proposer", "rater"}}
    assert {key: done[key]["n_calls"] for key in exact} == exact


@pytest.mark.parametrize(
    ("verify", "n_calls"),
    [
        ({}, 480 // 10),
        ({"shard_size": 33}, 14 * 4 + 2),
        ({"plan": "sequential", "sequential": {"look_every": 33}}, 14 * 4 + 1),
    ],
    ids=["whole", "shards", "looks"],
)
def test_no_call_holds_meanings_of_two_shards_or_looks(
    verify: dict[str, Any], n_calls: int, project: Project
) -> None:
    prepared_failures(project, NOWHERE, verify=verify)
    asked = cost.preview(load("captions"))["asked"]
    assert [one["n_calls"] for one in asked if one["role"] == "judge"] == [n_calls]
