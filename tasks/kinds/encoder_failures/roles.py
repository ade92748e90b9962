"""Who names failures and writes pairs, and what they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from tasks.engines import roles
from tasks.kinds.encoder_failures.params import own
from tasks.records import Call, Predicate, Proposal
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds.encoder_failures.embedded.wording import Wording

REFERENCE = "reference"
"""The view of a reference that is an encoder."""


@dataclass(frozen=True)
class PairEvidence:
    """All that a proposer of encoder failures ever sees: pairs mined from the exploration half."""

    pairs: pl.DataFrame
    """Rows of tables.PAIRS; the pair that is nearest under test first."""
    n_texts: int
    """Texts that were searched."""
    domain: str = ""
    """What the failures should be about; empty: anything."""
    texts: tuple[str, ...] = ()
    """All texts that were searched, in no telling order."""
    noted: Mapping[str, float] = field(default_factory=dict)
    """What was counted on the way, for the manifest."""


class FailureProposer(Protocol):
    """Suggests what an encoder confuses."""

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its proposals rest on; empty where nothing is paid."""
        ...

    @property
    def noted(self) -> roles.Noted:
        """What it counted on the way, for the manifest."""
        ...

    def propose(self, evidence: PairEvidence, rng: np.random.Generator) -> list[Proposal]:
        """Proposals from mined pairs, best first, at most study.propose.most."""
        ...


@dataclass(frozen=True)
class Source:
    """A sentence that new pairs are written from."""

    text: str
    document_id: str


@dataclass(frozen=True)
class NewPair:
    """A sentence of the corpus and the same with one difference."""

    left: str
    right: str
    document_id: str
    """Of the sentence."""


class PairGenerator(Protocol):
    """Writes pairs of texts that show a failure, from sentences of the corpus."""

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its pairs rest on."""
        ...

    def pairs(
        self,
        predicate: Predicate,
        n: int,
        sources: Sequence[Source],
        wording: "Wording",
        rng: np.random.Generator,
    ) -> list[NewPair]:
        """At most n pairs from the definition, one a document; sources are tried in their order."""
        ...


def for_domain(study: Study) -> dict[bool, Study]:
    """By whether it writes for the domain: the study itself, and beside it one that names no domain."""
    if own(study).domain is None:
        return {False: study}
    anything = study.model_copy(update={"encoder_failures": own(study).model_copy(update={"domain": None})})
    return {True: study, False: anything}
