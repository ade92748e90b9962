"""The embedded engine in this kind: what differs within a pair, by alignment and closed word lists.

edits.py        what differs between two short texts, and whether the meaning stays
  units.py        a text as units: words with their forms, phrases of closed classes
  align.py        two lists of units side by side; relating.py says what an exchange means
  exchange.py     the same words in another order: roles, voice, order
  closed.py, synonyms.py, vocabulary.py   the lists, and what a word can be
meaning.py      edits as a check of meaning; proposing.py: edits of mined pairs, grouped and named
everyday.py     common words beyond the lists, made from WordNet (everyday.txt)
lexicon.py      words by role (lexicon.yaml), with their forms (readings.py, inflection.py)
generating.py   new pairs: sentences of the corpus, rewritten (rewriting.py); controls.py: matched controls
  tagging.py      a sentence word by word; wording.py: which words a corpus puts where

Lists of words and sentences stand in YAML files named as the modules that read them.
"""

from tasks.engines.embedded.rating import EmbeddedRater
from tasks.engines.roles import Judge, Rater
from tasks.kinds.encoder_failures.collision import CollisionJudge
from tasks.kinds.encoder_failures.roles import FailureProposer, PairGenerator, for_domain
from tasks.study import Study

CANNOT_FIND = (
    "a kind of difference that is not on its list: negation, quantifier, number, roles, tense, preposition, "
    "attribute, attributes that change places, opposites, things and people, what is done",
    "differences in words that its lists do not hold, typing errors, and any language but English",
    "whether two texts mean the same where the lists end: such pairs are counted as not told",
    "failures of long texts: it reads sentences of up to 60 words",
    "how often real users write such pairs: it edits their sentences by rules, and some edits are odd",
)
NOTHING = (
    "It names what at least 3 mined pairs show that differ in one listed way (English: n_not_read and "
    "n_other are pairs beyond its lists). Bring more texts, lower encoder_failures.threshold or margin, or "
    "let a language model look: engine: llm."
)
"""What to do where nothing was proposed."""


def proposer(study: Study) -> FailureProposer:
    """Proposes from pairs mined in the exploration half."""
    from tasks.kinds.encoder_failures.embedded.proposing import EditProposer

    return EditProposer(study)


def judge(study: Study) -> Judge:
    """Judges each pair by what differs in it."""
    from tasks.kinds.encoder_failures.embedded.meaning import EditMeaning

    return CollisionJudge(study, EditMeaning())


def rater(study: Study) -> Rater:
    """Measures nothing: a kind of difference is about no topic, and the encoder at hand is doubted."""

    class Unmeasured(EmbeddedRater):
        lack = "no topic"

    return Unmeasured(study)


def pair_generators(study: Study) -> dict[bool, PairGenerator]:
    """Editors of sentences, by whether they take those of the study's domain."""
    from tasks.kinds.encoder_failures.embedded.generating import SentenceEditor

    return {inside: SentenceEditor(one) for inside, one in for_domain(study).items()}
