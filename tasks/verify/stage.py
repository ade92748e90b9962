"""Judge every frozen predicate on the confirmation half.

Reads:      4_predicates, 1_texts, 2_embeddings; data/labels where a sequential plan is decided by them
Writes:     5_verdicts/part-*.parquet: one row per predicate and confirmation text; where a language
            model was asked calls-*.parquet, of a panel panel-*.parquet, where it compared two texts
            orders-*.parquet; where a gold judge was asked gold.parquet; of encoder failures fresh.parquet,
            the pairs that were written to test them
Guarantees: exploration and confirmation share no text, or nothing is judged; only what was frozen is
            judged, by the judge it was frozen with; a missing verdict is a row, and so is a pair that a
            sequential plan did not ask about; what the gold judge reads is drawn by chance alone; a judge
            that says nothing of most pairs ends the study here
Not here:   proposing, changing a threshold, any test; how a part is judged (part.py)
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import paths, progress
from tasks.engines import roles
from tasks.errors import EngineError, FrozenError, MissingStageError, SplitError
from tasks.records import Predicate
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.judged import with_gaps
from tasks.verdicts.matrices import GoldVerdicts, gold_matrix
from tasks.verdicts.planned import check_plan
from tasks.verdicts.walk import DECISIONS, Walk
from tasks.verify import gaps, part
from tasks.verify.plan import Plan, judged_files
from tasks.verify.rows import verdict_frame

_Look = Callable[[Plan, int, Sequence[Predicate], pl.DataFrame], pl.DataFrame | None]
"""Gives the verdicts of a look, or None where the budget ended before."""


def run(study: Study) -> dict[str, Any]:
    """Runs the stage, shard by shard, and gives its manifest."""
    plan = _plan(study)
    if plan.walks:
        _run_shard(plan, 0)
    else:
        for shard in progress.track(range(plan.n_shards), f"verify {study.name}", plan.n_shards):
            _run_shard(plan, shard)
    return _finish(plan)


def shards(study: Study) -> int:
    """How many shards `run_shard` must be called for."""
    return _plan(study).n_shards


def run_shard(study: Study, shard: int) -> bool:
    """Judges one shard unless it is there already, and says whether it was to be judged."""
    return _run_shard(_plan(study), shard)


def finish(study: Study) -> dict[str, Any]:
    """Turns the finished shards into the stage's output."""
    return _finish(_plan(study))


def _plan(study: Study) -> Plan:
    """The plan, made once for all shards that this process runs while its inputs stay as they are."""
    files = [*judged_files(study), paths.output(study.name, "formalise") / "predicates.parquet"]
    stamps = tuple((file, file.stat().st_mtime_ns) for file in files if file.is_file())
    return _planned(study, stamps)


@lru_cache(maxsize=1)
def _planned(study: Study, stamps: tuple[tuple[Path, int], ...]) -> Plan:
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    folder = paths.output(study.name, "formalise")
    frame = frames.read(folder, "predicates.parquet", frames.PREDICATES)
    frozen_hash = frames.read_manifest(folder)["frozen_hash"]
    if frames.frozen_hash(frame) != frozen_hash:
        raise FrozenError(f"{folder}: predicates changed after they were frozen. Rerun formalise.")
    predicates = [Predicate(**row) for row in frame.iter_rows(named=True)]
    check_halves(texts, predicates)
    check_plan(study, predicates)
    return Plan(study, texts, predicates, frozen_hash)


def check_halves(texts: pl.DataFrame, predicates: Sequence[Predicate]) -> None:
    """Refuses to go on unless the halves are disjoint and the split is the frozen one.

    Raises:
        SplitError: a text (by hash) stands in both halves.
        FrozenError: the split is not the one the predicates were frozen with.
    """
    halves = texts.group_by("text_hash").agg(pl.col("half").n_unique()).filter(pl.col("half") > 1)
    if halves.height:
        some = ", ".join(halves["text_hash"].sort().head(5))
        raise SplitError(f"{halves.height} texts stand in both halves (text_hash {some}). Rerun collect.")
    split_hash = frames.split_hash(texts)
    if any(p.split_hash != split_hash for p in predicates):
        raise FrozenError("the split changed after the predicates were frozen. Rerun propose and formalise.")


