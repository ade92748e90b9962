"""params.yaml -> a frozen, validated Study. The only reader of params.

Reads:      params.yaml
Guarantees: every key known, every value in range; an error names the key, what was wanted, what
            came and what to write.
Not here:   whether files exist or columns are there (store/sources.py), any default that depends
            on data.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from tasks import paths
from tasks.errors import ParamsError, nearest

Share = Annotated[float, Field(gt=0, lt=1)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # A mapping inside has no hash of its own.


def _may_be_asked(base_url: str | None) -> str | None:
    """An address of http or https without a key in it; what is wrong with one is told without showing it."""
    if base_url is None:
        return None
    base_url = base_url.strip()
    try:
        parts = urlsplit(base_url)
        # Line ends and tabs inside are passed over there, and would be sent.
        fits = not re.search(r"[\s\x00-\x1f\x7f]", base_url)
        fits = fits and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("wanted an address like http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("wanted an address without a user, password or query; keys come from key_env")
    return base_url.rstrip("/")


def _is_a_variable(key_env: str | None) -> str | None:
    if key_env is not None and not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", key_env):
        # What stands there may be the key itself: never shown.
        raise ValueError("wanted the name of an environment variable in capitals, never the key itself")
    return key_env


_SET_BY_NATSTAT = {
    "model": "write `model` beside `extra`",
    "max_tokens": "write `max_tokens` beside `extra`",
    "max_completion_tokens": "write `max_tokens` beside `extra`, which is sent under either name",
    "temperature": "write `temperature` beside `extra`",
    "logprobs": "write `llm: {logprobs: true}`",
    "top_logprobs": "write `llm: {logprobs: true}`",
    "messages": "leave it out: they are the question",
    "response_format": "leave it out: the form of an answer follows from the question",
    "stream": "leave it out: an answer is read whole",
    "n": "leave it out: one answer is read, and all are billed",
    "best_of": "leave it out: one answer is read, and all are billed",
}
"""Fields of a request that are not for `extra`, and what to do instead."""


def _may_be_added(extra: dict[str, Any]) -> dict[str, Any]:
    for name in extra:
        if name in _SET_BY_NATSTAT:
            raise ValueError(f"wanted no `{name}` in it, natstat sets that field; {_SET_BY_NATSTAT[name]}")
    return extra


BaseUrl = Annotated[str, AfterValidator(_may_be_asked)]
KeyEnv = Annotated[str, AfterValidator(_is_a_variable)]
Extra = Annotated[dict[str, Any], AfterValidator(_may_be_added)]
Temperature = Annotated[float, Field(ge=0, le=2)] | Literal["server"]


class Source(_Block):
    """One group's own source, where A and B come from different files or queries."""

    path: str | None = None
    """File, glob or folder inside `data`."""
    query: str | None = None
    """SQL, where the file is a DuckDB or SQLite database."""
    where: str | None = None
    """SQL filter on the rows."""
    text: str | None = None
    """Column that holds the text; collect.text without it."""
    document: str | None = None
    """Column of the document; collect.document without it."""


class Collect(_Block):
    """How rows are read and fall into A and B."""

    path: str | None = None
    """File, glob or folder inside `data`, where `data` is a folder."""
    query: str | None = None
    """SQL, where the file is a DuckDB or SQLite database."""
    where: str | None = None
    """SQL filter that rows of both groups must meet."""
    text: str = "text"
    """Column that holds the text."""
    document: str | None = None
    """Column of the document a text belongs to; without it each text is its own document."""
    group: str | None = None
    """Column whose values `a` and `b` name the groups; `random` draws halves by document."""
    a: Source | str | int | float | bool | None = None
    """Group A: a source, a value of `group`, or a SQL filter."""
    b: Source | str | int | float | bool | None = None
    """Group B, in the same way."""
    a_name: str | None = None
    """What group A is called in the report."""
    b_name: str | None = None
    """What group B is called in the report."""
    overlap: Literal["drop", "keep"] = "drop"
    """What to do with a text that stands in both groups."""
    explore_share: Share = 0.5
    """Share of documents the proposer may look at; the rest confirms."""
    max_chars: int = Field(default=100_000, ge=100)
    """Longer texts are cut to this many characters and counted."""

    @model_validator(mode="after")
    def _groups_are_told_apart(self) -> "Collect":
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
        elif self.a == self.b:
            raise ValueError(f"wanted two different groups, got the same one twice: {self.a!r}")
        return self


