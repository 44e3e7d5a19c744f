"""All that is shown of the devices at one moment, and where large answers are made of it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, ParamSpec, TypeVar

from aiohttp import web

from exporter.cameras.model import View
from exporter.web.discovery import Entry

P = ParamSpec("P")
R = TypeVar("R")

MAX_WAITING: Final = 100
"""Answers that may wait to be made at once."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All devices as they were `at` (Unix seconds); nothing in it changes any more."""

    at: float
    zone: tzinfo
    printers: Sequence[Entry]
    """In the order of the config."""
    cameras: Sequence[View]
    """By MAC."""
    searched_at: float | None = None
    """When the last search for cameras ended, in Unix seconds."""
    is_searching: bool = False
    search_interval: float | None = None
    """Seconds between searches that nobody asks for; None where cameras are not searched for."""
    grafana_url: str = ""
    troubles: Sequence[str] = ()
    """What is wrong with the exporter itself, a sentence each."""

    def local(self, at: float) -> datetime:
        """Return a moment in the time zone of the config."""
        return datetime.fromtimestamp(at, self.zone)


class Workshop:
    """Makes answers in a thread, one after the other, so that neither the loop nor the threads of others run short."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def make(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what the function makes; raises HTTPServiceUnavailable.

        No single step of it may take long: the loop has its turn only between two.
        """
        if self._waiting >= MAX_WAITING:
            raise web.HTTPServiceUnavailable(text="too many requests wait for answers\n", headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(function, *args, **kwargs)
        finally:
            self._waiting -= 1
