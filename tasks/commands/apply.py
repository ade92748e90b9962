"""Judge a study's discoveries on new texts, and write the table back with a column for each.

The judge is the one that the predicates were frozen with, and reads texts as collect gives them to it. What
it says of new texts is no test: nothing of it enters a score. A file is read and written a batch at a time;
what was encoded or answered before is not asked again: who was stopped runs the same command again.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds, paths, progress, study
from tasks.collect.texts import in_one_form
from tasks.commands import cost, output, texts
from tasks.engines import roles
from tasks.engines.llm import loads
from tasks.engines.llm.loads import Load
from tasks.errors import FrozenError, ParamsError, SourceError, StoreError
from tasks.records import Predicate
from tasks.report import filters
from tasks.store import frames, media
from tasks.store.sources import columns, hashes, normalised, streamed, written
from tasks.store.sources.wording import shown
from tasks.study import Study

_UNIT = "text"
"""What the judge of such a kind sees at once (`Kind.unit`)."""


def run(arguments: argparse.Namespace) -> None:
    """Judges, writes the table and says where it is."""
    asked = study.load(arguments.study)
    applied = Applied(asked, Path(arguments.data), arguments.text or asked.collect.text)
    out = Path(arguments.out) if arguments.out else applied.place
    _check_place(out)
    n_rows, load = applied.sizes(out)
    if load is not None:
        _agree(applied, load, is_told=arguments.yes)
    output(applied.write(out, n_rows), lines, arguments.json)


@dataclass
class Applied:
    """A study's discoveries and the file that they are judged on."""

    study: Study
    file: Path
    column: str
    """That of the texts."""
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        _check(self.study)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The discoveries with their numbers, as the report has them."""
        found = [row for row in texts.listed(self.study) if row["is_discovery"]]
        if not found:
            raise ParamsError(f"apply {self.study.name}: wanted a study with discoveries, it has none.")
        return found

    @cached_property
    def predicates(self) -> list[Predicate]:
        """The same as they were frozen.

        Raises:
            FrozenError: they were frozen with another judge, or are not among the frozen ones.
        """
        folder = paths.output(self.study.name, "formalise")
        frozen = frames.read(folder, "predicates.parquet", frames.PREDICATES)
        by_id = {row["predicate_id"]: Predicate(**row) for row in frozen.iter_rows(named=True)}
        if missing := [row["predicate_id"] for row in self.rows if row["predicate_id"] not in by_id]:
            raise FrozenError(f"{folder}: {missing[0]} was recorded and is not frozen. Rerun `dvc repro`.")
        found = [by_id[row["predicate_id"]] for row in self.rows]
        if other := next((one.judge for one in found if one.judge != self.judge.name), None):
            raise FrozenError(
                f"apply {self.study.name}: discoveries were frozen for judge {other}, the params name "
                f"{self.judge.name}. Rerun `dvc repro`, or set the params back."
            )
        return found

    @cached_property
    def judge(self) -> roles.Judge:
        """Who judged them."""
        kind = kinds.load(self.study.kind)
        return kind.judge(self.study, kind.actors(self.study.engine))

    @property
    def place(self) -> Path:
        """Where the table is written where nobody says: beside the file, in its format if that is written."""
        unpacked = Path(self.file.name.removesuffix(".gz"))
        suffix = unpacked.suffix.lower() if unpacked.suffix.lower() in written.WRITTEN else ".parquet"
        return self.file.with_name(f"{unpacked.stem}-{self.study.name}{suffix}")

    def batches(self) -> Iterator[pl.DataFrame]:
        """The file's rows, as many at a time as verify judges."""
        return streamed.batches(self.file, self.study.collect, self.study.verify.shard_size)

    def sizes(self, out: Path) -> tuple[int, Load | None]:
        """Rows of the file, all of which is read; and what a language model will be asked, if one is.

        Args:
            out: where they will be written.

        Raises:
            FrozenError: the study's judge is not the one that froze its discoveries.
            SourceError: the file cannot be read, has no such column of texts, or one that `out` cannot hold.
        """
        n_rows, n_predicates, asked = 0, len(self.predicates), list[Load]()
        for rows in self.batches():
            n_rows += rows.height
            _check_form(out, rows)
            column = self._column(rows)
            if self.study.engine == "llm" and (units := _units(self._read(column))).height:
                asked.append(loads.judging(self.study, n_predicates, units))
        if not n_rows:
            raise SourceError(f"{shown(self.file)}: wanted rows, the file has none.")
        return n_rows, loads.together(asked) if asked else None

    def _column(self, rows: pl.DataFrame) -> pl.Series:
        """Texts as the file has them.

        Raises:
            SourceError: there is no such column, or it holds no text.
        """
        where = f"apply {self.study.name} --text"
        column = columns.column_named(rows, self.column, shown(self.file), where)
        if column.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
            raise SourceError(
                f"{where}: wanted text in column {self.column!r} of {shown(self.file)}, got {column.dtype}."
            )
        return column.cast(pl.String)

    def _read(self, column: pl.Series) -> pl.Series:
        """Texts as the judge reads them; null where there is none."""
        read = in_one_form(column, self.study.collect)[0]
        return pl.select(pl.when(read.str.strip_chars() != "").then(read)).to_series().alias("text")

    def write(self, out: Path, n_rows: int) -> dict[str, Any]:
        """Judges all rows, writes them with the verdicts, and gives the counts.

        Raises:
            EngineError: the judge or the encoder failed, or the budget is reached.
            StoreError: the place cannot be written.
        """
        names: list[str] = []
        with written.writing(out) as put, progress.bar(f"apply {self.study.name}", n_rows) as advance:
            for rows in self.batches():
                names = names or _columns(self.predicates, rows.columns)
                verdicts = self.verdicts(self._read(self._column(rows)), names)
                put(pl.concat([rows, verdicts], how="horizontal"))
                advance(rows.height)
        return {
            "study": self.study.name,
            "data": shown(self.file),
            "out": shown(out),
            "n_rows": n_rows,
            "n_without_text": self._counts["", "blank"],
            "predicates": [
                {
                    "number": row["number"],
                    "predicate_id": row["predicate_id"],
                    "predicate": row["predicate"],
                    "column": name,
                    **{f"n_{what}": self._counts[name, what] for what in ("holds", "judged", "missing")},
                }
                for row, name in zip(self.rows, names, strict=True)
            ],
        }

    def verdicts(self, read: pl.Series, names: Sequence[str]) -> pl.DataFrame:
        """1 where a predicate holds, 0 where it does not, null where there is no text or no verdict.

        Args:
            read: texts of some rows as the judge reads them; null where there is none.
            names: of the columns, one a predicate.
        """
        units = _units(read)
        schema = dict.fromkeys(names, pl.Int8)
        said = pl.DataFrame(schema={"text": pl.String, **schema})
        if units.height:
            judged = self.judge.judge(self.predicates, units, self._vectors(units["text"].to_list()))
            holds, is_value = _holds(judged.score, self.predicates), judged.status == roles.VALUE
            by_name = {
                name: pl.select(pl.when(pl.Series(is_value[:, i])).then(pl.Series(holds[:, i]))).to_series()
                for i, name in enumerate(names)
            }
            said = pl.DataFrame({"text": units["text"], **by_name}).cast(schema)  # type: ignore[arg-type]
        found = read.to_frame("text").join(said, on="text", how="left", maintain_order="left").select(names)
        n_texts = read.len() - read.null_count()
        self._counts["", "blank"] += read.null_count()
        for column in found:
            n_judged = found.height - column.null_count()
            self._counts[column.name, "holds"] += int(column.sum() or 0)
            self._counts[column.name, "judged"] += n_judged
            self._counts[column.name, "missing"] += n_texts - n_judged
        return found

    def _vectors(self, read: list[str]) -> Float[np.ndarray, "text dim"]:
        """By the study's encoder, where a predicate is judged by them; kept as those of a study are."""
        from tasks.engines.embedded import definitions
        from tasks.engines.encoders import cached, encoder

        if self.study.engine != "embedded":
            return np.zeros((len(read), 0), dtype=np.float32)
        of = [definitions.read(one.definition, one.predicate) for one in self.predicates]
        made_by = {one["encoder"] for one in of if one["kind"] == "similarity"}
        if not made_by:
            return np.zeros((len(read), 0), dtype=np.float32)
        model = encoder.load(self.study)
        if made_by != {model.name}:
            raise FrozenError(
                f"apply {self.study.name}: discoveries were made with the encoder {min(made_by)}, "
                f"embed.encoder is {model.name}. Rerun `dvc repro`, or set it back."
            )
        return cached.encoded(model, read)


