"""Which traits people like, at equal length, equal formatting and equal other traits."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from tasks.kinds.model_pair import tables
from tasks.kinds.model_pair.compared import Compared
from tasks.stats.agreement import paraphrase_groups, verdicts_phi
from tasks.stats.liked import Liked, liked_coefficients
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.store import frames
from tasks.verdicts.judged import Judged

_THE_SAME = 0.8
"""A count whose comparison correlates so much with a trait's verdicts is that trait."""


def liked(
    judged: Judged,
    of: Compared,
    held: Float[np.ndarray, "pair count"],
    preference: Float[np.ndarray, " pair"],
    fold: Int[np.ndarray, " pair"],
) -> pl.DataFrame | None:
    """Rows of tables.LIKED, q over all frozen traits; None without preferences.

    Which model an answer is of is held equal, too: else a trait that one model shows would get the praise for
    all that people like about that model.

    Args:
        judged: all verdicts.
        of: the same as differences.
        held: differences of the amounts that are held equal: length and formatting, or a picture's size.
        preference: 1 for model 1's answer, -1 for the other's, 0 a tie; NaN where nobody said.
        fold: of pairs, as the accuracies have it.
    """
    if np.isnan(preference).all():
        return None
    alike = paraphrase_groups(
        np.abs(verdicts_phi(judged.score)),
        judged.study.score.group_phi,
        np.abs(np.nan_to_num(of.d).mean(axis=0)),
    )
    model = np.ones((held.shape[0], 1))
    found = np.full((5, of.d.shape[1]), np.nan)
    for counts, traits in _by_counts(of.d, held):
        covariate = np.column_stack([model, held[:, counts]])
        one = liked_coefficients(
            of.d, covariate, preference, of.document, fold, judged.study.score.level, group=alike
        )
        found[:, traits] = _figures(one)[:, traits]
    found[:4, judged.is_unfit] = np.nan
    p = np.where(judged.is_unfit, 1.0, found[3])
    estimate, lo, hi, _, n = found
    columns = {"n": n, "coefficient": estimate, "lo": lo, "hi": hi, "p": p, "q": pvalues_adjusted_bh(p)}
    ids = [one.predicate_id for one in judged.predicates]
    return frames.conform(pl.DataFrame({"predicate_id": ids, **columns}).fill_nan(None), tables.LIKED)


def _figures(of: Liked) -> Float[np.ndarray, "figure trait"]:
    return np.array([of.estimate, of.lo, of.hi, of.p, of.n])


def _by_counts(
    d: Float[np.ndarray, "pair trait"], held: Float[np.ndarray, "pair count"]
) -> Iterable[tuple[list[int], list[int]]]:
    """Which counts are held equal, for which traits: a trait that is a count is not asked about beside it."""
    traits: dict[tuple[int, ...], list[int]] = defaultdict(list)
    sign = np.sign(held)
    for j in range(d.shape[1]):
        seen = ~np.isnan(d[:, j])
        same = [_correlation(d[seen, j], sign[seen, k]) >= _THE_SAME for k in range(held.shape[1])]
        traits[tuple(np.flatnonzero(~np.array(same)))].append(j)
    return [(list(counts), of) for counts, of in traits.items()]


def _correlation(x: Float[np.ndarray, " pair"], y: Float[np.ndarray, " pair"]) -> float:
    """0 where one does not vary."""
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
