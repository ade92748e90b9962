"""Turn verdicts into effects, intervals, p and q, and say which are discoveries.

Reads:      5_verdicts, 4_predicates, 1_texts; with `labels` the file in data/labels; what its kind reads
Writes:     6_scores/scores.parquet (one row per frozen predicate), baselines.parquet; of a fixed plan
            groups.parquet, of a sequential one paths.parquet (one row per look and predicate); with gold
            verdicts judges.parquet, of a panel agreement.parquet; tables of the study's kind
Guarantees: only frozen predicates, each pair once; q over all frozen predicates of the study;
            paraphrases grouped; the null rate of this very data beside the headline, of a fixed plan
Not here:   judging, or any look at what a predicate means
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import FrozenError
from tasks.records import Predicate, Score
from tasks.score import discoveries, groups, judges
from tasks.score.baselines import null_rate
from tasks.score.shards import Shuffles, Stamps, stamps
from tasks.score.tests import Outcome, decide
from tasks.stats.agreement import conditional_difference, paraphrase_groups, verdicts_phi
from tasks.store import frames, labels
from tasks.study import Study
from tasks.verdicts import bets, matrices
from tasks.verdicts.judged import Judged, judged_from
from tasks.verdicts.matrices import GoldVerdicts
from tasks.verdicts.planned import check_plan
from tasks.verdicts.walk import DECISIONS, Walk, walk_over


@dataclass(frozen=True)
class Scored:
    """All that follows from what was judged."""

    scores: list[Score]
    groups: pl.DataFrame | None
    """Of a fixed plan."""
    judges: pl.DataFrame | None
    """With gold verdicts."""


@dataclass(frozen=True)
class Read:
    """What the stage reads, as one record."""

    of: Judged
    texts: pl.DataFrame
    """Rows of frames.TEXTS."""
    verified: dict[str, Any]
    """verify's manifest."""
    noted: dict[str, Any]
    """Whose the gold verdicts are."""

    def scored(self) -> tuple[Scored, Walk | None]:
        """The tests of all frozen predicates, and the walk of a sequential plan."""
        walk = _walk(self.of, self.verified)
        return score_judged(self.of, walk, self.verified.get("n_looks")), walk


def read(study: Study) -> Read:
    """The verdicts on the frozen predicates.

    Raises:
        MissingStageError: a stage before has not run.
        FrozenError: they are of other predicates, labels or judges.
    """
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    frozen = frames.read(paths.output(study.name, "formalise"), "predicates.parquet", frames.PREDICATES)
    verify = paths.output(study.name, "verify")
    verified = frames.read_manifest(verify)
    if verified["frozen_hash"] != frames.frozen_hash(frozen):
        raise FrozenError(f"{verify}: verdicts of other predicates than the frozen ones. Rerun verify.")
    predicates = [Predicate(**row) for row in frozen.iter_rows(named=True)]
    kind = kinds.load(study.kind)
    rows = kinds.tested(kind, study, texts, verify)
    score, status = matrices.verdict_matrix(rows, predicates, frames.scan_verdicts(verify))
    by_gold, noted = read_gold(study, verify, verified, rows, predicates)
    of = judged_from(study, rows, predicates, score, status, kind.gaps, by_gold)
    of = replace(of, wanted=kind.wanted(study, rows, predicates))
    of = replace(of, agreed=kind.agreed(of, verify))
    return Read(of, texts, verified, noted)


def score_table(scored: Scored) -> pl.DataFrame:
    """Rows of frames.SCORES; a group without any value has no mean: NULL, not NaN, in the tables."""
    return frames.from_records(scored.scores, frames.SCORES).fill_nan(None)


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    return finish(study)


def shards(study: Study) -> int:
    """How many shards `run_shard` must be called for; none of a walk, or where there is little to do."""
    return 0 if study.verify.plan == "sequential" else _shuffles(study).n_shards


def run_shard(study: Study, shard: int) -> bool:
    """Shuffles labels for one shard unless it is there, and says whether it was to be done."""
    return _shuffles(study).run(shard)


def finish(study: Study) -> dict[str, Any]:
    """Does what no shard has done, writes the stage's output, and gives its manifest."""
    now = stamps(study)
    try:
        return _finish(study, _read(study, now), now)
    finally:
        _read.cache_clear()


def _shuffles(study: Study) -> Shuffles:
    now = stamps(study)
    return Shuffles(_read(study, now).of, now)


