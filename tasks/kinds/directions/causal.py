"""Whether a part of an encoder does what its unit was named for: what is lost without it.

Inputs are those of the confirmation half. They are new to directions and means, which are of the exploration
half; that they made the discoveries, too, is told on the page.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds, paths
from tasks.engines.encoders import inputs, units
from tasks.engines.encoders.ablation import (
    Batch,
    Named,
    attribute_directions,
    causal_test,
    part_means,
)
from tasks.engines.encoders.units import Target
from tasks.kinds.directions import ends, tables
from tasks.kinds.directions.ends import sentence
from tasks.kinds.directions.params import own
from tasks.records import Predicate
from tasks.store import frames
from tasks.study import Study
from tasks.verdicts.judged import Judged
from tasks.verdicts.matrices import at_threshold

MOST_INPUTS = 1000
"""Of each half; drawn by hash where there are more."""
MOST_NAMED = 50
"""Discoveries that are tested: the first of more, as they were frozen."""
_STREAM = 32
"""Of the study's seed."""


def causal(judged: Judged, texts: pl.DataFrame, found: Sequence[str]) -> pl.DataFrame:
    """The causal test of each discovery; rows of tables.CAUSAL.

    An attribute is what a discovery's sentence says. Its direction, and what each part adds on average, are
    of exploration inputs; who holds it among confirmation inputs is what the judge said. Random sets are
    other parts of the same sort: heads for a head.

    Args:
        judged: all verdicts.
        texts: of the study.
        found: predicate_ids of the discoveries.
    """
    study = judged.study
    of = {one.predicate_id: one for one in judged.predicates}
    chosen = [of[one] for one in found[:MOST_NAMED]]
    if not chosen:
        return pl.DataFrame(schema=tables.CAUSAL)
    decomposed = units.target(str(own(study).target), study, texts)
    column = {one: i for i, one in enumerate(judged.predicates)}
    sentences = list(dict.fromkeys(map(sentence, chosen)))
    first = [next(one for one in chosen if sentence(one) == said) for said in sentences]
    seen, new = _drawn(study, texts.filter(half="explore")), _drawn(study, judged.rows)
    means, vectors = _means_and_vectors(decomposed, inputs.items_of(seen).to_list())
    directions = attribute_directions(vectors, _held(study, first, seen, texts))
    rows = {text_id: i for i, text_id in enumerate(judged.rows["text_id"])}
    at = [rows[text_id] for text_id in new["text_id"]]
    holds = judged.verdict[np.ix_(at, [column[one] for one in first])]
    names = decomposed.parts.names
    named = [Named((names.index(part_of(one)),), sentences.index(sentence(one))) for one in chosen]
    sort = part_of(chosen[0])[0]
    effects = causal_test(
        _batches(decomposed, inputs.items_of(new).to_list()),
        means,
        directions,
        holds,
        new["document_id"].rank("dense").to_numpy().astype(np.int64),
        named,
        [i for i, name in enumerate(names) if name[0] == sort],
        np.random.default_rng([study.seed, _STREAM]),
        level=study.score.level,
    )
    figures = {name: getattr(effects, name) for name in _FIGURES}
    told = [{"predicate_id": one.predicate_id, "unit": ends.of(one)[0]} for one in chosen]
    frame = pl.DataFrame(told).with_columns(
        pl.Series("margin", effects.margin[[one.attribute for one in named]]),
        *(pl.Series(name, values) for name, values in figures.items()),
    )
    return frames.conform(frame.fill_nan(None), tables.CAUSAL)


_FIGURES = ("loss", "loss_others", "specificity", "lo", "hi", "p", "q", "n_random")


def part_of(predicate: Predicate) -> str:
    """The part of a unit: with a bank, a unit is one of several directions of a part."""
    return ends.of(predicate)[0].partition("/")[0]


def _drawn(study: Study, rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.filter(group=ends.FIRST)
    ranked = sorted(rows["text_id"], key=lambda one: frames.hashed("causal", str(study.seed), one))
    return rows.filter(pl.col("text_id").is_in(ranked[:MOST_INPUTS])).sort("text_id")


def _held(
    study: Study, predicates: Sequence[Predicate], seen: pl.DataFrame, texts: pl.DataFrame
) -> Float[np.ndarray, "input predicate"]:
    """What the judge says of exploration inputs, by the frozen definitions."""
    kind = kinds.load(study.kind)
    vectors = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    at = texts.with_row_index("at").filter(pl.col("text_id").is_in(seen["text_id"].to_list())).sort("text_id")
    judge = kind.judge(study, kind.actors(study.engine))
    said = judge.judge(predicates, seen, vectors[at["at"].to_numpy()])
    return at_threshold(said.score, predicates[0].threshold)


def _batches(decomposed: Target, texts: Sequence[str]) -> Iterator[Batch]:
    for one in decomposed.contributions(texts):
        yield one.rows, one.parts.astype(np.float64)


def _means_and_vectors(
    decomposed: Target, texts: Sequence[str]
) -> tuple[Float[np.ndarray, "part dim"], Float[np.ndarray, "input dim"]]:
    vectors = np.empty((len(texts), decomposed.dim))

    def kept() -> Iterator[Batch]:
        for rows, parts in _batches(decomposed, texts):
            vectors[rows] = parts.sum(axis=1)
            yield rows, parts

    return part_means(kept()), vectors
