"""Look at the exploration half and suggest hypotheses.

Reads:      1_texts, 2_embeddings; a file of the user's sentences or of a past discovery, where one is named
Writes:     3_proposals/proposals.parquet: one row per proposal, best first; calls.parquet if paid; tables
            of the study's kind
Guarantees: the proposer is handed rows of the exploration half only; every example it names is one; into
            how many shards a search is cut changes nothing, and a killed one loses a shard at most; a
            language model that is no better than chance at questions with known answers is not let judge;
            what the user asks goes first, and none of it is dropped; a replication proposes nothing else
Not here:   anything that looks at the confirmation half, and any claim about significance
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks import kinds, paths, progress
from tasks.engines import roles
from tasks.engines.roles import Meaning
from tasks.errors import CorpusError, ParamsError, SplitError
from tasks.kinds import Proposed, Search, Seen
from tasks.kinds.parts import of_pictures
from tasks.records import Proposal
from tasks.store import calls, canonical, frames, media, originals
from tasks.study import Study
from tasks.study.asked import PATTERN, Asked


@dataclass(frozen=True)
class _Inputs:
    """What the stage reads, once for all shards."""

    seen: Seen

    @cached_property
    def search(self) -> Search | None:
        """What is to be searched before the proposer looks."""
        return kinds.load(self.seen.study.kind).search(self.seen)


def run(study: Study) -> dict[str, Any]:
    """Runs the stage, shard by shard, and gives its manifest."""
    search = _inputs(study).search
    if search:
        with progress.bar(f"propose {study.name}", search.n_steps) as advance:
            for shard in range(search.n_shards):
                search.run(shard, advance)
    return finish(study)


def shards(study: Study) -> int:
    """How many shards `run_shard` must be called for; none where nothing is searched."""
    search = _inputs(study).search
    return search.n_shards if search else 0


def run_shard(study: Study, shard: int) -> bool:
    """Searches one shard unless what it found is there already, and says whether it was to be searched."""
    search = _inputs(study).search
    return search.run(shard) if search else False


def finish(study: Study) -> dict[str, Any]:
    """Lets the proposer look, and writes the stage's output."""
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
    views = kinds.load(study.kind).views(study)
    vectors = {view: frames.read_embeddings(folder, texts.height, view) for view in views}
    return _Inputs(explored(study, texts, vectors, frames.read_manifest(folder)["encoder"]))


def explored(study: Study, texts: pl.DataFrame, vectors: Mapping[str, np.ndarray], encoder: str = "") -> Seen:
    """The exploration half, with its vectors; of the other half only its size.

    Args:
        study: whose texts they are.
        texts: all of them.
        vectors: of each view, rows as the texts.
        encoder: its name, where it is known.
    """
    explores = (texts["half"] == "explore").to_numpy()
    n_confirm = texts.filter(pl.col("half") == "confirm")["document_id"].n_unique()
    seen = {view: rows[explores] for view, rows in vectors.items()}
    return Seen(study, texts.filter(pl.col("half") == "explore"), seen, n_confirm, encoder)


def _finish(study: Study, inputs: _Inputs) -> dict[str, Any]:
    # First: whoever proposes may rank by the judge's verdicts, and all that follows rests on them.
    checked = _checked(inputs.seen)
    found = propose(inputs.seen, inputs.search)
    families = [proposal.family for proposal in found.proposals]
    asked = (*(checked.calls if checked else ()), *found.calls)
    paid = calls.once([frames.from_records(asked, frames.CALLS)]).sort("request_hash")
    manifest = {
        "engine": study.engine,
        "n_proposals": len(families),
        "n_by_family": {family: families.count(family) for family in sorted(set(families))},
        **found.noted,
        **_asked(inputs.seen.study, found),
        **({"judge": checked.told} if checked else {}),
        **(calls.totals(paid) if paid.height else {}),
    }
    proposals = frames.from_records(found.proposals, frames.PROPOSALS)
    own = kinds.load(study.kind).tables
    with frames.writing(paths.output(study.name, "propose")) as folder:
        frames.write(proposals, folder / "proposals.parquet", frames.PROPOSALS)
        if paid.height:
            frames.write(paid, folder / "calls.parquet", frames.CALLS)
        for name, frame in found.tables.items():
            frames.write(frame, folder / f"{name}.parquet", own[name])
        frames.write_manifest(folder, manifest)
    if inputs.search:
        inputs.search.clear()
    return manifest


def _asked(study: Study, found: Proposed) -> dict[str, Any]:
    """The user's own words beside what is judged in their place; what they ask goes first."""
    asked = zip(study.own_sentences, found.proposals, strict=False)
    told = [{"said": one.said, "predicate": proposal.predicate} for one, proposal in asked]
    if study.propose.replicates:
        return {"replicates": originals.read(study).told}
    return {"asked": told} if told else {}


def _checked(seen: Seen) -> roles.Checked | None:
    """What the judge is worth; None of one that is no language model, or has only to be exact."""
    if not kinds.load(seen.study.kind).judge_errs:
        return None
    return roles.checked_judge(seen.study, seen.texts)


