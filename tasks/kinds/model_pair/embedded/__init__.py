"""Comparisons of two answers without a language model: what can be counted or read."""

from tasks.engines.roles import Judge, Proposer
from tasks.study import Study


def proposer(study: Study) -> Proposer:
    """Proposes comparisons that tell the models apart on the exploration half."""
    from tasks.kinds.model_pair.embedded.comparing import ComparingProposer

    return ComparingProposer(study)


def judge(study: Study) -> Judge:
    """Judges each comparison by its own definition."""
    from tasks.kinds.model_pair.embedded.comparing import ComparingJudge

    return ComparingJudge(study)
