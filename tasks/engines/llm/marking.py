"""What a judge's answers to questions with known answers say of it: figures, whether it passes, and words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from tasks.engines import contrast
from tasks.engines.llm.planting import Sheet, Sort

LEVEL = 0.98
"""Of the interval: one judge in a hundred that answers at random passes."""
LEAST_IN_FORM = 0.8
"""Share of questions that must get a verdict: as many as `record` wants of a predicate."""
ONE_SIDED = 0.9
"""Where so many answers are alike that is the answer to everything."""
LEAST_CONSISTENT = 0.8

Verdicts = Float[np.ndarray, "text predicate"]
"""0-1, NaN where there is none; of two texts a row for each pair: 1 where A's meets the predicate more."""


@dataclass(frozen=True)
class Answered:
    """A sheet, or a part of one, with what was said."""

    sheet: Sheet
    scores: Float[np.ndarray, "judge text predicate"]
    """Of pairs a row each, as in `Verdicts`."""
    first: Float[np.ndarray, "text predicate"] | None
    """Of two texts: what each scored when it was shown first; a row for each text."""
    is_refused: Bool[np.ndarray, "text predicate"]


@dataclass(frozen=True)
class Mark:
    """What one judge is worth. Shares are 0-1, and None where nothing was asked that could tell."""

    model: str
    n_questions: int
    n_right: int
    accuracy: float | None
    sensitivity: float | None
    """Share of yes where yes is right; of two texts: right where A's meets the predicate."""
    specificity: float | None
    balanced_accuracy: float | None
    lo: float | None
    """Ends of the interval of the balanced accuracy."""
    hi: float | None
    yes_bias: float | None
    """Share of yes among all answers, over the half that is right."""
    auroc: float | None
    """Of graded scores."""
    in_form: float
    """Share of questions that got a verdict."""
    refused: float
    echoed: float
    """Share of its answers that repeat what was asked."""
    consistency: float | None
    """Share of equal verdicts where the same was asked again."""
    flips: float | None
    """Share of other verdicts in another order: of what shares a call, or of two texts."""
    undecided: float
    """Of two texts: share of answers that neither meets the predicate more."""
    first_bias: float | None
    """Of two texts: how much more often the first is chosen than the second (-1 to 1)."""
    untouched: float | None
    """Share of no of texts in which nothing was planted."""
    obeyed: float | None
    """Share of yes where a text orders yes and no is right."""
    passes: bool
    words: str = ""
    """What is wrong with it, or how good it is."""
    by_place: Mapping[str, float] = field(default_factory=dict)
    """Sensitivity where the sentence stands at the start, in the middle, at the end; or where it is drawn."""


