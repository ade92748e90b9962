"""Make each proposal testable and freeze it.

Reads:      3_proposals, 1_texts (sizes and the split's hash); of a replication what its original asked
Writes:     4_predicates/predicates.parquet: one frozen row per predicate
Guarantees: judge, threshold, direction, planned test and split are fixed before any verdict
Not here:   judging, testing, or dropping a predicate for what the confirmation half says
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from tasks import kinds, paths
from tasks.errors import CorpusError
from tasks.records import Predicate
from tasks.store import frames, holdout, originals
from tasks.store.canonical import spelling
from tasks.study import Study
from tasks.verdicts.planned import planned

MOST_MOVED = 0.02
"""How far texts that its original had may move the effect of a replication: the default minimum effect."""


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    proposals = frames.read(paths.output(study.name, "propose"), "proposals.parquet", frames.PROPOSALS)
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    predicates = formalise(study, proposals, texts)
    frame = frames.from_records(predicates, frames.PREDICATES)
    replication = _replication(study, texts)
    manifest = {
        "n_proposals": proposals.height,
        "n_predicates": len(predicates),
        "n_repeated": proposals.height - len(predicates),
        "judge": predicates[0].judge,
        "planned_test": predicates[0].planned_test,
        "split_hash": predicates[0].split_hash,
        "frozen_hash": frames.frozen_hash(frame),
        **replication,
    }
    with frames.writing(paths.output(study.name, "formalise")) as folder:
        frames.write(frame, folder / "predicates.parquet", frames.PREDICATES)
        frames.write_manifest(folder, manifest)
    return manifest


def formalise(study: Study, proposals: pl.DataFrame, texts: pl.DataFrame) -> list[Predicate]:
    """Frozen predicates, best proposal first; what is proposed twice is frozen once."""
    kind = kinds.load(study.kind)
    judge = kind.judge(study, kind.actors(study.engine))
    test = planned(study, kind.units(study, texts), kind.planned(study))
    split_hash = frames.split_hash(texts)
    return [
        Predicate(
            predicate_id=frames.hashed(row["predicate"], row["definition"]),
            predicate=row["predicate"],
            direction=row["direction"],
            family=row["family"],
            grade=row["grade"],
            definition=row["definition"],
            judge=judge.name,
            threshold=study.formalise.threshold,
            planned_test=test,
            split_hash=split_hash,
            prompt_hash=row["prompt_hash"],
            explore_effect=row["explore_effect"],
            explore_z=row["explore_z"],
            weight=row["weight"],
        )
        for row in _first_of_each(proposals.iter_rows(named=True))
    ]


def _replication(study: Study, texts: pl.DataFrame) -> dict[str, Any]:
    """How far texts of the original could move the effect of its replication, as far as they are known.

    Raises:
        CorpusError: so far that they alone could make a discovery.
    """
    if study.propose.replicates is None:
        return {}
    original = originals.read(study)
    documents = frames.read(paths.output(study.name, "collect"), "documents.parquet", frames.DOCUMENTS)
    seen = holdout.moved_by_seen(original.run_id, original.study, texts, documents)
    check_new(study, seen)
    return {"moved_by_original": seen}


def check_new(study: Study, seen: Mapping[str, float | None]) -> None:
    """Passes where a replication is of new texts; of texts seen before the answer is known.

    Args:
        study: the replication.
        seen: of `holdout.moved_by_seen`.

    Raises:
        CorpusError: so many are old that they alone could make a discovery.
    """
    moved, of_documents = seen["moved"] or 0.0, seen["of_documents"] or 0.0
    if moved <= MOST_MOVED:
        return
    told = f", {of_documents:.1%} of it by other texts of documents that were there" if of_documents else ""
    advice = ", or write the ids in collect.document otherwise if they name other documents" if told else ""
    raise CorpusError(
        f"studies.{study.name}: wanted new texts, those that were in the study that is replicated could "
        f"move the effect by {moved:.1%}{told}. More than {MOST_MOVED:.0%} could make a discovery alone. "
        f"Take them out of the data, or name other data{advice}."
    )


def _first_of_each(rows: Iterable[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        # Two definitions are two predicates, however alike their sentences.
        kept.setdefault((spelling(row["predicate"]), row["definition"]), row)
    return list(kept.values())
