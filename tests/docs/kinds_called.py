"""Which members of a kind each stage calls, and what a stage therefore imports."""

import ast
import re
from collections.abc import Iterator

import grimp

from tasks import paths
from tests.conftest import REPO

KINDS = REPO / "tasks" / "kinds"
ALWAYS = "reading params"


def members() -> dict[str, set[str]]:
    """Member of the base class -> who calls it, as its docstring says in brackets."""
    found = {}
    for node in _class(REPO / "tasks/kinds/__init__.py", "Kind").body:
        if isinstance(node, ast.FunctionDef):
            said = re.findall(r"\[([a-z, ]+)\]", ast.get_docstring(node) or "")
            found[node.name] = set(said[-1].split(", ")) if said else {ALWAYS}
    return found


def _class(file, name: str | None = None) -> ast.ClassDef:  # type: ignore[no-untyped-def]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return next(node for node in classes if name is None or node.name == name)


def imported_by_members(module: str) -> Iterator[tuple[str, str]]:
    """(member, module that it imports) of the class in a kind's `__init__`."""
    folder = REPO.joinpath(*module.split("."))
    for node in ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body:
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            for inner in ast.walk(member) if isinstance(member, ast.FunctionDef) else ():
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    for alias in inner.names:
                        whole = f"{inner.module}.{alias.name}"
                        yield member.name, whole if _is_module(whole) else inner.module


def _is_module(name: str) -> bool:
    place = REPO.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def stage_graph(whole: grimp.ImportGraph, stage: str, kind: str) -> grimp.ImportGraph:
    """The import graph without what only members import that other stages call."""
    from copy import deepcopy

    graph, calls = deepcopy(whole), members()
    for module in ("tasks.kinds", f"tasks.kinds.{kind}"):
        kept, dropped = set(), set()
        for member, imported in imported_by_members(module):
            who = calls.get(member, {ALWAYS})
            (kept if who & {stage, ALWAYS} else dropped).add(imported)
        for imported in dropped - kept:
            if graph.direct_import_exists(importer=module, imported=imported):
                graph.remove_import(importer=module, imported=imported)
    return graph


def imported(graph: grimp.ImportGraph, stage: str, kind: str, engine: str) -> set[str]:
    """Modules that a stage of such a study imports, by name or through its kind and engine."""
    calls = members()
    home = f"tasks.{stage}.stage" if (REPO / "tasks" / stage).is_dir() else f"tasks.{stage}"
    roots = {home, f"tasks.kinds.{kind}"}
    if stage in calls["actors"]:
        own = f"tasks.kinds.{kind}.{engine}"
        roots |= {f"tasks.engines.{engine}", *([own] if _is_module(own) else [])}
    if stage == "verify":
        roots |= {"tasks.engines.llm"}  # the gold judge, whatever the engine
    found = set(roots)
    for root in roots:
        found |= graph.find_upstream_modules(root)
    return found


STAGES = paths.STAGES
