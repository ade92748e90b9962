"""What a user can type, set, read or meet is documented, and what is documented is there."""

import importlib
import re
import shlex

import pytest

from tasks import __main__ as command_line
from tasks import errors, paths, study
from tests.conftest import REPO

README = (REPO / "README.md").read_text(encoding="utf-8")


def _blocks() -> list[str]:
    """Command lines of the README's shell blocks."""
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", README, re.DOTALL)
    lines = [
        line.removeprefix("$ ").split("  #")[0].strip() for block in blocks for line in block.splitlines()
    ]
    return [line for line in lines if line]


def _errors() -> list[type[errors.NatstatError]]:
    found, queue = [], [errors.NatstatError]
    while queue:
        error = queue.pop()
        found.append(error)
        queue += error.__subclasses__()
    return found


def test_every_param_says_what_it_means() -> None:
    for line in study.explain():
        key, _, meaning = line.partition(" ")
        assert len(meaning.strip()) > len("(default 0.05)"), (
            f"{key} needs a docstring in tasks/study/params.py"
        )


def test_every_error_has_its_own_exit_code_drawn_and_listed() -> None:
    codes = {error.__name__: error.exit_code for error in _errors()}
    assert len(set(codes.values())) == len(codes)
    for name, code in codes.items():
        assert re.search(rf"{name}\s+{code}\b", errors.__doc__ or ""), f"{name} in the docstring of errors.py"
        if name != "NatstatError":
            assert re.search(rf"\| {code} \|", README), f"exit code {code} in the README"


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_stage_is_in_the_map_and_the_readme(stage: str) -> None:
    import tasks

    assert stage in (tasks.__doc__ or "")
    assert f"`{stage}`" in README
    opening = (REPO / "tasks" / f"{stage}.py").read_text(encoding="utf-8").split('"""')[1]
    for heading in ("Reads:", "Writes:", "Guarantees:", "Not here:"):
        assert heading in opening, f"tasks/{stage}.py opens with {heading}"


TABLES = "runs studies texts predicates verdicts scores discoveries evidence llm_calls"


def test_every_table_is_in_the_readme() -> None:
    for table in TABLES.split():
        assert f"`{table}`" in README


def test_commands_in_the_readme_exist() -> None:
    commands = _blocks()
    assert any(line.startswith("make demo") for line in commands)
    targets = set(re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    parser = command_line._parser()
    for line in commands:
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert words[1] in targets, line
        elif words[:3] == ["python", "-m", "tasks"]:
            try:
                parser.parse_args(words[3:])
            except SystemExit as stop:
                assert stop.code == 0, line
        elif words[:2] == ["python", "-m"]:
            module = words[2].replace(".", "/")
            assert (REPO / f"{module}.py").is_file() or (REPO / module / "__main__.py").is_file(), line


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from tasks.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'numpy', 'torch', 'pandas', 'prefect', 'duckdb', 'pydantic'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    assert "HEAVY []" in done.stdout
    for command in (*paths.STAGES, "check", "cost", "show", "explain", "query", "load"):
        assert re.search(rf"^ +{command}\b", done.stdout, re.MULTILINE), command


@pytest.mark.parametrize("engine", ["embedded", "llm"])
def test_what_an_engine_cannot_find_is_in_the_readme(engine: str) -> None:
    words = " ".join(README.split())
    for limit in importlib.import_module(f"tasks.engines.{engine}").CANNOT_FIND:
        assert limit in words, limit


def test_the_readme_is_finished() -> None:
    assert "@@" not in README
