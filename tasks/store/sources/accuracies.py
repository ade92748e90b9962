"""How often models were right, and two of them on the same items: what is known before any hypothesis.

An item that was answered several times is one observation; a model has it right where most answers are.
"""

from typing import Any

import numpy as np
import polars as pl

from tasks.stats.accuracy import discordance_pvalue_mcnemar, share_ci_wilson_clustered
from tasks.stats.differences import difference

LEVEL = 0.95
_DIGITS = 4


def accuracies(answers: pl.DataFrame, pair: tuple[str, str] | None) -> dict[str, Any]:
    """`models`, one entry each, and `paired` where two are compared.

    Args:
        answers: columns model (null where there is one alone), item, is_right.
        pair: the two.
    """
    found = [
        _of_model(str(name or ""), rows)
        for (name,), rows in answers.sort("model").group_by("model", maintain_order=True)
    ]
    return {"models": found, **({"paired": _paired(answers, pair)} if pair else {})}


def _of_model(name: str, rows: pl.DataFrame) -> dict[str, Any]:
    right, item = rows["is_right"].cast(pl.Float64).to_numpy(), _numbers(rows["item"])
    lo, hi = share_ci_wilson_clustered(right, item, LEVEL)
    return {
        "model": name,
        "n_answers": rows.height,
        "n_items": rows["item"].n_unique(),
        "accuracy": round(float(right.mean()), _DIGITS),
        "lo": round(lo, _DIGITS),
        "hi": round(hi, _DIGITS),
    }


def by_item(answers: pl.DataFrame, pair: tuple[str, str]) -> pl.DataFrame:
    """Items that both answered, with right_1 and right_2; null where as many answers are right as wrong."""
    share = pl.col("is_right").cast(pl.Float64).mean()
    first, second = (
        answers.filter(model=model)
        .group_by("item")
        .agg(share.alias("share"))
        .select("item", pl.when(pl.col("share") != 0.5).then(pl.col("share") > 0.5).alias(f"right_{place}"))
        for place, model in enumerate(pair, start=1)
    )
    return first.join(second, on="item").sort("item")


def _paired(answers: pl.DataFrame, pair: tuple[str, str]) -> dict[str, Any]:
    """Exact McNemar over items, and the difference of accuracies over the answers to items of both."""
    outcomes = by_item(answers, pair)
    decided = outcomes.drop_nulls()
    only_1 = decided.filter(pl.col("right_1") & ~pl.col("right_2")).height
    only_2 = decided.filter(~pl.col("right_1") & pl.col("right_2")).height
    both = answers.filter(pl.col("model").is_in(pair)).join(outcomes.select("item"), on="item", how="semi")
    n_items = {model: answers.filter(model=model)["item"].n_unique() for model in pair}
    noted: dict[str, Any] = {
        "first": pair[0],
        "second": pair[1],
        "n_items": outcomes.height,
        "n_undecided": outcomes.height - decided.height,
        "n_first_only_right": only_1,
        "n_second_only_right": only_2,
        "n_only_first_answered": n_items[pair[0]] - outcomes.height,
        "n_only_second_answered": n_items[pair[1]] - outcomes.height,
        "p": discordance_pvalue_mcnemar(only_1, only_2),
    }
    if not both.height:
        return noted
    in_first = (both["model"] == pair[0]).to_numpy()
    right = both["is_right"].cast(pl.Float64).to_numpy()[:, None]
    apart = difference(right, in_first, _numbers(both["item"]), LEVEL, binary=True)
    ends = {
        name: round(float(getattr(apart, key)[0]), _DIGITS)
        for name, key in (("difference", "validity"), ("lo", "lo"), ("hi", "hi"))
    }
    return {**noted, **ends}


def _numbers(item: pl.Series) -> np.ndarray:
    return item.rank("dense").cast(pl.Int64).to_numpy()
