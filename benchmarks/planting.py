"""Texts with planted differences, whose truth is known: for recall.py and planted.py.

Base texts are made from topics.yaml by a small grammar, or read from a file. Into some of them a phrase or
a mark of style is put; a topic is planted by drawing more texts of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from jaxtyping import Bool

BASE_SHARE = 0.02
"""Of the group with less of it: there it holds, too."""
PER_TOPIC = 900
N_BASE = 2400
"""Texts into which phrases and marks of style are put."""
PHRASES = (
    "in the long run",
    "terms and conditions apply",
    "as far as anybody knows",
    "against all odds",
)
STYLES: Mapping[str, Callable[[str], str]] = {
    "question": lambda text: f"{text.rstrip('.!?')}?",
    "exclamation": lambda text: f"{text.rstrip('.!?')}!",
    "quotation": lambda text: f'"{text}"',
    "parenthesis": lambda text: f"{text.rstrip('.!?')} (so they say).",
    "URL": lambda text: f"{text} https://example.org/story",
}
KINDS = ("phrase", "style", "topic")
_PEOPLE = (
    "my sister", "a neighbour", "the committee", "our teacher", "an old friend", "the mayor", "a student",
    "his uncle", "the twins", "a stranger", "her colleague", "the manager", "a reporter", "the family",
    "the volunteers", "a carpenter", "the new tenant", "our cousin", "the librarian", "a visitor",
)  # fmt: skip
_TIMES = (
    "yesterday", "last week", "on Monday", "this morning", "in the evening", "after lunch", "before noon",
    "on Friday", "over the weekend", "last month", "in spring", "late at night", "early on", "that day",
)  # fmt: skip
_SENTENCES = (
    "{who} talked about the {a} {n} {when}.",
    "{when}, {who} {v} near the {n}.",
    "The {n} and the {m} were {a}, according to {who}.",
    "{who} had never seen such a {a} {n}.",
    "Nobody expected that the {n} {v} {when}.",
    "{when} {who} asked for another {n} because of the {m}.",
    "{who} {v} and then forgot the {n}.",
    "A {a} {n} was all that {who} remembered.",
    "With a {n} and some {m}, {who} {v} {when}.",
    "What {who} wanted was a {n}, not a {a} {m}.",
    "It seems that {who} {v} again {when}.",
    "The story of the {a} {m} was told by {who}.",
)


@dataclass(frozen=True)
class Pool:
    """Texts to draw from, each of a topic."""

    texts: list[str]
    topic: np.ndarray
    """Name of each text's topic."""

    @property
    def topics(self) -> list[str]:
        """Their names, sorted."""
        return sorted(set(self.topic.tolist()))


@dataclass(frozen=True)
class Planted:
    """A corpus in two groups, and where what was planted holds."""

    what: str
    texts: list[str]
    in_a: Bool[np.ndarray, " text"]
    truth: Bool[np.ndarray, " text"]


def made_pool(seed: int = 0, per_topic: int = PER_TOPIC) -> Pool:
    """Distinct texts of two or three sentences from the grammar."""
    words = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed)
    texts: dict[str, str] = {}
    for topic, parts in words.items():
        lists = {name: listed.split(", ") for name, listed in parts.items()}
        n_wanted = len(texts) + per_topic
        while len(texts) < n_wanted:
            texts.setdefault(_text(lists, rng), topic)
    return Pool(list(texts), np.array(list(texts.values())))


def read_pool(file: Path, text: str, topic: str) -> Pool:
    """Distinct texts of a CSV, JSONL or Parquet file, with the column of their topics."""
    frame = read_table(file).drop_nulls([text, topic]).unique(text, keep="first").sort(text)
    return Pool(frame[text].to_list(), frame[topic].cast(pl.String).to_numpy())


def read_table(file: Path) -> pl.DataFrame:
    """Of a CSV, JSONL or Parquet file."""
    if file.suffix == ".csv":
        return pl.read_csv(file)
    return pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_ndjson(file)


def planted(
    pool: Pool, kind: str, effect: float, n: int, ratio: int, more_in_a: bool, rng: np.random.Generator
) -> Planted | None:
    """A corpus of n texts, B `ratio` times A's size; None where the pool has too few texts.

    What is planted holds for a share BASE_SHARE of one group and for so much more of the other.
    """
    n_a = round(n / (1 + ratio))
    in_a = np.arange(n) < n_a
    truth = rng.random(n) < np.where(in_a == more_in_a, BASE_SHARE + effect, BASE_SHARE)
    if kind == "topic":
        what = str(rng.choice(pool.topics))
        of_it = rng.permutation(np.flatnonzero(pool.topic == what))
        others = rng.permutation(np.flatnonzero(pool.topic != what))
        if truth.sum() > len(of_it) or (~truth).sum() > len(others):
            return None
        rows = np.zeros(n, dtype=np.int64)
        rows[truth], rows[~truth] = of_it[: truth.sum()], others[: (~truth).sum()]
        return Planted(what, [pool.texts[i] for i in rows], in_a, truth)
    # Not all texts: each is encoded with and without each phrase and mark.
    base = pool.texts[:: max(len(pool.texts) // N_BASE, 1)]
    if n > len(base):
        return None
    what = str(rng.choice(PHRASES if kind == "phrase" else list(STYLES)))
    texts = [base[i] for i in rng.choice(len(base), n, replace=False)]
    plant = _phrased(what) if kind == "phrase" else STYLES[what]
    return Planted(
        what, [plant(text) if t else text for text, t in zip(texts, truth, strict=True)], in_a, truth
    )


def _phrased(phrase: str) -> Callable[[str], str]:
    return lambda text: f"{text.rstrip('.!?')}, {phrase}."


def _text(lists: Mapping[str, list[str]], rng: np.random.Generator) -> str:
    n_sentences = int(rng.integers(2, 4))
    return " ".join(_sentence(str(rng.choice(_SENTENCES)), lists, rng) for _ in range(n_sentences))


def _sentence(pattern: str, lists: Mapping[str, list[str]], rng: np.random.Generator) -> str:
    noun, other = rng.choice(lists["nouns"], 2, replace=False)
    said = pattern.format(
        who=rng.choice(_PEOPLE), when=rng.choice(_TIMES), n=noun, m=other,
        a=rng.choice(lists["adjectives"]), v=rng.choice(lists["verbs"]),
    )  # fmt: skip
    return said[0].upper() + said[1:]
