"""How many planted hypotheses a study recovers, of any table whose truth columns say where they hold.

    python -m benchmarks.planted [--data FILE --labels COLUMN --truth COLUMN...] [--text COLUMN]
        [--seeds 5] [--seed 0] [--precision float32]

FILE is CSV, JSONL or Parquet: a text, a label of two values (A is the larger one), and a 0/1 column for each
planted hypothesis (HypoBench's synthetic sets have this form). Without it a table of the kind is made: labels
by a logistic model of seven traits, one of them without weight, each said in two ways.

Each seed is a whole study by the embedded engine. A hypothesis is recovered where a discovery's verdicts
correlate with its column by at least .5 (phi, either sign) on the confirmation texts. The direction is right
where discovery and phi together point to the group in which the hypothesis holds more often in the table; its
weight in a model of several hypotheses may have the other sign where they depend on each other, and is not
what a share in A minus a share in B tells. The ceiling is how many of the columns are discoveries themselves,
tested together on the same texts by the same rule. Prints a table and, as its last line, one JSON object.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from jaxtyping import Bool

from benchmarks import studies
from benchmarks.planting import read_table
from tasks.engines.roles import Encoder

LEAST_PHI = 0.5
N_MADE = 1600
WANTED_DIRECTION = 0.95


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planted", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, help="CSV, JSONL or Parquet; a made table without it")
    parser.add_argument("--labels", default="label", help="column of two values")
    parser.add_argument("--truth", nargs="+", default=[], help="columns of 0 and 1")
    parser.add_argument("--text", default="text", help="column of the texts")
    parser.add_argument("--seeds", type=int, default=5, help="studies, each with a split of its own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    arguments = parser.parse_args()
    if arguments.data:
        table = read(arguments.data, arguments.text, arguments.labels, arguments.truth)
        names = arguments.truth
    else:
        table, names = made(np.random.default_rng(arguments.seed))
    texts, in_a = table["text"].to_list(), table["in_a"].to_numpy()
    truth = table.select(names).to_numpy() > 0
    with studies.remembered(arguments.precision) as encoder:
        runs = [recovered(texts, in_a, truth, encoder, arguments.seed + k) for k in range(arguments.seeds)]
    print(lines(names, in_a, truth, runs))
    print(json.dumps(summary(names, runs)))


def read(file: Path, text: str, labels: str, truth: Sequence[str]) -> pl.DataFrame:
    """Columns text (distinct), in_a, and the truth columns.

    Raises:
        SystemExit: the file cannot be used; the message says what is wrong.
    """
    if not truth:
        raise SystemExit("--truth: wanted one column or more")
    frame = read_table(file)
    if lost := [name for name in (text, labels, *truth) if name not in frame.columns]:
        raise SystemExit(f"{file}: wanted the columns {', '.join(lost)}, got {', '.join(frame.columns)}")
    frame = frame.drop_nulls([text, labels, *truth]).unique(text, keep="first", maintain_order=True)
    values = frame[labels].unique().sort().to_list()
    if len(values) != 2:
        raise SystemExit(f"{file}: wanted two values in {labels}, got {len(values)}")
    columns = frame.select(pl.col(name).cast(pl.Float64) for name in truth)
    if not columns.to_numpy().ravel().tolist() or not np.isin(columns.to_numpy(), (0, 1)).all():
        raise SystemExit(f"{file}: wanted 0 or 1 in {', '.join(truth)}")
    in_a = (frame[labels] == values[1]).alias("in_a")
    return columns.with_columns(frame[text].cast(pl.String).alias("text"), in_a)


def made(rng: np.random.Generator, n: int = N_MADE) -> tuple[pl.DataFrame, list[str]]:
    """A table of HypoBench's form, and its truth columns that have a weight."""
    file = Path(__file__).parent / "applicants.yaml"
    listed = yaml.safe_load(file.read_text(encoding="utf-8"))
    traits = listed["traits"]
    has = {name: rng.random(n) < trait["share"] for name, trait in traits.items()}
    weight = {name: float(trait["weight"]) for name, trait in traits.items()}
    logit = sum(weight[name] * (has[name] - traits[name]["share"]) for name in traits)
    in_a = rng.random(n) < 1 / (1 + np.exp(-np.asarray(logit)))
    texts: dict[str, int] = {}
    for i in range(n):
        said = [
            str(rng.choice(trait["with" if has[name][i] else "without"])) for name, trait in traits.items()
        ]
        opening = rng.choice(listed["openings"], 2, replace=False)
        texts.setdefault(" ".join([*opening, *rng.permutation(said)]), i)
    rows = list(texts.values())
    table = pl.DataFrame({"text": list(texts), "in_a": in_a[rows], **{name: has[name][rows] for name in has}})
    return table, [name for name in traits if weight[name]]


