"""Look at the exploration half and suggest hypotheses.

Reads:      1_texts, 2_embeddings
Writes:     3_proposals/proposals.parquet: one row per proposal, best first; calls.parquet if paid; of
            encoder failures pairs.parquet, the pairs that were mined
Guarantees: the proposer is handed rows of the exploration half only; every example it names is one; into
            how many shards a search of pairs is cut changes nothing, and a killed one loses a shard at most
Not here:   anything that looks at the confirmation half, and any claim about significance
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from tasks import kinds, paths, progress
from tasks.engines import roles
from tasks.errors import CorpusError, SplitError
from tasks.kinds.encoder_failures import mined
from tasks.records import Proposal
from tasks.store import calls, frames
from tasks.study import Study

_NOTHING = {
    "embedded": "Give it more texts or other propose.families.",
    "replay": "Check the file named by verdicts.",
    "llm": "Name another model under llm.proposer, or say more in goal, propose.about and propose.examples.",
    "encoder_failures": "It names what at least 3 mined pairs show that differ in one listed way (English: "
    "n_not_read and n_other are pairs beyond its lists). Bring more texts, lower failures.threshold or "
    "margin, or let a language model look: engine: llm.",
}
"""What to do where nothing was proposed."""


@dataclass(frozen=True)
class Proposed:
    """What the proposer brought."""

    proposals: list[Proposal]
    calls: pl.DataFrame
    """Rows of frames.CALLS: the paid answers it rests on."""
    noted: Mapping[str, int]
    """What was counted on the way."""
    pairs: pl.DataFrame | None = None
    """Rows of frames.PAIRS: what was mined, where the proposer looks at pairs."""


@dataclass(frozen=True)
class _Inputs:
    """What the stage reads."""

    texts: pl.DataFrame
    seen: Mapping[str, np.ndarray]
    """The vectors of every view of the study's kind."""
    encoder: str
    pairs: mined.Pairs | None
    """The search of pairs, where the proposer looks at pairs."""


def run(study: Study) -> dict[str, Any]:
    """Runs the stage, shard by shard, and gives its manifest."""
    pairs = _inputs(study).pairs
    if pairs:
        with progress.bar(f"propose {study.name}", pairs.n_tiles) as advance:
            for shard in range(pairs.n_shards):
                pairs.search(shard, advance)
    return finish(study)


def shards(study: Study) -> int:
    """How many shards `run_shard` must be called for; none where no pairs are searched."""
    pairs = _inputs(study).pairs
    return pairs.n_shards if pairs else 0


def run_shard(study: Study, shard: int) -> None:
    """Searches the pairs of one shard unless it is there already."""
    pairs = _inputs(study).pairs
    if pairs:
        pairs.search(shard)


def finish(study: Study) -> dict[str, Any]:
    """Lets the proposer look at what the shards found, and writes the stage's output."""
    try:
        return _finish(study, _inputs(study))
    finally:
        _read.cache_clear()  # vectors may take much memory


def _inputs(study: Study) -> _Inputs:
    """The inputs, read once for all shards that this process runs while they stay as they are."""
    embedded = paths.output(study.name, "embed")
    files = [paths.output(study.name, "collect") / "texts.parquet", *sorted(embedded.glob("*.npy"))]
    return _read(study, tuple((file, file.stat().st_mtime_ns) for file in files if file.is_file()))


@lru_cache(maxsize=1)
def _read(study: Study, stamps: tuple[tuple[Path, int], ...]) -> _Inputs:
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    folder = paths.output(study.name, "embed")
    kind = kinds.load(study.kind)
    seen = {view: frames.read_embeddings(folder, texts.height, view) for view in kind.views(study)}
    pairs = mined.Pairs(study, texts, seen) if kind.writes_pairs else None
    return _Inputs(texts, seen, frames.read_manifest(folder)["encoder"], pairs)


def _finish(study: Study, inputs: _Inputs) -> dict[str, Any]:
    found = propose(study, inputs.texts, inputs.seen, inputs.encoder, inputs.pairs)
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
        if found.pairs is not None:
            frames.write(found.pairs, folder / "pairs.parquet", frames.PAIRS)
        frames.write_manifest(folder, manifest)
    if inputs.pairs:
        for left in inputs.pairs.parts.parent.glob("propose-*"):
            shutil.rmtree(left, ignore_errors=True)
    return manifest


def propose(
    study: Study,
    texts: pl.DataFrame,
    seen: Mapping[str, np.ndarray],
    encoder: str = "",
    pairs: mined.Pairs | None = None,
) -> Proposed:
    """Proposals of the study's engine, from views of the texts by the encoder of that name.

    Pairs whose shards were searched are taken from there; others are searched here and now.

    Raises:
        CorpusError: the engine has nothing to suggest, or there are no pairs to be mined.
        SplitError: a proposal names an example outside the exploration half.
    """
    evidence = pairs.evidence() if pairs else kinds.load(study.kind).evidence(study, texts, seen)
    proposer = roles.load(study.engine).proposer(study)
    rng = np.random.default_rng([study.seed, 1])
    if isinstance(evidence, roles.PairEvidence):
        proposals = cast(roles.FailureProposer, proposer).propose(evidence, rng)
        noted, shown = {**evidence.noted, **proposer.noted}, evidence.pairs
    else:
        proposals = cast(roles.Proposer, proposer).propose(replace(evidence, encoder=encoder), rng)
        noted, shown = dict(proposer.noted), None
    explored = texts.filter(pl.col("half") == "explore")
    if not proposals:
        raise CorpusError(_nothing(study, explored.height, noted))
    strangers = sorted({i for p in proposals for i in p.example_ids} - set(explored["text_id"]))
    if strangers:
        raise SplitError(f"proposals name texts outside the exploration half: {', '.join(strangers[:5])}.")
    paid = calls.once([frames.from_records(proposer.calls, frames.CALLS)]).sort("request_hash")
    return Proposed(proposals, paid, noted, shown)


def _nothing(study: Study, n_texts: int, noted: Mapping[str, int]) -> str:
    counted = f" ({', '.join(f'{name} {n}' for name, n in sorted(noted.items()) if n)})" if noted else ""
    advice = _NOTHING[study.kind if study.kind in _NOTHING and study.engine == "embedded" else study.engine]
    return (
        f"studies.{study.name}: the {study.engine} engine found nothing to suggest in "
        f"{n_texts} exploration texts{counted}. {advice}"
    )
