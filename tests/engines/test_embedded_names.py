"""Names of what is proposed say what carries it: themes by words of their side, tones by no name."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tasks.engines import embedded
from tasks.engines.contrast import Contrast
from tasks.engines.embedded import anchored, bank, grams, names, themes, tokens, tone, words
from tasks.engines.embedded.candidate import Candidate
from tasks.engines.embedded.rules import Rules
from tasks.engines.encoders import encoder
from tasks.records import Proposal
from tests.engines.test_embedded_engine import BagEncoder, defined, frame, propose, study

THINGS = ("bag", "seat", "flight", "ticket", "gate", "meal")
WHAT = ("is lost", "was changed", "came late", "was moved", "left today")


def said(of_a: Sequence[str], of_b: Sequence[str], text: str, n: int = 100) -> list[tuple[str, str]]:
    """Texts of two groups that differ in one word, drawn from a list for each."""
    draw = random.Random(0)
    rows = []
    for i in range(n):
        for group, choice in (("A", of_a), ("B", of_b)):
            thing, what = draw.choice(THINGS), draw.choice(WHAT)
            rows.append((group, text.format(draw.choice(choice), thing, what, i)))
    return rows


def styles(rows: list[tuple[str, str]], **blocks: object) -> list[Proposal]:
    wanted = {"families": ["style"], "max_predicates": 40, "max_phi": 1.0, "gate_z": 0}
    return propose(frame(rows), propose=wanted, **blocks)


def tones(rows: list[tuple[str, str]], **blocks: object) -> list[Proposal]:
    return [p for p in styles(rows, **blocks) if "tone" in p.predicate and abs(p.explore_effect) > 0.1]


def test_a_handle_is_no_tone() -> None:
    assert tones(said(["@united"], ["@delta"], "{} my {} {} {}")) == []


def test_the_name_of_a_group_is_no_tone() -> None:
    rows = said(["united", "united"], ["delta"], "{} lost my {} and it {} {}")
    assert tones(rows, collect={"group": "g", "a": "United", "b": "Delta"}) == []


def test_names_of_persons_are_no_tone_and_no_modal_verb() -> None:
    rows = said(
        ["Grace", "Hope", "Joy", "May"], ["Anna", "Maria", "Tom"], "we asked {} about the {} that {} {}"
    )
    assert tones(rows) == []
    assert not [p for p in styles(rows) if "may" in p.definition and abs(p.explore_effect) > 0.1]


def test_one_word_alone_is_no_tone() -> None:
    assert tones(said(["great"], ["blue"], "the {} {} {} {}")) == []


def test_a_tone_of_many_words_says_which() -> None:
    good, bad = ("great", "lovely", "wonderful", "happy"), ("terrible", "awful", "rude", "horrible")
    found = tones(said(good, bad, "the {} {} {} {}"))
    assert found and found[0].explore_effect > 0.9 and "a positive tone" in found[0].predicate
    definition = json.loads(found[0].definition)
    assert definition["without"] == [] and set(definition["carried_by"]) <= set(good)
    assert all(f'"{word}"' in found[0].predicate for word in definition["carried_by"])


def test_what_is_left_out_of_a_tone_is_told_and_not_judged() -> None:
    rows = [
        *said(["@united"], ["@delta"], "{} my {} {} {}"),
        *said(["lovely", "happy", "kind"], ["blue"], "a {} {} {} {}"),
    ]
    (found,) = {p.predicate: p for p in tones(rows) if "strongly" not in p.predicate}.values()
    assert 'without "united"' in found.predicate
    judge = embedded.judge(study())
    tested = [defined(**json.loads(found.definition))]
    texts = frame([("A", "@united my bag"), ("A", "such a lovely, kind crew")])
    assert judge.judge(tested, texts, np.zeros((2, 0))).score[:, 0].tolist() == [0, 1]
    assert judge.spans(tested[0], "united and lovely") == [(11, 17)]


def test_a_list_of_words_says_which_of_them_carry_it() -> None:
    rows = said(["perhaps", "probably"], ["surely not", "there"], "it {} rained on the {} which {} {}")
    found = next(p for p in styles(rows) if p.predicate.startswith("hedges"))
    assert found.predicate == 'hedges (here mostly "probably" and "perhaps")' or (
        found.predicate == 'hedges (here mostly "perhaps" and "probably")'
    )


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["we saw Grace there", "and then Grace left"], {"grace"}),
        (["Grace left", "Grace came"], set()),  # where a sentence begins anything has a capital
        (["How Grace Under Fire Works", "What Grace Says Of It All"], set()),  # a title
        (["so @united lost it", "hey @united help"], {"united"}),
        (["they stood united", "so united a people", "hi @united"], set()),
        (["so GREAT a day", "what a GREAT day"], set()),
    ],
)
def test_names_in_a_corpus(texts: list[str], found: set[str]) -> None:
    assert names.found(texts, ["grace", "united", "great"]) == found


def test_words_of_group_names() -> None:
    blocks = {"collect": {"group": "g", "a": "United Airlines", "b": "B", "b_name": "Trust Bank"}}
    assert names.of_groups(study(**blocks)) == {"united", "airlines", "b", "trust", "bank"}
    blocks = {"collect": {"group": "g", "a": ["United", "Delta", 3], "b": "rest"}}
    assert names.of_groups(study(**blocks)) == {"united", "delta", "rest"}


def test_how_many_words_are_left_out_is_no_word_of_them() -> None:
    said = tone.phrase(
        {"pole": "positive", "least": 0.05, "without": ["ace", "hope", "joy", "love", "trust"]}
    )
    assert said.endswith('without "ace", "hope", "joy" and 2 more)')


def test_a_tone_is_summed_without_what_is_left_out() -> None:
    joined = tokens.joined_all(["united and lovely", "united"])
    assert tone.compound(joined)[1] > 0 and tone.compound(joined, ["united"])[1] == 0


def _news(seed: int = 0) -> list[tuple[str, str]]:
    """Most of B speaks of the virus as A does, and of a fair; A more of the virus."""
    draw = random.Random(seed)
    virus = ("the virus spread in the city", "a virus case in the city", "city doctors fight the virus")
    fair = ("the fair opened with music", "music and dance at the fair", "a dance at the summer fair")
    other = ("rain fell on the road", "a new road was built", "the road is closed by rain")
    rows = []
    for i in range(600):
        group = "AB"[i % 2]
        pool = draw.choices((virus, fair, other), (5, 1, 4) if group == "A" else (3, 3, 4))[0]
        rows.append((group, f"{draw.choice(pool)} {draw.choice(('again', 'today', 'now'))} {i}"))
    return rows


def test_no_word_of_a_theme_leans_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    made = BagEncoder()
    monkeypatch.setattr(encoder, "load", lambda study: made)
    for seed in range(3):
        texts = frame(_news(seed))
        found = propose(
            texts, made.encode(texts["text"].to_list()), seed,
            propose={"families": ["theme"], "gate_z": 0, "max_phi": 1.0, "max_predicates": 40},
        )  # fmt: skip
        in_a = (texts["group"] == "A").to_numpy()
        joined = tokens.joined_all(texts["text"].to_list())
        named = [p for p in found if p.grade == "theme"]
        assert named
        for proposal in named:
            for word in json.loads(proposal.definition)["words"]:
                held = words.holds([word], joined)
                lean = held[in_a].mean() - held[~in_a].mean()
                assert (lean > 0) == (proposal.direction == "A"), (proposal.predicate, word, lean)


def _namer(rows: list[tuple[str, str]]) -> tuple[themes.Namer, np.ndarray]:
    """A namer of these texts, and their embeddings."""
    texts = frame(rows)
    made, contrast = BagEncoder(), Contrast.of(texts)
    counted = grams.count(tokens.joined_all(texts["text"].to_list()), grams.Rarest(contrast.in_a, 3), Rules())
    vectors = made.encode(texts["text"].to_list())
    namer = themes.Namer(
        contrast.in_a, counted, Rules(), contrast.measure(counted.held)[1],
        anchored.topic_lean(contrast, counted), vectors, texts["text"].to_list(), texts["text_id"].to_list(),
        made, anchored.topic_vectors(made),
    )  # fmt: skip
    return namer, vectors


def test_a_theme_whose_words_lean_the_other_way_is_shown_by_its_texts() -> None:
    rows = _news()
    namer, vectors = _namer(rows)
    about = np.array(["virus" in text for _, text in rows])
    vector = vectors[about].mean(axis=0) - vectors.mean(axis=0)
    made = {
        "kind": "similarity",
        "basis": "theme",
        "encoder": "bag",
        "vector": vector.tolist(),
        "threshold": 0.1,
    }

    def theme(effect: float) -> Candidate:
        return Candidate("", "theme", "theme", made, about, effect, 20 * effect)

    right, wrong = namer.named(theme(0.2)), namer.named(theme(-0.2))
    assert right is not None and '"virus' in right.phrase
    assert wrong is not None and wrong.phrase.startswith('resembles texts such as "')
    assert wrong.definition["words"] == [] and wrong.definition["fidelity"] == 0
    quoted = wrong.phrase.split('"')[1]
    assert [group for group, text in rows if text == quoted] == ["B"], (
        "a text of the other group says nothing"
    )
    shown = [namer.named(theme(-0.2)) for _ in range(5)]
    assert sum(one is not None for one in shown) == themes.MAX_UNNAMED - 1, "a text says less than words do"


def test_a_theme_too_small_for_words_is_shown_by_a_text() -> None:
    dishes = ("soup", "bread", "cake", "stew", "pie", "rice", "fish", "salad", "sauce", "pasta")
    rows = [("A", f"nobody expected the {dish}") for dish in dishes]
    rows += [("AB"[i % 2], f"the train was late at stop {i}") for i in range(190)]
    namer, vectors = _namer(rows)
    about = np.array(["expected" in text for _, text in rows])
    # Of its words only those that stand in few texts tell it apart, and these are not counted.
    rare = {"nobody", "expected"}
    kept = [i for i, term in enumerate(namer.counted.terms) if rare.isdisjoint(term.split())]
    counted = grams.Grams([namer.counted.terms[i] for i in kept], namer.counted.held[:, kept])
    namer = replace(namer, counted=counted, lean=namer.lean[kept])
    vector = vectors[about].mean(axis=0) - vectors.mean(axis=0)
    made = {"kind": "similarity", "basis": "theme", "encoder": "bag", "vector": vector.tolist()}
    small = namer.named(Candidate("", "theme", "theme", made, about, 0.1, 3.0))
    assert small is not None and small.definition["words"] == []
    quoted = small.phrase.split('"')[1]
    assert ("A", quoted) in rows[: len(dishes)]


def test_a_topic_is_not_named_by_words_of_the_other_side() -> None:
    rows = [("A", f"a shop sells bread to customers {i}") for i in range(60)]
    rows += [("B", f"a player scores a goal {i}") for i in range(60)]
    contrast = Contrast.of(frame(rows))
    counted = grams.count(
        tokens.joined_all([text for _, text in rows]), grams.Rarest(contrast.in_a, 3), Rules()
    )
    lean = dict(zip(bank.topics(), anchored.topic_lean(contrast, counted), strict=True))
    assert lean["shopping"] > 5 and lean["royalty"] == 0


def test_words_of_one_predicate_lean_one_way_each(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = frame(_news())
    for proposal in propose(texts, propose={"families": ["words"], "gate_z": 0, "max_phi": 1.0}):
        in_a = (texts["group"] == "A").to_numpy()
        joined = tokens.joined_all(texts["text"].to_list())
        for term in json.loads(proposal.definition)["terms"]:
            held = words.holds([term], joined)
            assert (held[in_a].mean() > held[~in_a].mean()) == (proposal.direction == "A")


def test_an_axis_of_mood_does_not_contradict_the_words() -> None:
    rows = said(("great", "lovely", "happy"), ("awful", "rude", "sad"), "the {} {} {} {}")
    texts, made = frame(rows), encoder.load(study())
    vectors = made.encode(texts["text"].to_list())
    contrast, joined = Contrast.of(texts), tokens.joined_all(texts["text"].to_list())
    better = tone.lean(contrast, joined, ())
    assert better > 10
    found = [
        c
        for c in anchored.tones(contrast, vectors, better, made).candidates
        if c.definition["anchor"] == "positive"
    ]
    assert found and all(("a positive" in c.phrase) == (c.effect > 0) for c in found)
    turned = anchored.tones(contrast, vectors, -better, made).candidates
    assert not [c for c in turned if c.definition["anchor"] == "positive"]
