"""Statistics on numpy and scipy alone; imports nothing of ours.

    differences.py   the entry: estimate, interval and p for many predicates, test chosen by the rows
    shares.py        0/1, independent rows: score interval, score test, Fisher's exact test
    means.py         graded, independent rows: Welch; the published D5 rules
    documents.py     rows summed by document
    clustered.py     documents of several rows: CR2 sandwich, Rao-Scott score test
    design_effect.py design effect of a rare verdict in few documents
    multiplicity.py  Benjamini-Hochberg, Holm
    agreement.py     phi, paraphrase groups, what one predicate adds to another
    stratified.py    Mantel-Haenszel differences
    accuracy.py      right answers: of items with several, and of two models on the same items
    missing.py       bounds for verdicts that did not come
    power.py         the smallest difference a study could find

    sequential.py    decides predicates while verdicts come in (docs/sequential.md)
    blocks.py        random order of whole documents, and the difference each block gives
    betting.py       e-values and confidence sequences for bounded means
    decisions.py     confirmed, futile or go on

    prediction_powered.py   a cheap judge corrected by gold verdicts (docs/judge-error.md)
    rectifier.py     what it is made of
    sampling.py      which texts are asked of the gold judge, with known probabilities
    judge_error.py   sensitivity, specificity, and how they differ between A and B
    reliability.py   kappa and alpha of several judges
    conditional.py   an effect given length and other predicates

    paired.py        mean of paired differences: exact sign-flip p, interval over documents
    telling.py       how well traits tell whose an answer is, and which is preferred
    liked.py         which traits are preferred, given length and other traits
    orders.py        one judge in both orders: agreement, position bias
    logistic.py      logistic regression with a penalty

    tilting.py       a pool of texts, tilted at each time: shares that change
    multinomial.py   a label of two or more classes, given predicates
    normal.py        a score, given predicates
    wording.py       the words of a text, given predicates
    gains.py         what a predicate adds to a model: bits a text, p, e-value
    changes.py       jumps of a share over time, told from drifts
    resampled.py     intervals from resamples of documents
    masses.py        how much each text counts in a fit

Names follow `<estimand>_<output>[_<method>]`. Arrays are text x predicate, NaN where a verdict is missing.
"""
