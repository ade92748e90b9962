"""The block `collect` of a study: which rows there are, how they fall into A and B, what is one text."""

import codecs
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from tasks.study.block import Block, Share

Label = str | int | float | bool | datetime | date
"""A value of the column that `group` names."""
REST = "rest"
"""As a group: every row that has a label, and none of the other group's."""


def _is_known(encoding: str) -> str:
    try:
        # Others turn bytes into bytes.
        is_text = codecs.lookup(encoding)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise ValueError(f"wanted an encoding such as utf-8, utf-16, cp1252 or latin-1, got {encoding!r}")
    return encoding


def _is_one_character(mark: str | None) -> str | None:
    if mark is not None and (len(mark) != 1 or mark in "\r\n"):
        raise ValueError(f'wanted one character such as ";" or "\\t" (in double quotes), got {mark!r}')
    return mark


def _is_a_quote(mark: str) -> str:
    if mark:
        _is_one_character(mark)
    return mark


class Csv(Block):
    """How CSV and TSV files are written."""

    delimiter: Annotated[str, AfterValidator(_is_one_character)] | None = None
    """What parts fields; without it a tab in TSV, elsewhere what fits the first lines: , ; | or a tab."""
    quote: Annotated[str, AfterValidator(_is_a_quote)] = '"'
    """What fields with a delimiter or line break in them stand in; "" where quotes are mere characters."""
    header: bool = True
    """Whether the first line names the columns; without one they are column_1, column_2 and so on."""
    skip_bad_lines: bool = False
    """Leave out, and count, lines with more fields than the header or a quote that is not closed."""


Column = Annotated[str, AfterValidator(lambda name: unicodedata.normalize("NFC", name))]
"""The name of a column, or a path into one; accents may be typed in one part or two."""


class Source(Block):
    """One group's own source, where A and B come from different files or queries."""

    path: str | None = None
    """File, glob or folder inside `data`."""
    query: str | None = None
    """SQL, where the file is a DuckDB or SQLite database."""
    where: str | None = None
    """SQL filter on the rows."""
    text: Column | None = None
    """Column that holds the text, or a path into one; collect.text without it."""
    document: Column | None = None
    """Column of the document, or a path into one; collect.document without it."""


def _may_be_ignored(entries: tuple[str, ...]) -> tuple[str, ...]:
    import polars as pl

    for entry in entries:
        pattern = entry[1:-1] if is_pattern(entry) else entry
        if not pattern.strip():
            raise ValueError(f"wanted a word or a /pattern/, got {entry!r}")
        if is_pattern(entry):
            try:
                found = pl.Series(["", "a b"]).str.extract_all(pattern)
                pl.Series([""]).str.contains(cut_out(pattern))
            except pl.exceptions.PolarsError as error:
                raise ValueError(
                    f"wanted /pattern/ in the syntax of Rust's regex (no look-around, no back-references), "
                    f"got {entry!r}: {' '.join(str(error).partition('This error')[0].split())}"
                ) from None
            if found.list.contains("").any():
                raise ValueError(
                    f"wanted a /pattern/ that takes at least one character, got {entry!r}, which is found "
                    "where nothing is. Write + for *, or leave out ?"
                )
    return entries


def cut_out(pattern: str) -> str:
    """The pattern of what goes: with what is ignored one blank before it."""
    return rf"[ \t]?(?:{pattern})"


def is_pattern(entry: str) -> bool:
    """Whether an entry of collect.ignore is a pattern: /between slashes/."""
    return len(entry) > 1 and entry.startswith("/") and entry.endswith("/")


Ignored = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_may_be_ignored)]
Masked = Literal["handles", "urls", "numbers", "emails"]


def _one_label(value: Any, handler: ValidatorFunctionWrapHandler) -> Label:
    try:
        found: Label = handler(value)
    except ValidationError:
        raise ValueError(f"wanted text, a number, true, false or a date, got {value!r}") from None
    return found


