"""A study of kind encoder_failures that is small enough for a test: a grammar of captions, tiny encoders."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tasks.engines import pairs
from tasks.engines.encoders import encoder
from tasks.engines.roles import Encoder
from tests.conftest import Project

AGENTS = [
    "driver",
    "cyclist",
    "tourist",
    "king",
    "queen",
    "farmer",
    "shepherd",
    "doctor",
    "nurse",
    "teacher",
    "dentist",
    "lawyer",
    "manager",
    "banker",
    "student",
    "sailor",
    "pirate",
    "soldier",
    "knight",
    "baker",
    "butcher",
    "waiter",
]
ACTS = ("chase chases", "greet greets", "push pushes", "help helps", "scare scares", "attack attacks")
SAME = {
    "chase": "pursue pursues",
    "greet": "welcome welcomes",
    "push": "shove shoves",
    "help": "assist assists",
}

GRAMMAR: dict[str, Any] = {
    "seed": 3,
    "sentences": 240,
    "twins": {"role_swap": 60, "paraphrase": 110},
    "forms": {"act": ["base", "third"]},
    "words": {
        "act": [act.replace(" ", ", ") for act in ACTS],
        "place": ["in the park", "at the station", "on the beach", "in the market"],
    },
    "domains": {"town": {"agent": AGENTS[:12]}, "camp": {"agent": AGENTS[12:]}},
    "synonyms": {word: same.replace(" ", ", ") for word, same in SAME.items()},
    "templates": [
        {
            "text": "a {agent} {act.third} a {agent2}",
            "role_swap": "a {agent2} {act.third} a {agent}",
            "paraphrase": "a {agent} {act~.third} a {agent2}",
        }
    ],
}


def save_captions(folder: Path, **changed: Any) -> str:
    """Writes the grammar, with other keys than GRAMMAR's where given, and gives the file's name."""
    content = yaml.safe_dump({**GRAMMAR, **changed}, sort_keys=False)
    (folder / "captions.yaml").write_text(content, encoding="utf-8")
    return "captions.yaml"


def captions_study(**blocks: Any) -> dict[str, Any]:
    """The study's entry under `studies:`; what is given stands over it, `encoder_failures` key by key."""
    failures = {"threshold": 0.9, "margin": 0.05, "fresh": 20, **blocks.pop("encoder_failures", {})}
    return {
        "kind": "encoder_failures",
        "goal": "which captions the encoder takes for the same though they are not",
        "data": "captions.yaml",
        "collect": {},
        "encoder_failures": failures,
        **blocks,
    }


def made(project: Project, grammar: dict[str, Any] | None = None, **blocks: Any) -> None:
    """Writes the grammar and params.yaml with one study, `captions`."""
    save_captions(project.folder, **(grammar or {}))
    project.params(captions=captions_study(**blocks))


class Words:
    """An encoder that sees which words there are, and neither their order nor which synonym is used.

    The cosine of two texts is known: words in common over all, of equally many.
    """

    dim = 2048
    name = "words"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for i, text in enumerate(texts):
            for word in pairs.words(text) or ("",):
                rows[i] += _direction(_SAME_AS.get(word, word), self.dim)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Texts:
    """An encoder that tells all texts apart: each has a direction of its own."""

    dim = 256
    name = "texts"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([_direction(text, self.dim) for text in texts], dtype=np.float32)


class One(Texts):
    """An encoder to which all texts are one."""

    name = "one"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return super().encode(["any"] * len(texts))


_SAME_AS = {
    new: old for word, same in SAME.items() for old, new in zip((word, f"{word}s"), same.split(), strict=True)
}


@functools.cache
def _direction(word: str, dim: int) -> np.ndarray:
    """A unit vector that follows from the word alone."""
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
    row = np.random.default_rng(seed).standard_normal(dim)
    unit: np.ndarray = (row / np.linalg.norm(row)).astype(np.float32)
    return unit


def open_made(monkeypatch: pytest.MonkeyPatch, **more: Encoder) -> None:
    """Lets studies name the encoders above, `words`, `texts` and `one`, beside real ones."""
    known = {"words": Words(), "texts": Texts(), "one": One(), **more}
    real = encoder.open_named
    monkeypatch.setattr(encoder, "open_named", lambda name, study: known.get(name) or real(name, study))
