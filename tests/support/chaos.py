"""The whole exporter in this process, reached over HTTP as Prometheus reaches it, while things go wrong around it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from exporter import config
from exporter.app import App
from exporter.config import Config
from exporter.simulator.running import Running
from exporter.web import listeners, server
from tests.support.agents import own_address

LIMIT = 20.0
"""Seconds after which something never comes: a bound, not an expectation."""
HEAD = """\
time_zone: Europe/Berlin
polling: {{ timeout: 250ms, retries: 1, min_interval: 0 }}
state: {{ path: "{state}" }}
"""
HASTY_HEAD = HEAD.replace("min_interval: 0", "min_interval: 0, poll_limit: 1s, deadline: 1s")
"""Gives a poll up after a second."""
# What a poll costs and when things happened differs from poll to poll, and between printers that say the same.
_PASSING = ("printer_poll", "printer_last_success_", "printer_boot_")
_OWN_LABELS = re.compile(r'(printer|address|serial)="[^"]*",?')


@dataclass
class Exporter:
    """A running exporter, and the text of its config and the time of day for a test to change."""

    app: App
    client: aiohttp.ClientSession
    source: "Source"

    async def fetch(self, path: str = "/metrics", *, method: str = "GET") -> str:
        """Return a page, which must be there."""
        async with self.client.request(method, path) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return text

    async def scrape(self, path: str = "/metrics") -> str:
        """Scrape, and then wait until the polls end that a scrape does not wait for; their outcome comes next time."""
        text = await self.fetch(path)
        tasks = [device.task for device in self.app.cycle.devices.values() if device.task]
        if tasks:
            await asyncio.wait(tasks, timeout=LIMIT)
        return text


@dataclass
class Source:
    """Where the exporter finds its config, and the time of day."""

    text: str
    state: Path | str = ":memory:"
    now: float = 1_790_000_000.0
    head: str = HEAD

    def load(self) -> Config:
        return config.parse(self.head.format(state=self.state) + self.text)


@asynccontextmanager
async def exporting(text: str, *, state: Path | str = ":memory:", head: str = HEAD) -> AsyncIterator[Exporter]:
    """Run an exporter, and ask it for its health all the time: it must answer whatever happens."""
    source = Source(text, state, head=head)
    app = App(source.load, now=lambda: source.now)
    await app.start()
    runner = await server.runner(server.application(app))
    await listeners.listen(runner, [f"{own_address()}:0"])
    host, port = runner.addresses[0][:2]
    try:
        limit = aiohttp.ClientTimeout(LIMIT)
        async with (
            aiohttp.ClientSession(f"http://{host}:{port}", timeout=limit) as client,
            aiohttp.ClientSession(f"http://{host}:{port}", timeout=limit) as watcher,
            _healthy(watcher),
        ):
            yield Exporter(app, client, source)
    finally:
        await app.close()
        await runner.cleanup()


@asynccontextmanager
async def _healthy(client: aiohttp.ClientSession) -> AsyncIterator[None]:
    answers = 0

    async def ask() -> None:
        nonlocal answers
        while True:
            async with client.get("/-/healthy") as answer:
                assert answer.status == 200
            answers += 1
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError), outcome
    assert answers


def told(text: str, printer: str) -> set[str]:
    """Return the samples of a printer but for its name, address and serial, and for what differs from poll to poll."""
    lines = (line for line in text.splitlines() if f'printer="{printer}"' in line)
    return {_OWN_LABELS.sub("", line) for line in lines if not line.startswith(_PASSING)}


def value(text: str, name: str, **labels: str) -> float | None:
    """Return the value of the one sample that has these labels, None where there is none."""
    found = [
        float(number)
        for shown, number in re.findall(rf"(?m)^{name}(?:{{(.*)}})? (\S+)$", text)
        if all(f'{label}="{content}"' in shown for label, content in labels.items())
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


def failures(text: str, printer: str) -> dict[str, float]:
    """Return how often polls of a printer failed, by the reasons for which they did."""
    found = re.findall(rf'(?m)^printer_poll_failures_total{{printer="{printer}".*reason="(\w+)"}} (\S+)$', text)
    return {reason: float(count) for reason, count in found if float(count)}


def problems(lines: Iterable[str]) -> list[str]:
    """Return what a log has of faults that nobody foresaw."""
    return [line for line in lines if "Traceback" in line or "never retrieved" in line]


Answers = Iterable[tuple[float, bytes]]


class Relay(Running):
    """A piece of network before an agent: `ways` says when, and how often, each answer arrives, and in what order.

    With `elsewhere`, answers come from that address in place of the one that was asked.
    """

    def __init__(self, agent: tuple[str, int], ways: Callable[[bytes], Answers], *, elsewhere: str = "") -> None:
        self.host = own_address()
        self.port = 0
        self._agent = agent
        self._ways = ways
        self._elsewhere = elsewhere
        self._open: list[asyncio.DatagramTransport] = []
        self._behind: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._late: list[asyncio.TimerHandle] = []

    async def start(self) -> None:
        """Bind the sockets."""
        front = await self._endpoint(_Pipe(self._asked), (self.host, 0))
        self._front = front
        self.port = front.get_extra_info("sockname")[1]
        if self._elsewhere:
            self._front = await self._endpoint(_Pipe(lambda data, sender: None), (self._elsewhere, self.port))

    async def close(self) -> None:
        """Give the sockets back, and forget what is still on its way."""
        for handle in self._late:
            handle.cancel()
        for transport in self._open:
            transport.close()
        await asyncio.sleep(0)
        self._open.clear()

    async def _endpoint(self, pipe: asyncio.DatagramProtocol, at: tuple[str, int]) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: pipe, local_addr=at)
        self._open.append(transport)
        return transport

    def _asked(self, data: bytes, client: tuple[str, int]) -> None:
        asyncio.get_running_loop().create_task(self._pass_on(data, client))

    async def _pass_on(self, data: bytes, client: tuple[str, int]) -> None:
        if client not in self._behind:
            pipe = _Pipe(lambda answer, _: self._answered(answer, client))
            self._behind[client] = await self._endpoint(pipe, (self.host, 0))
        self._behind[client].sendto(data, self._agent)

    def _answered(self, answer: bytes, client: tuple[str, int]) -> None:
        for delay, datagram in self._ways(answer):
            self._late.append(asyncio.get_running_loop().call_later(delay, self._send, datagram, client))

    def _send(self, datagram: bytes, client: tuple[str, int]) -> None:
        if not self._front.is_closing():
            self._front.sendto(datagram, client)


class _Pipe(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.datagram_received = take  # type: ignore[method-assign, assignment]
