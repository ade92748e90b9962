"""A whole study of pictures under `engine: llm`: described, proposed, judged and rated over real HTTP."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import cost
from tasks.engines.gateway.pictures import tokens
from tasks.errors import EngineError, JudgeError
from tasks.store import frames, media
from tasks.study import load
from tests import loopback, picture_study
from tests.conftest import Project
from tests.engines.test_llm_key import KEY, giving_away, shows
from tests.loopback import Plan, Server
from tests.picture_study import PLANTED, as_sent, of_task, painted, prepared, sent, study, urls, user
from tests.scripted_sight import seen, words

NULL = (("shows something purple", "A"), ("is badly lit", "B"))
PLAN = Plan(hypotheses=NULL)
SMALL = {"llm": {"check": False}, "propose": {"judged": 0, "samples": 5, "rounds": 1}}


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
    folder = tmp_path_factory.mktemp("looks")
    asked += picture_study.finished(running, PLAN, folder, lambda made: prepared(made, running))
    return folder


@pytest.fixture
def finished(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`whole`, as the folder in which the test runs."""
    monkeypatch.chdir(whole)


def rows(name: str, stage: str, schema: pl.Schema) -> pl.DataFrame:
    return frames.read(paths.output("looks", stage), f"{name}.parquet", schema)


def test_planted_colours_are_discovered_and_what_does_not_differ_is_not(finished: None) -> None:
    found = {row["predicate"]: row for row in rows("discoveries", "record", frames.DISCOVERIES).to_dicts()}
    assert {*PLANTED, *(said for said, _ in NULL)} <= set(found)
    assert {said for said, row in found.items() if row["is_discovery"]} == set(PLANTED)
    for said, group in PLANTED.items():
        assert found[said]["direction"] == group and abs(found[said]["validity"]) > 0.4
    assert (paths.reports() / "looks" / "index.html").is_file()


def test_verdicts_are_what_the_pixels_show(finished: None) -> None:
    texts = rows("texts", "collect", frames.TEXTS).select("text_id", "media", "half")
    predicates = rows("predicates", "formalise", frames.PREDICATES).select("predicate_id", "predicate")
    files = sorted(paths.output("looks", "verify").glob("part-*.parquet"))
    said = pl.read_parquet(files).join(predicates, on="predicate_id").join(texts, on="text_id")
    red = said.filter(predicate="shows something red")
    shown = [" red" in f"{seen(media.one('looks', one))} " for one in red["media"]]
    assert set(red["half"]) == {"confirm"} and red.height == texts.filter(half="confirm").height
    assert (red["score"] == pl.Series(shown).cast(pl.Float64)).all() and 0.2 < red["score"].mean() < 0.6


def test_only_pictures_of_the_exploration_half_are_described_each_once(
    finished: None, asked: list[dict[str, Any]]
) -> None:
    texts = rows("texts", "collect", frames.TEXTS)
    described = urls(of_task(asked, "description"))
    assert 20 <= len(described) == len(set(described))
    assert set(described) <= as_sent(texts.filter(half="explore"))
    manifest = frames.read_manifest(paths.output("looks", "propose"))
    assert (manifest["n_described"], manifest["n_not_described"]) == (len(described), 0)
    calls = rows("calls", "propose", frames.CALLS)
    assert calls.filter(role="describer").height == len(described)


def test_a_proposer_reads_descriptions_and_a_judge_none(finished: None, asked: list[dict[str, Any]]) -> None:
    described = {seen(data) for body in of_task(asked, "description") for data in sent(body)}
    told, judged = of_task(asked, "hypotheses"), of_task(asked, "verdicts", "yes_or_no")
    lines = [line for body in told for line in user(body).split("\n") if line.startswith("{")]
    read = {row["description"] for row in map(json.loads, lines) if "description" in row}
    assert read and read <= described
    assert not any(map(sent, told)) and all("The picture" in user(body) for body in told)
    assert judged and all(len(sent(body)) == 1 for body in judged)
    assert not any(one in user(body) for body in judged for one in described)


