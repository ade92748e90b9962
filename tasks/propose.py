"""Look at the exploration half and suggest hypotheses.

Reads:      1_texts, 2_embeddings
Writes:     3_proposals/proposals.parquet: one row per proposal, best first; calls.parquet if paid
Guarantees: the proposer is handed rows of the exploration half only; every example it names is one
Not here:   anything that looks at the confirmation half, and any claim about significance
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import CorpusError, SplitError
from tasks.records import Proposal
from tasks.store import calls, frames
from tasks.study import Study

_NOTHING = {
    "embedded": "Give it more texts or other propose.families.",
    "replay": "Check the file named by verdicts.",
    "llm": "Name another model under llm.proposer, or say more in goal, propose.about and propose.examples.",
}
"""What to do where nothing was proposed."""


@dataclass(frozen=True)
class Proposed:
    """What the proposer brought."""

    proposals: list[Proposal]
    calls: pl.DataFrame
    """Rows of frames.CALLS: the paid answers it rests on."""
    noted: Mapping[str, int]
    """What the proposer counted on the way."""


def run(study: Study) -> dict[str, Any]:
    """Runs the stage and gives its manifest."""
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    embeddings = frames.read_embeddings(paths.output(study.name, "embed"), texts.height)
    encoder = frames.read_manifest(paths.output(study.name, "embed"))["encoder"]
    found = propose(study, texts, embeddings, encoder)
    families = [proposal.family for proposal in found.proposals]
    manifest = {
        "engine": study.engine,
        "n_proposals": len(families),
        "n_by_family": {family: families.count(family) for family in sorted(set(families))},
        **found.noted,
        **(calls.totals(found.calls) if found.calls.height else {}),
    }
    with frames.writing(paths.output(study.name, "propose")) as folder:
        frames.write(
            frames.from_records(found.proposals, frames.PROPOSALS),
            folder / "proposals.parquet",
            frames.PROPOSALS,
        )
        if found.calls.height:
            frames.write(found.calls, folder / "calls.parquet", frames.CALLS)
        frames.write_manifest(folder, manifest)
    return manifest


def propose(study: Study, texts: pl.DataFrame, embeddings: np.ndarray, encoder: str = "") -> Proposed:
    """Proposals of the study's engine, from embeddings by the encoder of that name.

    Raises:
        CorpusError: the engine has nothing to suggest.
        SplitError: a proposal names an example outside the exploration half.
    """
    exploration = replace(kinds.load(study.kind).evidence(texts, embeddings), encoder=encoder)
    proposer = roles.load(study.engine).proposer(study)
    proposals = proposer.propose(exploration, np.random.default_rng([study.seed, 1]))
    noted: Mapping[str, int] = proposer.noted
    if not proposals:
        counted = f" ({', '.join(f'{name} {n}' for name, n in sorted(noted.items()))})" if noted else ""
        raise CorpusError(
            f"studies.{study.name}: the {study.engine} engine found nothing to suggest in "
            f"{exploration.texts.height} exploration texts{counted}. {_NOTHING[study.engine]}"
        )
    seen = set(exploration.texts["text_id"])
    strangers = sorted({i for p in proposals for i in p.example_ids} - seen)
    if strangers:
        raise SplitError(f"proposals name texts outside the exploration half: {', '.join(strangers[:5])}.")
    paid = calls.once([frames.from_records(proposer.calls, frames.CALLS)]).sort("request_hash")
    return Proposed(proposals, paid, noted)
