"""params.yaml -> a frozen, validated Study. The only reader of params.

Reads:      params.yaml
Guarantees: every key known, every value in range; an error names the key, what was wanted, what
            came and what to write.
Not here:   whether files exist or columns are there (store/sources), any default that depends on data.
"""

import importlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError, create_model

from tasks import paths
from tasks.errors import ParamsError, nearest
from tasks.study import dialect, naming
from tasks.study.explain import error_lines
from tasks.study.params import REPAIRED
from tasks.study.study import Study

_NEED_NOT_STAND_THERE = {"name", "data", "goal", "runner", "schedule", "notify"}
"""Keys that no default can give, or that no stage reads, so that DVC does not ask for them."""


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
    if any(key not in entry for key in Study.model_fields.keys() - _NEED_NOT_STAND_THERE):
        raise ParamsError(f"studies.{name}: wanted `<<: *defaults` as its first line, not there. Add it.")
    return study_of(name, entry)


def study_of(name: str, entry: Mapping[str, Any]) -> Study:
    """The study that an entry of params.yaml means.

    Raises:
        ParamsError: a key or value cannot be, or its kind refuses it.
    """
    # An empty or null block means its defaults; blocks of other kinds come along with the defaults.
    given = {key: value for key, value in entry.items() if value is not None}
    kind = given.get("kind", Study.model_fields["kind"].default)
    try:
        asked = _kinds().load(kind)
    except ParamsError as error:
        raise ParamsError(f"studies.{name}.{error}") from None
    if kind not in entry:
        raise ParamsError(
            f"studies.{name}: wanted the block of its kind, not there. Write `{kind}:`, with or without keys "
            "under it; or put it under `defaults:`."
        )
    one_pile = isinstance(given.get("collect"), dict) and not asked.has_groups
    if one_pile and any(given["collect"].get(key) is not None for key in ("group", "a", "b", "results")):
        raise ParamsError(
            f"studies.{name}: wanted no group, a, b or results under collect with `kind: {kind}`: one pile "
            "of texts."
        )
    if not asked.samples and isinstance(given.get("collect"), dict) and given["collect"].get("sample"):
        raise ParamsError(
            f"studies.{name}: wanted no collect.sample with `kind: {kind}`, whose rows belong together. "
            "Choose rows with collect.where, or give it a smaller file."
        )
    others = frozenset(_kinds().names()) - {kind}
    try:
        # Blocks of other kinds are of no use here, and still no place for a wrong key.
        _with_blocks(kind, others.intersection(given)).model_validate({**given, "name": name})
    except ValidationError as error:
        raise ParamsError(error_lines(name, _with_blocks(kind, others), error)) from None
    study = model(kind).model_validate({**{k: v for k, v in given.items() if k not in others}, "name": name})
    settled: Study = asked.settled(study)
    try:
        for encoder in asked.encoders(settled):
            if encoder.startswith(REPAIRED):
                settled.rests_on(encoder.removeprefix(REPAIRED), "score")
    except ValueError as error:
        raise ParamsError(f"studies.{name}: {error}.") from None
    if settled.propose.replicates and asked.cannot_replicate:
        raise ParamsError(
            f"studies.{name}.propose.replicates: wanted none with `kind: {kind}`: {asked.cannot_replicate}."
        )
    return settled


@lru_cache
def model(kind: str) -> type[Study]:
    """A study with the block of its kind, under the kind's name."""
    asked = _kinds().load(kind)
    block: Any = (asked.Params, asked.Params())
    made = create_model("Study", __base__=Study, **{kind: block})
    made.refuse, made.compares = staticmethod(asked.check), asked.compares
    return made


@lru_cache
def _with_blocks(kind: str, others: frozenset[str]) -> type[Study]:
    """A study of that kind which takes, and checks, blocks of other kinds: each is one more to import."""
    blocks: dict[str, Any] = {
        other: (_kinds().load(other).Params, _kinds().load(other).Params()) for other in sorted(others)
    }
    return create_model("Study", __base__=model(kind), **blocks) if blocks else model(kind)


def _kinds() -> Any:
    """Loaded by name: a kind stands over the study that it reads, so nothing here imports one."""
    return importlib.import_module("tasks.kinds")


def _studies() -> dict[str, Any]:
    file = paths.params_file()
    try:
        content = dialect.read(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"params.yaml: wanted in {file.parent}, not there. Start natstat in the project folder."
        ) from None
    except dialect.NotYaml as error:
        raise ParamsError(f"params.yaml: not valid YAML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"params.yaml: cannot be read: {error}.") from None
    studies = content.get("studies", "") if isinstance(content, dict) else ""
    # A block without entries has none.
    studies = {} if studies is None else studies
    if not isinstance(studies, dict):
        raise ParamsError("params.yaml: wanted a `studies:` block with one entry per study.")
    unknown = set(content) - {"studies", "defaults"}
    if unknown:
        key = sorted(map(str, unknown))[0]
        advice = nearest(key, ["studies", "defaults"]) or "; a study belongs under `studies:`, indented"
        raise ParamsError(f"{key}: unknown key{advice}.")
    for name in studies:
        # All of them, whichever is asked for: DVC passes over some, and would make folders for others.
        if wrong := naming.problem(name):
            raise ParamsError(f"studies: {wrong}.")
    return studies
