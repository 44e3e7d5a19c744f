"""A day of cycles, run fast: printers, good and bad, and cameras leave no more in memory at night than at noon."""

import asyncio
import gc
import logging
import random
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

import pytest

from exporter import app
from exporter.cameras import watch
from exporter.cameras.model import Device, Search
from exporter.cameras.network import Network
from exporter.printers.poll import PrinterPoller, poller_for
from exporter.simulator import ber
from exporter.simulator.cameras import SimulatedCamera
from exporter.snmp.errors import Protocol, Timeout
from exporter.snmp.session import SYS_UPTIME, Row, Session, Target, Value, Walk
from tests.support.chaos import Exporter, exporting, failures, value
from tests.test_poll import BASE, M

CYCLES = 1440
EVERY = 20
"""Cycles from one look at the memory to the next."""
SERIAL, PAGES, LEVEL = f"{M}.5.1.1.17.1", f"{M}.10.2.1.4.1.1", f"{M}.11.1.1.9.1.1"
DESCRIPTION, CODE, ALERT_TEXT = f"{M}.11.1.1.6.1.1", f"{M}.18.1.1.7.1.7", f"{M}.18.1.1.8.1.7"


def plain(found: ber.Value) -> Value:
    """Return a value as an engine hands it on."""
    if isinstance(found, ber.OctetString):
        return found.value
    if isinstance(found, ber.ObjectId):
        return ".".join(map(str, found.value))
    assert isinstance(found, ber.Integer)
    return found.value


VALUES = {".".join(map(str, at)): plain(found) for at, found in sorted(BASE.items())}
Says = Mapping[str, Value]


class Printers:
    """Printers without a network: what each says, or does, in a given minute of the day."""

    def __init__(self) -> None:
        self.minute = 0
        self._dice = random.Random(7)

    def ask(self, host: str) -> Says:
        """Return all that a printer says now; raises SnmpError."""
        name = NAMES.get(host, "sound")
        said = {
            **VALUES,
            SYS_UPTIME: 100_000 + self.minute * 6_000,
            SERIAL: f"SN-{host}".encode(),
            PAGES: 1_000 + self.minute,
            LEVEL: 100 - self.minute // 10 % 90,
        }
        return getattr(self, f"_{name}", lambda said: said)(said)  # type: ignore[no-any-return]

    def _silent(self, said: Says) -> Says:
        raise Timeout("no answer")

    def _flapping(self, said: Says) -> Says:
        if self.minute % 7 < 2:
            raise Timeout("no answer") if self.minute % 2 else Protocol("malformed")
        return said

    def _moody(self, said: Says) -> Says:
        """Change the words, codes and cartridges all the time, and the serial number every hour."""
        text = self._dice.randbytes(300)
        serial = f"SN-{self.minute // 60 % 2}-M".encode()
        return {**said, DESCRIPTION: text, ALERT_TEXT: text, CODE: self._dice.randrange(40_000), SERIAL: serial}


NAMES = {f"192.0.2.{n}": name for n, name in enumerate(("sound", "silent", "flapping", "moody"), 1)}
# Polled once, and known ever after: beside them, what Python and the HTTP client keep for a while is little.
RARE = {f"192.0.2.{n}": f"rare {n}" for n in range(100, 116)}


class _Session:
    """A session that asks without a network."""

    def __init__(self, ask: Callable[[], Says]) -> None:
        self.requests = 0
        self._ask = ask

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        self.requests += 1
        said = self._ask()
        return {at: said[at] for at in oids if at in said}

    def walk(self, root: str, repetitions: int) -> Walk:
        return _Walk(self, root)

    def rows(self, root: str) -> list[Row]:
        self.requests += 1
        return [(at, found) for at, found in self._ask().items() if at.startswith(f"{root}.")]

    def close(self) -> None:
        pass


class _Walk:
    def __init__(self, session: _Session, root: str) -> None:
        self._session = session
        self._root = root
        self._is_done = False

    async def page(self, timeout: float) -> list[Row]:
        if self._is_done:
            return []
        rows = self._session.rows(self._root)
        self._is_done = True
        return rows


