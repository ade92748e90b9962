"""Sentences for a theme: a region of the vectors, named by its words, and words that tell of it.

Measures of style and tone are left out unless `propose.families` names them: they are functions of all words
of a text, and would foretell words that have no theme in common. Of pictures also how they look, and what
classes they show. Where most have no caption, themes are named by the classes that stand for their words.
"""

from dataclasses import replace

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines import languages
from tasks.engines.contrast import Contrast, log_odds_z
from tasks.engines.embedded import (
    anchored,
    definitions,
    grams,
    pictures,
    select,
    similarity,
    themes,
    tokens,
    words,
)
from tasks.engines.embedded.candidate import Candidate
from tasks.engines.embedded.proposing import N_EXAMPLES, EmbeddedProposer, check_encoder
from tasks.engines.embedded.rules import Rules
from tasks.engines.encoders import encoder as encoders
from tasks.engines.pictures import wording
from tasks.engines.roles import Encoder, Exploration
from tasks.kinds.clusters.partition import against_rest
from tasks.records import Proposal
from tasks.study import Study

MOST_OF_WORDS, BESIDE_A_THEME = 4, 2
"""Predicates of words for a theme, at most; fewer where there are vectors, which tell more of the texts."""
LEAST_COVERED = 0.1
"""Share of the texts of a theme that words must be in to stand for it."""
MOST_LOOKED_AT = 12
"""Words that set a theme apart most, of which it is named by those whose meaning is nearest to it."""


class ThemeProposer:
    """What sets the texts of group A apart, as a region of the vectors and as words."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}

    def propose(self, exploration: Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals for group A, the theme first; row order is immaterial."""
        params = self._study.propose
        shown = exploration.ordered
        if not 0 < (shown.texts["group"] == "A").sum() < shown.texts.height:
            return []
        encoder = encoders.load(self._study) if shown.embeddings.shape[1] else None
        if encoder:
            check_encoder(exploration, encoder)
        look = Look(self._study, shown.texts, shown.embeddings, encoder)
        found = look.theme() if "theme" in params.families else []
        if "words" in params.families and not look.is_described:
            found += look.words(BESIDE_A_THEME if found else MOST_OF_WORDS)
        proposals = [look.proposal(candidate) for candidate in found]
        also: tuple[str, ...] = ("style", "axis") if "families" in params.model_fields_set else ()
        also += pictures.FAMILIES if look.of_pictures else ()
        if other := tuple(family for family in params.families if family in also):
            fewer = params.model_copy(update={"families": other})
            asked = EmbeddedProposer(self._study.model_copy(update={"propose": fewer}))
            proposals += asked.propose(exploration, rng)
        return proposals[: params.most]


