"""Judging and proposing stylistic predicates: patterns of programs.py and measures over a threshold.

The marks in a report come from the same regular expression engine as the verdict, so that the two
cannot disagree. Of a list of words those are left out that are names in the corpus (names.py), and a
definition says which words carry its difference.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from tasks.engines.contrast import Contrast
from tasks.engines.embedded import tokens, tone, views
from tasks.engines.embedded.candidate import Candidate, Harvest
from tasks.engines.embedded.measures import MEASURES
from tasks.engines.embedded.programs import Program, programs
from tasks.engines.embedded.views import View

LEAST_CARRIED = 0.1
"""Of a difference: words that carry less of it are not named."""
INSTEAD = "·"
"""Stands where a program looks for nothing: no letter, and no blank behind which a text could begin."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Thresholds tried for each measure: quantiles of the exploration half."""


def harvest(
    contrast: Contrast,
    texts: pl.Series,
    names: Collection[str] = (),
    is_english: bool = True,
    is_spaced: bool = True,
) -> Harvest:
    """Every program and every measure at its thresholds, where it holds for some texts and not for all.

    Args:
        contrast: of the texts.
        texts: all of them.
        names: casefolded words that are names here.
        is_english: whether the texts are in English, which some programs read.
        is_spaced: whether they write spaces between words, which some measures count.
    """
    frame = viewed(texts).collect()
    definitions = every_definition(frame, names, is_english, is_spaced)
    held = np.column_stack(columns(definitions, frame.lazy()))
    effect, z = contrast.measure(held)
    definitions = [
        _carried(definition, contrast, frame, held[:, i], float(effect[i]))
        for i, definition in enumerate(definitions)
    ]
    kept = _best_thresholds(definitions, effect)
    varies = (held.sum(axis=0) > 0) & (held.sum(axis=0) < len(held))
    candidates = [
        Candidate(phrase(definition), "style", "exact", definition, held[:, i], float(effect[i]), float(z[i]))
        for i, definition in enumerate(definitions)
        if varies[i] and i in kept
    ]
    return Harvest(candidates, contrast.root(held[:, varies]))


def every_definition(
    frame: pl.DataFrame, names: Collection[str] = (), is_english: bool = True, is_spaced: bool = True
) -> list[dict[str, Any]]:
    """Every program, and every measure at its thresholds, whatever differs; arguments as of `harvest`.

    Args:
        frame: the texts, by `viewed`.
    """
    found: list[dict[str, Any]] = [
        _without({"kind": "style", "program": name}, program, names)
        for name, program in programs().items()
        if is_english or not program.english
    ]
    return found + _thresholds(frame, is_spaced)


def _best_thresholds(
    definitions: Sequence[Mapping[str, Any]], effect: Float[np.ndarray, " predicate"]
) -> set[int]:
    """Of each measure the threshold with the largest difference, and every program.

    The difference is what is estimated. Among thresholds by which groups differ about as surely, chance would
    choose an outer one as often, and new texts then differ less.
    """
    best: dict[Any, int] = {}
    for i, definition in enumerate(definitions):
        key = definition["program"] if "more_than" in definition else i
        if key not in best or abs(effect[i]) > abs(effect[best[key]]):
            best[key] = i
    return set(best.values())


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the text ...'."""
    if "more_than" in definition:
        return MEASURES[definition["program"]].phrase.format(_number(definition["more_than"]))
    said = programs()[definition["program"]].phrase
    if definition.get("carried_by"):
        said = f"{said.split(' (')[0]} (here mostly {tokens.listed(definition['carried_by'])})"
    return said


def holds(definition: Mapping[str, Any], texts: pl.Series) -> Bool[np.ndarray, " text"]:
    """Whether each text meets a validated definition."""
    return columns([definition], viewed(texts))[0]


def spans(definition: Mapping[str, Any], text: str) -> list[tuple[int, int]]:
    """Where the pattern matches; empty for measures and for what is defined by absence."""
    if "more_than" in definition or programs()[definition["program"]].negated:
        return []
    program = programs()[definition["program"]]
    return spans_in(text, program.without(definition.get("without", ())), program.view, program.skipped)


