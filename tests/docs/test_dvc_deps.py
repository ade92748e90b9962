"""dvc.yaml says truly what each stage depends on: every module it imports, kind and engine too."""

from pathlib import Path

import grimp
import pytest
import yaml

from tasks import paths
from tests.conftest import REPO

KIND = "corpus_pair"
ENGINES = ("embedded", "replay", "llm")
LOADS_KIND = {"collect", "propose", "formalise", "verify", "score"}
LOADS_ENGINE = {"propose", "formalise", "verify", "record"}
# Imported by every package on the way down, with nothing in it that could change a result.
EMPTY = {"tasks/__init__.py"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("tasks", cache_dir=None)


def _stages() -> dict[str, dict[str, object]]:
    content = yaml.safe_load((REPO / "dvc.yaml").read_text(encoding="utf-8"))
    return {name: block["do"] for name, block in content["stages"].items()}


def _file(module: str) -> Path:
    base = Path(*module.split("."))
    return base / "__init__.py" if (REPO / base).is_dir() else base.with_suffix(".py")


def _imported(graph: grimp.ImportGraph, stage: str, engine: str) -> set[str]:
    roots = {f"tasks.{stage}"}
    roots |= {f"tasks.kinds.{KIND}"} if stage in LOADS_KIND else set()
    roots |= {f"tasks.engines.{engine}"} if stage in LOADS_ENGINE else set()
    modules = set(roots)
    for root in roots:
        modules |= graph.find_upstream_modules(root)
    files = {_file(module).as_posix() for module in modules}
    return {f for f in files if f not in EMPTY and (REPO / f).read_text(encoding="utf-8").strip()}


def _covered(file: str, deps: list[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_imported_module_is_a_dep(graph: grimp.ImportGraph, stage: str, engine: str) -> None:
    block = _stages()[stage]
    deps = [
        str(d).replace("${item.kind}", KIND).replace("${item.engine}", engine)
        for d in block["deps"]  # type: ignore[attr-defined]
    ]
    missing = sorted(f for f in _imported(graph, stage, engine) if not _covered(f, deps))
    assert not missing, f"dvc.yaml, stage {stage}: add deps {missing}"


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_dep_of_ours_exists_and_is_imported(graph: grimp.ImportGraph, stage: str) -> None:
    """A dep nobody imports would rerun the stage for nothing."""
    ours = [str(d) for d in _stages()[stage]["deps"] if str(d).startswith("tasks/")]  # type: ignore[attr-defined]
    for dep in ours:
        for engine in ENGINES:
            path = dep.replace("${item.kind}", KIND).replace("${item.engine}", engine)
            assert (REPO / path).exists(), f"dvc.yaml, stage {stage}: {path} is not there"
    imported = set().union(*(_imported(graph, stage, engine) for engine in ENGINES))
    unused = [
        dep
        for dep in ours
        if dep.endswith(".py")
        and not any(
            _covered(f, [dep.replace("${item.kind}", KIND).replace("${item.engine}", e)])
            for f in imported
            for e in ENGINES
        )
    ]
    assert not [d for d in unused if (REPO / d).exists() and (REPO / d).read_text().strip()], unused


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_param_a_stage_names_is_a_key_of_study(stage: str) -> None:
    from tasks.study import Study

    for param in _stages()[stage]["params"]:  # type: ignore[attr-defined]
        assert str(param).removeprefix("studies.${key}.") in Study.model_fields


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_param_a_stage_reads_is_named(graph: grimp.ImportGraph, stage: str) -> None:
    """`study.x` anywhere in the stage's own module must be tracked, or a change would not rerun it."""
    import re

    from tasks.study import Study

    source = (REPO / "tasks" / f"{stage}.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\bstudy\.([a-z_]+)", source)) & set(Study.model_fields) - {"name"}
    named = {str(p).removeprefix("studies.${key}.") for p in _stages()[stage]["params"]}  # type: ignore[attr-defined]
    assert read <= named, f"dvc.yaml, stage {stage}: add params {sorted(read - named)}"
