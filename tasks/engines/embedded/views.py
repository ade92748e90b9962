"""What of a text a program reads: all of it, what is no code, or prose alone.

`#` heads a section, and begins a comment of a program; `i` is a person, and a counter. What a program of
prose reads is the text without code, formulas, tags and URLs.
"""

from typing import Literal, get_args

import polars as pl

View = Literal["text", "uncoded", "prose"]
VIEWS: tuple[View, ...] = get_args(View)

# No pattern reads on past where its like begins again: whatever a text holds, the time is linear in it.
_FENCED = r"(?s:```.*?(?:```|\z))|(?ms:^[ \t]*~~~.*?(?:^[ \t]*~~~|\z))"
_CODE = rf"{_FENCED}|`[^`\n]+`|(?m:^[ \t]*(?:>>>|\.\.\.)(?:[ \t].*)?$)"
# Between single dollars a formula shows itself by a sign or by being one short name; prices do not.
_INLINE = (
    r"\\\((?:[^\\\n]|\\[^()\n])+\\\)|"
    r"\$[A-Za-z](?:'|_?\w)?\$|"
    r"\$(?:[^\s$\d<.,][^$\n]*?)?[\\^_{](?:[^$\n]*?[^\s$])?\$|"
    r"\$[^\s$\d<.,][^$\n]*?=[^$\n]*?[^\s$=]\$|"
    r"\$\d[^$\n]*?[\\^_{](?:[^$\n]*?[^\s$])?\$"
)
_DISPLAY = (
    r"\$\$[^$\\^_=+<>]*[\\^_=+<>][^$]*\$\$|\$\$\s*(?:\w|[\d.]+|\w\(\w\))\s*\$\$|\\\[[^\[\]\\]*(?:[\^_=+<>/]|\\[^\[\]])(?:[^\\]|\\[^\[\]])*\\\]|"
    r"\\begin\{(?:equation|align|gather|multline|cases|[bpv]?matrix|array)\*?\}"
)
SHARED = {"formula": f"{_DISPLAY}|{_INLINE}", "display_formula": _DISPLAY}
"""Patterns by name."""
_UNREAD: dict[View, str] = {
    "text": "",
    "uncoded": _CODE,
    "prose": rf"{_CODE}|{_DISPLAY}|{_INLINE}|<<[^<>\n]*>>|</?[A-Za-z!][^<>]*>|(?-u:\b)(?i:(?:https?://|www\.)[^\s<>]+)",
}


def column(view: View) -> pl.Expr:
    """The column `text` as this view has it: what is not read is a space."""
    text, unread = pl.col("text"), _UNREAD[view]
    return text.str.replace_all(unread, " ") if unread else text


def unread(view: View) -> str:
    """Pattern of what the view leaves out; empty where it is all there."""
    return _UNREAD[view]
