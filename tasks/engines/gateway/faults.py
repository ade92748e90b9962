"""What a fault means for the call it met, and when faults mean that an endpoint is down."""

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tasks.engines.gateway import problems
from tasks.engines.gateway.dialect import Body, Dialect
from tasks.errors import EngineError
from tasks.study.params import Endpoint

Write = Callable[[Dialect, int], Body]
"""Gives a request's body in a dialect, for an answer of so many tokens at most."""
Form = tuple[bool, bool]
"""Whether JSON of a schema is wanted, and log-probabilities: what a server may mind beside a text."""

GOES_ON = "Rerun goes on where it stopped: what was answered is kept."
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
QUICK_S, QUICK_FAILURES = 5.0, 5
_STATUS_TRIED_AGAIN = {408, 409, 425}
_BAD_REQUEST = {400, 413, 422}
_FILTER_CODES = {"content_filter", "content_policy_violation", "moderation_blocked"}
_FILTER_WORDS = ("content filter", "content management policy", "content policy", "content exists risk")
_LENGTH_WORDS = ("context_length", "context length", "context window", "context size", "maximum model length")
_LOADING_WORDS = ("loading model", "model is loading", "model is still loading")
_CUT_WORDS = ("model output limit was reached", "higher max_tokens")
"""OpenAI's for a thought that the limit cut off: it has no answer to send."""
_CONTEXT = re.compile(r"context length is (\d{1,9})\b", re.ASCII)
_PROMPT = re.compile(
    r"(\d{1,9}) (?:input tokens|tokens from the input|in the messages|in your prompt)", re.ASCII
)
_LONGEST_ANSWER = re.compile(r"at most (\d{1,9}) completion tokens", re.ASCII)
_SIGHT = r"(?:image|vision|multi-?modal|mmproj)\w*"
_TAKES = r"(?:support|allow|accept|provide|capab|unknown variant|not a)\w*"
_WANTS_STRING = r"\bcontent\b.{0,40}\b(?:must|should|expected)\b.{0,30}\bstring\b"
_BLIND = re.compile(rf"{_SIGHT}\b.*\b{_TAKES}|{_TAKES}\b.*\b{_SIGHT}|{_WANTS_STRING}", re.I | re.S)
"""What servers say of a picture where the model reads alone, in the words of OpenAI, vLLM, llama.cpp and
others; some of them with HTTP 404 or 500."""
_NONE_ANSWERED = 20
"""Texts in a row whose calls may end for a reason of their own before it counts as one of all calls.

No text of a corpus is its only kind: where not one of twenty is answered, the reason is not the text.
"""
_DECLINED_IN_A_ROW = 50
"""Once something was answered. Of texts that are declined one in two, so many stand in a row once in 1e15."""


@dataclass(frozen=True)
class Fault:
    """What came in place of an answer."""

    words: str
    """The server's own, or what the network did: without control characters and key."""
    status: int | None = None
    """HTTP status; None where no answer came at all."""
    code: str = ""
    """The server's name for it, e.g. insufficient_quota."""
    wait_s: float | None = None
    """How long the server asks to be left alone."""
    is_unreachable: bool = False
    """Whether nobody took the connection."""
    may_be_billed: bool = False
    """Whether the request was taken, and an answer may have been made that never came."""
    tokens: tuple[int, int, int] | None = None
    """In, out and cached, where it was paid for all the same."""


class Meaning(Enum):
    """What to do about a fault."""

    WAIT = auto()
    """Told to wait, or nobody there as while a server restarts: no try was used."""
    RETRY = auto()
    REFUSAL = auto()
    """The server declined the content: an answer."""
    TOO_LONG = auto()
    """The texts do not fit into the model: no other try would help."""
    CUT = auto()
    """The answer was cut off before anything of it could be sent."""
    COMPLAINT = auto()
    """The server may want it put in another way, or minds this text."""
    STOP = auto()


def error_words(content: Any) -> tuple[str, str] | None:
    """The words and the name of an error, in the shapes that servers send; None where it is none."""
    error = content.get("error", content) if isinstance(content, dict) else None
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, dict) or not (words := error.get("message") or error.get("detail")):
        return None
    name = error.get("code") or error.get("type") or ""
    return _plain(words), _plain(name)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except ValueError:  # a number of thousands of digits
        return "something that cannot be shown"