class _Engines:
    def __init__(self, printers: Printers, setting: str) -> None:
        self._printers = printers

    def open(self, target: Target) -> Session:
        return _Session(partial(self._printers.ask, target.address))

    def keep_only(self, credentials: Iterable[object]) -> None:
        pass

    def close(self) -> None:
        pass


CAMERAS = [
    SimulatedCamera(
        Device(
            f"02:00:5e:10:00:{number:02x}", f"192.0.2.{number}", port=80, name=f"C{number}", model="M", firmware="1"
        ),
        moves=("192.0.2.8", "192.0.2.9") if number == 7 else (),
        moves_every=600,
        silent_every=3600,
        silent_for=600 if number == 6 else 0,
    )
    for number in range(5, 8)
]


class _Network(Network):
    """A network that has cameras and noise on it, and costs no time."""

    printers: Printers

    async def search(self, is_done: Callable[[], bool]) -> Search:
        elapsed = self.printers.minute * 60.0
        self._chosen = {"eth0": None}
        for camera in CAMERAS:
            answer = camera.answer((self._mac, "192.0.2.1"), elapsed)
            if answer:
                self._take(answer, "eth0")
                self._take(answer[: self.printers.minute % len(answer)], "eth0")
        self._tell({})
        return Search(self._now(), elapsed, 0.0, len(CAMERAS), {"eth0": True})


@pytest.fixture
def printers(monkeypatch: pytest.MonkeyPatch) -> Printers:
    """Put printers and cameras without a network in the place of real ones."""
    made = Printers()

    def poller(*arguments: object, **options: object) -> PrinterPoller:
        one = poller_for(*arguments, **options)  # type: ignore[arg-type]
        one._monotonic = lambda: made.minute * 60.0
        return one

    monkeypatch.setattr(app, "Engines", partial(_Engines, made))
    monkeypatch.setattr(app, "poller_for", poller)
    monkeypatch.setattr(watch, "Network", type("Net", (_Network,), {"printers": made}))
    return made


async def cycle(exporter: Exporter) -> str:
    """Let a minute pass, scrape, and wait until all is written."""
    text = await exporter.scrape("/metrics?collect[]=printers&collect[]=cameras")
    assert exporter.app.saver
    await exporter.app.saver.saved()
    return text


def test_memory_stands_still_through_the_second_half_of_a_day(printers: Printers, tmp_path: Path) -> None:
    logging.disable()  # what the test run itself keeps of log lines is no part of this
    gc.collect()
    gc.freeze()
    tracemalloc.start()
    try:
        page, traced = asyncio.run(live_a_day(printers, tmp_path / "state.db"))
    finally:
        tracemalloc.stop()
        gc.unfreeze()
        logging.disable(logging.NOTSET)
    check_day(page)
    quarter = len(traced) // 4
    second, last = mean(traced[quarter : 2 * quarter]), mean(traced[3 * quarter :])
    assert last < 1.05 * second, traced


async def live_a_day(printers: Printers, state: Path) -> tuple[str, list[int]]:
    """Return the last page of a day, and how much memory was traced in the course of it."""
    entries = [f"{{ name: {name}, host: {host} }}" for host, name in NAMES.items()]
    entries += [f"{{ name: {name}, host: {host}, interval: 6h }}" for host, name in RARE.items()]
    text = f"cameras: {{ search: {{ interfaces: [eth0] }} }}\nprinters: [{', '.join(entries)}]\n"
    traced: list[int] = []
    async with exporting(text, state=state) as exporter:
        begun = exporter.source.now
        for printers.minute in range(CYCLES):
            exporter.source.now = begun + printers.minute * 60
            page = await cycle(exporter)
            if printers.minute % EVERY == 0:
                gc.collect()
                traced.append(tracemalloc.get_traced_memory()[0])
    return page, traced


def check_day(page: str) -> None:
    """See that the day was as it should be."""
    assert value(page, "printer_up", printer="sound") == value(page, "printer_up", printer="moody") == 1
    assert failures(page, "silent")["timeout"] >= CYCLES - 1
    assert failures(page, "flapping").keys() == {"protocol", "timeout"}
    assert (value(page, "printer_pages_total", printer="sound") or 0) >= 1_000 + CYCLES - 2
    assert page.count("camera_listed{") == 3
    assert (value(page, "camera_ip_changes_total", camera="C7") or 0) > 100
