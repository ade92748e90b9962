"""What a confirmed failure means elsewhere: on other encoders, and for a search.

Encoders spread their cosines differently, so a threshold does not carry over. Another encoder is given the
one at which as many controls collide as with the encoder under test; then the failures are compared.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks import paths
from tasks.engines import roles
from tasks.engines.encoders import repaired
from tasks.engines.encoders.cached import encoded
from tasks.kinds.encoder_failures import mended, tables, views
from tasks.kinds.encoder_failures.curve import over_thresholds
from tasks.kinds.encoder_failures.lessons import lessons
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.scale import threshold_of
from tasks.stats.differences import difference
from tasks.stats.judge_error import share_ci_wilson
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.judged import Judged

N_RANDOM = 5000
"""Random pairs of the corpus that are looked at."""
SAME = 1e-5
"""Cosines that differ by less are of one text."""
_STREAM = 5
"""Of the study's seed."""


def beside(judged: Judged, texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Baselines, the confirmed failures on other encoders, a search for their twins, and what a repair needs.

    Args:
        judged: all verdicts, on rows of tables.FRESH.
        texts: of the study.
        found: predicate_ids of the confirmed failures.
    """
    study = judged.study
    vectors = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    corpus = vectors[(texts["half"] == "confirm").to_numpy()]
    own_column = judged.own
    assert own_column is not None  # noqa: S101 - each pair is written for one failure
    row = np.arange(own_column.size)
    # What a sequential plan did not come to is no part of any figure.
    asked = judged.status[row, own_column] != roles.ABSENT
    families = pl.Series([judged.predicates[i].family for i in own_column])
    fresh = judged.rows.with_columns(family=families).filter(asked)
    failed = judged.verdict[row, own_column][asked]
    level, threshold = study.score.level, threshold_of(study)
    # A verdict of 0 says of a pair that collides that it means the same, of another one nothing.
    differs = np.where(fresh["similarity"].to_numpy() >= threshold, failed, 1.0)
    confirmed = [one for one in judged.predicates if one.predicate_id in set(found)]
    own_tables = {"lessons": lessons(study, texts, confirmed)}
    if repaired.is_repaired(name := study.embed.encoder):
        sides = mended.Sides.of(study, texts)
        own_tables |= {
            "mended": mended.before_and_after(
                sides, name, fresh, differs, judged.predicates, _success, level
            ),
            "price": mended.price(study, sides, texts),
        }
    return {
        **own_tables,
        "baselines": baselines(study, fresh, failed, corpus),
        "transfer": success_by_encoder(study, fresh, differs, found, level),
        "retrieval": search_ranks(study, fresh, corpus, found, level),
        "curve": over_thresholds(fresh, differs, threshold, level),
    }


def baselines(
    study: Study,
    fresh: pl.DataFrame,
    failed: Float[np.ndarray, " pair"],
    corpus: Float[np.ndarray, "text dim"],
) -> pl.DataFrame:
    """How often pairs are confused that no failure was named for; rows of frames.BASELINES.

    Args:
        study: the threshold, the seed and the level.
        fresh: rows of tables.FRESH with the `family` of their predicate.
        failed: verdicts; NaN where there is none.
        corpus: vectors of the confirmation texts.
    """
    level, rng = study.score.level, np.random.default_rng([study.seed, _STREAM])
    rows = []
    if corpus.shape[0] > 1:
        left, right = rng.integers(corpus.shape[0], size=(2, N_RANDOM))
        apart = left != right
        near = views.cosines(np.asarray(corpus[left[apart]]), np.asarray(corpus[right[apart]]))
        rows.append(_share("random pairs of the corpus that collide", near >= threshold_of(study), level))
    control = (fresh["group"] == "B").to_numpy() & ~np.isnan(failed)
    rows.append(_share("controls of all failures that fail", failed[control] > 0, level))
    small = control & (fresh["word_class"] == "small word").to_numpy()
    if small.any() and (control & ~small).any():
        rows.append(
            _share("controls that exchange small words (not, two, under) that fail", failed[small] > 0, level)
        )
        rows.append(
            _share("controls that exchange other words that fail", failed[control & ~small] > 0, level)
        )
    blind = fresh.filter(pl.col("family") == "blind")
    if blind.height:
        at = (fresh["family"] == "blind").to_numpy()
        document = blind["document_id"].rank("dense").to_numpy().astype(np.int64)
        in_a = (blind["group"] == "A").to_numpy()
        found = difference(failed[at][:, None], in_a, document, level, binary=True)
        ends = {name: float(getattr(found, name)[0]) for name in ("validity", "lo", "hi", "p")}
        rows.append({"baseline": "what was expected without data, new pairs less controls", **ends})
    return pl.DataFrame(rows, schema=frames.BASELINES)


def _share(name: str, holds: Bool[np.ndarray, " pair"], level: float) -> dict[str, Any]:
    lo, hi = share_ci_wilson(holds.sum(), holds.size, level)
    share = float(holds.mean()) if holds.size else float("nan")
    return {"baseline": name, "validity": share, "lo": float(lo), "hi": float(hi), "p": None}


def success_by_encoder(
    study: Study,
    fresh: pl.DataFrame,
    differs: Float[np.ndarray, " pair"],
    confirmed: Sequence[str],
    level: float,
) -> pl.DataFrame:
    """Success of each confirmed failure on each encoder, the one under test first.

    Args:
        study: names the encoders.
        fresh: rows of tables.FRESH.
        differs: whether the meanings differ, 0 or 1; NaN where nobody can tell.
        confirmed: predicate_ids.
        level: of the intervals.

    Returns:
        Rows of tables.TRANSFER; the first encoder's figures are those of the scores. A pair that did not
        collide under test was not asked for its meaning: it counts as differing, as it was written to.
    """
    left, right = fresh["left"].to_list(), fresh["right"].to_list()
    is_control = (fresh["group"] == "B").to_numpy()
    collides = fresh["similarity"].to_numpy() >= threshold_of(study)
    share = float(collides[is_control].mean())
    rows: list[dict[str, Any]] = []
    for name in (study.embed.encoder, *own(study).transfer):
        near = views.similarity(study, name, left, right)
        at = threshold_of(study) if name == study.embed.encoder else _matched(near[is_control], share)
        fails = np.where(near >= at, differs, 0.0)
        rows += [
            {"encoder": name, "predicate_id": one, "threshold": at} | _success(fresh, fails, one, level)
            for one in confirmed
        ]
    return pl.DataFrame(rows, schema=tables.TRANSFER)


def _matched(near: Float[np.ndarray, " pair"], share: float) -> float:
    """The threshold that this share of them reaches; above all of them where none does."""
    ordered = np.sort(near)[::-1]
    reached = round(share * ordered.size)
    if reached == 0:
        return float(np.nextafter(ordered[0], 2.0)) if ordered.size else 1.0
    return float(ordered[reached - 1])


def _success(
    fresh: pl.DataFrame, fails: Float[np.ndarray, " pair"], predicate_id: str, level: float
) -> dict[str, Any]:
    own = (fresh["predicate_id"] == predicate_id).to_numpy()
    of = fresh.filter(own)
    in_a: Bool[np.ndarray, " pair"] = (of["group"] == "A").to_numpy()
    document = of["document_id"].rank("dense").to_numpy().astype(np.int64)
    found = difference(fails[own][:, None], in_a, document, level, binary=True)
    return {
        "n": int(found.n_a[0]),
        "success": float(found.mean_a[0]),
        "control": float(found.mean_b[0]),
        **{name: float(getattr(found, name)[0]) for name in ("validity", "lo", "hi")},
    }


def search_ranks(
    study: Study,
    fresh: pl.DataFrame,
    corpus: Float[np.ndarray, "text dim"],
    confirmed: Sequence[str],
    level: float,
) -> pl.DataFrame:
    """How often a search for the twin finds the text it was made from, before all others of the corpus.

    The right text of a pair is the query; the documents are the corpus and the left text, which means
    something else. A control whose text comes first just as often says that it is the shared words.

    Args:
        study: names the encoder under test.
        fresh: rows of tables.FRESH.
        corpus: vectors of the confirmation texts by the same encoder.
        confirmed: predicate_ids.
        level: of the intervals.

    Returns:
        Rows of tables.RETRIEVAL; a rank is 1 where no text of the corpus is nearer.

    Raises:
        FrozenError: the encoder is another one than encoded the corpus.
    """
    model = views.under_test(study)
    query = encoded(model, fresh["right"].to_list())
    own = views.cosines(encoded(model, fresh["left"].to_list()), query)
    nearer = np.zeros(fresh.height)
    for start in range(0, corpus.shape[0], 4096):
        # The text itself is one of them, and sums of two precisions are not equal.
        nearer += (query @ corpus[start : start + 4096].T > own[:, None] + SAME).sum(axis=1)
    rank, is_fresh = nearer + 1, (fresh["group"] == "A").to_numpy()
    rows = []
    for one in confirmed:
        at = (fresh["predicate_id"] == one).to_numpy()
        found = _success(fresh, (rank == 1).astype(float), one, level)
        rows.append(
            {
                "predicate_id": one,
                "share_first": found.pop("success"),
                "share_first_control": found.pop("control"),
                "median_rank": float(np.median(rank[at & is_fresh])),
                "median_rank_control": float(np.median(rank[at & ~is_fresh])),
                **found,
            }
        )
    return pl.DataFrame(rows, schema=tables.RETRIEVAL)
