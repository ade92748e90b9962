"""A bank of topics (bank.yaml): what texts are commonly about, each a name and a few words that anchor it.

It names themes, gives proxies of its own ("leans towards the topic sport"), and is what someone who
has not seen the texts would guess from.
"""

from tasks.engines.embedded import wordlists


def topics() -> dict[str, str]:
    """Name -> what anchors it; the order is that of every table of vectors of topics."""
    found: dict[str, str] = wordlists.yaml_beside(__file__)["topics"]
    return found


def style_guesses() -> list[str]:
    """What a proposer would say of any two corpora without looking."""
    found: list[str] = wordlists.yaml_beside(__file__)["style_guesses"]
    return found


def anchors() -> list[str]:
    """One sentence for each topic, in the order of topics()."""
    return [f"{name}: {gloss}" for name, gloss in topics().items()]
