"""Designs without anything to find, which tempt a study to find something (see nulls.py)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

SHARES = (0.01, 0.03, 0.1, 0.1, 0.2, 0.2, 0.3, 0.5, 0.5, 0.9)
"""Of the predicates of a matrix, drawn twice: the second ten say in half of the rows what the first say."""
# fmt: off
WORDS = [
    "delivery", "price", "sound", "account", "order", "update", "invoice", "screen", "battery",
    "garden", "river", "winter", "market", "station", "doctor", "kitchen", "window", "planet", "silver",
    "record", "museum", "ticket", "forest", "island", "bridge", "engine", "camera", "letter", "summer",
    "border", "circle", "dinner", "effort", "family", "future", "ground", "health", "income", "jacket",
    "leader", "member", "nation", "office", "people", "public", "reason", "school", "season", "signal",
    "spirit", "street", "system", "theory", "travel", "valley", "vision", "volume", "weight", "writer",
    "animal", "answer", "artist", "author", "beauty", "budget", "butter", "castle", "center", "chance",
    "change", "church", "client", "coffee", "colour", "common", "copper", "corner", "cotton", "county",
    "credit", "custom", "damage", "debate", "degree", "design", "detail", "device", "driver", "editor",
    "energy", "escape", "estate", "expert", "export", "fabric", "factor", "farmer", "father", "figure",
    "filter", "finger", "flight", "flower", "friend", "galaxy", "glance", "guitar", "harbor", "height",
    "honey", "humor", "impact", "insect", "jungle", "ladder", "lawyer", "league", "lesson", "liquid",
    "lumber", "manner", "margin", "medium", "memory", "method", "minute", "mirror", "moment", "monkey",
    "motion", "mother", "muscle", "needle", "number", "object", "orange", "parent", "pencil", "pepper",
    "person", "player", "pocket", "poetry", "police", "policy", "potato", "powder", "prayer",
]
# fmt: on


@dataclass(frozen=True)
class Verdicts:
    """A judged matrix without any difference."""

    in_a: Bool[np.ndarray, " text"]
    document: Int[np.ndarray, " text"]
    score: Float[np.ndarray, "text predicate"]
    is_null: Bool[np.ndarray, " predicate"]
    """False where there is a true difference, under the minimum effect."""


@dataclass(frozen=True)
class Design:
    """One way to tempt a study."""

    name: str
    what: str
    verdicts: Callable[[np.random.Generator], Verdicts] | None = None
    texts: Callable[[np.random.Generator], list[dict[str, Any]]] | None = None
    """Rows text, label and where they are named author."""
    plan: str = "fixed"
    min_effect: float = 0.02


def matrix(
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    rng: np.random.Generator,
    rho: float = 0.3,
    lift: Float[np.ndarray, " document"] | None = None,
) -> Verdicts:
    """Twenty correlated predicates on these rows.

    Args:
        in_a: who is in A.
        document: numbered from 0.
        rng: draws.
        rho: correlation of two rows of a document; of no meaning where each has one.
        lift: what is added to the shares in a document.
    """
    share = np.array(SHARES)[None, :] + (0 if lift is None else lift[:, None])
    total = 1 / rho - 1
    share = np.broadcast_to(np.clip(share, 0.005, 0.95), (int(document.max()) + 1, len(SHARES)))
    latent = rng.beta(share * total, (1 - share) * total)[document]
    first, second = ((rng.random(latent.shape) < latent) * 1.0 for _ in range(2))
    same = rng.random(second.shape) < 0.5
    score = np.concatenate([first, np.where(same, first, second)], axis=1)
    return Verdicts(in_a, document, score, np.ones(score.shape[1], dtype=bool))


def apart(n_a: int, n_b: int) -> Callable[[np.random.Generator], Verdicts]:
    """So many texts a group, each its own document."""

    def made(rng: np.random.Generator) -> Verdicts:
        n = n_a + n_b
        return matrix(np.arange(n) < n_a, np.arange(n), rng)

    return made


def constant(n_a: int, n_b: int, rows: int) -> Callable[[np.random.Generator], Verdicts]:
    """Documents that lie whole in a group, of geometric sizes."""

    def made(rng: np.random.Generator) -> Verdicts:
        document = np.repeat(np.arange(n_a + n_b), rng.geometric(1 / rows, n_a + n_b))
        return matrix(document < n_a, document, rng)

    return made


def mixed(
    n: int, rows: int, share_a: float, lifted: bool = False
) -> Callable[[np.random.Generator], Verdicts]:
    """Documents whose texts are of A by chance, one by one; large ones may say more of everything."""

    def made(rng: np.random.Generator) -> Verdicts:
        sizes = rng.geometric(1 / rows, n)
        document = np.repeat(np.arange(n), sizes)
        in_a = rng.random(document.size) < share_a
        in_a[:2] = [True, False]
        return matrix(in_a, document, rng, lift=0.04 * np.minimum(sizes, 8) if lifted else None)

    return made


def matched(rng: np.random.Generator) -> Verdicts:
    """A text of A and one of B in each of 200 documents."""
    return matrix(np.arange(400) < 200, np.tile(np.arange(200), 2), rng, rho=0.6)


def some_matched(rng: np.random.Generator) -> Verdicts:
    """Twelve matched documents among 150 texts a group."""
    n = np.arange(150)
    return matrix(np.arange(300) < 150, np.r_[n, np.where(n < 12, n, 150 + n)], rng, rho=0.6)


def small_effects(rng: np.random.Generator) -> Verdicts:
    """Forty common predicates without a difference beside sixty rare ones with 0.9 points in 2,000 texts."""
    n, in_a = 2000, np.arange(4000) < 2000
    is_null = np.arange(100) >= 60
    share = np.where(is_null, 0.5, np.where(in_a[:, None], 0.01, 0.001))
    return Verdicts(in_a, np.arange(2 * n), (rng.random(share.shape) < share) * 1.0, is_null)


def sentence(rng: np.random.Generator, n: int = 18) -> list[str]:
    """Words by chance."""
    return list(rng.choice(WORDS, n))


def families(
    vary: Callable[[list[str], int, np.random.Generator], str],
) -> Callable[..., list[dict[str, Any]]]:
    """150 texts in six variants each; a family lies whole in a group, by chance."""

    def made(rng: np.random.Generator) -> list[dict[str, Any]]:
        rows = []
        for _ in range(150):
            words, label = sentence(rng), str(rng.choice(["A", "B"]))
            rows += [{"text": vary(words, k, rng), "label": label} for k in range(6)]
        return rows

    return made


def punctuation(words: list[str], k: int, rng: np.random.Generator) -> str:
    """Another end."""
    return " ".join(words) + ["", ".", "!", "?", " ...", ";"][k]


def numbers(words: list[str], k: int, rng: np.random.Generator) -> str:
    """Another number in the middle, and another case."""
    text = " ".join([*words[:9], str(rng.integers(1000, 9999)), *words[9:]])
    return [text, text.upper(), text.title(), text.capitalize(), text, text.swapcase()][k]


def retweet(words: list[str], k: int, rng: np.random.Generator) -> str:
    """Passed on by another user."""
    return " ".join(words) if k == 0 else f"RT @user{rng.integers(10**6)}: {' '.join(words)}"


def template(words: list[str], k: int, rng: np.random.Generator) -> str:
    """The same letter with another name in it."""
    return f"Dear {rng.choice(WORDS)}, {' '.join(words)} {rng.choice(WORDS)}"


def quoted(words: list[str], k: int, rng: np.random.Generator) -> str:
    """Quoted above a short reply."""
    return " ".join(words) if k == 0 else f"> {' '.join(words)}\n{' '.join(sentence(rng, 2))}"


def repeated(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Texts on one topic are posted several times; four in five postings are of A, by chance."""
    rows = []
    for k in range(1500):
        words, is_topic = sentence(rng, 12), k < 500
        text = " ".join([*words, "lottery", "winner"] if is_topic else words)
        n = int(rng.integers(3, 7)) if is_topic else 1
        rows += [{"text": text, "label": "A" if is_a else "B"} for is_a in rng.random(n) < 0.8]
    return rows


