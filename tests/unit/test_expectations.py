"""The Great Expectations suites let good tables pass and name the rows of bad ones."""

import math
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.errors import GuardError
from tasks.store import expectations, frames
from tasks.study import Study

N = 40


def texts() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "text_id": [f"t{i:02}" for i in range(N)],
            "text_hash": [f"h{i:02}" for i in range(N)],
            "text": [f"text {i}" for i in range(N)],
            "group": ["AB"[i % 2] for i in range(N)],
            "document_id": [f"d{i // 2}" for i in range(N)],
            "half": [("explore", "confirm")[i // 2 % 2] for i in range(N)],
            "n_merged": [1] * N,
            "context": [None] * N,
            "media": [None] * N,
        },
        schema=frames.TEXTS,
    )


def documents() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "text_id": [f"t{i:02}" for i in range(N)],
            "source_document_id": [None if i % 10 > 7 else f"s{i // 2}" for i in range(N)],
            "family_id": [f"f{i // 2}" for i in range(N)],
        },
        schema=frames.DOCUMENTS,
    )


def changed(frame: pl.DataFrame, row: int, **values: Any) -> pl.DataFrame:
    """The frame with other values in one row."""
    at = pl.int_range(pl.len()) == row
    return frame.with_columns(
        *[pl.when(at).then(pl.lit(v, dtype=frame.schema[k])).otherwise(k).alias(k) for k, v in values.items()]
    )


def test_good_texts_pass() -> None:
    expectations.check_texts(texts(), documents(), 0.5)


@pytest.mark.parametrize(
    ("row", "values", "wanted"),
    [
        (3, {"text_id": "t00"}, r"unique\(text_id\) fails for text_id t00, t00"),
        (3, {"text": None}, r"not_be_null\(n_chars\) fails for text_id t03"),
        (3, {"text": " \n"}, r"between\(n_chars, min_value=1.*\) fails for text_id t03"),
        (3, {"group": "C"}, r"in_set\(group\) fails for text_id t03 \(C\)"),
        (3, {"half": "test"}, r"in_set\(half\) fails for text_id t03 \(test\)"),
        (3, {"document_id": None}, r"not_be_null\(document_id\) fails for text_id t03"),
        (3, {"n_merged": 0}, r"between\(n_merged"),
        (2, {"text_hash": "h00"}, r"n_halves.* fails for text_hash h00 \(2"),
        (2, {"document_id": "d0"}, r"n_halves.* fails for document_id d0 \(2"),
    ],
)
def test_each_breach_names_its_rows(row: int, values: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GuardError, match=wanted):
        expectations.check_texts(changed(texts(), row, **values), documents(), 0.5)


def test_only_the_first_rows_are_named() -> None:
    with pytest.raises(
        GuardError, match=r"t00 \(C\), t01 \(C\), t02 \(C\), t03 \(C\), t04 \(C\) and 35 more"
    ):
        expectations.check_texts(texts().with_columns(pl.lit("C").alias("group")), documents(), 0.5)


def test_a_split_that_strays_from_its_share_is_seen() -> None:
    with pytest.raises(GuardError, match=r"mean_to_be_between\(share_explored.*observed 0.5"):
        expectations.check_texts(texts(), documents(), 0.97)
    with pytest.raises(GuardError, match="row_count"):
        expectations.check_texts(texts().clear(), documents(), 0.5)


def test_the_tolerance_is_five_binomial_standard_errors() -> None:
    assert expectations.split_bounds(10_000, 0.5) == pytest.approx(
        (0.5 - 4.9 * 0.005, 0.5 + 4.9 * 0.005), abs=4e-4
    )
    least, most = expectations.split_bounds(100, 0.01)
    assert (least, most) == (0.0, pytest.approx(0.09, abs=0.011))


def test_a_check_that_cannot_be_computed_is_a_breach() -> None:
    with pytest.raises(GuardError, match=r"n_merged.*could not be checked: .*does not exist"):
        expectations.check_texts(texts().drop("n_merged"), documents(), 0.5)


STUDY = Study.model_validate({"name": "s", "goal": "g", "data": "d", "collect": {"group": "random"}})


def predicates() -> pl.DataFrame:
    row = dict.fromkeys(frames.PREDICATES.names(), "x") | {
        "direction": "A",
        "grade": "exact",
        "threshold": 0.5,
        "explore_effect": 0.1,
        "explore_z": 2.0,
        "weight": 1.0,
    }
    return pl.DataFrame([{**row, "predicate_id": p} for p in ("p1", "p2")], schema=frames.PREDICATES)


def verdicts() -> pl.DataFrame:
    rows = [
        {
            "predicate_id": p,
            "text_id": f"t{i}",
            "score": i / 9 if i else None,
            "status": "value" if i else "refusal",
        }
        for p in ("p1", "p2")
        for i in range(10)
    ]
    return pl.DataFrame(rows, schema=frames.VERDICTS)


