"""Answers that models write to the study's prompts: what is asked, what is kept, what is still missing.

An answer is paid once: it is kept in the file of answers, whoever asks for it and however often.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tasks.kinds.model_pair.params import Answers, Ask
from tasks.records import Unasked
from tasks.store.frames import hashed
from tasks.store.sources.opened import Opened
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.engines.gateway.chat import Request
    from tasks.engines.gateway.kept import Kept

_STAGE: Final = "collect"
_ROLE: Final = "generator"
_FORM = "answer/1"
"""Stands for a prompt file: a prompt of the study is sent as it is."""
_BYTES_PER_TOKEN, _FRAME = 4, 10
Key = tuple[int, str]
"""Number of the model, and the prompt."""


def fetch(study: Study, asked: Answers) -> None:
    """Asks each model for what it has not answered yet.

    Raises:
        EngineError: a model cannot be asked, or the budget is reached; a rerun goes on from there.
        SourceError: prompts cannot be read.
    """
    from tasks.engines.gateway.chat import Gateway

    wanted = _requests(asked, _prompts(Opened(study), asked))
    there = kept(asked, [prompt for _, prompt in wanted])
    missing = {key: request for key, request in wanted.items() if key not in there}
    if missing:
        Gateway(study, _STAGE).ask_each(missing, f"answers {study.name}")


def kept(asked: Answers, prompts: Sequence[str]) -> "dict[Key, Kept]":
    """What is answered so far; nobody is asked."""
    from tasks.engines.gateway.kept import texts_kept

    return texts_kept(_requests(asked, prompts), _STAGE)


def unasked(study: Study, asked: Answers) -> list[Unasked]:
    """Of each model how many answers there must be, and what those that are missing take at most."""
    wanted = _requests(asked, _prompts(Opened(study), asked))
    there = kept(asked, [prompt for _, prompt in wanted])
    found = []
    for number, one in enumerate(asked.ask):
        missing = [request for key, request in wanted.items() if key[0] == number and key not in there]
        n_bytes = sum(len((request.system + request.user).encode()) for request in missing)
        tokens_in = n_bytes // _BYTES_PER_TOKEN + _FRAME * len(missing)
        tokens_out = one.endpoint.max_tokens * len(missing)
        n = len(wanted) // len(asked.ask)
        found.append(Unasked(one.called, one.model, n, len(missing), tokens_in, tokens_out))
    return found


def _prompts(opened: Opened, asked: Answers) -> list[str]:
    """Each distinct prompt."""
    prompts = opened.text(asked.prompt, "prompt").drop_nulls().unique(maintain_order=True)
    return [prompt for prompt in prompts if prompt.strip()]


def _requests(asked: Answers, prompts: Sequence[str]) -> "dict[Key, Request]":
    return {
        (number, prompt): _request(one, prompt)
        for number, one in enumerate(asked.ask)
        for prompt in dict.fromkeys(prompts)
    }


def _request(one: Ask, prompt: str) -> "Request":
    from tasks.engines.gateway.chat import Request

    return Request(_ROLE, one.endpoint, one.system or "", prompt, None, _FORM, about=hashed(prompt))
