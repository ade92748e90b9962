"""Editing sentences of the corpus from the description of a failure alone, until there are enough pairs."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts, wording
from tasks.engines.llm.generating import PER_CALL, plain, spelling
from tasks.kinds.encoder_failures.llm import schemas
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.kinds.encoder_failures.roles import NewPair, Source
from tasks.records import Call, Predicate
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds.encoder_failures.embedded.wording import Wording

MAX_CHARS = 1_000
"""A longer sentence is not asked for, and a longer answer left out: an encoder would cut it."""
MOST_ASKED = 4
"""Sentences that are shown for each pair that is wanted, at most: many can show no such difference."""
IN_VAIN = 2
"""Calls in a row that brought no pair, after which no more are made."""
_NO_BIDI = dict.fromkeys(map(ord, wording.BIDI))


class LlmPairGenerator:
    """Asks a language model to edit sentences, a page of them at a time."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._endpoint = study.llm.endpoints("generator")[0]
        self._gateway = Gateway(study, "verify")
        self._prompt = prompts.load("pairs", FOLDER)
        self._calls: list[Call] = []

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its pairs rest on."""
        return tuple(self._calls)

    def pairs(
        self,
        predicate: Predicate,
        n: int,
        sources: Sequence[Source],
        wording: "Wording",
        rng: np.random.Generator,
    ) -> list[NewPair]:
        """At most n pairs, one a document; fewer where it finds nothing to edit, none where it refuses.

        Args:
            predicate: whose definition describes the failure.
            n: pairs wanted, over 0.
            sources: sentences to be edited, in this order.
            wording: not used: the model has words of its own.
            rng: not used: every question follows from the sentences.
        """
        written: list[NewPair] = []
        taken: set[str] = set()
        one_each = islice(_one_a_document(sources), MOST_ASKED * n)
        in_vain = 0
        while len(written) < n and in_vain < IN_VAIN:
            page = list(islice(one_each, PER_CALL))
            if not page:
                break
            made = _new(self._asked(predicate, page), taken)
            in_vain = 0 if made else in_vain + 1
            written += made
        return written[:n]

    def _asked(self, predicate: Predicate, page: Sequence[Source]) -> list[NewPair]:
        domain = own(self._study).domain
        described = json.loads(predicate.definition)
        system, user = self._prompt.render(
            failure=prompts.lines([{"name": predicate.predicate, "description": described["description"]}]),
            domain=prompts.lines([{"domain": domain}]) if domain else "",
            sentences=prompts.lines({"id": str(i), "sentence": one.text} for i, one in enumerate(page)),
        )
        answer = self._gateway.ask_now(
            Request(
                "generator",
                self._endpoint,
                system,
                user,
                schemas.EditedSentences,
                self._prompt.hash,
                (predicate.predicate_id,),
            )
        )
        self._calls += answer.calls
        if answer.status != roles.VALUE or not isinstance(answer.parsed, schemas.EditedSentences):
            return []
        of = {str(i): one for i, one in enumerate(page)}
        said = {one.id: one.second for one in answer.parsed.pairs if one.id in of}
        return [NewPair(of[id_].text, tidied(second), of[id_].document_id) for id_, second in said.items()]


def _one_a_document(sources: Sequence[Source]) -> Iterator[Source]:
    done: set[str] = set()
    for source in sources:
        if source.document_id not in done and len(source.text) <= MAX_CHARS:
            done.add(source.document_id)
            yield source


def _new(pairs: Sequence[NewPair], taken: set[str]) -> list[NewPair]:
    """Those whose new text is one, differs from the sentence and is not taken. Takes theirs."""
    kept = []
    for pair in pairs:
        spelt = spelling(pair.right)
        # Small models hand a sentence back with a space more or less.
        is_copy = spelt.replace(" ", "") == spelling(pair.left).replace(" ", "")
        if spelt and not is_copy and spelt not in taken and len(pair.right) <= MAX_CHARS:
            taken.add(spelt)
            kept.append(pair)
    return kept


def tidied(text: str) -> str:
    """The text on one line, without marks that turn the direction of writing."""
    return " ".join(plain(text.translate(_NO_BIDI)).split())