def meaning(fault: Fault) -> Meaning:
    """What a fault means for its call."""
    status, words = fault.status, f"{fault.code} {fault.words}".lower()
    if _is_declined(status, fault.code.lower(), words):
        return Meaning.REFUSAL
    if status == 429:
        return Meaning.STOP if "insufficient_quota" in words else Meaning.WAIT
    if fault.is_unreachable or (status == 503 and any(name in words for name in _LOADING_WORDS)):
        return Meaning.WAIT
    if status is None or status >= 500 or status in _STATUS_TRIED_AGAIN:
        return Meaning.RETRY
    return _of_bad_request(words) if status in _BAD_REQUEST else Meaning.STOP


def _of_bad_request(words: str) -> Meaning:
    if any(name in words for name in _CUT_WORDS):
        return Meaning.CUT
    return Meaning.TOO_LONG if any(name in words for name in _LENGTH_WORDS) else Meaning.COMPLAINT


def room(words: str) -> int | None:
    """Tokens that a server says it has for an answer to this request; None where it does not say.

    Some refuse a request whose prompt fits, since prompt and limit together do not.
    """
    if (longest := _LONGEST_ANSWER.search(words)) is not None:
        return int(longest[1])
    context, prompt = _CONTEXT.search(words), _PROMPT.search(words)
    if context is None or prompt is None or int(prompt[1]) >= int(context[1]):
        return None
    return int(context[1]) - int(prompt[1])


def _is_declined(status: int | None, code: str, words: str) -> bool:
    """Whether a content filter spoke. With 403, a suspended account is told in much the same words."""
    if status != 403 and status not in _BAD_REQUEST:
        return False
    return code in _FILTER_CODES or (status != 403 and any(name in words for name in _FILTER_WORDS))


