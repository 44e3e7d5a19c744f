"""What a poll comes to, whatever goes wrong with it."""

import asyncio
import logging
from collections.abc import Awaitable

from exporter.printers.model import Failure, Snapshot
from exporter.snmp.errors import SnmpError

log = logging.getLogger(__name__)


class Attempts:
    """The polls of one printer, one after the other."""

    def __init__(self, printer: str) -> None:
        self._printer = printer
        self._complained = False

    async def outcome(self, poll: Awaitable[Snapshot], limit: float | None) -> Snapshot | Failure:
        """Await a poll for at most `limit` seconds; what goes wrong is the result, nothing is raised."""
        try:
            async with asyncio.timeout(limit):
                return await poll
        except SnmpError as error:
            return Failure(error.reason, str(error))
        except TimeoutError:
            return Failure("deadline", f"given up after {limit:g} s")
        except Exception as error:  # a device must never cost more than its own data, whatever it found in us
            level = logging.DEBUG if self._complained else logging.ERROR  # loudly once, counted always
            log.log(level, "poll failed", exc_info=True, extra={"printer": self._printer})
            self._complained = True
            return Failure("internal", f"a fault of the exporter: {type(error).__name__}")
