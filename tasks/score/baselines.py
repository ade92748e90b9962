"""What this very data gives where there is nothing to find: surface features, and shuffled groups."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.kinds import Estimate, Kind
from tasks.records import Predicate
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.store import frames
from tasks.study import Study

NULL_SHUFFLES = 100


def null_rate(
    study: Study, held_out: pl.DataFrame, estimated: Callable[[pl.DataFrame], Sequence[Estimate]]
) -> dict[str, int]:
    """How often these verdicts give any discovery when group labels are shuffled between documents.

    Args:
        study: its seed, and what counts as a discovery.
        held_out: the texts.
        estimated: the study's own test, on texts with other labels.
    """
    rng = np.random.default_rng([study.seed, 2])
    found = 0
    for _ in range(NULL_SHUFFLES):
        estimates = estimated(held_out.with_columns(shuffle_groups(held_out, rng)))
        q = pvalues_adjusted_bh(np.array([e.p for e in estimates]))
        either = [abs(e.validity) >= study.score.min_effect for e in estimates]
        found += bool(((q <= study.score.alpha) & np.array(either)).any())
    return {"null_shuffles": NULL_SHUFFLES, "null_runs_with_discovery": found}


def shuffle_groups(held_out: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Group labels as if they meant nothing: swapped between whole documents.

    Documents with rows in one group trade labels with each other; one with rows in both keeps or
    swaps its two labels as by a coin. So dependence within documents stays as it is.
    """
    in_a = (held_out["group"] == "A").to_numpy()
    document = held_out["document_id"].rank("dense").to_numpy().astype(np.int64) - 1
    rows = np.bincount(document)
    rows_a = np.bincount(document, weights=in_a)
    pure = (rows_a == 0) | (rows_a == rows)
    label = rows_a > 0
    label[pure] = rng.permutation(label[pure])
    swap = rng.random(len(rows)) < 0.5
    shuffled = np.where(pure[document], label[document], in_a ^ swap[document])
    return pl.Series("group", np.where(shuffled, "A", "B"))


def score_baselines(
    study: Study,
    kind: Kind,
    texts: pl.DataFrame,
    held_out: pl.DataFrame,
    predicates: Sequence[Predicate],
) -> pl.DataFrame:
    """What surface features alone reach on the same texts, by the same test."""
    explored = texts.filter(pl.col("half") == "explore")["text"]
    features = surface_features(held_out["text"], int(np.median(explored.str.len_chars().to_numpy())))
    value: Float[np.ndarray, "text feature"] = features.to_numpy().astype(np.float64)
    status = np.zeros(value.shape, dtype=np.uint8)
    graded = [predicates[0]] * value.shape[1]
    estimates = kind.estimand(held_out, value, status, graded, study.score.level)
    return pl.DataFrame(
        {
            "baseline": features.columns,
            "validity": [e.validity for e in estimates],
            "lo": [e.lo for e in estimates],
            "hi": [e.hi for e in estimates],
            "p": [e.p for e in estimates],
        },
        schema=frames.BASELINES,
    )


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
