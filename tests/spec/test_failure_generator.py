"""Fresh pairs: sentences of a corpus with one difference, and their controls; what they hold and what not."""

import json
import re
from collections import Counter

import numpy as np
import pytest

from tasks.engines.embedded import wordlists
from tasks.engines.pairs import lexical_overlap, words
from tasks.errors import EngineError
from tasks.kinds.encoder_failures.embedded import lexicon
from tasks.kinds.encoder_failures.embedded.controls import SMALL, controls, word_class
from tasks.kinds.encoder_failures.embedded.controls import __file__ as controls_file
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.kinds.encoder_failures.embedded.generating import SentenceEditor, domain_of, edits_of
from tasks.kinds.encoder_failures.embedded.inflection import article, plural, verb_forms
from tasks.kinds.encoder_failures.embedded.rewriting import KINDS
from tasks.kinds.encoder_failures.embedded.tagging import tagged
from tasks.kinds.encoder_failures.embedded.wording import Wording
from tasks.kinds.encoder_failures.roles import NewPair, Source
from tasks.records import Predicate
from tasks.study.reading import study_of

SENTENCES = [
    "A tall man in a green coat is feeding an old horse on a farm .",
    "Three women are sitting under a tree with many books",
    "A small dog runs through the wet grass towards a young girl .",
    "a nurse talks to a tired doctor in front of a hospital",
    "Two boys climb over the fence behind a white house .",
    "An elderly woman with a black umbrella waits near a red bus .",
    "the waiter carries a tray with four glasses into the kitchen",
    "Several people are standing on the bridge .",
    "A brown cat sleeps on a yellow blanket beside a gray dog .",
    "A farmer and a boy push a cart up the hill",
    "A girl in a blue dress is playing with a big ball in the garden .",
    "A policeman follows a cyclist across the bridge .",
    "A boy throws a stone into the lake while his sister watches .",
    "Some children are painting a wall .",
    "A woman holding a baby stands at the window .",
    "a teacher reads a book to six children in a classroom",
    "A man rides a horse along the river at night .",
    "A girl is jumping off a rock into a cold lake .",
    "The chef cooks a soup in a large kitchen .",
    "A dog chases a cat around the garden .",
    "A sailor is painting a small boat on the beach .",
    "A red kite flies over a white boat .",
    "A young nurse helps an old sailor .",
    "A woman walks past a closed shop with a heavy bag .",
]
"""As people describe pictures: in every form, with and without a full stop."""
EDITED = [
    ("negation", "A dog chases a cat .", "A dog does not chase a cat ."),
    ("negation", "Two boys are playing in the sand", "Two boys are not playing in the sand"),
    ("negation", "a girl holding a flag", "a girl not holding a flag"),
    ("tense", "A man is feeding a horse .", "A man was feeding a horse ."),
    ("role_swap", "A nurse talks to a doctor .", "A doctor talks to a nurse ."),
    ("attribute_swap", "A red bus and a white car", "A white bus and a red car"),
    ("antonym", "a closed door", "an open door"),
    ("preposition", "The cat sleeps above the stove .", "The cat sleeps below the stove ."),
]


def failure(definition: object) -> Predicate:
    written = definition if isinstance(definition, str) else json.dumps(definition)
    return Predicate(
        "f" * 16, "who does what to whom", "A", "edits", "exact", written, "j", None, "t", "s", "", 0.1, 0.0
    )


def of_kind(kind: str) -> Predicate:
    return failure({"failure": kind, "description": "whatever"})


def generator(domain: str | None = None) -> SentenceEditor:
    block = {"domain": domain}
    given = {"kind": "encoder_failures", "data": "d", "goal": "g", "collect": {}, "encoder_failures": block}
    return SentenceEditor(study_of("s", given))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


SOURCES = [Source(text, f"d{i}") for i, text in enumerate(SENTENCES)]


def pairs_of(kind: str, sources: list[Source] = SOURCES, seed: int = 0, n: int = 100) -> list[NewPair]:
    predicate = failure({"failure": "attribute", "description": "attributes swapped"})
    if kind != "attribute_swap":
        predicate = of_kind(kind)
    return generator().pairs(predicate, n, sources, Wording([one.text for one in sources]), rng(seed))


