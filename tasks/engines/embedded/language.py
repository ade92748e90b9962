"""The language a text is written in, by py3langid, among the languages that the corpus holds.

Identification of short texts is only sound among few candidates: those above 3 % of the exploration
half. A text without a letter is in no language. Only the first 1,000 characters are read.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from tasks.engines.contrast import Contrast
from tasks.engines.embedded.candidate import Candidate, Harvest

LEAST_SHARE = 0.03
SAMPLE = 2_000
_READ_CHARS = 1_000

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


def harvest(contrast: Contrast, texts: Sequence[str]) -> Harvest:
    """One predicate for each language above 3 % of the texts, where there are two or more."""
    step = max(len(texts) // SAMPLE, 1)
    sample = Counter(identified(texts[::step], tuple(sorted(LANGUAGES))))
    n = max(sum(sample.values()), 1)
    among = tuple(sorted(code for code, count in sample.items() if code and count >= LEAST_SHARE * n))
    if len(among) < 2:
        return Harvest([])
    codes = np.array(identified(texts, among))
    held = np.column_stack([codes == code for code in among])
    effect, z = contrast.measure(held)
    candidates = [
        Candidate(
            f"is written in {LANGUAGES[code]}", "style", "exact",
            {"kind": "language", "code": code, "among": list(among)},
            held[:, i], float(effect[i]), float(z[i]),
        )
        for i, code in enumerate(among)
    ]  # fmt: skip
    return Harvest(candidates)


def holds(definition: Mapping[str, Any], texts: Sequence[str]) -> Bool[np.ndarray, " text"]:
    """Whether each text meets a validated definition."""
    codes = identified(texts, tuple(definition["among"]))
    return np.fromiter((code == definition["code"] for code in codes), bool, len(texts))


def identified(texts: Sequence[str], among: tuple[str, ...]) -> list[str]:
    """Code of the likeliest of these languages for each text, "" where there is no letter."""
    identifier = _identifier(among)
    return [
        str(identifier.classify(read)[0]) if any(map(str.isalpha, read)) else ""
        for read in (text[:_READ_CHARS] for text in texts)
    ]


@functools.lru_cache(maxsize=4)
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(among))
    return identifier
