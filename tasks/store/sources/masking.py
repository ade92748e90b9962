"""What is cut out of texts, or replaced in them, before all else (collect.ignore, collect.mask)."""

import re

import polars as pl

from tasks.store import canonical
from tasks.store.sources.hashing import normalised
from tasks.study.corpus import Collect, Masked, cut_out, is_pattern

URL = r"(?:https?://|www\.)[^\s<>\"']+"
EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
HANDLE = r"@\w+"
NUMBER = r"\p{N}[\p{N}.,]*\p{N}|\p{N}"
STAND_INS: dict[Masked, tuple[str, str]] = {
    "urls": (URL, "URL"),
    "emails": (EMAIL, "EMAIL"),
    "handles": (r"(^|[^\w@])@\w+", "${1}@user"),
    "numbers": (NUMBER, "0"),
}
"""Pattern and what stands in for it, in the order of replacing: an address may hold a handle and numbers."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def masked(texts: pl.Series, collect: Collect) -> tuple[pl.Series, dict[str, int]]:
    """Texts without what is ignored, with stand-ins for what is masked; how many each entry changed.

    Args:
        texts: in their one form (canonical.canonicalised).
        collect: says what.
    """
    counts: dict[str, int] = {}
    for entry in dict.fromkeys(collect.ignore):
        pattern = canonical.pattern(entry[1:-1]) if is_pattern(entry) else _as_pattern(entry)
        cut = texts.str.replace_all(cut_out(pattern), "")
        is_changed = (cut != texts).fill_null(False)
        counts[entry] = int(is_changed.sum())
        texts = pl.select(pl.when(is_changed).then(cut.str.strip_chars()).otherwise(texts)).to_series()
    for what, (pattern, stand_in) in STAND_INS.items():
        if what in collect.mask:
            changed = texts.str.replace_all(pattern, stand_in)
            counts[what] = int((changed != texts).fill_null(False).sum())
            texts = changed
    return texts, counts


def told_apart(texts: pl.Series, collect: Collect) -> pl.Series:
    """Texts as collect tells them apart, from what was read; "" for none."""
    read = canonical.with_changes(texts)[0].str.slice(0, collect.max_chars)
    return normalised(masked(read, collect)[0]).fill_null("")


def _as_pattern(phrase: str) -> str:
    """The phrase as whole words, in any case and however encoded; white space in it is any white space."""
    return f"(?i:{_whole(canonical.canonical(phrase).strip())})"


def _whole(phrase: str) -> str:
    inner = r"\s+".join(re.escape(word) for word in phrase.split())
    before, after = (r"\b" if c.isalnum() and not _UNSPACED.match(c) else "" for c in (phrase[0], phrase[-1]))
    return before + inner + after
