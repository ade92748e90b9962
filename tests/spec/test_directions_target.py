"""Kind directions on an encoder itself: heads, MLPs and neurons as units, words and a bank as their names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.__main__ import main
from tasks.kinds.directions import encoding, ends
from tasks.study import load
from tests.conftest import STAGES, Project, sentences
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

BANK = [
    "the council opens the old bridge this week during the covid outbreak",
    "our team plans a garden this week after the spring holiday",
    "a farmer sells its budget in the railway",
    "a cat sleeps",
]
PARAMS, SOURCE, CORPUS, ENGINE = 10, 11, 12, 16


def study(**changed: Any) -> dict[str, Any]:
    return {
        "kind": "directions",
        "goal": "what heads respond to",
        "data": "inputs",
        "collect": {"path": "texts.csv", "near_duplicates": None},
        "embed": {"encoder": "none"},
        "directions": {"target": "tiny"},
        **changed,
    }


def save(project: Project, texts: list[str]) -> None:
    """An encoder with random weights, texts, and a bank of sentences."""
    (project.folder / "inputs").mkdir(exist_ok=True)
    save_tiny_encoder(project.folder / "tiny")
    pl.DataFrame({"text": texts}).write_csv(project.folder / "inputs" / "texts.csv")
    (project.folder / "inputs" / "bank.txt").write_text("\n".join(["", *BANK, BANK[0]]), encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Studies of heads, of heads with a bank, and of neurons, that have run."""
    folder = tmp_path_factory.mktemp("heads")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        project = Project(folder)
        save(project, sentences(400, 0.5, 0))
        project.params(
            heads=study(),
            bank=study(
                embed={"encoder": "tiny"},
                directions={"target": "tiny", "bank": "bank.txt", "spans": 2},
            ),
            neurons=study(directions={"target": "tiny", "parts": "neurons", "units": ["n0.3", "n0.11"]}),
        )
        project.run("heads")
        project.run("bank")
        project.run("neurons", *STAGES[:6])
    return project


def table(project: Project, study_name: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.folder / "data" / study_name / name)


def found(project: Project, name: str) -> pl.DataFrame:
    scores = table(project, name, "6_scores/scores.parquet").filter("is_discovery")
    return scores.join(table(project, name, "6_scores/readings.parquet"), on="predicate_id")


def test_heads_are_named_by_the_phrase_that_drives_them(done: Project) -> None:
    named = found(done, "heads")
    told = named.filter(named["sentence"].str.contains("covid|outbreak|during|holiday|spring|after"))
    assert told.height
    assert (told["auroc"] - 0.5).abs().min() > 0.2


def test_a_bank_names_the_high_end_of_each_direction(done: Project) -> None:
    units = table(done, "bank", "2_embeddings/units.parquet")
    assert units["unit"].to_list() == ["h0.0/1", "h0.0/2", "h0.1/1", "h0.1/2"]
    assert set(units["sentence"]) <= set(BANK)
    assert units["share"].is_between(0, 1).all()
    sentence = dict(units.select("unit", "sentence").iter_rows())
    frozen = table(done, "bank", "4_predicates/predicates.parquet")
    assert frozen.height
    for row in frozen.iter_rows(named=True):
        definition = json.loads(row["definition"])
        assert definition["end"] == ends.HIGH
        assert definition["anchor"] == sentence[definition["unit"]]
        assert row["predicate"].startswith(
            f'{definition["unit"]} high: resembles "{definition["anchor"]}" (top '
        )
        assert row["grade"] == "proxy"


def test_a_direction_says_how_much_of_its_part_it_spans_on_new_inputs(done: Project) -> None:
    for name in ("heads", "bank"):
        readings = table(done, name, "6_scores/readings.parquet")
        shares = dict(table(done, name, "2_embeddings/units.parquet").select("unit", "share").iter_rows())
        seen = np.array([shares[unit] for unit in readings["unit"]])
        # Another half of the same corpus: what is spanned there is near what was spanned here.
        np.testing.assert_allclose(readings["spans"].to_numpy(), seen, atol=0.1)
    assert table(done, "neurons", "6_scores/readings.parquet")["spans"].is_null().all()


def test_neurons_need_no_direction(done: Project) -> None:
    units = table(done, "neurons", "2_embeddings/units.parquet")
    assert units["unit"].to_list() == ["n0.3", "n0.11"]
    assert units["share"].is_null().all()
    assert not (done.folder / "data" / "neurons" / "2_embeddings" / "squared_distances.npy").exists()


def test_pages_show_units(done: Project) -> None:
    for name, n_units in (("heads", 2), ("bank", 4)):
        page = (done.folder / "reports" / name / "index.html").read_text(encoding="utf-8")
        assert f"{n_units} units" in page


