"""The embedded engine: no key, no network. Classical statistics and a small bundled encoder.

proposing.py   harvest every family, gate, choose, name
  words.py      words and phrases by weighted log-odds (grams.py counts, tokens.py reads)
  style.py      patterns (programs.py) and measures (measures.py); tone.py, language.py
  anchored.py   topics of the bank (bank.py) and tone axes (axes.py): proxies
  themes.py     discriminative prototypes, named by their words
  select.py     the gate on the exploration half, and the choice
reading.py    sentences of the user's own, by forms (forms.py, forms.yaml)
judging.py    every predicate by its own definition (definitions.py, similarity.py)
rating.py     relevance and novelty, measured
wordlists.py  reads the lists: a YAML file beside the module that uses it
"""

import polars as pl

from tasks.engines.roles import Judge, Proposer, Rater, Reader
from tasks.study import Study

CANNOT_FIND = (
    "implied meaning: irony, allusion, what a reader concludes but no word says",
    "stance: who is for or against something",
    "deception, and who wrote a text (authorship, party, person or model)",
    "who does what to whom",
    "style beyond its own list of patterns and measures",
    "most differences of less than ten points in the share of texts, unless a word or pattern carries them",
    "a topic difference in a few hundred texts unless it is large (forty points)",
    "sentiment that is not carried by single words",
    "the size of a difference in meaning: a proxy or theme gives its direction",
)
"""What this engine cannot find: for the README and every report."""
CANNOT_SEE = (
    "people, and what they do or feel: the network that sees has no class for them",
    "how many things there are, and where one stands to another",
    "what is written in a picture, unless its caption says so",
    "what a drawing or screenshot shows: the network was trained on photographs",
    "whether a class that is shown is there or only resembles what is: a proxy is to be looked at",
    "how a picture looks beyond a list of measures: composition, style, quality",
    "the size of a difference in meaning: a proxy or theme gives its direction",
)
"""What it cannot find in pictures."""
NOTHING = "Give it more texts or other propose.families."
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Proposes from words, style and embeddings of the exploration half."""
    from tasks.engines.embedded.proposing import EmbeddedProposer

    return EmbeddedProposer(study)


def reader(study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> Reader:
    """Reads what can be said in words, patterns, measures, languages, tones and topics."""
    from tasks.engines.embedded.reading import EmbeddedReader

    return EmbeddedReader(study, texts)


def judge(study: Study) -> Judge:
    """Judges each predicate by its definition."""
    from tasks.engines.embedded.judging import EmbeddedJudge

    return EmbeddedJudge(study)


def rater(study: Study) -> Rater:
    """Measures relevance and novelty."""
    from tasks.engines.embedded.rating import EmbeddedRater

    return EmbeddedRater(study)
