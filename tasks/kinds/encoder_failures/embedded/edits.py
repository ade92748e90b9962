"""What differs between two short texts: a token alignment and closed word lists, no model of English.

Honest about its lists: a difference that none of them names is `other`, and whether it changes the meaning is
then not known (`same_meaning` None), never guessed. What is named rests on these assumptions: words of one
synonym row mean the same, articles and intensifiers mean nothing, and of two listed nouns or attributes that
are neither synonyms nor wide and narrow, one excludes the other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.kinds.encoder_failures.embedded.align import Pairing, aligned
from tasks.kinds.encoder_failures.embedded.exchange import reordered
from tasks.kinds.encoder_failures.embedded.relating import (
    CONTENT,
    Change,
    exchanged,
    gap_cost,
    is_free,
    may_be_related,
)
from tasks.kinds.encoder_failures.embedded.units import Unit, units
from tasks.kinds.encoder_failures.embedded.vocabulary import is_listed, noun_class

_SIGN = re.compile(r"""[^\w\s.,;:!'"’“”()\[\]–—-]""")
MAX_UNITS = 60
"""Longer texts are not aligned: they are `other`."""


@dataclass(frozen=True)
class Edit:
    """How the right text was made from the left one."""

    kind: str
    """negation, quantifier, number, role_swap, tense, preposition, attribute, antonym, entity, action,
    synonym, voice, word_order, identical; other where there are several, or none that is listed."""
    changed: tuple[tuple[str, str], ...]
    """What stood left and what stands right, in order; an empty text where something came or went."""
    same_meaning: bool | None
    """None where the lists cannot tell."""
    kinds: tuple[str, ...] = ()
    """Every kind of difference that is sure to change the meaning, in alphabetical order."""


def edit(left: str, right: str) -> Edit:
    """Gives the kind of difference, what changed, and whether the meaning stays.

    Args:
        left: a short text; case and punctuation do not matter.
        right: another one.

    Returns:
        The same kind and meaning for both orders of the two texts.
    """
    found = _either_order(left, right)
    if found.same_meaning and _symbols(left) != _symbols(right):
        return Edit("other", found.changed, None)
    return found if found.kinds or found.same_meaning is not False else replace(found, kinds=(found.kind,))


def _symbols(text: str) -> list[str]:
    """Signs that may say something: not the punctuation of a sentence, but `?`, `+`, `#`, an emoji."""
    return _SIGN.findall(text)


def _either_order(left: str, right: str) -> Edit:
    if right < left:
        found = _edit(units(right), units(left))
        return replace(found, changed=tuple((b, a) for a, b in found.changed))
    return _edit(units(left), units(right))


def _edit(left: Sequence[Unit], right: Sequence[Unit]) -> Edit:
    if not left or not right:
        return Edit("identical", (), True) if not left and not right else Edit("other", (), None)
    if max(len(left), len(right)) > MAX_UNITS:
        is_same = [u.text for u in left] == [u.text for u in right]
        return Edit("identical", (), True) if is_same else Edit("other", (), None)
    if found := reordered(left, right):
        return Edit(found[0], found[2], found[1])
    pairings = aligned(left, right, lambda a, b: exchanged(a, b).cost, gap_cost)
    changes: list[Change] = []
    changed: list[tuple[str, str]] = []
    for region in _regions(pairings):
        changes += _changes_in_region(region)
        sides = ([u.text for u in side if u and u.text] for side in zip(*region, strict=True))
        changed.append((" ".join(next(sides)), " ".join(next(sides))))
    kind, same, kinds = _summed(changes, pairings)
    if kind == "identical" and [u.text for u in left] != [u.text for u in right]:
        kind = "synonym"  # `a cat sleeping`, `a cat is sleeping`
    return Edit(kind, tuple(changed), same, kinds)


def _regions(pairings: Sequence[Pairing]) -> list[list[Pairing]]:
    """Runs of pairings whose two sides are not the same unit."""
    found: list[list[Pairing]] = [[]]
    for left, right in pairings:
        if left and right and exchanged(left, right).kind == "identical":
            found.append([])
        else:
            found[-1].append((left, right))
    return [region for region in found if region]


def _changes_in_region(region: Sequence[Pairing]) -> list[Change]:
    """The differences of one region."""
    lefts, rights = ([u for u in side if u] for side in zip(*region, strict=True))
    denials = sum(u.part == "negation" for u in lefts) - sum(u.part == "negation" for u in rights)
    amounts = [u for u in [*lefts, *rights] if u.part in {"amount", "number"}]
    if denials % 2:
        rest = [p for p in region if not any(u and u.part in {"negation", "amount", "number"} for u in p)]
        return [Change("negation", False, 0), *_changes_beside(rest)]
    if amounts:
        rest = [p for p in region if not any(u and u.part in {"amount", "number"} for u in p)]
        return [_amount_change(region), *_changes_beside(rest)]
    return _runs(region)


def _changes_beside(rest: Sequence[Pairing]) -> list[Change]:
    """What a region holds beside its denial or amount, without what may come and go there."""
    return _runs([p for p in rest if not (None in p and all(is_free(u) for u in p if u))])


def _amount_change(region: Sequence[Pairing]) -> Change:
    sides = [[u for u in side if u and u.part in {"amount", "number"}] for side in zip(*region, strict=True)]
    if sides[0] and sides[1]:
        return exchanged(sides[0][0], sides[1][0])
    only = (sides[0] or sides[1])[0]
    if only.key in {"few", "1"}:
        # `some people` and `people`, `one dog` and `a dog`.
        return Change("synonym", True, 0)
    return Change("number" if only.part == "number" else "quantifier", False, 0)


def _runs(region: Sequence[Pairing]) -> list[Change]:
    """Exchanges one by one; what came or went, in runs of one side."""
    found: list[Change] = []
    run: list[Unit] = []
    side = -1
    for left, right in [*region, (None, None)]:
        now = -1 if left and right else 0 if left else 1 if right else -1
        if run and now != side:
            found.append(_one_sided_change(run))
            run = []
        side = now
        if left and right:
            found.append(exchanged(left, right))
        elif unit := left or right:
            run.append(unit)
    return found


def _one_sided_change(run: Sequence[Unit]) -> Change:
    """What it means that these units have no counterpart."""
    solid = [u for u in run if u.key != "be" and u.part not in {"owner", "frame"}]
    if not solid:
        return Change("synonym", True, 0)
    joined = {solid[0].part, solid[-1].part} & {"preposition", "conjunction"}
    nouns = [u for u in solid if noun_class(u.key)]
    if nouns and (joined or len(solid) == len(nouns)):
        return Change("entity", False, 0)
    if all(u.part in {"adjective", "adverb"} for u in solid):
        return Change("attribute", False, 0)
    # More is said, if every word of it is known: `while another watches`.
    return Change(
        "other", None if any(u.part == "word" and not is_listed(u.key) for u in solid) else False, 0
    )


def _summed(
    changes: Sequence[Change], pairings: Sequence[Pairing]
) -> tuple[str, bool | None, tuple[str, ...]]:
    """One kind for the pair, whether its meaning stays, and every kind that is sure to change it."""
    telling = [c for c in changes if c.same is not True]
    if any(c.kind in {"quantifier", "number", "negation"} for c in changes) or _has_lone_amount(pairings):
        # `a dog` and `two dogs`: the plural says nothing more.
        plural_only = [c for c in telling if not (c.kind == "number" and c.cost == 0.2)]
        telling = plural_only or telling
    if any(c.kind != "agreement" for c in telling) or _has_lone_amount(pairings):
        telling = [c for c in telling if c.kind != "agreement"]
    if not telling:
        return ("synonym" if changes else "identical"), True, ()
    kinds = {"other" if c.kind == "agreement" else c.kind for c in telling}
    sure = tuple(sorted({c.kind for c in telling if c.same is False}))
    kind = kinds.pop() if len(kinds) == 1 else "other"
    if not sure:
        # One difference that cannot be judged has its kind all the same.
        return kind, None, ()
    if _both_sides(pairings) or _has_moved_word(pairings) or (len(telling) > 1 and "negation" in sure):
        # Said in other words, or denied twice: `a door that is not open`, `a closed door`.
        return "other", None, ()
    # What cannot be judged takes back nothing that is sure to differ.
    return kind, False, sure


def _has_lone_amount(pairings: Sequence[Pairing]) -> bool:
    return any(u and u.part in {"amount", "number"} and None in p for p in pairings for u in p)


def _has_moved_word(pairings: Sequence[Pairing]) -> bool:
    """Whether a content word has another place: `a car before a bus`, `a bus behind a car`."""
    apart = [(a, b) for a, b in pairings if not (a and b and a.key == b.key)]
    lefts = {a.key for a, _ in apart if a and a.part in CONTENT}
    return any(b and b.key in lefts for _, b in apart)


def _both_sides(pairings: Sequence[Pairing]) -> bool:
    """Whether what one text alone says may be what the other alone says: `smiling`, `with a smile`."""
    lefts, rights = (
        [
            u
            for p in pairings
            if None in p and (u := p[side]) and u.part in CONTENT | {"verb"} and u.key != "be"
        ]
        for side in (0, 1)
    )
    return any(may_be_related(a, b) for a in lefts for b in rights)
