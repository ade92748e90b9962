"""What a repair may be fitted on: pairs of the exploration half, on which nothing is tested."""

import importlib
from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.kinds.encoder_failures import tables, views
from tasks.kinds.encoder_failures.fresh import explored_sentences
from tasks.kinds.encoder_failures.params import own
from tasks.kinds.encoder_failures.scale import threshold_of
from tasks.records import Predicate
from tasks.study import Study

TRIED = 4
"""Times as many paraphrases are written as are kept: those that the encoder takes for one text."""
_STREAM = 6
"""Of the study's seed."""


def lessons(study: Study, texts: pl.DataFrame, confirmed: Sequence[Predicate]) -> pl.DataFrame:
    """Explored sentences edited by each confirmed failure, and as many in other words: tables.LESSONS.

    Args:
        study: says how many of each: as many as new pairs of a failure.
        texts: of the study.
        confirmed: the failures.
    """
    if study.engine != "embedded" or not confirmed:
        return pl.DataFrame(schema=tables.LESSONS)
    from tasks.kinds.encoder_failures.embedded.rephrasing import paraphrases
    from tasks.kinds.encoder_failures.embedded.wording import Wording

    rng = np.random.default_rng([study.seed, _STREAM])
    sources, n = explored_sentences(study, texts), own(study).fresh
    wording = Wording([source.text for source in sources])
    generators = importlib.import_module(f"{__package__}.embedded").pair_generators(study)
    rows: list[tuple[str, str, int, str | None]] = []
    for predicate in confirmed:
        made = next(iter(generators.values())).pairs(predicate, n, sources, wording, rng)
        rows += [(pair.left, pair.right, 1, predicate.predicate) for pair in made]
    same = paraphrases(sources, TRIED * n * len(confirmed), rng)
    left, right = [pair.left for pair in same], [pair.right for pair in same]
    near = views.similarity(study, study.embed.encoder, left, right) >= threshold_of(study)
    kept = [(pair.left, pair.right, 0, None) for pair, is_near in zip(same, near, strict=True) if is_near]
    rows += kept[: n * len(confirmed)]
    return pl.DataFrame(rows, schema=tables.LESSONS, orient="row")
