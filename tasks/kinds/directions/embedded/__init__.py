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
from scipy.special import ndtri, xlogy

from tasks.engines import languages
from tasks.engines.embedded import definitions, grams, names, style, tokens, words
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.rules import Rules
from tasks.kinds.directions.params import own
from tasks.records import Proposal
from tasks.study import Study

GATE_ALPHA = 0.05
"""Chance that any candidate of any end passes the gate where none differs, by Bonferroni's bound."""
LEAST_KEPT = 5
"""So many ends go on to the test even where none passes: a study without a difference must end and say so."""
WORTH_ADDING = 1.1
"""A further word joins a name only where the root grows by this factor."""
MOST_TERMS = 4
FURTHER_TRIED = 20
LEAST_TEXTS = 5
N_EXAMPLES = 3
_BLOCK = 32
"""Ends counted at once: memory is candidates x this."""


@dataclass(frozen=True)
class Pool:
    """All candidates, words first, and the texts they hold for."""

    definition: Sequence[dict[str, Any]]
    held: Any
    """SciPy csc array, text x candidate, of 0 and 1."""
    n_words: int


@dataclass(frozen=True)
class End:
    """An end of a unit on the exploration half."""

    unit: str
    end: str
    activation: Float[np.ndarray, " text"]
    member: Bool[np.ndarray, " text"]


def pool(texts: pl.DataFrame, families: Sequence[str]) -> Pool:
    """Every word, phrase, pattern and measure that is worth looking at, counted once for all units."""
    said = texts["text"].to_list()
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
    return Pool(found, sparse.csc_array(sparse.hstack(held)), n_words)


def roots(held: Any, member: Bool[np.ndarray, "text end"]) -> Float[np.ndarray, "candidate end"]:
    """Signed root of the likelihood ratio of every candidate at every end: standard normal under the null.

    Args:
        held: text x candidate, 0/1, a NumPy array or a SciPy sparse matrix.
        member: who belongs to each end; all others are compared with them.
    """
    n = member.shape[0]
    inside, size = held.T @ member.astype(np.float64), member.sum(axis=0).astype(np.float64)
    total = np.asarray(held.sum(axis=0), dtype=np.float64).ravel()[:, None]
    outside, rest = total - inside, n - size

    def log_likelihood(k: Any, m: Any) -> Any:
        share = np.divide(k, m, out=np.zeros_like(k + m), where=m > 0)
        return xlogy(k, share) + xlogy(m - k, 1 - share)

    ratio = log_likelihood(inside, size) + log_likelihood(outside, rest) - log_likelihood(total, float(n))
    sign = np.sign(inside * rest - outside * size)
    return np.asarray(sign * np.sqrt(np.maximum(2 * ratio, 0)))


class UnitProposer:
    """Names both ends of every unit."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}

    def propose(self, texts: pl.DataFrame, ends: Sequence[End]) -> list[Proposal]:
        """Proposals, strongest first; those that passed the gate before others.

        Args:
            texts: of the exploration half, in the order of their ids.
            ends: those that are to be named.
        """
        look = pool(texts, self._study.propose.families)
        least = float(-ndtri(GATE_ALPHA / (2 * max(len(look.definition) * len(ends), 1))))
        chosen: list[tuple[bool, float, End, dict[str, Any], Bool[np.ndarray, " text"]]] = []
        for start in range(0, len(ends), _BLOCK):
            block = ends[start : start + _BLOCK]
            root = roots(look.held, np.column_stack([end.member for end in block]))
            for column, end in enumerate(block):
                chosen += self._named(look, np.round(root[:, column], 9), end, least)
        passed = sorted((one for one in chosen if one[0]), key=_strongest)
        rest = sorted((one for one in chosen if not one[0]), key=_strongest)
        kept = passed + rest[: max(LEAST_KEPT - len(passed), 0)]
        self.noted = {"n_ends": len(ends), "n_candidates": len(look.definition), "n_passed": len(passed)}
        ids = texts["text_id"].to_list()
        return [_proposal(root, end, definition, held, ids) for _, root, end, definition, held in kept]

    def _named(
        self, look: Pool, root: Float[np.ndarray, " candidate"], end: End, least: float
    ) -> list[tuple[bool, float, End, dict[str, Any], Bool[np.ndarray, " text"]]]:
        """The strongest names of one end, none of which repeats a word of one before."""
        found: list[tuple[bool, float, End, dict[str, Any], Bool[np.ndarray, " text"]]] = []
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
            found.append((bool(root[i] >= least), strength, end, definition, held))
        return found


def _strongest(one: Any) -> tuple[float, str, str]:
    return -one[1], one[2].unit, one[2].end


def _about(definition: dict[str, Any]) -> set[str]:
    """Words of the terms, or the name of the pattern or measure."""
    if definition["kind"] == "words":
        return {word for term in definition["terms"] for word in term.split(" ")}
    return {f"program {definition['program']}"}


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


def _sentence(definition: dict[str, Any]) -> str:
    is_words = definition["kind"] == "words"
    return words.phrase(definition["terms"]) if is_words else style.phrase(definition)


def _proposal(
    root: float, end: End, definition: dict[str, Any], held: Bool[np.ndarray, " text"], ids: Sequence[str]
) -> Proposal:
    effect = float(held[end.member].mean() - held[~end.member].mean())
    means = [float(end.activation[who].mean()) if who.any() else 0.0 for who in (held, ~held)]
    frozen = {**definition, "unit": end.unit, "end": end.end, "means": [round(one, 9) for one in means]}
    return Proposal(
        predicate=f"{end.unit} {end.end}: {_sentence(definition)}",
        direction="A",
        family="words" if definition["kind"] == "words" else "style",
        grade="exact",
        definition=definitions.written(frozen),
        explore_effect=effect,
        explore_z=root,
        example_ids=tuple(ids[i] for i in np.flatnonzero(held & end.member)[:N_EXAMPLES]),
    )


def proposer(study: Study) -> UnitProposer:
    """Proposes from words, patterns and measures of the exploration half."""
    return UnitProposer(study)
