"""Turning verdicts into effects, and saying which are discoveries.

stage           loads, calls, saves
tests           estimates every frozen predicate, by whoever decides
discoveries     q, the minimum effect, the direction: what a discovery is, and why a tested sentence is none
corrected       effects corrected by a better judge's sample
corrected_walk  the same where a walk stopped
groups          paraphrases as one, effects at equal other findings
judges          how well judges judge
baselines       what this very data gives where there is nothing to find
"""
