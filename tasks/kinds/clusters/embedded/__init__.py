"""The embedded engine in this kind: themes as regions of the vectors, and words that tell them.

Judge, reader and rater are the engine's own.
"""

from tasks.engines.roles import Proposer
from tasks.study import Study

CANNOT_FIND = (
    "themes that only a reader would name: stance, purpose, irony, what texts leave out",
    "another cut through the same texts for another goal: it does not read the goal",
    "a theme of fewer than five texts, or one that is not in both halves of its texts",
    "themes beyond what its encoder reads of a text, which is its first page",
    "a name that says what a theme means: its words are those that set its texts apart",
)
NOTHING = (
    "No theme of half of them was found in both halves of the texts of the others: they may have none, or be "
    "too few or too short. Bring more texts, or sentences of your own: propose.also."
)
"""What to do where nothing was proposed."""


def proposer(study: Study) -> Proposer:
    """Proposes a theme, and words, for what sets texts apart."""
    from tasks.kinds.clusters.embedded.proposing import ThemeProposer

    return ThemeProposer(study)
