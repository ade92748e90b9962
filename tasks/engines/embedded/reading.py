"""Sentences of the user's own, made testable: their form (forms.py), and what it takes from the texts.

Names in the corpus count for no tone and no list of words, as for what the engine proposes. A topic, a tone
axis or a text is a vector and a threshold, which a share of the exploration half reaches: a proxy, and said
to be one.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import languages, roles
from tasks.engines.contrast import Contrast
from tasks.engines.embedded import (
    anchored,
    bank,
    definitions,
    forms,
    names,
    picture_forms,
    pictures,
    similarity,
    tokens,
    tone,
)
from tasks.engines.embedded.forms import Part
from tasks.engines.embedded.judging import EmbeddedJudge
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.proposing import check_encoder
from tasks.engines.encoders import encoder as encoders
from tasks.engines.roles import Meaning, UnreadError
from tasks.records import Call, Grade, Proposal
from tasks.store import frames
from tasks.study import Study
from tasks.study.asked import Asked

_HOW = {
    "words": "by these words, as they stand",
    "pattern": "by this pattern",
    "style": "by a pattern or a measure",
    "language": "by the language it is taken for",
    "sentiment": "by a stand-in: VADER's word list",
    "measure": "by a measure of the picture",
    "class": "by a stand-in: the probability of one of the classes that the bundled network tells",
    "similarity": "by a stand-in: how near the encoder puts it, against the other texts",
}


def _where_cut(part: Mapping[str, Any]) -> str:
    """A warning of words, in a script that writes no spaces, that the dictionary of words lacks."""
    terms = [term.split(" ") for term in part.get("terms", ())]
    cut = ["".join(term) for term in terms if len(term) > 1 and all(map(tokens.is_spaceless, term))]
    if not cut:
        return ""
    # What is cut into several may be cut in another way beside other characters.
    return f"; no word of the dictionary, so in part overlooked: /{'|'.join(cut)}/ finds all"


class EmbeddedReader:
    """Judges offline what can be written as words, pattern, measure, language, tone or topic."""

    calls: Sequence[Call] = ()

    def __init__(self, study: Study, texts: pl.DataFrame) -> None:
        self._study = study
        self._texts = texts.sort("text_id")
        self._seen = pictures.looks(study, self._texts)
        can = picture_forms.FORMS if self._seen else forms.FORMS
        self.forms = f"Forms that can: {can}. Or judge by a language model: `engine: llm`"

    def meaning(self, asked: Asked) -> Meaning:
        """The sentence as the engine would publish it, and by what it is judged.

        Raises:
            UnreadError: it is in no form that can be judged, or not of these texts.
        """
        part = self._part(asked)
        return Meaning(forms.phrase(part), _HOW[part["kind"]] + _where_cut(part))

    def read(
        self, asked: Sequence[Asked], exploration: roles.Exploration, rng: np.random.Generator
    ) -> list[Proposal]:
        """Each as a proposal, with what its definition says of the exploration half.

        Raises:
            UnreadError: one cannot be judged.
            EngineError: the encoder cannot be used.
        """
        shown = exploration.ordered
        texts, embeddings = shown.texts, shown.embeddings
        parts = [self._part(one) for one in asked]
        if any(part["kind"] == "similarity" for part in parts):
            check_encoder(exploration, encoders.load(self._study))
        said = [forms.phrase(part) for part in parts]
        written = [definitions.written(self._fitted(part, embeddings)) for part in parts]
        predicates = [
            roles.unfrozen(frames.hashed(s, d), s, definition=d) for s, d in zip(said, written, strict=True)
        ]
        judged = EmbeddedJudge(self._study).judge(predicates, texts, embeddings)
        effect, z = Contrast.of(texts).measure(judged.score > 0)
        ids = texts["text_id"].to_list()
        proposals = []
        for i, one in enumerate(asked):
            direction = one.direction or ("A" if effect[i] >= 0 else "B")
            side = (judged.score[:, i] > 0) & (texts["group"] == direction).to_numpy()
            proposals.append(
                Proposal(
                    predicate=said[i],
                    direction=direction,
                    family=roles.OWN,
                    grade=_grade(parts[i]),
                    definition=written[i],
                    explore_effect=float(effect[i]),
                    explore_z=float(z[i]),
                    example_ids=tuple(ids[row] for row in side.nonzero()[0][:3]),
                )
            )
        return proposals

    @cached_property
    def _languages(self) -> dict[str, float]:
        # Of pictures without a caption there is none.
        said = self._texts["text"]
        return languages.shares(said.filter(said.str.strip_chars() != "").to_list())

    @cached_property
    def _names(self) -> frozenset[str]:
        """Words of the lists that are names here."""
        listed = {word.casefold() for program in programs().values() for word in program.words}
        listed |= tone.known_words()
        return names.found(self._texts["text"].to_list(), listed) | (names.of_groups(self._study) & listed)

    def _part(self, asked: Asked) -> Part:
        """The definition with what it takes from the words of the texts."""
        part = (self._seen and picture_forms.part_of(asked.sentence)) or forms.part_of(asked.sentence)
        if why := self._unfit(part):
            raise UnreadError(why)
        if part["kind"] == "language":
            held = {code for code in self._languages if code in languages.LANGUAGES} | {part["code"]}
            return {**part, "among": sorted(held if len(held) > 1 else languages.LANGUAGES)}
        if part["kind"] == "sentiment":
            tones = self._names & tone.known_words()
            joined = tokens.joined_all(self._texts["text"].to_list())
            left_out = sorted({word for text in joined for word in tones.intersection(text.split())})
            return {**part, "without": left_out} if left_out else part
        if part["kind"] == "style" and "more_than" not in part:
            listed = {word.casefold() for word in programs()[part["program"]].words}
            left_out = sorted(listed & self._names)
            return {**part, "without": left_out} if left_out else part
        return part

    def _unfit(self, part: Mapping[str, Any]) -> str:
        """Why it cannot be judged of texts in these languages, or without an encoder; empty where it can."""
        spoken = " and ".join(languages.named(code) for code in self._languages)
        reads_english = part["kind"] == "sentiment" or (
            part["kind"] == "style" and "more_than" not in part and programs()[part["program"]].english
        )
        if reads_english and not languages.is_english(self._languages):
            return f"its list of words is English, and the texts are in {spoken}"
        spaceless = languages.SPACELESS.intersection(self._languages)
        if (
            part["kind"] == "style"
            and "more_than" in part
            and MEASURES[part["program"]].counts_words
            and spaceless
        ):
            return f"words are not counted in {spoken}, which writes no spaces between them"
        return self._unencoded(part, spoken)

    def _unencoded(self, part: Mapping[str, Any], spoken: str) -> str:
        """Why no encoder can tell it; empty where one can, or need not."""
        if part["kind"] == "class" and (self._seen is None or self._seen.classes is None):
            return "it needs classes of pictures, which embed.encoder: bundled alone tells"
        if part["kind"] != "similarity":
            return ""
        if self._study.embed.encoder == "none":
            return "it needs an encoder, and embed.encoder is none"
        if not languages.is_read(self._languages, self._study.embed.encoder):
            return f"the encoder does not read {spoken}: set embed.encoder to one that does"
        return ""

    def _fitted(
        self, part: Mapping[str, Any], embeddings: Float[np.ndarray, "text dim"]
    ) -> Mapping[str, Any]:
        """The whole definition: a similarity has its vector, and the threshold that its share reaches."""
        if part["kind"] != "similarity":
            return part
        encoder = encoders.load(self._study)
        vector = similarity.rounded(self._vector(part, embeddings))
        projection = similarity.projections(embeddings, vector[None])[:, 0]
        return {
            "kind": "similarity", "basis": part["basis"], "anchor": part["anchor"], "encoder": encoder.name,
            "vector": vector.tolist(), "threshold": similarity.threshold(projection, part["share"]),
        }  # fmt: skip

    def _vector(
        self, part: Mapping[str, Any], embeddings: Float[np.ndarray, "text dim"]
    ) -> Float[np.ndarray, " dim"]:
        encoder, anchor = encoders.load(self._study), part["anchor"]
        if part["basis"] == "axis":
            poles, other = anchored.pole_vectors(encoder)
            at = anchored.pole_names().index(anchor)
            return np.asarray(poles[at] - other[at])
        anchors = anchored.topic_vectors(encoder)
        known = list(bank.topics())
        if part["basis"] == "topic" and anchor in known:
            return np.asarray(anchors[known.index(anchor)] - anchors.mean(axis=0))
        # Against the other topics: what all texts have in common says nothing of one.
        against = anchors if part["basis"] == "topic" else embeddings.astype(np.float64)
        return np.asarray(encoder.encode([anchor]).astype(np.float64)[0] - against.mean(axis=0))


def _grade(part: Mapping[str, Any]) -> Grade:
    return "proxy" if part["kind"] in ("similarity", "sentiment", "class") else "exact"
