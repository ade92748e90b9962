"""Pairs of the exploration half that an encoder puts close and a reference apart, and why there are none.

Many texts are searched in shards, each of which leaves what it found: a killed search loses one of them.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths
from tasks.engines.encoders import repaired
from tasks.errors import CorpusError, MissingStageError
from tasks.kinds.encoder_failures import mining, scale, tables, tally, tiles
from tasks.kinds.encoder_failures.params import AUTO, own
from tasks.kinds.encoder_failures.roles import REFERENCE, PairEvidence
from tasks.store import frames
from tasks.store.version import code_version
from tasks.study import Study

PAIRS_PER_SHARD = {"cpu": 2_000_000_000}
"""Pairs compared in a shard, about: some ten seconds. Up to 63,000 texts are one shard."""
PAIRS_PER_SHARD_ACCELERATOR = 500_000_000_000
"""More where products are fast: a million texts, so that reading their vectors does not take longest."""
BLOCK_SIZE = 2048
"""Rows and columns compared at once; a shard is a range of such blocks of rows."""
_ROWS = 4096  # of the vectors hashed at a time


class Pairs:
    """The search of a study's exploration half."""

    def __init__(
        self, study: Study, texts: pl.DataFrame, seen: Mapping[str, Float[np.ndarray, "text dim"]]
    ) -> None:
        """Looks at all vectors once; compares nothing.

        Args:
            study: says what counts as confused.
            texts: of the exploration half.
            seen: vectors of each view, rows as the texts.

        Raises:
            EngineError: a vector is not finite; names the text.
        """
        rows: Any = texts["text_id"].arg_sort().to_numpy()
        if (np.diff(rows) == 1).all():
            rows = slice(None)  # in order already: no second copy of the vectors
        self._study, self._texts = study, texts[rows]
        self._seen = {view: vectors[rows] for view, vectors in sorted(seen.items())}
        params, documents = own(study), self._texts["document_id"].to_list()
        self.threshold = (
            scale.chosen_threshold(self._seen["embeddings"], documents)
            if params.threshold == AUTO
            else float(params.threshold)
        )
        """Cosine from which two texts count as confused."""
        self._search = mining.Search(
            self._texts["text"].to_list(),
            self._seen["embeddings"],
            self._seen.get(REFERENCE),
            threshold=self.threshold,
            margin=params.margin,
            top=params.top,
            per_text=params.per_text,
            documents=documents,
            block_size=BLOCK_SIZE,
        )

    @cached_property
    def _shards(self) -> list[range]:
        most = PAIRS_PER_SHARD.get(tiles.device(), PAIRS_PER_SHARD_ACCELERATOR)
        return self._search.shares(max(1, -(-self._search.n_pairs // most)))

    @property
    def n_shards(self) -> int:
        """How many shards there are, 1 or more."""
        return len(self._shards)

    @property
    def n_steps(self) -> int:
        """How often `run` advances, over all shards."""
        return sum(self._search.n_tiles(blocks) for blocks in self._shards)

    def run(self, shard: int, advance: Callable[[], object] = bool) -> bool:
        """Searches one shard unless what it found is there already, and says whether it did."""
        blocks, place = self._shards[shard], self._place(shard)
        if place.is_dir():
            for _ in range(self._search.n_tiles(blocks)):
                advance()
            return False
        found = self._search.part(blocks, advance)
        with frames.writing(place) as folder:
            frames.write(found.hits, folder / "hits.parquet", tally.HITS)
            frames.write(found.counts, folder / "counts.parquet", tally.COUNTS)
            names = ("n_hits", "n_collisions", "n_same_document")
            counted = {name: getattr(found, name) for name in names}
            frames.write_manifest(folder, counted)
        return True

    def clear(self) -> None:
        """Deletes what the shards left, of this search and of those before it."""
        for left in self.parts.parent.glob("propose-*"):
            shutil.rmtree(left, ignore_errors=True)

    def evidence(self) -> PairEvidence:
        """What all shards found together, whatever shards there were.

        Raises:
            CorpusError: no pair; it says which threshold would select some.
            MissingStageError: a shard was not searched.
        """
        return self._evidence(self._search.merged(map(self._found, range(self.n_shards))))

    @cached_property
    def parts(self) -> Path:
        """The folder of the finished shards; another one for all that would be searched otherwise."""
        asked = own(self._study).model_dump_json(include=_SEARCHED)
        fingerprint = frames.hashed(
            *self._texts["text"],
            *self._texts["document_id"],
            *(part for view, vectors in self._seen.items() for part in (view, _hashed(vectors))),
            asked,
            repr(self._shards),
            code_version(),
        )
        return paths.parts(self._study.name, "propose", fingerprint)

    def _place(self, shard: int) -> Path:
        return self.parts / f"part-{shard:04d}"

    def _found(self, shard: int) -> mining.Part:
        folder = self._place(shard)
        if not folder.is_dir():
            raise MissingStageError(f"{folder}: wanted shard {shard + 1}, not there. Rerun propose.")
        hits = frames.read(folder, "hits.parquet", tally.HITS)
        counts = frames.read(folder, "counts.parquet", tally.COUNTS)
        return mining.Part(hits, counts, **frames.read_manifest(folder))

    def _evidence(self, found: mining.Mined) -> PairEvidence:
        # A repaired encoder may confuse nothing; what it was repaired of is tested all the same.
        if found.pairs.is_empty() and not repaired.is_repaired(self._study.embed.encoder):
            raise CorpusError(_nothing(self._study, found, self.threshold))
        left, right = self._texts[found.pairs["left"]], self._texts[found.pairs["right"]]
        pairs = found.pairs.select("similarity", "reference", "overlap").with_columns(
            left["text"].alias("left"),
            right["text"].alias("right"),
            left["text_id"].alias("left_id"),
            right["text_id"].alias("right_id"),
        )
        return PairEvidence(
            frames.conform(pairs, tables.PAIRS),
            n_texts=self._texts.height,
            domain=own(self._study).domain or "",
            texts=tuple(self._texts["text"]),
            noted={
                "threshold": self.threshold,
                "n_searched": found.n_texts,
                "n_collisions": found.n_collisions,
                "n_same_document": found.n_same_document,
                "n_hits": found.n_hits,
                "n_mined": pairs.height,
            },
        )


_SEARCHED = {"reference", "threshold", "margin", "top", "per_text"}
"""The keys of `failures` that a search follows from, beside the texts and their vectors."""


def _hashed(vectors: Float[np.ndarray, "text dim"]) -> str:
    """16 hex digits over all values, read in blocks."""
    digest = hashlib.blake2b(f"{vectors.dtype.str} {vectors.shape}".encode(), digest_size=8)
    for start in range(0, len(vectors), _ROWS):
        digest.update(vectors[start : start + _ROWS].tobytes())
    return digest.hexdigest()


def _nothing(study: Study, found: mining.Mined, threshold: float) -> str:
    """Why no pair was found, and what would find some."""
    params, where = own(study), f"studies.{study.name}.encoder_failures"
    if found.n_collisions:
        is_same = params.reference == study.embed.encoder
        same = " Reference and encoder under test are the same." if is_same else ""
        return (
            f"{where}: {found.n_collisions:,} pairs of {found.n_texts:,} texts reach the threshold of "
            f"{threshold:g}, but for none of them is the reference ({params.reference}) lower by "
            f"{params.margin:g}: it confuses the same.{same} Name another reference, or lower the margin."
        )
    nearest = "; ".join(f"{value:.2f} selects {n}" for n, value in found.quantiles.items() if value > 0)
    return (
        f"{where}.threshold: no pair of {found.n_texts:,} texts reaches {threshold:g}. "
        f"Lower it ({nearest or 'no pair is alike at all'}), or bring more texts."
    )
