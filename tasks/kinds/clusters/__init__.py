"""Kind clusters: what is in this pile of texts, with overlap, and how many themes are there?

Estimand: bits per text by which a predicate makes the words of a new text better foreseen, beside all others:
p(word | x) proportional to exp(b + w . h(x)). Words that a predicate is made of do not count for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.pictures import wording
from tasks.errors import CorpusError
from tasks.kinds import Outputs, Section
from tasks.kinds.clusters.params import Clusters
from tasks.kinds.clusters.tables import MAP
from tasks.kinds.fitted import Ends, Fitted
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.fitted.params import own
from tasks.store import media
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.verdicts.judged import Judged


_SAYS_NOTHING = (
    "studies.{study}: wanted captions of most pictures (collect.text), or an encoder that tells classes "
    "(embed.encoder: bundled): themes explain the words of rows, and classes stand for them."
)


class ClustersKind(Fitted):
    """Texts are explained by sentences that hold for some of them."""

    name = "clusters"
    question = "which themes are in these texts, and how many?"
    has_values = False
    foresees_gain = False
    Params = Clusters
    min_effect = 0.05  # docs/clusters.md
    tables = {**Fitted.tables, "map": MAP}  # noqa: RUF012 - never changed
    words = replace(
        Fitted.words,
        reads="is how many bits fewer the words of a new text cost, where it is known whether the sentence "
        "holds for it, given all the others. Words that the sentence is made of do not count for it. Models "
        "with it and without it were fitted on other texts.",
        labels="verdicts",
        null="the sentences meant nothing",
        shuffled="those on each sentence are dealt out anew between documents",
    )

    def model(self, study: Study, explored: Observed) -> Model:
        """One weight a word [propose, score]."""
        from tasks.kinds.clusters import model

        return model.model(own(study), explored)

    def survey(self, study: Study, texts: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
        """Refuses pictures of which nothing will be known but how they look [collect].

        Raises:
            CorpusError: they have no captions, and no encoder is asked.
        """
        if media.are_pictures(texts) and study.embed.encoder == "none" and not wording.are_captioned(texts):
            raise CorpusError(_SAYS_NOTHING.format(study=study.name))
        return super().survey(study, texts, tables)

    def observed(self, study: Study, rows: pl.DataFrame) -> Observed:
        """The words of each row [propose, score].

        Raises:
            CorpusError: pictures have no captions, and the encoder tells no classes.
        """
        found = super().observed(study, rows)
        if media.are_pictures(rows) and not any(found.text):
            raise CorpusError(_SAYS_NOTHING.format(study=study.name))
        return found

    def section(self, outputs: Outputs) -> Section:
        """A map of the texts, with the sizes and overlaps of sentences."""
        from tasks.kinds.clusters import page

        return page.section(outputs)

    def ends(self, study: Study, direction: Float[np.ndarray, " text"]) -> Ends:
        """Texts beyond the border of a theme, and all others [propose].

        A language model is shown the clearer ones.
        """
        inside = direction > 0
        if study.engine != "llm" or not inside.any() or inside.all():
            return np.flatnonzero(inside), np.flatnonzero(~inside)
        within, without = np.median(direction[inside]), np.median(direction[~inside])
        return np.flatnonzero(direction >= within), np.flatnonzero(direction <= without)

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Also a map."""
        from tasks.kinds.clusters import map as maps
        from tasks.kinds.fitted import effects

        frozen = effects.read(judged)
        return super().beside(judged, texts, found) | {
            "map": maps.places(judged, texts, frozen.z, frozen.text_ids)
        }


KIND = ClustersKind()
