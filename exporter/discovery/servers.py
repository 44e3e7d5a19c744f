"""Asks the print servers of the config for their printers, each on its own interval, and tells how that goes."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from exporter.config import Config, PrintServer
from exporter.configtypes import server_url
from exporter.discovery import cups, windows
from exporter.discovery.answer import Answer, Reason, ServerError, Why
from exporter.discovery.found import Found
from exporter.repeats import Repeats

log = logging.getLogger(__name__)

TIMEOUT = 60.0
"""Seconds that a server may take; a Samba with 2,000 printers takes half of them."""

# Servers asked at the same time, for each of which there may be a process.
_AT_ONCE = 4
_NAMED = 20  # queues that a line names


@dataclass(slots=True)
class Status:
    """How asking a server goes, since the start."""

    up: bool | None = None
    """Whether the last answer could be used; None before the first."""
    printers: int = 0
    """How many there were in the last good answer."""
    left_out: Mapping[Why, int] = field(default_factory=Counter)
    """Its queues without a printer to ask."""
    last_success: float | None = None
    """When it came, in Unix seconds."""
    polls: int = 0
    failures: Counter[Reason] = field(default_factory=Counter)


class Servers:
    """Asks until it is closed; `told` takes the printers of a server by its URL, `now` is the time in Unix seconds."""

    def __init__(self, told: Callable[[str, Collection[Found]], Awaitable[None]], now: Callable[[], float]) -> None:
        self._told = told
        self._now = now
        self._tasks: dict[PrintServer, asyncio.Task[None]] = {}
        self._statuses: dict[str, Status] = {}
        self._places: Mapping[str, str] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._failures = Repeats()

    @property
    def statuses(self) -> Mapping[str, Status]:
        """How it goes with each server, by URL."""
        return self._statuses

    async def configure(self, config: Config) -> None:
        """Go on with the servers of a config: those that are new are asked at once."""
        servers = config.discovery.print_servers
        self._places = config.places()
        await self._end({server: task for server, task in self._tasks.items() if server not in servers})
        self._statuses = {server.url: self._statuses.get(server.url, Status()) for server in servers}
        self._failures.keep_only(self._statuses)
        for server in servers:
            if server not in self._tasks:
                self._tasks[server] = asyncio.create_task(self._keep_asking(server), name=f"print server {server.url}")

    async def close(self) -> None:
        """Stop asking."""
        await self._end(dict(self._tasks))

    async def _end(self, tasks: Mapping[PrintServer, asyncio.Task[None]]) -> None:
        for server, task in tasks.items():
            task.cancel()
            del self._tasks[server]
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _keep_asking(self, server: PrintServer) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._ask(server, self._statuses[server.url])
            due = max(due + server.interval, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _ask(self, server: PrintServer, status: Status) -> None:
        """Ask once, and take over what is told; what was told before stays where it fails."""
        try:
            async with self._slots:
                status.polls += 1
                answer = await _answer_of(server)
            await self._told(server.url, [self._placed(found) for found in answer.found])
        except ServerError as error:
            self._failed(server, status, error)
        except Exception as error:  # noqa: BLE001 - the next time may be luckier, and the other servers go on
            self._failed(server, status, ServerError("protocol", type(error).__name__), error)
        else:
            self._succeeded(server, status, answer)

    def _failed(self, server: PrintServer, status: Status, error: ServerError, fault: Exception | None = None) -> None:
        status.up = False
        status.failures[error.reason] += 1
        if times := self._failures.failed(server.url, at=self._now()):
            fields = {"server": server.url, "reason": error.reason, "detail": error, "failures": times}
            log.warning("print server does not tell its printers, those known stay", extra=fields, exc_info=fault)

    def _succeeded(self, server: PrintServer, status: Status, answer: Answer) -> None:
        if self._failures.ended(server.url):
            log.info("print server tells its printers again", extra={"server": server.url})
        left_out = Counter(queue.why for queue in answer.left_out)
        if status.last_success is None or (status.printers, status.left_out) != (answer.printers, left_out):
            lost = [queue.name for queue in answer.left_out if queue.why == "no_address"]
            fields = {"server": server.url, "printers": answer.printers} | {
                f"queues_{why}": left_out[why] for why in left_out
            }
            log.info("print server told its printers", extra=fields | _named(lost))
        status.up, status.last_success = True, self._now()
        status.printers, status.left_out = answer.printers, left_out

    def _placed(self, found: Found) -> Found:
        """Keep the location that a server tells where it is one of the config's: others are free text."""
        return replace(found, location=self._places.get(found.location.casefold(), ""))


async def _answer_of(server: PrintServer) -> Answer:
    scheme, host, port = server_url(server.url)
    password = server.password.get_secret_value() if server.password else ""
    if scheme == "windows":
        return await windows.ask(host, port, user=server.user, password=password, timeout=TIMEOUT)
    return await cups.ask(
        host,
        port,
        tls=scheme == "ipps",
        verify=server.verify,
        user=server.user,
        password=password,
        timeout=TIMEOUT,
    )


def _named(queues: list[str]) -> dict[str, str]:
    """Return the field that names queues without an address, where there are any."""
    more = f" and {len(queues) - _NAMED} more" if len(queues) > _NAMED else ""
    return {"without_address": ", ".join(queues[:_NAMED]) + more} if queues else {}
