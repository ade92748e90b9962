"""Word lists: YAML files that stand beside the modules which read them."""

import functools
from pathlib import Path
from typing import Any

from tasks.study import dialect


@functools.cache
def yaml_beside(module: str) -> dict[str, Any]:
    """What the YAML file named as a module (its `__file__`) holds; read once, not to be changed."""
    content: dict[str, Any] = dialect.read(Path(module).with_suffix(".yaml").read_text(encoding="utf-8"))
    return content


def words(listing: str) -> tuple[str, ...]:
    """The entries of a list in order, once each; they are parted by spaces, `_` stands for a space."""
    return tuple(dict.fromkeys(word.replace("_", " ") for word in listing.split()))


def groups(listing: str) -> list[tuple[str, ...]]:
    """The groups of a list in order: entries parted by `/`."""
    return [tuple(word.replace("_", " ") for word in group.split("/")) for group in listing.split()]
