"""The estimand of kinds that compare what is judged in A with what is judged in B, and its baselines."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines import roles
from tasks.stats.differences import difference
from tasks.stats.missing import share_difference_bounds_missing
from tasks.store import frames, media
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import groups_and_documents

if TYPE_CHECKING:
    from tasks.kinds import Kind


LOOKS = {
    "megapixels": "has more pixels than most",
    "aspect": "is wider for its height than most",
    "lightness": "is lighter than most",
    "contrast": "has more contrast than most",
    "saturation": "is more saturated than most",
    "n_colours": "has more colours than most",
    "fineness": "has finer detail than most",
}
"""Measures of a picture that say nothing of what is in it; `most` are those of the exploration half."""


def estimates(judged: Judged, level: float) -> pl.DataFrame:
    """Share in A minus share in B with interval and two-sided p, for each predicate."""
    in_a, verdict = judged.in_a, judged.verdict
    found = difference(verdict, in_a, judged.document, level, binary=judged.is_binary)
    # What a gap counts as is in the estimate, and no verdict.
    said = np.where(judged.status == roles.VALUE, verdict, np.nan)
    n_a, n_b = ((~np.isnan(said[side])).sum(axis=0) for side in (in_a, ~in_a))
    lowest, highest = share_difference_bounds_missing(said, judged.in_vain, in_a)
    columns = {
        name: getattr(found, name)
        for name in ("n_documents", "mean_a", "mean_b", "validity", "lo", "hi", "p", "method")
    }
    bounds = {"missing_lo": lowest, "missing_hi": highest}
    return frames.conform(pl.DataFrame({"n_a": n_a, "n_b": n_b, **columns, **bounds}), frames.ESTIMATES)


def baselines(kind: "Kind", judged: Judged, texts: pl.DataFrame) -> pl.DataFrame:
    """What surface features alone reach on the same texts, by the same test."""
    features = surface(judged.study.name, judged.rows, texts.filter(half="explore"))
    value: Float[np.ndarray, "text feature"] = features.to_numpy().astype(np.float64)
    graded = [judged.predicates[0]] * value.shape[1]
    status = np.zeros(value.shape, dtype=np.uint8)
    of_features = Judged(judged.study, judged.rows, graded, value, status)
    found = kind.estimates(of_features, judged.study.score.level)
    named = found.with_columns(pl.Series("baseline", features.columns))
    return frames.conform(named, frames.BASELINES)


def surface(study_name: str, rows: pl.DataFrame, explored: pl.DataFrame) -> pl.DataFrame:
    """0/1 features of texts, or of pictures, that say nothing of what is in them.

    Args:
        study_name: whose rows they are.
        rows: of which they are told.
        explored: rows of the exploration half, whose medians are the thresholds.
    """
    if not media.are_pictures(rows):
        return surface_features(rows["text"], int(np.median(explored["text"].str.len_chars().to_numpy())))
    known = media.measures(study_name)
    measured, usual = (
        one.select("media").join(known, on="media", how="left", maintain_order="left")
        for one in (rows, explored)
    )
    over = {said: measured[name] > usual[name].median() for name, said in LOOKS.items()}
    return pl.DataFrame({"always true": pl.repeat(True, rows.height, eager=True), **over})


def surface_features(text: pl.Series, median_chars: int) -> pl.DataFrame:
    """0/1 features that say nothing about meaning; the median is the exploration half's."""
    has = text.str.contains
    return pl.DataFrame(
        {
            "always true": pl.repeat(True, len(text), eager=True),
            f"longer than {median_chars} characters": text.str.len_chars() > median_chars,
            "contains a digit": has(r"[0-9]"),
            "contains a capital letter": has(r"\p{Lu}"),
            "contains a question or exclamation mark": has(r"[?!]"),
            "contains a comma or semicolon": has(r"[,;]"),
            "has more than one line": has(r"\n"),
        }
    )


def shuffle_groups(held_out: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Group labels as if they meant nothing, with dependence within documents as it is.

    Documents trade how much of them is A, whatever their sizes; then the rows of each draw who is. So a
    document that lay whole in a group stays whole, pairs swap as by a coin, and no group keeps the larger
    documents, or those with more of anything: the null hypothesis of the planned test is true. A share that
    does not come out even is rounded by chance: groups keep their sizes where documents have equal ones,
    else nearly, unless documents of A and B differ in size.
    """
    in_a, document = groups_and_documents(held_out)
    _, document, rows = np.unique(document, return_inverse=True, return_counts=True)
    share = rng.permutation(np.bincount(document, weights=in_a) / rows)
    n_a = np.floor(share * rows + rng.random(rows.size))
    order = np.lexsort((rng.random(document.size), document))
    place = np.arange(document.size) - np.repeat(np.cumsum(rows) - rows, rows)
    shuffled = np.empty_like(in_a)
    shuffled[order] = place < np.repeat(n_a, rows)
    return pl.Series("group", np.where(shuffled, "A", "B"))
