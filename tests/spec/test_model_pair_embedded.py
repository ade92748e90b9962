"""Comparisons of two answers without a language model: counted, proposed in rounds, read from sentences."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.engines.roles import REFUSAL, VALUE, Exploration, UnreadError, unfrozen
from tasks.errors import EngineError
from tasks.kinds.model_pair import embedded
from tasks.kinds.model_pair.embedded import definitions, forms
from tasks.kinds.model_pair.embedded.comparing import Pairs
from tasks.kinds.model_pair.embedded.judging import ComparingJudge
from tasks.kinds.model_pair.embedded.traits import AXES, BY_ENCODER, traits
from tasks.kinds.model_pair.flips import clustered_z
from tasks.records import Proposal
from tasks.store.frames import hashed
from tasks.study.asked import Asked
from tasks.study.reading import study_of

Answer = Callable[[np.random.Generator, str], str]
_PROMPTS = ("How do I bake bread", "Why is the sky blue", "What is a prime number", "Who wrote this old song")
_SENTENCES = (
    "The dough rests for an hour.", "Light is scattered by the air.", "It has two divisors.",
    "The song is older than its first print.", "Water and flour are mixed.", "Blue light has short waves.",
    "Nine is no prime.", "The author is not known.", "Salt goes in last.", "Red light passes through.",
)  # fmt: skip


def study(**propose: Any) -> Any:
    entry = {
        "kind": "model_pair", "model_pair": {}, "engine": "embedded", "goal": "how the answers differ",
        "data": "answers.parquet", "embed": {"encoder": "none"}, "propose": propose,
    }  # fmt: skip
    return study_of("two_models", entry)


def plain(rng: np.random.Generator, prompt: str) -> str:
    return " ".join(rng.choice(_SENTENCES, size=int(rng.integers(3, 8)), replace=False))


def answered(first: Answer, second: Answer, n: int = 120, seed: int = 0) -> pl.DataFrame:
    """Two answers to each of n prompts, half of which share a document with another one."""
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        prompt = f"{_PROMPTS[i % 4]}, in {i} words?"
        both = {"A": first(rng, prompt), "B": second(rng, prompt)}
        rows += [row(hashed("pair", str(i)), g, text, prompt, f"d{i // 2 * 2}") for g, text in both.items()]
    return pl.DataFrame(rows)


def row(pair: str, group: str, text: str, prompt: str = "Why?", document: str = "") -> dict[str, Any]:
    return {
        "text_id": hashed(group, pair), "text_hash": pair, "text": text, "group": group,
        "document_id": document or pair, "half": "explore", "n_merged": 1, "context": prompt,
    }  # fmt: skip


def no_vectors(texts: pl.DataFrame) -> np.ndarray:
    return np.zeros((texts.height, 0))


def proposed(texts: pl.DataFrame, **propose: Any) -> list[Proposal]:
    shown = Exploration(texts, no_vectors(texts), 100)
    return embedded.proposer(study(**propose)).propose(shown, np.random.default_rng(0))


def first_of(first: Answer, second: Answer) -> tuple[str, str]:
    found = proposed(answered(first, second))[0]
    return found.predicate, found.direction


def verdict(definition: dict[str, Any], a: str, b: str, prompt: str = "Why?") -> tuple[float, float]:
    """What the judge says of A's and of B's answer."""
    texts = pl.DataFrame([row("p", "B", b, prompt), row("p", "A", a, prompt)])
    whole = definitions.written({"kind": "comparison", **definition})
    judged = ComparingJudge(study()).judge([unfrozen("i", "p", definition=whole)], texts, no_vectors(texts))
    return float(judged.score[1, 0]), float(judged.score[0, 0])


CASES: dict[str, tuple[str, str]] = {
    # trait: (has more of it, has less)
    "length": ("one two three", "one, two!!"),
    "length_in_characters": ("一二三四", "一二三"),
    "sentences": ("One. Two. Three.", "One and two and three."),
    "lines": ("a\nb", "a b c"),
    "paragraphs": ("a\n\nb", "a\nb\nc"),
    "sentence_length": ("One two three four.", "One two. Three four."),
    "paragraph_length": ("A long paragraph stands here.", "Short.\n\nParts.\n\nHere."),
    "word_length": ("considerable elaboration", "a few of the words"),
    "repetition": ("very very good", "very good here"),
    "list_items": ("- a\n1. b\n2) c", "- a\n- b"),
    "bulleted_items": ("- a\n- b", "1. a\n2. b\n3. c"),
    "numbered_items": ("1. a\n2. b", "- a\n- b\n- c"),
    "headings": ("## One\n\n## Two", "## One"),
    "bold": ("**a** and **b**", "**a** and b"),
    "italic": ("*a* and *b*", "**a** and **b**"),
    "tables": ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |"),
    "code_blocks": ("```\nx\n```", "`x`"),
    "code_spans": ("`x` and `y`", "`x`"),
    "links": ("see https://a.org and [b](https://b.org/c)", "see https://a.org"),
    "emoji": ("nice 😀 🎉", "nice 😀"),
    "formulas": ("$x^2$ and $y^2$", "$x^2$ costs $5"),
    "block_quotes": ("> he said\n\nso", "he said > so"),
    "rules": ("a\n\n---\n\nb", "a --- b"),
    "html": ("<b>a</b>", "a < b"),
    "exclamations": ("Oh! No!", "Oh! `a != b! c!`"),
    "questions": ("Who? Why?", "Who?"),
    "commas": ("a, b, c", "a, b; c"),
    "colons": ("a: b: c", "a: b; c"),
    "semicolons": ("a; b", "a, b"),
    "dashes": ("this – that – those", "this – that-those"),
    "parentheses": ("(a) (b)", "(a) b"),
    "quotes": ('"a" and “b”', '"a" and b'),
    "ellipses": ("so... well…", "so... well."),
    "numbers": ("take 2,500 of 30", "take 2,500,000 of them"),
    "all_caps": ("NEVER DO it", "Never DO it"),
    "capitals": ("A Fine Day", "A fine day of rest"),
    "first_person": ("I think my idea helps", "I think this idea helps"),
    "we": ("we like our idea", "we like the idea"),
    "you": ("you like your idea", "you like the idea"),
    "hedges": ("perhaps it seems so", "perhaps it is so"),
    "certainty": ("it is clearly, always so", "it is always so"),
    "obligation": ("you must and should", "you must and can"),
    "intensifiers": ("very, really good", "very good"),
    "enthusiasm": ("a great and wonderful day", "a great and greater day"),
    "polite": ("please, and thanks", "please, and thanks to that"),
    "apologies": ("I apologize, sorry", "sorry"),
    "refusals": ("I'm unable to, and I cannot", "I cannot, but you cannot either"),
    "own_nature": ("As an AI language model, I see", "As an author, I see an AI"),
    "cautions": ("Please note: keep in mind that", "keep it, and note it"),
    "reasons": ("because of that, therefore", "because of that, then"),
    "contrasts": ("but, however", "but, and"),
    "conditions": ("if so, unless", "if so, and"),
    "examples": ("for example, such as", "for example, as such"),
    "sequence": ("first, then, finally", "first, and so"),
    "negations": ("not now, never", "not now, ever"),
    "contractions": ("don't, it's", "don't, its"),
    "passives": ("it is baked and was cooked", "it is baked and cooks"),
    "comparisons": ("more than less", "more of it"),
    "opens_with_praise": ("What a great question! So", "The great question is"),
    "opens_with_assent": ("Certainly! It", "It is certainly so"),
    "opens_with_here": ("Here's a list", "A list is here"),
    "opens_with_greeting": ("Hello! It", "It says hello!"),
    "opens_with_i": ("I think so", "It is I"),
    "opens_with_exclamation": ("What a day! So", "What a day. So!"),
    "opens_with_question": ("Why so? Since", "It is so. Why?"),
    "opens_with_markdown": ("**Note** it", "Note **it**"),
    "opens_with_echo": ("Bread is baked hot. So", "It is hot. Bread"),
    "leads_in": ("Steps:\n- a", "Steps: a\n- b"),
    "ends_with_question": ("So it is. Is it?", "Is it? So it is."),
    "ends_with_offer": ("So it is. Let me know if that helps.", "Let it be, if that helps."),
    "ends_with_hope": ("So. I hope this helps!", "So this helps!"),
    "ends_with_summary": ("It is so. In summary, yes.", "It is so in summary, yes."),
    "ends_with_exclamation": ("So it is!", "So! it is"),
    "ends_with_stop": ("So it is.", "So it is:"),
    "overlap": ("bread is baked in pans", "it is put in pans"),
    "prompt_language": (
        "Das Brot wird heiß gebacken und dann gegessen.",
        "The bread is baked and then eaten.",
    ),
    "sentiment": ("a lovely, happy day", "a sad, terrible day"),
}


@pytest.mark.parametrize("name", traits())
def test_the_answer_that_has_more_of_it_wins_and_both_directions_are_one(name: str) -> None:
    more, less = CASES[name]
    prompt = "Wie wird das Brot gebacken?" if name == "prompt_language" else "How is bread baked?"
    definition = {"trait": name} | ({"among": ["de", "en"]} if name == "prompt_language" else {})
    assert verdict(definition, more, less, prompt) == (1.0, 0.0)
    assert verdict(definition, less, more, prompt) == (0.0, 1.0)
    assert verdict(definition, more, more, prompt) == (0.5, 0.5)
    if traits()[name].less:
        assert verdict({**definition, "less": True}, more, less, prompt) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("definition", "a", "b"),
    [
        ({"terms": ["delve", "delves"]}, "we delve, it delves", "we delve deeply"),
        ({"terms": ["at last"]}, "at last, at last", "at last"),
        ({"pattern": "(?i)refunds?"}, "Refund of refunds", "refund"),
    ],
)
def test_words_and_patterns_are_counted(definition: dict[str, Any], a: str, b: str) -> None:
    assert verdict(definition, a, b) == (1.0, 0.0)


def test_a_missing_answer_is_a_refusal_for_both_and_the_next_pair_is_judged() -> None:
    pairs = [("p", "", "so"), ("q", "so it is", "so"), ("r", "", "")]
    texts = pl.DataFrame([row(p, g, t) for p, a, b in pairs for g, t in (("A", a), ("B", b))])
    asked = [
        unfrozen("i", "is longer", definition=definitions.written({"kind": "comparison", "trait": "length"}))
    ]
    judged = ComparingJudge(study()).judge(asked, texts, no_vectors(texts))
    assert judged.status[:, 0].tolist() == [REFUSAL, REFUSAL, VALUE, VALUE, REFUSAL, REFUSAL]
    assert judged.score[2:4, 0].tolist() == [1.0, 0.0] and np.isnan(judged.score[[0, 1, 4, 5]]).all()


def test_the_clearest_pairs_go_first_as_evidence() -> None:
    texts = pl.DataFrame(
        [row(p, g, "word " * n) for p, a, b in (("p", 3, 2), ("q", 9, 2)) for g, n in (("A", a), ("B", b))]
    )
    asked = [
        unfrozen("i", "is longer", definition=definitions.written({"kind": "comparison", "trait": "length"}))
    ]
    strength = ComparingJudge(study()).strength(asked, texts, no_vectors(texts))[:, 0]
    assert strength[2] > strength[0] > 0 and strength[3] == -strength[2]


@pytest.mark.parametrize(
    ("definition", "text", "marked"),
    [
        ({"trait": "bold"}, "so **it** is", ["**it**"]),
        ({"trait": "bulleted_items"}, "a\n- b\n- c", ["- b", "- c"]),
        ({"trait": "hedges"}, "it seems so, perhaps", ["seems", "perhaps"]),
        ({"trait": "hedges", "without": ["seems"]}, "it seems so, perhaps", ["perhaps"]),
        ({"trait": "opens_with_assent"}, "  Certainly! It is certainly so.", ["Certainly"]),
        ({"trait": "ends_with_offer"}, "x" * 400 + " Feel free to ask. ", ["Feel free"]),
        ({"trait": "sentiment"}, "a lovely day", ["lovely"]),
        ({"terms": ["delve"]}, "we Delve, and delve", ["Delve", "delve"]),
        ({"trait": "length"}, "so it is", []),
        ({"trait": "commas"}, "a, b", []),
    ],
)
def test_what_a_verdict_rests_on_is_marked(definition: dict[str, Any], text: str, marked: list[str]) -> None:
    predicate = unfrozen("i", "p", definition=definitions.written({"kind": "comparison", **definition}))
    spans = ComparingJudge(study()).spans(predicate, text)
    assert [text[start:end] for start, end in spans] == marked


@pytest.mark.parametrize(
    "definition",
    [
        "[]", "{", '{"kind": "words", "terms": ["a"]}', '{"kind": "comparison"}',
        '{"kind": "comparison", "trait": "lenght"}', '{"kind": "comparison", "trait": "bold", "less": true}',
        '{"kind": "comparison", "terms": []}', '{"kind": "comparison", "pattern": "("}',
        '{"kind": "comparison", "axis": "formal", "vector": []}',
        '{"kind": "comparison", "trait": "prompt_language", "among": ["xx"]}',
        '{"kind": "comparison", "trait": "hedges", "without": "may"}',
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_judged_is_refused(definition: str) -> None:
    with pytest.raises(EngineError, match="wanted a definition with"):
        definitions.read(definition, "p")


def test_a_pair_without_one_answer_of_each_model_is_refused() -> None:
    with pytest.raises(EngineError, match="one answer of A and one of B"):
        Pairs.of(pl.DataFrame([row("p", "A", "so"), row("q", "B", "so")]))


def some(of: float, change: Callable[[str], str]) -> Answer:
    """A plain answer, so often changed."""

    def answer(rng: np.random.Generator, prompt: str) -> str:
        text = plain(rng, prompt)
        return change(text) if rng.random() < of else text

    return answer


def shorter(rng: np.random.Generator, prompt: str) -> str:
    return " ".join(rng.choice(_SENTENCES, size=int(rng.integers(1, 4)), replace=False))


@pytest.mark.parametrize(
    ("change", "predicate"),
    [
        (lambda text: re.sub(r"(\w+)\.", r"**\1**.", text, count=1), "uses bold text more"),
        (lambda text: re.sub(r" (\w+) ", r" \1 possibly ", text, count=1), "hedges more"),
        (lambda text: f"What a great question. {text}", "opens by praising the question"),
    ],
)
def test_what_was_planted_is_first_and_of_its_model(change: Callable[[str], str], predicate: str) -> None:
    found, direction = first_of(some(0.7, change), plain)
    assert found.startswith(predicate) and direction == "A"
    found, direction = first_of(plain, some(0.7, change))
    assert found.startswith(predicate) and direction == "B"


def test_length_is_told_of_model_2() -> None:
    assert first_of(plain, shorter) == ("is shorter", "B")
    assert first_of(shorter, plain) == ("is longer", "B")


def test_what_only_follows_from_length_is_not_proposed_after_it() -> None:
    found = proposed(answered(plain, shorter, n=300))
    assert found[0].predicate == "is shorter"
    assert not {"has fewer sentences", "has more sentences"} & {one.predicate for one in found}


def test_a_trait_that_shows_where_the_first_is_wrong_comes_second() -> None:
    def second(rng: np.random.Generator, prompt: str) -> str:
        # Short, or else with a closing question.
        return shorter(rng, prompt) if rng.random() < 0.75 else f"{plain(rng, prompt)} Is that so?"

    found = [one.predicate for one in proposed(answered(plain, second, n=300))]
    assert found[0] == "is shorter" and {"ends with a question", "uses question marks more"} & set(found[1:3])


def test_what_one_model_does_in_every_answer_is_told() -> None:
    found = [one.predicate for one in proposed(answered(some(1.0, lambda text: f"{text} Is it so?"), plain))]
    assert found[0] == "ends with a question" and len(found) < 15
    both = answered(lambda rng, prompt: "Yes.", lambda rng, prompt: f"Perhaps not: {plain(rng, prompt)}")
    found = [one.predicate for one in proposed(both)]
    assert found[0] == "is longer" and len(found) < 15


def test_of_one_model_twice_five_are_proposed_that_do_not_stand_out() -> None:
    found = proposed(answered(plain, plain, n=100))
    assert len(found) == 5 and all(abs(one.explore_z) < 4 for one in found)


def test_proposals_say_what_they_rest_on_and_row_order_is_immaterial() -> None:
    texts = answered(some(0.7, lambda text: f"Certainly, {text}"), plain)
    found = proposed(texts)
    best = next(one for one in found if one.predicate.startswith("opens with"))
    text_of = dict(zip(texts["text_id"], texts["text"], strict=True))
    assert best.example_ids and all(text_of[i].startswith("Certainly") for i in best.example_ids)
    assert 0.6 < best.explore_effect < 0.8 and best.direction == "A" and best.family == "style"
    assert proposed(texts.sample(fraction=1, shuffle=True, seed=1)) == found


def test_swapping_the_models_turns_every_direction_or_phrase() -> None:
    texts = answered(some(0.6, lambda text: f"Certainly, {text}"), shorter)
    swapped = texts.with_columns(group=pl.col("group").replace({"A": "B", "B": "A"})).with_columns(
        text_id=pl.concat_str("group", "text_hash")
    )
    there, back = proposed(texts), proposed(swapped)
    assert (there[0].predicate, back[0].predicate) == ("is shorter", "is longer")
    assent = 'opens with "Sure", "Certainly" or the like'
    assert {one.direction for one in there if one.predicate == assent} == {"A"}
    assert {one.direction for one in back if one.predicate == assent} == {"B"}
    assert [one.direction for one in (there[0], back[0])] == ["B", "B"]


def test_no_trait_and_its_opposite_and_none_that_the_user_asks() -> None:
    texts = answered(plain, shorter)
    assert "is longer" not in {one.predicate for one in proposed(texts)}
    asked = {one.predicate for one in proposed(texts, also=["is longer"])}
    assert not {"is longer", "is shorter"} & asked


def test_documents_count_once() -> None:
    signs = np.array([[1.0], [1.0], [1.0], [1.0]])
    assert clustered_z(signs, np.array([0, 1, 2, 3]))[0] == 2.0
    assert clustered_z(signs, np.array([0, 0, 1, 1]))[0] == pytest.approx(2**0.5, abs=1e-4)


READ: dict[str, dict[str, Any]] = {
    "is longer": {"trait": "length"},
    "the answer that is shorter": {"trait": "length", "less": True},
    "is more concise": {"trait": "length", "less": True},
    "has more list items": {"trait": "list_items"},
    "uses more bold text": {"trait": "bold"},
    "uses bold more often": {"trait": "bold"},
    "hedges more": {"trait": "hedges"},
    'hedges more (here mostly "may" and "often")': {"trait": "hedges"},
    "says I more": {"trait": "first_person"},
    "opens by praising the question": {"trait": "opens_with_praise"},
    'says "delve" more': {"terms": ["delve"]},
    'mentions "delve" or "tapestry" more often': {"terms": ["delve", "tapestry"]},
    "says however more": {"terms": ["however"]},
    "is more formal": {"axis": "formal"},
    "is more casual": {"axis": "formal", "less": True},
    "matches /refunds?/i more": {"pattern": "(?i)refunds?"},
}


@pytest.mark.parametrize("sentence", READ)
def test_sentences_are_read(sentence: str) -> None:
    assert forms.part_of(sentence) == {"kind": "comparison", **READ[sentence]}


def test_every_sentence_that_is_published_is_read_as_what_it_is() -> None:
    for name, trait in traits().items():
        twin = "length" if name == "length_in_characters" else name
        assert forms.part_of(trait.phrase)["trait"] == twin
        if trait.less:
            assert forms.part_of(trait.less) == {"kind": "comparison", "trait": twin, "less": True}
        for other in trait.also:
            assert forms.part_of(other.removesuffix("<").strip())["trait"] == twin, other
    for name, poles in AXES.items():
        said = [forms.part_of(pole + BY_ENCODER) for pole in poles]
        assert [one.get("axis", name) for one in said] == [name, name]


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("hedges less", "`hedges more`, of the other model"),
        ("uses less bold text", "`uses bold text more`, of the other model"),
        ("is more helpful", "in no form"),
        ("matches /(/ more", "cannot be read"),
        ("matches /x*/ more", "fits an empty text"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_what_to_do(sentence: str, why: str) -> None:
    with pytest.raises(UnreadError, match=why.replace("(", r"\(")):
        forms.part_of(sentence)


def asked(*sentences: str) -> list[Asked]:
    return [Asked(one, None, one) for one in sentences]


def test_the_users_own_are_proposals_with_a_direction() -> None:
    texts = answered(plain, shorter)
    reader = embedded.reader(study(), texts, None)
    found = reader.read(asked("is longer", 'says "dough" more'), Exploration(texts, no_vectors(texts), 9),
                        np.random.default_rng(0))  # fmt: skip
    assert [(one.predicate, one.direction, one.family) for one in found] == [
        ("is longer", "A", "user"), ('says "dough" more', "A", "user"),
    ]  # fmt: skip
    assert found[0].explore_effect > 0.5 and json.loads(found[0].definition)["trait"] == "length"
    assert reader.meaning(asked("is longer")[0]).how == "counted in both answers"


def test_a_tone_wants_an_encoder() -> None:
    texts = answered(plain, plain, n=4)
    with pytest.raises(UnreadError, match=r"embed\.encoder is none"):
        embedded.reader(study(), texts, None).meaning(asked("is more formal")[0])


def translated(words: Sequence[str]) -> Answer:
    return lambda rng, prompt: "。".join(rng.choice(words, size=int(rng.integers(2, 6))))


def test_where_no_spaces_are_written_characters_are_counted_and_no_english_words() -> None:
    sentences = (
        "今天的天气非常好我们一起去公园散步",
        "这本书的作者住在一个很小的村子里",
        "他每天早上都喝一杯热茶然后去上班",
    )
    long = translated([f"{one}而且{one}" for one in sentences])
    found = proposed(answered(translated(sentences), long, n=40))
    best = next(one for one in found if one.predicate == "is longer")
    assert json.loads(best.definition)["trait"] == "length_in_characters" and best.direction == "B"
    assert not any("hedges" in one.predicate for one in found)


def with_preference(texts: pl.DataFrame, seed: int = 1) -> np.ndarray:
    """The longer answer of each pair is preferred in four of five; every tenth is a tie, or nobody said."""
    rng, liked = np.random.default_rng(seed), {}
    for pair, both in texts.group_by("text_hash", maintain_order=True):
        length = dict(both.select("group", pl.col("text").str.count_matches(" ")).iter_rows())
        towards = float(np.sign(length["A"] - length["B"])) or 1.0
        towards *= -1 if rng.random() < 0.2 else 1
        liked[pair[0]] = {0: 0.0, 1: float("nan")}.get(int(rng.integers(10)), towards)
    return np.array([liked[pair] for pair in texts["text_hash"]])


def test_what_tells_the_preference_is_proposed_though_the_models_do_not_differ_by_it() -> None:
    texts = answered(plain, lambda rng, prompt: f"Sure, {plain(rng, prompt)}", n=240)
    shown = Exploration(texts, no_vectors(texts), 100)
    alone, both = (
        embedded.proposer(study()).propose(one, np.random.default_rng(0))
        for one in (shown, replace(shown, preference=with_preference(texts)))
    )
    # Of one paragraph each, so that a paragraph is as long as its answer.
    lengths = {"is longer", "is shorter", "has longer paragraphs", "has shorter paragraphs"}
    assert not lengths & {one.predicate for one in alone}, "both models are as long"
    assert lengths & {one.predicate for one in both}
    assert alone[0].predicate.startswith('opens with "Sure"'), "what every answer of a model shows"
    assert [one.predicate for one in both[:2]] == [one.predicate for one in alone[:2]], "differences go first"


def test_of_chance_preferences_nothing_is_proposed() -> None:
    texts = answered(plain, plain)
    shown = Exploration(texts, no_vectors(texts), 100)
    coin = np.random.default_rng(2).choice([-1.0, 1.0], size=texts.height // 2).repeat(2)
    alone, both = (
        {one.predicate for one in embedded.proposer(study()).propose(of, np.random.default_rng(0))}
        for of in (shown, replace(shown, preference=coin))
    )
    assert alone == both
