"""Says when a study finds something new, or does not find again what it had found (`notify` of params.yaml).

Reads:      data/discoveries.duckdb, before and after a study is recorded
Writes:     the file that `notify.file` names; asks the webhook whose address stands in the environment
            variable that `notify.webhook` names
Guarantees: recording the same run again tells nobody, unless the first time was killed before it told; then
            the rerun tells it (who is killed while telling may tell a webhook twice, a file never); whatever
            goes wrong here is a warning, and the run goes on; an address is never shown
Not here:   what counts as new (store/sql/news.sql)
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks import paths, terminal
from tasks.errors import NatstatError
from tasks.study import Study, hosts

WAIT_S = 10.0
MOST_SHOWN = 10
MOST_CHARS = 200
_NOT_NEW = ("no longer holds", "reversed", "not tested again")


@contextmanager
def of_news(study: Study, stage: str) -> Iterator[None]:
    """Around a stage: tells what is new when the study was recorded under a run that it had not before."""
    if stage != "record" or not (study.notify.file or study.notify.webhook):
        yield
        return
    before = _told_of(study.name)
    yield
    try:
        newest = _newest_run(study.name)
        if newest and newest != before:
            _tell(study, newest)
        _pending(study.name).unlink(missing_ok=True)
    except (NatstatError, OSError) as error:
        _warn(study, "notify", str(error).splitlines()[0])


def _told_of(name: str) -> str | None:
    """The newest run that is no news: as before the stage, or before an earlier try that was killed."""
    from tasks.store import disk

    pending, before = _pending(name), _newest_run(name)
    with suppress(OSError):  # Where that is no place to write the stage says so.
        if pending.is_file():
            return pending.read_text(encoding="utf-8") or None
        pending.parent.mkdir(parents=True, exist_ok=True)
        copy = disk.copy_beside(pending)
        copy.write_text(before or "", encoding="utf-8")
        copy.replace(pending)
    return before


def _pending(name: str) -> Path:
    """Is there from before a study is recorded until its news is told."""
    return paths.cache() / "news" / name


def _newest_run(name: str) -> str | None:
    from tasks.store import duck

    if not paths.discoveries_db().is_file():
        return None
    try:
        found = duck.query("SELECT run_id FROM studies WHERE study = $study", {"study": name})
    except NatstatError:
        return None  # A damaged database is told of, and mended, by the stage itself.
    return None if found.is_empty() else str(found["run_id"].item())


def _tell(study: Study, run_id: str) -> None:
    from tasks.store import duck

    rows = duck.query("news", {"study": study.name}).to_dicts()
    if not rows:
        return
    text = message(study.name, rows)
    if study.notify.file:
        _to_file(study, run_id, text, rows)
    if study.notify.webhook:
        _to_webhook(study, study.notify.webhook, text)


def message(name: str, rows: list[dict[str, Any]]) -> str:
    """What is told: a line that counts, a line for each finding, and where the page is.

    Args:
        name: of the study.
        rows: of the question `news`.
    """
    whats = [row["what"] for row in rows]
    counted = [f"{whats.count('new')} new", *(f"{whats.count(w)} {w}" for w in _NOT_NEW if w in whats)]
    lines = [_line(row) for row in rows[:MOST_SHOWN]]
    more = [f"and {len(rows) - MOST_SHOWN} more"] if len(rows) > MOST_SHOWN else []
    page = paths.report_page(name).relative_to(paths.root())
    return "\n".join([f"{name}: {', '.join(counted)}", *lines, *more, f"Report: {page}"])


def _line(row: dict[str, Any]) -> str:
    said = " ".join(terminal.UNSAFE.sub(" ", row["predicate"]).split())
    short = said if len(said) <= MOST_CHARS else f"{said[: MOST_CHARS - 1]}…"
    return f"{row['what']}: {row['validity']:+.3f} [{row['lo']:+.3f}, {row['hi']:+.3f}] {short}"


def _to_file(study: Study, run_id: str, text: str, rows: list[dict[str, Any]]) -> None:
    assert study.notify.file is not None  # noqa: S101 - asked for
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": at, "study": study.name, "run_id": run_id, "text": text, "findings": rows}
    line = json.dumps(told, ensure_ascii=False)
    file = paths.root() / study.notify.file
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = file.read_bytes().splitlines(keepends=True) if file.is_file() else []
    if _last_told(lines, study.name) == run_id:
        return
    # Who was killed while writing left a line without its end.
    end = "\n" if lines and not lines[-1].endswith(b"\n") else ""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"{end}{line}\n")


def _last_told(lines: list[bytes], name: str) -> str | None:
    """The run that a study's last line tells of; one that broke off or is of another program has none."""
    for line in reversed(lines):
        with suppress(ValueError, AttributeError):
            told = json.loads(line)
            if told.get("study") == name:
                run_id: str | None = told.get("run_id")
                return run_id
    return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address would be told what was meant for this one."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _to_webhook(study: Study, variable: str, text: str) -> None:
    url = os.environ.get(variable, "").strip()
    if not url:
        _warn(study, variable, "the environment variable is not set")
        return
    if wrong := _not_asked(url):
        _warn(study, variable, wrong)
        return
    # Slack reads `<!channel>` and links between these; texts are others'.
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    request = urllib.request.Request(  # noqa: S310 - http of this machine, or https
        url, data=json.dumps({"text": safe}).encode(), headers={"Content-Type": "application/json"}
    )
    # No proxy where it is this machine: none has a way to it.
    proxies = [urllib.request.ProxyHandler({})] if _is_here(url) else []
    try:
        with urllib.request.build_opener(_NoRedirect, *proxies).open(request, timeout=WAIT_S):
            pass
    except urllib.error.HTTPError as error:
        _warn(study, variable, f"HTTP {error.code}")
    except Exception as error:  # noqa: BLE001 - a run does not fail by it; words of an error may hold the address
        _warn(study, variable, type(error).__name__)


def _not_asked(url: str) -> str:
    """Why an address is not asked; empty where it is."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "wanted an address that begins with https://"
    if (
        not host
        or parts.scheme not in {"https", "http"}
        or (parts.scheme == "http" and not hosts.is_own(host))
    ):
        return "wanted an address that begins with https://"
    if hosts.is_forbidden(host):
        return "not asked, since NATSTAT_LOOPBACK_ONLY allows this machine alone"
    return ""


def _is_here(url: str) -> bool:
    return hosts.is_loopback(urlsplit(url).hostname or "")


def _warn(study: Study, who: str, why: str) -> None:
    print(f"warning: {study.name}: {who} was not told what is new: {why}.", file=sys.stderr)