@pytest.mark.parametrize(("kind", "left", "right"), EDITED)
def test_a_sentence_and_the_same_with_one_difference(kind: str, left: str, right: str) -> None:
    every = {text for seed in range(8) for text in edits_of(kind, left, Wording([left]), rng(seed))}
    assert right in every


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_are_sentences_of_the_corpus_and_read_as_their_kind(kind: str) -> None:
    pairs = pairs_of(kind)
    assert len(pairs) >= 3
    for pair in pairs:
        source = SENTENCES[int(pair.document_id[1:])]
        assert pair.left == source
        assert pair.right != source
        # What is written beside the difference stays as it was: capitals, full stops, spaces.
        assert pair.right[0].isupper() == source[0].isupper()
        assert pair.right.endswith(" .") == source.endswith(" .")
        changed = Counter(words(source)) - Counter(words(pair.right))
        assert changed.total() <= 4, pair
        wrong = [m for m in re.findall(r"\b([Aa]n?) (\w+)", pair.right) if m[0].lower() != article(m[1])]
        assert not wrong, pair
        found = edit(pair.left, pair.right)
        assert (found.kind, found.same_meaning) == ("attribute" if kind == "attribute_swap" else kind, False)


def test_words_that_stand_in_are_words_of_the_corpus() -> None:
    written = {word for text in SENTENCES for word in words(text)}
    for kind in ("entity", "action", "attribute"):
        for pair in pairs_of(kind):
            assert set(words(pair.right)) <= written | {"a", "an"}, pair


def test_a_document_gives_one_pair() -> None:
    sources = [Source(text, f"d{i // 4}") for i, text in enumerate(SENTENCES)]
    pairs = pairs_of("negation", sources)
    assert len({pair.document_id for pair in pairs}) == len(pairs) == 6


def test_no_more_than_are_wanted_and_none_where_nothing_can_be_edited() -> None:
    assert len(pairs_of("negation", n=5)) == 5
    assert pairs_of("number", [Source("Stop .", "d0"), Source("rain and snow", "d1")]) == []


def test_the_description_says_which_attributes() -> None:
    sources = [Source("a red bus and a white car", "d0"), Source("a blue bus", "d1")]
    swapped = {"failure": "attribute", "description": "the colours of two things are swapped between them"}
    wording = Wording([one.text for one in sources])
    (pair,) = generator().pairs(failure(swapped), 9, sources, wording, rng())
    assert pair.right == "a white bus and a red car"
    changed = {"failure": "attribute", "description": "the colour is another one"}
    for pair in generator().pairs(failure(changed), 9, sources, wording, rng()):
        assert len(edit(pair.left, pair.right).changed) == 1, pair


def test_a_domain_chooses_the_sentences() -> None:
    wording = Wording(SENTENCES)
    pairs = generator("cooking in a kitchen").pairs(of_kind("negation"), 40, SOURCES, wording, rng())
    assert pairs
    for pair in pairs:
        assert not lexicon.load().domain_words["kitchen"].isdisjoint(words(pair.left)), pair


def test_a_domain_without_words_is_refused() -> None:
    with pytest.raises(EngineError, match=r"the lists have words of farm, kitchen, .* 'deep sea welding'"):
        generator("deep sea welding")


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("captions for self-driving scenes", "street"),
        ("Photos of people in a KITCHEN", "kitchen"),
        ("pictures of farms", "farm"),
        ("business meetings", "office"),
        ("sports photographs", "park"),
        ("a park beside a road", None),
        ("legal contracts of insurers", "office"),
        ("quantum physics", None),
        ("", None),
    ],
)
def test_the_nearest_domain(text: str, domain: str | None) -> None:
    assert domain_of(text) == domain


def test_same_seed_same_pairs_and_another_seed_others() -> None:
    first = pairs_of("entity", seed=3)
    assert pairs_of("entity", seed=3) == first
    assert pairs_of("entity", seed=4) != first


