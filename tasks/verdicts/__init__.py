"""Verdicts as verify leaves them and score reads them.

matrices   rows of tables as matrices
walk       the seeded order of a sequential plan, and what is decided on the way
bets       what a walk bets on
gold_draw  which texts go to a better judge
"""
