"""Measures what the parts of an encoder tell of its failures, and how far weights for them repair it.

    python -m benchmarks.directions [--target bundled] [--pairs 150] [--draws 20]

Sentences are made from templates on two vocabularies that share no word of an open class. Heads are ranked,
and weights fitted, on the first; all other figures are of the second. Its last line is a JSON object:
`identity_error` is how far the sum of the parts lies from the encoder's own vector, relative, in float64;
`head_rank_r` the correlation over heads of how well each tells a failure's pairs from pairs that mean the
same, between the vocabularies; `collisions` the share of a failure's pairs at cosine 0.9 or more;
`paraphrases_kept` that of pairs that mean the same, in ways that were fitted on, and `paraphrases_unseen` in
ways that were not; `left_out` the collisions of a failure that is left out of the fit. `gain` is the rise of
paraphrases kept less collisions of the fitted failures; `random_gain` its mean, and `random_gain_best` its
largest, over random weights that lie as far from 1 as the fitted ones.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float
from scipy.stats import mannwhitneyu

from tasks.engines.encoders import encoder
from tasks.engines.encoders.parts import Decomposed
from tasks.engines.encoders.reweighting import Products, fitted_weights

Pairs = list[tuple[str, str]]
THRESHOLD = 0.9
FITTED = ("negation", "tense", "quantifier")
UNREPAIRED = "roles"
_QUANTIFIERS = ("some", "few", "most", "no")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.directions", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--target", default="bundled", help="as under embed.encoder")
    parser.add_argument("--pairs", type=int, default=150, help="of each failure and vocabulary")
    parser.add_argument("--draws", type=int, default=20, help="random weights")
    arguments = parser.parse_args()
    model = encoder.opened(arguments.target)
    print(json.dumps(measured(model, arguments.pairs, arguments.draws)))


def measured(model: Any, n_pairs: int, n_draws: int) -> dict[str, Any]:
    """All figures of a sentence-transformers model."""
    decomposed = Decomposed(model, "target", "float64", 64)
    rng = np.random.default_rng(0)
    vocabularies = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    one, other = (written(words, n_pairs, rng) for words in vocabularies)
    seen, new = ({name: Told(decomposed, pairs) for name, pairs in of.items()} for of in (one, other))
    weights = fitted(seen, FITTED)
    plain = np.ones_like(weights)
    collisions = {
        name: {"before": new[name].share(plain), "after": new[name].share(weights)}
        for name in (*FITTED, UNREPAIRED)
    }
    others = {left: [name for name in FITTED if name != left] for left in FITTED}
    left_out = {left: new[left].share(fitted(seen, names)) for left, names in others.items()}
    steps = rng.normal(size=(n_draws, weights.size))
    steps *= np.linalg.norm(weights - 1) / np.linalg.norm(steps, axis=1, keepdims=True)
    before = told_apart(new, plain)
    gains = [told_apart(new, 1 + step) - before for step in steps]
    heads = [i for i, name in enumerate(decomposed.parts.names) if name.startswith("h")]
    return {
        "identity_error": identity_error(
            model, decomposed, [text for pair in other["tense"] for text in pair]
        ),
        "head_rank_r": {name: head_rank_r(seen, new, name, heads) for name in FITTED},
        "collisions": collisions,
        "left_out": left_out,
        "paraphrases_before": new["same"].share(plain),
        "paraphrases_kept": new["same"].share(weights),
        "paraphrases_unseen": {"before": new["unseen"].share(plain), "after": new["unseen"].share(weights)},
        "gain": told_apart(new, weights) - before,
        "random_gain": float(np.mean(gains)),
        "random_gain_best": float(np.max(gains)),
    }


class Told:
    """Pairs, and what the parts add to their texts."""

    def __init__(self, decomposed: Decomposed, pairs: Pairs) -> None:
        self.left, self.right = (added(decomposed, texts) for texts in zip(*pairs, strict=True))
        self.products = Products.of(self.left, self.right)

    def share(self, weights: Float[np.ndarray, " part"]) -> float:
        """Of pairs that lie at the threshold or nearer."""
        return float((self.products.cosines(weights) >= THRESHOLD).mean())

    def apart(self, parts: Sequence[int]) -> Float[np.ndarray, "pair part"]:
        """How far apart the two texts are by what each part adds."""
        between: Float[np.ndarray, "pair part"] = np.linalg.norm(
            self.left[:, parts] - self.right[:, parts], axis=2
        )
        return between


def added(decomposed: Decomposed, texts: Sequence[str]) -> Float[np.ndarray, "text part dim"]:
    """What parts add to the vectors of a few texts."""
    found = np.empty((len(texts), len(decomposed.parts.names), decomposed.dim))
    for one in decomposed.contributions(texts):
        found[one.rows] = one.parts
    return found


def identity_error(model: Any, decomposed: Decomposed, texts: Sequence[str]) -> float:
    """The largest distance of the summed parts from the model's own unit vector."""
    whole = model.encode(list(texts))
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    return float(np.linalg.norm(added(decomposed, texts).sum(axis=1) - whole, axis=1).max())


