"""What a study would ask of paid models, told before anything is spent (`python -m tasks cost`).

Calls are counted as the engine makes them, with the study's own texts, batches and panel, and as if every
hypothesis were new and every one went on to be tested: at most so many, answers that must be mended or asked
again left aside. Tokens are estimated: prompts are filled in and measured, answers are written out as JSON.
Nothing is asked and nothing is written.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import polars as pl
from pydantic import BaseModel

from tasks import collect, kinds, paths
from tasks.commands import check, label
from tasks.engines.llm import packing, prompts, rating, sampling, schemas
from tasks.engines.llm.proposing import question
from tasks.records import Predicate
from tasks.store import answers, calls
from tasks.study import Study
from tasks.study.params import RoleName

BYTES_PER_TOKEN, BYTES_PER_ANSWER_TOKEN = 4, 3
"""English prose as common tokenisers cut it; JSON with ids is cut finer."""
MEASURED = 200
"""Calls of a shard that are written out and measured; the others count as their mean."""
FRAME = 10
"""Tokens that a server puts around the messages of a call."""
SENTENCE = "mentions or describes " + "something of interest " * 4
"""Stands for a hypothesis of about twenty words."""


@dataclass(frozen=True)
class Asked:
    """What one stage asks of one model in one role."""

    stage: str
    role: RoleName
    model: str
    n_calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    """None where the model has no price."""


@dataclass(frozen=True)
class Load:
    """Calls of one form, with the bytes of all their messages and answers."""

    n_calls: int
    bytes_in: float
    bytes_out: float
    answer: type[BaseModel] | None

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens in and out, the schema that goes with every call included."""
        schema = len(json.dumps(self.answer.model_json_schema())) if self.answer else 0
        tokens_in = self.n_calls * (FRAME + schema / BYTES_PER_TOKEN) + self.bytes_in / BYTES_PER_TOKEN
        return round(tokens_in), round(self.bytes_out / BYTES_PER_ANSWER_TOKEN)


def preview(study: Study) -> dict[str, Any]:
    """At most so many judgements, calls, tokens and US dollars, and what is paid already.

    Raises:
        SourceError: a source cannot be read.
        CorpusError: its texts cannot answer the question.
    """
    found = collect.collected(study)
    held_out = check.tested(study, found.texts)
    sizes: dict[str, Any] = {
        "study": study.name,
        "engine": study.engine,
        "n_predicates": study.propose.max_predicates,
        "n_texts": held_out.height,
        "n_judgements": held_out.height * study.propose.max_predicates,
    }
    sizes |= {**check.to_write(study), **check.power(study, found.texts, held_out)}
    if not study.asked_roles:
        return {**sizes, "asked": [], "cost_usd": 0.0}
    asked = [*_by_engine(study, found, held_out), *_asked(study, "verify", "gold", gold(study, held_out))]
    return {
        **sizes,
        "asked": [asdict(one) for one in asked],
        "cost_usd": calls.summed([one.cost_usd for one in asked]),
        "paid_usd": paid_usd(study),
        "budget_usd": study.spend.budget_usd,
        "without_price": sorted({one.model for one in asked if one.cost_usd is None}),
    }


def _by_engine(study: Study, found: collect.Collected, held_out: pl.DataFrame) -> list[Asked]:
    """What the study's engine asks of models."""
    if study.engine != "llm":
        return []
    explored = found.texts.filter(pl.col("half") == "explore")
    if kinds.load(study.kind).writes_pairs:
        from tasks.kinds.encoder_failures import loads as cost_failures

        return [
            *_asked(study, "propose", "proposer", cost_failures.proposing_loads(study, explored)),
            *_asked(study, "verify", "generator", cost_failures.writing_loads(study, explored)),
            *_asked(study, "verify", "judge", cost_failures.judging_loads(study, explored)),
            *_asked(study, "record", "rater", rating_of(study, found.manifest["names"])),
        ]
    return [
        *_asked(study, "propose", "proposer", proposing(study, explored, found.manifest["names"])),
        *_asked(study, "propose", "judge", ranking(study, explored)),
        *_asked(study, "verify", "judge", [judging(study, study.propose.max_predicates, held_out)]),
        *_asked(study, "record", "rater", rating_of(study, found.manifest["names"])),
    ]


def _asked(study: Study, stage: str, role: RoleName, loads: Sequence[Load]) -> list[Asked]:
    """The same for each model of the role: every judge of a panel is asked everything."""
    n_calls = sum(load.n_calls for load in loads)
    tokens_in, tokens_out = (sum(load.tokens[i] for load in loads) for i in (0, 1))
    if not n_calls:
        return []
    return [
        Asked(
            stage,
            role,
            endpoint.model,
            n_calls,
            tokens_in,
            tokens_out,
            calls.price_usd(endpoint.model, tokens_in, tokens_out, 0, study.spend.prices),
        )
        for endpoint in study.llm.endpoints(role)
    ]


