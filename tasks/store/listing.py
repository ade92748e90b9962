"""All that was tested, study by study, with what became of it: what the site shows and `export` writes.

Of each study the newest run speaks. A discovery of an earlier run that the newest did not test is listed as
well, by the last run that made it.
"""

from collections.abc import Iterable

import polars as pl

from tasks import paths
from tasks.errors import MissingStageError, ParamsError, StoreError, nearest
from tasks.store import duck, frames

HELD, FELL, REJECTED, UNTESTED = "holds", "no longer holds", "was rejected", "not tested again"
STATES = {
    HELD: "a discovery of the study's newest run",
    FELL: "a discovery of an earlier run, tested again in the newest, where it is none",
    UNTESTED: "a discovery of an earlier run that the newest did not test",
    REJECTED: "tested in the newest run, and no discovery of any",
}
"""What may have become of a sentence."""
_COLUMNS = {
    "study": "f.study",
    "kind": "f.kind",
    "goal": "f.goal",
    "predicate_id": "f.predicate_id",
    "predicate": "f.predicate",
    "direction": "f.direction",
    "state": "state",
    "is_discovery": "f.is_discovery",
    "estimand": "coalesce(f.estimand, 'difference of shares')",
    "validity": "coalesce(f.conservative_validity, f.validity)",
    "lo": "f.lo",
    "hi": "f.hi",
    "p": "f.p",
    "q": "f.q",
    "n_a": "f.n_a",
    "n_b": "f.n_b",
    "group_id": "coalesce(f.group_id, f.predicate_id)",
    "grade": "f.grade",
    "family": "f.family",
    "engine": "f.engine",
    "model": "f.model",
    "n_judgements": "f.n_judgements",
    "cost_usd": "f.cost_usd",
    "run_id": "f.run_id",
    "split_hash": "f.split_hash",
    "code_version": "f.code_version",
    "found_at": "f.found_at",
}
_SQL = f"""
WITH
newest AS (SELECT * FROM discoveries WHERE run_id IN (SELECT run_id FROM studies)),
earlier AS (
    SELECT * FROM discoveries
    WHERE is_discovery AND run_id NOT IN (SELECT run_id FROM studies)
    QUALIFY row_number() OVER (
        PARTITION BY study, predicate, direction ORDER BY found_nr DESC, run_id
    ) = 1
),
listed AS (
    SELECT newest.*, CASE
        WHEN newest.is_discovery THEN '{HELD}'
        WHEN earlier.run_id IS NOT NULL THEN '{FELL}'
        ELSE '{REJECTED}' END AS state
    FROM newest
    LEFT JOIN earlier USING (study, predicate, direction)
    UNION ALL BY NAME
    SELECT earlier.*, '{UNTESTED}' AS state
    FROM earlier ANTI JOIN newest USING (study, predicate, direction)
    WHERE study IN (SELECT study FROM studies)
)
SELECT {", ".join(f"{said} AS {name}" for name, said in _COLUMNS.items())}
FROM listed AS f
WHERE ($study = '' OR f.study = $study) AND ($kind = '' OR f.kind = $kind)
ORDER BY f.study, state <> '{HELD}', f.predicate_id, f.run_id
"""  # noqa: S608 - nothing of it comes from outside


def listed(study: str = "", kind: str = "", *, held: bool = False) -> pl.DataFrame:
    """Rows by `_COLUMNS`, with `more_in`: what the group is called in which the sentence holds more often.

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
    more_in = pl.when(pl.col("direction") == "A").then("A").otherwise("B").alias("more_in")
    found = found.join(names, on="run_id", how="left", maintain_order="left")
    found = found.with_columns(more_in).select(*list(_COLUMNS)[:6], "more_in", *list(_COLUMNS)[6:])
    return found.filter(state=HELD) if held else found


def _refuse_unknown(column: str, name: str) -> None:
    if not name:
        return
    known = duck.query(f"SELECT DISTINCT {column} FROM studies ORDER BY ALL")[column].to_list()  # noqa: S608
    if name not in known:
        raise ParamsError(
            f"--{column} {name}: wanted one that has been recorded, {_either(known)}{nearest(name, known)}."
        )


def _either(known: Iterable[str]) -> str:
    return " or ".join(known) or "of which there is none yet"


def _called(study: str, run_id: str) -> tuple[str, str, str]:
    """What a run's groups are called; A and B where its files are those of another run by now."""
    folder = paths.output(study, "record")
    try:
        is_there = frames.read(folder, "runs.parquet", frames.RUNS)["run_id"].to_list() == [run_id]
        names = frames.read_manifest(folder).get("names", {}) if is_there else {}
    except (MissingStageError, StoreError):
        names = {}
    return run_id, names.get("A", "A"), names.get("B", "B")
