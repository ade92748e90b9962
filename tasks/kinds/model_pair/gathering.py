"""Prompts, answers and preferences as rows: two a pair, one in each group."""

import polars as pl

from tasks.errors import CorpusError
from tasks.kinds import Gathered
from tasks.kinds.model_pair import pairing, reading, tables
from tasks.kinds.model_pair.params import Answers
from tasks.store.sources import hashes
from tasks.study import Study


def gathered(study: Study, asked: Answers) -> Gathered:
    """All pairs of answers that the sources hold.

    Raises:
        SourceError: a source, column or value cannot be used.
        CorpusError: no prompt has the answers of two models.
    """
    given = reading.given(study, asked)
    pairs, left_out = pairing.paired(given)
    first, *others = given.models
    names = {"A": first, "B": " or ".join(others)}
    if not pairs.filter((pl.col("answer_a") != "") & (pl.col("answer_b") != "")).height:
        raise CorpusError(
            f"studies.{study.name}.{study.kind}: wanted prompts that two models answered, got none."
        )
    shared = {"context": pairs["prompt"], "document_id": pairs["document_id"], "identity": pairs["identity"]}
    sides = [
        pl.DataFrame({"text": pairs[f"answer_{side}"], **shared}).with_columns(group=pl.lit(side.upper()))
        for side in "ab"
    ]
    known = (
        pairs.with_columns(pair=hashes(pairs["identity"]))
        .group_by("pair")
        .agg(pl.col("model_a", "model_b", "category").min(), pl.col("preference").mean())
    )
    read = given.read | {"left_out": given.counts | left_out}
    return Gathered(pl.concat(sides), names, read, {"pairs": known.select(tables.PAIRS.names()).sort("pair")})
