"""Judge every frozen predicate on the confirmation half.

Reads:      4_predicates, 1_texts, 2_embeddings
Writes:     5_verdicts/part-*.parquet: one row per predicate and confirmation text; where a language
            model was asked calls-*.parquet, and where it compared two texts orders-*.parquet
Guarantees: exploration and confirmation share no text, or nothing is judged; only what was frozen is
            judged, by the judge it was frozen with; a missing verdict is a row, and so is a pair that a
            sequential plan did not ask about
Not here:   proposing, changing a threshold, any test
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds, paths, progress
from tasks.engines import roles
from tasks.errors import EngineError, FrozenError, MissingStageError, SplitError
from tasks.kinds.walk import DECISIONS, Walk, check_plan
from tasks.records import Predicate
from tasks.stats.differences import difference
from tasks.store import frames
from tasks.study import Study
from tasks.version import code_version

ROUNDING = 1e-3
"""How far outside 0-1 a judge's arithmetic may take a score; it is clipped."""
POSITION_BIAS_LEVEL = 0.95
"""Coverage of the interval of the position bias."""


@dataclass(frozen=True)
class _Plan:
    """What one run of the stage judges, checked against the freeze."""

    study: Study
    texts: pl.DataFrame
    predicates: list[Predicate]
    frozen_hash: str

    @cached_property
    def held_out(self) -> pl.DataFrame:
        numbered = self.texts.with_row_index("row")
        return kinds.load(self.study.kind).held_out(self.study, numbered)

    @cached_property
    def judge(self) -> roles.Judge:
        """One for all shards: a judge may have read a file of verdicts."""
        return roles.load(self.study.engine).judge(self.study)

    @property
    def shard_size(self) -> int:
        """Texts per shard; where they come in pairs, no pair is cut."""
        size = self.study.verify.shard_size
        return max(2, size - size % 2) if self.paired else size

    @property
    def paired(self) -> bool:
        """Whether texts are compared with each other."""
        return "pair" in self.held_out.columns

    @property
    def walks(self) -> bool:
        """Whether predicates are judged only until they are decided."""
        return self.study.verify.plan == "sequential"

    @property
    def n_shards(self) -> int:
        """A walk is one: each of its looks follows from those before."""
        return 1 if self.walks else -(-self.held_out.height // self.shard_size)

    def file(self, name: str, part: int) -> Path:
        """Where a finished shard, or look of a walk, leaves its rows of that name."""
        return self.parts / f"{name}-{part:04d}.parquet"

    def files(self, name: str) -> list[Path]:
        """The finished files of that name."""
        return sorted(self.parts.glob(f"{name}-*.parquet"))

    @cached_property
    def parts(self) -> Path:
        # The frozen predicates name the judge, whose name holds a hash of models, sampling and prompt.
        fingerprint = frames.hashed(
            self.frozen_hash,
            *(frames.file_hash(file) for file in judged_files(self.study)),
            self.study.verify.model_dump_json(),
            str(self.study.seed),
            code_version(),
        )
        return paths.parts(self.study.name, "verify", fingerprint)


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


def run_shard(study: Study, shard: int) -> None:
    """Judges one shard unless it is there already."""
    _run_shard(_plan(study), shard)


def finish(study: Study) -> dict[str, Any]:
    """Turns the finished shards into the stage's output."""
    return _finish(_plan(study))


def judged_files(study: Study) -> list[Path]:
    """All that a verdict follows from beside the predicate: texts, recorded verdicts, vectors."""
    collected = sorted(paths.output(study.name, "collect").glob("*.parquet"))
    return [*collected, paths.output(study.name, "embed") / "embeddings.npy"]


def _plan(study: Study) -> _Plan:
    """The plan, made once for all shards that this process runs while its inputs stay as they are."""
    files = [*judged_files(study), paths.output(study.name, "formalise") / "predicates.parquet"]
    stamps = tuple((file, file.stat().st_mtime_ns) for file in files if file.is_file())
    return _planned(study, stamps)


@lru_cache(maxsize=1)
def _planned(study: Study, stamps: tuple[tuple[Path, int], ...]) -> _Plan:
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    folder = paths.output(study.name, "formalise")
    frame = frames.read(folder, "predicates.parquet", frames.PREDICATES)
    frozen_hash = frames.read_manifest(folder)["frozen_hash"]
    if frames.frozen_hash(frame) != frozen_hash:
        raise FrozenError(f"{folder}: predicates changed after they were frozen. Rerun formalise.")
    predicates = [Predicate(**row) for row in frame.iter_rows(named=True)]
    check_halves(texts, predicates)
    check_plan(study, predicates)
    return _Plan(study, texts, predicates, frozen_hash)


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


def _run_shard(plan: _Plan, shard: int) -> None:
    if plan.walks:
        _walked(plan, _looked)
    elif not plan.file("part", shard).is_file():
        _judged(plan, shard, plan.predicates, plan.held_out.slice(shard * plan.shard_size, plan.shard_size))


def _walked(
    plan: _Plan, look: Callable[[_Plan, int, Sequence[Predicate], pl.DataFrame], pl.DataFrame]
) -> tuple[Walk, roles.Judgements]:
    """The whole walk, with its verdicts look by look; pairs it does not come to are `absent`."""
    walk = kinds.load(plan.study.kind).walk(plan.study, plan.held_out, plan.predicates)
    shape = (plan.held_out.height, len(plan.predicates))
    score, status = np.full(shape, np.nan), np.full(shape, roles.ABSENT, dtype=np.uint8)
    with progress.bar(f"verify {plan.study.name}", len(walk.batches)) as advance:
        while walk.going.any():
            rows, at = walk.batches[walk.n_looks], np.flatnonzero(walk.going)
            found = look(plan, walk.n_looks, [plan.predicates[k] for k in at], plan.held_out[rows])
            codes = found["status"].replace_strict(roles.STATUSES, range(len(roles.STATUSES)))
            values = found["score"].fill_null(float("nan"))
            score[np.ix_(rows, at)] = values.to_numpy().reshape(at.size, rows.size).T
            status[np.ix_(rows, at)] = codes.to_numpy().reshape(at.size, rows.size).T
            walk.take(score[rows], status[rows])
            advance(note=lambda: f"{walk.going.sum()} of {walk.going.size} predicates undecided")
    return walk, roles.Judgements(score, status)


def _looked(plan: _Plan, look: int, predicates: Sequence[Predicate], texts: pl.DataFrame) -> pl.DataFrame:
    """The look's verdicts, predicate by predicate; judged only where an earlier run did not come to it."""
    file = plan.file("part", look)
    if not file.is_file():
        _judged(plan, look, predicates, texts)
    return frames.read(plan.parts, file.name, frames.VERDICTS)


def _look_there(plan: _Plan, look: int, predicates: Sequence[Predicate], texts: pl.DataFrame) -> pl.DataFrame:
    if not plan.file("part", look).is_file():
        raise MissingStageError(f"{plan.parts}: look {look + 1} is not judged. Rerun verify.")
    return _looked(plan, look, predicates, texts)


def _judged(plan: _Plan, part: int, predicates: Sequence[Predicate], texts: pl.DataFrame) -> None:
    """Judges these pairs and leaves them as one part."""
    embeddings = frames.read_embeddings(paths.output(plan.study.name, "embed"), plan.texts.height)
    judge = plan.judge
    if any(p.judge != judge.name for p in plan.predicates):
        raise FrozenError(
            f"predicates were frozen for judge {plan.predicates[0].judge}, not {judge.name}."
            " Rerun formalise, or set the params back."
        )
    judged = judge.judge(predicates, texts.drop("row"), embeddings[texts["row"].to_numpy()])
    verdicts = verdict_frame(predicates, texts["text_id"], judged)
    # The part comes last: where it is, the others are.
    if judged.calls:
        calls = frames.from_records(judged.calls, frames.CALLS)
        frames.write_file_whole(calls, plan.file("calls", part), frames.CALLS)
    if judged.first is not None:
        orders = order_frame(verdicts, judged.first)
        frames.write_file_whole(orders, plan.file("orders", part), frames.ORDERS)
    frames.write_file_whole(verdicts, plan.file("part", part), frames.VERDICTS)


def verdict_frame(
    predicates: Sequence[Predicate], text_ids: pl.Series, judged: roles.Judgements
) -> pl.DataFrame:
    """The judge's matrices as rows, predicate by predicate.

    Raises:
        EngineError: a score outside 0-1, or a verdict that is neither value nor named gap.
    """
    shape = (len(text_ids), len(predicates))
    if judged.score.shape != shape or judged.status.shape != shape:
        raise EngineError(f"judge gave {judged.score.shape} verdicts, wanted {shape}.")
    is_value = judged.status == roles.VALUE
    if np.isnan(judged.score[is_value]).any():
        raise EngineError("judge gave a value that is not a number.")
    if ((judged.score[is_value] < -ROUNDING) | (judged.score[is_value] > 1 + ROUNDING)).any():
        raise EngineError("judge gave a score outside 0-1.")
    values = np.where(is_value, judged.score.clip(0, 1), np.nan)
    score = pl.Series("score", values.T.ravel()).fill_nan(None)
    return pl.DataFrame(
        {
            "predicate_id": np.repeat([p.predicate_id for p in predicates], len(text_ids)),
            "text_id": np.tile(text_ids.to_numpy(), len(predicates)),
            "score": score,
            "status": np.array(roles.STATUSES)[judged.status.T.ravel()],
        },
        schema=frames.VERDICTS,
    )


def order_frame(verdicts: pl.DataFrame, first: Float[np.ndarray, "text predicate"]) -> pl.DataFrame:
    """What each text scored when it was shown first and when second, where both are known."""
    shown = pl.Series("first", first.T.ravel()).fill_nan(None)
    second = (2 * pl.col("score") - pl.col("first")).clip(0, 1)  # the score is the mean of both
    orders = verdicts.with_columns(shown).filter(pl.col("score").is_not_null() & shown.is_not_null())
    return frames.conform(orders.with_columns(second=second), frames.ORDERS)


def _finish(plan: _Plan) -> dict[str, Any]:
    with frames.writing(paths.output(plan.study.name, "verify")) as folder:
        manifest = {
            "n_predicates": len(plan.predicates),
            "n_texts": plan.held_out.height,
            "frozen_hash": plan.frozen_hash,
            "judge": plan.predicates[0].judge,
            **(_write_walk(plan, folder) if plan.walks else _copy_shards(plan, folder)),
            **({"position_bias": _position_bias(plan)} if plan.paired else {}),
        }
        for file in (*plan.files("calls"), *plan.files("orders")):
            shutil.copyfile(file, folder / file.name)
        frames.write_manifest(folder, manifest)
    shutil.rmtree(plan.parts.parent, ignore_errors=True)
    return manifest


def _copy_shards(plan: _Plan, folder: Path) -> dict[str, Any]:
    """Puts the shards' verdicts there, and gives what they come to."""
    files = plan.files("part")
    if len(files) < plan.n_shards:
        raise MissingStageError(
            f"{plan.parts}: {len(files)} of {plan.n_shards} shards are judged. Rerun verify."
        )
    for file in files:
        shutil.copyfile(file, folder / file.name)
    counts = dict(pl.scan_parquet(files, glob=False).group_by("status").agg(pl.len()).collect().iter_rows())
    n_verdicts = {status: int(counts.get(status, 0)) for status in roles.STATUSES}
    return {"n_verdicts": n_verdicts, **_asked(plan, plan.held_out["text"])}


def _write_walk(plan: _Plan, folder: Path) -> dict[str, Any]:
    """Writes the walk's verdicts and a row for every pair it did not come to, and gives what they come to."""
    walk, judged = _walked(plan, _look_there)
    for part, start in enumerate(range(0, plan.held_out.height, plan.shard_size)):
        at = slice(start, start + plan.shard_size)
        some = roles.Judgements(judged.score[at], judged.status[at])
        rows = verdict_frame(plan.predicates, plan.held_out["text_id"][at], some)
        frames.write(rows, folder / f"part-{part:04d}.parquet", frames.VERDICTS)
    counts = np.bincount(judged.status.ravel(), minlength=len(roles.STATUSES)).tolist()
    rule = plan.study.verify.sequential
    return {
        "n_verdicts": dict(zip(roles.STATUSES, counts, strict=True)),
        "plan": plan.study.verify.plan,
        "sequential": rule.model_dump(),
        "n_asked": judged.status.size - counts[roles.ABSENT],
        "n_grid": judged.status.size,
        "n_looks": walk.n_looks,
        "decisions": {decision: walk.decisions.count(decision) for decision in DECISIONS},
        **_asked(plan, plan.held_out["text"][np.concatenate(walk.batches[: walk.n_looks])]),
    }


def _asked(plan: _Plan, texts: pl.Series) -> dict[str, Any]:
    """What a language model was asked about these, each answer counted once; nothing where none was."""
    files = plan.files("calls")
    if not files:
        return {}
    calls = pl.scan_parquet(files, glob=False).unique("request_hash")
    tokens = calls.select(pl.len(), pl.col("^tokens_.*$").sum()).collect().row(0, named=True)
    chars = texts.str.len_chars()
    return {
        "n_calls": tokens.pop("len"),
        "tokens": {name.removeprefix("tokens_"): count for name, count in tokens.items()},
        "n_cut": int((chars > plan.study.verify.max_chars).sum()),
    }


def _position_bias(plan: _Plan) -> dict[str, Any]:
    """How much more a text scores when it is shown first, over all pairs and predicates; by pair."""
    pairs = plan.held_out.select("text_id", pair=pl.col("pair").rank("dense")).lazy()
    orders = pl.scan_parquet(plan.files("orders"), glob=False).join(pairs, on="text_id").collect()
    if orders.is_empty():
        return {"bias": None, "lo": None, "hi": None, "n_pairs": 0}
    score = np.concatenate([orders["first"].to_numpy(), orders["second"].to_numpy()])
    is_first = np.repeat([True, False], orders.height)
    pair = np.tile(orders["pair"].to_numpy().astype(np.int64), 2)
    found = difference(score[:, None], is_first, pair, POSITION_BIAS_LEVEL, binary=False)
    estimate = {name: float(getattr(found, name)[0]) for name in ("validity", "lo", "hi")}
    return {"bias": estimate.pop("validity"), **estimate, "n_pairs": int(found.n_documents[0])}