class Look:
    """The texts at hand, prepared once."""

    def __init__(
        self,
        study: Study,
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
        encoder: Encoder | None,
    ) -> None:
        self._study, self._texts, self._embeddings = study, texts, embeddings
        self._contrast = Contrast.of(texts)
        seen = pictures.looks(study, texts)
        self.of_pictures = seen is not None
        self.is_described = seen is not None and not seen.are_captioned
        """Whether names of classes stand for words."""
        said = wording.words_of(study.name, texts)
        held = {"en": 1.0} if self.is_described else languages.shares(said)
        self._rules = Rules.of(held)
        # What it does not read it cannot tell apart, whatever its vectors are.
        self._encoder = encoder if encoder and languages.is_read(held, encoder.name) else None
        rarest = words.rarest(self._contrast, study.score.min_effect)
        self._counted = grams.count(tokens.joined_all(said), rarest, self._rules)

    def theme(self) -> list[Candidate]:
        """The region of the vectors that holds as many of the texts as group A does; none without words."""
        if self._encoder is None:
            return []
        in_a, embeddings = self._contrast.in_a, self._embeddings.astype(np.float64)
        centred = embeddings - embeddings.mean(axis=0)
        vector = similarity.rounded(against_rest(centred, in_a[:, None].astype(np.float64))[:, 0])
        projection = similarity.projections(embeddings, vector[None])[:, 0]
        cut = similarity.threshold(projection, float(in_a.mean()))
        definition = {
            "kind": "similarity", "basis": "theme", "encoder": self._encoder.name,
            "vector": vector.tolist(), "threshold": cut,
        }  # fmt: skip
        held = similarity.reaches(projection, cut, embeddings)
        effect, z = self._contrast.measure(held[:, None])
        found = Candidate("", "theme", "theme", definition, held, float(effect[0]), float(z[0]))
        return [] if found.effect <= 0 else self._named(found, self._encoder)

    def words(self, most: int) -> list[Candidate]:
        """Words and groups of words that are commoner in group A, and in enough of it; the best first."""
        params = self._study.propose
        harvest = words.harvest(self._contrast, self._counted, self._rules, self._encoder)
        covering = [one for one in harvest.candidates if one.effect > 0 and self._covers(one)]
        ours, most = replace(harvest, candidates=covering), min(params.most, most)
        together = [] if self._encoder else self._together()
        return together + select.choose(
            [ours],
            self._contrast,
            most,
            params.max_phi,
            params.gate_z,
            lambda one: one,
            least=min(select.LEAST_KEPT, most),
        )

    def _together(self) -> list[Candidate]:
        """The words that set the theme apart most, as one predicate: all there is of it without vectors."""
        terms = self._apart(self._contrast.in_a)[: words.MAX_TERMS_IN_A_GROUP]
        if len(terms) < 2:
            return []
        place = {term: i for i, term in enumerate(self._counted.terms)}
        held = np.asarray(self._counted.held[:, [place[term] for term in terms]].sum(axis=1)).ravel() > 0
        effect, z = self._contrast.measure(held[:, None])
        definition = {"kind": "words", "terms": terms}
        return [
            Candidate(words.phrase(terms), "words", "exact", definition, held, float(effect[0]), float(z[0]))
        ]

    def _covers(self, candidate: Candidate) -> bool:
        return bool(candidate.held[self._contrast.in_a].mean() >= LEAST_COVERED)

    def proposal(self, candidate: Candidate) -> Proposal:
        """The candidate as a row, with texts that meet it."""
        ids = self._texts["text_id"].to_list()
        held = np.flatnonzero(candidate.held & self._contrast.in_a)[:N_EXAMPLES]
        examples = candidate.definition.get("exemplars") or [ids[i] for i in held.tolist()]
        return Proposal(
            candidate.phrase, "A", candidate.family, candidate.grade,
            definitions.written(candidate.definition), candidate.effect, candidate.z, tuple(examples),
        )  # fmt: skip

    def _named(self, theme: Candidate, encoder: Encoder) -> list[Candidate]:
        """The theme with a name of its words: by a topic of the bank where that agrees with them."""
        vector = np.array(theme.definition["vector"])
        telling = self._telling(theme.held, vector, encoder)
        if not telling:
            return []
        place = {term: i for i, term in enumerate(self._counted.terms)}
        spoken = np.asarray(self._counted.held[:, [place[word] for word in telling]].sum(axis=1)).ravel() > 0
        fidelity = themes.correlation(spoken, theme.held)
        topic, tells, agrees = self._namer(encoder).topic_of(vector, theme.held, telling, 1.0)
        said = [tokens.readable(word) for word in telling]
        if agrees and fidelity >= themes.NAMED_FIDELITY and tells >= themes.NAMED_AUROC:
            examples = ", ".join(f'"{word}"' for word in said)
            phrase = f"is about {topic} (e.g. {examples})"
        else:
            phrase = themes.likeness(said, of_pictures=self.of_pictures)
        projection = similarity.projections(self._embeddings, vector[None])[:, 0]
        nearest = np.lexsort((np.arange(len(projection)), -np.round(projection, 6)))[: themes.N_EXEMPLARS]
        ids = self._texts["text_id"].to_list()
        definition = {
            **theme.definition, "exemplars": [ids[i] for i in nearest.tolist()],
            "fidelity": round(fidelity, 2), "words": telling, "topic": topic, "topic_auroc": round(tells, 2),
        }  # fmt: skip
        return [replace(theme, phrase=phrase, definition=definition)]

    def _telling(
        self, member: Bool[np.ndarray, " text"], vector: Float[np.ndarray, " dim"], encoder: Encoder
    ) -> list[str]:
        """Of the words that set the members apart those that lie nearest to the theme."""
        fresh = self._apart(member)
        if not fresh:
            return []
        near = np.round(encoder.encode(fresh).astype(np.float64) @ vector, 6)
        best = np.argsort(-near, kind="stable")[: themes.N_NAME_WORDS]
        return [fresh[i] for i in sorted(best.tolist())]

    def _apart(self, member: Bool[np.ndarray, " text"]) -> list[str]:
        """Words that set the members apart, the clearest first, none a form of another."""
        held, terms = self._counted.held, self._counted.terms
        inside, outside = held.T @ member.astype(np.float64), held.T @ (~member).astype(np.float64)
        apart = log_odds_z(inside, outside, int(member.sum()), int((~member).sum()))
        order = np.lexsort((np.arange(len(apart)), -np.round(apart, 6)))
        fresh: list[int] = []
        for i in order[: 4 * MOST_LOOKED_AT].tolist():
            is_new = themes.is_fresh(self._counted, self._rules, i, fresh, order[:MOST_LOOKED_AT], inside)
            if apart[i] > 0 and len(fresh) < MOST_LOOKED_AT and is_new:
                fresh.append(i)
        return [terms[i] for i in fresh]

    def _namer(self, encoder: Encoder) -> themes.Namer:
        _, lean = self._contrast.measure(self._counted.held)
        topic_lean = anchored.topic_lean(self._contrast, self._counted)
        texts, ids = self._texts["text"].to_list(), self._texts["text_id"].to_list()
        return themes.Namer(
            self._contrast.in_a, self._counted, self._rules, lean, topic_lean, self._embeddings, texts, ids,
            encoder, anchored.topic_vectors(encoder),
        )  # fmt: skip
