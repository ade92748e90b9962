"""Labels and scores: which a column holds, which classes are kept, and what is refused."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from tasks.errors import CorpusError, SourceError
from tasks.kinds.classes import labels
from tasks.kinds.classes.params import Classes
from tasks.kinds.fitted.valued import At, Valued

AT = At("topic", "news.csv", "studies.news.classes.value")


def read(values: Sequence[str | None], texts: list[str] | None = None, **asked: Any) -> Valued:
    texts = texts or [f"text {i}" for i in range(len(values))]
    frame = pl.DataFrame({"value": values, "normalised": texts}, schema_overrides={"value": pl.String})
    return labels.read(frame, AT, Classes(**asked))


def test_words_are_labels() -> None:
    found = read(["a"] * 10 + ["b"] * 10 + [None])
    assert found.noted["is"] == "label" and found.noted["n_missing"] == 1
    assert found.said.to_list() == ["a"] * 10 + ["b"] * 10 + [None]
    assert found.number.null_count() == 21 and found.warnings == []


def test_few_numbers_are_labels_and_many_a_score() -> None:
    few, many = [str(i % 5) for i in range(100)], [str(i % 11) for i in range(110)]
    assert read(few).noted["is"] == "label"
    assert "write classes: {value_is: score}" in read(few).noted["told"][0]
    assert read(many).noted["is"] == "score"
    assert read(few, value_is="score").number.to_list() == [float(i % 5) for i in range(100)]
    assert read(many, value_is="label").noted["is"] == "label"


def test_true_is_true_however_it_is_written() -> None:
    assert set(read(["True", "true", "TRUE", "False"] * 10).said) == {"true", "false"}
    assert set(read(["True"] * 10 + ["Maybe"] * 10).said) == {"True", "Maybe"}


def test_a_small_class_is_left_out_and_named() -> None:
    found = read(["a"] * 20 + ["b"] * 20 + ["c"] * 9 + ["d"])
    assert found.said.drop_nulls().unique().sort().to_list() == ["a", "b"]
    assert found.noted["small"] == ["c", "d"] and found.noted["n_small"] == 10
    assert found.warnings == [
        "column 'topic' of news.csv: classes of fewer than 10 texts are left out: 'c' (9), 'd' (1). Nothing "
        "could be told of them; to keep them give several one label"
    ]


def test_copies_of_a_text_do_not_make_a_class() -> None:
    found = read(["a"] * 20 + ["b"] * 20 + ["c"] * 15, [f"text {min(i, 40)}" for i in range(55)])
    assert found.noted["small"] == ["c"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a"] * 30, r"wanted two classes at least in column 'topic' of news\.csv, all 30 values are 'a'"),
        (["a"] * 30 + ["b"], r"two classes at least of 10 texts or more.*the largest 'a' \(30\), 'b' \(1\)"),
        ([f"id {i}" for i in range(90)], r"got 90 classes, the largest .* and 85 more\. Group them"),
        (["a"] * 10 + ["b"] * 10 + [str(i) for i in range(50)], "and most texts in such; got 52 classes"),
        ([f"class {i % 51}" for i in range(510)], r"wanted at most 50 classes .* got 51.*value_is: score"),
    ],
)
def test_what_is_no_question_of_classes_is_refused(values: list[str | None], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read(values)


def test_scores_that_are_no_numbers() -> None:
    numbers = [str(i) for i in range(40)]
    found = read([*numbers, "inf", "none"])
    assert found.noted["n_unreadable"] == 2 and found.number.null_count() == 2
    assert "2 of 42 values cannot be read, such as 'inf' (row 41)" in found.warnings[0]
    with pytest.raises(SourceError, match=r"wanted numbers in column 'topic' of news\.csv; 10 of 50 values"):
        read([*numbers, *["high"] * 10], value_is="score")
    with pytest.raises(CorpusError, match=r"wanted different scores .* all 30 are 7"):
        read(["7"] * 30, value_is="score")
    for unit in ("e200", "e-200"):
        with pytest.raises(CorpusError, match="wanted scores of common size"):
            read([f"{i}{unit}" for i in range(30)], value_is="score")


def test_a_score_far_from_all_others_is_warned_of() -> None:
    assert "standard deviations from the mean" in read([*map(str, range(200)), "1000000"]).warnings[0]
    assert read([*map(str, range(200))]).warnings == []


def test_labels_that_differ_in_case_alone_are_told() -> None:
    told = read(["Sport"] * 10 + ["sport"] * 10).warnings
    assert told == [
        "column 'topic' of news.csv: 'Sport' and 'sport' are two classes, and differ in case alone"
    ]
