"""Conditional gains in bits per text on the confirmation half: the estimand of the kinds with a model."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from tasks import kinds, paths
from tasks.kinds.fitted import frozen
from tasks.kinds.fitted.frozen import Frozen, others
from tasks.kinds.fitted.model import Verdicts
from tasks.kinds.fitted.observed import Observed, dealt
from tasks.records import Predicate
from tasks.stats.gains import Gains, association, document_mass, gains, log_evalue
from tasks.store import frames
from tasks.store.expectations import MOST_BITS
from tasks.study import Study
from tasks.verdicts.judged import Judged

METHOD = "mean over documents, variance no less than the model's"
_LARGEST_LOG = 700.0


@dataclass(frozen=True)
class Dealt(Judged):
    """Verdicts where the null hypothesis is true, on both halves: the model is fitted anew to one of them."""

    model: Frozen | None = None
    """Fitted to the exploration half, dealt out by itself."""
    of: Observed | None = None
    """What is observed of the rows under test."""


@dataclass(frozen=True)
class Compared:
    """log2 likelihoods of the rows under test."""

    full: Float[np.ndarray, "text predicate"]
    """Of the full model, without the slots that a predicate is made of; NaN where that has no verdict."""
    without: Float[np.ndarray, "text predicate"]
    """Of the model without the predicate."""
    variance: Float[np.ndarray, "text predicate"]
    """Of their difference, as the model without the predicate expects it."""


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Bits per text that each predicate adds to the others, with interval, one-sided p and e-value.

    Both models are those of the exploration half; the unit is the document. mean_a is what the full model
    gives a text in bits, mean_b what the model without the predicate does.
    """
    model, of = known(judged)
    z = frozen.filled(judged.verdict, model.share)[0]
    words = own_words(model, judged.predicates)
    compared = compare(model, z, of, judged.verdict, words)
    found = gains(compared.full, compared.without, judged.document, level, compared.variance)
    least, most = missing(judged, model, z, of, compared, words, found)
    lo, hi = ends(found)
    said = ~np.isnan(judged.verdict)
    borne_out = association(judged.verdict, _told(model, z, of, words), judged.document)
    columns = {
        "n_a": said.sum(axis=0),
        "n_b": np.zeros(said.shape[1], dtype=np.int64),
        "n_documents": found.n_documents,
        "mean_a": _mean(compared.full, judged.document),
        "mean_b": _mean(compared.without, judged.document),
        "validity": found.mean,
        "lo": lo,
        "hi": hi,
        "p": np.maximum(found.p, borne_out),
        "missing_lo": least,
        "missing_hi": most,
        "method": [METHOD] * said.shape[1],
        "e_value": evalues(judged, model, z, of, compared),
    }
    return frames.conform(pl.DataFrame(columns), pl.Schema({**frames.ESTIMATES, "e_value": pl.Float64()}))


def ends(found: Gains) -> tuple[Float[np.ndarray, " predicate"], Float[np.ndarray, " predicate"]]:
    """Ends of the intervals: the mean itself where no model tells any text apart, and never infinite."""
    alike = np.isinf(found.lo) & (found.mean == 0)
    lo, hi = (np.where(alike, 0.0, end) for end in (found.lo, found.hi))
    return lo.clip(min=-MOST_BITS), hi.clip(max=MOST_BITS)


def known(judged: Judged) -> tuple[Frozen, Observed]:
    """The model that was fitted on the exploration half, and what is observed of the rows under test."""
    if isinstance(judged, Dealt) and judged.model is not None and judged.of is not None:
        return judged.model, judged.of
    kind: Any = kinds.load(judged.study.kind)
    return read(judged), kind.observed(judged.study, judged.rows)


def read(judged: Judged) -> Frozen:
    """The frozen model of a study, read once.

    Raises:
        FrozenError: propose left another model than the one that was frozen.
    """
    parts = (("propose", "model"), ("propose", "explored"), ("collect", "values"), ("collect", "texts"))
    files = [paths.output(judged.study.name, stage) / f"{name}.parquet" for stage, name in parts]
    stamps = tuple(file.stat().st_mtime_ns for file in files if file.exists())
    return _read(judged.study, tuple(judged.predicates), paths.root().as_posix(), stamps)


