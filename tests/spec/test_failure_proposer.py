"""From mined pairs to named failures: which groups are named, in which order, and what is counted."""

import json

import numpy as np
import polars as pl

from tasks.kinds.encoder_failures import tables
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.kinds.encoder_failures.embedded.proposing import MIN_PAIRS, EditProposer, names
from tasks.kinds.encoder_failures.roles import PairEvidence
from tasks.records import Proposal
from tasks.study import Study

ANIMALS = ("dog", "cat", "horse", "goat", "fox", "wolf", "lion", "bear")


def study(most: int = 20) -> Study:
    return Study.model_validate(
        {
            "name": "made",
            "data": ".",
            "goal": "what it confuses",
            "collect": {"group": "random"},
            "propose": {"max_predicates": most},
        }
    )


def evidence(pairs: list[tuple[str, str]]) -> PairEvidence:
    rows = [
        {
            "left": left,
            "right": right,
            "left_id": f"l{i:03}",
            "right_id": f"r{i:03}",
            "similarity": 0.99 - i / 1000,
            "reference": 0.5,
            "overlap": 0.8,
        }
        for i, (left, right) in enumerate(pairs)
    ]
    return PairEvidence(pl.DataFrame(rows, schema=tables.PAIRS), n_texts=100)


def named(proposer: EditProposer, pairs: list[tuple[str, str]]) -> list[Proposal]:
    """What the pairs have shown, without what would be named anyway."""
    found = proposer.propose(evidence(pairs), np.random.default_rng(0))
    return [proposal for proposal in found if proposal.family != "blind"]


def swaps(n: int) -> list[tuple[str, str]]:
    return [(f"a {a} chases a deer", f"a deer chases a {a}") for a in ANIMALS[:n]]


def denials(n: int) -> list[tuple[str, str]]:
    return [(f"a {a} with a collar", f"a {a} without a collar") for a in ANIMALS[:n]]


def synonyms(n: int) -> list[tuple[str, str]]:
    return [(f"a happy {a} in a park", f"a joyful {a} in a park") for a in ANIMALS[:n]]


def bound(n: int) -> list[tuple[str, str]]:
    return [(f"a red {a} and a blue box", f"a blue {a} and a red box") for a in ANIMALS[:n]]


def test_groups_are_named_by_what_differs_the_largest_first() -> None:
    proposer = EditProposer(study())
    found = named(proposer, swaps(3) + denials(5))
    assert [p.predicate for p in found] == [names()["negation"][0], names()["role_swap"][0]]
    assert [p.explore_effect for p in found] == [5 / 8, 3 / 8]
    first = found[0]
    assert json.loads(first.definition) == {"failure": "negation", "description": names()["negation"][1]}
    assert (first.direction, first.family, first.grade, first.explore_z) == ("A", "edits", "exact", 0.0)
    # The nearest pairs of its own group.
    assert first.example_ids == ("l003", "r003", "l004", "r004", "l005", "r005")


def test_what_means_the_same_is_no_failure_and_is_counted() -> None:
    proposer = EditProposer(study())
    pairs = [*synonyms(8), ("a wug", "a zorp"), *denials(4)]
    found = named(proposer, pairs)
    assert [p.predicate for p in found] == [names()["negation"][0]]
    noted = dict(proposer.noted)
    assert noted["n_same_meaning"] == noted["n_synonym"] == 8
    assert noted["n_not_read"] == noted["n_other"] == 1
    assert noted["n_differ"] == noted["n_negation"] == 4


def test_a_larger_group_comes_first_whatever_its_name() -> None:
    found = named(EditProposer(study()), denials(3) + swaps(5))
    assert [p.predicate for p in found] == [names()["role_swap"][0], names()["negation"][0]]


def test_pairs_that_cannot_be_told_name_nothing() -> None:
    aspects = [(f"the {a} eats", f"the {a} is eating") for a in ANIMALS]
    proposer = EditProposer(study())
    assert proposer.propose(evidence(aspects), np.random.default_rng(0)) == []
    assert proposer.noted["n_tense"] == proposer.noted["n_not_read"] == len(aspects)


def test_a_few_pairs_may_be_chance() -> None:
    proposer = EditProposer(study())
    assert proposer.propose(evidence(denials(MIN_PAIRS - 1)), np.random.default_rng(0)) == []
    assert proposer.noted["n_groups_too_small"] == 1
    assert len(named(proposer, denials(MIN_PAIRS))) == 1


def test_no_more_than_asked_for() -> None:
    found = EditProposer(study(1)).propose(evidence(swaps(4) + denials(5)), np.random.default_rng(0))
    assert [p.predicate for p in found] == [names()["negation"][0]]