def discoveries() -> pl.DataFrame:
    row: dict[str, Any] = {
        name: {pl.String: "x", pl.Boolean: True, pl.Int64: 5}.get(dtype)  # type: ignore[call-overload]
        for name, dtype in frames.DISCOVERIES.items()
    }
    row |= {"validity": 0.1, "lo": 0.05, "hi": 0.15, "p": 0.01, "q": 0.02, "relevance": 1.5}
    return pl.DataFrame([{**row, "predicate_id": p} for p in ("p1", "p2")], schema=frames.DISCOVERIES)


def check(
    frozen: pl.DataFrame | None = None, judged: pl.DataFrame | None = None, found: pl.DataFrame | None = None
) -> None:
    expectations.check_record(
        predicates() if frozen is None else frozen,
        expectations.summarise((verdicts() if judged is None else judged).lazy()),
        discoveries() if found is None else found,
    )


def test_verdicts_are_summarised_per_predicate() -> None:
    odd = changed(changed(verdicts(), 1, status="perhaps"), 2, score=None, text_id="t3")
    summary = expectations.summarise(odd.lazy())
    assert summary.to_dicts()[0] == {
        "predicate_id": "p1",
        "n": 10,
        "n_value": 8,
        "n_unknown_status": 1,
        "n_value_without_score": 1,
        "n_score_without_value": 1,
        "n_twice": 1,
        "score_min": pytest.approx(1 / 9),
        "score_max": 1.0,
    }


def test_a_good_record_passes() -> None:
    check()


def test_a_predicate_whose_verdicts_are_mostly_missing_passes() -> None:
    missing = pl.col("text_id") != "t9"
    check(
        judged=verdicts().with_columns(
            pl.when(missing).then(pl.lit("refusal")).otherwise("status").alias("status"),
            pl.when(missing).then(None).otherwise("score").alias("score"),
        )
    )


def test_a_group_without_any_verdict_has_no_effect_and_passes() -> None:
    check(found=changed(discoveries(), 0, n_a=0, validity=None, lo=-1.0, hi=1.0, p=1.0, q=1.0))


def test_nothing_tested_passes() -> None:
    check(predicates().clear(), verdicts().clear(), discoveries().clear())


@pytest.mark.parametrize(
    ("row", "values", "wanted"),
    [
        (0, {"predicate_id": "p9"}, r"in_set\(predicate_id\) fails for predicate_id p9"),
        (1, {"score": 1.5}, r"between\(score_max.*\) fails for predicate_id p1 \(1.5\)"),
        (1, {"score": -0.1}, r"between\(score_min.*\) fails for predicate_id p1 \(-0.1\)"),
        (1, {"score": None}, r"between\(n_value_without_score"),
        (1, {"score": math.nan}, r"between\(n_value_without_score"),
        (0, {"score": 0.5}, r"between\(n_score_without_value"),
        (1, {"status": "perhaps"}, r"between\(n_unknown_status"),
        (1, {"text_id": "t2"}, r"between\(n_twice"),
    ],
)
def test_verdicts_that_cannot_be_recorded(row: int, values: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GuardError, match=wanted):
        check(judged=changed(verdicts(), row, **values))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"validity": 1.5, "hi": 2.0}, r"between\(validity"),
        ({"validity": 0.3}, r"validity_in_interval"),
        ({"lo": 0.2}, r"validity_in_interval"),
        ({"validity": None}, r"effect_is_known"),
        ({"validity": math.nan}, r"effect_is_known"),
        ({"p": 1.2, "q": 1.2}, r"between\(p,"),
        ({"p": None}, r"not_be_null\(p\)"),
        ({"q": math.nan}, r"not_be_null\(q\)"),
        ({"q": 0.001}, r"q_at_least_p"),
        ({"relevance": 2.5}, r"between\(relevance"),
        ({"novelty_blind": -0.1}, r"between\(novelty_blind"),
        ({"novelty_past": 2.1}, r"between\(novelty_past"),
        ({"cost_usd": -0.01}, r"between\(cost_usd"),
        ({"n_a": -1}, r"between\(n_a"),
        ({"predicate_id": "p9"}, r"in_set\(predicate_id\) fails for predicate_id p9"),
        ({"predicate_id": "p2"}, r"unique\(predicate_id\)"),
    ],
)
def test_figures_that_cannot_be(values: dict[str, Any], wanted: str) -> None:
    with pytest.raises(GuardError, match=wanted):
        check(found=changed(discoveries(), 0, **values))


def test_a_predicate_that_was_not_tested_is_missed() -> None:
    with pytest.raises(GuardError, match=r"row_count_to_equal\(value=2\), observed 1"):
        check(found=discoveries().head(1))
    with pytest.raises(GuardError, match=r"row_count_to_equal\(value=2\), observed 1"):
        check(judged=verdicts().filter(pl.col("predicate_id") == "p1"))


def test_nothing_is_printed_and_no_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    expectations.check_texts(texts(), documents(), 0.5)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
