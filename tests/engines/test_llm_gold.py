"""A gold judge beside the judge: real servers, a judge misled by texts of B, and a better one that is not."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import EngineError
from tasks.store import frames
from tasks.study import load
from tasks.verdicts import gold_draw
from tasks.verify import part
from tasks.verify import stage as verify
from tests import loopback
from tests.conftest import PAIR_STUDY, Project
from tests.llm_study import HYPOTHESES, PLANTED, is_refused, rows, study, verdicts, wanted
from tests.loopback import Plan, Server

MISLED = Plan(seed=1, hypotheses=HYPOTHESES, obeys=True, refusals=0.02)
"""Says yes to everything of a text that names a verdict."""
RIGHT = Plan(seed=2, hypotheses=HYPOTHESES, refusals=0.05)
RULE = {"alpha": 0.05, "min_effect": 0.15}
WALKS = {"plan": "sequential", "sequential": {**RULE, "look_every": 64}}
FREE = {"timeout_s": 10.0}


@dataclass(frozen=True)
class Both:
    """Two servers: the judge's, and that of the proposer and the gold judge."""

    cheap: Server
    better: Server


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with loopback.serve(MISLED) as cheap, loopback.serve(RIGHT) as better:
        yield Both(cheap, better)


def params(both: Both, **blocks: Any) -> dict[str, Any]:
    """The study with a gold judge of 60 texts a group."""
    at = {"base_url": both.better.url, "model": "better"}
    named = {"gold": at, "proposer": at, "rater": at}
    llm = named | blocks.pop("llm", {})
    # Misled, the judge finds all predicates in the same texts: none is left out for that.
    made = {"gold": {"texts": 60}, "spend": FREE, "propose": {"max_phi": 1.0}} | blocks
    return study(both.cheap, llm=llm, **made)


def prepared(project: Project, both: Both, n: int = 240, **blocks: Any) -> Project:
    """The frozen study; two in five texts of B name a verdict."""
    made = rows(n)
    for i, row in enumerate(made):
        row["text"] += " and a verdict" if row["year"] == 2019 and i % 5 < 2 else " and a morning"
    project.table("news.parquet", made)
    project.params(news=params(both, **blocks))
    project.run("news", *paths.STAGES[:4])
    return project


def gold() -> pl.DataFrame:
    """Gold verdicts beside the predicate and the text they are about."""
    found = frames.read(paths.output("news", "verify"), "gold.parquet", frames.GOLD)
    named = verdicts().select("predicate_id", "text_id", "predicate", "text", "group", cheap="score")
    return found.join(named, on=["predicate_id", "text_id"], how="left")


def manifest() -> dict[str, Any]:
    return frames.read_manifest(paths.output("news", "verify"))


def calls() -> pl.DataFrame:
    files = sorted(paths.output("news", "verify").glob("calls-*.parquet"))
    return pl.concat([frames.read(file.parent, file.name, frames.CALLS) for file in files])


def of_verify() -> dict[str, bytes]:
    """Every table of the stage but the calls, of which a finished run may have needed others."""
    folder = paths.output("news", "verify")
    return {f.name: f.read_bytes() for f in sorted(folder.glob("*.parquet")) if "calls" not in f.name}


def test_the_gold_judge_reads_a_sample_and_is_right(project: Project, both: Both) -> None:
    prepared(project, both, n=320).run("news", "verify")
    found = gold()
    assert found["cheap"].null_count() == 0, "only what the judge gave a value for"
    held_out = kinds.load("corpus_pair").units(
        load("news"), frames.read(paths.output("news", "collect"), "texts.parquet", frames.TEXTS)
    )
    chance = gold_draw.chances(held_out, 60)
    chosen = set(held_out.filter(pl.Series(gold_draw.are_drawn(held_out, chance, 0)))["text_id"])
    usable = set(verdicts().filter(pl.col("status") == "value")["text_id"])
    assert set(found["text_id"]) == chosen & usable and len(chosen) < held_out.height
    assert found.height == len(chosen & usable) * len(HYPOTHESES)
    expected = dict(zip(held_out["text_id"], chance, strict=True))
    assert found["chance"].to_list() == [expected[text_id] for text_id in found["text_id"]]
    refused = pl.Series([is_refused(RIGHT, text) for text in found["text"]])
    assert refused.any() and (found["status"] == "refusal").to_list() == refused.to_list()
    values = found.filter(~refused)
    assert values["score"].to_list() == wanted(Plan(), values).to_list()
    wrong = (
        values.with_columns(wrong=pl.col("cheap") != pl.col("score")).group_by("group").agg(pl.mean("wrong"))
    )
    rate = dict(wrong.iter_rows())
    assert rate["A"] == 0 and rate["B"] > 0.1, "the judge errs in B alone"


