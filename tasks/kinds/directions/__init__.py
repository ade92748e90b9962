"""Kind directions: what does a unit of a network (a neuron, a head, a feature) respond to?

Unit judged: one input. Estimand: share of the inputs at an end of the unit (the top tenth of its activation,
or the lowest) for which a sentence holds, minus the share of random inputs, which are the same for all units
and are drawn first. Sentences are named on one half of the inputs and tested on the other.

params checking tables gathering   its keys, what it refuses, its tables, inputs with their activations
encoding   activations of the parts of an encoder
ends       who is at an end, and who is random
roots      how surely a candidate differs at an end
tests      the estimand, and the same where activations mean nothing
readings   AUROC, Spearman, explained variance, a random direction
causal     what an encoder loses without a named part
pairs repairing   an encoder with weights for its parts, and what they are fitted on
lines page its part of `check` and the page
embedded/  llm/  who names units
prompts/   what a language model is asked
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Bool

from tasks.engines import roles
from tasks.errors import ParamsError
from tasks.kinds import Encoded, Gathered, Kind, Left, Outputs, Proposed, Search, Section, Seen, Words
from tasks.kinds.directions import tables
from tasks.kinds.directions.params import Directions, own
from tasks.records import Predicate
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.verdicts.judged import Judged


class DirectionsKind(Kind):
    """Both ends of every unit are two hypotheses."""

    name = "directions"
    question = "what does a unit of a network respond to?"
    cannot_replicate = (
        "a sentence names a unit, and alone it names none: directions.also_on tests names on another corpus"
    )
    unit = "input"
    estimand = "share of a unit's end minus share of random inputs"
    has_groups = False
    sides = {"A": "the end of a unit", "B": "random inputs"}  # noqa: RUF012 - never changed
    conditional = True  # two units may well mean the same: neither repeats the other
    planned_test = "end_against_random"
    samples = False
    Params = Directions
    tables = {  # noqa: RUF012 - never changed
        "activations": tables.ACTIVATIONS,
        "units": tables.UNITS,
        "bank": tables.BANK,
        "readings": tables.READINGS,
        "causal": tables.CAUSAL,
        "repair_pairs": tables.REPAIR_PAIRS,
    }
    words = Words(
        subject="unit, end: the input …",
        said="the input",
        rows="inputs",
        tested_on="inputs nobody had looked at",
        judged=("names of units", "confirmation inputs"),
        holds="{a} of {n_a} inputs at the end, {b} of {n_b} random ones",
        reads="is the share of inputs at an end of the unit for which the sentence holds, minus that of "
        "random inputs: +0.27, say, means 27 in 100 more.",
        shuffled="documents trade who of them is at an end, and who is random",
        labels="activations",
        null="activations meant nothing",
        baseline="surface feature",
        baselines="What surface features reach, each at the end where it differed most on the exploration "
        "half.",
    )

    def check(self, study: Study) -> None:
        """Refuses what there is no test for, and a study without activations."""
        from tasks.kinds.directions import checking

        checking.check(study)
        if study.verify.plan == "sequential" or study.has_gold or study.verify.form == "two_text":
            raise ValueError(f"wanted `plan: fixed`, `form: one_text` and no `gold` with `kind: {self.name}`")
        if study.engine not in ("embedded", "llm"):
            raise ValueError(f"wanted `engine: embedded` or `engine: llm` with `kind: {self.name}`")
        if study.propose.also:
            raise ValueError(
                f"wanted no propose.also with `kind: {self.name}`: a sentence alone names no unit"
            )

    def settled(self, study: Study) -> Study:
        """As many predicates as there may be ends and names of each."""
        study = super().settled(study)
        asked = own(study)
        most = {"max_predicates": _names_a_unit(asked) * (len(asked.units) or asked.most_units)}
        return study.model_copy(update={"propose": study.propose.model_copy(update=most)})

    def gather(self, study: Study) -> Gathered:
        """Inputs with their activations."""
        from tasks.kinds.directions import gathering, pairs

        if (repair := own(study).repair) is None or repair.pairs is None:
            return gathering.gathered(study)
        # What is wrong with them is said before anything else is done; other pairs make score stale.
        noted = {"file": repair.pairs, **pairs.noted(pairs.read(study)[0])}
        found = gathering.gathered(study)
        return replace(found, read={**found.read, "repair_pairs": noted})

    def begun(self, of_pictures: bool) -> dict[str, Any] | None:
        """The heads of the bundled encoder, on any texts.

        Raises:
            ParamsError: rows are pictures, which no bundled encoder has units for.
        """
        if of_pictures:
            raise ParamsError(
                "--kind directions: wanted texts, got pictures, whose units are those of a CLIP model or a "
                "table of activations. Write the entry by hand, with `directions: {target: FOLDER}` or "
                "`{activations: FILE}`: natstat explain directions."
            )
        return {"target": "bundled", "parts": "heads"}

    def encoded(self, study: Study, texts: pl.DataFrame) -> Encoded:
        """Activations of the parts of an encoder, where one is the target."""
        if own(study).target is None:
            return Encoded()
        from tasks.kinds.directions import encoding

        return encoding.encoded(study, texts)

    def propose(
        self, seen: Seen, actors: roles.Engine, rng: np.random.Generator, search: Search | None = None
    ) -> Proposed:
        """The strongest sentences of each end of each unit, on exploration inputs."""
        from tasks.kinds.directions import ends

        namer: Any = actors.proposer(seen.study)
        # Nothing is named from the corpus that names are tested on as well.
        rows = seen.texts.with_row_index("at").filter(group=ends.FIRST).sort("text_id")
        texts, vectors = rows.drop("at"), seen.vectors["embeddings"][rows["at"].to_numpy()]
        found = namer.propose(texts, ends.explored(seen.study, texts), vectors)
        noted = {"n_units": ends.units(seen.study).height, **namer.noted}
        return Proposed(found, noted, tuple(namer.calls))

    def wanted(
        self, study: Study, rows: pl.DataFrame, predicates: Sequence[Predicate]
    ) -> Bool[np.ndarray, "row predicate"] | None:
        """A language model is asked where the test looks: on random inputs, and on those at the end."""
        from tasks.kinds.directions import ends

        return ends.wanted(study, rows, predicates) if study.engine == "llm" else None

    def estimates(self, judged: "Judged", level: float) -> pl.DataFrame:
        """Share at the end minus share of random inputs."""
        from tasks.kinds.directions import tests

        return tests.estimates(judged, level)

    def shuffled(self, judged: "Judged", rng: np.random.Generator) -> "Judged":
        """Activations of other documents."""
        from tasks.kinds.directions import tests

        return tests.shuffled(judged, rng)

    def most_shuffles(self, judged: "Judged") -> int:
        """Fewer for many units: each shuffle tests all of them."""
        return max(min(100, 4000 // max(len(judged.predicates), 1)), 20)

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, Left]:
        """Baselines, how well each sentence reads its unit, what is lost without it, and the repair."""
        from tasks.kinds.directions import causal, readings, repairing

        study = judged.study
        left: dict[str, Left] = dict(readings.beside(judged, texts))
        # What holds on exploration inputs is asked here, which a language model is paid for.
        if own(study).has_directions and study.engine == "embedded":
            left["causal"] = causal.causal(judged, texts, found)
        if own(study).repair is not None:
            made, pairs = repairing.repair(study, texts)
            left |= {"repair": made.model_dump(), "repair_pairs": pairs}
        return left

    def compared(self, study: Study, units: pl.DataFrame) -> pl.DataFrame:
        """Random inputs, and as many others as are at an end."""
        from tasks.kinds.directions import ends

        return ends.compared(units, study.seed, own(study).top)

    def size_lines(self, found: Mapping[str, Any]) -> list[str]:
        """One pile of inputs, and the units."""
        from tasks.kinds.directions import lines

        return lines.sizes(found)

    def most_predicates(self, study: Study) -> int:
        """The names of both ends of each unit; with a bank, its sentences for each part."""
        from tasks.kinds.directions import files

        asked, n_units = own(study), len(own(study).units)
        if not n_units and asked.activations:
            n_units = files.n_units(study) or 0
        return _names_a_unit(asked) * (n_units or asked.most_units)

    def loads(
        self, study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame
    ) -> "list[Load]":
        """What is shown and judged to name units."""
        from tasks.kinds.directions.llm import loads

        return loads.of_units(study, texts, units)

    def supports(self, study: Study, held: pl.DataFrame) -> pl.Series:
        """Whether the input is at the unit's end."""
        from tasks.kinds.directions import ends

        return ends.at_end(study, held)

    def section(self, outputs: Outputs) -> Section:
        """A table of units."""
        from tasks.kinds.directions import page

        return page.section(outputs)


def _names_a_unit(asked: Directions) -> int:
    return asked.spans if asked.bank else 2 * asked.names


KIND = DirectionsKind()
