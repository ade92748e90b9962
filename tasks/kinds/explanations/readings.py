"""Explainers side by side on confirmation items, with anchors; and readers without an explanation."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from scipy import stats

from tasks.engines import roles
from tasks.engines.embedded.tokens import joined
from tasks.engines.encoders import encoder
from tasks.engines.encoders.cached import encoded
from tasks.kinds.explanations import anchors, tables, tests, trials
from tasks.kinds.explanations.guesses import comes_true, folded
from tasks.kinds.explanations.trials import Tried
from tasks.records import Predicate
from tasks.stats.accuracy import share_ci_wilson_clustered
from tasks.store import frames
from tasks.store.frames import hashed
from tasks.study import Study
from tasks.verdicts.judged import Judged

N_RANDOM = 2000
"""Pairs of random inputs that generality is held against."""


class _Half:
    """The confirmation items, with what they need to be tried anew."""

    def __init__(self, study: Study, texts: pl.DataFrame) -> None:
        self.study, self.texts = study, texts.filter(half="confirm").sort("text_id")
        self.vectors = trials.vectors(study, texts, self.texts)
        self._inputs = trials.Inputs.of(study, self.texts, self.vectors)
        self._vector = dict(zip(self.texts["text"], self.vectors, strict=True))
        self._words: dict[str, set[str]] = {}

    def tried(self, explanations: pl.DataFrame | None = None) -> Tried:
        """What the study's explanations come to, or these."""
        return trials.of(self.study, self.texts, self._inputs, explanations)

    def vectors_of(self, texts: list[str]) -> Float[np.ndarray, "text dim"]:
        """Of inputs that were tried: explained ones have theirs, others are encoded."""
        others = [text for text in texts if text not in self._vector]
        if others:
            made = encoded(encoder.open_named(self.study.embed.encoder, self.study), others)
            self._vector |= zip(others, made, strict=True)
        return np.array([self._vector[text] for text in texts])

    def words(self, text: str) -> set[str]:
        """Those of an input that was tried."""
        if text not in self._words:
            self._words[text] = set(joined(text).split())
        return self._words[text]


def beside(judged: Judged, texts: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables `explainers`, `foreseen` and `baselines`."""
    study = judged.study
    half = _Half(study, texts)
    majority, first = _majority(study, texts), judged.predicates[0]
    tried = half.tried()
    rows = [_told(half, first, name, tried, majority) for name in tried.items["explainer"].unique().sort()]
    rows += [
        _told(half, first, name, half.tried(anchor), majority)
        for name, anchor in anchors.of(study, texts).items()
    ]
    told = pl.DataFrame(rows, schema=tables.EXPLAINERS).fill_nan(None)
    return {"explainers": told, "foreseen": _foreseen(tried), "baselines": _baselines(judged, majority)}


def _foreseen(tried: Tried) -> pl.DataFrame:
    """Rows of tables.FORESEEN."""
    guessed = tried.items.filter(pl.col("n_guessed") > 0).with_columns(
        text="explanation", precision=pl.col("n_true") / pl.col("n_guessed")
    )
    document = [hashed("foreseen", one) for one in guessed["document_id"]]
    is_precise = pl.when(pl.col("precision") > 0.5).then(pl.lit("precise"))
    said = is_precise.when(pl.col("precision") < 0.5).then(pl.lit("misleading"))
    return guessed.with_columns(pl.Series("document", document, pl.String), foreseen=said).select(
        tables.FORESEEN.names()
    )


def _majority(study: Study, texts: pl.DataFrame) -> str:
    """The answer that the model gives most often to explored inputs."""
    seen = texts.filter(half="explore").select("text_hash").unique()
    said = tables.collected(study, "explanations").join(seen, on="text_hash", how="semi")
    counts: Counter[str] = Counter(said.unique("text_hash").sort("text_hash")["answer"])
    return min(counts, key=lambda answer: (-counts[answer], answer))


def _told(half: _Half, first: Predicate, name: str, tried: Tried, majority: str) -> dict[str, object]:
    """A row of tables.EXPLAINERS; by the test of the first sentence, on all of an explainer's trials."""
    items = tried.items if name in tables.ANCHORS else tried.items.filter(explainer=name)
    rows = tried.rows.join(items.select("item", "explainer"), on=["item", "explainer"], how="semi")
    level = half.study.score.level
    true, in_a = comes_true(rows), (rows["group"] == "A").to_numpy()
    found = _tested(half.study, first, rows, true).row(0, named=True)
    covered = rows.filter(pl.Series(in_a))
    spread = _generality(half, covered)
    lo, hi = _mean_interval(spread, level)
    cover_lo, cover_hi = _coverage_interval(items, level)
    precise = (pl.col("n_true") / pl.col("n_guessed")).alias("precision")
    rated = items.filter(pl.col("n_guessed") > 0).with_columns(precise).drop_nulls("plausibility")
    guessed = int(items["n_guessed"].sum())
    tried_n, covered_n = int(items["n_tried"].sum()), int(items["n_covered"].sum())
    return {
        "explainer": name,
        "n_items": items.height,
        "n_tried": tried_n,
        "coverage": covered_n / tried_n if tried_n else float("nan"),
        "coverage_lo": cover_lo,
        "coverage_hi": cover_hi,
        "precision": int(items["n_true"].sum()) / guessed if guessed else float("nan"),
        "precision_matched": found["mean_b"],
        "validity": found["validity"],
        "lo": found["lo"],
        "hi": found["hi"],
        "majority": _share([folded(one) == folded(majority) for one in covered["outcome"]]),
        "generality": float(spread.mean()) if spread.size else float("nan"),
        "generality_lo": lo,
        "generality_hi": hi,
        "generality_random": _random_generality(half),
        "generality_words": _unlike_words(half, covered),
        "plausibility": _mean(rated["plausibility"]),
        "plausibility_r": _spearman(rated),
        "similarity": _mean(covered["similarity"]),
        "similarity_matched": _mean(rows.filter(pl.Series(~in_a))["similarity"]),
        "n_pairs": covered.height,
        "n_unmatched": int(items["n_unmatched"].sum()),
        "n_inputs": covered["input"].n_unique(),
    }


def _numbers(names: pl.Series) -> np.ndarray:
    return names.rank("dense").to_numpy().astype(np.int64)


def _share(held: Sequence[bool]) -> float:
    return float(np.mean(held)) if held else float("nan")


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean()) if len(values) else float("nan")


