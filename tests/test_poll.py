"""A poll in two parts, through the real path: snmpd in every version, and agents whose tables we move."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from pydantic import SecretStr

from exporter.config import AuthKey, CommunityCredentials, Credentials, PrivKey, UserCredentials
from exporter.printers import mib
from exporter.printers.model import Counters, Failure, Snapshot
from exporter.printers.poll import PrinterPoller
from exporter.printers.vendors import hp
from exporter.printers.vendors.maker import instances
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Counter32, Integer, ObjectId, OctetString, Oid, TimeTicks, Value
from exporter.simulator.mib import Mib
from exporter.snmp.client import Client, Walked
from exporter.snmp.engines import Engines
from tests.support.agents import SNMPD, own_address, snmpd
from tests.support.fleet import poll_once, poller, printer, snapshot_of

V2C = CommunityCredentials(version="2c", community=SecretStr("public"))
PASSWORD = SecretStr("a-long-password")
USER = 'createUser monitor SHA-256 "a-long-password" AES "a-long-password"\nrouser monitor priv'
V3 = UserCredentials(
    version="3",
    user="monitor",
    auth=AuthKey(protocol="SHA256", password=PASSWORD),
    priv=PrivKey(protocol="AES128", password=PASSWORD),
)
M = "1.3.6.1.2.1.43"
# A printer in snmpd's own words: device 1 is a printer with one toner, one tray, a cover and an alert.
PRINTER: dict[str, tuple[str, object]] = {
    f"{M}.5.1.1.1.1": ("counter", 4),
    f"{M}.5.1.1.17.1": ("octet_str", "SNMPD-1"),
    f"{M}.6.1.1.2.1.1": ("octet_str", "Front"),
    f"{M}.6.1.1.3.1.1": ("integer", 3),
    f"{M}.8.2.1.2.1.1": ("integer", 3),
    f"{M}.8.2.1.8.1.1": ("integer", 8),
    f"{M}.8.2.1.9.1.1": ("integer", 500),
    f"{M}.8.2.1.10.1.1": ("integer", 125),
    f"{M}.8.2.1.12.1.1": ("octet_str", "A4"),
    f"{M}.8.2.1.13.1.1": ("octet_str", "Tray 1"),
    f"{M}.10.2.1.3.1.1": ("integer", 7),
    f"{M}.10.2.1.4.1.1": ("counter", 4321),
    f"{M}.11.1.1.3.1.1": ("integer", 1),
    f"{M}.11.1.1.5.1.1": ("integer", 3),
    f"{M}.11.1.1.6.1.1": ("octet_str", "Toner K"),
    f"{M}.11.1.1.7.1.1": ("integer", 19),
    f"{M}.11.1.1.8.1.1": ("integer", 100),
    f"{M}.11.1.1.9.1.1": ("integer", 33),
    f"{M}.12.1.1.4.1.1": ("octet_str", "black"),
    f"{M}.18.1.1.2.1.7": ("integer", 3),
    f"{M}.18.1.1.3.1.7": ("integer", 3),
    f"{M}.18.1.1.4.1.7": ("integer", 6),
    f"{M}.18.1.1.5.1.7": ("integer", 1),
    f"{M}.18.1.1.7.1.7": ("integer", 3),
    f"{M}.18.1.1.8.1.7": ("octet_str", "Close the front"),
}


@pytest.fixture(scope="module")
def real_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), PRINTER, USER) as at:
        yield at


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
@pytest.mark.parametrize(
    "credentials", [V2C.model_copy(update={"version": "1"}), V2C, V3], ids=["v1", "v2c", "v3 authPriv"]
)
async def test_a_printer_served_by_snmpd_is_read_in_every_version(
    credentials: Credentials, engine: str, real_agent: tuple[str, int]
) -> None:
    poll = await poll_once(printer(*real_agent, credentials), engine="gufo" if engine == "gufo" else "pysnmp")
    snapshot = snapshot_of(poll)
    assert poll.version == credentials.version
    assert [(s.row.supply, s.ratio) for s in snapshot.supplies] == [("Black toner", 0.33)]
    assert [(t.row.tray, t.media, t.level, t.ratio) for t in snapshot.trays] == [("Tray 1", "A4", 125, 0.25)]
    assert snapshot.covers == (("Front", True),)
    assert [(a.level, a.code, a.group, a.description) for a in snapshot.alerts] == [
        ("critical", "coverOpen", "cover", "Close the front")
    ]
    assert (snapshot.pages, snapshot.pages_unit, snapshot.identity.serial) == (4321, "impressions", "SNMPD-1")


def oid(text: str) -> Oid:
    return tuple(map(int, text.split(".")))


def value_of(kind: str, value: object) -> Value:
    if isinstance(value, int):
        return Counter32(value) if kind == "counter" else Integer(value)
    return OctetString(str(value).encode())


BASE: dict[Oid, Value] = {
    oid("1.3.6.1.2.1.1.1.0"): OctetString(b"Example printer"),
    oid("1.3.6.1.2.1.1.2.0"): ObjectId(oid("1.3.6.1.4.1.11.2.3.9.1")),
    oid("1.3.6.1.2.1.1.3.0"): TimeTicks(100_000),
    oid("1.3.6.1.2.1.1.5.0"): OctetString(b"printer-1"),
    oid("1.3.6.1.2.1.25.3.2.1.2.1"): ObjectId(oid("1.3.6.1.2.1.25.3.1.5")),
    oid("1.3.6.1.2.1.25.3.2.1.3.1"): OctetString(b"Example 1"),
    # Something private behind the Printer-MIB, as on every real printer: a walk of the last table ends there.
    oid("1.3.6.1.4.1.11.2.3.9.1.1.7.0"): OctetString(b"MFG:Example;"),
} | {oid(name): value_of(*value) for name, value in PRINTER.items()}


class MovingMib:
    """A view whose instances a test replaces."""

    def __init__(self, values: Mapping[Oid, Value]) -> None:
        self.values = dict(values)

    def now(self) -> Mib:
        return Mib(self.values)

    def set(self, **changes: int | bytes) -> None:
        """Set instances by the names below."""
        for name, value in changes.items():
            at = oid(_NAMES[name])
            kind = type(self.values[at])
            self.values[at] = kind(value)  # type: ignore[call-arg]


_NAMES = {
    "uptime": "1.3.6.1.2.1.1.3.0",
    "config_changes": f"{M}.5.1.1.1.1",
    "serial": f"{M}.5.1.1.17.1",
    "description": f"{M}.11.1.1.6.1.1",
    "level": f"{M}.11.1.1.9.1.1",
    "pages": f"{M}.10.2.1.4.1.1",
}


class Clock:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def engines() -> Iterator[Engines]:
    made = Engines()
    yield made
    made.close()


@asynccontextmanager
async def polled(
    values: Mapping[Oid, Value] = BASE, **agent_options: object
) -> AsyncIterator[tuple[PrinterPoller, MovingMib, Clock]]:
    """Serve the values and yield a poller for them, the values and the poller's clock."""
    mib, clock = MovingMib(values), Clock()
    with engines() as made:
        async with Agent(mib, own_address(), 0, **agent_options) as agent:  # type: ignore[arg-type]
            client = Client(made.open, agent.host, agent.port, V2C, timeout=0.3, retries=0)
            one = PrinterPoller(printer(agent.host, agent.port, V2C), client, now=lambda: 1e9, monotonic=clock)
            yield one, mib, clock
            one.close()


