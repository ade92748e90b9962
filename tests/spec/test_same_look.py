"""Groups that differ in how they are encoded, and in nothing a reader sees: told, and found by nobody."""

import unicodedata
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tasks.collect import notes
from tasks.collect import stage as collect
from tasks.commands import check
from tasks.kinds import lines
from tasks.paths import STAGES
from tasks.records import Predicate
from tasks.report import counts
from tasks.store import canonical, frames, labels
from tasks.study import load
from tasks.study.corpus import Collect
from tests.conftest import PAIR_STUDY, Project, sentences

ENCODINGS: dict[str, Callable[[str], str]] = {
    "composed": lambda text: unicodedata.normalize("NFD", text),
    "spaces": lambda text: text.replace(" ", "\u00a0"),
    "quotes": lambda text: text.replace("'", "’").replace('"', "“"),
    "line_ends": lambda text: text.replace("\n", "\r\n"),
    "soft_hyphens": lambda text: text.replace("tor", "\u00adtor"),
    "invisible": lambda text: f"\ufeff{text.replace(' ', chr(0x200B) + ' ')}",
    "directions": lambda text: f"\u202a{text}\u202c",
    "ellipses": lambda text: text.replace("...", "…"),
    "ligatures": lambda text: text.replace("fi", "ﬁ"),
    "controls": lambda text: f"{text}\0\0",
    "widths": lambda text: text.replace("2", "２"),
    "dashes": lambda text: text.replace("-", "\u2011"),
}


def written(seed: int) -> list[str]:
    tail = '... the "café" isn\'t far from Zürich\nre-opens at 2 for the final tour of directors'
    return [f"{sentence}{tail}" for sentence in sentences(60, 0.0, seed)]


def table(encoded: Callable[[str], str]) -> list[dict[str, object]]:
    a, b = (
        [{"text": text, "year": year, "page": f"Müller {i}"} for i, text in enumerate(written(year))]
        for year in (2020, 2019)
    )
    return [{**row, "text": encoded(str(row["text"]))} for row in a] + b


def cleaned(encoded: Callable[[str], str]) -> tuple[pl.DataFrame, dict[str, Any]]:
    rows = pl.DataFrame(table(encoded)).with_columns(
        pl.when(pl.col("year") == 2020).then(pl.lit("A")).otherwise(pl.lit("B")).alias("group"),
        pl.col("page").alias("document_id"),
    )
    return collect.clean(rows, Collect())


@pytest.mark.parametrize("kind", ENCODINGS)
def test_whatever_the_encoding_the_texts_are_the_same_and_what_was_changed_is_told(kind: str) -> None:
    (plain, before), (texts, counted) = cleaned(str), cleaned(ENCODINGS[kind])
    assert texts.equals(plain)
    assert kind not in before.get("changed", {})
    assert counted["changed"][kind] == {"n": {"A": 60, "B": 0}, "share": {"A": 1.0, "B": 0.0}}
    names = {"A": "2020", "B": "2019"}
    (told,) = notes.of_changes({kind: counted["changed"][kind]}, names)
    assert f"in 100% of 2020 and 0% of 2019 {canonical.CHANGES[kind]}" in told
    wanted = (canonical.CHANGES[kind], "60 rows of 2020 (100%), 0 rows of 2019 (0%)")
    assert wanted in lines.changes({**counted, "names": names})


def test_a_study_over_two_encodings_finds_nothing_and_says_why(project: Project) -> None:
    def encoded(text: str) -> str:
        for one in ("spaces", "quotes", "line_ends", "invisible", "ellipses", "composed"):
            text = ENCODINGS[one](text)
        return text

    project.table("news.parquet", table(encoded))
    project.params(news=PAIR_STUDY)
    project.run("news", *STAGES[: STAGES.index("record")])
    scores = frames.read(project.folder / "data/news/6_scores", "scores.parquet", frames.SCORES)
    assert scores.height
    assert not scores["is_discovery"].any()
    manifest = frames.read_manifest(project.folder / "data/news/1_texts")
    shown = dict(counts.collected_lines(manifest))
    assert shown[canonical.CHANGES["spaces"]] == "60 rows of 2020 (100%), 0 rows of 2019 (0%)"
    assert "the groups are encoded differently" in check.lines(check.preview(load("news")))[0]


