"""A past discovery tested again on other data: frozen as it was, alone, on texts that nobody asked."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.commands import check, discovery, show
from tasks.errors import CorpusError, ParamsError, SourceError
from tasks.formalise import check_new
from tasks.store import attempts, duck, frames, holdout, originals
from tasks.study import load
from tests import finished_study
from tests.conftest import Project, in_a_copy
from tests.finished_study import write_params
from tests.recorded_study import Row, put_again, put_study


@pytest.fixture
def project(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    return in_a_copy(finished_study.finished(tmp_path_factory.getbasetemp()), tmp_path / "copy", monkeypatch)


def test_it_runs_as_a_study_of_its_own_and_is_compared(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    row = discovery.named("news/1")
    before = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert main(["replicate", "news/1", "--study", "later"]) == 0
    said = capsys.readouterr().out
    assert f"later tests {discovery.shown(row)} again, and nothing else" in said
    assert (
        "which is 2020 here; two-sided, one hypothesis" in said
        and "could move the effect: by 0.0% at most" in said
    )
    line = f"    propose: {{replicates: {row['run_id']}/{row['predicate_id']}}}\n"
    after = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert after.count(line) == 1 and after.replace(line, "") == before
    assert "asked by you" in "\n".join(check.lines(check.preview(load("later"))))
    project.run("later")
    frozen = frames.read_any(paths.output("later", "formalise") / "predicates.parquet")
    old = frames.read_any(paths.output("news", "formalise") / "predicates.parquet")
    same = ["predicate_id", "predicate", "direction", "definition", "grade", "judge", "threshold"]
    assert frozen.height == 1
    assert frozen.select(same).row(0) == old.filter(predicate_id=row["predicate_id"]).select(same).row(0)
    outcome = duck.query("replications").to_dicts()
    assert [(one["again_in"], one["outcome"], one["share_of_old_texts"]) for one in outcome] == [
        ("later", "held", 0.0)
    ]
    assert outcome[0]["validity"] == row["validity"]
    lines = "\n".join(show.lines(show.found_by(load("later"))))
    assert f"tests {row['run_id']}/{row['predicate_id']} of news again" in lines and lines.count("held") == 1
    page = paths.report_page("later").read_text(encoding="utf-8")
    assert "This study tests one discovery of <code>news</code> again" in page
    assert "Outcome: <b>held</b>. <code>natstat query replications</code>" in page
    # With another seed it is another attempt, and the page says so.
    write_params(
        project.folder, later={"propose": {"replicates": f"{row['run_id']}/{row['predicate_id']}"}, "seed": 7}
    )
    project.run("later")
    lines = "\n".join(show.lines(show.found_by(load("later"))))
    assert re.search(r": (held|weakened), attempt 2 of 2 \(", lines)
    page = paths.report_page("later").read_text(encoding="utf-8")
    assert "It was tried before: 1 held. Were the error level of 0.05 shared" in page
    assert "on the exploration half of the original" in page


def test_the_same_texts_are_refused_and_so_are_too_many_of_them(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("same", "part"):
        assert main(["replicate", "news/1", "--study", name]) == CorpusError.exit_code
        assert "were in the study that is replicated" in capsys.readouterr().err
    assert not list((project.folder / paths.ASKED).glob("*.json"))
    check_new(load("later"), {"moved": None, "of_documents": None})
    check_new(load("later"), {"moved": 0.02, "of_documents": 0.01})
    with pytest.raises(CorpusError, match=r"wanted new texts, .* could move the effect by 2\.1%\. More"):
        check_new(load("later"), {"moved": 0.021, "of_documents": 0.0})
    by_documents = r"by 2\.1%, 2\.0% of it by other texts of documents .* in collect\.document"
    with pytest.raises(CorpusError, match=by_documents):
        check_new(load("later"), {"moved": 0.021, "of_documents": 0.02})


@pytest.mark.parametrize(
    ("of_old", "of_new", "wanted"),
    [
        # One of the four texts of A that are tested was there, another is of a document that was.
        (["d1", "d2"], ["d1", "d1", "e1", "e2"], {"moved": 0.5, "of_documents": 0.25}),
        (["d1", None], [None, "e1", "e2", "e3"], {"moved": 0.25, "of_documents": 0.0}),
        # Where nobody names documents, only texts can be told apart.
        ([None, None], ["d1", "d1", "e1", "e2"], {"moved": 0.25, "of_documents": None}),
        (["d1", "d2"], [None, None, None, None], {"moved": 0.25, "of_documents": None}),
        (None, ["d1", "d1", "e1", "e2"], {"moved": None, "of_documents": None}),
    ],
)
def test_another_text_of_a_document_that_was_there_is_not_new(
    of_old: list[str | None] | None,
    of_new: list[str | None],
    wanted: dict[str, float | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if of_old is not None:
        folder = paths.output("news", "collect")
        folder.mkdir(parents=True)
        for name, table in zip(("texts", "documents"), collected(of_old, "explore"), strict=True):
            frames.write(table, folder / f"{name}.parquet", getattr(frames, name.upper()))
    found = holdout.moved_by_seen("0" * 16, "news", *collected(of_new, "confirm"))
    assert found == wanted


def collected(documents: list[str | None], half: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Texts of A and the documents that they are of; the first text is the same one in both halves."""
    ids = [f"{half if i else ''}{i}" for i in range(len(documents))]
    texts = pl.DataFrame({"text_id": ids, "text_hash": ids, "text": ids, "document_id": ids}).with_columns(
        group=pl.lit("A"), half=pl.lit(half), n_merged=1, context=None, media=None
    )
    named = pl.DataFrame({"text_id": ids, "source_document_id": documents, "family_id": ids})
    return frames.conform(texts, frames.TEXTS), frames.conform(named, frames.DOCUMENTS)


