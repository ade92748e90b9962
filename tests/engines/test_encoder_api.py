"""Vectors from a server: the real client against servers on this machine, with all that goes wrong there."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import embed, paths
from tasks.engines.encoders import api as encoder_api
from tasks.engines.encoders import encoder
from tasks.engines.encoders.api_calls import decoded
from tasks.errors import EngineError
from tasks.store import answers, frames, vectors
from tasks.study import Study
from tests import loopback
from tests.loopback import Plan, Server
from tests.scripted_embeddings import DIM, vector_of

KEY = "sk-canary-7f3a9c51d2"
TEXTS = [f"a dog bites man number {i} in the park" for i in range(150)]
Answering = Callable[[list[str]], Any]
"""The content for some texts: JSON, or a status with a text."""


@pytest.fixture(autouse=True)
def project(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder, and with it a vector cache, of the test's own; nothing is remembered."""
    monkeypatch.chdir(tmp_path)
    encoder_api.load.cache_clear()
    return tmp_path


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    with loopback.serve() as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    shared.change(Plan())
    return shared


def study_of(url: str, *, batch_size: int = 16, **spend: Any) -> Study:
    return Study.model_validate(
        {
            "name": "news",
            "data": "news.parquet",
            "goal": "what changed",
            "collect": {"group": "random"},
            "llm": {"base_url": url},
            "embed": {"encoder": "openai:small", "batch_size": batch_size},
            "spend": {"patience_s": 5.0} | spend,
        }
    )


def opened(url: str, **settings: Any) -> Any:
    """A new encoder, which remembers nothing of those before."""
    encoder_api.load.cache_clear()
    return encoder.load(study_of(url, **settings))


def expected(texts: list[str]) -> np.ndarray:
    return np.array([vector_of(text) for text in texts], dtype=np.float32)


def n_calls(server: Server) -> int:
    count: int = server.stats()["calls"]
    return count


