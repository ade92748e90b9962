"""What kinds with a model share: predicates are the parameters of a model that is fitted, frozen and tested.

Unit judged: one text. Estimand: how many bits per text a predicate adds to all others, on the confirmation
half, by models fitted on the exploration half (after Zhong, Wang, Klein & Steinhardt 2024).

params tables     keys and tables that they share
gathering         texts with a value each
valued            what a kind reads of values, and what is left out
survey            what there is in each half
lines             what check says of it
observed          what a model explains of each text
model             what a kind's own model must be able to do
fitting           relax, sort, name, judge, choose
frozen            the model as propose left it
effects           conditional gains: the estimand
evidence          what tells which texts speak for a sentence
beside            weights refitted, coverage, baselines
llm/ prompts/     who proposes and rates where a language model does
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from tasks import paths
from tasks.engines import roles
from tasks.engines.pictures import wording
from tasks.kinds import Kind, Outputs, Proposed, Search, Section, Seen, Words
from tasks.kinds.fitted import tables
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.fitted.params import MOST, own
from tasks.store import frames
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.kinds.fitted.model import Model
    from tasks.kinds.fitted.refitted import Refitted
    from tasks.verdicts.judged import Judged


Ends = tuple[Int[np.ndarray, " row"], Int[np.ndarray, " row"]]
END = 0.25
"""Share of the texts that is an end of a direction."""
LEAST_END = 5


class Fitted(Kind):
    """Defaults of the kinds with a model."""

    has_groups = False
    estimand = "bits per text gained beside the other predicates"
    scale = "bits"
    conditional = True
    fits = True
    cannot_replicate = (
        "its effect is what it adds to the other sentences of its model, and alone it is another number"
    )
    planned_test = "conditional_gain"
    source = "Zhong, Wang, Klein & Steinhardt 2024"
    sides = {"A": "the texts", "B": "no text"}  # noqa: RUF012 - never changed
    tables = tables.ALL
    has_values: ClassVar[bool] = True
    """Whether each text has a value that is to be explained; else its words are."""
    explains: ClassVar[str] = "words"
    """What is explained of each text, in a word or two, as a language model is told."""
    words = Words(
        judged=("sentences", "confirmation texts"),
        holds="judged on {n_a} texts",
        reads="is how many bits per text a sentence adds to what all the others say.",
        looked="sentences were proposed, and the model was fitted, on one half of the documents; both were "
        "frozen, and tested on the other half.",
        baseline="baseline",
        baselines="Models of the same form without any sentence, on the same texts: groups of k-means, "
        "topics of NMF, features of the mere surface. What the sentences tell beyond these is the claim; "
        "where they tell less, that they can be read is what they have before them.",
        shuffled="values are dealt out anew between documents",
        labels="values",
        null="values meant nothing",
        without="sentence",
    )

    def model(self, study: Study, explored: Observed) -> "Model":
        """The form of the model, with what the exploration half fixes of it [propose, score]."""
        raise NotImplementedError

    def check(self, study: Study) -> None:
        """Refuses what these kinds cannot do.

        Raises:
            ValueError: it says what was wanted.
        """
        if study.verify.plan == "sequential" or study.has_gold or study.verify.form == "two_text":
            raise ValueError(
                f"wanted `plan: fixed`, `form: one_text` and no `gold` with `kind: {self.name}`: all "
                "predicates of a model are tested together, on the same texts"
            )

    def settled(self, study: Study) -> Study:
        """No more predicates than a model has."""
        study, own = super().settled(study), self.params(study)
        most = min(study.propose.most, own.predicates or MOST)
        return study.model_copy(update={"propose": study.propose.model_copy(update={"max_predicates": most})})

    def survey(self, study: Study, texts: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
        """The values of each half; refuses texts of which no model can be made."""
        from tasks.kinds.fitted import survey

        return survey.surveyed(study, texts, tables)

    def most_predicates(self, study: Study) -> int:
        """As many as the model has, all that the user asks among them."""
        n_asked = len(study.own_sentences)
        if study.propose.only:
            return n_asked
        return max(min(own(study).predicates or study.propose.most, MOST), n_asked)

    def size_lines(self, found: Mapping[str, Any]) -> list[str]:
        """One pile, and what is explained of it."""
        from tasks.kinds.fitted import lines

        return lines.sizes(found)

    def effect_lines(self, found: Mapping[str, Any]) -> list[str]:
        """The smallest gain a study of this size finds."""
        from tasks.kinds.fitted import lines

        return lines.effect(found)

    def planned(self, study: Study) -> str:
        """The test, with a hash of the model and the values that are frozen with the predicates."""
        from tasks.kinds.fitted import frozen

        return frozen.planned(study, self.has_values)

    def propose(
        self, seen: Seen, actors: roles.Engine, rng: np.random.Generator, search: Search | None = None
    ) -> Proposed:
        """The predicates of a model, and the model."""
        from tasks.kinds.fitted import fitting

        return fitting.fitted(self, seen, actors, rng)

    def fit_judge(self, study: Study, actors: roles.Engine) -> roles.Judge:
        """Who judges while the model is fitted: who judges later, in name and verdicts [propose]."""
        judge: roles.Judge = getattr(actors, "fit_judge", actors.judge)(study)
        return judge

    def ends(self, study: Study, direction: Float[np.ndarray, " text"]) -> Ends:
        """Rows of the top of a direction, which a proposer is asked about, and of what is not [propose]."""
        order = np.argsort(direction, kind="stable")
        end = min(max(LEAST_END, int(len(order) * END)), len(order) // 2)
        return order[len(order) - end :], order[:end]

    def with_values(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """The texts with columns value and number of tables.VALUES [propose, score]."""
        known = frames.read(paths.output(study.name, "collect"), "values.parquet", tables.VALUES)
        return texts.join(known, on="text_hash", how="left", maintain_order="left")

    def observed(self, study: Study, rows: pl.DataFrame) -> Observed:
        """What the model explains of each row [propose, score]."""
        document = rows["document_id"].rank("dense").to_numpy().astype(np.int64) - 1
        text = tuple(wording.words_of(study.name, rows))
        if not self.has_values:
            return Observed(document, text)
        if "value" not in rows.columns:
            rows = self.with_values(study, rows)
        return Observed(document, text, tuple(rows["value"]), rows["number"].cast(pl.Float64).to_numpy())

    def estimates(self, judged: "Judged", level: float) -> pl.DataFrame:
        """Bits per text that each predicate adds to the others."""
        from tasks.kinds.fitted import effects

        return effects.estimates(judged, level)

    def shuffled(self, judged: "Judged", rng: np.random.Generator) -> "Judged":
        """Values, or verdicts, dealt out anew between documents."""
        from tasks.kinds.fitted import effects

        return effects.shuffled(judged, rng)

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Weights refitted, coverage and baselines."""
        from tasks.kinds.fitted import beside

        return beside.beside(self, judged, texts, found)

    def loads(
        self, study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame
    ) -> "list[Load]":
        """What a language model will be asked, at most."""
        from tasks.kinds.fitted.llm import loads

        return loads.of_fit(study, texts, names, units)

    def weights(self, of: "Refitted") -> pl.DataFrame:
        """Rows of tables.WEIGHTS [score]."""
        from tasks.kinds.fitted import beside

        return beside.weights(of)

    def parts(self, of: Observed) -> dict[str, Bool[np.ndarray, " text"]]:
        """Parts of the texts in each of which coverage is told, too, by what they are called [score]."""
        return {}

    def courses(self, of: "Refitted") -> pl.DataFrame:
        """More rows of tables.COVERAGE: shares that are smooth over slots [score]."""
        return tables.COVERAGE.to_frame()

    def changes(self, of: "Refitted") -> pl.DataFrame:
        """Rows of tables.CHANGES [score]."""
        return tables.CHANGES.to_frame()

    def headline(self, study: Study) -> dict[str, Mapping[str, Any]]:
        """What all sentences tell together, beside the best that is no sentence."""
        from tasks.kinds.fitted import headline

        return headline.headline(self, study)

    def headline_lines(self, told: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The same in a line."""
        from tasks.kinds.fitted import headline

        return [headline.line(one) for one in told.values()]

    def known(self, study: Study, of: Observed, bits: float) -> tuple[str, float] | None:
        """What share of all there is to know so many bits are, and of what; None: it has no end [score]."""
        return None

    def section(self, outputs: Outputs) -> Section | None:
        """Its part of the page."""
        return None