class Embed(_Block):
    """Which encoder turns texts into vectors."""

    encoder: str = "bundled"
    """`bundled` (MiniLM, 384 dimensions), `none`, or a sentence-transformers model by name or path."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 is about 2.5 times faster on processors that have it (cosine to float32 >= 0.998)."""
    batch_size: int = Field(default=64, ge=1)
    """Texts encoded at once."""
    shard_size: int = Field(default=4096, ge=1)
    """Texts per Prefect task."""


class Role(_Block):
    """A model and how it is asked; what a role leaves out is as `llm` says."""

    base_url: BaseUrl | None = None
    """Any server that speaks OpenAI's chat completions; https://api.openai.com/v1 where none is named."""
    model: str | None = None
    """The name the server knows the model by; answers are remembered under it, whatever the address."""
    key_env: KeyEnv | None = None
    """Environment variable that holds the key (OPENAI_API_KEY); a server without keys needs none."""
    temperature: Temperature | None = None
    """0-2, 0 where none is named; `server` leaves it out, for models that accept none."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of one answer, a model's reasoning included; 4096 where none is named."""
    extra: Extra | None = None
    """Further fields of the request, e.g. {reasoning_effort: low}."""


class Endpoint(Role):
    """A role with every default filled in: all that an answer follows from, beside what is asked."""

    base_url: BaseUrl = "https://api.openai.com/v1"
    model: str
    key_env: KeyEnv = "OPENAI_API_KEY"
    temperature: Temperature = 0.0
    max_tokens: int = Field(default=4096, ge=1)
    extra: Extra = Field(default_factory=dict)


Panel = Annotated[tuple[Role, ...], Field(strict=False, min_length=1)]
RoleName = Literal["proposer", "judge", "rater", "generator"]


class Llm(Role):
    """Which models `engine: llm` asks; every key can be set for a role of its own."""

    proposer: Role = Role()
    """Who suggests hypotheses."""
    judge: Role | Panel = Role()
    """Who judges texts; a list is a panel whose scores are averaged."""
    rater: Role = Role()
    """Who rates relevance, novelty and significance."""
    generator: Role = Role()
    """Who writes new texts."""
    logprobs: bool = False
    """Judge by the probability of `yes` (a graded score) where the server returns log-probabilities."""

    def names_model(self, role: RoleName) -> tuple[bool, ...]:
        """Whether a model is known for each one asked in that role."""
        own: Role | tuple[Role, ...] = getattr(self, role)
        panel = own if isinstance(own, tuple) else (own,)
        return tuple(bool(one.model or self.model) for one in panel)

    def endpoints(self, role: RoleName) -> tuple[Endpoint, ...]:
        """Whom to ask in that role: one, or a panel of judges.

        Raises:
            ValidationError: no model is named.
        """
        own: Role | tuple[Role, ...] = getattr(self, role)
        panel = own if isinstance(own, tuple) else (own,)
        shared = {name: getattr(self, name) for name in Role.model_fields}
        return tuple(
            Endpoint.model_validate(
                {
                    name: value
                    for name in Role.model_fields
                    if (value := getattr(one, name) if getattr(one, name) is not None else shared[name])
                    is not None
                }
            )
            for one in panel
        )


class Price(_Block):
    """USD per million tokens of one model."""

    input: float = Field(ge=0)
    """Tokens of the prompt."""
    output: float = Field(ge=0)
    """Tokens of the answer."""
    cached: float | None = Field(default=None, ge=0)
    """Tokens of the prompt that the server had cached; as `input` without it."""