@contextmanager
def serving(answering: Answering) -> Iterator[str]:
    """A server in a thread that answers requests for embeddings as a function says; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = answering(body["input"])
            status, sent = content if isinstance(content, tuple) else (200, json.dumps(content))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent.encode())))
            self.end_headers()
            self.wfile.write(sent.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


def said(rows: list[Any]) -> dict[str, Any]:
    data = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
    return {"data": data, "usage": {"prompt_tokens": 7, "total_tokens": 7}}


def test_vectors_are_those_of_the_server_in_the_order_of_the_texts(server: Server) -> None:
    before = n_calls(server)
    model = opened(server.url)
    assert model.name == "openai:small-v1"
    assert model.dim == DIM
    rows = model.encode([*TEXTS, TEXTS[3], TEXTS[3]])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected([*TEXTS, TEXTS[3], TEXTS[3]]), atol=1e-6)
    assert n_calls(server) - before == 1 + -(-len(TEXTS) // 16)
    assert model.encode([]).shape == (0, DIM)


def test_nothing_is_paid_twice(server: Server) -> None:
    first = opened(server.url)
    rows = first.encode(TEXTS)
    assert first.tokens_in > 0
    before = n_calls(server)
    again = opened(server.url, timeout_s=30.0)
    assert (again.encode(TEXTS[::-1])[::-1] == rows).all()
    assert again.dim == DIM
    assert (n_calls(server) - before, again.tokens_in) == (0, 0)
    again.encode([*TEXTS, "one more"])
    assert n_calls(server) - before == 1


def test_a_server_of_another_address_has_the_same_vectors(server: Server) -> None:
    rows = opened(server.url).encode(TEXTS)
    elsewhere = opened("http://127.0.0.1:9/v1")
    assert (elsewhere.encode(TEXTS) == rows).all()


def test_the_stage_embed_and_the_encoder_share_one_cache(server: Server) -> None:
    model = opened(server.url)
    model.encode(TEXTS[:100])
    rows = [
        {"text_id": f"{i:08d}", "text_hash": frames.hashed(text), "text": text, "group": "A",
         "document_id": f"d{i}", "half": "explore", "n_merged": 1}
        for i, text in enumerate(TEXTS)
    ]  # fmt: skip
    with frames.writing(paths.output("news", "collect")) as folder:
        frames.write(pl.DataFrame(rows, schema=frames.TEXTS), folder / "texts.parquet", frames.TEXTS)
    before = n_calls(server)
    manifest = embed.run(study_of(server.url))
    assert manifest == {"encoder": model.name, "dim": DIM, "n_texts": len(TEXTS)}
    assert n_calls(server) - before == -(-(len(TEXTS) - 100) // 16)
    made = frames.read_embeddings(paths.output("news", "embed"), len(TEXTS))
    assert (made == model.encode(TEXTS)).all()
    assert n_calls(server) - before == -(-(len(TEXTS) - 100) // 16)


def test_faults_that_pass_cost_time_and_nothing_else(server: Server) -> None:
    model = opened(server.url, batch_size=4, attempts=20, patience_s=60.0)
    assert model.dim == DIM
    server.change(Plan(rate_limited=0.15, server_error=0.1, dropped=0.05, half_body=0.05))
    texts = [f"faulty {text}" for text in TEXTS]  # of its own: what is drawn depends on what came before
    np.testing.assert_allclose(model.encode(texts), expected(texts), atol=1e-6)
    assert set(server.stats()["by_fault"]) >= {"rate_limited", "server_error", "dropped", "half_body"}


def test_as_many_requests_at_once_as_spend_says(server: Server) -> None:
    server.change(Plan(latency_s=0.05))
    opened(server.url, concurrency=3, batch_size=4).encode(TEXTS)
    assert 2 <= server.stats()["max_in_flight"] <= 3


def test_what_a_server_that_goes_down_had_given_is_kept() -> None:
    n_asked = 0

    def answering(texts: list[str]) -> Any:
        nonlocal n_asked
        n_asked += 1
        return said([vector_of(text) for text in texts]) if n_asked <= 4 else (500, "down")

    with serving(answering) as url:
        model = opened(url, concurrency=1, patience_s=0.3)
        with pytest.raises(EngineError, match="does not answer") as raised:
            model.encode(TEXTS)
    assert raised.value.retryable
    with vectors.opened(model.name, DIM) as cache:
        _, found = cache.get_many([vectors.text_key(text) for text in TEXTS])
    assert found.sum() == 3 * 16  # the first of the four was the probe


def test_the_ledger_and_the_budget_hold(server: Server) -> None:
    prices = {"small": {"input": 1000.0, "output": 0.0}}
    model = opened(server.url, prices=prices, budget_usd=1000.0)
    model.encode(TEXTS)
    with answers.opened() as store:
        (spent,) = store.spent("news")
    assert spent.cost_usd == pytest.approx(model.tokens_in / 1000)
    poor = opened(server.url, prices=prices, budget_usd=spent.cost_usd + 0.001)
    with pytest.raises(EngineError, match="budget_usd is reached"):
        poor.encode([f"new {text}" for text in TEXTS])


def test_a_budget_wants_a_price() -> None:
    with pytest.raises(EngineError, match=r"openai:small: wanted its price.*prices: \{small:"):
        opened("http://127.0.0.1:9/v1", budget_usd=1.0)


def test_a_model_must_be_named() -> None:
    with pytest.raises(EngineError, match="wanted a model behind the colon"):
        encoder.open_named("openai:", study_of("http://127.0.0.1:9/v1"))


def test_a_text_that_is_refused_is_named_and_the_others_are_kept(server: Server) -> None:
    model = opened(server.url, batch_size=8)
    with pytest.raises(EngineError, match="text '' is not taken"):
        model.encode([*TEXTS[:5], "", *TEXTS[5:7]])
    with vectors.opened(model.name, DIM) as cache:
        _, found = cache.get_many([vectors.text_key(text) for text in TEXTS[:7]])
    assert found[:5].all()


def test_a_server_that_takes_few_texts_at_once_is_asked_for_few() -> None:
    def answering(texts: list[str]) -> Any:
        if len(texts) > 5:
            return 422, json.dumps({"error": "batch size > maximum allowed batch size 5"})
        return said([vector_of(text) for text in texts])

    with serving(answering) as url:
        np.testing.assert_allclose(opened(url).encode(TEXTS), expected(TEXTS), atol=1e-6)


def test_a_text_too_long_for_the_model_is_named() -> None:
    def answering(texts: list[str]) -> Any:
        if any(len(text) > 1000 for text in texts):
            return 400, json.dumps({"error": {"message": "maximum context length is 8192 tokens"}})
        return said([vector_of(text) for text in texts])

    with serving(answering) as url, pytest.raises(EngineError, match=r"text 'xxx.*Lower collect\.max_chars"):
        opened(url).encode(["a", "x" * 2000, "b"])


NAN = float("nan")
GOOD = [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GOOD], "wanted 2 vectors, got 1"),
        ([GOOD] * 3, "wanted 2 vectors, got 3"),
        ([GOOD, [1.0, NAN, 0.0]], "wanted a finite vector.*'b'"),
        ([[0.0, 0.0, 0.0], GOOD], "wanted a finite vector.*'a'"),
        ([GOOD, [1e300, 0.0, 0.0]], "wanted a finite vector.*'b'"),
        ([GOOD, [1.0, 0.0]], "wanted vectors of one length, got 2 and 3"),
        ([[1.0, 0.0], [1.0, 0.0]], r"wanted 2 x 3 numbers \(texts x dimensions\), got 2 x 2"),
        ([GOOD, ["1", "2", "3"]], "list of numbers or as base64"),
        ([GOOD, [[1.0], [2.0], [3.0]]], "list of numbers or as base64"),
        ([GOOD, [1.0, None, 0.0]], "list of numbers or as base64"),
        ([GOOD, [True, False, True]], "list of numbers or as base64"),
        ([GOOD, [10**400, 0, 1]], "list of numbers or as base64"),
        ([GOOD, None], "list of numbers or as base64"),
        ([GOOD, []], "list of numbers or as base64"),
        ([GOOD, "AAAA!"], "list of numbers or as base64"),
        ([GOOD, base64.b64encode(b"12345").decode()], "list of numbers or as base64"),
    ],
)
def test_what_is_no_vector_stops_at_once(rows: list[Any], message: str) -> None:
    n_asked = 0

    def answering(texts: list[str]) -> Any:
        nonlocal n_asked
        n_asked += 1
        return said([GOOD] if texts == ["probe"] else rows)

    with serving(answering) as url:
        model = opened(url)
        with pytest.raises(EngineError, match=message) as raised:
            model.encode(["a", "b"])
    assert n_asked == 2  # no money is spent on more of the same
    assert "openai:small" in str(raised.value)
    with vectors.opened(model.name, 3) as cache:
        assert not cache.get_many([vectors.text_key("a"), vectors.text_key("b")])[1].any()
    with answers.opened() as store:
        (spent,) = store.spent("news")
    assert spent.unpriced_in == model.tokens_in == 14  # what was of no use was paid for all the same


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": "all of them"}, "wanted embeddings, got"),
        ({"vectors": []}, "wanted embeddings, got"),
        ((200, "<html>welcome</html>"), "wanted embeddings, got <html>"),
        ((200, '{"data": [{"embed'), "wanted embeddings, got"),
        ((200, "[" * 100_000), "wanted embeddings, got"),
        ({"error": {"message": "no such model", "code": "404"}}, "HTTP 404: no such model"),
        ((404, "nothing here"), "HTTP 404: nothing here"),
        ((401, json.dumps({"error": {"message": "bad key"}})), "HTTP 401: bad key.*OPENAI_API_KEY"),
        ({"data": [3]}, "wanted vectors with an index"),
        ({"data": [{"index": 7, "embedding": GOOD}]}, "wanted vectors with an index"),
        ({"data": []}, "wanted 1 vectors, got 0"),
    ],
)
def test_a_server_without_embeddings_is_one_clear_error(content: Any, message: str) -> None:
    with serving(lambda texts: content) as url:
        model = opened(url, attempts=2, patience_s=0.2)
        with pytest.raises(EngineError, match=message):
            model.encode(["a", "b"])
    assert not isinstance(vars(model).get("dim"), int)


def test_order_base64_and_missing_indices() -> None:
    packed = base64.b64encode(np.array([3, 4], "<f4").tobytes()).decode()
    items = [{"index": 1, "embedding": [1, 2]}, {"index": 0, "embedding": packed}]
    assert decoded(json.dumps(items), 2).tolist() == [[3, 4], [1, 2]]
    nameless = [{"embedding": [1, 2]}, {"embedding": [5, 6.5]}]
    assert decoded(json.dumps(nameless), 2).tolist() == [[1, 2], [5, 6.5]]
    with pytest.raises(ValueError, match="index"):
        decoded(json.dumps([items[0], items[0]]), 2)


def test_the_key_is_sent_and_shown_nowhere(
    server: Server, monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.change(Plan(echo_key=True, status=500))
    model = opened(server.url, patience_s=0.1)
    with pytest.raises(EngineError) as raised:
        model.encode(["a"])
    server.change(Plan(echo_key=True))
    model.encode(["a"])
    assert server.stats()["key_seen"]
    assert KEY not in str(raised.value)
    assert not any(KEY.encode() in file.read_bytes() for file in project.rglob("*") if file.is_file())


def test_only_this_machine_is_asked_while_tests_run() -> None:
    with pytest.raises(EngineError, match="NATSTAT_LOOPBACK_ONLY"):
        opened("https://api.openai.com/v1").encode(["a"])


def test_without_a_key_no_server_of_others_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NATSTAT_LOOPBACK_ONLY")
    with pytest.raises(EngineError, match="OPENAI_API_KEY is not set"):
        opened("https://api.openai.com/v1").encode(["a"])


def test_requests_are_cut_by_texts_and_by_characters() -> None:
    model = opened("http://127.0.0.1:9/v1", batch_size=500)
    sizes = [len(batch) for batch in model._batches([f"text {i}" for i in range(150)])]
    assert sizes == [64, 64, 22]
    long = "x" * (encoder_api.CHARS_PER_REQUEST // 2)
    assert [len(batch) for batch in model._batches([long, long, long, "y", f"{long}{long}zz", "y"])] == [
        2,
        2,
        1,
        1,
    ]
