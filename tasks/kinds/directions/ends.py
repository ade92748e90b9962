"""Which inputs are an end of a unit, and which are the random ones they are compared with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks import paths
from tasks.kinds import rows as kind_rows
from tasks.kinds.directions import tables
from tasks.kinds.directions.params import own
from tasks.records import Predicate
from tasks.store import frames
from tasks.study import Study

ACTIVATIONS, SQUARED = "activations", "squared_distances"
"""Files in 2_embeddings: how far texts lie along each unit, and its part from the mean, squared."""
FIRST, ALSO = "A", "B"
"""Groups of 1_texts: the corpus that names are from, and the one that they are tested on as well."""
T = TypeVar("T")
HIGH, LOW = "high", "low"
SIGN = {HIGH: 1.0, LOW: -1.0}
RANDOM_SHARE = 1 / 3
"""Share of the documents that are drawn to be compared with, the same for all units."""

LEAST = 5
"""Fewest inputs at an end: with fewer no difference could ever be shown."""
LEAST_KEPT = 5
"""So many ends go on to the test even where none passes: a study without a difference must end and say so."""


@dataclass(frozen=True)
class End:
    """An end of a unit on the exploration half."""

    unit: str
    end: str
    activation: Float[np.ndarray, " text"]
    member: Bool[np.ndarray, " text"]


def topped_up(passed: list[T], rest: list[T]) -> list[T]:
    """Names of ends that passed, and where they are few the first of the others after them."""
    return passed + rest[: max(LEAST_KEPT - len(passed), 0)]


def of(predicate: Predicate) -> tuple[str, str]:
    """Unit and end that a predicate was frozen for."""
    definition = json.loads(predicate.definition)
    return definition["unit"], definition["end"]


def sentence(predicate: Predicate) -> str:
    """What is judged, without the unit it was named for."""
    unit, end = of(predicate)
    return predicate.predicate.removeprefix(f"{unit} {end}: ")


def units(study: Study) -> pl.DataFrame:
    """The units, in order: rows of tables.UNITS."""
    stage = "embed" if own(study).target else "collect"
    return frames.read(paths.output(study.name, stage), "units.parquet", tables.UNITS)


def unit_names(study: Study) -> list[str]:
    """Names of the units, in order."""
    return units(study)["unit"].to_list()


def activations(study: Study, text_hash: pl.Series) -> Float[np.ndarray, "text unit"]:
    """The activations of these texts."""
    if own(study).target:
        return _encoded(study, text_hash, ACTIVATIONS)
    known = frames.read(paths.output(study.name, "collect"), "activations.parquet", tables.ACTIVATIONS)
    rows = text_hash.alias("text_hash").to_frame()
    found = rows.join(known, on="text_hash", how="left", maintain_order="left")
    return np.array(found["activation"].to_list(), dtype=np.float64)


def squared_distances(study: Study, text_hash: pl.Series) -> Float[np.ndarray, "text unit"] | None:
    """How far what each unit's part adds is from its mean, squared; None where units are no directions."""
    if not own(study).has_directions:
        return None
    return _encoded(study, text_hash, SQUARED)


def _encoded(study: Study, text_hash: pl.Series, file: str) -> Float[np.ndarray, "text unit"]:
    known = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    values = frames.read_embeddings(paths.output(study.name, "embed"), known.height, file)
    place = known.select("text_hash").with_row_index("at")
    rows = (
        text_hash.alias("text_hash").to_frame().join(place, on="text_hash", how="left", maintain_order="left")
    )
    return np.asarray(values[rows["at"].to_numpy()], dtype=np.float64)


def random_rows(rows: pl.DataFrame, seed: int) -> Bool[np.ndarray, " text"]:
    """Inputs to compare with: all of a third of the documents, drawn by a seeded hash whatever they say.

    Of each corpus for itself.
    """
    random = np.zeros(rows.height, dtype=bool)
    for corpus in rows["group"].unique().sort():
        own_rows = (rows["group"] == corpus).to_numpy()
        documents = rows["document_id"].filter(own_rows).unique().sort().to_list()
        drawn = sorted(documents, key=lambda one: frames.hashed("random inputs", str(seed), one))
        chosen = drawn[: max(round(RANDOM_SHARE * len(drawn)), 1)]
        random |= own_rows & rows["document_id"].is_in(chosen).to_numpy()
    return random


def compared(rows: pl.DataFrame, seed: int, share: float) -> pl.DataFrame:
    """Random inputs as B, and as A so many of the others as are at an end; of the first corpus given."""
    rows = rows.filter(pl.col("group") == rows["group"].min())
    random = rows.filter(random_rows(rows, seed)).with_columns(group=pl.lit("B"))
    others = rows.filter(~random_rows(rows, seed))
    at_end = others.head(max(round(share * others.height), 1)).with_columns(group=pl.lit("A"))
    return pl.concat([at_end, random])


