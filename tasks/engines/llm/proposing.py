"""Proposing as D5 does (Zhong et al. 2023): rounds of samples, then rounds on what is not yet explained.

Each round shows texts of both groups and asks for hypotheses in both directions. Those that cannot be
judged on one text are rewritten or left out, and what says the same is merged. The judge then looks at a
sample of the exploration half: this orders the proposals, and the texts that their verdicts put into the
wrong group are shown in the next round. Every answer is data: a sentence is only ever judged, never obeyed.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Float
from pydantic import BaseModel

from tasks import paths
from tasks.engines import roles
from tasks.engines.contrast import Contrast
from tasks.engines.encoders import encoder as encoders
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts, ranking, sampling, schemas, wording
from tasks.engines.llm.judging import LlmJudge
from tasks.errors import EngineError
from tasks.records import Call, Group, Predicate, Proposal
from tasks.store import frames
from tasks.study import Study

STAGE = "propose"
MAX_CHARS_REWRITTEN = 1_000
"""A sentence beyond this is no hypothesis that went wrong, and is not asked about again."""
NOTED = (
    "n_rounds",
    "n_rounds_failed",
    "n_suggested",
    "n_rewritten",
    "n_unfit",
    "n_repeated",
    "n_judged",
    "n_judged_in_vain",
    "n_turned",
)
"""What is counted: rounds without a usable answer; sentences rewritten, left out (still comparing, or too
long) and merged; verdicts that are missing; directions that the verdicts turned round."""


@dataclass(frozen=True)
class _Suggestion:
    sentence: str
    direction: Group
    example_ids: tuple[str, ...]
    """What the model was shown when it suggested it."""

    @property
    def definition(self) -> str:
        """The sentence is all there is to judge by."""
        return json.dumps({"says": self.sentence}, ensure_ascii=False)


def question(study: Study) -> str:
    """Goal, reader and origin of the texts as data, on one line; only what the study tells."""
    known = {"goal": study.goal, "reader": study.user, "texts": study.propose.about}
    return prompts.lines([{name: value for name, value in known.items() if value}])


class LlmProposer:
    """Asks a language model for hypotheses, on the exploration half alone."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._endpoint = study.llm.endpoints("proposer")[0]
        self._gateway = Gateway(study, STAGE)
        self._prompt = prompts.load("propose/predicates")
        self._calls: list[Call] = []
        self.noted: Counter[str] = Counter(dict.fromkeys(NOTED, 0))
        """What happened on the way, for the manifest."""

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers of the proposer, and of the judge on the exploration sample."""
        return tuple(self._calls)

    def propose(self, exploration: roles.Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals, best first, at most study.propose.max_predicates; row order is immaterial.

        Raises:
            EngineError: the endpoint cannot be used, or no round brought an answer.
        """
        order = exploration.texts["text_id"].arg_sort()
        texts, embeddings = exploration.texts[order], exploration.embeddings[order.to_numpy()]
        if not 0 < (texts["group"] == "A").sum() < texts.height:
            return []
        look = _Look(texts, embeddings, sampling.Sampler(texts, embeddings, rng), rng)
        params = self._study.propose
        found: list[_Suggestion] = []
        for n_round in range(params.rounds):
            rows = look.sampler.typical(n_round, sampling.affordable(params.samples))
            found = self._grown(found, look, rows, unexplained=False)
        if self.noted["n_rounds_failed"] == params.rounds:
            raise EngineError(
                f"studies.{self._study.name}: {self._endpoint.model} gave no usable hypotheses in any of "
                f"{params.rounds} rounds (refused or not of the wanted form).",
                hint="Name another model under llm.proposer, or raise llm.max_tokens.",
            )
        if not found or not params.judged:
            return [self._proposal(one, 0.0, 0.0) for one in found[: params.max_predicates]]
        return self._ranked(found, look)

    def _grown(
        self, found: Sequence[_Suggestion], look: "_Look", rows: Sequence[int], unexplained: bool
    ) -> list[_Suggestion]:
        """What there was and what one more round on these texts adds."""
        sample = look.texts[list(rows)]
        self.noted["n_rounds"] += 1
        answer = self._ask(self._prompt, schemas.Hypotheses, self._prompt_fields(sample, found, unexplained))
        if not isinstance(answer, schemas.Hypotheses):
            self.noted["n_rounds_failed"] += 1
            return list(found)
        # No more than were asked for: each one costs judgements.
        said = answer.hypotheses[: self._study.propose.per_round]
        self.noted["n_suggested"] += len(said)
        example_ids = tuple(sample["text_id"])
        fresh = self._judgeable([
            _Suggestion(wording.tidied(one.predicate), one.direction, example_ids) for one in said
        ])  # fmt: skip
        whole = [*found, *fresh]
        encoder = encoders.load(self._study) if look.embeddings.shape[1] else None
        kept = wording.distinct([s.sentence for s in whole], [s.direction for s in whole], encoder)
        self.noted["n_repeated"] += len(whole) - len(kept)
        return [whole[i] for i in kept]

    def _prompt_fields(
        self, sample: pl.DataFrame, found: Sequence[_Suggestion], unexplained: bool
    ) -> dict[str, object]:
        study = self._study
        names = frames.read_manifest(paths.output(study.name, "collect"))["names"]
        samples = [
            {"group": group, "text": sampling.excerpt(text, sample.height)}
            for group, text in sample.select("group", "text").iter_rows()
        ]
        return {
            "study": question(study),
            "groups": prompts.lines({"group": group, "name": name} for group, name in names.items()),
            "n": study.propose.per_round,
            "examples": prompts.lines({"predicate": example} for example in study.propose.examples),
            "known": prompts.lines({"predicate": s.sentence, "direction": s.direction} for s in found),
            "unexplained": unexplained,
            "samples": prompts.lines(samples),
        }

    def _judgeable(self, said: Sequence[_Suggestion]) -> list[_Suggestion]:
        """Those that hold or do not hold of one text, the others rewritten where the model can."""
        unfit = [one.sentence for one in said if not wording.fits(one.sentence)]
        asked = [sentence for sentence in dict.fromkeys(unfit) if 0 < len(sentence) <= MAX_CHARS_REWRITTEN]
        rewritten = self._rewritten(asked) if asked else {}
        mended = [replace(one, sentence=rewritten.get(one.sentence, one.sentence)) for one in said]
        kept = [one for one in mended if wording.fits(one.sentence)]
        self.noted["n_rewritten"] += len(kept) + len(unfit) - len(said)
        self.noted["n_unfit"] += len(said) - len(kept)
        return kept

    def _rewritten(self, sentences: Sequence[str]) -> dict[str, str]:
        ids = prompts.item_ids(sentences, str(self._study.seed))
        of_id = dict(zip(ids, sentences, strict=True))
        asked = prompts.lines({"id": i, "predicate": sentence} for i, sentence in of_id.items())
        answer = self._ask(prompts.load("propose/rewrite"), schemas.Rewrites, {"sentences": asked})
        given = answer.rewrites if isinstance(answer, schemas.Rewrites) else []
        return {of_id[one.id]: wording.tidied(one.predicate) for one in given if one.id in of_id}

    def _ask(
        self, prompt: prompts.Prompt, schema: type[BaseModel], values: dict[str, object]
    ) -> BaseModel | None:
        system, user = prompt.render(**values)
        answer = self._gateway.ask_now(Request("proposer", self._endpoint, system, user, schema, prompt.hash))
        self._calls += answer.calls
        return answer.parsed if answer.status == roles.VALUE else None

    def _ranked(self, found: list[_Suggestion], look: "_Look") -> list[Proposal]:
        """The best by the judge's verdicts on a sample, after the rounds on what these do not explain."""
        params = self._study.propose
        rows = look.sample(params.judged)
        contrast = Contrast.of(look.texts[rows])
        score = self._verdicts(found, look, rows)
        for _ in range(params.error_rounds):
            lean = ranking.lean(score, contrast, look.rng)
            shown = look.sampler.unexplained(lean, rows, sampling.affordable(params.samples))
            n_known = len(found)
            found = self._grown(found, look, shown, unexplained=True)
            if len(found) > n_known:
                score = np.column_stack([score, self._verdicts(found[n_known:], look, rows)])
        effect, z = ranking.effect_and_z(score, contrast)
        kept = ranking.chosen(z, score, params.max_predicates, params.max_phi, params.gate_z)
        return [self._proposal(found[i], float(effect[i]), float(z[i])) for i in kept]

    def _verdicts(
        self, suggestions: Sequence[_Suggestion], look: "_Look", rows: Sequence[int]
    ) -> Float[np.ndarray, "text proposal"]:
        """Verdicts of the study's own judge, as they will count later."""
        threshold = self._study.formalise.threshold
        judge = LlmJudge(self._study, stage=STAGE)
        asked = [self._predicate(one, judge.name) for one in suggestions]
        judgements = judge.judge(asked, look.texts[list(rows)], look.embeddings[list(rows)])
        self._calls += judgements.calls
        score = np.where(judgements.status == roles.VALUE, judgements.score, np.nan)
        self.noted["n_judged"] += score.size
        self.noted["n_judged_in_vain"] += int(np.isnan(score).sum())
        return score if threshold is None else np.where(np.isnan(score), np.nan, score >= threshold)

    def _predicate(self, suggestion: _Suggestion, judge: str) -> Predicate:
        """The suggestion as the judge knows it, with the id it will have once it is frozen."""
        return Predicate(
            predicate_id=frames.hashed(suggestion.sentence, suggestion.definition),
            predicate=suggestion.sentence,
            direction=suggestion.direction,
            family="llm",
            grade="proxy",
            definition=suggestion.definition,
            judge=judge,
            threshold=self._study.formalise.threshold,
            planned_test="",
            split_hash="",
            prompt_hash=self._prompt.hash,
            explore_effect=0.0,
            explore_z=0.0,
        )

    def _proposal(self, suggestion: _Suggestion, effect: float, z: float) -> Proposal:
        direction = ranking.direction_of(suggestion.direction, z)
        self.noted["n_turned"] += direction != suggestion.direction
        return Proposal(
            predicate=suggestion.sentence,
            direction=direction,
            family="llm",
            # Not exact: what is measured is how the judge reads the sentence, not whether it is so.
            grade="proxy",
            definition=suggestion.definition,
            explore_effect=effect,
            explore_z=z,
            example_ids=suggestion.example_ids,
            prompt_hash=self._prompt.hash,
        )


@dataclass(frozen=True)
class _Look:
    """The exploration half in text_id order, and what is drawn from it."""

    texts: pl.DataFrame
    embeddings: Float[np.ndarray, "text dim"]
    sampler: sampling.Sampler
    rng: np.random.Generator

    def sample(self, n: int) -> list[int]:
        """Rows of n random texts of each group, or of all it has."""
        order = self.rng.permutation(self.texts.height)
        in_a = (self.texts["group"] == "A").to_numpy()[order]
        return sorted(int(row) for row in (*order[in_a][:n], *order[~in_a][:n]))
