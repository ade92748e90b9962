"""Two flows on two studies at once while others read: nobody meets a lock, and no row is lost."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from flows import serve, settings
from tasks import paths
from tasks.__main__ import main
from tests.conftest import PAIR_STUDY, Project, pair
from tests.flows.test_prefect_commands import environment, news, port

__all__ = ["news", "port"]

pytestmark = pytest.mark.long

COUNTED = (
    "SELECT study, 'discoveries' AS what, count(*) FROM discoveries GROUP BY study"
    " UNION ALL SELECT study, 'texts', count(*) FROM texts GROUP BY study"
    " UNION ALL SELECT study, 'verdicts', count(*) FROM verdicts GROUP BY study"
)
ASKED = (["query", "studies"], ["query", "strongest"], ["query", COUNTED])


class Reader:
    """Asks as an analyst does, with DuckDB's own client and with ours, and remembers the most it found."""

    def __init__(self) -> None:
        self.n_answers: Counter[str] = Counter()
        self.most: Counter[tuple[str, str]] = Counter()

    def look(self) -> None:
        """Asks everything once; what was there is there."""
        if not paths.discoveries_db().is_file():
            time.sleep(0.1)
            return
        with duckdb.connect(str(paths.discoveries_db()), read_only=True) as connection:
            self.see(connection)
        for command in ASKED:
            assert main(command) == 0, command
            self.n_answers[" ".join(command[:2])] += 1

    def see(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Counts rows, of which there must be no fewer than before."""
        found = Counter({(study, what): n for study, what, n in connection.sql(COUNTED).fetchall()})
        assert not self.most - found, "rows are lost"
        self.most = found
        self.n_answers["DuckDB"] += 1


def test_two_flows_and_their_readers_do_not_see_each_other(
    news: Project,
    port: int,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
    studies = {
        name: {**PAIR_STUDY, "data": news.table(f"{name}.parquet", pair(60, effect, 0.0))}
        for name, effect in (("one", 0.4), ("two", 0.5))
    }
    news.params(**studies)
    url, reader = f"http://{serve.HOST}:{port}", Reader()
    with serve._server(port, url, {"PREFECT_UI_ENABLED": "0"}):
        for options in ([], ["--force"]):  # the second time there is something to read from the start
            before = reader.n_answers.total()
            flows = [started(name, url, *options) for name in studies]
            while any(flow.poll() is None for flow in flows):
                reader.look()
            ended = [(flow.returncode, flow.communicate()[0]) for flow in flows]
            assert [code for code, _ in ended] == [0, 0], ended
            assert reader.n_answers.total() > before, "somebody read meanwhile"
    reader.look()
    assert {study for study, _ in reader.most} == set(studies)
    assert all(reader.most[name, "texts"] == 120 for name in studies)
    capsys.readouterr()
    assert main(["verify-store"]) == 0, capsys.readouterr()
    assert "lock" not in capsys.readouterr().err


def started(name: str, url: str, *options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "flows.study", name, *options],
        env=environment(**{settings.API_URL: f"{url}/api", "PREFECT_HOME": str(Path("prefect").resolve())}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
