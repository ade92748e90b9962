"""Answers that are kept, read without asking anybody; and the name under which one is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tasks.engines import roles
from tasks.engines.gateway import completion, dialect, reading
from tasks.records import Call
from tasks.store import answers, frames

if TYPE_CHECKING:
    from tasks.engines.gateway.chat import Request

K = TypeVar("K")
Message = dict[str, str]
_KEY_VERSION = "chat/1"


@dataclass(frozen=True)
class Kept:
    """A plain text that a model wrote."""

    text: str
    """Empty where it refused, or wrote nothing."""
    is_cut: bool
    """Whether it was cut off at the most tokens it may have."""
    call: Call


def messages(request: "Request") -> list[Message]:
    """What is sent: the stable part, where there is one, and the part that changes."""
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, {"role": "user", "content": request.user}]


def key(request: "Request", sent: list[Message], most: int | None) -> str:
    """Names an answer by all that it follows from; not by who served the model."""
    return frames.hashed(
        _KEY_VERSION,
        *dialect.identity(request.endpoint, request.answer),
        str(request.logprobs),
        request.prompt_hash,
        *(() if most is None else (f"at most {most}",)),
        *(picture.name for picture in request.pictures),
        *(part for message in sent for part in (message["role"], message["content"])),
    )


def texts_kept(requests: Mapping[K, "Request"], stage: str) -> dict[K, Kept]:
    """Of requests for plain text those that were answered.

    Raises:
        StoreError: answers cannot be read.
    """
    if not requests or not answers.may_be_there():
        return {}
    found = {}
    with answers.opened() as store:
        for name, request in requests.items():
            hashed = key(request, messages(request), None)
            stored = store.get(hashed)
            said = completion.from_stored(stored) if stored is not None else None
            if said is not None:
                found[name] = _kept(request, hashed, stage, said)
    return found


def _kept(request: "Request", hashed: str, stage: str, said: completion.Completion) -> Kept:
    read = reading.read(said, None, request.endpoint.max_tokens)
    used = (said.tokens_in, said.tokens_out, said.tokens_cached)
    call = Call(hashed, stage, request.role, request.endpoint.model, request.predicate_ids, *used)
    return Kept(said.answer.strip() if read.status == roles.VALUE else "", said.is_cut, call)
