"""What explanations are held against: the study's own, dealt out anew, and words that tell the answer."""

from collections import Counter

import numpy as np
import polars as pl

from tasks.engines.contrast import Contrast
from tasks.engines.embedded.tokens import joined_all
from tasks.kinds.explanations import tables
from tasks.study import Study

N_WORDS = 2
"""Words an anchor's explanation lists."""
LEAST_TEXTS = 3
"""Explored inputs that must hold a word for it to tell anything."""


def of(study: Study, texts: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of tables.EXPLANATIONS by name; none where readers were asked: nobody asked them about these."""
    if tables.collected(study, "counterfactuals").height:
        return {}
    said = tables.collected(study, "explanations").sort("text_hash", "explainer")
    return {tables.SHUFFLED: shuffled(said, study.seed), tables.FAITHFUL: _faithful(study, texts, said)}


def shuffled(said: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Explanations dealt out anew among the inputs of one explainer and answer."""
    order = np.random.default_rng([seed, 33]).permutation(said.height)
    dealt = (
        said[order]
        .with_columns(place=pl.int_range(pl.len()).over("explainer", "answer"))
        .select("explainer", "answer", "place", given="explanation")
    )
    return (
        said.with_columns(place=pl.int_range(pl.len()).over("explainer", "answer"))
        .join(dealt, on=["explainer", "answer", "place"], how="left", maintain_order="left")
        .with_columns(explanation=pl.col("given"))
        .select(tables.EXPLANATIONS.names())
    )


def _faithful(study: Study, texts: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """Of each input the words that tell its answer best, by the model's answers to explored inputs."""
    known = texts.join(said.unique("text_hash", keep="first", maintain_order=True), on="text_hash").sort(
        "text_id"
    )
    joined = joined_all(known["text"].to_list())
    seen = (known["half"] == "explore").to_numpy()
    counts = Counter(
        word for text, is_seen in zip(joined, seen, strict=True) if is_seen for word in set(text.split())
    )
    words = sorted(word for word, n in counts.items() if n >= LEAST_TEXTS and word[0].isalpha())
    place = {word: k for k, word in enumerate(words)}
    held = np.zeros((known.height, len(words)), dtype=bool)
    for i, text in enumerate(joined):
        held[i, [place[word] for word in set(text.split()) if word in place]] = True
    strength = {
        answer: Contrast((known["answer"] == answer).to_numpy()[seen], np.arange(seen.sum())).root(held[seen])
        for answer in known["answer"].unique().sort()
    }
    listed = []
    for i, answer in enumerate(known["answer"]):
        own_words = np.flatnonzero(held[i])
        best = own_words[np.argsort(-strength[answer][own_words], kind="stable")[:N_WORDS]]
        listed.append(", ".join(words[k] for k in best))
    return known.with_columns(
        pl.Series("explanation", listed),
        explainer=pl.lit(tables.FAITHFUL),
        plausibility=pl.lit(None, pl.Float64),
    ).select(tables.EXPLANATIONS.names())
