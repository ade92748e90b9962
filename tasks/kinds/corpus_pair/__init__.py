"""Kind corpus_pair: how do corpora A and B differ, given a goal?

Unit judged: one text. Estimand: share of A's texts for which the predicate holds minus B's
(validity V of Zhong et al. 2022, 2023), on the confirmation half, clustered by document. In the two-text
form a text of A is judged against one of B: V is the share of pairs that A wins minus the share B wins.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.kinds import Kind


class CorpusPair(Kind):
    """All defaults mean this kind, but that the exploration half says what is likely to hold."""

    name = "corpus_pair"
    question = "how do corpora A and B differ, given a goal?"
    source = "D5: Zhong et al. 2022, 2023"

    def weighted(self, proposals: Sequence[Mapping[str, Any]]) -> list[float]:
        """By rank where the exploration half gave one; another counts as much as the first."""
        weights, rank = [], 0
        for one in proposals:
            is_ranked = one["family"] != "user" and one["explore_z"] != 0
            rank += is_ranked
            weights.append(1 / rank if is_ranked else 1.0)
        return weights


KIND = CorpusPair()
