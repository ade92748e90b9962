"""`python -m tasks cost`: what would be asked of paid models, told before anything is spent."""

import json
import shutil
from typing import Any

import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.collect import stage as collect
from tasks.commands import cost, label
from tasks.store import answers, duck
from tasks.study import load
from tests import planted
from tests.conftest import PAIR_STUDY, Project, pair
from tests.engines.scripted import Question, serving

LLM = {"engine": "llm", "llm": {"model": "small", "check": False}}
PRICES = {"small": {"input": 1.0, "output": 10.0}}


def previewed(project: Project, n: int = 100, **blocks: Any) -> dict[str, Any]:
    """A study of n and n texts; half of them, about, confirm."""
    project.table("news.parquet", pair(n, 0.3, 0.0))
    project.params(news={**PAIR_STUDY, **LLM, "propose": {"max_predicates": 20}, **blocks})
    return cost.preview(load("news"))


def of(found: dict[str, Any], stage: str, role: str) -> dict[str, Any]:
    (one,) = (one for one in found["asked"] if (one["stage"], one["role"]) == (stage, role))
    return dict(one)


def test_calls_follow_from_predicates_texts_and_batches(project: Project) -> None:
    found = previewed(project)
    n_texts = found["n_texts"]
    assert 80 < n_texts < 120
    assert found["n_judgements"] == 20 * n_texts
    assert of(found, "verify", "judge")["n_calls"] == 2 * n_texts
    assert of(found, "propose", "proposer")["n_calls"] == 12  # 4 rounds of two, each perhaps with a rewrite
    # 30 hypotheses of three rounds and 10 of the last, by tens, on the whole exploration half
    assert of(found, "propose", "judge")["n_calls"] == 4 * (200 - n_texts)
    assert of(found, "record", "rater")["n_calls"] == 2
    assert (found["cost_usd"], found["without_price"], found["paid_usd"]) == (None, ["small"], 0.0)


@pytest.mark.parametrize(
    ("verify", "calls_per_text"),
    [
        ({"predicates_per_call": 20}, 1),
        ({"predicates_per_call": 7}, 3),
        ({"predicates_per_call": 1}, 20),
        ({"predicates_per_call": 1, "texts_per_call": 10}, 2),
        ({"predicates_per_call": 10, "max_texts": 10}, 2),
    ],
)
def test_batches_both_ways(project: Project, verify: dict[str, int], calls_per_text: int) -> None:
    found = previewed(project, verify=verify)
    n_calls = of(found, "verify", "judge")["n_calls"]
    assert calls_per_text * found["n_texts"] <= n_calls < calls_per_text * (found["n_texts"] + 10)
    assert found["n_texts"] == 20 or "max_texts" not in verify


def test_every_judge_of_a_panel_is_asked_everything(project: Project) -> None:
    alone = previewed(project)
    judges = [{"model": "small"}, {"model": "large"}]
    panel = previewed(
        project, llm={"model": "small", "check": False, "judge": judges}, spend={"prices": PRICES}
    )
    asked = [one for one in panel["asked"] if one["stage"] == "verify"]
    assert [one["model"] for one in asked] == ["small", "large"]
    assert {one["n_calls"] for one in asked} == {of(alone, "verify", "judge")["n_calls"]}
    assert panel["without_price"] == ["large"] and panel["cost_usd"] is None


def test_pairs_are_asked_in_both_orders(project: Project) -> None:
    found = previewed(project, verify={"form": "two_text", "max_texts": 30}, formalise={"threshold": None})
    # 30 pairs, 2 orders, 2 batches of predicates
    assert of(found, "verify", "judge")["n_calls"] == 120
    alone = previewed(project, verify={"max_texts": 30})
    tokens = [of(one, "verify", "judge")["tokens_in"] for one in (found, alone)]
    assert tokens[0] > tokens[1]


def test_tokens_are_those_of_the_messages(project: Project) -> None:
    short = of(previewed(project, 200, verify={"max_texts": 40}), "verify", "judge")
    long = [{**row, "text": row["text"] + " and so on" * 400} for row in pair(200, 0.3, 0.0)]
    project.table("news.parquet", long)
    whole = of(cost.preview(load("news")), "verify", "judge")
    assert whole["n_calls"] == short["n_calls"] == 160
    assert (whole["tokens_in"] - short["tokens_in"]) / 160 == pytest.approx(1000, rel=0.01)
    assert whole["tokens_out"] == short["tokens_out"]
    project.params(news={**PAIR_STUDY, **LLM, "verify": {"max_texts": 40, "max_chars": 400}})
    cut = of(cost.preview(load("news")), "verify", "judge")
    assert (cut["tokens_in"] - short["tokens_in"]) / 160 < 100


