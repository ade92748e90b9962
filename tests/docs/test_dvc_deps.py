"""dvc.yaml says truly what each stage depends on: every module it imports, kind and engine too."""

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from tasks import kinds, paths
from tasks.study.reading import model
from tests.conftest import REPO

ASKED = (
    ("corpus_pair", "embedded"),
    ("corpus_pair", "replay"),
    ("corpus_pair", "llm"),
    ("encoder_failures", "embedded"),
    ("encoder_failures", "llm"),
    ("model_pair", "embedded"),
    ("model_pair", "llm"),
    ("directions", "embedded"),
    ("explanations", "embedded"),
    ("directions", "llm"),
    *(
        (kind, engine)
        for kind in ("timeline", "classes", "clusters")
        for engine in ("embedded", "replay", "llm")
    ),
)
"""Kinds with the engines they can have."""
ALWAYS = "reading params"
LOADS_GOLD_JUDGE = {"verify"}
# Imported by every package on the way down, with nothing in it that could change a result.
EMPTY = {"tasks/__init__.py", "tasks/kinds/__init__.py"}
TELLS = {"tasks/errors.py", "tasks/progress.py", "tasks/terminal.py"}
"""What only speaks to people: it changes what they read, never a result."""


def _members(package: str = "tasks.kinds", name: str = "Kind") -> dict[str, set[str]]:
    """Member of `Kind`, or of a kind -> who calls it, as its docstring says in brackets."""
    found = {}
    for node in _class(package, name).body:
        if isinstance(node, ast.FunctionDef):
            said = re.findall(r"\[([a-z,\s]+)\]", ast.get_docstring(node) or "")
            found[node.name] = {one.strip() for one in said[-1].split(",")} if said else {ALWAYS}
    return found


def _class(package: str, name: str = "") -> ast.ClassDef:
    tree = ast.parse((_folder(package) / "__init__.py").read_text(encoding="utf-8"))
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and (not name or n.name == name))


def _folder(package: str) -> Path:
    return REPO.joinpath(*package.split("."))


def _sources(stage: str) -> str:
    place = REPO / "tasks" / stage
    files = sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _home(stage: str) -> str:
    return f"tasks.{stage}.stage" if (REPO / "tasks" / stage).is_dir() else f"tasks.{stage}"


def _is_module(name: str) -> bool:
    place = _folder(name)
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _imported_by_members(package: str, name: str = "") -> Iterator[tuple[str, str]]:
    """(member, module that it imports) of a kind's class."""
    for member in _class(package, name).body:
        for inner in ast.walk(member) if isinstance(member, ast.FunctionDef) else ():
            if isinstance(inner, ast.ImportFrom) and inner.module:
                for alias in inner.names:
                    whole = f"{inner.module}.{alias.name}"
                    yield member.name, whole if _is_module(whole) else inner.module


@pytest.fixture(scope="module")
def graphs() -> dict[tuple[str, str], grimp.ImportGraph]:
    """By stage and kind: without what only members of the kind import that other stages call."""
    whole = grimp.build_graph("tasks", cache_dir=None, exclude_type_checking_imports=True)
    found = {}
    for stage in paths.STAGES:
        for kind in {kind for kind, _ in ASKED}:
            graph = deepcopy(whole)
            shared = [(home, "") for home in kinds.load(kind).homes[1:]]
            homes = (("tasks.kinds", "Kind"), *shared, (f"tasks.kinds.{kind}", ""))
            # What a kind adds says so itself; of a member of `Kind` that one says it.
            calls = {k: v for home in reversed(homes) for k, v in _members(*home).items()}
            for package, name in homes:
                kept, dropped = set(), set()
                for member, imported in _imported_by_members(package, name):
                    is_called = calls.get(member, {ALWAYS}) & {stage, ALWAYS}
                    (kept if is_called else dropped).add(imported)
                for imported in dropped - kept:
                    graph.remove_import(importer=package, imported=imported)
            found[stage, kind] = graph
    return found


