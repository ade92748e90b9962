"""What a chat completion says: read from a server's JSON, kept in the store, checked against a schema."""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from tasks.engines.gateway import thought

Tokens = tuple[int, int, int]
"""In, out, and how many of those in the server had cached."""

_FENCE = "```"
_STARTS = 50
"""How many opening braces are tried in the search for an object: bounds the work on a hostile answer."""
_PROBLEMS = 3
_LONGEST_NAME = 200
_CUT = {"length", "max_tokens", "model_length"}
"""Reasons to finish that servers give for an answer that was cut off."""


@dataclass(frozen=True)
class Completion:
    """A message of a model, with what it took."""

    content: str
    refusal: str
    """Why it declined; empty where it did not."""
    first_token: tuple[tuple[str, float], ...]
    """Alternatives of the token that begins the first word of the answer, with their log-probabilities."""
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    is_too_long: bool = False
    """Whether the server said that the request does not fit into the model: there is no message."""
    said: str = ""
    """The server's words for that."""
    is_cut: bool = False
    """Whether the message was cut off."""
    is_full: bool = False
    """Whether it was cut off before the limit that was asked for: the model had no more room."""
    thinks: bool = False
    """Whether the model was seen to think before it answers."""
    served: str = ""
    """The model that the server says it answered with: for the ledger, no part of the answer."""

    @property
    def answer(self) -> str:
        """The message without thought."""
        return thought.answer(self.content)

    def stored(self) -> str:
        """As one line of JSON."""
        tokens = (self.tokens_in, self.tokens_out, self.tokens_cached)
        marks = {name: value for name in _MARKS if (value := getattr(self, name))}
        values = (self.content, self.refusal, self.first_token, *tokens, *((marks,) if marks else ()))
        return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


_MARKS = {"is_too_long": bool, "said": str, "is_cut": bool, "is_full": bool, "thinks": bool}
"""Fields that are stored by name, where they say anything."""


def from_stored(text: str) -> Completion | None:
    """What was stored; None where it is something else."""
    try:
        content, refusal, first, tokens_in, tokens_out, cached, *more = json.loads(text)
        alternatives = tuple((str(token), float(logprob)) for token, logprob in first)
        # An earlier release wrote no name: only what is too long was marked.
        marks = {"is_too_long": True} if more == [True] else more[0] if more else {}
        return Completion(
            str(content),
            str(refusal),
            alternatives,
            int(tokens_in),
            int(tokens_out),
            int(cached),
            **{name: is_of(marks[name]) for name, is_of in _MARKS.items() if name in marks},
        )
    except (ValueError, TypeError, OverflowError):
        return None


def from_content(content: Any, n_chars: int, limit: int, clean: Callable[[str], str]) -> Completion | None:
    """The completion in a server's JSON; None where it is none.

    Args:
        content: the body.
        n_chars: characters that were asked, to estimate tokens where the server does not count them.
        limit: most tokens that were asked for.
        clean: takes the key out of a text.
    """
    try:
        choice = content["choices"][0]
        message = choice["message"]
        text = _text(message.get("content"))
        finish = choice.get("finish_reason")
        refusal = _text(message.get("refusal"))
        if finish == "content_filter" and not refusal:
            refusal = "content filter"
        first = tuple((clean(token), p) for token, p in _first_token(choice.get("logprobs"), text))
        thinks = thought.is_in(message, text, content.get("usage"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    counted = tokens(content)
    used = counted or (n_chars // 4, len(text) // 4, 0)
    is_cut = str(finish).casefold() in _CUT
    is_full = is_cut and counted is not None and counted[1] < limit
    name = content.get("model")
    served = clean(name)[:_LONGEST_NAME] if isinstance(name, str) else ""
    return Completion(
        clean(text), clean(refusal), first, *used,
        is_cut=is_cut, is_full=is_full, thinks=thinks, served=served,
    )  # fmt: skip


def tokens(content: Any) -> Tokens | None:
    """Tokens in, out and cached as the server counted them; None where it did not."""
    usage = content.get("usage") if isinstance(content, dict) else None
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    tokens_in, tokens_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if tokens_in is None or tokens_out is None:
        return None
    return tokens_in, tokens_out, min(_count(cached) or 0, tokens_in)


def parsed_json(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        ValueError: it is none.
    """
    try:
        return from_json(body)
    except ValueError:
        # Half of a surrogate pair, escaped, is JSON to some servers; no file could hold it.
        text = json.dumps(json.loads(body), ensure_ascii=False)
        return json.loads(text.encode("utf-8", "replace"))


def checked(content: str, schema: type[BaseModel]) -> BaseModel | str:
    """The one JSON object in an answer as a record of the schema, or what is wrong with it, in words."""
    try:
        return _validated(content, schema)
    except _TwiceError as error:
        return str(error)
    except ValidationError as error:
        problem = error
    objects = _objects(_unfenced(thought.answer(content).strip()))
    if len(objects) != 1:
        return "it holds no JSON object" if not objects else f"it holds {len(objects)} JSON objects, not one"
    if objects[0] != content:
        try:
            return _validated(objects[0], schema)
        except _TwiceError as error:
            return str(error)
        except ValidationError as error:
            problem = error
    wrong = problem.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the object'}: {e['msg']}" for e in wrong[:_PROBLEMS])


def repair(content: str, problem: str) -> list[dict[str, str]]:
    """Messages that show a model its answer and ask for a better one."""
    wanted = f"That cannot be read: {problem}. Answer again in full, with the JSON object alone."
    return [{"role": "assistant", "content": content or "(nothing)"}, {"role": "user", "content": wanted}]


class _TwiceError(Exception):
    """An object names a key twice: which of the two is meant, only the model can say."""


def _validated(text: str, schema: type[BaseModel]) -> BaseModel:
    record = schema.model_validate_json(text)
    with suppress(ValueError, RecursionError):  # what one parser takes and the other does not
        json.loads(text, object_pairs_hook=_once)
    return record


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise _TwiceError(f"the key {json.dumps(twice[:50])} stands twice in one object")


def _unfenced(text: str) -> str:
    """What stands between the fences, where a text is one code block."""
    first_line, _, rest = text.partition("\n")
    if first_line.startswith(_FENCE) and rest.endswith(_FENCE):
        return rest[: -len(_FENCE)]
    return text


def _objects(text: str) -> list[str]:
    """The JSON objects that stand side by side in a text, outermost ones only."""
    decoder = json.JSONDecoder()
    found: list[str] = []
    at = text.find("{")
    for _ in range(_STARTS):
        if at < 0:
            break
        try:
            end = decoder.raw_decode(text, at)[1]
            found.append(text[at:end])
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)
    return found


def _text(content: Any) -> str:
    """A message's content: a text, parts of one, or nothing."""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if not thought.is_part(part))
    if content is not None and not isinstance(content, str):
        raise TypeError
    return content or ""


def _first_token(logprobs: Any, text: str) -> list[tuple[str, float]]:
    if not logprobs or not logprobs.get("content"):
        return []
    at = thought.first_word_at([str(token["token"]) for token in logprobs["content"]], text)
    first = logprobs["content"][at or 0]
    alternatives = {str(first["token"]): float(first["logprob"])}
    # Where no word of the answer is listed, what was said in its place stands alone: it is none.
    for other in () if at is None else first.get("top_logprobs") or ():
        alternatives.setdefault(str(other["token"]), float(other["logprob"]))
    return [(token, logprob) for token, logprob in alternatives.items() if not math.isnan(logprob)]


def _count(value: Any) -> int | None:
    """A number of tokens that can be one."""
    return value if isinstance(value, int) and 0 <= value < 2**40 else None
