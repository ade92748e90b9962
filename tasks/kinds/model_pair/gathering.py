"""Prompts, answers and preferences as rows: two a pair, one in each group."""

from collections.abc import Mapping, Sequence

import polars as pl

from tasks.errors import CorpusError
from tasks.kinds import Gathered
from tasks.kinds.model_pair import pairing, reading, tables
from tasks.kinds.model_pair.params import Answers
from tasks.store.sources import hashes
from tasks.study import Study

MOST_MISSING = 0.05
"""Share of a model's answers that are missing from which on it is a warning."""


def gathered(study: Study, asked: Answers) -> Gathered:
    """All pairs of answers that the sources hold.

    Raises:
        SourceError: a source, column or value cannot be used.
        CorpusError: no prompt has the answers of two models.
    """
    given = reading.given(study, asked)
    pairs, left_out = pairing.paired(given)
    missing = _missing(pairs)
    first, *others = given.models
    # A name is part of a line, whatever stands in it.
    names = {side: " ".join(name.split()) for side, name in (("A", first), ("B", " or ".join(others)))}
    is_whole = (pl.col("answer_a") != "") & (pl.col("answer_b") != "")
    if not pairs.filter(is_whole).height:
        gave = ", ".join(f"{model} answered {of - n:,} of {of:,}" for model, (n, of) in missing.items())
        raise CorpusError(
            f"studies.{study.name}.{study.kind}: wanted prompts that two models answered, got none"
            f"{f' ({gave})' if gave else ''}. Check which columns and models are named."
        )
    if given.places is not None:
        # There is nothing to be seen, measured or shown in place of a picture.
        left_out["with a picture of one model alone"] = pairs.filter(~is_whole).height
        pairs = pairs.filter(is_whole)
    shared = {"context": pairs["prompt"], "document_id": pairs["document_id"], "identity": pairs["identity"]}
    sides = [
        pl.DataFrame({"text": pairs[f"answer_{side}"], **shared}).with_columns(group=pl.lit(side.upper()))
        for side in "ab"
    ]
    rows = pl.concat(sides)
    rows = rows if given.places is None else _placed(rows, given.places)
    known = (
        pairs.with_columns(pair=hashes(pairs["identity"]))
        .group_by("pair")
        .agg(pl.col("model_a", "model_b", "category").min(), pl.col("preference").mean())
    )
    left_out = {why: n for why, n in (given.counts | left_out).items() if n}
    warnings = [
        *given.read.get("warnings", []),
        *given.warnings,
        *_of_several(given.models),
        *_of_missing(missing, are_pictures=given.places is not None),
        *_of_left_out(left_out),
    ]
    read = given.read | {"left_out": left_out, "missing": {model: n for model, (n, _) in missing.items()}}
    read |= {"preferred": said} if (said := _preferred(known["preference"])) else {}
    read |= {"warnings": warnings} if warnings else {}
    own = {"pairs": known.select(tables.PAIRS.names()).sort("pair")}
    return Gathered(rows, names, read, own, given.calls)


def _placed(rows: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """Rows whose answer is the hash of a picture, as collect takes pictures."""
    found = rows.join(places, left_on="text", right_on="media", how="left", maintain_order="left")
    return found.with_columns(text=pl.lit(""))


def _preferred(preference: pl.Series) -> dict[str, int]:
    """How many pairs prefer which side; nothing where none says so."""
    said = preference.drop_nulls()
    if not len(said):
        return {}
    counts = {"A": said > 0, "B": said < 0, "ties": said == 0}
    return {side: int(held.sum()) for side, held in counts.items()} | {"not said": preference.null_count()}


def _missing(pairs: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Of each model how many prompts have no answer of it, and of how many."""
    sides = [
        pairs.select("identity", model=f"model_{side}", lacks=pl.col(f"answer_{side}") == "").unique()
        for side in "ab"
    ]
    counted = pl.concat(sides).unique().group_by("model").agg(pl.col("lacks").sum(), pl.len().alias("of"))
    return {model: (lacks, of) for model, lacks, of in counted.sort("model").rows()}


def _of_missing(missing: Mapping[str, tuple[int, int]], *, are_pictures: bool) -> list[str]:
    """Models that often gave none, or an empty one."""
    then = "It is left out" if are_pictures else "It is counted, and bounds every difference"
    return [
        f"{model} gave no answer, or an empty one, to {n:,} of {of:,} prompts ({n / of:.0%}): such a pair "
        f"is no comparison. {then}; look at why they are missing"
        for model, (n, of) in missing.items()
        if n >= MOST_MISSING * of
    ]


def _of_several(models: Sequence[str]) -> list[str]:
    """That what tells the first model from one of several may cancel out."""
    first, *others = models
    if len(others) < 2:
        return []
    return [
        f"{first} is compared with {len(others):,} models at once: what it does more than one of them and "
        f"less than another cancels out. To see it make a study of two models, such as {first} and "
        f"{others[0]}"
    ]


def _of_left_out(left_out: Mapping[str, int]) -> list[str]:
    return [f"left out: {', '.join(pairing.left_out(left_out))}"] if left_out else []