@lru_cache(maxsize=1)
def _read(study: Study, stamps: Stamps) -> Read:
    """Once for all shards that this process runs while its inputs stay as they are."""
    return read(study)


def _finish(study: Study, found: Read, now: Stamps) -> dict[str, Any]:
    shuffles = Shuffles(found.of, now)
    of, texts, verified, noted = found.of, found.texts, found.verified, found.noted
    verify, kind = paths.output(study.name, "verify"), kinds.load(study.kind)
    scored, walk = found.scored()
    agreement, panel = read_panel(of, verify)
    beside = kind.beside(of, texts, [s.predicate_id for s in scored.scores if s.is_discovery])
    manifest = {
        "alpha": study.score.alpha,
        "level": study.score.level,
        "min_effect": study.score.min_effect,
        "n_tested": len(scored.scores),
        "n_discoveries": sum(s.is_discovery for s in scored.scores),
        "n_groups": len({s.group_id for s in scored.scores if s.is_discovery}),
        **(null_rate(of, shuffles.found()) if walk is None else _judgements(walk, verified, of)),
        **({} if scored.judges is None else {"gold": {**noted, **gold_figures(of, scored.judges)}}),
        **({} if panel is None else {"panel": panel}),
        **position_bias(of, verify),
    }
    own = {"baselines": frames.BASELINES, **kind.tables}
    with frames.writing(paths.output(study.name, "score")) as folder:
        for name, frame, schema in (
            ("scores", score_table(scored), frames.SCORES),
            *((name, left, own[name]) for name, left in beside.items() if isinstance(left, pl.DataFrame)),
            ("groups", scored.groups, frames.GROUPS),
            ("judges", scored.judges, frames.JUDGES),
            ("agreement", agreement, frames.AGREEMENT),
            ("paths", None if walk is None else _path(walk, scored.scores), frames.PATHS),
        ):
            if frame is not None:
                frames.write(frame, folder / f"{name}.parquet", schema)
        for name, left in beside.items():
            if not isinstance(left, pl.DataFrame):
                frames.write_json(folder / f"{name}.json", left)
        frames.write_manifest(folder, manifest)
    shuffles.clear()
    return manifest


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
        return bets.labels_of_file(matrix, *matrices.groups_and_documents(held_out)), read.noted
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


def read_panel(of: Judged, verify: Path) -> tuple[pl.DataFrame | None, dict[str, Any] | None]:
    """How a panel's members agree: by predicate, and over all; None where one judge judged alone."""
    files = sorted(verify.glob("panel-*.parquet"))
    if not files:
        return None, None
    names, each = matrices.panel_tensor(of.rows, of.predicates, pl.scan_parquet(files, glob=False))
    return judges.agreement_frame(of, each), {"judges": names, **judges.agreement_pooled(of, each)}


def position_bias(of: Judged, verify: Path) -> dict[str, Any]:
    """How much it matters which of two texts a judge is shown first; nothing where texts are judged alone."""
    files = sorted(verify.glob("orders-*.parquet"))
    if not files:  # texts are judged alone, or by what has no order
        return {}
    orders = pl.read_parquet(files, glob=False)
    return {"position_bias": judges.position_bias(orders, of.rows)}


def score_judged(of: Judged, walk: Walk | None = None, n_looks: int | None = None) -> Scored:
    """The tests of all frozen predicates, in frozen order.

    Args:
        of: all verdicts.
        walk: that of a sequential plan, at its start.
        n_looks: where verify ended the walk before its time.
    """
    found = decide(of, walk, n_looks)
    # Opposites are two sentences: only verdicts that agree make a group.
    phi, least = verdicts_phi(of.score), of.study.score.group_phi
    strength = _strength(found.table)
    is_conditional = kinds.load(of.study.kind).conditional
    alone = np.arange(len(of.predicates))
    leader = alone if is_conditional else paraphrase_groups(np.maximum(phi, 0), least, strength)
    # Where gold decides, what the judge's own verdicts leave at equal length is the effect of another judge.
    is_adjusted = walk is None and not of.study.gold.decides and not is_conditional
    is_found = found.table["is_discovery"].to_numpy() & is_adjusted
    # Each of two opposites explains the other away, as each of two paraphrases does.
    adjusted = groups.adjusted_effects(of, is_found, paraphrase_groups(np.abs(phi), least, strength))
    rows = found.table.with_columns(
        pl.Series("predicate_id", [p.predicate_id for p in of.predicates]),
        *_gaps(of),
        pl.Series("group_id", [of.predicates[k].predicate_id for k in leader.tolist()]),
        pl.Series("conditional_validity", _beyond_leader(of, leader.tolist()), dtype=pl.Float64),
        *(
            pl.Series(f"adjusted_{name}", list(values), dtype=pl.Float64)
            for name, values in zip(("validity", "lo", "hi"), zip(*adjusted, strict=True), strict=True)
        ),
    )
    return Scored(
        [Score(**row) for row in rows.iter_rows(named=True)],
        groups=groups.groups_frame(of, leader, found.table) if walk is None else None,
        judges=_judges(of, found),
    )


