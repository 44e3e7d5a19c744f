"""How long the event loop is kept from its turn."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

_TICK = 0.002


@dataclass
class Lag:
    """The longest wait for a turn so far, in seconds."""

    longest: float = 0.0


@asynccontextmanager
async def lag() -> AsyncIterator[Lag]:
    """Watch the loop while the block runs."""
    seen = Lag()

    async def tick() -> None:
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_TICK)
            seen.longest = max(seen.longest, time.monotonic() - asked - _TICK)

    ticking = asyncio.create_task(tick())
    try:
        yield seen
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
