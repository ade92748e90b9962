"""Judging what is frozen, on the confirmation half.

stage   runs it: shard by shard, or look by look
plan    what one run judges, and where its parts lie
part    one part of it: a shard of the texts, or one look of a walk
rows    what judges said as rows of tables
"""
