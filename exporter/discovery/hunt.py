"""A search for printers, from its plan to all that was found until it ended or was stopped.

found = await hunt(Plan(addresses, candidates(config, ())), display)
"""

import asyncio
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from pydantic import SecretStr

from exporter.config import CommunityCredentials, Config, Credentials, EngineName, Printer
from exporter.discovery.addresses import addresses_of
from exporter.discovery.found import Announced
from exporter.discovery.pace import Pace, Paced
from exporter.discovery.proposals import Known
from exporter.discovery.sweep import CONCURRENCY, Answer, Candidate, Terms, sweep
from exporter.snmp.client import as_v1
from exporter.snmp.engines import Engines
from exporter.snmp.errors import Exhausted

RATE = 100.0
"""Datagrams a second: no flood for the routers on the way, and nothing that looks like an attack."""

_LOOKUP_SECONDS = 10.0  # for one name
_UNNAMED = "answers to a community that snmp.credentials lacks (the command line's number {})"


class HuntError(Exception):
    """Nothing can be looked for here; the text says why."""


class Display(Protocol):
    """Whom to tell how the search goes."""

    def listening(self, services: int) -> None:
        """So many services were announced so far."""
        ...

    def sweeping(self, addresses: int) -> None:
        """So many addresses are asked from now on."""
        ...

    def asked(self, answer: Answer) -> None:
        """One of them is done."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask and how: addresses, credentials in their order, datagrams a second, and whether to listen first."""

    addresses: Sequence[str]
    candidates: Sequence[Candidate]
    terms: Terms = field(default_factory=Terms)
    rate: float = RATE
    listens: bool = False
    engine: EngineName = "auto"


@dataclass(slots=True)
class Hunt:
    """What was found so far; `stopped` is the signal that ended it early."""

    answers: list[Answer] = field(default_factory=list)
    announced: list[Announced] = field(default_factory=list)
    listened: bool = False
    addresses: int = 0
    seconds: float = 0.0
    stopped: signal.Signals | None = None


def candidates(config: Config, communities: Sequence[str]) -> list[Candidate]:
    """Return the credentials to try, each once: those of the config, or the communities given in their place."""
    listed = config.shared.credentials
    if not communities:
        return _without_repeats(Candidate(name, each) for name, each in listed.items())
    given = [CommunityCredentials(version="2c", community=SecretStr(community)) for community in communities]
    names = {each: name for name, each in reversed(list(listed.items()))}
    return _without_repeats(
        Candidate(names.get(each, ""), each, "" if each in names else _UNNAMED.format(number))
        for number, each in enumerate(given, start=1)
    )


def _without_repeats(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Leave out what was tried before, also what was tried as v1 because v2c was met with silence."""
    result: list[Candidate] = []
    tried: set[Credentials] = set()
    for each in candidates:
        if each.credentials not in tried:
            result.append(each)
        tried |= {each.credentials} | ({as_v1(each.credentials)} if each.credentials.version == "2c" else set())
    return result


async def hunt(plan: Plan, display: Display) -> Hunt:
    """Carry out a plan; Ctrl-C and SIGTERM end it at once, with what was found until then.

    Raises HuntError when there is no multicast here, or when there are too few descriptors.
    """
    result = Hunt()
    started = time.monotonic()
    task = asyncio.ensure_future(_hunt(plan, display, result))
    with _until_stopped(result, task):
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    result.seconds = time.monotonic() - started
    return result


async def _hunt(plan: Plan, display: Display, result: Hunt) -> None:
    if plan.listens:
        display.listening(0)
        result.announced = await _listen(display)
        result.listened = True
    addresses = list(dict.fromkeys([*plan.addresses, *(each.address for each in result.announced)]))
    result.addresses = len(addresses)
    display.sweeping(len(addresses))
    engines = Engines(plan.engine)
    terms = replace(plan.terms, turn=CONCURRENCY / plan.rate)

    def take(answer: Answer) -> None:
        result.answers.append(answer)
        display.asked(answer)

    try:
        await sweep(addresses, plan.candidates, terms, Paced(engines.open, Pace(plan.rate)).open, take)
    except* Exhausted as errors:
        raise HuntError(str(errors.exceptions[0])) from None
    finally:
        engines.close()


async def _listen(display: Display) -> list[Announced]:
    try:
        from exporter.discovery import mdns  # noqa: PLC0415 - its library is an extra
    except ImportError:
        raise HuntError("--mdns needs python-zeroconf: pip install 'printcam-exporter[mdns]'") from None
    try:
        return await mdns.listen(display.listening)
    except OSError as error:
        raise HuntError(f"cannot listen for announcements: {error.strerror}") from None


@contextmanager
def _until_stopped(result: Hunt, task: "asyncio.Future[None]") -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        result.stopped = number
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def known(printers: Sequence[Printer], serials: Iterable[str]) -> tuple[Known, list[str]]:
    """Return what is listed, host names looked up, and the hosts that have no address now."""
    addresses = await addresses_of({printer.host for printer in printers}, _LOOKUP_SECONDS)
    names = frozenset(printer.name for printer in printers)
    there = [printer for printer in printers if printer.host in addresses]
    endpoints = frozenset((addresses[printer.host], printer.snmp_port) for printer in there)
    lost = [printer.host for printer in printers if printer.host not in addresses]
    return Known(names, endpoints, frozenset(filter(None, serials))), lost
