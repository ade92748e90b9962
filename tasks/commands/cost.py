"""What a study would ask of paid models, told before anything is spent (`natstat cost`).

How calls are counted is in engines/llm/loads.py; answers that must be mended or asked again are left aside.
The command first measures the judge (engines/llm/checking.py), within the budget, as `propose` would do
anyway: what a judgement takes is then known. With `--no-judge` nobody is asked and nothing is written.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

import polars as pl

from tasks import kinds
from tasks.collect.stage import Collected, collected
from tasks.commands import check, judge, label, output, unasked
from tasks.engines.llm import checking, loads
from tasks.engines.llm.loads import Load
from tasks.errors import EngineError
from tasks.report import filters
from tasks.store import answers, calls, media
from tasks.study import Study, load
from tasks.study.params import RoleName

Factors = tuple[float, float]
"""Of a model: its tokens in and out, over those that are estimated."""


@dataclass(frozen=True)
class Asked:
    """What one stage asks of one model in one role."""

    stage: str
    role: RoleName
    model: str
    n_calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    """None where the model has no price."""


def run(arguments: argparse.Namespace) -> None:
    """Prints it."""
    output(preview(load(arguments.study), measure=not arguments.no_judge), lines, arguments.json)


def preview(study: Study, *, measure: bool = False) -> dict[str, Any]:
    """At most so many judgements, calls, tokens and US dollars, and what is paid already.

    Args:
        study: what would run.
        measure: whether its judge is asked questions with known answers, which costs; a judge that cannot be
            asked is told under `measured`, and leaves the figures as they are.

    Raises:
        SourceError: a source cannot be read.
        CorpusError: its texts cannot answer the question.
    """
    kind, missing = kinds.load(study.kind), unasked.ahead(study)
    if unasked.is_too_early(missing):
        return {
            "study": study.name,
            "kind": study.kind,
            "unasked": missing,
            "cost_usd": calls.summed([one["cost_usd"] for one in missing]),
            "paid_usd": paid_usd(study),
        }
    found = _with_sizes(collected(study))
    held_out = kind.units(study, found.texts)
    # A language model is asked where the test looks; all others read everything.
    judged = held_out
    if study.engine == "llm":
        judged = pl.concat([kind.compared(study, of) for of in held_out.partition_by("group")])
    sizes: dict[str, Any] = {
        "study": study.name,
        "kind": study.kind,
        "engine": study.engine,
        **({"of_pictures": True} if media.are_pictures(found.texts) else {}),
        "n_predicates": kind.most_predicates(study),
        "n_asked": len(check.asked(study, found)),
        "n_texts": judged.height,
        "n_judgements": judged.height * kind.most_predicates(study),
    }
    sizes |= {**kind.forecast(study), **check.power(study, held_out)}
    sizes |= {"unasked": missing} if missing else {}
    if not study.asked_roles:
        return {**sizes, "asked": [], "cost_usd": 0.0}
    asks = judge.can_be_measured(study, found.texts) and study.llm.check
    measured, factors = _measured(study, found) if measure and asks else ({}, {})
    every = [*([checking.planned(study, found.texts)] if asks else []), *_loads(study, found, held_out)]
    asked = _asked(study, every, factors)
    return {
        **sizes,
        **({"measured": measured} if measured else {}),
        "asked": [asdict(one) for one in asked],
        "cost_usd": calls.summed([one.cost_usd for one in asked]),
        "paid_usd": paid_usd(study),
        "budget_usd": study.spend.budget_usd,
        "without_price": sorted({one.model for one in asked if one.cost_usd is None}),
    }


def _with_sizes(found: Collected) -> Collected:
    """With width and height in pixels beside each picture."""
    if found.pictures is None:
        return found
    sizes = found.pictures.facts.select("media", "width", "height")
    return replace(found, texts=found.texts.join(sizes, on="media", how="left", maintain_order="left"))


def _loads(study: Study, found: Collected, held_out: pl.DataFrame) -> list[Load]:
    """What the study's engine and its gold judge ask of models."""
    asked: list[Load] = []
    if study.engine == "llm":
        names = found.manifest["names"]
        asked += kinds.load(study.kind).loads(study, found.texts, names, held_out)
    if study.gold.texts:
        asked += loads.gold(study, label.gold_texts(held_out, study.gold.texts, study.seed))
    return asked


def judging_lines(study: Study, load: Load) -> list[str]:
    """What a load costs at most, for each model of the judge."""
    told = []
    for one in _asked(study, [load], {}):
        price = "no price is known" if one.cost_usd is None else f"{filters.usd(one.cost_usd)} USD"
        told.append(
            f"{study.name}: at most {one.n_calls:,} calls of {one.model}, {one.tokens_in:,} tokens in and "
            f"{one.tokens_out:,} out, {price}; answers that are kept are not paid again"
        )
    return told


def _measured(study: Study, found: Collected) -> tuple[dict[str, Any], Mapping[str, Factors]]:
    """What the judge is worth, and by what its tokens differ from an estimate; or why it cannot be asked."""
    try:
        check = checking.checked(study, found.texts)
    except EngineError as error:
        return {"failed": str(error)}, {}
    return check.told(study), check.factors


