"""What a scripted model sees: the colours of the pixels that it is sent, and what it says of them."""

import base64
import hashlib
import io
import json
import re
from collections import Counter
from typing import Any

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 20, 30),
    "green": (20, 150, 50),
    "blue": (30, 60, 220),
    "yellow": (250, 220, 20),
    "black": (0, 0, 0),
    "orange": (250, 130, 10),
    "purple": (130, 40, 160),
    "brown": (120, 70, 30),
}
_NEAR = 40
"""Farther from every colour, a pixel has none: light grey, white, and the edges of shapes."""
_LEAST = 0.004
"""Share of the pixels of a colour that is seen."""


def pictures(content: Any) -> list[bytes]:
    """The files in the content of a message, none where it is plain text."""
    parts = content if isinstance(content, list) else []
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2], validate=True) for url in urls]


def words(content: Any) -> str:
    """The text in the content of a message."""
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def seen(data: bytes) -> str:
    """What a picture shows: `picture 3f9a01 with blue and red`."""
    # Servers of texts do without what opens pictures.
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float).reshape(-1, 1, 3)
    away = np.sqrt(((pixels - np.array(list(COLOURS.values()), dtype=float)) ** 2).sum(axis=2))
    counts = np.bincount(away.argmin(axis=1)[away.min(axis=1) < _NEAR], minlength=len(COLOURS))
    found = [name for name, n in zip(COLOURS, counts, strict=True) if n > _LEAST * len(pixels)]
    return f"picture {hashlib.sha256(data).hexdigest()[:6]} with {' and '.join(found) or 'no colour'}"


def truth(predicate: str, text: str) -> bool | None:
    """Whether all colours that a predicate names are seen; None where it names none, or none is seen."""
    named = [colour for colour in COLOURS if re.search(rf"\b{colour}\b", predicate)]
    if not named or not text.startswith("picture "):
        return None
    return all(re.search(rf"\b{colour}\b", text) for colour in named)


def hypotheses(user: str) -> list[str]:
    """What descriptions of a list of pictures have more often than those of the other list."""
    others, _, these = user.partition("\nThese pictures:\n")
    more = _colours(these if these else others)
    more.subtract(_colours(others) if these else {})
    return [f"shows something {colour}" for colour, n in more.most_common() if n > 0]


def _colours(block: str) -> Counter[str]:
    rows = [json.loads(line) for line in block.split("\n") if line.startswith("{")]
    said = [row["description"] for row in rows if "description" in row]
    return Counter(colour for one in said for colour in COLOURS if re.search(rf"\b{colour}\b", one))
