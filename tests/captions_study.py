"""A study of kind encoder_failures that is small enough for a test: a grammar of captions, tiny encoders."""

from pathlib import Path
from typing import Any

import yaml

from tests.conftest import Project

AGENTS = ["driver", "cyclist", "tourist", "king", "queen", "farmer", "shepherd", "doctor", "nurse", "teacher", "dentist", "lawyer", "manager", "banker", "student", "sailor", "pirate", "soldier", "knight", "baker", "butcher", "waiter"]
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
            "text": "a {agent} {act.third} a {agent2} {place}",
            "role_swap": "a {agent2} {act.third} a {agent} {place}",
            "paraphrase": "a {agent} {act~.third} a {agent2} {place}",
        }
    ],
}


def save_captions(folder: Path, **changed: Any) -> str:
    """Writes the grammar, with other keys than GRAMMAR's where given, and gives the file's name."""
    content = yaml.safe_dump({**GRAMMAR, **changed}, sort_keys=False)
    (folder / "captions.yaml").write_text(content, encoding="utf-8")
    return "captions.yaml"


def captions_study(**blocks: Any) -> dict[str, Any]:
    """The study's entry under `studies:`; what is given stands over it, `failures` key by key."""
    failures = {"threshold": 0.9, "margin": 0.05, "fresh": 20, **blocks.pop("failures", {})}
    return {
        "kind": "encoder_failures",
        "goal": "which captions the encoder takes for the same though they are not",
        "data": "captions.yaml",
        "collect": {"document": "scene"},
        "failures": failures,
        **blocks,
    }


def made(project: Project, grammar: dict[str, Any] | None = None, **blocks: Any) -> None:
    """Writes the grammar and params.yaml with one study, `captions`."""
    save_captions(project.folder, **(grammar or {}))
    project.params(captions=captions_study(**blocks))