def test_confirmation_texts_change_no_direction_and_a_rerun_nothing(
    done: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = table(done, "heads", "1_texts/texts.parquet")
    seen, new = (texts.filter(half=half)["text"].to_list() for half in ("explore", "confirm"))
    for name, confirmed in (("again", new), ("fewer", new[: 4 * len(new) // 5])):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        project = Project(tmp_path / name)
        save(project, seen + confirmed)
        project.params(heads=study())
        project.run("heads", "collect", "embed")
        was, now = (p.folder / "data" / "heads" / "2_embeddings" for p in (done, project))
        assert (was / "units.parquet").read_bytes() == (now / "units.parquet").read_bytes(), name
        if name == "again":
            for file in ("activations.npy", "squared_distances.npy"):
                assert (was / file).read_bytes() == (now / file).read_bytes()


def test_directions_are_found_on_some_exploration_texts_where_there_are_many(
    done: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done.folder)
    texts = table(done, "heads", "1_texts/texts.parquet")
    seen = set(texts.filter(half="explore")["text"])
    assert set(encoding.fitted_on(load("heads"), texts)) == seen
    monkeypatch.setattr(encoding, "MOST_FITTED", 50)
    drawn = encoding.fitted_on(load("heads"), texts)
    assert len(drawn) == 50
    assert set(drawn) < seen
    assert drawn == encoding.fitted_on(load("heads"), texts.sample(fraction=1, shuffle=True, seed=1))


Change = Callable[[Project], dict[str, Any]]


def params(**directions: Any) -> Change:
    return lambda project: study(directions=directions)


def with_bank(name: str, content: bytes) -> Change:
    def write(project: Project) -> dict[str, Any]:
        (project.folder / "inputs" / name).write_bytes(content)
        return study(embed={"encoder": "tiny"}, directions={"target": "tiny", "bank": name})

    return write


def clip(project: Project) -> dict[str, Any]:
    save_tiny_clip(project.folder / "clip")
    return study(directions={"target": "clip"})


def texts(some: list[str]) -> Change:
    def write(project: Project) -> dict[str, Any]:
        save(project, some)
        return study()

    return write


CASES: dict[str, tuple[Change, int, str]] = {
    "neither": (params(), PARAMS, "none of both"),
    "both": (params(target="tiny", activations="a.npz"), PARAMS, "not both"),
    "parts of a file": (params(activations="a.npz", parts="mlps"), PARAMS, "with `target: ENCODER` alone"),
    "ids of a target": (params(target="tiny", ids="a.txt"), PARAMS, "no directions.ids"),
    "no encoder": (params(target="none"), PARAMS, "which has no parts to look at"),
    "a server": (params(target="openai:x"), PARAMS, "which has no parts to look at"),
    "unknown parts": (params(target="tiny", parts="layers"), PARAMS, "heads"),
    "a bank of neurons": (params(target="tiny", parts="neurons", bank="bank.txt"), PARAMS, "one number"),
    "a bank without an encoder": (params(target="tiny", bank="bank.txt"), PARAMS, "wanted an embed.encoder"),
    "spans without a bank": (params(target="tiny", spans=2), PARAMS, "with `bank: FILE` alone"),
    "no folder": (params(target="./nowhere"), ENGINE, "is none"),
    "another model": (clip, ENGINE, "its parts"),
    "unknown unit": (params(target="tiny", units=["h0.2"]), PARAMS, "h0.0 to h0.1, got 'h0.2'"),
    "too many": (params(target="tiny", parts="neurons", most_units=9), PARAMS, "at most 9 units"),
    "one text": (texts(["The same text."] * 50), CORPUS, "are the same one"),
    "too few texts": (texts(["One text.", "Another.", "A third."]), CORPUS, "in each half"),
    "bank is not there": (
        lambda _: study(embed={"encoder": "tiny"}, directions={"target": "tiny", "bank": "bnk.txt"}),
        SOURCE, "did you mean `bank.txt`",
    ),
    "bank outside data": (
        lambda _: study(embed={"encoder": "tiny"}, directions={"target": "tiny", "bank": "../params.yaml"}),
        SOURCE, "inside",
    ),
    "empty bank": (with_bank("b.txt", b" \n\n"), SOURCE, "got 0"),
    "bank of other columns": (with_bank("b.csv", b"sentences\nx\n"), SOURCE, "did you mean `sentences`"),
    "bank of long texts": (with_bank("b.txt", b"x" * 301), SOURCE, "at most 300 characters"),
    "bank of no text": (with_bank("b.txt", b"\xff\xfe\x00"), SOURCE, "cannot be read"),
    "bank of another form": (with_bank("b.json", b"[]"), SOURCE, "a .txt, .csv or .parquet file"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_what_to_write(case: str, project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    change, code, said = CASES[case]
    save(project, sentences(40, 0.5, 0))
    project.params(heads=change(project))
    capsys.readouterr()  # what was said of models that were saved
    codes = (main([stage, "--study", "heads"]) for stage in ("collect", "embed"))
    assert next(filter(None, codes), 0) == code
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
    assert not (project.folder / "data" / "heads" / "2_embeddings").exists()
