"""How well traits tell whose answer is which, and which one is preferred, beside what needs no trait."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from tasks.kinds.model_pair import tables
from tasks.kinds.model_pair.compared import Compared
from tasks.stats.telling import Told, identity_told, preference_told, told_lift
from tasks.store import frames

TRAITS = "traits"
_Differences = Float[np.ndarray, "pair column"]


def telling(
    of: Compared,
    beside: Mapping[str, _Differences],
    preference: Float[np.ndarray, " pair"],
    fold: Int[np.ndarray, " pair"],
    level: float,
) -> pl.DataFrame:
    """Rows of tables.TELLING: all frozen traits, and each baseline on the same pairs and folds.

    All traits, whatever the confirmation half says of them: to choose here would be to look. Every model is
    fitted on other documents than those it tells.

    Args:
        of: verdicts on the pairs.
        beside: differences of what needs no trait, by name: all `surface` amounts, one of them alone.
        preference: 1 for model 1's answer, -1 for the other's; NaN where nobody said.
        fold: of pairs.
        level: coverage of the intervals.
    """
    by = {TRAITS: of.d, **beside}

    def whose(x: _Differences) -> Told:
        return identity_told(x, of.document, fold, level)

    def preferred(x: _Differences) -> Told:
        return preference_told(x, preference, of.document, fold, level)

    # Whose answer stands first is drawn by chance, so that there is no majority of models.
    parts = [_rows("model", whose, {**by, "majority": of.d[:, :0]}, of.document, level)]
    if (np.nan_to_num(preference) != 0).any():
        always = np.ones((of.d.shape[0], 1))
        parts.append(_rows("preference", preferred, {**by, "majority": always}, of.document, level))
    return frames.conform(pl.concat(parts).fill_nan(None), tables.TELLING)


def _rows(
    target: str,
    tell: Callable[[_Differences], Told],
    by: Mapping[str, _Differences],
    document: Int[np.ndarray, " pair"],
    level: float,
) -> pl.DataFrame:
    told = {name: tell(x) for name, x in by.items()}
    lifts = {
        name: told_lift(told[TRAITS], one, document, level) for name, one in told.items() if name != TRAITS
    }
    return pl.DataFrame(
        [
            {
                "target": target,
                "by": name,
                "n": one.n,
                **{figure: getattr(one, figure) for figure in ("accuracy", "lo", "hi", "balanced", "auc")},
                "lift": lift.estimate if (lift := lifts.get(name)) else None,
                "lift_lo": lift.lo if lift else None,
                "lift_hi": lift.hi if lift else None,
            }
            for name, one in told.items()
        ],
        schema=tables.TELLING,
    )
