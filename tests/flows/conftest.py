"""A Prefect API for the tests that need one: started once, its database thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import settings


@pytest.fixture(scope="package")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Starts the API (ten seconds) for all tests of this folder; idle, it would slow those of others down."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(home)
        environment.delenv(settings.API_URL, raising=False)
        environment.setenv("PREFECT_HOME", str(home))
        settings.apply()
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            yield


@pytest.fixture
def prefect_api(prefect_server: None, tmp_path: Path) -> Iterator[None]:
    """The API with an empty cache of results."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "storage"}):
        yield
