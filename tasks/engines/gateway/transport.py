"""One exchange with an OpenAI-compatible server: a body goes out, bytes or a fault come back.

Nothing is raised for what a server or the network does, so that no exception carries a request,
and with it the key, to where errors are logged or serialised.
"""

import asyncio
import email.utils
import json
import logging
import math
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx2
import openai

from tasks.engines.gateway.faults import Fault, error_words
from tasks.errors import EngineError
from tasks.study import hosts
from tasks.study.params import Endpoint, Spend

CONNECT_S = 10.0
"""Seconds until a host that does not take the connection counts as not there."""
_STEP_S = 1.0
"""In which pieces the time of an exchange is counted."""
_IDLE_S = 4.0  # Servers close idle connections after five seconds or more: ours go first.
_UNREACHABLE = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_SECRET_LENGTH = 8
_WORDS = 200
_LONGEST_BODY = 10_000_000
_LONGEST_PACKED_BODY = _LONGEST_BODY // 100
"""Bytes of a compressed body: zeros pack a thousandfold."""
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


class Secret:
    """A key, and how to keep it out of texts."""

    def __init__(self, key: str) -> None:
        self.key = key
        # What is shorter is a word like `none`, no secret; replacing it would change answers.
        self._pattern = _spellings(key) if len(key) >= _SECRET_LENGTH else None

    def mask(self, text: str) -> str:
        """The text without the key, also where JSON escapes spell it."""
        if self._pattern is None or (self.key not in text and "\\" not in text):
            return text
        return self._pattern.sub("[key]", text)


def _spellings(key: str) -> re.Pattern[str]:
    """The key with each character as itself or as an escape, however often it was escaped."""
    # Backslashes are taken as a whole and from their first one on: else a long row of them, which a
    # server may send, is searched anew from each.
    spelled = (
        rf"\\++(?:u(?i:{ord(c):04x})|x(?i:{ord(c):02x}))?"
        if c == "\\"
        else rf"\\*+(?:{re.escape(c)}|u(?i:{ord(c):04x})|x(?i:{ord(c):02x}))"
        for c in key
    )
    return re.compile(r"(?<!\\)" + "".join(spelled))


def secret(endpoint: Endpoint) -> Secret:
    """The key that an endpoint is asked with, from the environment.

    Raises:
        EngineError: there is none, and the server is not one of one's own; or the address is not of
            this machine while NATSTAT_LOOPBACK_ONLY is set.
    """
    host = urlsplit(endpoint.base_url).hostname or ""
    if hosts.is_forbidden(host):
        raise EngineError(
            f"{endpoint.base_url}: not asked, since NATSTAT_LOOPBACK_ONLY allows this machine alone.",
            hint="Unset it to ask other machines.",
        )
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key and not hosts.is_own(host):
        raise EngineError(
            f"{endpoint.base_url} wants a key, and the environment variable {endpoint.key_env} is not set.",
            hint=f"Set it (`export {endpoint.key_env}=...`), or name another one as llm.key_env, then rerun.",
        )
    if not (key.isascii() and key.isprintable()):
        raise EngineError(
            f"the environment variable {endpoint.key_env} holds characters that no key has.",
            hint="Set it anew, without quotes or line breaks inside, then rerun.",
        )
    return Secret(key or "none")


class _Client(openai.AsyncOpenAI):
    """The client without what it would read from the environment: other headers, other accounts."""

    @property
    def default_headers(self) -> dict[str, str | openai.Omit]:
        return {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "natstat"}


