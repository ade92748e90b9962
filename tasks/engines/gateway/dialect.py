"""How a request is put to a server: servers differ in what they take, and say so with HTTP 400.

What a server was found to take is remembered for the process.
"""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic_core import to_json

from tasks.engines.gateway.pictures import Shown
from tasks.study.params import Endpoint

_SCHEMA_LEVELS = ("json_schema", "json_object", "none")
_ALTERNATIVES = 20
_FEW_ALTERNATIVES = 5
_BYTES_PER_TOKEN = 4


class Body(NamedTuple):
    """A request as it is sent."""

    content: bytes
    weight: int
    """Bytes that tokens are estimated from: those of texts, and for a picture four for each of its tokens."""


@dataclass(frozen=True)
class Dialect:
    """What a server takes."""

    max_tokens_key: str
    is_second_key: bool = False
    """Whether it refused the other one."""
    schema_level: int = 0
    """Index into _SCHEMA_LEVELS."""
    alternatives: int = _ALTERNATIVES
    """How many alternatives of a token are asked for."""
    thinks: bool = False
    """Whether the model was seen to think before it answers: a short limit would cut its thought."""


_known: dict[tuple[str, str], Dialect] = {}
_surprises: set[tuple[str, str, str]] = set()


def of(endpoint: Endpoint) -> Dialect:
    """What the endpoint is known to take, or is tried with first."""
    known = _known.get((endpoint.base_url, endpoint.model))
    if known is not None:
        return known
    # Each is ignored in silence by some server: OpenAI's newest models refuse `max_tokens`, Ollama
    # and older servers let answers grow without end on `max_completion_tokens`.
    host = urlsplit(endpoint.base_url).hostname or ""
    is_openai = host.endswith(("openai.com", "openai.azure.com"))
    return Dialect("max_completion_tokens" if is_openai else "max_tokens")


def learn(endpoint: Endpoint, used: Dialect, words: str) -> bool:
    """Takes a step towards what the server takes; False where its complaint is about something else.

    Args:
        endpoint: who complained.
        used: how it was asked; where another call has learnt better meanwhile, that stands.
        words: the complaint.
    """
    if of(endpoint) != used:
        return True
    words, better = words.lower(), None
    if used.max_tokens_key in words and not used.is_second_key:
        other = "max_tokens" if used.max_tokens_key == "max_completion_tokens" else "max_completion_tokens"
        better = replace(used, max_tokens_key=other, is_second_key=True)
    elif any(name in words for name in ("response_format", "json_schema", "json_object")):
        if used.schema_level < len(_SCHEMA_LEVELS) - 1:
            better = replace(used, schema_level=used.schema_level + 1)
    elif "top_logprobs" in words and used.alternatives > _FEW_ALTERNATIVES:
        better = replace(used, alternatives=_FEW_ALTERNATIVES)
    if better is not None:
        _known[endpoint.base_url, endpoint.model] = better
    return better is not None


def learn_thinking(endpoint: Endpoint) -> None:
    """The model was seen to think."""
    known = of(endpoint)
    if not known.thinks:
        _known[endpoint.base_url, endpoint.model] = replace(known, thinks=True)


def is_surprising(endpoint: Endpoint, served: str) -> bool:
    """Whether a server names another model than it was asked for, and was not seen to before.

    A longer name of the same model (a date behind it, a folder before it) is none.
    """
    asked, said = endpoint.model.casefold(), served.casefold()
    if asked in said or said in asked:
        return False
    news = (endpoint.base_url, endpoint.model, served)
    is_new = news not in _surprises
    _surprises.add(news)
    return is_new


def body(
    endpoint: Endpoint,
    messages: list[dict[str, str]],
    schema: type[BaseModel] | None,
    logprobs: bool,
    pictures: tuple[Shown, ...],
    dialect: Dialect,
    limit: int,
) -> Body:
    """The request as it is sent, for an answer of `limit` tokens at most."""
    fields: dict[str, Any] = {dialect.max_tokens_key: limit}
    if endpoint.temperature != "server":
        fields["temperature"] = endpoint.temperature
    if logprobs:
        fields |= {"logprobs": True, "top_logprobs": dialect.alternatives}
    if schema is not None:
        level = _SCHEMA_LEVELS[dialect.schema_level]
        if level == "json_schema":
            fields["response_format"] = response_format(schema)
        else:
            first, *others = messages
            messages = [{**first, "content": first["content"] + _schema_in_words(schema)}, *others]
            if level == "json_object":
                fields["response_format"] = {"type": "json_object"}
    # What the study adds may not change what is asked, or how the answer comes.
    fields |= endpoint.extra | {"model": endpoint.model, "messages": messages, "stream": False}
    if not pictures:
        return Body(content := to_json(fields), len(content))
    weight = len(to_json(fields)) + _BYTES_PER_TOKEN * sum(picture.n_tokens for picture in pictures)
    return Body(to_json(fields | {"messages": _showing(messages, pictures)}), weight)


def _showing(messages: list[dict[str, str]], pictures: tuple[Shown, ...]) -> list[dict[str, Any]]:
    """The messages with the pictures in the first one of the user, before its text."""
    at = next(i for i, message in enumerate(messages) if message["role"] == "user")
    parts = [*(picture.part for picture in pictures), {"type": "text", "text": messages[at]["content"]}]
    return [*messages[:at], {"role": "user", "content": parts}, *messages[at + 1 :]]


def identity(endpoint: Endpoint, schema: type[BaseModel] | None) -> tuple[str, str]:
    """What an answer follows from beside the messages: not the address, nor how a server wants it put."""
    return _endpoint_text(endpoint), _schema_text(schema)


@lru_cache
def _endpoint_text(endpoint: Endpoint) -> str:
    return json.dumps(endpoint.model_dump(exclude={"base_url", "key_env"}), sort_keys=True)


@lru_cache
def _schema_text(schema: type[BaseModel] | None) -> str:
    return "" if schema is None else json.dumps(_json_schema(schema), sort_keys=True)


@lru_cache
def _json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    return schema.model_json_schema()


@lru_cache
def response_format(schema: type[BaseModel]) -> dict[str, Any]:
    """The answer wanted, as servers that take a JSON schema want it told."""
    wanted = {"name": schema.__name__.lower(), "strict": True, "schema": _json_schema(schema)}
    return {"type": "json_schema", "json_schema": wanted}


@lru_cache
def _schema_in_words(schema: type[BaseModel]) -> str:
    shown = json.dumps(_json_schema(schema))
    return f"\n\nAnswer with one JSON object of this JSON schema, and nothing else:\n{shown}"
