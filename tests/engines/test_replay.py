"""The replay engine, through the whole pipeline: recorded verdicts in, scores out."""

import random

import polars as pl
import pytest

from tasks.errors import NatstatError
from tasks.store import frames
from tests.conftest import SHARED, Project, place, shared_file

REPLAY = {
    "goal": "what changed",
    "engine": "replay",
    "data": "recorded.parquet",
    "verdicts": "recorded.parquet",
    "collect": {"group": "corpus", "a": "A", "b": "B"},
    "embed": {"encoder": "none"},
    "formalise": {"threshold": None},
}


def recorded_rows(n: int, seed: int = 0) -> list[dict[str, object]]:
    """Two predicates on n texts per group; the second was recorded for two thirds of the texts only."""
    rng = random.Random(seed)
    rows: list[dict[str, object]] = []
    for corpus, share in (("A", 0.5), ("B", 0.2)):
        for i in range(n):
            text = f"text {i} of {corpus}"
            holds = float(rng.random() < share)
            rows.append({"predicate": "holds more in A", "text": text, "corpus": corpus, "score": holds})
            if i % 3:
                rows.append(
                    {"predicate": "holds alike", "text": text, "corpus": corpus, "score": rng.random() / 2}
                )
    return rows


def _scores(project: Project) -> dict[str, dict[str, object]]:
    data = project.folder / "data/news"
    scores = frames.read(data / "6_scores", "scores.parquet", frames.SCORES)
    names = frames.read(data / "4_predicates", "predicates.parquet", frames.PREDICATES)
    joined = scores.join(names.select("predicate_id", "predicate"), on="predicate_id")
    return {row["predicate"]: row for row in joined.iter_rows(named=True)}


def test_recorded_verdicts_are_proposed_looked_up_and_tested(project: Project) -> None:
    rows = recorded_rows(300)
    project.table("recorded.parquet", rows)
    project.params(news=REPLAY)
    project.run("news")
    scores = _scores(project)
    assert set(scores) == {"holds more in A", "holds alike"}
    texts = frames.read(project.folder / "data/news/1_texts", "texts.parquet", frames.TEXTS)
    confirm = texts.filter(pl.col("half") == "confirm")
    wanted = (
        pl.DataFrame(rows)
        .filter(pl.col("predicate") == "holds more in A")
        .join(confirm.select("text", "group"), on="text")
        .group_by("group")
        .agg(pl.col("score").mean(), pl.len())
        .rows_by_key("group", unique=True)
    )
    found = scores["holds more in A"]
    assert (found["mean_a"], found["n_a"]) == pytest.approx(wanted["A"])
    assert (found["mean_b"], found["n_b"]) == pytest.approx(wanted["B"])
    assert found["is_discovery"]
    assert not scores["holds alike"]["is_discovery"]
    absent = scores["holds alike"]["n_absent"]
    assert absent == confirm.height - scores["holds alike"]["n_a"] - scores["holds alike"]["n_b"]  # type: ignore[operator]
    assert absent > 0  # type: ignore[operator]


def test_a_recorded_refusal_is_counted(project: Project) -> None:
    rows = [{**row, "status": "value"} for row in recorded_rows(100)]
    for row in rows[::40]:
        row.update(status="refusal", score=None)
    project.table("recorded.parquet", rows)
    project.params(news=REPLAY)
    project.run("news")
    assert sum(int(s["n_refused"]) for s in _scores(project).values()) > 0  # type: ignore[call-overload]


def test_a_predicate_recorded_in_one_group_only_is_shown_as_untested(project: Project) -> None:
    rows = [row for row in recorded_rows(100) if row["predicate"] != "holds alike" or row["corpus"] == "B"]
    project.table("recorded.parquet", rows)
    project.params(news=REPLAY)
    project.run("news")
    alike = _scores(project)["holds alike"]
    assert (alike["validity"], alike["p"], alike["is_discovery"]) == (None, 1.0, False)
    assert "holds alike" in (project.folder / "reports/news/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        ({"score": 7.0}, "score"),
        ({"status": "maybe"}, "status"),
        ({"score": float("nan")}, "score"),
    ],
)
def test_recorded_nonsense_is_one_clear_error(project: Project, spoil: dict, wanted: str) -> None:
    rows = [{**row, "status": "value"} for row in recorded_rows(50)]
    rows[3].update(spoil)
    project.table("recorded.parquet", rows)
    project.params(news=REPLAY)
    with pytest.raises(NatstatError, match=wanted):
        project.run("news", "collect")


@shared_file("recorded_verdicts.parquet")
def test_published_verdicts_run_from_end_to_end(project: Project) -> None:
    source = SHARED / "data"
    project.params(
        news={
            **REPLAY,
            "data": str(source / "recorded_verdicts.parquet"),
            "verdicts": str(source / "recorded_verdicts.parquet"),
        }
    )
    project.run("news")
    scores = _scores(project)
    assert len(scores) == 30
    covid = next(s for name, s in scores.items() if name.startswith("talks about the corona"))
    assert covid["is_discovery"]
    # The published estimate is 0.259 on all 2,000 texts; ours rests on the confirmation half of them.
    assert covid["lo"] < 0.259 < covid["hi"]  # type: ignore[operator]


def recorded_of_model(n: int = 240) -> list[dict[str, object]]:
    """Verdicts of two predicates that foresee label and time, the second on two thirds of the texts."""
    rng = random.Random(1)
    rows: list[dict[str, object]] = []
    for i in range(n):
        text, at = f"text {i} of {place(i)}", i / n
        first, second = rng.random() < 0.1 + 0.7 * (at > 0.5), rng.random() < 0.5
        row = {"text": text, "label": "xyz"[first + second], "time": 1990 + int(20 * at)}
        rows.append({**row, "predicate": "is of later years", "score": float(first)})
        if i % 3:
            rows.append({**row, "predicate": "is of either", "score": float(second)})
        # The same text at another time, too: one document.
        if not i % 10:
            rows.append({**rows[-1], "time": 1991 + int(20 * at)})
    return rows


@pytest.mark.parametrize("kind", ["timeline", "classes", "clusters"])
def test_recorded_verdicts_are_the_predicates_of_a_model(kind: str, project: Project) -> None:
    rows = recorded_of_model()
    project.table("recorded.parquet", rows)
    project.params(news={**REPLAY, "kind": kind, "collect": {}})
    project.run("news")
    scores = _scores(project)
    assert set(scores) <= {"is of later years", "is of either"} and "is of later years" in scores
    texts = frames.read(project.folder / "data/news/1_texts", "texts.parquet", frames.TEXTS)
    confirm = texts.filter(pl.col("half") == "confirm")
    for name, row in scores.items():
        known = {one["text"] for one in rows if one["predicate"] == name}
        n_known = confirm.filter(pl.col("text").is_in(sorted(known))).height
        assert (row["n_a"], row["n_absent"]) == (n_known, confirm.height - n_known)
    if kind == "timeline":
        assert scores["is of later years"]["is_discovery"]
