"""Which exploration texts a proposer is shown: typical of their group, and with few words in common.

How typical a text is says a ridge classifier on the embeddings, fitted without the text's document
(Zhong et al. 2023, D5). The window widens from round to round: the first texts show the difference most
clearly, the last ones show the corpus as it is. Without embeddings every text is as typical as any other.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.contrast import Contrast, cross_fitted
from tasks.records import Group
from tasks.study import Study

WINDOWS = (0.05, 0.2, 0.5, 1.0)
"""Share of a group, most typical first, that the texts of each round come from."""
CHOICE = 2
"""A window has at least so many texts for every one that is wanted."""
POOL = 1.5
"""So many for every one, at random from the window, are compared for shared words.

More would do harm: what sets a group apart is what many of its texts share. Of ABC headlines of 2020, 28 %
name the pandemic; a random round that picks the most diverse 25 of 500 shows 10 %, of 37 it shows 19 %.
"""
MAX_CHARS = 400
"""A text is shown up to here; words beyond are not compared either."""
MAX_CHARS_IN_ALL = 60_000
"""All texts of a prompt together, about 15,000 tokens."""
LEAST_CHARS = 80
# Scripts that write no spaces: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True)
class Sizes:
    """How much is shown and judged while proposing."""

    rounds: int
    samples: int
    """Texts of each group in a round."""
    judged: int
    """Texts of each group that rank the proposals."""


def sizes(study: Study) -> Sizes:
    """As the study says, or by the size of its models: a small one reads less at once, and slower."""
    params, (proposer, *_) = study.propose, study.llm.endpoints("proposer")
    default = SMALL if proposer.is_small else LARGE
    return Sizes(
        default.rounds if params.rounds == "auto" else params.rounds,
        affordable(default.samples if params.samples == "auto" else params.samples),
        n_judged(study),
    )


def n_judged(study: Study) -> int:
    """Exploration texts of each group that are judged, as the study says or by the size of its judges."""
    judged, judges = study.propose.judged, study.llm.endpoints("judge")
    return (
        (SMALL if any(judge.is_small for judge in judges) else LARGE).judged if judged == "auto" else judged
    )


def random_rows(texts: pl.DataFrame, n: int, rng: np.random.Generator) -> list[int]:
    """Rows of n random texts of each group, or of all it has."""
    order = rng.permutation(texts.height)
    in_a = (texts["group"] == "A").to_numpy()[order]
    return sorted(int(row) for row in (*order[in_a][:n], *order[~in_a][:n]))


LARGE, SMALL = Sizes(3, 25, 100), Sizes(2, 16, 24)


def affordable(n: int) -> int:
    """How many texts of each group a prompt has room for, of n that are wanted."""
    return min(n, MAX_CHARS_IN_ALL // (2 * LEAST_CHARS))


def excerpt(text: str, n_texts: int) -> str:
    """The text as far as it is shown in a prompt of n_texts."""
    room = max(LEAST_CHARS, min(MAX_CHARS, MAX_CHARS_IN_ALL // max(n_texts, 1)))
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


class Sampler:
    """Draws texts without showing one twice while its group has others."""

    def __init__(
        self, texts: pl.DataFrame, embeddings: Float[np.ndarray, "text dim"], rng: np.random.Generator
    ) -> None:
        """Takes the exploration texts in text_id order, so that the order of rows changes nothing."""
        contrast = Contrast.of(texts)
        lean = cross_fitted(contrast, embeddings, rng) if embeddings.shape[1] else np.zeros(texts.height)
        self._texts, self._rng = texts["text"], rng
        self._in_a = contrast.in_a
        self._tie = rng.permutation(texts.height)
        self._typical = self._ranked(np.where(self._in_a, -lean, lean), np.arange(texts.height))
        self._was_shown = np.zeros(texts.height, dtype=bool)

    def typical(self, n_round: int, n: int) -> list[int]:
        """Rows of up to n texts of each group, A before B; the window is that of the round (from 0)."""
        share = WINDOWS[min(n_round, len(WINDOWS) - 1)]
        drawn = []
        for rows in self._typical.values():
            drawn += self._drawn(rows, n, max(CHOICE * n, int(share * len(rows)) + 1))
        return drawn

    def unexplained(self, lean: Float[np.ndarray, " judged"], judged: Sequence[int], n: int) -> list[int]:
        """Rows of up to n judged texts of each group that seem most to belong to the other group.

        Args:
            lean: how A-like each judged text is by its verdicts.
            judged: rows of these texts.
        """
        rows = np.asarray(judged)
        ranked = self._ranked(np.where(self._in_a[rows], lean, -lean), rows)
        return [row for rows in ranked.values() for row in self._drawn(rows, n, n)]

    def _ranked(self, key: Float[np.ndarray, " text"], rows: np.ndarray) -> Mapping[Group, np.ndarray]:
        """Rows of each group by rising key, ties at random."""
        order = rows[np.lexsort((self._tie[rows], key))]
        return {"A": order[self._in_a[order]], "B": order[~self._in_a[order]]}

    def _drawn(self, ranked: np.ndarray, n: int, window: int) -> list[int]:
        fresh = ~self._was_shown[ranked]
        inside = ranked[:window][fresh[:window]]
        if len(inside) < min(n * CHOICE, window):
            inside = ranked[fresh][: min(n * CHOICE, window)]
        drawn = self._diverse(self._rng.permutation(inside)[: int(POOL * n)], n)
        if len(drawn) < n:
            # The group has no others left: the first ones again.
            again = ranked[self._was_shown[ranked]]
            drawn += [int(row) for row in again[: n - len(drawn)]]
        self._was_shown[drawn] = True
        return drawn

    def _diverse(self, rows: np.ndarray, n: int) -> list[int]:
        """The first row, then again and again the one that shares the fewest words with any chosen one."""
        words = [frozenset(_WORD.findall(self._texts[int(row)][:MAX_CHARS].casefold())) for row in rows]
        chosen: list[int] = []
        nearest = np.zeros(len(rows))
        while len(chosen) < min(n, len(rows)):
            nearest[chosen] = np.inf
            best = int(np.argmin(nearest))
            chosen.append(best)
            overlap = np.array([_jaccard(words[best], other) for other in words])
            nearest = np.maximum(nearest, overlap)
        return [int(rows[i]) for i in chosen]


def _jaccard(words: frozenset[str], others: frozenset[str]) -> float:
    """Words in common over all words; texts without a word are alike."""
    return len(words & others) / len(words | others) if words or others else 1.0
