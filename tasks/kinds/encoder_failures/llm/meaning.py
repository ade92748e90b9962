"""Whether the two texts of a pair mean the same, as a language model says; several pairs share a call."""

import json
from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import Float, UInt8

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts
from tasks.engines.llm.asking import InVain
from tasks.kinds.encoder_failures.llm import schemas
from tasks.kinds.encoder_failures.prompts import FOLDER
from tasks.records import Call
from tasks.store.frames import hashed
from tasks.study import Study

PAIRS_PER_CALL = 10


class LlmMeaning:
    """Asks each judge of the panel; the score is the mean of what they say."""

    def __init__(self, study: Study, stage: str = "verify") -> None:
        self._study = study
        self._endpoints = study.llm.endpoints("judge")
        self._gateway = Gateway(study, stage)
        self._prompt = prompts.load("meaning", FOLDER)
        self._calls: dict[str, Call] = {}

    @property
    def name(self) -> str:
        """Models, and a hash of all that a verdict follows from beside the pair; frozen with the judge."""
        models = [e.as_asked for e in self._endpoints]
        asked = json.dumps([models, self._prompt.hash, PAIRS_PER_CALL, self._study.verify.max_chars])
        return f"llm/1 {'+'.join(e.model for e in self._endpoints)} {hashed(asked)[:8]}"

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers that what it said last rests on."""
        return tuple(self._calls[key] for key in sorted(self._calls))

    def differs(
        self, left: Sequence[str], right: Sequence[str], predicate_ids: Sequence[str] = ()
    ) -> tuple[Float[np.ndarray, " pair"], UInt8[np.ndarray, " pair"]]:
        """1 where the meanings differ, 0 where they are the same; NaN with the status of a gap.

        Args:
            left: one text of each pair.
            right: the other.
            predicate_ids: of each pair, for the ledger.

        Raises:
            EngineError: the endpoint cannot be used, the budget is reached, or a judge never answers in the
                wanted form.
        """
        n, self._calls = len(left), {}
        score = np.full((len(self._endpoints), n), np.nan)
        status = np.full(score.shape, roles.UNPARSABLE, dtype=np.uint8)
        ids = prompts.item_ids([f"{a}\x1f{b}" for a, b in zip(left, right, strict=True)], self._prompt.hash)
        order = sorted(range(n), key=lambda i: ids[i])
        packs = [order[i : i + PAIRS_PER_CALL] for i in range(0, n, PAIRS_PER_CALL)]

        in_vain = InVain(self._study.llm, [endpoint.model for endpoint in self._endpoints])

        def handle(settled: tuple[int, dict[int, bool], dict[int, int], tuple[Call, ...]]) -> None:
            judge, said, gaps, calls = settled
            in_vain.count_one(judge, bool(said) or roles.REFUSAL in gaps.values())
            self._calls.update((call.request_hash, call) for call in calls)
            for i, same in said.items():
                score[judge, i], status[judge, i] = float(not same), roles.VALUE
            for i, gap in gaps.items():
                status[judge, i] = gap

        async def settle(
            pack: list[int], judge: int
        ) -> tuple[int, dict[int, bool], dict[int, int], tuple[Call, ...]]:
            """Together first; what is missing then, alone."""
            said: dict[int, bool] = {}
            gaps: dict[int, int] = {}
            calls: list[Call] = []
            for asked in [pack, *([i] for i in pack if len(pack) > 1)]:
                if len(asked) == 1 and asked[0] in said:
                    continue
                answer = await self._gateway.ask(self._request(asked, judge, ids, left, right, predicate_ids))
                calls += answer.calls
                said |= _matched(answer.parsed, asked, ids)
                # An answer that leaves a pair out has said nothing of it.
                gaps |= {i: answer.status or roles.UNPARSABLE for i in asked if i not in said}
            return judge, said, {i: gap for i, gap in gaps.items() if i not in said}, tuple(calls)

        jobs = (partial(settle, pack, judge) for pack in packs for judge in range(len(self._endpoints)))
        total = len(packs) * len(self._endpoints)
        self._gateway.run(jobs, handle, total, f"meanings {self._study.name}")
        return score.mean(axis=0), status.max(axis=0)

    def _request(
        self,
        asked: Sequence[int],
        judge: int,
        ids: Sequence[str],
        left: Sequence[str],
        right: Sequence[str],
        predicate_ids: Sequence[str],
    ) -> Request:
        cut = self._study.verify.max_chars
        rows = [{"id": ids[i], "first": left[i][:cut], "second": right[i][:cut]} for i in asked]
        system, user = self._prompt.render(pairs=prompts.lines(rows))
        about = tuple(dict.fromkeys(predicate_ids[i] for i in asked)) if predicate_ids else ()
        return Request(
            "judge", self._endpoints[judge], system, user, schemas.Meanings, self._prompt.hash, about
        )


def _matched(parsed: object, asked: Sequence[int], ids: Sequence[str]) -> dict[int, bool]:
    """By id; one that is answered in two ways is not answered."""
    if not isinstance(parsed, schemas.Meanings):
        return {}
    said: dict[str, set[bool]] = {}
    for verdict in parsed.verdicts:
        said.setdefault(verdict.id, set()).add(verdict.same)
    return {i: next(iter(said[ids[i]])) for i in asked if len(said.get(ids[i], ())) == 1}
