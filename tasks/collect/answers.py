"""What a user must know of answers to prompts: whose name they give away, and what is no comparison.

Names are looked for in the exploration half alone. What is told of prompts and pairs needs no words of them.
"""

import re
from collections.abc import Iterable, Mapping

import polars as pl

from tasks.collect.notes import quoted
from tasks.store.sources import normalised

LEAST_NAMED = 2
"""Answers of a model that name it, from which on it is told: one may be a quote."""
MOST_SAME = 0.1
"""Share of pairs with the same answer twice from which on it is a warning."""
ENDS_APART = 0.15
"""Difference of shares of answers that end within a sentence from which on one model was cut off."""
_LEAST_CUT = 10
_LONG = 400
"""Characters from which on an answer is long enough to end in a full sentence."""
_AT_MOST_SHOWN = 3
_MAKERS = (
    "OpenAI|Anthropic|Google(?: DeepMind)?|DeepMind|Meta(?: AI)?|Facebook|Microsoft|Mistral(?: AI)?|Cohere|"
    "Alibaba(?: Cloud)?|DeepSeek|xAI|Moonshot AI|Zhipu AI|LMSYS|Stanford|NVIDIA|Amazon|AI2|TII"
)
_MODELS = (
    r"ChatGPT|GPT[- ]?[0-9o][\w.-]*|Claude|Gemini|Gemma|Bard|Llama|LLaMA|Vicuna|Alpaca|Koala|Mistral|Mixtral|"
    r"Qwen|DeepSeek|Grok|Copilot|Command[- ]R|Phi-\d|Falcon|Dolly|Open ?Assistant|Tulu|Guanaco|WizardLM"
)
_A_MODEL = (
    r"(?:AI|artificial intelligence|(?:large |AI |text-based )*language model|AI (?:assistant|model)|chatbot)"
)
_SAYS = (
    rf"(?i:\bas an? {_A_MODEL}\b[^.,;:!?\n]{{0,40}})"
    rf"|(?i:\bI(?: am|'m) an? (?:[\w-]+ ){{0,3}}?{_A_MODEL}\b)"
    rf"|(?i:\b(?:I am|I'm|as|my name is|call me)) (?:{_MODELS})\b"
    # Of itself: an answer may well tell who developed an operating system.
    rf"|(?i:\b(?:I(?:'m)?|{_A_MODEL})\b[^.!?\n]{{0,40}}?\b(?:made|developed|trained|created|built|designed)"
    rf" by) (?:{_MAKERS})\b"
)
"""What a model says of itself."""
_SEPARATED = re.compile(r"[\s_\-]+")


def told(texts: pl.DataFrame, names: Mapping[str, str], models: Iterable[str]) -> tuple[list[str], list[str]]:
    """Warnings, and what is no warning.

    Args:
        texts: rows of frames.TEXTS, two a text_hash.
        names: of the groups.
        models: every model that there is.
    """
    pairs = _pairs(texts)
    explored = texts.filter(half="explore")
    same, repeats = _same(pairs), _repeats(pairs)
    mostly_same = bool(same) and _share_same(pairs) >= MOST_SAME
    warnings = [*_names(explored, names, models), *_mirrored(pairs), *(same if mostly_same else [])]
    return [*warnings, *_cut_off(explored, names)], [*repeats, *([] if mostly_same else same)]


def is_there(rows: pl.DataFrame) -> pl.Expr:
    """Whether an answer is: a picture, or a text that is not empty."""
    is_picture = pl.col("media").is_not_null() if "media" in rows.columns else pl.lit(False)
    return is_picture | (pl.col("text").str.strip_chars() != "")


