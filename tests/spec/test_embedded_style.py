"""Every stylistic program on a text that meets it and one that does not."""

import time

import polars as pl
import pytest

from tasks.engines.embedded import style, tone
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs
from tasks.engines.embedded.tokens import joined

CASES: dict[str, tuple[str, str]] = {
    # program: (meets it, does not)
    "url": ("see https://example.org/a?b=1", "see example, org"),
    "email": ("write to a.b@mail.example.com", "write to @ab or a@b, install core@2.0.7"),
    "hashtag": ("so #blessed today", "issue #12 is a C# matter, its colour #d7b9e4"),
    "handle": ("thanks @maria", "mail maria@example.org"),
    "digit": ("room 5", "room five"),
    "number": ("for 2,500 people", "for 25 people, 0.125 each"),
    "decimal": ("pi is 3.14", "version 3. 14 of them, or 3.1.4"),
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
    "bullets": ("list:\n- a\n- b", "a - b\n- Maria"),
    "numbered": ("1. wash\n2. dry", "It was in\n1999. Then came\n1. FC Union"),
    "heading": ("## Title", "#title\n\nx = 1\n# set x\ny = x"),
    "underline": ("Returns\n-------\nint", "------- cut here"),
    "indented": ("a:\n    b", "a:\nb"),
    "prompt": (">>> 1 + 1", "1 >>> 0"),
    "fence": ("```python\nx\n```", "`x`"),
    "backtick": ("use `x`", "use 'x'"),
    "call": ("then sort(by)", "then sort (by)"),
    "snake_case": ("with_columns", "with columns _x"),
    "camel_case": ("a DataFrame", "a Data Frame, NASA"),
    "table": ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b, or\n---\n|x|"),
    "drawn_table": ("┌──┐", "├── tests │"),
    "bold": ("so **very** good", "2**3**4, f(**a, **b), __init__ and a ** b ** c"),
    "italic": ("so *very* good", "5 * 3 * 2, _snake_case_, **bold** and f(*a, *b)"),
    "link": ("see [here](https://example.org)", "rows[0](1) and [name](s)"),
    "image": ("![a cat](cat.png)", "[a cat](cat.png), wow! [b](c)"),
    "block_quote": ("> I said so", "a > b\n>>> 1"),
    "rule": ("one\n\n---\n\ntwo", "one --- two"),
    "formula": ("so $x^2$ grows", "from $5 to $10, $HOME/$USER and 2^3 = 8"),
    "display_formula": ("\\[ x = 1 \\]", "$x$ and $$"),
    "html": ("a<br/>b", "a < b > c, List<Text>, #include <string>"),
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
    "wh_opening": ("Why now?", "What a great question! Is that why?"),
    "reason": ("because of rain", "sincere"),
    "contrast": ("small but fine", "butter"),
    "comparison": ("worse than that", "lessons"),
    "condition": ("if so", "iffy"),
    "example": ("trees such as oaks", "an exemplary one"),
    "sequence": ("then we left", "the firstborn"),
    "time_word": ("on Monday", "you may march"),
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
        ("bold", "**a** and **b c**, 2**3**4", 2),
        ("headings", "# One\n\n## Two\n\n#three", 2),
        ("list_items", "- a\n- b\n  * c\n-d", 3),
        ("numbered_items", "1. a\n2) b\n3.5 c", 2),
        ("code_blocks", "```\na\n```\nb\n```\nc\n```", 2),
        ("code_spans", "`a` and `b c`", 2),
        ("formulas", "$x^2$ and \\(y\\) for $5 or $6", 2),
        ("links", "[a](b.html), [c](https://d.org) and f[0](1)", 2),
        ("emoji", "😀 or 🎉", 2),
        ("tags", "<b>a</b> < c > d", 2),
    ],
)
def test_a_measure_is_the_number_it_says(name: str, text: str, value: float) -> None:
    just_below = {"kind": "style", "program": name, "more_than": value - 1e-6}
    at = {"kind": "style", "program": name, "more_than": value}
    assert style.holds(just_below, pl.Series([text, ""])).tolist() == [True, False]
    assert style.holds(at, pl.Series([text])).tolist() == [False]


def test_every_measure_has_a_case_and_names_its_threshold() -> None:
    assert len(MEASURES) == 21
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


