"""What is to be paid before a study has rows: answers that models are yet to write; nobody is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tasks import kinds
from tasks.store import calls
from tasks.study import Study

_MOST_MISSING = 0.5
"""Share of a model's answers without which nothing can be told of the study."""


def ahead(study: Study) -> list[dict[str, Any]]:
    """Of each model how many answers are missing, and what they cost at most (None: it has no price).

    Raises:
        SourceError: prompts cannot be read.
    """
    return [
        {
            **asdict(one),
            "cost_usd": calls.price_usd(one.model, one.tokens_in, one.tokens_out, 0, study.spend.prices),
        }
        for one in kinds.load(study.kind).unasked(study)
    ]


def is_too_early(found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether so much is missing that there is no study to look at yet."""
    return any(one["n_missing"] > _MOST_MISSING * one["n"] for one in found)


def lines(study: str, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The same as a person reads it; nothing where nothing is missing."""
    missing = [one for one in found if one["n_missing"]]
    if not missing:
        return []
    head = f"{study}: answers are yet to be written. `natstat collect --study {study}` asks for them"
    rows = [
        f"  {one['name']}: {one['n_missing']:,} of {one['n']:,} answers are missing, {_most(one)}"
        for one in missing
    ]
    early = ["What the study can find is told when they are there."] if is_too_early(found) else []
    return [head, *rows, *early]


def _most(one: Mapping[str, Any]) -> str:
    tokens = f"at most {one['tokens_in']:,} tokens in and {one['tokens_out']:,} out"
    if one["cost_usd"] is None:
        return f"{tokens}; the price of {one['model']} is not known (spend.prices)"
    return f"{tokens}, {one['cost_usd']:,.2f} USD"
