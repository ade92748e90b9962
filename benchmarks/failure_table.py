"""Tells which blocks of recorded text pairs are failures of an encoder: a verdict for each block.

    python -m benchmarks.failure_table --pairs FILE --threshold T [--alpha 0.05] [--level 0.95]

FILE is a CSV with columns block, source (`mined` or `baseline`), failure, text_a, text_b, clip_similarity:
the similarity that an encoder gave the pair, which is replayed. A pair collides at a similarity >= T. It
fails when it collides and its texts differ in meaning, told by the embedded engine's word lists (`edits`);
where they cannot tell, the pair is counted as untold and its block is bounded both ways: the share that fails
is at least that of the pairs known to fail, at most that of the known and the untold together.

The rule is one for all blocks: a block is accepted when more than half of its distinct pairs fail, for a
failure is a property of the typical pair, not of some. (Without the meaning check that says: the median
similarity is T or more.) It is rejected when at most half fail, whatever the untold ones are, and undecided
where the untold ones decide. It is a statement about these pairs: the interval beside it says what they can
tell of others. `unchecked` is the same rule without the meaning check.

Beside it stands the control: baseline pairs of other blocks, one for each pair, chosen so that the lexical
overlaps differ least in total; none serves a block twice. Both overlaps are shown, for where they differ the
control is not matched. Then the difference of the shares that fail, with interval and p (untold pairs left
out), the range of the difference over all that the untold ones could be (`missing`; `fragile` where they
could undo it), and q by Benjamini-Hochberg over all blocks. The control enters no verdict.

Prints one JSON object as its last line.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float
from scipy.optimize import linear_sum_assignment

from tasks.__main__ import exit_code
from tasks.engines.pairs import lexical_overlap
from tasks.errors import ParamsError, SourceError
from tasks.kinds.encoder_failures.embedded.meaning import EditMeaning
from tasks.stats.differences import difference
from tasks.stats.judge_error import share_ci_wilson
from tasks.stats.missing import difference_worst_case_missing, share_difference_bounds_missing
from tasks.stats.multiplicity import pvalues_adjusted_bh

COLUMNS = ("block", "source", "failure", "text_a", "text_b", "clip_similarity")
SOURCES = ("mined", "baseline")
SAME_SIMILARITY = 1e-3
"""A pair that is recorded twice may differ by rounding, no more."""
HEAD = (
    "| block | failure | n | collide | fail | untold | unchecked | verdict "
    "| overlap: own, control | control: collide, fail | difference | missing | p | q |"
)


@dataclass(frozen=True)
class Control:
    """Baseline pairs of other blocks against a block; shares of those that could be told."""

    n: int
    overlap: float
    collide: float
    fail: float | None
    n_untold: int
    difference: float | None
    lo: float
    hi: float
    missing_lo: float
    missing_hi: float
    fragile: bool
    """The interval leaves out 0, and would not if every untold pair spoke against it."""
    p: float
    q: float = 1.0


@dataclass(frozen=True)
class Block:
    """One block with its verdict; shares 0-1."""

    block: str
    source: str
    failure: str
    n: int
    """Distinct pairs."""
    n_repeated: int
    overlap: float
    collide: float
    collide_ci: tuple[float, float]
    fail_least: float
    fail_most: float
    fail_ci: tuple[float, float]
    """From the lower end at fail_least to the upper at fail_most."""
    n_same: int
    """Pairs that collide and mean the same."""
    n_untold: int
    """Pairs that collide and whose meanings the lists cannot tell."""
    unchecked: str
    verdict: str
    control: Control | None


def main() -> int:
    """Prints the table and gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.failure_table", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--pairs", type=Path, required=True, help="CSV of recorded pairs")
    parser.add_argument("--threshold", type=float, required=True, help="least similarity of a collision")
    parser.add_argument("--alpha", type=float, default=0.05, help="false discovery rate of the comparison")
    parser.add_argument("--level", type=float, default=0.95, help="confidence level of the intervals")
    given = parser.parse_args()
    return exit_code(
        lambda: print(json.dumps(measured(given.pairs, given.threshold, given.alpha, given.level)))
    )


def measured(file: Path, threshold: float, alpha: float = 0.05, level: float = 0.95) -> dict[str, Any]:
    """All figures; the table is printed on the way.

    Raises:
        ParamsError: threshold, alpha or level is outside (0, 1).
        SourceError: the file cannot be read, lacks a column or holds a pair that cannot be meant.
    """
    for name, value in (("threshold", threshold), ("alpha", alpha), ("level", level)):
        if not 0 < value < 1:
            raise ParamsError(f"--{name}: wanted a number in (0, 1), got {value:g}.")
    pairs = judged(read(file), threshold)
    blocks = [_block(pairs, name, level) for name in pairs["block"].unique(maintain_order=True)]
    compared = [one.control for one in blocks if one.control]
    q = iter(pvalues_adjusted_bh(np.array([control.p for control in compared])))
    blocks = [_with_q(one, float(next(q))) if one.control else one for one in blocks]
    print("\n".join(table(blocks)))
    return {
        "benchmark": "failure_table",
        "pairs": pairs.height,
        "threshold": threshold,
        "alpha": alpha,
        "level": level,
        "meaning": EditMeaning.name,
        "verdicts": {one.block: one.verdict for one in blocks},
        "verdicts_unchecked": {one.block: one.unchecked for one in blocks},
        "more_than_control": [o.block for o in blocks if _is_more(o.control, alpha)],
        "blocks": [_rounded(asdict(one)) for one in blocks],
    }


