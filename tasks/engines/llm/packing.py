"""Which predicates and texts share a call, and what its messages say.

The text comes first and the question last: a model that has read the question before the text answers by
chance, and one that reads it after does not (docs/decisions/0007). What several calls begin with is the same
to the byte, and they are asked one after the other, so that a server reads it once.
Packs are made when they are asked: the messages of a shard never stand in memory together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import polars as pl

from tasks.engines.gateway.pictures import Shown
from tasks.engines.llm import prompts, schemas
from tasks.errors import EngineError
from tasks.records import Predicate
from tasks.store import media
from tasks.study import Study

T = TypeVar("T")

CHARS_PER_CALL = 60_000
"""Texts that share a call have at most this many characters together."""
SEVERAL = 10
"""Predicates that a large model is asked in one call on one text, where the study names no number."""
WORD_TOKENS = 8
"""The most that a yes or no takes, with what a model may put before it."""
KEYED_TOKENS = 16
"""The same of a word under an id of six letters, in JSON."""

MAX_CHARS_CONTEXT = 4_000
"""What two answers answer is shown up to here: its beginning and its end."""

Form = Literal[
    "question", "questions", "texts", "picture", "pictures", "pair", "pairs", "answer", "answers"
]  # fmt: skip
"""One plain question on one text; several on one text; one on several texts; one, and several, on a picture;
one, and several, on a pair of texts; one, and several, on two answers to what is shown before them."""
YES_OR_NO: tuple[schemas.Word, ...] = ("yes", "no")
_WHICH: tuple[schemas.Word, ...] = ("first", "second", "neither")
_WORDS: dict[Form, tuple[schemas.Word, ...]] = {
    "question": YES_OR_NO,
    "questions": YES_OR_NO,
    "texts": YES_OR_NO,
    "picture": YES_OR_NO,
    "pictures": YES_OR_NO,
    "pair": _WHICH,
    "pairs": _WHICH,
    "answer": _WHICH,
    "answers": _WHICH,
}
"""What may be answered."""
_IN_A_WORD = {"question", "picture", "pair", "answer"}
"""Forms that are answered in one word; the others in an object with a word for each id."""
_OTHERWISE: dict[Form, Form] = {
    "question": "questions",
    "questions": "question",
    "texts": "question",
    "picture": "pictures",
    "pictures": "picture",
    "pair": "pairs",
    "pairs": "pair",
    "answer": "answers",
    "answers": "answer",
}
"""In which form a single item is asked once more that was answered in another than was wanted."""


class Item(NamedTuple):
    """One verdict that is wanted."""

    id: str
    """What the answer calls it."""
    predicate: str
    shown: dict[str, str]
    """The text, or both texts and what they answer, as data."""
    row: int
    column: int
    predicate_id: str
    picture: Shown | None = None
    """The picture, of which `shown` has the caption where there is one."""


@dataclass(frozen=True)
class Asked:
    """What is put to a model."""

    prompt: prompts.Prompt
    system: str
    user: str
    words: tuple[schemas.Word, ...]
    """What may be answered ..."""
    answer: type[schemas.Words] | None
    """... for each id; None: in one word."""
    most_tokens: int
    """What that takes."""
    pictures: tuple[Shown, ...] = ()
    """What is shown with it."""


@dataclass(frozen=True)
class Pack:
    """What one call asks."""

    form: Form
    items: Sequence[Item]
    order: int = 0
    """Of two texts, whose is shown first: A's (0) or B's (1)."""

    @property
    def words(self) -> tuple[schemas.Word, ...]:
        """What may be answered, in this form and in the other."""
        return _WORDS[self.form]

    def asked(self, items: Sequence[Item], again: bool = False) -> Asked:
        """What asks for some of the items, or for one of them once more, in another form."""
        form = _OTHERWISE[self.form] if again else self.form
        prompt, words = prompt_of(form), self.words
        system, user = prompt.render(**_fields(form, items))
        # What shares a call on a picture is about the same one.
        pictures = () if items[0].picture is None else (items[0].picture,)
        if form in _IN_A_WORD:
            return Asked(prompt, system, user, words, None, WORD_TOKENS, pictures)
        answer = schemas.keyed(tuple(item.id for item in items), words)
        return Asked(prompt, system, user, words, answer, KEYED_TOKENS * (1 + len(items)), pictures)


@dataclass(frozen=True)
class Packs:
    """All calls of one shard."""

    n_calls: int
    n_groups: int
    each: Iterable[Sequence[Pack]]
    """Groups of calls that begin alike: those of a group are asked one after the other."""


def prompt_of(form: Form) -> prompts.Prompt:
    """Its prompt file."""
    return prompts.load(f"verify/{form}")


def form_of(study: Study, per_call: int, answers: bool = False) -> Form:
    """In which form a study's verdicts are asked for, with so many predicates a call.

    Args:
        study: whose they are.
        per_call: predicates in a call.
        answers: whether the two texts that are compared answer something.
    """
    if study.verify.form == "two_text":
        return _of_pairs(per_call, answers)
    return _of_pictures(per_call) if media.are_there(study.name) else _of_texts(study, per_call)


def _of_pictures(per_call: int) -> Form:
    """A picture is never shown with another."""
    return "pictures" if per_call > 1 else "picture"


def _of_pairs(per_call: int, answers: bool) -> Form:
    if answers:
        return "answers" if per_call > 1 else "answer"
    return "pairs" if per_call > 1 else "pair"


def are_answers(texts: pl.DataFrame) -> bool:
    """Whether the texts answer something, which a judge is shown with them."""
    return "context" in texts.columns and texts.height > 0 and texts["context"].null_count() == 0


def _of_texts(study: Study, per_call: int) -> Form:
    """Hypotheses are ranked on single texts, whatever verify compares."""
    if study.verify.texts_per_call > 1:
        return "texts"
    return "questions" if per_call > 1 else "question"


def per_call(study: Study, role: Literal["judge", "gold"]) -> int:
    """How many predicates share a call, by what the study says or by how large its models are.

    A small model that answers several questions at once is little better than chance, and on a server of
    one's own one question a call is faster, too: the text is read once, and one word is written for each.
    """
    wanted = study.verify.predicates_per_call
    if wanted != "auto":
        return wanted
    is_alone = study.llm.logprobs or study.verify.texts_per_call > 1
    if is_alone or any(endpoint.is_small for endpoint in study.llm.endpoints(role)):
        return 1
    return SEVERAL


def one_text(study: Study, predicates: Sequence[Predicate], texts: pl.DataFrame, n_together: int) -> Packs:
    """`n_together` predicates on each text, or several texts under each predicate, as the study says."""
    if media.are_pictures(texts):
        return _one_picture(study, predicates, texts, n_together)
    contents = _contents(study, texts)
    form = _of_texts(study, n_together)
    if form == "texts":
        shared = _sharing(contents, study.verify.texts_per_call)
        groups = _texts_together(study, predicates, texts["text_id"].to_list(), contents, shared)
        return Packs(len(shared) * len(predicates), len(shared), groups)
    parts = _chunks(_named(study, predicates), n_together)
    each = (
        [Pack(form, _items(part, row, {"text": text})) for part in parts] for row, text in enumerate(contents)
    )
    return Packs(len(parts) * len(contents), len(contents), each)


def _one_picture(
    study: Study, predicates: Sequence[Predicate], texts: pl.DataFrame, n_together: int
) -> Packs:
    """`n_together` predicates on each picture, each with its caption where it has one.

    Pictures are the study's own, but for rows that bring their `bytes`.
    """
    drawn = dict(texts.select("media", "bytes").iter_rows()) if "bytes" in texts.columns else {}
    contents, parts = _contents(study, texts), _chunks(_named(study, predicates), n_together)
    rows, form = list(enumerate(texts["media"])), _of_pictures(n_together)

    def packed() -> Iterator[list[Pack]]:
        for row, one in rows:
            read = partial(drawn.__getitem__, one) if drawn else partial(media.one, study.name, one)
            picture = Shown(one, read)
            shown = {"caption": contents[row]} if contents[row].strip() else {}
            yield [Pack(form, _items(part, row, shown, picture)) for part in parts]

    return Packs(len(parts) * len(rows), len(rows), packed())


def two_texts(
    study: Study,
    predicates: Sequence[Predicate],
    texts: pl.DataFrame,
    pairs: Sequence[tuple[int, int]],
    n_together: int,
) -> Packs:
    """`n_together` predicates on each pair, once with the text of A first and once with that of B.

    Where texts answer something, what they answer goes before both.
    """
    contents = _contents(study, texts)
    parts = _chunks(_named(study, predicates), n_together)
    answers = are_answers(texts)
    form = _of_pairs(n_together, answers)
    prompts_of = [{"prompt": _ends(text)} for text in texts["context"]] if answers else [{}] * texts.height
    each = (
        [
            Pack(form, _items(part, row, prompts_of[pair[0]] | _side_by_side(contents, pair, order)), order)
            for part in parts
        ]
        for row, pair in enumerate(pairs)
        for order in (0, 1)
    )
    return Packs(2 * len(parts) * len(pairs), 2 * len(pairs), each)


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


def whole_pairs_of(texts: pl.DataFrame) -> list[tuple[int, int]]:
    """Those of `pairs_of` of which both texts are there: with an empty one nothing is compared.

    Raises:
        EngineError: as `pairs_of`.
    """
    is_there = (texts["text"].str.strip_chars() != "").to_list()
    return [(a, b) for a, b in pairs_of(texts) if is_there[a] and is_there[b]]


def _fields(form: Form, items: Sequence[Item]) -> dict[str, str]:
    """What the prompt of a form is filled with."""
    ids, first = ", ".join(item.id for item in items), items[0]
    if form == "texts":
        shown = prompts.lines({"id": item.id, **item.shown} for item in items)
        return {"texts": shown, "question": prompts.question(first.predicate), "ids": ids}
    name, asks = _ASKS.get(form, ("text", prompts.question))
    fields = {name: prompts.lines([first.shown])}
    if form in _IN_A_WORD:
        return {**fields, "question": asks(first.predicate)}
    return {**fields, "questions": "\n".join(f"{i.id}: {asks(i.predicate)}" for i in items), "ids": ids}


def _statement(predicate: str) -> str:
    return f"the text {prompts.phrase(predicate)}"


def _which(predicate: str) -> str:
    return f"Which answer {prompts.phrase(predicate)}?"


_ASKS: dict[Form, tuple[str, Callable[[str], str]]] = {
    "picture": ("picture", prompts.question_of_picture),
    "pictures": ("picture", prompts.question_of_picture),
    "pair": ("pair", _statement),
    "pairs": ("pair", _statement),
    "answer": ("pair", _which),
    "answers": ("pair", _which),
}
"""Under which name a prompt file has what is shown, and how it asks of it."""


def _texts_together(
    study: Study,
    predicates: Sequence[Predicate],
    text_ids: Sequence[str],
    contents: Sequence[str],
    parts: Sequence[range],
) -> Iterator[Sequence[Pack]]:
    for part in parts:
        ids = prompts.item_ids([text_ids[row] for row in part], *_salted(study, predicates))
        yield [
            Pack(
                "texts",
                tuple(
                    Item(id_, p.predicate, {"text": contents[row]}, row, column, p.predicate_id)
                    for id_, row in zip(ids, part, strict=True)
                ),
            )
            for column, p in enumerate(predicates)
        ]


def _named(study: Study, predicates: Sequence[Predicate]) -> list[tuple[str, int, Predicate]]:
    """Each predicate with the id it has in questions, and its column."""
    ids = prompts.item_ids([p.predicate_id for p in predicates], *_salted(study, predicates))
    return [(id_, column, p) for column, (id_, p) in enumerate(zip(ids, predicates, strict=True))]


def _items(
    named: Sequence[tuple[str, int, Predicate]], row: int, shown: dict[str, str], picture: Shown | None = None
) -> tuple[Item, ...]:
    return tuple(
        Item(id_, p.predicate, shown, row, column, p.predicate_id, picture) for id_, column, p in named
    )


def _side_by_side(contents: Sequence[str], pair: tuple[int, int], order: int) -> dict[str, str]:
    return {"first": contents[pair[order]], "second": contents[pair[1 - order]]}


def _salted(study: Study, predicates: Sequence[Predicate]) -> tuple[str, ...]:
    """What item ids cannot be known without.

    Who wrote a text may guess all but the split, which every text decides. Nothing of the judge is in it:
    ids are part of a question, and a question that stays the same is not to be paid for again because the
    panel or a limit around it has changed.
    """
    return (str(study.seed), predicates[0].split_hash) if predicates else ()


def _ends(text: str) -> str:
    """A long text without its middle: what is wanted stands before what it is wanted of, or behind it."""
    half = MAX_CHARS_CONTEXT // 2
    return text if len(text) <= MAX_CHARS_CONTEXT else f"{text[:half]} … {text[-half:]}"


def _contents(study: Study, texts: pl.DataFrame) -> list[str]:
    return texts["text"].str.slice(0, study.verify.max_chars).to_list()


def _chunks(items: Sequence[T], most: int) -> list[Sequence[T]]:
    """Parts of at most so many, as even as can be: a call about two of 152 would be a call for little."""
    size = _even(len(items), most)
    return [items[start : start + size] for start in range(0, len(items), size)]


def _even(n: int, most: int) -> int:
    """The largest of as few parts as n in parts of at most `most` come to."""
    n_parts = max(1, -(-n // most))
    return max(1, -(-n // n_parts))


def _sharing(contents: Sequence[str], most: int) -> list[range]:
    """Neighbouring rows, as many as may share a call and as even as can be."""
    most = _even(len(contents), most)
    parts: list[range] = []
    start = n_chars = 0
    for row, text in enumerate(contents):
        if row > start and (row - start == most or n_chars + len(text) > CHARS_PER_CALL):
            parts.append(range(start, row))
            start, n_chars = row, 0
        n_chars += len(text)
    return [*parts, range(start, len(contents))] if contents else []