def recovered(
    texts: Sequence[str],
    in_a: Bool[np.ndarray, " text"],
    truth: Bool[np.ndarray, "text hypothesis"],
    encoder: Encoder,
    seed: int,
) -> dict[str, list[Any]]:
    """Of each planted hypothesis: phi of the best proposal and discovery, its direction, and the ceiling."""
    study = studies.tested(texts, in_a, encoder, seed)
    judged = study.judged
    more_in_a = truth[in_a].mean(axis=0) >= truth[~in_a].mean(axis=0)
    found: dict[str, list[Any]] = {name: [] for name in ("proposed", "phi", "is_right", "ceiling", "said")}
    found["ceiling"] = study.decided(truth)["is_discovery"].to_list()
    for k, column in enumerate(truth[study.row].T):
        phi = studies.phi(judged.verdict, column)
        best = int(np.argmax(np.where(study.found, np.abs(phi), -1)))
        is_any = bool(study.found.any())
        found["proposed"].append(float(np.abs(phi).max()))
        found["phi"].append(float(abs(phi[best])) if is_any else 0.0)
        found["is_right"].append(is_any and bool((judged.towards_a[best] == (phi[best] > 0)) == more_in_a[k]))
        found["said"].append(f"{judged.predicates[best].direction}: {judged.predicates[best].predicate}")
    return found


def lines(
    names: Sequence[str],
    in_a: Bool[np.ndarray, " text"],
    truth: Bool[np.ndarray, "text hypothesis"],
    runs: Sequence[dict[str, list[Any]]],
) -> str:
    """One line for each planted hypothesis."""
    table = [
        "| hypothesis | V | ceiling | recovered | right direction | by, in the first study |",
        "|---|---|---|---|---|---|",
    ]
    effect = truth[in_a].mean(axis=0) - truth[~in_a].mean(axis=0)
    for k, name in enumerate(names):
        is_found = np.array([run["phi"][k] >= LEAST_PHI for run in runs])
        is_right = np.array([run["is_right"][k] for run in runs])
        ceiling = np.mean([run["ceiling"][k] for run in runs])
        said = runs[0]["said"][k] if is_found[0] else ""
        right = f"{is_right[is_found].mean():.2f}" if is_found.any() else ""
        table.append(
            f"| {name} | {effect[k]:+.2f} | {ceiling:.2f} | {is_found.mean():.2f} | {right} | {said} |"
        )
    return "\n".join(table)


def summary(names: Sequence[str], runs: Sequence[dict[str, list[Any]]]) -> dict[str, Any]:
    """All figures of the last line; shares of the hypotheses of all studies."""
    is_found = np.array([run["phi"] for run in runs]) >= LEAST_PHI
    is_right = np.array([run["is_right"] for run in runs], dtype=bool)
    right = float(is_right[is_found].mean()) if is_found.any() else None
    return {
        "benchmark": "planted",
        "hypotheses": len(names),
        "studies": len(runs),
        "ceiling": round(float(np.mean([run["ceiling"] for run in runs])), 3),
        "proposed": round(float((np.array([run["proposed"] for run in runs]) >= LEAST_PHI).mean()), 3),
        "recovered": round(float(is_found.mean()), 3),
        "recovered_and_right": round(float((is_found & is_right).mean()), 3),
        "direction_right": None if right is None else round(right, 3),
        "target_met": right is not None and right >= WANTED_DIRECTION,
    }


if __name__ == "__main__":
    main()
