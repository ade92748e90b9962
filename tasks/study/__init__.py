"""A study: what is asked, as params.yaml says it.

params   the blocks of a study, key by key
study    a study as a whole, and reading params.yaml
"""

from tasks.study.study import NOBODY, Study, explain, load, names

__all__ = ["NOBODY", "Study", "explain", "load", "names"]
