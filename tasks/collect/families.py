"""Which texts are near copies of one another: retweets, templates, quotes, other punctuation or numbers.

Texts are folded (case, numbers, punctuation, addresses) and cut into runs of neighbouring tokens. Two are
compared where they share one of their rarest runs of three tokens. They are near copies where their pairs of
tokens are the same; or where they share most of their tokens in the same order, or one quotes the other, and
what they share is not what the whole corpus shares. Comparisons are exact; which ones are made is a choice.

Source: Broder (1997), On the resemblance and containment of documents: shingles, resemblance, containment.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int, UInt64

from tasks.store.frames import hashed
from tasks.store.sources.masking import EMAIL, HANDLE

LEAST_SHARED = 6
"""Tokens that two texts must share to be near copies without being the same but for numbers and signs."""
QUOTED = 0.8
"""Share of a text's pairs of tokens that stand in a longer one which quotes it ..."""
LEAST_QUOTED = 10
"""... and how many they must be: shorter ones are stock phrases, not quotes."""
RARE = 0.05
"""A pair of tokens that stands in more of the texts is the corpus's own language and no sign of a copy ..."""
RARE_IN_FEW = 6
"""... unless it stands in at most so many texts."""
LEAST_RARE = 3
"""Rare pairs of tokens that near copies share."""
COMMONPLACE = 4
"""A text of at most so many tokens may be anybody's: two who write `thanks!` copy nobody, and in `room 12`
the number is what it says."""
_HOPELESS = 0.15
"""Texts whose pairs of tokens resemble less are not read token by token."""
_RAREST = 16
"""Runs by which a text is compared, or an eighth of a longer text's."""
_AT_ONCE = 4_000_000
"""Pairs of tokens that are compared at once."""
_SIGNS = rf"(?:https?://|www\.)\S+|{EMAIL}|{HANDLE}|^(?:(?:rt|re|fwd?|aw|wg)\b[\s:]*)+"
"""Addresses, handles, and what begins a repeated text."""
_TOKENS = (
    r"\p{N}[\p{N}\p{P}\p{S}]*\p{N}|\p{N}|[\p{Han}\p{Hiragana}\p{Katakana}]"
    r"|[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"
    r"|[\p{L}\p{M}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+"
)
"""A number, a formula or a date; a character of a script without spaces between words; a word."""
_NUMBER = r"^\p{N}"


@dataclass(frozen=True)
class Families:
    """What is known of each text."""

    family: Int[np.ndarray, " text"]
    """Number of the family's first text: texts of a family have the same, a text of none its own."""
    pattern: Int[np.ndarray, " text"]
    """The same were what all the corpus shares taken for a sign of a copy, too."""
    n_tokens: Int[np.ndarray, " text"]


def families(texts: pl.Series, similarity: float) -> Families:
    """The family of every text; near-linear in their number.

    Args:
        texts: distinct and normalised (store.sources.normalised), in an order that no source sets.
        similarity: share of their tokens that near copies have in common in the same order, in (0, 1].
    """
    token, start = _tokens(texts)
    pairs = _Shingles.of(token, start, 2)
    left, right = _candidates(_Shingles.of(token, start, 3), len(texts))
    found = pairs.compared(left, right)
    is_same = found.resemblance == 1
    is_alike = (found.containment >= max(QUOTED, similarity)) & (found.n_shared >= LEAST_QUOTED)
    unsure = np.flatnonzero(~is_same & ~is_alike & (found.resemblance >= _HOPELESS))
    is_alike[unsure] = _in_order(token, start, left[unsure], right[unsure], similarity)
    is_copy = is_same | (is_alike & (found.n_rare >= LEAST_RARE))
    family, pattern = (
        first_linked(left[held], right[held], len(texts)) for held in (is_copy, is_same | is_alike)
    )
    return Families(family, pattern, np.diff(start))