def posts(
    share_a: float, n: int = 600, authors: int = 0, whole: bool = False
) -> Callable[..., list[dict[str, Any]]]:
    """Texts by chance; with authors each has favourite words, and may lie whole in a group."""

    def made(rng: np.random.Generator) -> list[dict[str, Any]]:
        author = rng.integers(0, authors or n, n)
        favourite = rng.choice(WORDS, (authors or n, 4))
        of_author = rng.random(authors or n) < share_a
        rows = []
        for k in range(n):
            own = list(favourite[author[k]]) if authors else []
            is_a = of_author[author[k]] if whole else rng.random() < share_a
            text = " ".join([*sentence(rng, 12), *own])
            rows.append({"text": text, "label": "A" if is_a else "B"})
            if authors:
                rows[-1]["author"] = f"u{author[k]}"
        return rows

    return made


DESIGNS = (
    Design("equal groups", "200 and 200 texts", apart(200, 200)),
    Design("1:9", "100 and 900 texts", apart(100, 900)),
    Design("1:20", "50 and 1,000 texts", apart(50, 1000)),
    Design("tiny", "8 and 8 texts", apart(8, 8)),
    Design("tiny, unequal", "5 and 100 texts", apart(5, 100)),
    Design("clusters, constant", "60 and 60 documents of about 5, each in one group", constant(60, 60, 5)),
    Design("clusters, constant, 1:20", "10 and 200 documents of about 5", constant(10, 200, 5)),
    Design("clusters, few", "4 and 4 documents of about 20", constant(4, 4, 20)),
    Design("clusters, mixed", "120 documents of about 5 with texts in both groups", mixed(120, 5, 0.5)),
    Design("clusters, mixed, 1:9", "the same, one text in ten of A", mixed(120, 5, 0.1)),
    Design("size tells", "300 mixed documents; large ones say more", mixed(300, 3, 0.8, lifted=True)),
    Design("matched", "200 documents with a text in each group", matched),
    Design("some matched", "12 such documents among 150 and 150 texts", some_matched),
    Design("minimum effect 0.05", "100 and 900 texts", apart(100, 900), min_effect=0.05),
    Design("small true effects", "40 nulls beside 60 differences under the minimum", small_effects),
    Design("sequential", "300 and 300 texts", apart(300, 300), plan="sequential"),
    Design("sequential, 1:9", "100 and 900 texts", apart(100, 900), plan="sequential", min_effect=0.05),
    Design("sequential, clusters", "60 and 60 documents of about 5", constant(60, 60, 5), plan="sequential"),
    Design("texts, equal groups", "600 texts", texts=posts(0.5)),
    Design("texts, 1:20", "1,500 texts", texts=posts(1 / 21, 1500)),
    Design(
        "texts, authors constant",
        "60 authors of about 10 with words of their own",
        texts=posts(0.5, 600, 60, True),
    ),
    Design("texts, authors mixed, 1:4", "the same, in both groups", texts=posts(0.2, 600, 60)),
    Design("texts, sequential", "600 texts, one in four of A", texts=posts(0.25), plan="sequential"),
    Design("near-duplicates: punctuation", "150 texts in six copies", texts=families(punctuation)),
    Design("near-duplicates: case and numbers", "150 texts in six copies", texts=families(numbers)),
    Design("near-duplicates: retweets", "150 texts in six copies", texts=families(retweet)),
    Design("near-duplicates: templates", "150 texts in six copies", texts=families(template)),
    Design("near-duplicates: quotes", "150 texts in six copies", texts=families(quoted)),
    Design("duplicates that tell the group", "texts on a topic are posted often, 4:1", texts=repeated),
)
