"""The paid answers that a study's outputs rest on, and what they cost.

A call's price is the same whenever it was paid: a warm rerun, which pays nothing, shows the same cost.
Calls about predicates are shared equally among them; calls about the whole study (a proposal, a rating)
and shares of proposals that were never frozen belong to the run alone. So the run's cost is the sum over
its predicates and what they have in common. Cost is None where a model has no price: unknown is not free.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from tasks import paths
from tasks.store import frames
from tasks.study.params import Price

STAGES = ("collect", "propose", "verify", "record")
"""Stages that may ask a paid model."""
FILES = "calls*.parquet"
_PER = 1_000_000
TOKENS = ("tokens_in", "tokens_out", "tokens_cached")
Prices = Mapping[str, Price]


def read(study: str, stages: Sequence[str] = STAGES) -> pl.DataFrame:
    """Rows of frames.CALLS, one per answer, by stage and request; none where nothing is paid.

    Raises:
        StoreError: a file is damaged or of another version.
    """
    parts = [_read(file) for stage in stages for file in sorted(paths.output(study, stage).glob(FILES))]
    return once(parts)


def once(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The parts as one; an answer that several rest on counts where it was first used."""
    whole = pl.concat([frames.CALLS.to_frame(), *parts])
    return whole.unique("request_hash", keep="first", maintain_order=True)


def _read(file: Path) -> pl.DataFrame:
    return frames.read(file.parent, file.name, frames.CALLS)


def totals(calls: pl.DataFrame) -> dict[str, int]:
    """How many calls, and how many tokens in, out and cached."""
    return {"n_calls": calls.height, **{name: int(calls[name].sum()) for name in TOKENS}}


def cost_usd(calls: pl.DataFrame, prices: Prices) -> float | None:
    """What all of them cost; None where one of their models has no price."""
    return summed(price_of_each(calls.group_by("model").agg(pl.sum(*TOKENS)), prices))


def price_of_each(rows: pl.DataFrame, prices: Prices) -> list[float | None]:
    """What each row's tokens of its model cost; None where it has no price."""
    tokens = rows.select("model", *TOKENS).iter_rows()
    return [price_usd(model, came, went, cached, prices) for model, came, went, cached in tokens]


def cost_usd_by_predicate(calls: pl.DataFrame, prices: Prices) -> dict[str, float | None]:
    """Each predicate's share of the calls about it; None where one of their models has no price."""
    shares: dict[str, list[float | None]] = {}
    # Tokens are summed first: whole numbers, so the order of the calls cannot change the last digit.
    alike = calls.group_by("predicate_ids", "model").agg(pl.sum(*TOKENS))
    for about, price in zip(alike["predicate_ids"].to_list(), price_of_each(alike, prices), strict=True):
        for predicate_id in about:
            shares.setdefault(predicate_id, []).append(None if price is None else price / len(about))
    return {predicate_id: summed(parts) for predicate_id, parts in shares.items()}


def summed(parts: Sequence[float | None]) -> float | None:
    """Their sum, the same in whatever order; None where one is not known."""
    known = [part for part in parts if part is not None]
    return math.fsum(known) if len(known) == len(parts) else None


def price_usd(
    model: str, tokens_in: int, tokens_out: int, tokens_cached: int, prices: Prices
) -> float | None:
    """What these tokens of a model cost; None where it has no price."""
    price = prices.get(model)
    if price is None:
        return None
    of_cached = price.input if price.cached is None else price.cached
    cached = min(tokens_cached, tokens_in)
    return ((tokens_in - cached) * price.input + cached * of_cached + tokens_out * price.output) / _PER
