"""The map of terms: what is counted, where a term lies, which labels are written, what a reader is told."""

import re
import time
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from tasks.report import map as maps
from tasks.report import terms
from tasks.store import frames
from tests.conftest import Project
from tests.spec.report_made import Node, held, put


def texts(**groups: list[str]) -> pl.DataFrame:
    rows = [
        {"text_id": f"{group}{i:06d}", "text": text, "group": group, "document_id": f"{group}{i:06d}"}
        for group, said in groups.items()
        for i, text in enumerate(said)
    ]
    empty = {name: [None] * len(rows) for name in frames.TEXTS if name not in rows[0]}
    return pl.DataFrame(rows).with_columns(**{name: pl.Series(of) for name, of in empty.items()})


def by_term(frame: pl.DataFrame) -> dict[str, tuple[int, int]]:
    return {row["term"]: (row["n_a"], row["n_b"]) for row in frame.iter_rows(named=True)}


def test_terms_are_counted_once_a_text_by_the_tokens_of_the_proposer() -> None:
    found, sizes = terms.counted(
        texts(
            A=["Covid covid, again!", "the covid", "the 我喜欢北京", "COVID the 我喜欢北京 🎉"],
            B=["the 喜欢", "The stop. 🎉", "the 🎉"],
        )
    )
    assert sizes == {"A": 4, "B": 3}
    assert by_term(found) == {"covid": (3, 0), "the": (3, 3), "喜欢": (2, 1), "🎉": (1, 2)}
    assert found["term"][0] == "covid", "the most telling first"
    assert found["z"].sign().to_list() == [1, -1, -1, 1]


def test_a_word_of_few_documents_is_a_writers_own() -> None:
    rows = texts(A=["spam offer"] * 50 + ["fine word"] * 3, B=["fine"] * 9)
    one_writer = rows.with_columns(
        document_id=pl.when(pl.col("text") == "spam offer").then(pl.lit("x")).otherwise("document_id")
    )
    assert set(by_term(terms.counted(one_writer)[0])) == {"fine", "word"}


def test_no_words_of_an_empty_group() -> None:
    found, sizes = terms.counted(texts(A=["one two"] * 5))
    assert found.is_empty() and sizes == {"A": 5, "B": 0}


def test_the_most_telling_and_the_most_frequent_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "MOST_TERMS", 4)
    monkeypatch.setattr(terms, "MOST_TELLING", 2)
    common = "all always " + " ".join(f"w{i}" for i in range(9))
    found, _ = terms.counted(
        texts(A=[f"ours {common}"] * 5 + ["all always"] * 9, B=["all always theirs"] * 14)
    )
    assert found["term"].to_list() == ["theirs", "ours", "all", "always"]


def test_of_a_large_corpus_a_part_is_read_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "MOST_CHARS", 100)
    _, sizes = terms.counted(texts(A=["1234567890"] * 8, B=["1234567890"] * 30))
    assert sizes == {"A": 8, "B": 2}


def drawn(n: int = 1500, seed: int = 1) -> maps.Row:
    rng = np.random.default_rng(seed)
    found = pl.DataFrame(
        {
            "term": [f"word{i}" if i % 3 else f"単語{i}" for i in range(n)],
            "n_a": np.minimum(rng.zipf(1.5, n), 1000) - 1,
            "n_b": np.minimum(rng.zipf(1.5, n), 1000),
            "z": rng.normal(size=n),
        },
        schema=terms.SCHEMA,
    ).sort(pl.col("z").abs(), descending=True)
    of = maps.terms_map(found, {"A": 1000, "B": 1200}, {"A": "new", "B": "old"}, 0.02, 2)
    assert of is not None
    return of


def test_every_term_is_on_the_map_once_inside_the_picture() -> None:
    of = drawn()
    assert sorted(term for point in of["points"] for term in point.terms) == sorted(
        f"word{i}" if i % 3 else f"単語{i}" for i in range(1500)
    )
    assert all(0 < point.x < 100 and 0 < point.y < 100 for point in of["points"])
    by_share = sorted(of["points"], key=lambda point: point.share_a)
    assert [point.x for point in by_share] == sorted(point.x for point in by_share)
    alike = [point for point in of["points"] if point.share_a == point.share_b]
    assert all(point.x == pytest.approx(100 - point.y) for point in alike), "the diagonal"


