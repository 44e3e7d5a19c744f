"""Addresses asked over SNMP: who is a printer, and what it costs to find out, against simulated and real agents."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from rich.console import Console

from exporter.commands.progress import Shown
from exporter.config import AuthKey, CommunityCredentials, Credentials, EngineName, PrivKey, UserCredentials
from exporter.discovery import sweep as sweeping
from exporter.discovery.hunt import Plan, hunt
from exporter.discovery.pace import Pace, Paced
from exporter.discovery.sweep import Answer, Candidate, Terms, ask, sweep
from exporter.simulator import office
from exporter.simulator.agent import Agent
from exporter.simulator.ber import OctetString, Request
from exporter.simulator.running import Running
from exporter.snmp.engines import Engines
from tests.support.agents import SNMPD, free_port, own_address, snmpd
from tests.test_poll import BASE, PRINTER, USER, V2C, V3, MovingMib, oid, value_of

OFFICE_V3 = UserCredentials(
    version="3",
    user=office.V3_USER.name,
    auth=AuthKey(protocol="SHA256", password=SecretStr(office.V3_USER.auth_password)),
    priv=PrivKey(protocol="AES128", password=SecretStr(office.V3_USER.priv_password)),
)
SECRET = CommunityCredentials(version="2c", community=SecretStr("s3cret"))
GENERAL = "1.3.6.1.2.1.43.5.1.1"
SYS_LOCATION = oid("1.3.6.1.2.1.1.6.0")
TERMS = Terms(timeout=0.3, retries=0)

needs_snmpd = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")


def candidates(**credentials: Credentials) -> list[Candidate]:
    return [Candidate(name, each) for name, each in credentials.items()]


async def asked(
    host: str, port: int, *credentials: Credentials, engine: EngineName = "auto", terms: Terms = TERMS
) -> Answer:
    """Ask one address as a sweep does."""
    engines = Engines(engine)
    tried = [Candidate(f"number {number}", each) for number, each in enumerate(credentials or [V2C], start=1)]
    at = Terms(port, terms.timeout, terms.retries)
    try:
        return await ask(host, tried, at, engines.open)
    finally:
        engines.close()


@asynccontextmanager
async def running(agent: Running) -> AsyncIterator[None]:
    await agent.start()
    try:
        yield
    finally:
        await agent.close()


def a_printer(extra: Mapping[str, tuple[str, object]] | None = None) -> MovingMib:
    rows = {**PRINTER, **(extra or {})}
    return MovingMib(BASE | {oid(name): value_of(*value) for name, value in rows.items()})


class Sink(asyncio.DatagramProtocol):
    """A host that takes datagrams and never answers."""

    def __init__(self) -> None:
        self.versions: list[int] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.versions.append(data[4])  # of SNMP's message, behind its length and the integer's tag and length


@asynccontextmanager
async def sinks(hosts: Sequence[str], port: int) -> AsyncIterator[list[Sink]]:
    made = [Sink() for _ in hosts]
    opened = [await _bound(sink, host, port) for sink, host in zip(made, hosts, strict=True)]
    try:
        yield made
    finally:
        for transport in opened:
            transport.close()
        await asyncio.sleep(0)


async def _bound(sink: Sink, host: str, port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: sink, (host, port))
    return transport


@pytest.mark.parametrize("place", office.PLACES, ids=lambda place: place.name)
async def test_each_printer_of_the_office_says_who_it_is(place: office.Place) -> None:
    agent = office._agent(place, own_address(), 0, lambda: 0.0)
    async with running(agent):
        answer = await asked(agent.host, agent.port, OFFICE_V3 if place.v3 else V2C)
    if place.silent:
        assert answer == Answer(agent.host, "silent")
        return
    [seen] = answer.printers
    assert answer.outcome == "printer"
    assert seen.identity.serial == place.printer.serial
    assert seen.identity.model
    assert (seen.address, seen.port, seen.device) == (agent.host, agent.port, None)


async def test_a_dead_address_costs_a_datagram_for_each_of_the_credentials_and_one_more_for_v1() -> None:
    host = own_address()
    port = free_port(host)
    async with sinks([host], port) as [sink]:
        answer = await asked(host, port, V2C, SECRET, V3)
    assert answer == Answer(host, "silent")
    assert sink.versions == [1, 0, 1, 0, 3]


async def test_where_nothing_listens_only_one_datagram_is_sent() -> None:
    host = own_address()
    engines = Engines()
    opened: list[object] = []

    def open_session(target: object) -> object:
        opened.append(target)
        return engines.open(target)  # type: ignore[arg-type]

    answer = await ask(host, candidates(a=V2C, b=SECRET), Terms(free_port(host), 0.3), open_session)  # type: ignore[arg-type]
    engines.close()
    assert (answer, len(opened)) == (Answer(host, "silent"), 1)


async def test_the_first_credentials_that_show_a_printer_count() -> None:
    agent = Agent(a_printer(), own_address(), 0, community="s3cret")
    async with running(agent):
        answer = await asked(agent.host, agent.port, V2C, V3, SECRET, V2C)
    assert [seen.candidate.name for seen in answer.printers] == ["number 3"]


async def test_a_printer_is_found_over_ipv6() -> None:
    agent = Agent(a_printer(), "::1", 0)
    async with running(agent):
        assert (await asked("::1", agent.port)).outcome == "printer"


async def test_what_speaks_snmp_without_the_printer_mib_is_another_device() -> None:
    values = {name: value for name, value in BASE.items() if name[:7] != oid("1.3.6.1.2.1.43")}
    agent = Agent(MovingMib(values), own_address(), 0)
    async with running(agent):
        answer = await asked(agent.host, agent.port)
    assert answer == Answer(agent.host, "other")
    assert agent.requests <= 6


@pytest.fixture(scope="module")
def computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with snmpd(tmp_path_factory.mktemp("computer"), {}) as at:
        yield at


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with snmpd(tmp_path_factory.mktemp("printer"), PRINTER, f"{USER}\nsyslocation B1 2nd floor") as at:
        yield at


@needs_snmpd
async def test_a_computer_is_no_printer(computer: tuple[str, int]) -> None:
    assert (await asked(*computer)).outcome == "other"


@needs_snmpd
@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
@pytest.mark.parametrize("credentials", [V2C, V3, V2C.model_copy(update={"version": "1"})], ids=["2c", "3", "1"])
async def test_a_printer_is_found_by_each_engine_in_each_version(
    printer: tuple[str, int], credentials: Credentials, engine: EngineName
) -> None:
    answer = await asked(*printer, credentials, engine=engine, terms=Terms(timeout=2.0))
    [seen] = answer.printers
    assert (seen.identity.serial, seen.location) == ("SNMPD-1", "B1 2nd floor")


@needs_snmpd
async def test_wrong_keys_are_told_from_silence(printer: tuple[str, int]) -> None:
    wrong = V3.model_copy(update={"auth": AuthKey(protocol="SHA256", password=SecretStr("not-the-password"))})
    assert (await asked(*printer, SECRET, wrong, terms=Terms(timeout=1.0))).outcome == "rejected"
    assert (await asked(*printer, wrong, V2C, terms=Terms(timeout=1.0))).outcome == "printer"


async def test_several_printers_behind_one_address_are_each_found_by_their_device() -> None:
    second = {
        f"{GENERAL}.1.2": ("counter", 1),
        f"{GENERAL}.16.2": ("octet_str", "Labels"),
        f"{GENERAL}.17.2": ("octet_str", "L2"),
    }
    agent = Agent(a_printer(second), own_address(), 0)
    async with running(agent):
        answer = await asked(agent.host, agent.port)
    assert [(seen.device, seen.identity.serial, seen.name) for seen in answer.printers] == [
        (1, "SNMPD-1", ""),
        (2, "L2", "Labels"),
    ]


async def test_a_crowd_of_devices_and_long_words_with_controls_are_cut_and_cleaned() -> None:
    crowd = {f"{GENERAL}.1.{number}": ("counter", 1) for number in range(2, 500)}
    mib = a_printer(crowd)
    mib.values[oid("1.3.6.1.2.1.1.5.0")] = OctetString(b"\x1b[31m" + b"name\n" * 3_0)
    mib.values[SYS_LOCATION] = OctetString("\u202egnihton".encode())
    agent = Agent(mib, own_address(), 0)
    async with running(agent):
        answer = await asked(agent.host, agent.port)
    assert len(answer.printers) == 8
    seen = answer.printers[0]
    assert seen.identity.hostname.startswith("[31mname name")
    assert len(seen.identity.hostname) <= 128
    assert seen.location == "gnihton"


async def test_a_printer_that_only_begins_to_tell_is_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "IDENTITY_SECONDS", 0.3)

    def slow(request: Request, reply: bytes) -> Sequence[tuple[float, bytes]]:
        return [(10.0 if any(name[:9] == oid("1.3.6.1.2.1.25.3.2") for name in request.oids) else 0.0, reply)]

    agent = Agent(a_printer(), own_address(), 0, hook=slow)
    async with running(agent):
        answer = await asked(agent.host, agent.port, terms=Terms(timeout=5.0))
    [seen] = answer.printers
    assert seen.identity.hostname == "printer-1"


async def test_a_low_rate_costs_time_and_nothing_of_what_a_printer_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "IDENTITY_SECONDS", 0.05)
    agent = Agent(a_printer(), own_address(), 0)
    async with running(agent):
        plan = Plan([agent.host], candidates(a=V2C), Terms(agent.port), rate=40.0)
        found = await hunt(plan, Shown(Console(file=io.StringIO())))
    [[seen]] = [answer.printers for answer in found.answers]
    assert (seen.identity.model, seen.identity.serial) == ("Example 1", "SNMPD-1")


async def test_garbage_is_no_printer_and_ends_nothing() -> None:
    agent = Agent(a_printer(), own_address(), 0, hook=lambda request, reply: [(0.0, reply[:-7])])
    async with running(agent):
        assert (await asked(agent.host, agent.port, V2C, SECRET)).outcome == "silent"


async def test_a_sweep_keeps_to_its_rate_and_tells_of_every_address_once() -> None:
    hosts = [own_address() for _ in range(40)]
    port = free_port(hosts[0])
    engines, told = Engines(), list[Answer]()
    loop = asyncio.get_running_loop()
    async with sinks(hosts, port) as made:
        started = loop.time()
        paced = Paced(engines.open, Pace(200))
        await sweep(hosts, candidates(a=V3), Terms(port, 0.1), paced.open, told.append)
        lasted = loop.time() - started
    engines.close()
    assert sorted(answer.address for answer in told) == sorted(hosts)
    assert sum(len(sink.versions) for sink in made) == 40
    assert 39 / 200 <= lasted < 5


async def test_a_sweep_that_is_cancelled_leaves_nothing_open_and_keeps_what_it_told() -> None:
    agent = Agent(a_printer(), own_address(), 0)
    silent = [own_address() for _ in range(20)]
    engines, told = Engines(), list[Answer]()
    async with running(agent), sinks(silent, agent.port):
        task = asyncio.create_task(
            sweep([agent.host, *silent], candidates(a=V2C), Terms(agent.port, 30.0), engines.open, told.append)
        )
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    engines.close()
    assert [answer.address for answer in told] == [agent.host]
