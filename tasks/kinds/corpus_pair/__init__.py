"""Kind corpus_pair: how do corpora A and B differ, given a goal?

Unit judged: one text. Estimand: share of A's texts for which the predicate holds minus B's
(validity V of Zhong et al. 2022, 2023), on the confirmation half, clustered by document. In the two-text
form a text of A is judged against one of B: V is the share of pairs that A wins minus the share B wins.
"""

from tasks.kinds import Kind
from tasks.study import Study


class CorpusPair(Kind):
    """The defaults mean this kind."""

    name = "corpus_pair"
    question = "how do corpora A and B differ, given a goal?"
    source = "D5: Zhong et al. 2022, 2023"

    def most_predicates(self, study: Study) -> int:
        """More where a verdict is free, as what only might be true is tested there, too."""
        fills_up = study.engine == "embedded" and study.proposes
        return study.propose.filled_up_to if fills_up else study.most_predicates


KIND = CorpusPair()