def read(file: Path) -> pl.DataFrame:
    """The recorded pairs, one row per distinct pair of a block, in an order of their own.

    Columns are COLUMNS and n (how many rows the pair stood in); text_a is the lesser of the two texts.

    Raises:
        SourceError: the file cannot be read, is empty, lacks a column, or holds something that cannot be
            meant: a similarity that is no number in [-1, 1], an unknown source, a block of both, an empty
            text, a pair with two similarities.
    """
    try:
        rows = pl.read_csv(file, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{file}: wanted a CSV of text pairs: {str(error).splitlines()[0]}") from None
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise SourceError(f"{file}: wanted columns {', '.join(missing)}, got {', '.join(rows.columns)}.")
    if not rows.height:
        raise SourceError(f"{file}: wanted at least one pair, got none.")
    similarity = rows["clip_similarity"].cast(pl.Float64, strict=False)
    numbers = similarity.is_between(-1 - SAME_SIMILARITY, 1 + SAME_SIMILARITY).fill_null(False)
    known = rows["source"].is_in(SOURCES).fill_null(False)
    told = rows.select("block", "text_a", "text_b").rows()
    full = pl.Series([all((cell or "").strip() for cell in row) for row in told])
    for wanted, holds, column in (
        ("a clip_similarity in [-1, 1]", numbers, "clip_similarity"),
        ("a source of mined or baseline", known, "source"),
        ("a block and two texts", full, "text_a"),
    ):
        if not holds.all():
            row = int((~holds).arg_max() or 0)
            raise SourceError(
                f"{file}, row {row + 2}: wanted {wanted}, got {rows[column][row]!r}. Correct it."
            )
    return _distinct(file, rows.with_columns(similarity, pl.col("failure").fill_null("")))


def _distinct(file: Path, rows: pl.DataFrame) -> pl.DataFrame:
    texts = pl.concat_list("text_a", "text_b").list.sort()
    found = (
        rows.with_columns(text_a=texts.list.get(0), text_b=texts.list.get(1))
        .group_by("block", "text_a", "text_b")
        .agg(
            pl.col("source").min(),
            pl.col("source").max().alias("other"),
            pl.col("failure").min(),
            pl.col("clip_similarity").mean(),
            (pl.col("clip_similarity").max() - pl.col("clip_similarity").min()).alias("spread"),
            pl.len().alias("n"),
        )
        .sort(pl.col("block").cast(pl.Float64, strict=False), "block", "text_a", "text_b", nulls_last=True)
    )
    if found["spread"].max() > SAME_SIMILARITY:  # type: ignore[operator]
        twice = found.sort("spread", descending=True).row(0, named=True)
        raise SourceError(
            f"{file}: wanted one similarity per pair, got two that differ by {twice['spread']:.3g} for "
            f"{twice['text_a']!r} and {twice['text_b']!r}. Keep one."
        )
    mixed = found.group_by("block").agg(
        pl.col("source").min(), pl.col("other").max(), pl.col("failure").n_unique()
    )
    for row in mixed.sort("block").iter_rows(named=True):
        if row["source"] != row["other"] or row["failure"] > 1:
            raise SourceError(
                f"{file}: wanted one source and one failure per block, got several in block {row['block']}."
            )
    return found.drop("other", "spread")


class Recorded:
    """An encoder whose similarities were recorded: looked up, never computed."""

    def __init__(self, pairs: pl.DataFrame) -> None:
        rows = pairs.select("text_a", "text_b", "clip_similarity").iter_rows()
        self._known = {frozenset((a, b)): similarity for a, b, similarity in rows}

    def similarity(self, left: Sequence[str], right: Sequence[str]) -> Float[np.ndarray, " pair"]:
        """Recorded similarity of each pair, in either order; KeyError for a pair that was not recorded."""
        return np.array([self._known[frozenset(pair)] for pair in zip(left, right, strict=True)])


def judged(pairs: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """The pairs with overlap, collides (0 or 1), and fails (0, 1 or NaN where it cannot be told)."""
    left, right = pairs["text_a"].to_list(), pairs["text_b"].to_list()
    collides = Recorded(pairs).similarity(left, right) >= threshold
    differs, _ = EditMeaning().differs(left, right)
    return pairs.with_columns(
        pl.Series("overlap", lexical_overlap(left, right)),
        pl.Series("collides", collides.astype(float)),
        # A pair that is told apart is no failure, whatever it means.
        pl.Series("fails", np.where(collides, differs, 0.0)),
    )


def verdict(least: int, most: int, n: int) -> str:
    """The rule: more than half of n pairs fail, of which `least` are known to and `most` may."""
    return "accepted" if 2 * least > n else "rejected" if 2 * most <= n else "undecided"


def _block(pairs: pl.DataFrame, name: str, level: float) -> Block:
    own = pairs.filter(pl.col("block") == name)
    n, fails = own.height, own["fails"].to_numpy()
    k, least, untold = int(own["collides"].sum()), int(np.nansum(fails)), int(np.isnan(fails).sum())
    ends = [share_ci_wilson(count, n, level) for count in (k, least, least + untold)]
    pool = pairs.filter((pl.col("source") == "baseline") & (pl.col("block") != name))
    return Block(
        block=name,
        source=own["source"][0],
        failure=own["failure"][0],
        n=n,
        n_repeated=int(own["n"].sum()) - n,
        overlap=_mean(own["overlap"]),
        collide=k / n,
        collide_ci=(float(ends[0][0]), float(ends[0][1])),
        fail_least=least / n,
        fail_most=(least + untold) / n,
        fail_ci=(float(ends[1][0]), float(ends[2][1])),
        n_same=k - least - untold,
        n_untold=untold,
        unchecked=verdict(k, k, n),
        verdict=verdict(least, least + untold, n),
        control=_compared(own, pool, level) if pool.height else None,
    )


def matched(own: pl.DataFrame, pool: pl.DataFrame) -> pl.DataFrame:
    """Rows of the pool, one for each of `own` as far as they go, that are nearest in overlap in total."""
    # A baseline pair that stands in several blocks is one pair.
    pool = pool.unique(["text_a", "text_b"], keep="first", maintain_order=True)
    taken = own.select("text_a", "text_b")
    pool = pool.join(taken, on=["text_a", "text_b"], how="anti", maintain_order="left").sort(
        "text_a", "text_b"
    )
    distance = np.abs(own["overlap"].to_numpy()[:, None] - pool["overlap"].to_numpy())
    return pool[np.sort(linear_sum_assignment(distance)[1])]


def _compared(own: pl.DataFrame, pool: pl.DataFrame, level: float) -> Control | None:
    control = matched(own, pool)
    if not control.height:
        return None
    score = np.concatenate([own["fails"].to_numpy(), control["fails"].to_numpy()])[:, None]
    in_a: Bool[np.ndarray, " pair"] = np.arange(len(score)) < own.height
    found = difference(score, in_a, np.arange(len(score)), level, binary=True)
    lo, hi = share_difference_bounds_missing(score, np.isnan(score), in_a)
    worst = difference_worst_case_missing(
        score, np.isnan(score), in_a, np.arange(len(score)), level, binary=True
    )
    validity, mean_b = float(found.validity[0]), float(found.mean_b[0])
    return Control(
        n=control.height,
        overlap=_mean(control["overlap"]),
        collide=_mean(control["collides"]),
        fail=None if np.isnan(mean_b) else mean_b,
        n_untold=int(control["fails"].is_nan().sum()),
        difference=None if np.isnan(validity) else validity,
        lo=float(found.lo[0]),
        hi=float(found.hi[0]),
        missing_lo=float(lo[0]),
        missing_hi=float(hi[0]),
        fragile=bool(worst.fragile[0]),
        p=float(found.p[0]),
    )


def table(blocks: Sequence[Block]) -> list[str]:
    """Lines of the table."""
    lines = [HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    for one in blocks:
        name = one.failure or f"({one.source})"
        fail = f"{one.fail_least:.2f}" + (f" to {one.fail_most:.2f}" if one.n_untold else "")
        cells = [one.block, name.replace("|", "/"), str(one.n), f"{one.collide:.2f} {_range(one.collide_ci)}"]
        cells += [f"{fail} {_range(one.fail_ci)}", str(one.n_untold), one.unchecked, one.verdict]
        lines.append("| " + " | ".join([*cells, *_control_cells(one)]) + " |")
    return lines


def _control_cells(one: Block) -> list[str]:
    control = one.control
    if control is None:
        return [f"{one.overlap:.2f}, -", "-", "-", "-", "-", "-"]
    fail = "-" if control.fail is None else f"{control.fail:.2f}"
    gap = "-" if control.difference is None else f"{control.difference:+.2f}"
    return [
        f"{one.overlap:.2f}, {control.overlap:.2f}",
        f"{control.collide:.2f}, {fail} ({control.n_untold} untold)",
        f"{gap} {_range((control.lo, control.hi))}",
        _range((control.missing_lo, control.missing_hi)) + (" fragile" if control.fragile else ""),
        f"{control.p:.2g}",
        f"{control.q:.2g}",
    ]


def _with_q(one: Block, q: float) -> Block:
    values = {**vars(one), "control": Control(**{**vars(one.control), "q": q})}
    return Block(**values)


def _is_more(control: Control | None, alpha: float) -> bool:
    return control is not None and control.q <= alpha and (control.difference or 0) > 0


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    read_again: dict[str, Any] = json.loads(json.dumps(values), parse_float=lambda x: round(float(x), 6))
    return read_again


def _mean(column: pl.Series) -> float:
    return float(column.to_numpy().mean())


def _range(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.2f}, {ends[1]:.2f}]"


if __name__ == "__main__":
    raise SystemExit(main())
