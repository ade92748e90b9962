"""Turn verdicts into effects, intervals, p and q, and say which are discoveries.

Reads:      5_verdicts, 4_predicates, 1_texts; of encoder failures 2_embeddings; with `labels` the file in
            data/labels
Writes:     6_scores/scores.parquet (one row per frozen predicate), baselines.parquet; of a fixed plan
            groups.parquet, of a sequential one paths.parquet (one row per look and predicate); with gold
            verdicts judges.parquet, of a panel agreement.parquet; of encoder failures transfer.parquet
            (other encoders) and retrieval.parquet
Guarantees: only frozen predicates, each pair once; q over all frozen predicates of the study;
            paraphrases grouped; the null rate of this very data beside the headline, of a fixed plan
Not here:   judging, or any look at what a predicate means
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Int, UInt8

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.records import Predicate, Score
from tasks.score import discoveries as deciding
from tasks.score import groups as findings
from tasks.score import judges
from tasks.score.baselines import null_rate, score_baselines
from tasks.score.discoveries import Decided
from tasks.score.tests import Judged, Outcome, decide, estimated
from tasks.stats.agreement import conditional_difference, paraphrase_groups, verdicts_phi
from tasks.store import frames, labels
from tasks.study import Study
from tasks.verdicts import bets as scale
from tasks.verdicts import matrices
from tasks.verdicts.matrices import GoldVerdicts, Matrix
from tasks.verdicts.walk import DECISIONS, Walk, check_plan


@dataclass(frozen=True)
class Scored:
    """All that follows from what was judged."""

    scores: list[Score]
    groups: pl.DataFrame | None
    """Of a fixed plan."""
    judges: pl.DataFrame | None
    """With gold verdicts."""


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    verify = paths.output(study.name, "verify")
    verified = frames.read_manifest(verify)
    if verified["frozen_hash"] != frames.frozen_hash(frozen):
        raise FrozenError(f"{verify}: verdicts of other predicates than the frozen ones. Rerun verify.")
    predicates = [Predicate(**row) for row in frozen.iter_rows(named=True)]
    kind = kinds.load(study.kind)
    held_out = kinds.tested(kind, study, texts, verify)
    score, status = matrices.verdict_matrix(held_out, predicates, frames.scan_verdicts(verify))
    by_gold, noted = read_gold(study, verify, verified, held_out, predicates)
    filled = kind.filled(held_out, score, status)
    judged = Judged(study, kind, held_out, predicates, filled, status, by_gold)
    walk = _walk(judged, verified)
    scored = score_judged(judged, walk, verified.get("n_looks"))
    agreement, panel = read_panel(judged, verify)
    beside = _beside(judged, texts, scored)
    manifest = {
        "alpha": study.score.alpha,
        "level": study.score.level,
        "min_effect": study.score.min_effect,
        "n_tested": len(scored.scores),
        "n_discoveries": sum(s.is_discovery for s in scored.scores),
        "n_groups": len({s.group_id for s in scored.scores if s.is_discovery}),
        **(_null_rate(judged) if walk is None else _judgements(walk, verified, judged)),
        **({} if scored.judges is None else {"gold": {**noted, **gold_figures(judged, scored.judges)}}),
        **({} if panel is None else {"panel": panel}),
    }
    with frames.writing(paths.output(study.name, "score")) as folder:
        # A group without any value has no mean: NULL, not NaN, in the tables.
        table = frames.from_records(scored.scores, frames.SCORES).fill_nan(None)
        for name, frame, schema in (
            ("scores", table, frames.SCORES),
            *((name, frame, getattr(frames, name.upper())) for name, frame in beside.items()),
            ("groups", scored.groups, frames.GROUPS),
            ("judges", scored.judges, frames.JUDGES),
            ("agreement", agreement, frames.AGREEMENT),
            ("paths", None if walk is None else _path(walk, scored.scores), frames.PATHS),
        ):
            if frame is not None:
                frames.write(frame, folder / f"{name}.parquet", schema)
        frames.write_manifest(folder, manifest)
    return manifest


def _beside(judged: Judged, texts: pl.DataFrame, scored: Scored) -> dict[str, pl.DataFrame]:
    """Baselines, and what else the kind puts beside the scores, by name of the table."""
    study, kind = judged.study, judged.kind
    if not kind.writes_pairs:
        return {"baselines": score_baselines(study, kind, texts, judged.held_out, judged.predicates)}
    vectors = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    column = {p.predicate_id: i for i, p in enumerate(judged.predicates)}
    own = np.array([column[one] for one in judged.held_out["predicate_id"]])
    row = np.arange(own.size)
    # What a sequential plan did not come to is no part of any figure.
    asked = judged.status[row, own] != roles.ABSENT
    written = judged.held_out.with_columns(family=pl.Series([judged.predicates[i].family for i in own]))
    return cast(kinds.WritingKind, kind).tables(
        study,
        written.filter(asked),
        judged.verdict[row, own][asked],
        [s.predicate_id for s in scored.scores if s.is_discovery],
        vectors[(texts["half"] == "confirm").to_numpy()],
    )


def read_gold(
    study: Study,
    verify: Path,
    verified: dict[str, Any],
    held_out: pl.DataFrame,
    predicates: Sequence[Predicate],
) -> tuple[GoldVerdicts | None, dict[str, Any]]:
    """The gold verdicts, of a file or of verify, and whose they are; None where nobody was asked.

    Raises:
        FrozenError: verify asked another gold judge than params name now, about other texts, or none; or
            a walk bet on other labels than there are now.
    """
    if study.label_file is not None:
        read = labels.labelled(study, held_out, predicates)
        _check_labels(study, verify, verified, read.gold)
        matrix = matrices.gold_matrix(held_out, predicates, read.gold)
        return scale.of_file(matrix, *matrices.groups_and_documents(held_out)), read.noted
    if not study.gold.texts:
        return None, {}
    if "gold" not in verified:
        raise FrozenError(f"{verify}: judged without the gold judge that params name. Rerun verify.")
    _check_gold_judge(study, verify, verified["gold"])
    rows = frames.read(verify, "gold.parquet", frames.GOLD)
    return matrices.gold_matrix(held_out, predicates, rows), {"judge": verified["gold"]["judge"]}


def _check_gold_judge(study: Study, verify: Path, asked: dict[str, Any]) -> None:
    """Refuses what another gold judge said, or what was drawn otherwise."""
    wanted = {
        "judge": roles.gold_judge(study).name,
        "texts": study.gold.texts,
        "choose": study.gold.choose,
    }
    other = {name: asked.get(name) for name in wanted if asked.get(name) != wanted[name]}
    if other:
        told = ", ".join(f"{name} {wanted[name]!r} (verify had {was!r})" for name, was in other.items())
        raise FrozenError(
            f"{verify}: wanted gold verdicts as params name them now, by {told}. Rerun verify, or set the "
            "params back."
        )


def _check_labels(study: Study, verify: Path, verified: dict[str, Any], rows: pl.DataFrame) -> None:
    """Refuses labels that changed since a walk stopped where it did because of them."""
    if study.verify.plan != "sequential" or not study.gold.decides:
        return
    if verified.get("labels_hash") != frames.gold_hash(rows):
        raise FrozenError(
            f"{verify}: wanted the labels that decided where its walk stopped, those in "
            f"{study.label_file} are others by now. Rerun verify."
        )


def read_panel(judged: Judged, verify: Path) -> tuple[pl.DataFrame | None, dict[str, Any] | None]:
    """How a panel's members agree: by predicate, and over all; None where one judge judged alone."""
    files = sorted(verify.glob("panel-*.parquet"))
    if not files:
        return None, None
    rows = pl.scan_parquet(files, glob=False)
    names, each = matrices.panel_tensor(judged.held_out, judged.predicates, rows)
    level = judged.study.score.level
    pooled = judges.agreement_pooled(each, judged.document, level, judged.threshold)
    frame = judges.agreement_frame(judged.predicates, each, judged.document, level)
    return frame, {"judges": names, **pooled}


