"""Kind directions on pictures: the heads of a CLIP folder are units, named by what is seen and by a bank."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks.engines.encoders import clip_parts
from tasks.errors import EngineError
from tests import loopback
from tests.conftest import Project
from tests.drawn_pictures import stored
from tests.drawn_shapes import Drawn, drawn
from tests.loopback import Plan
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

BANK = ("a red shape", "a green shape", "a blue shape", "a shape on stripes")
N = 240


def study(**block: Any) -> dict[str, Any]:
    return {
        "kind": "directions",
        "goal": "what heads see",
        "data": "data",
        "collect": {"path": "shapes"},
        "embed": {"encoder": "clip"},
        "directions": {"target": "clip", **block},
    }


def save_shapes(folder: Path, n: int = N) -> Drawn:
    """Drawn shapes, 0000.png and so on."""
    folder.mkdir(parents=True)
    shapes = drawn(n, np.random.default_rng(5))
    for i, pixels in enumerate(shapes.pixels):
        (folder / f"{i:04}.png").write_bytes(stored(Image.fromarray(pixels)))
    return shapes


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A model, a folder of pictures, and three studies of its parts that have run."""
    folder = tmp_path_factory.mktemp("pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        project = Project(folder)
        save_tiny_clip(folder / "clip", layers=2)
        save_shapes(folder / "data" / "shapes")
        (folder / "data" / "bank.txt").write_text("\n".join(BANK), encoding="utf-8")
        project.params(
            heads=study(), neurons=study(parts="neurons", units=["n1.3", "n1.4"]), bank=study(bank="bank.txt")
        )
        for name in ("heads", "neurons", "bank"):
            project.run(name)
    return project


def table(project: Project, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.folder / "data" / name)


def test_heads_are_units_and_are_named_by_what_pictures_look_like(done: Project) -> None:
    assert table(done, "heads/2_embeddings/units.parquet")["unit"].to_list() == [
        "h0.0", "h0.1", "h1.0", "h1.1"
    ]  # fmt: skip
    found = table(done, "heads/6_scores/scores.parquet").filter("is_discovery")
    assert found.height
    frozen = table(done, "heads/4_predicates/predicates.parquet")
    assert set(frozen["family"]) == {"picture"}


def test_what_is_lost_without_a_head_is_told_of_pictures_too(done: Project) -> None:
    found = table(done, "heads/6_scores/scores.parquet").filter("is_discovery")
    told = table(done, "heads/6_scores/causal.parquet")
    assert set(told["predicate_id"]) == set(found["predicate_id"])
    assert told["margin"].is_not_null().any()


def test_activations_are_those_of_the_rows(done: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of texts.parquet, whatever the order in which pictures are stored."""
    monkeypatch.chdir(done.folder)
    texts = table(done, "neurons/1_texts/texts.parquet")
    known = dict(table(done, "neurons/1_texts/media.parquet").iter_rows())
    values = np.load(done.folder / "data/neurons/2_embeddings/activations.npy")
    some = [3, 50, 11]
    (found,) = clip_parts.opened("clip").contributions([known[texts["media"][i]] for i in some])
    np.testing.assert_allclose(values[some], found.neurons[:, 1, 3:5], atol=1e-5)


def test_sentences_of_a_bank_name_heads_by_the_models_own_texts(done: Project) -> None:
    units = table(done, "bank/2_embeddings/units.parquet")
    assert set(units["sentence"]) <= set(BANK)
    assert table(done, "bank/6_scores/readings.parquet")["sentence"].str.starts_with("resembles").all()


def test_the_page_shows_the_pictures(done: Project) -> None:
    page = (done.folder / "reports/heads/index.html").read_text(encoding="utf-8")
    assert "data:image/" in page
    assert "h0.0" in page
    shown = page.split('<section id="inputs">')[1].split("</section>")[0]
    assert shown.count("<blockquote") == shown.count("<img ")
    listed = json.loads(page.split('id="texts-data">')[1].split("</script>")[0])
    # The list is one pile: sides of a test are no groups of it.
    assert list(listed["names"]) == ["A"] and any(listed["look"])


def test_a_target_that_sees_no_pictures_is_refused(done: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done.folder)
    save_tiny_encoder(done.folder / "bert")
    done.params(heads=study(target="bert"))
    with pytest.raises(EngineError, match="it is another model"):
        done.run("heads", "embed")


def test_heads_are_named_by_a_language_model_too(done: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(done.folder)
    monkeypatch.setenv("NATSTAT_ANSWERS", str(done.folder / "answers.sqlite"))
    with loopback.serve(Plan(hypotheses=(("is badly lit", "A"),))) as server:
        asked = {
            "engine": "llm",
            "llm": {"model": "scripted", "base_url": server.url, "check": False},
            "propose": {"judged": 0, "samples": 4},
        }
        done.params(asked={**study(units=["h0.0", "h1.1"]), **asked})
        done.run("asked", "collect", "embed", "propose", "formalise", "verify", "score")
        assert server.stats()["by_task"]["units"] == 4
    frozen = table(done, "asked/4_predicates/predicates.parquet")
    assert set(frozen["family"]) == {"llm"} and frozen.height == 4
    assert table(done, "asked/6_scores/scores.parquet").height == 4
