"""Tables of prompts and answers -> one row an answer, with a key that says which answers belong together.

A row of the table has all answers to a prompt (wide), or one (long). In a long table answers of one prompt
belong together; of several of one model those with one `sample`, or by chance where nothing says which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from tasks.errors import CorpusError, SourceError, nearest
from tasks.kinds.model_pair import asking, layout
from tasks.kinds.model_pair.naming import folded
from tasks.kinds.model_pair.params import Answers
from tasks.kinds.model_pair.preferences import Table, opinions
from tasks.kinds.model_pair.showing import Shown, first
from tasks.records import Call
from tasks.store.canonical import canonicalised
from tasks.store.sources import hashes, normalised
from tasks.store.sources.opened import Opened
from tasks.store.sources.wording import listed
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.engines.gateway.kept import Kept


@dataclass(frozen=True)
class Given:
    """What the sources hold."""

    answers: pl.DataFrame
    """Columns key, number (among answers of one model to one prompt), model, place (in its row; null where
    a row has one), prompt, asked (the prompt as it is compared), document, category, answer (a text, or the
    hash of a picture; "": none)."""
    models: tuple[str, ...]
    """Those that are compared, the first with each other one."""
    said: pl.DataFrame
    """Columns key and said: preferences, and what `opinions` makes of them."""
    read: dict[str, Any]
    calls: tuple[Call, ...]
    """The paid answers they rest on."""
    is_long: bool
    """Whether a model without an answer to a prompt is missing one; else a row says who was asked."""
    counts: dict[str, int]
    """Rows that are left out, by why."""
    warnings: list[str]
    places: pl.DataFrame | None
    """Where answers are pictures: columns media, PICTURE and PATH."""


def given(study: Study, asked: Answers) -> Given:
    """All answers that the sources hold.

    Raises:
        SourceError: a source, column or value cannot be used.
        CorpusError: they are not of two models.
    """
    opened = Opened(study, first(asked))
    asked = layout.resolved(asked, opened.columns)
    shown = Shown(opened, asked, study.data_path)
    shared = _shared(opened, asked)
    prompts = shared["prompt"].fill_null("").to_list()
    written = asking.kept(asked, prompts) if asked.ask else {}
    rows = _asked(shared, asked, written) if asked.ask else _rows(opened, shown, shared, asked)
    is_blank = pl.col("answer").str.strip_chars() == ""
    rows, counts = _usable(rows.with_columns(answer=pl.when(~is_blank).then("answer").fill_null("")))
    rows, spelled = _categories(rows)
    present = rows["model"].value_counts(sort=True, name="n").sort("n", "model", descending=[True, False])
    every = present["model"].to_list()
    _check_spelling(present, opened, asked)
    models = _compared(asked, rows, every, opened)
    rows, said = _keyed(rows, asked)
    table = Table(asked, models, tuple(every), opened.label, opened.where)
    meant = opinions(said["said"], table) if said.height else pl.DataFrame()
    said = said.join(meant, on="said", how="left") if meant.height else said.clear()
    read = opened.manifest() | {"models": dict(present.iter_rows())}
    warnings = [*spelled, *_cut(asked, written)]
    calls = tuple(kept.call for kept in written.values())
    return Given(rows, models, said, read, calls, asked.is_long, counts, warnings, shown.places)


def _usable(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows with a prompt of which it is known who answered, and how many others there are, by why."""
    is_known = {
        "without a prompt": pl.col("asked") != "",
        "that do not say whose answer it is": pl.col("model").is_not_null(),
        "in which a model stands against itself": pl.len().over("row", "model") == 1,
    }
    counts = {}
    for why, known in is_known.items():
        n, rows = rows["row"].n_unique(), rows.filter(known)
        counts[why] = n - rows["row"].n_unique()
    return rows, counts


