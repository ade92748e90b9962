"""What a user can type, set, read or meet is documented, and what is documented is there."""

import argparse
import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tasks import __main__ as command_line
from tasks import errors, paths
from tests.conftest import REPO
from tests.docs import pages

README = pages.text("README.md")
MAKEFILE = (REPO / "Makefile").read_text(encoding="utf-8")
LISTED = "studies new check cost judge label show texts apply site export explain query load clean completion"
"""Commands that are no stages."""


def _on(page: str) -> str:
    """What stands in the README or on the page it leads to."""
    return README + pages.text(f"docs/{page}")


def _errors() -> list[type[errors.NatstatError]]:
    found, queue = [], [errors.NatstatError]
    while queue:
        error = queue.pop()
        found.append(error)
        queue += error.__subclasses__()
    return found


def test_every_param_says_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["explain"]) == 0
    keys = re.findall(r"^([a-z_]+(?:\.[a-z_]+)*) +(.*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(keys) > 90
    for key, meaning in keys:
        assert len(meaning.strip()) > len("(default 0.05)"), (
            f"{key} needs a docstring in tasks/study/params.py, or in the folder of its kind"
        )


def test_every_error_has_its_own_exit_code_drawn_and_listed() -> None:
    codes = {error.__name__: error.exit_code for error in _errors()}
    assert len(set(codes.values())) == len(codes)
    for name, code in codes.items():
        assert re.search(rf"{name}\s+{code}\b", errors.__doc__ or ""), f"{name} in the docstring of errors.py"
        if name != "NatstatError":
            assert re.search(rf"\| {code} \|", _on("errors.md")), f"exit code {code} in docs/errors.md"


@pytest.mark.parametrize("stage", paths.STAGES)
def test_every_stage_is_in_the_map_and_the_readme(stage: str) -> None:
    import tasks

    assert stage in (tasks.__doc__ or "")
    assert f"`{stage}`" in README
    one_file, folder = REPO / "tasks" / f"{stage}.py", REPO / "tasks" / stage
    file = folder / "stage.py" if folder.is_dir() else one_file
    opening = file.read_text(encoding="utf-8").split('"""')[1]
    for heading in ("Reads:", "Writes:", "Guarantees:", "Not here:"):
        assert heading in opening, f"{pages.named(file)} opens with {heading}"


@pytest.mark.parametrize("stage", paths.STAGES)
def test_the_readme_says_where_a_stage_and_its_code_are(stage: str) -> None:
    row = re.search(rf"^\| `{stage}` \|.*$", README, re.MULTILINE)
    assert row, stage
    code = re.findall(r"`(tasks/[^`]+)`", row[0])
    assert code, row[0]
    for place in code:
        assert (REPO / place).exists(), place
    written = paths.output("docstrings", stage).relative_to(paths.root()).as_posix()
    assert written in row[0]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "GLOSSARY.md"])
def test_places_in_the_code_exist(name: str) -> None:
    for place in re.findall(r"`((?:tasks|flows|tests|benchmarks)/[^`\s]*)`", pages.text(name)):
        if not re.search(r"NAME|STAGE", place):
            assert (REPO / place).exists(), f"{name}: {place}"


TABLES = "runs studies texts predicates verdicts scores discoveries evidence llm_calls"


def test_every_table_is_documented() -> None:
    for table in TABLES.split():
        assert f"`{table}`" in _on("sql.md")


def test_every_ready_question_is_documented() -> None:
    from tasks.store import duck

    for question in duck.questions():
        assert f"`{question}`" in pages.text("docs/sql.md")


def _commands() -> list[str]:
    actions = command_line.parser()._actions
    choices = next(a.choices for a in actions if isinstance(a, argparse._SubParsersAction))
    return list(choices)


def test_every_command_is_documented() -> None:
    commands = _commands()
    assert set(commands) >= {*paths.STAGES, *LISTED.split()}
    for command in commands:
        assert re.search(rf"`natstat {command}\b", _on("commands.md")), command


def test_commands_in_the_docs_exist() -> None:
    assert any(line.startswith("make demo") for line in pages.shell_lines(REPO / "README.md"))
    for file in pages.FILES:
        for line in pages.shell_lines(file):
            assert not _wrong(line), f"{pages.named(file)}: `{line}`: {_wrong(line)}"
        for line in pages.quoted_commands(file):
            assert not _wrong(line, in_passing=True), f"{pages.named(file)}: `{line}`: {_wrong(line, True)}"


