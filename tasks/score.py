"""Turn verdicts into effects, intervals, p and q, and say which are discoveries.

Reads:      5_verdicts, 4_predicates, 1_texts
Writes:     6_scores/scores.parquet (one row per frozen predicate), baselines.parquet; of a sequential
            plan paths.parquet (one row per look and predicate)
Guarantees: only frozen predicates, each pair once; q over all frozen predicates of the study;
            paraphrases grouped; the null rate of this very data beside the headline, of a fixed plan
Not here:   judging, or any look at what a predicate means
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from tasks import kinds, paths
from tasks.blocks import ScoreParams
from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.kinds import Estimate
from tasks.kinds.walk import DECISIONS, Walk, check_plan
from tasks.records import Predicate, Score
from tasks.stats.agreement import conditional_difference, paraphrase_groups, verdicts_phi
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.store import frames
from tasks.study import Study

Matrix = Float[np.ndarray, "text predicate"]
_LARGEST_LOG = 700.0


@dataclass(frozen=True)
class _Decided:
    """What the plan says of one predicate."""

    estimate: Estimate
    q: float
    e_value: float | None
    decision: str
    fragile: bool
    is_discovery: bool


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    verify = paths.output(study.name, "verify")
    judged = frames.read_manifest(verify)
    if judged["frozen_hash"] != frames.frozen_hash(frozen):
        raise FrozenError(f"{verify}: verdicts of other predicates than the frozen ones. Rerun verify.")
    predicates = [Predicate(**row) for row in frozen.iter_rows(named=True)]
    kind = kinds.load(study.kind)
    held_out = kind.held_out(study, texts)
    score, status = verdict_matrix(held_out, predicates, frames.scan_verdicts(verify))
    walk = _walk(study, kind, held_out, predicates, judged)
    scores = score_predicates(study, kind, held_out, score, status, predicates, walk)
    baselines = score_baselines(study, kind, texts, held_out, predicates)
    manifest = {
        "alpha": study.score.alpha,
        "level": study.score.level,
        "min_effect": study.score.min_effect,
        "n_tested": len(scores),
        "n_discoveries": sum(s.is_discovery for s in scores),
        "n_groups": len({s.group_id for s in scores if s.is_discovery}),
        **(
            null_rate(study, kind, held_out, score, status, predicates)
            if walk is None
            else _judgements(walk, status)
        ),
    }
    with frames.writing(paths.output(study.name, "score")) as folder:
        # A group without any value has no mean: NULL, not NaN, in the tables.
        table = frames.from_records(scores, frames.SCORES).fill_nan(None)
        frames.write(table, folder / "scores.parquet", frames.SCORES)
        frames.write(baselines, folder / "baselines.parquet", frames.BASELINES)
        if walk is not None:
            lo, hi = (np.array([getattr(s, end) for s in scores]) for end in ("lo", "hi"))
            frames.write(walk.path(lo, hi), folder / "paths.parquet", frames.PATHS)
        frames.write_manifest(folder, manifest)
    return manifest


def verdict_matrix(
    held_out: pl.DataFrame, predicates: Sequence[Predicate], verdicts: pl.LazyFrame
) -> tuple[Matrix, UInt8[np.ndarray, "text predicate"]]:
    """Verdict rows as matrices: scores (NaN where there is none) and status codes.

    Raises:
        FrozenError: a row of a predicate that is not frozen or a text that is not held out, a pair
            twice, or a pair without a row.
    """
    row_of = held_out.select("text_id").with_row_index("row").lazy()
    column_of = pl.LazyFrame({"predicate_id": [p.predicate_id for p in predicates]}).with_row_index("column")
    codes = pl.LazyFrame({"status": roles.STATUSES, "code": np.arange(len(roles.STATUSES), dtype=np.uint8)})
    found = (
        verdicts.join(row_of, on="text_id", how="left")
        .join(column_of, on="predicate_id", how="left")
        .join(codes, on="status", how="left")
        .select("row", "column", "score", "code")
        .collect()
    )
    shape = (held_out.height, len(predicates))
    if found.select(pl.col("row", "column", "code").null_count()).sum_horizontal().item():
        raise FrozenError("verdicts name a predicate that was not frozen or a text that was not held out.")
    at = found["row"].to_numpy().astype(np.int64) * shape[1] + found["column"].to_numpy()
    if found.height != shape[0] * shape[1] or np.unique(at).size != at.size:
        raise FrozenError(f"{found.height} verdicts, wanted one for each of {shape[0]} x {shape[1]} pairs.")
    score = np.full(shape, np.nan)
    status = np.zeros(shape, dtype=np.uint8)
    score.ravel()[at] = found["score"].fill_null(float("nan")).to_numpy()
    status.ravel()[at] = found["code"].to_numpy()
    return score, status


def score_predicates(
    study: Study,
    kind: kinds.Kind,
    held_out: pl.DataFrame,
    score: Matrix,
    status: UInt8[np.ndarray, "text predicate"],
    predicates: Sequence[Predicate],
    walk: Walk | None = None,
) -> list[Score]:
    """One Score per frozen predicate, in frozen order; a walk is that of a sequential plan, at its start."""
    if walk is None:
        estimates = kind.estimand(held_out, score, status, predicates, study.score.level)
        decided = _fixed(study.score, estimates, predicates)
    else:
        walk.replay(score, status)
        estimates = kind.estimand(held_out, score, status, predicates, (1 + study.score.level) / 2)
        decided = _sequential(walk, estimates)
    # Opposites are two sentences: only verdicts that agree make a group.
    agreement = np.maximum(verdicts_phi(score), 0)
    groups = paraphrase_groups(agreement, study.score.group_phi, np.array([_strength(d) for d in decided]))
    in_a = (held_out["group"] == "A").to_numpy()
    return [
        Score(
            predicate_id=predicate.predicate_id,
            n_a=d.estimate.n_a,
            n_b=d.estimate.n_b,
            n_documents=d.estimate.n_documents,
            n_refused=int((status[:, i] == roles.REFUSAL).sum()),
            n_unparsable=int((status[:, i] == roles.UNPARSABLE).sum()),
            n_absent=int((status[:, i] == roles.ABSENT).sum()),
            mean_a=d.estimate.mean_a,
            mean_b=d.estimate.mean_b,
            validity=d.estimate.validity,
            lo=d.estimate.lo,
            hi=d.estimate.hi,
            p=d.estimate.p,
            q=d.q,
            missing_lo=d.estimate.missing_lo,
            missing_hi=d.estimate.missing_hi,
            method=d.estimate.method,
            group_id=predicates[groups[i]].predicate_id,
            conditional_validity=(
                None if groups[i] == i else conditional_difference(score[:, i], score[:, groups[i]], in_a)
            ),
            e_value=d.e_value,
            decision=d.decision,
            fragile=d.fragile,
            is_discovery=d.is_discovery,
        )
        for i, (predicate, d) in enumerate(zip(predicates, decided, strict=True))
    ]


def _fixed(
    wanted: ScoreParams, estimates: Sequence[Estimate], predicates: Sequence[Predicate]
) -> list[_Decided]:
    q = pvalues_adjusted_bh(np.array([e.p for e in estimates]))
    found = [
        is_discovery(e, float(q[i]), p, wanted)
        for i, (e, p) in enumerate(zip(estimates, predicates, strict=True))
    ]
    return [
        _Decided(e, float(q[i]), None, "fixed", found[i] and is_fragile(e, p, wanted), found[i])
        for i, (e, p) in enumerate(zip(estimates, predicates, strict=True))
    ]


def _sequential(walk: Walk, estimates: Sequence[Estimate]) -> list[_Decided]:
    """What the walk decided; estimates are the fixed-sample ones at level (1 + level) / 2."""
    look = walk.state.path[-1]
    lo, hi = walk.interval(np.array([e.lo for e in estimates]), np.array([e.hi for e in estimates]))
    e_value = np.exp(np.clip(look.log_e, -_LARGEST_LOG, _LARGEST_LOG))
    return [
        _Decided(
            replace(
                estimate,
                validity=float(look.estimate[i]),
                lo=float(lo[i]),
                hi=float(hi[i]),
                p=min(1.0, 1 / float(e_value[i])),
                method=f"betting+{estimate.method}" if walk.ended[i] else "betting",
            ),
            q=float(look.q[i]),
            e_value=float(e_value[i]),
            decision=decision,
            fragile=bool(look.fragile[i]),
            is_discovery=decision == "confirmed",
        )
        for i, (estimate, decision) in enumerate(zip(estimates, walk.decisions, strict=True))
    ]


def _walk(
    study: Study,
    kind: kinds.Kind,
    held_out: pl.DataFrame,
    predicates: Sequence[Predicate],
    judged: dict[str, Any],
) -> Walk | None:
    """The walk that verify took, at its start; None of a fixed plan.

    Raises:
        FrozenError: predicates or verdicts are those of another plan.
    """
    check_plan(study, predicates)
    if study.verify.plan == "fixed":
        return None
    rule = study.verify.sequential.model_dump()
    if judged.get("sequential") != rule:
        raise FrozenError(
            f"verdicts were judged by the rule {judged.get('sequential')}, not {rule}. Rerun verify."
        )
    return kind.walk(study, held_out, predicates, study.score.level)


def _judgements(walk: Walk, status: UInt8[np.ndarray, "text predicate"]) -> dict[str, Any]:
    n_judged = int((status != roles.ABSENT).sum())
    return {
        "plan": "sequential",
        "control": walk.state.rule.control,
        "n_looks": walk.n_looks,
        "n_judged": n_judged,
        "n_grid": status.size,
        "share_judged": n_judged / status.size,
        "decisions": {decision: walk.decisions.count(decision) for decision in DECISIONS},
        "null_shuffles": 0,
        "null_not_run": "where the walk stopped depends on the verdicts: with other labels it would have "
        "asked for others",
    }


def is_discovery(estimate: Estimate, q: float, predicate: Predicate, wanted: ScoreParams) -> bool:
    """Significant over all frozen predicates, large enough, and in the frozen direction."""
    towards = estimate.validity if predicate.direction == "A" else -estimate.validity
    return q <= wanted.alpha and towards >= wanted.min_effect


def is_fragile(estimate: Estimate, predicate: Predicate, wanted: ScoreParams) -> bool:
    """Whether the effect would be too small had every missing verdict gone against it."""
    if estimate.missing_lo == estimate.missing_hi:
        return False
    worst = estimate.missing_lo if predicate.direction == "A" else -estimate.missing_hi
    return worst <= 0 or worst < wanted.min_effect


def _strength(decided: _Decided) -> float:
    """Distance of the interval from zero, which picks the leader of a group; negative where it spans zero."""
    distance = max(decided.estimate.lo, -decided.estimate.hi)
    # What a walk confirmed may span zero: it still leads what it did not.
    return distance + 2 * (decided.decision == "confirmed")


NULL_SHUFFLES = 100


def null_rate(
    study: Study,
    kind: kinds.Kind,
    held_out: pl.DataFrame,
    score: Matrix,
    status: UInt8[np.ndarray, "text predicate"],
    predicates: Sequence[Predicate],
) -> dict[str, Any]:
    """How often these verdicts give any discovery when group labels are shuffled between documents."""
    rng = np.random.default_rng([study.seed, 2])
    found = 0
    for _ in range(NULL_SHUFFLES):
        shuffled = held_out.with_columns(shuffle_groups(held_out, rng))
        estimates = kind.estimand(shuffled, score, status, predicates, study.score.level)
        q = pvalues_adjusted_bh(np.array([e.p for e in estimates]))
        either = [abs(e.validity) >= study.score.min_effect for e in estimates]
        found += bool(((q <= study.score.alpha) & np.array(either)).any())
    return {"null_shuffles": NULL_SHUFFLES, "null_runs_with_discovery": found}


def shuffle_groups(held_out: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Group labels as if they meant nothing: swapped between whole documents.

    Documents with rows in one group trade labels with each other; one with rows in both keeps or
    swaps its two labels as by a coin. So dependence within documents stays as it is.
    """
    in_a = (held_out["group"] == "A").to_numpy()
    document = held_out["document_id"].rank("dense").to_numpy().astype(np.int64) - 1
    rows = np.bincount(document)
    rows_a = np.bincount(document, weights=in_a)
    pure = (rows_a == 0) | (rows_a == rows)
    label = rows_a > 0
    label[pure] = rng.permutation(label[pure])
    swap = rng.random(len(rows)) < 0.5
    shuffled = np.where(pure[document], label[document], in_a ^ swap[document])
    return pl.Series("group", np.where(shuffled, "A", "B"))