def _check(asked: Study) -> None:
    """Refuses a study whose judge does not read one text at a time.

    Raises:
        ParamsError: it says which ones do.
    """
    kind = kinds.load(asked.kind)
    wanted = f"apply {asked.name}: wanted a study whose judge reads one text at a time"
    if kind.unit != _UNIT or kind.compares or kind.written:
        fitting = [one for one in kinds.names() if kinds.load(one).unit == _UNIT]
        raise ParamsError(
            f"{wanted} (kind {', '.join(fitting)}), got kind {asked.kind}, where it reads: {kind.unit}."
        )
    if asked.verify.form == "two_text":
        raise ParamsError(f"{wanted}, got `verify: {{form: two_text}}`, which compares two.")
    if media.are_there(asked.name):
        raise ParamsError(f"{wanted}, got one of pictures.")


def _check_place(out: Path) -> None:
    """Refuses a file that is there, before anything is asked.

    Raises:
        SourceError: its name says no format that is written.
        StoreError: it is there.
    """
    if out.suffix.lower() not in written.WRITTEN:
        raise SourceError(
            f"--out {shown(out)}: wanted a name that ends in {' '.join(written.WRITTEN)}, got {out.suffix!r}."
        )
    if out.exists():
        raise StoreError(
            f"{shown(out)}: is there, nothing was judged. Delete it, or name another with --out."
        )


