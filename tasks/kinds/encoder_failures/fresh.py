"""Fresh pairs for each frozen failure, and controls: what kind encoder_failures is tested on.

A pair is written from the failure's description alone. Its control has the same left text, and a right one
in which unrelated words stand instead, so many that the two texts share about as many words as the pair: what
fails there fails for sharing words. Pair and control are one document, since they share a text.
"""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from tasks.engines import pairs
from tasks.kinds.encoder_failures import tables, views
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.roles import PairGenerator
from tasks.records import Predicate
from tasks.store import frames
from tasks.store.sources import hashes, normalised
from tasks.study import Study

FAR = 0.5
"""A control whose overlap differs by more from that of its pair is none. Texts of the same words differ by as
much as an exchanged word makes: half of a text of three."""
DRAWS = 8
"""Controls that are drawn for a pair until one is fair."""
_STREAM = 4
"""Of the study's seed."""


def fresh_pairs(
    study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate], generators: dict[bool, PairGenerator]
) -> pl.DataFrame:
    """Rows of tables.FRESH, by predicate, document and group; the same whatever the order of texts.

    Args:
        study: says how many, and which encoder and reference look at them.
        texts: of the study; no fresh pair may hold one of them.
        predicates: the frozen failures.
        generators: by whether they write for the domain; one alone where the study names no domain.

    Raises:
        FrozenError: the encoder under test is another one than encoded the corpus.
    """
    views.under_test(study)
    known = frozenset(word for text in _explored(texts) for word in pairs.words(text))
    there = set(texts["text_hash"])
    parts = [_rows(study, p, generators, known, there) for p in predicates]
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=tables.FRESH)
    left, right = rows["left"].to_list(), rows["right"].to_list()
    seen = rows.with_columns(
        similarity=views.similarity(study, study.embed.encoder, left, right),
        reference=views.similarity(study, own(study).reference, left, right),
        overlap=pairs.lexical_overlap(left, right),
    )
    return frames.conform(seen.sort("predicate_id", "document_id", "group"), tables.FRESH)


def _explored(texts: pl.DataFrame) -> list[str]:
    return texts.filter(pl.col("half") == "explore").sort("text_id")["text"].to_list()


def _rows(
    study: Study,
    predicate: Predicate,
    generators: dict[bool, PairGenerator],
    known: frozenset[str],
    there: set[str],
) -> pl.DataFrame:
    from tasks.kinds.encoder_failures.embedded.controls import controls

    rng = np.random.default_rng([study.seed, _STREAM, int(predicate.predicate_id, 16) % 2**32])
    written: dict[tuple[str, str], bool] = {}
    for inside, generator in generators.items():
        wanted = -(-own(study).fresh // len(generators))
        made = generator.pairs(predicate, wanted, known, rng)
        for pair in _unseen(made, there):
            written.setdefault(pair, inside)
    beside: dict[tuple[str, str], tuple[str, str]] = {}
    for _ in range(DRAWS):
        without = [pair for pair in written if pair not in beside]
        drawn = zip(without, controls(without, rng), strict=True)
        beside |= {pair: control for pair, control in drawn if is_fair(predicate, pair, control)}
    fair = [(pair, beside[pair], inside) for pair, inside in written.items() if pair in beside]
    rows = list(_laid_out(predicate, *zip(*fair, strict=True))) if fair else []
    return pl.DataFrame(rows, schema={name: tables.FRESH[name] for name in _WRITTEN}, orient="row")


_WRITTEN = (
    "text_id", "text", "group", "document_id", "predicate_id", "left", "right", "inside", "n_merged",
)  # fmt: skip


def _laid_out(
    predicate: Predicate,
    fresh: Sequence[tuple[str, str]],
    controls: Sequence[tuple[str, str]],
    inside: Sequence[bool],
) -> Iterator[tuple[object, ...]]:
    for pair, control, is_inside in zip(fresh, controls, inside, strict=True):
        document = frames.hashed("pair", predicate.predicate_id, *pair)
        for group, (left, right) in (("A", pair), ("B", control)):
            text_id = frames.hashed("fresh", predicate.predicate_id, group, left, right)
            shown = f"{left}\n{right}"
            yield text_id, shown, group, document, predicate.predicate_id, left, right, is_inside, 1


def is_fair(predicate: Predicate, pair: tuple[str, str], control: tuple[str, str]) -> bool:
    """Whether a pair has a control to be compared with; one without is left out.

    No control is the text itself (nothing could be exchanged), one that shares far more or fewer words than
    the pair, or one that shows the failure it is to be the control of, as far as a list can tell.
    """
    from tasks.kinds.encoder_failures.embedded.edits import edit

    left, right = control
    if left.casefold().split() == right.casefold().split():
        return False
    own, shared = pairs.lexical_overlap([pair[0], left], [pair[1], right])
    if abs(own - shared) > FAR:
        return False
    return bool(edit(left, right).kind != json.loads(predicate.definition).get("failure"))


def _unseen(made: Sequence[tuple[str, str]], there: set[str]) -> list[tuple[str, str]]:
    """Pairs neither text of which stands in the corpus."""
    if not made:
        return []
    left, right = (hashes(normalised(pl.Series("text", side))) for side in zip(*made, strict=True))
    return [pair for pair, a, b in zip(made, left, right, strict=True) if a not in there and b not in there]
