"""Answers -> pairs: the first model's answer to each prompt against that of each other model."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from tasks.kinds.model_pair.naming import folded
from tasks.kinds.model_pair.reading import Given
from tasks.store import frames
from tasks.store.canonical import canonicalised

_SHARED = ["prompt", "asked", "document", "category"]


def paired(given: Given) -> tuple[pl.DataFrame, dict[str, int]]:
    """A row a pair, copies too; and how many are left out, by why.

    Columns identity (what makes it one), prompt, asked, document_id, category, model_a, model_b, answer_a,
    answer_b ("" where there is none) and preference (-1..1 for the first, null where nobody said).
    """
    first, *others = given.models
    pairs = pl.concat([_joined(given, first, other) for other in others])
    n_of_others = 0 if given.is_long else given.answers["key"].n_unique() - pairs["key"].n_unique()
    is_answered = (pl.col("answer_a") != "") | (pl.col("answer_b") != "")
    counts = {"of other models": n_of_others, "that nobody answered": pairs.filter(~is_answered).height}
    pairs = pairs.filter(is_answered)
    said = _preferences(pairs, given.said)
    pairs = pairs.join(said, on=["key", "model_b"], how="left", maintain_order="left")
    pairs = pairs.with_columns(_identity(pairs, len(others)), _documents(pairs))
    return pairs.sort("identity", "key"), counts


def _joined(given: Given, first: str, other: str) -> pl.DataFrame:
    """Answers of two models with one key; in a long table also those to which the other has none."""
    of = [
        given.answers.filter(pl.col("model") == model).select(
            "key", "number", pl.col("answer", "place", *_SHARED).name.suffix(f"_{side}")
        )
        for model, side in ((first, "a"), (other, "b"))
    ]
    joined = of[0].join(of[1], on=["key", "number"], how="full" if given.is_long else "inner", coalesce=True)
    # Of unequally many answers those that are left over have no partner; nothing is missing.
    both = pl.col("answer_a").is_not_null() & pl.col("answer_b").is_not_null()
    joined = joined.filter(both | (pl.col("number") == 0))
    places = dict(zip(given.models, range(len(given.models)), strict=True))
    return joined.select(
        "key",
        *[pl.coalesce(f"{name}_a", f"{name}_b").alias(name) for name in _SHARED],
        pl.lit(first).alias("model_a"),
        pl.lit(other).alias("model_b"),
        pl.col("answer_a", "answer_b").fill_null(""),
        *[
            pl.col(f"place_{side}").fill_null(pl.lit(places[model], pl.Int64))
            for side, model in (("a", first), ("b", other))
        ],
    )


def _preferences(pairs: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """The mean of what was said of each pair: 1 is model_a's answer, -1 model_b's."""
    if not said.height:
        return pairs.select("key", "model_b", preference=pl.lit(None, pl.Float64)).unique(["key", "model_b"])
    names = pairs["model_a"].append(pairs["model_b"]).unique()
    spelled = dict(zip(names, map(folded, names), strict=True))
    of = [
        pl.when(pl.col("op_place") == pl.col(f"place_{side}"))
        .then(True)
        .when(pl.col("op_model") == pl.col(f"model_{side}").replace_strict(spelled, return_dtype=pl.String))
        .then(True)
        for side in "ab"
    ]
    towards = (
        pl.when(pl.col("place_a") <= pl.col("place_b"))
        .then(pl.col("op_first"))
        .otherwise(-pl.col("op_first"))
    )
    meant = pl.coalesce(towards, pl.when(of[0]).then(1.0), pl.when(of[1]).then(-1.0))
    return (
        pairs.select("key", "model_a", "model_b", "place_a", "place_b")
        .join(said, on="key", how="inner")
        .with_columns(preference=meant)
        .group_by("key", "model_b")
        .agg(pl.col("preference").mean())
    )


def _identity(pairs: pl.DataFrame, n_others: int) -> pl.Series:
    """The same for copies of a pair: one prompt, and the same two answers."""
    answers = [canonicalised(pairs[f"answer_{side}"]).str.strip_chars() for side in "ab"]
    more = [pairs["model_b"]] if n_others > 1 else []
    parts = zip(pairs["asked"], *answers, *more, strict=True)
    return pl.Series("identity", [frames.hashed(*one) for one in parts], dtype=pl.String)


def _documents(pairs: pl.DataFrame) -> pl.Series:
    """What is drawn as a whole: a prompt, with all that its document holds and all that hold the prompt."""
    prompt = pl.Series("document_id", [frames.hashed(one) for one in pairs["asked"]], dtype=pl.String)
    document = pairs["document"]
    if document.null_count() == len(document):
        return prompt
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    own = pl.select(pl.coalesce(document, prompt).alias("document_id")).to_series()
    nodes = [column.rank("dense").to_numpy().astype(np.int64) - 1 for column in (own, prompt)]
    n = int(nodes[0].max()) + 1
    links = coo_array((np.ones(len(own)), (nodes[0], n + nodes[1])), shape=(n + len(own), n + len(own)))
    member = pl.Series("member", connected_components(links, directed=False)[1][nodes[0]])
    return pl.DataFrame([own, member]).select(pl.col("document_id").min().over("member"))["document_id"]


def left_out(counts: Mapping[str, int]) -> list[str]:
    """Rows that are no pair, by why."""
    return [f"{n:,} row{'s' * (n != 1)} {why}" for why, n in counts.items()]