def test_groups_that_are_encoded_alike_are_no_warning(project: Project) -> None:
    rows = table(str)
    project.table("news.parquet", [{**row, "text": f"“{row['text']}”"} for row in rows])
    project.params(news=PAIR_STUDY)
    manifest = collect.collected(load("news")).manifest
    assert manifest["changed"]["quotes"]["n"] == {"A": 60, "B": 60}
    assert not [warning for warning in manifest["warnings"] if "encoded" in warning]


def test_documents_labels_and_filters_are_the_same_however_they_are_encoded(project: Project) -> None:
    """Each page has two rows in one group, its name composed in one and decomposed in the other."""
    rows = [
        {
            "text": text,
            "side": unicodedata.normalize(form, side),
            "page": unicodedata.normalize(form, f"Müller {side} {i}"),
            "town": unicodedata.normalize(form, "Zürich"),
        }
        for side, seed in (("früh", 1), ("spät", 2))
        for form, half in (("NFC", slice(0, 30)), ("NFD", slice(30, 60)))
        for i, text in enumerate(sentences(60, 0.0, seed)[half])
    ]
    project.table("news.parquet", rows)
    groups = {"group": "side", "a": "fru\u0308h", "b": "spät", "document": "page"}
    filters = {"a": "side = 'früh'", "b": "side = 'spa\u0308t'", "document": "page"}
    for groups_by in (groups, filters):
        where = {"where": "town = 'Zu\u0308rich'", "near_duplicates": None}
        project.params(news={**PAIR_STUDY, "collect": {**groups_by, **where}})
        found = collect.collected(load("news"))
        assert found.manifest["n_rows"] == 120
        assert found.manifest["n_documents"] == 60
        assert found.texts["document_id"].str.starts_with("Müller").all()


def test_recorded_verdicts_meet_their_texts_however_they_are_encoded(project: Project) -> None:
    plain = table(str)
    (project.folder / "given").mkdir()
    project.table("given/news.parquet", plain)
    project.table(
        "given/verdicts.parquet",
        [
            {"predicate": "mentions a cafe\u0301", "text": encoded(str(row["text"])), "score": 1.0}
            for encoded, row in zip([*ENCODINGS.values()] * 10, plain, strict=True)
        ],
    )
    where = {"data": "given", "collect": {**PAIR_STUDY["collect"], "path": "news.parquet"}}
    project.params(news={**PAIR_STUDY, **where, "engine": "replay", "verdicts": "verdicts.parquet"})
    found = collect.collected(load("news"))
    assert found.recorded is not None
    assert found.recorded["predicate"].unique().to_list() == ["mentions a café"]
    assert found.manifest["recorded"]["n_of_other_texts"] == 0


def test_a_label_sheet_is_read_however_it_was_saved(project: Project) -> None:
    project.table("news.parquet", table(str))
    project.params(news={**PAIR_STUDY, "labels": "sheet.csv"})
    study = load("news")
    held_out = collect.collected(study).texts.filter(half="confirm")
    asked = Predicate(
        predicate_id="p", predicate="mentions a café", direction="A", family="words", grade="exact",
        definition="{}", judge="embedded/2", threshold=0.5, planned_test="fisher_mn", split_hash="s",
        prompt_hash="", explore_effect=0.2, explore_z=4.0,
    )  # fmt: skip
    encodings = [*ENCODINGS.values()] * 10
    rows = [
        {"predicate": "mentions\u00a0a cafe\u0301", "text": encoded(text), "verdict": "\u200byes\u00a0"}
        for encoded, text in zip(encodings, held_out["text"], strict=False)
    ]
    (project.folder / "data/labels").mkdir(parents=True)
    pl.DataFrame(rows).write_csv(project.folder / "data/labels/sheet.csv")
    noted = labels.labelled(study, held_out, [asked]).noted
    assert (noted["n_unknown_texts"], noted["n_unknown_predicates"], noted["n_blank"]) == (0, 0, 0)
    assert noted["n_labelled"] == held_out.height
