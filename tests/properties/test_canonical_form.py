"""Whatever a text holds: its one form is one, and the same however the text was encoded."""

import unicodedata

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.store import canonical
from tasks.store.sources import normalised

# Beside any text, one of what the rules are about.
ODD = (
    "aAeé\u0301\u0308ß \n\r\t\0\x1c\x85\x92"
    "\u00a0\u00ad\u034f\u061c\u180b\u1820\u200b\u200c\u200d\u200e\u2009\u2011\u2013"
    "\u2018\u2019\u201c\u2026\u2028\u202e\u2060\u20e3\u2800\u3000\u3099\u3164ﬁĳŉ１Ａｶﾞﾟ￥ﻣﷺ1#²½❤☎👩🚀🏽🏴\ufe0e\ufe0f\ufeff"
    "\U000e0067\U000e007f\U000e0100اآيخرکسक\u094dষര\u0653가\u1100\u1161\u11a8"
)
TEXTS = st.one_of(st.text(alphabet=ODD, max_size=12), st.text(max_size=30))
QUICK = settings(max_examples=150, deadline=None)


@QUICK
@given(TEXTS)
def test_it_is_idempotent_and_composed(text: str) -> None:
    made = canonical.canonical(text)
    assert canonical.canonical(made) == made
    assert unicodedata.is_normalized("NFC", made)


@QUICK
@given(TEXTS)
def test_however_composed_it_is_the_same(text: str) -> None:
    made = canonical.canonical(text)
    assert {canonical.canonical(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")} == {made}


@QUICK
@given(st.text(alphabet="ab 'é\"\n.-漢", max_size=20))
def test_however_typeset_it_is_the_same(text: str) -> None:
    typeset = text.translate({ord(" "): "\u00a0", ord("'"): "’", ord('"'): "“", ord("-"): "\u2011"})
    wanted = canonical.canonical(text)
    for other in (
        typeset,
        text.replace("\n", "\r\n"),
        text.replace("...", "…"),
        f"\ufeff{text}",
        "\u00ad".join(text),
    ):
        assert canonical.canonical(other) == wanted


@QUICK
@given(st.lists(st.one_of(st.none(), st.text(alphabet=ODD.replace("\ud800", ""), max_size=6)), max_size=8))
def test_columns_are_as_their_texts(texts: list[str | None]) -> None:
    series = pl.Series("text", texts, dtype=pl.String)
    made, changes = canonical.with_changes(series)
    assert made.to_list() == [None if text is None else canonical.canonical(text) for text in texts]
    assert made.name == "text"
    touched = pl.Series([False] * len(texts), dtype=pl.Boolean)
    for kind, is_changed in changes.items():
        assert kind in canonical.CHANGES
        assert is_changed.any()
        touched = touched | is_changed
    assert touched.to_list() == [text is not None and text != m for text, m in zip(texts, made, strict=True)]


@QUICK
@given(TEXTS)
def test_what_looks_the_same_is_a_duplicate(text: str) -> None:
    assert canonical.spelling(text) == canonical.spelling(canonical.canonical(text))


@QUICK
@given(st.lists(st.text(alphabet=st.characters(codec="ascii"), max_size=12), max_size=6))
def test_printable_ascii_stays_and_keeps_its_hash(texts: list[str]) -> None:
    plain = ["".join(c for c in text if c.isprintable() or c in "\t\n") for text in texts]
    assert canonical.canonicalised(pl.Series(plain, dtype=pl.String)).to_list() == plain
    assert normalised(pl.Series(plain, dtype=pl.String)).to_list() == [
        " ".join(t.lower().split()) for t in plain
    ]
