"""Parquet schemas of every table, and the only way stages write and read them.

A stage writes into a temporary folder that takes the real name at the end, so a folder that is
there is whole. Parquet bytes depend on the rows alone.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths, records
from tasks.errors import MissingStageError, StoreError
from tasks.store import disk

_TYPES: dict[Any, pl.DataType] = {
    str: pl.String(),
    int: pl.Int64(),
    float: pl.Float64(),
    bool: pl.Boolean(),
    tuple[str, ...]: pl.List(pl.String),
}


def schema_of(record: type) -> pl.Schema:
    """The table of a frozen record: its fields in their order."""
    return pl.Schema({name: _dtype(hint) for name, hint in get_type_hints(record).items()})


def _dtype(hint: Any) -> pl.DataType:
    """Of a field; one that may be None is NULL there."""
    if get_origin(hint) in {Union, UnionType}:
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    return pl.String() if get_origin(hint) is Literal else _TYPES[hint]


TEXTS = schema_of(records.Text)
DOCUMENTS = pl.Schema({"text_id": pl.String, "source_document_id": pl.String, "family_id": pl.String})
"""Of each text (`1_texts/documents.parquet`): the document that the source names, NULL where it names none,
and its family of near-duplicates, by the text_hash of one of them. What counts is `document_id` of TEXTS."""
PICTURES = pl.Schema(
    {
        "media": pl.String,
        "path": pl.String,
        "format": pl.String,
        "n_bytes": pl.Int64,
        "width": pl.Int64,
        "height": pl.Int64,
        "n_frames": pl.Int64,
        "dhash": pl.String,
    }
)
"""Of each picture (`1_texts/pictures.parquet`, by media): where it was read, as the user knows it (the first
place by name); how it is stored; its size in pixels as it is seen (EXIF rotation applied); and its 64-bit
difference hash in hex."""
PROPOSALS = schema_of(records.Proposal)
RECORDED = pl.Schema(
    {
        "predicate": pl.String,
        "text_hash": pl.String,
        "score": pl.Float64,
        "status": pl.String,
    }
)
"""Verdicts brought along for `engine: replay` (`1_texts/recorded.parquet`)."""
PREDICATES = schema_of(records.Predicate)
VERDICTS = schema_of(records.Verdict)
ORDERS = pl.Schema(
    {
        "predicate_id": pl.String,
        "text_id": pl.String,
        "judge": pl.String,
        "first": pl.Float64,
        "second": pl.Float64,
    }
)
"""Two-text form only (`5_verdicts/orders-*.parquet`): what each judge gave a text when it was shown first,
and when it was shown second."""
GOLD = pl.Schema(
    {
        "predicate_id": pl.String,
        "text_id": pl.String,
        "score": pl.Float64,
        "status": pl.String,
        "chance": pl.Float64,
    }
)
"""Verdicts of the gold judge (`5_verdicts/gold.parquet`, or a file of labels), and the chance that each of
these pairs had to be asked about."""
PANEL = pl.Schema(
    {
        "predicate_id": pl.String,
        "text_id": pl.String,
        "judge": pl.String,
        "score": pl.Float64,
    }
)
"""Of a panel only (`5_verdicts/panel-*.parquet`): what each judge said."""
CALLS = schema_of(records.Call)
"""The answers of language models that a stage's output rests on (`calls*.parquet`), paid now or earlier."""
SCORES = schema_of(records.Score)
PATHS = pl.Schema(
    {
        "predicate_id": pl.String,
        "look": pl.Int64,
        "n_judged": pl.Int64,
        "estimate": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "q": pl.Float64,
        "decision": pl.String,
    }
)
"""Sequential plan only (`6_scores/paths.parquet`): what was known of each predicate after each batch."""
JUDGES = pl.Schema(
    {
        "predicate_id": pl.String,
        "n_gold_a": pl.Int64,
        "n_gold_b": pl.Int64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "p": pl.Float64,
        "q": pl.Float64,
        "lo_gold": pl.Float64,
        "hi_gold": pl.Float64,
        "weight": pl.Float64,
        "variance_ratio": pl.Float64,
        "method": pl.String,
        "bearing": pl.String,
        "sensitivity": pl.Float64,
        "sensitivity_lo": pl.Float64,
        "sensitivity_hi": pl.Float64,
        "specificity": pl.Float64,
        "specificity_lo": pl.Float64,
        "specificity_hi": pl.Float64,
        "sensitivity_difference": pl.Float64,
        "sensitivity_difference_lo": pl.Float64,
        "sensitivity_difference_hi": pl.Float64,
        "specificity_difference": pl.Float64,
        "specificity_difference_lo": pl.Float64,
        "specificity_difference_hi": pl.Float64,
        "bias": pl.Float64,
        "bias_lo": pl.Float64,
        "bias_hi": pl.Float64,
        "kappa": pl.Float64,
        "kappa_lo": pl.Float64,
        "kappa_hi": pl.Float64,
    }
)
"""With gold verdicts only (`6_scores/judges.parquet`): the corrected effect of each predicate, and how the
judge errs. validity, lo, hi, p, q are those of the gold judge's difference; lo_gold and hi_gold are of
the gold verdicts alone; differences are A less B; bias is the judge's validity less the gold one."""
AGREEMENT = pl.Schema(
    {
        "predicate_id": pl.String,
        "measure": pl.String,
        "estimate": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "n": pl.Int64,
    }
)
"""Of a panel only (`6_scores/agreement.parquet`): Cohen's kappa of two judges, Krippendorff's alpha."""
GROUPS = pl.Schema(
    {
        "group_id": pl.String,
        "n_predicates": pl.Int64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "p": pl.Float64,
        "q": pl.Float64,
    }
)
"""Fixed plan only (`6_scores/groups.parquet`): each group of paraphrases tested as one, by the mean of its
verdicts; q over all groups."""
ESTIMATES = pl.Schema(
    {
        "n_a": pl.Int64,
        "n_b": pl.Int64,
        "n_documents": pl.Int64,
        "mean_a": pl.Float64,
        "mean_b": pl.Float64,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "p": pl.Float64,
        "missing_lo": pl.Float64,
        "missing_hi": pl.Float64,
        "method": pl.String,
    }
)
"""One predicate's test, before multiplicity; a row each, in frozen order (never a file)."""
BASELINES = pl.Schema(
    {
        "baseline": pl.String,
        "validity": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "p": pl.Float64,
    }
)
"""Surface features on the same confirmation texts (`6_scores/baselines.parquet`)."""
CHANGES = pl.Schema(
    {
        "predicate_id": pl.String,
        "at": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "said": pl.String,
        "said_lo": pl.String,
        "said_hi": pl.String,
        "before": pl.Float64,
        "after": pl.Float64,
        "p": pl.Float64,
    }
)
"""Of kinds with a time only (`6_scores/changes.parquet`): where the share of texts for which a predicate
holds jumps, with the interval of the place, as numbers and as they are written, and the share before
and after."""
TOGETHER = "all sentences together"
"""The row among BASELINES that is none: all predicates of a model, to compare them with."""
DISCOVERIES = schema_of(records.Discovery)
EVIDENCE = schema_of(records.Exhibit)
RUNS = pl.Schema(
    {
        "run_id": pl.String,
        "study": pl.String,
        "kind": pl.String,
        "engine": pl.String,
        "model": pl.String,
        "goal": pl.String,
        "params": pl.String,
        "split_hash": pl.String,
        "n_texts": pl.Int64,
        "n_predicates": pl.Int64,
        "n_discoveries": pl.Int64,
        "n_judgements": pl.Int64,
        "cost_usd": pl.Float64,
        "code_version": pl.String,
    }
)


