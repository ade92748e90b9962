"""Judging and proposing stylistic predicates: patterns of programs.py and measures over a threshold.

The marks in a report come from the same regular expression engine as the verdict, so that the two
cannot disagree.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded.candidate import Candidate, Harvest
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import programs

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Thresholds tried for each measure: quantiles of the exploration half."""


def harvest(contrast: Contrast, texts: pl.Series) -> Harvest:
    """Every program and every measure at its thresholds, where it holds for some texts and not for all."""
    definitions: list[dict[str, Any]] = [{"kind": "style", "program": name} for name in programs()]
    definitions += _thresholds(texts)
    held = np.column_stack(_columns(definitions, texts))
    effect, z = contrast.measure(held)
    candidates = [
        Candidate(phrase(definition), "style", "exact", definition, held[:, i], float(effect[i]), float(z[i]))
        for i, definition in enumerate(definitions)
        if 0 < held[:, i].sum() < len(held)
    ]
    return Harvest(candidates)


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the text ...'."""
    if "more_than" in definition:
        return MEASURES[definition["program"]].phrase.format(_number(definition["more_than"]))
    return programs()[definition["program"]].phrase


def holds(definition: Mapping[str, Any], texts: pl.Series) -> Bool[np.ndarray, " text"]:
    """Whether each text meets a validated definition."""
    return _columns([definition], texts)[0]


def spans(definition: Mapping[str, Any], text: str) -> list[tuple[int, int]]:
    """Where the pattern matches; empty for measures and for what is defined by absence."""
    if "more_than" in definition or programs()[definition["program"]].negated:
        return []
    before, after = _unused_characters(text)
    pattern = programs()[definition["program"]].pattern
    marked = pl.Series([text]).str.replace_all(pattern, before + "${0}" + after)[0]
    ranges, start, position = [], 0, 0
    for character in marked:
        if character == before:
            start = position
        elif character == after:
            ranges.append((start, position))
        else:
            position += 1
    return [(start, end) for start, end in ranges if end > start]


def _columns(definitions: Sequence[Mapping[str, Any]], texts: pl.Series) -> list[Bool[np.ndarray, " text"]]:
    """Verdicts of several definitions in one pass over the texts."""
    expressions = [_expression(definition).alias(str(i)) for i, definition in enumerate(definitions)]
    frame = pl.DataFrame({"text": texts}).select(expressions)
    return [frame[name].to_numpy() for name in frame.columns]


def _expression(definition: Mapping[str, Any]) -> pl.Expr:
    if "more_than" in definition:
        measure: pl.Expr = MEASURES[definition["program"]].expression
        return measure > float(definition["more_than"])
    program = programs()[definition["program"]]
    found = pl.col("text").str.contains(program.pattern)
    return ~found if program.negated else found


def _thresholds(texts: pl.Series) -> list[dict[str, Any]]:
    frame = pl.DataFrame({"text": texts}).select(
        measure.expression.cast(pl.Float64).alias(name) for name, measure in MEASURES.items()
    )
    definitions: list[dict[str, Any]] = []
    for name, measure in MEASURES.items():
        values: Float[np.ndarray, " text"] = frame[name].to_numpy()
        cuts = np.quantile(values, QUANTILES, method="lower") if len(values) else np.zeros(0)
        for cut in sorted({round(float(cut), measure.digits) for cut in cuts}):
            whole = int(cut) if measure.digits == 0 else cut
            definitions.append({"kind": "style", "program": name, "more_than": whole})
    return definitions


def _number(threshold: float) -> str:
    return f"{threshold:,}" if isinstance(threshold, int) else f"{threshold:g}"


def _unused_characters(text: str) -> tuple[str, str]:
    """Two characters of the private use area that the text does not hold."""
    present = set(text)
    free = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in present)
    return next(free), next(free)
