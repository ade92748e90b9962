"""Kind model_pair: what tells two models' answers to the same prompts apart, and do people like it?

Unit judged: the two answers to one prompt, each against the other. Estimand: share of prompts where model 1
shows a trait more, minus share where model 2 does (VibeCheck: Dunlap et al. 2024, on prompts that no proposer
saw, with error control). The prompt is the document, and its two answers trade places under the null.

params tables     its keys, its tables; naming: when two names are one
gathering         answers, prompts and preferences as rows
  layout reading    which columns, and what they hold
  preferences       what a winner, a tie or a number says
  pairing           whose answers belong together
  asking            answers that models write now
  guessing lines    what `natstat new` and `natstat check` say of them
rows              which pairs are judged
compared          verdicts on pairs as differences: the estimand
beside            telling liking where orders: tables beside the scores; surface: what needs no trait
embedded/ llm/    who proposes and judges comparisons
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from tasks.engines import roles
from tasks.kinds import Gathered, Kind, Outputs, Section, Seen, Words
from tasks.kinds.model_pair import tables
from tasks.kinds.model_pair.params import Answers, own
from tasks.records import Unasked
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.verdicts.judged import Judged


class ModelPair(Kind):
    """Two answers to one prompt are compared, always in both orders."""

    name = "model_pair"
    question = "what tells two models' answers to the same prompts apart, and do people like it?"
    unit = "two answers to one prompt"
    estimand = "share of prompts where model 1 shows it more minus share where model 2 does"
    source = "VibeCheck: Dunlap et al. 2024"
    compares = True
    min_effect = 0.05  # docs/decisions/0027
    planned_test = "sign_flip"
    samples = False
    Params = Answers
    tables = {  # noqa: RUF012 - never changed
        "pairs": tables.PAIRS,
        "liked": tables.LIKED,
        "telling": tables.TELLING,
        "categories": tables.CATEGORIES,
        "models": tables.MODELS,
        "orders": tables.ORDERS,
    }
    words = Words(
        subject="the answer that …",
        said="the answer that",
        rows="answers",
        tested_on="prompts nobody had looked at",
        hypothesis="trait",
        judged=("traits", "answers to confirmation prompts"),
        more="Collect more prompts",
        corpus="answers",
        alike="prompts",
        holds="that of {A} for {a} of prompts, that of {B} for {b}",
        reads="is the share of prompts where the answer of {A} shows a trait more, minus the share where "
        "that of {B} does: +0.27, say, means 27 in 100 more for {A}. A prompt where neither shows it more "
        "counts for none.",
        looked="traits were proposed from the answers to one half of the prompts, frozen, and tested on the "
        "other half; near-duplicate prompts lie in one half.",
        joined="Pairs that stand twice were merged, and prompts that are near-duplicates joined into one "
        "document before the split",
        shuffled="the two answers to a prompt trade places, those to its near-duplicates together",
        baseline="surface count",
        baselines="What comparing counts of the mere surface reaches on the same prompts, by the same test.",
        without="trait",
    )

    def speaks(self, *, of_pictures: bool) -> Words:
        """Of answers, which may be pictures."""
        words = super().speaks(of_pictures=of_pictures)
        return replace(words, subject="the picture that …", said="the picture that") if of_pictures else words

    def check(self, study: Study) -> None:
        """Refuses what a comparison of answers cannot do, and a study that does not say where they are."""
        from tasks.kinds.model_pair import params

        params.check(self.name, study)

    def gather(self, study: Study) -> Gathered:
        """Two answers a prompt, with what is known of each pair."""
        from tasks.kinds.model_pair import gathering

        return gathering.gathered(study, own(study))

    def guessed(self, rows: pl.DataFrame) -> dict[str, Any] | None:
        """Where prompts and answers seem to be."""
        from tasks.kinds.model_pair import guessing

        return guessing.block(rows)

    def fetch(self, study: Study) -> None:
        """Has models write the answers that are missing, where the study asks for them."""
        from tasks.kinds.model_pair import asking

        if own(study).ask:
            asking.fetch(study, own(study))

    def unasked(self, study: Study) -> list[Unasked]:
        """Answers that models are yet to write."""
        from tasks.kinds.model_pair import asking

        return asking.unasked(study, own(study)) if own(study).ask else []

    def shown(self, seen: Seen) -> roles.Exploration:
        """With who was preferred, where that is known."""
        from tasks.kinds.model_pair import rows

        return replace(super().shown(seen), preference=rows.preferences(seen.study, seen.texts))

    def units(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """Both answers to each confirmation prompt, neighbours under one `pair`."""
        from tasks.kinds.model_pair import rows

        return rows.units(study, texts)

    def shuffled(self, judged: "Judged", rng: np.random.Generator) -> "Judged":
        """The two answers to a prompt trade places, all those of a document together."""
        from tasks.kinds.model_pair import compared

        return judged.regrouped(compared.shuffled(judged.rows, rng))

    def size_lines(self, found: Mapping[str, Any]) -> list[str]:
        """Pairs, and what is missing."""
        from tasks.kinds.model_pair import lines

        return lines.sizes(found)

    def estimates(self, judged: "Judged", level: float) -> pl.DataFrame:
        """Share of prompts where model 1 shows it more minus share where model 2 does, by sign flip."""
        from tasks.kinds.model_pair import compared

        return compared.estimates(judged, level)

    def agreed(self, judged: "Judged", verified: Path) -> Bool[np.ndarray, " predicate"] | None:
        """Which traits judges mean the same by; all where a comparison is computed."""
        from tasks.kinds.model_pair import orders

        return orders.agreed(judged, verified, self.params(judged.study).min_agreement)

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
        """What traits tell, what people like, where it shows; and what surface counts alone reach."""
        from tasks.kinds.model_pair import beside

        return beside.beside(judged, self.params(judged.study).min_agreement)

    def section(self, outputs: Outputs) -> Section:
        """What traits tell, how liked they are, and both answers side by side."""
        from tasks.kinds.model_pair import page

        return page.section(outputs)

    def headline(self, study: Study) -> dict[str, Mapping[str, Any]]:
        """How well traits tell whose answer is which, and which is preferred, beside what needs none."""
        from tasks.kinds.model_pair import headline

        return headline.headline(study)

    def headline_lines(self, told: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The same in words."""
        from tasks.kinds.model_pair import headline

        return [headline.line(target, found) for target, found in told.items()]

    def loads(
        self, study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame
    ) -> "list[Load]":
        """What a language model will be asked, at most."""
        from tasks.kinds.model_pair.llm import loads

        return loads.of_pairs(study, texts, names, units)


KIND = ModelPair()
