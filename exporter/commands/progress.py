"""How a long search goes, for whoever waits: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exporter.discovery.sweep import Answer

LINE_EVERY: Final = 10.0
"""Seconds between two lines where there is no terminal."""


class Shown:
    """Shows a search on a console until it is left; `clock` is monotonic."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._started = self._told = clock()
        self._total = self._done = self._printers = 0
        columns = (
            TextColumn("{task.description}"),
            BarColumn(15),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rest]}"),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None, visible=False, rest="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def listening(self, services: int) -> None:
        """So many services were announced so far."""
        self._bar.update(self._task, description="listening for announcements", completed=services, visible=True)

    def sweeping(self, addresses: int) -> None:
        """So many addresses are asked from now on."""
        self._total = addresses
        self._started = self._told = self._clock()
        self._bar.update(self._task, description="asking addresses", completed=0, total=addresses, visible=True)

    def asked(self, answer: Answer) -> None:
        """One of them is done."""
        self._done += 1
        self._printers += len(answer.printers)
        now = self._clock()
        self._bar.update(self._task, completed=self._done, rest=self._rest(now))
        if not self._console.is_terminal and now - self._told >= LINE_EVERY:
            self._told = now
            line = f"asked {self._done:,} of {self._total:,} addresses, {self._rest(now)}"
            self._console.print(line, highlight=False, soft_wrap=True)

    def _rest(self, now: float) -> str:
        rate = self._done / max(now - self._started, 0.001)
        return f"{rate:.0f}/s, {_span((self._total - self._done) / rate)} left, printers: {self._printers}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if minutes > 1 else f"{60 * minutes + rest} s"
