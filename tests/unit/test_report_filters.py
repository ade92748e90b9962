"""How numbers and untrusted text are written."""

import pytest

from tasks.report import filters
from tasks.report.counts import flat
from tasks.report.scale import Scale

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (0.2674, 2, "+0.27"),
        (-0.034, 2, "−0.03"),
        (0.2674, 3, "+0.267"),
        (0.0, 2, "0.00"),
        (-0.001, 2, "0.00"),
        (1.0, 2, "+1.00"),
        (NAN, 2, "–"),
        (None, 2, "–"),
    ],
)
def test_effect(value: float | None, decimals: int, written: str) -> None:
    assert filters.effect(value, decimals) == written
    assert filters.end(value, decimals) == written.removeprefix("+")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.0341, "0.034"),
        (0.0996, "0.10"),
        (0.3149, "0.31"),
        (1.0, "1.00"),
        (NAN, "–"),
    ],
)
def test_pvalue(value: float, written: str) -> None:
    assert filters.pvalue(value) == written


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (0.2599, 2, "26%"),
        (0.2599, 3, "26.0%"),
        (0.0421, 2, "4.2%"),
        (0.9876, 2, "99%"),
        (0.9951, 2, "99.5%"),
        (0.0, 3, "0%"),
        (1.0, 2, "100%"),
        (0.0004, 2, "<0.1%"),
        (0.9996, 2, ">99.9%"),
        (NAN, 2, "–"),
    ],
)
def test_share(value: float, decimals: int, written: str) -> None:
    assert filters.share(value, decimals) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "$0"), (0.004, "<$0.01"), (1.239, "$1.24"), (1234.5, "$1,234.50"), (None, "–")],
)
def test_cost(value: float | None, written: str) -> None:
    assert filters.cost(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(1234567, "1,234,567"), (0.123456, "0.1235"), (True, "yes"), (None, "–"), ("as is", "as is")],
)
def test_figure(value: object, written: str) -> None:
    assert filters.figure(value) == written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
        ("a\x00b\x1b[31m", "a\ufffdb\ufffd[31m"),
        ("\u202eabc\u202c", "\ufffdabc\ufffd"),
        ("\u2067abc\u2069", "\ufffdabc\ufffd"),
        ("one\u2028two\r\nthree", "one\ntwo\nthree"),
        ("\ud83d", "\ufffd"),
        ("👩\u200d👧 می\u200cخواهم שלום", "👩\u200d👧 می\u200cخواهم שלום"),
    ],
    ids=["plain", "controls", "override", "isolate", "line ends", "surrogate", "joiners stay"],
)
def test_neutral(text: str, shown: str) -> None:
    assert filters.neutral(text) == shown
    assert filters.neutral(5) == 5


@pytest.mark.parametrize(
    ("spans", "wanted"),
    [
        ("[]", [("a <b> c", False)]),
        ("[[2, 5]]", [("a ", False), ("<b>", True), (" c", False)]),
        ("[[4, 5], [2, 4]]", [("a ", False), ("<b>", True), (" c", False)]),
        ("[[0, 3], [1, 2], [6, 99]]", [("a <", True), ("b> ", False), ("c", True)]),
        ("[[5, 2], [-3, 1], [9, 12]]", [("a", True), (" <b> c", False)]),
    ],
    ids=["none", "one", "touching", "overlapping and too long", "nonsense"],
)
def test_pieces_are_cut_at_the_spans(spans: str, wanted: list[tuple[str, bool]]) -> None:
    assert filters.pieces("a <b> c", spans) == wanted


def test_pieces_of_a_long_text_keep_the_first_match_whole() -> None:
    text = "word " * 100 + "MATCH" + " word" * 100
    found = filters.pieces(text, "[[500, 505]]", 80)
    assert ("MATCH", True) in found
    assert found[0] == ("… ", False)
    assert found[-1] == ("…", False)
    assert sum(len(part) for part, _ in found) <= 90


def test_a_match_longer_than_the_window_is_cut() -> None:
    found = filters.pieces("x" * 1000, "[[500, 900]]", 80)
    assert [(part[:1], match) for part, match in found] == [
        ("…", False),
        ("x", False),
        ("x", True),
        ("…", False),
    ]
    assert sum(len(part) for part, _ in found) <= 90


def test_line_breaks_are_signs() -> None:
    assert filters.pieces("a\n\n\n   \n b") == [("a ↵ b", False)]


def test_a_cut_splits_no_visible_character() -> None:
    family = "👩\u200d👩\u200d👧"
    assert filters.clip(family * 3, 8) == family + "…"
    assert filters.clip("e\u0301" * 10, 8) == "e\u0301" * 3 + "…"
    assert filters.clip("short", 8) == "short"
    assert filters.clip("two words more", 12) == "two words…"


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((-0.05, 0.27), (0, 0.1, 0.2)),
        ((-0.01, 0.03), (-0.03, -0.02, -0.01, 0, 0.01, 0.02, 0.03)),
        ((-1.0, 1.0), (-1.0, -0.5, 0, 0.5, 1.0)),
        ((float("nan"), float("nan")), (-0.03, -0.02, -0.01, 0, 0.01, 0.02, 0.03)),
    ],
)
def test_the_axis_has_round_ticks_and_holds_everything(
    ends: tuple[float, float], ticks: tuple[float, ...]
) -> None:
    scale = Scale.over([{"lo": ends[0], "hi": ends[1]}], 0.02)
    assert scale.ticks == ticks
    places = [float(scale.at(value)) for value in (-0.02, 0, 0.02, *sorted(ticks))]
    assert all(0 <= place <= 100 for place in places)
    assert places[3:] == sorted(places[3:])


def test_tick_labels_carry_a_sign_and_no_spare_digit() -> None:
    scale = Scale.over([{"lo": -1.0, "hi": 1.0}], 0.02)
    assert [scale.label(t) for t in (-0.5, 0, 0.1, 1.0, 0.005)] == ["−0.5", "0", "+0.1", "+1", "+0.005"]


def test_a_manifest_is_told_flat_without_hashes() -> None:
    manifest = {
        "n_b": 2,
        "a_hash": "x",
        "read": {"files": [{"file": "f", "rows": 3}], "rows": {"A": 1}},
        "none": [],
    }
    assert flat(manifest) == [("n b", 2), ("none", "none"), ("read: files", "f · 3"), ("read: rows", "A 1")]
