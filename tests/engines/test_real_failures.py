"""Kind encoder_failures against a real model: what it says of the meaning of pairs.

NATSTAT_TEST_BASE_URL=http://127.0.0.1:8080/v1 python -m pytest -m model tests/engines/test_real_failures.py
"""

import pytest

from tasks.engines import roles
from tasks.kinds.encoder_failures.llm.meaning import LlmMeaning
from tasks.study import load
from tests.conftest import Project, RealModel
from tests.llm_failures import captions, failures_study
from tests.loopback import Server

pytestmark = pytest.mark.model

PAIRS = (
    ("a cat playing with a ball", "a cat not playing with a ball", 1),
    ("a big dog runs on the beach", "a large dog runs on the beach", 0),
    ("there are people in the room", "there are no people in the room", 1),
)


def test_a_negation_is_told_from_a_synonym(project: Project, real_model: RealModel) -> None:
    project.table("captions.parquet", captions())
    asked = {"base_url": real_model.base_url, "model": real_model.model}
    nowhere = Server("http://127.0.0.1:1/v1")
    project.params(captions=failures_study(nowhere, llm=asked, spend={"timeout_s": 600.0}))
    left, right, wanted = zip(*PAIRS, strict=True)
    score, status = LlmMeaning(load("captions")).differs(left, right)
    assert status.tolist() == [roles.VALUE] * 3
    assert tuple(score) == wanted
