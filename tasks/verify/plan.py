"""What one run of verify judges, and one part of it: a shard of the texts, or one look of a walk.

A part that is there is never judged again. Its verdicts are written last: where they are, what the gold judge
said of the same texts, the members of a panel and the calls are there as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import EngineError, FrozenError
from tasks.records import Call, Predicate
from tasks.store import answers, frames, labels
from tasks.store.version import code_version
from tasks.study import Study
from tasks.verdicts import bets as scale
from tasks.verdicts import gold_draw as sample
from tasks.verdicts.matrices import GoldVerdicts, gold_matrix, groups_and_documents, verdict_matrix
from tasks.verdicts.walk import Walk
from tasks.verify.rows import gold_frame, order_frame, panel_frame, verdict_frame

_UNFINISHED = "calls-unfinished"
"""Calls about a part that has no verdicts, for want of money."""


@dataclass(frozen=True)
class Plan:
    """What one run of the stage judges, checked against the freeze."""

    study: Study
    texts: pl.DataFrame
    predicates: list[Predicate]
    frozen_hash: str

    @property
    def kind(self) -> kinds.Kind:
        """What differs between kinds."""
        return kinds.load(self.study.kind)

    @cached_property
    def held_out(self) -> pl.DataFrame:
        """The texts to be judged; `row` is their place among all texts, which what is written has not."""
        kind = self.kind
        if not kind.writes_pairs:
            return kind.held_out(self.study, self.texts.with_row_index("row"))
        file = self.parts / "fresh.parquet"
        if not file.is_file():
            made = cast(kinds.WritingKind, kind).written(self.study, self.texts, self.predicates)
            _leave_calls(self, "calls-written", 0, made.calls)
            frames.write_file_whole(made.rows, file, frames.FRESH)
        return frames.read(self.parts, file.name, frames.FRESH).with_columns(row=0)

    @cached_property
    def judge(self) -> roles.Judge:
        """One for all shards: a judge may have read a file of verdicts."""
        return roles.load(self.study.engine).judge(self.study)

    @cached_property
    def gold_judge(self) -> roles.GoldJudge | None:
        """The better judge of a sample, where the study names one."""
        return roles.gold_judge(self.study) if self.study.gold.texts else None

    @cached_property
    def chance(self) -> Float[np.ndarray, " text"]:
        """Of each of all texts to go to the gold judge, whatever is said of it; 0 if not held out."""
        chance = np.zeros(self.texts.height)
        chance[self.held_out["row"].to_numpy()] = sample.chances(self.held_out, self.study.gold.texts)
        return chance

    @cached_property
    def labels(self) -> GoldVerdicts | None:
        """People's verdicts, where a walk bets on them; whoever else needs them reads them later."""
        if self.labels_read is None:
            return None
        matrix = gold_matrix(self.held_out, self.predicates, self.labels_read)
        return scale.of_file(matrix, *groups_and_documents(self.held_out))

    @cached_property
    def labels_read(self) -> pl.DataFrame | None:
        """The rows of frames.GOLD that these are."""
        if not (self.walks and self.study.gold.decides and self.study.label_file):
            return None
        return labels.read(self.study, self.held_out, self.predicates)

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

    def shard(self, number: int) -> slice:
        """The rows of `held_out` that a shard judges."""
        return slice(number * self.shard_size, (number + 1) * self.shard_size)

    def walk(self) -> Walk:
        """At its start."""
        weight = None if self.labels is None else scale.largest_weight(self.labels)
        return self.kind.walk(self.study, self.held_out, self.predicates, weight=weight)

    def file(self, name: str, part: int) -> Path:
        """Where a finished shard, or look of a walk, leaves its rows of that name."""
        return self.parts / f"{name}-{part:04d}.parquet"

    def files(self, name: str) -> list[Path]:
        """The finished files of that name."""
        return sorted(self.parts.glob(f"{name}-*.parquet"))

    @property
    def ended(self) -> Path:
        """Is there while a walk stands where its budget ended."""
        return self.parts / "ended"

    @cached_property
    def parts(self) -> Path:
        """The folder of the finished parts; another one for all that would be judged otherwise."""
        # The frozen predicates name the judge, whose name holds a hash of models, sampling and prompt.
        fingerprint = frames.hashed(
            self.frozen_hash,
            *(frames.file_hash(file) for file in judged_files(self.study)),
            self.study.verify.model_dump_json(),
            self.study.gold.model_dump_json(),
            self.gold_judge.name if self.gold_judge else "",
            *self._written_by,
            str(self.study.seed),
            code_version(),
        )
        return paths.parts(self.study.name, "verify", fingerprint)

    @property
    def _written_by(self) -> tuple[str, ...]:
        """All that pairs written for the test follow from, beside the predicates; nothing of other kinds."""
        if not kinds.load(self.study.kind).writes_pairs:
            return ()
        study = self.study
        asked = study.llm.model_dump_json() if study.engine == "llm" else ""
        return study.failures.model_dump_json(exclude={"transfer"}), asked