async def snapshot(one: PrinterPoller) -> tuple[Snapshot, int]:
    """Poll once; return the snapshot and the requests it took."""
    poll = await one.poll()
    return snapshot_of(poll), poll.requests


async def test_after_the_first_poll_only_what_moves_is_asked_for() -> None:
    async with polled() as (one, mib, _):
        _, first = await snapshot(one)
        mib.set(level=32, pages=4330, uptime=100_100)
        poll = await one.poll()
        second = snapshot_of(poll)
        assert (second.supplies[0].ratio, second.pages) == (0.32, 4330)
        assert poll.uptime == 1001.0
        assert poll.requests == 2, "one GET of the values, one page of the alert table"
        mib.set(uptime=100_200)
        third, _ = await snapshot(one)
        assert third is second, "an idle printer has nothing new to be judged"
        assert first > 10


@pytest.mark.parametrize("sign", ["config_changes", "serial", "reboot", "another agent", "age"])
async def test_the_structure_is_read_again_when_something_says_that_it_moved(sign: str) -> None:
    async with polled() as (one, mib, clock):
        await snapshot(one)
        mib.set(description=b"Drum unit", uptime=100_100)
        before, requests = await snapshot(one)
        assert (before.supplies[0].row.description, requests) == ("Toner K", 2), "nothing told"
        if sign == "config_changes":
            mib.set(config_changes=5)
        elif sign == "serial":
            mib.set(serial=b"OTHER")
        elif sign == "reboot":
            mib.set(uptime=50)
        elif sign == "another agent":
            mib.set(uptime=900_000)
        else:
            clock.now += 3700
        after, _ = await snapshot(one)
        assert after.supplies[0].row.description == "Drum unit"
        assert after.identity.serial == ("OTHER" if sign == "serial" else "SNMPD-1")
        _, requests = await snapshot(one)
        assert requests == 2, "and then it is at rest again"


