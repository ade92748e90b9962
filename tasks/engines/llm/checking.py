"""Measures a study's judge by questions with known answers, before anything rests on it.

The study's own judge is asked, packed as it will judge, each member of a panel for itself: sixty-four planted
questions (planting.py; about pictures, drawing.py), some of them once more in other dress and in another
order, texts that were left alone, and texts that order their judge about. A judge passes that is better than
chance on the planted ones and answers enough of them in form (marking.py); all else is told.
Docs: decisions/0020.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tasks.engines import roles
from tasks.engines.gateway import completion
from tasks.engines.llm import drawing, loads, packing
from tasks.engines.llm.drawing import Drawer
from tasks.engines.llm.judging import LlmJudge
from tasks.engines.llm.loads import Load
from tasks.engines.llm.marking import LEAST_IN_FORM, Answered, Mark, Marking
from tasks.engines.llm.planting import Planter, Sheet, bank
from tasks.errors import JudgeError
from tasks.records import Call
from tasks.store import answers, calls, frames, media
from tasks.study import Study

STAGE = "judge"
"""What the ledger says these calls were for."""
MOST_CALLS = 100
"""A check of one judge ends before."""
LARGE, SMALL = 8, 4
"""Side of a sheet: large where more than four questions share a call."""
ROOM = 4000
"""Characters of a text that are shown at least: what is planted at its end is not to be cut off."""


@dataclass(frozen=True)
class Check:
    """What was asked, and what came of it."""

    judges: tuple[Mark, ...]
    calls: tuple[Call, ...]
    n_judgements: int
    """Verdicts that were asked for, of all judges."""
    seconds: float | None
    """The time they took; None where the ledger does not know."""
    factors: Mapping[str, tuple[float, float]]
    """Model -> its tokens in and out, over those that are estimated where nobody was asked."""

    @property
    def seconds_each(self) -> float | None:
        """Of a judgement by all of them."""
        return None if self.seconds is None else self.seconds * len(self.judges) / self.n_judgements

    def told(self, study: Study) -> dict[str, Any]:
        """As data, for programs and manifests."""
        used = frames.from_records(self.calls, frames.CALLS)
        cost_usd, seconds = calls.cost_usd(used, study.spend.prices), self.seconds_each
        return {
            # One gap is a gap, and one coin in a panel is noise.
            "passes": all(one.passes for one in self.judges),
            "judges": [asdict(one) for one in self.judges],
            "n_judgements": self.n_judgements,
            **calls.totals(used),
            "cost_usd": None if cost_usd is None else round(cost_usd, 6),
            "seconds_a_judgement": None if seconds is None else round(seconds, 6),
        }


def refuse(told: Mapping[str, Any], study: Study) -> None:
    """Stops a study whose judge is not good enough.

    Raises:
        JudgeError: it says what is wrong with the judge.
    """
    if told["passes"]:
        return
    wrong = "; ".join(f"{one['model']} {one['words']}" for one in told["judges"] if not one["passes"])
    raise JudgeError(
        f"studies.{study.name}: wanted a judge that is better than chance at questions with known answers; "
        f"{wrong}. Name another model under llm.judge, or change what shares a call "
        "(verify.predicates_per_call, texts_per_call); "
        f"`natstat judge --study {study.name}` shows the figures. To go on all the same write `check: false` "
        "under `llm:`."
    )


def planned(study: Study, texts: pl.DataFrame) -> Load:
    """What `checked` will ask, where all is answered at once.

    Args:
        study: as `checked`.
        texts: as `checked`.
    """
    return _Exam(study, _explored(texts)).planned()


def checked(study: Study, texts: pl.DataFrame) -> Check:
    """Asks the study's judge.

    Args:
        study: whose judge it is, with `engine: llm`.
        texts: rows of frames.TEXTS; only those of the exploration half are looked at.

    Raises:
        EngineError: the endpoint cannot be used, or the budget is reached; what was answered is kept.
        CorpusError: no text is free of what would be planted.
    """
    exam = _Exam(study, _explored(texts))
    exam.sit()
    return exam.check()


def _explored(texts: pl.DataFrame) -> pl.DataFrame:
    """Nothing is planted in an answer that is missing."""
    is_there = pl.lit(value=True) if media.are_pictures(texts) else pl.col("text") != ""
    return texts.filter(pl.col("half") == "explore", is_there)


class _Exam:
    """All that is asked of one study's judge."""

    def __init__(self, study: Study, texts: pl.DataFrame) -> None:
        room = max(study.verify.max_chars, ROOM)
        shown = study.verify.model_copy(update={"max_chars": room})
        self._study = study.model_copy(update={"verify": shown})
        self._paired = study.verify.form == "two_text"
        self._answers = self._paired and packing.are_answers(texts)
        contexts = texts["context"].to_list() if self._answers else None
        self._sees = media.are_pictures(texts)
        self._together = study.verify.texts_per_call > 1 and not self._sees
        planter: Planter | Drawer = (
            Drawer(study.seed)
            if self._sees
            else Planter(texts["text"].to_list(), study.seed, LARGE, contexts, self._paired)
        )
        self._per_call = self._sharing(planter.planted(0, LARGE))
        self._size = LARGE if self._per_call > SMALL else SMALL
        # Every order of two texts is a call of its own.
        n_sheets = 1 if self._size == LARGE else 2 if self._paired and self._per_call == 1 else 4
        self._planter = planter.anew(n_sheets * self._size)
        self._sheets = [self._planter.planted(at * self._size, self._size) for at in range(n_sheets)]
        self._answered: list[Answered] = []
        self._calls: dict[str, Call] = {}
        self._lots: list[list[str]] = []
        self._names: tuple[str, ...] = ()
        self._rough = [0, 0]
        """Tokens in and out that would be estimated for the planted questions."""
        self._factors: dict[str, tuple[float, float]] = {}

    def _sharing(self, sheet: Sheet) -> float:
        """How many questions share a call."""
        return sheet.truth.size / self._load(sheet).n_calls

    def sit(self) -> None:
        """Asks all that there is room for; of a judge that gives no verdicts, little."""
        for sheet in self._sheets:
            for part in self._parts(sheet):
                if self._in_form() >= LEAST_IN_FORM / 2 and self._has_room(part):
                    self._ask(part)
                    rough = zip(self._rough, self._load(part).tokens, strict=True)
                    self._rough = [so_far + more for so_far, more in rough]
        self._factors = self._per_estimate()
        if self._in_form() >= LEAST_IN_FORM:
            for sheet in self._extras():
                if self._has_room(sheet):
                    self._ask(sheet)

    def planned(self) -> Load:
        """All of it, estimated as any other load."""
        every = [self._load(sheet) for sheet in (*self._sheets, *self._extras())]
        names = ("n_calls", "bytes_in", "bytes_out")
        return replace(every[0], **{name: sum(getattr(load, name) for load in every) for name in names})

    def check(self) -> Check:
        """What came of it."""
        cut = self._study.formalise.threshold or 0.5
        marks = tuple(
            Marking(self._answered, judge, cut, self._paired).mark(
                name, self._echoed(judge), len(self._names) == 1
            )
            for judge, name in enumerate(self._names)
        )
        n_judgements = sum(one.scores.size for one in self._answered)
        found = tuple(self._calls[key] for key in sorted(self._calls))
        return Check(marks, found, n_judgements, _seconds(self._lots), self._factors)

    def _parts(self, sheet: Sheet) -> list[Sheet]:
        """Few calls at a time: where a call fails all that shares it is asked about alone."""
        whole = slice(None)
        if self._together:
            return [sheet.part(whole, slice(k, k + 1), "planted") for k in range(self._size)]
        starts = range(0, sheet.texts.height, SMALL)
        return [sheet.part(slice(at, at + SMALL), whole, "planted") for at in starts]

    def _extras(self) -> list[Sheet]:
        """A part of the first sheet again and in another order, and what must all be answered no."""
        sheet, whole = self._sheets[0], slice(None)
        some = slice(2 if self._paired or self._size == LARGE else 3)
        rows, columns = (whole, slice(2)) if self._together else (some, whole)
        again = sheet.part(rows, columns, "repeated")
        # A question that stands alone has no ids: a space that means nothing makes it another one.
        spaced = again.texts.with_columns(pl.col("text") + " ")
        again = replace(again, texts=drawing.again(again.texts) if self._sees else spaced)
        turned = [sheet.part(rows, columns, "turned")] if self._per_call > 1 else []
        if self._paired:
            return [again, *turned]
        few = sheet.part(whole, slice(SMALL), "planted")
        return [again, self._planter.without(few, 2), self._planter.without(few, 2, order=True), *turned]

    def _has_room(self, sheet: Sheet) -> bool:
        """Whether it can be asked within the calls that a check may take, if it goes on as it did."""
        if not self._names:
            return True
        each = len(self._calls) / sum(one.scores.size for one in self._answered)
        wanted = sheet.truth.size // (2 if self._paired else 1)
        return len(self._calls) / len(self._names) + each * wanted < MOST_CALLS

    def _ask(self, sheet: Sheet) -> None:
        step = -1 if sheet.sort == "turned" else 1
        # A question's ids follow from the seed.
        again = {"seed": self._study.seed + 1} if sheet.sort == "repeated" else {}
        judge = LlmJudge(self._study.model_copy(update=again), STAGE, answers=self._answers)
        texts = sheet.texts[::step]
        found = judge.judge(sheet.predicates[::step], texts, np.zeros((texts.height, 0)))
        each = (found.score[None] if found.each is None else found.each)[:, ::step, ::step]
        refused = (found.status == roles.REFUSAL)[::step, ::step]
        # Of a panel it is not asked which place a member prefers.
        first = None if found.first is None else found.first[0, ::step, ::step]
        self._names = found.judges or (judge.model,)
        side = slice(None, None, 2 if self._paired else 1)
        part = sheet.part(side, slice(None), sheet.sort)
        self._answered.append(Answered(part, each[:, side], first, refused[side]))
        self._lots.append([call.request_hash for call in found.calls])
        self._calls.update((call.request_hash, call) for call in found.calls)

    def _in_form(self) -> float:
        """Share of planted questions with a verdict so far, of the worst judge."""
        shares = [
            np.concatenate([~np.isnan(one.scores[judge]).ravel() for one in self._answered]).mean()
            for judge in range(len(self._names))
        ]
        return float(min(shares, default=1.0))

    def _load(self, sheet: Sheet) -> Load:
        return loads.judging(self._study, len(sheet.predicates), sheet.texts, STAGE)

    def _per_estimate(self) -> dict[str, tuple[float, float]]:
        models = [endpoint.model for endpoint in self._study.llm.endpoints("judge")]
        used = frames.from_records(tuple(self._calls.values()), frames.CALLS)
        found = {}
        for model in models:
            of, n = calls.totals(used.filter(model=model)), models.count(model)
            rough_in, rough_out = (max(tokens * n, 1) for tokens in self._rough)
            found[model] = (of["tokens_in"] / rough_in, of["tokens_out"] / rough_out)
        return found

    def _echoed(self, judge: int) -> float:
        """Share of a judge's answers in which a predicate or a planted sentence comes back."""
        model = self._study.llm.endpoints("judge")[judge].model
        own = [call.request_hash for call in self._calls.values() if call.model == model]
        asked = {p.predicate for answered in self._answered for p in answered.sheet.predicates}
        said = [*asked, *(sentence for one in bank() for sentence in one.sentences)]
        with answers.opened() as store:
            kept = [completion.from_stored(stored) for key in own if (stored := store.get(key))]
        is_echo = [any(part in answer.content for part in said) for answer in kept if answer]
        return round(float(np.mean(is_echo)), 4) if is_echo else 0.0


def _seconds(lots: Iterable[Sequence[str]]) -> float | None:
    """How long the lots took one after another, by the ledger: kept answers took what they once took."""
    spent = 0.0
    for lot in lots:
        rows = answers.ledger(lot)
        if rows.is_empty():
            return None
        ended = rows["called_at"].to_physical().to_numpy() / 1e6
        waited = rows["latency_s"].to_numpy()
        # A lot that was interrupted took no longer than its calls.
        spent += min(float(ended.max() - (ended - waited).min()), float(waited.sum()))
    return spent
