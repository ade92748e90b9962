"""Language models in this kind: collect has them answer, explain, write and guess (asking.py).

Whether a guess comes true is compared, and asked of nobody.
"""

from tasks.kinds.explanations.embedded import CANNOT_FIND as _OFFLINE
from tasks.kinds.explanations.embedded import judge, rater

__all__ = ["CANNOT_FIND", "NOTHING", "judge", "rater"]
CANNOT_FIND = (
    "whether a reader guesses as a person would: one model reads for all",
    *_OFFLINE[1:],
)
NOTHING = "Explain more inputs (explanations.inputs), or name other models."
"""What to do where nothing was proposed."""
