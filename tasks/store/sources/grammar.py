"""The grammar of a captions file, read and checked: what captions.py writes sentences from."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import SourceError, nearest
from tasks.store.sources.tables import text_of
from tasks.store.sources.wording import listed, shown
from tasks.study import dialect

MOST = 1_000_000
"""Sentences that a grammar may ask for."""
SLOT = re.compile(r"\{([a-z_]+)(\d*)([~!]?)(?:\.([a-z_]+))?\}")
"""List, number, mark and form of a slot."""
_KEYS = ("seed", "sentences", "twins", "forms", "words", "domains", "synonyms", "opposites", "templates")
_NEEDED = ("sentences", "domains", "templates")
_MARKS = {"~": "synonyms", "!": "opposites"}
Forms = tuple[str, ...]
"""A word in all its forms."""
Lists = Mapping[str, tuple[Forms, ...]]


@dataclass(frozen=True)
class Template:
    """A sentence with slots, and its twins by kind."""

    text: str
    twins: Mapping[str, tuple[str, ...]]
    slots: tuple[tuple[str, str], ...]
    """List and number of each slot, once each."""

    def fits(self, lists: Lists) -> bool:
        """Whether there are words enough for slots of one list to get different ones."""
        names = [name for name, _ in self.slots]
        return all(len(lists.get(name, ())) >= names.count(name) for name in names)


@dataclass(frozen=True)
class Grammar:
    """All that sentences are made of."""

    seed: int
    n_sentences: int
    n_twins: Mapping[str, int]
    forms: Mapping[str, Forms]
    """List -> names of its forms."""
    domains: Mapping[str, Lists]
    links: Mapping[str, Mapping[str, Forms]]
    """`~` and `!` -> first form of a word -> its synonym, or opposite."""
    templates: tuple[Template, ...]


def is_grammar(file: Path) -> bool:
    """Whether a YAML file is meant as a grammar of captions, however broken."""
    try:
        content = dialect.read(text_of(file))
    except dialect.NotYaml:
        return False
    return isinstance(content, dict) and not {"domains", "templates"}.isdisjoint(map(str, content))


def read_grammar(file: Path) -> Grammar:
    """The grammar in a YAML file.

    Raises:
        SourceError: it is no YAML, a key or name is unknown, or a value has the wrong shape.
    """
    try:
        content = dialect.read(text_of(file))
    except dialect.NotYaml as error:
        raise SourceError(f"{shown(file)}: not valid YAML: {error}.") from None
    return _Reader(file).grammar(content)


class _Reader:
    """Turns what YAML holds into a grammar, or says in one line what is wrong."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def grammar(self, content: Any) -> Grammar:
        """The checked grammar."""
        content = self._mapping("", content)
        for key in content:
            if key not in _KEYS:
                raise self._error("", f"unknown key {key}{nearest(key, _KEYS)}")
        for key in _NEEDED:
            if not content.get(key):
                raise self._error(key, "wanted, not there")
        forms = {
            name: tuple(self._texts(f"forms.{name}", names))
            for name, names in self._mapping("forms", content.get("forms")).items()
        }
        every = self._lists("words", content.get("words"), forms)
        domains = {
            domain: {**every, **self._lists(f"domains.{domain}", lists, forms)}
            for domain, lists in self._mapping("domains", content["domains"]).items()
        }
        links = {
            mark: {
                word: self._forms(f"{key}.{word}", entry)
                for word, entry in self._mapping(key, content.get(key)).items()
            }
            for mark, key in _MARKS.items()
        }
        self._check_links(links, domains)
        if not isinstance(content["templates"], list):
            raise self._error("templates", "wanted a list")
        templates = tuple(
            self._template(f"templates[{number}]", entry, forms, domains)
            for number, entry in enumerate(content["templates"])
        )
        return Grammar(
            seed=self._count("seed", content.get("seed", 0)),
            n_sentences=self._count("sentences", content["sentences"]),
            n_twins=self._n_twins(content.get("twins"), templates),
            forms=forms,
            domains=domains,
            links=links,
            templates=templates,
        )

    def _template(
        self,
        where: str,
        entry: Any,
        forms: Mapping[str, Forms],
        domains: Mapping[str, Lists],
    ) -> Template:
        entry = self._mapping(where, entry)
        text = entry.pop("text", None)
        if not isinstance(text, str):
            raise self._error(where, "wanted `text:` with the sentence")
        twins = {kind: tuple(self._texts(f"{where}.{kind}", texts)) for kind, texts in entry.items()}
        slots = self._slots(f"{where}.text", text, forms)
        for kind, texts in twins.items():
            for twin in texts:
                strange = [s for s in self._slots(f"{where}.{kind}", twin, forms) if s not in slots]
                if strange:
                    slot = "{" + "".join(strange[0]) + "}"
                    raise self._error(f"{where}.{kind}", f"wanted slots of its text only, got {slot}")
        known = sorted({name for lists in domains.values() for name in lists})
        for name, _ in slots:
            if name not in known:
                raise self._error(where, f"no list of words called {name}{nearest(name, known)}")
        made = Template(text, twins, slots)
        if not any(made.fits(lists) for lists in domains.values()):
            raise self._error(where, f"no domain has words enough for {text!r}")
        return made

    def _slots(self, where: str, text: str, forms: Mapping[str, Forms]) -> tuple[tuple[str, str], ...]:
        if {"{", "}"} & set(SLOT.sub("", text)):
            raise self._error(where, f"wanted slots such as {{agent}} or {{verb.past}}, got {text!r}")
        slots: dict[tuple[str, str], None] = {}
        for name, number, _, form in SLOT.findall(text):
            slots[name, number] = None
            if form and form not in forms.get(name, ()):
                known = forms.get(name, ())
                raise self._error(
                    where, f"{name} has no form {form}{nearest(form, known)}. Its forms: {listed(known)}"
                )
        return tuple(slots)

    def _lists(self, where: str, content: Any, forms: Mapping[str, Forms]) -> dict[str, tuple[Forms, ...]]:
        lists = {}
        for name, entries in self._mapping(where, content).items():
            words = dict.fromkeys(
                self._forms(f"{where}.{name}", entry) for entry in self._texts(f"{where}.{name}", entries)
            )
            names = forms.get(name, ("its word",))
            for found in words:
                if len(found) != len(names):
                    raise self._error(
                        f"{where}.{name}", f"wanted {', '.join(names)}, got {', '.join(found)!r}"
                    )
            lists[name] = tuple(words)
        return lists

    def _check_links(
        self,
        links: Mapping[str, Mapping[str, Forms]],
        domains: Mapping[str, Lists],
    ) -> None:
        known = {
            words[0]: len(words) for lists in domains.values() for every in lists.values() for words in every
        }
        for mark, key in _MARKS.items():
            for word, forms in links[mark].items():
                if word not in known:
                    raise self._error(key, f"no list has {word}{nearest(word, known)}")
                if len(forms) != known[word]:
                    raise self._error(f"{key}.{word}", f"wanted {known[word]} forms, got {len(forms)}")

    def _n_twins(self, content: Any, templates: Sequence[Template]) -> dict[str, int]:
        known = sorted({kind for template in templates for kind in template.twins})
        counts = {}
        for kind, count in self._mapping("twins", content).items():
            if kind not in known:
                raise self._error("twins", f"no template has a twin {kind}{nearest(kind, known)}")
            counts[kind] = self._count(f"twins.{kind}", count)
        return counts

    def _forms(self, where: str, entry: Any) -> Forms:
        if not isinstance(entry, str):
            raise self._error(where, f"wanted words, got {entry!r}. Put it in quotes")
        return tuple(form.strip() for form in entry.split(","))

    def _texts(self, where: str, content: Any) -> list[str]:
        texts = [content] if isinstance(content, str) else content
        if not (isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)):
            raise self._error(where, "wanted a list of texts; put `on`, `off`, `yes` and `no` in quotes")
        return texts

    def _mapping(self, where: str, content: Any) -> dict[str, Any]:
        if content is None and where in {"forms", "words", "twins", "synonyms", "opposites"}:
            return {}
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise self._error(where, "wanted names with values under it; put `on` and `no` in quotes")
        return dict(content)

    def _count(self, where: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST:
            raise self._error(where, f"wanted a whole number from 0 to {MOST}, got {value!r}")
        return value

    def _error(self, where: str, message: str) -> SourceError:
        return SourceError(f"{shown(self._file)}: {where + ': ' if where else ''}{message}.")
