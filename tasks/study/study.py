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
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from tasks import paths
from tasks.errors import ParamsError, nearest
from tasks.study.params import (
    Block,
    Collect,
    Embed,
    Failures,
    Formalise,
    Gold,
    Llm,
    Propose,
    Record,
    Report,
    Role,
    RoleName,
    ScoreParams,
    Source,
    Spend,
    Verify,
)

NOBODY = ".gitkeep"
"""The file of labels of a study that has none: it is there, and empty, so that DVC can watch it."""


class Study(Block):
    """One entry under `studies:` in params.yaml."""

    name: str
    kind: Literal["corpus_pair", "encoder_failures"] = "corpus_pair"
    """What is asked: corpus_pair (how A and B differ) or encoder_failures (what an encoder confuses)."""
    engine: Literal["embedded", "replay", "llm"] = "embedded"
    """Who proposes and judges: embedded (offline), llm (a language model) or replay (recorded verdicts)."""
    seed: int = Field(default=0, ge=0)
    """Decides the split and every draw; one per study."""
    data: str
    """File or folder everything is read from; DVC watches it."""
    verdicts: str | None = None
    """Recorded verdicts for `engine: replay`: a file that is `data` or lies inside it."""
    labels: str = NOBODY
    """People's verdicts: a file in `data/labels` (`tasks label` writes a sheet); .gitkeep: there are none."""
    goal: str = Field(min_length=1)
    """What the reader wants to know; relevance is measured against it."""
    user: str | None = None
    """Who reads the result."""
    collect: Collect
    llm: Llm = Llm()
    spend: Spend = Spend()
    embed: Embed = Embed()
    failures: Failures = Failures()
    propose: Propose = Propose()
    formalise: Formalise = Formalise()
    verify: Verify = Verify()
    gold: Gold = Gold()
    score: ScoreParams = ScoreParams()
    record: Record = Record()
    report: Report = Report()

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
            raise ValueError(f"wanted a study name of lower-case letters, digits, - and _, got {name!r}")
        if name == "labels":
            raise ValueError("wanted another study name than labels: data/labels holds people's verdicts")
        return name

    @model_validator(mode="before")
    @classmethod
    def _one_pile_has_no_groups(cls, given: Any) -> Any:
        # Before collect is looked at, which would want a and b to a group.
        kind, collect = (given.get(key) if isinstance(given, dict) else None for key in ("kind", "collect"))
        grouped = isinstance(collect, dict) and any(
            collect.get(key) is not None for key in ("group", "a", "b")
        )
        if kind == "encoder_failures" and grouped:
            raise ValueError(f"wanted no group, a or b under collect with `kind: {kind}`: one pile of texts")
        return given

    @model_validator(mode="after")
    def _replay_has_verdicts(self) -> "Study":
        if (self.engine == "replay") != (self.verdicts is not None):
            raise ValueError("wanted `verdicts: FILE` together with `engine: replay`, got one alone")
        return self

    @model_validator(mode="after")
    def _kind_has_its_groups(self) -> "Study":
        if self.kind == "corpus_pair" and self.collect.is_one_pile:
            raise ValueError(
                "wanted collect.a and collect.b: two sources, two values of the column named by "
                "collect.group, or two SQL filters"
            )
        if self.kind == "corpus_pair":
            return self
        if self.embed.encoder in self.failures.transfer:
            raise ValueError(
                f"wanted other encoders than `{self.embed.encoder}` under failures.transfer: it is the one "
                "that is tested, and stands beside them anyway"
            )
        if self.engine == "replay" or self.has_gold or self.verify.form == "two_text":
            raise ValueError(
                f"wanted `engine: embedded` or `llm`, no `gold` and `form: one_text` with `kind: {self.kind}`"
            )
        if self.embed.encoder == "none":
            raise ValueError(f"wanted embed.encoder with `kind: {self.kind}`: the encoder that is tested")
        return self

    @model_validator(mode="after")
    def _gold_can_be_asked(self) -> "Study":
        gold, verify = self.gold, self.verify
        if gold.decides and not self.has_gold:
            raise ValueError(
                "wanted gold.texts or `labels: FILE` with gold.decides: nobody else would decide"
            )
        if not self.has_gold:
            return self
        if self.label_file and (gold.texts or gold.choose != "random"):
            raise ValueError(
                "wanted `labels: FILE` alone, or gold.texts: a model is asked where nobody has labelled"
            )
        if verify.form == "two_text":
            raise ValueError("wanted `form: one_text` with gold: a gold verdict is about one text")
        if gold.choose == "uncertain" and (verify.plan == "sequential" or not self._is_graded):
            raise ValueError(
                "wanted `choose: random`: `uncertain` needs `plan: fixed` and graded scores (a panel under "
                "llm.judge, llm.logprobs, or engine replay)"
            )
        if gold.texts and not all(self.llm.names_model("gold")):
            raise ValueError(
                "wanted the model that judges the gold sample; write `llm: {gold: {model: NAME}}`"
            )
        if gold.texts and self.engine == "llm":
            judges = [judge.as_asked for judge in self.llm.endpoints("judge")]
            if self.llm.endpoints("gold")[0].as_asked in judges:
                raise ValueError(
                    "wanted another model under llm.gold than the judge: it would agree with itself"
                )
        return self

    @property
    def _is_graded(self) -> bool:
        """Whether a score can say how sure the judge is."""
        return self.engine == "replay" or (
            self.engine == "llm" and (self.llm.logprobs or len(self.llm.endpoints("judge")) > 1)
        )

    @property
    def asked_roles(self) -> tuple[RoleName, ...]:
        """The roles in which this study asks a language model."""
        roles = [role for role in get_args(RoleName) if role != "gold"] if self.engine == "llm" else []
        return (*roles, *(("gold",) if self.gold.texts else ()))

    @model_validator(mode="after")
    def _budget_has_prices(self) -> "Study":
        if self.spend.budget_usd is not None and all(map(all, map(self.llm.names_model, self.asked_roles))):
            models = {e.model for r in self.asked_roles for e in self.llm.endpoints(r)}
            if unpriced := sorted(models - set(self.spend.prices)):
                raise ValueError(
                    f"wanted spend.prices for `{unpriced[0]}` to keep a budget; write "
                    f"`prices: {{{unpriced[0]}: {{input: USD, output: USD}}}}` per million tokens"
                )
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
        nameless = [r for r in self.asked_roles if not all(self.llm.names_model(r))]
        if nameless:
            raise ValueError(
                f"wanted llm.model, or a model for the {nameless[0]}; write `llm: {{model: NAME}}`"
            )
        return self

    @model_validator(mode="after")
    def _judges_differ(self) -> "Study":
        if self.engine != "llm":
            return self
        judges = self.llm.endpoints("judge")
        asked = [judge.as_asked for judge in judges]
        twice = [one["model"] for i, one in enumerate(asked) if one in asked[:i]]
        if twice:
            raise ValueError(
                f"wanted a panel under llm.judge whose members differ in model or sampling, got "
                f"`{twice[0]}` twice in the same way: both would read the same kept answer. "
                "Leave one out, or change it, e.g. `extra: {seed: 2}` with a temperature over 0"
            )
        return self

    @property
    def label_file(self) -> str | None:
        """The file in data/labels; None where there is none."""
        return None if self.labels == NOBODY else self.labels

    @property
    def has_gold(self) -> bool:
        """Whether somebody better than the judge has judged a sample, too."""
        return self.label_file is not None or self.gold.texts > 0

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