class Connection:
    """One endpoint's open client; lives in one event loop."""

    def __init__(self, endpoint: Endpoint, spend: Spend) -> None:
        self._secret = secret(endpoint)
        for name in ("httpx2", "openai", "aiohttp.client"):
            # They log each call with words of the server, among which the key may be.
            logging.getLogger(name).setLevel(logging.ERROR)
        self._timeout_s = timeout_s = spend.longest_wait_s(endpoint.base_url)
        at_once = spend.calls_at_once(endpoint.base_url)
        self.free = asyncio.Semaphore(at_once)
        """Held by each call in flight."""
        host = urlsplit(endpoint.base_url).hostname or ""
        self._client = _Client(
            api_key=self._secret.key,
            admin_api_key="",
            organization="",
            project="",
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=min(CONNECT_S, timeout_s)),
            http_client=openai.DefaultAioHttpClient(
                timeout=httpx2.Timeout(None, connect=min(CONNECT_S, timeout_s)),
                limits=httpx2.Limits(
                    max_connections=at_once,
                    max_keepalive_connections=at_once,
                    keepalive_expiry=_IDLE_S,
                ),
                event_hooks={"request": [], "response": [_bound]},
                follow_redirects=False,  # another host would be given the key
                trust_env=not hosts.is_loopback(host),  # a proxy has no way to this machine
            ),
        )

    async def exchange(self, body: bytes) -> bytes | Fault:
        """Sends a chat completion's body once; gives the answer's, as it came."""
        try:
            async with _within(self._timeout_s):
                response = await self._client.post("/chat/completions", cast_to=httpx2.Response, content=body)
            return response.content
        except openai.APIStatusError as error:
            return self._refused(error.response)
        except TimeoutError:
            return Fault(f"no answer within {self._timeout_s:g} s", may_be_billed=True)
        except (openai.OpenAIError, httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            causes = _causes(error)
            unreachable = any(isinstance(cause, _UNREACHABLE) for cause in causes)
            words = str(causes[-1]) or type(causes[-1]).__name__
            return Fault(self.cleaned(words), is_unreachable=unreachable, may_be_billed=not unreachable)

    def cleaned(self, words: str) -> str:
        """Words of others, fit for an error message."""
        return self._secret.mask(_CONTROL.sub(" ", self._secret.mask(words))).strip()[:_WORDS]

    def without_key(self, text: str) -> str:
        """A text as it came, but for the key."""
        return self._secret.mask(text)

    async def close(self) -> None:
        """Ends all connections."""
        await self._client.close()

    def _refused(self, response: httpx2.Response) -> Fault:
        words, code = error_words(_json(response.text)) or (response.text, "")
        if response.is_redirect:
            words = f"redirected to {response.headers.get('location', '')}"
        return Fault(
            self.cleaned(words or response.reason_phrase) or "no reason given",
            status=response.status_code,
            code=code,
            wait_s=wait_s(response.headers),
        )


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """Ends what takes longer with TimeoutError; a piece of time in which the event loop stood still is free.

    It stands still while a store is waited for that is down or locked. What a server has answered meanwhile
    is paid, but not yet read.
    """
    async with asyncio.timeout(None) as limit:
        counting = asyncio.create_task(_count(seconds, limit))
        try:
            yield
        finally:
            counting.cancel()


async def _count(left_s: float, limit: asyncio.Timeout) -> None:
    """Ends the limit when so much time has passed in which the event loop ran."""
    loop, step_s = asyncio.get_running_loop(), min(_STEP_S, left_s / 4)
    while left_s > 0:
        due = loop.time() + step_s
        await asyncio.sleep(step_s)
        stood_still = loop.time() - due > step_s
        left_s -= 0.0 if stood_still else step_s
    limit.reschedule(loop.time())


class _TooLargeError(OSError):
    """A body that no chat completion has."""


class _Bounded(httpx2.AsyncByteStream):
    """A response's body, ended by an error where it is too large to be one of ours."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream, self._most = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n_bytes = 0
        async for part in self._stream:
            n_bytes += len(part)
            if n_bytes > self._most:
                raise _TooLargeError(f"an answer of more than {self._most:,} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _bound(response: httpx2.Response) -> None:
    is_packed = response.headers.get("content-encoding", "identity") != "identity"
    assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - of an asynchronous client
    response.stream = _Bounded(response.stream, _LONGEST_PACKED_BODY if is_packed else _LONGEST_BODY)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from, innermost last."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    return chain


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def wait_s(headers: httpx2.Headers) -> float | None:
    """Seconds a server asks to wait: in milliseconds, in seconds, or until a date."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
