"""Requests for embeddings, put through the gateway of chat completions.

The gateway paces, pays, repeats and stops requests and knows nothing of vectors: it is handed an answer as a
completion whose message is the JSON of the vectors, which is read here. What a server says is not trusted:
vectors count when there is one for each text, and of numbers alone.
"""

import base64
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic_core import to_json

from tasks.engines.encoders.sentence import unit
from tasks.engines.gateway import completion, faults
from tasks.engines.gateway.calling import Asked, Called, Calling
from tasks.engines.gateway.chat import Gateway
from tasks.engines.gateway.completion import Completion, Tokens
from tasks.engines.gateway.dialect import Body, Dialect
from tasks.engines.gateway.faults import Fault
from tasks.engines.gateway.transport import Connection
from tasks.errors import EngineError
from tasks.store import answers
from tasks.study import Study
from tasks.study.params import Endpoint, Spend

Keep = Callable[[Sequence[str], Float[np.ndarray, "text dim"]], object]
"""Is given texts and their unit vectors as soon as they are there."""

STAGE, ROLE = "embed", "encoder"
"""What the ledger says of a request."""
_FORM = (False, False)
_MOST_TOKENS = 2**40
_HINT = "See whether it serves an embedding model under that name. What was encoded before is kept."


class Embeddings(Gateway):
    """Asks one endpoint for vectors; `embedded` is a job for `run`."""

    def __init__(
        self,
        study: Study,
        endpoint: Endpoint,
        name: str,
        key: Callable[[Sequence[str]], str],
        keep: Keep,
        known: tuple[str, int] | None,
    ) -> None:
        """Prepares to ask.

        Args:
            study: how fast and for how much.
            endpoint: who is asked.
            name: of the encoder, for errors.
            key: names the request for some texts in the ledger.
            keep: takes what came.
            known: a text that was answered before, and the length of its vector; None where there is none
                yet: the length of the first vector is then kept as the answer to its request.
        """
        super().__init__(study, STAGE)
        self._endpoint, self._name, self._key, self._take = endpoint, name, key, keep
        self._known = known
        self.tokens_in = 0
        """Tokens that the server counted."""

    async def fetch(self, texts: Sequence[str]) -> None:
        """Gets vectors; where the server does not take all texts at once, of half of them at a time.

        Raises:
            EngineError: it does not take one of them, or gives something else than vectors.
        """
        assert self._run is not None  # noqa: S101 - only called while running
        calling = self._run.calling
        await self._connect(calling)
        called = await calling.call(self._asked(texts))
        if called.completion is not None and not called.is_error:
            self._take(texts, self._received(texts, called.completion, called))
        elif len(texts) > 1:
            middle = len(texts) // 2
            await self.fetch(texts[:middle])
            await self.fetch(texts[middle:])
        else:
            raise self._refused(texts[0], called)

    def _asked(self, texts: Sequence[str]) -> Asked:
        lost = partial(self._write_down, texts, None, "failed")
        return Asked(
            self._endpoint, partial(_body, self._endpoint, texts), _FORM, lost, self._endpoint.max_tokens
        )

    async def _connect(self, calling: Calling) -> None:
        name = (self._endpoint.base_url, self._endpoint.key_env)
        if name in calling._connections:
            return
        spend = await calling.may_ask(self._endpoint)
        if name not in calling._connections:  # another job may have been first
            connection = EmbeddingConnection(self._endpoint, spend)
            calling._connections[name] = connection
            if self._known is not None:
                calling.knows(self._asked([self._known[0]]))

    def _received(
        self, texts: Sequence[str], found: Completion, called: Called
    ) -> Float[np.ndarray, "text dim"]:
        """The vectors of an answer, which is in the ledger before anything else is done with it."""
        used = (found.tokens_in, 0, 0)
        self.tokens_in += found.tokens_in
        kept, status, problem = None, "value", ""
        try:
            rows = decoded(found.content, len(texts))
            dim = rows.shape[1] if self._known is None else self._known[1]
            hint = f"{_HINT} A model that was changed needs a name of its own."
            rows = unit(rows, texts, dim, self._name, hint)
            kept = str(dim) if self._known is None else None
        except ValueError as error:
            problem, status = str(error), "unparsable"
        except EngineError:
            status = "unparsable"
            raise
        finally:
            self._write_down(texts, kept, status, used, called.latency_s, called.attempts)
        if problem:
            raise EngineError(f"encoder {self._name} at {self._endpoint.base_url}: {problem}.", hint=_HINT)
        return rows

    def _write_down(
        self,
        texts: Sequence[str],
        response: str | None,
        status: str,
        tokens: Tokens,
        latency_s: float,
        attempts: int,
    ) -> None:
        """Puts what was paid into the ledger."""
        assert self._run is not None  # noqa: S101 - only called while running
        model = self._endpoint.model
        paid = answers.Paid(
            request_hash=self._key(texts),
            study=self._study.name,
            stage=STAGE,
            role=ROLE,
            predicate_ids=(),
            model=model,
            tokens_in=tokens[0],
            tokens_out=0,
            tokens_cached=0,
            cost_usd=self._run.calling.purse.cost_usd(model, tokens[0], 0, 0),
            latency_s=latency_s,
            attempts=attempts,
            status=status,
        )
        self._run.store.put(paid, response)

    def _refused(self, text: str, called: Called) -> EngineError:
        start, found = f"encoder {self._name}: text {text[:80]!r}", called.completion
        if found is None and called.faults:
            words = f"{start} was not answered in {called.attempts} requests, others were."
            return EngineError(words, retryable=True, hint=faults.GOES_ON)
        if found is not None and found.is_too_long:
            return EngineError(f"{start} does not fit into the model.", hint="Lower collect.max_chars.")
        said = f" ({found.refusal})" if found is not None and found.refusal else ""
        return EngineError(
            f"{start} is not taken by the server{said}.",
            hint="Leave it out with collect.where, or use another encoder.",
        )


