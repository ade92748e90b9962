"""A study as record leaves it, without running the stages: what DuckDB's tests load."""

import json
from collections.abc import Sequence

import polars as pl

from tasks import paths
from tasks.records import Call
from tasks.store import calls, frames
from tasks.study.params import Price

FOUND, NOT_FOUND = True, False
# predicate, direction, validity, half width of the interval, q, is it a discovery, leader of its group
Row = tuple[str, str, float, float, float, bool, str]
PRESS: list[Row] = [
    ('mentions "covid"', "A", 0.27, 0.01, 0.001, FOUND, 'mentions "covid"'),
    ('mentions "virus"', "A", 0.21, 0.01, 0.001, FOUND, 'mentions "covid"'),
    ("is a question", "B", -0.05, 0.04, 0.01, FOUND, "is a question"),
    ("contains 100% digits", "A", 0.01, 0.02, 0.4, NOT_FOUND, "contains 100% digits"),
    ("is long", "A", 0.01, 0.005, 0.01, NOT_FOUND, "is long"),
    ("is short", "B", 0.06, 0.005, 0.01, NOT_FOUND, "is short"),
]


def why_not(q: float, validity: float, direction: str) -> str:
    """As score says it of a fixed plan."""
    if q > 0.05:
        return "not significant"
    return "under the minimum" if (validity > 0) == (direction == "A") else "other direction"


def put_study(
    study: str = "press",
    run_id: str = "run-1",
    rows: Sequence[Row] = PRESS,
    goal: str = "what changed from year to year",
    split_hash: str = "split-1",
    cost_usd: float | None = 0.0,
    asked: Sequence[Call] = (),
    prices: dict[str, Price] | None = None,
) -> None:
    """Writes the folders that formalise, verify, score and record leave, as far as DuckDB reads them.

    `asked` are the paid answers that verify rests on.
    """
    ids = {row[0]: frames.hashed(row[0]) for row in rows}
    table = pl.DataFrame(
        [
            {
                "run_id": run_id, "study": study, "kind": "corpus_pair", "goal": goal, "engine": "embedded",
                "model": "MiniLM", "code_version": "0.1.0", "split_hash": split_hash, "n_texts": 4,
                "n_predicates": len(rows), "n_discoveries": sum(row[5] for row in rows), "n_judgements": 120,
                "cost_usd": cost_usd, "params": json.dumps({"score": {"alpha": 0.05}}),
                "predicate_id": ids[predicate], "predicate": predicate, "direction": direction,
                "family": "words", "grade": "exact", "definition": "{}", "judge": "embedded",
                "threshold": 0.5, "planned_test": "t", "prompt_hash": "", "explore_effect": 0.1,
                "explore_z": 3.0, "weight": 1.0, "validity": validity, "lo": validity - half,
                "hi": validity + half, "p": q / 2, "q": q, "is_discovery": found, "group_id": ids[leader],
                "n_a": 10, "n_b": 10,
                "rated_by": "embedded", "role": "supports", "rank": 1, "text_id": "t0", "group": "A",
                "text": "covid rises", "score": 1.0, "spans": "[[0, 5]]", "status": "value",
                "why": None if found else why_not(q, validity, direction), "text_hash": "h",
                "document_id": "d", "half": "confirm", "n_merged": 1,
            }
            for predicate, direction, validity, half, q, found, leader in rows
        ]
    )  # fmt: skip
    for stage, file, schema, n in (
        ("collect", "texts.parquet", frames.TEXTS, 1),
        ("formalise", "predicates.parquet", frames.PREDICATES, None),
        ("verify", "part-0000.parquet", frames.VERDICTS, None),
        ("score", "scores.parquet", frames.SCORES, None),
        ("record", "runs.parquet", frames.RUNS, 1),
        ("record", "discoveries.parquet", frames.DISCOVERIES, None),
        ("record", "evidence.parquet", frames.EVIDENCE, None),
    ):
        folder = paths.output(study, stage)
        folder.mkdir(parents=True, exist_ok=True)
        missing = [pl.lit(None).alias(name) for name in schema if name not in table.columns]
        frames.write((table if n is None else table.head(n)).with_columns(missing), folder / file, schema)
    paid = frames.from_records(asked, frames.CALLS)
    frames.write(paid, paths.output(study, "verify") / "calls-0000.parquet", frames.CALLS)
    frames.write_manifest(
        paths.output(study, "record"),
        {
            "calls": calls.totals(paid),
            "prices": {model: price.model_dump() for model, price in (prices or {}).items()},
        },
    )


def put_again(
    study: str, rows: Sequence[Row], original: str = "run-1", run_id: str = "", split_hash: str = ""
) -> None:
    """Writes the folders of a study that tested the one discovery of the run `original` again."""
    put_study(study, run_id or f"run-{study}", rows, split_hash=split_hash or f"split-{study}")
    file = paths.output(study, "record") / "runs.parquet"
    replicates = f"{original}/{frames.hashed(rows[0][0])}"
    params = json.dumps({"propose": {"replicates": replicates}, "score": {"alpha": 0.05}})
    runs = frames.read_any(file).with_columns(pl.lit(params).alias("params"))
    frames.write(runs, file, frames.RUNS)
