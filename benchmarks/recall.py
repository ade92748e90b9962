"""How often a planted difference is found, beside what a test that knows it has power for.

    python -m benchmarks.recall [--seeds 20] [--kinds phrase style topic] [--effects 5 10 20 40]
        [--sizes 200 600 2000] [--ratios 1 4 9 20] [--more-in A] [--seed 0]
        [--texts FILE --text COLUMN --topic COLUMN] [--precision float32]

Each run is a whole study by the embedded engine: split, proposals, frozen tests on the other half, by the
study's own rule (BH at .05 over all it tests, minimum effect .02). What is planted holds for 2 % of B and for
so many points more of A, the smaller group (or the other way round). It counts as found where a discovery of
the right direction agrees with it on the confirmation texts: a correlation of at least .5 for phrases and
styles, of which there are exact predicates, and .3 for topics, which are judged by nearness in meaning (the
standard of earlier trials with real topics).

    alone       the planted predicate, tested alone on the same half by the same rule
    among       the same as one of the study's hypotheses: adjusted for all others
    natstat     found by the study
    log-odds    a term of that agreement among the 20 of largest |z| by log-odds, on all texts, untested
    L1          the same of the 20 largest weights of an L1 logistic regression on TF-IDF, on all texts

Texts are made by a small grammar (planting.py) unless a file brings its own, with the topic of each. Prints a
table, the cells in which a predicate that is known would be found with power >= .9 (among) at 10 points or
more but natstat finds less than it should (.8; topics .6), and as its last line one JSON object.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from benchmarks import planting, studies
from tasks.engines.contrast import log_odds_z
from tasks.engines.embedded import grams, tokens
from tasks.engines.embedded.rules import Rules
from tasks.engines.roles import Encoder
from tasks.errors import CorpusError
from tasks.score.tests import decide
from tasks.verdicts.judged import Judged

LEAST_PHI = {"phrase": 0.5, "style": 0.5, "topic": 0.3}
WANTED = {"phrase": 0.8, "style": 0.8, "topic": 0.6}
KNOWN_POWER, LEAST_EFFECT = 0.9, 10
N_TERMS = 20
FINDERS = ("alone", "among", "natstat", "log-odds", "L1")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recall", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=20, help="studies a cell")
    parser.add_argument("--kinds", nargs="+", default=list(planting.KINDS), choices=planting.KINDS)
    parser.add_argument("--effects", nargs="+", type=int, default=[5, 10, 20, 40], help="in points")
    parser.add_argument("--sizes", nargs="+", type=int, default=[200, 600, 2000], help="texts of both groups")
    parser.add_argument("--ratios", nargs="+", type=int, default=[1, 4, 9, 20], help="B's size over A's")
    parser.add_argument("--more-in", default="A", choices=("A", "B"), help="the group that has more of it")
    parser.add_argument("--texts", type=Path, help="CSV, JSONL or Parquet; made ones without it")
    parser.add_argument("--text", default="text", help="column of the texts")
    parser.add_argument("--topic", default="topic", help="column of their topics")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not all(0 < effect < 95 for effect in arguments.effects):
        raise SystemExit("--effects: wanted points between 0 and 95")
    pool = (
        planting.read_pool(arguments.texts, arguments.text, arguments.topic)
        if arguments.texts
        else planting.made_pool()
    )
    started = time.perf_counter()
    cells = []
    print(f"| kind | points | texts | A:B | {' | '.join(FINDERS)} |")
    print("|---" * (4 + len(FINDERS)) + "|")
    with studies.remembered(arguments.precision) as encoder:
        for kind, effect, n, ratio in product(
            arguments.kinds, arguments.effects, arguments.sizes, arguments.ratios
        ):
            cell = measure(
                pool,
                kind,
                effect,
                n,
                ratio,
                arguments.more_in == "A",
                arguments.seeds,
                arguments.seed,
                encoder,
            )
            if cell["seeds"]:
                cells.append(cell)
                figures = " | ".join(f"{cell[name]:.2f}" for name in FINDERS)
                print(f"| {kind} | {effect} | {n} | 1:{ratio} | {figures} |", flush=True)
    short = [cell for cell in cells if is_short(cell)]
    for cell in short:
        print(f"short: {cell['kind']}, {cell['points']} points, {cell['n']} texts, 1:{cell['ratio']}")
    seconds = round(time.perf_counter() - started, 1)
    print(json.dumps({"benchmark": "recall", "cells": cells, "n_short": len(short), "seconds": seconds}))


def is_short(cell: dict[str, Any]) -> bool:
    """Whether natstat finds too little of what a test that knows it would find."""
    is_clear = cell["among"] >= KNOWN_POWER and cell["points"] >= LEAST_EFFECT
    return bool(is_clear and cell["natstat"] < WANTED[cell["kind"]])


def measure(
    pool: planting.Pool,
    kind: str,
    points: int,
    n: int,
    ratio: int,
    more_in_a: bool,
    seeds: int,
    seed: int,
    encoder: Encoder,
) -> dict[str, Any]:
    """Shares of the studies of a cell in which each finds what is planted.

    Studies that the pool has no texts for, or that have too few of a group for a half, are left out.
    """
    found = []
    for k in range(seeds):
        rng = np.random.default_rng([seed, k, points, n, ratio, planting.KINDS.index(kind)])
        corpus = planting.planted(pool, kind, points / 100, n, ratio, more_in_a, rng)
        if corpus is not None and (one := finds(corpus, kind, encoder, k)) is not None:
            found.append(one)
    shares = np.mean(found, axis=0) if found else np.zeros(len(FINDERS))
    return {
        "kind": kind, "points": points, "n": n, "ratio": ratio, "seeds": len(found),
        **{name: round(float(share), 3) for name, share in zip(FINDERS, shares, strict=True)},
    }  # fmt: skip


def finds(corpus: planting.Planted, kind: str, encoder: Encoder, seed: int) -> list[bool] | None:
    """Which of FINDERS find what is planted; None where the corpus is too small to be split."""
    least = LEAST_PHI[kind]
    try:
        study = studies.tested(corpus.texts, corpus.in_a, encoder, seed)
    except CorpusError:
        return None
    truth, judged = corpus.truth[study.row], study.judged
    more_in_a = corpus.truth[corpus.in_a].mean() >= corpus.truth[~corpus.in_a].mean()
    # With this sign a predicate says of the truth what its direction says of the groups.
    sign = np.where(judged.towards_a == more_in_a, 1, -1)
    agrees = sign * studies.phi(judged.verdict, truth) >= least
    return [
        bool(study.decided(corpus.truth[:, None])["is_discovery"][0]),
        is_found_among(study, corpus, agrees),
        bool((agrees & study.found).any()),
        *(
            bool(np.any(found >= least))
            for found in by_words(corpus, more_in_a)
        ),
    ]  # fmt: skip


def is_found_among(
    study: studies.Tested, corpus: planting.Planted, agrees: Bool[np.ndarray, " predicate"]
) -> bool:
    """Whether the planted predicate is a discovery in the place of those that agree with it."""
    others = [i for i, same in enumerate(agrees) if not same]
    own = study.judged
    known = corpus.truth[study.row].astype(np.float64)
    more = known[own.in_a].mean() >= known[~own.in_a].mean()
    first = replace(own.predicates[0], predicate_id="known", direction="A" if more else "B")
    score = np.column_stack([known, own.score[:, others]])
    status = np.zeros(score.shape, dtype=np.uint8)
    predicates = [first, *(own.predicates[i] for i in others)]
    return bool(decide(Judged(own.study, own.rows, predicates, score, status)).table["is_discovery"][0])


def by_words(corpus: planting.Planted, more_in_a: bool) -> Sequence[np.ndarray]:
    """Agreement with the truth, in its direction, of the top terms by log-odds and by L1."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    counted = grams.count(tokens.joined_all(corpus.texts), grams.Rarest(corpus.in_a, 3), Rules())
    with_a = counted.held.T @ corpus.in_a.astype(np.float64)
    with_b = np.diff(counted.held.indptr) - with_a
    odds = log_odds_z(with_a, with_b, int(corpus.in_a.sum()), int((~corpus.in_a).sum()))
    weighted = TfidfVectorizer(ngram_range=(1, 3), min_df=3).fit_transform(corpus.texts)
    model = LogisticRegression(l1_ratio=1.0, solver="liblinear", class_weight="balanced", random_state=0)
    agreement = []
    for strength, held in (odds, counted.held), (model.fit(weighted, corpus.in_a).coef_[0], weighted):
        top = np.argsort(-np.abs(strength), kind="stable")[:N_TERMS]
        sign = np.where((strength[top] > 0) == more_in_a, 1, -1)
        agreement.append(sign * studies.phi((held[:, top].toarray() > 0).astype(np.float64), corpus.truth))
    return agreement


if __name__ == "__main__":
    main()
