"""Every stylistic program on a text that meets it and one that does not."""

import polars as pl
import pytest

from tasks.engines.embedded import style, tone
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.tokens import joined

CASES: dict[str, tuple[str, str]] = {
    # program: (meets it, does not)
    "url": ("see https://example.org/a?b=1", "see example, org"),
    "email": ("write to a.b@mail.example.com", "write to @ab or a@b"),
    "hashtag": ("so #blessed today", "issue #12 is a C# matter"),
    "handle": ("thanks @maria", "mail maria@example.org"),
    "digit": ("room 5", "room five"),
    "number": ("for 250 people", "for 25 people"),
    "decimal": ("pi is 3.14", "version 3. 14 of them"),
    "year": ("in 1999 it rained", "in 18999 it rained, or 1776"),
    "phone": ("call 08712 300 220 now", "call 999 now"),
    "money": ("win £ 500", "win five hundred"),
    "percent": ("up 5 per cent", "perceptions of ten"),
    "clock": ("at 10:45 sharp", "a ratio of 10 to 45"),
    "date": ("on 2020-03-01", "on the 1st of March 2020"),
    "emoji": ("nice 😀", "nice :)"),
    "emoticon": ("nice :-) you", "note: (this)"),
    "question": ("really؟", "really."),
    "exclamation": ("stop！", "stop."),
    "shouting": ("what?!", "what?"),
    "ellipsis": ("well... no", "well.. no"),
    "quote": ("he said “no”", "he said 'no'"),
    "parenthesis": ("this (that)", "this [that]"),
    "bracket": ("a[0]", "a(0)"),
    "brace": ("{a}", "(a)"),
    "colon": ("note: this", "note; this"),
    "semicolon": ("one; two", "one: two"),
    "comma": ("one, two", "one two."),
    "dash": ("yes – no", "well-known"),
    "full_stop_end": ("The end.\n", "The. end"),
    "capital": ("Émile", "émile 5"),
    "no_capital": ("all small 中", "One big"),
    "all_caps": ("a NASA plan", "a Nasa plan, I say"),
    "capital_start": (" Hello", "hello You"),
    "stretched": ("sooo good", "soo good xxiii www"),
    "non_ascii_letter": ("café", "cafe № 5 €"),
    "han": ("今天", "ひらがな"),
    "kana": ("カタカナ", "今天"),
    "cyrillic": ("да", "da"),
    "arabic": ("نعم", "naam"),
    "line_break": ("one\ntwo", "one\n"),
    "paragraphs": ("one\n \ntwo", "one\ntwo"),
    "bullets": ("list:\n- a\n- b", "a - b"),
    "numbered": ("1. wash\n2. dry", "costs 1.5"),
    "heading": ("## Title", "#title"),
    "underline": ("Returns\n-------\nint", "------- cut here"),
    "indented": ("a:\n    b", "a:\nb"),
    "prompt": (">>> 1 + 1", "1 >>> 0"),
    "fence": ("```python\nx\n```", "`x`"),
    "backtick": ("use `x`", "use 'x'"),
    "call": ("then sort(by)", "then sort (by)"),
    "snake_case": ("with_columns", "with columns _x"),
    "camel_case": ("a DataFrame", "a Data Frame, NASA"),
    "table": ("┌──┐", "+--+"),
    "html": ("a<br/>b", "a < b > c"),
    "directive": (".. deprecated:: 2.0", "... deprecated"),
    "first_person": ("so I’m here", "a coal mine, an Imp"),
    "we": ("We're open", "west of the US, to us"),
    "you": ("YOU win", "youth"),
    "he_she": ("she left", "the shed"),
    "they": ("they're in", "theyre theme"),
    "people": ("a woman of 40", "a womanly virtue"),
    "negation": ("it isn't so", "a notable knot"),
    "contraction": ("don’t", "dont"),
    "future": ("it’ll rain", "a willing hand"),
    "past_be": ("it was so", "a wasp"),
    "ed_word": ("jailed for life", "a red bed"),
    "ing_word": ("still waiting", "a ring, kings"),
    "passive": ("he was jailed", "he jailed"),
    "modal": ("it might", "mighty"),
    "hedge": ("it seems so", "seemly"),
    "certainty": ("clearly so", "clear"),
    "obligation": ("we must go", "mustard"),
    "intensifier": ("very good", "every one"),
    "polite": ("Please sit", "pleased"),
    "greeting": ("  Hello there", "say hello"),
    "imperative": ("Get the value", "Gets the value, we get it"),
    "wh_opening": ("Why now", "that is why"),
    "reason": ("because of rain", "sincere"),
    "contrast": ("small but fine", "butter"),
    "comparison": ("worse than that", "lessons"),
    "condition": ("if so", "iffy"),
    "example": ("trees such as oaks", "an exemplary one"),
    "sequence": ("then we left", "the firstborn"),
    "time_word": ("on Monday", "mondays"),
    "number_word": ("two million", "a milliner"),
}


