"""Prompts, answers and preferences as rows: two a pair, one in each group."""

import polars as pl

from tasks.kinds import Gathered
from tasks.kinds.model_pair import tables
from tasks.kinds.model_pair.params import Answers
from tasks.store import frames
from tasks.store.sources import all_rows, hashes, normalised
from tasks.study import Study


def gathered(study: Study, asked: Answers) -> Gathered:
    """All pairs of answers that the sources hold.

    Raises:
        SourceError: a source or column cannot be used.
    """
    rows, _ = all_rows(study)
    first, second = asked.answers[:2]
    prompt = normalised(rows[asked.prompt].fill_null(""))
    both = zip(prompt, rows[first].fill_null(""), rows[second].fill_null(""), strict=True)
    identity = pl.Series([frames.hashed(*one) for one in both], dtype=pl.String)
    shared = {"context": rows[asked.prompt], "document_id": hashes(prompt), "identity": identity}
    sides = [
        pl.DataFrame({"text": rows[column], **shared}).with_columns(group=pl.lit(group))
        for group, column in (("A", first), ("B", second))
    ]
    liked = -(2 * rows[asked.preference] - 1) if asked.preference else None
    pairs = pl.DataFrame(
        {
            "pair": hashes(identity),
            "model_a": [first] * rows.height,
            "model_b": [second] * rows.height,
            "category": rows[asked.category] if asked.category else [None] * rows.height,
            "preference": [None] * rows.height if liked is None else liked,
        },
        schema=tables.PAIRS,
    )
    once = pairs.unique("pair", keep="first", maintain_order=True).sort("pair")
    return Gathered(pl.concat(sides), {"A": first, "B": second}, {"data": study.data}, {"pairs": once})
