"""What a reader must know before believing a figure, one line each, for the first screen: worst first."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.kinds import Words
from tasks.report import filters

FEW_DOCUMENTS = 50
"""Of a group in the confirmation half: with fewer only large differences are found."""
MANY = 0.05
"""Share of texts that were cut, or of verdicts that are none, from which on it is told."""
MOST = 0.9
"""Share of texts that are near-duplicates from which on it is told."""
LEAST_KEPT = 0.5
"""Of a true difference: what a judge's verdicts must show of it (sensitivity + specificity - 1)."""
MOST_CHARS = 150
_SENTENCE = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^".]|\.(?!\s)|")+')
"""Up to the first full stop that is in no quotation."""


@dataclass(frozen=True)
class Warned:
    """One line, and the section of the page that has the rest."""

    text: str
    anchor: str


def warnings(
    *,
    collected: Mapping[str, Any],
    proposed: Mapping[str, Any],
    scored: Mapping[str, Any],
    verified: Mapping[str, Any],
    split: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    unread: str,
    figures: Mapping[str, Any],
    missing: Mapping[str, Any],
    holdout: Mapping[str, Any] | None,
    is_written: bool,
    words: Words,
) -> list[Warned]:
    """All that apply; none where every check passed.

    Args:
        collected, proposed, scored, verified: manifests of stages.
        split: texts and documents by half and group.
        names: what groups A and B are called; empty where there are none.
        unread: what is told of an encoder that does not read the texts.
        figures: of the report.
        missing: what refused and unparsable verdicts could change.
        holdout: what these texts had answered before.
        is_written: whether what was judged was written for the test.
        words: how the kind speaks.
    """
    told = [
        *(Warned(text, "trust") for text in _of_judge(proposed, scored)),
        *(Warned(text, "data") for text in collected.get("warnings", [])),
        *(Warned(text, "data") for text in collected.get("notes", [])),
        *(Warned(text, "data") for text in _of_copies(collected, words)),
        *([Warned(unread, "data")] if unread else []),
        *([] if is_written else (Warned(text, "data") for text in _of_size(split, names))),
        *(Warned(text, "data") for text in _of_cut(collected, verified)),
        *(Warned(text, "data") for text in _of_gaps(figures, missing)),
        *(Warned(text, "findings") for text in _of_holdout(figures, holdout)),
    ]
    return [Warned(first_sentence(one.text), one.anchor) for one in told]


def first_sentence(text: str) -> str:
    """The text's first sentence without its full stop, on one line."""
    line = " ".join(text.split())
    found = _SENTENCE.match(line)
    return filters.clip(found[0] if found else line, MOST_CHARS)


def _of_judge(proposed: Mapping[str, Any], scored: Mapping[str, Any]) -> Iterator[str]:
    for one in (proposed.get("judge") or {}).get("judges", []):
        kept = _kept(one)
        if kept is not None and kept < LEAST_KEPT:
            yield (
                f"the judge {filters.short(one['model'])} got {one['n_right']} of {one['n_questions']} "
                f"questions with known answers right: {_shown(kept)}"
            )
    gold = scored.get("gold") or {}
    kept = _kept(gold)
    if kept is not None and kept < LEAST_KEPT:
        yield (
            f"beside the gold verdicts the judge errs much (sensitivity {gold['sensitivity']:.0%}, "
            f"specificity {gold['specificity']:.0%}): {_shown(kept)}"
        )


def _shown(kept: float) -> str:
    return f"of a true difference its verdicts show {max(kept, 0):.0%}"


def _kept(of: Mapping[str, Any]) -> float | None:
    sensitivity, specificity = of.get("sensitivity"), of.get("specificity")
    if sensitivity is None or specificity is None:
        return None
    return float(sensitivity + specificity - 1)


def _of_copies(collected: Mapping[str, Any], words: Words) -> Iterator[str]:
    copied = collected.get("near_duplicates") or {}
    if copied.get("share", 0) >= MOST:
        yield (
            f"{copied['share']:.0%} of the {words.alike} are near-duplicates of others: "
            f"{collected['n_texts']:,} {words.corpus} count as {collected['n_documents']:,} documents"
        )


def _of_size(split: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[str]:
    few = [part for part in split if part["half"] == "confirm" and part["n_documents"] < FEW_DOCUMENTS]
    if few:
        counted = " and ".join(
            f"{part['n_documents']} documents"
            + (f" of {filters.short(names.get(part['group'], part['group']), 40)}" if names else "")
            for part in few
        )
        yield f"tested on {counted}: only large differences can be found"


def _of_cut(collected: Mapping[str, Any], verified: Mapping[str, Any]) -> Iterator[str]:
    n_texts = max(collected.get("n_texts", 0), 1)
    for of, key, where in (
        (collected, "collect.max_chars", "what stands after it is not in this study"),
        (verified, "verify.max_chars", "the judge did not read on"),
    ):
        if of.get("n_cut", 0) >= MANY * n_texts:
            yield f"{of['n_cut']:,} texts are longer than {key} and were cut: {where}"


def _of_gaps(figures: Mapping[str, Any], missing: Mapping[str, Any]) -> Iterator[str]:
    share = (figures["share_refused"] or 0) + (figures["share_unparsable"] or 0)
    n_fallen = missing["n_fallen"]
    if share >= MANY or n_fallen:
        fall = {0: "no discovery", 1: "1 discovery"}.get(n_fallen, f"{n_fallen} discoveries")
        yield (
            f"{filters.share(share)} of the verdicts are refused or unparsable: had they all gone one way, "
            f"{fall} would fall"
        )


def _of_holdout(figures: Mapping[str, Any], holdout: Mapping[str, Any] | None) -> Iterator[str]:
    if holdout and not holdout.get("is_repeat") and holdout["n_standing"] < figures["n_discoveries"]:
        yield (
            f"these texts were asked in {_counted(holdout['n_runs'])} before: were the error level shared, "
            f"{holdout['n_standing']} of {figures['n_discoveries']} discoveries would remain"
        )


def _counted(n_runs: int) -> str:
    return "1 run" if n_runs == 1 else f"{n_runs} runs"
