"""The one form of a text that everything judges, counts, shows, embeds, asks a model about and hashes.

What looks the same becomes the same, and what a reader sees stays (docs/decisions/0022-what-looks-the-same.md
argues each rule). Applied twice it changes nothing more. Printable ASCII, tabs and line feeds are left as
they are, so that a text of these costs one look.
"""

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping

import polars as pl

CHANGES = {
    "surrogates": "halves of surrogate pairs were replaced",
    "composed": "letters written in parts (NFD) were composed",
    "line_ends": "line ends of other systems were made LF",
    "controls": "control characters were taken out or read as Windows-1252",
    "soft_hyphens": "soft hyphens were taken out",
    "directions": "marks of the direction of writing were taken out",
    "invisible": "characters that show nothing (zero-width, byte order marks, fillers) were taken out",
    "spaces": "no-break and other odd spaces were made blanks",
    "quotes": "typographic quotation marks and apostrophes were made straight",
    "dashes": "hyphens and dashes of the same look were made one",
    "ellipses": "ellipses of one character were made three full stops",
    "ligatures": "ligatures and presentation forms were made letters",
    "widths": "fullwidth and halfwidth letters, digits and kana were made ordinary ones",
}
"""Every kind of change, and what was done, in the order of telling."""

_ODD = r"[^\t\n\x20-\x7e]"
"""What a text may have to be looked at for."""
_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_JOINERS = "\u200c\u200d"
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
# Default_Ignorable_Code_Point of the Unicode standard, less the four above.
_NOTHING = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_REGION = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f"
"""The flag of a region, such as Scotland's."""
_LIGATURES = "\u0132\u0133\u0140\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06\ufb13-\ufb17\ufb20-\ufb28\ufb4f"
_ARABIC_FORMS = "\ufb50-\ufbb1\ufbd3-\ufc5d\ufc64-\ufd3d\ufd50-\ufd8f\ufd92-\ufdc7\ufe80-\ufefc"
_WIDTHS = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff61-\uff9f\uffe0\uffe1\uffe5\uffe6"
_QUOTES = {**dict.fromkeys("“”„‟＂", '"'), **dict.fromkeys("‘’‚‛ʼ＇", "'")}
_DASHES = {"\u2010": "-", "\u2011": "-", "\u2012": "–", "\u2015": "—"}
_ELLIPSES = {"\u2024": ".", "\u2025": "..", "\u2026": "..."}

_JOINING = (
    r"[\p{L}\p{M}&&[\p{scx=Arabic}\p{scx=Syriac}\p{Mandaic}\p{Nko}\p{Mongolian}\p{Phags_Pa}\p{Manichaean}"
    r"\p{Adlam}\p{Hanifi_Rohingya}\p{Sogdian}\p{scx=Devanagari}\p{scx=Bengali}\p{Gurmukhi}\p{Gujarati}"
    r"\p{Oriya}\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Tibetan}\p{Myanmar}\p{Khmer}"
    r"\p{Balinese}\p{Javanese}\p{Sundanese}\p{Kaithi}\p{Chakma}\p{Grantha}\p{Newa}]]"
)
"""Letters and marks of scripts in which joiners show."""
_PICTURE, _COLOURED = r"\p{Extended_Pictographic}", r"\p{Emoji_Presentation}"
_UNJOINED = (
    "\u0621-\u0625\u0627\u0629\u062f-\u0632\u0648\u0671-\u0677\u0688-\u0699\u06c0\u06c3-\u06cb\u06cd\u06cf"
    "\u06d2\u06d3\u06d5\u06ee\u06ef"
)
"""Arabic letters that never join the next one: a non-joiner after them shows nothing."""


def canonical(text: str) -> str:
    """The text in its one form."""
    return _changed(text)[0]


def canonicalised(texts: pl.Series) -> pl.Series:
    """All texts in their one form; null stays null."""
    return with_changes(texts)[0]


def with_changes(texts: pl.Series) -> tuple[pl.Series, dict[str, pl.Series]]:
    """All texts in their one form; and which were changed, by kind of change (only kinds that occur)."""
    odd = texts.str.contains(_ODD).fill_null(False)
    if not odd.any():
        return texts, {}
    distinct = texts.filter(odd).unique()
    made = {text: found for text in distinct if (found := _changed(text))[1]}
    if not made:
        return texts, {}
    kinds = [kind for kind in CHANGES if any(kind in changed for _, changed in made.values())]
    table = pl.DataFrame(
        {
            "text": list(made),
            "made": [text for text, _ in made.values()],
            **{kind: [kind in changed for _, changed in made.values()] for kind in kinds},
        }
    )
    joined = texts.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")
    canon = joined.select(pl.coalesce("made", "text")).to_series().alias(texts.name)
    return canon, {kind: joined[kind].fill_null(False) for kind in kinds}


