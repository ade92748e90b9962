"""Data that lie on S3, on Google Cloud Storage or behind HTTP: fetched by fsspec, kept beside the caches.

What is there is asked before every reading, and fetched again where its ETag, hash or time differs. Whoever
reads finds files, as for data of this machine. Credentials come from the environment, as each store's own
tools read them; an address holds none (study/remote_data.py).
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock

from tasks import paths
from tasks.errors import SourceError
from tasks.store import disk
from tasks.store.files import place_hash
from tasks.store.frames import hashed
from tasks.study import hosts

_MARKS = (
    "ETag", "etag", "Content-MD5", "Digest", "md5Hash", "crc32c", "generation", "Last-Modified",
    "LastModified", "updated", "mtime",
)  # fmt: skip
"""What stores say of a file's content; its size alone tells no change."""
_PACKAGE = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs")}
"""What opens a protocol, and the extra that installs it."""
_ENDPOINT = {
    "s3": (("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "s3.amazonaws.com"),
    "gs": (("STORAGE_EMULATOR_HOST",), "storage.googleapis.com"),
}
"""Variables that name another server than the store's own."""
Files = Mapping[str, dict[str, Any]]
"""By the path below the address, "" of a single file: what the store tells."""


def fetch(address: str) -> None:
    """Brings what lies at an address to where `paths.source` says, unless it is there.

    Args:
        address: of a file, or on S3 and Google Cloud Storage of a folder.

    Raises:
        SourceError: it is not there, may not be read, or wants a package that is not installed.
        StoreError: there is no room for it.
    """
    place = paths.source(address)
    note = place.parent / ".state"
    with _told(address):
        system, path = _opened(address)
        found = _files(system, path)
    state = {"state": _state(found), "held": sorted(found)}
    with disk.reported(str(place.parent)):
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / ".lock"):
            if state["state"] and _noted(note) == state and place.exists():
                return
            note.unlink(missing_ok=True)
            _download(address, system, path, found, place)
            note.write_text(json.dumps(state), encoding="utf-8")


def state(address: str) -> str:
    """A hash of what lies at an address, by what the store tells; where that is too little, of its bytes.

    Raises:
        SourceError: as `fetch`.
    """
    with _told(address):
        found = _state(_files(*_opened(address)))
    if found:
        return found
    fetch(address)
    return place_hash(paths.source(address))


def _opened(address: str) -> tuple[Any, str]:
    parts = urlsplit(address)
    host = _host(address)
    if hosts.is_forbidden(host):
        raise SourceError(
            f"data: {address}: not asked, NATSTAT_LOOPBACK_ONLY allows this machine alone, not {host}. "
            "Unset it, or name a file."
        )
    import fsspec

    options: dict[str, Any] = {"skip_instance_cache": True}
    if parts.scheme in {"http", "https"}:
        options["client_kwargs"] = {
            "trust_env": not hosts.is_loopback(host),  # a proxy is another machine
            "trace_configs": [_redirections_watched()],
        }
    try:
        return fsspec.filesystem(parts.scheme, **options), address
    except ImportError as error:
        package, extra = _PACKAGE[parts.scheme]
        raise SourceError(
            f"data: {address}: wanted {package}, which cannot be imported ({error}). Write `pip install "
            f'"natstat[{extra}]"`.'
        ) from None


def _host(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in _ENDPOINT:
        return parts.hostname or ""
    names, default = _ENDPOINT[parts.scheme]
    named = next((os.environ[name] for name in names if os.environ.get(name)), default)
    return urlsplit(f"//{named.rpartition('//')[2]}").hostname or ""


def _redirections_watched() -> Any:
    """Lets no server send us where we may not ask."""
    import aiohttp
    from yarl import URL

    async def check(_session: Any, _context: Any, sent: Any) -> None:
        to = sent.url.join(URL(sent.response.headers.get("Location", "")))
        if hosts.is_forbidden(to.host or ""):
            raise PermissionError(
                f"it leads to {to.host}, and NATSTAT_LOOPBACK_ONLY allows this machine alone"
            )

    watched = aiohttp.TraceConfig()
    watched.on_request_redirect.append(check)
    return watched


def _files(system: Any, path: str) -> Files:
    """All files there."""
    if "http" in system.protocol:
        return {"": system.info(path)}
    bare = system._strip_protocol(path)
    found = {
        name.removeprefix(bare).lstrip("/"): info
        for name, info in system.find(bare, detail=True).items()
        if not name.endswith("/")
    }
    # Of `press` on S3 `pressed` is found, too.
    held = {name: info for name, info in found.items() if name == "" or info["name"] == f"{bare}/{name}"}
    if not held:
        raise FileNotFoundError(path)
    if any(".." in PurePosixPath(name).parts for name in held):
        raise PermissionError("a name with `..` in it leads out of the folder")
    return held


def _state(found: Files) -> str:
    """A hash of what is told of the files; empty where it would tell no change of one of them."""
    told = []
    for name, info in sorted(found.items()):
        marks = [f"{mark}={info[mark]}" for mark in _MARKS if info.get(mark)]
        if not marks:
            return ""
        told += [name, str(info.get("size")), *marks]
    return hashed(*told)


def _noted(note: Path) -> Any:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _download(address: str, system: Any, path: str, found: Files, place: Path) -> None:
    """Into a folder beside, which takes the place when all is there."""
    new = place.parent / ".new"
    for old in (new, place):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    new.mkdir()
    for name in found:
        to = new / (name or place.name)
        to.parent.mkdir(parents=True, exist_ok=True)
        with _told(address):
            system.get_file(f"{path.rstrip('/')}/{name}" if name else path, str(to))
    (new / place.name if list(found) == [""] else new).rename(place)
    shutil.rmtree(new, ignore_errors=True)


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Turns whatever a store's client raises into one error; it may quote no credentials."""
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError as error:
        # So is called over HTTP whatever kept it from being found.
        cause = error.__cause__
        if cause is None or isinstance(cause, FileNotFoundError) or getattr(cause, "status", 0) == 404:
            raise SourceError(f"data: {address}: wanted a file or folder, nothing is there.") from None
        raise SourceError(f"data: {address}: cannot be read: {_said(cause)}") from None
    except OSError as error:
        # Its client may raise one of a full disk here.
        if disk.is_full(error):
            raise
        raise SourceError(f"data: {address}: cannot be read: {_said(error)}") from None
    except Exception as error:  # noqa: BLE001 - each client has errors of its own
        raise SourceError(f"data: {address}: cannot be read: {_said(error)}") from None


def _said(error: BaseException) -> str:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return (
        f"{type(error).__name__}: {first or 'no more is said'}. See whether the address and credentials fit."
    )