def hashed(*parts: str) -> str:
    """16 hex digits of BLAKE2b over the parts, which cannot run into each other."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()


def conform(frame: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The frame's columns in the schema's order and types."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def from_records(records: Sequence[Any], schema: pl.Schema) -> pl.DataFrame:
    """Dataclass records as a frame of exactly this schema."""
    return pl.DataFrame({name: [getattr(r, name) for r in records] for name in schema}, schema=schema)


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Gives a temporary folder that becomes `folder` when the block ends well, and is removed when not.

    Who reads `folder` meanwhile finds what was there before, or what is there from now on.

    Raises:
        StoreError: the place cannot be written (permission, full disk).
    """
    temporary = disk.copy_beside(folder)
    try:
        with disk.reported(folder):
            disk.remove(temporary)
            temporary.mkdir(parents=True)
            yield temporary
            disk.put_in_place(temporary, folder)
    finally:
        disk.remove(temporary)


def write(frame: pl.DataFrame, file: Path, schema: pl.Schema) -> None:
    """Writes rows as Parquet, bytes decided by the rows alone."""
    rows = conform(frame, schema)
    with disk.writing_parquet():
        rows.write_parquet(file, compression="zstd", statistics=True)


def read(folder: Path, name: str, schema: pl.Schema) -> pl.DataFrame:
    """Rows of `folder/name`.

    Raises:
        MissingStageError: the stage that writes it has not run.
        StoreError: the file is damaged or of another version.
    """
    file = folder / name
    frame = read_any(file)
    if frame.schema != schema:
        raise StoreError(f"{file}: written by another version of natstat. Rerun its stage.")
    return frame


