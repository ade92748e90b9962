"""Choosing among candidates: the strongest that are not said already.

Marginal strength with a cap on verdict correlation beat greedy conditional gain in trials: more of the
choice held up on new data. Strength is how unlikely a root (Contrast.root) is among all of one sort that were
looked at: the largest of a thousand words says less than as large a one of fifty patterns. Exact predicates
are preferred to proxies, since they can be checked by reading; and words and patterns to measures, since a
length or a share moves with whatever is said.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast, significant
from tasks.engines.embedded.candidate import Candidate, Harvest

Naming = Callable[[Candidate], Candidate | None]

GATE_RATE = 0.1
"""False discovery rate of the gate on the exploration half, over everything of one sort measured there."""
LEAST_KEPT = 5
"""So many go on to the test even where nothing passes: a study without a difference must end and say so."""
PREFERENCE = {"exact": 1.0, "proxy": 0.7, "theme": 1.0}
"""What a root counts. Themes need no discount: theirs comes from texts that had no part in them."""
MEASURE_PREFERENCE = 0.85


def choose(
    harvests: Sequence[Harvest],
    contrast: Contrast,
    most: int,
    max_phi: float,
    gate_z: float,
    name: Naming,
    least: int,
) -> list[Candidate]:
    """Candidates, best first: at most `most` that pass the gate; where these are fewer, up to `least` in all.

    Those that pass the gate weigh 1 each, those that fill up 1, 1/2, 1/3 and so on.

    Args:
        contrast: of the texts that candidates are held against.
        least: up to so many, what does not pass the gate fills up where fewer than `most` do.
        name: gives a candidate its name, or None where it can have none and is passed over.
    """
    candidates: list[Candidate] = []
    strength: list[float] = []
    has_passed: list[bool] = []
    for harvest in harvests:
        own = _with_roots(harvest.candidates, contrast)
        measured = harvest.root_measured
        if measured is None:
            measured = np.array([_root(candidate) for candidate in own])
        passed = significant(measured, GATE_RATE)
        bar = max(gate_z, float(np.abs(measured[passed]).min()) if passed.any() else np.inf)
        candidates += own
        strength += [_strength(candidate, len(measured)) for candidate in own]
        has_passed += [abs(_gate_root(candidate)) >= bar for candidate in own]
    # Among equals the shorter, then by name.
    rank = sorted(
        range(len(candidates)),
        key=lambda i: (-strength[i], len(candidates[i].phrase), candidates[i].phrase),
    )
    room = dict.fromkeys((i for i in rank if has_passed[i]), most)
    rest = _in_turn([i for i in rank if not has_passed[i]], candidates)
    room |= dict.fromkeys(rest, least)
    chosen = _spread(candidates, room, max_phi, name)
    n_passed = sum(has_passed[i] for i in chosen)
    weights = [1.0] * n_passed + [1 / (1 + i) for i in range(len(chosen) - n_passed)]
    return [replace(one, weight=weight) for one, weight in zip(chosen.values(), weights, strict=True)]


def _strength(candidate: Candidate, n_measured: int) -> float:
    """How unlikely so large a root is among so many of its sort, in powers of e."""
    from scipy.special import log_ndtr

    is_measure = is_of_measure(candidate.definition)
    discount = MEASURE_PREFERENCE if is_measure else PREFERENCE[candidate.grade]
    log_p = float(log_ndtr(-abs(_root(candidate)) * discount))
    return round(-log_p - math.log(2 * max(n_measured, 1)), 6)


def is_of_measure(definition: Mapping[str, Any]) -> bool:
    """Whether it holds a measure of a text or a picture against a threshold."""
    return definition["kind"] == "measure" or (definition["kind"] == "style" and "more_than" in definition)


def _in_turn(rank: Sequence[int], candidates: Sequence[Candidate]) -> list[int]:
    """The strongest of one side, the strongest of the other, and so on.

    By chance alone a small group may hold most texts of a rare word, a large one cannot: the strongest of
    all would nearly all point to the smaller group.
    """
    seen = {True: 0, False: 0}
    turn = {}
    for i in rank:
        towards_a = _root(candidates[i]) >= 0
        turn[i] = seen[towards_a]
        seen[towards_a] += 1
    return sorted(rank, key=turn.__getitem__)


def _with_roots(candidates: Sequence[Candidate], contrast: Contrast) -> list[Candidate]:
    """The candidates, each with its root."""
    bare = [i for i, candidate in enumerate(candidates) if candidate.root is None]
    if not bare:
        return list(candidates)
    roots = dict(zip(bare, contrast.root(np.column_stack([candidates[i].held for i in bare])), strict=True))
    return [replace(one, root=float(roots[i])) if i in roots else one for i, one in enumerate(candidates)]


def _root(candidate: Candidate) -> float:
    return candidate.root or 0.0


def _gate_root(candidate: Candidate) -> float:
    return _root(candidate) if candidate.gate_root is None else candidate.gate_root


def _spread(
    candidates: Sequence[Candidate], room: Mapping[int, int], max_phi: float, name: Naming
) -> dict[int, Candidate]:
    """Candidates, by number, in this order that correlate little enough with those before and repeat none.

    Args:
        room: of each candidate, by its number: up to how many there may be with it.
    """
    chosen: dict[int, Candidate] = {}
    said: set[str] = set()
    columns: list[Float[np.ndarray, " text"]] = []
    for i, most in room.items():
        if len(chosen) >= most:
            break
        column = _standard(candidates[i].held)
        if any(abs(float(column @ other)) > max_phi for other in columns):
            continue
        if not said.isdisjoint(_says(candidates[i])):
            continue
        named = name(candidates[i])
        if named is not None and not any(_is_twin(named, other) for other in chosen.values()):
            chosen[i] = named
            columns.append(column)
            said |= _says(named)
    return chosen


def _says(candidate: Candidate) -> set[str]:
    """What no second predicate should be about: each word, each measure, each topic or axis."""
    definition = candidate.definition
    if definition["kind"] == "words":
        return set(definition["terms"])
    if definition["kind"] == "class":
        return {f"class {definition['index']}"}
    if definition["kind"] == "sentiment" or is_of_measure(definition):
        return {f"measure {definition.get('program') or definition.get('measure', 'sentiment')}"}
    return {f"{definition['basis']} {definition['anchor']}"} if "anchor" in definition else set()


def _is_twin(candidate: Candidate, other: Candidate) -> bool:
    """Whether two predicates read alike: one phrase, or themes that share most of their words."""
    shared = set(candidate.definition.get("words", ())) & set(other.definition.get("words", ()))
    return candidate.phrase == other.phrase or len(shared) >= 2


def _standard(held: Bool[np.ndarray, " text"]) -> Float[np.ndarray, " text"]:
    """Centred and of unit length, so that dot products are correlations."""
    column: Float[np.ndarray, " text"] = held.astype(np.float64) - float(held.mean())
    length = float(np.sqrt(column @ column))
    column /= length or 1.0
    return column
