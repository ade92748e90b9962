"""What would be asked of language models, call by call: counted as the engine makes them, and measured.

Calls are counted with the study's own texts, batches and panel, and as if every hypothesis were new and
every one went on to be tested: at most so many. Tokens are estimated: prompts are filled in and measured,
answers are written out as JSON. Nothing is asked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

import polars as pl
from pydantic import BaseModel

from tasks.engines import roles
from tasks.engines.gateway import pictures
from tasks.engines.llm import drawing, packing, prompts, rating, sampling, schemas, suggesting, wording
from tasks.engines.llm.describing import MOST_TOKENS
from tasks.engines.llm.suggesting import question
from tasks.records import Predicate
from tasks.store import media
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
class Load:
    """Calls of one form, with the bytes of all their messages and answers."""

    stage: str
    role: RoleName
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


def together(each: Sequence[Load]) -> Load:
    """Loads of one form as one."""
    sums = {name: sum(getattr(one, name) for one in each) for name in ("n_calls", "bytes_in", "bytes_out")}
    return replace(each[0], **sums)


def of_texts(study: Study, texts: pl.DataFrame, names: Mapping[str, str], units: pl.DataFrame) -> list[Load]:
    """All that a study of two groups of texts asks for with `engine: llm`, but for its gold judge."""
    explored = texts.filter(pl.col("half") == "explore")
    proposed = (
        [
            *describing(study, explored, sampling.sizes(study).rounds + study.propose.error_rounds),
            *proposing(study, explored, names),
            *ranking(study, explored),
        ]
        if study.proposes
        else []
    )
    return [
        *proposed,
        *reading(study, explored),
        judging(study, study.most_predicates, units),
        *ratings(study, names),
    ]


def describing(study: Study, explored: pl.DataFrame, n_rounds: int) -> list[Load]:
    """Of pictures: each that a proposer is shown in so many rounds is described once."""
    return described(explored, min(explored.height, n_rounds * 2 * sampling.sizes(study).samples))


def described(explored: pl.DataFrame, n: int) -> list[Load]:
    """So many descriptions of pictures; none of texts."""
    if not media.are_pictures(explored):
        return []
    system, user = prompts.load("propose/describe").render()
    bytes_in = _bytes(system, user) + BYTES_PER_TOKEN * picture_tokens(explored)
    bytes_out = MOST_TOKENS * BYTES_PER_ANSWER_TOKEN
    return [Load("propose", "describer", n, n * bytes_in, n * bytes_out, None)]


def proposing(study: Study, explored: pl.DataFrame, names: Mapping[str, str]) -> list[Load]:
    """The rounds of hypotheses, a call for each group, and one after each round that mends what is unfit."""
    params, sizes, n = study.propose, sampling.sizes(study), suggesting.per_call(study)
    contrasts = not study.llm.endpoints("proposer")[0].is_small
    samples = shown_bytes(study, explored)
    noun = prompts.noun(study)
    groups = {f"these {noun}s": names["A"], f"other {noun}s": names["B"]}
    told = prompts.lines([groups]) if contrasts else ""
    n_rounds = sizes.rounds + (params.error_rounds if sizes.judged else 0)
    suggested = schemas.hypotheses(n, noun)(hypotheses=[f"The {noun} {SENTENCE}"] * n)
    answer = {"answer": f"The {noun} {SENTENCE}"}
    rounds = [
        load_of("propose", "proposer", prompts.load("propose/predicates"), suggested, samples, {
            "study": question(study) + told,
            "noun": noun,
            "n": n,
            "these": "",
            "others": "-" if contrasts else "",
            "examples": prompts.lines({"answer": e} for e in params.examples) if contrasts else "",
            "known": prompts.lines([answer] * min(done * n, suggesting.MAX_KNOWN)),
            "unexplained": done >= sizes.rounds,
        })
        for done in range(n_rounds)
        for _ in names
    ]  # fmt: skip
    return [*rounds, *[mending(params.per_round, noun)] * n_rounds]


def shown_bytes(study: Study, explored: pl.DataFrame) -> float:
    """The texts of a round as lines of data: of both groups, of one for a small model."""
    n, is_small = sampling.sizes(study).samples, study.llm.endpoints("proposer")[0].is_small
    return (0.5 if is_small else 1) * lines_bytes(explored, 2 * n)


def lines_bytes(explored: pl.DataFrame, n: int) -> float:
    """So many texts as lines of data, cut to what a prompt with all of them has room for."""
    room = max(sampling.LEAST_CHARS, min(sampling.MAX_CHARS, sampling.MAX_CHARS_IN_ALL // n))
    said = MOST_TOKENS * BYTES_PER_TOKEN if media.are_pictures(explored) else 0
    return n * (mean_bytes(explored, room) + len('{"text":""}\n') + min(said, room))


def mending(n: int, noun: prompts.Noun) -> Load:
    """The call that mends n sentences."""
    ids = [f"s{i}" for i in range(n)]
    lines = prompts.lines({"id": i, "sentence": SENTENCE, "wrong": f"it {wording.COMPARES}"} for i in ids)
    mended = schemas.rewrites(tuple(ids), noun)(**dict.fromkeys(ids, SENTENCE))
    values: dict[str, object] = {"sentences": lines, "noun": noun}
    return load_of("propose", "proposer", prompts.load("propose/rewrite"), mended, 0, values)


def ranking(study: Study, explored: pl.DataFrame) -> list[Load]:
    """Verdicts on a sample of the exploration half that order the proposals, one lot after another."""
    params, sizes = study.propose, sampling.sizes(study)
    if not sizes.judged:
        return []
    # Texts lie in the order of their hashes: the first are as good as any.
    sample = explored.group_by("group", maintain_order=True).head(sizes.judged)
    n_round = 2 * suggesting.per_call(study)
    lots = [sizes.rounds * n_round, *[n_round] * params.error_rounds]
    return [judging(study, lot, sample, "propose") for lot in lots]


def reading(study: Study, explored: pl.DataFrame) -> list[Load]:
    """Verdicts on exploration texts that say which way the user's own sentences lean."""
    asked, n = study.own_sentences, sampling.n_judged(study)
    if not asked or not n:
        return []
    sample = explored.group_by("group", maintain_order=True).head(n)
    return [judging(study, len(asked), sample, "propose")]