async def test_of_the_makers_objects_only_those_that_answered_are_asked_again_and_a_serial_number_is_watched() -> None:
    device = "1.3.6.1.4.1.11.2.3.9.4.2.1"
    serial, model, pages = (oid(f"{device}.{end}") for end in ("1.3.3.0", "1.3.2.0", "4.1.2.5.0"))
    own: dict[Oid, Value] = {serial: OctetString(b"\x01\x15HP1"), pages: Integer(90)}
    values = {at: value for at, value in BASE.items() if at != oid(_NAMES["serial"])} | own
    async with polled(values) as (one, mib, _):
        await one.poll()
        mib.values |= {pages: Integer(95), model: OctetString(b"Other")}
        second, requests = await snapshot(one)
        assert second.counters == Counters((("all", "all", 95),))
        assert (second.identity.serial, requests) == ("HP1", 2)
        mib.values[serial] = OctetString(b"\x01\x15HP2")
        mib.set(description=b"Drum unit")
        other, _ = await snapshot(one)
        assert (other.identity.serial, other.supplies[0].row.description) == ("HP2", "Drum unit")


async def test_a_row_that_goes_away_is_noticed_without_a_counter_of_changes() -> None:
    values = {at: value for at, value in BASE.items() if at != oid(_NAMES["config_changes"])}
    second = {oid(f"{M}.11.1.1.{column}.1.2"): BASE[oid(f"{M}.11.1.1.{column}.1.1")] for column in (3, 5, 6, 7, 8, 9)}
    async with polled(values | second) as (one, mib, clock):
        found, _ = await snapshot(one)
        assert [supply.row.supply for supply in found.supplies] == ["Black toner", "Black toner 2"]
        for at in second:
            del mib.values[at]
        clock.now += 400
        found, _ = await snapshot(one)
        assert [supply.row.supply for supply in found.supplies] == ["Black toner"]


async def test_a_v1_only_printer_is_found_by_the_second_poll_and_then_kept() -> None:
    async with polled(versions={"1"}) as (one, _, _clock):
        first = await one.poll()
        assert isinstance(first.result, Failure)
        assert first.result.reason == "timeout"
        second = await one.poll(silent=True)
        assert snapshot_of(second).pages == 4321
        third = await one.poll()
        assert (third.version, snapshot_of(third).pages) == ("1", 4321)


