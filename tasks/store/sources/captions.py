"""Caption-like sentences from a small grammar in YAML, with twins of each that say nearly the same.

The grammar has word lists by domain, templates whose slots draw from them, and for each template its twins:
the same scene with the roles swapped, a negation, another number, or in other words. One row per sentence:
`text`, `domain`, `kind` (`base` or what the twin is called) and `scene` (shared by a sentence and its twins).

A slot is `{list}` or `{list.form}`. `{list2}` draws another word of the same list; `{list~}` is the synonym
of the word, `{list!}` its opposite. `a` becomes `an` where it must. The same file always gives the same rows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tasks.errors import SourceError
from tasks.store.sources.grammar import SLOT, Forms, Grammar, Lists, Template, read_grammar
from tasks.store.sources.wording import shown

BASE = "base"
_TRIES = 1000
"""Draws in a row that gave nothing new, after which a grammar counts as used up."""
_ARTICLE = re.compile(r"\ba (?=(?!uni|us[ei]|eu|one\b)[aeiou]|hour|honest)")


@dataclass(frozen=True)
class _Scene:
    name: str
    domain: str
    template: Template
    words: Mapping[tuple[str, str], Forms]


def read_captions(file: Path) -> pl.DataFrame:
    """Columns text, domain, kind, scene; all texts are distinct, and a scene's rows stand together.

    Raises:
        SourceError: the file is no such grammar, or cannot give as many distinct sentences as it asks for.
    """
    grammar = read_grammar(file)
    rng = np.random.default_rng(grammar.seed)
    texts: dict[str, None] = {}
    scenes = _scenes(file, grammar, rng, texts)
    rows = [
        (number, text, scene.domain, BASE, scene.name)
        for number, (text, scene) in enumerate(zip(texts, scenes, strict=True))
    ]
    for kind, wanted in grammar.n_twins.items():
        made = list(_twins(grammar, kind, wanted, scenes, rng, texts))
        if len(made) < wanted:
            raise SourceError(
                f"{shown(file)}: twins.{kind}: wanted {wanted}, {len(scenes)} sentences give {len(made)}. "
                "Ask for fewer, or add templates that have such a twin."
            )
        rows += [(number, text, scenes[number].domain, kind, scenes[number].name) for number, text in made]
    columns = ["number", "text", "domain", "kind", "scene"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.sort("number", maintain_order=True).drop("number")


def _scenes(file: Path, grammar: Grammar, rng: np.random.Generator, texts: dict[str, None]) -> list[_Scene]:
    """Base sentences, each with the words it was made of."""
    places = [
        (domain, template)
        for template in grammar.templates
        for domain, lists in grammar.domains.items()
        if template.fits(lists)
    ]
    scenes: list[_Scene] = []
    idle = 0
    while len(scenes) < grammar.n_sentences:
        domain, template = places[int(rng.integers(len(places)))]
        words = _words_of_slots(grammar.domains[domain], template.slots, rng)
        text = _written(grammar, template.text, words)
        if text is None or text in texts:
            idle += 1
            if idle == _TRIES:
                raise SourceError(
                    f"{shown(file)}: sentences: wanted {grammar.n_sentences}, the grammar gives about "
                    f"{len(scenes)} distinct ones. Ask for fewer, or add words or templates."
                )
            continue
        idle = 0
        texts[text] = None
        scenes.append(_Scene(f"{domain}-{len(scenes):06d}", domain, template, words))
    return scenes


def _words_of_slots(
    lists: Lists, slots: Sequence[tuple[str, str]], rng: np.random.Generator
) -> dict[tuple[str, str], Forms]:
    """A word for each slot; slots of one list get different ones."""
    drawn: dict[tuple[str, str], Forms] = {}
    for name, number in slots:
        taken = {words for (other, _), words in drawn.items() if other == name}
        free = [words for words in lists[name] if words not in taken]
        drawn[name, number] = free[int(rng.integers(len(free)))]
    return drawn


def _twins(
    grammar: Grammar,
    kind: str,
    wanted: int,
    scenes: Sequence[_Scene],
    rng: np.random.Generator,
    texts: dict[str, None],
) -> Iterator[tuple[int, str]]:
    """At most `wanted` new texts, each with the number of its scene."""
    n_made = 0
    for number in map(int, rng.permutation(len(scenes))):
        if n_made == wanted:
            return
        scene = scenes[number]
        every = [_written(grammar, text, scene.words) for text in scene.template.twins.get(kind, ())]
        new = [text for text in every if text is not None and text not in texts]
        if new:
            text = new[int(rng.integers(len(new)))]
            texts[text] = None
            n_made += 1
            yield number, text


def _written(grammar: Grammar, template: str, words: Mapping[tuple[str, str], Forms]) -> str | None:
    """The template with its words; None where a word has no synonym or opposite and needs one."""
    parts, end = [], 0
    for found in SLOT.finditer(template):
        name, number, mark, form = found.groups()
        forms = words[name, number]
        if mark:
            linked = grammar.links[mark].get(forms[0])
            if linked is None:
                return None
            forms = linked
        position = grammar.forms[name].index(form) if form else 0
        parts += [template[end : found.start()], forms[position]]
        end = found.end()
    return _ARTICLE.sub("an ", "".join([*parts, template[end:]]))
