"""Register a past discovery to be tested again on other data, as a study of its own."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from tasks import formalise, kinds, paths, study
from tasks.collect.stage import collected
from tasks.commands import discovery, output
from tasks.errors import MissingStageError, ParamsError
from tasks.store import duck, holdout, originals
from tasks.store.originals import Original
from tasks.study import Study, adding

_FROZEN = """
SELECT definition, judge, threshold, explore_effect, explore_z FROM predicates
WHERE run_id = $run_id AND predicate_id = $predicate_id
"""


def run(arguments: argparse.Namespace) -> None:
    """Writes it, and says what is registered."""
    output(registered(arguments.discovery, study.load(arguments.study)), lines, arguments.json)


def registered(said: str, new: Study) -> dict[str, Any]:
    """Writes the registration and names it in the study's entry; nothing where one of them cannot be.

    Args:
        said: an id, by `discovery.named`.
        new: the study with the new data, an entry of params.yaml.

    Raises:
        ParamsError: there is no such discovery, or it cannot be tested by that study.
        CorpusError: the study's texts were asked before.
        SourceError: its data cannot be read.
        StoreError: a file cannot be written.
    """
    row = discovery.named(said)
    original = _original(row)
    _check(row, new, original)
    found = collected(new)
    seen = holdout.moved_by_seen(row["run_id"], row["study"], found.texts, found.documents)
    formalise.check_new(new, seen)
    file = originals.write(original)
    if new.propose.replicates is None:
        adding.add_block(new.name, "propose", {"replicates": original.id})
    return {
        "study": new.name,
        "replicates": original.id,
        "original": discovery.shown(row),
        "predicate": original.predicate,
        "direction": original.direction,
        "more_in": found.manifest["names"][original.direction],
        "was_more_in": _was_more_in(row),
        **{name: row[name] for name in ("validity", "lo", "hi")},
        "moved_by_seen": seen["moved"],
        "moved_by_documents": seen["of_documents"],
        "file": file.relative_to(paths.root()).as_posix(),
    }


def _original(row: Mapping[str, Any]) -> Original:
    keys = {"run_id": row["run_id"], "predicate_id": row["predicate_id"]}
    frozen = duck.query(_FROZEN, keys)
    if frozen.is_empty():
        raise MissingStageError(
            f"{discovery.shown(row)}: wanted what was frozen of it, an earlier release did not keep it. Run "
            f"its study again: `dvc repro record@{row['study']}`."
        )
    params = json.loads(row["params"])
    own = ("run_id", "study", "kind", "engine", "predicate_id", "predicate", "direction", "grade")
    found = ("prompt_hash", "estimand", "validity", "lo", "hi", "q", "code_version")
    return Original(
        **{name: row[name] for name in (*own, *found)},
        **frozen.row(0, named=True),
        encoder=originals.encoder(params["embed"]),
        form=params["verify"]["form"],
    )


def _check(row: Mapping[str, Any], new: Study, original: Original) -> None:
    """Refuses what would be no replication.

    Raises:
        ParamsError: it says why.
    """
    where = f"studies.{new.name}"
    if not row["is_discovery"]:
        raise ParamsError(
            f"{discovery.shown(row)}: wanted a discovery, it was tested and is none. Test it as a sentence "
            "of your own: propose.also."
        )
    if new.name == row["study"]:
        raise ParamsError(
            f"--study {new.name}: wanted another study than the one that found it. Add an entry for the "
            "new data."
        )
    if why := kinds.load(new.kind).cannot_replicate:
        raise ParamsError(f"{where}: wanted another kind than {new.kind}: {why}.")
    if new.propose.replicates not in {None, original.id}:
        raise ParamsError(
            f"{where}.propose.replicates: wanted one discovery a study, it tests {new.propose.replicates}. "
            "Add another entry."
        )
    originals.check_fits(new, original)


def _was_more_in(row: Mapping[str, Any]) -> str:
    collect = json.loads(row["params"])["collect"]
    side = row["direction"].lower()
    name = collect.get(f"{side}_name") or collect.get(side)
    return str(name) if isinstance(name, str | int | float) else row["direction"]


def lines(found: Mapping[str, Any]) -> list[str]:
    """What is registered, and what to do next."""
    moved, name = found["moved_by_seen"], found["study"]
    seen = "is not known" if moved is None else f"by {moved:.1%} at most"
    documents = "are not known" if found["moved_by_documents"] is None else "counted in"
    return [
        f"{name} tests {found['original']} again, and nothing else: {found['predicate']}",
        f"  found      {found['validity']:+.2f} [{found['lo']:+.2f}, {found['hi']:+.2f}], more in "
        f"{found['direction']}, which was {found['was_more_in']}",
        f"  frozen     more in {found['direction']}, which is {found['more_in']} here; two-sided, one "
        "hypothesis",
        f"  new texts  how far those that the original had could move the effect: {seen}"
        f" (other texts of its documents: {documents})",
        f"  written    {found['file']}, and studies.{name}.propose.replicates; commit both before you run it",
        f"Next: natstat check --study {name}; dvc repro report@{name}; natstat query replications",
    ]
