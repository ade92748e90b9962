"""Clusters, classes and a timeline of drawn pictures without captions, each a whole study."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("PIL")

from tasks import paths
from tasks.__main__ import main
from tasks.engines.pictures import wording
from tasks.errors import CorpusError
from tasks.store import frames
from tests.conftest import Project
from tests.drawn_pictures import KINDS, scene, stored
from tests.spec.report_made import Node

N = 96
SHARED: dict[str, Any] = {"goal": "what is in them", "data": "seen"}
STUDIES: dict[str, dict[str, Any]] = {
    "clusters": {"kind": "clusters"},
    "classes": {"kind": "classes", "classes": {"value": "kind"}},
    "timeline": {"kind": "timeline", "timeline": {"value": "day"}},
}


def rows() -> list[dict[str, Any]]:
    """Pictures with their kind and day: grids give way to the sea after the first half."""
    found = []
    for i in range(N):
        kind = KINDS[0] if i % 3 == 0 else KINDS[1 + (i >= N // 2)]
        day = f"20{10 + i // 12:02}-{1 + i % 12:02}-01"
        found.append({"image": f"{i:03}.png", "kind": kind, "day": day})
    return found


def draw(project: Project, **more: Any) -> None:
    folder = project.folder / "seen"
    folder.mkdir()
    for i, row in enumerate(rows()):
        (folder / row["image"]).write_bytes(stored(scene(row["kind"], i)))
    pl.DataFrame(rows()).with_columns(**more).write_parquet(folder / "rows.parquet")


def params(project: Project, **changed: Any) -> None:
    collect = {"path": "rows.parquet", "picture": "image"}
    project.params(
        **{name: {**SHARED, "collect": collect, **one, **changed} for name, one in STUDIES.items()}
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """All three studies with the bundled network, run once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("fitted")
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        project = Project(folder)
        draw(project)
        params(project)
        for name in STUDIES:
            project.run(name)
        yield project


def found(name: str) -> list[dict[str, Any]]:
    tested = frames.read(paths.output(name, "formalise"), "predicates.parquet", frames.PREDICATES)
    scores = frames.read(paths.output(name, "score"), "scores.parquet", frames.SCORES)
    both = scores.join(tested.select("predicate_id", "predicate", "family"), on="predicate_id")
    return both.filter("is_discovery").to_dicts()


def verdicts(name: str, predicate_id: str) -> pl.DataFrame:
    """Of the confirmation pictures their kind, and whether the sentence holds."""
    texts = frames.read(paths.output(name, "collect"), "texts.parquet", frames.TEXTS)
    facts = pl.read_parquet(paths.output(name, "collect") / "pictures.parquet").select("media", "path")
    kinds = pl.DataFrame(rows()).select(pl.col("image").alias("path"), "kind")
    said = frames.scan_verdicts(paths.output(name, "verify")).filter(predicate_id=predicate_id).collect()
    about = texts.select("text_id", "media").join(facts, on="media").join(kinds, on="path")
    return said.join(about, on="text_id").select("kind", "score")


@pytest.mark.parametrize("name", STUDIES)
def test_something_is_found_that_goes_with_what_was_drawn(done: Project, name: str) -> None:
    strongest = found(name)
    assert strongest, name
    spread = []
    for one in strongest:
        shares = verdicts(name, one["predicate_id"]).group_by("kind").agg(pl.col("score").mean())["score"]
        spread.append(max(shares) - min(shares))
    # It tells one kind of drawing from another, on pictures that no proposer saw.
    assert max(spread) > 0.6


@pytest.mark.parametrize("name", STUDIES)
def test_themes_have_names_of_classes_and_nothing_is_quoted(done: Project, name: str) -> None:
    proposals = frames.read(paths.output(name, "propose"), "proposals.parquet", frames.PROPOSALS)
    said = proposals["predicate"]
    assert not said.str.contains("texts").any()
    assert not said.str.contains("such as").any()
    assert set(proposals["family"]) & {"picture", "shows", "theme"}
    named = said.filter(said.str.starts_with("resembles pictures of"))
    classes = {word for name in wording.names() for word in name.casefold().replace("-", " ").split()}
    for sentence in named:
        words = set(sentence.split('"')[1].replace("-", " ").split())
        assert words <= classes, sentence


def test_clusters_ask_how_pictures_look_and_name_themes(done: Project) -> None:
    proposals = frames.read(paths.output("clusters", "propose"), "proposals.parquet", frames.PROPOSALS)
    assert {"theme", "picture"} <= set(proposals["family"])
    assert not (proposals["family"] == "words").any(), "nobody said anything of them"


@pytest.mark.parametrize("name", STUDIES)
def test_pages_and_show_speak_of_pictures(
    done: Project, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Node((paths.output(name, "report") / "index.html").read_text(encoding="utf-8"))
    assert "pictures nobody had looked at" in page.text
    assert "people, and what they do or feel" in page.one("section", id="limits").text
    main(["show", "--study", name])
    assert "bits per picture over" in capsys.readouterr().out
    main(["check", "--study", name])
    said = capsys.readouterr().out
    assert f"{N} pictures:" in said
    assert " texts" not in said


def test_classes_stand_for_words_only_where_most_have_no_caption(done: Project) -> None:
    texts = frames.read(paths.output("clusters", "collect"), "texts.parquet", frames.TEXTS)
    bare = wording.words_of("clusters", texts)
    assert all(len(said.split(", ")) >= wording.N_NAMED for said in bare)
    classes = np.load(paths.output("clusters", "embed") / "classes.npy")
    first = [wording.names()[i] for i in classes.argmax(axis=1)]
    assert [said.startswith(name) for said, name in zip(bare, first, strict=True)] == [True] * N
    said = pl.col("text_id").rank("ordinal") <= N // 2 + 20
    few = pl.col("text_id").rank("ordinal") <= 10
    for who, is_enough in ((said, True), (few, False)):
        captioned = texts.with_columns(text=pl.when(who).then(pl.lit("a ball")).otherwise(pl.lit("")))
        assert wording.are_captioned(captioned) == is_enough


def test_clusters_of_pictures_that_say_nothing_are_refused(project: Project) -> None:
    draw(project)
    params(project, embed={"encoder": "none"})
    with pytest.raises(
        CorpusError, match=r"wanted captions of most pictures \(collect\.text\), or an"
    ) as error:
        project.run("clusters", "collect")
    assert "\n" not in str(error.value)
    project.run("classes", "collect")


def test_captions_are_words_enough_where_no_encoder_looks(project: Project) -> None:
    draw(project, text=pl.col("kind") + " number " + pl.int_range(pl.len()).cast(pl.String))
    params(project, embed={"encoder": "none"})
    project.run("clusters", "collect")
    texts = frames.read(paths.output("clusters", "collect"), "texts.parquet", frames.TEXTS)
    assert wording.words_of("clusters", texts) == texts["text"].to_list()
