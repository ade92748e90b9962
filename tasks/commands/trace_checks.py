"""What of a discovery can be verified: hashes, rows, and its figures computed again from the verdicts."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from tasks import kinds, paths, record
from tasks.errors import MissingStageError, NatstatError, ParamsError, SourceError
from tasks.records import Predicate
from tasks.score import stage as score
from tasks.store import answers, disk, duck, dvc_lock, files, frames, past_runs
from tasks.store.version import code_version
from tasks.study import Study
from tasks.study.reading import study_of

Row = Mapping[str, Any]
State = Literal["verified", "differs", "unknown"]
_CLOSE = 1e-9
"""Two computations of one figure may differ by so much in its last digits."""
_GONE = "the study ran again since, or its files are gone"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    of: str
    state: State
    """`unknown`: it cannot be verified, which `told` gives the reason of."""
    told: str


def checks(row: Row) -> list[Check]:
    """All that can be looked at of a discovery, one by one.

    Args:
        row: what `discovery.named` gives.
    """
    whole: list[Callable[[Row], Iterator[Check]]] = [_database, _past_run, _files]
    here: list[Callable[[Row], Iterator[Check]]] = [_run_id, _frozen, _effect, _judge, _lock]
    found = [check for look in whole for check in _looked(look, row)]
    if _is_here(row):
        found += [check for look in here for check in _looked(look, row)]
    else:
        folder = _named(paths.output(row["study"], "record"))
        told = f"{folder} holds another run, or none: {_GONE}"
        found.append(Check("verdicts and figures", "unknown", told))
    return [*found, *_looked(_answers, row), _code(row)]


def study_then(row: Row) -> Study:
    """The study as it was asked when the run was recorded.

    Raises:
        ParamsError: this release does not know its params.
    """
    return study_of(row["study"], json.loads(row["params"]))


def _looked(look: Callable[[Row], Iterator[Check]], row: Row) -> list[Check]:
    """Its checks; what stands in the way is one, too."""
    of = look.__name__.strip("_").replace("_", " ")
    try:
        with disk.damage_reported(paths.data() / row["study"]):
            return list(look(row))
    except (MissingStageError, ParamsError, SourceError) as error:
        return [Check(of, "unknown", str(error))]
    except NatstatError as error:
        return [Check(of, "differs", str(error))]


def _is_here(row: Row) -> bool:
    """Whether the study's folders hold this run; a damaged one does, as far as can be told."""
    folder = paths.output(row["study"], "record")
    if not (folder / "runs.parquet").is_file():
        return False
    try:
        return bool(frames.read_any(folder / "runs.parquet")["run_id"].item() == row["run_id"])
    except (NatstatError, pl.exceptions.PolarsError, ValueError):
        return bool(row["is_newest"])


def _database(row: Row) -> Iterator[Check]:
    """The row of DuckDB beside the rows of Parquet that it came from."""
    kept = past_runs.folder_of(row["run_id"])
    places = [] if kept is None else [(kept / "discoveries.parquet", "data/.runs")]
    if _is_here(row):
        folder = paths.output(row["study"], "record")
        places.append((folder / "discoveries.parquet", _named(folder)))
    if kept is None:
        yield Check("row in DuckDB", "unknown", "data/.runs has no folder of this run. Run `natstat load`")
    for file, place in places:
        rows = frames.read_any(file).filter(predicate_id=row["predicate_id"])
        if rows.height != 1:
            yield Check("row in DuckDB", "differs", f"{place} has {rows.height} rows of it, not one")
            continue
        wrong = _unlike(row, rows.row(0, named=True), exact=True)
        yield _of("row in DuckDB", wrong, f"as in {place}")


def _past_run(row: Row) -> Iterator[Check]:
    """The bytes of the run's folder in data/.runs."""
    kept = past_runs.folder_of(row["run_id"])
    if kept is None:
        return
    written = past_runs.hashes(kept)
    if not written:
        told = f"{_named(kept)} has no hashes: an earlier release wrote it, or they are gone"
        yield Check("recorded Parquet", "unknown", told)
        return
    wrong = [f"{file.name} {why}" for file, why in past_runs.changed(written)]
    yield _of("recorded Parquet", wrong, f"{len(written)} files of {_named(kept)}")


