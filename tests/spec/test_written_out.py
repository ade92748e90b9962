"""A study with every default written out, as its report shows it, asks what the study asked."""

from typing import Any

import pytest

from tasks.study import dialect
from tasks.study.reading import study_of
from tests.conftest import REPO

STUDIES: dict[str, dict[str, Any]] = dialect.read((REPO / "params.yaml").read_text(encoding="utf-8"))[
    "studies"
]


@pytest.mark.parametrize("name", STUDIES)
def test_no_default_goes_by_whether_it_is_named(name: str) -> None:
    study = study_of(name, STUDIES[name])
    whole = study_of(name, study.model_dump(mode="json", exclude={"name"}))
    assert whole == study
    assert whole.propose.most == study.propose.most
    assert whole.propose.filled_up_to == study.propose.filled_up_to
    if study.kind == "corpus_pair":
        assert whole.propose.filled_up_to == 40
