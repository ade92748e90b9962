"""How often models were right, item by item, as counts: what an accuracy and its interval follow from.

An item that was answered several times is one observation; a model has it right where most answers are.
"""

from typing import Any

import polars as pl

_HALF = 0.5
_N_RIGHT, _N = pl.col("is_right").sum().alias("n_right"), pl.len().alias("n")


def counted(answers: pl.DataFrame, pair: tuple[str, str] | None) -> dict[str, Any]:
    """`models`, one entry each, and `paired` where two are compared.

    Items that came out alike are counted together: of a model [n right, n answers, n items]; of two models
    [n right, n answers of the first, n right, n answers of the second, n items].

    Args:
        answers: columns model (null where there is one alone), item, is_right.
        pair: the two.
    """
    by_model = answers.group_by("model", "item").agg(_N_RIGHT, _N)
    found = [
        {"model": name or "", "items": _alike(rows.select("n_right", "n"))}
        for (name,), rows in by_model.sort("model").group_by("model", maintain_order=True)
    ]
    return {"models": found, **({"paired": _paired(answers, pair)} if pair else {})}


def by_item(answers: pl.DataFrame, pair: tuple[str, str]) -> pl.DataFrame:
    """Items that both answered: n_right and n of each, and right_1 and right_2.

    Right is null where as many answers are right as wrong.
    """
    first, second = (
        answers.filter(model=model).group_by("item").agg(_N_RIGHT, _N).with_columns(right=_mostly())
        for model in pair
    )
    first = first.rename({name: f"{name}_1" for name in ("n_right", "n", "right")})
    second = second.rename({name: f"{name}_2" for name in ("n_right", "n", "right")})
    return first.join(second, on="item").sort("item")


def _mostly() -> pl.Expr:
    share = pl.col("n_right") / pl.col("n")
    return pl.when(share != _HALF).then(share > _HALF)


def _paired(answers: pl.DataFrame, pair: tuple[str, str]) -> dict[str, Any]:
    both = by_item(answers, pair)
    n_items = {model: answers.filter(model=model)["item"].n_unique() for model in pair}
    return {
        "first": pair[0],
        "second": pair[1],
        "n_only_first_answered": n_items[pair[0]] - both.height,
        "n_only_second_answered": n_items[pair[1]] - both.height,
        "items": _alike(both.select("n_right_1", "n_1", "n_right_2", "n_2")),
    }


def _alike(outcomes: pl.DataFrame) -> list[list[int]]:
    """Each outcome there is, and last how many items have it."""
    names = outcomes.columns
    return [list(row) for row in outcomes.group_by(names).len().sort(names).rows()]
