"""Fresh pairs for each frozen failure, and controls: what kind encoder_failures is tested on.

A pair is a sentence of the confirmation half, which no proposer saw, and the same with the difference that
the failure's description names: what users write, and nearly what they write. Its control is the sentence
with other words of the same class exchanged, so that about as many are shared: what fails there fails for
sharing words. Each document gives one pair, so that pairs are independent; pair and control are one document.
"""

import json
import re
from collections.abc import Iterator, Sequence, Set
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tasks.engines import pairs
from tasks.engines.encoders import repaired
from tasks.kinds.encoder_failures import tables, views
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.roles import NewPair, PairGenerator, Source
from tasks.records import Predicate
from tasks.store import frames
from tasks.store.sources import hashes, normalised
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.kinds.encoder_failures.embedded.controls import Control
    from tasks.kinds.encoder_failures.embedded.wording import Wording

FAR = 0.5
"""A control whose overlap differs by more from that of its pair is none. Texts of the same words differ by as
much as an exchanged word makes: half of a text of three."""
DRAWS = 8
"""Controls that are drawn for a pair until one is fair."""
MOST_WORDS = 40
"""A longer text is cut into its sentences; a longer sentence is not edited."""
LEAST_WORDS = 3
MOST_SOURCES = 20_000
"""Sentences that are looked at, at most: a random sample of more."""
_END = re.compile(r"(?<=[.!?])\s+(?=\S)")
_STREAM = 4
"""Of the study's seed."""


def fresh_pairs(
    study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate], generators: dict[bool, PairGenerator]
) -> pl.DataFrame:
    """Rows of tables.FRESH, by predicate, document and group; the same whatever the order of texts.

    Args:
        study: says how many, and which encoder and reference look at them.
        texts: of the study; those of its confirmation half are edited.
        predicates: the frozen failures.
        generators: by whether they write for the domain; one alone where the study names no domain.

    Raises:
        FrozenError: the encoder under test is another one than encoded the corpus.
    """
    from tasks.kinds.encoder_failures.embedded.wording import Wording

    views.under_test(study)
    sources = held_out_sentences(study, texts, repaired.learned(study.embed.encoder))
    wording = Wording([source.text for source in sources])
    there = set(texts["text_hash"])
    parts = [_rows(study, p, generators, sources, wording, there) for p in predicates]
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=tables.FRESH)
    left, right = rows["left"].to_list(), rows["right"].to_list()
    seen = rows.with_columns(
        similarity=views.similarity(study, study.embed.encoder, left, right),
        reference=views.similarity(study, own(study).reference, left, right),
        overlap=pairs.lexical_overlap(left, right),
    )
    return frames.conform(seen.sort("predicate_id", "document_id", "group"), tables.FRESH)


def held_out_sentences(study: Study, texts: pl.DataFrame, learned: Sequence[str] = ()) -> list[Source]:
    """Sentences of the confirmation half that stand in no explored text, in random order.

    Two texts count as one where they differ in case and punctuation alone.

    Args:
        study: of the texts.
        texts: of both halves.
        learned: texts that the encoder under test was fitted on: no sentence of them is taken either.
    """
    explored = texts.filter(pl.col("half") == "explore")["text"]
    known = {_spelt(one) for text in (*explored, *learned) for one in _sentences(text)}
    return _drawn(study, texts.filter(pl.col("half") == "confirm"), known)


def explored_sentences(study: Study, texts: pl.DataFrame) -> list[Source]:
    """Sentences of the exploration half, in random order."""
    return _drawn(study, texts.filter(pl.col("half") == "explore"), frozenset())


def _drawn(study: Study, texts: pl.DataFrame, known: Set[str]) -> list[Source]:
    found: dict[str, Source] = {}
    for text, document in _by_id(texts):
        for one in _sentences(text):
            if (spelt := _spelt(one)) not in known:
                found.setdefault(spelt, Source(one, document))
    sources = list(found.values())
    order = np.random.default_rng([study.seed, _STREAM]).permutation(len(sources))
    return [sources[int(i)] for i in order[:MOST_SOURCES]]