@lru_cache(maxsize=1)
def _read(study: Study, predicates: tuple[Predicate, ...], root: str, stamps: tuple[int, ...]) -> Frozen:
    """`root` and `stamps` tell one state of the files from another."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    return frozen.read(study, predicates, kinds.load(study.kind), texts)


def own_words(model: Frozen, predicates: Sequence[Predicate]) -> list[Sequence[int]]:
    """Of each predicate the slots that it is made of, which do not count for it."""
    return [model.model.own_words(one.predicate, one.definition) for one in predicates]


def compare(
    model: Frozen, z: Verdicts, of: Observed, verdict: Verdicts, words: Sequence[Sequence[int]]
) -> Compared:
    """The full model beside that without each predicate.

    Args:
        model: of the exploration half.
        z: verdicts, gaps filled.
        of: what is observed.
        verdict: with gaps.
        words: slots that do not count, of each predicate.
    """
    form, full = model.model, np.full(verdict.shape, np.nan)
    without, variance = full.copy(), full.copy()
    whole = form.bits(model.full, z, of) if not all(words) else np.empty(0)
    for k, own in enumerate(words):
        full[:, k] = form.bits(model.full, z, of, own) if own else whole
        without[:, k] = form.bits(model.without[k], others(z, k), of, own)
        variance[:, k] = form.gain_variance(model.full, model.without[k], k, z, of, own)
    gaps = np.isnan(verdict)
    return Compared(*(np.where(gaps, np.nan, one) for one in (full, without, variance)))


def _told(model: Frozen, z: Verdicts, of: Observed, words: Sequence[Sequence[int]]) -> Verdicts:
    """How much likelier, in bits, the full model makes each text where a predicate holds than where not."""
    found = np.empty(z.shape)
    for k, own in enumerate(words):
        given = z.copy()
        bits = []
        for verdict in (1.0, 0.0):
            given[:, k] = verdict
            bits.append(model.model.bits(model.full, given, of, own))
        found[:, k] = bits[0] - bits[1]
    return found


def missing(
    judged: Judged,
    model: Frozen,
    z: Verdicts,
    of: Observed,
    compared: Compared,
    words: Sequence[Sequence[int]],
    found: Gains,
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most the gains could be, whatever the verdicts that were asked for in vain."""
    least, most = found.mean.copy(), found.mean.copy()
    gaps = judged.in_vain & np.isnan(judged.verdict)
    for k in np.flatnonzero(gaps.any(axis=0)).tolist():
        rows = np.flatnonzero(gaps[:, k])
        part, given, ends = of.take(rows), z[rows].copy(), []
        left = model.model.bits(model.without[k], others(given, k), part, words[k])
        for verdict in (0.0, 1.0):
            given[:, k] = verdict
            ends.append(model.model.bits(model.full, given, part, words[k]) - left)
        for bound, worst in ((least, np.minimum(*ends)), (most, np.maximum(*ends))):
            difference = compared.full[:, k] - compared.without[:, k]
            difference[rows] = worst
            bound[k] = gains(difference, np.zeros((len(difference), 1)), judged.document, 0.5).mean[0]
    return least, most


def evalues(judged: Judged, model: Frozen, z: Verdicts, of: Observed, compared: Compared) -> np.ndarray:
    """Split-likelihood e-values: the full model of the exploration half, against all without the predicate.

    Slots that do not count for a gain do here: a likelihood is of all that is observed. NULL (NaN) where a
    kind's texts have no such likelihood, and of verdicts that were dealt out.
    """
    found = np.full(z.shape[1], np.nan)
    if isinstance(judged, Dealt):
        return found
    for k, one in enumerate(model.without):
        rows = np.flatnonzero(~np.isnan(compared.full[:, k]))
        if not rows.size:
            continue
        document, part = judged.document[rows], of.take(rows)
        best = model.model.most_likely(one, others(z[rows], k), part, document_mass(document))
        if best is not None:
            full = model.model.bits(model.full, z[rows], part)
            found[k] = log_evalue(full, best[:, None], document)[0]
    return np.asarray(np.exp(np.clip(found, -_LARGEST_LOG, _LARGEST_LOG)))


def shuffled(judged: Judged, rng: np.random.Generator) -> Dealt:
    """Both halves with values dealt out between documents, or verdicts where there are no values.

    What stays is what the null hypothesis grants: dependence within documents, of verdicts on each other, and
    how often each value is. The model is fitted anew to the exploration half: a frozen one would lose on any
    other values, and tell nothing of the test.
    """
    model, of = known(judged)
    if of.said is not None:
        of, explored, z = of.shuffled(rng), model.of.shuffled(rng), model.z
        score = judged.score
    else:
        explored, score = model.of, dealt_columns(judged.score, judged.document, rng)
        z = dealt_columns(model.z, model.of.document, rng)
    given = {one.name: getattr(judged, one.name) for one in fields(Judged)} | {"score": score}
    return Dealt(**given, model=model.refitted(z, explored), of=of)


def dealt_columns(score: Verdicts, document: np.ndarray, rng: np.random.Generator) -> Verdicts:
    """Each column dealt out between documents by itself."""
    return np.column_stack([column[dealt(document, rng)] for column in score.T])


def _mean(
    bits: Float[np.ndarray, "text predicate"], document: Int[np.ndarray, " text"]
) -> Float[np.ndarray, " predicate"]:
    """Over documents of the mean of their texts with a verdict, as gains are; NaN without any."""
    return gains(bits, np.zeros_like(bits), document, 0.5).mean
