"""Predicates as parameters: are known ones found among distractors, and how near come those of the engine?

    python -m benchmarks.nl_parameters --problem FILE --judge oracle|embedded [--seed 0]
        [--precision float32]

FILE is JSON: texts (or texts_by_time, in order), K, goal, reference_phi_denotation (text x reference) and
reference_phi_predicate_strings; discontinuity_penalty where texts are over time. A study of the kind
`clusters` (`timeline` where they are over time) with K predicates is fitted on the exploration half.

    oracle      candidates are the references among distractors: unions, halves and noisy copies of them, and
                columns by chance, a hundred at least; verdicts are looked up
    embedded    the embedded engine proposes and judges

Every F1 is of the confirmation half, a macro average over the references. Who stands for which reference is
settled on the exploration half (one to one, by the largest sum of F1), so that no confirmation text helps to
choose. floor: a predicate that always holds. ceiling: the references themselves, as many as there are
predicates (with fewer, below 1). kmeans: K clusters of the bundled encoder's vectors; nmf: K topics of words
(tf-idf); both fitted on the exploration half, confirmation texts assigned.

Each fit is made twice: as it is, candidates judged on a growing part of the texts, and with all candidates
judged on all texts; `judgements` are those of the first. objective: of a file over time, the published
objective at the references (Zhong et al. 2024), beside their schedule (growth.py), else null.
The last line is one JSON object.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import yaml
from jaxtyping import Bool, Float

from benchmarks import growth, studies
from benchmarks.nl_oracle import Oracle
from tasks import kinds, paths
from tasks.engines.roles import VALUE, Judge
from tasks.kinds.fitted import fitting, look, racing, relaxing
from tasks.kinds.fitted.found import Found
from tasks.kinds.fitted.judging import Answers
from tasks.kinds.parts import Seen
from tasks.propose import explored
from tasks.run import module
from tasks.stats import tilting
from tasks.store import frames
from tasks.store.sources import hashes, normalised
from tasks.study import Study, load

NAME = "bench"
_BLOCKS = (
    *(
        "collect",
        "embed",
        "propose",
        "formalise",
        "verify",
        "score",
        "llm",
        "spend",
        "gold",
        "record",
        "report",
    ),
    *("corpus_pair", "encoder_failures", "model_pair"),
)


@dataclass(frozen=True)
class Problem:
    """A file's content."""

    texts: list[str]
    k: int
    goal: str
    truth: Bool[np.ndarray, "text reference"]
    names: list[str]
    penalty: float | None
    """Of changes over time; None where texts are not over time."""


