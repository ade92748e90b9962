"""A whole study under Prefect: the same bytes as without, and its discoveries in the UI."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import fingerprint
from tasks import paths
from tasks.store import frames
from tasks.study import Study
from tasks.study.params import Spend
from tests.conftest import REPO, STAGES, Project


def _bytes(study: str) -> dict[str, str]:
    files = sorted(Path("data", study).rglob("*.*"))
    assert files
    return {
        str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.suffix in {".parquet", ".npy"}
    }


@contextmanager
def _artifact(key: str) -> Iterator[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        yield client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))[0]


def test_flow_and_bare_stages_give_equal_bytes(
    planted: Project, prefect_api: None, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows import pipeline

    shutil.copy(REPO / "dvc.yaml", "dvc.yaml")
    params = paths.params_file().read_text(encoding="utf-8")
    # Several shards: their number must not be seen in the output of the stages after.
    paths.params_file().write_text(
        params.replace("verify: {}", "verify: {shard_size: 100}"), encoding="utf-8"
    )
    planted.run("news")
    bare = _bytes("news")
    shutil.rmtree("data/news")
    shutil.rmtree("reports/news")
    assert pipeline.start_study("news", force=False) == "reports/news/index.html"
    assert _bytes("news") == bare
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == list(STAGES)
    assert shown[-1].endswith("; report: reports/news/index.html")

    with _artifact("news-discoveries") as artifact:
        table = json.loads(str(artifact.data))
        assert artifact.description.endswith("Report: reports/news/index.html")
        assert "Goal: what changed in the news from year to year" in artifact.description
    assert list(table[0]) == ["#", "V", "interval", "q", "more often in", "predicate"]
    assert table[0]["more often in"] == "2020"
    assert 0.2 < float(table[0]["V"]) < 0.4
    with _artifact("news-data-checks") as artifact:
        counted = {(row["of"], row["what"]): row["found"] for row in json.loads(str(artifact.data))}
    assert counted["texts", "texts"] == "600" and int(counted["verdicts", "value"].replace(",", "")) > 600
    with _artifact("news-spend") as artifact:
        assert artifact.data == "No language model was asked."

    before = {stage: fingerprint.of("news", stage) for stage in STAGES}
    pipeline.start_study("news", force=False)
    assert capsys.readouterr().out.splitlines() == shown, "cached stages say what they said"
    params = paths.params_file().read_text(encoding="utf-8")
    paths.params_file().write_text(params.replace("score: {}", "score: {alpha: 0.01}"), encoding="utf-8")
    stale = [stage for stage in STAGES if fingerprint.of("news", stage) != before[stage]]
    assert stale == ["score", "record"], "report follows once record has run"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('mentions "covid_19"', 'mentions "covid_19"'),
        ("two\nlines\tand \x00 a bell\x07", "two lines and a bell"),
        ("a [link](http://evil.example)", r"a \[link\](http\://evil.example)"),
        ("<img src=x>", r"\<img src=x>"),
        ("**bold** `code` ~~gone~~", r"\*\*bold\*\* \`code\` \~\~gone\~\~"),
        ("_it_ __b__ a_b", r"\_it\_ \_\_b\_\_ a_b"),
        ("- a list", r"\- a list"),
        ("12. a list", r"12\. a list"),
        ("www.evil.example", r"www\.evil.example"),
        ("&lt; and R&D", r"\&lt; and R&D"),
        ("says \u202emoc.live\u202c", "says moc.live"),
        ("مرحبا", "مرحبا"),
        ("x" * 161, "x" * 159 + "…"),
    ],
)
def test_corpus_text_has_no_effect_in_the_ui(text: str, shown: str) -> None:
    from flows.artifacts import plain

    assert plain(text) == shown


def test_what_was_spent_is_a_table_by_stage_and_model(project: Project) -> None:
    from flows.artifacts import spending

    def call(n: int, model: str) -> dict[str, Any]:
        tokens = {"tokens_in": 1_000, "tokens_out": 100, "tokens_cached": 500}
        about = {"stage": "verify", "role": "judge", "predicate_ids": ["p"]}
        return {"request_hash": str(n), "model": model, **about, **tokens}

    rows = [call(1, "mini"), call(2, "mini"), call(3, "a|b")]
    with frames.writing(paths.output("news", "verify")) as folder:
        frames.write(pl.DataFrame(rows, schema=frames.CALLS), folder / "calls-0000.parquet", frames.CALLS)
        frames.write_manifest(folder, {})
    price = {"input": 200.0, "output": 1000.0, "cached": 100.0}
    spend = Spend.model_validate({"budget_usd": 5.0, "prices": {"mini": price, "a|b": price}})
    told = spending(Study(name="news", goal="any", data="any", spend=spend)).splitlines()
    assert told[0] == (
        "All answers that this run rests on, paid now or before: $0.75. The study may cost $5.00 in all."
    )
    assert told[4:] == [
        "| verify | judge | mini | 2 | 2,000 | 1,000 | 200 | $0.50 |",
        r"| verify | judge | a\|b | 1 | 1,000 | 500 | 100 | $0.25 |",
    ]
    assert "no price" in spending(Study(name="news", goal="any", data="any"))


def test_only_leaders_of_discoveries_are_listed_surest_first(project: Project) -> None:
    from flows.artifacts import discovery_rows

    blank = dict.fromkeys(frames.DISCOVERIES.names())
    common = {"direction": "A", "conservative_validity": 0.5, "lo": 0.1, "hi": 0.5, "q": 0.0012345}
    rows = [
        {"predicate_id": "1", "group_id": "1", "validity": 0.9, "is_discovery": True, "predicate": "larger"},
        {
            "predicate_id": "2",
            "group_id": "2",
            "validity": 0.3,
            "conservative_validity": 0.2,
            "lo": 0.15,
            "is_discovery": True,
            "predicate": "surer",
        },
        {"predicate_id": "3", "group_id": "2", "validity": 0.9, "is_discovery": True, "predicate": "alike"},
        {
            "predicate_id": "4",
            "group_id": "4",
            "validity": 0.8,
            "is_discovery": False,
            "predicate": "rejected",
        },
        {
            "predicate_id": "5",
            "group_id": "4",
            "lo": 0.05,
            "validity": 0.4,
            "is_discovery": True,
            "predicate": "held without its leader",
        },
    ]
    table = pl.DataFrame([{**blank, **common, **row} for row in rows], schema=frames.DISCOVERIES)
    with frames.writing(paths.output("news", "record")) as folder:
        frames.write(table, folder / "discoveries.parquet", frames.DISCOVERIES)
        frames.write_manifest(folder, {"names": {"A": "2020", "B": "2019"}})
    found, n_tested = discovery_rows("news")
    assert n_tested == 5
    told = [(row["#"], row["predicate"]) for row in found]
    assert told == [(1, "surer"), (2, "larger"), (3, "held without its leader")]
    assert found[0] == {
        "#": 1,
        "predicate": "surer",
        "more often in": "2020",
        "V": "+0.200",
        "interval": "+0.150 to +0.500",
        "q": "0.0012",
    }
