"""Kind encoder_failures: which inputs does an embedding model confuse?

Unit judged: a pair of texts written to show a failure. Estimand: share of these pairs that fail (the encoder
takes them for one text, and their meanings differ) less that share of controls that share as many words and
differ in words of the same class (MultiMon: Tong, Jones & Steinhardt 2023, with a control). The corpus is one
pile of texts; its exploration half is searched for confused pairs, sentences of its confirmation half are
edited for the test.

params tables roles prompts/   its keys, its tables, who names failures and writes pairs, what is asked
mined      pairs of the exploration half, in shards (mining, tally, tiles: the search itself)
scale      the threshold, where params leave it to the encoder
fresh      new pairs for each failure, and controls
collision  whether a pair fails (views: how near two texts are)
transfer   failures on other encoders, and in a search; curve: at other thresholds
lessons mended told   what a repair may be fitted on; a repaired encoder before and after, and its price
loads lines page   its part of `cost`, `check` and the page
embedded/ llm/    who proposes, judges and writes
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.roles import Engine
from tasks.errors import CorpusError
from tasks.kinds import Kind, Outputs, Proposed, Search, Section, Seen, Words, Written
from tasks.kinds.encoder_failures import tables
from tasks.kinds.encoder_failures.params import LEXICAL, Failures, own
from tasks.kinds.encoder_failures.roles import REFERENCE
from tasks.records import Predicate
from tasks.study import Study

if TYPE_CHECKING:
    from tasks.engines.llm.loads import Load
    from tasks.kinds.encoder_failures.mined import Pairs
    from tasks.verdicts.judged import Judged


class EncoderFailures(Kind):
    """Failures are named from mined pairs, and tested on pairs written for each."""

    name = "encoder_failures"
    question = "which texts does an embedding model confuse?"
    unit = "pair of texts"
    estimand = "share of new pairs that fail minus that of controls"
    source = "MultiMon: Tong, Jones & Steinhardt 2023"
    has_groups = False
    sides = {"A": "new pairs", "B": "controls"}  # noqa: RUF012 - never changed
    # Only pairs that collide are asked for their meaning, and controls are harder to read than pairs that
    # were written to be read: gaps follow from what is measured, and left out they would make V too large.
    gaps = "against"
    written = "fresh"
    cannot_replicate = (
        "a failure is tested on pairs that are written for it, new ones in every study: take another seed"
    )
    judge_errs = False
    joins_near_duplicates = False
    reads_pictures = False
    tests_encoders = True
    Params = Failures
    tables = {  # noqa: RUF012 - never changed
        "pairs": tables.PAIRS,
        "fresh": tables.FRESH,
        "transfer": tables.TRANSFER,
        "retrieval": tables.RETRIEVAL,
        "curve": tables.CURVE,
        "lessons": tables.LESSONS,
        "mended": tables.MENDED,
        "price": tables.PRICE,
    }
    words = Words(
        subject="texts that differ by …",
        said="of texts that differ by",
        rows="pairs",
        tested_on="pairs written to test them",
        hypothesis="failure",
        judged=("failures", "new pairs and controls"),
        more="Raise encoder_failures.fresh",
        holds="{a} of {n_a} new pairs fail, {b} of their controls",
        reads="is the share of new pairs that fail minus that of their controls: +0.27, say, means that 27 "
        "in 100 more are confused than of controls.",
        looked="failures were named from mined pairs (those tagged “expected without data”: without), "
        "frozen, and tested on pairs written afterwards from sentences that nobody had looked at.",
        baseline="baseline",
        baselines="What pairs reach that no failure was named for, and what was expected without any data.",
        without="data",
    )

    def check(self, study: Study) -> None:
        """Refuses recorded verdicts, gold verdicts, comparisons, and a study without an encoder to test."""
        if study.embed.encoder in own(study).transfer:
            raise ValueError(
                f"wanted other encoders than `{study.embed.encoder}` under {self.name}.transfer: it is the "
                "one that is tested, and stands beside them anyway"
            )
        if study.engine == "replay" or study.has_gold or study.verify.form == "two_text":
            raise ValueError(
                f"wanted `engine: embedded` or `llm`, no `gold` and `form: one_text` with `kind: {self.name}`"
            )
        if study.propose.also:
            raise ValueError(
                f"wanted no propose.also with `kind: {self.name}`: a failure is named from mined pairs, and "
                "a sentence about one text says nothing of two"
            )
        if study.embed.encoder == "none":
            raise ValueError(f"wanted embed.encoder with `kind: {self.name}`: the encoder that is tested")

    def views(self, study: Study) -> dict[str, str]:
        """The encoder under test, and the reference where it is one."""
        reference = own(study).reference
        return super().views(study) | ({} if reference == LEXICAL else {REFERENCE: reference})

    def encoders(self, study: Study) -> list[str]:
        """Those of the views, and those that failures are tried on."""
        return [*super().encoders(study), *own(study).transfer]

    def search(self, seen: Seen) -> "Pairs":
        """Pairs that the encoder puts close and the reference apart."""
        from tasks.kinds.encoder_failures.mined import Pairs

        return Pairs(seen.study, seen.texts, seen.vectors)

    def propose(
        self, seen: Seen, actors: Engine, rng: np.random.Generator, search: Search | None = None
    ) -> Proposed:
        """Failures, named from the pairs that were mined."""
        evidence = cast("Pairs", search).evidence()
        proposer: Any = actors.proposer(seen.study)
        proposals = proposer.propose(evidence, rng)
        noted = {**evidence.noted, **proposer.noted}
        return Proposed(proposals, noted, tuple(proposer.calls), {"pairs": evidence.pairs})

    def units(self, study: Study, texts: pl.DataFrame) -> pl.DataFrame:
        """Stand-ins for the pairs that would be written to test one failure, and their controls."""
        n = own(study).fresh
        numbers = [f"{i:08d}" for i in range(n)]
        return pl.DataFrame({"group": ["A", "B"] * n, "document_id": [one for one in numbers for _ in "AB"]})

    def write(
        self, study: Study, texts: pl.DataFrame, predicates: Sequence[Predicate], actors: Engine
    ) -> Written:
        """Fresh pairs of each failure and their controls.

        Raises:
            CorpusError: there is not a pair for any failure.
        """
        from tasks.kinds.encoder_failures.fresh import fresh_pairs

        generators = importlib.import_module(f"{__name__}.{study.engine}").pair_generators(study)
        rows = fresh_pairs(study, texts, predicates, generators)
        if rows.is_empty():
            raise CorpusError(
                f"studies.{study.name}: no new pair was written for any of {len(predicates)} failures, or "
                "none that has a control. Name another model under llm.generator, or look at the "
                "descriptions in 4_predicates; controls exchange English words, so pairs in other "
                "languages have none."
            )
        paid = {call.request_hash: call for one in generators.values() for call in one.calls}
        return Written(rows, tuple(paid[key] for key in sorted(paid)))

    def written_from(self, study: Study) -> tuple[str, ...]:
        """The block, and the models that write."""
        asked = study.llm.model_dump_json() if study.engine == "llm" else ""
        return own(study).model_dump_json(exclude={"transfer"}), asked

    def beside(self, judged: "Judged", texts: pl.DataFrame, found: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Baselines, the confirmed failures on other encoders, and a search for their twins."""
        from tasks.kinds.encoder_failures import transfer

        return transfer.beside(judged, texts, found)

    def evidence(
        self, study: Study, texts: pl.DataFrame, tested: pl.DataFrame
    ) -> tuple[pl.DataFrame, Float[np.ndarray, "text dim"]]:
        """The pairs themselves; no vectors: a verdict rests on the pair as a whole."""
        return tested, np.empty((tested.height, 0), dtype=np.float32)

    def forecast(self, study: Study) -> dict[str, Any]:
        """How many pairs would be written to test the failures."""
        n_predicates, n_fresh = study.propose.most, own(study).fresh
        counted = {"n_predicates": n_predicates, "n_fresh": n_fresh, "n_pairs": n_predicates * n_fresh}
        return {"written": {**counted, "n_judged": 2 * n_predicates * n_fresh}}

    def size_lines(self, found: Mapping[str, Any]) -> list[str]:
        """One pile of texts, and what would be written."""
        from tasks.kinds.encoder_failures import lines

        return lines.sizes(found)

    def effect_lines(self, found: Mapping[str, Any]) -> list[str]:
        """The smallest success above the control that is found."""
        from tasks.kinds.encoder_failures import lines

        return lines.effect(found)

    def loads(
        self, study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame
    ) -> "list[Load]":
        """Rounds of mined pairs, new pairs, their meaning, and ratings."""
        from tasks.kinds.encoder_failures import loads

        return loads.of_failures(study, texts, names)

    def headline(self, study: Study) -> dict[str, Mapping[str, Any]]:
        """Of a repaired encoder: failures before and after, and the price."""
        from tasks.kinds.encoder_failures import told

        return dict(told.headline(study))

    def headline_lines(self, told: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The same as a person reads it."""
        from tasks.kinds.encoder_failures.told import lines

        return lines(told)

    def section(self, outputs: Outputs) -> Section:
        """Failures with their pairs, controls and pictures, other encoders, a search."""
        from tasks.kinds.encoder_failures import page

        return page.section(outputs)


KIND = EncoderFailures()
