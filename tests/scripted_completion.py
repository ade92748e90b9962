"""A scripted answer as a chat completion, with what the plan does to its form."""

import json
import math
from typing import Any

from tests import questions, scripted_sight
from tests.scripted_model import Messages, Plan, Question, answered, p_yes, refusal

_CONTENT_FAULTS = ("half_json", "wrong_schema")
_PICTURE_TOKENS = 100
_ITEM_FAULTS = ("reordered", "missing_items")


def drawn_fault(plan: Plan, at: float, names: tuple[str, ...]) -> str:
    """Which of these faults is met, by a number from 0 to 1; empty for none."""
    for name in names:
        at -= getattr(plan, name)
        if at < 0:
            return name
    return ""


def completion_of(
    plan: Plan, question: Question, body: dict[str, Any], drawn: float, echo: str
) -> tuple[dict[str, Any], str]:
    """A chat completion, and what is wrong with it."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    finish, logprobs = "stop", None
    fault = refusal(plan, question)
    if fault == "refusal":
        message["refusal"] = f"I cannot help with that. {echo}"
    elif fault == "content_filter":
        finish = "content_filter"
    elif not fault:
        message["content"], fault = _content(plan, question, drawn, echo)
        if plan.logprobs and body.get("logprobs"):
            logprobs = _logprobs(p_yes(plan, question), body.get("top_logprobs", 0), echo)
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs}
    completion = {
        "id": f"chatcmpl-{echo}",
        "object": "chat.completion",
        "created": 0,
        "model": f"{body['model']}{echo}",
        "choices": [choice],
    }
    if not plan.no_usage:
        completion["usage"] = _usage(body["messages"], message["content"] or "")
    return completion, fault


def _content(plan: Plan, question: Question, drawn: float, echo: str) -> tuple[str, str]:
    said = answered(plan, question)
    # A second draw from the same hash: which of its own faults an answer has is another matter.
    other, fault = drawn * 7919 % 1, ""
    if question.task == "description":
        return f"{said} {echo}".strip(), ""
    if isinstance(said, str):
        return _word(plan, said, other, echo)
    (name, items), *_ = said.items()
    if question.task in {"ratings", "rewrites", "guesses", "pair", "pairs"}:
        return _keyed(plan, said, other, echo)
    if echo:
        more = f'mentions "{echo}"' if question.task == "hypotheses" else _echoed(items, echo)
        # A list that is too long is cut at its end.
        items = [more, *items] if question.task == "failures" else [*items, more]
    if items and isinstance(items[0], dict) and "id" in items[0]:
        fault = drawn_fault(plan, other * 104729 % 1, _ITEM_FAULTS)
        if fault == "reordered":
            items = items[::-1]
        if fault == "missing_items" and len(items) > 1:
            first = int(other * 1e6) % min(3, len(items))
            items = [item for i, item in enumerate(items) if i % 3 != first]
    fault = drawn_fault(plan, other, _CONTENT_FAULTS) or fault
    content = json.dumps({name: items}, ensure_ascii=False)
    if question.task in {"verdicts", "comparisons", "meanings"}:
        content = questions.written(question.task, items)
    if fault == "wrong_schema":
        content = json.dumps({name: "all of them", "comment": "as you like"})
    if fault == "half_json":
        content = content[: len(content) // 2]
    if plan.fenced:
        content = f"Here it is:\n```json\n{content}\n```"
    if plan.thinks:
        content = f'<think>\nShould it be {{"verdicts": []}}? No.\n</think>\n{content}'
    return content, fault


def _word(plan: Plan, word: str, drawn: float, echo: str) -> tuple[str, str]:
    """An answer in one word; half of one, or another, is none."""
    fault = "" if plan.logprobs else drawn_fault(plan, drawn, _CONTENT_FAULTS)
    said = {"wrong_schema": "as you like", "half_json": word[: len(word) // 2]}.get(fault, word)
    if plan.thinks:
        said = f"<think>\nShould it be yes or no?\n</think>\n{said}"
    return f"{said}{echo}" if echo and not plan.logprobs else said, fault


def _keyed(plan: Plan, said: dict[str, Any], drawn: float, echo: str) -> tuple[str, str]:
    """An object whose keys are what was asked about, with the key in every sentence of it."""
    if echo:
        lists = {k: [*v, f"says {echo}"] if isinstance(v, list) else v for k, v in said.items()}
        said = {k: f"{v} {echo}" if isinstance(v, str) else v for k, v in lists.items()}
    fault = drawn_fault(plan, drawn, _CONTENT_FAULTS)
    content = json.dumps(said, ensure_ascii=False)
    if fault == "wrong_schema":
        content = json.dumps({"all": "of them", "comment": "as you like"})
    if fault == "half_json":
        content = content[: len(content) // 2]
    return f"Here it is:\n```json\n{content}\n```" if plan.fenced else content, fault


def _echoed(items: list[Any], echo: str) -> Any:
    """One more item, with the key in all its words."""
    if not items or isinstance(items[0], str):
        return f"says {echo}"
    kept = {"direction", "more", "holds", "same", "relevance", "novelty", "significance"}
    said = {k: v if k in kept else f'mentions "{echo}"' for k, v in items[0].items()}
    if "description" in said:
        said["description"] = f'{items[0]["description"]} It mentions "{echo}".'
    # The two texts of a pair are not the same.
    return {**said, "second": f'does not mention "{echo}"'} if "second" in said else said


def _logprobs(p_yes: float, n: int, echo: str) -> dict[str, Any]:
    spellings = (
        ("yes", p_yes * 0.75),
        ("no", (1 - p_yes) * 0.75),
        (" Yes", p_yes * 0.25),
        (" No", (1 - p_yes) * 0.25),
    )
    ordered = sorted(spellings, key=lambda spelling: -spelling[1])
    tops: list[dict[str, Any]] = [
        {"token": token, "logprob": math.log(max(p, 1e-30))} for token, p in ordered
    ]
    if echo:
        tops.append({"token": echo, "logprob": -30.0})
    return {"content": [{**tops[0], "top_logprobs": tops[:n]}]}


def _usage(messages: Messages, content: str) -> dict[str, Any]:
    """Four characters are a token, a picture is a hundred; a system message of 1024 tokens is cached."""
    said = [scripted_sight.words(message["content"]) for message in messages]
    n_pictures = sum(len(scripted_sight.pictures(message["content"])) for message in messages)
    tokens_in = sum(map(len, said)) // 4 + _PICTURE_TOKENS * n_pictures
    system = len(messages[0]["content"]) // 4
    cached = system // 128 * 128 if system >= 1024 else 0
    tokens_out = len(content) // 4
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