def score_predicates(
    study: Study,
    kind: kinds.Kind,
    held_out: pl.DataFrame,
    score: Matrix,
    status: UInt8[np.ndarray, "text predicate"],
    predicates: Sequence[Predicate],
    walk: Walk | None = None,
) -> list[Score]:
    """One Score per frozen predicate, in frozen order, without gold verdicts."""
    return score_judged(Judged(study, kind, held_out, predicates, score, status), walk).scores


def score_judged(judged: Judged, walk: Walk | None = None, n_looks: int | None = None) -> Scored:
    """The tests of all frozen predicates, in frozen order.

    Args:
        judged: all verdicts.
        walk: that of a sequential plan, at its start.
        n_looks: where verify ended the walk before its time.
    """
    found = decide(judged, walk, n_looks)
    decided, level = found.decided, judged.study.score.level
    # Opposites are two sentences: only verdicts that agree make a group.
    phi, least = verdicts_phi(judged.score), judged.study.score.group_phi
    strength = np.array([d.strength for d in decided])
    leader = paraphrase_groups(np.maximum(phi, 0), least, strength)
    # Where gold decides, what the judge's own verdicts leave at equal length is the effect of another judge.
    is_adjusted = walk is None and not judged.study.gold.decides
    is_found = np.array([d.is_discovery for d in decided]) & is_adjusted
    # Each of two opposites explains the other away, as each of two paraphrases does.
    alike = paraphrase_groups(np.abs(phi), least, strength)
    adjusted = findings.adjusted_effects(
        judged.held_out, judged.verdict, is_found, alike, level, judged.study.seed
    )
    return Scored(
        [_score(judged, d, i, int(leader[i]), adjusted[i]) for i, d in enumerate(decided)],
        groups=_groups(judged, decided, leader) if walk is None else None,
        judges=_judges(judged, found),
    )


