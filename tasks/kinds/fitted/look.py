"""The exploration texts that a model is fitted on, split once more: the fit part, and the tune part."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.errors import CorpusError
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.fitted.screening import Targets
from tasks.kinds.parts import Seen
from tasks.records import Proposal
from tasks.store import media
from tasks.store.sources.hashing import uniform

FIT_SHARE = 0.7
LEAST_DOCUMENTS = 10
"""With fewer there is nothing to fit on one part and to check on the other."""


@dataclass(frozen=True)
class Look:
    """Prepared once; rows in the order of text_id."""

    texts: pl.DataFrame
    vectors: Float[np.ndarray, "text dim"]
    of: Observed
    model: Model
    draw: Float[np.ndarray, " text"]
    """A hash of each text's document and the seed, uniform in [0, 1)."""
    halves: Float[np.ndarray, " text"]
    """Another one: halves of the fit part are made by it."""

    @property
    def of_themes(self) -> bool:
        """Whether there is nothing but the texts to explain: what is wanted then are themes, told apart."""
        return self.of.said is None

    @cached_property
    def fits(self) -> Bool[np.ndarray, " text"]:
        """Who is in the fit part; the others are the tune part."""
        return parts(self.draw)

    @cached_property
    def growing(self) -> Int[np.ndarray, " row"]:
        """Rows of the fit part by document, in the order in which they are judged."""
        rows = np.flatnonzero(self.fits)
        return rows[np.argsort(self.draw[rows], kind="stable")]

    @cached_property
    def _number(self) -> Float[np.ndarray, "text target"]:
        return self.model.targets(self.of)

    def targets(self, rows: Int[np.ndarray, " row"]) -> Targets:
        """What is to be foretold of these texts, as numbers."""
        return Targets(self._number[rows], parts(self.halves[rows], 0.5), self.model.background)

    def left_out(self, candidates: Sequence[Proposal]) -> Bool[np.ndarray, "candidate target"]:
        """Targets that do not count for each candidate."""
        found = np.zeros((len(candidates), self._number.shape[1]), dtype=bool)
        for i, one in enumerate(candidates):
            found[i, list(self.model.own_words(one.predicate, one.definition))] = True
        return found


def prepared(kind: Any, seen: Seen) -> Look:
    """The texts that are judged: all, or so many documents as the study allows.

    Raises:
        CorpusError: there are too few.
    """
    study = seen.study
    salt = str(study.seed)
    draw = uniform(seen.texts["document_id"], "fit", salt)
    ordered = seen.texts.select(draw.alias("draw"), "text_id").with_row_index("row").sort("draw", "text_id")
    rows = ordered["row"][: kind.params(study).most_texts(study.engine)].to_numpy()
    rows = rows[np.argsort(seen.texts["text_id"][rows].to_numpy(), kind="stable")]
    texts = seen.texts[rows]
    _check(kind, seen, texts)
    of = kind.observed(study, texts)
    drawn = [uniform(texts["document_id"], part, salt).to_numpy() for part in ("tune", "half")]
    return Look(texts, seen.vectors["embeddings"][rows], of, kind.model(study, of), drawn[0], drawn[1])


def parts(draw: Float[np.ndarray, " text"], share: float = FIT_SHARE) -> Bool[np.ndarray, " text"]:
    """The documents of the least draws, as near to the share of all as whole documents come."""
    distinct = np.unique(draw)
    cut = distinct[min(max(round(len(distinct) * share), 1), len(distinct)) - 1]
    return np.asarray(draw <= cut)


def _check(kind: Any, seen: Seen, texts: pl.DataFrame) -> None:
    study, words = seen.study, kind.speaks(of_pictures=media.are_pictures(texts))
    documents = texts["document_id"].n_unique()
    if documents < LEAST_DOCUMENTS:
        raise CorpusError(
            f"studies.{study.name}: wanted {LEAST_DOCUMENTS} documents or more in the exploration half to "
            f"fit a model, got {documents}. {words.more}."
        )
    one = "media" if media.are_pictures(texts) else "text"
    wanted, distinct = kind.params(study).predicates or 0, texts[one].n_unique()
    if wanted > distinct:
        raise CorpusError(
            f"studies.{study.name}.{study.kind}.predicates: wanted at most as many as there are distinct "
            f"exploration {words.corpus} ({distinct}), got {wanted}. {words.more}, or ask for fewer."
        )
