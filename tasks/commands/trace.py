"""Print where a discovery comes from, down to its data, and verify every hash on the way."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tasks import paths
from tasks.commands import discovery, output, trace_checks
from tasks.commands.show import small
from tasks.errors import MismatchError, NatstatError
from tasks.store import duck, frames

Row = Mapping[str, Any]
_COLUMNS = (
    "study", "kind", "goal", "run_id", "predicate_id", "predicate", "direction", "is_discovery",
    "estimand", "validity", "lo", "hi", "p", "q", "n_a", "n_b", "engine", "model", "grade", "family",
    "prompt_hash", "split_hash", "code_version",
)  # fmt: skip
_FROZEN = """
SELECT p.judge, p.threshold, p.definition, p.planned_test, s.method
FROM predicates AS p LEFT JOIN scores AS s USING (run_id, predicate_id)
WHERE p.run_id = $run_id AND p.predicate_id = $predicate_id
"""
_CALLS = """
SELECT stage, role, model, count(*) AS n FROM llm_calls WHERE run_id = $run_id GROUP BY ALL ORDER BY ALL
"""
_DATA = "SELECT file, hash FROM files WHERE run_id = $run_id AND stage = 'data'"
_VERDICTS = """
SELECT t."group", v.status, count(*) AS n,
    count(*) FILTER (coalesce(v.score >= $threshold, v.score > 0.5)) AS n_yes
FROM verdicts AS v JOIN texts AS t USING (study, text_id)
WHERE v.study = $study AND v.predicate_id = $predicate_id
GROUP BY ALL ORDER BY ALL
"""


def run(arguments: argparse.Namespace) -> None:
    """Prints the chain and the checks.

    Raises:
        MismatchError: a hash, a row or a figure differs.
    """
    found = traced(arguments.discovery)
    output(found, lines, arguments.json)
    wrong = [check["of"] for check in found["checks"] if check["state"] == "differs"]
    if wrong:
        raise MismatchError(
            f"trace {arguments.discovery}: wanted all as it was recorded; {len(wrong)} of "
            f"{len(found['checks'])} checks differ: {', '.join(wrong)}."
        )


def traced(said: str) -> dict[str, Any]:
    """The chain from a discovery to its data, and what of it could be verified.

    Args:
        said: an id, by `discovery.named`.

    Raises:
        ParamsError: none has such an id, or several have.
        MissingStageError: nothing has been recorded yet.
    """
    row = discovery.named(said)
    of_run = {"run_id": row["run_id"]}
    frozen = duck.query(_FROZEN, {**of_run, "predicate_id": row["predicate_id"]})
    # An earlier release may not have kept them.
    known = frozen.row(0, named=True) if frozen.height else dict.fromkeys(frozen.columns)
    manifest = _manifest(row)
    return {
        "id": discovery.shown(row),
        **{name: row[name] for name in _COLUMNS},
        "found_at": row["run_found_at"].isoformat(timespec="seconds"),
        **known,
        "verdicts": _verdicts(row, known["threshold"]) if manifest else [],
        "calls": duck.query(_CALLS, of_run).to_dicts(),
        "params": json.loads(row["params"]),
        "asked": _asked(row),
        "data": duck.query(_DATA, of_run).to_dicts(),
        "versions": manifest.get("versions", {}),
        "checks": [asdict(check) for check in trace_checks.checks(row)],
    }


def _asked(row: Row) -> dict[str, Any]:
    """The params that are no defaults; all of them where this release does not know one."""
    try:
        study = trace_checks.study_then(row)
    except NatstatError:
        return dict(json.loads(row["params"]))
    return study.model_dump(mode="json", exclude_defaults=True, exclude={"name", "goal"})


def _manifest(row: Row) -> dict[str, Any]:
    """record's manifest; nothing where the study's folder holds another run, or cannot be read."""
    try:
        manifest = frames.read_manifest(paths.output(row["study"], "record"))
    except NatstatError:
        return {}
    return manifest if manifest.get("run_id") == row["run_id"] else {}


def _verdicts(row: Row, threshold: float | None) -> list[dict[str, Any]]:
    """Verdicts by group and status; none where they cannot be read, which the checks tell of."""
    asked = {"study": row["study"], "predicate_id": row["predicate_id"], "threshold": threshold}
    try:
        return duck.query(_VERDICTS, asked).to_dicts()
    except NatstatError:
        return []


def lines(found: Row) -> list[str]:
    """The same as a person reads it."""
    what = "a discovery" if found["is_discovery"] else "tested, no discovery"
    counted = Counter(check["state"] for check in found["checks"])
    return [
        f"{found['id']}: {found['predicate']} (more in {found['direction']}; {what})",
        *[f"  {name:<9} {value}" for name, value in _chain(found).items() if value],
        "checks",
        *[f"  {check['state']:<9} {check['of']}: {check['told']}" for check in found["checks"]],
        f"{counted['verified']} verified, {counted['differs']} differ, {counted['unknown']} cannot be "
        "verified",
    ]


def _chain(found: Row) -> dict[str, str]:
    figures = "{validity:+.3f} [{lo:+.3f}, {hi:+.3f}]".format(**found)
    calls = (f"{one['n']:,} in {one['stage']} ({one['role']}, {one['model']})" for one in found["calls"])
    return {
        "goal": found["goal"],
        "effect": f"{figures} p={small(found['p'])} q={small(found['q'])}, {found['estimand']}, "
        f"by {found['method'] or found['planned_test']}",
        "verdicts": "; ".join(map(_said, found["verdicts"])) or "no longer there",
        "judge": f"{found['judge']}, {_counts(found['threshold'])}",
        "proposed": f"by {found['family']}, prompt {found['prompt_hash'] or 'none'}",
        "frozen": f"predicate {found['predicate_id']}, split {found['split_hash']}, "
        f"test {found['planned_test']}",
        "model": f"{found['model']} (engine {found['engine']})",
        "calls": ", ".join(calls),
        "data": ", ".join(f"{one['file']} {one['hash']}" for one in found["data"]),
        "params": json.dumps(found["asked"], ensure_ascii=False),
        "run": f"{found['run_id']} of {found['study']} ({found['kind']}), found {found['found_at']} UTC",
        "code": found["code_version"],
        "versions": ", ".join(f"{name} {version}" for name, version in found["versions"].items()),
    }


def _said(one: Row) -> str:
    if one["status"] != "value":
        return f"{one['group']} {one['n']:,} {one['status']}"
    return f"{one['group']} {one['n_yes']:,} of {one['n']:,} yes"


def _counts(threshold: float | None) -> str:
    return "graded" if threshold is None else f"a score from {threshold} on counts"
