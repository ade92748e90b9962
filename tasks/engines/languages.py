"""Which languages texts are written in, by py3langid, and which of them an encoder reads.

Identification of short texts is only sound among few candidates: the languages that hold a share of the
corpus. Only the first 1,000 characters of a text are read.
"""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

LEAST_SHARE = 0.03
"""Of a corpus: what is rarer is more often an error than a language."""
SURE = 0.7
"""Probability among all languages from which a text speaks for one."""
MOST_UNREAD = 0.1
"""Share of texts in languages that an encoder does not read; with more its vectors say nothing of them."""
MULTILINGUAL = (
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
    "intfloat/multilingual-e5-small",
)
"""Encoders to use in place of one that reads English alone."""
SAMPLE = 2_000
_READ_CHARS = 1_000
# Names by which models say that they read English alone; whatever else is named is taken to fit its texts.
_ENGLISH_ONLY = re.compile(
    r"(?i)^bundled\b|(?:^|[/_-])(?:all|paraphrase|multi-qa|msmarco|gtr|sentence-t5)-(?!.*multilingual)|"
    r"[-_]en(?:[-_.]|$)|english|clip-vit-(?!.*multilingual)|"
    r"(?:^|/)(?:gte|e5)-(?:small|base|large)(?:-v2)?$|nomic-embed-text-v1(?:\.5)?$|mxbai-embed-large-v1$"
)

LANGUAGES: dict[str, str] = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian",
    "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
SPACELESS = frozenset(("ja", "th", "zh"))
"""Languages that write no spaces between words."""
NO_LETTER = "zxx"
"""The code (ISO 639-2) of a text without a letter, such as one of emoji."""


def identified(texts: Sequence[str], among: tuple[str, ...] = tuple(sorted(LANGUAGES))) -> list[str]:
    """Code of the likeliest of these languages for each text, NO_LETTER where there is none."""
    return [code for code, _ in _likeliest(texts, among)]


def shares(texts: Sequence[str]) -> dict[str, float]:
    """Share (0-1) of the texts in each language that holds LEAST_SHARE of them, largest first.

    Found on every n-th text, at most twice SAMPLE of them; NO_LETTER counts as one. What is too short or no
    prose (`ok`, a product code) speaks for no language: it is taken to be in one that others are surely in,
    and in English where there is none.
    """
    sample = texts[:: max(len(texts) // SAMPLE, 1)]
    found = _likeliest(sample, tuple(sorted(LANGUAGES)))
    sure = Counter(code for code, p in found if p >= SURE and code != NO_LETTER)
    among = tuple(sorted(code for code, count in sure.items() if count >= LEAST_SHARE * sure.total()))
    others = [text for text, (code, p) in zip(sample, found, strict=True) if code != NO_LETTER and p < SURE]
    counted = Counter(code for code, p in found if p >= SURE)
    counted.update(identified(others, among or ("en",)))
    n = max(len(sample), 1)
    held = {code: count / n for code, count in counted.items() if count >= LEAST_SHARE * n}
    return dict(sorted(held.items(), key=lambda one: (-one[1], one[0])))


def _likeliest(texts: Sequence[str], among: tuple[str, ...]) -> list[tuple[str, float]]:
    """The likeliest of these languages for each text, and its probability among them."""
    identifier = _identifier(among)
    return [
        identifier.classify(read) if any(map(str.isalpha, read)) else (NO_LETTER, 1.0)
        for read in (text[:_READ_CHARS] for text in texts)
    ]


def unread(held: Mapping[str, float], encoder_name: str) -> list[str]:
    """Of the languages of a corpus (`shares`), those that the encoder of this name does not read.

    A text without a letter has no meaning to an encoder of English either.
    """
    return [code for code in held if code != "en"] if _ENGLISH_ONLY.search(encoder_name) else []


def is_read(held: Mapping[str, float], encoder_name: str) -> bool:
    """Whether the encoder reads enough of the corpus for its vectors to be proposed from."""
    return sum(held[code] for code in unread(held, encoder_name)) <= MOST_UNREAD


def is_english(held: Mapping[str, float]) -> bool:
    """Whether a corpus with these shares of languages may be read by lists of English words."""
    return sum(share for code, share in held.items() if code not in ("en", NO_LETTER)) <= MOST_UNREAD


def named(code: str) -> str:
    """The language as a reader knows it."""
    return LANGUAGES.get(code, "no letters")


def warning(held: Mapping[str, float], encoder_name: str) -> str:
    """What to tell of an encoder that does not read a corpus; empty where it does."""
    missed = unread(held, encoder_name)
    if not missed:
        return ""
    listed = ", ".join(f"{named(code)} {held[code]:.0%}" for code in missed)
    left = "" if is_read(held, encoder_name) else " Themes, topics and tones are not proposed with it."
    return (
        f"the encoder `{encoder_name}` reads English, and texts are {_other(missed)} ({listed}).{left} "
        f"Set embed.encoder to one that reads them, such as {' or '.join(MULTILINGUAL)}"
    )


def _other(missed: Sequence[str]) -> str:
    said = ["in other languages"] * any(code != NO_LETTER for code in missed)
    return " or ".join([*said, *["without letters"] * (NO_LETTER in missed)])


@functools.lru_cache(maxsize=4)
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(among))
    return identifier
