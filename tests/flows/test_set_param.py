"""`dvc exp run -S` sets every documented key of every study, and what it rewrites means what it meant."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dvc.utils.hydra import apply_overrides

from tasks import kinds, study
from tasks.commands.explain import keys_explained
from tasks.study import dialect
from tests.conftest import PAIR_STUDY, REPO, Project, pair
from tests.dvc_project import dvc, environment, prepare

BY_DEFAULT = dialect.read((REPO / "params.yaml").read_text(encoding="utf-8"))
ODD = [
    "0.001",
    "'NO'",
    "'2020-01-01'",
    "'010'",
    "[off, 'b c', '1_000']",
    "null",
    "true",
    "{m-4.1: {input: 3}}",
]
ODD_READ = [0.001, "NO", "2020-01-01", "010", ["off", "b c", "1_000"], None, True, {"m-4.1": {"input": 3}}]


LEFT_OUT = ("collect.results.", "directions.also_on.", "directions.repair.")
"""Keys of blocks that are not there unless one of them is written."""


def keys() -> dict[str, str]:
    """Every key that has a value, with its default as JSON; those of roles are left to `llm`."""
    every = {key: told for key, told in keys_explained().items() if not {"NAME", "N"} & set(key.split("."))}
    ends = [key for key in every if not any(other.startswith(f"{key}.") for other in every)]
    told = {key: every[key].rpartition("(default ")[2].removesuffix(")") for key in ends}
    return {key: "null" if told[key] == every[key] else told[key] for key in ends}


def value_at(entry: Any, key: str) -> Any:
    for part in key.split("."):
        entry = (entry or {}).get(part)
    return entry


def rewritten(folder: Path, overrides: list[str]) -> dict[str, Any]:
    """What params.yaml says after DVC has set these, as `dvc exp run -S` does."""
    shutil.copy(REPO / "params.yaml", folder)
    apply_overrides(folder / "params.yaml", overrides)
    found: dict[str, Any] = dialect.read((folder / "params.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", BY_DEFAULT["studies"])
def test_every_key_can_be_set_and_nothing_else_changes(project: Project, name: str) -> None:
    odd = dict(zip(keys(), [*zip(ODD, ODD_READ, strict=True)] * len(keys()), strict=False))
    found = rewritten(
        project.folder, [f"++studies.{name}.{key}={written}" for key, (written, _) in odd.items()]
    )
    assert {key: value_at(found["studies"][name], key) for key in odd} == {k: v for k, (_, v) in odd.items()}
    assert {**found, "studies": {**found["studies"], name: 0}} == {
        **BY_DEFAULT,
        "studies": {**BY_DEFAULT["studies"], name: 0},
    }


@pytest.mark.parametrize("name", BY_DEFAULT["studies"])
def test_a_default_that_is_set_is_the_default(project: Project, name: str) -> None:
    shutil.copy(REPO / "params.yaml", project.folder)
    before = study.load(name)
    own = BY_DEFAULT["studies"][name]
    unset = {key: default for key, default in keys().items() if value_at(own, key) is None}
    # A block that may be left out has no key; a kind may take another minimum effect where none is named.
    other = [key for key in unset if key.startswith(LEFT_OUT)]
    other += (
        ["score.min_effect", "verify.sequential.min_effect"] if kinds.load(before.kind).min_effect else []
    )
    for key in other:
        del unset[key]
    assert len(unset) > 80
    written = [json.dumps(json.loads(value), ensure_ascii=False) for value in unset.values()]
    rewritten(
        project.folder,
        [f"++studies.{name}.{key}={value}" for key, value in zip(unset, written, strict=True)],
    )
    assert study.load(name) == before


@pytest.mark.parametrize("block", [key for key, value in BY_DEFAULT["defaults"].items() if value is None])
def test_a_block_that_the_study_does_not_write_can_be_filled_alone(project: Project, block: str) -> None:
    for sign in ("+", "++"):
        found = rewritten(project.folder, [f"{sign}studies.docstrings-null.{block}.x=0.2"])
        assert found["studies"].pop("docstrings-null")[block] == {
            **(BY_DEFAULT["studies"]["docstrings-null"][block] or {}),
            "x": 0.2,
        }
        assert found["defaults"] == BY_DEFAULT["defaults"]
        assert found["studies"].items() <= BY_DEFAULT["studies"].items()


@pytest.mark.slow
def test_a_real_experiment_keeps_quoted_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    for arguments in (["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "A"]):
        subprocess.run(["git", *arguments], check=True)
    prepare(tmp_path, scm=True)
    labels = {2020: "OFF", 2019: "2019-01-01"}
    rows = [{**row, "year": labels[row["year"]]} for row in pair(60, 0.3, 0.0)]
    pl.DataFrame(rows).write_csv(tmp_path / "news.csv")
    collect = {"group": "year", "a": "OFF", "b": "2019-01-01"}
    project.params(news={**PAIR_STUDY, "data": "news.csv", "collect": collect, "embed": None})
    (tmp_path / ".gitignore").write_text("/data/*\n!/data/.gitkeep\n!/data/labels/\n", encoding="utf-8")
    for arguments in (["add", "-A"], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *arguments], check=True, env=environment())
    said = dvc(
        tmp_path,
        *("exp", "run", "collect@news"),
        *("-S", "++studies.news.collect.explore_share=0.3", "-S", "++studies.news.embed.encoder=none"),
    )
    assert "Running stage 'collect@news'" in said
    read = study.load("news")
    assert (read.collect.a, read.collect.b, read.collect.explore_share) == ("OFF", "2019-01-01", 0.3)
    assert read.embed.encoder == "none"
    texts = pl.read_parquet(tmp_path / "data/news/1_texts/texts.parquet")
    assert texts.height == 120
    assert 20 < texts.filter(pl.col("half") == "explore").height < 55