def _categories(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Categories that differ in case, blanks or hyphens as one, in the commonest spelling; and which do."""
    counted = (
        rows["category"].drop_nulls().value_counts(name="n").sort("n", "category", descending=[True, False])
    )
    forms: dict[str, list[str]] = {}
    for category in counted["category"]:
        forms.setdefault(folded(category), []).append(category)
    twice = {form: spelled[0] for spelled in forms.values() for form in spelled[1:]}
    if not twice:
        return rows, []
    told = [f"{' and '.join(map(repr, spelled))}" for spelled in forms.values() if len(spelled) > 1]
    one = pl.col("category").replace(list(twice), list(twice.values()))
    return rows.with_columns(one), [
        f"a category is spelled in several ways, and counts as one: {listed(told)}"
    ]


def _cut(asked: Answers, there: Mapping[asking.Key, "Kept"]) -> list[str]:
    """Models whose answers were cut off at their limit of tokens."""
    told = []
    for place, one in enumerate(asked.ask):
        n = sum(kept.is_cut for (number, _), kept in there.items() if number == place)
        if n:
            told.append(
                f"{n:,} answers of {one.called} were cut off at {one.endpoint.max_tokens:,} tokens. Raise "
                "max_tokens: where an answer was cut off is no trait of a model"
            )
    return told


def _asked(shared: pl.DataFrame, asked: Answers, there: Mapping[asking.Key, "Kept"]) -> pl.DataFrame:
    """One row an answer, of those that models wrote."""
    prompts = shared["prompt"].fill_null("")
    sides = []
    for place, one in enumerate(asked.ask):
        said = [kept.text if (kept := there.get((place, prompt))) else "" for prompt in prompts]
        answer = pl.Series("answer", said, dtype=pl.String)
        side = shared.with_columns(answer, place=pl.lit(place, pl.Int64), model=pl.lit(one.called))
        sides.append(side)
    return pl.concat(sides)


def _shared(opened: Opened, asked: Answers) -> pl.DataFrame:
    """What is known of each row beside its answers."""
    # Files may be called by numbers, which as a column of texts would be a mistake.
    prompt = (opened.ids if opened.are_pictures else opened.text)(asked.prompt, "prompt")
    none = pl.repeat(None, len(prompt), dtype=pl.String, eager=True)

    def known(name: str | None, key: str) -> pl.Series:
        return none if name is None else opened.ids(name, key)

    return pl.DataFrame(
        {
            "row": pl.arange(len(prompt), eager=True),
            "prompt": prompt,
            "asked": normalised(prompt.fill_null("")),
            "document": known(asked.document, "document"),
            "category": known(asked.category, "category"),
            "sample": known(asked.sample, "sample"),
            "said": known(asked.preference, "preference"),
        }
    )


def _rows(opened: Opened, shown: Shown, shared: pl.DataFrame, asked: Answers) -> pl.DataFrame:
    """One row an answer, as they are read."""
    if isinstance(asked.model, str):
        own = {
            "model": opened.ids(asked.model, "model", "names"),
            "answer": shown.column(asked.answer, "answer"),
        }
        return shared.with_columns(**own, place=pl.lit(None, pl.Int64))
    names = asked.models if asked.model is None and asked.models else asked.answers
    sides = []
    for place, column in enumerate(asked.answers):
        whose = opened.ids(asked.model[place], "model", "names") if asked.model else pl.lit(names[place])
        answer = shown.column(column, "answers")
        sides.append(shared.with_columns(place=pl.lit(place, pl.Int64), model=whose, answer=answer))
    return pl.concat(sides)


def _check_spelling(present: pl.DataFrame, opened: Opened, asked: Answers) -> None:
    """Refuses a model that is spelled in two ways: it would be two, and its prompts have no partner."""
    if asked.model is None:
        return
    spelled: dict[str, list[str]] = {}
    for model, n in present.rows():
        spelled.setdefault(folded(model), []).append(f"{model!r} ({n:,} answers)")
    twice = next((forms for forms in spelled.values() if len(forms) > 1), None)
    if twice:
        raise SourceError(
            f"{opened.where}.model: wanted each model spelled in one way in {_named(asked)} of "
            f"{opened.label}, got {' and '.join(twice)}. Make them one, or leave rows out (collect.where)."
        )


def _named(asked: Answers) -> str:
    columns = [asked.model] if isinstance(asked.model, str) else asked.model or ()
    return f"column{'s' * (len(columns) > 1)} {' and '.join(map(repr, columns))}"


def _compared(asked: Answers, rows: pl.DataFrame, every: Sequence[str], opened: Opened) -> tuple[str, ...]:
    """The models to compare, the first one first."""
    if asked.ask:
        return tuple(one.called for one in asked.ask)
    if asked.model is None:
        return asked.models or asked.answers
    of = f"{_named(asked)} of {opened.label}"
    if asked.models is None:
        if len(every) == 2:
            # Who stands first in most rows; in a long table nobody does.
            first = rows.group_by("model").agg(pl.col("place").mean()).sort("place", "model", nulls_last=True)
            return tuple(first["model"])
        if len(every) < 2:
            raise CorpusError(f"{opened.where}.model: wanted two models in {of}, got {listed(every)}.")
        raise CorpusError(
            f"{opened.where}.models: wanted to know which models to compare, {of} has {len(every)}: "
            f"{listed(every)}. Write models: [ONE, ANOTHER]; the first is compared with each other one."
        )
    spelled = {folded(model): model for model in every}
    for model in asked.models:
        if folded(model) not in spelled:
            raise SourceError(
                f"{opened.where}.models: wanted models of {of}, {model!r} is none{nearest(model, every)}. "
                f"Its values: {listed(every)}."
            )
    return tuple(spelled[folded(model)] for model in asked.models)


def _keyed(rows: pl.DataFrame, asked: Answers) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers with the key of those that belong together, and what was said of them, by key."""
    if not asked.is_long:
        keyed = rows.with_columns(key=pl.col("row").cast(pl.String), number=pl.lit(0, pl.Int64))
    else:
        of_one = ["asked", "model", "sample"]
        # A missing answer beside others of the model is none.
        has_others = (pl.col("answer") != "").any().over(of_one)
        kept = rows.filter((pl.col("answer") != "") | ~has_others)
        chance = hashes(canonicalised(kept["answer"]).str.strip_chars(), "sample").alias("_chance")
        number = pl.col("_chance").rank("dense").over(of_one).cast(pl.Int64) - 1
        keyed = kept.with_columns(chance).with_columns(number=number)
        keyed = keyed.with_columns(
            key=pl.concat_str("asked", "sample", "number", separator="\x1f", ignore_nulls=True)
        )
    said = keyed.filter(pl.col("said").is_not_null()).select("key", "said")
    # A row with several answers says it once; of rows with one each speaks for itself.
    said = (said if asked.is_long else said.unique()).sort("key", "said")
    # Copies of a row are one answer.
    distinct = keyed.group_by("key", "number", "model").agg(
        pl.col("place", "prompt", "asked", "document", "category").min(), pl.col("answer").min()
    )
    return distinct.sort("key", "model"), said
