"""Counterfactuals edited from an input: some words give way to words of other inputs.

All lose as many of the words that an explanation does not list, and half lose those that it lists, too. A
reader expects the answer to stay where a listed word does, and cannot tell elsewhere; were the listed words
nothing to the model, it would stay as often in both.

Source:
    Erasing what an explanation names, or all else, as DeYoung et al. (2020, ERASER, section 4) do; here
    nothing is left blank, since a text with holes is none that the model knows.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.engines.embedded.tokens import joined, joined_all
from tasks.kinds.explanations.words import Index, listed
from tasks.store.frames import hashed

SHARE = 0.3
"""Of an input's other words that give way, one at least."""
_TRIES = 20
"""Words that are drawn for one that an explanation does not list."""
_WORD = re.compile(r"\w+")


def edited(told: pl.DataFrame, n: int, seed: int) -> pl.DataFrame:
    """The rows, each with up to n edits: `counterfactual`, and `guess`, null where nothing can be told.

    Args:
        told: columns text, explainer, explanation (a list of words) and answer.
        n: edits of each.
        seed: of all that is drawn, for each row by itself.
    """
    pool = [word for text in told["text"].unique().sort() for word in _WORD.findall(text)]
    rows: list[dict[str, Any]] = []
    for row in told.iter_rows(named=True):
        key = hashed("edited", str(seed), row["text"], row["explainer"])
        words = listed(row["explanation"])
        each = dict.fromkeys(_edits(row["text"], words, pool, n, np.random.default_rng(int(key[:16], 16))))
        made = [text for text in each if text != row["text"]]
        kept = Index(joined_all(made)).holding(words)
        rows += [
            {**row, "counterfactual": text, "guess": row["answer"] if has else None}
            for text, has in zip(made, kept, strict=True)
        ]
    return pl.DataFrame(rows, schema={**told.schema, "counterfactual": pl.String, "guess": pl.String})


def _edits(
    text: str, words: Sequence[str], pool: Sequence[str], n: int, rng: np.random.Generator
) -> Iterator[str]:
    """Every other one keeps the listed words."""
    spans = [match.span() for match in _WORD.finditer(text)]
    named = {word for phrase in joined_all(words) for word in phrase.split()}
    is_named = np.array([joined(text[start:end]).strip() in named for start, end in spans], dtype=bool)
    own, other = np.flatnonzero(is_named), np.flatnonzero(~is_named)
    for i in range(n if len(other) else 0):
        rest = rng.permutation(other)[: max(round(SHARE * len(other)), 1)]
        lost = rest if i % 2 == 0 else [*own, *rest]
        yield _replaced(text, {spans[k]: _other(pool, named, rng) for k in lost})


def _other(pool: Sequence[str], named: Collection[str], rng: np.random.Generator) -> str:
    """A word of the pool that is not among these; nothing where they are most of it."""
    for at in rng.integers(len(pool), size=_TRIES):
        word: str = pool[at]
        if joined(word).strip() not in named:
            return word
    return ""


def _replaced(text: str, by_span: dict[tuple[int, int], str]) -> str:
    """The text with other words at these places."""
    for (start, end), word in sorted(by_span.items(), reverse=True):
        text = text[:start] + word + text[end:]
    return text
