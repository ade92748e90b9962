"""Measures what a call costs the client: processor time and memory, against one local server.

    python -m benchmarks.calls [--calls 5000] [--judgements 200000]

Each client runs in a process of its own and asks the same server (50 ms latency) 64 at once: a bare
aiohttp loop, the openai client with its default transport and with aiohttp, and the gateway, which
also validates, stores and writes down every answer. Then the judge of `engine: llm`, 20 predicates in a
call, for processor time per judgement and for memory at 10,000 judgements and at --judgements: the
gateway keeps nothing, the judge a shard's verdicts and calls (verify.shard_size texts), then no more.
Prints one JSON object as its last line. Tables of CPU ms per call come before it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

LATENCY_S = 0.05
CONCURRENCY = 64
PER_CALL = 20
FEW = 10_000
WARM_UP = 2 * CONCURRENCY
CLIENTS = ("bare", "default", "aiohttp", "gateway")
IDS = tuple(f"k{i:05d}" for i in range(PER_CALL))
SYSTEM = "Task: verdicts"
QUESTIONS = "\n".join(
    f"{id_}: Could one say that the text mentions the {i}th of the words that were chosen?"
    for i, id_ in enumerate(IDS)
)


def main() -> None:
    """Runs the benchmark, or one part of it in this process."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calls", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--calls", type=int, default=5000, help="of each client")
    parser.add_argument("--judgements", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=3, help="turns of each client; the median counts")
    parser.add_argument("--part", choices=("server", "judge", *CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "server":
        asyncio.run(serve())
    elif arguments.part == "judge":
        print(json.dumps(judged(arguments.url, arguments.judgements)))
    elif arguments.part:
        print(json.dumps(called(arguments.part, arguments.url, arguments.calls)))
    else:
        compare(arguments.calls, arguments.judgements, arguments.repeats)


def compare(calls: int, judgements: int, repeats: int) -> None:
    """Runs every part and prints what came out."""
    with serving() as url:
        runs: dict[str, list[float]] = {name: [] for name in CLIENTS}
        for _ in range(repeats):
            for name in CLIENTS:
                runs[name].append(part(name, url, "--calls", calls)["cpu_ms"])
        cpu_ms = {name: sorted(values)[len(values) // 2] for name, values in runs.items()}
        for name, value in cpu_ms.items():
            print(f"{name:<8} {value:.3f} ms per call")
        few, many = (part("judge", url, "--judgements", n) for n in (FEW, judgements))
    grown = many["peak_mb"] - few["peak_mb"]
    result = {
        "benchmark": "calls",
        "calls": calls,
        "concurrency": CONCURRENCY,
        "latency_ms": LATENCY_S * 1e3,
        "processors": os.cpu_count(),
        "repeats": repeats,
        "cpu_ms_per_call": {name: round(value, 3) for name, value in cpu_ms.items()},
        "gateway_to_aiohttp": round(cpu_ms["gateway"] / cpu_ms["aiohttp"], 2),
        "cpu_ms_per_judgement": round(many["cpu_ms"], 4),
        "judgements_per_s": round(many["per_s"]),
        "peak_mb": {str(FEW): round(few["peak_mb"], 1), str(judgements): round(many["peak_mb"], 1)},
        "grown_mb": round(grown, 1),
        "target_met": cpu_ms["gateway"] <= cpu_ms["aiohttp"] and many["cpu_ms"] <= 0.2 and grown <= 32,
    }
    print(json.dumps(result))


def part(name: str, url: str, option: str, n: int) -> dict[str, float]:
    """One part in a process of its own, with a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.calls", "--part", name, "--url", url, option, str(n)],
            env={**os.environ, "NATSTAT_ANSWERS": f"{folder}/answers.sqlite", "NATSTAT_LOOPBACK_ONLY": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    measured: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return measured


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Gives the address of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.calls", "--part", "server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def serve() -> None:
    """Answers every id that it is asked about, after the latency; prints its address."""
    from aiohttp import web

    id_ = re.compile(r"^([a-z0-9]{6}): ", re.MULTILINE)

    async def answer(request: web.Request) -> web.Response:
        messages = (await request.json())["messages"]
        ids = id_.findall("\n".join(message["content"] for message in messages))
        verdicts = json.dumps(dict.fromkeys(ids, "yes"))
        await asyncio.sleep(LATENCY_S)
        return web.json_response(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "small",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": verdicts, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 600, "completion_tokens": 250, "total_tokens": 850},
            }
        )

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


def called(client: str, url: str, calls: int) -> dict[str, float]:
    """CPU time per call of one client, imports and the first calls left out."""
    if client == "gateway":
        with_gateway(url, WARM_UP, "warm")
        began = time.process_time()
        with_gateway(url, calls, "timed")
        return {"cpu_ms": (time.process_time() - began) / calls * 1e3}
    loops = {"bare": with_aiohttp, "default": with_openai, "aiohttp": with_openai_on_aiohttp}
    return {"cpu_ms": asyncio.run(loops[client](url, calls)) / calls * 1e3}


async def with_aiohttp(url: str, calls: int) -> float:
    """A bare loop."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def ask(i: int) -> None:
            async with session.post(f"{url}/chat/completions", json=fields(i)) as response:
                check((await response.json())["choices"][0]["message"]["content"])

        return await timed(ask, calls)


async def with_openai(url: str, calls: int) -> float:
    """The client as it comes."""
    import openai

    async with openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:
        return await timed(created(client), calls)


async def with_openai_on_aiohttp(url: str, calls: int) -> float:
    """The client on the transport that the gateway uses."""
    import openai

    http = openai.DefaultAioHttpClient()
    async with openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=0, http_client=http) as client:
        return await timed(created(client), calls)


def created(client: Any) -> Callable[[int], Awaitable[None]]:
    """A call as the client's own documentation makes it."""

    async def ask(i: int) -> None:
        completion = await client.chat.completions.create(**fields(i))
        check(completion.choices[0].message.content)

    return ask


async def timed(ask: Callable[[int], Awaitable[None]], calls: int) -> float:
    """CPU seconds of the calls, so many at once, after some to warm up."""

    async def work(numbers: Iterator[int]) -> None:
        for i in numbers:
            await ask(i)

    async def run(numbers: Iterator[int]) -> None:
        await asyncio.gather(*(work(numbers) for _ in range(CONCURRENCY)))

    await run(iter(range(-WARM_UP, 0)))
    began = time.process_time()
    await run(iter(range(calls)))
    return time.process_time() - began


def fields(i: int) -> dict[str, Any]:
    """The request that every client sends."""
    from tasks.engines.gateway import dialect
    from tasks.engines.llm import schemas

    return {
        "model": "small",
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asking(i)}],
        "temperature": 0.0,
        "max_tokens": 4096,
        "response_format": dialect.response_format(schemas.keyed(IDS, ("yes", "no"))),
    }


def text(i: int) -> str:
    """A text of some 60 words, no two alike."""
    return json.dumps({"text": f"text {i} " + "which goes on for a while, as texts of a corpus do, " * 5})


def asking(i: int) -> str:
    """The text and what is asked about it."""
    return f"{text(i)}\n\n{QUESTIONS}"


def check(content: str | None) -> None:
    """Stops the benchmark unless every item was answered."""
    if content is None or content.count('"yes"') != PER_CALL:
        raise SystemExit(f"wanted {PER_CALL} verdicts, got {content}")


def study(url: str) -> Any:
    """A study that asks the server."""
    from tasks.study import Study

    return Study.model_validate(
        {
            "name": "benchmark",
            "engine": "llm",
            "data": "none",
            "goal": "how the groups differ",
            "collect": {"group": "random"},
            "llm": {"base_url": url, "model": "small"},
            "spend": {"concurrency": CONCURRENCY, "prices": {"small": {"input": 0.1, "output": 0.4}}},
            "verify": {"predicates_per_call": PER_CALL},
        }
    )


def with_gateway(url: str, calls: int, name: str) -> None:
    """The same calls through the gateway."""
    from tasks.engines.gateway.chat import Answer, Gateway, Request
    from tasks.engines.llm import schemas

    asked = study(url)
    (endpoint,) = asked.llm.endpoints("judge")
    gateway = Gateway(asked, "verify")
    ids, answer = tuple(f"{i:016x}" for i in range(PER_CALL)), schemas.keyed(IDS, ("yes", "no"))

    def jobs() -> Iterator[Callable[[], Awaitable[Answer]]]:
        for i in range(calls):
            request = Request("judge", endpoint, SYSTEM, asking(i) + name, answer, "0" * 16, ids)
            yield partial(gateway.ask, request)

    def handle(answer: Answer) -> None:
        check(answer.text if answer.parsed is not None else None)

    gateway.run(jobs(), handle, calls, name)


def judged(url: str, judgements: int) -> dict[str, float]:
    """CPU time per judgement and peak memory of the judge, shard by shard as verify goes."""
    import numpy as np
    import polars as pl

    from tasks.engines.llm.judging import LlmJudge
    from tasks.records import Predicate
    from tasks.store import frames

    asked = study(url)
    predicates = [
        Predicate(
            predicate_id=f"{i:016x}",
            predicate=f"mentions the {i}th of the words",
            direction="A",
            family="theme",
            grade="theme",
            definition="{}",
            judge="",
            threshold=0.5,
            planned_test="",
            split_hash="0" * 16,
            prompt_hash="",
            explore_effect=0.0,
            explore_z=0.0,
        )
        for i in range(PER_CALL)
    ]

    def judge(numbers: range) -> None:
        rows = [
            {**dict.fromkeys(frames.TEXTS, ""), "text_id": f"{i:016x}", "text": text(i), "n_merged": 1}
            for i in numbers
        ]
        texts = frames.conform(pl.DataFrame(rows), frames.TEXTS)
        verdicts = LlmJudge(asked).judge(predicates, texts, np.zeros((len(rows), 0)))
        if verdicts.status.any() or not (verdicts.score == 1).all():
            raise SystemExit("the judge lost verdicts")

    judge(range(-WARM_UP, 0))
    n_texts, size = judgements // PER_CALL, asked.verify.shard_size
    cpu, began = time.process_time(), time.perf_counter()
    for start in range(0, n_texts, size):
        judge(range(start, min(start + size, n_texts)))
    return {
        "cpu_ms": (time.process_time() - cpu) / judgements * 1e3,
        "per_s": judgements / (time.perf_counter() - began),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
