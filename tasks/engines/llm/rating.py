"""Relevance, novelty and significance by a rubric of 0-2 (D5: Zhong et al. 2023), and novelty measured.

A blind proposer, who knows the goal and the names of the groups and sees no text, guesses first, for each
group. What it guessed and what other studies discovered is shown to the rater, and is what novelty is
measured against: of the guesses those of the predicate's own direction. What direction a discovery of
another study had is not known here, since its groups are others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from tasks.engines import novelty
from tasks.engines.encoders import encoder as encoders
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.engines.llm import prompts, schemas, wording
from tasks.engines.roles import Rating
from tasks.records import Call, Group, Predicate
from tasks.store import frames, past
from tasks.study import Study

STAGE = "record"
PER_CALL = 20
"""Predicates rated in one call: seen side by side, they are rated on one scale."""
N_GUESSES = 20
"""Of both groups together."""
TOKENS_GUESS, TOKENS_RATING = 40, 50
"""Room for one of them in an answer."""
N_SHOWN = 40
"""Past discoveries that the rater is shown: those nearest to what it rates."""


Batch = Sequence[tuple[str, Predicate]]
"""What is rated in one call: ids as the model sees them, and predicates."""
Guesses = Mapping[Group, Sequence[str]]
"""By the group in which they are said to hold more often; all under A where there are no groups."""
Known = Mapping[str, str]
"""A guess or a past discovery as the rater is shown it."""


class LlmRater:
    """Rates on 0-2; None where the model refused or gave no rating of that form, twice.

    A kind whose hypotheses are no difference of groups says what is rated: `prompts`, `about`, `shown`.
    """

    lack: ClassVar[str] = ""
    """Why cosines of the study's encoder measure nothing here; empty: they do."""
    has_groups: ClassVar[bool] = True
    """Whether a guess is one of group A or of group B."""

    def __init__(self, study: Study, names: Mapping[str, str] | None = None) -> None:
        """`names` of groups A and B are those that collect found where they are not given."""
        self._study = study
        self._given_names = names
        self._guess, self._rate = self.prompts()
        lack = "no encoder" if study.embed.encoder == "none" else self.lack
        self._measures = not lack
        (self._endpoint, *_) = study.llm.endpoints("rater")
        measured = "measured" if self._measures else f"not measured ({lack})"
        self._measured_by = f"llm: {self._endpoint.model}; novelty_blind, novelty_past {measured}"
        self._no_guesses = ""
        self.calls: tuple[Call, ...] = ()

    @staticmethod
    def prompts() -> tuple[prompts.Prompt, prompts.Prompt]:
        """What the blind proposer is asked, and what the rater."""
        return prompts.load("record/blind"), prompts.load("record/rate")

    @property
    def rated_by(self) -> str:
        """Who rated, what was measured, and why there was no guess where there was none."""
        return self._measured_by + (f"; no blind guesses ({self._no_guesses})" if self._no_guesses else "")

    @cached_property
    def _gateway(self) -> Gateway:
        return Gateway(self._study, STAGE)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return frames.group_names(self._study.name) if self._given_names is None else self._given_names

    def about(self) -> dict[str, str]:
        """What is told of the study: goal, reader and groups."""
        reader = {"reader": self._study.user} if self._study.user else {}
        return {"goal": self._study.goal, **reader, **self._names}

    @property
    def _about(self) -> str:
        return prompts.lines([self.about()])

    def rate(self, predicates: Sequence[Predicate]) -> list[Rating]:
        """One rating for each predicate.

        Raises:
            EngineError: the endpoint cannot be used, or the budget is reached.
        """
        self.calls = ()
        if not predicates:
            return []
        guesses = self._guesses()
        before = past.discoveries(self._study.name)
        blind, known, shown = self._measured(predicates, guesses, before)
        rated = self._rated(predicates, [*self._lines(guesses), *({"known": one} for one in shown)])
        return [
            _rating(said, guessed, found) for said, guessed, found in zip(rated, blind, known, strict=True)
        ]

    def _guesses(self) -> Guesses:
        """What comes to mind without the texts, of each direction; nothing where no answer can be read."""
        prompt, n = self._guess, N_GUESSES // 2 if self.has_groups else N_GUESSES
        noun = prompts.noun(self._study)
        system, user = prompt.render(study=self._about, n=n, noun=noun)
        schema = schemas.group_guesses(n, noun) if self.has_groups else schemas.guesses(n)
        room = TOKENS_GUESS * (N_GUESSES + 1)
        answer = self._gateway.ask_now(
            Request("rater", self._endpoint, system, user, schema, prompt.hash, most_tokens=room)
        )
        self.calls += answer.calls
        self._no_guesses = answer.problem
        match answer.parsed:
            case schemas.GroupGuesses(more_in_a=in_a, more_in_b=in_b):
                return {"A": _said(in_a[:n], noun), "B": _said(in_b[:n], noun)}
            case schemas.Guesses(guesses=guesses):
                return {"A": _said(guesses[:n], noun)}
        return {}

    def _lines(self, guesses: Guesses) -> list[dict[str, str]]:
        """The guesses as the rater is shown them."""
        return [
            {"known": one, **({"more_in": self._names[group]} if self.has_groups else {})}
            for group, said in guesses.items()
            for one in said
        ]

    def _measured(
        self, predicates: Sequence[Predicate], guesses: Guesses, before: Sequence[str]
    ) -> tuple[list[float | None], list[float | None], list[str]]:
        """Distances to guesses of the same direction and to past discoveries, and which of these to show."""
        nothing: list[float | None] = [None] * len(predicates)
        if not self._measures:
            return nothing, nothing, list(before[:N_SHOWN])
        encoder = encoders.load(self._study)
        said = novelty.sentence_vectors(encoder, [predicate.predicate for predicate in predicates])
        guessed = {group: novelty.sentence_vectors(encoder, one) for group, one in guesses.items() if one}
        blind = novelty.directed_distances(said, [p.direction for p in predicates], guessed)
        if not before:
            return blind, nothing, []
        known = novelty.sentence_vectors(encoder, before)
        return blind, novelty.distances(said, known), [before[i] for i in _nearest(said, known)]

    def _rated(
        self, predicates: Sequence[Predicate], known: Sequence[Known]
    ) -> list[schemas.PredicateRating | None]:
        keys = prompts.item_ids([p.predicate_id for p in predicates], str(self._study.seed), STAGE)
        items = list(zip(keys, predicates, strict=True))
        batches = [items[i : i + PER_CALL] for i in range(0, len(items), PER_CALL)]
        done: dict[str, _Rated] = {}
        self._gateway.run(
            [partial(self._rate_batch, batch, known) for batch in batches],
            lambda rated: done.update({rated.first_id: rated}),
            len(batches),
            f"rate {self._study.name}",
        )
        in_order = [done[batch[0][0]] for batch in batches]  # whatever order they were answered in
        self.calls += tuple(call for rated in in_order for call in rated.calls)
        found = {key: rating for rated in in_order for key, rating in rated.ratings.items()}
        return [found.get(key) for key in keys]

    async def _rate_batch(self, batch: Batch, known: Sequence[Known]) -> "_Rated":
        """Ratings by id; what was left out is asked again once: together, or each alone if nothing came."""
        answer = await self._gateway.ask(self._request(batch, known))
        found, calls = ratings_of(answer, batch), answer.calls
        missing = [item for item in batch if item[0] not in found]
        again = [missing] if found else [[item] for item in missing]
        for part in again if missing and len(batch) > 1 else []:
            answer = await self._gateway.ask(self._request(part, known))
            found |= ratings_of(answer, part)
            calls += answer.calls
        return _Rated(batch[0][0], found, calls)

    def _request(self, batch: Batch, known: Sequence[Known]) -> Request:
        prompt = self._rate
        system, user = prompt.render(
            study=self._about,
            known=prompts.lines(known),
            noun=prompts.noun(self._study),
            hypotheses=prompts.lines(
                {"id": key, **self.question_fields(predicate)} for key, predicate in batch
            ),
        )
        about = tuple(p.predicate_id for _, p in batch)
        schema, room = schemas.ratings(tuple(key for key, _ in batch)), TOKENS_RATING * (len(batch) + 1)
        return Request("rater", self._endpoint, system, user, schema, prompt.hash, about, most_tokens=room)

    def question_fields(self, predicate: Predicate) -> dict[str, str]:
        """What is told of a predicate."""
        return {"predicate": predicate.predicate, "more_in": self._names[predicate.direction]}


@dataclass(frozen=True)
class _Rated:
    """What one batch came to."""

    first_id: str
    ratings: dict[str, schemas.PredicateRating]
    calls: tuple[Call, ...]


def _rating(said: schemas.PredicateRating | None, blind: float | None, known: float | None) -> Rating:
    if said is None:
        return Rating(None, None, None, blind, known)
    return Rating(float(said.relevance), float(said.novelty), float(said.significance), blind, known)


def ratings_of(answer: Answer, batch: Batch) -> dict[str, schemas.PredicateRating]:
    """The ratings of an answer by id."""
    if not isinstance(answer.parsed, schemas.Ratings):
        return {}
    return {key: getattr(answer.parsed, key) for key, _ in batch}


def _said(guesses: Sequence[str], noun: str) -> list[str]:
    return [said for guess in guesses if (said := wording.tidied(wording.bare(guess, noun)))]


def _nearest(said: Float[np.ndarray, "predicate dim"], known: Float[np.ndarray, "known dim"]) -> list[int]:
    """Which past discoveries come nearest to any predicate, nearest first."""
    closeness = np.round((said @ known.T).max(axis=0), 6)
    return [int(i) for i in np.argsort(-closeness, kind="stable")[:N_SHOWN]]
