"""Every verdict beside its text: what `natstat texts` lists and the page's search looks through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks import kinds, paths
from tasks.errors import FrozenError, StoreError
from tasks.kinds.rows import holds
from tasks.records import Predicate
from tasks.store import frames, labels, media
from tasks.study import Study

Row = Mapping[str, Any]
YES, NO, ABSENT = "yes", "no", "absent"
_VALUES = "values"
"""The table of collect in which a kind keeps the value of each text."""
COLUMNS = (
    "predicate_id",
    "predicate",
    "text_id",
    "document_id",
    "group",
    "group_name",
    "verdict",
    "score",
    "gold",
    "n_merged",
    "text",
)
"""Of a verdict in a list: `verdict` is yes, no, refusal or unparsable, `gold` the score of a better judge."""


@dataclass(frozen=True)
class Tested:
    """The texts that a study's predicates were tested on, and where their verdicts are."""

    study: Study
    names: Mapping[str, str]
    """What A and B are called."""
    rows: pl.DataFrame
    """Rows under test; `predicate_id` where each is for one predicate alone."""
    predicates: pl.DataFrame
    """Rows of frames.PREDICATES."""

    def of(self, predicate_ids: Sequence[str], text_ids: pl.Series | None = None) -> pl.DataFrame:
        """Verdicts by COLUMNS, a row for each predicate and text, those never asked for among them.

        In the order of the predicates, highest scores first, among equals texts that stand for most rows.

        Args:
            predicate_ids: whose.
            text_ids: about which texts; all without them.

        Raises:
            FrozenError: a verdict is about a text that was not held out.
        """
        wanted = pl.DataFrame({"predicate_id": predicate_ids}, schema={"predicate_id": pl.String})
        said = frames.scan_verdicts(paths.output(self.study.name, "verify"))
        said = said.join(wanted.lazy(), on="predicate_id", how="semi")
        if text_ids is not None:
            said = said.join(text_ids.to_frame("text_id").lazy(), on="text_id", how="semi")
        about = self.predicates.select("predicate_id", "predicate", "threshold")
        order = wanted.join(about, on="predicate_id", how="left", maintain_order="left").with_row_index("at")
        named = pl.col("group").replace_strict(self.names, return_dtype=pl.String)
        found = (
            self._with_texts(said.collect())
            .join(order, on="predicate_id")
            .join(self._gold(), how="left", on=labels.PAIR)
        )
        yes_or_no = pl.when(holds("threshold")).then(pl.lit(YES)).otherwise(pl.lit(NO))
        return (
            found.with_columns(
                group_name=named,
                verdict=pl.when(status="value").then(yes_or_no).otherwise("status"),
            )
            .sort(
                "at", "score", "n_merged", "text_id", descending=[False, True, True, False], nulls_last=True
            )
            .select(COLUMNS)
        )

    def values(self) -> pl.DataFrame | None:
        """What a model explains of each text (`value`), by text_id; None where no text has a value."""
        file = paths.output(self.study.name, "collect") / f"{_VALUES}.parquet"
        own = kinds.load(self.study.kind).tables
        if _VALUES not in own or not file.is_file():
            return None
        known = frames.read(file.parent, file.name, own[_VALUES]).select("text_hash", "value")
        return self.rows.select("text_id", "text_hash").join(known, on="text_hash").drop("text_hash")

    def paths(self) -> pl.DataFrame | None:
        """Where each picture was read (`path`), by text_id; None where rows are texts."""
        if not media.are_pictures(self.rows):
            return None
        known = media.facts(self.study.name).select("media", "path")
        return self.rows.select("text_id", "media").unique().join(known, on="media").drop("media")

    def beside(self) -> pl.DataFrame | None:
        """What is told of each text beside it, by text_id; None where there is nothing.

        What it was compared with (`other`) and what both answer (`context`); or its `value`; and of a picture
        its `path`.
        """
        known = [one for one in (self.values(), self._others(), self.paths()) if one is not None]
        if not known:
            return None
        return pl.concat(known, how="align_full") if len(known) > 1 else known[0]

    def _others(self) -> pl.DataFrame | None:
        if "pair" not in self.rows.columns:
            return None
        columns = self._named(self.rows).select("pair", "text_id", "context", "text")
        other = columns.select("pair", pl.col("text_id").alias("other_id"), pl.col("text").alias("other"))
        both = columns.join(other, on="pair").filter(pl.col("text_id") != pl.col("other_id"))
        return both.select("text_id", "context", "other")

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows; a picture without a caption is called by its path."""
        if (known := self.paths()) is None:
            return rows
        called = pl.when(pl.col("text") == "").then("path").otherwise("text").alias("text")
        return rows.join(known, on="text_id", how="left", maintain_order="left").with_columns(called)

    def graded(self) -> set[str]:
        """Predicates with scores between 0 and 1, of which yes and no do not say all."""
        said = frames.scan_verdicts(paths.output(self.study.name, "verify"))
        between = said.filter(pl.col("score").is_between(0, 1, closed="none"))
        return set(between.select(pl.col("predicate_id").unique()).collect()["predicate_id"])

    def _with_texts(self, said: pl.DataFrame) -> pl.DataFrame:
        columns = ["text_id", "text", "group", "document_id", "n_merged"]
        if "predicate_id" in self.rows.columns:
            # A row for one predicate alone has no verdict of another.
            return said.join(self.rows.select("predicate_id", *columns), on=labels.PAIR)
        found = said.join(self.rows.select(columns), on="text_id", how="left")
        if found["group"].has_nulls():
            raise FrozenError(
                f"{paths.output(self.study.name, 'verify')}: verdicts on texts that are not held out. "
                "Rerun verify."
            )
        return found

    def _gold(self) -> pl.DataFrame:
        """What a better judge said; nothing where nobody was asked."""
        file = paths.output(self.study.name, "verify") / "gold.parquet"
        if self.study.label_file is not None:
            frozen = [Predicate(**row) for row in self.predicates.iter_rows(named=True)]
            gold = labels.read(self.study, self.rows, frozen)
        elif self.study.gold.texts and file.is_file():
            gold = frames.read(file.parent, file.name, frames.GOLD)
        else:
            gold = pl.DataFrame(schema=frames.GOLD)
        return gold.select(*labels.PAIR, pl.col("score").alias("gold"))


def read(study: Study) -> Tested:
    """What was tested, and on what.

    Raises:
        MissingStageError: a stage before the report has not run.
        FrozenError: the verdicts are about other predicates than the frozen ones.
        StoreError: what was recorded is about others.
    """
    record, verify = (paths.output(study.name, stage) for stage in ("record", "verify"))
    recorded = frames.read(record, "discoveries.parquet", frames.DISCOVERIES)
    predicates = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    if frames.read_manifest(verify)["frozen_hash"] != frames.frozen_hash(predicates):
        raise FrozenError(f"{verify}: verdicts of other predicates than the frozen ones. Rerun verify.")
    if set(recorded["predicate_id"]) != set(predicates["predicate_id"]):
        raise StoreError(f"{record}: wanted the frozen predicates, got others. Rerun score and record.")
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    rows = kinds.tested(kinds.load(study.kind), study, texts, verify)
    # Rows of several corpora are listed by these, and not by the sides of a test.
    names = frames.read_manifest(record)["names"]
    names = frames.read_manifest(paths.output(study.name, "collect")).get("corpora", names)
    if rows["group"].n_unique() == 1:
        # One pile: what A and B are called are then sides of a test, and no groups of its rows.
        names = {"A": names["A"]}
    return Tested(study, names, rows, predicates)
