"""The bytes of a study's pictures, each once, by their SHA-256: `1_texts/media.parquet`.

Rows are sorted by hash in small row groups, so that any of them are read without the others.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from tasks import paths
from tasks.errors import StoreError
from tasks.store import frames
from tasks.store.sources.places import media_of

__all__ = ["MEASURES", "MEDIA", "PICTURES", "facts", "measures", "media_of", "read", "write"]
MEDIA, PICTURES, MEASURES = "media.parquet", "pictures.parquet", "measures.parquet"
GROUP_MB = 4
"""So much of the bytes is read at once, or one picture where that is larger."""
_MB = 2**20


def write(folder: Path, pictures: Iterable[tuple[str, bytes]]) -> None:
    """Writes the bytes sorted by hash; one picture is held at a time, the others wait in a file beside.

    Args:
        folder: where media.parquet is to be.
        pictures: hash and bytes, in any order; each hash once.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("media", pa.string()), ("bytes", pa.large_binary())])
    spans: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryFile(dir=folder) as spool:
        for media, data in pictures:
            spans[media] = (spool.tell(), len(data))
            spool.write(data)
        with pq.ParquetWriter(
            folder / MEDIA, schema, compression="none", use_dictionary=False, write_statistics=["media"]
        ) as writer:
            for names in _groups(spans):
                held = []
                for media in names:
                    start, n_bytes = spans[media]
                    spool.seek(start)
                    held.append(spool.read(n_bytes))
                writer.write_table(pa.table([names, held], schema=schema), row_group_size=len(names))


def _groups(spans: dict[str, tuple[int, int]]) -> Iterator[list[str]]:
    """Hashes in order, as many at once as fit into a row group."""
    names: list[str] = []
    n_bytes = 0
    for media in sorted(spans):
        if names and n_bytes + spans[media][1] > GROUP_MB * _MB:
            yield names
            names, n_bytes = [], 0
        names.append(media)
        n_bytes += spans[media][1]
    if names:
        yield names


def read(study_name: str, media: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Hash and bytes of these pictures, each once, sorted by hash; a row group is held at a time.

    Raises:
        MissingStageError: collect has not run.
        StoreError: a picture is not there, or its bytes are others.
    """
    import pyarrow.parquet as pq

    wanted, folder = sorted(set(media)), paths.output(study_name, "collect")
    if not wanted:
        return
    if not (folder / MEDIA).exists():
        frames.read_any(folder / MEDIA)  # says which stage has not run
    start = 0
    with pq.ParquetFile(folder / MEDIA) as file:
        for group in range(file.metadata.num_row_groups):
            last = file.metadata.row_group(group).column(0).statistics.max
            end = start
            while end < len(wanted) and wanted[end] <= last:
                end += 1
            if end > start:
                yield from _of_group(file.read_row_group(group), wanted[start:end], folder)
            start = end
    if start < len(wanted):
        raise _other(folder, wanted[start])


def one(study_name: str, media: str) -> bytes:
    """The bytes of one picture.

    Raises:
        MissingStageError: as `read`.
        StoreError: as `read`.
    """
    ((_, data),) = read(study_name, [media])
    return data


def are_there(study_name: str) -> bool:
    """Whether the study's rows, once they are collected, are pictures."""
    return (paths.output(study_name, "collect") / MEDIA).exists()


def are_pictures(texts: pl.DataFrame) -> bool:
    """Whether rows of frames.TEXTS are pictures."""
    return "media" in texts.columns and texts.height > 0 and texts["media"].null_count() == 0


def _of_group(table: "object", wanted: list[str], folder: Path) -> Iterator[tuple[str, bytes]]:
    place = {media: row for row, media in enumerate(table["media"].to_pylist())}  # type: ignore[index]
    for media in wanted:
        data = table["bytes"][place[media]].as_py() if media in place else b""  # type: ignore[index]
        if media_of(data) != media:
            raise _other(folder, media)
        yield media, data


def _other(folder: Path, media: str) -> StoreError:
    return StoreError(
        f"{folder / MEDIA}: wanted the picture {media[:12]}..., its bytes are not there or are others. Run "
        "collect again."
    )


def facts(study_name: str) -> pl.DataFrame:
    """Rows of frames.PICTURES, by media; none where the study is of texts."""
    folder = paths.output(study_name, "collect")
    if not (folder / PICTURES).exists():
        return pl.DataFrame(schema=frames.PICTURES)
    return frames.read(folder, PICTURES, frames.PICTURES)


def measures(study_name: str) -> pl.DataFrame:
    """`media` and a column of each exact measure, by media; no rows where the study is of texts."""
    file = paths.output(study_name, "collect") / MEASURES
    return frames.read_any(file) if file.exists() else pl.DataFrame(schema={"media": pl.String})
