"""Names of units by words, patterns and measures: what holds more often where a unit is high, or low.

All candidates are counted once. What each says of each end of each unit is one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from scipy import sparse

from tasks.engines import languages
from tasks.engines.embedded import grams, names, pictures, style, tokens, words
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.rules import Rules
from tasks.kinds.directions.embedded.gate import Named, kept, least_root
from tasks.kinds.directions.embedded.sentences import SentenceProposer
from tasks.kinds.directions.ends import End
from tasks.kinds.directions.params import own
from tasks.kinds.directions.roots import roots
from tasks.records import Grade, Proposal
from tasks.study import Study

WORTH_ADDING = 1.1
"""A further word joins a name only where the root grows by this factor."""
MOST_TERMS = 4
FURTHER_TRIED = 20
LEAST_TEXTS = 5
_BLOCK = 32
"""Ends counted at once: memory is candidates x this."""


@dataclass(frozen=True)
class Pool:
    """All candidates, words first, and the texts they hold for."""

    definition: Sequence[dict[str, Any]]
    held: Any
    """SciPy csc array, text x candidate, of 0 and 1."""
    n_words: int


def pool(study: Study, texts: pl.DataFrame) -> Pool:
    """Every word, phrase, pattern and measure that is worth looking at, counted once for all units.

    Of pictures: words of their captions, how they look, and what the bundled network sees in them.
    """
    families, said = study.propose.families, texts["text"].to_list()
    if not any(text.strip() for text in said):  # pictures without captions
        families = tuple(one for one in families if one in pictures.FAMILIES)
    joined = tokens.joined_all(said)
    shares = languages.shares(said)
    rules = Rules.of(shares)
    found: list[dict[str, Any]] = []
    held = [sparse.csc_array((len(said), 0))]
    if "words" in families:
        counted = grams.count(joined, grams.Rarest(np.ones(len(said), dtype=bool), LEAST_TEXTS), rules)
        found += [{"kind": "words", "terms": [term]} for term in counted.terms]
        held.append(counted.held)
    n_words = len(found)
    if "style" in families:
        english = languages.is_english(shares)
        listed = {word.casefold() for program in programs().values() for word in program.words}
        frame = style.viewed(texts["text"]).collect()
        asked = style.every_definition(frame, names.found(said, listed), is_english=english)
        found += asked
        held.append(sparse.csc_array(np.column_stack(style.columns(asked, frame.lazy())), dtype=np.float64))
    if (seen := pictures.looks(study, texts)) is not None:
        looks = pictures.every_definition(seen, families, LEAST_TEXTS)
        found += looks
        held += [sparse.csc_array(pictures.holds(one, seen)[:, None], dtype=np.float64) for one in looks]
    return Pool(found, sparse.csc_array(sparse.hstack(held)), n_words)


class UnitProposer:
    """Names both ends of every unit."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}

    def propose(
        self, texts: pl.DataFrame, ends: Sequence[End], vectors: Float[np.ndarray, "text dim"]
    ) -> list[Proposal]:
        """Proposals, strongest first; those that passed the gate before others.

        Args:
            texts: of the exploration half, in the order of their ids.
            ends: those that are to be named.
            vectors: of the texts; words need none.
        """
        look = pool(self._study, texts)
        least = least_root(len(look.definition) * len(ends))
        found: list[Named] = []
        for start in range(0, len(ends), _BLOCK):
            block = ends[start : start + _BLOCK]
            root = roots(look.held, np.column_stack([end.member for end in block]))
            for column, end in enumerate(block):
                found += self._named(look, np.round(root[:, column], 9), end, least)
        n_passed = sum(one.passed for one in found)
        self.noted = {"n_ends": len(ends), "n_candidates": len(look.definition), "n_passed": n_passed}
        return [one.proposal(texts["text_id"].to_list()) for one in kept(found)]

    def _named(
        self, look: Pool, root: Float[np.ndarray, " candidate"], end: End, least: float
    ) -> list[Named]:
        """The strongest names of one end, none of which repeats a word of one before."""
        found: list[Named] = []
        said: set[str] = set()
        order = np.argsort(-root, kind="stable")
        for i in order[: 10 * own(self._study).names].tolist():
            if root[i] <= 0 or len(found) == own(self._study).names:
                break
            definition, held = look.definition[i], _column(look.held, i)
            if not said.isdisjoint(_about(definition)):
                continue
            strength = float(root[i])
            if i < look.n_words:
                definition, held, strength = _widened(look, root, i, end, least)
            said |= _about(definition)
            said_of, family, grade = _told(definition)
            passed = bool(root[i] >= least)
            found.append(Named(end, said_of, family, grade, definition, held, strength, passed))
        return found


def _about(definition: dict[str, Any]) -> set[str]:
    """Words of the terms, or which pattern, measure or class it is."""
    if definition["kind"] == "words":
        return {word for term in definition["terms"] for word in term.split(" ")}
    told = definition.get("program") or definition.get("measure") or definition["index"]
    return {f"{definition['kind']} {told}"}


def _widened(
    look: Pool, root: Float[np.ndarray, " candidate"], first: int, end: End, least: float
) -> tuple[dict[str, Any], Bool[np.ndarray, " text"], float]:
    """A word with further ones that pass the gate themselves and make the whole clearly stronger."""
    terms, held, strength = (
        [look.definition[first]["terms"][0]],
        _column(look.held, first),
        float(root[first]),
    )
    others = np.argsort(-root[: look.n_words], kind="stable")[:FURTHER_TRIED]
    for i in others.tolist():
        term = look.definition[i]["terms"][0]
        shares = not set(term.split(" ")).isdisjoint(word for one in terms for word in one.split(" "))
        if len(terms) == MOST_TERMS or root[i] < least or shares:
            continue
        union = held | _column(look.held, i)
        joint = float(roots(union[:, None].astype(np.float64), end.member[:, None])[0, 0])
        if joint > WORTH_ADDING * strength:
            terms, held, strength = [*terms, term], union, joint
    return {"kind": "words", "terms": terms}, held, strength


def _column(held: Any, i: int) -> Bool[np.ndarray, " text"]:
    return np.asarray(held[:, [i]].toarray().ravel() > 0)


def _told(definition: dict[str, Any]) -> tuple[str, str, Grade]:
    """Its sentence, family and grade."""
    match definition["kind"]:
        case "words":
            return words.phrase(definition["terms"]), "words", "exact"
        case "measure":
            return pictures.phrase(definition), "picture", "exact"
        case "class":
            return pictures.phrase(definition), "shows", "proxy"
    return style.phrase(definition), "style", "exact"


def proposer(study: Study) -> UnitProposer | SentenceProposer:
    """Proposes from words, patterns and measures of the exploration half, or from a bank of sentences."""
    return SentenceProposer(study) if own(study).bank else UnitProposer(study)
