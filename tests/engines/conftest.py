"""Fixtures for engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.engines.gateway import dialect
from tests import loopback


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of answers of the test's own, no key, and servers that nothing is known of."""
    file = tmp_path / "answers.sqlite"
    monkeypatch.setenv("NATSTAT_ANSWERS", str(file))
    monkeypatch.setenv("NATSTAT_LOOPBACK_ONLY", "1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(dialect, "_known", {})
    return file


@pytest.fixture(scope="module")
def scripted() -> Iterator[loopback.Server]:
    """A scripted server for all tests of a file; each gives it the plan it wants."""
    with loopback.serve() as server:
        yield server