class Spend(_Block):
    """How much and how fast a paid endpoint is asked; never what it answers."""

    budget_usd: float | None = Field(default=None, gt=0)
    """Most this study may ever cost; it stops there and can go on with a higher one."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Price by model name; without one, cost is unknown and stays empty."""
    concurrency: int = Field(default=32, ge=1, le=1024)
    """Calls in flight at once."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Most calls begun in a minute."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Most tokens asked for in a minute (estimated before a call)."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Seconds until a call without an answer is tried again; the server may bill the late answer, too."""
    attempts: int = Field(default=8, ge=1)
    """Most tries of one call; being told to wait (429) is no try."""
    patience_s: float = Field(default=60.0, ge=0)
    """Seconds without a single answer after which the endpoint counts as down."""


class Propose(_Block):
    """What the proposer may suggest."""

    max_predicates: int = Field(default=20, ge=1)
    """Most predicates that are frozen and tested."""
    families: tuple[Literal["words", "style", "theme", "axis"], ...] = Field(
        default=("words", "style", "theme", "axis"), min_length=1, strict=False
    )
    """Which proposers of the embedded engine take part."""
    max_phi: float = Field(default=0.5, gt=0, le=1)
    """Candidates whose verdicts correlate more than this with a better one are dropped."""
    gate_z: float = Field(default=2.0, ge=0)
    """Least |z| on the exploration half; weaker candidates only fill up to five, so that a study can end."""
    about: str | None = None
    """How the texts came about, told to a language model."""
    examples: tuple[str, ...] = Field(default=(), strict=False)
    """Hypotheses of the kind that is wanted, shown to a language model."""
    rounds: int = Field(default=3, ge=1)
    """How often a language model is shown a new sample of each group."""
    error_rounds: int = Field(default=1, ge=0)
    """Further rounds on texts that the proposals so far do not explain."""
    samples: int = Field(default=25, ge=1)
    """Texts of each group shown in a round."""
    per_round: int = Field(default=10, ge=1)
    """Hypotheses asked for in a round, both directions together."""
    judged: int = Field(default=100, ge=0)
    """Exploration texts of each group judged to rank proposals and to find unexplained texts; 0: none."""


class Formalise(_Block):
    """How a verdict becomes 0 or 1."""

    threshold: float | None = Field(default=0.5, ge=0, le=1)
    """Scores at or above it count as 1; null keeps graded scores."""


class Sequential(_Block):
    """When a predicate is decided, with `plan: sequential`; the study's error level is that of `score`."""

    alpha: Share = 0.05
    """As score.alpha, which must be the same: the walk stops by it."""
    min_effect: float = Field(default=0.02, ge=0, lt=1)
    """As score.min_effect, which must be the same."""
    control: Literal["fdr", "fwer"] = "fdr"
    """Share of false discoveries, or chance of any."""
    futility: Share = 0.1
    """Chance that a predicate whose effect is the minimum is dropped as futile."""
    look_every: int = Field(default=64, ge=2)
    """Texts judged between two looks."""


class Verify(_Block):
    """How the judge walks the confirmation half."""

    shard_size: int = Field(default=8192, ge=1)
    """Texts per Prefect task."""
    max_texts: int | None = Field(default=None, ge=2)
    """Most texts judged per group (a seeded random sample); null judges all."""
    plan: Literal["fixed", "sequential"] = "fixed"
    """Whether every predicate is judged on every text, or only until it is decided."""
    sequential: Sequential = Sequential()
    """When a predicate is decided, with `plan: sequential`."""
    form: Literal["one_text", "two_text"] = "one_text"
    """Whether a language model judges a text alone, or one text of each group against the other, twice (with
    formalise.threshold: null)."""
    predicates_per_call: int = Field(default=10, ge=1)
    """Predicates a language model judges in one call on one text."""
    texts_per_call: int = Field(default=1, ge=1)
    """Texts it judges in one call on one predicate; only one of the two may be over 1."""
    max_chars: int = Field(default=20_000, ge=100)
    """A longer text is cut to this many characters for the language model, and counted."""


