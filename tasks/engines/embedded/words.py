"""Words and phrases that one group uses more: exact predicates such as `mentions "covid" or "pandemic"`.

Ranked by the likelihood ratio of the texts they stand in (contrast.py); inflections and, with an
encoder, near-synonyms are put into one predicate that lists every word it stands for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import grams, tokens
from tasks.engines.embedded.candidate import LEAST_LEAN, Candidate, Harvest
from tasks.engines.embedded.rules import Rules
from tasks.engines.roles import Encoder

MAX_CANDIDATES_PER_SIDE = 300
MAX_GROUPED_WORDS = 120
MAX_TERMS_IN_A_GROUP = 6
NEAR_SYNONYM = 0.6
"""Least cosine between the embeddings of two words of one predicate."""
SAME_WORD = 0.5
"""Least cosine between what look like two forms of one word, so that "plan" and "plane" stay apart."""
WORTH_ADDING = 1.01
"""A word joins a group only where the root grows by this factor."""
SAME_TEXTS = 0.9
"""A term that stands in a longer one this often is only a part of that one."""


@dataclass(frozen=True)
class _Pool:
    """The most telling terms, strongest first."""

    terms: list[str]
    held: Bool[np.ndarray, "text term"]
    root: Float[np.ndarray, " term"]


def harvest(contrast: Contrast, counted: grams.Grams, rules: Rules, encoder: Encoder | None) -> Harvest:
    """Single terms and groups of terms that differ between A and B.

    Args:
        encoder: finds near-synonyms; None where there is none that reads the corpus.
    """
    if not counted.terms:
        return Harvest([])
    root = contrast.root(counted.held)
    pool = _without_parts(_pool(counted, root), contrast)
    if not pool.terms:
        return Harvest([], root)
    groups = _groups(pool, contrast, rules, encoder)
    columns = [pool.held[:, i] for i in range(len(pool.terms))] + [_union(pool, group) for group in groups]
    named = [[term] for term in pool.terms] + [[pool.terms[i] for i in group] for group in groups]
    held = np.column_stack(columns)
    effect, z = contrast.measure(held)
    strength = contrast.root(held)
    gate = [
        *strength[: len(pool.terms)],
        *(pool.root[group][np.argmax(np.abs(pool.root[group]))] for group in groups),
    ]
    candidates = [
        Candidate(
            phrase(terms), "words", "exact", {"kind": "words", "terms": terms},
            columns[i], float(effect[i]), float(z[i]), float(strength[i]), float(gate[i]),
        )
        for i, terms in enumerate(named)
    ]  # fmt: skip
    return Harvest(candidates, root)


def rarest(contrast: Contrast, min_effect: float) -> grams.Rarest:
    """Terms that are looked at: such as could reach a difference worth finding, in a few texts at least.

    Several of them together may be one predicate, so that a quarter of the difference will do, in one group.
    A few texts are so many that all of them in the smaller group would be a chance of about 1 in 32: five
    where the groups are equal, three at the least.
    """
    smaller = min(contrast.in_a.sum(), (~contrast.in_a).sum()) / max(contrast.n_texts, 1)
    few = np.ceil(5 * np.log(2) / -np.log(max(smaller, 1e-9))) if contrast.n_texts >= 200 else 3
    return grams.Rarest(contrast.in_a, int(max(few, 3)), max(min_effect / 4, 0.001))


def phrase(terms: Sequence[str]) -> str:
    """`mentions "a", "b" or "c"`."""
    return f"mentions {tokens.listed([tokens.readable(term) for term in terms], 'or')}"


def holds(terms: Sequence[str], joined: Sequence[str]) -> Bool[np.ndarray, " text"]:
    """Whether each text (given as tokens.joined) has one of the terms."""
    padded = [f" {term} " for term in terms]
    return np.fromiter((any(term in text for term in padded) for text in joined), bool, len(joined))


def spans(terms: Sequence[str], text: str) -> list[tuple[int, int]]:
    """Where the terms stand in the text: character ranges in order, overlapping ones joined."""
    found = tokens.located(text)
    said = [word for _, _, word in found]
    ranges = [
        (found[i][0], found[i + len(wanted) - 1][1])
        for wanted in (term.split(" ") for term in terms)
        for i in range(len(said) - len(wanted) + 1)
        if said[i] == wanted[0] and said[i : i + len(wanted)] == wanted
    ]
    return merged(ranges)


def merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, with those that overlap made one."""
    result: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def _pool(counted: grams.Grams, root: Float[np.ndarray, " term"]) -> _Pool:
    """The strongest terms of each side."""
    order = np.lexsort((np.arange(len(root)), -np.abs(root)))
    sides = order[root[order] > 0][:MAX_CANDIDATES_PER_SIDE], order[root[order] < 0][:MAX_CANDIDATES_PER_SIDE]
    kept = np.concatenate(sides)
    kept = kept[np.lexsort((kept, -np.abs(root[kept])))]
    return _Pool([counted.terms[i] for i in kept], counted.held[:, kept].toarray() > 0, root[kept])


