"""DVC knows what a study rests on: it runs the repair first, and what names it when the repair changes."""

from pathlib import Path

import pytest

from tests.captions_study import captions_study, save_captions
from tests.conftest import Project
from tests.dvc_project import change, dvc, prepare, ran
from tests.tiny_encoder import save_tiny_encoder

FIRST = captions_study(
    embed={"encoder": "tiny"},
    encoder_failures={"threshold": 0.98, "margin": 0.0, "fresh": 40},
    record={"max_refusal_share": 1.0},
)
MEND = {
    "kind": "directions",
    "goal": "what the heads of the tiny encoder respond to",
    "data": "captions.yaml",
    "after": "captions/6_scores",
    "embed": {"encoder": "none"},
    "directions": {"target": "tiny", "repair": {"failures": "captions"}},
}
AFTER = {**FIRST, "embed": {"encoder": "repaired:mend"}, "after": "mend/6_scores"}


@pytest.fixture
def repairs(tmp_path: Path) -> Project:
    """A project under DVC whose first study rests on its second, and that on its third."""
    prepare(tmp_path)
    save_tiny_encoder(tmp_path / "tiny")
    save_captions(tmp_path)
    project = Project(tmp_path)
    project.params(**{"a-last": AFTER, "mend": MEND, "captions": FIRST})
    return project


def test_dvc_sees_what_a_study_rests_on(repairs: Project) -> None:
    drawn = dvc(repairs.folder, "dag", "--dot", "embed@a-last")
    assert '"score@mend" -> "embed@a-last"' in drawn
    assert '"score@captions" -> "score@mend"' in drawn


@pytest.mark.long
def test_a_new_repair_makes_what_names_it_stale(repairs: Project) -> None:
    said = dvc(repairs.folder, "repro", "embed@a-last")
    assert ran(said, "captions")[-1] == ran(said, "mend")[-1] == "score"
    assert ran(said, "a-last") == ["collect", "embed"]
    assert not any(
        ran(dvc(repairs.folder, "repro", "embed@a-last"), name) for name in ("captions", "mend", "a-last")
    )
    block = {"target": "tiny", "repair": {"failures": "captions", "threshold": 0.97}}
    change(repairs, "mend", directions=block)
    said = dvc(repairs.folder, "repro", "embed@a-last")
    assert ran(said, "a-last") == ["embed"]
    assert not ran(said, "captions")
