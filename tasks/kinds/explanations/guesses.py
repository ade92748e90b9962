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
    each = pl.concat([rows["guess"], rows["outcome"]]).unique()
    as_compared = pl.DataFrame({"said": each, "folded": [folded(one) for one in each]})
    guess, outcome = (
        rows.select(said=column).join(as_compared, on="said", how="left", maintain_order="left")["folded"]
        for column in ("guess", "outcome")
    )
    return (guess == outcome).to_numpy()
