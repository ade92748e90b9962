"""Pairs that a repair is fitted on: from a file, or from a study of what an encoder confuses."""

import polars as pl

from tasks import paths
from tasks.errors import CorpusError, MissingStageError, SourceError, nearest
from tasks.kinds.directions.files import inside, unreadable
from tasks.kinds.directions.params import own
from tasks.store import frames
from tasks.store.sources.wording import listed
from tasks.study import Study

MOST_PAIRS = 400
"""Pairs of each sort (that differ, and that do not) that weights are fitted on: each takes some 350 KB."""
LEAST_PAIRS = 20
THRESHOLD = 0.9
_COLUMNS = ("left", "right", "differs")


def read(study: Study) -> tuple[pl.DataFrame, float]:
    """The pairs to be fitted on (left, right, differs, failure), and their threshold.

    Raises:
        SourceError: a file or column cannot be used.
        CorpusError: there are too few pairs of a sort.
        MissingStageError: the study that they come from has not run.
    """
    asked = own(study).repair
    assert asked is not None  # noqa: S101 - called only where it is
    where = f"studies.{study.name}.directions.repair"
    if asked.failures is None:
        table, threshold = _file(study, f"{where}.pairs"), THRESHOLD
        pairs = _checked(table, f"{where}.pairs", str(asked.pairs))
    else:
        file = paths.output(asked.failures, "score") / "lessons.parquet"
        if not file.is_file():
            raise MissingStageError(
                f"{where}.failures: wanted {file.relative_to(paths.root())}, which a study of what an "
                f"encoder confuses leaves; not there. Run `dvc repro score@{asked.failures}`."
            )
        table = pl.read_parquet(file)
        threshold = frames.read_manifest(paths.output(asked.failures, "propose"))["threshold"]
        pairs = _checked(table, f"{where}.failures", asked.failures)
    for differs, what in ((1, "that differ in meaning (differs 1)"), (0, "that mean the same (differs 0)")):
        if (n := pairs.filter(differs=differs).height) < LEAST_PAIRS:
            raise CorpusError(
                f"{where}: wanted {LEAST_PAIRS} pairs or more {what}, got {n}. {_more(asked.failures)}"
            )
    return pairs, asked.threshold or threshold


def noted(pairs: pl.DataFrame) -> dict[str, int | str]:
    """How many there are, and a hash of them, for the manifest of collect."""
    return {"n": pairs.height, "hash": frames.hashed("repair pairs", pairs.write_csv())}


def _more(failures: str | None) -> str:
    if failures is None:
        return "Bring more of them."
    return f"{failures} has them of what it confirmed with `engine: embedded`. Or write `pairs: FILE`."


def _file(study: Study, where: str) -> pl.DataFrame:
    file = inside(study, "repair.pairs")
    try:
        if file.suffix.lower() in {".parquet", ".pq"}:
            return pl.read_parquet(file)
        if file.suffix.lower() == ".csv":
            return pl.read_csv(file, infer_schema=False)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise unreadable(file, where, error) from None
    raise SourceError(f"{where}: wanted a .parquet or .csv file, got {file.name!r}.")


def _checked(table: pl.DataFrame, where: str, label: str) -> pl.DataFrame:
    """Columns left, right, differs (0 or 1) and failure, which may be null."""
    for name in _COLUMNS:
        if name not in table.columns:
            raise SourceError(
                f"{where}: wanted the columns {listed(_COLUMNS)} in {label}, {name!r} is not there"
                f"{nearest(name, table.columns)}."
            )
    if "failure" not in table.columns:
        table = table.with_columns(failure=pl.lit(None, dtype=pl.String))
    try:
        pairs = table.select(
            pl.col("left", "right", "failure").cast(pl.String), pl.col("differs").cast(pl.Float64)
        )
    except pl.exceptions.PolarsError:
        raise SourceError(f"{where}: wanted texts, and 0 or 1 under differs, in {label}.") from None
    wrong = pairs.filter(~pl.col("differs").is_in([0.0, 1.0]).fill_null(False))
    blank = pairs.filter(pl.any_horizontal(pl.col("left", "right").fill_null("").str.strip_chars() == ""))
    if wrong.height or blank.height:
        what = "0 or 1 under differs" if wrong.height else "a text under left and under right"
        raise SourceError(
            f"{where}: wanted {what} in every row of {label}, {max(wrong.height, blank.height):,} have not."
        )
    return pairs.with_columns(pl.col("differs").cast(pl.Int64)).unique(maintain_order=True)


def drawn(study: Study, pairs: pl.DataFrame) -> pl.DataFrame:
    """At most MOST_PAIRS of each sort, evenly over failures; the same whatever the order of rows."""
    key = pl.concat_str("left", "right", pl.col("failure").fill_null(""), separator="\n")
    ranked = pairs.with_columns(
        key.map_elements(lambda one: frames.hashed("repair", str(study.seed), one), pl.String).alias("_key")
    ).sort("_key")
    turn = ranked.with_columns(_turn=pl.int_range(pl.len()).over("differs", "failure"))
    kept = turn.sort("_turn", "_key").group_by("differs", maintain_order=True).head(MOST_PAIRS)
    return kept.sort("differs", "_key", descending=[True, False]).drop("_key", "_turn")
