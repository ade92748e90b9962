"""The same words in another order: exchanged roles, active and passive, or an order that says the same."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.kinds.encoder_failures.embedded import closed, synonyms, vocabulary
from tasks.kinds.encoder_failures.embedded.relating import CONTENT, exchanged
from tasks.kinds.encoder_failures.embedded.units import Unit

Found = tuple[str, bool | None, tuple[tuple[str, str], ...]]
"""Kind of edit, whether the meaning stays, what was exchanged."""


def reordered(left: Sequence[Unit], right: Sequence[Unit]) -> Found | None:
    """What the other order says; None where the words are not the same, or stand in one order."""
    left, right = _bare(left), _bare(right)
    if found := _in_order(left, right):
        return found
    actives = _active(left), _active(right)
    if (actives[0] is None) == (actives[1] is None):
        return None
    one, other = actives[0] or left, actives[1] or right
    if _agree(one, other):
        return "voice", _times_agree(one, other), ()
    found = _in_order(one, other)
    return found if found and found[0] == "role_swap" else None


def _in_order(left: Sequence[Unit], right: Sequence[Unit]) -> Found | None:
    if _agree(left, right) or sorted(map(_name, left)) != sorted(map(_name, right)):
        return None
    if _is_fronted(left, right) or _is_fronted(right, left) or _adverb_moved(left, right):
        return "word_order", True, ()
    if found := _swapped(left, right):
        return found
    return "other", None, ()


def _bare(units: Sequence[Unit]) -> list[Unit]:
    return [u for u in units if (u.part, u.key) != ("verb", "be") and u.part not in {"owner", "frame"}]


def _name(unit: Unit) -> str:
    """One name for a word and its synonyms."""
    groups = synonyms.groups().get(unit.key)
    return f"#{min(groups)}" if groups and unit.part in CONTENT | {"verb"} else unit.key


def _agree(left: Sequence[Unit], right: Sequence[Unit]) -> bool:
    return [_name(u) for u in left] == [_name(u) for u in right]


def _times_agree(left: Sequence[Unit], right: Sequence[Unit]) -> bool | None:
    """Whether a passive tells the same time as its active; a bare participle tells none."""
    told = [exchanged(a, b).same for a, b in zip(left, right, strict=True) if a.part == "verb" == b.part]
    bare = any("bare" in {a.time, b.time} for a, b in zip(left, right, strict=True) if a.part == "verb")
    if all(told):
        return True
    return True if bare and False not in told else False if False in told else None


def _active(units: Sequence[Unit]) -> list[Unit] | None:
    """A sentence in the passive with its doer, said in the active; None for any other."""
    for at, unit in enumerate(units[:-2]):
        by = next((i for i in (at + 1, at + 2) if i < len(units) and units[i].key == "by"), 0)
        # `knocked over by`: what follows the verb stays with it.
        if (
            unit.part == "verb"
            and unit.passive
            and by
            and all(u.part == "preposition" for u in units[at + 1 : by])
        ):
            end = by + 2
            while end < len(units) and units[end].part in CONTENT and not units[end].fresh:
                end += 1
            start = _start_of_phrase(units, at)
            verb = [replace(unit, passive=False), *units[at + 1 : by]]
            return [*units[:start], *units[by + 1 : end], *verb, *units[start:at], *units[end:]]
    return None


def _start_of_phrase(units: Sequence[Unit], at: int) -> int:
    """Where the subject of the verb at `at` starts: after a phrase that was put in front."""
    if not units or units[0].part != "preposition":
        return 0
    fresh = [i for i in range(2, at) if units[i].fresh]
    return fresh[-1] if fresh else 0


def _is_fronted(left: Sequence[Unit], right: Sequence[Unit]) -> bool:
    """Whether `right` is `left` with its leading prepositional phrase put last."""
    if not left or left[0].part != "preposition":
        return False
    names, others = [_name(u) for u in left], [_name(u) for u in right]
    return any(names[at:] + names[:at] == others for at in range(2, len(left)))


def _adverb_moved(left: Sequence[Unit], right: Sequence[Unit]) -> bool:
    def rest(units: Sequence[Unit]) -> list[str]:
        return [_name(u) for u in units if u.part != "adverb"]

    return rest(left) == rest(right) and sum(u.part == "adverb" for u in left) == 1


def _swapped(left: Sequence[Unit], right: Sequence[Unit]) -> Found | None:
    """Two phrases that changed places around what is between them."""
    names, others = [_name(u) for u in left], [_name(u) for u in right]
    start = next(i for i, (a, b) in enumerate(zip(names, others, strict=True)) if a != b)
    back = next(i for i, (a, b) in enumerate(zip(names[::-1], others[::-1], strict=True)) if a != b)
    end = len(names) - back
    best: Found | None = None
    for n_first in range(1, end - start):
        for n_last in range(1, end - start - n_first + 1):
            first, last = names[start : start + n_first], names[end - n_last : end]
            middle = names[start + n_first : end - n_last]
            if last + middle + first == others[start:end]:
                spans = slice(start, start + n_first), slice(end - n_last, end)
                best = best or _meaning_of_swap(left, *spans)
    return best


def _meaning_of_swap(units: Sequence[Unit], first: slice, last: slice) -> Found:
    one, middle, other = units[first], units[first.stop : last.start], units[last]
    texts = " ".join(u.text for u in one), " ".join(u.text for u in other)
    pairs = (texts, texts[::-1])
    if not middle:
        adjectives = all(u.part == "adjective" for u in [*one, *other])
        return ("word_order", True, pairs) if adjectives else ("other", None, pairs)
    following = units[first.stop : first.stop + 1], units[last.stop : last.stop + 1]
    if kind := _kind_of_swap(one, other, following):
        return kind, False, pairs
    linking = {u.key for u in middle if u.part not in CONTENT}
    if linking <= closed.load().symmetric and not _whole_middle(middle):
        return "word_order", True, pairs
    if any(u.key == "with" for u in middle) or {u.part for u in middle} <= {"number", "adverb", "adjective"}:
        # `talks with` is no other way round, `fills with` is; and nothing may be said of either.
        return "other", None, pairs
    return "role_swap", False, pairs


def _kind_of_swap(
    one: Sequence[Unit], other: Sequence[Unit], following: tuple[Sequence[Unit], Sequence[Unit]]
) -> str:
    """What both phrases tell of the nouns after them; empty where they are no such phrases."""
    parts = {u.part for u in [*one, *other]}
    if parts in ({"number"}, {"amount"}):
        return "number" if parts == {"number"} else "quantifier"
    return "attribute" if _modify(one, other, following) else ""


def _whole_middle(middle: Sequence[Unit]) -> bool:
    """Whether content words stand between the two: then they are what the two are told apart by."""
    return any(u.part in CONTENT for u in middle)


def _modify(
    one: Sequence[Unit], other: Sequence[Unit], following: tuple[Sequence[Unit], Sequence[Unit]]
) -> bool:
    """Whether both phrases describe the noun that follows."""
    if all(vocabulary.attribute_class(u.key) or u.part == "adjective" for u in [*one, *other]):
        return all(after and after[0].part in CONTENT for after in following)
    return all(after and after[0].part in CONTENT and not after[0].fresh for after in following)
