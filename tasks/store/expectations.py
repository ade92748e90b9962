"""Great Expectations suites: on the texts when they are collected, on everything before it is recorded.

Rows are summarised by polars first, so that a suite sees one row per text, document or predicate and never
one per verdict. A breach is an error that names the expectation and the first rows that broke it.
"""

import os
import warnings
from typing import Any, get_args

import polars as pl

from tasks.errors import GuardError
from tasks.records import Grade, Status

AT_MOST_SHOWN = 5
MOST_BITS = 1e6
"""Bits that a text can gain, at most: what is more is no figure."""
CHECKS = pl.Schema(
    {
        "of": pl.String,
        "expectation": pl.String,
        "column": pl.String,
        "limits": pl.String,
        "n_rows": pl.Int64,
        "n_missing": pl.Int64,
        "observed": pl.String,
        "is_met": pl.Boolean,
    }
)
"""What was held against what (`checks.parquet` of 1_texts and 7_discoveries): the rows that were checked, the
expectation by Great Expectations' name, its column and limits, so many rows (of which in that column are
missing), and what was observed where it is one figure."""
STRAY = 1e-6
"""How seldom a split by hash may stray from its share so far that the study is stopped."""


def check_texts(texts: pl.DataFrame, documents: pl.DataFrame, explore_share: float) -> pl.DataFrame:
    """Rows of CHECKS, all met, when the texts may be split and looked at as they are.

    Args:
        texts: rows of frames.TEXTS.
        documents: rows of frames.DOCUMENTS.
        explore_share: the share of documents meant for exploration, in (0, 1).

    Raises:
        GuardError: an expectation was not met.
    """
    gx = _great_expectations()
    expect = gx.expectations
    halves = ["explore", "confirm"]
    suite = _Suite("texts", gx)
    suite.check(
        # An answer may be empty: it stands for what was asked; so may be what is said of a picture.
        texts.with_columns(
            pl.coalesce("context", "media", "text").str.strip_chars().str.len_chars().alias("n_chars")
        ).drop("text", "context"),
        "texts",
        "text_id",
        [
            expect.ExpectTableRowCountToBeBetween(min_value=1),
            expect.ExpectColumnValuesToBeUnique(column="text_id"),
            expect.ExpectColumnValuesToNotBeNull(column="n_chars"),
            expect.ExpectColumnValuesToBeBetween(column="n_chars", min_value=1),
            expect.ExpectColumnValuesToBeInSet(column="group", value_set=["A", "B"]),
            expect.ExpectColumnValuesToNotBeNull(column="document_id"),
            expect.ExpectColumnValuesToBeInSet(column="half", value_set=halves),
            expect.ExpectColumnValuesToBeBetween(column="n_merged", min_value=1),
        ],
    )
    known = texts.join(documents, on="text_id", how="left")
    for key in ("text_hash", "document_id", "source_document_id", "family_id"):
        suite.check(
            known.drop_nulls(key).group_by(key).agg(pl.col("half").n_unique().alias("n_halves")).sort(key),
            f"halves of each {key}",
            key,
            [expect.ExpectColumnValuesToBeBetween(column="n_halves", min_value=1, max_value=1)],
        )
    drawn = texts.group_by("document_id").agg(pl.col("half").first()).sort("document_id")
    least, most = split_bounds(drawn.height, explore_share)
    explored = pl.col("half").eq("explore").cast(pl.Float64).alias("share_explored")
    suite.check(
        drawn.select(explored, "document_id"),
        "documents",
        "document_id",
        [
            expect.ExpectColumnMeanToBeBetween(
                column="share_explored",
                min_value=least,
                max_value=most,
            )
        ],
    )
    return suite.checks()


def split_bounds(n_units: int, share: float) -> tuple[float, float]:
    """Where the explored share of so many units lies but for one study in a million (binomial)."""
    from scipy.stats import binom

    least, most = (float(binom.ppf(tail, n_units, share)) for tail in (STRAY / 2, 1 - STRAY / 2))
    return max(least, 0.0) / max(n_units, 1), most / max(n_units, 1)


def summarise(verdicts: pl.LazyFrame) -> pl.DataFrame:
    """One row per predicate: how many verdicts of each sort, and the range of their scores."""
    status, score = pl.col("status"), pl.col("score")
    valued = status == "value"
    return (
        verdicts.group_by("predicate_id")
        .agg(
            pl.len().alias("n"),
            valued.sum().alias("n_value"),
            (~status.is_in(list(get_args(Status)))).fill_null(True).sum().alias("n_unknown_status"),
            (valued & (score.is_null() | score.is_nan())).sum().alias("n_value_without_score"),
            (~valued & score.is_not_null()).sum().alias("n_score_without_value"),
            (pl.len() - pl.col("text_id").n_unique()).alias("n_twice"),
            score.min().alias("score_min"),
            score.max().alias("score_max"),
        )
        .sort("predicate_id")
        .collect(engine="streaming")
    )


