"""What the embedded engine knows of encoder failures: closed word lists, edits between texts, templates.

edits.py        what differs between two short texts, and whether the meaning stays
  units.py        a text as units: words with their forms, phrases of closed classes
  align.py        two lists of units side by side; relating.py says what an exchange means
  exchange.py     the same words in another order: roles, voice, order
  closed.py, classes.py, synonyms.py, vocabulary.py   the lists, and what a word can be
meaning.py      edits as a check of meaning; proposing.py: edits of mined pairs, grouped and named
lexicon.py      words for new pairs (lexicon.yaml), with their forms (readings.py, inflection.py)
generating.py   new pairs from templates.py with words from slots.py; controls.py: matched controls
"""
