"""Which inputs an explanation is tried on: those it covers, each with a match that it does not cover.

The published control is a reader without the explanation, who does not know the answer either: against it any
words that inputs of one answer share look like an explanation. Here the control knows the answer to the
explained input, and expects the same of an input that lies as near to it: by meaning (the encoder's cosine)
and by words (the cosine of TF-IDF), since an input that shares a rare word shares more than its vector tells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks import paths
from tasks.engines.embedded.tokens import joined_all
from tasks.engines.encoders import encoder
from tasks.engines.encoders.cached import encoded
from tasks.kinds.explanations import tables
from tasks.kinds.explanations.guesses import folded
from tasks.kinds.explanations.params import Explanations, own
from tasks.kinds.explanations.words import Index, Weighed, listed
from tasks.store import frames
from tasks.store.frames import hashed
from tasks.study import Study

ROWS = pl.Schema(
    {
        name: tables.TRIALS[name]
        for name in (
            "item", "document_id", "explainer", "explanation", "text", "group", "guess", "input", "outcome",
            "similarity",
        )
    }
)  # fmt: skip
"""Of an input that is tried: TRIALS without the sentence that it is tried for."""
SUMMARY = pl.Schema(
    {
        "item": pl.String,
        "document_id": pl.String,
        "explainer": pl.String,
        "explanation": pl.String,
        "answer": pl.String,
        "plausibility": pl.Float64,
        "n_tried": pl.Int64,
        "n_covered": pl.Int64,
        "n_guessed": pl.Int64,
        "n_true": pl.Int64,
        "n_unmatched": pl.Int64,
    }
)
"""Of an explained input and explainer: how many inputs it was tried on, covers, how many guesses
were made there and came true, and for how many of these no match was found."""


@dataclass(frozen=True)
class Tried:
    """What the explanations of one half come to."""

    rows: pl.DataFrame
    """Of ROWS: an input that is covered and its match are neighbours."""
    items: pl.DataFrame
    """Of SUMMARY."""


@dataclass(frozen=True)
class Inputs:
    """Inputs of one half of which the model's answer is known; what is costly of them is made once."""

    place: Mapping[str, int]
    """By text_hash the row."""
    text: Sequence[str]
    document: Sequence[str]
    outcome: Sequence[str]
    vectors: Float[np.ndarray, "input dim"]

    @classmethod
    def of(cls, study: Study, texts: pl.DataFrame, vectors: Float[np.ndarray, "text dim"]) -> "Inputs":
        """The study's explained inputs among these rows of frames.TEXTS, with vectors of the rows."""
        said = tables.collected(study, "explanations").unique("text_hash", keep="first")
        known = texts.with_row_index("at").join(said, on="text_hash").sort("text_hash")
        return cls(
            dict(zip(known["text_hash"], range(known.height), strict=True)),
            known["text"].to_list(),
            known["document_id"].to_list(),
            known["answer"].to_list(),
            vectors[known["at"].to_numpy()],
        )

    @cached_property
    def joined(self) -> list[str]:
        """Words of each."""
        return joined_all(self.text)

    @cached_property
    def index(self) -> Index:
        """Which hold a word."""
        return Index(self.joined)

    @cached_property
    def weighed(self) -> Weighed:
        """How near they are by words."""
        return Weighed(self.joined)


def of(study: Study, texts: pl.DataFrame, inputs: Inputs, explanations: pl.DataFrame | None = None) -> Tried:
    """Every explanation of these explained inputs on the inputs that it covers, and on their matches.

    Args:
        study: whose they are.
        texts: rows of frames.TEXTS of one half.
        inputs: of them.
        explanations: rows of tables.EXPLANATIONS; without it the study's.
    """
    said = tables.collected(study, "explanations") if explanations is None else explanations
    known = texts.join(said, on="text_hash", how="inner").sort("text_hash", "explainer")
    recorded = tables.collected(study, "counterfactuals")
    found = _recorded(study, known, recorded, inputs) if recorded.height else _drawn(study, known, inputs)
    rows, items = zip(*found, strict=True) if known.height else ((), ())
    return Tried(
        pl.DataFrame([row for part in rows for row in part], schema=ROWS, orient="row"),
        pl.DataFrame(list(items), schema=SUMMARY, orient="row"),
    )


def vectors(study: Study, texts: pl.DataFrame, some: pl.DataFrame) -> Float[np.ndarray, "text dim"]:
    """Those of some rows of the study's texts."""
    rows = some.select("text_id").join(
        texts.select("text_id").with_row_index("row"), on="text_id", how="left", maintain_order="left"
    )["row"]
    every: Float[np.ndarray, "text dim"] = frames.read_embeddings(
        paths.output(study.name, "embed"), texts.height
    )
    return np.asarray(every[rows.to_numpy()])


_Found = tuple[list[tuple[Any, ...]], tuple[Any, ...]]