class ScoreParams(_Block):
    """What counts as a discovery."""

    alpha: Share = 0.05
    """False discovery rate over all frozen predicates."""
    level: Share = 0.95
    """Confidence level of the intervals."""
    min_effect: float = Field(default=0.02, ge=0, lt=1)
    """Least |validity| worth calling a discovery."""
    group_phi: float = Field(default=0.5, gt=0, le=1)
    """Predicates whose verdicts agree (correlate positively) at least this much are one finding."""


class Record(_Block):
    """What is remembered, and when recording stops."""

    n_evidence: int = Field(default=5, ge=0, le=100)
    """Texts kept for and against each predicate."""
    max_refusal_share: float = Field(default=0.2, ge=0, le=1)
    """A predicate with more refused or unparsable verdicts stops the run."""


class Report(_Block):
    """What the report shows."""

    title: str | None = None
    """Headline; the study's name without it."""
    n_evidence: int = Field(default=3, ge=0, le=100)
    """Texts shown for and against each discovery."""
    n_rejected: int = Field(default=50, ge=0)
    """Rejected predicates listed."""


class Study(_Block):
    """One entry under `studies:` in params.yaml."""

    name: str
    kind: Literal["corpus_pair"] = "corpus_pair"
    """What is asked: corpus_pair."""
    engine: Literal["embedded", "replay", "llm"] = "embedded"
    """Who proposes and judges: embedded (offline), llm (a language model) or replay (recorded verdicts)."""
    seed: int = Field(default=0, ge=0)
    """Decides the split and every draw; one per study."""
    data: str
    """File or folder everything is read from; DVC watches it."""
    verdicts: str | None = None
    """Recorded verdicts for `engine: replay`: a file that is `data` or lies inside it."""
    goal: str = Field(min_length=1)
    """What the reader wants to know; relevance is measured against it."""
    user: str | None = None
    """Who reads the result."""
    collect: Collect
    llm: Llm = Llm()
    spend: Spend = Spend()
    embed: Embed = Embed()
    propose: Propose = Propose()
    formalise: Formalise = Formalise()
    verify: Verify = Verify()
    score: ScoreParams = ScoreParams()
    record: Record = Record()
    report: Report = Report()

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
            raise ValueError(f"wanted a study name of lower-case letters, digits, - and _, got {name!r}")
        return name

    @model_validator(mode="after")
    def _replay_has_verdicts(self) -> "Study":
        if (self.engine == "replay") != (self.verdicts is not None):
            raise ValueError("wanted `verdicts: FILE` together with `engine: replay`, got one alone")
        return self

    @model_validator(mode="after")
    def _llm_can_be_asked(self) -> "Study":
        verify = self.verify
        if verify.form == "two_text" and (self.engine != "llm" or self.formalise.threshold is not None):
            raise ValueError("wanted `engine: llm` and `formalise: {threshold: null}` with `form: two_text`")
        if verify.predicates_per_call > 1 and verify.texts_per_call > 1:
            raise ValueError(
                "wanted verify.predicates_per_call or verify.texts_per_call to be 1, got both over 1"
            )
        if verify.plan == "sequential":
            told = (verify.sequential.alpha, verify.sequential.min_effect)
            if told != (self.score.alpha, self.score.min_effect):
                raise ValueError(
                    "wanted verify.sequential alpha and min_effect as under score "
                    f"({self.score.alpha:g}, {self.score.min_effect:g}), got {told[0]:g}, {told[1]:g}"
                )
        if self.engine != "llm":
            return self
        if self.llm.logprobs and verify.form == "two_text":
            raise ValueError("wanted `form: one_text` with llm.logprobs: a pair is no question of yes or no")
        if self.llm.logprobs and (verify.predicates_per_call > 1 or verify.texts_per_call > 1):
            raise ValueError("wanted verify.predicates_per_call and texts_per_call of 1 with llm.logprobs")
        nameless = [r for r in get_args(RoleName) if not all(self.llm.names_model(r))]
        if nameless:
            raise ValueError(
                f"wanted llm.model, or a model for the {nameless[0]}; write `llm: {{model: NAME}}`"
            )
        if self.spend.budget_usd is not None:
            models = {e.model for r in get_args(RoleName) for e in self.llm.endpoints(r)}
            if unpriced := sorted(models - set(self.spend.prices)):
                raise ValueError(
                    f"wanted spend.prices for `{unpriced[0]}` to keep a budget; write "
                    f"`prices: {{{unpriced[0]}: {{input: USD, output: USD}}}}` per million tokens"
                )
        return self

    @model_validator(mode="after")
    def _judges_differ(self) -> "Study":
        if self.engine != "llm":
            return self
        judges = self.llm.endpoints("judge")
        asked = [judge.model_dump(mode="json", exclude={"base_url", "key_env"}) for judge in judges]
        twice = [one["model"] for i, one in enumerate(asked) if one in asked[:i]]
        if twice:
            raise ValueError(
                f"wanted a panel under llm.judge whose members differ in model or sampling, got "
                f"`{twice[0]}` twice in the same way: both would read the same kept answer. "
                "Leave one out, or change it, e.g. `extra: {seed: 2}` with a temperature over 0"
            )
        return self

    @property
    def data_path(self) -> Path:
        """`data`, from the project folder."""
        return paths.root() / self.data


