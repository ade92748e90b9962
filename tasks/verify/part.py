"""One part of a run of verify: a shard of the rows, or one look of a walk.

A part that is there is never judged again. Its verdicts are written last: where they are, what the gold judge
said of the same texts, the members of a panel and the calls are there as well.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks import paths
from tasks.engines import roles
from tasks.errors import EngineError, FrozenError
from tasks.records import Predicate
from tasks.store import answers, frames
from tasks.verdicts import gold_draw
from tasks.verdicts.matrices import verdict_matrix
from tasks.verify.plan import Plan
from tasks.verify.rows import gold_frame, order_frame, panel_frame, verdict_frame

_UNFINISHED = "calls-unfinished"
"""Calls about a part that has no verdicts, for want of money."""


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
    plan.keep_calls("calls", part, judged.calls)
    if judged.first is not None:
        each = judged.score[None] if judged.each is None else judged.each
        names = judged.judges or (judge.model,)
        orders = order_frame(predicates, texts["text_id"], each, judged.first, names)
        frames.write_file_whole(orders, plan.file("orders", part), frames.ORDERS)
    if judged.each is not None:
        panel = panel_frame(predicates, texts["text_id"], judged.each, judged.judges)
        frames.write_file_whole(panel, plan.file("panel", part), frames.PANEL)
    if plan.gold_judge and plan.study.gold.choose == "random":
        chance = plan.chance[rows][:, None]
        is_drawn = gold_draw.are_drawn(texts, plan.chance[rows], plan.study.seed)[:, None]
        _ask_gold(plan, part, predicates, texts, is_drawn & (judged.status == roles.VALUE), chance)
    frames.write_file_whole(verdicts, plan.file("part", part), frames.VERDICTS)


def ask_gold_where_unsure(plan: Plan) -> None:
    """Asks the gold judge where the judge is unsure, which is known when all shards are judged; by shards."""
    verdicts = pl.scan_parquet(plan.files("part"), glob=False)
    score, status = verdict_matrix(plan.held_out, plan.predicates, verdicts)
    known = np.where(status == roles.VALUE, score, np.nan)
    chance = gold_draw.chances_uncertain(plan.held_out, plan.study.gold.texts, known)
    ids = [p.predicate_id for p in plan.predicates]
    wanted = gold_draw.are_pairs_drawn(plan.held_out, chance, plan.study.seed, ids)
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
    plan.keep_calls("calls-gold", part, judged.calls)
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
