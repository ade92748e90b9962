"""A whole study in this process, stage by stage, on texts at hand: for benchmarks of what is found.

The stages are the product's own functions; the one file is the table of texts that collect reads.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks import kinds
from tasks.collect.stage import collected
from tasks.engines.encoders import encoder as encoders
from tasks.engines.roles import Encoder
from tasks.formalise import formalise
from tasks.propose import explored, propose
from tasks.records import Predicate
from tasks.score.tests import decide
from tasks.store import frames
from tasks.store.sources import hashes, normalised
from tasks.study import Study
from tasks.verdicts.judged import Judged, judged_from

ENCODER = "bundled"
"""Of every study here."""


@dataclass(frozen=True)
class Tested:
    """What a study found on its confirmation half."""

    judged: Judged
    table: pl.DataFrame
    """As score decides: a row for each predicate, in frozen order."""
    row: np.ndarray
    """Of each confirmation text, its place among the texts given."""

    @property
    def predicates(self) -> Sequence[Predicate]:
        """As frozen."""
        return self.judged.predicates

    @property
    def found(self) -> Bool[np.ndarray, " predicate"]:
        """Which are discoveries."""
        return self.table["is_discovery"].to_numpy()

    def decided(self, truth: Bool[np.ndarray, "text truth"]) -> pl.DataFrame:
        """The same test of columns that are known, all together, on the same texts.

        Args:
            truth: of all texts given, a column for each predicate.
        """
        verdict = truth[self.row].astype(np.float64)
        in_a = self.judged.in_a
        more = verdict[in_a].mean(axis=0) >= verdict[~in_a].mean(axis=0)
        known = [
            replace(self.predicates[0], predicate_id=f"known {i}", direction="A" if more[i] else "B")
            for i in range(verdict.shape[1])
        ]
        status = np.zeros(verdict.shape, dtype=np.uint8)
        return decide(Judged(self.judged.study, self.judged.rows, known, verdict, status)).table


class Remembering:
    """An encoder that encodes no text twice."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.dim, self._encoder = encoder.name, encoder.dim, encoder
        self._known: dict[str, Float[np.ndarray, " dim"]] = {}

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """Unit vectors, float32."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return (
            np.stack([self._known[text] for text in texts]) if texts else np.zeros((0, self.dim), np.float32)
        )


@contextmanager
def project() -> Iterator[Path]:
    """An empty project folder, where stages look for params."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


@contextmanager
def remembered(precision: str = "float32") -> Iterator[Remembering]:
    """Within, all that loads an encoder is given the bundled one, in this precision, which remembers."""
    encoder = Remembering(encoders.load(study("none.parquet", 0, embed={"precision": precision})))
    with patch.object(encoders, "load", lambda _: encoder):
        yield encoder


def study(file: str | Path, seed: int, **blocks: Any) -> Study:
    """Two groups of a table with the columns text and group."""
    collect = {"group": "group", "a": "A", "b": "B"}
    goal = "how the groups differ"
    return Study.model_validate({
        "name": "bench", "data": str(file), "goal": goal, "seed": seed, "collect": collect,
        **blocks, "embed": {"encoder": ENCODER, **blocks.get("embed", {})},
    })  # fmt: skip


def tested(
    texts: Sequence[str], in_a: Bool[np.ndarray, " text"], encoder: Encoder, seed: int, **blocks: Any
) -> Tested:
    """Collects, embeds, proposes, freezes, judges and tests.

    Args:
        texts: distinct ones.
        in_a: which are of group A.
        encoder: fills in for the study's.
        seed: of split and proposer.
        blocks: of params.yaml, beside the groups.
    """
    table = pl.DataFrame({"text": texts, "group": np.where(in_a, "A", "B")})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.parquet"
        table.write_parquet(file)
        of = study(file, seed, **blocks)
        rows = collected(of).texts
    vectors = encoder.encode(rows["text"].to_list())
    seen = explored(of, rows, {"embeddings": vectors}, encoder.name)
    proposals = frames.from_records(propose(seen).proposals, frames.PROPOSALS)
    predicates = formalise(of, proposals, rows)
    kind = kinds.load(of.kind)
    units = kind.units(of, rows)
    place = {text_id: i for i, text_id in enumerate(rows["text_id"])}
    own = vectors[[place[text_id] for text_id in units["text_id"]]]
    said = kind.judge(of, kind.actors(of.engine)).judge(predicates, units, own)
    judged = judged_from(of, units, predicates, said.score, said.status, kind.gaps)
    given = {text_hash: i for i, text_hash in enumerate(hashes(normalised(table["text"])))}
    return Tested(judged, decide(judged).table, np.array([given[one] for one in units["text_hash"]]))


def phi(
    verdict: Float[np.ndarray, "text predicate"], truth: Bool[np.ndarray, " text"]
) -> Float[np.ndarray, " predicate"]:
    """Correlation of each column with the truth; 0 where either does not vary."""
    centred = verdict - verdict.mean(axis=0)
    own = truth - truth.mean()
    length = np.sqrt((centred**2).sum(axis=0) * (own @ own))
    known = length > 1e-9
    return np.where(known, own @ centred / np.where(known, length, 1.0), 0.0)
