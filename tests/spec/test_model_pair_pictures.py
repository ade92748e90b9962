"""Two models that make pictures: how they are read, a whole study of them, and what is refused."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("PIL")

from tasks import paths
from tasks.__main__ import main
from tasks.collect.stage import Collected, collected
from tasks.errors import CorpusError, ParamsError
from tasks.kinds.model_pair.embedded import definitions, forms, looking
from tasks.store import frames
from tasks.study import load
from tests.conftest import Project
from tests.drawn_pictures import KINDS, scene, stored
from tests.spec.report_made import Node

N = 70
STUDY: dict[str, Any] = {
    "goal": "how the two generators differ",
    "kind": "model_pair",
    "data": "made",
    "embed": {"encoder": "none"},
}


def draw(folder: Path, n: int = N) -> Path:
    """Two folders of pictures of the same names: what is on them is alike, and `bright` mostly lighter."""
    for model, light in (("bright", 40), ("dim", 0)):
        (folder / model).mkdir(parents=True)
        for i in range(n):
            picture = scene(KINDS[i % 3], i, 48, light if i % 7 else 0)
            (folder / model / f"prompt-{i:03}.png").write_bytes(stored(picture))
    return folder


@pytest.fixture
def made(project: Project) -> Path:
    return draw(project.folder / "made", 24)


def read(project: Project, **entry: Any) -> Collected:
    project.params(made={**STUDY, **entry})
    return collected(load("made"))


def table(folder: Path, form: str) -> list[dict[str, Any]]:
    """A row a prompt with both pictures."""

    def cell(model: str, name: str) -> Any:
        data = (folder / model / name).read_bytes()
        if form == "bytes":
            return data
        return f"{model}/{name}" if form == "paths" else f"data:;base64,{base64.b64encode(data).decode()}"

    names = sorted(file.name for file in (folder / "bright").iterdir())
    return [
        {"prompt": Path(name).stem, "one": cell("bright", name), "other": cell("dim", name)} for name in names
    ]


def pairs(found: Collected) -> list[Any]:
    kept = found.texts.sort("context", "group").select("context", "group", "media", "half", "text_hash")
    return kept.rows()


@pytest.mark.parametrize("form", ["paths", "bytes", "uris"])
def test_folders_and_columns_are_the_same_study(project: Project, made: Path, form: str) -> None:
    of_folders = read(project)
    assert of_folders.texts.height == 48
    assert of_folders.manifest["names"] == {"A": "bright", "B": "dim"}
    rows = pl.DataFrame(table(made, form))
    rows.write_parquet(made / "rows.parquet")
    wide = {"answers": ["one", "other"], "pictures": True, "models": ["bright", "dim"]}
    assert pairs(read(project, collect={"path": "rows.parquet"}, model_pair=wide)) == pairs(of_folders)
    long = pl.concat(
        rows.select("prompt", pl.lit(model).alias("model"), pl.col(column).alias("image"))
        for column, model in (("one", "bright"), ("other", "dim"))
    )
    long.write_parquet(made / "long.parquet")
    block = {"model": "model", "answer": "image", "pictures": True, "models": ["bright", "dim"]}
    assert pairs(read(project, collect={"path": "long.parquet"}, model_pair=block)) == pairs(of_folders)


def test_bytes_of_a_column_are_left_in_their_file(project: Project, made: Path) -> None:
    from tasks.store.sources.opened import Opened
    from tasks.store.sources.reader import Pick

    pl.DataFrame(table(made, "bytes")).write_parquet(made / "rows.parquet")
    project.params(made={**STUDY, "collect": {"path": "rows.parquet"}})
    opened = Opened(load("made"), Pick("one", "answers", block="model_pair"))
    assert set(opened.columns) >= {"prompt", "_picture"}
    assert not {"one", "other"} & set(opened.columns)


def test_a_prompt_is_one_document_and_equal_pictures_are_a_tie(project: Project, made: Path) -> None:
    found = read(project)
    assert found.texts["document_id"].n_unique() == 24
    assert found.texts.group_by("document_id").agg(pl.col("half").n_unique())["half"].max() == 1
    # Each seventh picture is the same of both.
    assert any("both answers are the same in 4 of 24 pairs" in told for told in found.manifest["warnings"])


def test_a_pair_without_both_pictures_is_left_out_and_counted(project: Project, made: Path) -> None:
    (made / "dim" / "prompt-003.png").unlink()
    (made / "bright" / "prompt-005.png").write_bytes(b"no picture")
    found = read(project)
    assert found.texts.height == 44
    assert not {"prompt-003", "prompt-005"} & set(found.texts["context"])
    assert found.manifest["read"]["left_out"] == {"with a picture of one model alone": 1}
    assert found.manifest["read"]["missing"] == {"bright": 0, "dim": 1}
    told = " ".join(found.manifest["warnings"])
    assert "1 picture of which the file" in told
    assert "1 picture of which the other model's cannot be read" in told


def test_folders_without_a_common_name_are_no_pairs(project: Project, made: Path) -> None:
    for file in (made / "dim").iterdir():
        file.rename(file.with_name(f"other-{file.name}"))
    with pytest.raises(CorpusError, match="wanted prompts that two models answered, got none"):
        read(project)


def test_a_third_folder_asks_which_two_are_meant(project: Project, made: Path) -> None:
    (made / "third").mkdir()
    (made / "third" / "prompt-000.png").write_bytes((made / "dim" / "prompt-000.png").read_bytes())
    with pytest.raises(CorpusError, match=r"has 3: bright, dim, third\. Write models: \[ONE, ANOTHER\]"):
        read(project)
    chosen = read(project, model_pair={"models": ["dim", "bright"], "model": "folder", "prompt": "name"})
    assert chosen.manifest["names"] == {"A": "dim", "B": "bright"}


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"collect": {"picture": "one"}}, "pictures: true"),
        (
            {"model_pair": {"pictures": True, "ask": [{"model": "a"}, {"model": "b"}]}},
            "wanted no `pictures` with `ask`",
        ),
    ],
)
def test_what_is_refused_before_anything_is_read(
    project: Project, made: Path, entry: dict[str, Any], wanted: str
) -> None:
    with pytest.raises(ParamsError, match=wanted):
        read(project, **entry)


def test_a_column_of_numbers_is_no_column_of_pictures(project: Project, made: Path) -> None:
    rows = [{**row, "other": i} for i, row in enumerate(table(made, "paths"))]
    pl.DataFrame(rows).write_parquet(made / "rows.parquet")
    block = {"answers": ["one", "other"], "pictures": True}
    with pytest.raises(Exception, match=r"model_pair\.answers: wanted paths, bytes or data URIs") as raised:
        read(project, collect={"path": "rows.parquet"}, model_pair=block)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("name", looking.SAYINGS)
def test_what_is_said_of_a_measure_is_read_back(name: str, less: bool) -> None:
    definition = {"kind": definitions.KIND, "measure": name, **({"less": True} if less else {})}
    assert forms.part_of(definitions.phrase(definition)) == definition
    assert definitions.read(definitions.written(definition), "it") == definition


@pytest.mark.parametrize("sentence", ["shows a {} more", "shows something more like a {}", "{whole}"])
def test_a_class_is_compared_by_its_name(sentence: str) -> None:
    definition = {"kind": definitions.KIND, "class": 733, "name": "pole"}
    said = sentence.format("pole", whole=definitions.phrase(definition))
    assert forms.part_of(said) == definition


# A whole study.


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A study with the bundled network, run once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("pictures")
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        project = Project(folder)
        draw(folder / "made")
        also = ["is lighter", "shows a ping-pong ball more"]
        project.params(made={**STUDY, "embed": {}, "propose": {"also": also}})
        project.run("made")
        yield project


def test_the_planted_difference_is_found_and_classes_are_proxies(done: Project) -> None:
    tested = frames.read(paths.output("made", "formalise"), "predicates.parquet", frames.PREDICATES)
    scores = frames.read(paths.output("made", "score"), "scores.parquet", frames.SCORES)
    rows = {
        row["predicate"]: row
        for row in scores.join(tested.select("predicate_id", "predicate"), on="predicate_id").to_dicts()
    }
    lighter = rows["is lighter"]
    assert lighter["is_discovery"]
    assert lighter["validity"] > 0.6
    assert set(tested["family"]) >= {"user", "picture"}
    assert "has more pixels" not in rows, "they all have as many"
    assert {row["grade"] for row in tested.to_dicts() if "shows" in row["predicate"]} <= {"proxy"}


def test_the_surface_of_pictures_stands_beside(done: Project) -> None:
    told = pl.read_parquet(paths.output("made", "score") / "telling.parquet")
    assert told["by"].to_list() == ["traits", "surface", "size", "majority"]
    accuracy = dict(zip(told["by"], told["accuracy"], strict=True))
    assert accuracy["traits"] > 0.75
    assert accuracy["size"] == accuracy["majority"] == 0.5
    beside = pl.read_parquet(paths.output("made", "score") / "baselines.parquet")
    effect = dict(zip(beside["baseline"], beside["validity"], strict=True))
    assert effect["is lighter"] > 0.6
    assert effect["has more pixels"] == 0


def test_the_page_shows_both_pictures_and_speaks_of_them(done: Project) -> None:
    page = Node((paths.output("made", "report") / "index.html").read_text(encoding="utf-8"))
    exhibit = page.one("section", id="answers").nodes("article")[0]
    assert len(exhibit.nodes("img")) == 2
    assert {image.attrs["src"][:23] for image in exhibit.nodes("img")} == {"data:image/jpeg;base64,"}
    text = page.text
    assert "the picture that" in text
    assert "the answer that …" not in text
    assert "size, shape, lightness" in text
    assert "an empty answer" not in text
    limits = page.one("section", id="limits").text
    assert "which picture is better made" in limits
    assert "hedges or refuses" not in limits


def test_show_and_check_speak_of_pictures(done: Project, capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "--study", "made"])
    assert "size alone 50%" in capsys.readouterr().out
    main(["check", "--study", "made"])
    assert "A bright against B dim: 70 pairs" in capsys.readouterr().out
