"""Kind directions on pictures under `engine: llm`: ends are named from descriptions and judged by pixels."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.commands import cost
from tasks.errors import EngineError, SourceError
from tasks.kinds.directions.llm import proposing
from tasks.store import frames, media
from tasks.study import load
from tests import loopback, picture_study
from tests.conftest import Project
from tests.engines.test_llm_kill import started
from tests.engines.test_llm_picture_kill import killed_at
from tests.loopback import Plan, Server
from tests.picture_study import as_sent, of_task, painted, sent, urls, user
from tests.scripted_sight import seen

PLAN = Plan(hypotheses=(("is badly lit", "A"),))
PLANTED = {"p0": "red", "p1": "green"}
NOISE = ["n0"]
N = 300
SMALL = {"propose": {"judged": 0, "samples": 5}}


def save_inputs(folder: Path, n: int) -> None:
    """Pictures with discs, and activations of units that fire on a colour, and of others on nothing."""
    rng = np.random.default_rng(0)
    shown = rng.random((n, 3)) < [0.15, 0.15, 0.4]
    (folder / "shown").mkdir(parents=True)
    names = [f"shown/{i:04}.png" for i in range(n)]
    for i, (name, has) in enumerate(zip(names, shown, strict=True)):
        colours = [one for one, is_there in zip((*PLANTED.values(), "yellow"), has, strict=True) if is_there]
        (folder / name).write_bytes(painted(i, colours))
    fires = 4.0 * shown[:, :2] + rng.normal(size=(n, 2))
    values = dict(zip((*PLANTED, *NOISE), np.hstack([fires, rng.normal(size=(n, 1))]).T, strict=True))
    pl.DataFrame({"file": names, **values}).write_parquet(folder / "activations.parquet")


def prepared(project: Project, url: str, n: int = N, **blocks: Any) -> Project:
    """A project with the study `looks`."""
    if not (project.folder / "inputs").exists():
        save_inputs(project.folder / "inputs", n)
    made: dict[str, Any] = {
        "kind": "directions",
        "goal": "what units see",
        "data": "inputs",
        "collect": {"path": "shown"},
        "embed": {"encoder": "none"},
        "directions": {"activations": "activations.parquet", "id": "file"},
        "engine": "llm",
        "llm": {"base_url": url, "model": "scripted", "check": False},
        "spend": {"timeout_s": 10.0, "concurrency": 8, "attempts": 12},
        "propose": {"judged": 20},
    }
    for name, block in blocks.items():
        made[name] = {**made.get(name, {}), **block} if isinstance(block, dict) else block
    project.params(looks=made)
    return project


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with loopback.serve(PLAN) as server:
        yield server


@pytest.fixture
def server(running: Server, store: Path) -> Server:
    running.change(PLAN)
    return running


@pytest.fixture(scope="module")
def asked() -> list[dict[str, Any]]:
    """What the finished study asked."""
    return []


@pytest.fixture(scope="module")
def whole(running: Server, asked: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study; tests read it and leave it as it is."""
    folder = tmp_path_factory.mktemp("units-seen")
    asked += picture_study.finished(running, PLAN, folder, lambda made: prepared(made, running.url))
    return folder