def test_money_is_tokens_times_price(project: Project) -> None:
    found = previewed(project, spend={"prices": PRICES, "budget_usd": 5.0})
    tokens_in, tokens_out = (sum(one[name] for one in found["asked"]) for name in ("tokens_in", "tokens_out"))
    assert found["cost_usd"] == pytest.approx((tokens_in + 10 * tokens_out) / 1e6)
    assert found["without_price"] == []


def test_without_a_sample_to_rank_by_no_judge_is_asked_while_proposing(project: Project) -> None:
    found = previewed(project, propose={"judged": 0, "rounds": 2})
    assert {(one["stage"], one["role"]) for one in found["asked"]} == {
        ("propose", "proposer"), ("verify", "judge"), ("record", "rater"),
    }  # fmt: skip
    assert of(found, "propose", "proposer")["n_calls"] == 6


GOLD = {"llm": {"model": "small", "check": False, "gold": {"model": "large"}}, "gold": {"texts": 20}}


def test_a_gold_judge_reads_a_sample_of_each_group(project: Project) -> None:
    alone = previewed(project, 300)
    found = previewed(project, 300, **GOLD, spend={"prices": {**PRICES, "large": PRICES["small"]}})
    gold, judge = of(found, "verify", "gold"), of(found, "verify", "judge")
    n_drawn = label.gold_texts(
        collect.collected(load("news")).texts.filter(half="confirm").sort("text_id"), 20, 0
    ).height
    assert gold["model"] == "large" and 20 < n_drawn < 90
    assert gold["n_calls"] == 2 * n_drawn, "two batches of ten predicates"
    assert judge["n_calls"] == of(alone, "verify", "judge")["n_calls"]
    assert gold["tokens_in"] / gold["n_calls"] == pytest.approx(
        judge["tokens_in"] / judge["n_calls"], rel=0.05
    )
    assert found["cost_usd"] == pytest.approx(sum(one["cost_usd"] for one in found["asked"]))


