"""A small study of kind encoder_failures whose pairs are searched in shards."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths, propose
from tasks.kinds.encoder_failures import mined, mining
from tests.captions_study import captions_study, made, open_made
from tests.conftest import Project, in_a_copy

NAME = "captions"
BLOCKS: dict[str, Any] = {
    "embed": {"encoder": "words"},
    "encoder_failures": {"reference": "texts", "margin": 0.3, "top": 60},
}


def embedded(folder: Path) -> Path:
    """The folder, with a study whose texts are encoded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        open_made(patch)
        made(Project(folder), **BLOCKS)
        Project(folder).run(NAME, "collect", "embed")
    return folder


def copied(folder: Path, to: Path, patch: pytest.MonkeyPatch) -> Project:
    """A copy of such a study, as the folder in which the test runs."""
    return in_a_copy(folder, to / NAME, patch)


def cut(patch: pytest.MonkeyPatch, block_size: int = 16, n_pairs: int = 5_000) -> None:
    """Shards of so few pairs."""
    propose._read.cache_clear()  # it may have been asked how many shards there are
    patch.setattr(mined, "BLOCK_SIZE", block_size)
    patch.setattr(mined, "PAIRS_PER_SHARD", {})
    patch.setattr(mined, "PAIRS_PER_SHARD_ACCELERATOR", n_pairs)


def params(**changed: Any) -> None:
    """Writes params.yaml with these keys changed."""
    failures = {**BLOCKS["encoder_failures"], **changed.pop("encoder_failures", {})}
    Project(Path.cwd()).params(captions=captions_study(**{**BLOCKS, "encoder_failures": failures, **changed}))


def texts() -> pl.DataFrame:
    """What collect left."""
    return pl.read_parquet(paths.output(NAME, "collect") / "texts.parquet")


def output() -> dict[str, bytes]:
    """What propose left."""
    files = sorted(paths.output(NAME, "propose").iterdir())
    assert [file.name for file in files] == ["manifest.json", "pairs.parquet", "proposals.parquet"]
    return {file.name: file.read_bytes() for file in files}


def whole(project: Project) -> dict[str, bytes]:
    """What propose leaves without shards; it is taken away again."""
    project.run(NAME, "propose")
    found = output()
    shutil.rmtree(paths.output(NAME, "propose"))
    return found


def left() -> list[str]:
    """The shards that are finished, as `folder/part`."""
    return sorted(f"{p.parent.name}/{p.name}" for p in (paths.cache() / "parts").glob("*/propose-*/part-*"))


@contextmanager
def searched() -> Iterator[list[range]]:
    """The row blocks that are searched inside."""
    found: list[range] = []
    real = mining.Search.part

    def noted(search: mining.Search, blocks: range, *rest: Any) -> mining.Part:
        found.append(blocks)
        return real(search, blocks, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mining.Search, "part", noted)
        yield found