def test_whom_was_asked_what_is_in_the_calls_and_the_manifest(project: Project, both: Both) -> None:
    prepared(project, both).run("news", "verify")
    found, told = calls(), manifest()
    asked = {role: rows for (role,), rows in found.group_by("role")}
    assert set(asked) == {"judge", "gold"}
    assert set(asked["gold"]["model"]) == {"better"} and set(asked["judge"]["model"]) == {"scripted"}
    assert told["n_calls"] == found["request_hash"].n_unique()
    assert told["tokens"]["in"] == found["tokens_in"].sum()
    assert told["gold"]["judge"] == roles.gold_judge(load("news")).name != told["judge"]
    assert told["gold"]["n_asked"] == gold().height
    assert told["gold"]["n_gold_texts"] == gold()["text_id"].n_unique()
    assert 0 < told["gold"]["n_refused"] < gold().height


def test_neither_a_rerun_nor_other_shards_ask_anything_again(project: Project, both: Both) -> None:
    prepared(project, both).run("news", "verify")
    first, n_calls = gold(), both.better.stats()["calls"]
    project.run("news", "verify")
    project.params(news=params(both, verify={"shard_size": 50}))
    project.run("news", "formalise", "verify")
    assert gold().equals(first)
    assert both.better.stats()["calls"] == n_calls


def test_the_judge_may_be_another_engine(project: Project, both: Both) -> None:
    prepared(project, both)
    at = {"base_url": both.better.url, "model": "better"}
    blocks = {"llm": {"gold": at}, "gold": {"texts": 40}, "spend": FREE}
    project.params(news={**PAIR_STUDY, **blocks})
    project.run("news", "propose", "formalise", "verify")
    found = gold()
    assert found["cheap"].null_count() == 0 and found.height > 40
    assert manifest()["judge"].startswith("embedded") and manifest()["gold"]["judge"].startswith("llm/")
    assert set(calls()["role"]) == {"gold"}
    quoted = found.filter(pl.col("predicate").str.contains('"') & (pl.col("status") == "value"))
    assert quoted.height and quoted["score"].to_list() == wanted(Plan(), quoted).to_list()
    assert manifest()["n_cut"] == 0


def test_a_panel_tells_what_each_judge_said(project: Project, both: Both) -> None:
    panel = [
        {"model": "one"},
        {"model": "two"},
        {"model": "two", "temperature": 1.0, "base_url": both.better.url},
    ]
    prepared(project, both, n=60, llm={"judge": panel}, gold={}).run("news", "verify")
    files = sorted(paths.output("news", "verify").glob("panel-*.parquet"))
    found = pl.concat([frames.read(file.parent, file.name, frames.PANEL) for file in files])
    assert set(found["judge"]) == {"one", "two #1", "two #2"}
    mean = found.group_by("predicate_id", "text_id").agg(pl.mean("score"), n=pl.len())
    both_of = verdicts().join(mean, on=["predicate_id", "text_id"], suffix="_mean")
    whole = both_of.filter(pl.col("status") == "value")
    assert whole.height and (whole["n"] == 3).all()
    assert whole["score"].to_list() == pytest.approx(whole["score_mean"].to_list())
    assert set(both_of.filter(pl.col("status") != "value")["n"]) <= {1, 2}
    named = found.join(
        verdicts().select("predicate_id", "text_id", "predicate", "text"), on=["predicate_id", "text_id"]
    )
    for judge, plan in (("one", MISLED), ("two #2", RIGHT)):
        of = named.filter(pl.col("judge") == judge)
        assert of["score"].to_list() == wanted(plan, of).to_list()


def test_the_gold_judge_is_asked_where_a_panel_is_at_odds(project: Project, both: Both) -> None:
    panel = [{"model": "one"}, {"model": "two", "base_url": both.better.url}]
    choose = {"texts": 30, "choose": "uncertain"}
    prepared(project, both, llm={"judge": panel}, gold=choose).run("news", "verify")
    found, split = gold(), pl.col("cheap") == 0.5
    judged = verdicts().filter(pl.col("status") == "value")
    odds = judged.filter(pl.col("score") == 0.5).height / judged.height
    assert 0.02 < odds < 0.3 and found.select(split.mean()).item() > 1.5 * odds
    assert (
        found.filter(split)["chance"].min() > found.filter(~split & (pl.col("chance") < 1))["chance"].median()
    )  # type: ignore[operator]
    first, n_calls = gold(), both.better.stats()["calls"]
    project.params(news=params(both, llm={"judge": panel}, gold=choose, verify={"shard_size": 50}))
    project.run("news", "formalise", "verify")
    assert gold().equals(first) and both.better.stats()["calls"] == n_calls


