"""What a model thought before it answered: told from the answer, and never taken for it."""

from collections.abc import Sequence
from typing import Any

_BEGINS, _ENDS = "<think>", "</think>"
"""Some servers leave out the opening tag."""
_AROUND_A_WORD = " \t\r\n\"'`*_#>“”‘’«»„"
"""What may stand before the first word of an answer: space, quotes and markup."""


def answer(content: str) -> str:
    """A message without the thought before it; empty where the thought never ended."""
    start = content.lstrip()
    if start.startswith("{"):  # Data may speak of the closing tag.
        return content
    _, ended, rest = content.rpartition(_ENDS)
    return "" if not ended and start.startswith(_BEGINS) else rest


def is_in(message: dict[str, Any], text: str, usage: Any) -> bool:
    """Whether a message shows that its model thinks, in one of the ways that servers have to show it."""
    parts = message.get("content")
    if any(message.get(name) for name in ("reasoning_content", "reasoning")):
        return True
    if isinstance(parts, list) and any(map(is_part, parts)):
        return True
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    if isinstance(details, dict) and details.get("reasoning_tokens"):
        return True
    start = text.lstrip()
    return start.startswith(_BEGINS) or (_ENDS in start and not start.startswith("{"))


def is_part(part: dict[str, Any]) -> bool:
    """Whether a part of a message is thought."""
    return part.get("type") in {"thinking", "reasoning"}


def first_word_at(tokens: Sequence[str], content: str) -> int | None:
    """Which token of a message begins the first word of its answer; None where none does.

    Args:
        tokens: of the whole message, the thought included where the server lists it.
        content: the message.
    """
    whole, wanted = "".join(tokens), answer(content).strip()
    if _ENDS in whole:
        begins = whole.rindex(_ENDS) + len(_ENDS)
    elif whole.lstrip().startswith(_BEGINS):
        return None
    elif wanted and not whole.lstrip().startswith(wanted):
        # Thought in a form of the model's own: the answer is what the message ends with.
        begins = max(whole.rfind(wanted), 0)
    else:
        begins = 0
    at = 0
    for i, token in enumerate(tokens):
        at += len(token)
        if at > begins and token[max(0, begins - at + len(token)) :].strip(_AROUND_A_WORD):
            return i
    return None