def _score(
    judged: Judged,
    d: Decided,
    i: int,
    leader: int,
    adjusted: tuple[float | None, float | None, float | None],
) -> Score:
    status, estimate = judged.status[:, i], d.estimate
    of_leader = judged.score[:, leader]
    return Score(
        predicate_id=judged.predicates[i].predicate_id,
        n_a=estimate.n_a,
        n_b=estimate.n_b,
        n_documents=estimate.n_documents,
        n_refused=int((status == roles.REFUSAL).sum()),
        n_unparsable=int((status == roles.UNPARSABLE).sum()),
        n_absent=int((status == roles.ABSENT).sum()) - judged.n_of_others(i),
        mean_a=estimate.mean_a,
        mean_b=estimate.mean_b,
        validity=estimate.validity,
        lo=estimate.lo,
        hi=estimate.hi,
        p=estimate.p,
        q=d.q,
        missing_lo=estimate.missing_lo,
        missing_hi=estimate.missing_hi,
        method=estimate.method,
        group_id=judged.predicates[leader].predicate_id,
        conditional_validity=(
            None if leader == i else conditional_difference(judged.score[:, i], of_leader, judged.in_a)
        ),
        adjusted_validity=adjusted[0],
        adjusted_lo=adjusted[1],
        adjusted_hi=adjusted[2],
        e_value=d.e_value,
        decision=d.decision,
        fragile=d.fragile,
        is_discovery=d.is_discovery,
    )


def _groups(
    judged: Judged, decided: Sequence[Decided], leader: Int[np.ndarray, " predicate"]
) -> pl.DataFrame:
    return findings.groups_frame(
        judged.kind,
        judged.held_out,
        judged.predicates,
        leader,
        [d.estimate for d in decided],
        judged.verdict,
        judged.study.score.level,
        judged.verdict_gold if judged.study.gold.decides else None,
        drawn_apart=judged.study.gold.choose == "uncertain",
    )


def _judges(judged: Judged, found: Outcome) -> pl.DataFrame | None:
    if found.corrected is None or found.q is None or found.bearing is None or judged.verdict_gold is None:
        return None
    of = (judged.verdict, judged.verdict_gold, judged.in_a, judged.document, judged.study.score.level)
    error, kappa = judges.error_of_judge(*of, judged.threshold)
    return judges.judges_frame(judged.predicates, found.corrected, found.q, found.bearing, error, kappa)


def gold_figures(judged: Judged, table: pl.DataFrame) -> dict[str, Any]:
    """What the manifest tells of the gold verdicts, over all predicates."""
    of = judged.verdict_gold
    assert of is not None  # noqa: S101 - there is no table of judges without
    bearing = table["bearing"].to_list()
    return {
        "decides": judged.study.gold.decides,
        "n_gold": int(table.select(pl.sum_horizontal("n_gold_a", "n_gold_b").sum()).item()),
        "n_refused": int(of.n_refused.sum()),
        # Where the judge gave no verdict there is nothing to correct.
        "n_ignored": int((~np.isnan(of.score) & np.isnan(judged.verdict)).sum()),
        **{f"n_{name}": bearing.count(name) for name in deciding.BEARINGS},
        **judges.error_pooled(judged.verdict, of, judged.in_a, judged.document, judged.study.score.level),
    }


def _walk(judged: Judged, verified: dict[str, Any]) -> Walk | None:
    """The walk that verify took, at its start; None of a fixed plan.

    Raises:
        FrozenError: predicates or verdicts are those of another plan.
    """
    study = judged.study
    check_plan(study, judged.predicates)
    if study.verify.plan == "fixed":
        return None
    rule = study.verify.sequential.model_dump()
    if verified.get("sequential") != rule:
        raise FrozenError(
            f"verdicts were judged by the rule {verified.get('sequential')}, not {rule}. Rerun verify."
        )
    of_file = study.gold.decides and study.label_file is not None and judged.gold is not None
    weight = scale.largest_weight(judged.gold) if of_file and judged.gold is not None else None
    return judged.kind.walk(study, judged.held_out, judged.predicates, study.score.level, weight)


def _null_rate(judged: Judged) -> dict[str, int]:
    return null_rate(judged.study, judged.held_out, lambda texts: estimated(judged, texts))


def _path(walk: Walk, scores: Sequence[Score]) -> pl.DataFrame:
    lo, hi = (np.array([getattr(s, end) for s in scores]) for end in ("lo", "hi"))
    return walk.path(lo, hi)


def _judgements(walk: Walk, verified: dict[str, Any], judged: Judged) -> dict[str, Any]:
    n_judged = int((judged.status != roles.ABSENT).sum())
    n_grid = matrices.n_pairs(judged.held_out, len(judged.predicates))
    return {
        "plan": "sequential",
        **({"ended": verified["ended"]} if "ended" in verified else {}),
        "control": walk.state.rule.control,
        "n_looks": walk.n_looks,
        "n_judged": n_judged,
        "n_grid": n_grid,
        "share_judged": n_judged / n_grid,
        "decisions": {decision: walk.decisions.count(decision) for decision in DECISIONS},
        "null_shuffles": 0,
        "null_not_run": "where the walk stopped depends on the verdicts: with other labels it would have "
        "asked for others",
    }
