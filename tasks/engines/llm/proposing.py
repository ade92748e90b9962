"""Proposing as D5 does (Zhong et al. 2023): rounds of samples, then rounds on what is not yet explained.

Each round asks for hypotheses in both directions (suggesting.py); what says the same is merged. The judge
then looks at a sample of the exploration half: this orders the proposals, and the texts of which none of them
holds are shown in the next round. Every answer is data: a sentence is only ever judged, never obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import roles
from tasks.engines.contrast import Contrast
from tasks.engines.encoders import encoder as encoders
from tasks.engines.llm import ranking, sampling, wording
from tasks.engines.llm.judging import LlmJudge
from tasks.engines.llm.suggesting import STAGE, Form, Suggester, Suggestion
from tasks.records import Call, Predicate, Proposal
from tasks.store import frames
from tasks.study import Study

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
"""What is counted: rounds without a usable answer; sentences rewritten, left out and merged; verdicts that
are missing; directions that the verdicts turned round."""


class LlmProposer:
    """Asks a language model for hypotheses, on the exploration half alone."""

    def __init__(
        self, study: Study, names: Mapping[str, str] | None = None, form: Form | None = None
    ) -> None:
        """`names` of groups A and B are those that collect found where they are not given."""
        self._study = study
        self._sizes = sampling.sizes(study)
        self._suggester = Suggester(study, names, form)
        self._judged: list[Call] = []
        self._tally = self._suggester.tally

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers of the proposer, of who described pictures, and of the judge on the sample."""
        return (*self._suggester.describer.calls, *self._suggester.calls, *self._judged)

    @property
    def noted(self) -> roles.Noted:
        """What happened on the way, and why suggestions were unfit and calls failed, for the manifest."""
        return {**self._tally.noted(NOTED), **self._suggester.describer.noted}

    def propose(self, exploration: roles.Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals, best first, at most study.propose.most; row order is immaterial.

        Raises:
            EngineError: the endpoint cannot be used, or no round brought an answer.
        """
        if not has_both(exploration.texts):
            return []
        look = Look.of(exploration, rng)
        found = self._suggested(look)
        if not found or not self._sizes.judged:
            return [self._proposal(one, 0.0, 0.0) for one in found[: self._study.propose.most]]
        return self._ranked(found, look)

    def _suggested(self, look: "Look") -> list[Suggestion]:
        """What the rounds on typical texts bring."""
        found: list[Suggestion] = []
        for n_round in range(self._sizes.rounds):
            rows = look.sampler.typical(n_round, self._sizes.samples)
            found = self._grown(found, look, rows, unexplained=False)
        if self._tally.counts["n_rounds_failed"] == self._sizes.rounds:
            raise self._tally.error(
                f"studies.{self._study.name}: {self._suggester.model} gave no usable hypotheses in any of "
                f"{self._sizes.rounds} rounds"
            )
        return found

    def _grown(
        self, found: Sequence[Suggestion], look: "Look", rows: Sequence[int], unexplained: bool
    ) -> list[Suggestion]:
        """What there was and what one more round on these texts adds."""
        n_failed = self._tally.problems.total()
        fresh = self._suggester.round(look.texts[list(rows)], found, unexplained)
        self._tally.counts["n_rounds"] += 1
        n_failed = self._tally.problems.total() - n_failed
        self._tally.counts["n_rounds_failed"] += n_failed == len(self._suggester.groups)
        whole = [*found, *fresh]
        encoder = encoders.load(self._study) if look.embeddings.shape[1] else None
        kept = wording.distinct([s.sentence for s in whole], [s.direction for s in whole], encoder)
        self._tally.counts["n_repeated"] += len(whole) - len(kept)
        return [whole[i] for i in kept]

    def _ranked(self, found: list[Suggestion], look: "Look") -> list[Proposal]:
        """The best by the judge's verdicts on a sample, after the rounds on what these do not explain."""
        params = self._study.propose
        rows = look.sample(self._sizes.judged)
        contrast = Contrast.of(look.texts[rows])
        score = self._verdicts(found, look, rows)
        for _ in range(params.error_rounds):
            lean, missed = ranking.lean(score, contrast, look.rng), ~ranking.explained(score, contrast)
            shown = look.sampler.unexplained(lean[missed], np.array(rows)[missed], self._sizes.samples)
            if not has_both(look.texts[shown]):
                break  # what there is explains a whole group
            n_known = len(found)
            found = self._grown(found, look, shown, unexplained=True)
            if len(found) > n_known:
                score = np.column_stack([score, self._verdicts(found[n_known:], look, rows)])
        effect, z = ranking.effect_and_z(score, contrast)
        kept = ranking.chosen(z, score, params.most, params.max_phi, params.gate_z)
        return [self._proposal(found[i], float(effect[i]), float(z[i])) for i in kept]

    def _verdicts(
        self, suggestions: Sequence[Suggestion], look: "Look", rows: Sequence[int]
    ) -> Float[np.ndarray, "text proposal"]:
        """Verdicts of the study's own judge, as they will count later."""
        threshold = self._study.formalise.threshold
        judge = LlmJudge(self._study, stage=STAGE)
        asked = [self._predicate(one, judge.name) for one in suggestions]
        judgements = judge.judge(asked, look.texts[list(rows)], look.embeddings[list(rows)])
        self._judged += judgements.calls
        score = np.where(judgements.status == roles.VALUE, judgements.score, np.nan)
        self._tally.counts["n_judged"] += score.size
        self._tally.counts["n_judged_in_vain"] += int(np.isnan(score).sum())
        return score if threshold is None else np.where(np.isnan(score), np.nan, score >= threshold)

    def _predicate(self, suggestion: Suggestion, judge: str) -> Predicate:
        """The suggestion as the judge knows it, with the id it will have once it is frozen."""
        return roles.unfrozen(
            frames.hashed(suggestion.sentence, suggestion.definition),
            suggestion.sentence,
            direction=suggestion.direction,
            family="llm",
            definition=suggestion.definition,
            judge=judge,
            threshold=self._study.formalise.threshold,
            prompt_hash=self._suggester.prompt_hash,
        )

    def _proposal(self, suggestion: Suggestion, effect: float, z: float) -> Proposal:
        direction = ranking.direction_of(suggestion.direction, z)
        self._tally.counts["n_turned"] += direction != suggestion.direction
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
            prompt_hash=self._suggester.prompt_hash,
        )


def has_both(texts: pl.DataFrame) -> bool:
    """Whether there are texts of both groups."""
    return 0 < (texts["group"] == "A").sum() < texts.height


@dataclass(frozen=True)
class Look:
    """The exploration half in text_id order, and what is drawn from it."""

    texts: pl.DataFrame
    embeddings: Float[np.ndarray, "text dim"]
    sampler: sampling.Sampler
    rng: np.random.Generator

    @classmethod
    def of(cls, exploration: roles.Exploration, rng: np.random.Generator) -> "Look":
        """The texts of an exploration half, whatever the order of their rows."""
        shown = exploration.ordered
        sampler = sampling.Sampler(shown.texts, shown.embeddings, rng)
        return cls(shown.texts, shown.embeddings, sampler, rng)

    def sample(self, n: int) -> list[int]:
        """Rows of n random texts of each group, or of all it has."""
        return sampling.random_rows(self.texts, n, self.rng)
