"""Editing sentences of the corpus from the description of a failure alone, until there are enough pairs.

A small model is shown one sentence a call: of a page of them it hands most back as they are.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts
from tasks.engines.llm.generating import PER_CALL, plain
from tasks.kinds.encoder_failures.llm import schemas
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.kinds.encoder_failures.roles import NewPair, Source
from tasks.records import Call, Predicate
from tasks.store.canonical import spelling
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds.encoder_failures.embedded.wording import Wording

MAX_CHARS = 1_000
"""A longer sentence is not asked for, and a longer answer left out: an encoder would cut it."""
MOST_ASKED = 4
"""Sentences that are shown for each pair that is wanted, at most: many can show no such difference."""
IN_VAIN = 2 * PER_CALL
"""Sentences in a row that brought no pair, after which no more are shown."""
ROOM = 20
"""Tokens of an answer beside each sentence."""


class LlmPairGenerator:
    """Asks a language model to edit sentences, a page of them at a time, in as many calls as it needs."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._endpoint = study.llm.endpoints("generator")[0]
        self._gateway = Gateway(study, "verify")
        self._per_call = per_call(study)
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
            # No call for a sentence that is not needed, where each has its own.
            page = list(islice(one_each, PER_CALL if self._per_call > 1 else min(PER_CALL, n - len(written))))
            if not page:
                break
            made = _new(self._edited(predicate, page), taken)
            in_vain = 0 if made else in_vain + len(page)
            written += made
        return written[:n]

    def _edited(self, predicate: Predicate, page: Sequence[Source]) -> list[NewPair]:
        """The sentences of a page with what was made of them, in their order."""
        parts = [page[i : i + self._per_call] for i in range(0, len(page), self._per_call)]
        requests = {i: self._request(predicate, part) for i, part in enumerate(parts)}
        found = self._gateway.ask_each(requests, f"pairs {self._study.name}")
        made = []
        for i, part in enumerate(parts):
            answer = found[i]
            self._calls += answer.calls
            said = answer.parsed.model_dump() if isinstance(answer.parsed, schemas.Edits) else {}
            made += [
                NewPair(one.text, tidied(said[id_]), one.document_id)
                for id_, one in zip(ids_of(part), part, strict=True)
                if said.get(id_)
            ]
        return made

    def _request(self, predicate: Predicate, part: Sequence[Source]) -> Request:
        described = json.loads(predicate.definition)["description"]
        prompt, ids = prompt_of(self._per_call), ids_of(part)
        rows = ({"id": id_, "sentence": one.text} for id_, one in zip(ids, part, strict=True))
        system, user = prompt.render(**fields(self._study, rows, ids, predicate.predicate, described))
        return Request(
            role="generator",
            endpoint=self._endpoint,
            system=system,
            user=user,
            answer=schemas.edits(ids),
            prompt_hash=prompt.hash,
            predicate_ids=(predicate.predicate_id,),
            most_tokens=sum(len(one.text.encode("utf-8", "replace")) // 2 + ROOM for one in part) + ROOM,
        )


def per_call(study: Study) -> int:
    """Sentences that share a call, by how large the model is."""
    return 1 if study.llm.endpoints("generator")[0].is_small else PER_CALL


def prompt_of(n_together: int) -> prompts.Prompt:
    """The prompt for one sentence, or for a page."""
    return prompts.load("pairs" if n_together > 1 else "pair", FOLDER)


def ids_of(part: Sequence[object]) -> tuple[str, ...]:
    """What the sentences of a call are called: the same in every call, as the schema is then."""
    return tuple(f"s{i}" for i in range(1, len(part) + 1))


def fields(
    study: Study, rows: Iterable[Mapping[str, object]], ids: Sequence[str], name: str, description: str
) -> dict[str, str]:
    """What both prompts are filled with."""
    domain = own(study).domain
    return {
        "sentences": prompts.lines(rows),
        "failure": prompts.lines([{"name": name, "description": description}]),
        "domain": prompts.lines([{"domain": domain}]) if domain else "",
        "ids": ", ".join(ids),
    }


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
    """The text in its one form, on one line."""
    return " ".join(plain(text).split())