def test_formalise_refuses_them_too_by_the_ledger_of_what_was_asked(project: Project) -> None:
    assert main(["replicate", "news/1", "--study", "later"]) == 0
    (project.folder / "later.parquet").write_bytes((project.folder / "news.parquet").read_bytes())
    project.run("later", "collect", "embed", "propose")
    with pytest.raises(CorpusError, match=r"wanted new texts, .* could move the effect by 200\.0%"):
        project.run("later", "formalise")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"formalise": {"threshold": 0.4}}, r"later\.formalise\.threshold: wanted 0\.5, as where news found"),
        ({"embed": {"encoder": "bundled"}}, r"later\.embed: wanted none \(float32\)"),
        ({"propose": {"families": ["words"]}}, "without a block `propose` of its own"),
        ({"propose": {"replicates": f"{'0' * 16}/{'0' * 16}"}}, "wanted one discovery a study"),
        ({"kind": "timeline", "collect": {}}, "alone it is another number"),
    ],
)
def test_what_would_be_another_measurement_is_refused(
    changes: dict[str, Any], told: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(project.folder, later=changes)
    before = (project.folder / "params.yaml").read_text(encoding="utf-8")
    assert main(["replicate", "news/1", "--study", "later"]) == ParamsError.exit_code
    assert re.search(told, capsys.readouterr().err)
    assert (project.folder / "params.yaml").read_text(encoding="utf-8") == before


def test_only_a_discovery_of_another_study_is_replicated(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    for said, name, told in (
        ("news/1", "news", "another study"),
        ("news/3", "later", "it was tested and is none"),
    ):
        assert main(["replicate", said, "--study", name]) == ParamsError.exit_code
        assert told in capsys.readouterr().err


def test_a_registration_that_was_changed_is_refused(project: Project) -> None:
    assert main(["replicate", "news/1", "--study", "later"]) == 0
    (file,) = (project.folder / paths.ASKED).glob("*.json")
    whole = file.read_text(encoding="utf-8")
    for changed in (
        whole.replace("covid", "virus"),
        whole.replace('"predicate_id": "', '"predicate_id": "0'),
        whole.replace('"direction": "A"', '"direction": "B"'),
        "{",
    ):
        file.write_text(changed, encoding="utf-8")
        with pytest.raises(SourceError, match="as it was frozen, what stands there is another"):
            originals.read(load("later"))
    file.unlink()
    with pytest.raises(SourceError, match="Run `natstat replicate"):
        originals.read(load("later"))


CAME = [
    (0.25, 0.05, True, "held"),
    (0.35, 0.05, True, "held"),
    (0.10, 0.05, True, "weakened"),
    (0.01, 0.05, False, "not confirmed"),
    (0.05, 0.02, False, "not confirmed"),
    (-0.20, 0.05, False, "reversed"),
]
"""V again, half its interval, whether it is a discovery again; the old V is 0.27."""


def test_what_came_of_it_in_either_direction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cases = {"A": CAME, "B": [CAME[0], CAME[2], CAME[5]]}
    for direction, side in (("A", 1), ("B", -1)):
        put_study(f"press-{direction}", f"run-{direction}", [row("x", direction, side * 0.27)])
        for i, (validity, half, is_found, _) in enumerate(cases[direction]):
            again = [row("x", direction, side * validity, half, is_found)]
            put_again(f"again-{direction}-{i}", again, f"run-{direction}")
    duck.load_all()
    for direction, counts in (("A", (6, 2, 1, 2, 1)), ("B", (3, 1, 1, 0, 1))):
        wanted = [outcome for *_, outcome in cases[direction]]
        came = duck.query("replications", {"study": f"press-{direction}"})
        assert came["again_in"].to_list() == [f"again-{direction}-{i}" for i in range(len(wanted))]
        assert came["outcome"].to_list() == wanted
        assert came["attempt"].to_list() == [i + 1 for i in range(len(wanted))]
        counted = came.select("n_attempts", "n_held", "n_weakened", "n_not_confirmed", "n_reversed")
        assert set(counted.rows()) == {counts}
    assert duck.query("replications", {"study": "again-A-0"}).height == 1


def test_every_attempt_counts_and_the_level_is_shared_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One study that is run with other seeds until the discovery holds, and another after it."""
    monkeypatch.chdir(tmp_path)
    put_study(rows=[row("x", "A", 0.27)])
    duck.record("press")
    tries = [
        ("later", "seed-1", row("x", "A", 0.01, is_found=False)),
        ("later", "seed-2", row("x", "A", -0.2, is_found=False)),
        ("later", "seed-3", row("x", "A", 0.26, q=0.02)),
        ("other", "all", row("x", "A", 0.28, q=0.001)),
    ]
    for nr, (study, split_hash, again) in enumerate(tries):
        put_again(study, [again], run_id=f"again-{nr}", split_hash=split_hash)
        duck.record(study)
    # Its answer on the same texts again is none.
    put_again("later", [tries[2][2]], run_id="again-2-later-release", split_hash="seed-3")
    duck.record("later")
    came = duck.query("replications", {"study": "press"})
    columns = ("again_run", "attempt", "outcome", "shared_alpha", "is_standing")
    assert came.select(columns).rows() == [
        ("again-0", 1, "not confirmed", pytest.approx(0.05 / 2), False),
        ("again-1", 2, "reversed", pytest.approx(0.05 / 6), False),
        ("again-2-later-release", 3, "held", pytest.approx(0.05 / 12), False),
        ("again-3", 4, "held", pytest.approx(0.05 / 20), True),
    ]
    assert set(came["n_attempts"]) == {4} and set(came["n_held"]) == {2}
    folder = paths.output("later", "record")
    told = attempts.attempt(*(frames.read_any(folder / f"{one}.parquet") for one in ("runs", "discoveries")))
    before = {"not confirmed": 1, "reversed": 1}
    assert told == {
        "attempt": 3,
        "outcome": "held",
        "shared_alpha": pytest.approx(0.05 / 12),
        "is_standing": False,
        "before": before,
    }
    write_again = came.row(2, named=True)
    assert show.came(write_again) == (
        "held, attempt 3 of 4 (2 held, 1 not confirmed, 1 reversed); no discovery at alpha 0.0042, which it "
        "would have were the level shared among the attempts"
    )


def row(
    predicate: str,
    direction: str,
    validity: float,
    half: float = 0.01,
    is_found: bool = True,
    q: float = 0.001,
) -> Row:
    return (predicate, direction, validity, half, q, is_found, predicate)