def _drawn(study: Study, known: pl.DataFrame, inputs: Inputs) -> Iterator[_Found]:
    """Explanations that list words, on inputs of the study that have one of them."""
    document = np.array(inputs.document)
    for row in known.iter_rows(named=True):
        at = inputs.place[row["text_hash"]]
        is_other = document != row["document_id"]
        covers = inputs.index.holding(listed(row["explanation"])) & is_other
        drawn = _sample(np.flatnonzero(covers), own(study), study.seed, row)
        near = np.column_stack([inputs.vectors @ inputs.vectors[at], inputs.weighed.near(at)])
        matches = matched(near[drawn], near, is_other & ~covers, own(study).apart)
        rows = []
        for i, j in zip(drawn, matches, strict=True):
            if j < 0:
                continue
            for k, group in ((i, "A"), (j, "B")):
                text, unit, outcome = inputs.text[k], inputs.document[k], inputs.outcome[k]
                rows.append(_row(row, text, group, row["answer"], unit, outcome, near[k, 0]))
        n_other = int(is_other.sum())
        true = _n_true([row["answer"]] * len(drawn), [inputs.outcome[i] for i in drawn])
        counted = (n_other, int(covers.sum()), len(drawn), true, sum(j < 0 for j in matches))
        yield rows, _summary(row, counted)


def _sample(
    held: Int[np.ndarray, " input"], asked: Explanations, seed: int, row: Mapping[str, Any]
) -> list[int]:
    """So many of the inputs that are covered, by a seeded draw of their own for each explanation."""
    key = int(hashed("drawn", str(seed), row["text_hash"], row["explainer"])[:16], 16)
    order = np.random.default_rng(key).permutation(held.size)
    return [int(i) for i in held[order[: asked.drawn]]]


def _recorded(study: Study, known: pl.DataFrame, recorded: pl.DataFrame, inputs: Inputs) -> Iterator[_Found]:
    """Explanations with the inputs that readers were asked about.

    What a reader could not tell of, and explained inputs of other documents, are matches.
    """
    of_half = recorded.join(known.select("text_hash", "explainer"), on=["text_hash", "explainer"], how="semi")
    each = of_half["counterfactual"].unique().sort().to_list()
    made = encoded(encoder.open_named(study.embed.encoder, study), each)
    every = np.concatenate([inputs.vectors, made])
    weighed = Weighed([*inputs.joined, *joined_all(each)])
    of_each = dict(zip(each, range(len(inputs.text), len(every)), strict=True))
    asked = dict(of_half.group_by("text_hash", "explainer", maintain_order=True))
    document = np.array(inputs.document)
    for row in known.iter_rows(named=True):
        at, tried = inputs.place[row["text_hash"]], asked.get((row["text_hash"], row["explainer"]))
        if tried is None:
            yield [], _summary(row, (0, 0, 0, 0, 0))
            continue
        covered = tried["guess"].is_not_null().to_numpy()
        others = np.flatnonzero(document != row["document_id"]).tolist()
        text = [*tried["counterfactual"], *(inputs.text[i] for i in others)]
        unit = [hashed("input", one) for one in tried["counterfactual"]]
        unit += [inputs.document[i] for i in others]
        outcome = [*tried["outcome"], *(inputs.outcome[i] for i in others)]
        rows_of = np.array([*(of_each[one] for one in tried["counterfactual"]), *others], dtype=np.int64)
        near = np.column_stack([every[rows_of] @ inputs.vectors[at], weighed.near(at)[rows_of]])
        free = np.concatenate([~covered, np.ones(len(others), dtype=bool)])
        at_covered = np.flatnonzero(covered).tolist()
        matches = matched(near[at_covered], near, free, own(study).apart)
        rows = []
        for i, j in zip(at_covered, matches, strict=True):
            if j < 0:
                continue
            rows.append(_row(row, text[i], "A", tried["guess"][i], unit[i], outcome[i], near[i, 0]))
            rows.append(_row(row, text[j], "B", row["answer"], unit[j], outcome[j], near[j, 0]))
        true = _n_true(tried["guess"].filter(covered), tried["outcome"].filter(covered))
        counted = (tried.height, len(at_covered), len(at_covered), true, sum(j < 0 for j in matches))
        yield rows, _summary(row, counted)


def _row(
    of: Mapping[str, Any], text: str, group: str, guess: str, unit: str, outcome: str, similarity: float
) -> tuple[Any, ...]:
    return (
        of["text_id"], of["document_id"], of["explainer"], of["explanation"], text, group, guess, unit,
        outcome, round(float(similarity), 6),
    )  # fmt: skip


def _n_true(guesses: Iterable[str], outcomes: Iterable[str]) -> int:
    return sum(folded(guess) == folded(outcome) for guess, outcome in zip(guesses, outcomes, strict=True))


def _summary(of: Mapping[str, Any], counted: tuple[int, int, int, int, int]) -> tuple[Any, ...]:
    known = (of["text_id"], of["document_id"], of["explainer"], of["explanation"], of["answer"])
    return (*known, of["plausibility"], *counted)


def matched(
    wanted: Float[np.ndarray, "covered 2"],
    near: Float[np.ndarray, "input 2"],
    free: Bool[np.ndarray, " input"],
    apart: float,
) -> list[int]:
    """For each covered input one that lies as near to the explained one, each once; -1 where there is none.

    Args:
        wanted: similarities of the covered inputs to the explained one, by meaning and by words.
        near: of all inputs.
        free: which of these may be taken.
        apart: how far the similarities of two inputs may lie from each other (Euclid).
    """
    places = np.flatnonzero(free)
    left = near[places].astype(np.float64)
    taken = []
    for similarity in wanted:
        distance = np.hypot(*(left - similarity).T)
        best = int(distance.argmin()) if distance.size else 0
        if not distance.size or not distance[best] <= apart:
            taken.append(-1)
            continue
        taken.append(int(places[best]))
        left[best] = np.inf
    return taken