def names() -> list[str]:
    """Names of all studies in params.yaml, in file order."""
    return list(_studies())


def load(name: str) -> Study:
    """The study called `name`.

    Raises:
        ParamsError: params.yaml is missing or broken, the study is unknown, or a key or value is.
    """
    studies = _studies()
    if name not in studies:
        raise ParamsError(
            f"--study {name}: wanted one of {', '.join(studies) or '(none defined)'}"
            f"{nearest(name, studies)}. Add it under `studies:` in params.yaml."
        )
    entry = studies[name]
    if not isinstance(entry, dict):
        raise ParamsError(f"studies.{name}: wanted keys and values indented under it, got {entry!r}.")
    # DVC wants every key that dvc.yaml names, in every study: one entry without them stops all.
    if any(key not in entry for key in Study.model_fields if key not in {"name", "data", "goal"}):
        raise ParamsError(f"studies.{name}: wanted `<<: *defaults` as its first line, not there. Add it.")
    # An empty or null block means its defaults.
    given = {key: value for key, value in entry.items() if value is not None}
    try:
        return Study.model_validate({**given, "name": name})
    except ValidationError as error:
        raise ParamsError(_explain(name, error)) from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML without keys that stand twice, of which one would silently win."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping; keys brought by `<<` may be written over.

        Raises:
            ConstructorError: a key stands twice.
        """
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = sorted({key for key in map(str, keys) if keys.count(key) > 1})
        # Merging puts the merged keys beside the node's own, so a node is looked at once, before.
        if twice and not getattr(node, "was_merged", False):
            raise yaml.constructor.ConstructorError(None, None, f"`{twice[0]}` stands twice", node.start_mark)
        node.was_merged = True
        return super().construct_mapping(node, deep)


def _studies() -> dict[str, Any]:
    file = paths.params_file()
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise ParamsError(
            f"params.yaml: wanted in {file.parent}, not there. Start natstat in the project folder."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"params.yaml: cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"params.yaml: not valid YAML: {error}") from None
    studies = content.get("studies") if isinstance(content, dict) else None
    if not isinstance(studies, dict):
        raise ParamsError("params.yaml: wanted a `studies:` block with one entry per study.")
    unknown = set(content) - {"studies", "defaults"}
    if unknown:
        key = sorted(map(str, unknown))[0]
        advice = nearest(key, ["studies", "defaults"]) or "; a study belongs under `studies:`, indented"
        raise ParamsError(f"{key}: unknown key{advice}.")
    return {str(key): value for key, value in studies.items()}


def _explain(name: str, error: ValidationError) -> str:
    """Turns pydantic's errors into one line each: where, wanted, got, what to write."""
    return "\n".join(dict.fromkeys(_explain_one(name, dict(e)) for e in error.errors()))


