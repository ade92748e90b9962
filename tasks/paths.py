"""The only place that knows folder names. Everything is relative to the folder of params.yaml."""

import hashlib
import os
import re
from pathlib import Path

STAGES = ("collect", "embed", "propose", "formalise", "verify", "score", "record", "report")

COPY = re.compile(r"\..+\.(\d+)(?:@([\w-]+))?\.tmp(?:\.wal)?")
"""What a copy is called that is still being written, with the number and the machine of its writer."""

RUN = re.compile(r"(\d+)-(.+)")
"""What the folder of a past run is called: its number, and its id."""

ASKED = "hypotheses"
"""Folder of the users' own sentences, which DVC watches; tracked by git."""

_FOLDERS = {
    "collect": "1_texts",
    "embed": "2_embeddings",
    "propose": "3_proposals",
    "formalise": "4_predicates",
    "verify": "5_verdicts",
    "score": "6_scores",
    "record": "7_discoveries",
}


SHARED = ("fitted",)
"""Folders of tasks/kinds that are no kind: what several kinds are made of."""


def kinds() -> list[str]:
    """Names of the kinds of study that come along, without importing one."""
    found = (file.parent.name for file in Path(__file__).parent.glob("kinds/*/__init__.py"))
    return sorted(name for name in found if name not in SHARED)


def root() -> Path:
    """The project folder: where the command was started."""
    return Path.cwd()


def params_file() -> Path:
    """What the studies are."""
    return root() / "params.yaml"


def data() -> Path:
    """Stage outputs, caches and the database."""
    return root() / "data"


def reports() -> Path:
    """One folder per study."""
    return root() / "reports"


def source(named: str) -> Path:
    """Where the file or folder lies that a study's `data` names; of an address, what was fetched from it."""
    if "://" not in named:
        return root() / named
    key = hashlib.blake2b(named.encode(), digest_size=8).hexdigest()
    return cache() / "fetched" / key / named.rstrip("/").rpartition("/")[2]


def stage_folders() -> tuple[str, ...]:
    """What stages' folders within a study's are called."""
    return tuple(_FOLDERS.values())


def output(study: str, stage: str) -> Path:
    """The folder a stage writes, e.g. `data/press/5_verdicts` or `reports/press`."""
    return reports() / study if stage == "report" else data() / study / _FOLDERS[stage]


def report_page(study: str) -> Path:
    """The page a person reads."""
    return output(study, "report") / "index.html"


def site_page() -> Path:
    """The page of all studies: no study can be called so."""
    return reports() / "index.html"


def labels() -> Path:
    """Verdicts of people: written by hand, so no stage output, and kept in git."""
    return data() / "labels"


def cache() -> Path:
    """What may be deleted at the price of computing it again; DVC does not track it."""
    return data() / ".cache"


def answers() -> Path:
    """Every answer of a language model that was ever paid for, and its ledger; absolute.

    NATSTAT_ANSWERS names another place, e.g. one that a team shares or that `dvc exp run --temp` keeps. Where
    it names a server, the file is the one that was used without it.
    """
    named = "" if answers_server() else os.environ.get("NATSTAT_ANSWERS")
    return Path(named or data() / "answers.sqlite").absolute()


def answers_server() -> str | None:
    """The address of the server that keeps answers in place of a file; None where NATSTAT_ANSWERS names none.

    It may hold a password: show `tasks.store.answers.shown()`.
    """
    named = os.environ.get("NATSTAT_ANSWERS", "")
    return named if "://" in named else None


def vector_cache() -> Path:
    """Every vector ever made, by encoder and content."""
    return cache() / "vectors.sqlite"


def parts(study: str, stage: str, fingerprint: str) -> Path:
    """Finished shards of an unfinished stage run."""
    return cache() / "parts" / study / f"{stage}-{fingerprint}"


def lock(study: str, stage: str) -> Path:
    """Held while a stage runs."""
    return cache() / "locks" / f"{study}.{stage}.lock"


def timings() -> Path:
    """One JSON line per stage run: wall time and peak memory (not tracked: never the same twice)."""
    return cache() / "timings.jsonl"


def past_runs() -> Path:
    """Every run that was ever recorded, as Parquet: what the team's memory is rebuilt from."""
    return data() / ".runs"


def discoveries_db() -> Path:
    """The team's memory over all studies and runs."""
    return data() / "discoveries.duckdb"
