"""A language model for kind encoder_failures.

proposing.py   rounds of mined pairs and named failures, and what it expects without any pair
generating.py  new pairs from the description of a failure
meaning.py     whether the two texts of a pair mean the same
"""
