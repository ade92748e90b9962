"""A real HTTP server whose answers a test writes as a function of the two messages."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests import questions

Answering = Callable[["Question"], Any]
"""Content of the message: a dict becomes JSON, a str stays as it is, None is a refusal; `verdicts`, a list of
what holds by id, are written in the form that was asked for."""


@dataclass(frozen=True)
class Question:
    """What was asked."""

    system: str
    user: str
    body: dict[str, Any]

    @property
    def task(self) -> str:
        return self.system.split("\n")[0].removeprefix("Task: ")

    @property
    def predicates(self) -> list[dict[str, Any]]:
        return questions.predicates(self.user)

    @property
    def texts(self) -> list[dict[str, Any]]:
        return [row for row in _json_lines(self.user) if "text" in row]

    @property
    def pair(self) -> dict[str, Any]:
        (row,) = (row for row in _json_lines(self.user) if "first" in row)
        return row


@dataclass
class Scripted:
    """Where it listens, and what it was asked so far."""

    url: str
    asked: list[Question] = field(default_factory=list)
    logprobs: Callable[[Question], list[tuple[str, float]]] | None = None
    finish: str = "stop"
    """Why every answer ends."""


@contextmanager
def serving(answering: Answering) -> Iterator[Scripted]:
    """Gives a server on this machine that answers by the function."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answering))
    server.daemon_threads = False
    server.scripted = Scripted(f"http://127.0.0.1:{server.server_port}/v1")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.scripted  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _json_lines(message: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in message.split("\n") if line.startswith("{")]


def _handler(answering: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = [message["content"] for message in body["messages"][:2]]
            system, user = said if len(said) == 2 else ("", said[0])
            question = Question(system, user, body)
            scripted: Scripted = self.server.scripted  # type: ignore[attr-defined]
            scripted.asked.append(question)
            said = answering(question)
            if isinstance(said, dict) and isinstance(said.get("verdicts"), list):
                said = questions.written(question.task, said["verdicts"])
            message = {"role": "assistant", "content": said if isinstance(said, str) else json.dumps(said)}
            if said is None:
                message = {"role": "assistant", "content": None, "refusal": "no"}
            choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": scripted.finish}
            if scripted.logprobs is not None:
                top = [{"token": token, "logprob": logprob} for token, logprob in scripted.logprobs(question)]
                choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
            usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
            sent = json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent.encode())))
            self.end_headers()
            self.wfile.write(sent.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
