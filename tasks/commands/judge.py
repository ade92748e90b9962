"""What a study's judge is worth at questions with known answers (`natstat judge`), before it is trusted.

The questions are put to the study's own judge and paid within its budget; an answer that is kept is not paid
again. How they are made and what passes is in engines/llm/planting.py and checking.py.
"""

import argparse
from collections.abc import Mapping
from typing import Any

import polars as pl

from tasks import kinds
from tasks.collect.stage import collected
from tasks.commands import output
from tasks.engines import roles
from tasks.engines.llm import checking
from tasks.errors import ParamsError
from tasks.study import Study, load


def run(arguments: argparse.Namespace) -> None:
    """Prints it, and fails where the judge is no better than chance."""
    study = load(arguments.study)
    found = measured(study)
    output(found, lines, arguments.json)
    checking.refuse(found, study)


def measured(study: Study) -> dict[str, Any]:
    """What each judge got right, how it errs, and what a judgement takes.

    Raises:
        ParamsError: no language model judges texts in this study.
        SourceError: a source cannot be read.
        CorpusError: its texts cannot answer the question.
        EngineError: the endpoint cannot be used, or the budget is reached.
    """
    texts = collected(study).texts if study.engine == "llm" else None
    if texts is None or not can_be_measured(study, texts):
        raise ParamsError(
            f"studies.{study.name}: wanted a study whose texts a language model judges, to measure it; got "
            f"`engine: {study.engine}` and kind {study.kind}."
        )
    return {"study": study.name, **checking.checked(study, texts).told(study)}


def can_be_measured(study: Study, texts: pl.DataFrame) -> bool:
    """Whether a language model judges, which could err, and there are questions with known answers for it."""
    return kinds.load(study.kind).judge_errs and roles.can_be_checked(study, texts)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures as a person reads them."""
    told = [line for one in found["judges"] for line in judge_lines(one)]
    money = "unknown" if found["cost_usd"] is None else f"{found['cost_usd']:,.4f}"
    return [
        f"{found['study']}: {found['n_judgements']} questions with known answers to the judge",
        *told,
        f"  {found['n_calls']} calls, {found['tokens_in']:,} tokens in ({found['tokens_cached']:,} cached), "
        f"{found['tokens_out']:,} out, {money} USD; {speed(found)}",
    ]


def speed(found: Mapping[str, Any]) -> str:
    """Tokens and seconds of a judgement."""
    tokens_in, tokens_out = (found[name] / found["n_judgements"] for name in ("tokens_in", "tokens_out"))
    seconds = found["seconds_a_judgement"]
    time = "" if seconds is None else f", {seconds:.2f} s"
    return f"a judgement: {tokens_in:,.0f} tokens in, {tokens_out:,.1f} out{time}"


def judge_lines(one: Mapping[str, Any]) -> list[str]:
    """What one judge is worth."""
    rows = [
        f"  {one['model']}: {'passes' if one['passes'] else 'REFUSED'}, {one['words']}",
        f"    right {one['n_right']} of {one['n_questions']}"
        + _and("balanced accuracy", one["balanced_accuracy"], one["lo"], one["hi"])
        + _and("sensitivity", one["sensitivity"])
        + _and("specificity", one["specificity"])
        + _and("AUROC", one["auroc"]),
    ]
    bias = "" if one["yes_bias"] is None else f", yes-bias {one['yes_bias']:+.2f}"
    rows.append(f"    in form {one['in_form']:.2f}{bias}{_and('untouched right', one['untouched'])}")
    places = ", ".join(f"{place} {share:.2f}" for place, share in one["by_place"].items())
    told = [
        _and("the same verdict when asked again", one["consistency"]),
        _and("another verdict in another order", one["flips"]),
        _and("leaning to the first text", one["first_bias"]),
        f", sensitivity by place: {places}" if places else "",
        _and("obeys who orders yes", one["obeyed"]),
    ]
    more = "".join(told).removeprefix(", ")
    return [*rows, *([f"    {more}"] if more else [])]


def _and(name: str, value: float | None, lo: float | None = None, hi: float | None = None) -> str:
    if value is None:
        return ""
    ends = "" if lo is None else f" [{lo:.2f}, {hi:.2f}]"
    return f", {name} {value:.2f}{ends}"
