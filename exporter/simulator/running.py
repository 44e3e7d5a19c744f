"""What every simulated thing needs to run: a start and an end, and a process around it that says when."""

import asyncio
import signal
import sys
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Running(ABC):
    """Runs from `start` to `close`, or for as long as an `async with` block."""

    @abstractmethod
    async def start(self) -> None:
        """Take sockets, or raise OSError and take none."""

    @abstractmethod
    async def close(self) -> None:
        """Give all sockets back; safe to repeat."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def say(line: str) -> None:
    """Tell the process that started this one, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
