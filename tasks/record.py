"""Check the results, write them as discoveries, and remember them in DuckDB.

Reads:      1_texts, 2_embeddings (to order the evidence), 4_predicates, 5_verdicts, 6_scores, the calls
            of 3_proposals and 5_verdicts, and other studies' discoveries in data/discoveries.duckdb
Writes:     7_discoveries/{discoveries,evidence,runs,files,checks}.parquet, calls.parquet where rating is
            paid, and data/discoveries.duckdb by run_id
Guarantees: nothing unfrozen or out of range is recorded; the database can be rebuilt from the Parquet
Not here:   estimates, tests or any choice of what counts as a discovery
"""

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import EngineError, NatstatError
from tasks.kinds.rows import holds
from tasks.records import ESTIMANDS, Predicate
from tasks.store import attempts, calls, duck, expectations, files, frames, holdout, media
from tasks.store.version import code_version
from tasks.study import Study

_POOL = 4
"""Times as many texts as are shown are candidates: those shown already make way within these alone."""
PACKAGES = (
    "polars",
    "duckdb",
    "numpy",
    "scipy",
    "sentence-transformers",
    "torch",
    "prefect",
    "dvc",
)


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    predicates = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    scores = frames.read(paths.output(study.name, "score"), "scores.parquet", frames.SCORES)
    judges = read_judges(study)
    verdicts = frames.scan_verdicts(paths.output(study.name, "verify"))
    kind = kinds.load(study.kind)
    actors = kind.actors(study.engine)
    judge, rater = kind.judge(study, actors), actors.rater(study)
    frozen = [Predicate(**row) for row in predicates.iter_rows(named=True)]
    ratings, rated_by = ask_rater(study, rater, frozen)
    rater_calls = frames.from_records(rater.calls, frames.CALLS).sort("request_hash")
    paid = calls.once([calls.read(study.name, ("collect", "propose", "verify")), rater_calls])
    cost = calls.cost_usd(paid, study.spend.prices)
    this_run = run_row(study, judge.model, texts, predicates, scores, cost, judges)
    run_id = this_run["run_id"].item()
    cost_usd = calls.cost_usd_by_predicate(paid, study.spend.prices)
    discoveries = discovery_rows(this_run, predicates, scores, ratings, rated_by, cost_usd, judges)
    checks = expectations.check_record(predicates, expectations.summarise(verdicts), discoveries, kind.scale)
    tested = kinds.tested(kind, study, texts, paths.output(study.name, "verify"))
    judged, embeddings = kind.evidence(study, texts, tested)
    evidence = evidence_rows(study, run_id, judged, embeddings, by_strength(frozen, scores), verdicts, judge)
    if kind.compares:
        evidence = with_others(evidence, tested, frozen, judge)
    manifest = {
        "run_id": run_id,
        "names": frames.group_names(study.name),
        "n_judgements": this_run["n_judgements"].item(),
        "cost_usd": this_run["cost_usd"].item(),
        "calls": calls.totals(paid),
        "prices": prices_paid(study, paid),
        "alpha": study.score.alpha,
        "level": study.score.level,
        "min_effect": study.score.min_effect,
        # What was written for the test has answered nothing before.
        "is_written": bool(kind.written),
        "holdout": {"n_runs": 0} if kind.written else holdout.use(this_run, discoveries, texts),
        **({"replication": attempts.attempt(this_run, discoveries)} if study.propose.replicates else {}),
        **judging_cost(study),
        "cannot_find": list(actors.CANNOT_SEE if media.are_pictures(texts) else actors.CANNOT_FIND),
        "versions": versions(),
    }
    rests_on = files.rested_on(study)
    output = paths.output(study.name, "record")
    with frames.writing(output) as folder:
        frames.write(this_run, folder / "runs.parquet", frames.RUNS)
        frames.write(discoveries, folder / "discoveries.parquet", frames.DISCOVERIES)
        frames.write(evidence, folder / "evidence.parquet", frames.EVIDENCE)
        if rater_calls.height:
            frames.write(rater_calls, folder / "calls.parquet", frames.CALLS)
        frames.write(checks, folder / "checks.parquet", expectations.CHECKS)
        own = pl.DataFrame(files.written_by("record", folder, output), schema=files.FILES, orient="row")
        frames.write(pl.concat([rests_on, own]), folder / "files.parquet", files.FILES)
        frames.write_manifest(folder, manifest)
    try:
        duck.record(study.name)
    except NatstatError:
        # What the database does not remember must not look recorded.
        shutil.rmtree(output, ignore_errors=True)
        raise
    return manifest


