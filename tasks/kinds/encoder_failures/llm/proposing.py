"""Naming failures as MultiMon does (Tong, Jones & Steinhardt 2023): show pairs, ask what they have in common.

Each round shows other pairs and what was suggested before; what says the same is merged. Last, the model is
asked without any pair: what it knows of such encoders anyway is the baseline of what the pairs have taught.
"""

import json
import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts, sampling, wording
from tasks.engines.llm.suggesting import question
from tasks.engines.llm.tally import Tally
from tasks.kinds.encoder_failures.llm import schemas
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.kinds.encoder_failures.roles import PairEvidence
from tasks.records import Call, Proposal
from tasks.store.canonical import spelling
from tasks.study import Study

MAX_CHARS_SHOWN = 400
"""A longer text is cut in the prompt."""
MAX_CHARS = 600
"""A longer description is no description of one failure."""
N_EXAMPLES = 3
TOKENS = 120
"""Room for one failure in an answer."""
NO_NAME = "has no name"
NO_DESCRIPTION = "is not described"
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
        self._tally = Tally()

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its proposals rest on."""
        return tuple(self._calls)

    @property
    def noted(self) -> roles.Noted:
        """What happened on the way, and why suggestions were unfit and calls failed, for the manifest."""
        return self._tally.noted(NOTED)

    def propose(self, evidence: PairEvidence, rng: np.random.Generator) -> list[Proposal]:
        """Failures in the order of their rounds, those expected without data last, `blind` by family.

        Raises:
            EngineError: the endpoint cannot be used, or no round brought an answer.
        """
        params = self._study.propose
        found: dict[str, Proposal] = {}
        for shown in self._samples(evidence.pairs, rng):
            self._grow(found, self._asked(found, shown, evidence.domain), shown)
        if self._tally.counts["n_rounds_failed"] == self._rounds:
            raise self._tally.error(
                f"studies.{self._study.name}: {self._endpoint.model} named no failure in any of "
                f"{self._rounds} rounds"
            )
        # A third at most is spent on what was expected anyway.
        n_blind = max(1, params.most // 3) if params.most > 1 else 0
        kept = list(found.values())[: params.most - n_blind]
        if n_blind:
            told = {_spelling(one.predicate): one for one in kept}
            self._grow(told, self._asked({}, None, evidence.domain), None)
            blind = list(told.values())[len(kept) :][: min(n_blind, -(-len(kept) // 2))]
            self._tally.counts["n_blind"] = len(blind)
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
        n, both = self._study.propose.per_round, _texts(shown)
        system, user = self._prompt.render(
            pairs=prompts.lines({"first": left, "second": right} for left, right in both),
            study=question(self._study),
            domain=prompts.lines([{"domain": domain}]) if domain else "",
            known=prompts.lines({"name": one.predicate} for one in found.values()),
            n=n,
        )
        schema, room = schemas.failures(n), TOKENS * (n + 1)
        answer = self._gateway.ask_now(
            Request("proposer", self._endpoint, system, user, schema, self._prompt.hash, most_tokens=room)
        )
        self._calls += answer.calls
        is_usable = isinstance(answer.parsed, schemas.Failures)
        if not is_usable:
            self._tally.problems[answer.problem] += 1
        if shown is not None:
            self._tally.counts["n_rounds"] += 1
            self._tally.counts["n_rounds_failed"] += not is_usable
        # No more than were asked for: each one costs new pairs and judgements.
        return answer.parsed.failures[:n] if isinstance(answer.parsed, schemas.Failures) else []

    def _grow(
        self, found: dict[str, Proposal], said: Sequence[schemas.Failure], shown: pl.DataFrame | None
    ) -> None:
        texts = [text for pair in _texts(shown) for text in pair]
        for one in said:
            self._tally.counts["n_suggested"] += 1
            name, description = wording.tidied(one.name), wording.tidied(one.description)
            if why := fault(name, description, texts):
                self._tally.unfit(why)
            elif _spelling(name) in found:
                self._tally.counts["n_repeated"] += 1
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


def fault(name: str, description: str, texts: Sequence[str] = ()) -> str:
    """Why no pairs could be written from it; empty where they can.

    Args:
        name: tidied.
        description: tidied.
        texts: of the pairs that the model was shown: a failure is about many, and hands none of them back.
    """
    if not name or not name.isprintable():
        return NO_NAME
    if not description or _spelling(description) == _spelling(name):
        return NO_DESCRIPTION
    if len(name) > wording.MAX_CHARS or len(description) > MAX_CHARS:
        return wording.LONG
    return (
        wording.COPIES_TEXT if any(wording.copies(s, t) for s in (name, description) for t in texts) else ""
    )


def _texts(shown: pl.DataFrame | None) -> list[tuple[str, str]]:
    """Both texts of each pair, as far as they are shown."""
    cut = pl.col("left", "right").str.slice(0, MAX_CHARS_SHOWN)
    return [] if shown is None else shown.select(cut).rows()


def _spelling(name: str) -> str:
    """Case, function words and endings aside, so that "The negation of verbs" is "negation of a verb"."""
    folded = spelling(name)
    bare = re.sub(r"(?<=\w{3})s\b", "", folded)
    return " ".join(sorted(wording.content(bare))) or folded
