"""All that was tested, study by study, with what became of it: what the site shows and `export` writes.

Of each study the newest run speaks. A discovery of an earlier run that the newest did not test is listed as
well, by the last run that made it.
"""

import polars as pl

from tasks import paths
from tasks.errors import MissingStageError, ParamsError, StoreError, nearest
from tasks.store import duck, frames
from tasks.store.sources import wording

HELD, FELL, REJECTED, UNTESTED = "holds", "no longer holds", "was rejected", "not tested again"
STATES = {
    HELD: "a discovery of the study's newest run",
    FELL: "a discovery of an earlier run, tested again in the newest, where it is none",
    UNTESTED: "a discovery of an earlier run that the newest did not test",
    REJECTED: "tested in the newest run, and no discovery of any",
}
"""What may have become of a sentence."""
COLUMNS = {
    "study": "name of the study",
    "kind": "kind of the study",
    "goal": "what was asked",
    "predicate_id": "hash of the hypothesis and of how it is judged",
    "predicate": "the hypothesis, which completes 'the text ...'",
    "direction": "A or B: the group in which it was said to hold more often, before it was tested",
    "more_in": "what that group is called",
    "state": "what became of it: holds, no longer holds, not tested again, or was rejected",
    "is_discovery": "whether it was a discovery in this run",
    "attempt": "of a replication: which attempt it is at the discovery that it tests again",
    "n_attempts": "of a replication: how many attempts there were in all, whatever came of them",
    "estimand": "what validity measures: a difference of shares (-1 to 1), or bits per text",
    "validity": "the effect: share in A minus share in B, or bits gained beside all others",
    "lo": "lower end of its interval",
    "hi": "upper end of its interval",
    "p": "chance of an effect this large if there were none",
    "q": "p corrected for all hypotheses tested in the run",
    "n_a": "verdicts in A",
    "n_b": "verdicts in B",
    "group_id": "predicate_id of the one that it says nearly the same as",
    "grade": "exact: the definition is the claim; proxy, theme: it stands in for it",
    "family": "what proposed it",
    "engine": "who proposed and judged: embedded, llm or replay",
    "model": "model that judged, or whose vectors were used",
    "n_judgements": "verdicts that were asked for",
    "cost_usd": "share of what the answers of models cost, in US dollars",
    "run_id": "the run",
    "split_hash": "hash of which texts lay in which half",
    "code_version": "version of natstat",
    "found_at": "when the run was first recorded (UTC)",
}
"""What is listed, by the name of the column."""
_OTHERWISE = {
    "estimand": "coalesce(estimand, 'difference of shares')",
    # Where a walk stopped early its own estimate leans away from zero: reports show this one, too.
    "validity": "coalesce(conservative_validity, validity)",
    "group_id": "coalesce(group_id, predicate_id)",
}
"""Columns that are not as the table has them."""
_CALLED, _ATTEMPTS = "more_in", ("attempt", "n_attempts")
"""Those that no table has."""
_READ = ", ".join(
    f"{_OTHERWISE.get(name, name)} AS {name}" for name in COLUMNS if name not in {_CALLED, *_ATTEMPTS}
)
_SQL = f"""
WITH
newest AS (SELECT * FROM discoveries WHERE run_id IN (SELECT run_id FROM studies)),
earlier AS (
    SELECT * FROM discoveries
    WHERE is_discovery AND run_id NOT IN (SELECT run_id FROM studies)
    QUALIFY row_number() OVER (
        PARTITION BY study, predicate ORDER BY found_nr DESC, run_id
    ) = 1
),
listed AS (
    SELECT newest.*, CASE
        WHEN newest.is_discovery THEN '{HELD}'
        WHEN earlier.run_id IS NOT NULL THEN '{FELL}'
        ELSE '{REJECTED}' END AS state
    FROM newest
    LEFT JOIN earlier USING (study, predicate)
    UNION ALL BY NAME
    SELECT earlier.*, '{UNTESTED}' AS state
    FROM earlier ANTI JOIN newest USING (study, predicate)
    WHERE study IN (SELECT study FROM studies)
)
SELECT {_READ}
FROM listed
WHERE $study IN ('', study) AND $kind IN ('', kind)
ORDER BY study, state <> '{HELD}', predicate_id, run_id
"""  # noqa: S608 - nothing of it comes from outside


def studies() -> pl.DataFrame:
    """A row a study, by its newest run: study, kind, goal, run_id, n_tested, n_held, recorded_at (UTC).

    Raises:
        MissingStageError: nothing has been recorded yet.
        StoreError: the database is damaged or held by another program.
    """
    return duck.query(
        "SELECT study, kind, goal, run_id, n_predicates AS n_tested, n_discoveries AS n_held, recorded_at "
        "FROM studies ORDER BY study"
    )


def listed(study: str = "", kind: str = "", *, held: bool = False) -> pl.DataFrame:
    """Rows by `COLUMNS`.

    Args:
        study: of which alone; empty: of all.
        kind: of which alone; empty: of all.
        held: only what holds.

    Raises:
        MissingStageError: nothing has been recorded yet.
        ParamsError: no study or kind of that name has been recorded.
        StoreError: the database is damaged or held by another program.
    """
    found = duck.query(_SQL, {"study": study, "kind": kind})
    if not found.height:
        _refuse_unknown("study", study)
        _refuse_unknown("kind", kind)
    called = [_called(*one) for one in found.select("study", "run_id").unique().iter_rows()]
    schema = {"run_id": pl.String, "A": pl.String, "B": pl.String}
    names = pl.DataFrame(called, schema=schema, orient="row")
    more_in = pl.when(pl.col("direction") == "A").then("A").otherwise("B").alias(_CALLED)
    found = found.join(names, on="run_id", how="left", maintain_order="left")
    again = duck.query("replications").select(pl.col("again_run").alias("run_id"), *_ATTEMPTS)
    found = found.join(again, on="run_id", how="left", maintain_order="left")
    found = found.with_columns(more_in).select(*COLUMNS)
    return found.filter(state=HELD) if held else found


def _refuse_unknown(column: str, name: str) -> None:
    if not name:
        return
    known = duck.query(f"SELECT DISTINCT {column} FROM studies ORDER BY ALL")[column].to_list()  # noqa: S608
    if name not in known:
        raise ParamsError(
            f"--{column} {name}: wanted one that has been recorded, {wording.listed(known)}"
            f"{nearest(name, known)}."
        )


def _called(study: str, run_id: str) -> tuple[str, str, str]:
    """What a run's groups are called; A and B where its files are those of another run by now."""
    folder = paths.output(study, "record")
    try:
        is_there = frames.read(folder, "runs.parquet", frames.RUNS)["run_id"].to_list() == [run_id]
        names = frames.read_manifest(folder).get("names", {}) if is_there else {}
    except (MissingStageError, StoreError):
        names = {}
    return run_id, names.get("A", "A"), names.get("B", "B")
