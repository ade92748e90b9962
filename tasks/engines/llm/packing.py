"""Which predicates and texts share a call, and what its messages say.

The text comes first and the question last: a model that has read the question before the text answers by
chance, and one that reads it after does not (docs/decisions/0007). What several calls begin with is the same
to the byte, and they are asked one after the other, so that a server reads it once.
Packs are made when they are asked: the messages of a shard never stand in memory together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Bool

from tasks.engines.gateway.pictures import Shown
from tasks.engines.llm import forms, parts, prompts, schemas
from tasks.engines.llm.forms import YES_OR_NO, Form, form_of
from tasks.errors import EngineError
from tasks.records import Predicate
from tasks.store import media
from tasks.study import Study

__all__ = ["YES_OR_NO", "Asked", "Form", "Item", "Pack", "Packs", "form_of"]

SEVERAL = 10
"""Predicates that a large model is asked in one call on one text, where the study names no number."""
WORD_TOKENS = 8
"""The most that a yes or no takes, with what a model may put before it."""
KEYED_TOKENS = 16
"""The same of a word under an id of six letters, in JSON."""

MAX_CHARS_CONTEXT = 4_000
"""What two answers answer is shown up to here: its beginning and its end."""


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
    pictures: tuple[Shown, ...] = ()
    """The picture, or both that are compared, of which `shown` has the captions where there are any."""


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
        return forms.WORDS[self.form]

    def asked(self, items: Sequence[Item], again: bool = False) -> Asked:
        """What asks for some of the items, or for one of them once more, in another form."""
        form = forms.OTHERWISE[self.form] if again else self.form
        prompt, words = prompt_of(form), self.words
        system, user = prompt.render(**_fields(form, items))
        # What shares a call on pictures is about the same ones.
        pictures = items[0].pictures
        if form in forms.IN_A_WORD:
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


def are_answers(texts: pl.DataFrame) -> bool:
    """Whether the texts answer something, which a judge is shown with them."""
    return "context" in texts.columns and texts.height > 0 and texts["context"].null_count() == 0


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


Wanted = Bool[np.ndarray, "text predicate"]
"""Pairs that are to be asked about."""


def one_text(
    study: Study,
    predicates: Sequence[Predicate],
    texts: pl.DataFrame,
    n_together: int,
    wanted: Wanted | None = None,
) -> Packs:
    """`n_together` predicates on each text, or several texts under each predicate, as the study says.

    Args:
        study: whose they are.
        predicates: columns of `wanted`.
        texts: rows of `wanted`.
        n_together: predicates that share a call.
        wanted: the pairs that are asked about; None: all.
    """
    contents, asked = _contents(study, texts), wanted
    if asked is None:
        asked = np.ones((texts.height, len(predicates)), dtype=bool)
    if media.are_pictures(texts):
        form, shown = forms.of_picture(n_together), _pictures(study, contents, texts)
    elif (form := forms.of_text(study, n_together)) == "texts":
        shared = parts.sharing(contents, study.verify.texts_per_call)
        n_calls = sum(int(asked[part].any(axis=0).sum()) for part in shared)
        groups = _texts_together(study, predicates, texts["text_id"].to_list(), contents, shared, asked)
        return Packs(n_calls, len(shared), groups)
    else:
        shown = (({"text": text}, tuple[Shown, ...]()) for text in contents)
    named = _named(study, predicates)
    each = (
        [
            Pack(form, _items(part, row, *what))
            for part in parts.chunks([named[k] for k in np.flatnonzero(asked[row])], n_together)
        ]
        for row, what in enumerate(shown)
    )
    return Packs(sum(-(-int(n) // n_together) for n in asked.sum(axis=1)), len(contents), each)


def _pictures(
    study: Study, contents: Sequence[str], texts: pl.DataFrame
) -> Iterator[tuple[dict[str, str], tuple[Shown, ...]]]:
    """Each picture, which is never shown with another, with its caption where it has one.

    Pictures are the study's own, but for rows that bring their `bytes`. Each is made as it is needed: one
    that was sent holds its pixels.
    """
    for said, picture in zip(contents, _shown(study, texts), strict=True):
        yield {"caption": said} if said.strip() else {}, (picture,)


def pictures_of(study: Study, texts: pl.DataFrame) -> list[Shown]:
    """The picture of each row; none of texts. Files are read when they are sent."""
    return list(_shown(study, texts)) if media.are_pictures(texts) else []


def _shown(study: Study, texts: pl.DataFrame) -> Iterator[Shown]:
    drawn = dict(texts.select("media", "bytes").iter_rows()) if "bytes" in texts.columns else {}
    for one in texts["media"]:
        yield Shown(one, partial(drawn.__getitem__, one) if drawn else partial(media.one, study.name, one))


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
    together = parts.chunks(_named(study, predicates), n_together)
    answers = are_answers(texts)
    pictures = pictures_of(study, texts)
    form = forms.of_pair(n_together, answers, bool(pictures))
    prompts_of = [{"prompt": _ends(text)} for text in texts["context"]] if answers else [{}] * texts.height

    def packed(row: int, pair: tuple[int, int], order: int) -> list[Pack]:
        turned = (pair[order], pair[1 - order])
        shown = prompts_of[pair[0]] | _side_by_side([contents[at] for at in turned], bool(pictures))
        both = tuple(pictures[at] for at in turned) if pictures else ()
        return [Pack(form, _items(part, row, shown, both), order) for part in together]

    each = (packed(row, pair, order) for row, pair in enumerate(pairs) for order in (0, 1))
    return Packs(2 * len(together) * len(pairs), 2 * len(pairs), each)


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
    """Those of `pairs_of` of which both are there: with an empty text nothing is compared.

    Raises:
        EngineError: as `pairs_of`.
    """
    is_text = texts["text"].str.strip_chars() != ""
    is_there = ((texts["media"].is_not_null() | is_text) if "media" in texts.columns else is_text).to_list()
    return [(a, b) for a, b in pairs_of(texts) if is_there[a] and is_there[b]]


def _fields(form: Form, items: Sequence[Item]) -> dict[str, str]:
    """What the prompt of a form is filled with."""
    ids, first = ", ".join(item.id for item in items), items[0]
    if form == "texts":
        shown = prompts.lines({"id": item.id, **item.shown} for item in items)
        return {"texts": shown, "question": prompts.question(first.predicate), "ids": ids}
    name, asks = _ASKS.get(form, ("text", prompts.question))
    fields = {name: prompts.lines([first.shown])}
    if form in forms.IN_A_WORD:
        return {**fields, "question": asks(first.predicate)}
    return {**fields, "questions": "\n".join(f"{i.id}: {asks(i.predicate)}" for i in items), "ids": ids}


def _statement(predicate: str) -> str:
    return f"the text {prompts.phrase(predicate)}"


def _statement_of_picture(predicate: str) -> str:
    return f"the picture {prompts.phrase(predicate)}"


def _which(predicate: str) -> str:
    return f"Which answer {prompts.phrase(predicate)}?"


def _which_picture(predicate: str) -> str:
    return f"Which picture {prompts.phrase(predicate)}?"


_ASKS: dict[Form, tuple[str, Callable[[str], str]]] = {
    "picture": ("picture", prompts.question_of_picture),
    "pictures": ("picture", prompts.question_of_picture),
    "pair": ("pair", _statement),
    "pairs": ("pair", _statement),
    "answer": ("pair", _which),
    "answers": ("pair", _which),
    "picture_pair": ("pair", _statement_of_picture),
    "picture_pairs": ("pair", _statement_of_picture),
    "picture_answer": ("pair", _which_picture),
    "picture_answers": ("pair", _which_picture),
}
"""Under which name a prompt file has what is shown, and how it asks of it."""


def _texts_together(
    study: Study,
    predicates: Sequence[Predicate],
    text_ids: Sequence[str],
    contents: Sequence[str],
    shared: Sequence[range],
    asked: Wanted,
) -> Iterator[Sequence[Pack]]:
    for part in shared:
        ids = prompts.item_ids([text_ids[row] for row in part], *_salted(study, predicates))
        yield [
            Pack(
                "texts",
                tuple(
                    Item(id_, p.predicate, {"text": contents[row]}, row, column, p.predicate_id)
                    for id_, row in zip(ids, part, strict=True)
                    if asked[row, column]
                ),
            )
            for column, p in enumerate(predicates)
            if asked[part, column].any()
        ]


def _named(study: Study, predicates: Sequence[Predicate]) -> list[tuple[str, int, Predicate]]:
    """Each predicate with the id it has in questions, and its column."""
    ids = prompts.item_ids([p.predicate_id for p in predicates], *_salted(study, predicates))
    return [(id_, column, p) for column, (id_, p) in enumerate(zip(ids, predicates, strict=True))]


def _items(
    named: Sequence[tuple[str, int, Predicate]],
    row: int,
    shown: dict[str, str],
    pictures: tuple[Shown, ...] = (),
) -> tuple[Item, ...]:
    return tuple(
        Item(id_, p.predicate, shown, row, column, p.predicate_id, pictures) for id_, column, p in named
    )


def _side_by_side(both: Sequence[str], are_pictures: bool) -> dict[str, str]:
    """Two texts; of pictures, which are shown themselves, the captions that there are."""
    sides = dict(zip(("first", "second"), both, strict=True))
    return {side: said for side, said in sides.items() if said.strip()} if are_pictures else sides


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