@pytest.mark.parametrize("name", maps.LAYOUTS)
def test_labels_stand_in_the_picture_and_not_on_one_another(name: str) -> None:
    width, height, most = maps.LAYOUTS[name]
    written = drawn()["labels"][name]
    assert most / 3 < len(written) <= most
    boxes = []
    for one in written:
        long = sum(13 if ord(letter) > 0x3000 else 6.9 for letter in one["term"])
        left = one["point"].x / 100 * width + one["dx"]
        left -= {"start": 0, "middle": long / 2, "end": long}[one["anchor"]]
        bottom = one["point"].y / 100 * height + one["dy"]
        boxes.append((left, bottom - 12, left + long, bottom + 3))
    assert all(box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= height for box in boxes)
    for one, other in combinations(boxes, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def test_both_extremes_and_what_both_share_are_labelled() -> None:
    said = texts(A=["the same ours"] * 40 + ["the same"] * 60, B=["the same theirs"] * 30 + ["the same"] * 70)
    counted, sizes = terms.counted(said)
    rare = pl.DataFrame(
        {"term": [f"r{i}" for i in range(20)], "n_a": 1, "n_b": 2, "z": -0.1}, schema=terms.SCHEMA
    )
    of = maps.terms_map(pl.concat([counted, rare]), sizes, {"A": "new", "B": "old"}, 0.02, 2)
    assert of is not None
    labels = {one["term"]: one["point"] for one in of["labels"]["narrow"]}
    assert {"ours", "theirs", "same"} <= set(labels)
    assert (labels["ours"].side, labels["theirs"].side, labels["same"].side) == ("a", "b", "flat")
    assert labels["ours"].told == (
        "ours\n40% of new (40 of 100 texts); 0% of old (0 of 100 texts); difference +0.40"
    )
    many = next(point for point in of["points"] if len(point.terms) == 20)
    assert many.told.startswith("r0, r1, r10, r11") and ", and 8 more\n" in many.told


def test_too_few_terms_make_no_map() -> None:
    assert maps.terms_map(terms.SCHEMA.to_frame(), {"A": 5, "B": 5}, {"A": "a", "B": "b"}, 0.02, 2) is None


WORDS = [" ".join(f"w{i + k}" for k in range(0, 60, 3)) for i in range(9)]


def test_the_page_draws_it_from_the_exploration_half_and_escapes_it(project: Project) -> None:
    assert not Node(put(project, [held("is")])).nodes("section", id="map"), "one word makes no map"
    names = {"names": {"A": "<i>new</i>", "B": "old"}}
    page = Node(put(project, [held("is")], said=[*WORDS, "<b>bold</b> claims"], record=names))
    section = page.one("section", id="map")
    assert "A picture, not a test: words of the exploration half" in section.text
    assert not section.nodes("i") and not section.nodes("b")
    points = section.one("svg").nodes("circle")
    told = [point.one("title") for point in points]
    (bold,) = (of for of in told if "bold" in str(of.children[0]).split("\n")[0].split(", "))
    assert str(bold.children[0]).split("\n")[0] == "b, bold, claims, w0, w1, w2, w63, w64, w65"
    assert "of <i>new</i> (21 of 210 texts); " in str(bold.children[0])
    assert all(re.fullmatch(r"\d+\.\d\d%", point.attrs["cx"] or "") for point in points)
    assert "A map of terms" in page.one("nav").text


def test_a_hundred_thousand_texts_are_counted_in_seconds() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(5_000)])
    said = [" ".join(words[row]) for row in rng.zipf(1.3, (20_000, 12)) % 5_000]
    rows = texts(A=said[:10_000], B=said[10_000:])
    started = time.process_time()
    found, _ = terms.counted(rows)
    assert found.height <= terms.MOST_TERMS
    assert time.process_time() - started < 4, "a fifth of a hundred thousand"
