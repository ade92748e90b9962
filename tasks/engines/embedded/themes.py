"""Themes: prototypes of topics, and of what sets the groups apart.

Topics are clusters of all texts, merged in a Ward tree, and every node is a prototype. Which group a text
is of has no part in them, so effect and z come from all texts.

For what sets the groups apart the documents are split in two. In either part a cross-fitted ridge
classifier ranks the texts from A-like to B-like, the outer quarters are clustered, and again every node of
a Ward tree is a prototype. Its effect and z come from the other part: measured where they were made,
prototypes reach |z| of 6 on random halves.

Names are where similarity misleads. Each selected theme is named by the words that set its texts
apart, half of the texts giving the words and the other half the fidelity: the correlation between
belonging to the theme and holding one of these words. Only words count that by themselves lean to the
group the theme leans to: a theme of A is not named by what B says more often. "is about <topic>" is said only
where both the words and a topic of the bank agree with the theme; else it "resembles texts about" those
words (of pictures: "resembles pictures of"), or, where no such words tell it apart, "texts such as" its
clearest one: a small theme has no word in enough texts to be counted, and yet may be the whole difference.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.engines.contrast import Contrast, auroc, cross_fitted, log_odds_z
from tasks.engines.embedded import bank, grams, similarity, tokens, words
from tasks.engines.embedded.candidate import LEAST_LEAN, Candidate, Harvest
from tasks.engines.embedded.rules import Rules
from tasks.engines.roles import Encoder

TOP_SHARES = (0.2, 0.1, 0.05)
MAX_CLUSTERS = 16
MIN_TEXTS = 40
LEAST_OF_A_GROUP = 10
"""Texts that either group needs in either half for what is made on one and measured on the other."""
MAX_TOPICS, TEXTS_OF_A_TOPIC = 32, 12
"""Clusters of all texts, at most, and by so many texts."""
MAX_CLUSTERED = 8_000
N_NAME_WORDS = 3
N_EXEMPLARS = 5
LEAST_FIDELITY = 0.2
"""Themes below it are shown by a text: no few words say what they are."""
MAX_UNNAMED = 3
"""So many themes at most are shown by a text alone: it says less than words do."""
LONGEST_QUOTE = 80
"""Characters of a text that stands for a theme without words."""
NAMED_FIDELITY = 0.35
NAMED_AUROC = 0.9
NAMED_COSINE, NAMED_RANK = 0.3, 3
"""The words of a theme must mean its topic: at this cosine, and among its so many nearest topics."""
_ROUNDS = 15


def topics(
    contrast: Contrast, embeddings: Float[np.ndarray, "text dim"], encoder_name: str, rng: np.random.Generator
) -> Harvest:
    """Clusters of all texts and their unions, each as large as it is, still without their names."""
    if contrast.n_texts < MIN_TEXTS:
        return Harvest([])
    everyone = np.ones(contrast.n_texts, dtype=bool)
    centres, shares = _clusters(embeddings, rng)
    own = [(float(share),) for share in shares]
    return Harvest(_candidates(centres, own, embeddings, contrast, everyone, encoder_name))


def harvest(
    contrast: Contrast, embeddings: Float[np.ndarray, "text dim"], encoder_name: str, rng: np.random.Generator
) -> Harvest:
    """Prototypes of what sets the groups apart at three thresholds each, still without their names."""
    candidates: list[Candidate] = []
    part = rng.permutation(contrast.n_documents)[contrast.document] % 2 == 0
    for made_from in (part, ~part):
        made, other = contrast.among(made_from), contrast.among(~made_from)
        if min(made.in_a.sum(), (~made.in_a).sum(), other.in_a.sum(), (~other.in_a).sum()) < LEAST_OF_A_GROUP:
            continue
        prototypes = _prototypes(made, embeddings[made_from], rng)
        shares = [TOP_SHARES] * len(prototypes)
        candidates += _candidates(prototypes, shares, embeddings, other, ~made_from, encoder_name)
    return Harvest(candidates)


def _candidates(
    prototypes: Float[np.ndarray, "prototype dim"],
    shares: Sequence[Sequence[float]],
    embeddings: Float[np.ndarray, "text dim"],
    contrast: Contrast,
    measured_on: Bool[np.ndarray, " text"],
    encoder_name: str,
) -> list[Candidate]:
    """Each prototype as the nearest such shares of all texts; effect and z from some of them."""
    vectors = np.stack([similarity.rounded(vector) for vector in prototypes])
    projection = similarity.projections(embeddings, vectors)
    definitions, columns = [], []
    for i in range(len(vectors)):
        for share in shares[i]:
            cut = similarity.threshold(projection[:, i], share)
            definitions.append({
                "kind": "similarity", "basis": "theme", "encoder": encoder_name,
                "vector": vectors[i].tolist(), "threshold": cut,
            })  # fmt: skip
            columns.append(similarity.reaches(projection[:, i], cut, embeddings))
    held = np.column_stack(columns)[measured_on]
    effect, z = contrast.measure(held)
    return [
        Candidate("", "theme", "theme", definition, column, float(e), float(s), float(r))
        for definition, column, e, s, r in zip(
            definitions, columns, effect, z, contrast.root(held), strict=True
        )
    ]


@dataclass(frozen=True)
class Namer:
    """Names themes by the words of their texts and, where that is true, by a topic of the bank."""

    in_a: Bool[np.ndarray, " text"]
    counted: grams.Grams
    rules: Rules
    lean: Float[np.ndarray, " term"]
    """z of each counted term by itself; above 0 towards A."""
    topic_lean: Float[np.ndarray, " topic"]
    """z of the words of each topic of the bank (anchored.topic_lean)."""
    embeddings: Float[np.ndarray, "text dim"]
    texts: Sequence[str]
    text_ids: Sequence[str]
    encoder: Encoder
    anchors: Float[np.ndarray, "topic dim"]
    of_pictures: bool = False
    can_quote: bool = True
    """Whether a text of its own can stand for a theme."""
    _unnamed: list[Candidate] = field(default_factory=list)

    def named(self, candidate: Candidate) -> Candidate | None:
        """The candidate with its name, exemplars and fidelity; None where too many are shown by a text."""
        member, side = candidate.held, 1.0 if candidate.effect >= 0 else -1.0
        telling, fidelity = self._telling(member, side * self.lean >= LEAST_LEAN)
        if fidelity < LEAST_FIDELITY:
            if not self.can_quote or len(self._unnamed) == MAX_UNNAMED:
                return None
            self._unnamed.append(candidate)
            telling, fidelity = [], 0.0
        vector = np.array(candidate.definition["vector"])[None]
        projection = similarity.projections(self.embeddings, vector)[:, 0]
        exemplars = np.lexsort((np.arange(len(member)), -projection))[:N_EXEMPLARS]
        topic, tells, agrees = self.topic_of(vector[0], member, telling, side)
        said = [tokens.readable(word) for word in telling]
        if not said:
            quote = self._quoted(member, side, projection)
            phrase = f'resembles {rows_named(self.of_pictures)} such as "{_clipped(self.texts[quote])}"'
        elif agrees and fidelity >= NAMED_FIDELITY and tells >= NAMED_AUROC:
            examples = ", ".join(f'"{word}"' for word in said)
            phrase = f"is about {topic} (e.g. {examples})"
        else:
            phrase = likeness(said, of_pictures=self.of_pictures)
        definition = {
            **candidate.definition, "exemplars": [self.text_ids[i] for i in exemplars],
            "fidelity": round(fidelity, 2), "words": telling, "topic": topic, "topic_auroc": round(tells, 2),
        }  # fmt: skip
        return replace(candidate, phrase=phrase, definition=definition)

    def _quoted(
        self, member: Bool[np.ndarray, " text"], side: float, projection: Float[np.ndarray, " text"]
    ) -> int:
        """The nearest member of the group that has more of them, if it can be without a word of the other."""
        of_side = member & (self.in_a if side > 0 else ~self.in_a)
        others = np.asarray(self.counted.held[:, side * self.lean <= -LEAST_LEAN].sum(axis=1)).ravel() > 0
        chosen = next(rows for rows in (of_side & ~others, of_side, member) if rows.any())
        rows = np.flatnonzero(chosen)
        return int(rows[np.argmax(np.round(projection[rows], 6))])

    def topic_of(
        self,
        vector: Float[np.ndarray, " dim"],
        member: Bool[np.ndarray, " text"],
        telling: Sequence[str],
        side: float,
    ) -> tuple[str, float, bool]:
        """Nearest topic of the bank, how well it tells the members (AUROC), and whether all words agree.

        Its own words, too, must not lean to the other side.
        """
        relative = self.anchors - self.anchors.mean(axis=0)
        nearest = int(np.argmax(np.round(relative @ vector / np.linalg.norm(relative, axis=1), 6)))
        told = auroc(similarity.projections(self.embeddings, relative[[nearest]])[:, 0], member)
        spoken = self.encoder.encode([", ".join(telling)]).astype(np.float64)[0]
        cosine = np.round(self.anchors @ spoken, 6)
        agrees = cosine[nearest] >= NAMED_COSINE and int((cosine > cosine[nearest]).sum()) < NAMED_RANK
        agrees = agrees and side * self.topic_lean[nearest] >= 0
        return list(bank.topics())[nearest], told, bool(agrees)

    def _telling(
        self, member: Bool[np.ndarray, " text"], fits: Bool[np.ndarray, " term"]
    ) -> tuple[list[str], float]:
        """Fitting words that set the members apart, found on even rows; their fidelity, found on odd rows."""
        counted = self.counted
        even = np.arange(len(member)) % 2 == 0
        n_in, n_out = int((member & even).sum()), int((~member & even).sum())
        if not n_in or not n_out or not counted.terms:
            return [], 0.0
        inside = counted.held.T @ (member & even).astype(np.float64)
        outside = counted.held.T @ (~member & even).astype(np.float64)
        odds = log_odds_z(inside, outside, n_in, n_out)
        order = np.lexsort((np.arange(len(odds)), -odds))
        ranked = order[fits[order]][: 8 * N_NAME_WORDS]
        best: list[int] = []
        for i in ranked.tolist():
            wanted = odds[i] > 0 and len(best) < N_NAME_WORDS
            if wanted and is_fresh(counted, self.rules, i, best, ranked, inside):
                best.append(i)
        if not best:
            return [], 0.0
        spoken = np.asarray(counted.held[:, best].sum(axis=1)).ravel() > 0
        return [counted.terms[i] for i in best], correlation(spoken[~even], member[~even])


def _clusters(
    embeddings: Float[np.ndarray, "text dim"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "node dim"], Float[np.ndarray, " node"]]:
    """Centroids of clusters of all texts, whichever group they are of, and of their unions; their shares."""
    n_texts = len(embeddings)
    chosen = np.sort(rng.choice(n_texts, min(n_texts, MAX_CLUSTERED), replace=False))
    centred = embeddings[chosen].astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    n_clusters = int(np.clip(n_texts // TEXTS_OF_A_TOPIC, 2, MAX_TOPICS))
    nodes, sizes = _tree(*_k_means(centred, n_clusters, rng))
    return nodes, sizes / len(chosen)


def _prototypes(
    contrast: Contrast, embeddings: Float[np.ndarray, "text dim"], rng: np.random.Generator
) -> Float[np.ndarray, "predicate dim"]:
    """Centroids of the clusters of either outer quarter and of their unions, minus the mean of all."""
    lean = cross_fitted(contrast, embeddings, rng)
    mean = embeddings.mean(axis=0, dtype=np.float64)
    order = np.lexsort((np.arange(len(lean)), lean))
    quarter = len(order) // 4
    found = []
    for side in (order[-quarter:], order[:quarter]):
        chosen = np.sort(rng.choice(side, MAX_CLUSTERED, replace=False) if quarter > MAX_CLUSTERED else side)
        centred = embeddings[chosen].astype(np.float64) - mean
        n_clusters = int(np.clip(len(chosen) // 25, 2, MAX_CLUSTERS))
        centres, sizes = _k_means(centred, n_clusters, rng)
        found.append(_tree(centres, sizes)[0])
    return np.concatenate(found)


def _k_means(
    x: Float[np.ndarray, "text dim"], n_clusters: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "cluster dim"], Int[np.ndarray, " cluster"]]:
    """Centres and sizes of the clusters that hold a text, from a k-means++ start."""
    from scipy.cluster.vq import kmeans2

    # More clusters than distinct points cannot be started.
    n_clusters = min(n_clusters, len(np.unique(np.round(x, 9), axis=0)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        centres, label = kmeans2(x, n_clusters, iter=_ROUNDS, minit="++", rng=rng)
    sizes = np.bincount(label, minlength=len(centres))
    return centres[sizes > 0], sizes[sizes > 0]


def _tree(
    centres: Float[np.ndarray, "cluster dim"], sizes: Int[np.ndarray, " cluster"]
) -> tuple[Float[np.ndarray, "node dim"], Int[np.ndarray, " node"]]:
    """Centres and sizes of the clusters and of every union in a Ward tree over them, the root left out."""
    nodes, weights = list(centres), [int(size) for size in sizes]
    open_nodes = list(range(len(nodes)))
    while len(open_nodes) > 2:
        pairs = [(a, b) for i, a in enumerate(open_nodes) for b in open_nodes[i + 1 :]]
        cost = [
            weights[a] * weights[b] / (weights[a] + weights[b]) * float(((nodes[a] - nodes[b]) ** 2).sum())
            for a, b in pairs
        ]
        a, b = pairs[int(np.argmin(cost))]
        total = weights[a] + weights[b]
        nodes.append((nodes[a] * weights[a] + nodes[b] * weights[b]) / total)
        weights.append(total)
        open_nodes = [node for node in open_nodes if node not in (a, b)] + [len(nodes) - 1]
    return np.stack(nodes), np.array(weights)


def is_fresh(
    counted: grams.Grams,
    rules: Rules,
    term: int,
    chosen: Sequence[int],
    ranked: Int[np.ndarray, " term"],
    inside: Float[np.ndarray, " term"],
) -> bool:
    """Whether the term is a word of its own: no number, no part of a better name, no inflection of one."""
    name = counted.terms[term]
    if name.replace(" ", "").isdigit():
        return False
    said = [word for other in chosen for word in counted.terms[other].split(" ")]
    if rules.share_stem(name.split(" "), said):
        return False
    longer = (
        other for other in ranked.tolist() if f" {name} " in f" {counted.terms[other]} " and other != term
    )
    return not any(inside[other] >= words.SAME_TEXTS * inside[term] for other in longer)


def rows_named(of_pictures: bool) -> str:
    """What the rows are."""
    return "pictures" if of_pictures else "texts"


def likeness(words: Sequence[str], *, of_pictures: bool) -> str:
    """What is said of texts, or pictures, that lie near to some that these words tell."""
    return f"resembles {'pictures of' if of_pictures else 'texts about'} {tokens.listed(words)}"


def _clipped(text: str) -> str:
    """The beginning of a text on one line, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE].rsplit(' ', 1)[0]} ..."


def correlation(a: Any, b: Any) -> float:
    """Pearson's, 0 where one does not vary."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else 0.0