def _body(endpoint: Endpoint, texts: Sequence[str], dialect: Dialect, limit: int) -> Body:
    """The request as it is sent; half of a surrogate pair is no text to a server."""
    sent = [text.encode("utf-8", "replace").decode() for text in texts]
    content = to_json({"model": endpoint.model, "input": sent, "encoding_format": "float"})
    return Body(content, len(content))


class _Elsewhere:
    """A client that posts to the path of embeddings whatever path it is told."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def post(self, path: str, **options: Any) -> Any:
        return await self._client.post("/embeddings", **options)

    async def close(self) -> None:
        await self._client.close()


class EmbeddingConnection(Connection):
    """One endpoint's open client; an answer of vectors comes back in the form of a completion."""

    def __init__(self, endpoint: Endpoint, spend: Spend) -> None:
        super().__init__(endpoint, spend)
        self._client = _Elsewhere(self._client)  # type: ignore[assignment]

    async def exchange(self, body: bytes) -> bytes | Fault:
        """Sends a request's body once; gives a completion's, whose message is the JSON of the vectors."""
        received = await super().exchange(body)
        if isinstance(received, Fault):
            return received
        try:
            content = completion.parsed_json(received)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict) and isinstance(content.get("data"), list):
            return _as_completion(content, len(body))
        if faults.error_words(content) is not None:
            return received  # an error within an answer that is well by its status: read by the gateway
        start = received[:1000].decode("utf-8", "replace")
        return Fault(self.cleaned(f"wanted embeddings, got {start}"), may_be_billed=True)


def _as_completion(content: dict[str, Any], n_bytes: int) -> bytes:
    usage = content.get("usage")
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    is_count = isinstance(counted, int) and 0 <= counted < _MOST_TOKENS
    message = {"content": json.dumps(content["data"])}
    tokens = {"prompt_tokens": counted if is_count else n_bytes // 4, "completion_tokens": 0}
    return json.dumps({"choices": [{"message": message}], "usage": tokens}).encode()


def decoded(content: str, n: int) -> Float[np.ndarray, "text dim"]:
    """The vectors of an answer in the order of the texts, whatever order they came in.

    Args:
        content: JSON: a list of objects with `index` and `embedding`, numbers or base64 of float32.
        n: how many there should be.

    Raises:
        ValueError: they are something else; says what.
    """
    items = json.loads(content)
    if len(items) != n:
        raise ValueError(f"wanted {n} vectors, got {len(items)}")
    rows: dict[int, np.ndarray] = {}
    for i, item in enumerate(items):
        index = item.get("index", i) if isinstance(item, dict) else None
        if type(index) is not int or index in rows or not 0 <= index < n:
            raise ValueError(f"wanted vectors with an index of 0 to {n - 1} each, got {str(index)[:20]!r}")
        rows[index] = _vector(item.get("embedding"))
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1:
        raise ValueError(f"wanted vectors of one length, got {min(lengths)} and {max(lengths)} numbers")
    return np.stack([rows[i] for i in range(n)])


def _vector(value: Any) -> Float[np.ndarray, " dim"]:
    try:
        if isinstance(value, str):
            found = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
        else:
            found = np.array(value)
    except ValueError:  # of binascii and numpy alike
        found = np.empty(0)
    if found.ndim != 1 or not found.size or found.dtype.kind not in "fi":
        raise ValueError("wanted a vector as a list of numbers or as base64 of float32, got something else")
    with np.errstate(over="ignore"):
        return found.astype(np.float32)
