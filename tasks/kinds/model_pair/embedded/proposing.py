"""Proposing comparisons that tell two models apart, from the exploration half."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import languages
from tasks.engines.contrast import Contrast
from tasks.engines.embedded import anchored, grams, names, pictures, similarity, tone, words
from tasks.engines.embedded.axes import axes
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.proposing import N_EXAMPLES, check_encoder
from tasks.engines.embedded.rules import Rules
from tasks.engines.encoders import encoder as encoders
from tasks.engines.roles import Encoder, Exploration
from tasks.kinds.model_pair.embedded import carriers, choosing, definitions, forms, looking
from tasks.kinds.model_pair.embedded.choosing import Candidate
from tasks.kinds.model_pair.embedded.comparing import Pairs
from tasks.kinds.model_pair.embedded.traits import AXES, Trait, traits
from tasks.kinds.model_pair.embedded.values import Answers, Values
from tasks.kinds.model_pair.flips import clustered_z
from tasks.records import Grade, Group, Proposal
from tasks.study import Study

MOST_WORDS = 200
"""Of words and groups of words: how many are counted in every answer."""
Definition = dict[str, Any]


class ComparingProposer:
    """Counts, word lists and tones in which one model's answers have more than the other's."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}
        """`n_compared`: how many comparisons were looked at."""

    def propose(self, exploration: Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals, best first, at most study.propose.most; row order is immaterial."""
        params = self._study.propose
        shown = exploration.ordered
        texts, embeddings = shown.texts, shown.embeddings
        if texts.is_empty():
            return []
        encoder = encoders.load(self._study) if embeddings.shape[1] else None
        if encoder:
            check_encoder(exploration, encoder)
        look = Look(self._study, texts, embeddings, encoder)
        asked = _asked(self._study)
        found = [
            candidate
            for family in params.families
            for candidate in look.candidates(family)
            if candidate.says.isdisjoint(asked)
        ]
        self.noted = {"n_compared": look.n_compared}
        liked = None if shown.preference is None else shown.preference[look.pairs.in_a]
        chosen = choosing.choose(found, look.pairs, params.most, params.max_phi, params.gate_z, rng, liked)
        return [look.proposal(candidate) for candidate in chosen]


class Look:
    """The exploration half, prepared once for all comparisons."""

    def __init__(
        self,
        study: Study,
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "answer dim"],
        encoder: Encoder | None,
    ) -> None:
        self._study, self._texts = study, texts
        self.seen = pictures.looks(study, texts)
        """What can be judged of them, where they are pictures."""
        self.pairs, self.answers = Pairs.of(texts), Answers(texts, embeddings, self.seen)
        self._languages = languages.shares(texts["text"].to_list())
        self._rules = Rules.of(self._languages)
        # What it does not read it cannot tell apart, whatever its vectors are.
        self.encoder = encoder if encoder and self.is_read_by(encoder.name) else None
        self.n_compared = 0

    def candidates(self, family: str) -> list[Candidate]:
        """What this family of comparisons brings; `theme` none, and pictures have no words or tones."""
        if family in pictures.FAMILIES or self.seen:
            return self._looking(family)
        if family == "words":
            return self._of_words()
        if family == "style":
            return self._measured([self.counted(name) for name in self._fitting()], family)
        if family == "axis" and self.encoder:
            return self._measured(list(self._axes.values()), family)
        return []

    def _looking(self, family: str) -> list[Candidate]:
        if self.seen is None or family not in pictures.FAMILIES:
            return []
        found = looking.measures()
        if family == "shows":
            found = looking.classes(self.seen, Contrast.of(self._texts), self._study.score.min_effect)
        return self._measured([{"kind": definitions.KIND, **one} for one in found], family)

    def counted(self, name: str) -> Definition:
        """The definition of a trait, with what it takes from these answers."""
        trait, found = traits()[name], {"kind": definitions.KIND, "trait": name}
        if trait.value == "prompt_language":
            return {**found, "among": self._among}
        listed = trait.listed
        if listed or trait.value == "sentiment":
            known = {word.casefold() for word in listed.words} if listed else tone.known_words()
            left_out = sorted(self._names & known)
            return {**found, "without": left_out} if left_out else found
        return found

    def unfit(self, trait: Trait) -> str:
        """Why a trait means nothing of answers in these languages; empty where it does."""
        spoken = " and ".join(languages.named(code) for code in self._languages)
        if trait.english and not languages.is_english(self._languages):
            return f"its list of words is English, and the answers are in {spoken}"
        if trait.needs == "spaced" and not self._is_spaced:
            return f"words are not counted in {spoken}, which writes no spaces between them"
        if trait.needs == "spaceless" and self._is_spaced:
            return "it stands in where no spaces are written between words"
        return ""

    def is_read_by(self, encoder_name: str) -> bool:
        """Whether an encoder reads these answers."""
        return languages.is_read(self._languages, encoder_name)

    def completed(self, part: Mapping[str, Any]) -> Definition:
        """The whole definition of what follows from a sentence alone."""
        if "axis" in part:
            return {**self._axes[part["axis"]], **part}
        return {**self.counted(part["trait"]), **part} if "trait" in part else dict(part)

    def oriented(self, definition: Definition, effect: float) -> Definition:
        """The definition for the answer that has less, where that can be said and is B's.

        Model 2 is told by what it does, against model 1: one that was asked to be concise "is shorter".
        """
        has_less = "axis" in definition or "measure" in definition
        has_less |= "trait" in definition and bool(traits()[definition["trait"]].less)
        return {**definition, "less": True} if has_less and effect > 0 else definition

    def proposal(self, candidate: Candidate, direction: Group | None = None, family: str = "") -> Proposal:
        """The candidate as a row, with answers that show it most."""
        direction = direction or ("A" if candidate.effect >= 0 else "B")
        side = 1 if direction == "A" else -1
        rows = self.pairs.in_a if direction == "A" else self.pairs.in_b
        shows = np.flatnonzero(side * candidate.signs > 0)
        shows = shows[np.argsort(-np.abs(candidate.sizes[shows]), kind="stable")][:N_EXAMPLES]
        ids = self._texts["text_id"]
        definition = carriers.named(candidate.definition, self.answers, self.pairs, candidate.signs)
        return Proposal(
            predicate=definitions.phrase(definition),
            direction=direction,
            family=family or candidate.family,
            grade=candidate.grade,
            definition=definitions.written(definition),
            explore_effect=candidate.effect,
            explore_z=candidate.z,
            example_ids=tuple(ids[int(i)] for i in rows[shows]),
        )

    def measured(
        self, definition: Definition, values: Values, family: str, n: int, passes: bool
    ) -> Candidate:
        """What a definition says of the pairs, of which its answers have so much."""
        turn = -1 if definition.get("less") else 1
        signs, sizes = turn * self.pairs.signs(values), turn * self.pairs.sizes(values)
        z = float(clustered_z(signs[:, None].astype(np.float64), self.pairs.document)[0])
        from_size = traits()[definition["trait"]].from_size if "trait" in definition else False
        grade = grade_of(definition)
        dense = self._dense(definition, values)
        return Candidate(family, grade, definition, signs, sizes, z, n, passes, from_size, dense)

    def _dense(self, definition: Mapping[str, Any], values: Values) -> float | None:
        """z of how much more often it stands in A's answers, for their length."""
        if not ("trait" in definition and traits()[definition["trait"]].is_count):
            return None
        signs = self.pairs.signs(np.round(values / np.maximum(self._lengths, 1), 9))
        return float(clustered_z(signs[:, None].astype(np.float64), self.pairs.document)[0])

    @cached_property
    def _lengths(self) -> Values:
        length = "length" if self._is_spaced else "length_in_characters"
        return self.answers.values([self.counted(length)])[0]

    def _measured(self, found: list[Definition], family: str, root: Values | None = None) -> list[Candidate]:
        """Those that differ in any pair, gated among all that were looked at."""
        if not found:
            return []
        values = self.answers.values(found)
        signs = np.column_stack([self.pairs.signs(one) for one in values]).astype(np.float64)
        z = clustered_z(signs, self.pairs.document)
        measured = z if root is None else root
        self.n_compared += len(measured)
        passes = choosing.passing(z, measured, self._study.propose.gate_z)
        if family != "words":
            found = [self.oriented(one, s.sum()) for one, s in zip(found, signs.T, strict=True)]
        return [
            self.measured(one, value, family, len(measured), passed)
            for one, value, passed, some in zip(
                found, values, passes.tolist(), (signs != 0).sum(axis=0).tolist(), strict=True
            )
            if some
        ]

    def _of_words(self) -> list[Candidate]:
        """Words and phrases, and words of one meaning together, by how often they stand in an answer."""
        contrast = Contrast.of(self._texts)
        rarest = words.rarest(contrast, self._study.score.min_effect)
        counted = grams.count(self.answers.joined, rarest, self._rules)
        harvest = words.harvest(contrast, counted, self._rules, self.encoder)
        strongest = sorted(harvest.candidates, key=lambda one: (-abs(one.root or 0.0), one.phrase))
        found = [
            {"kind": definitions.KIND, "terms": list(one.definition["terms"])}
            for one in strongest[:MOST_WORDS]
        ]
        return self._measured(found, "words", harvest.root_measured)

    @cached_property
    def _axes(self) -> dict[str, Definition]:
        """Directions of the tones' high poles; none without an encoder that reads these answers."""
        if self.encoder is None:
            return {}
        poles, other = anchored.pole_vectors(self.encoder)
        known, said = list(axes()), {"kind": definitions.KIND, "encoder": self.encoder.name}
        along = {name: poles[2 * known.index(name)] - other[2 * known.index(name)] for name in AXES}
        return {
            name: {**said, "axis": name, "vector": similarity.rounded(vector).tolist()}
            for name, vector in along.items()
        }

    def _fitting(self) -> list[str]:
        return [name for name, trait in traits().items() if not self.unfit(trait) and self._tells(trait)]

    def _tells(self, trait: Trait) -> bool:
        """Whether it can differ: answers in one language are all in it."""
        return trait.value != "prompt_language" or len(self._among) > 1

    @property
    def _among(self) -> list[str]:
        return sorted(code for code in self._languages if code in languages.LANGUAGES)

    @property
    def _is_spaced(self) -> bool:
        return bool(self._rules.languages) and not languages.SPACELESS.intersection(self._rules.languages)

    @cached_property
    def _names(self) -> frozenset[str]:
        """Words of the lists that are names here."""
        listed = {word.casefold() for program in programs().values() for word in program.words}
        listed |= tone.known_words()
        return names.found(self._texts["text"].to_list(), listed)


def _asked(study: Study) -> frozenset[str]:
    """What the user's own sentences are about: neither it nor its opposite is proposed again."""
    parts = [forms.part_of(one.sentence) for one in study.own_sentences]
    return frozenset().union(*map(choosing.said_by, parts))


def grade_of(definition: Mapping[str, Any]) -> Grade:
    """Whether the definition is the claim."""
    if "axis" in definition or "class" in definition:
        return "proxy"
    return traits()[definition["trait"]].grade if "trait" in definition else "exact"