def fitted(seen: Mapping[str, Told], failures: Sequence[str]) -> Float[np.ndarray, " part"]:
    """Weights that repair these failures on pairs of one vocabulary."""
    both = [*(seen[name].products for name in failures), seen["same"].products]
    products = Products(*(np.concatenate([getattr(p, k) for p in both]) for k in ("across", "left", "right")))
    differs = np.arange(len(products.left)) < len(products.left) - len(seen["same"].left)
    return fitted_weights(products, differs, THRESHOLD)


def told_apart(of: Mapping[str, Told], weights: Float[np.ndarray, " part"]) -> float:
    """Paraphrases kept less collisions, -1 to 1."""
    return of["same"].share(weights) - float(np.mean([of[name].share(weights) for name in FITTED]))


def head_rank_r(seen: Mapping[str, Told], new: Mapping[str, Told], name: str, heads: Sequence[int]) -> float:
    """Pearson's correlation over heads of the AUROC of pairs that differ against pairs that do not."""
    aurocs = []
    for of in (seen, new):
        differ, same = of[name].apart(heads), of["same"].apart(heads)
        aurocs.append(mannwhitneyu(differ, same).statistic / (len(differ) * len(same)))
    return float(np.corrcoef(aurocs)[0, 1])


def written(words: Mapping[str, Any], n: int, rng: np.random.Generator) -> dict[str, Pairs]:
    """Pairs by failure, and `same`: pairs that mean the same; n of each."""
    return {name: [write(*drawn(words, rng), rng) for _ in range(n)] for name, write in WRITERS.items()}


def drawn(words: Mapping[str, Any], rng: np.random.Generator) -> tuple[str, str, Sequence[str], str]:
    """Who, whom, the forms of a verb, where and how."""
    who, whom = rng.choice(words["people"], 2, replace=False)
    verb = words["verbs"][int(rng.integers(len(words["verbs"])))]
    return str(who), str(whom), verb, f"{rng.choice(words['places'])} {rng.choice(words['tails'])}"


Write = Callable[[str, str, Sequence[str], str, np.random.Generator], tuple[str, str]]


def _negation(
    who: str, whom: str, verb: Sequence[str], where: str, rng: np.random.Generator
) -> tuple[str, str]:
    return f"The {who} {verb[1]} the {whom} {where}.", f"The {who} did not {verb[0]} the {whom} {where}."


def _tense(who: str, whom: str, verb: Sequence[str], where: str, rng: np.random.Generator) -> tuple[str, str]:
    return f"The {who} {verb[1]} the {whom} {where}.", f"The {who} will {verb[0]} the {whom} {where}."


def _quantifier(
    who: str, whom: str, verb: Sequence[str], where: str, rng: np.random.Generator
) -> tuple[str, str]:
    amount = str(rng.choice(_QUANTIFIERS)).capitalize()
    return f"All {who}s {verb[1]} the {whom} {where}.", f"{amount} {who}s {verb[1]} the {whom} {where}."


def _roles(who: str, whom: str, verb: Sequence[str], where: str, rng: np.random.Generator) -> tuple[str, str]:
    return f"The {who} {verb[1]} the {whom} {where}.", f"The {whom} {verb[1]} the {who} {where}."


def _same(who: str, whom: str, verb: Sequence[str], where: str, rng: np.random.Generator) -> tuple[str, str]:
    base, past, participle = verb
    ways = (
        (f"The {who} {past} the {whom} {where}.", f"{_capital(where)}, the {who} {past} the {whom}."),
        (f"The {who} {past} the {whom} {where}.", f"The {whom} was {participle} by the {who} {where}."),
        (f"The {who} did not {base} the {whom} {where}.", f"The {who} didn't {base} the {whom} {where}."),
        (f"The {who} will {base} the {whom} {where}.", f"The {who} is going to {base} the {whom} {where}."),
        (f"All {who}s {past} the {whom} {where}.", f"All of the {who}s {past} the {whom} {where}."),
    )
    return ways[int(rng.integers(len(ways)))]


def _unseen(
    who: str, whom: str, verb: Sequence[str], where: str, rng: np.random.Generator
) -> tuple[str, str]:
    base, past, participle = verb
    told = f"The {who} {past} the {whom} {where}."
    ways = (
        f"It was the {who} that {past} the {whom} {where}.",
        f"The {who} did {base} the {whom} {where}.",
        f"The {whom} got {participle} by the {who} {where}.",
        f"A {who} {past} a {whom} {where}.",
    )
    return told, ways[int(rng.integers(len(ways)))]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


WRITERS: dict[str, Write] = {
    "negation": _negation,
    "tense": _tense,
    "quantifier": _quantifier,
    UNREPAIRED: _roles,
    "same": _same,
    "unseen": _unseen,
}


if __name__ == "__main__":
    main()
