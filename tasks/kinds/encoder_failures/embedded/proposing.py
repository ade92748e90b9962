"""Naming failures by what differs within mined pairs: one per kind of edit, in the order of evidence.

Closed: it names the kinds of proposing.yaml and no other. Pairs that mean the same are no failures, and pairs
that no list can read are counted and left out. A pair that differs in several ways is evidence for each in
part: half a pair for each of two.
"""

import functools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from tasks.engines.embedded import wordlists
from tasks.engines.encoders import repaired
from tasks.kinds.encoder_failures.embedded.edits import Edit, edit
from tasks.kinds.encoder_failures.embedded.generating import edits_of
from tasks.kinds.encoder_failures.embedded.wording import Wording
from tasks.kinds.encoder_failures.roles import PairEvidence
from tasks.records import Call, Proposal
from tasks.study import Study

MIN_PAIRS = 3
"""Fewer pairs may be chance; parts of pairs add up."""
MIN_SHARE = 0.01
"""Least share of the pairs that were read as differing."""
N_EXAMPLES = 3
"""Pairs shown of each group; their text_ids are flattened."""
N_TRIED = 200
"""Explored sentences on which kinds that no pair shows are tried: what cannot be written is not named."""


@functools.cache
def names() -> Mapping[str, tuple[str, str]]:
    """Kind -> what completes `the encoder confuses texts that differ by ...`, and what that is."""
    return {kind: (one["name"], one["description"]) for kind, one in wordlists.yaml_beside(__file__).items()}


class EditProposer:
    """Groups mined pairs by kind of edit and names each group that is large enough."""

    def __init__(self, study: Study) -> None:
        self._max = study.propose.most
        under_test = study.embed.encoder
        self._fitted = repaired.read(under_test).fitted_on if repaired.is_repaired(under_test) else {}
        self.noted: dict[str, int] = {}

    @property
    def calls(self) -> tuple[Call, ...]:
        """Nothing is paid."""
        return ()

    def propose(self, evidence: PairEvidence, rng: np.random.Generator) -> list[Proposal]:
        """One failure per kind of edit, that of most evidence first; then some no pair shows, as `blind`.

        Of a repaired encoder all failures that it was fitted on are among these: no pair may show them now.

        Row order and `rng` are immaterial.

        Args:
            evidence: pairs mined from the exploration half; its domain is not looked at: the kinds are the
                same in every one.
            rng: nothing is drawn.
        """
        ordered = evidence.pairs.sort(["similarity", "left_id", "right_id"], descending=[True, False, False])
        weights: dict[str, Fraction] = {}
        groups: dict[str, list[tuple[bool, str, str]]] = {}
        counts: Counter[str] = Counter()
        for row in ordered.iter_rows(named=True):
            found = edit(row["left"], row["right"])
            counts[f"n_{found.kind}"] += 1
            counts["n_same_meaning"] += found.same_meaning is True
            counts["n_not_read"] += found.same_meaning is None
            counts["n_differ"] += found.same_meaning is False
            kinds = _kinds(found)
            for kind in kinds:
                weights[kind] = weights.get(kind, Fraction()) + Fraction(1, len(kinds))
                groups.setdefault(kind, []).append((len(kinds) > 1, row["left_id"], row["right_id"]))
        needed = max(MIN_PAIRS, MIN_SHARE * counts["n_differ"])
        large = {kind: weight for kind, weight in weights.items() if weight >= needed and kind in names()}
        counts["n_groups_too_small"] = len(weights) - len(large)
        self.noted = dict(sorted(counts.items()))
        kinds = sorted(large, key=lambda kind: (-large[kind], kind))[: self._max]
        # What shows nothing else is the better example.
        pairs = {kind: [ids for _, *ids in sorted(groups[kind], key=lambda one: one[0])] for kind in kinds}
        named = [_proposal(kind, pairs[kind], float(large[kind]) / ordered.height) for kind in kinds]
        # What the list names anyway is the baseline of what the pairs have taught: a third of all at most.
        n_blind = min(self._max // 3, self._max - len(named), -(-len(named) // 2))
        writable = _writable([kind for kind in names() if kind not in kinds], evidence.texts)
        fitted = [kind for kind in writable if names()[kind][0] in self._fitted]
        others = [kind for kind in writable if kind not in weights and kind not in fitted]
        unseen = [*fitted[: self._max - len(named)], *others[: max(n_blind - len(fitted), 0)]]
        self.noted["n_blind"] = len(unseen)
        return named + [_proposal(kind, [], 0.0) for kind in unseen]


def _kinds(found: Edit) -> list[str]:
    """What a pair is evidence for."""
    if found.same_meaning is not False:
        return []
    return [_group(found)] if len(found.kinds) == 1 else list(found.kinds)


def _writable(kinds: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Those that explored sentences can be edited by, the one that most can be first."""
    if not kinds or not texts:
        return list(kinds)
    tried = sorted(texts)[:: -(-len(texts) // N_TRIED)]
    wording, rng = Wording(tried), np.random.default_rng(0)
    n = {kind: sum(next(edits_of(kind, t, wording, rng), None) is not None for t in tried) for kind in kinds}
    return sorted((kind for kind in kinds if n[kind]), key=lambda kind: (-n[kind], kind))


def _group(found: Edit) -> str:
    (kind,) = found.kinds
    if kind == "attribute" and found.kind == kind and len(found.changed) == 2:
        first, second = found.changed
        if first == second[::-1]:
            return "attribute_swap"
    return kind


def _proposal(kind: str, pairs: Sequence[Sequence[str]], share: float) -> Proposal:
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
        explore_effect=share,
        explore_z=0.0,
        example_ids=tuple(examples),
    )
