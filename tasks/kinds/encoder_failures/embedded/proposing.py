"""Naming failures by what differs within mined pairs: one per kind of edit that keeps coming back.

Closed: it names the kinds of NAMES and no other. Pairs that mean the same are no failures, and pairs that no
list can read are counted and left out.
"""

import json
from collections import Counter

import numpy as np

from tasks.kinds.encoder_failures.embedded.edits import Edit, edit
from tasks.kinds.encoder_failures.roles import PairEvidence
from tasks.records import Call, Proposal
from tasks.study import Study

MIN_PAIRS = 3
"""Fewer pairs may be chance."""
MIN_SHARE = 0.01
"""Least share of the mined pairs."""
N_EXAMPLES = 3
"""Pairs shown of each group; their text_ids are flattened."""

NAMES: dict[str, tuple[str, str]] = {
    "negation": (
        "whether something is denied",
        "The two texts say the same but for a denial: one has not, no, never, without or nobody, the other "
        "has none. One says that something is there or happens, the other that it is not or does not.",
    ),
    "quantifier": (
        "how many there are, said by a quantifier",
        "The two texts differ in a quantifier alone: few, some, a handful of or several in one; many, most, "
        "all, full of or packed with in the other.",
    ),
    "number": (
        "how many there are, said by a number",
        "The two texts differ in a number or in singular and plural alone: two in one, five in the other.",
    ),
    "role_swap": (
        "who does what to whom",
        "The two texts have the same words, but two of those named change places: who acts and who is acted "
        "on, or what is where and beside, under or behind what.",
    ),
    "tense": (
        "when something happens, said by the tense",
        "The two texts differ in the tense of a verb alone: past in one, present or future in the other.",
    ),
    "preposition": (
        "where things are, said by a preposition",
        "The two texts differ in a preposition alone: on in one, under, behind or beside in the other.",
    ),
    "attribute": (
        "which colour, size or material a thing has",
        "The two texts differ in an attribute of a thing alone: its colour, size, material, shape or age is "
        "another one, or is told in one of them only.",
    ),
    "attribute_swap": (
        "which of two things has which attribute",
        "The two texts have the same words, but the attributes of two things are swapped between them: a red "
        "box and a blue ball in one, a blue box and a red ball in the other.",
    ),
    "antonym": (
        "a word and its opposite",
        "The two texts differ in a single word, which is the opposite of the one in the other text: open in "
        "one, closed in the other.",
    ),
    "entity": (
        "which things or people are there",
        "The two texts differ in a thing or person: one names something that the other does not, or names "
        "another one in its place.",
    ),
}
"""What completes `the encoder confuses texts that differ by ...`, and what a writer of pairs works from."""


class EditProposer:
    """Groups mined pairs by kind of edit and names each group that is large enough."""

    def __init__(self, study: Study) -> None:
        self._max = study.propose.max_predicates
        self.noted: dict[str, int] = {}

    @property
    def calls(self) -> tuple[Call, ...]:
        """Nothing is paid."""
        return ()

    def propose(self, evidence: PairEvidence, rng: np.random.Generator) -> list[Proposal]:
        """One failure per kind of edit, the most frequent first; then some that no pair shows, as `blind`.

        Row order and `rng` are immaterial.

        Args:
            evidence: pairs mined from the exploration half; its domain is not looked at: the kinds are the
                same in every one.
            rng: nothing is drawn.
        """
        ordered = evidence.pairs.sort(["similarity", "left_id", "right_id"], descending=[True, False, False])
        groups: dict[str, list[tuple[str, str]]] = {}
        counts: Counter[str] = Counter()
        for row in ordered.iter_rows(named=True):
            found = edit(row["left"], row["right"])
            counts[f"n_{found.kind}"] += 1
            counts["n_same_meaning"] += found.same_meaning is True
            counts["n_not_read"] += found.same_meaning is None
            counts["n_differ"] += found.same_meaning is False
            if found.same_meaning is False and (group := _group(found)) in NAMES:
                groups.setdefault(group, []).append((row["left_id"], row["right_id"]))
        needed = max(MIN_PAIRS, MIN_SHARE * ordered.height)
        large = {kind: pairs for kind, pairs in groups.items() if len(pairs) >= needed}
        counts["n_groups_too_small"] = len(groups) - len(large)
        self.noted = {name: int(count) for name, count in sorted(counts.items())}
        kinds = sorted(large, key=lambda kind: (-len(large[kind]), kind))[: self._max]
        named = [_proposal(kind, large[kind], ordered.height) for kind in kinds]
        # What the list names anyway is the baseline of what the pairs have taught: a third of all at most.
        n_blind = min(self._max // 3, self._max - len(named), -(-len(named) // 2))
        unseen = [kind for kind in NAMES if kind not in groups][:n_blind]
        self.noted["n_blind"] = len(unseen)
        return named + [_proposal(kind, [], ordered.height) for kind in unseen]


def _group(found: Edit) -> str:
    if found.kind == "attribute" and len(found.changed) == 2:
        first, second = found.changed
        if first == second[::-1]:
            return "attribute_swap"
    return found.kind


def _proposal(kind: str, pairs: list[tuple[str, str]], n_pairs: int) -> Proposal:
    name, description = NAMES[kind]
    # One writer of templates for both: it reads from the description which is meant.
    failure = "attribute" if kind == "attribute_swap" else kind
    examples = dict.fromkeys(text_id for pair in pairs[:N_EXAMPLES] for text_id in pair)
    return Proposal(
        predicate=name,
        direction="A",
        family="edits" if pairs else "blind",
        grade="exact",
        definition=json.dumps({"failure": failure, "description": description}, ensure_ascii=False),
        explore_effect=len(pairs) / n_pairs,
        explore_z=0.0,
        example_ids=tuple(examples),
    )
