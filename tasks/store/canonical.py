"""The one form of a text that everything judges, counts, shows, embeds, asks a model about and hashes.

What looks the same becomes the same, and what a reader sees stays (docs/decisions/0022-what-looks-the-same.md
argues each rule). Applied twice it changes nothing more. Printable ASCII, tabs and line feeds are left as
they are, so that a text of these costs one look.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence

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
    made = [_changed(text) for text in distinct]
    kinds = [kind for kind in CHANGES if any(kind in changed for _, changed in made)]
    table = pl.DataFrame(
        {
            "text": distinct,
            "made": pl.Series([text for text, _ in made], dtype=pl.String),
            **{kind: [kind in changed for _, changed in made] for kind in kinds},
        }
    )
    found = texts.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")
    canon = found.select(pl.coalesce("made", "text")).to_series().alias(texts.name)
    return canon, {kind: found[kind].fill_null(False) for kind in kinds}


def spelling(text: str) -> str:
    """What texts have in common that count as duplicates: case, compatibility forms and white space aside.

    Raised and lowered signs and fractions stay apart from plain ones: 10² is not 102.
    """
    if text.isascii() and not _CONTROLS.search(text):
        return " ".join(text.lower().split())
    marked = canonical(text).translate(_raised())
    # Folding can undo NFKC (and the other way round), hence twice.
    folded = unicodedata.normalize("NFKC", marked).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def composed(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its columns of text in NFC, for conditions on what they hold."""
    return frame.with_columns(_nfc(frame[name]) for name, dtype in frame.schema.items() if dtype == pl.String)


def pattern(source: str) -> str:
    """A regular expression that finds in texts of this form what was meant to be found in any."""
    folded = {**_QUOTES, **_DASHES, **_ELLIPSES, **{c: " " for c in source if re.match(f"[{_SPACES}]", c)}}
    return "".join(re.escape(folded[c]) if c in folded else c for c in nfc(source))


def nfc(text: str) -> str:
    """The text composed, and nothing else: for a condition or a pattern."""
    return unicodedata.normalize("NFC", text)


def _nfc(column: pl.Series) -> pl.Series:
    if not (column.str.len_bytes() != column.str.len_chars()).any():
        return column
    distinct = column.unique().drop_nulls()
    made = pl.Series([nfc(value) for value in distinct], dtype=pl.String)
    return column.replace_strict(distinct, made, default=None, return_dtype=pl.String)


def _changed(text: str) -> tuple[str, set[str]]:
    """The text in its one form, and the kinds of change that led there."""
    changed: set[str] = set()
    # One rule can make work for another: a letter composes once what stood inside it is gone.
    while (rules := _rules_for(text)) or not unicodedata.is_normalized("NFC", text):
        before = text
        for kind, rule in (("composed", nfc), *rules):
            made = rule(text)
            if made != text:
                changed.add(kind)
                text = made
        text = nfc(text)
        if text == before:
            break
    return text, changed


def _rules_for(text: str) -> Sequence[tuple[str, Callable[[str], str]]]:
    return _rules() if _ANY.search(text) else ()


_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ANY = re.compile(
    f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u2028\u2029\ud800-\udfff{_SPACES}{_DIRECTIONS}{_JOINERS}{_SELECTORS}{_NOTHING}"
    f"{''.join(_QUOTES)}{''.join(_DASHES)}{''.join(_ELLIPSES)}{_LIGATURES}{_ARABIC_FORMS}{_WIDTHS}]"
)


@functools.cache
def _rules() -> tuple[tuple[str, Callable[[str], str]], ...]:
    """Kinds of change in the order of making them, each with what makes it."""
    return (
        ("surrogates", _each("[\ud800-\udfff]", "\ufffd")),
        ("line_ends", lambda text: _LINE_ENDS.sub("\n", text)),
        ("controls", lambda text: _CONTROLS.sub(lambda found: _control(found[0]), text)),
        ("soft_hyphens", _each("\u00ad", "")),
        ("directions", _each(f"[{_DIRECTIONS}]+", "")),
        ("invisible", lambda text: _joined(_shown(text))),
        ("spaces", _each(f"[{_SPACES}]", " ")),
        ("ligatures", _compatible(_LIGATURES + _ARABIC_FORMS)),
        ("widths", _compatible(_WIDTHS)),
        ("quotes", _table(_QUOTES)),
        ("dashes", _table(_DASHES)),
        ("ellipses", _table(_ELLIPSES)),
    )


