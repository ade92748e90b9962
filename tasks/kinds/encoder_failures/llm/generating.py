"""Writing new pairs from the description of a failure alone, until there are enough distinct ones."""

import json
from collections.abc import Sequence

import numpy as np

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts, wording
from tasks.engines.llm.generating import MAX_CHARS_KNOWN, MAX_KNOWN, PER_CALL, plain, spelling
from tasks.kinds.encoder_failures.llm import schemas
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.records import Call, Predicate
from tasks.study import Study

MAX_CHARS = 1_000
"""A pair with a longer text is left out: short texts are asked for, and an encoder would cut it."""
_NO_BIDI = dict.fromkeys(map(ord, wording.BIDI))


class LlmPairGenerator:
    """Asks a language model for pairs, round by round; no text stands in two of them."""

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
        self, predicate: Predicate, n: int, known: frozenset[str], rng: np.random.Generator
    ) -> list[tuple[str, str]]:
        """At most n distinct pairs; fewer where the model brings nothing new, none where it refuses.

        Args:
            predicate: whose definition describes the failure.
            n: pairs wanted, over 0.
            known: not used: a model that never saw the corpus writes what it likes.
            rng: not used: every question follows from the answers before it.
        """
        written: list[tuple[str, str]] = []
        taken: set[str] = set()
        while len(written) < n:
            n_before, room = len(written), min(PER_CALL, n - len(written))
            # The same question would bring the same answer, from the store; half as many may fit where the
            # answer was cut or of another form.
            for wanted in (room, room // 2):
                if wanted and len(written) == n_before:
                    written += _new(self._asked(predicate, written, wanted), taken)
            if len(written) == n_before:
                break
        return written[:n]

    def _asked(self, predicate: Predicate, known: Sequence[tuple[str, str]], n: int) -> list[tuple[str, str]]:
        domain = own(self._study).domain
        shown = prompts.lines(
            {"first": left[:MAX_CHARS_KNOWN], "second": right[:MAX_CHARS_KNOWN]}
            for left, right in known[-MAX_KNOWN:]
        )
        described = json.loads(predicate.definition)
        system, user = self._prompt.render(
            failure=prompts.lines([{"name": predicate.predicate, "description": described["description"]}]),
            domain=prompts.lines([{"domain": domain}]) if domain else "",
            known=shown,
            n=n,
        )
        answer = self._gateway.ask_now(
            Request(
                "generator",
                self._endpoint,
                system,
                user,
                schemas.TextPairs,
                self._prompt.hash,
                (predicate.predicate_id,),
            )
        )
        self._calls += answer.calls
        if answer.status != roles.VALUE or not isinstance(answer.parsed, schemas.TextPairs):
            return []
        return [(tidied(pair.first), tidied(pair.second)) for pair in answer.parsed.pairs]


def _new(pairs: Sequence[tuple[str, str]], taken: set[str]) -> list[tuple[str, str]]:
    """Those of which no text is taken: pairs that share one are no two tests. Takes theirs."""
    kept = []
    for pair in pairs:
        spelt = {spelling(text) for text in pair}
        if len(spelt) == 2 and "" not in spelt and not spelt & taken and max(map(len, pair)) <= MAX_CHARS:
            taken |= spelt
            kept.append(pair)
    return kept


def tidied(text: str) -> str:
    """The text on one line, without marks that turn the direction of writing."""
    return " ".join(plain(text.translate(_NO_BIDI)).split())
