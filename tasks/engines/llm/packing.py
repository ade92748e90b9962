"""Which predicates and texts share a call, and what its messages say.

Packs are made when they are asked: the messages of a shard never stand in memory together.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
from pydantic import BaseModel

from tasks.engines.llm.prompts import Prompt, item_ids, lines, load
from tasks.engines.llm.schemas import Comparisons, Verdicts
from tasks.errors import EngineError
from tasks.records import Predicate
from tasks.study import Study

CHARS_PER_CALL = 60_000
"""Texts that share a call have at most this many characters together."""


class Item(NamedTuple):
    """One verdict that is wanted."""

    id: str
    """What the answer calls it."""
    line: str
    """How the message shows it."""
    row: int
    column: int
    predicate_id: str


@dataclass(frozen=True)
class Pack:
    """What one call asks."""

    prompt: Prompt
    answer: type[BaseModel] | None
    items: Sequence[Item]
    named: str
    """What the prompt calls the items: predicates or texts."""
    fixed: dict[str, str]
    """What else the prompt shows."""
    order: int = 0
    """Of two texts, whose is shown first: A's (0) or B's (1)."""

    def messages(self, items: Sequence[Item], again: bool = False) -> tuple[str, str]:
        """The system and the user message that ask for some of the items, or for one of them once more."""
        shown = "\n".join(item.line for item in items)
        ids = ", ".join(item.id for item in items) if again else ""
        return self.prompt.render(**{self.named: shown}, **self.fixed, again=ids)


@dataclass(frozen=True)
class Packs:
    """All calls of one shard."""

    total: int
    each: Iterable[Pack]


def prompt(study: Study, two_texts: bool) -> Prompt:
    """The prompt file that verdicts follow from."""
    if two_texts:
        return load("verify/pairs")
    if study.llm.logprobs:
        return load("verify/yes_or_no")
    return load("verify/texts" if study.verify.texts_per_call > 1 else "verify/predicates")


def one_text(study: Study, predicates: Sequence[Predicate], texts: pl.DataFrame) -> Packs:
    """Several predicates on each text, or several texts under each predicate, as the study says."""
    contents = _contents(study, texts)
    if study.verify.texts_per_call > 1:
        shared = _sharing(contents, study.verify.texts_per_call)
        return Packs(
            len(shared) * len(predicates),
            _texts_together(study, predicates, texts["text_id"].to_list(), contents, shared),
        )
    parts = _chunks(_predicate_items(study, predicates), study.verify.predicates_per_call)
    asks = prompt(study, two_texts=False)
    answer = None if study.llm.logprobs else Verdicts
    each = (
        Pack(asks, answer, _in_row(part, row), "predicates", {"text": lines([{"text": text}])})
        for part in parts
        for row, text in enumerate(contents)
    )
    return Packs(len(parts) * len(contents), each)


def two_texts(
    study: Study,
    predicates: Sequence[Predicate],
    texts: pl.DataFrame,
    pairs: Sequence[tuple[int, int]],
) -> Packs:
    """Several predicates on each pair, once with the text of A first and once with that of B."""
    contents = _contents(study, texts)
    parts = _chunks(_predicate_items(study, predicates), study.verify.predicates_per_call)
    asks = prompt(study, two_texts=True)
    each = (
        Pack(
            asks,
            Comparisons,
            _in_row(part, row),
            "predicates",
            {"pair": lines([{"first": contents[pair[order]], "second": contents[pair[1 - order]]}])},
            order,
        )
        for part in parts
        for row, pair in enumerate(pairs)
        for order in (0, 1)
    )
    return Packs(2 * len(parts) * len(pairs), each)


def pairs_of(texts: pl.DataFrame) -> list[tuple[int, int]]:
    """Row of A's and row of B's text for each value of `pair`, in the order of the rows.

    Raises:
        EngineError: a pair is not one text of each group.
    """
    numbered = texts.select("pair", "group").with_row_index("row")
    in_a, in_b = (pl.col("row").filter(pl.col("group") == group) for group in ("A", "B"))
    sides = numbered.group_by("pair", maintain_order=True).agg(a=in_a, b=in_b)
    if sides.filter((pl.col("a").list.len() != 1) | (pl.col("b").list.len() != 1)).height:
        raise EngineError("wanted one text of A and one of B in each pair.")
    return [(a[0], b[0]) for a, b in sides.select("a", "b").iter_rows()]


def _texts_together(
    study: Study,
    predicates: Sequence[Predicate],
    text_ids: Sequence[str],
    contents: Sequence[str],
    parts: Sequence[range],
) -> Iterator[Pack]:
    asks = prompt(study, two_texts=False)
    for column, predicate in enumerate(predicates):
        fixed = {"predicate": lines([{"predicate": predicate.predicate}])}  # no id: ids are the texts'
        for part in parts:
            ids = item_ids([text_ids[row] for row in part], *_salted(study, predicate))
            items = tuple(
                Item(id_, lines([{"id": id_, "text": contents[row]}]), row, column, predicate.predicate_id)
                for id_, row in zip(ids, part, strict=True)
            )
            yield Pack(asks, Verdicts, items, "texts", fixed)


def _predicate_items(study: Study, predicates: Sequence[Predicate]) -> list[Item]:
    salt = _salted(study, predicates[0]) if predicates else ()
    ids = item_ids([p.predicate_id for p in predicates], *salt)
    return [
        Item(id_, lines([{"id": id_, "predicate": p.predicate}]), 0, column, p.predicate_id)
        for column, (id_, p) in enumerate(zip(ids, predicates, strict=True))
    ]


def _salted(study: Study, predicate: Predicate) -> tuple[str, str]:
    """What item ids cannot be known without.

    Who wrote a text may guess all but the split, which every text decides. Nothing of the judge is in it:
    ids are part of a question, and a question that stays the same is not to be paid for again because the
    panel or a limit around it has changed.
    """
    return str(study.seed), predicate.split_hash


def _in_row(items: Sequence[Item], row: int) -> tuple[Item, ...]:
    return tuple(item._replace(row=row) for item in items)


def _contents(study: Study, texts: pl.DataFrame) -> list[str]:
    return texts["text"].str.slice(0, study.verify.max_chars).to_list()


def _chunks(items: Sequence[Item], most: int) -> list[Sequence[Item]]:
    return [items[start : start + most] for start in range(0, len(items), most)]


def _sharing(contents: Sequence[str], most: int) -> list[range]:
    """Neighbouring rows, as many as may share a call."""
    parts: list[range] = []
    start = n_chars = 0
    for row, text in enumerate(contents):
        if row > start and (row - start == most or n_chars + len(text) > CHARS_PER_CALL):
            parts.append(range(start, row))
            start, n_chars = row, 0
        n_chars += len(text)
    return [*parts, range(start, len(contents))] if contents else []
