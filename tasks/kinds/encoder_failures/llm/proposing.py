"""Naming failures as MultiMon does (Tong, Jones & Steinhardt 2023): show pairs, ask what they have in common.

Each round shows other pairs and what was suggested before; what says the same is merged. Last, the model is
asked without any pair: what it knows of such encoders anyway is the baseline of what the pairs have taught.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts, sampling, wording
from tasks.engines.llm.suggesting import question
from tasks.errors import EngineError
from tasks.kinds.encoder_failures.llm import schemas
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.kinds.encoder_failures.roles import PairEvidence
from tasks.records import Call, Proposal
from tasks.study import Study

MAX_CHARS_SHOWN = 400
"""A longer text is cut in the prompt."""
MAX_CHARS = 600
"""A longer description is no description of one failure."""
N_EXAMPLES = 3
NOTED = ("n_rounds", "n_rounds_failed", "n_suggested", "n_unfit", "n_repeated", "n_blind")


class LlmFailureProposer:
    """Asks a language model what the mined pairs have in common."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._endpoint = study.llm.endpoints("proposer")[0]
        self._rounds = sampling.sizes(study).rounds
        self._gateway = Gateway(study, "propose")
        self._prompt = prompts.load("propose", FOLDER)
        self._calls: list[Call] = []
        self.noted: Counter[str] = Counter(dict.fromkeys(NOTED, 0))

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its proposals rest on."""
        return tuple(self._calls)

    def propose(self, evidence: PairEvidence, rng: np.random.Generator) -> list[Proposal]:
        """Failures in the order of their rounds, those expected without data last, `blind` by family.

        Raises:
            EngineError: the endpoint cannot be used, or no round brought an answer.
        """
        params = self._study.propose
        found: dict[str, Proposal] = {}
        for shown in self._samples(evidence.pairs, rng):
            self._grow(found, self._asked(found, shown, evidence.domain), shown)
        if self.noted["n_rounds_failed"] == self._rounds:
            raise EngineError(
                f"studies.{self._study.name}: {self._endpoint.model} named no failure in any of "
                f"{self._rounds} rounds (refused or not of the wanted form).",
                hint="Name another model under llm.proposer, or raise llm.max_tokens.",
            )
        # A third at most is spent on what was expected anyway.
        n_blind = max(1, params.max_predicates // 3) if params.max_predicates > 1 else 0
        kept = list(found.values())[: params.max_predicates - n_blind]
        if n_blind:
            told = {_spelling(one.predicate): one for one in kept}
            self._grow(told, self._asked({}, None, evidence.domain), None)
            blind = list(told.values())[len(kept) :][: min(n_blind, -(-len(kept) // 2))]
            self.noted["n_blind"] = len(blind)
            kept += blind
        return kept

    def _samples(self, pairs: pl.DataFrame, rng: np.random.Generator) -> list[pl.DataFrame]:
        """Other pairs for each round, as long as there are any; then the same in another mixture."""
        ordered = pairs.sort("similarity", "left_id", "right_id", descending=[True, False, False])
        n = own(self._study).shown
        rows: list[int] = []
        while len(rows) < n * self._rounds:
            rows += rng.permutation(ordered.height).tolist()
        return [ordered[rows[i * n : (i + 1) * n]] for i in range(self._rounds)]

    def _asked(
        self, found: dict[str, Proposal], shown: pl.DataFrame | None, domain: str
    ) -> list[schemas.Failure]:
        pairs = (
            ""
            if shown is None
            else prompts.lines(
                {"first": row["left"][:MAX_CHARS_SHOWN], "second": row["right"][:MAX_CHARS_SHOWN]}
                for row in shown.iter_rows(named=True)
            )
        )
        system, user = self._prompt.render(
            study=question(self._study),
            domain=prompts.lines([{"domain": domain}]) if domain else "",
            n=self._study.propose.per_round,
            known=prompts.lines({"name": one.predicate} for one in found.values()),
            pairs=pairs,
        )
        answer = self._gateway.ask_now(
            Request("proposer", self._endpoint, system, user, schemas.Failures, self._prompt.hash)
        )
        self._calls += answer.calls
        said = answer.parsed if answer.status == roles.VALUE else None
        failed = not isinstance(said, schemas.Failures)
        if shown is not None:
            self.noted["n_rounds"] += 1
            self.noted["n_rounds_failed"] += failed
        # No more than were asked for: each one costs new pairs and judgements.
        return (
            [] if not isinstance(said, schemas.Failures) else said.failures[: self._study.propose.per_round]
        )

    def _grow(
        self, found: dict[str, Proposal], said: Sequence[schemas.Failure], shown: pl.DataFrame | None
    ) -> None:
        for one in said:
            self.noted["n_suggested"] += 1
            name, description = wording.tidied(one.name), wording.tidied(one.description)
            is_name = 0 < len(name) <= wording.MAX_CHARS and name.isprintable()
            if not is_name or not 0 < len(description) <= MAX_CHARS:
                self.noted["n_unfit"] += 1
            elif _spelling(name) in found:
                self.noted["n_repeated"] += 1
            else:
                found[_spelling(name)] = self._proposal(name, description, shown)

    def _proposal(self, name: str, description: str, shown: pl.DataFrame | None) -> Proposal:
        examples = [] if shown is None else shown.head(N_EXAMPLES).select("left_id", "right_id").rows()
        return Proposal(
            predicate=name,
            direction="A",
            family="llm" if shown is not None else "blind",
            grade="proxy",
            definition=json.dumps({"failure": name, "description": description}, ensure_ascii=False),
            explore_effect=0.0,
            explore_z=0.0,
            example_ids=tuple(dict.fromkeys(text_id for pair in examples for text_id in pair)),
            prompt_hash=self._prompt.hash,
        )


def _spelling(name: str) -> str:
    """Case, function words and endings aside, so that "The negation of verbs" is "negation of a verb"."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    bare = re.sub(r"(?<=\w{3})s\b", "", folded)
    return " ".join(sorted(wording.content(bare))) or " ".join(folded.split())
