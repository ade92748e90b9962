"""Predicates that say which language a text is written in, among those that the corpus holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from tasks.engines.contrast import Contrast
from tasks.engines.embedded.candidate import Candidate, Harvest
from tasks.engines.languages import LANGUAGES, identified


def harvest(contrast: Contrast, texts: Sequence[str], held: Sequence[str]) -> Harvest:
    """One predicate for each language that the corpus holds (languages.shares), where two or more are."""
    among = tuple(sorted(code for code in held if code in LANGUAGES))
    if len(among) < 2:
        return Harvest([])
    codes = np.array(identified(texts, among))
    columns = np.column_stack([codes == code for code in among])
    effect, z = contrast.measure(columns)
    candidates = [
        Candidate(
            f"is written in {LANGUAGES[code]}", "style", "exact",
            {"kind": "language", "code": code, "among": list(among)},
            columns[:, i], float(effect[i]), float(z[i]),
        )
        for i, code in enumerate(among)
    ]  # fmt: skip
    return Harvest(candidates)


def holds(definition: Mapping[str, Any], texts: Sequence[str]) -> Bool[np.ndarray, " text"]:
    """Whether each text meets a validated definition."""
    codes = identified(texts, tuple(definition["among"]))
    return np.fromiter((code == definition["code"] for code in codes), bool, len(texts))
