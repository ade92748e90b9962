"""How values are written in a report: numbers with the digits that matter, untrusted text made harmless."""

import json
import math
import re
import unicodedata
from typing import Any

MAX_CHARS = 320
"""Characters shown of a text, around its first match."""
PLAIN = ("percent", "pvalue", "count", "cost", "figure", "clip", "short", "pieces")
"""Filters that are the same in every report; the others depend on how many digits it can claim."""


def effect(value: float | None, decimals: int) -> str:
    """A signed effect with a typographic minus: +0.27, −0.03, 0.00."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def end(value: float | None, decimals: int) -> str:
    """An end of an interval, or a size: the same without the plus."""
    return effect(value, decimals).removeprefix("+")


def percent(value: float) -> str:
    """A chosen level in percent: 5%, 99.5%."""
    return f"{100 * value:g}%"


def pvalue(value: float | None) -> str:
    """A p or q with as many digits as matter: <0.001, 0.034, 0.31."""
    if value is None or not math.isfinite(value):
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.0995 else f"{value:.2f}"


def share(value: float | None, decimals: int = 2) -> str:
    """A share in percent: 26%, 0.4%, <0.1%."""
    if value is None or not math.isfinite(value):
        return "–"
    if 0 < value < 0.001:
        return "<0.1%"
    if 0.999 < value < 1:
        return ">99.9%"
    fine = value not in (0, 1) and (decimals > 2 or not 0.1 <= value <= 0.99)
    return f"{100 * value:.{int(fine)}f}%"


def count(value: float) -> str:
    """A whole number with thousands set apart."""
    return f"{value:,.0f}"


def cost(value: float | None) -> str:
    """US dollars to the cent, with their sign; a dash where no price is known."""
    if value is None:
        return "–"
    return "$0" if value == 0 else "<$0.01" if value < 0.01 else f"${value:,.2f}"


def usd(value: float | None) -> str:
    """The same where `USD` follows."""
    if value is None:
        return "unknown"
    return "0.00" if value == 0 else cost(value).replace("$", "")


def figure(value: Any) -> str:
    """A value of another stage's manifest, whatever it is."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return count(value)
    return f"{value:.4g}" if isinstance(value, float) else clip(str(value), 400)


_HIDDEN = re.compile(
    # Controls but tab and newline, bidi embeddings, overrides and isolates, surrogates, noncharacters.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb\ufffe\uffff]"
)


def neutral(value: Any) -> Any:
    """The value; in a string, what would act on the page rather than be read is shown as U+FFFD."""
    if type(value) is not str:
        return value
    return _HIDDEN.sub("\ufffd", value.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n"))


def clip(text: str, most: int = 240) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most else text[: _boundary(text, most - 1)].rstrip() + "…"


def short(name: str, most: int = 60) -> str:
    """The name, or its beginning and its end: long names of one kind differ at either."""
    if len(name) <= most:
        return name
    tail = most // 3
    head, end = name[: _whole(name, most - 1 - tail)], name[_whole(name, len(name) - tail) :]
    return f"{head.rstrip()}…{end.lstrip()}"


def pieces(text: str, spans: str = "[]", most: int = MAX_CHARS) -> list[tuple[str, bool]]:
    """The text cut at its matched parts, as (part, is_match); long texts only around the first match.

    Line breaks are shown as signs: a text takes the room that its words take.

    Cutting comes before escaping, so that no position is ever counted in escaped text.
    """
    matches = _valid_spans(spans, len(text))
    start, end = 0, len(text)
    if len(text) > most:
        begin = matches[0][0] if matches else 0
        start = 0 if begin < most // 2 else _boundary(text, begin - most // 4)
        end = _boundary(text, start + most) if start + most < len(text) else len(text)
    found: list[tuple[str, bool]] = [("… ", False)] if start else []
    at = start
    for first, last in matches:
        if first >= end or last <= at:
            continue
        found += [(text[at : max(first, at)], False), (text[max(first, at) : min(last, end)], True)]
        at = min(last, end)
    found += [(text[at:end], False)] + ([("…", False)] if end < len(text) else [])
    return [(re.sub(r"\s*\n\s*", " ↵ ", part), match) for part, match in found if part]


def _valid_spans(spans: str, length: int) -> list[tuple[int, int]]:
    """Spans inside the text, in order and without overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(0, s), min(e, length)) for s, e in json.loads(spans)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _boundary(text: str, at: int) -> int:
    """The end of the last word before `at` if one is near, else a place that splits no visible character."""
    near = max(0, at - 24)
    space = max(text.rfind(" ", near, at), text.rfind("\n", near, at))
    return space + 1 if space > 0 else _whole(text, at)


def _whole(text: str, at: int) -> int:
    """The nearest place before `at` that splits no visible character."""
    while at > 0 and (
        unicodedata.combining(text[at]) or text[at] in "\u200d\ufe0f" or text[at - 1] == "\u200d"
    ):
        at -= 1
    return at