@pytest.mark.parametrize(
    "definition",
    ["no JSON", "[]", '{"failure": "role_swop"}', '{"failure": "other"}', '{"failure": ["tense"]}', "{}"],
)
def test_a_definition_that_cannot_be_written_from(definition: str) -> None:
    with pytest.raises(EngineError, match="wanted a definition with `failure` among role_swap"):
        generator().pairs(failure(definition), 5, SOURCES, Wording([]), rng())


def test_a_misspelt_kind_names_the_nearest() -> None:
    with pytest.raises(EngineError, match="did you mean `role_swap`"):
        generator().pairs(of_kind("role_swop"), 5, SOURCES, Wording([]), rng())


CLASSES = [
    ("a dog is running", "a dog is not running", SMALL),
    ("two dogs run", "many dogs run", SMALL),
    ("a dog runs on a path", "a dog runs under a path", SMALL),
    ("a dog runs", "a dog ran", SMALL),
    ("a dog runs", "two dogs run", SMALL),
    ("a dog runs", "a cat runs", "noun"),
    ("a dog and a cat run", "a dog runs", "noun"),
    ("a dog runs", "a dog sleeps", "verb"),
    ("a red bus", "a blue bus", "adjective"),
    ("a red bus and a blue car", "a blue bus and a red car", "adjective"),
    ("a nurse helps a doctor", "a doctor helps a nurse", "noun"),
]


@pytest.mark.parametrize(("left", "right", "of"), CLASSES)
def test_the_class_of_what_differs(left: str, right: str, of: str) -> None:
    assert word_class(left, right) == of


@pytest.mark.parametrize("kind", KINDS)
def test_controls_exchange_words_of_the_same_class_and_mean_something_else(kind: str) -> None:
    pairs = [(pair.left, pair.right) for pair in pairs_of(kind)]
    made = controls(pairs, Wording(SENTENCES), rng(1))
    assert sum(one is not None for one in made) >= 0.6 * len(pairs)
    for (left, right), control in zip(pairs, made, strict=True):
        if control is None:
            continue
        assert control.word_class == word_class(left, right)
        found = edit(left, control.text)
        assert found.same_meaning is not True
        # What came in place of what went is of the class that the pair exchanges.
        parts = {t.part for side in _only_in_one(left, control.text) for t in side}
        if control.word_class == SMALL:
            assert found.kind != kind
            assert not parts & {"adjective"}, (left, control.text)
        else:
            assert control.word_class in parts and not parts - {control.word_class, "article"}
    kept = [(pair, one.text) for pair, one in zip(pairs, made, strict=True) if one]
    wanted = lexical_overlap(*zip(*(pair for pair, _ in kept), strict=True))
    got = lexical_overlap([left for (left, _), _ in kept], [text for _, text in kept])
    # A swap shares every word, and so does a control only where it exchanges none.
    assert np.abs(wanted - got).max() < 0.55
    assert np.abs(wanted - got).mean() < (0.35 if wanted.min() > 0.95 else 0.1)


def _only_in_one(left: str, right: str) -> tuple[list, list]:
    first, second = tagged(left), tagged(right)
    lemmas = {t.lemma for t in first} & {t.lemma for t in second}
    return (
        [t for t in first if t.word not in words(right) and t.lemma not in lemmas],
        [t for t in second if t.word not in words(left) and t.lemma not in lemmas],
    )


def test_a_control_of_a_small_word_is_another_small_word() -> None:
    left = "A dog is running on a path ."
    for seed in range(10):
        (control,) = controls([(left, "A dog is not running on a path .")], Wording(SENTENCES), rng(seed))
        assert control is not None
        assert {"dog", "running", "path"} <= set(words(control.text))
        assert "not" not in words(control.text)


def test_a_control_says_an_adverb_once() -> None:
    left, right = "a clerk with a grey phone in the lift", "a clerk without a grey phone in the lift"
    adverbs = set(wordlists.yaml_beside(controls_file)["adverbs"].split())
    for seed in range(10):
        (control,) = controls([(left, right)], Wording(SENTENCES), rng(seed))
        assert control is not None
        assert len([word for word in words(control.text) if word in adverbs]) <= 1


