"""Proposing as VibeCheck does (Dunlap et al. 2024): rounds of pairs, later ones on what traits tell wrongly.

The model sees prompts with both answers and names traits. The judge then compares the answers of a sample of
exploration pairs by each, as it will later: this orders the traits, and the pairs whose models they do not
tell are shown in the next round. Every answer is data: a trait is only ever judged, never obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import packing, prompts, ranking, sampling
from tasks.engines.llm.proposing import NOTED
from tasks.engines.llm.suggesting import MAX_KNOWN, question
from tasks.engines.llm.tally import Tally
from tasks.kinds.model_pair.llm import schemas, traits, weighing
from tasks.kinds.model_pair.prompts import FOLDER
from tasks.records import Call, Group, Proposal
from tasks.store import frames, media
from tasks.study import Study

LARGE, SMALL = (10, 800), (3, 300)
"""Pairs that are shown in a round, and characters of each answer."""
SEEN, SEEN_BY_SMALL = 5, 2
"""Pairs of pictures that are shown in a round."""
MAX_CHARS_PROMPT = 400
"""What is shown of a prompt."""
TOKENS = 80
"""Room for one trait in an answer."""
_SIDES: Mapping[str, Group] = {"first": "A", "second": "B"}


@dataclass(frozen=True)
class Named:
    """A trait as it was suggested."""

    sentence: str
    direction: Group
    example_ids: tuple[str, ...]
    """The answers that the model was shown."""


class TraitProposer:
    """Asks a language model for traits, on the exploration half alone."""

    def __init__(self, study: Study, names: Mapping[str, str] | None = None) -> None:
        """`names` of the models are those that collect found where they are not given."""
        self._study, self._given_names = study, names
        self._endpoint = study.llm.endpoints("proposer")[0]
        self._prompt = prompt_of(study)
        self._calls: list[Call] = []
        self._tally = Tally()

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers of the proposer, and of the judge on the sample."""
        return tuple(self._calls)

    @property
    def noted(self) -> roles.Noted:
        """What happened on the way, and why suggestions were unfit and calls failed, for the manifest."""
        return self._tally.noted(NOTED)

    def propose(self, exploration: roles.Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals, best first, at most study.propose.most; row order is immaterial.

        Raises:
            EngineError: the endpoint cannot be used, or no round brought an answer.
        """
        texts = weighing.whole(exploration.texts.sort("text_id"))
        if texts.is_empty():
            return []
        order, sizes = rng.permutation(texts.height // 2), sampling.sizes(self._study)
        sample = sorted(order[: sizes.judged])
        scale = weighing.Scale(self._study, weighing.of_pairs(texts, sample))
        found, score = self._rounds(texts, order, scale, rng)
        if not found or not sizes.judged:
            return [self._proposal(one, 0.0, 0.0) for one in found[: self._study.propose.most]]
        effect, z = scale.lean(score)
        params = self._study.propose
        kept = ranking.chosen(z, score, params.most, params.max_phi, params.gate_z)
        self._calls += scale.calls
        self._tally.counts.update(n_judged=scale.n_judged, n_judged_in_vain=scale.n_in_vain)
        return [self._proposal(found[i], float(effect[i]), float(z[i])) for i in kept]

    def _rounds(
        self, texts: pl.DataFrame, order: np.ndarray, scale: weighing.Scale, rng: np.random.Generator
    ) -> tuple[list[Named], Float[np.ndarray, "text trait"]]:
        """All traits that the rounds bring, with the verdicts on the sample."""
        found: list[Named] = []
        score = np.zeros((scale.texts.height, 0))
        n, rounds = n_shown(self._study), n_rounds(self._study)
        for done in range(rounds):
            # The sample comes last: what is judged anyway is left for the rounds that need verdicts.
            at = [int(order[-1 - (done * n + k) % len(order)]) for k in range(min(n, len(order)))]
            shown, missed = weighing.of_pairs(texts, at), False
            if score.shape[1]:
                wrong = scale.told_wrongly(score, rng)[: 2 * n]
                if wrong:
                    drawn = sorted(rng.permutation(wrong)[:n])
                    shown, missed = weighing.of_pairs(scale.texts, drawn), True
            fresh = self._grown(found, self._asked(shown, found, missed), shown)
            found += fresh
            if fresh and scale.texts.height:
                score = np.column_stack([score, scale.verdicts([one.sentence for one in fresh])])
        if self._tally.counts["n_rounds_failed"] == rounds:
            raise self._tally.error(
                f"studies.{self._study.name}: {self._endpoint.model} gave no usable traits in any of "
                f"{rounds} rounds"
            )
        return found, score

    def _asked(self, shown: pl.DataFrame, found: Sequence[Named], missed: bool) -> list[schemas.Trait]:
        n, study = self._study.propose.per_round, self._study
        # A small model gives them back.
        examples = () if self._endpoint.is_small else study.propose.examples
        system, user = self._prompt.render(
            pairs=prompts.lines(_rows(shown, room(study))),
            study=question(study),
            n=n,
            examples=prompts.lines({"trait": f"The answer {one}"} for one in examples),
            known=prompts.lines({"trait": f"The answer {one.sentence}"} for one in found[-MAX_KNOWN:]),
            missed=missed,
        )
        request = Request(
            "proposer",
            self._endpoint,
            system,
            user,
            schemas.traits(n),
            self._prompt.hash,
            most_tokens=TOKENS * (n + 1),
            pictures=tuple(packing.pictures_of(study, shown)),
        )
        answer = Gateway(study, weighing.STAGE).ask_now(request)
        self._calls += answer.calls
        said = answer.parsed.traits[:n] if isinstance(answer.parsed, schemas.Traits) else []
        if not said:
            self._tally.problems[answer.problem] += 1
        self._tally.counts.update(n_rounds=1, n_rounds_failed=int(not said), n_suggested=len(said))
        return said

    def _grown(
        self, found: Sequence[Named], said: Sequence[schemas.Trait], shown: pl.DataFrame
    ) -> list[Named]:
        """Those that are new and by which two answers can be compared."""
        texts = [*shown["context"].unique(), *shown["text"]]
        known = {traits.name(one.sentence) for one in found}
        fresh = []
        for one in said:
            sentence = traits.sentence(one.trait, one.high, one.low)
            why = traits.fault(sentence, self._names, texts, self._study.propose.examples)
            if why:
                self._tally.unfit(why)
            elif traits.name(sentence) in known:
                self._tally.counts["n_repeated"] += 1
            else:
                known.add(traits.name(sentence))
                fresh.append(Named(sentence, _SIDES[one.more_in], tuple(shown["text_id"])))
        return fresh

    @cached_property
    def _names(self) -> Sequence[str]:
        given = self._given_names
        return list((frames.group_names(self._study.name) if given is None else given).values())

    def _proposal(self, one: Named, effect: float, z: float) -> Proposal:
        direction = ranking.direction_of(one.direction, z)
        self._tally.counts["n_turned"] += direction != one.direction
        return Proposal(
            predicate=one.sentence,
            direction=direction,
            family="llm",
            # Not exact: what is measured is how the judge reads the trait, not whether it is so.
            grade="proxy",
            definition=weighing.definition(one.sentence),
            explore_effect=effect,
            explore_z=z,
            example_ids=one.example_ids,
            prompt_hash=self._prompt.hash,
        )


def n_rounds(study: Study) -> int:
    """Rounds, those on pairs that are told wrongly among them."""
    sizes = sampling.sizes(study)
    return sizes.rounds + (study.propose.error_rounds if sizes.judged else 0)


def prompt_of(study: Study) -> prompts.Prompt:
    """How traits are asked for: of texts, or of pictures, which are shown themselves."""
    return prompts.load("propose_seen" if media.are_there(study.name) else "propose", FOLDER)


def n_shown(study: Study) -> int:
    """Pairs that are shown in a round: as the study says, or by how large the model is."""
    samples = study.propose.samples
    n = _sizes(study)[0] if samples == "auto" else samples
    if media.are_there(study.name):
        return min(n, SEEN_BY_SMALL if study.llm.endpoints("proposer")[0].is_small else SEEN)
    return max(1, min(n, sampling.MAX_CHARS_IN_ALL // (2 * _sizes(study)[1] + MAX_CHARS_PROMPT)))


def _sizes(study: Study) -> tuple[int, int]:
    return SMALL if study.llm.endpoints("proposer")[0].is_small else LARGE


def room(study: Study) -> int:
    """Characters of an answer that are shown."""
    return _sizes(study)[1]


def _rows(shown: pl.DataFrame, n_chars: int) -> list[dict[str, str]]:
    """Each prompt with both answers, as far as they are shown; pictures by their number among all shown."""
    if media.are_pictures(shown):
        return [
            {
                "prompt": _cut(prompt, MAX_CHARS_PROMPT),
                "first": f"picture {2 * i + 1}",
                "second": f"picture {2 * i + 2}",
            }
            for i, prompt in enumerate(shown["context"][::2])
        ]
    both = zip(shown["context"][::2], shown["text"][::2], shown["text"][1::2], strict=True)
    return [
        {"prompt": _cut(prompt, MAX_CHARS_PROMPT), "first": _cut(a, n_chars), "second": _cut(b, n_chars)}
        for prompt, a, b in both
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
