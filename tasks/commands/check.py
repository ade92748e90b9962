"""What a study would use and could find, told before anything runs (`natstat check`).

It is no stage and writes nothing: a change of alpha alters what is told here and leaves collect as it is.
What a judge that errs leaves of it is in `foresight.py`.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks import embed, kinds, propose
from tasks.collect.stage import Collected, collected
from tasks.commands import foresight, output, unasked
from tasks.commands.foresight import BASE_SHARE
from tasks.engines import languages
from tasks.stats.decisions import Rule
from tasks.stats.gain_power import gain_detectable
from tasks.stats.power import Outlook, sequential_outlook, share_difference_detectable_fisher
from tasks.store import media, originals
from tasks.study import Study, load

FOUND = 0.8
"""How often a difference must be found to count as one the study can find."""
MULTIPLES = (0, 1, 2, 4)
"""Of the minimum effect: the differences whose walk through a sequential plan is told."""
LEAST_EFFECT = 0.01
"""Stands for a minimum effect of 0, which has no multiples."""


def run(arguments: argparse.Namespace) -> None:
    """Prints it."""
    output(preview(load(arguments.study)), lines, arguments.json)


def preview(study: Study) -> dict[str, Any]:
    """What collect would count, with the smallest effect the study could show.

    Raises:
        SourceError: a source cannot be read.
        CorpusError: its texts cannot answer the question.
        EngineError: an encoder that is to be tested, or compared with, is not there.
    """
    kind, missing = kinds.load(study.kind), unasked.ahead(study)
    if unasked.is_too_early(missing):
        return {"study": study.name, "kind": study.kind, "unasked": missing}
    found = collected(study)
    if kind.tests_encoders:
        embed.open_all(study)
    units = kind.units(study, found.texts)
    said = found.texts["text"]
    if media.are_pictures(found.texts):
        said = said.filter(said.str.strip_chars() != "")
    told = {} if kind.tests_encoders else reading(study, said.to_list())
    told |= {"asked": asked(study, found)}
    told |= {"unasked": missing} if missing else {}
    return {"kind": study.kind, **told, **found.manifest, **kind.forecast(study), **power(study, units)}


def reading(study: Study, texts: Sequence[str]) -> dict[str, Any]:
    """Languages of the texts (shares, 0-1), and a warning where the encoder does not read them."""
    held = languages.shares(texts)
    return {"languages": held, "unread": languages.warning(held, study.embed.encoder)}


def asked(study: Study, found: Collected) -> list[dict[str, str | None]]:
    """Sentences of the user's, and how each will be judged.

    Raises:
        ParamsError: one of them cannot be judged.
        SourceError: their file cannot be read.
    """
    if study.propose.replicates:
        old = originals.read(study)
        how = f"as {old.study} found it: {old.validity:+.2f} [{old.lo:+.2f}, {old.hi:+.2f}]"
        return [
            {"said": old.predicate, "direction": old.direction, "predicate": old.predicate, "judged": how}
        ]
    explored = found.texts.filter(pl.col("half") == "explore")
    return [
        {"said": one.said, "direction": one.direction, "predicate": meaning.predicate, "judged": meaning.how}
        for one, meaning in propose.meanings(study, explored, found.recorded)
    ]


def asked_lines(found: Mapping[str, Any]) -> list[str]:
    """The same as a person reads it."""
    rows = found.get("asked", [])
    return ["  asked by you:"] * bool(rows) + [
        f"    {one['said']}"
        + ("" if one["said"] == one["predicate"] else f"  ->  {one['predicate']}")
        + f"  ({one['judged']})"
        for one in rows
    ]


def power(study: Study, units: pl.DataFrame) -> dict[str, Any]:
    """What the study could find: with a judge that is right, and with one that errs.

    Args:
        study: its level, plan and kind.
        units: the rows that a predicate is tested on.
    """
    kind = kinds.load(study.kind)
    if kind.scale == "bits":
        n = units["document_id"].n_unique()
        return {"smallest_effect": smallest_gain(study, n, kind), "judge": None}
    units = kind.compared(study, units)
    n_a, n_b = (units.filter(group=group)["document_id"].n_unique() for group in ("A", "B"))
    found: dict[str, Any] = {"base_share": BASE_SHARE, "smallest_effect": smallest_effect(study, n_a, n_b)}
    # Of two texts nobody has measured how a judge errs.
    is_exact = not kind.judge_errs or "pair" in units.columns
    judged = None if is_exact else foresight.judged_outlook(study, n_a, n_b, units)
    if study.verify.plan == "sequential":
        found["sequential"] = outlook(study, units)
        judged = judged and {**judged, "walk": _walk_by(study, units)}
    return {**found, "judge": judged}


def smallest_effect(study: Study, n_a: int, n_b: int) -> dict[str, float | None]:
    """Differences of shares the study would find in 4 of 5 cases; None where it would miss the largest.

    Documents count as one text each, which is the worst case, and the predicate holds in a tenth of the
    texts of one group. `alone` is tested without others, `of_many` beside as many as may be proposed.
    """
    alpha = study.score.alpha
    found = share_difference_detectable_fisher(
        n_a,
        n_b,
        alpha=[alpha, alpha / study.most_predicates],
        min_effect=study.score.min_effect,
    )
    alone, of_many = (None if np.isnan(d) else round(float(d), 4) for d in found)
    return {"alone": alone, "of_many": of_many}


def smallest_gain(study: Study, n: int, kind: kinds.Kind) -> dict[str, float | None]:
    """The same in bits a text, for a model of n documents.

    None where what is explained has many parts that hang together, as the words of a text do.
    """
    if not kind.foresees_gain:
        return {"alone": None, "of_many": None}
    alpha = study.score.alpha
    levels = [alpha, alpha / kind.most_predicates(study)]
    found = gain_detectable(n, alpha=levels, min_effect=study.score.min_effect)
    alone, of_many = (round(float(bits), 4) for bits in found)
    return {"alone": alone, "of_many": of_many}


def outlook(study: Study, held_out: pl.DataFrame) -> dict[str, Any]:
    """What a sequential plan would take for predicates of several sizes, by seeded simulation.

    A predicate holds in a tenth of the texts of one group and is the only one that is there, among as many as
    may be proposed. `smallest_effect` is found in 4 of 5 walks; None where the largest is not.
    """
    n_predicates = study.most_predicates
    least = study.score.min_effect or LEAST_EFFECT
    asked = [multiple * least for multiple in MULTIPLES]
    ladder = _ladder(study)
    found = _simulated(study, held_out, [*asked, *ladder], BASE_SHARE)
    shown = zip(asked, found.n_texts, found.found, found.dropped, strict=False)
    names = ("effect", "n_texts", "share_found", "share_dropped")
    enough = ladder[found.found[len(asked) :] >= FOUND]
    return {
        "n_predicates": n_predicates,
        "n_texts": held_out.height,
        "n_grid": n_predicates * held_out.height,
        "n_judgements_null": round(n_predicates * float(found.n_texts[0])),
        "smallest_effect": round(float(enough[0]), 3) if enough.size else None,
        "walks": [dict(zip(names, (round(float(x), 4) for x in row), strict=True)) for row in shown],
    }


def _ladder(study: Study) -> np.ndarray:
    """Differences from the minimum effect to the largest there can be."""
    return np.geomspace(study.score.min_effect or LEAST_EFFECT, 1 - BASE_SHARE, 20)


def _simulated(study: Study, held_out: pl.DataFrame, effects: Sequence[float], base_share: float) -> Outlook:
    plan = study.verify.sequential
    return sequential_outlook(
        (held_out["group"] == "A").to_numpy(),
        held_out["document_id"].rank("dense").to_numpy().astype(np.int64),
        effects,
        Rule(plan.alpha, plan.min_effect, plan.control, plan.futility, level=study.score.level),
        study.most_predicates,
        plan.look_every,
        base_share,
        seed=study.seed,
        paired="pair" in held_out.columns,
    )


def _walk_by(study: Study, held_out: pl.DataFrame) -> float | None:
    """The smallest true difference that a walk finds with a judge that errs."""
    judge = foresight.judge_error(study)
    return foresight.smallest_of_walk(
        judge,
        _ladder(study),
        lambda effects, base: _simulated(study, held_out, effects, base).found >= FOUND,
    )


def lines(found: dict[str, Any]) -> list[str]:
    """The preview as a person reads it: what makes it useless first."""
    waits = unasked.lines(found["study"], found.get("unasked", []))
    if "n_rows" not in found:
        return waits
    kind, words = kinds.load(found["kind"]), _words(found)
    head = (
        f"{found['study']}: {found['n_rows']:,} rows give {found['n_texts']:,} {words.corpus} in "
        f"{found['n_documents']:,} documents"
    )
    sizes = kind.size_lines(found)
    unread = [found["unread"]] if found.get("unread") else []
    asks = asked_lines(found)
    return [
        *waits,
        *useless_lines(found),
        *found["warnings"],
        *unread,
        head,
        *sizes,
        *asks,
        *power_lines(found),
    ]


def _words(found: Mapping[str, Any]) -> kinds.Words:
    return kinds.load(found["kind"]).speaks(of_pictures="pictures" in found)


def power_lines(found: Mapping[str, Any]) -> list[str]:
    """What the study could find."""
    kind, words, judge = kinds.load(found["kind"]), _words(found), found["judge"]
    ahead = found.get("sequential")
    first = outlook_lines(ahead, words.rows, words.hypothesis) if ahead else kind.effect_lines(found)
    return [*first, *(foresight.lines(judge) if judge else [])]


def useless_lines(found: Mapping[str, Any]) -> list[str]:
    """The line that goes before all others where the study would not find what is there."""
    kind, words = kinds.load(found["kind"]), _words(found)
    advice = f"{words.more}, or lower propose.max_predicates"
    ahead, judge = found.get("sequential"), found["judge"]
    among = (
        f"one {words.hypothesis}"
        if ahead is None
        else f"one {words.hypothesis} among {ahead['n_predicates']}"
    )
    smallest = found["smallest_effect"]["alone"] if ahead is None else ahead["smallest_effect"]
    if smallest is None and kind.scale == "share":
        return [
            f"this study cannot find anything: the largest difference of {among} would be missed more often "
            f"than in 1 of 5 cases. {advice}"
        ]
    if judge and foresight.is_useless(judge):
        return [
            f"this study cannot find anything with a judge that errs as this one does. {advice}, or raise "
            "gold.texts"
        ]
    # Where verdicts are no opinions differences are large: nobody looks for one of a few in a hundred.
    if ahead is not None and kind.judge_errs and ahead["walks"][-1]["share_found"] < FOUND:
        return [
            f"this study finds only large differences: {among} must differ by about {smallest:.2g} to be "
            f"found in 4 of 5 cases. {advice}"
        ]
    return []


def outlook_lines(ahead: dict[str, Any], rows_are: str = "texts", what: str = "hypothesis") -> list[str]:
    """How far judging would go, by the size of the difference."""
    rows = [
        f"    {_named(i, walk['effect']):<22} {walk['n_texts']:>9,.0f} {rows_are} "
        f"{walk['share_found']:>10.0%} {walk['share_dropped']:>9.0%}"
        for i, walk in enumerate(ahead["walks"])
    ]
    n_null, n_grid = ahead["n_judgements_null"], ahead["n_grid"]
    smallest = ahead["smallest_effect"]
    return [
        f"  judged until decided, at most {ahead['n_texts']:,} {rows_are} each (simulated; it holds in "
        f"{BASE_SHARE:.0%} of the other group):",
        f"    {'difference':<22} {'decided after':>15} {'confirmed':>10} {'dropped':>9}",
        *rows,
        "  smallest difference found in 4 of 5 cases: "
        + (f"about {smallest:.2g}" if smallest else "none")
        + f" for one {what} among {ahead['n_predicates']}",
        f"  expected where nothing differs: {n_null:,} of {n_grid:,} judgements ({n_null / n_grid:.0%})",
    ]


def _named(place: int, effect: float) -> str:
    return "none" if not place else f"{effect:g} ({'the minimum' if place == 1 else f'{MULTIPLES[place]} x'})"