def judged_files(study: Study) -> list[Path]:
    """All that a verdict follows from beside the predicate: texts, recorded verdicts, vectors, labels."""
    collected = sorted(paths.output(study.name, "collect").glob("*.parquet"))
    label = [labels.file_of(study)] if study.label_file and study.gold.decides else []
    embed = paths.output(study.name, "embed")
    files = [*collected, *sorted({embed / "embeddings.npy", *embed.glob("*.npy")})]
    return [*files, *(file for file in label if file.is_file())]


def judge_part(plan: Plan, part: int, predicates: Sequence[Predicate], texts: pl.DataFrame) -> None:
    """Judges these pairs and leaves them as one part; where the budget ends before, what was paid.

    Raises:
        FrozenError: the judge is not the one that the predicates were frozen with.
        EngineError: the judge or the gold judge failed.
    """
    before = answers.newest()
    try:
        _judge_part(plan, part, predicates, texts)
    except EngineError as error:
        if error.out_of_budget:
            _leave_unfinished(plan, part, before)
        raise
    plan.file(_UNFINISHED, part).unlink(missing_ok=True)


def _judge_part(plan: Plan, part: int, predicates: Sequence[Predicate], texts: pl.DataFrame) -> None:
    embeddings = frames.read_embeddings(paths.output(plan.study.name, "embed"), plan.texts.height)
    judge = plan.judge
    if any(p.judge != judge.name for p in plan.predicates):
        raise FrozenError(
            f"predicates were frozen for judge {plan.predicates[0].judge}, not {judge.name}."
            " Rerun formalise, or set the params back."
        )
    rows = texts["row"].to_numpy()
    judged = judge.judge(predicates, texts.drop("row"), embeddings[rows])
    verdicts = verdict_frame(predicates, texts["text_id"], judged)
    _leave_calls(plan, "calls", part, judged.calls)
    if judged.first is not None:
        orders = order_frame(verdicts, judged.first)
        frames.write_file_whole(orders, plan.file("orders", part), frames.ORDERS)
    if judged.each is not None:
        panel = panel_frame(predicates, texts["text_id"], judged.each, judged.judges)
        frames.write_file_whole(panel, plan.file("panel", part), frames.PANEL)
    if plan.gold_judge and plan.study.gold.choose == "random":
        chance = plan.chance[rows][:, None]
        is_drawn = sample.drawn(texts, plan.chance[rows], plan.study.seed)[:, None]
        _ask_gold(plan, part, predicates, texts, is_drawn & (judged.status == roles.VALUE), chance)
    frames.write_file_whole(verdicts, plan.file("part", part), frames.VERDICTS)


def ask_gold_where_unsure(plan: Plan) -> None:
    """Asks the gold judge where the judge is unsure, which is known when all shards are judged; by shards."""
    verdicts = pl.scan_parquet(plan.files("part"), glob=False)
    score, status = verdict_matrix(plan.held_out, plan.predicates, verdicts)
    known = np.where(status == roles.VALUE, score, np.nan)
    chance = sample.chances_uncertain(plan.held_out, plan.study.gold.texts, known)
    ids = [p.predicate_id for p in plan.predicates]
    wanted = sample.drawn_pairs(plan.held_out, chance, plan.study.seed, ids)
    for shard in range(plan.n_shards):
        if not plan.file("gold", shard).is_file():
            at = plan.shard(shard)
            _ask_gold(plan, shard, plan.predicates, plan.held_out[at], wanted[at], chance[at])


def _ask_gold(
    plan: Plan,
    part: int,
    predicates: Sequence[Predicate],
    texts: pl.DataFrame,
    wanted: Bool[np.ndarray, "text predicate"],
    chance: Float[np.ndarray, "text predicate"],
) -> None:
    """Leaves what the gold judge says of these pairs; it comes with every part, be it empty."""
    assert plan.gold_judge is not None  # noqa: S101 - asked for
    judged = plan.gold_judge.judge_pairs(predicates, texts.drop("row"), wanted)
    whole = np.broadcast_to(chance, wanted.shape)
    rows = gold_frame(predicates, texts["text_id"], judged, wanted, whole)
    _leave_calls(plan, "calls-gold", part, judged.calls)
    frames.write_file_whole(rows, plan.file("gold", part), frames.GOLD)


def _leave_unfinished(plan: Plan, part: int, before: int) -> None:
    """Leaves the calls that a part without verdicts has cost: a walk may end here, and be paid for."""
    with answers.opened() as store:
        paid = store.paid(plan.study.name, "verify", before)
    file = plan.file(_UNFINISHED, part)
    # A run before may have ended at the same part.
    there = [frames.read(file.parent, file.name, frames.CALLS)] if file.is_file() else []
    rows = pl.concat([*there, paid.select(frames.CALLS.names())])
    tokens = [name for name in frames.CALLS if name.startswith("tokens_")]
    # A request that was paid twice, for an answer of no use at first, cost both.
    rest = [pl.first(name) for name in frames.CALLS if name not in {"request_hash", *tokens}]
    whole = rows.group_by("request_hash").agg(*rest, *(pl.sum(name) for name in tokens)).sort("request_hash")
    if whole.height:
        frames.write_file_whole(whole, file, frames.CALLS)


def _leave_calls(plan: Plan, name: str, part: int, calls: Sequence[Call]) -> None:
    if calls:
        rows = frames.from_records(calls, frames.CALLS)
        frames.write_file_whole(rows, plan.file(name, part), frames.CALLS)
