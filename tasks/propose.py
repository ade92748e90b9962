"""Look at the exploration half and suggest hypotheses.

Reads:      1_texts, 2_embeddings
Writes:     3_proposals/proposals.parquet: one row per proposal, best first
Guarantees: the proposer is handed rows of the exploration half only; every example it names is one
Not here:   anything that looks at the confirmation half, and any claim about significance
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import CorpusError, SplitError
from tasks.records import Proposal
from tasks.store import frames
from tasks.study import Study


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    embeddings = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    encoder = frames.read_manifest(paths.output(study.name, "embed"))["encoder"]
    proposals = propose(study, texts, embeddings, encoder)
    manifest = {
        "engine": study.engine,
        "n_proposals": len(proposals),
        "n_by_family": {
            f: sum(p.family == f for p in proposals) for f in sorted({p.family for p in proposals})
        },
    }
    with frames.writing(paths.output(study.name, "propose")) as folder:
        frames.write(
            frames.from_records(proposals, frames.PROPOSALS), folder / "proposals.parquet", frames.PROPOSALS
        )
        frames.write_manifest(folder, manifest)
    return manifest


def propose(study: Study, texts: pl.DataFrame, embeddings: np.ndarray, encoder: str = "") -> list[Proposal]:
    """Proposals of the study's engine, from embeddings by the encoder of that name.

    Raises:
        CorpusError: the engine has nothing to suggest.
        SplitError: a proposal names an example outside the exploration half.
    """
    exploration = replace(kinds.load(study.kind).evidence(texts, embeddings), encoder=encoder)
    proposer = roles.load(study.engine).proposer(study)
    proposals = proposer.propose(exploration, np.random.default_rng([study.seed, 1]))
    if not proposals:
        raise CorpusError(
            f"studies.{study.name}: the {study.engine} engine found nothing to suggest in "
            f"{exploration.texts.height} exploration texts. Give it more texts or other propose.families."
        )
    seen = set(exploration.texts["text_id"])
    strangers = sorted({i for p in proposals for i in p.example_ids} - seen)
    if strangers:
        raise SplitError(f"proposals name texts outside the exploration half: {', '.join(strangers[:5])}.")
    return proposals
