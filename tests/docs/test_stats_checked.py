"""docs/statistics.md says of every public function in tasks/stats what it is checked against, and truly."""

import ast
import functools
import re
from pathlib import Path

import pytest

from tests.conftest import REPO

LINE = re.compile(r"^\| (`.*`) \| (.+) \| `([\w/]+\.py)` \|$", re.MULTILINE)


@functools.cache
def _public() -> dict[str, ast.FunctionDef]:
    """Functions by name, with their module where several have one of that name."""
    found: dict[str, dict[str, ast.FunctionDef]] = {}
    for file in sorted((REPO / "tasks/stats").glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.setdefault(node.name, {})[file.stem] = node
    return {
        name if len(of) == 1 else f"{module}.{name}": node
        for name, of in found.items()
        for module, node in of.items()
    }


def _table() -> list[tuple[str, Path]]:
    text = (
        (REPO / "docs/statistics.md").read_text(encoding="utf-8").split("## What is checked against what")[1]
    )
    found = []
    for names, _, test in LINE.findall(text):
        path = REPO / test if "/" in test else REPO / "tests/reference" / test
        found += [(name, path) for name in re.findall(r"`([\w.]+)`", names)]
    return found


def test_every_public_function_is_in_the_table_once() -> None:
    assert sorted(name for name, _ in _table()) == sorted(_public())


@pytest.mark.parametrize(("name", "test"), _table(), ids=lambda value: getattr(value, "stem", value))
def test_the_test_that_is_named_calls_it(name: str, test: Path) -> None:
    tree = ast.parse(test.read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imported = {node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    used = names | {f"{str(of.module).split('.')[-1]}.{one.name}" for of in imported for one in of.names}
    used |= {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert name in used, f"docs/statistics.md names {test.name} for {name}, which does not call it"


@pytest.mark.parametrize("name", _public())
def test_every_public_function_says_what_it_assumes_and_where_it_is_from(name: str) -> None:
    doc = ast.get_docstring(_public()[name]) or ""
    for heading in ("Assumes:", "Source:"):
        assert f"\n{heading}\n" in doc, f"{name} in tasks/stats needs {heading} in its docstring"
