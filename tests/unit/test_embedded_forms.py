"""What a user's sentence says: forms that are read, forms that are not, and the engine's own sentences."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.engines.embedded import anchored, bank, definitions, forms, style, tokens, tone, words
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs
from tasks.engines.languages import LANGUAGES
from tasks.engines.roles import UnreadError


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("mentions refund or money back", 'mentions "refund" or "money back"'),
        ("mentions “Refund”, 'late' or chargebacks", 'mentions "refund", "late" or "chargebacks"'),
        (
            'mentions "refund", "money back" or "Chargeback"',
            'mentions "refund", "money back" or "chargeback"',
        ),
        ("mentions a refund", 'mentions "refund"'),
        ('contains the word "refund"', 'mentions "refund"'),
        ('says "don’t panic"', 'mentions "don’t panic"'),
        ("mentions C++", 'mentions "c ++"'),
        ("mentions money", 'mentions "money"'),
        ("mentions an amount of money", "contains an amount of money"),
        ("mentions asks or 'no'", 'mentions "asks" or "no"'),
        ("mentions 'is late', \"don't\"", 'mentions "is late" or "don\'t"'),
        ("/refund(s|ed)?/", "matches /refund(s|ed)?/"),
        ("matches /Refund/i", "matches /(?i)Refund/"),
        ("is longer than 50 words", "is longer than 50 words"),
        ("has more than 1,000 characters", "is longer than 1,000 characters"),
        ("has over 20 words", "is longer than 20 words"),
        ("contains a URL", "contains a URL"),
        ("has links", "contains a URL"),
        ("is a question", "contains a question mark"),
        ("uses emojis", "contains an emoji"),
        ("is written in French", "is written in French"),
        ("is in german", "is written in German"),
        ("is positive", "leans towards a positive tone (by VADER's word list)"),
        ("is strongly negative", "leans strongly towards a negative tone (by VADER's word list)"),
        ("sounds formal", "leans towards a formal tone (top 25 %)"),
        ("is about delivery", "leans towards the topic delivery (top 25 %)"),
        ("discusses late delivery (top 10 %)", "leans towards the topic late delivery (top 10 %)"),
        ("is polite", 'is polite in words (e.g. "please", "thanks")'),
    ],
)
def test_a_sentence_is_read_as_the_engine_would_say_it(sentence: str, says: str) -> None:
    assert forms.phrase(forms.part_of(sentence)) == says


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("is sarcastic", "no form that can be judged without a language model$"),
        ("contains lists", "did you mean `contains a bulleted list` or `contains a numbered list`"),
        ("is written in haste", "no form"),
        ("mentions prices more often", "no form"),
        ("mentions that the delivery was late", "no form"),
        ("mentions the price of the second item", "put in quotes"),
        ('mentions "a" and "b"', "`and` between words"),
        ("is shorter than 50 words", "Write `is longer than 49 words`"),
        ("is longer than 50.5 words", "finer than whole numbers"),
        ("is about delivery more often than price", "compares"),
        ("is longer than 1.000 words", "1.000 can be read in two ways"),
        ("is longer than 1,0 words", "1,0 can be read in two ways"),
        ("is longer than 10,5 words", "10,5 can be read in two ways"),
        ("is shorter than 1.000 words", "1.000 can be read in two ways"),
        ("mentions sports or is long", "reads as a meaning"),
        ("mentions refund or contains a URL", "reads as a meaning"),
        ("mentions no refund", "reads as a meaning"),
        ("mentions anything but refund", "reads as a meaning"),
        ("mentions refund twice", "reads as a meaning"),
        ("mentions either refund or delivery", "reads as a meaning"),
        ("says nothing about delivery", "reads as a meaning"),
        ('mentions "refund" or "money back" twice', "reads as a meaning"),
        ('mentions not "refund"', "reads as a meaning"),
        ("is about everything except sports", "leaves something out"),
        ("is about refunds, not delivery", "leaves something out"),
        ("leans towards the topic sports without football", "leaves something out"),
        ("is about sports (top 0 %)", "from 1 to 99"),
        ("is about sports (top 100 %)", "from 1 to 99"),
        ("is about sports (top 2.5 %)", "from 1 to 99"),
        ("/(?=x)y/", "look-around, including look-ahead and look-behind, is not supported$"),
        ("/(/", "unclosed group$"),
        ("/x*/", "fits every text"),
        ('mentions ""', "cannot be told apart"),
    ],
)
def test_what_cannot_be_read_says_why(sentence: str, why: str) -> None:
    with pytest.raises(UnreadError, match=why):
        forms.part_of(sentence)


def test_every_program_and_measure_is_read_back() -> None:
    published: list[dict[str, Any]] = [{"kind": "style", "program": name} for name in programs()]
    for name, measure in MEASURES.items():
        numbers = (0, 3, 1234) if not measure.digits else (0.0, 3.0, 17.5)
        published += [{"kind": "style", "program": name, "more_than": number} for number in numbers]
    for definition in published:
        said = style.phrase(definition)
        assert definitions.written(forms.part_of(said)) == definitions.written(definition), said
        # What the engine fits to the texts is not read back, and the sentence is.
        carried = style.phrase({**definition, "carried_by": ["x", "y"]})
        assert forms.part_of(carried) == definition, carried


def test_no_two_programs_have_one_plain_form() -> None:
    for name, program in programs().items():
        assert forms.plain_programs()[forms.plain(program.phrase)] == name
    assert set(forms.plain_programs().values()) == set(programs())


def test_every_language_tone_and_topic_is_read_back() -> None:
    for code, name in LANGUAGES.items():
        assert forms.part_of(f"is written in {name}") == {"kind": "language", "code": code}
    for pole in ("positive", "negative"):
        for least in tone.THRESHOLDS:
            definition = {"kind": "sentiment", "pole": pole, "least": least}
            fitted = {**definition, "carried_by": ["good"], "without": ["united"]}
            assert forms.part_of(tone.phrase(fitted)) == definition
    said = [f"leans towards {pole}" for pole in anchored.pole_names()]
    said += [f"leans towards the topic {topic}" for topic in bank.topics()]
    for phrase in said:
        for share in anchored.TOP_SHARES:
            part = forms.part_of(anchored.top(phrase, share))
            assert (forms.phrase(part), part["share"]) == (anchored.top(phrase, share), share)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=6))
def test_words_that_can_be_judged_are_read_back(said: list[str]) -> None:
    terms = list(dict.fromkeys(tokens.joined(one).strip() for one in said))
    definition = {"kind": "words", "terms": terms}
    if not all(terms) or definitions.words_fault(definition) or '"' in "".join(terms):
        return
    if any(tokens.joined(tokens.readable(term)).strip() != term for term in terms):
        return  # scripts without spaces are cut by what stands beside
    straight = [term for term in terms if not set(term) & set("“”„‘’")]
    if straight:
        assert forms.part_of(words.phrase(straight)) == {"kind": "words", "terms": straight}


@given(st.text(max_size=300))
def test_whatever_is_written_is_read_or_refused(sentence: str) -> None:
    try:
        part = forms.part_of(sentence)
    except UnreadError as error:
        assert str(error)
        return
    assert forms.phrase(part)
    if part["kind"] in ("words", "pattern", "style"):
        assert definitions.read(json.dumps(part), sentence) == part
