"""What one run of verify judges, and where its finished parts lie."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import kinds, paths
from tasks.engines import roles
from tasks.errors import MissingStageError, StoreError
from tasks.records import Call, Predicate
from tasks.store import disk, frames, labels
from tasks.store.version import code_version
from tasks.study import Study
from tasks.verdicts import bets, gold_draw
from tasks.verdicts.matrices import GoldVerdicts, gold_matrix, groups_and_documents, n_pairs
from tasks.verdicts.walk import Walk, walk_over


@dataclass(frozen=True)
class Plan:
    """What one run of the stage judges, checked against the freeze."""

    study: Study
    texts: pl.DataFrame
    predicates: list[Predicate]
    frozen_hash: str

    @property
    def kind(self) -> kinds.Kind:
        """What differs between kinds."""
        return kinds.load(self.study.kind)

    @cached_property
    def held_out(self) -> pl.DataFrame:
        """The rows to be judged; `row` is their place among all texts, which what is written has not."""
        kind = self.kind
        if not kind.written:
            return kind.units(self.study, self.texts.with_row_index("row"))
        file, schema = self.written_file, kind.tables[kind.written]
        if not file.is_file():
            made = kind.write(self.study, self.texts, self.predicates, self.actors)
            self.keep_calls("calls-written", 0, made.calls)
            frames.write_file_whole(made.rows, file, schema)
        return frames.read(self.parts, file.name, schema).with_columns(row=0)

    @property
    def n_pairs(self) -> int:
        """Pairs there are to be judged."""
        wanted = self.kind.wanted(self.study, self.held_out, self.predicates)
        return n_pairs(self.held_out, len(self.predicates)) if wanted is None else int(wanted.sum())

    @property
    def written_file(self) -> Path:
        """The rows that were written for this test; of other kinds it is never there."""
        return self.parts / f"{self.kind.written}.parquet"

    @property
    def actors(self) -> roles.Engine:
        """Who judges, and who writes."""
        return self.kind.actors(self.study.engine)

    @cached_property
    def judge(self) -> roles.Judge:
        """One for all shards: a judge may have read a file of verdicts."""
        return self.kind.judge(self.study, self.actors)

    @cached_property
    def gold_judge(self) -> roles.GoldJudge | None:
        """The better judge of a sample, where the study names one."""
        return roles.gold_judge(self.study) if self.study.gold.texts else None

    @cached_property
    def chance(self) -> Float[np.ndarray, " text"]:
        """Of each of all texts to go to the gold judge, whatever is said of it; 0 if not held out."""
        chance = np.zeros(self.texts.height)
        chance[self.held_out["row"].to_numpy()] = gold_draw.chances(self.held_out, self.study.gold.texts)
        return chance

    @cached_property
    def labels(self) -> GoldVerdicts | None:
        """People's verdicts, where a walk bets on them; whoever else needs them reads them later."""
        if self.labels_read is None:
            return None
        matrix = gold_matrix(self.held_out, self.predicates, self.labels_read)
        return bets.labels_of_file(matrix, *groups_and_documents(self.held_out))

    @cached_property
    def labels_read(self) -> pl.DataFrame | None:
        """The rows of frames.GOLD that these are."""
        if not (self.walks and self.study.gold.decides and self.study.label_file):
            return None
        return labels.read(self.study, self.held_out, self.predicates)

    @property
    def shard_size(self) -> int:
        """Texts per shard; where they come in pairs, no pair is cut."""
        size = self.study.verify.shard_size
        return max(2, size - size % 2) if self.paired else size

    @property
    def paired(self) -> bool:
        """Whether texts are compared with each other."""
        return "pair" in self.held_out.columns

    @property
    def walks(self) -> bool:
        """Whether predicates are judged only until they are decided."""
        return self.study.verify.plan == "sequential"

    @property
    def n_shards(self) -> int:
        """A walk is one: each of its looks follows from those before."""
        return 1 if self.walks else -(-self.held_out.height // self.shard_size)

    def shard(self, number: int) -> slice:
        """The rows of `held_out` that a shard judges."""
        return slice(number * self.shard_size, (number + 1) * self.shard_size)

    def walk(self) -> Walk:
        """At its start."""
        weight = None if self.labels is None else bets.largest_weight(self.labels)
        return walk_over(self.study, self.held_out, self.predicates, weight=weight)

    def file(self, name: str, part: int) -> Path:
        """Where a finished shard, or look of a walk, leaves its rows of that name."""
        return self.parts / f"{name}-{part:04d}.parquet"

    def files(self, name: str) -> list[Path]:
        """The finished files of that name."""
        return sorted(self.parts.glob(f"{name}-*.parquet"))

    @property
    def ended(self) -> Path:
        """Is there while a walk stands where its budget ended."""
        return self.parts / "ended"

    @cached_property
    def parts(self) -> Path:
        """The folder of the finished parts; another one for all that would be judged otherwise."""
        # The frozen predicates name the judge, whose name holds a hash of models, sampling and prompt.
        fingerprint = frames.hashed(
            self.frozen_hash,
            *(frames.file_hash(file) for file in judged_files(self.study)),
            self.study.verify.model_dump_json(),
            self.study.gold.model_dump_json(),
            self.gold_judge.name if self.gold_judge else "",
            *self.kind.written_from(self.study),
            str(self.study.seed),
            code_version(),
        )
        folder = paths.parts(self.study.name, "verify", fingerprint)
        _drop_damaged(folder)
        return folder

    def keep_calls(self, name: str, part: int, calls: Sequence[Call]) -> None:
        """Leaves what a part has cost; nothing where nothing was paid."""
        if calls:
            rows = frames.from_records(calls, frames.CALLS)
            frames.write_file_whole(rows, self.file(name, part), frames.CALLS)


def _drop_damaged(folder: Path) -> None:
    """Takes away the parts of which a file cannot be read: they are judged again."""
    for file in sorted(folder.glob("*.parquet")):
        try:
            frames.read_any(file)
        except MissingStageError:
            continue  # gone with another file of its part
        except StoreError as error:
            if disk.is_closed(error):
                raise
            number = file.stem.rsplit("-", 1)[-1]
            for of_part in folder.glob(f"*-{number}.parquet"):
                of_part.unlink()
            print(f"verify: {file.name} of an unfinished run is damaged: judged again.", file=sys.stderr)


def judged_files(study: Study) -> list[Path]:
    """All that a verdict follows from beside the predicate: texts, recorded verdicts, vectors, labels."""
    collected = sorted(paths.output(study.name, "collect").glob("*.parquet"))
    label = [labels.file_of(study)] if study.label_file and study.gold.decides else []
    embed = paths.output(study.name, "embed")
    files = [*collected, *sorted({embed / "embeddings.npy", *embed.glob("*.npy")})]
    return [*files, *(file for file in label if file.is_file())]
