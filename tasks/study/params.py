"""The blocks of a study in params.yaml: every key with its type, range, default and meaning.

Not here:   how rows are read (corpus.py), a study as a whole, and reading params.yaml (reading.py)
"""

import re
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tasks.study import hosts
from tasks.study.asked import Sentences
from tasks.study.block import Block, Share


def _may_be_asked(base_url: str | None) -> str | None:
    """An address of http or https without a key in it; what is wrong with one is told without showing it."""
    if base_url is None:
        return None
    base_url = base_url.strip()
    try:
        parts = urlsplit(base_url)
        # Line ends and tabs inside are passed over there, and would be sent.
        fits = not re.search(r"[\s\x00-\x1f\x7f]", base_url)
        fits = fits and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("wanted an address like http://localhost:8000/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("wanted an address without a user, password or query; keys come from key_env")
    return base_url.rstrip("/")


def _is_a_variable(key_env: str | None) -> str | None:
    if key_env is not None and not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", key_env):
        # What stands there may be the key itself: never shown.
        raise ValueError("wanted the name of an environment variable in capitals, never the key itself")
    return key_env


SMALL = 14e9
"""A model with at most so many parameters does one thing at a time better than several."""
# Two digits of millions at least: "-1m" is how long a text may be.
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?e?(\d+(?:\.\d+)?(?=b)|\d{2,}(?=m))([bm])(?![a-z0-9])", re.I)
_UNITS = {"m": 1e6, "b": 1e9}

_SET_BY_NATSTAT = {
    "model": "write `model` beside `extra`",
    "max_tokens": "write `max_tokens` beside `extra`",
    "max_completion_tokens": "write `max_tokens` beside `extra`, which is sent under either name",
    "temperature": "write `temperature` beside `extra`",
    "logprobs": "write `llm: {logprobs: true}`",
    "top_logprobs": "write `llm: {logprobs: true}`",
    "messages": "leave it out: they are the question",
    "response_format": "leave it out: the form of an answer follows from the question",
    "stream": "leave it out: an answer is read whole",
    "n": "leave it out: one answer is read, and all are billed",
    "best_of": "leave it out: one answer is read, and all are billed",
}
"""Fields of a request that are not for `extra`, and what to do instead."""


def _may_be_added(extra: dict[str, Any]) -> dict[str, Any]:
    for name in extra:
        if name in _SET_BY_NATSTAT:
            raise ValueError(f"wanted no `{name}` in it, natstat sets that field; {_SET_BY_NATSTAT[name]}")
    return extra


BaseUrl = Annotated[str, AfterValidator(_may_be_asked)]
KeyEnv = Annotated[str, AfterValidator(_is_a_variable)]
Extra = Annotated[dict[str, Any], AfterValidator(_may_be_added)]
Amount = Annotated[int, Field(ge=1)]
MOST_PREDICATES, FILLED_UP_TO = 20, 40
"""Of propose.max_predicates, where it is `auto`."""
Temperature = Annotated[float, Field(ge=0, le=2)] | Literal["server"]


REPAIRED = "repaired:"
"""What the name of an encoder begins with that another study repaired; the study's name follows."""


class Embed(Block):
    """Which encoder turns texts into vectors."""

    encoder: str = "bundled"
    """`bundled` (MiniLM, 384 dimensions), `none`, a sentence-transformers, CLIP or SigLIP model by name or
    path, `openai:MODEL` (embeddings of the server under llm.base_url), or `repaired:STUDY` (what another
    study made of one)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 is about 2.5 times faster on processors that have it (cosine to float32 >= 0.998)."""
    batch_size: int = Field(default=64, ge=1)
    """Texts encoded at once."""
    shard_size: int = Field(default=4096, ge=1)
    """Texts per Prefect task."""


class Role(Block):
    """A model and how it is asked; what a role leaves out is as `llm` says."""

    base_url: BaseUrl | None = None
    """Any server that speaks OpenAI's chat completions; https://api.openai.com/v1 where none is named."""
    model: str | None = None
    """The name the server knows the model by; answers are remembered under it, whatever the address."""
    key_env: KeyEnv | None = None
    """Environment variable that holds the key (OPENAI_API_KEY); a server without keys needs none."""
    temperature: Temperature | None = None
    """0-2, 0 where none is named; `server` leaves it out, for models that accept none."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of one answer, a model's reasoning included; 4096 where none is named."""
    extra: Extra | None = None
    """Further fields of the request, e.g. {reasoning_effort: low}."""


class Endpoint(Role):
    """A role with every default filled in: all that an answer follows from, beside what is asked."""

    base_url: BaseUrl = "https://api.openai.com/v1"
    model: str
    key_env: KeyEnv = "OPENAI_API_KEY"
    temperature: Temperature = 0.0
    max_tokens: int = Field(default=4096, ge=1)
    extra: Extra = Field(default_factory=dict)

    @property
    def as_asked(self) -> dict[str, Any]:
        """All that an answer follows from: an address and a key are no part of it."""
        return self.model_dump(mode="json", exclude={"base_url", "key_env"})

    @property
    def is_small(self) -> bool:
        """Whether the name says at most SMALL parameters: `qwen2.5-1.5b`, `llama3.1:8b`, `gemma-3-270m-it`.

        A name that says no size is not small. Of several sizes the greatest counts (`qwen3-30b-a3b`), and
        of a mixture all experts together (`mixtral-8x7b`).
        """
        sizes = [
            int(experts or 1) * float(size) * _UNITS[unit.lower()]
            for experts, size, unit in _SIZE.findall(self.model)
        ]
        return 0 < max(sizes, default=0) <= SMALL


Panel = Annotated[tuple[Role, ...], Field(strict=False, min_length=1)]
RoleName = Literal[
    "proposer", "judge", "rater", "generator", "describer", "gold", "subject", "explainer", "reader"
]
OF_A_KIND: tuple[RoleName, ...] = ("subject", "explainer", "reader")
"""Roles that one kind asks in, and answers for: no other study needs a model for them."""


class Llm(Role):
    """Which models `engine: llm` asks; every key can be set for a role of its own."""

    proposer: Role = Role()
    """Who suggests hypotheses."""
    judge: Role | Panel = Role()
    """Who judges texts; a list is a panel whose scores are averaged."""
    rater: Role = Role()
    """Who rates relevance, novelty and significance."""
    generator: Role = Role()
    """Who writes new texts."""
    describer: Role = Role()
    """Who says in words what a proposer's pictures show; what it leaves out is as the (first) judge has it,
    who sees pictures, too."""
    gold: Role = Role()
    """Who judges the sample of `gold.texts` again: a stronger model than the judge."""
    subject: Role = Role()
    """The model under test in `kind: explanations`: who answers."""
    explainer: Role = Role()
    """Who explains its answers; leave it out where the model explains itself."""
    reader: Role = Role()
    """Who reads an explanation and guesses what the model answers elsewhere."""
    logprobs: bool = False
    """Judge by the probability of `yes` (a graded score) where the server returns log-probabilities."""
    check: bool = True
    """Ask the judge questions with known answers first, and refuse one that is no better than chance."""

    def addresses(self) -> set[str]:
        """Of all servers that may be asked."""
        default = Endpoint.model_fields["base_url"].default
        shared = self.base_url or default
        owns: list[Role | Panel] = [getattr(self, role) for role in get_args(RoleName)]
        each = [one for own in owns for one in (own if isinstance(own, tuple) else (own,))]
        return {one.base_url or shared for one in each}

    def names_model(self, role: RoleName) -> tuple[bool, ...]:
        """Whether a model is known for each one asked in that role."""
        own: Role | tuple[Role, ...] = getattr(self, role)
        panel = own if isinstance(own, tuple) else (own,)
        shared = bool(self.model) or (role == "describer" and self.names_model("judge")[0])
        return tuple(bool(one.model) or shared for one in panel)

    def endpoints(self, role: RoleName) -> tuple[Endpoint, ...]:
        """Whom to ask in that role: one, or a panel of judges.

        Raises:
            ValidationError: no model is named.
        """
        own: Role | tuple[Role, ...] = getattr(self, role)
        panel = own if isinstance(own, tuple) else (own,)
        of = self.endpoints("judge")[0] if role == "describer" else self
        shared = {name: getattr(of, name) for name in Role.model_fields}
        return tuple(
            Endpoint.model_validate(
                {
                    name: value
                    for name in Role.model_fields
                    if (value := getattr(one, name) if getattr(one, name) is not None else shared[name])
                    is not None
                }
            )
            for one in panel
        )


class Price(Block):
    """USD per million tokens of one model."""

    input: float = Field(ge=0)
    """Tokens of the prompt."""
    output: float = Field(ge=0)
    """Tokens of the answer."""
    cached: float | None = Field(default=None, ge=0)
    """Tokens of the prompt that the server had cached; as `input` without it."""


_CALLS_AT_ONCE, _OWN_CALLS_AT_ONCE = 32, 4
_TIMEOUT_S, _OWN_TIMEOUT_S = 60.0, 600.0
"""A server of one's own writes some ten tokens a second, and lets calls wait for a free slot."""


class Spend(Block):
    """How much and how fast a paid endpoint is asked; never what it answers."""

    budget_usd: float | None = Field(default=None, gt=0)
    """Most this study may ever cost; it stops there and can go on with a higher one."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Price by model name; without one, cost is unknown and stays empty."""
    concurrency: int | None = Field(default=None, ge=1, le=1024)
    """Calls in flight at once; where none is named, 32, and 4 to a server on this machine or a private
    network."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Most calls begun in a minute."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Most tokens asked for in a minute (estimated before a call)."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds until a call without an answer is tried again; the server may bill the late answer, too. Where
    none is named, 60, and 600 for a server on this machine or a private network, where calls queue."""
    attempts: int = Field(default=8, ge=1)
    """Most tries of one call; being told to wait (429) is no try."""
    patience_s: float = Field(default=60.0, ge=0)
    """Seconds without a single answer after which the endpoint counts as down."""

    def calls_at_once(self, base_url: str) -> int:
        """How many calls may be in flight to a server."""
        return self.concurrency or (_OWN_CALLS_AT_ONCE if _is_own(base_url) else _CALLS_AT_ONCE)

    def longest_wait_s(self, base_url: str) -> float:
        """How long an answer of a server is waited for."""
        return self.timeout_s or (_OWN_TIMEOUT_S if _is_own(base_url) else _TIMEOUT_S)


def _is_own(base_url: str) -> bool:
    return hosts.is_own(urlsplit(base_url).hostname or "")


class Propose(Block):
    """What the proposer may suggest."""

    also: Sentences = ()
    """Sentences of your own to test: a list, or a text file in `hypotheses/` with one a line. `a: ...` and
    `b: ...` say where more is expected."""
    only: bool = False
    """Whether these alone are tested, and nothing else is proposed."""
    replicates: Annotated[str, Field(pattern=r"^[0-9a-f]{16}/[0-9a-f]{16}$")] | None = None
    """A past discovery that is tested again, alone, on these data: RUN_ID/PREDICATE_ID. `natstat replicate`
    writes it."""
    max_predicates: Amount | Literal["auto"] = "auto"
    """Most predicates that are frozen and tested, those of `also` first; `auto`: 20. Then, where a verdict is
    free (two groups, `engine: embedded`) and fewer than 20 stand out, what may be true fills up to 40."""
    families: tuple[Literal["words", "style", "theme", "axis", "picture", "shows"], ...] = Field(
        default=("words", "style", "theme", "axis", "picture", "shows"), min_length=1, strict=False
    )
    """Which proposers of the embedded engine take part; `picture` (how pictures look) and `shows` (what is
    seen in them) have nothing to say of texts."""
    max_phi: float = Field(default=0.5, gt=0, le=1)
    """Candidates whose verdicts correlate more than this with a better one are dropped."""
    gate_z: float = Field(default=2.0, ge=0)
    """Least |z| on the exploration half; weaker candidates only fill up to five, so that a study can end."""
    about: str | None = None
    """How the texts came about, told to a language model."""
    examples: tuple[str, ...] = Field(default=(), strict=False)
    """Hypotheses of the kind that is wanted, shown to a language model."""
    rounds: Amount | Literal["auto"] = "auto"
    """How often a language model is shown a new sample of each group; `auto`: 3, 2 for a small model (whose
    name says at most 14 billion parameters)."""
    error_rounds: int = Field(default=1, ge=0)
    """Further rounds on texts that the proposals so far do not explain."""
    samples: Amount | Literal["auto"] = "auto"
    """Texts of each group shown in a round; `auto`: 25, 16 for a small model."""
    per_round: int = Field(default=10, ge=1)
    """Hypotheses asked for in a round, both directions together; each direction has a call of its own."""
    judged: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Exploration texts of each group judged to rank proposals and to find unexplained texts; 0: none;
    `auto`: 100, 24 where the judge is a small model."""

    @property
    def most(self) -> int:
        """So many predicates are tested at most, where nothing fills up."""
        return MOST_PREDICATES if self.max_predicates == "auto" else self.max_predicates

    @property
    def filled_up_to(self) -> int:
        """So many are tested where a verdict is free and fewer than `most` stand out."""
        return FILLED_UP_TO if self.max_predicates == "auto" else self.max_predicates


class Formalise(Block):
    """How a verdict becomes 0 or 1."""

    threshold: float | None = Field(default=0.5, ge=0, le=1)
    """Scores at or above it count as 1; null keeps graded scores."""


class Sequential(Block):
    """When a predicate is decided, with `plan: sequential`; the study's error level is that of `score`."""

    alpha: Share = 0.05
    """As score.alpha, which must be the same: the walk stops by it."""
    min_effect: float = Field(default=0.02, ge=0, lt=1)
    """As score.min_effect, which must be the same."""
    control: Literal["fdr", "fwer"] = "fdr"
    """Share of false discoveries, or chance of any."""
    futility: Share = 0.1
    """Chance that a predicate is dropped as futile though its effect is the minimum; and that it is curtailed
    though its estimate on all texts would be."""
    look_every: int = Field(default=20, ge=2)
    """Texts judged between two looks; later a 32nd of those judged so far, where that is more."""


class Verify(Block):
    """How the judge walks the confirmation half."""

    shard_size: int = Field(default=8192, ge=1)
    """Texts per Prefect task."""
    max_texts: int | None = Field(default=None, ge=2)
    """Most texts judged per group (a seeded random sample); null judges all."""
    plan: Literal["fixed", "sequential"] = "fixed"
    """Whether every predicate is judged on every text, or only until it is decided."""
    sequential: Sequential = Sequential()
    """When a predicate is decided, with `plan: sequential`."""
    form: Literal["one_text", "two_text"] = "one_text"
    """Whether a language model judges a text alone, or one text of each group against the other, twice (with
    formalise.threshold: null)."""
    predicates_per_call: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Predicates a language model judges in one call on one text; auto: 1 where its name says at most 14
    billion parameters (`qwen2.5-1.5b`, `llama3.1:8b`) or with llm.logprobs, 10 else."""
    texts_per_call: int = Field(default=1, ge=1)
    """Texts it judges in one call on one predicate; only one of the two may be over 1."""
    max_chars: int = Field(default=20_000, ge=100)
    """A longer text is cut to this many characters for the language model, and counted."""


class Gold(Block):
    """A better judge of a sample of the confirmation texts, by whom the effects are corrected."""

    texts: int = Field(default=0, ge=0)
    """Confirmation texts of each group that the model under llm.gold judges, too; 0: none."""
    choose: Literal["random", "uncertain"] = "random"
    """Which of them: any alike, or more often those of which a judge with graded scores is unsure."""
    decides: bool = False
    """Whether discoveries follow from the corrected effects: a cascade, in which the judge only screens."""


class ScoreParams(Block):
    """What counts as a discovery."""

    alpha: Share = 0.05
    """False discovery rate over all frozen predicates."""
    level: Share = 0.95
    """Confidence level of the intervals."""
    min_effect: float = Field(default=0.02, ge=0, lt=1)
    """Least |validity| worth calling a discovery; a smaller estimate counts as no evidence at all. A kind may
    have another default (docs of its own)."""
    group_phi: float = Field(default=0.5, gt=0, le=1)
    """Predicates whose verdicts agree (correlate positively) at least this much are one finding."""


class Record(Block):
    """What is remembered, and how many verdicts may be missing."""

    n_evidence: int = Field(default=5, ge=0, le=100)
    """Texts kept for and against each predicate."""
    max_refusal_share: float = Field(default=0.2, ge=0, le=1)
    """A predicate with more refused or unparsable verdicts is no discovery (`too many gaps`); where most
    pairs of all have none, verify ends the study, unless this allows so many."""


class Report(Block):
    """What the report shows."""

    title: str | None = None
    """Headline; the study's name without it."""
    n_evidence: int = Field(default=3, ge=0, le=100)
    """Texts shown for and against each discovery."""
    n_rejected: int = Field(default=50, ge=0)
    """Rejected predicates listed."""
    texts: bool = True
    """Whether the page carries the confirmation texts, as far as they fit, to be searched; false leaves only
    those that `n_evidence` shows."""