def _at_least_one(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    if not labels:
        raise ValueError("wanted at least one value in the list, got none")
    return labels


def _form(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    return "a source" if isinstance(value, dict | Source) else "a value"


_Value = Annotated[Label, WrapValidator(_one_label)]
_Values = Annotated[tuple[_Value, ...], Field(strict=False), AfterValidator(_at_least_one)]
Group = Annotated[
    Annotated[Source, Tag("a source")]
    | Annotated[_Values, Tag("a list")]
    | Annotated[_Value, Tag("a value")],
    Discriminator(_form),
]
"""What tells a group: by its form, so that an error is about what was meant."""


def _are_two(classes: Any) -> Any:
    if len(classes) != len(("A", "B")):
        raise ValueError(
            f"wanted two classes, such as [I, C] or [[I, P], C]; got {len(classes)}: {list(classes)}"
        )
    return classes


Side = Annotated[
    Annotated[_Values, Tag("a list")] | Annotated[_Value, Tag("a value")],
    Discriminator(_form),
]
"""A class, or several that count as one."""
Compare = Annotated[
    Annotated[tuple[Side, Side], Field(strict=False), BeforeValidator(_are_two), Tag("a list")]
    | Annotated[Literal["wrong_right", "discordant"], Tag("a value")],
    Discriminator(_form),
]


class Results(Block):
    """A table of what models answered: rows are answers, and what is compared is what was asked."""

    input: Column = "input"
    """Column (or path) of what was asked; it is the text."""
    outcome: Column = "outcome"
    """Column of whether the answer is right (true/false, 1/0, correct/incorrect, C/I, a number with `least`);
    or of the class, where `compare` names two."""
    model: Column | None = None
    """Column of the model that answered; without it all answers are of one model."""
    item: Column | None = None
    """Column of what a question is called, for every model and in every epoch: the document. Without it
    the text is."""
    compare: Compare = "wrong_right"
    """wrong_right: what one model got wrong (A) and right (B). discordant: what of two models the second
    alone got right (A), and the first alone (B). Or two values of `outcome`, or lists."""
    of: str | None = None
    """The model that wrong_right and two classes are about, where the table has several."""
    models: Annotated[tuple[str, str], Field(strict=False)] | None = None
    """The two models that are compared, in this order; without it the two there are."""
    least: float | None = Field(default=None, allow_inf_nan=False)
    """From this number on an outcome counts as right."""

    @model_validator(mode="after")
    def _can_be_compared(self) -> "Results":
        if self.of is not None and self.compare == "discordant":
            raise ValueError("wanted `models: [ONE, ANOTHER]` with `compare: discordant`, got `of`")
        if self.models is not None and self.models[0] == self.models[1]:
            raise ValueError(f"wanted two different models, got {self.models[0]!r} twice")
        if isinstance(self.compare, tuple):
            if self.least is not None:
                raise ValueError("wanted `least` with right and wrong answers, got two classes to compare")
            first, second = (set(one) if isinstance(one, tuple) else {one} for one in self.compare)
            if both := first & second:
                raise ValueError(f"wanted two different classes, got {min(map(str, both))!r} in both")
        return self


class Collect(Block):
    """How rows are read and fall into A and B."""

    path: str | None = None
    """File, glob or folder inside `data`, where `data` is a folder."""
    query: str | None = None
    """SQL, where the file is a DuckDB or SQLite database."""
    where: str | None = None
    """SQL filter that rows of both groups must meet."""
    text: Column = "text"
    """Column that holds the text, or a path into one: `message.body`, `messages.-1.content`."""
    picture: Column | None = None
    """Column (or path) that holds a picture: a path, its bytes or a data URI. Rows are then pictures, and
    `text` what is said of them, where that column is there."""
    document: Column | None = None
    """Column (or path) of the document a text belongs to; without it each text is its own document."""
    group: Column | None = None
    """Column (or path) whose values `a` and `b` name the groups; `random` draws halves by document."""
    a: Group | None = None
    """Group A: a source, a value of `group`, a list of values, `rest` (all other values), or a SQL filter."""
    b: Group | None = None
    """Group B, in the same way."""
    a_name: str | None = None
    """What group A is called in the report."""
    b_name: str | None = None
    """What group B is called in the report."""
    results: Results | None = None
    """In place of text, document, group, a and b: rows are answers of models, told apart by their outcome."""
    sample: int | None = Field(default=None, ge=1)
    """At most so many documents of each group (a text without a document is its own), drawn by chance, and
    files then read block by block. null: all of them."""
    overlap: Literal["draw", "drop", "keep"] = "draw"
    """What to do with a text that stands in both groups: draw one of its rows and take that row's group, drop
    the text, or keep it once in each. Where groups differ in size, only `draw` leaves meaningless labels
    meaningless."""
    near_duplicates: Annotated[float, Field(ge=0.5, le=1)] | None = 0.7
    """Texts that share this much of their words in the same order (numbers, punctuation and case aside), or
    quote one another, are one family: one document, in one half. null: near-duplicates are different; so
    they are with `results` where nothing else is said."""
    explore_share: Share = 0.5
    """Share of documents the proposer may look at; the rest confirms."""
    max_chars: int = Field(default=100_000, ge=100)
    """Longer texts are cut to this many characters and counted."""
    csv: Csv = Csv()
    """How CSV and TSV files are written."""
    encoding: Annotated[str, AfterValidator(_is_known)] = "utf-8"
    """Encoding of CSV, TSV, JSON and text files, as Python calls it: utf-16, cp1252, latin-1."""
    max_unpacked_mb: int = Field(default=4096, ge=1)
    """Most megabytes that a .gz or a pickle may unpack to."""
    ignore: Ignored = ()
    """Words, phrases or /patterns/ (Rust's regex) that are cut out of all texts before all else: what gives
    the group away, such as a signature."""
    mask: tuple[Masked, ...] = Field(default=(), strict=False)
    """What a stand-in replaces before all else: handles (@user), urls (URL), numbers (0), emails (EMAIL)."""

    @property
    def is_one_pile(self) -> bool:
        """Whether no groups are named."""
        return self.group is None and self.a is None and self.b is None and self.results is None

    @property
    def labels(self) -> tuple[Label, ...]:
        """Values that name the groups."""
        sides = self.results.compare if self.results else (self.a, self.b)
        if isinstance(sides, str):
            return ()
        every = [one for side in sides for one in (side if isinstance(side, tuple) else (side,))]
        return tuple(one for one in every if one is not None and not isinstance(one, Source))

    @model_validator(mode="before")
    @classmethod
    def _items_are_no_copies(cls, given: Any) -> Any:
        """Questions that hardly differ, in a name or a `not`, are what an evaluation is made of."""
        if isinstance(given, dict) and given.get("results") is not None and "near_duplicates" not in given:
            return {**given, "near_duplicates": None}
        return given

    @model_validator(mode="after")
    def _groups_are_told_apart(self) -> "Collect":
        if self.results is not None:
            return self._of_results()
        if self.is_one_pile:
            return self
        both_sources = isinstance(self.a, Source) and isinstance(self.b, Source)
        if isinstance(self.a, Source) != isinstance(self.b, Source):
            raise ValueError("wanted a and b both as sources or both as values, got one of each")
        if self.group == "random":
            if self.a is not None or self.b is not None:
                raise ValueError("wanted no a and b with group: random, which draws them itself")
        elif self.a is None or self.b is None:
            raise ValueError(
                "wanted a and b: two sources, two values of the column named by group, or two SQL filters"
            )
        elif both_sources and self.group is not None:
            raise ValueError("wanted no group where a and b are sources of their own")
        elif (
            self.group is None
            and not both_sources
            and not (isinstance(self.a, str) and isinstance(self.b, str))
        ):
            raise ValueError('wanted SQL filters as a and b, e.g. a: "year = 2020", or a group column')
        elif not both_sources and self.group is None and REST in {self.a, self.b}:
            raise ValueError("wanted `group: COLUMN` with `rest`, which is all other values of that column")
        elif (type(self.a), self.a) == (type(self.b), self.b):
            raise ValueError(f"wanted two different groups, got the same one twice: {self.a!r}")
        return self

    def _of_results(self) -> "Collect":
        if self.picture is not None:
            raise ValueError("wanted no picture with results: what models were asked are texts")
        if any(one is not None for one in (self.group, self.a, self.b, self.document)) or self.text != "text":
            raise ValueError(
                "wanted no text, document, group, a or b with results, which names the columns itself: "
                "input, item, outcome"
            )
        return self