@pytest.mark.parametrize(
    ("source", "others"), [("a nurse with a green axe", set()), ("a nurse with a black axe", {"white"})]
)
def test_a_colour_has_no_opposite_but_a_colour(source: str, others: set[str]) -> None:
    right = [new.right for new in pairs_of("antonym", [Source(source, "d")])]
    assert {word for text in right for word in words(text)} - {"a", "nurse", "with", "axe"} == others


def test_an_exchanged_noun_is_unrelated() -> None:
    left, right = "A dog chases a cat around the garden .", "A dog chases a horse around the garden ."
    for seed in range(10):
        (control,) = controls([(left, right)], Wording(SENTENCES), rng(seed))
        assert control is not None
        assert not {"horse", "animal"} & set(words(control.text))


def test_a_text_without_words_of_the_class_has_no_control() -> None:
    assert controls([("of the", "to the")], Wording(SENTENCES), rng()) == [None]
    assert controls([("一只猫", "一只狗")], Wording(SENTENCES), rng()) == [None]


def test_edited_sentences_of_any_text_stay_texts() -> None:
    odd = ["", " . ", "\x00", "a" * 3000, "A dog " * 60, "🙂 a dog 🙂", "don't", "a-b c-d", "İ a dog runs"]
    wording = Wording([*odd, *SENTENCES])
    for kind in KINDS:
        for text in odd:
            for right in edits_of(kind, text, wording, rng()):
                assert right and right != text


@pytest.mark.parametrize(
    ("noun", "many"),
    [("bus", "buses"), ("knife", "knives"), ("policeman", "policemen"), ("boy", "boys"), ("lady", "ladies"),
     ("toy box", "toy boxes"), ("goose", "geese"), ("couch", "couches")],
)  # fmt: skip
def test_plurals(noun: str, many: str) -> None:
    assert plural(noun) == many


@pytest.mark.parametrize(
    "written",
    [
        "grab grabs grabbed grabbed grabbing",
        "carry carries carried carried carrying",
        "chase chases chased chased chasing",
        "visit visits visited visited visiting",
        "play plays played played playing",
        "fix fixes fixed fixed fixing",
        "steal steals stole stolen stealing",
        "begin begins began begun beginning",
        "feed feeds fed fed feeding",
    ],
)
def test_verb_forms(written: str) -> None:
    forms = tuple(written.split())
    assert verb_forms(forms[0]) == forms


@pytest.mark.parametrize(
    ("word", "before"),
    [("apple", "an"), ("unicorn", "a"), ("useful", "a"), ("uncle", "an"), ("honest", "an"), ("one", "a"),
     ("European", "a"), ("horse", "a"), ("unimportant", "an"), ("onion", "an")],
)  # fmt: skip
def test_articles(word: str, before: str) -> None:
    assert article(word) == before


def test_the_lists_agree_with_each_other() -> None:
    known = lexicon.load()
    for word, others in known.synonyms.items():
        assert not others & known.opposites.get(word, frozenset()), word
        assert known.readings(word), f"{word} has synonyms and no reading"
        assert all(word in known.synonyms[other] for other in others)
    assert set(known.animates) == {*lexicon.load().domain_words, ""}
    assert sum(verb.reversible for verb in known.verbs) > 80
    assert all(verb.past != verb.base for verb in known.verbs if verb.reversible or verb.handling)


@pytest.mark.parametrize(
    ("left", "right", "synonyms"),
    [
        ("chases", "pursues", True),
        ("chases", "pursue", False),
        ("cars", "automobiles", True),
        ("opens", "closes", False),
        ("furious", "angry", True),
        ("tall", "short", False),
        ("driver", "teapot", False),
        ("unlisted", "unlisted", False),
    ],
)
def test_synonyms_agree_in_form(left: str, right: str, synonyms: bool) -> None:
    known = lexicon.load()
    assert known.are_synonyms(left, right) is known.are_synonyms(right, left) is synonyms


def test_a_sentence_handed_back_with_other_spaces_is_no_pair() -> None:
    from tasks.kinds.encoder_failures.llm.generating import _new
    from tasks.kinds.encoder_failures.roles import NewPair

    back = NewPair("A dog runs in the park .", "A dog runs in the park.", "d1")
    edited = NewPair("A dog runs in the park .", "A dog runs in the park, too.", "d2")
    assert _new([back, edited], set()) == [edited]