def proposing(study: Study, explored: pl.DataFrame, names: Mapping[str, str]) -> list[Load]:
    """The rounds of hypotheses, and a call after each that rewrites what compares."""
    params = study.propose
    n_shown = 2 * sampling.affordable(params.samples)
    room = max(sampling.LEAST_CHARS, min(sampling.MAX_CHARS, sampling.MAX_CHARS_IN_ALL // n_shown))
    samples = n_shown * (mean_bytes(explored, room) + len('{"group": "A", "text": ""}\n'))
    n_rounds = params.rounds + (params.error_rounds if params.judged else 0)
    suggested = schemas.Hypotheses(
        hypotheses=[schemas.Hypothesis(predicate=SENTENCE, direction="A")] * params.per_round
    )
    rounds = [
        load_of("propose/predicates", suggested, samples, {
            "study": question(study),
            "groups": prompts.lines({"group": group, "name": name} for group, name in names.items()),
            "n": params.per_round,
            "examples": prompts.lines({"predicate": example} for example in params.examples),
            "known": prompts.lines([{"predicate": SENTENCE, "direction": "A"}] * (done * params.per_round)),
            "unexplained": done >= params.rounds,
            "samples": "",
        })
        for done in range(n_rounds)
    ]  # fmt: skip
    lines = prompts.lines([{"id": ITEM_ID, "predicate": SENTENCE}] * params.per_round)
    mended = schemas.Rewrites(rewrites=[schemas.Rewrite(id=ITEM_ID, predicate=SENTENCE)] * params.per_round)
    return [*rounds, *[load_of("propose/rewrite", mended, 0, {"sentences": lines})] * n_rounds]


def ranking(study: Study, explored: pl.DataFrame) -> list[Load]:
    """Verdicts on a sample of the exploration half that order the proposals, one lot after another."""
    params = study.propose
    if not params.judged:
        return []
    # Texts lie in the order of their hashes: the first are as good as any.
    sample = explored.group_by("group", maintain_order=True).head(params.judged)
    lots = [params.rounds * params.per_round, *[params.per_round] * params.error_rounds]
    return [judging(study, lot, sample) for lot in lots]


def judging(study: Study, n_predicates: int, texts: pl.DataFrame) -> Load:
    """All predicates on all texts, packed as the judge packs them, shard by shard."""
    predicates = _standing_in(n_predicates)
    n_calls, bytes_in, bytes_out, answer = 0, 0.0, 0.0, None
    for start in range(0, texts.height, study.verify.shard_size):
        shard = texts.slice(start, study.verify.shard_size)
        packs = (
            packing.two_texts(study, predicates, shard, packing.pairs_of(shard))
            if "pair" in shard.columns
            else packing.one_text(study, predicates, shard)
        )
        measured = list(islice(packs.each, 0, None, max(1, packs.total // MEASURED)))
        n_calls += packs.total
        weight = packs.total / max(len(measured), 1)
        bytes_in += weight * sum(_bytes(*pack.messages(pack.items)) for pack in measured)
        bytes_out += weight * sum(_bytes(_verdicts(pack)) for pack in measured)
        answer = next((pack.answer for pack in measured), None)
    return Load(n_calls, bytes_in, bytes_out, answer)


def gold(study: Study, held_out: pl.DataFrame) -> list[Load]:
    """What the gold judge reads: a sample drawn as verify draws it."""
    if not study.gold.texts:
        return []
    n_predicates, chosen = (
        study.propose.max_predicates,
        label.gold_texts(held_out, study.gold.texts, study.seed),
    )
    if study.gold.choose == "random":
        return [judging(study, n_predicates, chosen)]
    # Each predicate draws texts of its own: no two need share a call.
    alone = judging(study, 1, chosen)
    return [
        replace(alone, **{f: n_predicates * getattr(alone, f) for f in ("n_calls", "bytes_in", "bytes_out")})
    ]


def _verdicts(pack: packing.Pack) -> str:
    """What a judge answers, written out."""
    if pack.answer is schemas.Comparisons:
        compared = [schemas.Comparison(id=item.id, more="neither") for item in pack.items]
        return schemas.Comparisons(verdicts=compared).model_dump_json()
    if pack.answer is None:
        return "yes"
    return schemas.Verdicts(
        verdicts=[schemas.Verdict(id=item.id, holds=False) for item in pack.items]
    ).model_dump_json()


def rating_of(study: Study, names: Mapping[str, str]) -> list[Load]:
    """The blind proposer's guesses, and the ratings."""
    about = prompts.lines([{"goal": study.goal, "reader": study.user or "", **names}])
    guess, rate = rating.prompts_of(study)
    guessed = schemas.Guesses(guesses=[SENTENCE] * rating.N_GUESSES)
    n_rated = min(rating.PER_CALL, study.propose.max_predicates)
    rows = [{"id": ITEM_ID, "predicate": SENTENCE, "more_in": max(names.values(), key=len)}] * n_rated
    rated = schemas.PredicateRating(id=ITEM_ID, relevance=0, novelty=0, significance=0)
    batch = load_of(
        rate,
        schemas.Ratings(ratings=[rated] * n_rated),
        0,
        {
            "study": about,
            "known": prompts.lines([{"known": SENTENCE}] * (rating.N_GUESSES + rating.N_SHOWN)),
            "hypotheses": prompts.lines(rows),
        },
    )
    n_batches = -(-study.propose.max_predicates // rating.PER_CALL)
    return [load_of(guess, guessed, 0, {"study": about, "n": rating.N_GUESSES}), *[batch] * n_batches]


def paid_usd(study: Study) -> float | None:
    """What the ledger says that this study has paid so far; None where a price is not known."""
    if not paths.answers().is_file():
        return 0.0
    with answers.opened() as opened:
        spent = opened.spent(study.name)
    paid: list[float | None] = []
    for one in spent:
        unpriced = (one.unpriced_in, one.unpriced_out, one.unpriced_cached)
        later = calls.price_usd(one.model, *unpriced, study.spend.prices) if any(unpriced) else 0.0
        paid.append(None if later is None else one.cost_usd + later)
    return calls.summed(paid)


def told(found: Mapping[str, Any]) -> list[str]:
    """The preview as a person reads it."""
    units = (
        ("failures", "new pairs and controls") if "written" in found else ("predicates", "confirmation texts")
    )
    head = (
        f"at most {found['n_predicates']} {units[0]} x {found['n_texts']:,} {units[1]} = "
        f"{found['n_judgements']:,} judgements"
    )
    ahead = found.get("sequential")
    if "without_price" not in found:
        free = f"{head}, 0.00 USD (engine {found['engine']} calls no paid service)"
        return [*check.useless_told(found), free, *check.power_told(found)]
    width = max(len(one["model"]) for one in found["asked"])
    lines = [
        *check.useless_told(found),
        f"{found['study']}: {head}. Tokens are estimated, without a model's reasoning",
        f"  {'stage':<8} {'role':<9} {'model':<{width}} {'calls':>9} {'tokens in':>13} {'tokens out':>12} "
        f"{'USD':>9}",
    ]
    total = {
        name: sum(one[name] for one in found["asked"]) for name in ("n_calls", "tokens_in", "tokens_out")
    }
    rows = [
        *found["asked"],
        {"stage": "at most", "role": "", "model": "", "cost_usd": found["cost_usd"], **total},
    ]
    lines += [
        f"  {one['stage']:<8} {one['role']:<9} {one['model']:<{width}} {one['n_calls']:>9,} "
        f"{one['tokens_in']:>13,} {one['tokens_out']:>12,} {_usd(one['cost_usd']):>9}"
        for one in rows
    ]
    lines += [
        f"price of {model} unknown: write `spend: {{prices: {{{model}: {{input: USD, output: USD}}}}}}` per "
        "million tokens"
        for model in found["without_price"]
    ]
    lines += check.power_told(found)
    lines += [_expected(found, ahead)] if ahead and found["engine"] == "llm" else []
    budget = "none" if found["budget_usd"] is None else f"{found['budget_usd']:,.2f} USD"
    return [
        *lines,
        f"paid for this study so far: {_usd(found['paid_usd'])} USD; budget: {budget}; answers that are kept "
        "are not paid again",
    ]


def _expected(found: Mapping[str, Any], ahead: Mapping[str, Any]) -> str:
    """What verify would cost where nothing differs, if calls shrink as judgements do."""
    judged = [one["cost_usd"] for one in found["asked"] if (one["stage"], one["role"]) == ("verify", "judge")]
    whole = calls.summed(judged)
    share = ahead["n_judgements_null"] / ahead["n_grid"]
    part = None if whole is None else share * whole
    if whole is None:
        return "  what that is in money is not known without a price"
    money = f"about {_usd(part)} of at most {_usd(whole)} USD"
    return f"  that is {money} for judging, if calls shrink as judgements do"


def _usd(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.2f}" if value >= 0.01 or value == 0 else "<0.01"


ITEM_ID = "k3f7ab"


def load_of(prompt: str, answer: BaseModel, more: float, values: dict[str, object]) -> Load:
    """One call of a prompt, with `more` bytes of texts in it."""
    messages = prompts.load(prompt).render(**values)
    return Load(1, _bytes(*messages) + more, _bytes(answer.model_dump_json()), type(answer))


def _standing_in(n: int) -> list[Predicate]:
    return [
        Predicate(
            predicate_id=f"{i:016x}", predicate=SENTENCE, direction="A", family="", grade="proxy",
            definition="", judge="", threshold=None, planned_test="", split_hash="", prompt_hash="",
            explore_effect=0.0, explore_z=0.0,
        )
        for i in range(n)
    ]  # fmt: skip


def _bytes(*texts: str) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in texts)


def mean_bytes(texts: pl.DataFrame, most_chars: int) -> float:
    """Of a text, cut to so many characters."""
    mean: float = texts["text"].str.slice(0, most_chars).str.len_bytes().mean() or 0.0  # type: ignore[assignment]
    return mean
