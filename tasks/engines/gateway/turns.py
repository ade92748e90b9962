"""Whose turn it is to ask a server, where runs of several processes ask the same one.

A process that knows of no other asks at once. Flows put into `taken` what lets them share a server
(flows/limits.py).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tasks.study.params import Spend

Servers = Mapping[str, int]
"""Addresses, each with the calls that may be in flight to it at once."""


@asynccontextmanager
async def _at_once(wanted: Servers) -> AsyncIterator[Servers]:
    yield wanted


taken: Callable[[Servers], AbstractAsyncContextManager[Servers]] = _at_once
"""Waits until these servers may be asked, gives how many calls may be in flight, and ends the turn."""


class Turn:
    """One run's: it begins before its first call, so that a run that finds all answers waits for nobody."""

    def __init__(self, spend: Spend, addresses: set[str]) -> None:
        self._spend = spend
        self._wanted = {address: spend.calls_at_once(address) for address in sorted(addresses)}
        self._holder: asyncio.Task[None] | None = None
        self._came = asyncio.Event()
        self._over = asyncio.Event()
        self._may: Servers = self._wanted
        self._error: Exception | None = None

    async def come(self, address: str) -> Spend:
        """Waits for it; gives how the server may be asked.

        Raises:
            Exception: whatever kept the turn from coming.
        """
        if self._holder is None:
            # One task enters and leaves: whoever calls first may end before the run does.
            self._holder = asyncio.create_task(self._hold())
        await self._came.wait()
        if self._error is not None:
            raise self._error
        may = self._may.get(address)
        if may is None or may == self._spend.calls_at_once(address):
            return self._spend
        return self._spend.model_copy(update={"concurrency": may})

    def give_up(self) -> None:
        """Lets those go who wait for it."""
        if not self._came.is_set() and self._holder is not None:
            self._holder.cancel()
        self._came.set()

    async def end(self) -> None:
        """Gives the servers to others."""
        self.give_up()
        self._over.set()
        if self._holder is not None:
            await asyncio.wait([self._holder])

    async def _hold(self) -> None:
        try:
            async with taken(self._wanted) as self._may:
                self._came.set()
                await self._over.wait()
        except Exception as error:  # noqa: BLE001 - raised where somebody waits
            self._error = error
            self._came.set()
