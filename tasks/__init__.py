"""natstat's pipeline: eight stages, in reading order.

stage      reads                     writes                        guarantee
collect    the study's `data`        data/NAME/1_texts             copies merged or joined, split by document
embed      1_texts                   data/NAME/2_embeddings        one unit vector per text, cached by content
propose    1 + 2, exploration half   data/NAME/3_proposals         no proposer sees a confirmation text
formalise  3_proposals               data/NAME/4_predicates        frozen: predicate, judge, threshold, test
verify     4 + confirmation half     data/NAME/5_verdicts          a verdict or a named gap for every pair
score      5_verdicts                data/NAME/6_scores            effect, interval, p, q over all frozen
record     6_scores                  data/NAME/7_discoveries, DB   checked, remembered, rebuildable
report     7_discoveries             reports/NAME                  one file that works offline
"""
