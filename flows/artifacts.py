"""What a run leaves in the Prefect UI beside its logs: progress by shards, the discoveries as a table."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.runtime import flow_run

from tasks import paths, terminal
from tasks.records import ESTIMANDS
from tasks.report.findings import findings
from tasks.store import frames
from tasks.study import Study

MAX_CHARS = 160
_MARKUP = re.compile(
    r"[\\`*\[\]<~@]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|:(?=//)|\bwww\.|^[-+>#=]|^\d+[.)]", re.IGNORECASE
)


def key(*parts: str) -> str:
    """An artifact's name: the UI admits lower-case letters, digits and dashes."""
    return "-".join(parts).replace("_", "-")


@contextmanager
def progress(study: str, stage: str, n_shards: int) -> Iterator[Callable[[int], None]]:
    """Leaves a progress artifact of the running flow; gives what tells it how many shards are finished."""
    with get_client(sync_client=True) as client:
        artifact_id = _leave(
            client,
            type="progress",
            key=key(study, stage, "progress"),
            data=0 if n_shards else 100,
            description=f"{stage} of {study}: {n_shards} shards. {_report(study)}",
        )
        yield lambda n_finished: client.update_artifact(
            artifact_id, ArtifactUpdate(data=round(100 * n_finished / n_shards, 1))
        )


def show_discoveries(study: Study) -> None:
    """Leaves the study's discoveries as a table artifact of the running flow."""
    rows, n_tested = discovery_rows(study.name)
    found = f"{len(rows)} findings (paraphrases folded)" if rows else "No discovery"
    description = (
        f"{found} among {n_tested} tested hypotheses. Goal: {plain(study.goal)}. {_report(study.name)}"
    )
    table = rows or [{"predicate": "nothing held up on what no proposer had seen"}]
    with get_client(sync_client=True) as client:
        _leave(
            client,
            type="table",
            key=key(study.name, "discoveries"),
            data=json.dumps(table, ensure_ascii=False),
            description=description,
        )


def _report(study: str) -> str:
    return f"Report: {paths.report_page(study).relative_to(paths.root())}"


def _leave(client: SyncPrefectClient, **artifact: Any) -> UUID:
    """Prefect's own create functions never close their client, which is a warning at the end of a run."""
    flow_run_id = UUID(flow_run.id) if flow_run.id else None
    return client.create_artifact(ArtifactCreate(flow_run_id=flow_run_id, **artifact)).id


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