def ask_rater(
    study: Study, rater: roles.Rater, predicates: Sequence[Predicate]
) -> tuple[list[roles.Rating], str]:
    """What each is worth to the reader, and who says so; nobody where the budget has ended the walk before.

    Raises:
        EngineError: the rater failed.
    """
    try:
        return rater.rate(predicates), rater.rated_by
    except EngineError as error:
        ended = frames.read_manifest(paths.output(study.name, "verify")).get("ended")
        if not (error.out_of_budget and ended == "budget"):
            raise
        return [roles.Rating(None, None, None) for _ in predicates], "nobody: the budget was reached"


def prices_paid(study: Study, paid: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """The prices that the cost was made with: what belongs to it as params belong to a result."""
    models = set(paid["model"])
    return {model: price.model_dump() for model, price in study.spend.prices.items() if model in models}


def judging_cost(study: Study) -> dict[str, float | None]:
    """What the verdicts of a sequential plan cost, by which report estimates what the others would have."""
    if study.verify.plan == "fixed":
        return {}
    return {"judging_usd": calls.cost_usd(calls.read(study.name, ("verify",)), study.spend.prices)}


def read_judges(study: Study) -> pl.DataFrame:
    """What gold verdicts made of each predicate, with `n_gold` judgements of the gold judge; empty without.

    A model asked in vain was asked all the same, as the judge was. Of people's verdicts, which are not paid
    by the study, those count that entered the effect.
    """
    folder = paths.output(study.name, "score")
    if not study.has_gold:
        return frames.JUDGES.to_frame().with_columns(n_gold=pl.lit(0, dtype=pl.Int64))
    judges = frames.read(folder, "judges.parquet", frames.JUDGES)
    if study.label_file is not None:
        return judges.with_columns(n_gold=pl.sum_horizontal("n_gold_a", "n_gold_b"))
    asked = frames.read(paths.output(study.name, "verify"), "gold.parquet", frames.GOLD)
    n_gold = asked.group_by("predicate_id").agg(pl.len().cast(pl.Int64).alias("n_gold"))
    return judges.join(n_gold, on="predicate_id", how="left", maintain_order="left").with_columns(
        pl.col("n_gold").fill_null(0)
    )


def run_row(
    study: Study,
    model: str,
    texts: pl.DataFrame,
    predicates: pl.DataFrame,
    scores: pl.DataFrame,
    cost_usd: float | None = 0.0,
    judges: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The run as one row; its id follows from what was asked and what came out, never from the clock.

    How fast and how dear it was asked (`spend`) makes no other run, nor does where and when it runs and who
    is told, but what it cost does, and so does what gold verdicts said (`judges` of `read_judges`).
    Judgements are those of all judges.
    """
    params = study.model_dump(
        mode="json", exclude={"report", "name", "spend", "runner", "schedule", "notify"}
    )
    split_hash = frames.split_hash(texts)
    n_judgements = (
        scores.select(pl.col("n_a", "n_b", "n_refused", "n_unparsable").sum()).sum_horizontal().item()
    )
    if judges is not None:
        n_judgements += judges["n_gold"].sum()
    row = {
        "study": study.name,
        "kind": study.kind,
        "engine": study.engine,
        "model": model,
        "goal": study.goal,
        "params": json.dumps(params, sort_keys=True, ensure_ascii=False),
        "split_hash": split_hash,
        "n_texts": texts.height,
        "n_predicates": predicates.height,
        "n_discoveries": int(scores["is_discovery"].sum()),
        "n_judgements": n_judgements,
        "cost_usd": cost_usd,
        "code_version": code_version(),
    }
    return pl.DataFrame([{"run_id": id_of(row, predicates, scores, judges), **row}], schema=frames.RUNS)


def id_of(
    row: Mapping[str, Any], predicates: pl.DataFrame, scores: pl.DataFrame, judges: pl.DataFrame | None
) -> str:
    """The run_id that follows from all else in the run's row, what was frozen, and what came out."""
    return frames.hashed(
        json.dumps(dict(row), sort_keys=True),
        frames.frozen_hash(predicates),
        scores.write_ndjson(),
        *([] if judges is None or judges.is_empty() else [judges.write_ndjson()]),
    )


def discovery_rows(
    run: pl.DataFrame,
    predicates: pl.DataFrame,
    scores: pl.DataFrame,
    ratings: Sequence[roles.Rating],
    rated_by: str,
    cost_usd: Mapping[str, float | None] | None = None,
    judges: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row per tested predicate, discoveries and rejected alike; one that no call was about cost 0.

    Corrected effects are those of `judges`, of `read_judges`; NULL where no gold judge was asked.
    """
    of_calls = cost_usd or {}
    costs = [of_calls.get(predicate_id, 0.0) for predicate_id in predicates["predicate_id"]]
    rated = predicates.select("predicate_id").with_columns(
        pl.Series("relevance", [r.relevance for r in ratings], dtype=pl.Float64),
        pl.Series("novelty", [r.novelty for r in ratings], dtype=pl.Float64),
        pl.Series("novelty_blind", [r.novelty_blind for r in ratings], dtype=pl.Float64),
        pl.Series("novelty_past", [r.novelty_past for r in ratings], dtype=pl.Float64),
        pl.Series("significance", [r.significance for r in ratings], dtype=pl.Float64),
        pl.lit(rated_by).alias("rated_by"),
        pl.Series("cost_usd", costs, dtype=pl.Float64),
    )
    by_gold = pl.DataFrame(schema=_GOLD) if judges is None else judges
    asked = pl.sum_horizontal("n_a", "n_b", "n_refused", "n_unparsable", "n_gold").alias("n_judgements")
    joined = (
        predicates.drop("split_hash")
        .join(scores, on="predicate_id", maintain_order="left")
        .join(rated, on="predicate_id", maintain_order="left")
        .join(
            by_gold.select("predicate_id", "n_gold", **_CORRECTED),
            on="predicate_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(asked, estimand=pl.lit(ESTIMANDS[kinds.load(run["kind"].item()).scale]))
        .join(run.drop("n_judgements", "cost_usd"), how="cross")
    )
    return frames.conform(joined, frames.DISCOVERIES)


_CORRECTED = {f"corrected_{name}": pl.col(name) for name in ("validity", "lo", "hi")}
_GOLD = {"predicate_id": pl.String, "n_gold": pl.Int64, **dict.fromkeys(("validity", "lo", "hi"), pl.Float64)}


def by_strength(predicates: Sequence[Predicate], scores: pl.DataFrame) -> list[Predicate]:
    """Discoveries first, each by how far its interval stays from zero."""
    distance = pl.max_horizontal("lo", -pl.col("hi"))
    ordered = scores.sort(~pl.col("is_discovery"), -distance, "predicate_id")
    by_id = {predicate.predicate_id: predicate for predicate in predicates}
    return [by_id[predicate_id] for predicate_id in ordered["predicate_id"]]


def evidence_rows(
    study: Study,
    run_id: str,
    confirm: pl.DataFrame,
    embeddings: Float[np.ndarray, "text dim"],
    predicates: Sequence[Predicate],
    verdicts: pl.LazyFrame,
    judge: roles.Judge,
) -> pl.DataFrame:
    """Confirmation texts for each predicate (where it should hold) and against it, strongest first.

    A document speaks once for a predicate while there are others, and a text already shown for an earlier
    predicate makes way for one that is nearly as strong: more of the corpus is seen.

    Args:
        predicates: in the order in which they are shown.
    """
    wanted = pl.DataFrame(
        [
            {"predicate_id": p.predicate_id, "direction": p.direction, "least": p.threshold}
            for p in predicates
        ],
        schema={"predicate_id": pl.String, "direction": pl.String, "least": pl.Float64},
    ).with_row_index("column")
    held = (
        verdicts.join(wanted.lazy(), on="predicate_id")
        .filter(holds("least"))
        .join(
            confirm.lazy()
            .select("text_id", "document_id", "group", "n_merged", _shown_as(confirm))
            .with_row_index("row"),
            on="text_id",
        )
        .collect()
    )
    speaks_for = kinds.load(study.kind).supports(study, held)
    held = held.with_columns(
        role=pl.when(speaks_for).then(pl.lit("supports")).otherwise(pl.lit("contradicts"))
    )
    strength = judge.strength(predicates, confirm, embeddings)
    by_id = {p.predicate_id: p for p in predicates}
    strongest = (
        held.with_columns(strength=strength[held["row"].to_numpy(), held["column"].to_numpy()])
        # Among equals the texts that stand for most rows, then by hash: no cherry-picking.
        .sort(
            "column",
            "role",
            "score",
            "strength",
            "n_merged",
            "text_id",
            descending=[False, True, True, True, True, False],
        )
        # A second text of a document comes after the first of every other.
        .with_columns(again=pl.int_range(pl.len()).over("column", "role", "document_id") > 0)
        .sort("column", "role", "again", descending=[False, True, False], maintain_order=True)
        .group_by("column", "role", maintain_order=True)
        .head(_POOL * study.record.n_evidence)
    )
    shown = (
        strongest[_spread(strongest, study.record.n_evidence)]
        .with_columns(rank=pl.int_range(pl.len()).over("predicate_id", "role") + 1, run_id=pl.lit(run_id))
        .join(confirm.select("text_id", "text"), on="text_id", maintain_order="left")
        .sort("predicate_id", "role", "rank", descending=[False, True, False])
    )
    spans = [
        json.dumps(judge.spans(by_id[predicate_id], text))
        for predicate_id, text in shown.select("predicate_id", "text").iter_rows()
    ]
    return frames.conform(shown.with_columns(pl.Series("spans", spans, dtype=pl.String)), frames.EVIDENCE)


def with_others(
    evidence: pl.DataFrame, tested: pl.DataFrame, predicates: Sequence[Predicate], judge: roles.Judge
) -> pl.DataFrame:
    """The evidence, and under the role `..._other` the text that each was compared with, of the same rank.

    Args:
        evidence: rows of frames.EVIDENCE.
        tested: rows under test with their `pair`.
        predicates: all that are frozen.
        judge: who says what to mark.
    """
    by_id = {p.predicate_id: p for p in predicates}
    pairs = tested.select("pair", "text_id", "group", "text").unique(["pair", "group"], keep="first")
    others = (
        evidence.drop("group", "text", "spans")
        .join(pairs.select("pair", "text_id"), on="text_id")
        .rename({"text_id": "shown"})
        .join(pairs, on="pair")
        .filter(pl.col("text_id") != pl.col("shown"))
        .with_columns(role=pl.col("role") + "_other", score=1 - pl.col("score"))
    )
    spans = [
        json.dumps(judge.spans(by_id[predicate_id], text))
        for predicate_id, text in others.select("predicate_id", "text").iter_rows()
    ]
    found = frames.conform(others.with_columns(pl.Series("spans", spans, dtype=pl.String)), frames.EVIDENCE)
    order = ["predicate_id", "role", "rank"]
    return pl.concat([evidence, found]).sort(order, descending=[False, True, False])


def _shown_as(confirm: pl.DataFrame) -> pl.Expr:
    """What is shown where a text is: both answers to a prompt have one hash, and stand together."""
    return pl.col("text_hash" if "text_hash" in confirm.columns else "text_id").alias("shown_as")


def _spread(strongest: pl.DataFrame, n: int) -> list[int]:
    """Rows to show: up to n of each predicate and role, those of no earlier predicate first."""
    seen: set[str] = set()
    rows: list[int] = []
    first = 0
    for (_, _), part in strongest.group_by("column", "role", maintain_order=True):
        shown = part["shown_as"].to_list()
        fresh = sorted(range(len(shown)), key=lambda i: shown[i] in seen)[:n]
        rows += [first + i for i in fresh]
        seen.update(shown[i] for i in fresh)
        first += len(shown)
    return rows


def versions() -> dict[str, str]:
    """natstat, Python and the packages whose version can change a result."""
    return {
        "natstat": code_version(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }
