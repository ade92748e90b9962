"""Which explanations a sentence is about: all of an explainer, of one answer, with a word, or long ones."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks.engines.embedded.tokens import joined_all
from tasks.kinds.explanations import tables
from tasks.kinds.explanations.guesses import comes_true, folded
from tasks.kinds.explanations.trials import Tried
from tasks.records import Predicate, Proposal
from tasks.store import frames
from tasks.store.frames import hashed
from tasks.study import Study

LEAST_ITEMS = 10
"""Explained inputs that a part of an explainer's explanations must have on the exploration half."""
GATE = 2.0
"""Standard errors by which such a part must foretell more, or less, than the others to be proposed."""
MOST_WORDS = 200
"""Words of explanations that are tried, the commonest first."""
SAME = 0.7
"""Two parts of one explainer whose items correlate more than this are one."""


@dataclass(frozen=True)
class Items:
    """Rows of trials.SUMMARY, with the words of their explanations."""

    rows: pl.DataFrame

    @cached_property
    def said(self) -> list[str]:
        """Words of each, joined."""
        return joined_all(self.rows["explanation"].to_list())

    @cached_property
    def n_words(self) -> Int[np.ndarray, " item"]:
        """How many of them spaces tell apart."""
        return self.rows["explanation"].str.split(" ").list.len().to_numpy()


@dataclass(frozen=True)
class Stratum:
    """Some of an explainer's explanations."""

    definition: Mapping[str, Any]
    member: Bool[np.ndarray, " item"]


def phrase(definition: Mapping[str, Any]) -> str:
    """What the definition says, as a completion of 'the model is foreseen from ...'."""
    whose = definition["explainer"]
    match definition["of"]:
        case "answer":
            return f'{whose} where the answer is "{definition["answer"]}"'
        case "word":
            return f'{whose} with "{definition["word"]}"'
        case "long":
            return f"{whose} of more than {definition['more_than']} words"
        case "short":
            return f"{whose} of at most {definition['at_most']} words"
        case _:
            return str(whose)


def holds(definition: Mapping[str, Any], items: Items) -> Bool[np.ndarray, " item"]:
    """Which of them are meant."""
    own = (items.rows["explainer"] == definition["explainer"]).to_numpy()
    match definition["of"]:
        case "answer":
            of = np.array(
                [folded(one) == folded(definition["answer"]) for one in items.rows["answer"]], dtype=bool
            )
        case "word":
            of = np.array([f" {definition['word']} " in one for one in items.said], dtype=bool)
        case "long":
            of = items.n_words > definition["more_than"]
        case "short":
            of = items.n_words <= definition["at_most"]
        case _:
            of = np.ones(items.rows.height, dtype=bool)
    return np.asarray(own & of)


def proposals(study: Study, texts: pl.DataFrame, tried: Tried) -> list[Proposal]:
    """Each explainer, then those parts of its explanations that stand out most."""
    items = Items(tried.items)
    gain, weight = _by_item(tried)
    found: list[tuple[float, Proposal]] = []
    chosen: list[tuple[str, Float[np.ndarray, " item"]]] = []
    for explainer in items.rows["explainer"].unique().sort():
        definition = {"kind": "foresight", "explainer": explainer, "of": "all"}
        found.append((np.inf, _proposal(definition, holds(definition, items), gain, weight, items.rows)))
    ranked = []
    for stratum in _strata(items):
        apart = _stands_out(stratum, items.rows, gain, weight)
        ranked.append((-abs(apart), phrase(stratum.definition), apart, stratum))
    for _, _, apart, stratum in sorted(ranked, key=lambda one: one[:2]):
        if len(found) >= study.propose.most or not abs(apart) >= GATE:
            break
        whose, column = str(stratum.definition["explainer"]), stratum.member - stratum.member.mean()
        if any(whose == other and abs(_phi(column, one)) > SAME for other, one in chosen):
            continue
        chosen.append((whose, column))
        found.append((abs(apart), _proposal(stratum.definition, stratum.member, gain, weight, items.rows)))
    return [proposal for _, proposal in found[: study.propose.most]]


def _by_item(tried: Tried) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
    """By item and explainer: guesses that come true less those of the match, and how many pairs there are."""
    signed = np.where(tried.rows["group"] == "A", 1.0, -1.0) * comes_true(tried.rows)
    told = tried.rows.select("item", "explainer", gain=signed, pair=pl.col("group") == "A")
    summed = told.group_by("item", "explainer").agg(pl.col("gain").sum(), pl.col("pair").sum())
    every = tried.items.join(summed, on=["item", "explainer"], how="left", maintain_order="left")
    return every["gain"].fill_null(0.0).to_numpy(), every["pair"].fill_null(0).to_numpy().astype(np.float64)


def _strata(items: Items) -> Iterator[Stratum]:
    for explainer in items.rows["explainer"].unique().sort():
        own = Items(items.rows.filter(explainer=explainer))
        definitions: list[dict[str, Any]] = [
            {"of": "answer", "answer": answer} for answer in own.rows["answer"].unique().sort()
        ]
        counts: dict[str, int] = {}
        for said in own.said:
            for word in set(said.split()):
                if word[0].isalnum():
                    counts[word] = counts.get(word, 0) + 1
        commonest = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
        definitions += [{"of": "word", "word": word} for word in commonest]
        middle = int(np.median(own.n_words))
        definitions += [{"of": "long", "more_than": middle}, {"of": "short", "at_most": middle}]
        for one in definitions:
            definition = {"kind": "foresight", "explainer": explainer, **one}
            member = holds(definition, items)
            if LEAST_ITEMS <= member.sum() <= own.rows.height - LEAST_ITEMS:
                yield Stratum(definition, member)


def _stands_out(
    stratum: Stratum,
    items: pl.DataFrame,
    gain: Float[np.ndarray, " item"],
    weight: Float[np.ndarray, " item"],
) -> float:
    """By how many standard errors its V differs from that of the explainer's other explanations."""
    own = (items["explainer"] == stratum.definition["explainer"]).to_numpy()
    (inside, se_inside), (outside, se_outside) = (
        _mean(gain[who], weight[who]) for who in (stratum.member, own & ~stratum.member)
    )
    error = float(np.hypot(se_inside, se_outside))
    return (inside - outside) / error if error > 0 else 0.0


def _mean(gain: Float[np.ndarray, " item"], weight: Float[np.ndarray, " item"]) -> tuple[float, float]:
    """V over some items, each a cluster, and its standard error (a ratio of sums, linearised)."""
    total = float(weight.sum())
    if total == 0:
        return 0.0, np.inf
    value = float(gain.sum()) / total
    n = max(int((weight > 0).sum()), 2)
    return value, float(np.sqrt(((gain - value * weight) ** 2).sum() * n / (n - 1))) / total


def _phi(one: Float[np.ndarray, " item"], other: Float[np.ndarray, " item"]) -> float:
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float(one @ other) / spread if spread > 0 else 0.0


def _proposal(
    definition: Mapping[str, Any],
    member: Bool[np.ndarray, " item"],
    gain: Float[np.ndarray, " item"],
    weight: Float[np.ndarray, " item"],
    items: pl.DataFrame,
) -> Proposal:
    value, error = _mean(gain[member], weight[member])
    return Proposal(
        predicate=phrase(definition),
        direction="A" if value >= 0 else "B",
        family="explainer" if definition["of"] == "all" else "stratum",
        grade="exact",
        definition=json.dumps(dict(definition), sort_keys=True, ensure_ascii=False),
        explore_effect=value,
        explore_z=value / error if 0 < error < np.inf else 0.0,
        example_ids=tuple(items["item"].filter(pl.Series(member & (weight > 0))).head(3)),
    )


def rows(study: Study, texts: pl.DataFrame, tried: Tried, predicates: Sequence[Predicate]) -> pl.DataFrame:
    """Rows of tables.TRIALS: what each sentence is tested on."""
    parts, items = [pl.DataFrame(schema=tables.TRIALS)], Items(tried.items)
    for predicate in predicates:
        member = holds(json.loads(predicate.definition), items)
        meant = tried.items.filter(pl.Series(member)).select("item", "explainer")
        own = tried.rows.join(meant, on=["item", "explainer"], how="semi", maintain_order="left")
        ids = [
            hashed("trial", predicate.predicate_id, *row)
            for row in own.select("explainer", "item", "group", "text").iter_rows()
        ]
        parts.append(
            own.with_columns(
                pl.Series("text_id", ids, dtype=pl.String),
                predicate_id=pl.lit(predicate.predicate_id),
                n_merged=pl.lit(1, pl.Int64),
            ).select(tables.TRIALS.names())
        )
    found = pl.concat(parts).unique("text_id", keep="first", maintain_order=True)
    return frames.conform(
        found.sort("predicate_id", "document_id", "item", "group", "text_id"), tables.TRIALS
    )
