"""A repair from end to end: failures found, an encoder made of the first one, and tested on new pairs."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.__main__ import main
from tasks.engines.encoders import encoder
from tasks.errors import EngineError, FrozenError
from tasks.kinds.encoder_failures import views
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.study import load
from tests.captions_study import captions_study, save_captions
from tests.conftest import STAGES, Project
from tests.tiny_encoder import save_tiny_encoder

FIRST: dict[str, Any] = captions_study(
    embed={"encoder": "tiny"},
    encoder_failures={"threshold": 0.98, "margin": 0.0, "fresh": 40},
    record={"max_refusal_share": 1.0},
)
MEND: dict[str, Any] = {
    "kind": "directions",
    "goal": "what the heads of the tiny encoder respond to",
    "data": "captions.yaml",
    "after": "captions/6_scores",
    "embed": {"encoder": "none"},
    "directions": {"target": "tiny", "repair": {"failures": "captions"}},
}
AFTER = {**FIRST, "embed": {"encoder": "repaired:mend"}, "after": "mend/6_scores"}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three studies that have run: failures, repair, failures of the repaired encoder."""
    folder = tmp_path_factory.mktemp("repair")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        save_tiny_encoder(folder / "tiny")
        save_captions(folder)
        project = Project(folder)
        project.params(captions=FIRST, mend=MEND, after=AFTER)
        project.run("captions", *STAGES[:6])
        project.run("mend")
        project.run("after")
    return project


def table(project: Project, study: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.folder / "data" / study / name)


def test_lessons_are_of_the_exploration_half(done: Project) -> None:
    lessons = table(done, "captions", "6_scores/lessons.parquet")
    assert set(lessons["differs"]) == {0, 1}
    texts = table(done, "captions", "1_texts/texts.parquet")
    confirm = set(texts.filter(half="confirm")["text"])
    assert confirm.isdisjoint(lessons["left"])
    found = table(done, "captions", "6_scores/scores.parquet").filter("is_discovery").height
    assert lessons.drop_nulls("failure")["failure"].n_unique() == found
    means = [edit(*pair).same_meaning for pair in lessons.select("left", "right").iter_rows()]
    assert [one is False for one in means] == (lessons["differs"] == 1).to_list()


def test_weights_are_numbers_by_part_and_fitted_on_these_pairs(done: Project) -> None:
    made = json.loads((done.folder / "data/mend/6_scores/repair.json").read_text(encoding="utf-8"))
    assert set(made["weights"]) == {"e", "h0.0", "h0.1", "m0", "b0"}
    assert made["base"] == "tiny"
    pairs = table(done, "mend", "6_scores/repair_pairs.parquet")
    assert made["paraphrases"] == pairs.filter(differs=0).height
    assert (pairs.filter(differs=0)["before"] >= 0.98).all()  # what was told apart is not drawn together
    assert sum(made["fitted_on"].values()) == pairs.filter(differs=1).height


def test_new_pairs_share_no_sentence_with_those_of_the_fit(done: Project) -> None:
    pairs = table(done, "mend", "6_scores/repair_pairs.parquet")
    fresh = table(done, "after", "5_verdicts/fresh.parquet")
    assert set(fresh["left"]).isdisjoint([*pairs["left"], *pairs["right"]])