def check_record(
    predicates: pl.DataFrame, verdicts: pl.DataFrame, discoveries: pl.DataFrame, scale: str = "share"
) -> pl.DataFrame:
    """Rows of CHECKS, all met, when what was tested is what was frozen, and every figure is one that can be.

    Args:
        predicates: the frozen ones, rows of frames.PREDICATES.
        verdicts: what `summarise` gives.
        discoveries: rows of frames.DISCOVERIES, one per tested predicate.
        scale: what effects are measured in (`Kind.scale`).

    Raises:
        GuardError: an expectation was not met.
    """
    gx = _great_expectations()
    expect = gx.expectations
    suite = _Suite("record", gx)
    frozen = predicates["predicate_id"].sort().to_list()
    suite.check(
        predicates,
        "predicates",
        "predicate_id",
        [
            expect.ExpectColumnValuesToBeUnique(column="predicate_id"),
            expect.ExpectColumnValuesToNotBeNull(column="predicate"),
            expect.ExpectColumnValuesToBeInSet(column="direction", value_set=["A", "B"]),
            expect.ExpectColumnValuesToBeInSet(column="grade", value_set=list(get_args(Grade))),
        ],
    )
    _check_verdicts(suite, expect, verdicts, frozen)
    _check_figures(suite, expect, discoveries, frozen, scale)
    return suite.checks()


def _check_verdicts(suite: "_Suite", expect: Any, verdicts: pl.DataFrame, frozen: list[str]) -> None:
    between = expect.ExpectColumnValuesToBeBetween
    never = ("n_unknown_status", "n_value_without_score", "n_score_without_value", "n_twice")
    suite.check(
        verdicts,
        "verdicts of each predicate",
        "predicate_id",
        [
            expect.ExpectColumnValuesToBeInSet(column="predicate_id", value_set=frozen),
            expect.ExpectTableRowCountToEqual(value=len(frozen)),
            *[between(column=column, min_value=0, max_value=0) for column in never],
            between(column="score_min", min_value=0, max_value=1),
            between(column="score_max", min_value=0, max_value=1),
        ],
    )


def _check_figures(
    suite: "_Suite", expect: Any, discoveries: pl.DataFrame, frozen: list[str], scale: str
) -> None:
    between = expect.ExpectColumnValuesToBeBetween
    effects = (
        "validity",
        "conservative_validity",
        "lo",
        "hi",
        "corrected_validity",
        "corrected_lo",
        "corrected_hi",
    )
    is_share = scale == "share"
    end = 1.0 if is_share else MOST_BITS
    ranges = {**dict.fromkeys(effects, (-end, end)), "p": (0, 1), "q": (0, 1)}
    # A rating or a cost that is not known is NULL, which passes.
    rated = dict.fromkeys(("relevance", "novelty", "novelty_blind", "novelty_past", "significance"), (0, 2))
    # The ends and the estimate, and p and q, are rounded apart.
    in_interval = (pl.col("lo") <= pl.col("validity") + 1e-9) & (pl.col("validity") <= pl.col("hi") + 1e-9)
    # Where a group has no verdict at all, or too few that decide, there is no effect to speak of; only there.
    judged = (pl.col("n_a") > 0) & (pl.col("n_b") > 0 if is_share else True)
    open_ = (pl.col("lo") == -1) & (pl.col("hi") == 1) & (pl.col("p") == 1)
    known = pl.all_horizontal(pl.col(name).fill_nan(None).is_not_null() for name in ("validity", "lo", "hi"))
    figures = discoveries.select(
        "predicate_id",
        *[pl.col(name).fill_nan(None) for name in ranges],
        *rated,
        "cost_usd",
        "n_a",
        "n_b",
        (~judged | known | open_.fill_null(False)).alias("effect_is_known"),
        in_interval.alias("validity_in_interval"),
        (pl.col("q") >= pl.col("p") - 1e-12).alias("q_at_least_p"),
    )
    suite.check(
        figures,
        "figures of each predicate",
        "predicate_id",
        [
            expect.ExpectColumnValuesToBeUnique(column="predicate_id"),
            expect.ExpectColumnValuesToBeInSet(column="predicate_id", value_set=frozen),
            expect.ExpectTableRowCountToEqual(value=len(frozen)),
            *[expect.ExpectColumnValuesToNotBeNull(column=name) for name in ("p", "q")],
            expect.ExpectColumnValuesToBeInSet(column="effect_is_known", value_set=[True]),
            *[
                between(column=k, min_value=low, max_value=high)
                for k, (low, high) in (ranges | rated).items()
            ],
            expect.ExpectColumnValuesToBeInSet(column="validity_in_interval", value_set=[True]),
            expect.ExpectColumnValuesToBeInSet(column="q_at_least_p", value_set=[True]),
            between(column="n_a", min_value=0),
            between(column="n_b", min_value=0),
            between(column="cost_usd", min_value=0),
        ],
    )