def test_a_gold_judge_beside_an_engine_that_costs_nothing(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = {"large": {"input": 1.0, "output": 10.0}}
    found = previewed(project, 300, **{**GOLD, "engine": "embedded"}, spend={"prices": prices})
    assert [(one["stage"], one["role"]) for one in found["asked"]] == [("verify", "gold")]
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert "verify   gold      large" in told and "by a judge that errs" in told
    assert "paid for this study so far: 0.00 USD" in told


def test_texts_chosen_by_uncertainty_are_other_ones_for_each_predicate(project: Project) -> None:
    judges = [{"model": "small"}, {"model": "medium"}]
    wanted = {"llm": {**GOLD["llm"], "judge": judges}}
    random = of(previewed(project, 300, **wanted, gold={"texts": 20}), "verify", "gold")
    chosen = of(
        previewed(project, 300, **wanted, gold={"texts": 20, "choose": "uncertain"}), "verify", "gold"
    )
    assert chosen["n_calls"] == 10 * random["n_calls"]
    assert chosen["tokens_in"] > random["tokens_in"]


def test_what_was_paid_is_told_beside_the_budget(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    previewed(project, spend={"prices": PRICES, "budget_usd": 5.0})
    row = ("verify", "judge", (), "small", 50_000, 1_000, 0)
    with answers.opened() as opened:
        opened.put(answers.Paid("h1", "news", *row, 0.5, 0.1, 1, "value"), "{}")
        opened.put(answers.Paid("h2", "news", *row, None, 0.1, 1, "value"), "{}")  # before it had a price
        opened.put(answers.Paid("h3", "others", *row, 9.0, 0.1, 1, "value"), "{}")
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert "paid for this study so far: 0.56 USD; budget: 5.00 USD" in told
    assert "at most 20 predicates" in told
    assert "unknown" not in told


def test_an_unknown_price_says_what_to_write(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    previewed(project)
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert "price of small unknown: write `spend: {prices: {small: {input: USD, output: USD}}}`" in told
    assert not paths.data().exists(), "a preview writes nothing"


def test_json_holds_every_figure(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    found = previewed(project)
    assert main(["cost", "--study", "news", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found


def test_a_sequential_plan_tells_what_judging_would_cost_if_nothing_differs(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {
        "score": {"min_effect": 0.1},
        "verify": {"plan": "sequential", "sequential": {"min_effect": 0.1}},
    }
    found = previewed(project, 600, spend={"prices": PRICES}, **wanted)
    ahead = found["sequential"]
    share = ahead["n_judgements_null"] / ahead["n_grid"]
    assert ahead["n_grid"] == found["n_judgements"] and 0 < share < 0.9
    whole = of(found, "verify", "judge")["cost_usd"]
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert f"about {share * whole:.2f} of at most {whole:.2f} USD for judging" in told
    assert f"expected where nothing differs: {ahead['n_judgements_null']:,} of" in told
    assert "sequential" not in previewed(project, 600)


def test_other_engines_cost_nothing(planted: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--study", "news"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("at most 40 predicates x ")
    assert "judgements, 0.00 USD (engine embedded calls no paid service)\n" in told
    assert "smallest difference found in 4 of 5 cases" in told and "by a judge that errs" in told


def answering(question: Question) -> Any:
    """Proposes a few words and judges by looking for them."""
    task = question.system.split("\n")[0].removeprefix("Task: ")
    if task == "hypotheses":
        words = ("covid", "bridge", "budget", "garden", "spring", "farmer", "road", "hall")
        return {"hypotheses": [f'The text mentions "{word}"' for word in words]}
    if task == "guesses":
        return {"more_in_a": ['mentions "sport"'], "more_in_b": []}
    if task == "ratings":
        lines = [json.loads(line) for line in question.user.split("\n") if line.startswith("{")]
        points = {"relevance": 2, "novelty": 1, "significance": 0}
        return {line["id"]: points for line in lines}
    assert task == "verdicts"
    (text,) = question.texts
    return {
        "verdicts": [
            {"id": row["id"], "holds": _holds(row["predicate"], text["text"])} for row in question.predicates
        ]
    }


def _holds(predicate: str, text: str) -> bool:
    known = planted.truth(predicate, text)
    return predicate.split('"')[1] in text if known is None else known


def test_a_run_asks_no_more_than_was_told_and_its_cost_is_in_every_table(project: Project) -> None:
    with serving(answering) as server:
        llm = {"model": "small", "base_url": server.url}
        told = previewed(project, llm=llm, spend={"prices": PRICES}, record={"n_evidence": 1})
        project.run("news")
        n_asked = len(server.asked)
    by_stage = {
        (stage, role): n
        for stage, role, n in duck.query("calls").select("stage", "role", "n_calls").iter_rows()
    }
    assert set(by_stage) == {(one["stage"], one["role"]) for one in told["asked"]}
    for one in told["asked"]:
        assert 0 < by_stage[one["stage"], one["role"]] <= one["n_calls"]
    assert sum(by_stage.values()) == n_asked
    # The server counts 100 tokens in and 10 out for every call: 200 millionths of a dollar.
    (run,) = duck.query("SELECT * FROM runs").iter_rows(named=True)
    assert run["cost_usd"] == pytest.approx(n_asked * 200e-6)
    per_predicate = duck.query("SELECT cost_usd FROM discoveries")["cost_usd"]
    assert 0 < per_predicate.sum() < run["cost_usd"]
    assert duck.query("SELECT * FROM llm_calls WHERE attempts IS NULL OR cost_usd IS NULL").is_empty()
    assert cost.paid_usd(load("news")) == pytest.approx(run["cost_usd"])
    rated = duck.query("SELECT DISTINCT relevance, novelty, significance, rated_by FROM discoveries").rows()
    assert [row[:3] for row in rated] == [(2.0, 1.0, 0.0)]


def test_a_warm_rerun_asks_nothing_and_records_the_same_bytes(project: Project) -> None:
    with serving(answering) as server:
        llm = {"model": "small", "base_url": server.url}
        previewed(project, llm=llm, spend={"prices": PRICES})
        project.run("news")
        folder = paths.output("news", "record")
        first = {file.name: file.read_bytes() for file in folder.iterdir()}
        n_asked = len(server.asked)
        shutil.rmtree(paths.data() / "news")
        project.run("news")
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == first
        assert len(server.asked) == n_asked
    assert "calls.parquet" in first