def propose(seen: Seen, search: Search | None = None) -> Proposed:
    """What the study's engine proposes, given what was searched.

    Raises:
        CorpusError: the engine has nothing to suggest, or to look at.
        SplitError: a proposal names an example outside the exploration half.
    """
    study, kind = seen.study, kinds.load(seen.study.kind)
    actors = kind.actors(study.engine)
    own = _own(seen, actors)
    if kind.fits:
        # What the user asks is part of the model, as it was measured there.
        found = kind.propose(replace(seen, asked=tuple(own.proposals)), actors, _rng(study), search)
        found = replace(found, noted={**found.noted, **own.noted}, calls=(*own.calls, *found.calls))
    elif study.propose.replicates:
        found = Proposed([replicated(study)], {"n_replicated": 1}, ())
    elif study.propose.only:
        found = own
    else:
        found = kind.propose(seen, actors, _rng(study), search)
        # Recorded predicates are tested all, however many.
        found = _with_own(own, found, max(study.propose.most, len(found.proposals)))
    if not found.proposals:
        raise CorpusError(_nothing(seen, found.noted, actors.NOTHING))
    strangers = sorted({i for p in found.proposals for i in p.example_ids} - set(seen.texts["text_id"]))
    if strangers:
        raise SplitError(f"proposals name texts outside the exploration half: {', '.join(strangers[:5])}.")
    return found


def replicated(study: Study) -> Proposal:
    """The discovery that is tested again, as it was frozen: nothing is chosen, fitted or looked at.

    Its effect on an exploration half is that of the study which proposed it.

    Raises:
        SourceError: it is not registered.
        ParamsError: the study would measure something else.
    """
    original = originals.read(study)
    return Proposal(
        predicate=original.predicate,
        direction=original.direction,
        family=roles.OWN,
        grade=original.grade,
        definition=original.definition,
        explore_effect=original.explore_effect,
        explore_z=original.explore_z,
        prompt_hash=original.prompt_hash,
    )


def _rng(study: Study) -> np.random.Generator:
    return np.random.default_rng([study.seed, 1])


def meanings(study: Study, texts: pl.DataFrame, recorded: pl.DataFrame | None) -> list[tuple[Asked, Meaning]]:
    """Each sentence of the user's, with what the study's engine makes of it.

    Args:
        study: whose they are.
        texts: rows of the exploration half.
        recorded: rows of frames.RECORDED, where verdicts were brought along.

    Raises:
        ParamsError: the engine cannot judge one of them.
        SourceError: their file cannot be read.
    """
    if not study.own_sentences:
        return []
    return _meanings(study, kinds.load(study.kind).actors(study.engine).reader(study, texts, recorded))


def _meanings(study: Study, reader: roles.Reader) -> list[tuple[Asked, Meaning]]:
    found, unread = [], []
    for said in study.own_sentences:
        one = _in_one_form(said)
        try:
            found.append((one, reader.meaning(one)))
        except roles.UnreadError as error:
            unread.append(f"`{one.said}`: {error}")
    if unread:
        raise ParamsError(
            f"studies.{study.name}.propose.also: wanted sentences that `engine: {study.engine}` can judge, "
            f"got {'; '.join(unread)}. {reader.forms}."
        )
    _check_meanings_differ(study, found)
    return found


def _in_one_form(asked: Asked) -> Asked:
    """As texts are, so that what is typed in another way is found, too."""
    form = canonical.pattern if PATTERN.fullmatch(asked.sentence) else canonical.canonical
    return replace(asked, sentence=form(asked.sentence))


def _check_meanings_differ(study: Study, found: Sequence[tuple[Asked, Meaning]]) -> None:
    said: dict[str, str] = {}
    for one, meaning in found:
        if meaning.predicate in said:
            raise ParamsError(
                f"studies.{study.name}.propose.also: wanted each sentence once, got "
                f"`{said[meaning.predicate]}` and `{one.said}`, both judged as "
                f"`{meaning.predicate}`. Leave one out."
            )
        said[meaning.predicate] = one.said


def _own(seen: Seen, actors: roles.Engine) -> Proposed:
    """What the user asks, as proposals."""
    study = seen.study
    if not study.own_sentences:
        return Proposed([], {}, ())
    folder = paths.output(study.name, "collect")
    is_replayed = (folder / "recorded.parquet").is_file()
    recorded = frames.read(folder, "recorded.parquet", frames.RECORDED) if is_replayed else None
    reader = actors.reader(study, seen.texts, recorded)
    asked = [one for one, _ in _meanings(study, reader)]
    shown = roles.Exploration(seen.texts, seen.vectors["embeddings"], seen.confirm_documents, seen.encoder)
    proposals = reader.read(asked, shown, np.random.default_rng([study.seed, 3]))
    return Proposed(proposals, {"n_asked": len(proposals)}, tuple(reader.calls))


def _with_own(own: Proposed, found: Proposed, most: int) -> Proposed:
    """What the user asks, and then what is proposed and does not repeat it, at most so many in all."""
    definitions = {one.definition for one in own.proposals}
    sentences = {one.predicate.casefold() for one in own.proposals}
    fresh = [
        one
        for one in found.proposals
        if one.definition not in definitions and one.predicate.casefold() not in sentences
    ]
    noted = {**found.noted, **own.noted}
    if own.proposals:
        noted["n_asked_and_proposed"] = len(found.proposals) - len(fresh)
    return Proposed([*own.proposals, *fresh][:most], noted, (*own.calls, *found.calls), found.tables)


def _nothing(seen: Seen, noted: Mapping[str, float | Mapping[str, int]], advice: str) -> str:
    words = (f"{name} {_counted(count)}" for name, count in sorted(noted.items()) if count)
    counted = f" ({', '.join(words)})" if noted else ""
    is_seen = media.are_pictures(seen.texts)
    rows = kinds.load(seen.study.kind).speaks(of_pictures=is_seen).corpus
    return (
        f"studies.{seen.study.name}: the {seen.study.engine} engine found nothing to suggest in "
        f"{seen.texts.height} exploration {rows}{counted}. {of_pictures(advice) if is_seen else advice}"
    )


def _counted(count: float | Mapping[str, int]) -> str:
    return ", ".join(f"{why} {n}" for why, n in count.items()) if isinstance(count, Mapping) else f"{count}"
