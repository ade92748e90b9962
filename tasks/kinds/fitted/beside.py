"""Tables beside the scores: weights refitted on the confirmation half, coverage, baselines."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from tasks.kinds.fitted import tables
from tasks.store import frames
from tasks.verdicts.judged import Judged


def beside(kind: Any, judged: Judged, texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
    """All tables of tables.SCORED, and baselines."""
    return {
        "weights": tables.WEIGHTS.to_frame(),
        "coverage": tables.COVERAGE.to_frame(),
        "changes": tables.CHANGES.to_frame(),
        "baselines": frames.BASELINES.to_frame(),
    }
