"""A study as a whole: what its blocks mean together, whatever its kind.

Not here:   the blocks themselves (params.py), reading params.yaml (reading.py), what a kind refuses
            (`Kind.check`)
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

from tasks import paths
from tasks.study import asked, naming, remote_data
from tasks.study.block import Block
from tasks.study.corpus import Collect
from tasks.study.params import (
    OF_A_KIND,
    Embed,
    Formalise,
    Gold,
    Llm,
    Propose,
    Record,
    Report,
    RoleName,
    ScoreParams,
    Spend,
    Verify,
)
from tasks.study.running import Runner
from tasks.study.unattended import Notify, Schedule

_HALF = 0.5
NOBODY = ".gitkeep"
"""The file of labels of a study that has none: it is there so that DVC can watch it."""


class Study(Block):
    """One entry under `studies:` in params.yaml, but for the block of its kind, which `reading` adds."""

    refuse: ClassVar[Callable[["Study"], None]] = staticmethod(lambda study: None)
    """What its kind cannot do is an error (`Kind.check`); a study without a kind refuses nothing."""
    compares: ClassVar[bool] = False
    """Whether its kind always compares two texts (`Kind.compares`), whoever judges."""
    name: str
    kind: str = "corpus_pair"
    """What is asked; the kind's own keys stand in a block of its name."""
    engine: Literal["embedded", "replay", "llm"] = "embedded"
    """Who proposes and judges: embedded (offline), llm (a language model) or replay (recorded verdicts)."""
    seed: int = Field(default=0, ge=0)
    """Decides the split and every draw; one per study."""
    data: Annotated[str, AfterValidator(remote_data.checked)]
    """File or folder everything is read from; DVC watches it. Or the address of one: s3://, gs:// or
    https:// (a file)."""
    verdicts: str | None = None
    """Recorded verdicts for `engine: replay`: a file that is `data` or lies inside it."""
    labels: str = NOBODY
    """People's verdicts: a file in `data/labels` (`natstat label` writes one); .gitkeep: there are none."""
    after: str = NOBODY
    """Another study's stage that this one rests on, such as `mend/6_scores`; .gitkeep: there is none."""
    goal: str = Field(min_length=1)
    """What the reader wants to know; relevance is measured against it."""
    user: str | None = None
    """Who reads the result."""
    schedule: Schedule = None
    """When `make ui` runs it: `every 6 hours`, `every monday at 03:00 in Europe/Berlin`, or cron, such as
    `0 3 * * *`; UTC where no zone is named."""
    notify: Notify = Notify()
    collect: Collect = Collect()
    llm: Llm = Llm()
    spend: Spend = Spend()
    runner: Runner = Runner()
    embed: Embed = Embed()
    propose: Propose = Propose()
    formalise: Formalise = Formalise()
    verify: Verify = Verify()
    gold: Gold = Gold()
    score: ScoreParams = ScoreParams()
    record: Record = Record()
    report: Report = Report()

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, name: str) -> str:
        if wrong := naming.problem(name):
            raise ValueError(wrong)
        return name

    @field_validator("after")
    @classmethod
    def _after_is_a_stage(cls, after: str) -> str:
        study, _, folder = after.partition("/")
        if after != NOBODY and (naming.problem(study) or folder not in paths.stage_folders()):
            raise ValueError(
                f"wanted a study and the folder of a stage, such as `mend/6_scores`, got {after!r}"
            )
        return after

    @model_validator(mode="after")
    def _rests_on_another(self) -> "Study":
        if self.after.partition("/")[0] == self.name:
            raise ValueError(f"wanted another study under after, got {self.after!r}, which is its own")
        return self

    @model_validator(mode="after")
    def _replay_has_verdicts(self) -> "Study":
        if (self.engine == "replay") != (self.verdicts is not None):
            raise ValueError("wanted `verdicts: FILE` together with `engine: replay`, got one alone")
        return self

    @model_validator(mode="after")
    def _kind_can_do_it(self) -> "Study":
        type(self).refuse(self)
        return self

    @model_validator(mode="after")
    def _asks_something(self) -> "Study":
        also = self.propose.also
        if self.propose.replicates and (also or self.propose.only):
            raise ValueError(
                "wanted propose.replicates without also and only: a replication tests one sentence alone"
            )
        if self.propose.only and not also:
            raise ValueError("wanted sentences under propose.also with `only: true`, which tests them alone")
        if isinstance(also, str) and not asked.is_a_place_for_them(also):
            raise ValueError(
                f"wanted propose.also to be a list of sentences, or a file in the folder {paths.ASKED}/, got "
                f'{also!r}. Write `["..."]` around a sentence; move a file there, and write '
                f"`also: {paths.ASKED}/{Path(also).name}`"
            )
        return self

    @property
    def own_sentences(self) -> tuple[asked.Asked, ...]:
        """Sentences of the user's own.

        Raises:
            ParamsError: one of them cannot be.
            SourceError: their file cannot be read.
        """
        return asked.sentences(self.name, self.propose.also, self.propose.most)

    @property
    def proposes(self) -> bool:
        """Whether anything is proposed; else only what the user named is tested."""
        return not self.propose.only and self.propose.replicates is None

    @property
    def most_predicates(self) -> int:
        """So many predicates are tested at most."""
        if self.propose.replicates:
            return 1
        return len(self.own_sentences) if self.propose.only else self.propose.most

    @model_validator(mode="after")
    def _gold_can_be_asked(self) -> "Study":
        gold, verify = self.gold, self.verify
        if gold.decides and not self.has_gold:
            raise ValueError(
                "wanted gold.texts or `labels: FILE` with gold.decides: nobody else would decide"
            )
        if not self.has_gold:
            return self
        if self.label_file and (gold.texts or gold.choose != "random"):
            raise ValueError(
                "wanted `labels: FILE` alone, or gold.texts: a model is asked where nobody has labelled"
            )
        if verify.form == "two_text":
            raise ValueError("wanted `form: one_text` with gold: a gold verdict is about one text")
        if gold.choose == "uncertain" and (verify.plan == "sequential" or not self._is_graded):
            raise ValueError(
                "wanted `choose: random`: `uncertain` needs `plan: fixed` and graded scores (a panel under "
                "llm.judge, llm.logprobs, or engine replay)"
            )
        if gold.texts and not all(self.llm.names_model("gold")):
            raise ValueError(
                "wanted the model that judges the gold sample; write `llm: {gold: {model: NAME}}`"
            )
        if gold.texts and self.engine == "llm":
            judges = [judge.as_asked for judge in self.llm.endpoints("judge")]
            if self.llm.endpoints("gold")[0].as_asked in judges:
                raise ValueError(
                    "wanted another model under llm.gold than the judge: it would agree with itself"
                )
        return self

    @property
    def _is_graded(self) -> bool:
        """Whether a score can say how sure the judge is."""
        return self.engine == "replay" or (
            self.engine == "llm" and (self.llm.logprobs or len(self.llm.endpoints("judge")) > 1)
        )

    @property
    def asked_roles(self) -> tuple[RoleName, ...]:
        """The roles in which this study asks a language model."""
        unasked = {"gold", *OF_A_KIND, *(() if self.proposes else ("proposer", "describer"))}
        roles = [role for role in get_args(RoleName) if role not in unasked] if self.engine == "llm" else []
        return (*roles, *(("gold",) if self.gold.texts else ()))

    @model_validator(mode="after")
    def _workers_keep_the_pace(self) -> "Study":
        a_minute = self.spend.requests_per_minute or self.spend.tokens_per_minute
        if a_minute and self.runner.calls_at_once:
            raise ValueError(
                "wanted runner.calls_at_once without spend.requests_per_minute and tokens_per_minute: each "
                "worker would use all of them. Leave runner.calls_at_once out; workers then take turns"
            )
        return self

    @model_validator(mode="after")
    def _budget_has_prices(self) -> "Study":
        if self.spend.budget_usd is not None and all(map(all, map(self.llm.names_model, self.asked_roles))):
            models = {e.model for r in self.asked_roles for e in self.llm.endpoints(r)}
            if unpriced := sorted(models - set(self.spend.prices)):
                raise ValueError(
                    f"wanted spend.prices for `{unpriced[0]}` to keep a budget; write "
                    f"`prices: {{{unpriced[0]}: {{input: USD, output: USD}}}}` per million tokens"
                )
        return self

    @model_validator(mode="after")
    def _llm_can_be_asked(self) -> "Study":
        verify = self.verify
        asked = verify.form == "two_text" and not type(self).compares
        if asked and (self.engine != "llm" or self.formalise.threshold is not None):
            raise ValueError("wanted `engine: llm` and `formalise: {threshold: null}` with `form: two_text`")
        if verify.predicates_per_call not in {1, "auto"} and verify.texts_per_call > 1:
            raise ValueError(
                "wanted verify.predicates_per_call or verify.texts_per_call to be 1, got both over 1"
            )
        if verify.plan == "sequential":
            told = (verify.sequential.alpha, verify.sequential.min_effect)
            if told != (self.score.alpha, self.score.min_effect):
                raise ValueError(
                    "wanted verify.sequential alpha and min_effect as under score "
                    f"({self.score.alpha:g}, {self.score.min_effect:g}), got {told[0]:g}, {told[1]:g}"
                )
        if self.engine != "llm":
            return self
        if self.llm.logprobs and verify.form == "two_text":
            raise ValueError("wanted `form: one_text` with llm.logprobs: a pair is no question of yes or no")
        if self.llm.logprobs and (verify.predicates_per_call not in {1, "auto"} or verify.texts_per_call > 1):
            raise ValueError("wanted verify.predicates_per_call and texts_per_call of 1 with llm.logprobs")
        nameless = [r for r in self.asked_roles if not all(self.llm.names_model(r))]
        if nameless:
            raise ValueError(
                f"wanted llm.model, or a model for the {nameless[0]}; write `llm: {{model: NAME}}`"
            )
        return self

    @model_validator(mode="after")
    def _judges_differ(self) -> "Study":
        if self.engine != "llm":
            return self
        judges = self.llm.endpoints("judge")
        asked = [judge.as_asked for judge in judges]
        twice = [one["model"] for i, one in enumerate(asked) if one in asked[:i]]
        if twice:
            raise ValueError(
                f"wanted a panel under llm.judge whose members differ in model or sampling, got "
                f"`{twice[0]}` twice in the same way: both would read the same kept answer. "
                "Leave one out, or change it, e.g. `extra: {seed: 2}` with a temperature over 0"
            )
        return self

    def rests_on(self, study: str, stage: str) -> None:
        """Refuses to read what DVC does not know of.

        Raises:
            ValueError: `after` names something else.
        """
        wanted = f"{study}/{paths.output(study, stage).name}"
        if self.after != wanted:
            raise ValueError(f"wanted `after: {wanted}`, which DVC then runs first, got {self.after!r}")

    @property
    def label_file(self) -> str | None:
        """The file in data/labels; None where there is none."""
        return None if self.labels == NOBODY else self.labels

    @property
    def has_gold(self) -> bool:
        """Whether somebody better than the judge has judged a sample, too."""
        return self.label_file is not None or self.gold.texts > 0

    @property
    def most_missing(self) -> float:
        """Share of verdicts, over all predicates, that may be missing; with more nothing is left to test."""
        return max(_HALF, self.record.max_refusal_share)

    @property
    def data_path(self) -> Path:
        """Where `data` lies; what stands behind an address is there once a reader has asked for it."""
        return paths.source(self.data)
