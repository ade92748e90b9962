"""Items put to one judge until each has a verdict or was asked in vain, and stopping in time.

What is missing is asked again together, then alone; a refused call is asked item by item, so that one text
cannot take others with it. A text on which one call and then one item of it are unreadable is given up, and
so is a judge of which nothing could be read: both would be paid for in vain.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tasks.engines import roles
from tasks.engines.gateway import chat, problems
from tasks.engines.llm.packing import Item, Pack
from tasks.engines.llm.schemas import Word, Words
from tasks.errors import EngineError
from tasks.records import Call
from tasks.study.params import Llm

_SCORES = {"yes": 1.0, "no": 0.0, "first": 1.0, "neither": 0.5, "second": 0.0}
_WORD = re.compile(r"[^\W\d_]+")
_FIRST_PACKS = 20
"""A judge that gave nothing for so many packs is not asked on."""
_SHOWN = 80
"""So many characters of an answer that cannot be read are shown."""


@dataclass(frozen=True)
class Settled:
    """What one judge said of a pack."""

    pack: Pack
    judge: int
    scores: dict[str, float]
    """By item id."""
    gaps: dict[str, int]
    """Status of items that got no score; unparsable where none is named."""
    calls: tuple[Call, ...]
    problem: str = ""
    """Why the last answer of no use was of none."""
    too_long: frozenset[int] = frozenset()
    """Rows that do not fit into the model."""


class Asking:
    """Items that may share a call, put to one judge: what it said so far."""

    def __init__(
        self,
        items: Sequence[Item],
        words: Sequence[Word],
        ask: Callable[[Sequence[Item], bool], Awaitable[chat.Answer]],
    ) -> None:
        """Takes what may be answered, and what asks about some items, or about one again in another form."""
        self._items, self._words, self._put = items, words, ask
        self._alone: dict[str, chat.Answer] = {}
        self.scores: dict[str, float] = {}
        self.gaps: dict[str, int] = {}
        """Why items that were asked alone have no score."""
        self.calls: list[Call] = []
        self.problem = ""
        """Why the last answer of no use was of none."""
        self.too_long: set[int] = set()
        """Rows that do not fit into the model."""

    def missing(self) -> list[Item]:
        """Items without a score so far."""
        return [item for item in self._items if item.id not in self.scores]

    async def ask_all(self) -> None:
        """Together, what is missing together, and then alone; less where nothing can come of it."""
        items = self._items
        answer = await self._ask(items)
        if 0 < len(self.missing()) < len(items):
            answer = await self._ask(self.missing())
        missing, of_one_text = self.missing(), len({item.row for item in items}) == 1
        if of_one_text and answer.given_up:
            return
        if of_one_text and len(missing) == len(items) > 1 and answer.status == roles.UNPARSABLE:
            # Not the same item on every text: one that spoils its pack would take the others with it.
            probe = missing.pop(items[0].row % len(items))
            await self._ask_alone(probe)
            if self.gaps.get(probe.id) == roles.UNPARSABLE:
                return
        for item in missing:
            await self._ask_alone(item)

    async def _ask_alone(self, item: Item) -> None:
        """Unless it was; what was left out or unreadable is asked once more, in other words."""
        answer = self._alone.get(item.id) or await self._ask([item])
        if self.gaps.get(item.id) == roles.UNPARSABLE and not answer.given_up:
            await self._ask([item], again=True)

    async def _ask(self, items: Sequence[Item], again: bool = False) -> chat.Answer:
        answer = await self._put(items, again)
        self.calls.extend(answer.calls)
        found = _matched(answer, items, self._words)
        self.scores.update(found)
        rows = {item.row for item in items}
        if len(rows) == 1 and answer.is_too_long:
            self.too_long |= rows
        if not found:
            self.problem = answer.problem or problems.form(f"{answer.text[:_SHOWN]!r}")
        if len(items) == 1:
            (id_,) = (item.id for item in items)
            self._alone[id_] = answer
            self.gaps.pop(id_, None)
            if id_ not in self.scores:
                refused = answer.status == roles.REFUSAL
                self.gaps[id_] = roles.REFUSAL if refused else roles.UNPARSABLE
        return answer


class InVain:
    """Counts what a judge was asked without any use, and stops in time."""

    def __init__(self, llm: Llm, models: Sequence[str]) -> None:
        self._llm, self._models = llm, models
        self._ended: Counter[int] = Counter()
        self._useful: set[int] = set()

    def count(self, settled: Settled) -> None:
        """Takes a pack that has ended.

        Raises:
            EngineError: it was one of the first that a judge was asked, and none gave anything.
        """
        is_useful = bool(settled.scores) or roles.REFUSAL in settled.gaps.values()
        self.count_one(settled.judge, is_useful, settled.problem)

    def count_one(self, judge: int, is_useful: bool, problem: str = "") -> None:
        """The same of what gave a verdict or a refusal, or did not.

        Raises:
            EngineError: as `count`.
        """
        self._ended[judge] += 1
        if is_useful:
            self._useful.add(judge)
        if judge not in self._useful and self._ended[judge] >= _FIRST_PACKS:
            change = "write `logprobs: false` under `llm:`" if self._llm.logprobs else "name another model"
            last = f" The last answer: {problem}." if problem else ""
            raise EngineError(
                f"{self._models[judge]}: wanted verdicts, and {_FIRST_PACKS} questions"
                f" brought none that can be read.{last}",
                hint=f"{problems.remedy(problem) or f'{change[0].upper()}{change[1:]}.'}"
                " A rerun goes on from here.",
            )


def _matched(answer: chat.Answer, items: Sequence[Item], words: Sequence[str]) -> dict[str, float]:
    """Scores of the items asked about, by id."""
    if isinstance(answer.parsed, Words):
        return {id_: _SCORES[word] for id_, word in answer.parsed.said.items()}
    if answer.parsed is not None or answer.status != roles.VALUE:
        return {}
    first = _WORD.search(answer.text)
    word = first[0].casefold() if first else ""
    return {items[0].id: _SCORES[word]} if word in words else {}
