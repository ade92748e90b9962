"""Kind corpus_pair: how do corpora A and B differ, given a goal?

Unit judged: one text. Estimand: share of A's texts for which the predicate holds minus B's
(validity V of Zhong et al. 2022, 2023), on the confirmation half, clustered by document. In the two-text
form a text of A is judged against one of B: V is the share of pairs that A wins minus the share B wins.
"""

from tasks.kinds import Kind


class CorpusPair(Kind):
    """All defaults: they mean this kind."""

    name = "corpus_pair"
    question = "how do corpora A and B differ, given a goal?"
    source = "D5: Zhong et al. 2022, 2023"


KIND = CorpusPair()
