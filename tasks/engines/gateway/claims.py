"""Who asks: of several machines that want the same answer one asks, and the others wait until it is kept."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tasks.engines.gateway.calling import Calling
from tasks.store.answers import Answers
from tasks.study.params import Endpoint

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0


@asynccontextmanager
async def claimed(
    store: Answers, key: str, calling: Calling, endpoint: Endpoint
) -> AsyncIterator[str | None]:
    """Claims a request; gives what another machine has kept for it meanwhile, None where it is to be asked.

    A claim is made when it is this run's turn to ask the server: who has claimed waits for no other run. One
    that lasts longer than all tries of a call, of a process that was stopped, is waited for no longer.

    Raises:
        StoppedError: the run has stopped.
        StoreError: the store cannot be asked.
    """
    if not store.knows_claims:
        yield None
        return
    spend = await calling.may_ask(endpoint)
    pause_s, longest_s = _FIRST_PAUSE_S, spend.longest_wait_s(endpoint.base_url) * spend.attempts
    gives_up_at = time.monotonic() + longest_s
    while not store.claim(key) and time.monotonic() < gives_up_at:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        await calling.may_ask(endpoint)
    try:
        yield store.get(key)
    finally:
        store.free(key)
