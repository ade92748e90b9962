"""A past discovery that another study tests again: what was frozen of it, in a file that git tracks.

`hypotheses/RUN_ID-PREDICATE_ID.json` is the registration: whoever has it can run the study, without the
team's memory. It carries a hash of all of it, so that nothing is changed in it by mistake.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tasks import paths
from tasks.errors import ParamsError, SourceError, StoreError
from tasks.records import Grade, Group
from tasks.store import disk, frames
from tasks.study import Study


@dataclass(frozen=True)
class Original:
    """A discovery as it was frozen and found."""

    run_id: str
    study: str
    kind: str
    engine: str
    encoder: str
    """Its encoder and precision, which what it means may rest on."""
    form: str
    """As verify.form."""
    predicate_id: str
    predicate: str
    direction: Group
    grade: Grade
    definition: str
    judge: str
    threshold: float | None
    prompt_hash: str
    explore_effect: float
    explore_z: float
    estimand: str
    validity: float
    lo: float
    hi: float
    q: float
    code_version: str

    @property
    def id(self) -> str:
        """What `propose.replicates` names it by."""
        return f"{self.run_id}/{self.predicate_id}"

    @property
    def told(self) -> dict[str, Any]:
        """What a manifest says of it."""
        names = ("study", "direction", "validity", "lo", "hi", "judge")
        return {"id": self.id, **{name: getattr(self, name) for name in names}}


def encoder(embed: Mapping[str, Any]) -> str:
    """An encoder as it is compared: its name and precision, of a study's block `embed`."""
    return f"{embed['encoder']} ({embed['precision']})"


def file_of(replicates: str) -> Path:
    """Where it is registered."""
    return paths.root() / paths.ASKED / f"{replicates.replace('/', '-')}.json"


def write(original: Original) -> Path:
    """Registers it, and says where.

    Raises:
        StoreError: the file cannot be written.
    """
    file = file_of(original.id)
    with disk.reported(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        frames.write_json(file, {**asdict(original), "hash": _hash(original)})
    return file


def _hash(original: Original) -> str:
    """Over all that is registered: a direction that was turned round would call anything a success."""
    return frames.hashed(json.dumps(asdict(original), sort_keys=True))


def read(study: Study) -> Original:
    """The discovery that a study tests again.

    Raises:
        SourceError: it is not registered, or its file says something else than its ids.
        ParamsError: the study would measure something else.
    """
    wanted = str(study.propose.replicates)
    file = file_of(wanted)
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        original = Original(**{one.name: held[one.name] for one in fields(Original)})
        is_it = frames.hashed(original.predicate, original.definition) == original.predicate_id
        is_it = is_it and held["hash"] == _hash(original)
    except FileNotFoundError:
        raise SourceError(
            f"{file}: wanted the discovery that studies.{study.name} tests again, not there. Run `natstat "
            f"replicate {wanted} --study {study.name}`, or bring the file back."
        ) from None
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {disk.told(error)}. {disk.advice(error)}") from None
    except (ValueError, KeyError, TypeError):
        is_it = False
    if not is_it or original.id != wanted:
        raise SourceError(
            f"{file}: wanted the discovery {wanted} as it was frozen, what stands there is another. "
            "Bring the file back from git, or delete it and run `natstat replicate` again."
        )
    check_fits(study, original)
    return original


def check_fits(study: Study, original: Original) -> None:
    """Refuses a study in which the same sentence would be another measurement.

    Raises:
        ParamsError: it says what to write.
    """
    embed = encoder(study.embed.model_dump())
    wanted: list[tuple[str, Any, Any]] = [
        ("kind", original.kind, study.kind),
        ("engine", original.engine, study.engine),
        ("formalise.threshold", original.threshold, study.formalise.threshold),
        ("verify.form", original.form, study.verify.form),
    ]
    if study.engine == "embedded":
        wanted.append(("embed", original.encoder, embed))
    for key, was, now in wanted:
        if was != now:
            raise ParamsError(
                f"studies.{study.name}.{key}: wanted {'null' if was is None else was}, as where "
                f"{original.study} found `{original.predicate}`, got {now}: it would be another measurement. "
                "Set it so."
            )