def _strength(table: pl.DataFrame) -> np.ndarray:
    """Distance of each interval from zero, which picks a group's leader; negative if it spans zero."""
    distance = np.maximum(table["lo"].to_numpy(), -table["hi"].to_numpy())
    # What a walk confirmed may span zero: it still leads what it did not.
    return np.asarray(distance + 2 * (table["decision"] == "confirmed").to_numpy())


def _gaps(of: Judged) -> list[pl.Series]:
    """How many verdicts of each predicate are missing, and how; rows of other predicates are not."""
    codes = {"n_refused": roles.REFUSAL, "n_unparsable": roles.UNPARSABLE, "n_absent": roles.ABSENT}
    counts = {name: (of.status == code).sum(axis=0) for name, code in codes.items()}
    counts["n_absent"] = counts["n_absent"] - [of.n_of_others(i) for i in range(len(of.predicates))]
    return [pl.Series(name, values.astype(np.int64)) for name, values in counts.items()]


def _beyond_leader(of: Judged, leader: Sequence[int]) -> list[float | None]:
    """The effect of each within strata of its leader's verdict; None of leaders."""
    return [
        None if k == i else conditional_difference(of.score[:, i], of.score[:, k], of.in_a)
        for i, k in enumerate(leader)
    ]


def _judges(of: Judged, found: Outcome) -> pl.DataFrame | None:
    if found.corrected is None or found.q is None or found.bearing is None:
        return None
    error, kappa = judges.error_of_judge(of)
    return judges.judges_frame(of.predicates, found.corrected, found.q, found.bearing, error, kappa)


def gold_figures(of: Judged, table: pl.DataFrame) -> dict[str, Any]:
    """What the manifest tells of the gold verdicts, over all predicates."""
    gold = of.verdict_gold
    assert gold is not None  # noqa: S101 - there is no table of judges without
    bearing = table["bearing"].to_list()
    return {
        "decides": of.study.gold.decides,
        "n_gold": int(table.select(pl.sum_horizontal("n_gold_a", "n_gold_b").sum()).item()),
        "n_refused": int(gold.n_refused.sum()),
        # Where the judge gave no verdict there is nothing to correct.
        "n_ignored": int((~np.isnan(gold.score) & np.isnan(of.verdict)).sum()),
        **{f"n_{name}": bearing.count(name) for name in discoveries.BEARINGS},
        **judges.error_pooled(of),
    }


def _walk(of: Judged, verified: dict[str, Any]) -> Walk | None:
    """The walk that verify took, at its start; None of a fixed plan.

    Raises:
        FrozenError: predicates or verdicts are those of another plan.
    """
    study = of.study
    check_plan(study, of.predicates)
    if study.verify.plan == "fixed":
        return None
    rule = study.verify.sequential.model_dump()
    if verified.get("sequential") != rule:
        raise FrozenError(
            f"verdicts were judged by the rule {verified.get('sequential')}, not {rule}. Rerun verify."
        )
    of_file = study.gold.decides and study.label_file is not None and of.gold is not None
    weight = bets.largest_weight(of.gold) if of_file and of.gold is not None else None
    return walk_over(study, of.rows, of.predicates, study.score.level, weight)


def _path(walk: Walk, scores: Sequence[Score]) -> pl.DataFrame:
    lo, hi = (np.array([getattr(s, end) for s in scores]) for end in ("lo", "hi"))
    return walk.path(lo, hi)


def _judgements(walk: Walk, verified: dict[str, Any], of: Judged) -> dict[str, Any]:
    n_judged = int((of.status != roles.ABSENT).sum())
    n_grid = of.n_pairs
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