def end_of(
    activation: Float[np.ndarray, " text"], sign: float, share: float, among: Bool[np.ndarray, " text"]
) -> Bool[np.ndarray, " text"]:
    """The inputs where a unit is highest (sign 1) or lowest (-1): such a share of those among.

    None lies on the other side of the median or on it, so that of a unit that is mostly silent the silent
    inputs are no end. Ties are all in or all out.
    """
    signed = sign * activation
    values = np.sort(signed[among])
    if not values.size:
        return np.zeros(len(signed), dtype=bool)
    cut = values[max(values.size - max(round(share * values.size), 1), 0)]
    reached = among & (signed > np.median(values))
    # Where more than twice as many are tied at the cut, only those above it are an end.
    at_cut = reached & (signed >= cut)
    above = reached & (signed > cut)
    many = at_cut.sum() > 2 * max(round(share * values.size), 1)
    return np.asarray(above if many and above.any() else at_cut)


def dealt_out(document: Int[np.ndarray, " row"], rng: np.random.Generator) -> Int[np.ndarray, " row"]:
    """Of each row the row that takes its place where activations mean nothing: a permutation of all rows.

    Documents are laid end to end in one random order, and their places in another. Documents of one size
    trade whole; a larger one takes the places of several, or some of those of one larger still, so that
    dependence within documents stays as far as it can. Had documents of one size traded among themselves, one
    with a size of its own, such as a large family of near-copies, would have stayed where it is, and with it
    whatever there is to be found.
    """
    source = np.empty(len(document), dtype=np.int64)
    source[_laid(document, rng)] = _laid(document, rng)
    return source


def _laid(document: Int[np.ndarray, " row"], rng: np.random.Generator) -> Int[np.ndarray, " row"]:
    """All rows, document by document, these in a random order, the rows of each as they stand."""
    place = rng.permutation(int(document.max(initial=-1)) + 1)
    return np.argsort(place[document], kind="stable")


def explored(study: Study, texts: pl.DataFrame) -> list[End]:
    """Both ends of every unit on the exploration half, where enough inputs are there.

    All others are what an end is compared with there.
    """
    values, share = activations(study, texts["text_hash"]), own(study).top
    everyone = np.ones(texts.height, dtype=bool)
    found = [
        End(unit, end, values[:, at], end_of(values[:, at], sign, share, everyone))
        for at, unit in enumerate(unit_names(study))
        for end, sign in SIGN.items()
    ]
    return [end for end in found if end.member.sum() >= LEAST]


def members(
    study: Study, rows: pl.DataFrame, values: Float[np.ndarray, "row unit"], corpus: str = FIRST
) -> tuple[Bool[np.ndarray, " row"], dict[tuple[str, str], Bool[np.ndarray, " row"]]]:
    """Random inputs of a corpus, and by unit and end who of it is there; nobody is both."""
    is_own = (rows["group"] == corpus).to_numpy()
    random = random_rows(rows, study.seed) & is_own
    at_ends = {
        (unit, end): end_of(values[:, at], sign, own(study).top, is_own & ~random)
        for at, unit in enumerate(unit_names(study))
        for end, sign in SIGN.items()
    }
    return random, at_ends


@dataclass(frozen=True)
class Tested:
    """The inputs under test, with who is random and who is at which end, each in its own corpus."""

    text_id: pl.Series
    random: Bool[np.ndarray, " row"]
    at_ends: dict[tuple[str, str], Bool[np.ndarray, " row"]]

    def of(
        self, text_id: pl.Series, predicates: Sequence[Predicate]
    ) -> tuple[Bool[np.ndarray, " text"], Bool[np.ndarray, "text predicate"]]:
        """Of some of the inputs: which are random, and which are at the end of each predicate."""
        place = text_id.replace_strict(self.text_id, range(len(self.text_id)), return_dtype=pl.Int64)
        row = place.to_numpy()
        each = [self.at_ends[of(one)][row] for one in predicates]
        return self.random[row], np.array(each, dtype=bool).reshape(len(each), len(row)).T


def tested(study: Study) -> Tested:
    """The inputs under test, as they were collected."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    rows = kind_rows.units(study, texts)
    values = activations(study, rows["text_hash"])
    each = [members(study, rows, values, corpus) for corpus in (FIRST, ALSO)]
    (random, at_ends), (also_random, also_there) = each
    return Tested(
        rows["text_id"], random | also_random, {key: at_ends[key] | also_there[key] for key in at_ends}
    )


def wanted(
    study: Study, rows: pl.DataFrame, predicates: Sequence[Predicate]
) -> Bool[np.ndarray, "row predicate"]:
    """Where each predicate is tested: on random inputs, and on those at its end."""
    random, own = tested(study).of(rows["text_id"], predicates)
    return np.asarray(random[:, None] | own)


def at_end(study: Study, held: pl.DataFrame) -> pl.Series:
    """Whether each text is at the end of the unit that its predicate was frozen for."""
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    under_test = tested(study)
    rows = [
        pl.DataFrame(
            {
                "predicate_id": one.predicate_id,
                "text_id": under_test.text_id.filter(under_test.at_ends[of(one)]),
            }
        )
        for one in (Predicate(**row) for row in frozen.iter_rows(named=True))
    ]
    supporting = pl.concat(rows).with_columns(supports=True)
    joined = held.join(supporting, on=["predicate_id", "text_id"], how="left", maintain_order="left")
    return joined["supports"].fill_null(False)