@pytest.mark.parametrize("member", sorted(set(_members()) - {"params"}))
def test_who_calls_a_member_of_a_kind_is_told_truly(member: str) -> None:
    said = _members()[member] & set(paths.STAGES)
    calls = {
        stage
        for stage in paths.STAGES
        if re.search(rf"\bkind\.{member}\b|kinds\.\w+\(.*\)\.{member}\b", _sources(stage))
    }
    if member == "units":  # `kinds.tested` calls it for those who read what was judged
        calls |= {stage for stage in paths.STAGES if "kinds.tested(" in _sources(stage)}
    assert said == calls, f"Kind.{member}: {sorted(calls)} call it"


def _stages() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))
    return {name: block["do"] for name, block in content["stages"].items() if "do" in block}


def _file(module: str) -> str:
    base = Path(*module.split("."))
    return (base / "__init__.py" if (REPO / base).is_dir() else base.with_suffix(".py")).as_posix()


def _imported(graph: grimp.ImportGraph, stage: str, kind: str, engine: str) -> set[str]:
    roots = {_home(stage), f"tasks.kinds.{kind}"}
    if stage in _members()["actors"]:
        own = [f"{home}.{engine}" for home in kinds.load(kind).homes]
        roots |= {f"tasks.engines.{engine}", *(one for one in own if _is_module(one))}
    roots |= {"tasks.engines.llm"} if stage in LOADS_GOLD_JUDGE else set()
    modules = set(roots)
    for root in roots:
        modules |= graph.find_upstream_modules(root)
    files = set(map(_file, modules)) - EMPTY - TELLS
    return {file for file in files if (REPO / file).read_text("utf-8").strip()}


def _covered(file: str, deps: list[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def _filled(deps: list[str], kind: str, engine: str) -> list[str]:
    return [str(d).replace("${item.kind}", kind).replace("${item.engine}", engine) for d in deps]


@pytest.mark.parametrize(("kind", "engine"), ASKED)
@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_imported_module_is_a_dep(
    graphs: dict[tuple[str, str], grimp.ImportGraph], stage: str, kind: str, engine: str
) -> None:
    deps = _filled(_stages()[stage]["deps"], kind, engine)
    missing = sorted(f for f in _imported(graphs[stage, kind], stage, kind, engine) if not _covered(f, deps))
    assert not missing, f"dvc.yaml, stage {stage}: add deps {missing}"


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_dep_of_ours_exists_and_is_imported(
    graphs: dict[tuple[str, str], grimp.ImportGraph], stage: str
) -> None:
    """A dep nobody imports would rerun the stage for nothing."""
    ours = [str(d) for d in _stages()[stage]["deps"] if str(d).startswith("tasks/")]
    unused = set(ours) - EMPTY
    for kind, engine in ASKED:
        imported = _imported(graphs[stage, kind], stage, kind, engine)
        for dep, path in zip(ours, _filled(ours, kind, engine), strict=True):
            assert (REPO / path).exists(), f"dvc.yaml, stage {stage}: {path} is not there"
            if any(_covered(f, [path]) for f in imported):
                unused.discard(dep)
    assert not unused, unused


@pytest.mark.parametrize(
    "change", ["tasks/stats/conditional.py", "tasks/stats/judge_error.py", "tasks/report"]
)
@pytest.mark.parametrize("stage", ["collect", "embed", "propose", "formalise", "verify"])
def test_a_statistic_or_a_picture_makes_no_earlier_stage_stale(stage: str, change: str) -> None:
    assert not _covered(change, [str(dep) for dep in _stages()[stage]["deps"]])


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_param_a_stage_names_is_a_key_of_study(stage: str) -> None:
    for kind in kinds.names():
        for param in _filled(_stages()[stage]["params"], kind, ""):
            assert param.removeprefix("studies.${key}.") in model(kind).model_fields


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_param_a_stage_reads_is_named(stage: str) -> None:
    """`study.x` anywhere in the stage's own modules must be tracked, or a change would not rerun it."""
    from tasks.study import Study

    read = set(re.findall(r"\bstudy\.([a-z_]+)", _sources(stage))) & set(Study.model_fields) - {"name"}
    named = {str(p).removeprefix("studies.${key}.") for p in _stages()[stage]["params"]}
    named |= set(re.findall(r"\$\{item\.([a-z]+)\}", " ".join(map(str, _stages()[stage]["deps"]))))
    assert read <= named, f"dvc.yaml, stage {stage}: add params {sorted(read - named)}"