MISREAD: list[tuple[str, str, bool]] = [
    # A program, a text it used to misread, and what is right.
    ("wh_opening", "What a lovely garden!", False),
    ("wh_opening", "When the rain stopped, we left.", False),
    ("wh_opening", "WHO warns of a new flu", False),
    ("wh_opening", "What did the mayor say? Nothing.", True),
    ("wh_opening", "why do cats purr", True),
    ("contraction", "the mayor's new car", False),
    ("contraction", "it's late and they aren’t home", True),
    ("hashtag", "#include <stdio.h>\nint x;", False),
    ("hashtag", "in the colour #a1b2c3", False),
    ("handle", "@app.route('/')\ndef index():", False),
    ("handle", "@maria, come home", True),
    ("decimal", "needs version 2.10.3", False),
    ("number", "weighs 0.125 kilos", False),
    ("number", "all 12,500 of them", True),
    ("phone", "born 1987-11-23, account 44906672612", False),
    ("phone", "the sum is 0.1000000000003", False),
    ("phone", "ring 415-555-0132 or +44 20 7946 0018", True),
    ("money", "the dog weighs 30 pounds", False),
    ("money", "so $n^2 = 4$ holds", False),
    ("date", "take bus 30/31/32 from 196.201.0.0/16", False),
    ("emoji", "tap ➞ open ★ ©", False),
    ("emoji", "with love ❤️", True),
    ("emoticon", "figsize=(12, 8)\n", False),
    ("emoticon", "it costs $<<3*5=15>>15", False),
    ("dash", "x - y and 8 - 3, 2010–2012", False),
    ("stretched", "the IEEE norm, 0xFFFF, xxx and the year MDCCC", False),
    ("stretched", "Noooo! sooo hot, hmmm", True),
    ("bullets", "He was - to be honest -\n- tired", False),
    ("heading", "import os\n# read it\nx = 1", False),
    ("heading", "```\n## a comment\n```", False),
    ("table", "true | false\n---\n", False),
    ("html", "List<Text> and #include <string>", False),
    ("first_person", "in World War I, i.e. early on, for i in range(3)", False),
    ("first_person", "but i think so", True),
    ("negation", "see No. 5; returns None", False),
    ("negation", "None of us knew", True),
    ("future", "of her own free will, said Will Smith, going to the shop", False),
    ("future", "it is going to rain", True),
    ("future", "Player A will win", True),
    ("modal", "Theresa May resigned in May, with all her might", False),
    ("modal", "Theresa May said that May went by", False),
    ("modal", "May I come in?", True),
    ("hedge", "on 3 May 1950", False),
    ("certainty", "serviced every 10,000 miles", False),
    ("obligation", "a child with special needs", False),
    ("intensifier", "at the very end", False),
    ("polite", "thanks to the rain; welcome the new year; hard to please", False),
    ("polite", "excuse me, sorry", True),
    ("greeting", "Hi-res pictures", False),
    ("imperative", "Let's approach it", False),
    ("imperative", "Let's go through it", False),
    ("reason", "since 1950 it was so good", False),
    ("contrast", "nothing but rain, not yet, instead of sun", False),
    ("comparison", "at least the best, other than most", False),
    ("condition", "as if; I wonder if; whether or not; an otherwise good film", False),
    ("time_word", "you may march on", False),
    ("time_word", "this may be so", False),
    ("time_word", "by the end of May, or on 3 March", True),
    ("people", "a child node of its parent element", False),
    ("bold", "f(*args, **kwargs), 2 ** 3, __name__ and `**x**`", False),
    ("italic", "a * b * c, 2*3*4, _private_name_ and f(*x)*(y)*", False),
    ("formula", "between $5 and $10, $a = $b; or $.40=$2", False),
    ("formula", "the price $x$ and \\(y\\)", True),
    ("block_quote", ">>> print(1)\nif a > b", False),
    ("link", "f[i](x) and [note](s)", False),
    # Scripts without spaces touch what stands in them.
    ("url", "详情请见https://example.org/a", True),
    ("email", "邮箱a@example.org，谢谢", True),
    ("year", "于2020年", True),
    ("number", "共1000人", True),
    ("clock", "下午10:45分", True),
    ("date", "于2020-03-01日", True),
    ("all_caps", "使用NASA数据", True),
    ("all_caps", "un été à Élancourt", False),
    ("camel_case", "使用DataFrame时", True),
    ("snake_case", "函数with_columns返回", True),
    ("bold", "这是**粗体**文字", True),
    ("italic", "这是*斜体*文字", True),
    ("handle", "感谢@maria 的帮助", True),
    ("hashtag", "今日#天气", True),
    ("numbered", "1、苹果\n2、梨", True),
    ("bullets", "•苹果\n•梨", True),
    ("percent", "５０％", True),
    ("dash", "他——我", True),
    ("handle", ".@maria said “@joe” did", True),
    ("handle", "@property\ndef x(self): ...", False),
    ("handle", "@Override public void run()", False),
    ("hashtag", "so happy (#blessed)", True),
    ("hashtag", "[above](#part) and $('#main')", False),
    ("money", "5 million dollars, 5 USD", True),
    ("money", "EUR 5 each", True),
    ("emoji", "1️⃣ first", True),
    ("emoticon", "stays of <3 days", False),
    ("emoticon", "I <3 you", True),
    ("bullets", "* * *\nand\n* * *", False),
    ("bullets", "- **one**: a\n- **two**: b", True),
    ("formula", "make $$$ fast $$$ now", False),
    ("formula", "so $$x$$ and $$\\frac{a}{b}$$", True),
    ("formula", "as is \\[1\\] or \\[source\\]", False),
    ("display_formula", "\\[ x = \\frac{a}{b} \\]", True),
    ("first_person", "if i is 3 under Henry I of England", False),
    ("html", "Dict<a>, vector<s> and a <b and c> d", False),
    ("html", "wo<b>rd</b>, <a href='x'>", True),
    ("stretched", "éaaab", True),
]


@pytest.mark.parametrize(("name", "text", "right"), MISREAD)
def test_a_program_does_not_misread(name: str, text: str, right: bool) -> None:
    assert style.holds({"kind": "style", "program": name}, pl.Series([text])).tolist() == [right]


def test_marks_stand_in_the_text_and_not_in_what_is_left_of_it() -> None:
    text = "`I`, I say: <i>we</i> and https://example.org/I know what I know"
    marked = style.spans({"kind": "style", "program": "first_person"}, text)
    assert [(start, text[start:end]) for start, end in marked] == [(5, "I"), (58, "I")]


@pytest.mark.parametrize("part", ["\\[1 `a` ", "\\( `a` ", "\\[ = `a` \\( "])
def test_what_is_opened_and_never_closed_takes_no_quadratic_time(part: str) -> None:
    texts = pl.Series([part * 20_000])
    began = time.process_time()
    style.holds({"kind": "style", "program": "shouting"}, texts)
    assert time.process_time() - began < 2
