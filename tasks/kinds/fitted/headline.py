"""The headline of a study: what all its sentences tell together, beside the best that is no sentence."""

from collections.abc import Mapping
from typing import Any

from tasks import paths
from tasks.store import frames
from tasks.study import Study


def headline(kind: Any, study: Study) -> dict[str, Mapping[str, Any]]:
    """Under `together`: `bits` per text with `lo`, `hi` and `n`; `best` (name) and `best_bits`; where what
    there is to know has an end, what share of it that is (`share`, `share_lo`, `share_hi`, `of`).

    Raises:
        MissingStageError: score has not run.
        StoreError: its table is damaged.
    """
    rows = frames.read(paths.output(study.name, "score"), "baselines.parquet", frames.BASELINES).to_dicts()
    own = next((row for row in rows if row["baseline"] == frames.TOGETHER), None)
    if own is None:
        return {}
    texts = frames.read(paths.output(study.name, "collect"), "texts.parquet", frames.TEXTS)
    tested = kind.units(study, texts)
    told: dict[str, Any] = {"bits": own["validity"], "lo": own["lo"], "hi": own["hi"], "n": tested.height}
    others = [row for row in rows if row is not own and row["validity"] is not None]
    if others:
        best = max(others, key=lambda row: row["validity"])
        told |= {"best": best["baseline"], "best_bits": best["validity"]}
    of = kind.observed(study, tested)
    for name, end in (("share", "bits"), ("share_lo", "lo"), ("share_hi", "hi")):
        if told[end] is not None and (known := kind.known(study, of, told[end])) is not None:
            told |= {"of": known[0], name: known[1]}
    return {"together": told}


def line(told: Mapping[str, Any]) -> str:
    """What is told in a line."""
    ends = "" if told["lo"] is None else f" [{told['lo']:.3f}, {told['hi']:.3f}]"
    said = f"  all sentences together: {told['bits']:.3f}{ends} bits per text over {told['n']:,} texts"
    if "share_hi" in told:
        said += f", {told['share']:.0%} [{told['share_lo']:.0%}, {told['share_hi']:.0%}] {told['of']}"
    if "best" in told:
        said += f"; without a sentence at best {told['best_bits']:.3f} ({told['best']})"
    return said