def whole(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Answers of which the other one is there, too, and how many are not; other rows stay as they are.

    Of a pair one picture may be unreadable: with what is left nothing is compared.
    """
    if "context" not in rows.columns:
        return rows, 0
    kept = rows.filter(pl.col("group").n_unique().over("identity") > 1)
    return kept, rows.height - kept.height


def of_alone(n: int) -> list[str]:
    """That pictures were left without the one they would be compared with."""
    if not n:
        return []
    return [f"left out: {n:,} picture{'s' * (n != 1)} of which the other model's cannot be read"]


def _pairs(texts: pl.DataFrame) -> pl.DataFrame:
    """A row a pair: its document, prompt and both answers as they are compared."""
    answer = pl.coalesce("media", pl.col("text").str.strip_chars()).alias("answer")
    read = texts.with_columns(answer, asked=normalised(texts["context"]))
    sides = [read.filter(group=group).select("text_hash", "document_id", "asked", "answer") for group in "AB"]
    return sides[0].join(sides[1].select("text_hash", "answer"), on="text_hash", suffix="_b")


def _names(explored: pl.DataFrame, names: Mapping[str, str], models: Iterable[str]) -> list[str]:
    """Answers that say whose they are."""
    own = "|".join(
        _SEPARATED.sub(r"[\\s_-]+", re.escape(m).replace("\\-", "-")) for m in models if _is_telling(m)
    )
    pattern = f"{_SAYS}|(?i:\\b(?:{own})\\b)" if own else _SAYS
    found = explored.with_columns(pl.col("text").str.extract_all(f"(?:{pattern})").alias("said"))
    counts = {
        group: (rows.filter(pl.col("said").list.len() > 0).height, rows.height)
        for group, rows in ((group, found.filter(group=group)) for group in names)
    }
    if max(n for n, _ in counts.values()) < LEAST_NAMED:
        return []
    shares = " and ".join(
        f"{n / max(of, 1):.1%} of {names[group]} ({n:,})" for group, (n, of) in counts.items()
    )
    listed = ", ".join(map(quoted, _commonest(found["said"])))
    return [
        f"answers say whose they are, or that a model wrote them: {shares}, in words such as {listed}. To "
        f"look past it write collect: {{ignore: [{listed}]}}"
    ]


def _commonest(said: pl.Series) -> list[str]:
    """The words that most answers have, one spelling of each: what is ignored is so in any case."""
    flat = said.list.unique().explode().drop_nulls().str.strip_chars().alias("said")
    counted = (
        flat.to_frame()
        .group_by(pl.col("said").str.to_lowercase().alias("folded"))
        .agg(pl.len().alias("n"), pl.col("said").min())
    )
    return counted.sort("n", "folded", descending=[True, False])["said"].head(_AT_MOST_SHOWN).to_list()


def _is_telling(model: str) -> bool:
    """Whether a name is not just any word: it has a digit and a letter, and some length."""
    return len(model) > 3 and bool(re.search(r"\d", model)) and bool(re.search(r"[^\W\d]{2}", model))


def _repeats(pairs: pl.DataFrame) -> list[str]:
    """Prompts that stand in several pairs."""
    n = pairs["asked"].value_counts(name="n").filter(pl.col("n") > 1)
    if not n.height:
        return []
    return [
        f"{n.height:,} prompts stand in several pairs ({n['n'].sum():,} in all); each is one document, in "
        "one half"
    ]


def _mirrored(pairs: pl.DataFrame) -> list[str]:
    """Pairs that stand there a second time with the answers swapped."""
    apart = pairs.filter(pl.col("answer") != pl.col("answer_b"))
    swapped = apart.select("asked", answer="answer_b", answer_b="answer").unique()
    n = apart.join(swapped, on=["asked", "answer", "answer_b"], how="semi").height
    if not n:
        return []
    return [
        f"mirrored rows: {n:,} of {pairs.height:,} pairs stand there twice, with answers swapped. "
        "Sides then do not tell the models apart, and differences cancel out. Keep one row of each, or say "
        "which model wrote which answer"
    ]


def _share_same(pairs: pl.DataFrame) -> float:
    return int((pairs["answer"] == pairs["answer_b"]).sum()) / max(pairs.height, 1)


def _same(pairs: pl.DataFrame) -> list[str]:
    """Pairs of which both answers are one."""
    n = int((pairs["answer"] == pairs["answer_b"]).sum())
    if not n:
        return []
    return [f"both answers are the same in {n:,} of {pairs.height:,} pairs ({n / pairs.height:.1%}): ties"]


def _cut_off(explored: pl.DataFrame, names: Mapping[str, str]) -> list[str]:
    """One model's long answers end within a sentence much more often than the other's."""
    last = explored["text"].str.strip_chars().str.split("\n").list.last()
    ends = explored.with_columns(
        # A list or a heading needs no full stop.
        (
            last.str.contains(r"[\p{L}\p{N},]$")
            & last.str.contains(r"^[\p{L}\"'(]")
            & (last.str.len_chars() > 60)
        ).alias("is_open")
    ).filter(pl.col("text").str.len_chars() >= _LONG)
    found = {group: ends.filter(group=group)["is_open"] for group in names}
    shares = {group: int(is_open.sum()) / max(len(is_open), 1) for group, is_open in found.items()}
    n = max(int(is_open.sum()) for is_open in found.values())
    if n < _LEAST_CUT or max(shares.values()) - min(shares.values()) < ENDS_APART:
        return []
    said = " and ".join(f"{share:.0%} of {names[group]}" for group, share in shares.items())
    return [
        f"answers are cut off: {said} end within a sentence. A limit of tokens is no trait of a model; raise "
        "it, or leave such prompts out with collect.where"
    ]