@pytest.mark.parametrize("decides", [False, True])
def test_a_walk_asks_both_judges_and_stops_by_the_one_that_decides(
    decides: bool, project: Project, both: Both
) -> None:
    asked = {"texts": 200, "decides": decides}
    prepared(project, both, n=700, verify=WALKS, score=RULE, gold=asked).run("news", "verify", "score")
    scored = frames.read(paths.output("news", "score"), "scores.parquet", frames.SCORES)
    named = verdicts().select("predicate_id", "predicate").unique()
    decisions = dict(scored.join(named, on="predicate_id").select("predicate", "decision").iter_rows())
    found = {predicate for predicate, decision in decisions.items() if decision == "confirmed"}
    # Misled, the judge takes two in five texts of B for all there is: what is said of A is lost.
    assert ('mentions "covid"' in found) == decides
    assert found <= set(PLANTED) or not decides
    at_last = gold()
    assert at_last["cheap"].null_count() == 0
    seen = verdicts().filter(pl.col("status") == "value").group_by("predicate_id").len()
    per = at_last.group_by("predicate_id").len().join(seen, on="predicate_id", suffix="_judged")
    assert ((per["len"] / per["len_judged"] - at_last["chance"].mean()).abs() < 0.2).all()
    assert manifest()["n_asked"] < manifest()["n_grid"]


def test_a_walk_that_is_killed_pays_neither_judge_twice(
    project: Project, both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = {"verify": WALKS, "score": RULE, "gold": {"texts": 60, "decides": True}}
    prepared(project, both, **blocks).run("news", "verify")
    whole, n_looks = of_verify(), manifest()["n_looks"]
    assert "gold.parquet" in whole and n_looks > 2
    shutil.rmtree(paths.output("news", "verify"))
    paths.answers().unlink()
    before = [server.stats()["answered"] for server in (both.cheap, both.better)]
    write, n_written = frames.write_file_whole, []

    def killed(frame: pl.DataFrame, file: Any, schema: Any) -> None:
        n_written.append(file.name)
        if file.name == "part-0001.parquet":
            raise EngineError("killed.")
        write(frame, file, schema)

    with monkeypatch.context() as broken:
        broken.setattr(part.frames, "write_file_whole", killed)
        with pytest.raises(EngineError, match="killed"):
            project.run("news", "verify")
    assert n_written.index("gold-0001.parquet") < n_written.index("part-0001.parquet"), "the part comes last"
    verify._planned.cache_clear()
    project.run("news", "verify")
    assert of_verify() == whole
    n_calls = calls().group_by("role").agg(pl.col("request_hash").n_unique())
    paid = [
        server.stats()["answered"] - n for server, n in zip((both.cheap, both.better), before, strict=True)
    ]
    assert dict(n_calls.iter_rows()) == {"judge": paid[0], "gold": paid[1]}


def test_a_budget_that_the_gold_judge_ends_leaves_a_result(project: Project, both: Both) -> None:
    prices = {name: {"input": 1.0, "output": 1.0} for name in ("scripted", "better")}
    spend = {**FREE, "prices": prices, "concurrency": 4}
    blocks = {"verify": WALKS, "score": RULE, "gold": {"texts": 60, "decides": True}}
    prepared(project, both, spend=spend, **blocks).run("news", "verify")
    whole, told = of_verify(), manifest()
    usd = (told["tokens"]["in"] + told["tokens"]["out"]) / 1e6
    shutil.rmtree(paths.output("news", "verify"))
    paths.answers().unlink()
    project.params(news=params(both, spend={**spend, "budget_usd": usd / 2}, **blocks))
    project.run("news", "verify", "score")
    ended = manifest()
    assert ended["ended"] == "budget" and 0 < ended["n_looks"] < told["n_looks"]
    assert 0 < ended["gold"]["n_asked"] < told["gold"]["n_asked"]
    before = both.better.stats()["answered"]
    project.params(news=params(both, spend={**spend, "budget_usd": usd * 10}, **blocks))
    project.run("news", "verify")
    assert of_verify() == whole and "ended" not in manifest()
    of_gold = calls().filter(pl.col("role") == "gold")["request_hash"].n_unique()
    assert 0 < both.better.stats()["answered"] - before < of_gold
