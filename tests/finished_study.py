"""A project whose study `news` has found something, beside other data for it: made once, to be copied."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PAIR_STUDY, Project, pair

AGAIN = {key: value for key, value in PAIR_STUDY.items() if key != "propose"}
"""A study as it is before anything is named that it tests again."""
DATA = {"news": "news.parquet", "later": "later.parquet", "same": "news.parquet", "part": "part.parquet"}
"""Data of each study: other texts (later), the same ones, some of the same."""


def write_params(folder: Path, **changes: Any) -> None:
    """params.yaml as a person writes it: defaults, and an entry for each study."""
    Project(folder).params(blank={"goal": "x", "data": "x"})
    lines = (folder / "params.yaml").read_text(encoding="utf-8").splitlines()[2:]
    blank = [line[2:] for line in lines if not line.strip().startswith(("goal:", "data:"))]
    entries = []
    for name, data in DATA.items():
        entry = {**(PAIR_STUDY if name == "news" else AGAIN), "data": data, **changes.get(name, {})}
        entries += [f"  {name}:", "    <<: *defaults", "    # mine"]
        entries += [f"    {key}: {json.dumps(value)}" for key, value in entry.items()]
    text = "\n".join(["defaults: &defaults", *blank, "studies:", *entries])
    (folder / "params.yaml").write_text(text + "\n", encoding="utf-8")


@functools.cache
def finished(base: Path) -> Path:
    """The project's folder, below that of all tests; whoever changes anything there copies it first."""
    project = Project(base / "finished-study")
    project.folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        old, new = pair(120, 0.3, 0.0), pair(120, 0.3, 0.0, seed=50)
        project.table("news.parquet", old)
        project.table("later.parquet", new)
        project.table("part.parquet", [*new[:-40], *old[:20], *old[-20:]])
        write_params(project.folder)
        project.run("news")
    return project.folder