def _by_id(texts: pl.DataFrame) -> Iterator[tuple[str, str]]:
    return texts.sort("text_id").select("text", "document_id").iter_rows()


def _sentences(text: str) -> list[str]:
    is_short = len(text.split()) <= MOST_WORDS
    parts = [text] if is_short else _END.split(text)
    return [part for part in map(str.strip, parts) if LEAST_WORDS <= len(part.split()) <= MOST_WORDS]


def _spelt(text: str) -> str:
    return " ".join(pairs.words(text))


def _rows(
    study: Study,
    predicate: Predicate,
    generators: dict[bool, PairGenerator],
    sources: Sequence[Source],
    wording: "Wording",
    there: set[str],
) -> pl.DataFrame:
    from tasks.kinds.encoder_failures.embedded.controls import Control, controls

    rng = np.random.default_rng([study.seed, _STREAM, int(predicate.predicate_id, 16) % 2**32])
    order = rng.permutation(len(sources))
    shuffled = [sources[int(i)] for i in order]
    written: dict[NewPair, bool] = {}
    for inside, generator in generators.items():
        wanted = -(-own(study).fresh // len(generators))
        done = {pair.document_id for pair in written}
        left = [source for source in shuffled if source.document_id not in done]
        made = generator.pairs(predicate, wanted, left, wording, rng)
        for pair in _unseen(made, there):
            written.setdefault(pair, inside)
    beside: dict[NewPair, Control] = {}
    for _ in range(DRAWS):
        without = [pair for pair in written if pair not in beside]
        drawn = zip(without, controls([(p.left, p.right) for p in without], wording, rng), strict=True)
        beside |= {pair: one for pair, one in drawn if one and is_fair(predicate, pair, one.text)}
    fair = [(pair, beside[pair], inside) for pair, inside in written.items() if pair in beside]
    rows = [row for one in fair for row in _laid_out(predicate, *one)]
    return pl.DataFrame(rows, schema={name: tables.FRESH[name] for name in _WRITTEN}, orient="row")


_WRITTEN = (
    "text_id", "text", "group", "document_id", "predicate_id", "left", "right", "word_class",
    "inside", "n_merged",
)  # fmt: skip


def _laid_out(
    predicate: Predicate, pair: NewPair, control: "Control", inside: bool
) -> Iterator[tuple[object, ...]]:
    document = frames.hashed("pair", predicate.predicate_id, pair.document_id)
    for group, right in (("A", pair.right), ("B", control.text)):
        text_id = frames.hashed("fresh", predicate.predicate_id, group, pair.left, right)
        shown = f"{pair.left}\n{right}"
        yield (
            text_id, shown, group, document, predicate.predicate_id, pair.left, right, control.word_class,
            inside, 1,
        )  # fmt: skip


def is_fair(predicate: Predicate, pair: NewPair, control: str) -> bool:
    """Whether a pair has a control to be compared with; one without is left out.

    No control is the text itself (nothing could be exchanged), one that shares far more or fewer words than
    the pair, or one of small words that shows the failure it is to be the control of, as far as lists tell.
    """
    from tasks.kinds.encoder_failures.embedded.controls import BY_SORT
    from tasks.kinds.encoder_failures.embedded.edits import edit

    if pair.left.casefold().split() == control.casefold().split():
        return False
    own, shared = pairs.lexical_overlap([pair.left, pair.left], [pair.right, control])
    if abs(own - shared) > FAR:
        return False
    failure = json.loads(predicate.definition).get("failure")
    return failure in BY_SORT or edit(pair.left, control).kind != failure


def _unseen(made: Sequence[NewPair], there: set[str]) -> list[NewPair]:
    """Pairs of which the new text stands nowhere in the corpus."""
    if not made:
        return []
    new = hashes(normalised(pl.Series("text", [pair.right for pair in made])))
    return [pair for pair, one in zip(made, new, strict=True) if one not in there]
