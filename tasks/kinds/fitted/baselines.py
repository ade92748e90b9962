"""What reaches how many bits without any sentence: parts of the texts, their surface, by the same model."""

import warnings
from collections.abc import Callable

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from tasks import paths
from tasks.kinds.effects import surface
from tasks.kinds.fitted import effects
from tasks.kinds.fitted.refitted import Refitted
from tasks.stats.gains import gains
from tasks.store import frames

ALWAYS = "always true"
Halves = tuple[Float[np.ndarray, "explored column"], Float[np.ndarray, "confirmed column"]]
_WORDS = 2000
_STREAM = 6
"""Of the study's seed."""


def baselines(of: Refitted, texts: pl.DataFrame) -> pl.DataFrame:
    """Rows of frames.BASELINES: bits per text of a whole model, over one that knows nothing of a text.

    All are the study's own form of model, fitted on the texts of the exploration half that its model was
    fitted on; only what stands for predicates differs. First comes the frozen model itself.

    Args:
        of: the frozen model, and the rows under test.
        texts: of the study.
    """
    form, explored = of.model.model, of.model.of
    words = sorted({slot for one in effects.own_words(of.model, of.judged.predicates) for slot in one})
    nothing = form.fit(np.zeros((len(explored), 0)), explored)
    least = form.bits(nothing, np.zeros((len(of.of), 0)), of.of, words)
    bits = {frames.TOGETHER: form.bits(of.model.full, of.z, of.of, words)}
    for name, (seen, new) in _columns(of, texts).items():
        reached = form.bits(form.fit(seen, explored), new, of.of, words)
        # What is no gain but for rounding is none.
        bits[name] = np.where(np.isclose(reached, least, rtol=0, atol=1e-9), least, reached)
    found = gains(
        np.column_stack(list(bits.values())),
        np.repeat(least[:, None], len(bits), axis=1),
        of.of.document,
        of.level,
    )
    lo, hi = effects.ends(found)
    figures = {"validity": found.mean, "lo": lo, "hi": hi, "p": found.p}
    return frames.conform(pl.DataFrame({"baseline": list(bits), **figures}), frames.BASELINES)


def _columns(of: Refitted, texts: pl.DataFrame) -> dict[str, Halves]:
    """What stands for predicates, on both halves."""
    explored, confirmed = list(of.model.of.text), list(of.of.text)
    ones = np.ones((len(explored), 1)), np.ones((len(confirmed), 1))
    found = {ALWAYS: ones, "surface features": _surface(of, texts)}
    n_parts = min(of.z.shape[1], len(set(explored)))
    if n_parts < 2:
        return found
    seed = int(np.random.default_rng([of.judged.study.seed, _STREAM]).integers(2**31))
    if (parts := _k_means(*_vectors(of, texts), n_parts, seed)) is not None:
        found["k-means on the embeddings"] = parts
    if (parts := _nmf(explored, confirmed, n_parts, seed)) is not None:
        found["NMF of the words"] = parts
    return found


def _surface(of: Refitted, texts: pl.DataFrame) -> Halves:
    """Without the column that is always true."""
    fitted = pl.DataFrame({"text_id": of.model.text_ids}).join(texts, on="text_id", maintain_order="left")
    first, other = (
        surface(of.judged.study.name, one, fitted).to_numpy().astype(float)[:, 1:]
        for one in (fitted, of.judged.rows)
    )
    return first, other


def _vectors(of: Refitted, texts: pl.DataFrame) -> Halves:
    """Embeddings of the texts that the model was fitted on, and of the rows under test."""
    vectors = frames.read_embeddings(paths.output(of.judged.study.name, "embed"), texts.height)
    row = {text_id: i for i, text_id in enumerate(texts["text_id"])}
    seen = [row[one] for one in of.model.text_ids]
    return vectors[seen], vectors[[row[one] for one in of.judged.rows["text_id"]]]


def _k_means(
    explored: Float[np.ndarray, "text dim"], confirmed: Float[np.ndarray, "text dim"], n_parts: int, seed: int
) -> Halves | None:
    """Parts of the embeddings; None without an encoder."""
    if not explored.shape[1]:
        return None
    from sklearn.cluster import KMeans

    parts = KMeans(n_parts, n_init=4, random_state=seed).fit(np.asarray(explored, dtype=np.float64))
    other = parts.predict(np.asarray(confirmed, dtype=np.float64))
    return _told_apart(parts.labels_, other, n_parts)


def _nmf(explored: list[str], confirmed: list[str], n_parts: int, seed: int) -> Halves | None:
    """Each text's largest topic of its words; None where texts share no words."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(max_features=_WORDS, min_df=2)
    try:
        seen = reader.fit_transform(explored)
    except ValueError:  # No word is in two texts.
        return None
    topics = NMF(n_parts, init="nndsvda", random_state=seed, max_iter=300)
    transform: Callable[..., np.ndarray] = topics.fit_transform
    with warnings.catch_warnings():
        # A topic that is not quite settled is as good a baseline.
        warnings.simplefilter("ignore", ConvergenceWarning)
        first, other = transform(seen), topics.transform(reader.transform(confirmed))
    return _told_apart(first.argmax(axis=1), other.argmax(axis=1), n_parts)


def _told_apart(first: Int[np.ndarray, " text"], other: Int[np.ndarray, " text"], n_parts: int) -> Halves:
    """A column for each part: 1 for its texts."""
    columns = np.eye(n_parts)
    return columns[first], columns[other]