def spelling(text: str) -> str:
    """What texts have in common that count as duplicates: case, compatibility forms and white space aside.

    Raised and lowered signs and fractions stay apart from plain ones: 10² is not 102.
    """
    return _folded(canonical(text))


def spellings(texts: pl.Series) -> list[str]:
    """spelling() of each of some texts, none of them null."""
    return [_folded(text) for text in canonicalised(texts)]


def _folded(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    # Folding can undo NFKC (and the other way round), hence twice.
    raised, apart = _raised()
    kept = raised.sub(lambda found: apart[found[0]], text)
    folded = unicodedata.normalize("NFKC", kept).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def composed(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its columns of text in NFC, for conditions on what they hold."""
    return frame.with_columns(pl.col(pl.String).str.normalize("NFC"))


def pattern(source: str) -> str:
    """A regular expression that finds in texts of this form what was meant to be found in any.

    A range of signs of one kind, such as all hyphens, also means what stands for them.
    """
    source, made, depth, at = nfc(source), "", 0, 0
    while found := (_IN_BRACKETS if depth else _OUT_OF_BRACKETS).match(source, at):
        unit, at = found[0], found.end()
        if depth:
            made += _of_range(unit[0], unit[2]) if found.lastgroup else _meant(unit, 1)
        else:
            meant = _meant(unit)
            is_one = meant == unit or len(meant.replace("\\", "")) == 1
            made += meant if is_one or source[at : at + 1] not in {*"*+?{"} else f"(?:{meant})"
        depth = max(depth + unit.startswith("[") - (unit == "]"), 0)
    return made


def _meant(unit: str, most: int | None = None) -> str:
    """A character of a pattern, or an escaped one, or what stands for it, if that has at most so many."""
    kind, instead = _stands().get(unit[-1], ("", ""))
    if kind not in _SEEN or (most and len(set(instead)) > most):
        return unit
    return re.escape(instead[:most])


def _of_range(first: str, last: str) -> str:
    """A range inside of brackets, and what stands for its members."""
    kind = _kind(first)
    if kind not in _SEEN or kind != _kind(last):
        return f"{first}-{last}"
    members = map(chr, range(ord(first), ord(last) + 1))
    added = dict.fromkeys(_meant(c, 1) for c in members if c in _stands() and _kind(c) == kind)
    return f"{first}-{last}{''.join(added)}"


def _kind(character: str) -> str:
    """The kind of change it undergoes; that of the other dashes for a dash that stays."""
    return "dashes" if character in _DASHES.values() else _stands().get(character, ("", ""))[0]


def nfc(text: str) -> str:
    """The text composed, and nothing else: for a condition or a pattern."""
    if len(text) > _LONG_RUN:
        text = _long_runs().sub(_in_order, text)
    return unicodedata.normalize("NFC", text)


_LONG_RUN = 100


@functools.cache
def _long_runs() -> re.Pattern[str]:
    """Many marks on one letter, whose order takes the library the square of their number."""
    every = map(chr, range(0x300, 0x1F000))
    marks = [c for c in every if unicodedata.combining(unicodedata.normalize("NFD", c)[0])]
    return re.compile(f"[{''.join(marks)}]{{{_LONG_RUN},}}")


def _in_order(found: re.Match[str]) -> str:
    """The marks in the order that the standard gives them."""
    each = "".join(unicodedata.normalize("NFD", mark) for mark in found[0])
    return "".join(sorted(each, key=unicodedata.combining))


def _changed(text: str) -> tuple[str, set[str]]:
    """The text in its one form, and the kinds of change that led there."""
    changed: set[str] = set()
    # One rule can make work for another: a letter composes once what stood inside it is gone.
    while (made := _passed(text, changed)) != text:
        text = made
    return text, changed


def _passed(text: str, changed: set[str]) -> str:
    """The text after each rule was applied once; adds what was changed."""
    made = nfc(text)
    if made != text:
        changed.add("composed")
    if _LISTED.search(made):
        stands = _stands()

        def stand_in(found: re.Match[str]) -> str:
            if found[1]:
                return found[1]
            kind, instead = stands[found[0]]
            changed.add(kind)
            return instead

        made = _LISTED.sub(stand_in, made)
    if _DOUBTFUL.search(made):
        shown = _JOINER.sub(_joins, _SELECTOR.sub(_selects, made))
        if shown != made:
            changed.add("invisible")
            made = shown
    return nfc(made)


_CONTROLS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_LINE_ENDS = "\r\x0b\x0c\x85\u2028\u2029"
_CLASSES = {
    "surrogates": "\ud800-\udfff",
    "line_ends": _LINE_ENDS,
    "controls": _CONTROLS,
    "soft_hyphens": "\u00ad",
    "directions": _DIRECTIONS,
    "invisible": _NOTHING,
    "spaces": _SPACES,
    "quotes": "".join(_QUOTES),
    "dashes": "".join(_DASHES),
    "ellipses": "".join(_ELLIPSES),
    "ligatures": _LIGATURES + _ARABIC_FORMS,
    "widths": _WIDTHS,
}
"""What is changed wherever it stands, as classes of characters."""
_SEEN = ("spaces", "quotes", "dashes", "ellipses", "ligatures", "widths")
"""Of these, what a reader sees, and so may look for."""
_LISTED = re.compile(f"({_REGION})|\r\n|[{''.join(_CLASSES.values())}]")
_DOUBTFUL = re.compile(f"[{_JOINERS}{_SELECTORS}]")
_OUT_OF_BRACKETS = re.compile(r"\\.|\[\^?\]?|.", re.S)
_IN_BRACKETS = re.compile(rf"(?P<range>[^\\\[\]]-[^\\\[\]])|{_OUT_OF_BRACKETS.pattern}", re.S)
"""What a pattern is made of: an escape, the opening of brackets, a range, any other character."""
_SELECTOR, _JOINER = re.compile(f"[{_SELECTORS}]"), re.compile(f"[{_JOINERS}]+")


@functools.cache
def _stands() -> Mapping[str, tuple[str, str]]:
    """Listed character -> kind of change, and what stands for it."""
    stands = {
        **dict.fromkeys(_members(_CLASSES["surrogates"]), "\ufffd"),
        **dict.fromkeys(_members(_LINE_ENDS), "\n"),
        **{character: _control(character) for character in _members(_CONTROLS)},
        **dict.fromkeys(_members(_SPACES), " "),
        **_QUOTES,
        **_DASHES,
        **_ELLIPSES,
        **{c: unicodedata.normalize("NFKC", c) for c in _members(_LIGATURES + _ARABIC_FORMS + _WIDTHS)},
    }
    kinds = {character: kind for kind, listed in _CLASSES.items() for character in _members(listed)}
    found = {character: (kind, stands.get(character, "")) for character, kind in kinds.items()}
    return {**found, "\r\n": ("line_ends", "\n")}


def _members(listed: str) -> Iterator[str]:
    """The characters of a class, with its ranges."""
    for first, last in re.findall("(?s)(.)(?:-(.))?", listed):
        yield from map(chr, range(ord(first), ord(last or first) + 1))


def _control(character: str) -> str:
    """What stands for a control character: separators are blanks, C1 is what Windows-1252 has there."""
    if "\x1c" <= character <= "\x1f":
        return " "
    return character.encode("latin-1").decode("cp1252", "ignore") if character >= "\x80" else ""


def _selects(found: re.Match[str]) -> str:
    """The selector where it shows: after a sign that may be an emoji, in a key, after a Mongolian letter."""
    selector, (before, after) = found[0], _beside(found)
    picture = before in _having(_PICTURE)
    shows = (
        (selector == "\ufe0e" and picture)
        or (selector == "\ufe0f" and picture and before not in _having(_COLOURED))
        or (selector == "\ufe0f" and after == "\u20e3" and before in set("0123456789#*"))
        or (selector < "\ufe00" and "\u1820" <= before <= "\u18aa")
    )
    return selector if shows else ""


def _joins(found: re.Match[str]) -> str:
    """One joiner where it shows: between pictures, and where a letter would join, or would not."""
    joiner, (before, after) = found[0][0], _beside(found)
    letters, unjoined = _having(_JOINING), before in _members_of_unjoined()
    begins = before in letters and not unjoined
    if joiner == "\u200c":
        return joiner if begins and after in letters else ""
    is_picture = before == "\ufe0f" or before in _having(_PICTURE) or before in _having(_COLOURED)
    shows = after in _having(_PICTURE) if is_picture else begins or after in letters
    return joiner if shows else ""


def _beside(found: re.Match[str]) -> tuple[str, str]:
    """The characters before and after; empty where there is none."""
    start, end = found.span()
    return found.string[max(start - 1, 0) : start], found.string[end : end + 1]


@functools.cache
def _members_of_unjoined() -> frozenset[str]:
    return frozenset(_members(_UNJOINED))


@functools.cache
def _having(rust: str) -> frozenset[str]:
    """The characters of a class that polars' regular expressions know by name."""
    every = pl.Series([chr(i) for i in (*range(0x80, 0xD800), *range(0xE000, 0x20000))])
    return frozenset(every.filter(every.str.contains(rf"^{rust}$")))


@functools.cache
def _raised() -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Signs whose compatibility form would mean something else, and what keeps each apart."""
    marks = {"<super>": "^", "<sub>": "_", "<fraction>": " "}
    every = map(chr, range(0x80, 0xD800))
    tags = {character: unicodedata.decomposition(character).partition(" ")[0] for character in every}
    found = {c: marks[tag] + unicodedata.normalize("NFKC", c) for c, tag in tags.items() if tag in marks}
    return re.compile(f"[{''.join(found)}]"), found