def test_before_and_after_are_those_of_the_two_encoders(
    done: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(done.folder)
    mended, fresh = (table(done, "after", f) for f in ("6_scores/mended.parquet", "5_verdicts/fresh.parquet"))
    scores = table(done, "after", "6_scores/scores.parquet")
    assert set(mended["predicate_id"]) == set(scores["predicate_id"])
    fitted = json.loads((done.folder / "data/mend/6_scores/repair.json").read_text("utf-8"))["fitted_on"]
    names = dict(
        table(done, "after", "4_predicates/predicates.parquet").select("predicate_id", "predicate").rows()
    )
    assert set(fitted) <= set(names.values())  # what was repaired is tested, whether pairs show it or not
    for row in mended.iter_rows(named=True):
        assert row["fitted"] == (names[row["predicate_id"]] in fitted)
    after = mended.filter(encoder="after").join(scores, on="predicate_id")
    np.testing.assert_allclose(after["validity"], after["validity_right"], atol=1e-9)
    model = encoder.open_named("tiny", load("after"))
    one = mended.filter(encoder="before").row(0, named=True)
    of = fresh.filter(predicate_id=one["predicate_id"], group="A")
    near = (model.encode(of["left"].to_list()) * model.encode(of["right"].to_list())).sum(axis=1)
    assert one["success"] <= (near >= 0.98).mean() + 1e-9


def test_the_price_is_told_on_new_sentences(done: Project) -> None:
    price = table(done, "after", "6_scores/price.parquet")
    assert price.filter(pairs="paraphrases")["encoder"].to_list() == ["before", "after"]
    assert price["close"].is_between(0, 1).all()
    assert price["recall"].is_between(0, 1).all()
    before, after = price.filter(pairs="paraphrases").iter_rows(named=True)
    assert before["kept"] == 1
    assert after["kept"] * before["close"] <= after["close"] + 1e-9


def test_page_and_show_tell_all_of_it(
    done: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(done.folder)
    page = (done.folder / "reports/after/index.html").read_text(encoding="utf-8")
    part = page.split('<section id="repair">')[1].split("</section>")[0]
    n_tested = table(done, "after", "6_scores/scores.parquet").height
    assert part.split("<h3>")[0].count("<tr>") == 1 + n_tested
    assert "fitted on it" in part
    assert "paraphrases" in part
    assert main(["show", "--study", "after"]) == 0
    said = capsys.readouterr().out
    assert said.count("  repaired") == n_tested
    assert "pairs that mean the same" in said
    mend = (done.folder / "reports/mend/index.html").read_text(encoding="utf-8")
    assert "repaired:mend" in mend.split('<section id="repair">')[1]


def test_a_part_that_is_ablated_adds_its_mean(done: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done.folder)
    done.params(
        mend={**MEND, "after": ".gitkeep", "directions": {"target": "tiny", "repair": {"ablate": ["h0.1"]}}}
    )
    done.run("mend", "score")
    made = json.loads((done.folder / "data/mend/6_scores/repair.json").read_text(encoding="utf-8"))
    assert made["weights"]["h0.1"] == 0
    assert list(made["means"]) == ["h0.1"]
    done.params(captions=FIRST, mend=MEND, after=AFTER)
    with pytest.raises(FrozenError) as caught:  # another encoder by now
        views.under_test(load("after"))
    assert "dvc repro -f embed@after" in str(caught.value)


def test_the_same_pairs_give_the_same_bytes(done: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done.folder)
    done.params(captions=FIRST, mend=MEND, after=AFTER)
    left = []
    for _ in range(2):
        done.run("mend", "score")
        left.append({f.name: f.read_bytes() for f in (done.folder / "data/mend/6_scores").iterdir()})
    assert left[0] == left[1]
    assert {"repair.json", "repair_pairs.parquet", "causal.parquet"} <= left[0].keys()


@pytest.fixture
def fresh(project: Project) -> Project:
    save_tiny_encoder(project.folder / "tiny")
    save_captions(project.folder)
    return project


@pytest.mark.parametrize(
    ("mend", "said"),
    [
        ({"target": "tiny", "repair": {}}, "wanted one of pairs, failures and ablate"),
        ({"target": "tiny", "repair": {"pairs": "a", "ablate": ["h0.0"]}}, "got pairs and ablate"),
        ({"target": "tiny", "repair": {"ablate": ["h0.0"], "threshold": 0.9}}, "wanted no threshold"),
        ({"target": "tiny", "repair": {"pairs": "a.csv", "threshold": 1.5}}, "threshold"),
        ({"target": "tiny", "repair": {"failures": "other"}}, "wanted `after: other/6_scores`"),
        ({"activations": "a.csv", "repair": {"ablate": ["h0.0"]}}, "wanted directions.repair with `target"),
        ({"target": "repaired:mend"}, "which has no parts to look at"),
    ],
)
def test_params_that_cannot_be_are_one_line(
    fresh: Project, capsys: pytest.CaptureFixture[str], mend: dict[str, Any], said: str
) -> None:
    fresh.params(mend={**MEND, "directions": mend})
    assert main(["check", "--study", "mend"]) == 10
    error = capsys.readouterr().err.strip()
    assert said in error
    assert "\n" not in error


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ({"after": ".gitkeep"}, "wanted `after: mend/6_scores`"),
        ({"after": "mend"}, "wanted a study and the folder of a stage"),
        ({"after": "after/6_scores", "embed": {"encoder": "repaired:after"}}, "which is its own"),
        ({"after": "../x/6_scores"}, "wanted a study and the folder of a stage"),
        (
            {"embed": {"encoder": "tiny"}, "encoder_failures": {"transfer": ["repaired:x"]}},
            "`after: x/6_scores`",
        ),
    ],
)
def test_a_study_says_what_it_rests_on(
    fresh: Project, capsys: pytest.CaptureFixture[str], after: dict[str, Any], said: str
) -> None:
    fresh.params(after={**AFTER, **after})
    assert main(["check", "--study", "after"]) == 10
    assert said in capsys.readouterr().err


def test_a_study_that_was_not_repaired_yet_says_what_to_run(fresh: Project) -> None:
    fresh.params(after=AFTER, mend=MEND)
    fresh.run("after", "collect")
    with pytest.raises(EngineError, match="dvc repro score@mend"):
        fresh.run("after", "embed")
