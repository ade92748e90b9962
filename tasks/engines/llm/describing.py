"""Pictures in words, for a proposer that reads: each is described once, as it is shown, and kept by its hash.

Only what a proposer is shown is described, so the confirmation half never is. The judge reads the picture
itself, and no description: a verdict is about what can be seen, in both halves alike.
"""

from collections import Counter
from functools import partial

import polars as pl

from tasks.engines import roles
from tasks.engines.gateway import problems
from tasks.engines.gateway.chat import Answer, Gateway, Request
from tasks.engines.gateway.pictures import Shown
from tasks.engines.llm import prompts
from tasks.errors import EngineError
from tasks.records import Call
from tasks.store import media
from tasks.store.canonical import canonical
from tasks.study import Study

STAGE = "propose"
MOST_TOKENS = 160
"""Room for about 60 words; what is written beyond is cut off."""


class Describer:
    """Asks a model that sees what is in pictures."""

    def __init__(self, study: Study) -> None:
        self._study = study
        (self._endpoint,) = study.llm.endpoints("describer")
        self._gateway = Gateway(study, STAGE)
        self._prompt = prompts.load("propose/describe")
        self._said: dict[str, str] = {}
        self.calls: list[Call] = []
        self.problems: Counter[str] = Counter()
        """Why pictures have no description."""

    @property
    def model(self) -> str:
        """Who is asked."""
        return self._endpoint.model

    @property
    def noted(self) -> roles.Noted:
        """How many pictures were described, and why others were not; nothing where there was none."""
        if not self._said:
            return {}
        n_without = self.problems.total()
        counts = {"n_described": len(self._said) - n_without, "n_not_described": n_without}
        return {**counts, **({"not_described": dict(self.problems.most_common())} if n_without else {})}

    def lack(self, whose: str) -> EngineError:
        """The error of a proposer that reads, where nobody says a word of the pictures it is to be shown.

        Args:
            whose: pictures they are: "a group", "any end".
        """
        ((why, _),) = self.problems.most_common(1)
        return EngineError(
            f"studies.{self._study.name}: wanted words for a proposer that reads, and of the pictures of "
            f"{whose} none has a caption, or a description by {self.model}: {why}.",
            hint=f"{problems.remedy(why)} Name another model under llm.describer, or bring captions.",
        )

    def described(self, texts: pl.DataFrame) -> pl.DataFrame:
        """The rows with what their pictures show as `description`; empty where nobody said it.

        Args:
            texts: rows of frames.TEXTS that are pictures of the exploration half.

        Raises:
            EngineError: the endpoint cannot be used, takes no pictures, or the budget is reached.
            StoreError: a picture is not there, or answers cannot be kept.
        """
        fresh = [one for one in texts["media"].unique(maintain_order=True) if one not in self._said]
        jobs = (partial(self._asked, one) for one in fresh)
        found: dict[str, Answer] = {}
        if fresh:
            self._gateway.run(jobs, found.update, len(fresh), f"describe {self._study.name}")
        for one in fresh:  # whatever order they were answered in
            self._take(one, found[one])
        return texts.with_columns(description=pl.Series([self._said[one] for one in texts["media"]]))

    async def _asked(self, one: str) -> dict[str, Answer]:
        """The request is made when it is sent: pictures never stand in memory together."""
        return {one: await self._gateway.ask(self._request(one))}

    def _request(self, one: str) -> Request:
        system, user = self._prompt.render()
        shown = (Shown(one, partial(media.one, self._study.name, one)),)
        return Request(
            "describer", self._endpoint, system, user, None, self._prompt.hash,
            about=one, most_tokens=MOST_TOKENS, pictures=shown,
        )  # fmt: skip

    def _take(self, one: str, answer: Answer) -> None:
        said = " ".join(canonical(answer.text).split()) if answer.status == roles.VALUE else ""
        self.calls += answer.calls
        self._said[one] = said
        if not said:
            self.problems[answer.problem or problems.empty()] += 1
