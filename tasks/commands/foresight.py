"""What a judge that errs leaves to be found, told before anything is judged (part of `check` and `cost`).

A judge with sensitivity s and specificity t shrinks every difference by s + t - 1. How much its own errors
are is measured by gold verdicts; before there are any, an example stands in for them. Where gold verdicts
decide (`gold.decides`) their number counts, and the judge only stretches it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from tasks import paths
from tasks.errors import MissingStageError
from tasks.stats.power import (
    share_difference_detectable_fisher,
    share_difference_detectable_judged,
    variance_ratio_ppi,
)
from tasks.store import frames, labels
from tasks.study import Study
from tasks.verdicts import gold_draw

SENSITIVITY, SPECIFICITY = 0.9, 0.95
"""Of a judge that nobody has measured: fair for a language model, an example all the same."""
BASE_SHARE = 0.1
"""Share of texts of one group for which a predicate is taken to hold."""


@dataclass(frozen=True)
class JudgeError:
    """How the judge errs, alike in both groups."""

    sensitivity: float
    specificity: float
    is_measured: bool
    """By the gold verdicts of the study's last run; else it is an example."""

    @property
    def left(self) -> float:
        """What it leaves of every difference."""
        return self.sensitivity + self.specificity - 1

    @property
    def base_share(self) -> float:
        """Share of texts for which it says yes, of a group where a tenth are."""
        return BASE_SHARE * self.sensitivity + (1 - BASE_SHARE) * (1 - self.specificity)


def judge_error(study: Study) -> JudgeError:
    """As the study's last run measured it, else the example."""
    try:
        gold = frames.read_manifest(paths.output(study.name, "score")).get("gold", {})
    except MissingStageError:
        gold = {}
    measured = gold.get("sensitivity"), gold.get("specificity")
    if None in measured:
        return JudgeError(SENSITIVITY, SPECIFICITY, is_measured=False)
    return JudgeError(float(measured[0]), float(measured[1]), is_measured=True)


def judged_outlook(study: Study, n_a: int, n_b: int, held_out: pl.DataFrame) -> dict[str, Any]:
    """The judge's error, and the differences found in 4 of 5 cases in spite of it; None where none would be.

    `alone` is tested without others, `of_many` beside as many as may be proposed. With `gold.decides` there
    are those of the corrected test, too; its `n_gold` is None as long as nobody has labelled.

    Args:
        study: its level and predicates.
        n_a: documents of A to test on.
        n_b: of B.
        held_out: the texts to test on.
    """
    judge = judge_error(study)
    found = share_difference_detectable_judged(
        n_a,
        n_b,
        alpha=_levels(study),
        base_share=BASE_SHARE,
        sensitivity=judge.sensitivity,
        specificity=judge.specificity,
        min_effect=study.score.min_effect,
    )
    told = {**asdict(judge), **_named(found)}
    return {**told, "corrected": _corrected(study, n_a, n_b, held_out, judge)} if study.gold.decides else told


def _corrected(study: Study, n_a: int, n_b: int, held_out: pl.DataFrame, judge: JudgeError) -> dict[str, Any]:
    gold = n_gold(study, held_out)
    if gold is None:
        return {"n_gold": None}
    sizes = [max(min(gold[group], n), 1) for group, n in (("A", n_a), ("B", n_b))]
    worth_a, worth_b = (
        size / variance_ratio_ppi(size, n, BASE_SHARE, judge.sensitivity, judge.specificity)
        for size, n in zip(sizes, (n_a, n_b), strict=True)
    )
    found = share_difference_detectable_fisher(
        worth_a, worth_b, alpha=_levels(study), base_share=BASE_SHARE, min_effect=study.score.min_effect
    )
    return {"n_gold": gold, **_named(found)}


def n_gold(study: Study, held_out: pl.DataFrame) -> dict[str, int] | None:
    """Texts of each group with gold verdicts; None where a file of labels is named and not there."""
    if study.label_file is not None:
        file = labels.file_of(study)
        return labels.n_texts(study, held_out) if file.is_file() else None
    rows = pl.DataFrame({"group": held_out["group"], "chance": gold_draw.chances(held_out, study.gold.texts)})
    return {group: round(rows.filter(group=group)["chance"].sum()) for group in ("A", "B")}


def smallest_of_walk(judge: JudgeError, ladder: np.ndarray, found: Callable[..., np.ndarray]) -> float | None:
    """Of a sequential plan: the smallest true difference of the ladder that is found by this judge.

    Args:
        judge: how it errs.
        ladder: true differences, ascending.
        found: judged differences and the judged base share -> whether each is found often enough.
    """
    if judge.left <= 0:
        return None
    enough = ladder[found(ladder * judge.left, judge.base_share)]
    return round(float(enough[0]), 3) if enough.size else None


def lines(found: Mapping[str, Any]) -> list[str]:
    """What the judge's error leaves, as a person reads it."""
    source = (
        "as gold verdicts measured it" if found["is_measured"] else "an example; gold verdicts measure it"
    )
    rates = f"sensitivity {found['sensitivity']:.2f}, specificity {found['specificity']:.2f}"
    left = _walk(found["walk"]) if "walk" in found else _pair(found)
    lines = [f"  by a judge that errs ({rates}: {source}): {left}"]
    if "corrected" not in found:
        return lines
    gold = found["corrected"]["n_gold"]
    if gold is None:
        return [*lines, "  corrected by gold verdicts, which decide: not known before there are labels"]
    # A walk cannot find less than the fixed test on the same texts.
    least = "at least " if "walk" in found else ""
    return [
        *lines,
        f"  corrected by gold verdicts on {gold['A']:,} and {gold['B']:,} texts, which decide: "
        f"{least}{_pair(found['corrected'])}",
    ]


def is_useless(found: Mapping[str, Any]) -> bool:
    """Whether the test that decides would miss even the largest difference; an example proves nothing."""
    if "corrected" in found:
        return found["corrected"]["n_gold"] is not None and found["corrected"]["alone"] is None
    return found["is_measured"] and found["walk" if "walk" in found else "alone"] is None


def _levels(study: Study) -> list[float]:
    return [study.score.alpha, study.score.alpha / study.most_predicates]


def _named(found: np.ndarray) -> dict[str, float | None]:
    alone, of_many = (None if np.isnan(d) else round(float(d), 4) for d in found)
    return {"alone": alone, "of_many": of_many}


def _pair(found: Mapping[str, Any]) -> str:
    alone, of_many = (
        "none" if found[name] is None else f"{found[name]:.3f}" for name in ("alone", "of_many")
    )
    return f"{alone} for one hypothesis, {of_many} among many"


def _walk(smallest: float | None) -> str:
    return "none" if smallest is None else f"about {smallest:.2g}"
