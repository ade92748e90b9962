"""What a study would use and could find, told before anything runs (`python -m tasks check`).

It is no stage and writes nothing: a change of alpha alters what is told here and leaves collect as it is.
"""

from typing import Any

import numpy as np
import polars as pl

from tasks import collect
from tasks.stats.power import share_difference_detectable_fisher
from tasks.study import Study


def preview(study: Study) -> dict[str, Any]:
    """What collect would count, with the smallest effect the study could show.

    Raises:
        SourceError: a source cannot be read.
        CorpusError: its texts cannot answer the question.
    """
    found = collect.collected(study)
    return {**found.manifest, "smallest_effect": smallest_effect(study, found.texts)}


def smallest_effect(study: Study, texts: pl.DataFrame) -> dict[str, float | None]:
    """Differences of shares the study would find in 4 of 5 cases; None where it would miss the largest.

    Documents count as one text each, which is the worst case, and the predicate holds in a tenth of the
    texts of one group. `alone` is tested without others, `of_many` beside as many as may be proposed.
    """
    confirm = texts.filter(pl.col("half") == "confirm")
    most = study.verify.max_texts or confirm.height
    n_a, n_b = (
        min(most, confirm.filter(pl.col("group") == group)["document_id"].n_unique()) for group in ("A", "B")
    )
    alpha = study.score.alpha
    found = share_difference_detectable_fisher(n_a, n_b, alpha=[alpha, alpha / study.propose.max_predicates])
    alone, of_many = (None if np.isnan(d) else round(float(d), 4) for d in found)
    return {"alone": alone, "of_many": of_many}


def told(found: dict[str, Any]) -> list[str]:
    """The preview as a person reads it."""
    lines = [f"{found['study']}: {found['n_rows']:,} rows give {found['n_texts']:,} texts in "
             f"{found['n_documents']:,} documents"]  # fmt: skip
    width = max(len(name) for name in found["names"].values())
    for group, name in found["names"].items():
        explore, confirm = found["explore_texts"][group], found["confirm_texts"][group]
        lines.append(
            f"  {group}  {name:<{width}}  {explore + confirm:>9,} texts: {explore:,} to propose from, "
            f"{confirm:,} to test on"
        )
    lines.append(
        f"  left out: {found['n_merged']:,} duplicates, {found['n_blank']:,} blank; in both groups: "
        f"{found['n_overlap']:,}; in neither: {found['read'].get('rows_of_neither', 0):,}; cut to length: "
        f"{found['n_cut']:,}"
    )
    return [*lines, *_effect_told(**found["smallest_effect"])]


def _effect_told(alone: float | None, of_many: float | None) -> list[str]:
    if alone is None:
        return ["  too small to find any difference in 4 of 5 cases; collect more documents"]
    beside = "none" if of_many is None else f"{of_many:.3f}"
    return [
        f"  smallest difference found in 4 of 5 cases: {alone:.3f} for one hypothesis, {beside} among many"
    ]