def _files(row: Row) -> Iterator[Check]:
    """What the run rests on, stage by stage, by the hashes that were recorded."""
    known, is_here = _recorded_files(row), _is_here(row)
    if known.is_empty():
        yield Check("files", "unknown", "an earlier release recorded the run, without their hashes")
    elif "data" not in known["stage"]:
        yield Check("files of data", "unknown", "the output of collect was fetched, not made from them here")
    for (stage,), part in known.group_by("stage", maintain_order=True):
        states = {file: _state(file, was) for file, was in part.select("file", "hash").iter_rows()}
        changed = [file for file, state in states.items() if state == "changed"]
        lost = [f"{file}: {state}" for file, state in states.items() if state not in {"same", "changed"}]
        told = f"{len(states)} file{'s' if len(states) > 1 else ''}: {', '.join(states)}"
        if changed and is_here:
            yield Check(f"files of {stage}", "differs", f"{', '.join(changed)}: changed since the run")
        elif changed or lost:
            why = ", ".join(lost) or f"{', '.join(changed)}: {_GONE}"
            yield Check(f"files of {stage}", "unknown", why)
        else:
            yield Check(f"files of {stage}", "verified", told)


def _recorded_files(row: Row) -> pl.DataFrame:
    """Stage, file and hash of all that the run rests on; no rows where an earlier release recorded it."""
    sql = "SELECT stage, file, hash FROM files WHERE run_id = $run_id"
    return duck.query(sql, {"run_id": row["run_id"]})


def _state(file: str, was: str) -> str:
    """`same`, `changed`, or why it is not known."""
    place = paths.source(file)
    if not place.exists():
        return "gone"
    try:
        return "same" if files.place_hash(place) == was else "changed"
    except SourceError:
        return "cannot be read"


def _run_id(row: Row) -> Iterator[Check]:
    """The run's id from all that it follows from: the run's row, what was frozen, what came out."""
    run = frames.read(paths.output(row["study"], "record"), "runs.parquet", frames.RUNS).row(0, named=True)
    study, read = study_then(row), frames.read
    judges = record.read_judges(study)
    made = record.id_of(
        {name: value for name, value in run.items() if name != "run_id"},
        read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES),
        read(paths.output(study.name, "score"), "scores.parquet", frames.SCORES),
        judges,
    )
    wrong = [] if made == row["run_id"] else [f"it would be {made}"]
    yield _of("run id", wrong, "it follows from the run's row, the frozen predicates and the scores")


def _frozen(row: Row) -> Iterator[Check]:
    """The predicate and the split as they were frozen, before any verdict."""
    study = row["study"]
    frozen = frames.read(paths.output(study, "formalise"), "predicates.parquet", frames.PREDICATES)
    one = frozen.filter(predicate_id=row["predicate_id"]).row(0, named=True)
    texts = frames.read(paths.output(study, "collect"), "texts.parquet", frames.TEXTS)
    verified = frames.read_manifest(paths.output(study, "verify"))
    for of, made, was in (
        ("predicate", frames.hashed(one["predicate"], one["definition"]), row["predicate_id"]),
        ("frozen predicates", frames.frozen_hash(frozen), verified["frozen_hash"]),
        ("split", frames.split_hash(texts), one["split_hash"]),
    ):
        yield _of(of, [] if made == was else [f"its hash is {made}, not {was}"], f"hash {was}")


def _effect(row: Row) -> Iterator[Check]:
    """The figures computed again from the verdicts, as score computes them."""
    study = study_then(row)
    table = score.score_table(score.read(study).scored()[0])
    again = table.filter(predicate_id=row["predicate_id"]).row(0, named=True)
    wrong = _unlike(row, {name: again[name] for name in again if name in row})
    told = "{validity:+.4f} [{lo:+.4f}, {hi:+.4f}] p={p:.3g} q={q:.3g}".format(**again)
    yield _of("figures from the verdicts", wrong, f"the same again: {told}")


def _judge(row: Row) -> Iterator[Check]:
    """Whether the judge that was frozen, prompts included, is the one that this code would ask."""
    study = study_then(row)
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    one = Predicate(**frozen.filter(predicate_id=row["predicate_id"]).row(0, named=True))
    kind = kinds.load(study.kind)
    name = kind.judge(study, kind.actors(study.engine)).name
    if name == one.judge:
        yield Check("judge and prompts", "verified", f"{name}, as this release asks")
    else:
        yield Check("judge and prompts", "unknown", f"frozen was {one.judge}; this release has {name}")


