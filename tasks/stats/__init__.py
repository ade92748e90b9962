"""Statistics on numpy and scipy alone; imports nothing of ours.

    differences.py   the entry: estimate, interval and p for many predicates, test chosen by the rows
    shares.py        0/1, independent rows: score interval, score test, Fisher's exact test
    means.py         graded, independent rows: Welch; the published D5 rules
    documents.py     rows summed by document
    clustered.py     documents of several rows: CR2 sandwich, Rao-Scott score test
    multiplicity.py  Benjamini-Hochberg, Holm
    agreement.py     phi, paraphrase groups, what one predicate adds to another
    stratified.py    Mantel-Haenszel differences
    missing.py       bounds for verdicts that did not come
    power.py         the smallest difference a study could find

Names follow `<estimand>_<output>[_<method>]`. Arrays are text x predicate, NaN where a verdict is missing.
"""
