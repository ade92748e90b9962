"""One frozen record per table row. Tables are their plurals; schemas are in store/frames.py.

Text -> Proposal -> Predicate -> Verdict -> Score -> Discovery, with Exhibit as evidence.
"""

from dataclasses import dataclass
from typing import Literal

Group = Literal["A", "B"]
Half = Literal["explore", "confirm"]
Grade = Literal["exact", "proxy", "theme"]
Status = Literal["value", "refusal", "unparsable", "absent"]
Why = Literal[
    "contradicted",
    "too many gaps",
    "ill-defined",
    "untested",
    "futile",
    "curtailed",
    "undecided",
    "not significant",
    "other direction",
    "under the minimum",
]
"""Why a tested sentence is no discovery (score/discoveries.py): the first condition that failed."""
Estimand = Literal["difference of shares", "bits per text"]
ESTIMANDS: dict[str, Estimand] = {"share": "difference of shares", "bits": "bits per text"}
"""What an effect is, by the scale of the study's kind: effects of two estimands have no order."""


@dataclass(frozen=True)
class Text:
    """One distinct text of one group, after duplicates were merged."""

    text_id: str
    """Hex hash of group and of what makes the row one; the rows' sort order."""
    text_hash: str
    """Hex hash of what makes the row one, alone: the normalised text, or what its kind says (`identity` of
    `Gathered`). The two halves may not share it."""
    text: str
    group: Group
    document_id: str
    """What is drawn for a half and counts as one observation: the document that the source names, or the text
    itself; those that share a family of near-duplicates are one, under the smallest of their names."""
    half: Half
    n_merged: int
    """How many input rows this text stands for."""
    context: str | None = None
    """What it answers, where texts are answers: the prompt."""
    media: str | None = None
    """Hex SHA-256 of the bytes of the picture that the row is; `text` is then what is said of it, or ""."""


@dataclass(frozen=True)
class Proposal:
    """A sentence a proposer suggests, with how to judge it and what it saw."""

    predicate: str
    """Natural language, completing 'the text ...': `mentions "covid"`."""
    direction: Group
    """The group in which it is said to hold more often."""
    family: str
    """Which proposer: words, style, theme, axis, recorded, llm; user: the user asked for it."""
    grade: Grade
    """exact: the definition is the claim. proxy: a stand-in for it. theme: named by its exemplars."""
    definition: str
    """JSON that the engine's own judge evaluates."""
    explore_effect: float
    """Share in A minus share in B on the exploration half."""
    explore_z: float
    example_ids: tuple[str, ...] = ()
    """text_ids of the exploration half it was made from."""
    prompt_hash: str = ""
    weight: float = 1.0
    """How much of the error level is its own, beside the other proposals of its study; only ratios count."""


@dataclass(frozen=True)
class Predicate:
    """A frozen hypothesis: nothing else may be tested."""

    predicate_id: str
    predicate: str
    direction: Group
    family: str
    grade: Grade
    definition: str
    judge: str
    """Engine and version that judges it."""
    threshold: float | None
    """A score at or above this counts as 1; None keeps graded scores."""
    planned_test: str
    split_hash: str
    prompt_hash: str
    explore_effect: float
    explore_z: float
    weight: float = 1.0
    """As of its proposal."""


@dataclass(frozen=True, slots=True)
class Call:
    """An answer of a language model that a result rests on, paid now or earlier."""

    request_hash: str
    """Key of the answer in the cache."""
    stage: str
    role: str
    model: str
    predicate_ids: tuple[str, ...]
    """The predicates it was about, each with an equal share of its cost; empty: the whole study."""
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    """Of tokens_in, those the server had cached."""


@dataclass(frozen=True)
class Unasked:
    """Answers of a model that a study's rows are made of, as far as they are yet to be paid."""

    name: str
    """What the study calls it."""
    model: str
    n: int
    """All there must be."""
    n_missing: int
    """Those that nobody has asked for."""
    tokens_in: int
    """Of these; estimated."""
    tokens_out: int
    """Of these, at most."""


@dataclass(frozen=True)
class Verdict:
    """What the judge said of one predicate and one text."""

    predicate_id: str
    text_id: str
    score: float | None
    """0-1, None unless status is 'value'."""
    status: Status


@dataclass(frozen=True)
class Score:
    """The test of one predicate on the confirmation half."""

    predicate_id: str
    n_a: int
    n_b: int
    n_documents: int
    n_refused: int
    n_unparsable: int
    n_absent: int
    mean_a: float
    mean_b: float
    validity: float
    """mean_a - mean_b, in [-1, 1]."""
    lo: float
    hi: float
    p: float
    q: float
    conservative_validity: float
    """Where a walk stopped before the last text validity leans away from zero; this is one standard error
    nearer to it, 0 at least. Else it is validity."""
    missing_lo: float
    """Validity if every refused or unparsable verdict had gone against A ..."""
    missing_hi: float
    """... and for A."""
    method: str
    group_id: str
    """Paraphrase group: the predicate_id of its leader."""
    conditional_validity: float | None
    """Effect within strata of the leader's verdict; None for the leader."""
    adjusted_validity: float | None
    """Of a discovery of a fixed plan that is no length: effect at equal length and equal verdicts of the
    other findings ..."""
    adjusted_lo: float | None
    adjusted_hi: float | None
    e_value: float | None
    """Evidence against no effect in the frozen direction, valid at any stop; None in a fixed plan."""
    decision: str
    """fixed, or in a sequential plan confirmed, futile, curtailed or undecided."""
    fragile: bool
    """A discovery that would not stand if every missing verdict had gone against it."""
    is_discovery: bool
    why: Why | None
    """Why it is no discovery; None of one."""


@dataclass(frozen=True)
class Discovery:
    """One tested predicate of one run: the row analysts query (design: section 5)."""

    run_id: str
    study: str
    kind: str
    goal: str
    predicate_id: str
    predicate: str
    direction: Group
    n_a: int
    n_b: int
    estimand: Estimand
    """What validity measures."""
    validity: float
    lo: float
    hi: float
    p: float
    q: float
    conservative_validity: float
    """As of Score: what the report shows."""
    e_value: float | None
    corrected_validity: float | None
    corrected_lo: float | None
    corrected_hi: float | None
    relevance: float | None
    novelty: float | None
    novelty_blind: float | None
    """0-2, measured: distance to what was guessed from the goal alone."""
    novelty_past: float | None
    """0-2, measured: distance to the discoveries of other studies."""
    significance: float | None
    rated_by: str
    group_id: str
    is_discovery: bool
    n_judgements: int
    cost_usd: float | None
    """Its share of what the answers cost; None where a price is not known."""
    engine: str
    model: str
    grade: Grade
    family: str
    prompt_hash: str
    split_hash: str
    code_version: str


@dataclass(frozen=True)
class Exhibit:
    """A confirmation text shown for or against a predicate (table `evidence`)."""

    run_id: str
    predicate_id: str
    role: Literal["supports", "contradicts", "supports_other", "contradicts_other"]
    """The last two: what a text was compared with, of the same rank, where two are judged together."""
    rank: int
    text_id: str
    group: Group
    text: str
    score: float
    spans: str
    """JSON [[start, end], ...] of the matched parts, in characters."""
