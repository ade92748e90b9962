"""What a run leaves in the Prefect UI beside its logs.

Progress by shards; and at the end what the data were like, the discoveries, and what was spent.
"""

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import UUID

import polars as pl
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.runtime import flow_run

from flows import settings
from tasks import paths, terminal
from tasks.records import ESTIMANDS
from tasks.report import filters
from tasks.report.findings import findings
from tasks.store import calls, frames
from tasks.study import Study

MAX_CHARS = 160
WAIT_S = 10.0
_MARKUP = re.compile(
    r"[\\`*\[\]<~@]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|:(?=//)|\bwww\.|^[-+>#=]|^\d+[.)]", re.IGNORECASE
)


def key(*parts: str) -> str:
    """An artifact's name: the UI admits lower-case letters, digits and dashes."""
    return "-".join(parts).replace("_", "-")


@contextmanager
def progress(study: str, stage: str, n_shards: int) -> Iterator[Callable[[int], None]]:
    """Leaves a progress artifact of the running flow; gives what tells it how many shards are finished.

    Where there is no shard it leaves nothing.
    """
    if not n_shards:
        yield lambda n_finished: None
        return
    with get_client(sync_client=True) as client:
        artifact_id = _leave(
            client,
            type="progress",
            key=key(study, stage, "progress"),
            data=0,
            description=f"{stage} of {study}: {n_shards} shards",
        )
        yield lambda n_finished: client.update_artifact(
            artifact_id, ArtifactUpdate(data=round(100 * n_finished / n_shards, 1))
        )


def show_results(study: Study) -> None:
    """Leaves what the data were like, the discoveries and what was spent as artifacts of the running flow."""
    rows, n_tested = discovery_rows(study.name)
    found = f"{len(rows)} findings (paraphrases folded)" if rows else "No discovery"
    tested = f"{found} among {n_tested} tested hypotheses. Goal: {plain(study.goal)}."
    page = _report(study.name)
    checked = f"What was counted and warned of before anything was tested. {page}"
    with get_client(sync_client=True) as client:
        _leave_table(client, key(study.name, "data", "checks"), data_rows(study.name), checked)
        nothing = [{"predicate": "nothing held up on what no proposer had seen"}]
        _leave_table(client, key(study.name, "discoveries"), rows or nothing, f"{tested} {page}")
        _leave(
            client,
            type="markdown",
            key=key(study.name, "spend"),
            data=spending(study),
            description=f"What was asked of language models, and its price. {page}",
        )


def _leave_table(client: SyncPrefectClient, name: str, rows: list[dict[str, Any]], description: str) -> None:
    _leave(client, type="table", key=name, data=json.dumps(rows, ensure_ascii=False), description=description)


def _report(study: str) -> str:
    """Where the report is: a link, if the server that shows it hands reports out (flows/guard.py)."""
    page = paths.report_page(study).relative_to(paths.root()).as_posix()
    url = f"{os.environ.get(settings.API_URL, '').removesuffix('/api')}/{quote(page)}"
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the server that the user named
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310
            is_there = "sandbox" in answer.headers.get("content-security-policy", "")
    except (OSError, ValueError):
        is_there = False
    return f"Report: [{page}]({url})" if is_there else f"Report: {page}"


def _leave(client: SyncPrefectClient, **artifact: Any) -> UUID:
    """Prefect's own create functions never close their client, which is a warning at the end of a run."""
    flow_run_id = UUID(flow_run.id) if flow_run.id else None
    return client.create_artifact(ArtifactCreate(flow_run_id=flow_run_id, **artifact)).id


def data_rows(study: str) -> list[dict[str, Any]]:
    """What collect counted, and of what it warned; how many verdicts there are of each sort."""
    collected = frames.read_manifest(paths.output(study, "collect"))
    counted = [
        {"of": "texts", "what": name.removeprefix("n_").replace("_", " "), "found": f"{value:,}"}
        for name, value in collected.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    warned = [
        {"of": "texts", "what": what, "found": plain(text)}
        for what in ("warning", "note")
        for text in collected.get(f"{what}s", [])
    ]
    verdicts = frames.read_manifest(paths.output(study, "verify"))["n_verdicts"]
    judged = [{"of": "verdicts", "what": status, "found": f"{n:,}"} for status, n in verdicts.items()]
    return counted + warned + judged


def spending(study: Study) -> str:
    """What the answers that the study rests on cost, by stage and model, as Markdown."""
    paid = calls.read(study.name)
    if paid.is_empty():
        return "No language model was asked."
    alike = paid.group_by("stage", "role", "model", maintain_order=True).agg(pl.len(), pl.sum(*calls.TOKENS))
    costs = calls.price_of_each(alike, study.spend.prices)
    lines = [
        f"| {row['stage']} | {row['role']} | {_cell(row['model'])} | {row['len']:,} | {row['tokens_in']:,} |"
        f" {row['tokens_cached']:,} | {row['tokens_out']:,} | {filters.cost(price)} |"
        for row, price in zip(alike.to_dicts(), costs, strict=True)
    ]
    head = "| stage | role | model | answers | tokens in | cached | out | price |"
    total = calls.summed(costs)
    paid_in_all = "of some no price is known" if total is None else filters.cost(total)
    whole = f"All answers that this run rests on, paid now or before: {paid_in_all}."
    budget = study.spend.budget_usd
    limit = "" if budget is None else f" The study may cost {filters.cost(budget)} in all."
    return "\n".join([whole + limit, "", head, "|---|---|---|---:|---:|---:|---:|---:|", *lines])


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|")


def discovery_rows(study: str) -> tuple[list[dict[str, Any]], int]:
    """The discoveries, surest first, paraphrases left out; and how many predicates were tested."""
    folder = paths.output(study, "record")
    tested = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
    names = frames.read_manifest(folder)["names"]
    is_share = tested["estimand"].eq(ESTIMANDS["share"]).all()
    rows = [
        {
            "#": row["number"],
            "V" if is_share else row["estimand"]: f"{row['conservative_validity']:+.3f}",
            "interval": f"{row['lo']:+.3f} to {row['hi']:+.3f}",
            "q": f"{row['q']:.2g}",
            **({"more often in": plain(names[row["direction"]])} if is_share else {}),
            # Last: a long one would push the figures out of sight.
            "predicate": plain(row["predicate"]),
        }
        for row in findings(tested.to_dicts())
    ]
    return rows, tested.height


def plain(text: str) -> str:
    """Text from a corpus on one short line, without effect in a UI that renders every cell as Markdown."""
    line = " ".join(terminal.UNSAFE.sub(" ", text).split())
    if len(line) > MAX_CHARS:
        line = line[: MAX_CHARS - 1] + "…"
    return _MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", line)
