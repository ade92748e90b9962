"""Evaluation logs as tables of results: of Inspect, by its own reader, and samples of lm-evaluation-harness.

Both have the columns log, input, outcome, model, item, task, target and answer; those of Inspect also epoch,
and `scores.NAME` of each scorer.
"""

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks.errors import SourceError
from tasks.store.sources import nested
from tasks.store.sources.wording import reading, shown

INSPECT, HARNESS = "Inspect", "lm-evaluation-harness"
"""What the column `log` says."""
_LOG = "log"
_OWN = {_LOG, "input", "outcome", "model", "item"}
_OF_INSPECT = {"version", "status", "eval", "samples"}
_OF_HARNESS = {"doc_id", "doc", "target", "filtered_resps"}
_ASKED = ("question", "query", "input", "prompt", "problem", "instruction", "goal", "sentence", "text")
"""What the question is called in a document of lm-evaluation-harness, the likeliest first."""
_PROMPTS = ("arguments.gen_args_0.arg_0", "arguments.0.0")
_METRICS = ("exact_match", "acc", "pass@1")
"""Metrics that say right or wrong, the likeliest first."""
_NO_ANSWER, _WRONG = "N", "I"
_SAMPLES = re.compile(r"samples_(?P<task>.+?)_\d{4}-\d\d-\d\dT")


def are_logs(frames: Iterable[pl.DataFrame]) -> bool:
    """Whether all of them are evaluation logs."""
    return all(
        set(frame.columns) >= _OWN and frame.height and frame[_LOG][0] in {INSPECT, HARNESS}
        for frame in frames
    )


def is_inspect(loaded: Any) -> bool:
    """Whether JSON is a log of Inspect."""
    return isinstance(loaded, dict) and loaded.keys() >= _OF_INSPECT and isinstance(loaded["eval"], dict)


def n_bytes(file: Path) -> int:
    """What a log unpacks to; one that is not packed is as long as it is."""
    with reading(file, "an evaluation log of Inspect", "Check that it is whole and may be read."):
        if not zipfile.is_zipfile(file):
            return file.stat().st_size
        with zipfile.ZipFile(file) as packed:
            return sum(part.file_size for part in packed.infolist())


def inspect_samples(file: Path) -> list[dict[str, Any]]:
    """The answers of a log of Inspect, one a sample and epoch.

    Raises:
        SourceError: Inspect is not installed, cannot read the log, or finds no answers in it.
    """
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise SourceError(
            f"{shown(file)}: wanted Inspect to read its log, it is not installed. Run "
            "`pip install inspect-ai` (natstat's extra `inspect`)."
        ) from None
    try:
        log = read_eval_log(str(file), resolve_attachments="core", exclude_fields={"events", "store"})
    # A damaged log raises whatever its parser raises.
    except Exception as error:  # noqa: BLE001
        said = " ".join(str(error).split())[:200]
        raise SourceError(
            f"{shown(file)}: wanted a log of Inspect, cannot be read: {said}. Check that it is whole."
        ) from None
    if not log.samples:
        raise SourceError(f"{shown(file)}: wanted answers, the log has none (its status: {log.status}).")
    return [_of_sample(log, sample) for sample in log.samples]


def _of_sample(log: Any, sample: Any) -> dict[str, Any]:
    scores = {name: score.value for name, score in (sample.scores or {}).items()}
    row: dict[str, Any] = {
        _LOG: INSPECT,
        "input": _asked(sample.input),
        "model": log.eval.model,
        "item": f"{log.eval.task}/{sample.id}",
        "epoch": sample.epoch,
        "task": log.eval.task,
        "target": sample.target if isinstance(sample.target, str) else "; ".join(sample.target),
        "answer": sample.output.completion,
        "metadata": sample.metadata or None,
        **{f"scores.{name}": value for name, value in scores.items()},
    }
    if len(scores) <= 1:
        value = next(iter(scores.values()), None)
        row["outcome"] = _WRONG if value == _NO_ANSWER else value
    return row


def _asked(said: Any) -> str:
    """What was asked: of messages what the user said last."""
    if isinstance(said, str):
        return said
    by_user = [message.text for message in said if message.role == "user"]
    return str(by_user[-1]) if by_user else ""


def recognised(frame: pl.DataFrame, file: Path) -> pl.DataFrame:
    """Samples of lm-evaluation-harness with columns as every log has them; other rows as they are.

    The model is what its folder is called, as the harness writes it.
    """
    if not set(frame.columns) >= _OF_HARNESS or not frame.height:
        return frame
    found = _SAMPLES.match(file.name)
    task = found["task"] if found else ""
    added: Mapping[str, pl.Series | pl.Expr] = {
        _LOG: pl.lit(HARNESS),
        "input": _question(frame),
        "outcome": _metric(frame),
        "model": pl.lit(file.absolute().parent.name),
        "item": pl.format("{}{}", pl.lit(f"{task}/" if task else ""), "doc_id"),
        "task": pl.lit(task),
        "answer": _reached(frame, "filtered_resps.0"),
    }
    return frame.with_columns(
        value.alias(name) for name, value in added.items() if name not in frame.columns and value is not None
    )


def _question(frame: pl.DataFrame) -> pl.Series:
    """What the document calls its question; else the whole prompt."""
    held = nested.opened(frame.select("doc")) if nested.is_nested(frame["doc"]) else frame.select("doc")
    paths = [*(f"doc.{name}" for name in _ASKED), "doc"]
    found = next(
        (held[path] for path in paths if path in held.columns and held[path].dtype == pl.String), None
    )
    if found is not None:
        return found
    prompts = [_reached(frame, path) for path in _PROMPTS]
    return next((prompt for prompt in prompts if prompt.null_count() < frame.height), prompts[0])


def _metric(frame: pl.DataFrame) -> pl.Series:
    """Whether the answer is right, by the first metric that says so."""
    listed = _reached(frame, "metrics.0").drop_nulls()
    names = [*_METRICS, *listed.unique(maintain_order=True).to_list()]
    found = next(
        (frame[name] for name in names if name in frame.columns and frame[name].dtype.is_numeric()), None
    )
    return _nothing(frame) if found is None else found


def _reached(frame: pl.DataFrame, path: str) -> pl.Series:
    """What a path leads to; null everywhere where it leads to nothing."""
    head = path.split(".", 1)[0]
    if not nested.reaches(frame.columns, path) or frame[head].dtype == pl.Null or nested.ends(frame, path):
        return _nothing(frame)
    found = nested.reached(frame, path, "", "")
    return _nothing(frame) if nested.is_nested(found) else found


def _nothing(frame: pl.DataFrame) -> pl.Series:
    return pl.repeat(None, frame.height, dtype=pl.String, eager=True)