def _run_shard(plan: Plan, shard: int) -> bool:
    if plan.walks:
        plan.ended.unlink(missing_ok=True)  # there may be more money by now
        _walked(plan, _looked)
        return True
    is_there = plan.file("part", shard).is_file()
    if not is_there:
        part.judge_part(plan, shard, plan.predicates, plan.held_out[plan.shard(shard)])
    gaps.check_parts(plan)
    return not is_there


def _walked(plan: Plan, look: _Look) -> tuple[Walk, roles.Judgements]:
    """The whole walk, with its verdicts look by look; pairs it does not come to are `absent`."""
    walk = plan.walk()
    in_a = (plan.held_out["group"] == "A").to_numpy()
    shape = (plan.held_out.height, len(plan.predicates))
    score, status = np.full(shape, np.nan), np.full(shape, roles.ABSENT, dtype=np.uint8)
    with progress.bar(f"verify {plan.study.name}", len(walk.batches)) as advance:
        while walk.going.any():
            rows, at = walk.batches[walk.n_looks], np.flatnonzero(walk.going)
            found = look(plan, walk.n_looks, [plan.predicates[k] for k in at], plan.held_out[rows])
            if found is None:
                walk.stop()
                break
            codes = found["status"].replace_strict(roles.STATUSES, range(len(roles.STATUSES)))
            values = found["score"].fill_null(float("nan"))
            score[np.ix_(rows, at)] = values.to_numpy().reshape(at.size, rows.size).T
            status[np.ix_(rows, at)] = codes.to_numpy().reshape(at.size, rows.size).T
            taken = with_gaps(score[rows], status[rows], in_a[rows], plan.kind.gaps)
            walk.take(taken, status[rows], _gold_of(plan, walk.n_looks, rows))
            gaps.check_status(plan, status, whole=not walk.going.any())
            advance(note=lambda: f"{walk.going.sum()} of {walk.going.size} predicates undecided")
    return walk, roles.Judgements(score, status)


def _gold_of(plan: Plan, look: int, rows: np.ndarray) -> GoldVerdicts | None:
    """What the gold judge said of a look, where it decides."""
    if not plan.study.gold.decides:
        return None
    if plan.labels is not None:
        return plan.labels.at(rows)
    said = frames.read(plan.parts, plan.file("gold", look).name, frames.GOLD)
    return gold_matrix(plan.held_out[rows], plan.predicates, said)


def _looked(
    plan: Plan, look: int, predicates: Sequence[Predicate], texts: pl.DataFrame
) -> pl.DataFrame | None:
    """The look's verdicts, predicate by predicate; judged only where an earlier run did not come to it."""
    file = plan.file("part", look)
    if not file.is_file():
        try:
            part.judge_part(plan, look, predicates, texts)
        except EngineError as error:
            if not error.out_of_budget or not look:
                raise
            plan.ended.touch()
            print(
                f"verify {plan.study.name}: the budget ended the walk after {look} looks, "
                f"{len(predicates)} predicates undecided; what was judged counts. To go on, raise "
                f"spend.budget_usd and run "
                f"`dvc repro --force --single-item verify@{plan.study.name}`.",
                file=sys.stderr,
            )
            return None
    return frames.read(plan.parts, file.name, frames.VERDICTS)


def _look_there(
    plan: Plan, look: int, predicates: Sequence[Predicate], texts: pl.DataFrame
) -> pl.DataFrame | None:
    if plan.file("part", look).is_file():
        return _looked(plan, look, predicates, texts)
    if plan.ended.is_file():
        return None
    raise MissingStageError(f"{plan.parts}: look {look + 1} is not judged. Rerun verify.")


def _finish(plan: Plan) -> dict[str, Any]:
    if not plan.walks:
        _check_shards(plan)
    with frames.writing(paths.output(plan.study.name, "verify")) as folder:
        manifest = {
            "n_predicates": len(plan.predicates),
            "n_texts": plan.held_out.height,
            "frozen_hash": plan.frozen_hash,
            "judge": plan.predicates[0].judge,
            **(_write_walk(plan, folder) if plan.walks else _copy_shards(plan, folder)),
            **(_write_gold(plan, folder) if plan.gold_judge else {}),
            **({} if plan.labels_read is None else {"labels_hash": frames.gold_hash(plan.labels_read)}),
            **_asked(plan),
        }
        written = [plan.written_file] if plan.kind.written else []
        for file in (*plan.files("calls"), *plan.files("orders"), *plan.files("panel"), *written):
            shutil.copyfile(file, folder / file.name)
        frames.write_manifest(folder, manifest)
    if not plan.ended.is_file():
        shutil.rmtree(plan.parts.parent, ignore_errors=True)
    return manifest


