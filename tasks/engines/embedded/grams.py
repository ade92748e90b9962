"""Which words and phrases of two and three words occur in which texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.engines.embedded import tokens
from tasks.engines.embedded.rules import Rules
from tasks.engines.embedded.tokens import WORD

MAX_TOKENS = 8_000_000
"""Longer corpora are counted on the first words of each text (the judge reads all of it)."""
MAX_TERMS = 30_000
_LONGEST = 3


@dataclass(frozen=True)
class Grams:
    """Terms of one to three words, and the texts they occur in."""

    terms: list[str]
    held: Any
    """SciPy csc array, text x term, of 0 and 1."""


@dataclass(frozen=True)
class Rarest:
    """Which terms are too rare to be looked at."""

    in_a: Bool[np.ndarray, " text"]
    total: int
    """Fewest texts of both groups."""
    share: float = 0.0
    """Least share of the texts of either group: what a small group says often may be rare in all texts."""

    def keeps(
        self, n_texts: Int[np.ndarray, " term"], n_a: Int[np.ndarray, " term"]
    ) -> Bool[np.ndarray, " term"]:
        """Whether terms of so many texts, and so many of A, are looked at."""
        often = (n_a >= self.share * self.in_a.sum()) | (n_texts - n_a >= self.share * (~self.in_a).sum())
        return np.asarray((n_texts >= self.total) & often)

    def share_of(
        self, n_texts: Int[np.ndarray, " term"], n_a: Int[np.ndarray, " term"]
    ) -> Float[np.ndarray, " term"]:
        """The larger of each term's shares of A and of B."""
        size_a, size_b = max(int(self.in_a.sum()), 1), max(int((~self.in_a).sum()), 1)
        larger: Float[np.ndarray, " term"] = np.maximum(n_a / size_a, (n_texts - n_a) / size_b)
        return larger


def count(joined: Sequence[str], rarest: Rarest, rules: Rules) -> Grams:
    """Every term that is frequent enough, the most frequent of a group first where there are too many.

    Terms of single letters and digits, and those that begin or end with a function word, are left out.
    """
    from scipy import sparse

    words, text, code = _coded(joined, rarest)
    names, current = words, code
    columns: list[Int[np.ndarray, " hit"]] = []
    rows: list[Int[np.ndarray, " hit"]] = []
    terms: list[str] = []
    n_texts = len(joined)
    for n in range(1, _LONGEST + 1):
        if n > 1:
            names, current = _extended(names, current, words, code, text, n, rarest)
        hits = np.unique(text[current >= 0] * max(len(names), 1) + current[current >= 0])
        row, column = np.divmod(hits, max(len(names), 1))
        rows.append(row)
        columns.append(column + len(terms))
        terms.extend(names)
    held = sparse.csc_array(
        (np.ones(sum(map(len, rows))), (np.concatenate(rows), np.concatenate(columns))),
        shape=(n_texts, len(terms)),
    )
    often = rarest.share_of(np.diff(held.indptr), held.T @ rarest.in_a.astype(np.float64))
    wanted = (
        np.array([_is_worth_naming(term, rules) for term in terms], dtype=bool)
        if terms
        else np.zeros(0, bool)
    )
    order = np.lexsort((np.arange(len(terms)), -often))
    keep = np.sort(order[wanted[order]][:MAX_TERMS])
    return Grams([terms[i] for i in keep], held[:, keep])


def _coded(
    joined: Sequence[str], rarest: Rarest
) -> tuple[list[str], Int[np.ndarray, " token"], Int[np.ndarray, " token"]]:
    """Frequent words in order, and for each token its text and its word (-1: rare, or a break)."""
    per_text = max(MAX_TOKENS // max(len(joined), 1), 50)
    tokens = (
        pl.DataFrame(
            {
                "text": np.arange(len(joined)),
                "in_a": rarest.in_a,
                "word": pl.Series(joined, dtype=pl.String),
            }
        )
        .with_columns(pl.col("word").str.strip_chars(" ").str.split(" ").list.head(per_text))
        .explode("word")
    )
    counted = (
        tokens.filter(pl.col("word").str.contains(WORD))
        .group_by("word")
        .agg(n=pl.col("text").n_unique(), n_a=pl.col("text").filter(pl.col("in_a")).n_unique())
        .sort("word")
    )
    frequent = counted["word"].filter(
        pl.Series(
            rarest.keeps(counted["n"].cast(pl.Int64).to_numpy(), counted["n_a"].cast(pl.Int64).to_numpy())
        )
    )
    numbered = pl.DataFrame({"word": frequent, "code": np.arange(len(frequent))}).cast({"code": pl.Int64})
    coded = tokens.join(numbered, on="word", how="left", maintain_order="left")
    return frequent.to_list(), coded["text"].to_numpy(), coded["code"].fill_null(-1).to_numpy()


def _extended(
    names: list[str],
    current: Int[np.ndarray, " token"],
    words: list[str],
    code: Int[np.ndarray, " token"],
    text: Int[np.ndarray, " token"],
    n: int,
    rarest: Rarest,
) -> tuple[list[str], Int[np.ndarray, " token"]]:
    """Terms one word longer: names, and at each token the term of n words that begins there, or -1."""
    longer = np.full(len(code), -1, dtype=np.int64)
    if len(code) < n or not names:
        return [], longer
    head, tail = current[: len(code) - n + 1], code[n - 1 :]
    fits = (head >= 0) & (tail >= 0) & (text[: len(head)] == text[n - 1 :])
    key = head[fits] * len(words) + tail[fits]
    pairs = np.unique(np.stack([key, text[: len(head)][fits]]), axis=1)
    kept, place, n_texts = np.unique(pairs[0], return_inverse=True, return_counts=True)
    n_a = np.bincount(place, rarest.in_a[pairs[1]], len(kept)).astype(np.int64)
    kept = kept[rarest.keeps(n_texts, n_a)]
    if not len(kept):
        return [], longer
    place = np.minimum(np.searchsorted(kept, key), len(kept) - 1)
    longer[: len(head)][fits] = np.where(kept[place] == key, place, -1)
    return [f"{names[k // len(words)]} {words[k % len(words)]}" for k in kept.tolist()], longer


def _is_worth_naming(term: str, rules: Rules) -> bool:
    words = term.split(" ")
    return not all(map(tokens.is_letter, words)) and rules.function_words.isdisjoint((words[0], words[-1]))
