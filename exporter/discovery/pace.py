"""Sessions that send no more datagrams a second than they may, all of them together."""

import asyncio
from collections.abc import Callable, Sequence

from exporter.snmp.session import Row, Session, Target, Value, Walk


class Pace:
    """Turns at a steady rate, first come first served; nothing is saved up while nobody asks."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._free_at = 0.0

    def delay(self, now: float) -> float:
        """Take the next turn, and return how many seconds from `now` it is."""
        turn = max(now, self._free_at)
        self._free_at = turn + self._gap
        return turn - now

    async def turn(self) -> None:
        """Wait for the next turn."""
        await asyncio.sleep(self.delay(asyncio.get_running_loop().time()))


class Paced:
    """Opens sessions as `open_session` does, each request of which waits for its turn."""

    def __init__(self, open_session: Callable[[Target], Session], pace: Pace) -> None:
        self._open_session = open_session
        self._pace = pace

    def open(self, target: Target) -> Session:
        """Open a session that keeps to the pace."""
        return _PacedSession(self._open_session(target), self._pace)


class _PacedSession:
    def __init__(self, session: Session, pace: Pace) -> None:
        self._session = session
        self._pace = pace

    @property
    def requests(self) -> int:
        return self._session.requests

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        await self._pace.turn()
        return await self._session.get(oids, timeout)

    def walk(self, root: str, repetitions: int) -> Walk:
        return _PacedWalk(self._session.walk(root, repetitions), self._pace)

    def close(self) -> None:
        self._session.close()


class _PacedWalk:
    def __init__(self, walk: Walk, pace: Pace) -> None:
        self._walk = walk
        self._pace = pace

    async def page(self, timeout: float) -> list[Row]:
        await self._pace.turn()
        return await self._walk.page(timeout)
