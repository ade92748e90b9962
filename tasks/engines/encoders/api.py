"""Vectors from a server that speaks OpenAI's embeddings, through the gateway that also asks language models.

Each vector is in the cache before the next request is made, by model and text: nothing is paid twice, and a
run that was stopped goes on from there. What requests cost is in the ledger, and spend.budget_usd holds.
"""

import functools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from tasks.errors import EngineError
from tasks.store import answers, frames, vectors
from tasks.study import Study
from tasks.study.params import Endpoint

if TYPE_CHECKING:
    from tasks.engines.encoders.api_calls import Keep

PREFIX = "openai:"
"""What the name of an encoder begins with that a server is asked for; the model's name follows."""
TEXTS_PER_REQUEST = 64
"""At most, however high embed.batch_size is: an answer holds some 20,000 characters a text."""
CHARS_PER_REQUEST = 200_000
"""A longer text goes alone."""
_PROBE = "probe"
_METHOD = "v1"  # part of every name: change it when the same answers would give other vectors


@functools.lru_cache(maxsize=8)
def load(model: str, study: Study) -> "ApiEncoder":
    """The encoder of a model on the server at the study's llm.base_url, one per process.

    Raises:
        EngineError: no model is named, or there is a budget and no price to keep it by.
    """
    return ApiEncoder(model, study)


class ApiEncoder:
    """A model that a server is asked for; its vectors are remembered by its name, whatever the address."""

    def __init__(self, model: str, study: Study) -> None:
        self.name = f"{PREFIX}{model}-{_METHOD}"
        self.tokens_in = 0
        """Tokens of the texts encoded so far, as the server counts them; what was in the cache is none."""
        if not model:
            raise EngineError(
                f"encoder {PREFIX}: wanted a model behind the colon.", hint=f"Write `{PREFIX}MODEL`."
            )
        if study.spend.budget_usd is not None and model not in study.spend.prices:
            raise EngineError(
                f"encoder {PREFIX}{model}: wanted its price to keep spend.budget_usd, spend.prices has none.",
                hint=f"Write `prices: {{{model}: {{input: USD, output: 0}}}}` per million tokens.",
            )
        llm = study.llm
        address = {"base_url": llm.base_url, "key_env": llm.key_env}
        given: dict[str, Any] = {key: value for key, value in address.items() if value is not None}
        # An answer has no tokens of its own; the budget counts with the fewest that there can be.
        self._endpoint = Endpoint(model=model, max_tokens=1, **given)
        self._study = study
        self._texts_per_request = min(study.embed.batch_size, TEXTS_PER_REQUEST)

    @functools.cached_property
    def dim(self) -> int:
        """Numbers of a vector: found by one request ever, and remembered with the answers.

        Raises:
            EngineError: the server does not give a vector.
            StoreError: the answers cannot be read.
        """
        with answers.opened() as store:
            kept = store.get(self._key([_PROBE]))
        if kept is not None and kept.isdigit():
            return int(kept)
        found: list[np.ndarray] = []
        self._ask([[_PROBE]], None, lambda texts, rows: found.append(rows))
        return int(found[0].shape[1])

    def encode(self, texts: Sequence[str]) -> Float[np.ndarray, "text dim"]:
        """Unit vectors, float32, one per text; only texts that no run has encoded are asked for.

        Raises:
            EngineError: the server is down, refuses the key or a text, answers with something else than
                vectors, or the budget is reached. What was encoded until then is kept.
            StoreError: vectors cannot be kept.
        """
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return np.empty((0, self.dim), dtype=np.float32)
        with vectors.opened(self.name, self.dim) as cache:
            known, found = cache.get_many([vectors.text_key(text) for text in distinct])
        row = {text: i for i, text in enumerate(distinct)}

        def keep(batch: Sequence[str], rows: Float[np.ndarray, "text dim"]) -> None:
            # Opened here, in the thread that asks, which may use no connection of another.
            with vectors.opened(self.name, self.dim) as cache:
                cache.put_many([vectors.text_key(text) for text in batch], rows)
            known[[row[text] for text in batch]] = rows

        missing = [text for text, is_there in zip(distinct, found, strict=True) if not is_there]
        if missing:
            self._ask(list(self._batches(missing)), self.dim, keep)
        return known[[row[text] for text in texts]]

    def _ask(self, batches: Sequence[Sequence[str]], dim: int | None, keep: "Keep") -> None:
        # Loads the client, which a run that finds all its vectors in the cache does without.
        from tasks.engines.encoders.api_calls import Embeddings

        known = None if dim is None else (_PROBE, dim)
        embeddings = Embeddings(self._study, self._endpoint, self.name, self._key, keep, known)
        jobs = (partial(embeddings.fetch, batch) for batch in batches)
        try:
            embeddings.run(jobs, lambda nothing: None, len(batches), f"encode with {self._endpoint.model}")
        finally:
            self.tokens_in += embeddings.tokens_in

    def _key(self, texts: Sequence[str]) -> str:
        """Names a request in the ledger."""
        return frames.hashed(self.name, *texts)

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        n_chars = 0
        for text in texts:
            if batch and (len(batch) == self._texts_per_request or n_chars + len(text) > CHARS_PER_REQUEST):
                yield batch
                batch, n_chars = [], 0
            batch.append(text)
            n_chars += len(text)
        yield batch