def _without_parts(pool: _Pool, contrast: Contrast) -> _Pool:
    """Drops "hong" where it is nearly always "hong kong", and "covid cases" where "covid" says it all."""
    frequency = pool.held.sum(axis=0)
    share_in_a = (pool.held & contrast.in_a[:, None]).sum(axis=0) / np.maximum(frequency, 1)
    place = {term: i for i, term in enumerate(pool.terms)}
    dropped: set[int] = set()
    for i, term in enumerate(pool.terms):
        for j in (place[part] for part in _parts(term) if part in place):
            if frequency[i] >= SAME_TEXTS * frequency[j]:
                dropped.add(j)
            elif j not in dropped and not _adds(i, j, share_in_a, frequency, pool.root):
                dropped.add(i)
    kept = [i for i in range(len(pool.terms)) if i not in dropped]
    return _Pool([pool.terms[i] for i in kept], pool.held[:, kept], pool.root[kept])


def _adds(
    longer: int,
    part: int,
    share_in_a: Float[np.ndarray, " term"],
    frequency: Int[np.ndarray, " term"],
    root: Float[np.ndarray, " term"],
) -> bool:
    """Whether the longer term tells more of the group than its part does (two standard errors)."""
    expected, said = float(share_in_a[part]), float(share_in_a[longer])
    error = np.sqrt(max(expected * (1 - expected), 1e-9) / frequency[longer])
    return bool((said - expected) * np.sign(root[longer]) >= 2 * error)


def _parts(term: str) -> list[str]:
    words = term.split(" ")
    n = len(words)
    return [" ".join(words[i : i + k]) for k in range(1, n) for i in range(n - k + 1)]


def _groups(pool: _Pool, contrast: Contrast, rules: Rules, encoder: Encoder | None) -> list[list[int]]:
    """Terms of one direction that say the same, where together they differ more than the strongest alone."""
    near = _nearness(pool, rules, encoder)
    groups: dict[tuple[int, ...], list[int]] = {}
    for seed in range(len(near)):
        members, root = [seed], abs(float(pool.root[seed]))
        for other in np.argsort(-near[seed], kind="stable").tolist():
            if len(members) == MAX_TERMS_IN_A_GROUP or near[seed, other] <= 0:
                break
            if other == seed or pool.root[other] * np.sign(pool.root[seed]) < LEAST_LEAN:
                continue
            trial = [*members, other]
            joint = abs(float(contrast.root(_union(pool, trial)[:, None])[0]))
            if joint > WORTH_ADDING * root:
                members, root = trial, joint
        if len(members) > 1:
            groups.setdefault(tuple(sorted(members)), sorted(members))
    return list(groups.values())


def _nearness(pool: _Pool, rules: Rules, encoder: Encoder | None) -> Float[np.ndarray, "term term"]:
    """Above 0 for words that may share a predicate: inflections of one word, and near-synonyms."""
    terms = pool.terms[:MAX_GROUPED_WORDS]
    single = np.array([" " not in term for term in terms], dtype=bool)
    forms = [[float(rules.are_forms(a, b)) for b in terms] for a in terms]
    near = np.array(forms).reshape(len(terms), len(terms))
    if encoder is not None and terms:
        vectors = encoder.encode(terms).astype(np.float64)
        cosine = np.round(vectors @ vectors.T, 6)
        near = np.where(cosine >= NEAR_SYNONYM, cosine, np.where(cosine >= SAME_WORD, near, 0.0))
    return np.where(single[:, None] & single, near, 0.0)


def _union(pool: _Pool, members: Sequence[int]) -> Bool[np.ndarray, " text"]:
    return np.asarray(pool.held[:, members].any(axis=1))