def _wrong(line: str, in_passing: bool = False) -> str:
    """Why a command would not run; in passing it may leave out what everyone knows, such as --study."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        return _wrong_target(words[1:])
    if words[0] == "natstat" or words[:3] == ["python", "-m", "tasks"]:
        return _wrong_arguments(words[1 if words[0] == "natstat" else 3 :], in_passing)
    if words[:3] == ["python", "-m", "pytest"]:
        return "".join(f"no {w}" for w in words[3:] if "/" in w and not (REPO / w).exists())
    if words[:2] == ["python", "-m"]:
        return _wrong_module(words[2], words[3:])
    return ""


def _wrong_target(words: list[str]) -> str:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    for word in words:
        name, is_set, value = word.partition("=")
        if is_set and name not in MAKEFILE:
            return f"nothing in the Makefile reads {name}"
        if name == "KIND" and not (REPO / "tasks" / "kinds" / value).is_dir():
            return f"no kind {value}"
        if not is_set and name not in targets:
            return f"no target {name}"
    return ""


def _wrong_arguments(words: list[str], in_passing: bool) -> str:
    if in_passing and words == ["COMMAND"]:
        return ""
    # As usage is written: what stands in brackets may be left out.
    words = [w for w in words if not w.startswith("[") and not w.endswith("]")]
    for more in ([], ["--study", "press"]) if in_passing else ([],):
        try:
            command_line.parser().parse_args([*words, *more])
        except SystemExit as stop:
            if stop.code == 0:
                return ""
        else:
            return ""
    return "the parser refuses it"


def _wrong_module(module: str, words: list[str]) -> str:
    base = REPO / module.replace(".", "/")
    file: Path = next((f for f in (base.with_suffix(".py"), base / "__main__.py") if f.is_file()), base)
    if file == base:
        return f"no module {module}"
    said = file.read_text(encoding="utf-8")
    unread = [w for w in words if w.startswith("--") and not _is_read(w, said)]
    return f"{module} knows no {unread[0]}" if unread else ""


def _is_read(option: str, said: str) -> bool:
    """Whether a program names an option; `--no-X` is that of a switch `--X`."""
    switch = f'"--{option.removeprefix("--no-")}", action=argparse.BooleanOptionalAction'
    return f'"{option}"' in said or (option.startswith("--no-") and switch in said)


def test_a_wrong_command_would_be_noticed() -> None:
    for line in (
        "make nothing",
        "make demo KIND=no_such_kind",
        "natstat shwo --study press",
        "natstat show",
        "natstat check --study press --jsn",
        "python -m tasks shwo --study press",
        "python -m benchmarks.nothing",
        "python -m benchmarks.encode --no-such-flag",
        "python -m pytest tests/no/such_test.py",
    ):
        assert _wrong(line), line
    assert not _wrong("natstat show", in_passing=True)


def test_make_demo_shows_studies_that_are_there_and_the_readme_shows_them() -> None:
    default = re.search(r"^DEMO = .*,([a-z -]+)\)$", MAKEFILE, re.MULTILINE)
    assert default
    there = yaml.safe_load((REPO / "params.yaml").read_text(encoding="utf-8"))["studies"]
    for name in default[1].split():
        assert name in there
        assert re.search(rf"^{name}: \d+ of \d+ tested hypotheses", README, re.MULTILINE), name


def test_natstat_is_the_command_line() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"]["natstat"] == "tasks.__main__:main"


def test_the_notebook_sample_uses_what_is_there() -> None:
    from tasks import api

    samples = re.findall(r"^```python\n(.*?)^```", pages.text("docs/notebook.md"), re.MULTILINE | re.DOTALL)
    used = [
        node.attr
        for sample in samples
        for node in ast.walk(ast.parse(sample))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "api"
    ]
    assert used
    for name in used:
        assert hasattr(api, name), name


HEAVY = "polars numpy torch pandas pyarrow scipy prefect duckdb pydantic jinja2 openai"


def _imported(code: str) -> str:
    """What the code prints, and then the heavy packages that it imported."""
    tell = f"; print('HEAVY', sorted(set({HEAVY!r}.split()) & set(sys.modules)))"
    command = [sys.executable, "-c", f"import sys; {code}{tell}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPO)
    return done.stdout


HELP = "from contextlib import suppress; from tasks.__main__ import main; exec({!r})"


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    told = _imported(HELP.format("with suppress(SystemExit): main(['--help'])"))
    assert "HEAVY []" in told
    for command in _commands():
        assert re.search(rf"^ +{command}\b", told, re.MULTILINE), command


def test_help_on_every_command_imports_nothing_heavy() -> None:
    commands = _commands()
    told = _imported(
        HELP.format(f"for name in {commands}:\n  with suppress(SystemExit): main([name, '--help'])")
    )
    assert told.count("usage: natstat ") == len(commands)
    assert "HEAVY []" in told


def test_the_entrance_for_notebooks_imports_nothing_heavy() -> None:
    assert _imported("from tasks import api") == "HEAVY []\n"
    assert "'polars'" in _imported("from tasks import api; import tasks.store.frames"), "it would be noticed"


LIMITS = {
    "tasks.engines.embedded": "engines.md",
    "tasks.engines.llm": "engines.md",
    "tasks.kinds.encoder_failures.embedded": "encoder-failures.md",
    "tasks.kinds.encoder_failures.llm": "encoder-failures.md",
}


@pytest.mark.parametrize(("engine", "page"), LIMITS.items())
def test_what_an_engine_cannot_find_is_documented(engine: str, page: str) -> None:
    words = " ".join(_on(page).split())
    for limit in importlib.import_module(engine).CANNOT_FIND:
        assert limit in words, limit


@pytest.mark.parametrize("engine", ["tasks.engines.embedded", "tasks.engines.llm"])
def test_what_an_engine_cannot_see_is_documented(engine: str) -> None:
    words = " ".join(_on("pictures.md").split())
    for limit in importlib.import_module(engine).CANNOT_SEE:
        assert limit in words, limit


def test_no_page_is_unfinished() -> None:
    for file in pages.FILES:
        assert "@@" not in file.read_text(encoding="utf-8"), pages.named(file)