def test_discoveries_are_rated_for_what_pictures_show(finished: None, asked: list[dict[str, Any]]) -> None:
    for row in rows("discoveries", "record", frames.DISCOVERIES).to_dicts():
        assert {row["relevance"], row["novelty"], row["significance"]} <= {0.0, 1.0, 2.0}
    rated, guessed = of_task(asked, "ratings"), of_task(asked, "guesses")
    assert rated and guessed
    for body in (*rated, *guessed):
        assert "pictures" in words(body["messages"][0]["content"])
        assert "text" not in " ".join(words(message["content"]) for message in body["messages"])


@pytest.mark.slow
def test_novelty_of_pictures_is_measured_by_what_sentences_say(project: Project, server: Server) -> None:
    server.change(replace(PLAN, guesses=("The picture shows something red", "The picture is of a mountain")))
    own = {"also": ["a: the picture shows something red", "b: shows something green"], "only": True}
    prepared(project, server, n=25, embed={"encoder": "bundled"}, llm={"check": False}, propose=own)
    project.run("looks")
    found = {row["predicate"]: row for row in rows("discoveries", "record", frames.DISCOVERIES).to_dicts()}
    red, green = (found[f"shows something {colour}"]["novelty_blind"] for colour in ("red", "green"))
    assert 0.0 <= red < 0.05 and red + 0.05 < green <= 2.0  # red was guessed
    assert "novelty_blind, novelty_past measured" in found["shows something red"]["rated_by"]


def test_a_rerun_asks_nothing(whole: Path, running: Server, project: Project, store: Path) -> None:
    shutil.copytree(whole, project.folder, dirs_exist_ok=True)
    shutil.copy(whole / "answers.sqlite", store)
    shutil.rmtree(paths.output("looks", "propose"))
    before = running.stats()["calls"]
    project.run("looks", "propose")
    assert running.stats()["calls"] == before