def _check_shards(plan: Plan) -> None:
    """All shards must be there; what only all of them can tell the gold judge is asked now."""
    n_there = len(plan.files("part"))
    if n_there < plan.n_shards:
        raise MissingStageError(
            f"{plan.parts}: {n_there} of {plan.n_shards} shards are judged. Rerun verify."
        )
    gaps.check_parts(plan, whole=True)
    if plan.gold_judge and plan.study.gold.choose == "uncertain":
        part.ask_gold_where_unsure(plan)


def _copy_shards(plan: Plan, folder: Path) -> dict[str, Any]:
    """Puts the shards' verdicts there, and gives what they come to."""
    files = plan.files("part")
    for file in files:
        shutil.copyfile(file, folder / file.name)
    counts = dict(pl.scan_parquet(files, glob=False).group_by("status").agg(pl.len()).collect().iter_rows())
    n_verdicts = {status: int(counts.get(status, 0)) for status in roles.STATUSES}
    n_other = plan.held_out.height * len(plan.predicates) - plan.n_pairs
    n_verdicts[roles.STATUSES[roles.ABSENT]] -= n_other
    return {"n_verdicts": n_verdicts}


def _write_walk(plan: Plan, folder: Path) -> dict[str, Any]:
    """Writes the walk's verdicts and a row for every pair it did not come to, and gives what they come to."""
    walk, judged = _walked(plan, _look_there)
    for number, start in enumerate(range(0, plan.held_out.height, plan.shard_size)):
        at = slice(start, start + plan.shard_size)
        some = roles.Judgements(judged.score[at], judged.status[at])
        rows = verdict_frame(plan.predicates, plan.held_out["text_id"][at], some)
        frames.write(rows, folder / f"part-{number:04d}.parquet", frames.VERDICTS)
    counts = np.bincount(judged.status.ravel(), minlength=len(roles.STATUSES)).tolist()
    rule = plan.study.verify.sequential
    n_grid = plan.n_pairs
    counts[roles.ABSENT] -= judged.status.size - n_grid
    return {
        "n_verdicts": dict(zip(roles.STATUSES, counts, strict=True)),
        "plan": plan.study.verify.plan,
        "sequential": rule.model_dump(),
        "n_asked": n_grid - counts[roles.ABSENT],
        "n_grid": n_grid,
        "n_looks": walk.n_looks,
        "decisions": {decision: walk.decisions.count(decision) for decision in DECISIONS},
        **({"ended": "budget"} if plan.ended.is_file() else {}),
    }


def _write_gold(plan: Plan, folder: Path) -> dict[str, Any]:
    """Writes the gold judge's verdicts, and gives what they come to."""
    assert plan.gold_judge is not None  # noqa: S101 - asked for
    # However many parts there were, and in whatever order they came.
    rows = pl.concat([frames.read(file.parent, file.name, frames.GOLD) for file in plan.files("gold")])
    frames.write(rows.sort("predicate_id", "text_id"), folder / "gold.parquet", frames.GOLD)
    return {
        "gold": {
            "judge": plan.gold_judge.name,
            "texts": plan.study.gold.texts,
            "choose": plan.study.gold.choose,
            "n_asked": rows.height,
            "n_refused": rows.filter(pl.col("status") != "value").height,
            "n_gold_texts": rows["text_id"].n_unique(),
        }
    }


def _asked(plan: Plan) -> dict[str, Any]:
    """What language models were asked, each answer counted once; nothing where none was."""
    files = plan.files("calls")
    if not files:
        return {}
    calls = pl.scan_parquet(files, glob=False).unique("request_hash")
    tokens = calls.select(pl.len(), pl.col("^tokens_.*$").sum()).collect().row(0, named=True)
    # Whom no model of the study's own judged, the gold judge alone read.
    read = pl.scan_parquet(plan.files("part" if plan.study.engine == "llm" else "gold"), glob=False)
    texts = plan.held_out.lazy().join(read.select("text_id"), on="text_id", how="semi")
    n_cut = texts.filter(pl.col("text").str.len_chars() > plan.study.verify.max_chars).select(pl.len())
    return {
        "n_calls": tokens.pop("len"),
        "tokens": {name.removeprefix("tokens_"): count for name, count in tokens.items()},
        "n_cut": int(n_cut.collect().item()),
    }