def _asked(study: Study, every: Sequence[Load], factors: Mapping[str, Factors]) -> list[Asked]:
    """By stage, role and model: every judge of a panel is asked everything."""
    found = []
    for (stage, role), group in groupby(every, key=lambda load: (load.stage, load.role)):
        of = list(group)
        n_calls = sum(load.n_calls for load in of)
        tokens = [sum(load.tokens[i] for load in of) for i in (0, 1)]
        if not n_calls:
            continue
        for endpoint in study.llm.endpoints(role):
            ratios = factors.get(endpoint.model, (1.0, 1.0)) if role == "judge" else (1.0, 1.0)
            went, came = (round(n * ratio) for n, ratio in zip(tokens, ratios, strict=True))
            price = calls.price_usd(endpoint.model, went, came, 0, study.spend.prices)
            found.append(Asked(stage, role, endpoint.model, n_calls, went, came, price))
    return found


def paid_usd(study: Study) -> float | None:
    """What the ledger says that this study has paid so far; None where a price is not known."""
    if not answers.may_be_there():
        return 0.0
    with answers.opened() as opened:
        spent = opened.spent(study.name)
    paid: list[float | None] = []
    for one in spent:
        unpriced = (one.unpriced_in, one.unpriced_out, one.unpriced_cached)
        later = calls.price_usd(one.model, *unpriced, study.spend.prices) if any(unpriced) else 0.0
        paid.append(None if later is None else one.cost_usd + later)
    return calls.summed(paid)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The preview as a person reads it."""
    waits = unasked.lines(found["study"], found.get("unasked", []))
    if "n_predicates" not in found:
        return [*waits, f"paid for this study so far: {filters.usd(found['paid_usd'])} USD"]
    units = kinds.load(found["kind"]).speaks(of_pictures="of_pictures" in found).judged
    head = (
        f"at most {found['n_predicates']} {units[0]} x {found['n_texts']:,} {units[1]} = "
        f"{found['n_judgements']:,} judgements"
    )
    ahead = found.get("sequential")
    if "without_price" not in found:
        free = f"{head}, 0.00 USD (engine {found['engine']} calls no paid service)"
        return [*waits, *check.useless_lines(found), free, *check.power_lines(found)]
    width = max(len(one["model"]) for one in found["asked"])
    lines = [
        *waits,
        *check.useless_lines(found),
        f"{found['study']}: {head}. {_how_known(found)}",
        f"  {'stage':<8} {'role':<9} {'model':<{width}} {'calls':>9} {'tokens in':>13} {'tokens out':>12} "
        f"{'USD':>9}",
    ]
    total = {
        name: sum(one[name] for one in found["asked"]) for name in ("n_calls", "tokens_in", "tokens_out")
    }
    rows = [
        *found["asked"],
        {"stage": "at most", "role": "", "model": "", "cost_usd": found["cost_usd"], **total},
    ]
    lines += [
        f"  {one['stage']:<8} {one['role']:<9} {one['model']:<{width}} {one['n_calls']:>9,} "
        f"{one['tokens_in']:>13,} {one['tokens_out']:>12,} {filters.usd(one['cost_usd']):>9}"
        for one in rows
    ]
    lines += [
        f"price of {model} unknown: write `spend: {{prices: {{{model}: {{input: USD, output: USD}}}}}}` per "
        "million tokens"
        for model in found["without_price"]
    ]
    lines += _measured_lines(found)
    lines += check.power_lines(found)
    lines += [_expected(found, ahead)] if ahead and found["engine"] == "llm" else []
    budget = "none" if found["budget_usd"] is None else f"{found['budget_usd']:,.2f} USD"
    return [
        *lines,
        f"paid for this study so far: {filters.usd(found['paid_usd'])} USD; budget: {budget}; answers that "
        "are kept are not paid again",
    ]


def _how_known(found: Mapping[str, Any]) -> str:
    if "judges" in found.get("measured", {}):
        return "The judge's tokens are measured, all others estimated, without a model's reasoning"
    return "Tokens are estimated, without a model's reasoning"


def _measured_lines(found: Mapping[str, Any]) -> list[str]:
    """What the judge was asked just now, how it did, and how long all judgements would take it."""
    told = found.get("measured")
    if not told:
        return []
    if "failed" in told:
        return [f"  the judge could not be measured: {told['failed']}"]
    seconds = told["seconds_a_judgement"]
    time = f"about {_long(seconds * found['n_judgements'])} at {seconds:.2g} s a judgement" if seconds else ""
    return [
        "  the judge was asked questions with known answers (with `--no-judge` nobody is asked):",
        *(f"  {line}" for line in judge.lines({**told, "study": found["study"]})[1:]),
        *([f"  verify would take {time}"] if time else []),
    ]


def _long(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"


def _expected(found: Mapping[str, Any], ahead: Mapping[str, Any]) -> str:
    """What verify would cost where nothing differs, if calls shrink as judgements do."""
    judged = [one["cost_usd"] for one in found["asked"] if (one["stage"], one["role"]) == ("verify", "judge")]
    whole = calls.summed(judged)
    share = ahead["n_judgements_null"] / ahead["n_grid"]
    part = None if whole is None else share * whole
    if whole is None:
        return "  what that is in money is not known without a price"
    money = f"about {filters.usd(part)} of at most {filters.usd(whole)} USD"
    return f"  that is {money} for judging, if calls shrink as judgements do"
