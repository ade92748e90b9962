"""The embedded engine: no key, no network. Classical statistics and a small bundled encoder.

proposing.py   harvest every family, gate, choose, name
  words.py      words and phrases by weighted log-odds (grams.py counts, tokens.py reads)
  style.py      patterns (programs.py) and measures (measures.py); tone.py, language.py
  anchored.py   topics of the bank (bank.py) and tone axes (axes.py): proxies
  themes.py     discriminative prototypes, named by their words
  select.py     the gate on the exploration half, and the choice
judging.py    every predicate by its own definition (definitions.py, similarity.py)
rating.py     relevance and novelty, measured
failures/     kind encoder_failures: what differs within a pair, new pairs, whether the meaning differs
"""

from tasks.engines import roles
from tasks.engines.roles import FailureProposer, Judge, PairGenerator, Proposer, Rater
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
CANNOT_FIND_IN_PAIRS = (
    "a kind of difference that is not on its list: negation, quantifier, number, roles, tense, preposition, "
    "attribute, attributes that change places, opposites, things and people",
    "differences in words that its lists do not hold, typing errors, and any language but English",
    "whether two texts mean the same where the lists end: such pairs are counted as not told",
    "failures of long texts: it reads sentences of up to 60 words",
    "how often real users write such pairs: its own are made from templates",
)
"""The same of kind encoder_failures."""


def proposer(study: Study) -> Proposer | FailureProposer:
    """Proposes from words, style and embeddings of the exploration half, or from pairs mined in it."""
    if study.kind == "encoder_failures":
        from tasks.engines.embedded.failures.proposing import EditProposer

        return EditProposer(study)
    from tasks.engines.embedded.proposing import EmbeddedProposer

    return EmbeddedProposer(study)


def judge(study: Study) -> Judge:
    """Judges each predicate by its definition, or each pair by what differs in it."""
    if study.kind == "encoder_failures":
        from tasks.engines.collision import CollisionJudge
        from tasks.engines.embedded.failures.meaning import EditMeaning

        return CollisionJudge(study, EditMeaning())
    from tasks.engines.embedded.judging import EmbeddedJudge

    return EmbeddedJudge(study)


def rater(study: Study) -> Rater:
    """Measures relevance and novelty."""
    from tasks.engines.embedded.rating import EmbeddedRater

    return EmbeddedRater(study)


def pair_generators(study: Study) -> dict[bool, PairGenerator]:
    """Writers of new pairs from templates, by whether they write for the study's domain."""
    from tasks.engines.embedded.failures.generating import TemplateGenerator

    return {inside: TemplateGenerator(one) for inside, one in roles.for_domain(study).items()}
