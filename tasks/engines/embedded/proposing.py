"""Proposing from the exploration half: harvest every family, gate, choose, name."""

from functools import cached_property

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import languages
from tasks.engines.contrast import Contrast
from tasks.engines.embedded import (
    anchored,
    definitions,
    grams,
    language,
    names,
    pictures,
    select,
    style,
    themes,
    tokens,
    tone,
    words,
)
from tasks.engines.embedded.candidate import Candidate, Harvest
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.rules import Rules
from tasks.engines.encoders import encoder as encoders
from tasks.engines.pictures import wording
from tasks.engines.roles import Encoder, Exploration
from tasks.errors import EngineError
from tasks.records import Proposal
from tasks.study import Study

N_EXAMPLES = 3


class EmbeddedProposer:
    """Classical statistics on words, style and embeddings; needs no key and no network."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}
        """`n_unread_CODE`: exploration texts in a language that the encoder does not read, at a guess."""

    def propose(self, exploration: Exploration, rng: np.random.Generator) -> list[Proposal]:
        """Proposals, best first, at most study.propose.filled_up_to; row order is immaterial."""
        params = self._study.propose
        shown = exploration.ordered
        texts, embeddings = shown.texts, shown.embeddings
        if not 0 < (texts["group"] == "A").sum() < texts.height:
            return []
        encoder = encoders.load(self._study) if embeddings.shape[1] else None
        if encoder:
            check_encoder(exploration, encoder)
        look = _Look(self._study, texts, embeddings, encoder)
        self.noted = look.n_unread
        harvests = [harvest for family in params.families for harvest in look.harvests(family, rng)]
        # What only fills up weighs little, so it costs little; what is not proposed cannot be found.
        chosen = select.choose(
            harvests,
            look.contrast,
            params.most,
            params.max_phi,
            params.gate_z,
            look.naming(),
            least=params.filled_up_to,
        )
        return [look.proposal(candidate) for candidate in chosen]


def check_encoder(exploration: Exploration, encoder: Encoder) -> None:
    """Refuses an encoder that did not make the embeddings.

    Raises:
        EngineError: another one did.
    """
    if exploration.encoder and encoder.name != exploration.encoder:
        raise EngineError(
            f"texts were embedded by {exploration.encoder}, but `embed.encoder` is now {encoder.name}.",
            hint="Embed again: dvc repro --force --single-item embed@NAME.",
        )


class _Look:
    """The exploration half, prepared once for all families."""

    def __init__(
        self,
        study: Study,
        texts: pl.DataFrame,
        embeddings: Float[np.ndarray, "text dim"],
        encoder: Encoder | None,
    ) -> None:
        self._texts, self._text_ids = texts["text"], texts["text_id"].to_list()
        self.contrast, self._embeddings = Contrast.of(texts), embeddings
        self._min_effect, self._families = study.score.min_effect, study.propose.families
        self._seen = pictures.looks(study, texts)
        self._joined = tokens.joined_all(self._texts.to_list())
        said = self._texts.filter(self._texts.str.strip_chars() != "").to_list()
        self._languages, self._n_said = languages.shares(said), len(said)
        self._described = self._descriptions(study, texts, encoder)
        self._rules, self._group_names = Rules.of(self._languages), names.of_groups(study)
        self._encoder_name = encoder.name if encoder else "none"
        # What it does not read it cannot tell apart, whatever its vectors are.
        self._encoder = encoder if encoder and languages.is_read(self._languages, encoder.name) else None

    @cached_property
    def _names(self) -> frozenset[str]:
        """Words of the lists that are names here."""
        listed = {word.casefold() for program in programs().values() for word in program.words}
        listed |= tone.known_words()
        return names.found(self._texts.to_list(), listed) | (self._group_names & listed)

    @cached_property
    def _counted(self) -> grams.Grams:
        return grams.count(self._joined, words.rarest(self.contrast, self._min_effect), self._rules)

    def _descriptions(self, study: Study, texts: pl.DataFrame, encoder: Encoder | None) -> list[str]:
        """What stands for the words of pictures of which most have no caption; none of others."""
        if self._seen is None or self._seen.are_captioned:
            return []
        if self._seen.classes is not None:
            return wording.likeliest(self._seen.classes)
        if encoder is None:
            return []
        # Texts and pictures share a space: what a picture shows is what it is nearer to than others are.
        names = encoder.encode(list(pictures.class_names())).astype(np.float64)
        centred = self._embeddings - self._embeddings.mean(axis=0, dtype=np.float64)
        return wording.likeliest(centred @ (names - names.mean(axis=0)).T)

    @property
    def _repeats_classes(self) -> bool:
        """Whether themes would be made of, and named by, the classes that `shows` asks about one by one."""
        has_classes = self._seen is not None and self._seen.classes is not None
        return has_classes and bool(self._described) and "shows" in self._families

    @cached_property
    def _telling(self) -> grams.Grams:
        """What themes are named by: words of the texts, or of what stands for them."""
        if not self._described:
            return self._counted
        joined = tokens.joined_all(self._described)
        return grams.count(joined, words.rarest(self.contrast, self._min_effect), Rules.of({"en": 1.0}))

    @cached_property
    def _topic_lean(self) -> Float[np.ndarray, " topic"]:
        return anchored.topic_lean(self.contrast, self._telling)

    @cached_property
    def _anchors(self) -> Float[np.ndarray, "topic dim"]:
        return anchored.topic_vectors(self._encoder) if self._encoder else np.zeros((0, 0))

    def harvests(self, family: str, rng: np.random.Generator) -> list[Harvest]:
        """What this family brings.

        Nothing from the semantic ones without an encoder that reads the texts; from those of pictures nothing
        of texts, and from those of words, style and tone nothing of pictures without captions.
        """
        contrast, encoder = self.contrast, self._encoder
        if family in pictures.FAMILIES:
            return [pictures.harvest(family, contrast, self._seen, self._min_effect)] if self._seen else []
        if family in {"words", "style"} and not self._n_said:
            return []
        if family == "words":
            return [words.harvest(contrast, self._counted, self._rules, encoder)]
        if family == "style":
            is_english = languages.is_english(self._languages)
            is_spaced = bool(self._rules.languages) and not languages.SPACELESS.intersection(
                self._rules.languages
            )
            tones = (
                [tone.harvest(contrast, self._joined, self._names & tone.known_words())] if is_english else []
            )
            return [
                style.harvest(contrast, self._texts, self._names, is_english, is_spaced),
                *tones,
                language.harvest(contrast, self._texts.to_list(), tuple(self._languages)),
            ]
        return self._semantic(family, encoder, rng) if encoder else []

    def _semantic(self, family: str, encoder: Encoder, rng: np.random.Generator) -> list[Harvest]:
        contrast, embeddings = self.contrast, self._embeddings
        if family == "axis":
            lean = tone.lean(contrast, self._joined, self._names)
            return [anchored.tones(contrast, embeddings, lean, encoder)] if self._n_said else []
        if self._repeats_classes or not (self._n_said or self._described):
            return []
        return [
            anchored.topics(contrast, embeddings, self._anchors, self._topic_lean, encoder.name),
            themes.topics(contrast, embeddings, encoder.name, rng),
            themes.harvest(contrast, embeddings, encoder.name, rng),
        ]

    @property
    def n_unread(self) -> dict[str, int]:
        """Texts in each language that the encoder does not read, by code."""
        missed = languages.unread(self._languages, self._encoder_name)
        return {f"n_unread_{code}": round(self._languages[code] * self._n_said) for code in missed}

    def naming(self) -> select.Naming:
        """Names themes; all others have their names."""
        encoder = self._encoder
        if encoder is None:
            return lambda candidate: candidate
        _, lean = self.contrast.measure(self._telling.held)
        namer = themes.Namer(
            self.contrast.in_a, self._telling, self._rules, lean, self._topic_lean, self._embeddings,
            self._texts.to_list(), self._text_ids, encoder, self._anchors,
            of_pictures=self._seen is not None, can_quote=not self._described,
        )  # fmt: skip
        return lambda candidate: namer.named(candidate) if candidate.grade == "theme" else candidate

    def proposal(self, candidate: Candidate) -> Proposal:
        """The candidate as a row, with texts that meet it."""
        exemplars = candidate.definition.get("exemplars")
        side = candidate.held & (self.contrast.in_a if candidate.effect >= 0 else ~self.contrast.in_a)
        examples = exemplars or [self._text_ids[i] for i in side.nonzero()[0][:N_EXAMPLES]]
        return Proposal(
            predicate=candidate.phrase,
            direction="A" if candidate.effect >= 0 else "B",
            family=candidate.family,
            grade=candidate.grade,
            definition=definitions.written(candidate.definition),
            explore_effect=candidate.effect,
            explore_z=candidate.z,
            example_ids=tuple(examples),
            weight=candidate.weight,
        )
