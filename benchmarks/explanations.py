"""Measures whether explanations that are faithful are told from such as are not.

    python -m benchmarks.explanations [--problem FILE] [--seed 0]

`precision`: models that follow a rule (who says a planted word gets its answer) but for a share of
exceptions, explained by the rule: so many guesses should come true as inputs follow it. `lift`: a classifier
of texts (TF-IDF and logistic regression) explained by two words of each text: those of most weight for its
answer, two drawn by chance, the two rarest. The published control, a reader without explanation, credits the
rarest words too; it stands beside as `over_majority`. FILE has `texts` and `reference_phi_denotation`, a 0/1
row of classes for each text; without it texts are the documentation of pandas and polars, by library. The
last line is one JSON object.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from jaxtyping import Int

from benchmarks import studies
from tasks import kinds, paths
from tasks.run import module
from tasks.store.sources.docstrings import read_docstrings
from tasks.study import load

EXCEPTIONS = (0.0, 0.1, 0.3)
N_ITEMS, N_TRIED = 1600, 10
"""Explained inputs of a rule model, and inputs each explanation is tried on, half of which it covers."""
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")
NAME = "explained"
RULES = {"kettle": "kitchen", "anchor": "harbour", "saddle": "stable", "violin": "stage"}
"""Planted word -> answer of the rule models."""
SYLLABLES = ("ba", "co", "du", "fe", "gi", "ho", "ka", "le", "mi", "no", "pu", "ra", "si", "to", "vu", "wa")
N_WORDS = 8
"""Made-up words around a planted one."""
DOCSTRINGS = Path(__file__).parents[1] / "demo" / "docstrings.yaml"


def main() -> None:
    """Prints both figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problem", type=Path, help="JSON with texts and their classes")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    started = time.perf_counter()
    texts, label = of_problem(args.problem) if args.problem else of_docstrings()
    precision = {f"{share:g}": rule_precision(share, args.seed) for share in EXCEPTIONS}
    told = {
        "precision": precision,
        "lift": lift(texts, label, args.seed),
        "duration_s": round(time.perf_counter() - started, 1),
    }
    print(json.dumps({"benchmark": "explanations", **told}))


def of_problem(file: Path) -> tuple[list[str], Int[np.ndarray, " text"]]:
    """Texts, and the first class of each."""
    problem = json.loads(file.read_text(encoding="utf-8"))
    return list(problem["texts"]), np.array(problem["reference_phi_denotation"]).argmax(axis=1)


def of_docstrings() -> tuple[list[str], Int[np.ndarray, " text"]]:
    """Installed documentation, and which library each is of."""
    rows, _ = read_docstrings(DOCSTRINGS)
    return rows["text"].to_list(), rows["package"].rank("dense").to_numpy().astype(np.int64) - 1


def rule_precision(exceptions: float, seed: int) -> float:
    """Share of the guesses from a rule that come true, on held-out items."""
    rng = np.random.default_rng([seed, 41])
    rows = []
    for _ in range(N_ITEMS):
        word = str(rng.choice(list(RULES)))
        text = said(rng, word)
        for k in range(N_TRIED):
            follows = k % 2 == 0
            other = word if follows else str(rng.choice([one for one in RULES if one != word]))
            tried = said(rng, other)
            rows.append(
                {
                    "text": text,
                    "answer": RULES[word],
                    "explanation": f'it says "{word}", so it is {RULES[word]}',
                    "counterfactual": tried,
                    "guess": RULES[word] if follows else "cannot tell",
                    "outcome": answered(rng, RULES[other], exceptions),
                }
            )
    told = explainers(pl.DataFrame(rows), seed, counterfactual="counterfactual")
    return float(told["precision"][0])


def said(rng: np.random.Generator, word: str) -> str:
    """Made-up words, and the planted one: no two texts are nearly the same."""
    drawn = rng.choice(SYLLABLES, size=(N_WORDS, 3))
    return " ".join(["they came from", *("".join(one) for one in drawn), f"with a {word}"])