@pytest.fixture
def finished(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`whole`, as the folder in which the test runs."""
    monkeypatch.chdir(whole)


def table(stage: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(paths.output("looks", stage) / f"{name}.parquet")


def test_planted_units_are_named_by_what_is_seen_and_noise_is_not(finished: None) -> None:
    scores = table("score", "scores").filter("is_discovery")
    found = scores.join(table("score", "readings"), on="predicate_id")
    high = found.filter(end="high")
    assert dict(high.select("unit", "sentence").iter_rows()) == {
        unit: f"shows something {colour}" for unit, colour in PLANTED.items()
    }
    assert not set(found["unit"]) & set(NOISE)
    page = paths.report_page("looks").read_text(encoding="utf-8")
    assert "data:image/" in page and "small things: a picture is made smaller" in page


def test_verdicts_are_what_the_pixels_show_of_each_end_and_of_random_inputs(finished: None) -> None:
    texts, predicates = table("collect", "texts"), table("formalise", "predicates")
    verdicts = table("verify", "part-0000").filter(status="value").join(texts, on="text_id")
    red = predicates.filter(pl.col("predicate").str.ends_with("shows something red"))["predicate_id"]
    said = verdicts.filter(pl.col("predicate_id").is_in(red.to_list()))
    shown = [" red" in seen(media.one("looks", one)) for one in said["media"]]
    assert (said["score"] == pl.Series(shown).cast(pl.Float64)).all() and any(shown) and not all(shown)
    scores = table("score", "scores")
    assert verdicts.height == scores.select(pl.sum("n_a") + pl.sum("n_b")).item()


def test_a_half_is_described_and_read_and_the_other_is_seen_by_the_judge(
    finished: None, asked: list[dict[str, Any]]
) -> None:
    texts = table("collect", "texts").filter(half="explore").sort("text_id")
    may = proposing.shown_rows(texts, 0)
    described = urls(of_task(asked, "description"))
    assert 20 < len(described) == len(set(described))
    assert set(described) <= as_sent(texts.filter(may))
    told = of_task(asked, "units")
    said = {seen(data) for body in of_task(asked, "description") for data in sent(body)}
    lines = [line for body in told for line in user(body).split("\n") if line.startswith("{")]
    assert {row["description"] for row in map(json.loads, lines) if "description" in row} == said
    assert not any(map(sent, told))
    assert not any(re.search(r"\b[pn]\d\b|\b(?:high|low)\b|\btexts?\b", user(body)) for body in told)
    judged = of_task(asked, "verdicts", "yes_or_no")
    assert judged and all(len(sent(body)) == 1 for body in judged)
    assert not set(urls(judged)) & set(described)
    assert frames.read_manifest(paths.output("looks", "propose"))["n_described"] == len(described)
    assert table("propose", "calls").filter(role="describer").height == len(described)


def test_what_is_kept_has_hashes_of_pictures_and_no_bytes(whole: Path) -> None:
    kept = b"".join(file.read_bytes() for file in whole.glob("answers.sqlite*"))
    assert b"base64" not in kept and len(kept) > 10_000


def test_cost_counts_descriptions_and_pictures_at_most(finished: None, asked: list[dict[str, Any]]) -> None:
    told = {(one["stage"], one["role"]): one for one in cost.preview(load("looks"))["asked"]}
    counted = Counter("describer" for _ in of_task(asked, "description"))
    assert counted["describer"] <= told["propose", "describer"]["n_calls"] <= N / 4 + 10
    assert told["propose", "proposer"]["n_calls"] == len(of_task(asked, "units")) == 6
    verified = frames.read_manifest(paths.output("looks", "verify"))["n_calls"]
    assert verified <= told["verify", "judge"]["n_calls"]
    for key in (("propose", "describer"), ("propose", "judge"), ("verify", "judge")):
        assert told[key]["tokens_in"] > told[key]["n_calls"] * 100


def test_refused_pictures_are_counted_and_silence_about_all_is_an_error(
    project: Project, server: Server
) -> None:
    server.change(replace(PLAN, refusals=0.3))
    prepared(project, server.url, n=150, **SMALL)
    project.run("looks", "collect", "embed", "propose")
    manifest = frames.read_manifest(paths.output("looks", "propose"))
    assert manifest["n_described"] > 0 < manifest["n_not_described"]
    assert sum(manifest["not_described"].values()) == manifest["n_not_described"]
    server.change(replace(PLAN, refusals=1.0))
    prepared(project, server.url, seed=1, **SMALL)
    with pytest.raises(EngineError, match="pictures of any end none has a caption, or a description"):
        project.run("looks", "collect", "embed", "propose")


def test_a_file_of_activations_names_units_on_pictures_offline_too(project: Project) -> None:
    prepared(project, "http://127.0.0.1:9", n=200, engine="embedded")
    project.run("looks", "collect", "embed", "propose")
    said = table("propose", "proposals")["predicate"].to_list()
    for unit, colour in PLANTED.items():
        assert any(one.startswith(f"{unit} high: is {colour} on") for one in said), said


def test_a_corpus_of_texts_beside_one_of_pictures_is_refused(project: Project, server: Server) -> None:
    prepared(project, server.url, n=20)
    activations = pl.read_parquet("inputs/activations.parquet")
    activations.select("file", text=pl.format("the note {}", "file")).write_csv("inputs/notes.csv")
    also = {"path": "notes.csv", "activations": "activations.parquet"}
    prepared(project, server.url, directions={"also_on": also})
    with pytest.raises(SourceError, match="wanted pictures in both corpora, or texts in both"):
        project.run("looks", "collect")


@pytest.mark.long
def test_killed_while_it_describes_and_while_it_judges_it_pays_at_most_what_was_in_flight(
    project: Project, whole: Path, store: Path
) -> None:
    with loopback.serve(replace(PLAN, latency_s=0.05)) as slow:
        prepared(project, slow.url)
        project.run("looks", "collect", "embed")
        killed_at("description", started(project, store, "propose", "looks"), slow)
        project.run("looks", "propose", "formalise")
        killed_at("verdicts", started(project, store, "verify", "looks"), slow)
        project.run("looks", "verify")
        assert slow.stats()["repeated"] <= 2 * 8
    for name in ("3_proposals/proposals.parquet", "5_verdicts/part-0000.parquet"):
        file = Path("data/looks") / name
        assert file.read_bytes() == (whole / file).read_bytes(), name
