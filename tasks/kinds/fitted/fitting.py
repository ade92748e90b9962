"""Fitting on the exploration half: relax, sort, name, judge, choose (after Zhong et al. 2024).

relaxing      directions of the embeddings that would explain what is left, and who is at their ends
judging       candidates on a growing part of the texts
choosing      forward steps and swaps by the gain on the tune part
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from tasks.engines import roles
from tasks.kinds.fitted import frozen, tables
from tasks.kinds.fitted.model import Model, Verdicts
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.parts import Proposed, Seen
from tasks.records import Proposal
from tasks.store import frames
from tasks.store.sources import uniform

FIT_SHARE = 0.7
ENDS = 0.25
LEVEL = 0.9


@dataclass(frozen=True)
class Look:
    """The exploration texts that are judged, prepared once."""

    texts: pl.DataFrame
    vectors: np.ndarray
    of: Observed
    fits: Bool[np.ndarray, " text"]
    """Who is in the fit part; the others are the tune part."""
    model: Model


def fitted(kind: Any, seen: Seen, actors: roles.Engine, rng: np.random.Generator) -> Proposed:
    """Predicates with their model, and how they were chosen."""
    look = _look(kind, seen)
    calls: list[Any] = []
    asked = list(seen.asked)
    found = asked if seen.study.propose.only else [*asked, *_proposed(seen, actors, look, rng, calls)]
    found = _distinct(found)
    if not found:
        return Proposed([], {}, tuple(calls))
    judge = kind.judge(seen.study, actors)
    predicates = [
        roles.unfrozen(
            frozen.predicate_id(one), one.predicate, definition=one.definition, judge=judge.name,
            threshold=seen.study.formalise.threshold, family=one.family, grade=one.grade,
            prompt_hash=one.prompt_hash,
        )
        for one in found
    ]  # fmt: skip
    judged = judge.judge(predicates, look.texts, look.vectors)
    calls += judged.calls
    score = np.where(judged.status == roles.VALUE, judged.score, np.nan)
    if seen.study.formalise.threshold is not None:
        score = np.where(np.isnan(score), np.nan, score >= seen.study.formalise.threshold)
    z, _ = frozen.filled(score)
    kept = _chosen(look, z, len(asked), kind.params(seen.study).predicates or 6)
    proposals = [replace(found[k], direction="A") for k in kept]
    ids = [frozen.predicate_id(one) for one in proposals]
    z = z[:, kept]
    full = look.model.fit(z, look.of)
    without = [look.model.fit(frozen.others(z, k), look.of) for k in range(len(kept))]
    own = {
        "explored": _explored(look.texts, ids, score[:, kept]),
        "model": frozen.model_frame(look.model, ids, full, without),
        "path": tables.PATH.to_frame(),
        "restarts": tables.AGREEMENT.to_frame(),
    }
    return Proposed(proposals, {"n_candidates": len(found)}, tuple(calls), own)


def _look(kind: Any, seen: Seen) -> Look:
    most = kind.params(seen.study).most_texts(seen.study.engine)
    draw = uniform(seen.texts["document_id"], "fit", str(seen.study.seed))
    order = seen.texts.select(draw.alias("d"), "text_id").with_row_index("row").sort("d", "text_id")["row"]
    rows = np.sort(order.to_numpy()[:most])
    texts = seen.texts[rows]
    of = kind.observed(seen.study, texts)
    fits = (uniform(texts["document_id"], "tune", str(seen.study.seed)) < FIT_SHARE).to_numpy()
    return Look(texts, seen.vectors["embeddings"][rows], of, fits, kind.model(seen.study, of))


def _proposed(
    seen: Seen, actors: roles.Engine, look: Look, rng: np.random.Generator, calls: list[Any]
) -> list[Proposal]:
    found: list[Proposal] = []
    z = np.zeros((look.texts.height, 0))
    directions = look.model.directions(look.vectors, z, look.of, 6, rng)
    for direction in directions.T:
        order = np.argsort(direction, kind="stable")
        n = max(5, int(len(order) * ENDS))
        rows = np.sort(np.concatenate([order[:n], order[-n:]]))
        top = np.isin(rows, order[-n:])
        texts = look.texts[rows].with_columns(group=pl.Series(np.where(top, "A", "B")))
        proposer = actors.proposer(seen.study)
        shown = roles.Exploration(texts, look.vectors[rows], seen.confirm_documents, seen.encoder)
        found += proposer.propose(shown, rng)
        calls += proposer.calls
    return found


def _distinct(found: Sequence[Proposal]) -> list[Proposal]:
    kept: dict[str, Proposal] = {}
    for one in found:
        kept.setdefault(one.predicate.casefold(), one)
    return list(kept.values())


def _chosen(look: Look, z: Verdicts, n_asked: int, most: int) -> list[int]:
    kept = list(range(n_asked))
    fit, tune = np.flatnonzero(look.fits), np.flatnonzero(~look.fits)

    def value(columns: list[int]) -> tuple[float, Any]:
        fitted = look.model.fit(z[np.ix_(fit, columns)], look.of.take(fit))
        return float(look.model.bits(fitted, z[np.ix_(tune, columns)], look.of.take(tune)).mean()), fitted

    best = value(kept)[0]
    while len(kept) < most:
        left = [k for k in range(z.shape[1]) if k not in kept and 0 < z[:, k].mean() < 1]
        gains = [(value([*kept, k])[0], -k) for k in left]
        if not gains or max(gains)[0] <= best + 1e-4:
            break
        best, k = max(gains)
        kept.append(-k)
    return kept or [0]


def _explored(texts: pl.DataFrame, ids: Sequence[str], score: Verdicts) -> pl.DataFrame:
    text_id = texts["text_id"].to_list()
    frame = pl.DataFrame(
        {
            "predicate_id": np.repeat(list(ids), len(text_id)),
            "text_id": text_id * len(ids),
            "score": score.T.ravel(),
        }
    )
    return frames.conform(frame.fill_nan(None), tables.EXPLORED)