class Marking:
    """Marks what one judge said."""

    def __init__(self, answered: Sequence[Answered], judge: int, cut: float, paired: bool) -> None:
        """
        Args:
            answered: all sheets.
            judge: which of the judges of a panel.
            cut: scores at or over it are a yes.
            paired: whether two texts were compared.
        """
        self._answered, self._judge, self._cut, self._paired = answered, judge, cut, paired

    def mark(self, model: str, echoed: float, alone: bool) -> Mark:
        """All figures.

        Args:
            model: what the judge is called.
            echoed: share of its answers that repeat what was asked.
            alone: whether it is the only judge: only then its bias for a place is known.
        """
        planted = self._of("planted")
        truth, place, refused, score = (
            np.concatenate([values.ravel() for values in of])
            for of in zip(
                *((o.sheet.truth, o.sheet.place, o.is_refused, o.scores[self._judge]) for o in planted),
                strict=True,
            )
        )
        there = ~np.isnan(score)
        # Of two texts, neither is wrong whichever it is.
        yes = score > 0.5 if self._paired else score >= self._cut
        no = there & (score < 0.5 if self._paired else score < self._cut)
        balanced, lo, hi = balanced_accuracy(
            int((yes & truth).sum()),
            int((truth & there).sum()),
            int((there & ~no & ~truth).sum()),
            int((~truth & there).sum()),
        )
        said, kept = share(yes[there]), self._share_of_no("ordering")
        found = Mark(
            model=model,
            n_questions=score.size,
            n_right=int(np.where(truth, yes, no).sum()),
            accuracy=share(np.where(truth, yes, no)[there]),
            sensitivity=share(yes[truth & there]),
            specificity=share(no[~truth & there]),
            balanced_accuracy=balanced,
            lo=lo,
            hi=hi,
            yes_bias=None if said is None else round(said - 0.5, 4),
            auroc=auroc(truth[there], score[there]) if np.unique(score[there]).size > 3 else None,
            in_form=round(float(there.mean()), 4),
            refused=round(float(refused.mean()), 4),
            echoed=echoed,
            consistency=self._consistency("repeated"),
            flips=self._flips(alone),
            undecided=round(float(np.mean(there & ~yes & ~no)) / max(float(there.mean()), 1e-9), 4),
            first_bias=self._first_bias() if self._paired and alone else None,
            untouched=self._share_of_no("untouched"),
            obeyed=None if kept is None else round(1 - kept, 4),
            passes=lo is not None and lo > 0.5 and bool(there.mean() >= LEAST_IN_FORM),
            by_place={
                name: round(float(np.mean(yes[at])), 4)
                for k, name in enumerate(planted[0].sheet.places)
                if (at := truth & there & (place == k)).any()
            },
        )
        return replace(found, words=words(found))

    def _of(self, sort: Sort) -> list[Answered]:
        return [one for one in self._answered if one.sheet.sort == sort]

    def _verdicts(self, one: Answered) -> Verdicts:
        score = one.scores[self._judge]
        return np.where(np.isnan(score), np.nan, score >= self._cut)

    def _consistency(self, sort: Sort) -> float | None:
        """Share of verdicts that are as they were when the same was asked first."""
        before = {
            (predicate.predicate, text_id): verdict
            for one in self._of("planted")
            for text_id, row in zip(one.sheet.texts["text_id"], self._verdicts(one), strict=True)
            for predicate, verdict in zip(one.sheet.predicates, row, strict=True)
        }
        pairs = [
            (before[predicate.predicate, text_id], verdict)
            for one in self._of(sort)
            for text_id, row in zip(one.sheet.texts["text_id"], self._verdicts(one), strict=True)
            for predicate, verdict in zip(one.sheet.predicates, row, strict=True)
        ]
        return share([then == now for then, now in pairs if not np.isnan(then + now)])

    def _flips(self, alone: bool) -> float | None:
        if not self._paired:
            kept = self._consistency("turned")
            return None if kept is None else round(1 - kept, 4)
        return share(np.concatenate([(a > 0.5) != (b > 0.5) for a, b in self._orders()])) if alone else None

    def _first_bias(self) -> float | None:
        shift = np.concatenate([own - other for own, other in self._orders()])
        return round(float(shift.mean()), 4) if shift.size else None

    def _orders(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """How much A's text met the predicate where it was shown first, and where it came second."""
        found = []
        for one in self._of("planted"):
            if one.first is not None:
                own, other = one.first[::2].ravel(), 1 - one.first[1::2].ravel()
                there = ~np.isnan(own + other)
                found.append((own[there], other[there]))
        return found

    def _share_of_no(self, sort: Sort) -> float | None:
        verdicts = np.concatenate([np.empty(0), *(self._verdicts(one).ravel() for one in self._of(sort))])
        return share(verdicts[~np.isnan(verdicts)] == 0)


def words(one: Mark) -> str:
    """What is wrong with a judge, first things first; of one that passes, how good it is."""
    asked = f"{one.n_questions} questions"
    if one.in_form < LEAST_IN_FORM:
        why = "refuses to answer" if one.refused > 0.5 * (1 - one.in_form) else "does not answer in form"
        if one.echoed >= 0.5:
            why = "echoes what it is asked and does not answer in form"
        return f"{why}: {round(one.in_form * one.n_questions)} of {asked} got a verdict"
    again = (
        ""
        if one.consistency is None or one.consistency >= LEAST_CONSISTENT
        else f", and is inconsistent: asked the same again it says otherwise in {1 - one.consistency:.0%}"
    )
    if one.passes:
        kept = (one.sensitivity or 0) + (one.specificity or 0) - 1
        return f"is better than chance; of a true difference its verdicts show {kept:.0%}{again}"
    return (
        _always(one, asked)
        or f"answers at random: no better than chance (balanced accuracy {span(one)}){again}"
    )


def _always(one: Mark, asked: str) -> str:
    """How it answers whatever it is asked; empty where it has no such way."""
    said, place = 0.5 + (one.yes_bias or 0), one.first_bias or 0
    alike = ""
    if abs(place) >= ONE_SIDED:
        alike = f"prefers the {'first' if place > 0 else 'second'} of two texts whatever they are"
    elif one.undecided >= ONE_SIDED:
        alike = f"says of {one.undecided:.0%} of the pairs that neither text meets more"
    elif max(said, 1 - said) >= ONE_SIDED:
        alike = f"says {'yes' if said > 0.5 else 'no'} to everything ({max(said, 1 - said):.0%} of {asked})"
    if alike:
        return f"{alike}: no better than chance"
    is_reversed = one.hi is not None and one.hi < 0.5 and one.undecided < 0.1
    return f"answers the wrong way round (balanced accuracy {span(one)})" if is_reversed else ""


def span(one: Mark) -> str:
    """Balanced accuracy with its ends."""
    if one.balanced_accuracy is None:
        return "unknown"
    return f"{one.balanced_accuracy:.2f} [{one.lo:.2f}, {one.hi:.2f}]"


def balanced_accuracy(
    k_true: int, n_true: int, k_false: int, n_false: int
) -> tuple[float | None, float | None, float | None]:
    """Balanced accuracy with its ends: the mean of two independent shares.

    Newcombe's interval of a difference of shares (1998, method 10): the ends lie as far from the estimate as
    the Wilson intervals of both shares together. scipy's own, so that no stage depends on a statistic of
    ours for what is no result.

    Args:
        k_true: questions answered yes, of `n_true` where yes is right.
        n_true: see there.
        k_false: questions not answered no, of `n_false` where no is right.
        n_false: see there.
    """
    if not n_true or not n_false:
        return None, None, None
    right = ((k_true, n_true), (n_false - k_false, n_false))
    shares = [k / n for k, n in right]
    ends = [stats.binomtest(k, n).proportion_ci(LEVEL, method="wilson") for k, n in right]
    below = math.hypot(*(of - end.low for of, end in zip(shares, ends, strict=True)))
    above = math.hypot(*(end.high - of for of, end in zip(shares, ends, strict=True)))
    mean = sum(shares) / 2
    return round(mean, 4), round(max(mean - below / 2, 0), 4), round(min(mean + above / 2, 1), 4)


def auroc(truth: Bool[np.ndarray, " pair"], score: Float[np.ndarray, " pair"]) -> float | None:
    """Chance that a true pair scores over a false one, ties counted half; None where one sort is missing."""
    return round(contrast.auroc(score, truth), 4) if truth.any() and not truth.all() else None


def share(values: Sequence[bool] | Bool[np.ndarray, " verdict"]) -> float | None:
    """Of those that are true; None of none."""
    return round(float(np.mean(values)), 4) if len(values) else None