def first_linked(
    left: Int[np.ndarray, " pair"], right: Int[np.ndarray, " pair"], n: int
) -> Int[np.ndarray, " node"]:
    """For each of n nodes the first of those that pairs link it to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    _, first, member = np.unique(
        connected_components(links, directed=False)[1], return_index=True, return_inverse=True
    )
    return np.asarray(first[member], dtype=np.int64)


def _tokens(texts: pl.Series) -> tuple[UInt64[np.ndarray, " token"], Int[np.ndarray, " bound"]]:
    """All tokens as hashes, one text after another, and where each text starts; the end comes last.

    A text of signs alone is one token.
    """
    words = texts.str.replace_all(_SIGNS, " ").str.extract_all(_TOKENS)
    words = words.to_frame("words").select(
        pl.when(pl.col("words").list.len() > 0).then("words").otherwise(pl.concat_list(texts))
    )["words"]
    n_tokens = words.list.len().to_numpy()
    start = np.concatenate([[0], np.cumsum(n_tokens)]).astype(np.int64)
    flat = words.explode(empty_as_null=False, keep_nulls=False)
    is_folded = flat.str.contains(_NUMBER) & pl.Series(np.repeat(n_tokens > COMMONPLACE, n_tokens))
    flat = pl.select(pl.when(is_folded).then(pl.lit("0")).otherwise(flat)).to_series()
    distinct = flat.unique()
    number = pl.Series([int(hashed(one), 16) for one in distinct], dtype=pl.UInt64)
    return flat.replace_strict(distinct, number, return_dtype=pl.UInt64).to_numpy(), start


@dataclass(frozen=True)
class _Compared:
    """What pairs of texts share."""

    resemblance: Float[np.ndarray, " pair"]
    containment: Float[np.ndarray, " pair"]
    n_shared: Int[np.ndarray, " pair"]
    n_rare: Int[np.ndarray, " pair"]


@dataclass(frozen=True)
class _Shingles:
    """The distinct runs of so many tokens of each text, as sorted hashes; a shorter text is one run."""

    shingle: UInt64[np.ndarray, " shingle"]
    owner: Int[np.ndarray, " shingle"]
    """Its text, ascending."""
    start: Int[np.ndarray, " bound"]

    @classmethod
    def of(
        cls, token: UInt64[np.ndarray, " token"], start: Int[np.ndarray, " bound"], width: int
    ) -> "_Shingles":
        """Runs of `width` tokens."""
        n_tokens = np.diff(start)
        n_runs = np.maximum(n_tokens - width + 1, 1)
        owner = np.repeat(np.arange(len(n_tokens)), n_runs)
        first = np.arange(len(owner)) - np.repeat(np.cumsum(n_runs) - n_runs - start[:-1], n_runs)
        shingle = np.zeros(len(owner), dtype=np.uint64)
        for step in range(width):
            inside = step < n_tokens[owner]
            shingle = _mixed(
                shingle + np.where(inside, token[np.where(inside, first + step, 0)], np.uint64(step))
            )
        order = np.lexsort((shingle, owner))
        shingle, owner = shingle[order], owner[order]
        is_new = np.ones(len(owner), dtype=bool)
        is_new[1:] = (shingle[1:] != shingle[:-1]) | (owner[1:] != owner[:-1])
        shingle, owner = shingle[is_new], owner[is_new]
        return cls(shingle, owner, np.searchsorted(owner, np.arange(len(start))))

    @property
    def n_texts_with(self) -> Int[np.ndarray, " shingle"]:
        """In how many texts each stands."""
        _, place, count = np.unique(self.shingle, return_inverse=True, return_counts=True)
        return np.asarray(count[place])

    def compared(self, left: Int[np.ndarray, " pair"], right: Int[np.ndarray, " pair"]) -> _Compared:
        """Broder's resemblance and containment, and how many shared shingles are rare."""
        size = np.diff(self.start)
        is_rare = self.n_texts_with <= max(RARE * len(size), RARE_IN_FEW)
        small = np.where(size[left] <= size[right], left, right)
        large = left + right - small
        shared, rare = np.zeros((2, len(left)), dtype=np.int64)
        step = max(1, int(_AT_ONCE // max(1.0, size.mean()))) if len(size) else 1
        for at in range(0, len(left), step):
            part = slice(at, at + step)
            pair, place = self._shared(small[part], large[part], size)
            n = len(small[part])
            shared[part] = np.bincount(pair, minlength=n)
            rare[part] = np.bincount(pair[is_rare[place]], minlength=n)
        return _Compared(shared / (size[left] + size[right] - shared), shared / size[small], shared, rare)

    def _shared(
        self, small: Int[np.ndarray, " pair"], large: Int[np.ndarray, " pair"], size: Int[np.ndarray, " text"]
    ) -> tuple[Int[np.ndarray, " found"], Int[np.ndarray, " found"]]:
        """Each shingle that both texts of a pair have: the pair, and its place.

        Bisection among the shingles of the larger text, for all at once.
        """
        n_each = size[small]
        pair = np.repeat(np.arange(len(small)), n_each)
        at = np.arange(len(pair)) - np.repeat(np.cumsum(n_each) - n_each - self.start[small], n_each)
        wanted, low, high = self.shingle[at], self.start[large][pair], self.start[large + 1][pair]
        end, last = high, len(self.shingle) - 1
        for _ in range(int(size[large].max(initial=0)).bit_length()):
            middle = np.minimum((low + high) // 2, last)
            is_below = (low < high) & (self.shingle[middle] < wanted)
            low, high = (
                np.where(is_below, middle + 1, low),
                np.where(is_below, high, np.minimum(middle, high)),
            )
        is_there = (low < end) & (self.shingle[np.minimum(low, last)] == wanted)
        return pair[is_there], at[is_there]


def _in_order(
    token: UInt64[np.ndarray, " token"],
    start: Int[np.ndarray, " bound"],
    left: Int[np.ndarray, " pair"],
    right: Int[np.ndarray, " pair"],
    similarity: float,
) -> Bool[np.ndarray, " pair"]:
    """Whether two texts have that share of their tokens in common, in the same order."""
    from rapidfuzz.distance import LCSseq

    def of(text: int) -> list[Any]:
        tokens: list[Any] = token[start[text] : start[text + 1]].tolist()
        return tokens

    found = np.zeros(len(left), dtype=bool)
    for i, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        a, b = of(one), of(other)
        least = max(LEAST_SHARED, math.ceil(similarity * (len(a) + len(b)) / 2 - 1e-9))
        found[i] = LCSseq.similarity(a, b, score_cutoff=least) > 0
    return found


def _candidates(runs: _Shingles, n: int) -> tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]:
    """Pairs of texts to compare: each with the shortest, and the next shorter, that has a rare run in common.

    A run of many texts does not give a pair for each two: members of a family meet in many runs, and the text
    that others quote is shorter than they are.
    """
    count, size = runs.n_texts_with, np.diff(runs.start)
    shared = count > 1
    shingle, owner, count = runs.shingle[shared], runs.owner[shared], count[shared]
    # A text's rarest runs; of equally rare ones all texts take the same.
    order = np.lexsort((shingle, count, owner))
    shingle, owner = shingle[order], owner[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = place < np.maximum(_RAREST, size[owner] // 8)
    shingle, owner = shingle[kept], owner[kept]
    order = np.lexsort((owner, size[owner], shingle))
    shingle, owner = shingle[order], owner[order]
    follows = np.flatnonzero(shingle[1:] == shingle[:-1]) + 1
    first = owner[np.searchsorted(shingle, shingle[follows])]
    key = np.concatenate([first * n + owner[follows], owner[follows - 1] * n + owner[follows]])
    left, right = np.divmod(np.unique(key), max(n, 1))
    return left, right


def _mixed(number: UInt64[np.ndarray, " shingle"]) -> UInt64[np.ndarray, " shingle"]:
    """Spread over all 64 bits (splitmix64), so that neighbours and order make a difference."""
    number = number + np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(number ^ (number >> np.uint64(31)))