def answered(rng: np.random.Generator, by_rule: str, exceptions: float) -> str:
    """The rule's answer, or by chance another one."""
    others = [one for one in RULES.values() if one != by_rule]
    return str(rng.choice(others)) if rng.random() < exceptions else by_rule


def lift(texts: Sequence[str], label: Int[np.ndarray, " text"], seed: int) -> dict[str, dict[str, float]]:
    """V of three ways to explain a classifier, each a study of its own on the texts it was not trained on."""
    words, weight, answer, held = classifier(texts, label, seed)
    rng = np.random.default_rng([seed, 43])
    count = np.asarray((weight > 0).sum(axis=0)).ravel()
    found = {}
    for name in ("faithful", "random", "rarest"):
        rows = []
        for i, text in enumerate(held):
            row = weight[[i]]
            own_words = row.indices
            if own_words.size < 2:
                continue
            match name:
                case "faithful":
                    order = np.argsort(-row.data * answer[i][1][own_words], kind="stable")
                case "random":
                    order = rng.permutation(own_words.size)
                case _:
                    order = np.argsort(count[own_words], kind="stable")
            listed = ", ".join(words[own_words[order[:2]]])
            rows.append({"text": text, "answer": str(answer[i][0]), "explanation": listed})
        told = explainers(pl.DataFrame(rows), seed)
        found[name] = {
            "validity": told["validity"][0],
            "lo": told["lo"][0],
            "hi": told["hi"][0],
            "over_majority": told["precision"][0] - told["majority"][0],
        }
        print(f"{name}: {found[name]}", flush=True)
    return found


def classifier(
    texts: Sequence[str], label: Int[np.ndarray, " text"], seed: int
) -> tuple[np.ndarray, Any, list[tuple[Any, np.ndarray]], list[str]]:
    """Trained on a third: its words, their weights in the other texts, its answers with their weights."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    order = np.random.default_rng([seed, 42]).permutation(len(texts))
    trained, rest = order[: len(texts) // 3], np.sort(order[len(texts) // 3 :])
    vectorizer = TfidfVectorizer(stop_words="english", min_df=2)
    seen = vectorizer.fit_transform([texts[i] for i in trained])
    model = LogisticRegression(C=10, max_iter=1000).fit(seen, label[trained])
    new = vectorizer.transform([texts[i] for i in rest])
    slopes = model.coef_ if len(model.classes_) > 2 else np.vstack([-model.coef_, model.coef_])
    place = {one: k for k, one in enumerate(model.classes_)}
    answers = [(one, slopes[place[one]]) for one in model.predict(new)]
    return vectorizer.get_feature_names_out(), new, answers, [texts[i] for i in rest]


def explainers(table: pl.DataFrame, seed: int, **block: Any) -> pl.DataFrame:
    """The table `explainers` of a study of these rows, run from collect to score."""
    with studies.project() as folder:
        table.write_parquet(folder / "explained.parquet")
        keys: dict[str, Any] = {
            **{key: {} for key in (*paths.STAGES, "llm", "spend", "gold")},
            **{"kind": "explanations", "engine": "embedded", "user": None, "verdicts": None},
            "labels": ".gitkeep",
            "after": ".gitkeep",
            "goal": "whether it can be foreseen",
            "seed": seed,
            "data": "explained.parquet",
            "explanations": block,
            "propose": {"max_predicates": 1},
        }
        (folder / "params.yaml").write_text(yaml.safe_dump({"studies": {NAME: keys}}), encoding="utf-8")
        study = load(NAME)
        for stage in STAGES:
            module(stage).run(study)
        schema = kinds.load("explanations").tables["explainers"]
        return pl.read_parquet(paths.output(NAME, "score") / "explainers.parquet").select(schema.names())


if __name__ == "__main__":
    main()