@pytest.mark.parametrize("each", [1, 10])
def test_a_judge_that_is_not_given_to_see_is_found_out(
    each: int, project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(project, server, n=25, verify={"predicates_per_call": each})
    assert main(["judge", "--study", "looks", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["judges"]
    assert one["passes"] and one["n_right"] == one["n_questions"] == 64
    assert one["by_place"] == {"left": 1.0, "middle": 1.0, "right": 1.0}
    assert one["consistency"] == one["untouched"] == 1.0 and one["obeyed"] == 0.0
    server.change(replace(PLAN, blind=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NATSTAT_ANSWERS", str(project.folder / "blind.sqlite"))
        assert main(["judge", "--study", "looks"]) == 19
    assert "no better than chance" in capsys.readouterr().out


def test_a_study_whose_judge_is_blind_ends_before_anything_is_described(
    project: Project, server: Server
) -> None:
    prepared(project, server, n=25)
    server.change(replace(PLAN, blind=True))
    project.run("looks", "collect", "embed")
    before = server.stats()["by_task"].get("description", 0)
    with pytest.raises(JudgeError, match="better than chance"):
        project.run("looks", "propose")
    assert server.stats()["by_task"].get("description", 0) == before


@pytest.mark.parametrize(
    "words",
    [
        "image_url is not supported by this model",
        "Invalid content type. image_url is only supported by certain models.",
        "unknown variant `image_url`, expected `text`",
        "scripted is not a multimodal model",
        "messages[1].content: Input should be a valid string",
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_server_that_takes_no_pictures_is_one_clear_line(
    words: str, check: bool, project: Project, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(project, server, n=25, llm={"check": check}, spend={"concurrency": 1})
    project.run("looks", "collect", "embed")
    server.change(replace(PLAN, no_pictures=words))
    before = server.stats()["calls"]
    assert main(["propose", "--study", "looks"]) == EngineError.exit_code
    error = capsys.readouterr().err
    assert "model scripted takes no pictures" in error and "llm.judge" in error and "Traceback" not in error
    assert server.stats()["calls"] == before + 1


def test_refused_pictures_are_counted_and_stay(project: Project, server: Server) -> None:
    server.change(replace(PLAN, refusals=0.3))
    prepared(project, server, n=40, record={"max_refusal_share": 0.9}, **SMALL)
    project.run("looks")
    manifest = frames.read_manifest(paths.output("looks", "propose"))
    n, n_not = manifest["n_described"], manifest["n_not_described"]
    assert n and n_not and n + n_not == 10 == 2 * 5
    assert sum(manifest["not_described"].values()) == n_not
    page = paths.report_page("looks").read_text(encoding="utf-8")
    assert f"{n_not} of 10 pictures were not described: refused" in page
    collected = frames.read_manifest(paths.output("looks", "collect"))
    assert collected["n_texts"] == 80


def test_pictures_of_which_nobody_says_a_word_are_an_error(project: Project, server: Server) -> None:
    server.change(replace(PLAN, refusals=1.0))
    prepared(project, server, n=25, **SMALL)
    with pytest.raises(EngineError):
        project.run("looks", "collect", "embed", "propose")


def test_a_model_of_labels_is_proposed_from_descriptions_and_judged_by_pixels(
    project: Project, server: Server
) -> None:
    rng = random.Random(0)
    warm = [rng.random() < 0.5 for _ in range(120)]
    shown = [["red" if is_warm else "blue"] * (rng.random() < 0.8) for is_warm in warm]
    rows_of = [
        {"image": painted(n, colours), "label": "warm" if is_warm else "cool"}
        for n, (colours, is_warm) in enumerate(zip(shown, warm, strict=True))
    ]
    project.table("labelled.parquet", rows_of)
    own = {"kind": "classes", "data": "labelled.parquet", "classes": {"restarts": 1}}
    made = study(server, **own, llm={"check": False}) | {"collect": {"picture": "image"}}
    project.params(looks=made)
    project.run("looks")
    found = {row["predicate"]: row for row in rows("discoveries", "record", frames.DISCOVERIES).to_dicts()}
    assert {said for said, row in found.items() if row["is_discovery"]} & {
        "shows something red",
        "shows something blue",
    }
    assert cost.preview(load("looks"))["asked"][0]["role"] == "describer"


def test_cost_counts_descriptions_and_the_pixels_of_every_role(project: Project, server: Server) -> None:
    prepared(project, server, n=60, llm={"gold": {"model": "strong"}}, gold={"texts": 20})
    found = {(one["stage"], one["role"]): one for one in cost.preview(load("looks"))["asked"]}
    described = found["propose", "describer"]
    assert described["n_calls"] == 36  # three rounds, six pictures of each group
    for key in (("propose", "describer"), ("propose", "judge"), ("verify", "judge"), ("verify", "gold")):
        assert found[key]["tokens_in"] > found[key]["n_calls"] * 100
    assert found["judge", "judge"]["tokens_in"] > found["judge", "judge"]["n_calls"] * 188
    shutil.rmtree(project.folder / "photographs")
    for n, (name, _) in enumerate(PLANTED.items()):
        folder = project.folder / "photographs" / f"set_{'ab'[n]}"
        folder.mkdir(parents=True)
        for number in range(60):
            (folder / f"{number}.png").write_bytes(painted(100 * n + number, [name.split()[-1]], 780))
    larger = {(one["stage"], one["role"]): one for one in cost.preview(load("looks"))["asked"]}
    more = larger["propose", "describer"]["tokens_in"] - described["tokens_in"]
    assert more == 36 * (tokens(780, 780) - tokens(96, 96))


def test_a_budget_ends_describing_and_a_higher_one_goes_on(project: Project, server: Server) -> None:
    prices = {"scripted": {"input": 1000.0, "output": 0.0}}
    prepared(project, server, n=25, spend={"prices": prices, "budget_usd": 1.0, "concurrency": 1}, **SMALL)
    project.run("looks", "collect", "embed")
    before = server.stats()["by_task"].get("description", 0)
    assert main(["propose", "--study", "looks"]) == 16
    n_paid = server.stats()["by_task"]["description"] - before
    assert 0 < n_paid < 10
    prepared(project, server, spend={"prices": prices, "budget_usd": 100.0, "concurrency": 1}, **SMALL)
    assert main(["propose", "--study", "looks"]) == 0
    assert server.stats()["by_task"]["description"] - before == 10


def test_a_key_that_comes_back_in_descriptions_is_written_nowhere(
    project: Project, server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NATSTAT_ANSWERS", str(project.folder / "answers.sqlite"))
    server.change(replace(PLAN, echo_key=True, refusals=0.2))
    prepared(project, server, n=25, **SMALL)
    project.run("looks", "collect", "embed", "propose")
    assert (
        frames.read_manifest(paths.output("looks", "propose"))["n_described"] and server.stats()["key_seen"]
    )
    assert giving_away(project.folder) == [] and not any(map(shows, capfd.readouterr()))
