"""Naming failures by what differs within mined pairs: one per kind of edit that keeps coming back.

Closed: it names the kinds of proposing.yaml and no other. Pairs that mean the same are no failures, and pairs
that no list can read are counted and left out.
"""

import functools
import json
from collections import Counter
from collections.abc import Mapping

import numpy as np

from tasks.engines.embedded import wordlists
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


@functools.cache
def names() -> Mapping[str, tuple[str, str]]:
    """Kind -> what completes `the encoder confuses texts that differ by ...`, and what that is."""
    return {kind: (one["name"], one["description"]) for kind, one in wordlists.yaml_beside(__file__).items()}


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
            if found.same_meaning is False and (group := _group(found)) in names():
                groups.setdefault(group, []).append((row["left_id"], row["right_id"]))
        needed = max(MIN_PAIRS, MIN_SHARE * ordered.height)
        large = {kind: pairs for kind, pairs in groups.items() if len(pairs) >= needed}
        counts["n_groups_too_small"] = len(groups) - len(large)
        self.noted = {name: int(count) for name, count in sorted(counts.items())}
        kinds = sorted(large, key=lambda kind: (-len(large[kind]), kind))[: self._max]
        named = [_proposal(kind, large[kind], ordered.height) for kind in kinds]
        # What the list names anyway is the baseline of what the pairs have taught: a third of all at most.
        n_blind = min(self._max // 3, self._max - len(named), -(-len(named) // 2))
        unseen = [kind for kind in names() if kind not in groups][:n_blind]
        self.noted["n_blind"] = len(unseen)
        return named + [_proposal(kind, [], ordered.height) for kind in unseen]


def _group(found: Edit) -> str:
    if found.kind == "attribute" and len(found.changed) == 2:
        first, second = found.changed
        if first == second[::-1]:
            return "attribute_swap"
    return found.kind


def _proposal(kind: str, pairs: list[tuple[str, str]], n_pairs: int) -> Proposal:
    name, description = names()[kind]
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
