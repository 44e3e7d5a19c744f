"""What the service manager is told of this process, by the protocol of sd_notify(3)."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from exporter.repeats import Repeats

log = logging.getLogger(__name__)


class Service:
    """This process as systemd sees it; where systemd did not start it, or does not want to know, nothing is sent.

    `status` gives the line that `systemctl status` shows.
    """

    def __init__(self, status: Callable[[], str], environ: Mapping[str, str] = os.environ) -> None:
        self._status = status
        self._failures = Repeats()
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog(environ)
        """Seconds within which systemd wants a sign of life; 0 when it wants none."""

    def ready(self) -> None:
        """Tell that it serves."""
        self._tell("READY=1", f"STATUS={self._status()}")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell that a reload begins, and that it has ended, whether or not it succeeded."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", "STATUS=Reading the config again")
        try:
            yield
        finally:
            self.ready()

    def stopping(self) -> None:
        """Tell that it ends."""
        self._tell("STOPPING=1", "STATUS=Stopping")

    async def keep_alive(self, is_well: Callable[[], bool]) -> None:
        """Give signs of life, twice as often as wanted, while all is well; runs until cancelled."""
        was_well = True
        while self.watchdog:
            if well := is_well():
                self._tell("WATCHDOG=1", f"STATUS={self._status()}")
            elif was_well:
                log.error("a round of polls or searches does not end, systemd may start the exporter anew")
            was_well = well
            await asyncio.sleep(self.watchdog / 2)

    def _tell(self, *assignments: str) -> None:
        if not self._address:
            return
        # A name in the abstract namespace of Linux is written with an @ for its leading zero.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.setblocking(False)
                told.sendto("\n".join(assignments).encode(), address)
        except OSError as error:
            if times := self._failures.failed("", at=time.monotonic()):
                fields = {"socket": self._address, "error": error, "failures": times}
                log.warning("systemd cannot be told how the exporter fares", extra=fields)


def _watchdog(environ: Mapping[str, str]) -> float:
    """Return the seconds of sd_watchdog_enabled(3); 0 when it is another process that is watched."""
    microseconds, process = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    is_meant = process in {"", str(os.getpid())}
    return int(microseconds) / 1_000_000 if is_meant and microseconds.isdecimal() else 0.0