def pause_s(fault: Fault, failures: int, patience_s: float) -> float:
    """Seconds until the next try: what the server asks for and up to as much again, else full jitter.

    What it asks for beyond patience, a quota of the day perhaps, is not waited for: one call would hold
    up the run, which either is answered meanwhile or is to stop.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 20))
    jitter = random.uniform(0, longest)  # noqa: S311 - spreads calls, hides nothing
    if fault.wait_s is None:
        return jitter
    wait_s = fault.wait_s if fault.wait_s <= patience_s else min(fault.wait_s, LONGEST_WAIT_S)
    # Who was told the same time to wait must not come back at the same moment.
    return wait_s + min(jitter, max(wait_s, FIRST_WAIT_S))


def final_error(endpoint: Endpoint, fault: Fault) -> EngineError:
    """The error of a server that will not be won over by another try."""
    status, words = fault.status, fault.words.lower()
    said = f"{endpoint.base_url}: model {endpoint.model}: HTTP {status}: {fault.words}"
    if status in {401, 403}:
        hint = f"Check the key in the environment variable {endpoint.key_env}."
    elif status in {402, 429}:
        hint = "The account has no money or quota left: top it up."
    elif status == 404:
        hint = "Check llm.base_url (it mostly ends in /v1) and llm.model."
    elif status is not None and 300 <= status < 400:
        hint = "Write the final address as llm.base_url."
    elif meaning(fault) is Meaning.REFUSAL:
        said += " - and so for every call of late."
        hint = "See whether the account may still be used, or ask a model that does not decline these texts."
    elif meaning(fault) is Meaning.TOO_LONG:
        hint = f"No text fits into the model: {problems.FIT}."
    elif "temperature" in words:
        hint = "Write `temperature: server` under llm."
    elif "logprobs" in words:
        hint = "Write `logprobs: false` under llm."
    else:
        hint = "Check the keys under llm in params.yaml."
    return EngineError(said, hint=f"{hint} {GOES_ON}")


def is_blind(fault: Fault) -> bool:
    """Whether a request with a picture failed because it had one, and not because of what it shows."""
    is_of_request = fault.status is not None and fault.status >= 400 and fault.status not in {401, 403}
    is_of_content = meaning(fault) in {Meaning.REFUSAL, Meaning.TOO_LONG, Meaning.WAIT}
    return is_of_request and not is_of_content and bool(_BLIND.search(fault.words))


def blind_error(endpoint: Endpoint, fault: Fault) -> EngineError:
    """The error of a model that cannot be shown pictures."""
    return EngineError(
        f"{endpoint.base_url}: model {endpoint.model} takes no pictures: HTTP {fault.status}: {fault.words}",
        hint="Name a model that sees under llm.judge (and llm.describer, where it has one of its own), or "
        f"start the server with the model's eyes (llama.cpp: --mmproj). {GOES_ON}",
    )


class Circuit:
    """Whether one endpoint still answers, and what it was seen to answer."""

    def __init__(self, endpoint: Endpoint, patience_s: float) -> None:
        self._endpoint, self._patience_s = endpoint, patience_s
        self.answered = 0
        """Answers that came in this run."""
        self.works: Write | None = None
        """A request that was answered, in this run or before."""
        self.held: list[Callable[[], object]] = []
        """Each writes down an error that counts as an answer, once something was answered, too."""
        self.probing = asyncio.Lock()
        self._was_there = False
        self._forms: set[Form] = set()
        self._in_a_row: defaultdict[Meaning, set[object]] = defaultdict(set)
        self._failing_since: float | None = None
        self._failures = 0
        self._last: Fault | None = None

    def knows(self, write: Write, form: Form) -> None:
        """A request of this form has been answered, in this run or before."""
        self.works = write
        self._forms.add(form)

    def succeeded(self) -> None:
        """An answer came, of whatever use."""
        self.answered += 1
        self._in_a_row.clear()
        self.release()
        self._is_there()

    def release(self) -> None:
        """Writes down what was held."""
        while self.held:
            self.held.pop(0)()

    def may_be_exception(self, meaning: Meaning, form: Form, about: str = "") -> bool:
        """Whether the server's error may be about one text: it is there, and minds what it was asked.

        However many calls are about one text, it is one that is declined; without `about` each is another.
        """
        self._is_there()
        self._in_a_row[meaning].add(about or object())
        in_a_row = len(self._in_a_row[meaning])
        if meaning is Meaning.REFUSAL:
            return in_a_row < (_NONE_ANSWERED if self.works is None else _DECLINED_IN_A_ROW)
        if meaning is Meaning.TOO_LONG:
            return self.works is not None or in_a_row < _NONE_ANSWERED
        return form in self._forms and in_a_row < _NONE_ANSWERED

    def _is_there(self) -> None:
        self._was_there = True
        self._failing_since = None
        self._failures = 0

    def failed(self, fault: Fault, now: float) -> None:
        """None came."""
        if self._failing_since is None:
            self._failing_since = now
        self._failures += 1
        self._last = fault

    def gives_up_at(self) -> float | None:
        """When to stop unless an answer comes first (monotonic seconds); None while nothing is wrong.

        Counted from the first failure, so that neither a pause nor a model that is slow to load counts.
        """
        if self._failing_since is None or self._last is None:
            return None
        nobody_there = self._last.is_unreachable and not self._was_there and self._failures >= QUICK_FAILURES
        return self._failing_since + (min(QUICK_S, self._patience_s) if nobody_there else self._patience_s)

    def down(self) -> EngineError:
        """The error of an endpoint that does not answer."""
        fault = self._last
        assert fault is not None  # noqa: S101 - asked only after a failure
        said = fault.words if fault.status is None else f"HTTP {fault.status}: {fault.words}"
        if fault.wait_s is not None and fault.wait_s > self._patience_s:
            hint = f"It asks to be left alone for {fault.wait_s:.0f} s."
        elif fault.is_unreachable:
            hint = "Start the server, or check llm.base_url."
        else:
            hint = "See whether the server is well, or raise spend.patience_s and spend.timeout_s."
        return EngineError(
            f"{self._endpoint.base_url}: model {self._endpoint.model} does not answer"
            f" ({self._failures} failures in a row): {said}.",
            retryable=True,
            hint=f"{hint} {GOES_ON}",
        )