def read_any(file: Path) -> pl.DataFrame:
    """Rows of a file, whatever its columns are.

    Raises:
        MissingStageError: the stage that writes it has not run.
        StoreError: the file is damaged, or may not be read.
    """
    with disk.reading(file):
        return pl.read_parquet(file, glob=False)


def write_file_whole(frame: pl.DataFrame, file: Path, schema: pl.Schema) -> None:
    """Writes rows to a file that either is there whole or is not there.

    Raises:
        StoreError: the place cannot be written.
    """
    temporary = disk.copy_beside(file)
    try:
        with disk.reported(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            write(frame, temporary, schema)
            temporary.replace(file)
    finally:
        disk.remove(temporary)


def read_embeddings(folder: Path, n_texts: int, view: str = "embeddings") -> Float[np.ndarray, "text dim"]:
    """The vectors of a view in `2_embeddings`, memory-mapped, one row per text.

    Raises:
        MissingStageError: embed has not run.
        StoreError: they belong to other texts.
    """
    file = folder / f"{view}.npy"
    with disk.reading(file):
        vectors: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    if vectors.ndim != 2 or vectors.shape[0] != n_texts:
        raise StoreError(f"{file}: has shape {vectors.shape}, wanted {n_texts} rows. Rerun embed.")
    return vectors


def scan_verdicts(folder: Path) -> pl.LazyFrame:
    """All verdict rows of `5_verdicts`, lazily: they may not fit in memory at once.

    Raises:
        MissingStageError: verify has not run.
        StoreError: a file is cut off, or may not be read.
    """
    files = sorted(folder.glob("part-*.parquet"))
    if not files:
        raise MissingStageError(
            f"{folder}: wanted from an earlier stage, not there. Run `dvc repro` or the stages before."
        )
    for file in files:
        with disk.reading(file):
            pl.read_parquet_schema(file)
    return pl.scan_parquet(files, glob=False)


def file_hash(file: Path) -> str:
    """16 hex digits of BLAKE2b over a file's bytes, read in blocks."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def split_hash(texts: pl.DataFrame) -> str:
    """What formalise freezes: which text lies in which half."""
    ordered = texts.sort("text_id")
    return hashed("\n".join(ordered["text_id"]), "\n".join(ordered["half"]))


def frozen_hash(predicates: pl.DataFrame) -> str:
    """Hash over every cell of the frozen predicates."""
    return hashed(predicates.select(PREDICATES.names()).write_ndjson())


def gold_hash(rows: pl.DataFrame) -> str:
    """Hash over every cell of the gold verdicts that a walk bet on."""
    return hashed(rows.select(GOLD.names()).sort("predicate_id", "text_id").write_ndjson())


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Writes what a stage counted, as sorted JSON."""
    write_json(folder / "manifest.json", manifest)


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Writes it with sorted keys: equal content has equal bytes."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def group_names(study: str) -> dict[str, str]:
    """What groups A and B of a study are called, as collect found.

    Raises:
        MissingStageError: collect has not run.
    """
    names: dict[str, str] = read_manifest(paths.output(study, "collect"))["names"]
    return names


def read_manifest(folder: Path, name: str = "manifest") -> dict[str, Any]:
    """What a stage counted, of `name`.json.

    Raises:
        MissingStageError: the stage has not run.
        StoreError: the file is damaged, or may not be read.
    """
    file = folder / f"{name}.json"
    with disk.reading(file):
        loaded: Any = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(loaded, dict):
            raise ValueError("no object")
    return loaded