def _each(found: str, stands: str) -> Callable[[str], str]:
    looked_for = re.compile(found)
    return lambda text: looked_for.sub(stands, text)


def _table(stands: dict[str, str]) -> Callable[[str], str]:
    looked_for = re.compile(f"[{''.join(stands)}]")
    return lambda text: looked_for.sub(lambda found: stands[found[0]], text)


def _compatible(characters: str) -> Callable[[str], str]:
    looked_for = re.compile(f"[{characters}]+")
    return lambda text: looked_for.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _control(character: str) -> str:
    """What stands for a control character: separators are blanks, C1 is what Windows-1252 has there."""
    if character in "\t\n\x1c\x1d\x1e\x1f":
        return character if character in "\t\n" else " "
    return character.encode("latin-1").decode("cp1252", "ignore") if character >= "\x80" else ""


def _shown(text: str) -> str:
    """The text without what shows nothing wherever it stands, and without selectors that select nothing."""
    text = _nothing().sub(lambda found: found[0] if found[0][0] == "\U0001f3f4" else "", text)
    return _selectors().sub(r"\1", text) if _SELECTOR.search(text) else text


def _joined(text: str) -> str:
    """The text with one joiner where several stand, and none where it joins and parts nothing."""
    return _idle_joiners().sub("", _RUN.sub(r"\1", text)) if _JOINER.search(text) else text


_RUN = re.compile(f"([{_JOINERS}])[{_JOINERS}]+")
_JOINER, _SELECTOR = re.compile(f"[{_JOINERS}]"), re.compile(f"[{_SELECTORS}]")


@functools.cache
def _nothing() -> re.Pattern[str]:
    return re.compile(f"{_REGION}|[{_NOTHING}]+")


@functools.cache
def _selectors() -> re.Pattern[str]:
    """A selector; as group 1 one that shows: of a sign that may be an emoji, a key, a Mongolian letter."""
    sign, doubtful = _characters(_PICTURE), _characters(rf"[{_PICTURE}--{_COLOURED}]")
    return re.compile(
        f"((?<=[{sign}])\ufe0e|(?<=[{doubtful}])\ufe0f|(?<=[0-9#*])\ufe0f(?=\u20e3)"
        f"|(?<=[\u1820-\u18aa])[\u180b-\u180d\u180f])|[{_SELECTORS}]"
    )


@functools.cache
def _idle_joiners() -> re.Pattern[str]:
    letter, sign = _characters(_JOINING), _characters(_PICTURE)
    picture = f"{sign}{_characters(_COLOURED)}\ufe0f"
    return re.compile(
        # A non-joiner shows between two letters of which the first would join.
        f"(?<![{letter}])\u200c|(?<=[{_UNJOINED}])\u200c|\u200c(?![{letter}])"
        # A joiner shows beside any letter that joins, and between pictures.
        f"|(?:(?<![{letter}])|(?<=[{_UNJOINED}]))(?<![{picture}])\u200d(?![{letter}])"
        f"|(?<=[{picture}])\u200d(?![{sign}])"
    )


@functools.cache
def _characters(rust: str) -> str:
    """The characters of a class that polars' regular expressions know by name, for a class of Python's."""
    every = [chr(i) for i in (*range(0x80, 0xD800), *range(0xE000, 0x20000))]
    found = pl.Series(every).filter(pl.Series(every).str.contains(rf"^{rust}$"))
    codes = pl.DataFrame({"code": [ord(c) for c in found]})
    ranges = codes.group_by(run=pl.col("code") - pl.int_range(pl.len()), maintain_order=True)
    ends = ranges.agg(first=pl.col("code").min(), last=pl.col("code").max())
    return "".join(f"{chr(first)}-{chr(last)}" for _, first, last in ends.rows())


@functools.cache
def _raised() -> dict[int, str]:
    """Signs whose compatibility form would mean something else -> what keeps them apart."""
    marks = {"<super>": "^", "<sub>": "_", "<fraction>": " "}
    found = {}
    for code in range(0x80, 0xFFFF):
        tag = unicodedata.decomposition(chr(code)).partition(" ")[0]
        if tag in marks:
            found[code] = marks[tag] + unicodedata.normalize("NFKC", chr(code))
    return found
