"""Vectors made of the words of a text: what `loopback` answers at /v1/embeddings.

Each word has a direction of its own, drawn by its hash, and weighs the less the later it stands: texts of the
same words in another order are close, but not the same; synonyms (scripted_model.SAME) have one direction.
"""

import hashlib
import math
from typing import Any

from tests.scripted_model import plain_words

DIM = 32
_LATER = 0.02


def embeddings_of(body: dict[str, Any]) -> dict[str, Any]:
    """An answer to a request for embeddings; its items come last text first."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [
        {"object": "embedding", "index": i, "embedding": vector_of(text)} for i, text in enumerate(texts)
    ][::-1]
    tokens = sum(map(len, texts)) // 4
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def vector_of(text: str) -> list[float]:
    """The vector of a text, of length one."""
    total = [0.0] * DIM
    for at, word in enumerate(plain_words(text) or [""]):
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=DIM).digest()
        weight = 1 - _LATER * min(at, 25)
        total = [sum_ + weight * (byte - 127.5) for sum_, byte in zip(total, digest, strict=True)]
    length = math.sqrt(sum(value * value for value in total))
    return [value / length for value in total]
