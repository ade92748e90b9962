"""The one form of a text, rule by rule, and the standard's own tables beside ranges that are written down."""

import time
import unicodedata

import polars as pl
import pytest

from tasks.store import canonical
from tasks.store.sources import normalised
from tasks.store.sources.masking import masked
from tasks.study.corpus import Collect

CHANGED = {
    "composed": [
        ("cafe\u0301", "café"),
        ("\u1100\u1161", "가"),
        ("\u2126", "Ω"),
        ("x\u0323\u0307", "ẋ\u0323"),
    ],
    "line_ends": [("a\r\nb\rc\u0085d\u2028e\u2029f\x0bg\x0ch", "a\nb\nc\nd\ne\nf\ng\nh")],
    "controls": [
        ("h\0e\x07\x7f", "he"),
        ("a\x1cb", "a b"),
        ("\x1b[31mred", "[31mred"),
        ("it\x92s", "it's"),
        ("a\x81b", "ab"),
    ],
    "soft_hyphens": [("Dampf\u00adschiff", "Dampfschiff")],
    "directions": [("\u200fשלום\u200e", "שלום"), ("\u202eabc\u202c", "abc"), ("\u2066a\u2069\u061c", "a")],
    "invisible": [
        ("\ufefffoo\u200bbar\u2060", "foobar"),
        ("Auf\u200clage", "Auflage"),
        ("a\u200db", "ab"),
        ("می\u200c\u200cخواهم", "می\u200cخواهم"),
        ("کار\u200cها", "کارها"),
        ("葛\U000e0100", "葛"),
        ("🎈\ufe0f", "🎈"),
        ("a\ufe0fb", "ab"),
        ("x\u3164y", "xy"),
        ("hi\U000e0041\U000e0042", "hi"),
        ("e\u200b\u0301", "é"),
        ("🎈\u200d", "🎈"),
    ],
    "spaces": [("a\u00a0b\u202fc\u2009d\u3000e\u2800f\u2007g", "a b c d e f g")],
    "quotes": [("“don’t” „so“ ‚x‘ обʼєкт", "\"don't\" \"so\" 'x' об'єкт")],
    "dashes": [("e\u2011mail e\u2010mail 1\u20122 \u2015", "e-mail e-mail 1–2 —")],
    "ellipses": [("wait…", "wait...")],
    "ligatures": [("ﬁnal ﬂow ﬃx ĳs", "final flow ffix ijs"), ("ﻣﺮﺣﺒﺎ", "مرحبا"), ("ŉ", "'n")],
    "widths": [("ＡＢ１２ ￥５", "AB12 ¥5"), ("ｶﾞｯｺｳ｡", "ガッコウ。")],
}
KEPT = [
    "plain ASCII,\ttabs\nand lines",
    "café, naïve, Zürich, 漢字, 한국어",
    "می\u200cخواهم",
    "क\u094d\u200dष and क\u094d\u200cष",
    "ര\u0d4d\u200d",
    "ه\u200d",
    "👩\u200d👩\u200d👧\u200d👦 👩🏽\u200d🚀 🏳\ufe0f\u200d🌈 🕵\ufe0f\u200d♂\ufe0f",
    "❤\ufe0f ☎\ufe0e ⌚\ufe0e 1\ufe0f\u20e3 👍🏽 🇩🇪",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "x² H₂O ½ ① ™ № ℃ Ⅳ",
    "1–2 and — so −5 « oui » 「はい」 5′ 6″",
    "，！？：；（）",
    "раураl (not paypal) Ａ".replace("Ａ", "A"),
    "ﷺ",
    "\u1820\u180b",
]


@pytest.mark.parametrize("kind", CHANGED)
def test_what_looks_the_same_becomes_the_same(kind: str) -> None:
    for text, wanted in CHANGED[kind]:
        made, changes = canonical.with_changes(pl.Series([text]))
        assert made.to_list() == [wanted]
        assert kind in changes
        assert canonical.canonical(wanted) == wanted


def test_every_kind_of_change_is_tried() -> None:
    """Halves of surrogate pairs stand in no column: what a model writes may hold them."""
    assert set(CHANGED) | {"surrogates"} == set(canonical.CHANGES)
    assert canonical.canonical("half \ud83d pair") == "half \ufffd pair"