def _lock(row: Row) -> Iterator[Check]:
    """The outputs of the study's stages beside dvc.lock.

    Whoever runs stages without DVC leaves the lock of an earlier run. Then an output is not what the lock
    says, and is what the run recorded.
    """
    seen = list(dvc_lock.outputs(row["study"]))
    if not seen:
        yield Check("DVC's lock", "unknown", "dvc.lock does not have the study: no `dvc repro` ran it")
        return
    changed = [place for _, place, now, was in seen if now is not None and now != was]
    recorded = dict(_recorded_files(row).select("file", "hash").iter_rows())
    own = [place for place in changed if _is_as_recorded(place, recorded)]
    # What reports show is nobody's input and has no recorded hash: it goes with the run.
    of_run = [place for place in changed if place in own or (own and paths.reports() in place.parents)]
    gone = [_named(place) for _, place, now, _ in seen if now is None]
    if gone and not changed:
        yield Check("DVC's lock", "unknown", f"{', '.join(gone)}: gone")
        return
    if of_run and of_run == changed:
        told = (
            f"dvc.lock is of another run: what it says of {', '.join(map(_named, of_run))} is not what this "
            "run recorded, which is there, manifests aside. `dvc commit` writes it down"
        )
        yield Check("DVC's lock", "unknown", told)
        return
    wrong = [f"{_named(place)} is not what dvc.lock says" for place in changed if place not in of_run]
    yield _of("DVC's lock", wrong, f"{len(seen)} outputs as dvc.lock has them")


def _is_as_recorded(place: Path, recorded: Mapping[str, str]) -> bool:
    """Whether a folder's tables and vectors are those that the run recorded, all of them and no others."""
    known = {file: was for file, was in recorded.items() if (paths.root() / file).parent == place}
    held = {file: now for _, file, now in files.written_by("", place)}
    # The table of hashes is written last, and has none of its own.
    held.pop(_named(place / "files.parquet"), None)
    return bool(known) and known == held


def _answers(row: Row) -> Iterator[Check]:
    """The answers of language models that its verdicts rest on."""
    sql = """
    SELECT request_hash FROM llm_calls
    WHERE run_id = $run_id AND (len(predicate_ids) = 0 OR list_contains(predicate_ids, $predicate_id))
    """
    wanted = {"run_id": row["run_id"], "predicate_id": row["predicate_id"]}
    asked = duck.query(sql, wanted)["request_hash"].to_list()
    if not asked:
        if row["engine"] == "llm":
            yield Check("answers", "unknown", "the run's calls are not remembered")
        return
    known = answers.intact(asked)
    damaged = [key for key in asked if known.get(key) is False]
    missing = len(asked) - len(known)
    if missing and not damaged:
        told = f"{missing} of {len(asked)} are not in {answers.shown()}"
        yield Check("answers", "unknown", told)
        return
    wrong = [f"{len(damaged)} of {len(asked)} are damaged"] if damaged else []
    yield _of("answers", wrong, f"{len(asked)} stored answers, by their checksums")


def _code(row: Row) -> Check:
    if row["code_version"] == code_version():
        return Check("code", "verified", f"{row['code_version']}, which is this one")
    return Check("code", "unknown", f"{row['code_version']} made it; this is {code_version()}")


def _unlike(row: Row, other: Row, *, exact: bool = False) -> list[str]:
    """Cells that both have and that differ, in words."""
    return [
        f"{name} is {row[name]!r}, not {value!r}"
        for name, value in other.items()
        if name in row and not _same(row[name], value, exact)
    ]


def _same(one: Any, other: Any, exact: bool) -> bool:
    if not isinstance(one, float) or not isinstance(other, float):
        return bool(one == other)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other if exact else math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _of(of: str, wrong: Sequence[str], told: str) -> Check:
    return Check(of, "differs" if wrong else "verified", "; ".join(wrong) or told)


def _named(place: Any) -> str:
    return str(place.relative_to(paths.root()).as_posix())
