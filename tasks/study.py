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
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tasks import paths
from tasks.errors import ParamsError, nearest

Share = Annotated[float, Field(gt=0, lt=1)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


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


class Formalise(_Block):
    """How a verdict becomes 0 or 1."""

    threshold: float | None = Field(default=0.5, ge=0, le=1)
    """Scores at or above it count as 1; null keeps graded scores."""


class Verify(_Block):
    """How the judge walks the confirmation half."""

    shard_size: int = Field(default=8192, ge=1)
    """Texts per Prefect task."""
    max_texts: int | None = Field(default=None, ge=2)
    """Most texts judged per group (a seeded random sample); null judges all."""


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
    engine: Literal["embedded", "replay"] = "embedded"
    """Who proposes and judges: embedded (offline) or replay (recorded verdicts)."""
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


def _explain_one(name: str, error: dict[str, Any]) -> str:
    # Union members appear in the location by type name; they are no keys of params.yaml.
    location = [
        str(part) for part in error["loc"] if str(part) not in {"Source", "str", "int", "float", "bool"}
    ]
    where = ".".join(["studies", name, *location])
    got, context, kind = error["input"], error.get("ctx", {}), error["type"]
    if kind == "extra_forbidden":
        advice = _home(location) or nearest(location[-1], _keys_at(location[:-1]))
        return f"{where}: unknown key{advice}."
    if kind == "missing":
        return f"{where}: wanted, not there. Write it under `studies: {name}:`."
    if kind == "value_error":
        return f"{where}: {context['error']}."
    message = error["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    default = _default_at(location)
    advice = f" Write {default}." if default is not None else ""
    return f"{where}: wanted {message}, got {got!r}.{advice}"


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
    default = field.default if field is not None and not field.is_required() else None
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
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += [(f"{prefix}{key}", inner.__doc__ or ""), *_documented(inner, f"{prefix}{key}.")]
        else:
            default = "required" if field.is_required() else f"default {json.dumps(field.default)}"
            rows.append((f"{prefix}{key}", f"{field.description or ''} ({default})".strip()))
    return rows
