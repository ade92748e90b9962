"""What a study may be called: one word for params.yaml, DVC, shells, folders and Prefect."""

import re
import unicodedata

from tasks.study import dialect

LONGEST = 64
_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}")
_TAKEN = frozenset({"labels"})
"""Folders of data that are no study's."""


def problem(name: str) -> str | None:
    """Why a study cannot be called that, and what to write instead; None where it can."""
    if not _NAME.fullmatch(name):
        wanted = f"a study name of at most {LONGEST} lower-case letters (a-z), digits, - and _"
    elif name in _TAKEN:
        wanted = "another study name: data/labels holds people's verdicts"
    elif not dialect.is_text(name):
        wanted = "a study name that YAML and DVC read as text"
    else:
        return None
    return f"wanted {wanted}, got {name!r}. Write e.g. {suggested(name)}"


def suggested(name: str) -> str:
    """A study name that is like what was written: `Press 2020!` gives `press-2020`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[: LONGEST - 6].strip("-_")
    if word and word not in _TAKEN and dialect.is_text(word):
        return word
    return f"study-{word}" if word else "study"