def _check_form(out: Path, rows: pl.DataFrame) -> None:
    """Refuses lists and objects where a line of text is to hold them, before anything is asked.

    Raises:
        SourceError: a column has them, and is written as CSV.
    """
    nested = [name for name, dtype in rows.schema.items() if dtype.is_nested()]
    if nested and written.WRITTEN[out.suffix.lower()] == "csv":
        raise SourceError(
            f"--out {shown(out)}: wanted a name that ends in .parquet or .jsonl, since column {nested[0]!r} "
            "holds lists or objects, which CSV cannot."
        )


def _agree(applied: Applied, load: Load, *, is_told: bool) -> None:
    """Tells what a language model will be asked, on standard error, and goes on if the user agrees.

    Raises:
        ParamsError: nobody agreed.
    """
    for line in cost.judging_lines(applied.study, load):
        print(line, file=sys.stderr)
    if is_told:
        return
    if sys.stdin.isatty():
        print("Ask? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() in {"y", "yes"}:
            return
    raise ParamsError(f"apply {applied.study.name}: nobody was asked. Add --yes to ask.")


def _units(read: pl.Series) -> pl.DataFrame:
    """Each distinct text once, as a judge is given it: rows of frames.TEXTS."""
    distinct = read.drop_nulls().unique(maintain_order=True)
    ids = hashes(distinct)
    made = pl.DataFrame({"text_id": ids, "text": distinct}).with_columns(
        text_hash=hashes(normalised(distinct)),
        group=pl.lit("A"),
        document_id="text_id",
        half=pl.lit("confirm"),
        n_merged=1,
        context=None,
        media=None,
    )
    return frames.conform(made, frames.TEXTS)


def _holds(
    score: Float[np.ndarray, "text predicate"], predicates: Sequence[Predicate]
) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """At the frozen threshold, or above a half where there is none."""
    least = np.array([np.nan if one.threshold is None else one.threshold for one in predicates])
    with np.errstate(invalid="ignore"):
        held: np.ndarray[Any, np.dtype[np.bool_]] = np.where(np.isnan(least), score > 0.5, score >= least)
    return held


def _columns(predicates: Sequence[Predicate], taken: Sequence[str]) -> list[str]:
    """What each predicate's column is called: its sentence, with its id where that is taken."""
    names: list[str] = []
    for one in predicates:
        is_taken = one.predicate in taken or one.predicate in names
        names.append(f"{one.predicate} ({one.predicate_id})" if is_taken else one.predicate)
    return names


def lines(told: Mapping[str, Any]) -> list[str]:
    """What was judged, and where it is."""
    without = f" ({told['n_without_text']:,} without text)" if told["n_without_text"] else ""
    return [
        f"{told['out']}: {told['n_rows']:,} rows of {told['data']}{without}, a column for each of "
        f"{len(told['predicates'])} discoveries of {told['study']}",
        *(f"{one['number']:>4}  {_said(one)}: {texts.said(one['predicate'])}" for one in told["predicates"]),
    ]


def _said(one: Mapping[str, Any]) -> str:
    share = f" ({filters.share(one['n_holds'] / one['n_judged'])})" if one["n_judged"] else ""
    missing = f", {one['n_missing']:,} without a verdict" if one["n_missing"] else ""
    return f"holds for {one['n_holds']:,} of {one['n_judged']:,}{share}{missing}"