def test_every_program_has_a_case() -> None:
    assert list(CASES) == list(programs())


@pytest.mark.parametrize("name", CASES)
def test_a_program_holds_where_it_should(name: str) -> None:
    definition = {"kind": "style", "program": name}
    assert style.holds(definition, pl.Series(CASES[name])).tolist() == [True, False]


@pytest.mark.parametrize("name", CASES)
def test_marks_stand_exactly_where_a_program_holds(name: str) -> None:
    definition = {"kind": "style", "program": name}
    texts = [text for pair in CASES.values() for text in pair]
    held = style.holds(definition, pl.Series(texts))
    marked = [bool(style.spans(definition, text)) for text in texts]
    assert marked == ([False] * len(texts) if programs()[name].negated else held.tolist())


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("words", "one two-fold can't 今天", 5),
        ("characters", "naïve", 5),
        ("lines", "a\n\n b\n", 2),
        ("sentences", "One. Two! 3.5 is three?", 3),
        ("word_length", "ab abcd", 3),
        ("sentence_length", "One two. Three four five six.", 3),
        ("capitals", "ABcd", 50),
        ("digits", "a1b2", 50),
        ("punctuation", "a+b.", 50),
        ("commas", "a, b, c", 2),
        ("repetition", "a b A b", 50),
    ],
)
def test_a_measure_is_the_number_it_says(name: str, text: str, value: float) -> None:
    just_below = {"kind": "style", "program": name, "more_than": value - 1e-6}
    at = {"kind": "style", "program": name, "more_than": value}
    assert style.holds(just_below, pl.Series([text, ""])).tolist() == [True, False]
    assert style.holds(at, pl.Series([text])).tolist() == [False]


def test_every_measure_has_a_case_and_names_its_threshold() -> None:
    assert len(MEASURES) == 11
    assert (
        style.phrase({"kind": "style", "program": "words", "more_than": 1800}) == "is longer than 1,800 words"
    )
    assert "2.5 %" in style.phrase({"kind": "style", "program": "capitals", "more_than": 2.5})


def test_marks_point_at_the_match_in_characters() -> None:
    text = "INDIA 😀 and I\U0000e000"
    assert [text[a:b] for a, b in style.spans({"kind": "style", "program": "first_person"}, text)] == ["I"]


@pytest.mark.parametrize(
    ("text", "pole"),
    [
        ("a wonderful, great day", "positive"),
        ("a terrible murder", "negative"),
        ("not a great day", "negative"),
        ("not one of the very best and greatest", "positive"),  # out of the reach of the negation
    ],
)
def test_tone_follows_the_word_list_and_negation(text: str, pole: str) -> None:
    score = tone.compound([joined(text)])[0]
    assert (score > 0.05) == (pole == "positive") and (score < -0.05) == (pole == "negative")
    assert tone.compound([joined("the of and")])[0] == 0
