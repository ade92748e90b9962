"""Sentences of the user's own as a language model judges them: as they are, one text at a time."""

import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from tasks.engines import roles
from tasks.engines.contrast import Contrast
from tasks.engines.llm import prompts, ranking, sampling, wording
from tasks.engines.llm.judging import LlmJudge
from tasks.engines.llm.suggesting import STAGE
from tasks.records import Call, Proposal
from tasks.store import frames
from tasks.study import Study
from tasks.study.asked import PATTERN, Asked


def meaning_by_model(study: Study, asked: Asked, tidy: str, why: str, how: str) -> roles.Meaning:
    """The sentence as it is put to the judge, and by which models.

    Args:
        study: who judges.
        asked: as the user wrote it.
        tidy: as it is asked about.
        why: what makes it unfit; empty where nothing does.
        how: what a judge is shown.

    Raises:
        UnreadError: it is a pattern or unfit, or nothing would say which way it leans.
    """
    if PATTERN.fullmatch(asked.sentence):
        raise roles.UnreadError("a pattern is judged by `engine: embedded`, not by a model")
    if why:
        raise roles.UnreadError(f"it {why}")
    if asked.direction is None and not sampling.n_judged(study):
        raise roles.UnreadError(
            "nobody says where more is expected. Write `a: ...` or `b: ...`, or raise propose.judged"
        )
    models = ", ".join(endpoint.model for endpoint in study.llm.endpoints("judge"))
    return roles.Meaning(tidy, f"by the model {models}, {how}")


def own_proposals(
    asked: Sequence[Asked],
    sentences: Sequence[str],
    definitions: Sequence[str],
    effect: Float[np.ndarray, " sentence"],
    z: Float[np.ndarray, " sentence"],
) -> list[Proposal]:
    """Each sentence as a proposal of the user's; its direction is theirs, or as measured."""
    return [
        Proposal(
            predicate=sentences[i],
            direction=one.direction or ("A" if effect[i] >= 0 else "B"),
            family=roles.OWN,
            grade="proxy",
            definition=definitions[i],
            explore_effect=float(effect[i]),
            explore_z=float(z[i]),
        )
        for i, one in enumerate(asked)
    ]


class LlmReader:
    """Leaves a sentence as it is; its direction, where it is not said, is that of a judged sample."""

    forms = (
        "A sentence completes `the text ...`, or `the picture ...`, and is about one alone, such as "
        "`complains about delivery`"
    )

    def __init__(self, study: Study) -> None:
        self._study = study
        self.calls: Sequence[Call] = ()

    def meaning(self, asked: Asked) -> roles.Meaning:
        """The sentence, tidied; by which models it is judged.

        Raises:
            UnreadError: it is no hypothesis about one text, or nothing would say which way it leans.
        """
        tidy = wording.tidied(wording.bare(asked.sentence, prompts.noun(self._study)))
        unfit = (wording.EMPTY, wording.LONG, wording.NAMES_GROUP, wording.COMPARES)
        # Of what was written, too: tidying takes names of groups away.
        why = next((f for f in map(wording.fault, (asked.sentence, tidy)) if f in unfit), "")
        return meaning_by_model(self._study, asked, tidy, why, "text by text")

    def read(
        self, asked: Sequence[Asked], exploration: roles.Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as a proposal, with what the judge says of it on a sample of the exploration half.

        Raises:
            UnreadError: one is no hypothesis about one text.
            EngineError: the endpoint cannot be used.
        """
        sentences = [self.meaning(one).predicate for one in asked]
        definitions = [json.dumps({"says": sentence}, ensure_ascii=False) for sentence in sentences]
        shown = exploration.ordered
        texts = shown.texts
        rows = sampling.random_rows(texts, sampling.n_judged(self._study), rng)
        effect = z = np.zeros(len(asked))
        if rows:
            embeddings = shown.embeddings[rows]
            contrast, chosen = Contrast.of(texts[rows]), texts[rows]
            judge = LlmJudge(self._study, stage=STAGE)
            predicates = [
                roles.unfrozen(frames.hashed(s, d), s, definition=d, family=roles.OWN, judge=judge.name)
                for s, d in zip(sentences, definitions, strict=True)
            ]
            judged = judge.judge(predicates, chosen, embeddings)
            self.calls = judged.calls
            effect, z = ranking.effect_and_z(self._verdicts(judged), contrast)
        return own_proposals(asked, sentences, definitions, effect, z)

    def _verdicts(self, judged: roles.Judgements) -> Float[np.ndarray, "text predicate"]:
        score = np.where(judged.status == roles.VALUE, judged.score, np.nan)
        threshold = self._study.formalise.threshold
        return score if threshold is None else np.where(np.isnan(score), np.nan, score >= threshold)
