"""The shuffles of a study in shards: with a model each is a fit of its own, and most of the stage's time.

A finished shard is kept until the stage ends, so a killed run loses one at most.
"""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool

from tasks import paths
from tasks.errors import MissingStageError, StoreError
from tasks.score import baselines
from tasks.store import frames
from tasks.store.version import code_version
from tasks.study import Study
from tasks.verdicts.judged import Judged

PER_SHARD = 10
"""Shuffles of a shard."""
_SHUFFLES = pl.Schema({"shuffle": pl.Int64, "has_discovery": pl.Boolean})
_BEFORE = ("collect", "embed", "propose", "formalise", "verify")
Stamps = tuple[tuple[str, int, int], ...]
"""Name, time and size of each file that the stage reads."""


def stamps(study: Study) -> Stamps:
    """Of all that earlier stages left, and of labels: what tells that neither has changed."""
    held = [file for stage in _BEFORE for file in sorted(paths.output(study.name, stage).glob("*"))]
    held += [paths.labels() / study.label_file] if study.label_file else []
    known = [(file, file.stat()) for file in held if file.is_file()]
    return tuple((file.name, stat.st_mtime_ns, stat.st_size) for file, stat in known)


@dataclass(frozen=True)
class Shuffles:
    """Those of one run of the stage."""

    judged: Judged
    of: Stamps

    @cached_property
    def n(self) -> int:
        """How many there are."""
        return baselines.n_shuffles(self.judged)

    @property
    def n_shards(self) -> int:
        """How many shards they come in; what fits into one is done where the stage ends."""
        n = -(-self.n // PER_SHARD)
        return n if n > 1 else 0

    def run(self, shard: int) -> bool:
        """Does one shard unless it is there, and says whether it was to be done."""
        if self._there(shard) is not None:
            return False
        some = self._some(shard)
        found = baselines.shuffles_with_discovery(self.judged, some)
        rows = pl.DataFrame({"shuffle": list(some), "has_discovery": found}, schema=_SHUFFLES)
        frames.write_file_whole(rows, self._file(shard), _SHUFFLES)
        return True

    def found(self) -> Bool[np.ndarray, " shuffle"]:
        """Whether each has a discovery; what no shard has done is done now."""
        if not self.n_shards:
            return baselines.shuffles_with_discovery(self.judged, range(self.n))
        done = [self._there(shard) for shard in range(self.n_shards)]
        return np.concatenate([
            baselines.shuffles_with_discovery(self.judged, self._some(shard)) if there is None else there
            for shard, there in enumerate(done)
        ])  # fmt: skip

    def clear(self) -> None:
        """Deletes what shards left."""
        shutil.rmtree(self._folder.parent, ignore_errors=True)

    def _some(self, shard: int) -> range:
        return range(shard * PER_SHARD, min((shard + 1) * PER_SHARD, self.n))

    def _there(self, shard: int) -> Bool[np.ndarray, " shuffle"] | None:
        try:
            found = frames.read(self._folder, self._file(shard).name, _SHUFFLES)
        except (MissingStageError, StoreError):
            return None  # not done, or damaged: it is done again
        return found["has_discovery"].to_numpy() if found.height == len(self._some(shard)) else None

    def _file(self, shard: int) -> Path:
        return self._folder / f"shuffles-{shard:04d}.parquet"

    @cached_property
    def _folder(self) -> Path:
        study = self.judged.study
        of = frames.hashed(repr(self.of), study.model_dump_json(), str(self.n), code_version())
        return paths.parts(study.name, "score", of)