def _coverage_interval(items: pl.DataFrame, level: float) -> tuple[float, float]:
    """Of the share of tried inputs that are covered; inputs of one document may resemble each other."""
    tried, covered = items["n_tried"].to_numpy(), items["n_covered"].to_numpy()
    if not tried.sum():
        return float("nan"), float("nan")
    document = _numbers(items["document_id"])
    return share_ci_wilson_clustered(covered.astype(float), document, level, tried)


def _mean_interval(values: Float[np.ndarray, " item"], level: float) -> tuple[float, float]:
    if values.size < 2:
        return float("nan"), float("nan")
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    reach = float(stats.t.ppf((1 + level) / 2, values.size - 1)) * error
    return float(values.mean()) - reach, float(values.mean()) + reach


def _generality(half: _Half, covered: pl.DataFrame) -> Float[np.ndarray, " item"]:
    """Of each explanation that covers two inputs or more: 1 less their mean pairwise cosine."""
    each = covered["text"].unique().sort().to_list()
    place = dict(zip(each, range(len(each)), strict=True))
    vectors = half.vectors_of(each).astype(np.float64)
    found = []
    for texts in _by_explanation(covered):
        if (n := len(texts)) > 1:
            total = vectors[[place[text] for text in texts]].sum(axis=0)
            found.append(1 - (float((total**2).sum()) - n) / (n * (n - 1)))
    return np.array(found)


def _by_explanation(covered: pl.DataFrame) -> Iterator[list[str]]:
    """The inputs that each covers."""
    named = covered.group_by("item", "explainer", maintain_order=True).agg("text")
    yield from named["text"].to_list()


def _random_generality(half: _Half) -> float:
    n = len(half.vectors)
    if n < 2:
        return float("nan")
    rng = np.random.default_rng([half.study.seed, 32])
    one = rng.integers(n, size=N_RANDOM)
    other = (one + 1 + rng.integers(n - 1, size=N_RANDOM)) % n
    return 1 - float(np.einsum("ij,ij->i", half.vectors[one], half.vectors[other], dtype=np.float64).mean())


def _unlike_words(half: _Half, covered: pl.DataFrame) -> float:
    """1 less the mean share of words in common of two inputs that one explanation covers."""
    found = []
    for texts in _by_explanation(covered):
        words = [half.words(text) for text in texts]
        for i, one in enumerate(words):
            for other in words[i + 1 :]:
                common = len(one & other)
                found.append(1 - common / max(len(one) + len(other) - common, 1))
    return float(np.mean(found)) if found else float("nan")


def _spearman(rated: pl.DataFrame) -> float:
    if rated.height < 3 or rated["plausibility"].n_unique() < 2 or rated["precision"].n_unique() < 2:
        return float("nan")
    return float(stats.spearmanr(rated["plausibility"].to_numpy(), rated["precision"].to_numpy()).statistic)


def _baselines(judged: Judged, majority: str) -> pl.DataFrame:
    """A reader who expects one answer throughout, on the rows of the first sentence and by the same test."""
    first = judged.predicates[0]
    rows = judged.rows.filter(predicate_id=first.predicate_id)
    right = np.array([folded(one) == folded(majority) for one in rows["outcome"]], dtype=bool)
    named = pl.Series("baseline", [f'"{majority}", the commonest answer, whatever the input'])
    return frames.conform(_tested(judged.study, first, rows, right).with_columns(named), frames.BASELINES)


def _tested(
    study: Study, first: Predicate, rows: pl.DataFrame, right: Bool[np.ndarray, " row"]
) -> pl.DataFrame:
    """Whether guesses on these rows come true, as sentences are tested: a row of frames.ESTIMATES."""
    status = np.full((rows.height, 1), roles.VALUE, dtype=np.uint8)
    judged = Judged(study, rows, [first], right[:, None].astype(np.float64), status)
    return tests.estimates(judged, study.score.level)