async def test_v1_asks_for_no_cell_that_is_not_wanted() -> None:
    unwanted = {oid(f"{M}.8.2.1.{column}.1.1"): Integer(1) for column in range(20, 40)}
    async with polled(BASE | unwanted, versions={"1"}) as (one, _, _clock):
        await one.poll()
        found = await one.poll(silent=True)
        assert snapshot_of(found).trays[0].level == 125
        wanted_cells, wanted_columns = 25, 40
        halved = 2 * len(instances(hp.MAKER))  # none is there, and one that is not fails a whole GET
        assert found.requests <= wanted_cells + wanted_columns + halved


async def test_an_agent_with_little_room_is_read_in_smaller_requests() -> None:
    async with polled(max_message=300) as (one, _, _clock):
        found, first = await snapshot(one)
        assert (found.pages, found.supplies[0].ratio) == (4321, 0.33)
        _, requests = await snapshot(one)
        assert requests < first


async def test_a_device_that_is_no_printer_is_up_with_nothing_to_say() -> None:
    system = {at: value for at, value in BASE.items() if at[:7] == (1, 3, 6, 1, 2, 1, 1)}
    async with polled(system) as (one, _, _clock):
        found, _ = await snapshot(one)
        assert (found.supplies, found.trays, found.pages, found.errors) == ((), (), None, None)
        assert found.identity.hostname == "printer-1"


async def test_an_agent_with_nothing_at_all_is_a_failure() -> None:
    async with polled({oid("1.3.6.1.4.1.1.1.0"): Integer(1)}) as (one, _, _clock):
        poll = await one.poll()
        assert isinstance(poll.result, Failure)
        assert poll.result.reason == "protocol"


async def test_an_alert_table_that_fills_while_we_look_is_read_each_time() -> None:
    async with polled() as (one, mib, _):
        await snapshot(one)
        for column in (2, 3, 4, 5, 7, 8):
            mib.values[oid(f"{M}.18.1.1.{column}.1.9")] = BASE[oid(f"{M}.18.1.1.{column}.1.7")]
        mib.values[oid(f"{M}.18.1.1.7.1.9")] = Integer(8)
        found, _ = await snapshot(one)
        assert [alert.code for alert in found.alerts] == ["coverOpen", "jam"]


async def test_a_poll_over_its_limit_is_a_failure_named_deadline() -> None:
    async with polled(silent=True) as (one, _, _clock):
        poll = await one.poll(limit=0.01)
        assert poll.result == Failure("deadline", "given up after 0.01 s")


async def test_a_fault_of_ours_costs_one_poll_and_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Client):
        async def begin(self, *, silent: bool) -> None:
            raise KeyError("a bug")

    entry = replace(printer("192.0.2.1", 161, V3), name="Lobby")
    with engines() as made:
        one = PrinterPoller(entry, Broken(made.open, "192.0.2.1", 161, V3, timeout=1, retries=0))
        poll = await one.poll()
    assert poll.result == Failure("internal", "a fault of the exporter: KeyError")
    assert "poll failed" in caplog.text
    assert "a-long-password" not in caplog.text


async def test_a_silent_printer_costs_one_request_when_it_was_silent_before() -> None:
    with engines() as made:
        async with Agent(MovingMib(BASE), own_address(), 0, silent=True) as agent:
            one = poller(printer(agent.host, agent.port, V2C), made, timeout=0.05)
            assert (await one.poll()).requests == 2
            assert (await one.poll(silent=True)).requests == 1
            one.close()


async def test_rows_of_a_walk_that_was_cut_off_are_not_known_for_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Sequence[str]] = []

    async def walk(_root: str, *_limit: int, known: Sequence[str] = (), gently: bool = False) -> Walked:
        told.append(known)
        return Walked([(f"{mib.POLLED_TABLES[0].entry}.2.1.7", 3)], whole=gently)

    client = Client(Engines().open, "192.0.2.1", 161, V2C, timeout=1, retries=0)
    monkeypatch.setattr(client, "walk", walk)
    asking = PrinterPoller(printer("192.0.2.1", 161, V2C), client)
    for _ in range(2):
        asking._by_columns.clear()
        await asking._table(mib.POLLED_TABLES[0])
    assert not any(told)