def judging(
    study: Study, n_predicates: int, texts: pl.DataFrame, stage: str = "verify", role: RoleName = "judge"
) -> Load:
    """All predicates on all texts, packed as the judge packs them, shard by shard."""
    predicates, together = _standing_in(n_predicates), packing.per_call(study, _judging_role(role))
    n_calls, bytes_in, bytes_out, answer = 0, 0.0, 0.0, None
    for start in range(0, texts.height, study.verify.shard_size):
        shard = texts.slice(start, study.verify.shard_size)
        packs = (
            packing.two_texts(study, predicates, shard, packing.whole_pairs_of(shard), together)
            if "pair" in shard.columns
            else packing.one_text(study, predicates, shard, together)
        )
        groups = islice(packs.each, 0, None, max(1, packs.n_groups // MEASURED))
        measured = [pack.asked(pack.items) for pack in chain.from_iterable(groups)]
        n_calls += packs.n_calls
        weight = packs.n_calls / max(len(measured), 1)
        bytes_in += weight * sum(_bytes(asked.system, asked.user) for asked in measured)
        bytes_out += weight * sum(_bytes(verdicts(asked)) for asked in measured)
        answer = next((asked.answer for asked in measured), None)
        if media.are_pictures(shard):
            n_pictures = packs.n_calls * (2 if "pair" in shard.columns else 1)
            bytes_in += n_pictures * BYTES_PER_TOKEN * picture_tokens(shard)
    return Load(stage, role, n_calls, bytes_in, bytes_out, answer)


def picture_tokens(texts: pl.DataFrame) -> float:
    """Of a picture as it is sent: by columns width and height, or of a large one; or of a drawn one."""
    if "bytes" in texts.columns:
        return pictures.tokens(drawing.SIDE, drawing.SIDE)
    if "width" not in texts.columns:
        return pictures.tokens(pictures.SIDE, pictures.SIDE)
    each = [pictures.tokens(width, height) for width, height in texts.select("width", "height").iter_rows()]
    return sum(each) / max(len(each), 1)


def _judging_role(role: RoleName) -> Literal["judge", "gold"]:
    return "gold" if role == "gold" else "judge"


def verdicts(asked: packing.Asked) -> str:
    """What a judge answers, written out."""
    word = asked.words[-1]
    return (
        word
        if asked.answer is None
        else asked.answer.model_validate(dict.fromkeys(asked.answer.model_fields, word)).model_dump_json()
    )


def ratings(
    study: Study,
    names: Mapping[str, str],
    asked: tuple[prompts.Prompt, prompts.Prompt] | None = None,
) -> list[Load]:
    """The blind proposer's guesses, and the ratings; by the rater's own prompts where none are given."""
    about = prompts.lines([{"goal": study.goal, "reader": study.user or "", **names}])
    guess, rate = asked or rating.LlmRater.prompts()
    n, noun = rating.N_GUESSES // 2, prompts.noun(study)
    guessed = schemas.GroupGuesses(more_in_a=[SENTENCE] * n, more_in_b=[SENTENCE] * n)
    ids = prompts.item_ids([str(i) for i in range(min(rating.PER_CALL, study.most_predicates))])
    name = max(names.values(), key=len)
    rows = [{"id": id_, "predicate": SENTENCE, "more_in": name} for id_ in ids]
    rated = schemas.PredicateRating(relevance=0, novelty=0, significance=0)
    known = [{"known": SENTENCE, "more_in": name}] * (rating.N_GUESSES + rating.N_SHOWN)
    batch = load_of(
        "record",
        "rater",
        rate,
        schemas.ratings(tuple(ids))(**dict.fromkeys(ids, rated)),
        0,
        {"study": about, "noun": noun, "known": prompts.lines(known), "hypotheses": prompts.lines(rows)},
    )
    n_batches = -(-study.most_predicates // rating.PER_CALL)
    return [
        load_of("record", "rater", guess, guessed, 0, {"study": about, "noun": noun, "n": n}),
        *[batch] * n_batches,
    ]


def gold(study: Study, chosen: pl.DataFrame) -> list[Load]:
    """What the gold judge reads: these texts, drawn as verify draws them."""
    n_predicates = study.most_predicates
    if study.gold.choose == "random":
        return [judging(study, n_predicates, chosen, role="gold")]
    # Each predicate draws texts of its own: no two need share a call.
    alone = judging(study, 1, chosen, role="gold")
    return [
        replace(alone, **{f: n_predicates * getattr(alone, f) for f in ("n_calls", "bytes_in", "bytes_out")})
    ]


def load_of(
    stage: str,
    role: RoleName,
    prompt: prompts.Prompt,
    answer: BaseModel,
    more: float,
    values: dict[str, object],
) -> Load:
    """One call of a prompt, with `more` bytes of texts in it."""
    messages = prompt.render(**values)
    return Load(stage, role, 1, _bytes(*messages) + more, _bytes(answer.model_dump_json()), type(answer))


def _standing_in(n: int) -> list[Predicate]:
    return [roles.unfrozen(f"{i:016x}", SENTENCE) for i in range(n)]


def _bytes(*texts: str) -> int:
    return sum(len(text.encode("utf-8", "replace")) for text in texts)


def mean_bytes(texts: pl.DataFrame, most_chars: int) -> float:
    """Of a text, cut to so many characters."""
    mean: float = texts["text"].str.slice(0, most_chars).str.len_bytes().mean() or 0.0  # type: ignore[assignment]
    return mean