def test_what_no_pair_shows_is_named_blind_and_last_a_third_at_most() -> None:
    proposer = EditProposer(study(6))
    found = proposer.propose(evidence(swaps(3) + denials(2)), np.random.default_rng(0))
    assert [p.family for p in found] == ["edits", "blind"]
    shown = {names()["role_swap"][0], names()["negation"][0]}
    assert not shown & {p.predicate for p in found[1:]}
    assert all(p.example_ids == () and p.explore_effect == 0 for p in found[1:])
    assert proposer.noted["n_blind"] == 1


def test_row_order_and_draws_change_nothing() -> None:
    given = evidence(swaps(4) + denials(5) + bound(4) + synonyms(3))
    turned = PairEvidence(given.pairs.sample(fraction=1, shuffle=True, seed=3), given.n_texts)
    one, other = EditProposer(study()), EditProposer(study())
    first, second = (
        proposer.propose(pairs, np.random.default_rng(seed))
        for seed, (proposer, pairs) in enumerate(((one, given), (other, turned)))
    )
    assert first == second
    assert one.noted == other.noted


def test_attributes_that_change_places_are_a_failure_of_their_own() -> None:
    found = named(EditProposer(study()), bound(4))
    assert [p.predicate for p in found] == [names()["attribute_swap"][0]]
    definition = json.loads(found[0].definition)
    assert definition["failure"] == "attribute"
    assert "swapped" in definition["description"]


def test_no_pairs_give_no_failures() -> None:
    proposer = EditProposer(study())
    empty = PairEvidence(pl.DataFrame(schema=tables.PAIRS), n_texts=1)
    assert proposer.propose(empty, np.random.default_rng(0)) == []
    assert not any(proposer.noted.values())


def test_a_pair_that_differs_in_two_ways_is_half_a_pair_for_each() -> None:
    both = [(f"two red {a}s in a park", f"five blue {a}s in a park") for a in ANIMALS[:6]]
    found = named(EditProposer(study()), both + denials(4))
    shares = {json.loads(p.definition)["failure"]: p.explore_effect for p in found}
    assert shares == {"negation": 4 / 10, "attribute": 3 / 10, "number": 3 / 10}
    assert [p.explore_effect for p in found] == sorted(shares.values(), reverse=True)


def test_examples_show_nothing_else_where_there_are_such() -> None:
    both = [(f"two red {a}s in a park", f"five blue {a}s in a park") for a in ANIMALS[:6]]
    alone = [(f"two {a}s in a park", f"five {a}s in a park") for a in ANIMALS[:3]]
    found = {json.loads(p.definition)["failure"]: p for p in named(EditProposer(study()), both + alone)}
    assert set(found["number"].example_ids) == {f"{side}{i:03}" for side in "lr" for i in (6, 7, 8)}


def test_what_no_pair_shows_is_named_in_the_order_of_what_the_texts_can_show() -> None:
    texts = (*(f"two {a}s are running in a park" for a in ANIMALS), "a red ball and a blue box")
    shown = PairEvidence(evidence(denials(5)).pairs, n_texts=100, texts=texts)
    found = EditProposer(study()).propose(shown, np.random.default_rng(0))
    blind = [json.loads(p.definition)["failure"] for p in found if p.family == "blind"]
    assert blind and set(blind) <= {"number", "tense", "preposition", "quantifier", "entity", "antonym"}
    nothing = PairEvidence(evidence(denials(5)).pairs, n_texts=100, texts=("hm", "oh"))
    found = EditProposer(study()).propose(nothing, np.random.default_rng(0))
    assert [p.family for p in found] == ["edits"]


def test_everyday_pairs_are_read() -> None:
    """Sentences as people write them, of two pictures."""
    pairs = [
        ("A surfer rides a large wave .", "A surfer rides a small wave .", "antonym"),
        ("A toddler plays on a trampoline", "A toddler plays on a playground", "entity"),
        ("The climber is scaling a cliff .", "The climber is scaling a steep cliff .", "attribute"),
        ("A greyhound with a muzzle runs on a track .", "A greyhound runs on a track .", "entity"),
        ("A boy kneels beside a puddle .", "A boy leaps beside a puddle .", "action"),
        ("Three hikers rest on a boulder .", "Two hikers rest on a boulder .", "number"),
        ("A black dog runs through the snow .", "A brown dog is running through the snow .", "attribute"),
    ]
    for left, right, kind in pairs:
        found = edit(left, right)
        assert found.same_meaning is False and kind in found.kinds, (left, right, found)