def score_baselines(
    study: Study,
    kind: kinds.Kind,
    texts: pl.DataFrame,
    held_out: pl.DataFrame,
    predicates: Sequence[Predicate],
) -> pl.DataFrame:
    """What surface features alone reach on the same texts, by the same test."""
    explored = texts.filter(pl.col("half") == "explore")["text"]
    features = surface_features(held_out["text"], int(np.median(explored.str.len_chars().to_numpy())))
    value = features.to_numpy().astype(np.float64)
    status = np.zeros(value.shape, dtype=np.uint8)
    graded = [predicates[0]] * value.shape[1]
    estimates = kind.estimand(held_out, value, status, graded, study.score.level)
    return pl.DataFrame(
        {
            "baseline": features.columns,
            "validity": [e.validity for e in estimates],
            "lo": [e.lo for e in estimates],
            "hi": [e.hi for e in estimates],
            "p": [e.p for e in estimates],
        },
        schema=frames.BASELINES,
    )


def surface_features(text: pl.Series, median_chars: int) -> pl.DataFrame:
    """0/1 features that say nothing about meaning; the median is the exploration half's."""
    has = text.str.contains
    return pl.DataFrame(
        {
            "always true": pl.repeat(True, len(text), eager=True),
            f"longer than {median_chars} characters": text.str.len_chars() > median_chars,
            "contains a digit": has(r"[0-9]"),
            "contains a capital letter": has(r"\p{Lu}"),
            "contains a question or exclamation mark": has(r"[?!]"),
            "contains a comma or semicolon": has(r"[,;]"),
            "has more than one line": has(r"\n"),
        }
    )