_UNION_MEMBER = re.compile(r"(Source|Role|str|int|float|bool|literal|tuple|constrained|function)\b")


def _explain_one(name: str, error: dict[str, Any]) -> str:
    # Union members appear in the location by type name; they are no keys of params.yaml.
    location = [str(part) for part in error["loc"] if not _UNION_MEMBER.match(str(part))]
    where = ".".join(["studies", name, *location])
    got, context, kind = error["input"], error.get("ctx", {}), error["type"]
    if kind == "extra_forbidden":
        advice = _home(location) or nearest(location[-1], _keys_at(location[:-1]))
        return f"{where}: unknown key{advice}."
    if kind == "missing":
        return f"{where}: wanted, not there. Write it under `{'.'.join(['studies', name, *location[:-1]])}:`."
    if kind == "value_error":
        return f"{where}: {context['error']}."
    message = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    if "dictionary" in message:
        message = "keys and values"
    default = _default_at(location)
    advice = f" Write {default}." if default is not None else ""
    # Under `llm` what stands in the wrong place may be a key: never shown.
    came = f"a {type(got).__name__}" if location[:1] == ["llm"] else repr(got)
    return f"{where}: wanted {message}, got {came}.{advice}"


def _home(location: list[str]) -> str:
    """Where a key belongs that was written one level too high."""
    if len(location) > 1:
        return ""
    blocks = [block for block in _keys_at([]) if location[0] in _keys_at([block])]
    return f"; it belongs under `{blocks[0]}:`, indented" if blocks else ""


def _model_at(location: list[str]) -> type[BaseModel] | None:
    model: type[BaseModel] = Study
    for part in location:
        if part in {"a", "b"}:
            return Source
        field = model.model_fields.get(part)
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            return None
        model = field.annotation
    return model


def _keys_at(location: list[str]) -> list[str]:
    model = _model_at(location)
    return [key for key in model.model_fields if key != "name"] if model else []


def _default_at(location: list[str]) -> Any:
    model = _model_at(location[:-1])
    field = model.model_fields.get(location[-1]) if model and location else None
    if field is None or field.is_required():
        return None
    default = field.get_default(call_default_factory=True)
    return None if isinstance(default, BaseModel) else default


def explain(key: str = "") -> list[str]:
    """Every key of a study with its type, default and meaning; only those under `key` where given.

    Raises:
        ParamsError: there is no such key.
    """
    documented = dict(_documented(Study, ""))
    chosen = {k: v for k, v in documented.items() if k == key or k.startswith(f"{key}.") or not key}
    if not chosen:
        raise ParamsError(f"{key}: unknown key{nearest(key, documented)}.")
    return [f"{name:<26} {text}" for name, text in chosen.items()]


def _documented(model: type[BaseModel], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, field in model.model_fields.items():
        inner = field.annotation
        if key == "name":
            continue
        if inner is Role:
            rows.append((f"{prefix}{key}", f"{field.description} Takes the keys of llm. (default {{}})"))
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += [(f"{prefix}{key}", inner.__doc__ or ""), *_documented(inner, f"{prefix}{key}.")]
        else:
            fallback = field.get_default(call_default_factory=True)
            fallback = {} if isinstance(fallback, BaseModel) else fallback
            default = "required" if field.is_required() else f"default {json.dumps(fallback)}"
            rows.append((f"{prefix}{key}", f"{field.description or ''} ({default})".strip()))
    return rows