def _great_expectations() -> Any:
    """The library, imported late (it takes seconds), with its telemetry off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
    return gx


class _Suite:
    """Expectations of one name, run in a context that lives in memory only."""

    def __init__(self, name: str, gx: Any) -> None:
        self._name, self._gx = name, gx
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            types = gx.data_context.types.base
            stores = types.InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
            bars = types.ProgressBarsConfig(globally=False, metric_calculations=False)
            config = types.DataContextConfig(
                store_backend_defaults=stores, progress_bars=bars, analytics_enabled=False
            )
            context = gx.get_context(mode="ephemeral", project_config=config)
            self._source = context.data_sources.add_pandas(name)
        self._n_assets = 0
        self._checked: list[dict[str, Any]] = []

    def checks(self) -> pl.DataFrame:
        """Rows of CHECKS: all that was held against anything so far."""
        return pl.DataFrame(self._checked, schema=CHECKS)

    def check(self, frame: pl.DataFrame, of: str, key: str, expectations: list[Any]) -> None:
        """Holds a frame against expectations; `of` says what it is, the column `key` names its rows.

        Raises:
            GuardError: one is not met, or could not be computed.
        """
        self._n_assets += 1
        suite = self._gx.ExpectationSuite(name=f"{self._name}-{self._n_assets}", expectations=expectations)
        asked = {"result_format": "COMPLETE", "unexpected_index_column_names": [key]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asset = self._source.add_dataframe_asset(f"{self._name}-{self._n_assets}")
            batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
                {"dataframe": frame.to_pandas()}
            )
            outcome = batch.validate(suite, result_format=asked)
        broken = [_told(result, key) for result in outcome.results if not result.success]
        if broken:
            raise GuardError(f"{self._name}: {'; '.join(broken)}. Nothing was written.")
        self._checked += [_row(result, of, frame.height) for result in outcome.results]


def _row(result: Any, of: str, n_rows: int) -> dict[str, Any]:
    """One expectation as a row of CHECKS."""
    config, seen = result.expectation_config, result.result
    return {
        "of": of,
        "expectation": config.type,
        "column": config.kwargs.get("column"),
        "limits": _limits(config),
        "n_rows": n_rows,
        "n_missing": seen.get("missing_count"),
        "observed": None if "observed_value" not in seen else str(seen["observed_value"]),
        "is_met": bool(result.success),
    }


def _limits(config: Any) -> str:
    """What was wanted of the column, such as `min_value 0, max_value 1`; a long set by its size."""
    wanted = {k: v for k, v in config.kwargs.items() if k not in {"batch_id", "column"} and v is not None}
    return ", ".join(
        f"{k} {f'{len(v)} values' if isinstance(v, list) and len(v) > AT_MOST_SHOWN else v}"
        for k, v in wanted.items()
    )


def _told(result: Any, key: str) -> str:
    """One unmet expectation: what was expected, and which rows are otherwise."""
    config = result.expectation_config
    limits = {
        k: v
        for k, v in config.kwargs.items()
        if k not in {"batch_id", "column", "value_set"} and v is not None
    }
    column = config.kwargs.get("column", "")
    said = f"{config.type}({', '.join([column, *(f'{k}={v}' for k, v in limits.items())]).strip(', ')})"
    failed = _failure(result.exception_info)
    if failed:
        return f"{said} could not be checked: {failed}"
    rows = result.result.get("unexpected_index_list") or []
    if not rows:
        return f"{said}, observed {result.result.get('observed_value')}"
    shown = ", ".join(
        f"{row[key]}" + (f" ({row[column]})" if column in row and column != key else "")
        for row in rows[:AT_MOST_SHOWN]
    )
    more = f" and {len(rows) - AT_MOST_SHOWN} more" if len(rows) > AT_MOST_SHOWN else ""
    return f"{said} fails for {key} {shown}{more}"


def _failure(info: Any) -> str:
    """What an expectation raised while it was computed: a failed check must not pass for a broken one."""
    if not isinstance(info, dict):
        return ""
    if "raised_exception" in info:
        return str(info.get("exception_message") or "") if info["raised_exception"] else ""
    return next((message for value in info.values() if (message := _failure(value))), "")
