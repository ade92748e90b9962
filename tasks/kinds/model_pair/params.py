"""The block `model_pair` of a study."""

import math
from typing import Annotated, Any, cast

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from tasks.kinds.model_pair.naming import folded
from tasks.study import Study
from tasks.study.block import Block
from tasks.study.corpus import Collect, Column, Label
from tasks.study.params import Endpoint, Role


def _differ(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(names) < 2:
        raise ValueError(f"wanted two or more, got {', '.join(names) or 'none'}")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ValueError(f"wanted different ones, got `{twice}` twice")
    return names


def _are_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that a preference can tell apart: it is read whatever its case, blanks or hyphens."""
    _differ(names)
    forms = [folded(name) for name in names]
    if "" in forms:
        raise ValueError(f"wanted a name for each model, got {names[forms.index('')]!r}")
    twice = next((i for i, form in enumerate(forms) if form in forms[:i]), None)
    if twice is not None:
        first = names[forms.index(forms[twice])]
        raise ValueError(f"wanted names that differ in a letter or digit, got {first!r} and {names[twice]!r}")
    return names


def _is_a_scale(ends: tuple[float, ...]) -> tuple[float, ...]:
    if len(ends) != 2 or ends[0] == ends[1] or not all(map(math.isfinite, ends)):
        raise ValueError(
            "wanted two different numbers, for the first answer and for the second, such as [0, 1]; "
            f"got {list(ends)}"
        )
    return ends


def _form_of_column(value: Any) -> str:
    """By its form, so that an error is about what was meant; errors leave these words out."""
    return "a list" if isinstance(value, list | tuple) else "a value"


def _form_of_reading(value: Any) -> str:
    return "a list" if isinstance(value, list | tuple) else "a source"


Columns = Annotated[tuple[Column, ...], Field(strict=False), AfterValidator(_differ)]
Names = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_are_names)]
Said = Annotated[tuple[Label, ...], Field(strict=False)]
Scale = Annotated[tuple[float, ...], Field(strict=False), AfterValidator(_is_a_scale)]
Model = Annotated[
    Annotated[Columns, Tag("a list")] | Annotated[Column, Tag("a value")], Discriminator(_form_of_column)
]


class Preferred(Block):
    """Which values of `preference` say what; other values are an error."""

    first: Said = ()
    """Values that prefer the first answer."""
    second: Said = ()
    """Values that prefer the second."""
    tie: Said = ()
    """Values that prefer none."""


Reading = Annotated[
    Annotated[Scale, Tag("a list")] | Annotated[Preferred, Tag("a source")], Discriminator(_form_of_reading)
]


class Ask(Role):
    """A model that is asked to answer the prompts; it takes nothing from `llm`."""

    model: str
    """The name the server knows the model by."""
    name: str | None = None
    """What it is called in this study; as `model` without it. Two prompts of one model need two names."""
    system: str | None = Field(default=None, min_length=1)
    """What is put before every prompt as the system message; none without it."""

    @property
    def called(self) -> str:
        """Its name in the study."""
        return self.name or self.model

    @property
    def endpoint(self) -> Endpoint:
        """Whom to ask, with every default filled in."""
        given = {key: getattr(self, key) for key in Role.model_fields}
        return Endpoint.model_validate({key: value for key, value in given.items() if value is not None})


Asks = Annotated[tuple[Ask, ...], Field(strict=False)]


class Answers(Block):
    """Where prompts, answers and preferences are, and whose answers they are."""

    prompt: Column = "prompt"
    """Column (or path) of the prompt."""
    answers: Columns = ("answer_1", "answer_2")
    """Columns of the answers, where a row has them all; the first model is compared with each other one."""
    model: Model | None = None
    """Column that names the model, where a row has one answer. Or columns that say who wrote each of
    `answers`, one for each, where that changes from row to row."""
    answer: Column = "answer"
    """Column of the answer, where a row has one."""
    pictures: bool = False
    """Whether answers are pictures: their columns hold paths, bytes or data URIs. Where `data` is a folder or
    zip of pictures, each folder in it is a model, and pictures of one name answer the prompt of that name."""
    models: Names | None = None
    """The models that are compared, the first with each other one. With `model` they are its values, and may
    be left out where there are two; without it they are what the columns of `answers` are called."""
    sample: Column | None = None
    """Column that numbers several answers of a model to one prompt: those of one number are compared. Without
    it chance says which are."""
    preference: Column | None = None
    """Column that says whose answer is preferred: a model, a column of `answers`, `model_a` or `model_b`, `A`
    or `B`, `first` or `second`, `tie`; or a number."""
    preferred: Reading | None = None
    """How `preference` is to be read where it does not say so itself: [0, 1] are the numbers that prefer the
    first and the second answer fully, all between them counts in proportion; {first: [...], second: [...],
    tie: [...]} are values."""
    category: Column | None = None
    """Column of the prompt's category."""
    document: Column | None = None
    """Column of what a prompt belongs to (a conversation, an author): it is drawn for a half as a whole."""
    min_agreement: float = Field(default=0.2, ge=-1, lt=1)
    """What a judge's agreement with itself in the other order, or a panel's, must reach by the lower end of
    its interval; a trait under it is no discovery (`ill-defined`)."""
    ask: Asks = ()
    """Models to answer the prompts now, each with its own keys: model, base_url, key_env, temperature,
    max_tokens and extra as under `llm`, and name and system."""

    @property
    def is_long(self) -> bool:
        """Whether a row has one answer and says whose it is."""
        return isinstance(self.model, str)

    @property
    def named(self) -> set[str]:
        """Keys that say something else than they do by default."""
        return {
            key
            for key, field in type(self).model_fields.items()
            if key in self.model_fields_set and getattr(self, key) != field.default
        }

    @model_validator(mode="after")
    def _is_one_form(self) -> "Answers":
        given = self.named
        if self.ask:
            self._check_asked()
        elif self.is_long and "answers" in given:
            raise ValueError(
                "wanted `model: COLUMN` with `answer: COLUMN` (a row has one answer), or `answers: [COLUMN, "
                "COLUMN]` (a row has them all), got both"
            )
        elif not self.is_long and "answer" in given:
            raise ValueError("wanted `model: COLUMN` with `answer: COLUMN`: who wrote an answer, got none")
        elif not self.is_long and self.sample is not None:
            raise ValueError("wanted no `sample` where a row has all answers: they belong together already")
        elif isinstance(self.model, tuple) and len(self.model) != (n := len(self.answers)):
            raise ValueError(f"wanted a column under `model` for each of {n} answers, got {len(self.model)}")
        elif self.model is None and self.models and len(self.models) != (n := len(self.answers)):
            raise ValueError(f"wanted a name under `models` for each of {n} answers, got {len(self.models)}")
        if self.preferred is not None and self.preference is None:
            raise ValueError("wanted `preference: COLUMN` with `preferred`, got none")
        return self

    def _check_asked(self) -> None:
        of_answers = {"answers", "answer", "model", "models", "sample", "preference", "pictures"}
        given = sorted(of_answers & self.named)
        if given:
            raise ValueError(f"wanted no `{given[0]}` with `ask`: the answers are yet to be written")
        if len(self.ask) < 2:
            raise ValueError("wanted two models or more under `ask`, got one")
        called = [one.called for one in self.ask]
        if twice := next((name for i, name in enumerate(called) if name in called[:i]), None):
            raise ValueError(f"wanted a `name` of its own for each model under `ask`, got `{twice}` twice")
        _are_names(tuple(called))


def own(study: Study) -> Answers:
    """The study's values."""
    return cast(Answers, getattr(study, "model_pair"))  # noqa: B009 - reading.py adds it


def check(kind: str, study: Study) -> None:
    """Refuses what a comparison of answers cannot do.

    Raises:
        ValueError: it says what was wanted.
    """
    if study.engine == "replay" or study.has_gold:
        raise ValueError(f"wanted `engine: embedded` or `llm` and no `gold` or `labels` with `kind: {kind}`")
    if study.engine == "llm" and study.llm.logprobs:
        raise ValueError(
            f"wanted no llm.logprobs with `kind: {kind}`: a comparison is no question of yes or no"
        )
    if study.formalise.threshold not in (None, type(study.formalise)().threshold):
        raise ValueError(
            f"wanted no formalise.threshold with `kind: {kind}`: a comparison has three outcomes"
        )
    _check_collect(kind, study.collect)
    _check_prices(kind, study)


_INSTEAD = {
    "text": "prompt: COLUMN, answers: [COLUMN, COLUMN]",
    "picture": "prompt: COLUMN, answers: [COLUMN, COLUMN], pictures: true",
    "document": "document: COLUMN",
    "group": "model: COLUMN, answer: COLUMN",
    "a": "models: [ONE, ANOTHER]",
    "b": "models: [ONE, ANOTHER]",
    "a_name": "models: [ONE, ANOTHER]",
    "b_name": "models: [ONE, ANOTHER]",
    "overlap": "",
    "results": "",
}
"""Keys of collect that mean nothing here, and what to write under the kind."""


def _check_collect(kind: str, collect: Collect) -> None:
    default = Collect()
    for key, instead in _INSTEAD.items():
        if getattr(collect, key, None) != getattr(default, key, None):
            advice = (
                f"write `{kind}: {{{instead}}}`" if instead else "leave it out: answers stand side by side"
            )
            raise ValueError(f"wanted no collect.{key} with `kind: {kind}`; {advice}")


def _check_prices(kind: str, study: Study) -> None:
    """A budget needs the price of every model that is asked."""
    models = [one.model for one in own(study).ask] if hasattr(study, kind) else []
    unpriced = [model for model in models if model not in study.spend.prices]
    if unpriced and study.spend.budget_usd is not None:
        raise ValueError(
            f"wanted spend.prices for `{unpriced[0]}` to keep a budget; write `prices: {{{unpriced[0]}: "
            "{input: USD, output: USD}}` per million tokens"
        )
