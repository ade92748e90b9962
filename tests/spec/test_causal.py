"""What the bundled encoder loses without the heads that a study has named."""

import numpy as np
import polars as pl
import pytest

from tasks.kinds.directions import causal
from tests.captions_study import save_captions
from tests.conftest import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A study of two heads: one of the last layer, which writes into the vector, and one before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder := tmp_path_factory.mktemp("causal"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr(causal, "MOST_INPUTS", 200)
        save_captions(folder)
        project = Project(folder)
        block = {"target": "bundled", "units": ["h5.9", "h4.7"]}
        entry = {"kind": "directions", "goal": "what heads respond to", "data": "captions.yaml"}
        project.params(heads={**entry, "embed": {"encoder": "none"}, "directions": block})
        project.run("heads")
    return project


def table(project: Project, name: str) -> pl.DataFrame:
    return pl.read_parquet(project.folder / "data/heads/6_scores" / name)


def test_a_head_that_writes_what_it_is_named_for_is_missed(done: Project) -> None:
    found = table(done, "causal.parquet")
    discoveries = table(done, "scores.parquet").filter("is_discovery")
    assert set(found["predicate_id"]) == set(discoveries["predicate_id"])
    assert set(found["n_random"]) == {71}
    named = found.filter(unit="h5.9")
    assert (named["lo"] > 0).all()
    assert (named["p"] <= 5 / 72).all()
    others = np.abs(found.filter(unit="h4.7")["specificity"].to_numpy())
    assert others.max() < named["specificity"].to_numpy().min()
    figures = found.select("loss", "loss_others", "specificity").to_numpy()
    np.testing.assert_allclose(figures[:, 0] - figures[:, 1], figures[:, 2], atol=1e-12)


def test_the_page_tells_what_is_lost(done: Project) -> None:
    page = (done.folder / "reports/heads/index.html").read_text(encoding="utf-8")
    part = page.split('<section id="causal">')[1].split("</section>")[0]
    assert part.count("<tr>") == 1 + table(done, "causal.parquet").height
