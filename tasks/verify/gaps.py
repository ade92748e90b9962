"""Refuses a study whose judge says nothing of most pairs, before more of them are asked about.

One predicate that is refused is a row of the result (`why` says so); a judge that refuses nearly all of them
leaves nothing to test, and asking on would be paid in vain.
"""

import numpy as np
import polars as pl
from jaxtyping import UInt8

from tasks.engines import roles
from tasks.errors import EngineError
from tasks.verify.plan import Plan

ENOUGH = 100
"""Pairs after which so much is told before the end."""


def check_parts(plan: Plan, *, whole: bool = False) -> None:
    """Looks at all shards that are there; `whole`: these are all there will be.

    Raises:
        EngineError: most pairs have no verdict.
    """
    files = plan.files("part")
    if not files:
        return
    status = pl.col("status")
    counted = (
        pl.scan_parquet(files, glob=False)
        .group_by("predicate_id")
        .agg(refused=(status == "refusal").sum(), unparsable=(status == "unparsable").sum(),
             asked=(status != "absent").sum())
        .collect()
    )  # fmt: skip
    _refuse(plan, counted, whole)


def check_status(plan: Plan, status: UInt8[np.ndarray, "row predicate"], *, whole: bool) -> None:
    """Likewise, of what a walk came to.

    Raises:
        EngineError: most pairs have no verdict.
    """
    codes = {"refused": status == roles.REFUSAL, "unparsable": status == roles.UNPARSABLE}
    counted = {name: is_so.sum(axis=0) for name, is_so in codes.items()}
    _refuse(plan, pl.DataFrame({**counted, "asked": (status != roles.ABSENT).sum(axis=0)}), whole)


def _refuse(plan: Plan, counted: pl.DataFrame, whole: bool) -> None:
    asked = counted.filter(pl.col("asked") > 0)
    n_asked, n_refused, n_unparsable = (int(asked[c].sum()) for c in ("asked", "refused", "unparsable"))
    if not n_asked or (n_asked < ENOUGH and not whole):
        return
    # By predicate: a walk asks most about those that it cannot decide, which the refused ones are.
    missing = (asked["refused"] + asked["unparsable"]) / asked["asked"]
    # No param of this stage: whoever allows more after an error starts it again, and whoever allows less
    # afterwards has it in `why` of each row.
    if float(np.mean(missing.to_numpy())) <= plan.study.most_missing:
        return
    raise EngineError(
        f"verify {plan.study.name}: wanted verdicts of {plan.predicates[0].judge}, got none on "
        f"{n_refused + n_unparsable:,} of {n_asked:,} pairs ({n_refused:,} refused, {n_unparsable:,} "
        "unparsable): too few are left to test anything.",
        hint="Name another judge (llm.judge), leave out the texts that it refuses (collect.where), or allow "
        "more with record.max_refusal_share.",
    )