def spans_in(text: str, pattern: str, view: View, skipped: str = "") -> list[tuple[int, int]]:
    """Where a pattern matches in what a view has of the text, but for what is skipped."""
    place = np.arange(len(text) + 1)
    # What is not read is replaced as for the verdict, and the places of the rest are kept.
    for unread_pattern, instead in ((views.unread(view), " "), (skipped, INSTEAD)):
        unread = _marked(text, unread_pattern) if unread_pattern else []
        kept = np.ones(len(place), dtype=bool)
        parts, position = [], 0
        for start, end in unread:
            parts += [text[position:start], instead]
            kept[start + 1 : end] = False
            position = end
        text, place = "".join([*parts, text[position:]]), place[kept]
    found = spans_of(pattern, text)
    return [(int(place[start]), int(place[end - 1]) + 1) for start, end in found]


def spans_of(pattern: str, text: str) -> list[tuple[int, int]]:
    """Where a pattern matches, without the blanks at the ends."""
    return _trimmed(text, _marked(text, pattern))


def _trimmed(text: str, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges without the blanks at their ends, unless they hold nothing else."""
    found = []
    for start, end in ranges:
        said = text[start:end]
        lead = len(said) - len(said.lstrip())
        found.append((start + lead, start + len(said.rstrip())) if said.strip() else (start, end))
    return found


def _marked(text: str, pattern: str) -> list[tuple[int, int]]:
    """Where the pattern matches at least one character."""
    before, after = _unused_characters(text)
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


def columns(definitions: Sequence[Mapping[str, Any]], frame: pl.LazyFrame) -> list[Bool[np.ndarray, " text"]]:
    """Verdicts of several definitions in one pass over the texts (viewed)."""
    expressions = [_expression(definition).alias(str(i)) for i, definition in enumerate(definitions)]
    found = frame.select(expressions).collect()
    return [found[name].to_numpy() for name in found.columns]


def _expression(definition: Mapping[str, Any]) -> pl.Expr:
    if "more_than" in definition:
        measure: pl.Expr = MEASURES[definition["program"]].expression
        return measure > float(definition["more_than"])
    program = programs()[definition["program"]]
    found = read(program).str.contains(program.without(definition.get("without", ())))
    return ~found if program.negated else found


def viewed(texts: pl.Series) -> pl.LazyFrame:
    """The texts as each view has them; of which only what is asked for is made."""
    return pl.LazyFrame({"text": texts}).with_columns(views.column(view).alias(view) for view in views.VIEWS)


def read(program: Program) -> pl.Expr:
    """What the program looks at."""
    text = pl.col(program.view)
    return text.str.replace_all(program.skipped, INSTEAD) if program.skipped else text


def _without(definition: dict[str, Any], program: Program, names: Collection[str]) -> dict[str, Any]:
    """The definition without the words of its list that are names here."""
    left_out = sorted({word.casefold() for word in program.words} & set(names))
    return {**definition, "without": left_out} if left_out else definition


def _carried(
    definition: dict[str, Any],
    contrast: Contrast,
    frame: pl.DataFrame,
    held: Bool[np.ndarray, " text"],
    effect: float,
) -> dict[str, Any]:
    """The definition with the words of its list that carry the difference."""
    if "more_than" in definition or not programs()[definition["program"]].words or not held.any():
        return definition
    program = programs()[definition["program"]]
    said = (
        frame.with_columns(weight=pl.Series(contrast.weights * np.sign(effect or 1.0)))
        .filter(pl.Series(held))
        .select("weight", word=read(program).str.extract_all(program.without(definition.get("without", ()))))
        .with_columns(
            pl.col("word").list.eval(pl.element().str.strip_chars().str.to_lowercase()).list.unique()
        )
        .explode("word")
        .group_by("word")
        .agg(pl.col("weight").sum())
        .filter(pl.col("weight") >= LEAST_CARRIED * abs(effect), pl.col("weight") > 0)
        .with_columns(pl.col("weight").round(9))
        .sort("weight", "word", descending=[True, False])
    )
    carriers = said["word"].head(tone.N_CARRIERS).to_list()
    return {**definition, "carried_by": carriers} if carriers else definition


def _thresholds(frame: pl.DataFrame, is_spaced: bool) -> list[dict[str, Any]]:
    chosen = {name: measure for name, measure in MEASURES.items() if is_spaced or not measure.counts_words}
    frame = frame.select(measure.expression.cast(pl.Float64).alias(name) for name, measure in chosen.items())
    definitions: list[dict[str, Any]] = []
    for name, measure in chosen.items():
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
