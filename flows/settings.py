"""Prefect's environment: kept inside the project, quiet, no telemetry.

Prefect reads its settings once, when it is imported. So the commands decide them here first, and the
modules that import Prefect (pipeline, stages, artifacts) are imported after.
"""

import os
from pathlib import Path

from tasks import paths
from tasks.errors import EngineError
from tasks.store import disk

API_URL = "PREFECT_API_URL"
ORIGINS = "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"
"""Web pages that a server answers: Prefect's default is every one."""


def server_is_configured() -> bool:
    """Whether the user asked for runs to show on a server."""
    return bool(os.environ.get(API_URL))


def apply() -> None:
    """Sets what the user has not set already.

    Raises:
        StoreError: the data folder cannot be written.
    """
    home = _home()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk.unwritable(home, error) from error
    for name, value in chosen().items():
        os.environ.setdefault(name, value)


def chosen() -> dict[str, str]:
    """What this project wants of Prefect, in every process that runs a study."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        ORIGINS: "http://127.0.0.1",
        "PREFECT_HOME": str(_home()),
        "PREFECT_LOCAL_STORAGE_PATH": str(_home() / "storage"),
        # Else a server that is killed forgets who holds places of a limit, and they are never free again.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # On a busy machine the default of 20 s is too short.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        # The command prints what the bare stage prints; the rest is in the UI's logs.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
    }


def _home() -> Path:
    return paths.cache() / "prefect"


def require_server() -> None:
    """Asks the configured server whether it is there.

    Raises:
        EngineError: nothing answers, or something that is not a Prefect API.
    """
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            trouble = client.api_healthcheck()
    except Exception as error:  # noqa: BLE001 - whatever the client stumbles over, there is no usable server
        trouble = error
    if trouble is not None:
        reason = str(trouble).splitlines()[0] if str(trouble) else type(trouble).__name__
        raise EngineError(
            f"{API_URL}={os.environ[API_URL]}: wanted a Prefect server there, got: {reason}.",
            retryable=True,
            hint=f"Start one with `make ui`, or `unset {API_URL}` to run without it.",
        )
