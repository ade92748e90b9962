"""Whether a guess is what a model answered."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool


def folded(value: Any) -> str:
    """A guess or an answer as it is compared: without case, and spaces at its ends."""
    return " ".join(str(value).split()).casefold()


def comes_true(rows: pl.DataFrame) -> Bool[np.ndarray, " row"]:
    """Whether each guess is the outcome."""
    return np.array(
        [folded(guess) == folded(outcome) for guess, outcome in rows.select("guess", "outcome").iter_rows()],
        dtype=bool,
    )
