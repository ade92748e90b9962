"""A study: what is asked, as params.yaml says it.

params   the blocks of a study, key by key (corpus: `collect`; block: what all have in common)
asked    sentences of the user's own
unattended when a study runs by itself, and whom it tells
study    what the blocks mean together
reading  params.yaml -> a study of its kind
dialect  YAML as DVC reads it (naming: what a study may be called)
explain  what a key means, and what is wrong with one
"""

from tasks.study.reading import load, names
from tasks.study.study import NOBODY, Study

__all__ = ["NOBODY", "Study", "load", "names"]
