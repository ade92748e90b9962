"""Which attempt at a discovery a replication is: who tries often enough sees one hold."""

from typing import Any

import polars as pl

from tasks.store import duck, holdout, past


def attempt(run: pl.DataFrame, discoveries: pl.DataFrame) -> dict[str, Any]:
    """What a replication came to, and what was tried before it, by the team's memory.

    Later attempts are left out, so that a rerun finds the same.

    Args:
        run: of frames.RUNS, the one row.
        discoveries: of frames.DISCOVERIES, this run's one row.

    Returns:
        attempt (1 the first) and outcome; the alpha it would have were the error level shared among all
        attempts, and whether it is a discovery at that, by `query replications`; and `before`: outcome ->
        number of earlier attempts that came to it.
    """
    with past.copied() as connection:
        holdout.put_run(connection, run, discoveries)
        ready = duck.question("replications")
        found = connection.sql(ready.sql, params=ready.parameters).pl()
    this = found.filter(again_run=run["run_id"].item()).row(0, named=True)
    of_it = found.filter(pl.col("study").eq_missing(this["study"]), predicate_id=this["predicate_id"])
    earlier = of_it.filter(pl.col("attempt") < this["attempt"]).unique("attempt")
    before = earlier.group_by("outcome").len().sort("outcome")
    return {
        **{name: this[name] for name in ("attempt", "outcome", "shared_alpha", "is_standing")},
        "before": dict(before.iter_rows()),
    }
