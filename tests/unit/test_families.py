"""Which texts are near copies of one another, by table."""

import random

import numpy as np
import polars as pl
import pytest

from tasks.collect.families import families
from tasks.store.sources import normalised

ROCKET = "the launch of our new rocket was delayed again because of strong wind over the sea"
MEAL = "the service was slow and the food arrived cold but staff were friendly and kind"
LONG = (
    "on top of that parking was a nightmare, we drove around the block for half an hour before anything was "
    "found and then paid more for it than for the whole evening, never again for us or anybody we know"
)


def groups(texts: list[str], similarity: float = 0.7) -> list[int]:
    """A number for each text: equal where they are one family."""
    folded = normalised(pl.Series(texts))
    order = folded.unique().sort()
    family = families(order, similarity).family
    found = [int(family[int(order.index_of(one))]) for one in folded]  # type: ignore[arg-type]
    return [found.index(one) for one in found]


@pytest.mark.parametrize(
    "texts",
    [
        (ROCKET, f"RT @joe: {ROCKET}", f"rt @ann {ROCKET} https://t.co/a8Xq"),
        (MEAL, f"{MEAL.upper()}!!", MEAL.replace(" and", ", and"), f"{MEAL} 😂"),
        ("room 12 costs 3,200.50 a night since 2020-01-05", "room 7 costs 99 a night since 2021-11-30"),
        (
            "hi anna your parcel 11 will arrive on monday at berlin",
            "hi bob your parcel 9 will arrive on friday at rome",
        ),
        (MEAL, f"totally agree with this. > {MEAL}. and {LONG}"),
        ("Thanks!", "thanks", "THANKS :)", "thanks …"),
        ("这家餐厅的服务非常好，我们会再来的。", "这家餐厅的服务非常好！我们会再来的"),
        ("อาหารอร่อยมากและบริการดี", "อาหารอร่อยมากและบริการดี!"),
        ("Re: the minutes of monday are attached", "fwd: re: the minutes of monday are attached"),
    ],
)
def test_near_copies_are_one_family(texts: tuple[str, ...]) -> None:
    assert groups(list(texts)) == [0] * len(texts)


@pytest.mark.parametrize(
    "texts",
    [
        (ROCKET, MEAL, LONG),
        ("man charged over sydney murder", "man charged over perth murder"),
        ("great product", "great price"),
        ("great product", f"great product and {LONG}"),
        ("!!!", "???", "😂", "😂😂"),
        ("今天天气很好，我去公园散步了。", "我们昨天去了那家新开的商店买东西"),
        ("the service was slow", "the service was slow and we had to leave before the main course came"),
    ],
)
def test_different_texts_stay_apart(texts: tuple[str, ...]) -> None:
    assert groups(list(texts)) == list(range(len(texts)))


def test_what_the_whole_corpus_shares_makes_no_family() -> None:
    """Five words of a pattern and two of its own: all alike, and none a copy of another."""
    rng = random.Random(0)
    names = ["".join(rng.choice("bdfglmnprst") + rng.choice("aeiou") for _ in range(3)) for _ in range(40)]
    texts = [f"the mayor of {a} will soon visit the town of {b}" for a in names[:20] for b in names[20:]]
    folded = pl.Series(texts).unique().sort()
    found = families(folded, 0.7)
    assert len(set(found.family.tolist())) == len(set(texts))
    assert len(set(found.pattern.tolist())) == 1, "that it is one pattern is known all the same"


def test_a_higher_similarity_joins_less() -> None:
    texts = ["hi anna your parcel will arrive on monday", "hi bob your parcel will arrive on friday"]
    assert groups(texts, 0.7) == [0, 0]
    assert groups(texts, 0.9) == [0, 1]
    assert groups(["a b c d e f g h", "a b c d e f g h!"], 1.0) == [0, 0]


def test_families_of_many_texts_depend_on_the_texts_alone() -> None:
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnop", k=5)) for _ in range(300)]
    base = [" ".join(rng.choices(words, k=12)) for _ in range(400)]
    copies = [f"RT @x: {one}!" for one in base[:100]]
    texts = [*base, *copies]
    found = groups(texts)
    assert found[400:] == list(range(100)) and len(set(found)) == 400
    shuffled = rng.sample(range(len(texts)), len(texts))
    again = groups([texts[i] for i in shuffled])
    same = np.array(found)[shuffled]
    assert ((same[:, None] == same) == (np.array(again)[:, None] == np.array(again))).all()


@pytest.mark.parametrize("texts", [[], ["one"], ["", "a"]])
def test_there_may_be_few_texts(texts: list[str]) -> None:
    found = families(pl.Series(texts, dtype=pl.String), 0.7)
    assert found.family.tolist() == list(range(len(texts)))
