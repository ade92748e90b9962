"""dvc.yaml says truly what each stage depends on: every module it imports, kind and engine too."""

from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml

from tasks import paths
from tests.conftest import REPO

ASKED = (
    ("corpus_pair", "embedded"),
    ("corpus_pair", "replay"),
    ("corpus_pair", "llm"),
    ("encoder_failures", "embedded"),
    ("encoder_failures", "llm"),
)
"""Kinds with the engines they can have."""
LOADS_KIND = {"collect", "embed", "propose", "formalise", "verify", "score", "record"}
LOADS_ENGINE = {"propose", "formalise", "verify", "record"}
LOADS_GOLD_JUDGE = {"verify"}
CALLED_BY = {
    "tasks.kinds.encoder_failures.mined": ("evidence", "propose"),
    "tasks.kinds.encoder_failures.fresh": ("written", "verify"),
    "tasks.kinds.encoder_failures.transfer": ("tables", "score"),
}
"""What a kind imports inside a member that a single stage calls."""
# Imported by every package on the way down, with nothing in it that could change a result.
EMPTY = {"tasks/__init__.py"}


@pytest.fixture(scope="module")
def graphs() -> dict[str, grimp.ImportGraph]:
    """By stage: without what only another stage reaches."""
    found = {}
    for stage in paths.STAGES:
        found[stage] = grimp.build_graph("tasks", cache_dir=None)
        for module, (_, caller) in CALLED_BY.items():
            if caller != stage:
                found[stage].remove_module(module)
    return found


@pytest.mark.parametrize(("module", "of"), CALLED_BY.items())
def test_what_one_stage_calls_no_other_does(module: str, of: tuple[str, str]) -> None:
    member, caller = of
    calls = {
        file.stem
        for file in (REPO / "tasks").glob("*.py")
        if f".{member}(" in file.read_text(encoding="utf-8")
    }
    assert calls == {"parts" if caller == "verify" else caller}
    kind = _source("encoder_failures")
    assert f"import {module.rsplit('.', maxsplit=1)[-1]}" in kind or module in kind


def _source(kind: str) -> str:
    return (REPO / "tasks" / "kinds" / f"{kind}.py").read_text(encoding="utf-8")


def _stages() -> dict[str, dict[str, object]]:
    content = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))
    return {name: block["do"] for name, block in content["stages"].items()}


def _file(module: str) -> Path:
    base = Path(*module.split("."))
    return base / "__init__.py" if (REPO / base).is_dir() else base.with_suffix(".py")


def _imported(graph: grimp.ImportGraph, stage: str, kind: str, engine: str) -> set[str]:
    roots = {f"tasks.{stage}"}
    roots |= {f"tasks.kinds.{kind}"} if stage in LOADS_KIND else set()
    roots |= {f"tasks.engines.{engine}"} if stage in LOADS_ENGINE else set()
    roots |= {"tasks.engines.llm"} if stage in LOADS_GOLD_JUDGE else set()
    modules = set(roots)
    for root in roots:
        modules |= graph.find_upstream_modules(root)
    files = {_file(module).as_posix() for module in modules}
    return {f for f in files if f not in EMPTY and (REPO / f).read_text(encoding="utf-8").strip()}


def _covered(file: str, deps: list[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def _filled(deps: Any, kind: str, engine: str) -> list[str]:
    return [str(d).replace("${item.kind}", kind).replace("${item.engine}", engine) for d in deps]


@pytest.mark.parametrize(("kind", "engine"), ASKED)
@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_imported_module_is_a_dep(
    graphs: dict[str, grimp.ImportGraph], stage: str, kind: str, engine: str
) -> None:
    deps = _filled(_stages()[stage]["deps"], kind, engine)
    missing = sorted(f for f in _imported(graphs[stage], stage, kind, engine) if not _covered(f, deps))
    assert not missing, f"dvc.yaml, stage {stage}: add deps {missing}"


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_dep_of_ours_exists_and_is_imported(graphs: dict[str, grimp.ImportGraph], stage: str) -> None:
    """A dep nobody imports would rerun the stage for nothing."""
    ours = [str(d) for d in _stages()[stage]["deps"] if str(d).startswith("tasks/")]  # type: ignore[attr-defined]
    unused = set(ours)
    for kind, engine in ASKED:
        imported = _imported(graphs[stage], stage, kind, engine)
        for dep, path in zip(ours, _filled(ours, kind, engine), strict=True):
            assert (REPO / path).exists(), f"dvc.yaml, stage {stage}: {path} is not there"
            if not path.endswith(".py") or any(_covered(f, [path]) for f in imported):
                unused.discard(dep)
    assert not [d for d in unused if (REPO / d).exists() and (REPO / d).read_text().strip()], unused


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_param_a_stage_names_is_a_key_of_study(stage: str) -> None:
    from tasks.study import Study

    for param in _stages()[stage]["params"]:  # type: ignore[attr-defined]
        assert str(param).removeprefix("studies.${key}.") in Study.model_fields


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_param_a_stage_reads_is_named(stage: str) -> None:
    """`study.x` anywhere in the stage's own module must be tracked, or a change would not rerun it."""
    import re

    from tasks.study import Study

    source = (REPO / "tasks" / f"{stage}.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\bstudy\.([a-z_]+)", source)) & set(Study.model_fields) - {"name"}
    named = {str(p).removeprefix("studies.${key}.") for p in _stages()[stage]["params"]}  # type: ignore[attr-defined]
    assert read <= named, f"dvc.yaml, stage {stage}: add params {sorted(read - named)}"