@pytest.mark.parametrize("text", KEPT)
def test_what_a_reader_sees_stays(text: str) -> None:
    assert canonical.canonical(text) == text


def test_nothing_the_standard_calls_ignorable_is_left_between_letters() -> None:
    every = pl.Series([chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000])
    ignorable = every.filter(every.str.contains(r"^\p{Default_Ignorable_Code_Point}$"))
    assert len(ignorable) > 4_000
    assert {canonical.canonical(f"a{character}b") for character in ignorable} == {"ab"}
    blank = every.filter(every.str.contains(r"^\p{Zs}$"))
    assert {canonical.canonical(f"a{character}b") for character in blank} == {"a b"}


def test_raised_signs_and_fractions_are_no_duplicates_of_plain_ones() -> None:
    said = ["10²", "102", "CO₂", "CO2", "1½", "11⁄2", "ＴＨＥ\u00a0End", "the end"]
    folded = normalised(pl.Series(said)).to_list()
    assert len(set(folded)) == 7
    assert folded[-1] == folded[-2]


def test_a_phrase_or_pattern_to_ignore_is_found_however_it_is_encoded() -> None:
    texts = canonical.canonicalised(
        pl.Series(["say “cheese” now", "cafe\u0301 x", "wait… what", "e\u2011mail me"])
    )
    phrases = ("“cheese”", "café", "e\u2011mail")
    patterns = ("/“[^”]*”/", "/cafe\u0301/", "/…/", "/[\u00a0]now/", "/ｎow/", "/[‑…]mail/")
    for entry in (*phrases, *patterns):
        assert masked(texts, Collect(ignore=(entry,)))[1] == {entry: 1}
    assert masked(pl.Series(["abc"]), Collect(ignore=("/…/",)))[1] == {"/…/": 0}


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        pytest.param("[‐-―]", "e‐mail", "email", id="range of dashes"),
        pytest.param("[‐-—]x", "‑x", "ax", id="range to a dash that stays"),
        pytest.param("[‘-”]", "’tis", "tis", id="range of quotes"),
        pytest.param("[^‘-”a]", "b", "“a”", id="all but a range"),
        pytest.param("[０-９]+", "room ７", "room", id="range of digits"),
        pytest.param("[a-]x", "-x", "bx", id="hyphen at the end"),
        pytest.param("[]‐]x", "‐x", "ax", id="bracket in brackets"),
        pytest.param("[a&&[^‑]]‑", "a‑", "‑‑", id="brackets in brackets"),
        pytest.param(r"\“a\”", "“a”", "a", id="escaped"),
        pytest.param("^(a…)$|^b…{2}$", "b……", "b….", id="sign that becomes several, repeated"),
        pytest.param("A-‐", "A-‐", "A", id="no range out of brackets"),
    ],
)
def test_a_pattern_means_what_it_meant_before_signs_were_made_one(
    pattern: str, found: str, not_found: str
) -> None:
    texts = canonical.canonicalised(pl.Series([found, not_found]))
    assert texts.str.contains(canonical.pattern(pattern)).to_list() == [True, False]


def test_a_long_run_of_accents_takes_no_time() -> None:
    accents = ("\u0323\u0301", "\u0f73", "\u0344\u0316")
    for accent in accents:
        short = "a" + accent * 120 + "b" + accent * 20
        assert canonical.nfc(short) == unicodedata.normalize("NFC", short)
        begun = time.perf_counter()
        canonical.canonical("a" + accent * 50_000)
        assert time.perf_counter() - begun < 2


def test_plain_texts_cost_next_to_nothing_beside_the_folding_of_duplicates() -> None:
    texts = pl.Series([f"short text number {i} of many" for i in range(100_000)])
    folding, looking = (
        min(_seconds(call, texts) for _ in range(3)) for call in (normalised, canonical.with_changes)
    )
    assert looking < 0.2 * folding


def _seconds(call, texts: pl.Series) -> float:  # type: ignore[no-untyped-def]
    start = time.process_time()
    call(texts)
    return time.process_time() - start