@dataclass(frozen=True)
class Halves:
    """The texts of a study."""

    study: Study
    seen: Seen
    """The exploration half."""
    confirm: pl.DataFrame
    vectors: Float[np.ndarray, "text dim"]
    """Of the confirmation half."""
    truth: Bool[np.ndarray, "text reference"]
    """Of the exploration half."""
    confirm_truth: Bool[np.ndarray, "text reference"]


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nl_parameters", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--problem", type=Path, required=True, help="JSON")
    parser.add_argument("--judge", choices=("oracle", "embedded"), required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    arguments = parser.parse_args()
    problem = read(arguments.problem)
    with studies.project() as folder:
        halves = prepared(folder, problem, arguments.seed, arguments.precision)
        print(json.dumps(measured(problem, halves, arguments.judge, arguments.seed)))


def read(file: Path) -> Problem:
    """The problem of a file.

    Raises:
        SystemExit: it has not the form.
    """
    told = json.loads(file.read_text(encoding="utf-8"))
    texts = told.get("texts_by_time", told.get("texts"))
    lost = [key for key in ("K", "goal", "reference_phi_denotation") if key not in told]
    if texts is None or lost:
        raise SystemExit(f"{file}: wanted texts or texts_by_time, {', '.join(lost) or 'and the rest'}")
    truth = np.array(told["reference_phi_denotation"]) > 0.5
    names = told.get("reference_phi_predicate_strings") or [f"reference {i}" for i in range(truth.shape[1])]
    if truth.shape != (len(texts), len(names)):
        raise SystemExit(f"{file}: wanted a denotation for {len(texts)} texts and {len(names)} references")
    penalty = float(told.get("discontinuity_penalty", 1.0)) if "texts_by_time" in told else None
    return Problem(texts, int(told["K"]), told["goal"], truth, names, penalty)


def prepared(folder: Path, problem: Problem, seed: int, precision: str) -> Halves:
    """The texts of a study of this problem, collected and embedded in this project."""
    table = pl.DataFrame({"text": problem.texts, "time": range(len(problem.texts))})
    table.write_parquet(folder / "texts.parquet")
    kind = "clusters" if problem.penalty is None else "timeline"
    entry = {
        **{block: {} for block in _BLOCKS},
        **{one: {"predicates": problem.k, "texts": 10**6} for one in ("clusters", "classes", "timeline")},
        **{"kind": kind, "engine": "embedded", "seed": seed, "user": None, "verdicts": None},
        **{"labels": ".gitkeep", "after": ".gitkeep", "data": "texts.parquet", "goal": problem.goal},
        "embed": {"encoder": studies.ENCODER, "precision": precision},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump({"studies": {NAME: entry}}), encoding="utf-8")
    study = load(NAME)
    for stage in ("collect", "embed"):
        module(stage).run(study)
    texts = frames.read(paths.output(NAME, "collect"), "texts.parquet", frames.TEXTS)
    vectors = frames.read_embeddings(paths.output(NAME, "embed"), texts.height, "embeddings")
    given = {one: i for i, one in enumerate(hashes(normalised(pl.Series(problem.texts))))}
    truth = problem.truth[[given[one] for one in hashes(normalised(texts["text"]))]]
    explores = (texts["half"] == "explore").to_numpy()
    encoder = frames.read_manifest(paths.output(NAME, "embed"))["encoder"]
    seen = explored(study, texts, {"embeddings": vectors}, encoder)
    confirm = texts.filter(half="confirm")
    return Halves(study, seen, confirm, vectors[~explores], truth[explores], truth[~explores])


def measured(problem: Problem, halves: Halves, judge: str, seed: int) -> dict[str, Any]:
    """All figures of the last line."""
    started = time.process_time()
    found, asked = fitted(problem, halves, judge, seed)
    cpu_s = time.process_time() - started
    with patch.object(racing, "sizes", lambda n: [n]):
        whole, of_whole = fitted(problem, halves, judge, seed)
    for column in found.chosen.columns:
        print(f"chosen: {found.answers.candidates[column].predicate}")
    f1, f1_whole = (of_fit(halves, one, by) for one, by in ((found, asked), (whole, of_whole)))
    cells = found.answers.score.size
    return {
        "f1": round(f1, 4),
        **{name: round(value, 4) for name, value in baselines(problem, halves, seed).items()},
        "judgements": found.answers.n_judged,
        "cpu_s": round(cpu_s, 2),
        **objective(problem),
        "candidates": len(found.answers.candidates),
        "candidates_x_texts": cells,
        "share_judged": round(found.answers.n_judged / cells, 4),
        "f1_all_judged": round(f1_whole, 4),
        "judgements_all_judged": whole.answers.n_judged,
        "n_swaps": found.chosen.n_swaps,
    }


def fitted(problem: Problem, halves: Halves, judge: str, seed: int) -> tuple[Found, Judge]:
    """What a fit finds on the exploration half, and who judges."""
    study, seen = halves.study, halves.seen
    kind: Any = kinds.load(study.kind)
    at, rng = look.prepared(kind, seen), np.random.default_rng([seed, 1])
    if judge == "oracle":
        truth = np.vstack([halves.truth, halves.confirm_truth])
        text_ids = [*seen.texts["text_id"], *halves.confirm["text_id"]]
        oracle = Oracle(truth, problem.names, text_ids, np.random.default_rng([seed, 2]))
        answers = Answers(study, oracle, at.texts, at.vectors)
        return fitting.search(seen, at, answers, oracle, problem.k), oracle
    actors = kind.actors(study.engine)
    own = kind.judge(study, actors)
    answers = Answers(study, own, at.texts, at.vectors)
    source = relaxing.Relaxed(seen, actors, at, rng)
    return fitting.search(seen, at, answers, source, problem.k), own


def of_fit(halves: Halves, found: Found, judge: Judge) -> float:
    """Held-out F1 of the chosen predicates."""
    place = {text_id: i for i, text_id in enumerate(halves.seen.texts["text_id"])}
    truth = halves.truth[[place[text_id] for text_id in found.look.texts["text_id"]]]
    columns = found.chosen.columns
    predicates = [found.answers.predicate(found.answers.candidates[column]) for column in columns]
    said = judge.judge(predicates, halves.confirm, halves.vectors)
    held = (said.score >= 0.5) & (said.status == VALUE)
    return matched_f1(found.z[:, columns] >= 0.5, truth, held, halves.confirm_truth)


def matched_f1(
    held: Bool[np.ndarray, "text predicate"],
    truth: Bool[np.ndarray, "text reference"],
    other_held: Bool[np.ndarray, "other predicate"],
    other_truth: Bool[np.ndarray, "other reference"],
) -> float:
    """Macro F1 over references on the other texts, matched one to one on these; 0 where none is matched."""
    from scipy.optimize import linear_sum_assignment

    pairs = linear_sum_assignment(-f1_of_each(held, truth))
    return float(f1_of_each(other_held, other_truth)[pairs].sum() / truth.shape[1])


def f1_of_each(
    held: Bool[np.ndarray, "text predicate"], truth: Bool[np.ndarray, "text reference"]
) -> Float[np.ndarray, "predicate reference"]:
    """F1 of each predicate for each reference."""
    both = held.T.astype(float) @ truth
    total = held.sum(axis=0)[:, None] + truth.sum(axis=0)[None]
    return np.asarray(2 * both / np.maximum(total, 1))


def baselines(problem: Problem, halves: Halves, seed: int) -> dict[str, float]:
    """floor, ceiling, kmeans and nmf."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    own, other = halves.truth, halves.confirm_truth
    vectors = halves.seen.vectors["embeddings"].astype(np.float64)
    clusters = KMeans(problem.k, n_init=10, random_state=seed).fit(vectors)
    words = TfidfVectorizer(min_df=2, stop_words="english")
    weighted = words.fit_transform(halves.seen.texts["text"].to_list())
    topics = NMF(problem.k, init="nndsvda", random_state=seed, max_iter=1000)
    assigned = {
        "kmeans": (clusters.labels_, clusters.predict(halves.vectors.astype(np.float64))),
        "nmf": (
            topics.fit_transform(weighted).argmax(axis=1),
            topics.transform(words.transform(halves.confirm["text"].to_list())).argmax(axis=1),
        ),
    }
    found = {
        "floor": float(f1_of_each(np.ones((len(other), 1), dtype=bool), other).mean()),
        "ceiling": min(problem.k, other.shape[1]) / other.shape[1],
    }
    for name, (here, there) in assigned.items():
        found[name] = matched_f1(_columns(here, problem.k), own, _columns(there, problem.k), other)
    return found


def _columns(part: Sequence[int], n: int) -> Bool[np.ndarray, "text part"]:
    return np.asarray(np.eye(n, dtype=bool)[np.asarray(part)])


def objective(problem: Problem) -> dict[str, Any]:
    """The published objective at the references, and what it took; null where texts are not over time."""
    if problem.penalty is None:
        return {"objective": None}
    z, at = problem.truth.astype(float), np.arange(len(problem.texts), dtype=float)
    started = time.process_time()
    fit = tilting.fit(z, at, problem.penalty)
    told = {"objective": fit.objective, "objective_cpu_s": round(time.process_time() - started, 3)}
    if problem.penalty == 1:
        beside = growth.beside_published(z)
        told |= {name: value for name, value in beside.items() if name.startswith("published")}
    return told


if __name__ == "__main__":
    main()
