"""What changes at a printer shows in the next cycle where it gives a hint, else within an hour: the whole way."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from exporter.app import App
from exporter.printers.poll import PrinterPoller
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, OctetString, Oid, TimeTicks, Value
from exporter.simulator.v3agent import User, V3Agent
from tests.support.agents import own_address
from tests.test_app import HEAD, LEVEL, MONDAY_NOON, running, scraped, value
from tests.test_poll import BASE, Clock, M, MovingMib, oid

UPTIME, SYS_DESCR = oid("1.3.6.1.2.1.1.3.0"), oid("1.3.6.1.2.1.1.1.0")
CONFIG_CHANGES, SERIAL = oid(f"{M}.5.1.1.1.1"), oid(f"{M}.5.1.1.17.1")
SUPPLY = f"{M}.11.1.1"


@dataclass(frozen=True, slots=True)
class Change:
    """The instances that are others now, what tells of it, and a series that shows it."""

    values: Mapping[Oid, Value]
    hint: Mapping[Oid, Value]
    shows: str


TOLD: dict[Oid, Value] = {CONFIG_CHANGES: Integer(5)}
CHANGES = {
    "a cartridge swapped": Change(
        {
            oid(f"{SUPPLY}.6.1.1"): OctetString(b"Toner K TK-3160;SN 770012"),
            oid(f"{SUPPLY}.9.1.1"): Integer(98),
        },
        TOLD,
        r'printer_supply_info\{.*description="Toner K TK-3160.*",part="TK-3160",.*\}',
    ),
    "a tray added": Change(
        {oid(f"{M}.8.2.1.{column}.1.2"): BASE[oid(f"{M}.8.2.1.{column}.1.1")] for column in (2, 8, 9, 10, 12)}
        | {oid(f"{M}.8.2.1.13.1.2"): OctetString(b"Tray 2")},
        TOLD,
        r'printer_tray_sheets\{.*tray="Tray 2",.*\}',
    ),
    "a firmware update": Change(
        {SYS_DESCR: OctetString(b"Example printer, Firmware Ver.2.07")},
        {UPTIME: TimeTicks(3000)},
        r'printer_info\{.*firmware="2.07",.*\}',
    ),
    "a printer replaced": Change(
        {oid("1.3.6.1.2.1.25.3.2.1.3.1"): OctetString(b"Example 2")},
        {SERIAL: OctetString(b"SNMPD-2")},
        r'printer_info\{.*model="Example 2",serial="SNMPD-2",.*\}',
    ),
    "a printer without a serial number replaced": Change(
        {oid("1.3.6.1.2.1.25.3.2.1.3.1"): OctetString(b"Example 2")},
        {UPTIME: TimeTicks(90_000_000)},
        r'printer_info\{.*model="Example 2",.*\}',
    ),
}


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[App, MovingMib, Clock]]:
    """Run an exporter that has polled a printer twice; yield what the printer answers, and the poller's clock."""
    mib, clock = MovingMib(BASE), Clock()
    async with (
        Agent(mib, own_address(), 0) as answering,
        running(f'printers: [{{ name: P, host: "{answering.host}:{answering.port}" }}]') as (app, source),
    ):
        poller = app.cycle.devices["P"].poller
        assert isinstance(poller, PrinterPoller)
        poller._monotonic = clock
        for _ in range(2):
            await scraped(app)
        source.now = MONDAY_NOON + 7200
        yield app, mib, clock


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_that_the_printer_hints_at_shows_in_the_next_cycle(what: str) -> None:
    change = CHANGES[what]
    async with watched() as (app, mib, _):
        mib.values |= {**change.values, **change.hint}
        assert value(await scraped(app), change.shows)


@pytest.mark.parametrize("what", [what for what in CHANGES if what != "a printer replaced"])
async def test_a_change_without_any_hint_shows_within_an_hour(what: str) -> None:
    change = CHANGES[what]
    async with watched() as (app, mib, clock):
        mib.values |= change.values
        assert value(await scraped(app), change.shows) is None
        clock.now += 3601
        assert value(await scraped(app), change.shows)


async def test_a_new_cartridge_counts_in_the_next_cycle_though_its_words_come_later() -> None:
    async with watched() as (app, mib, _):
        mib.set(level=98)
        shown = await scraped(app)
        assert value(shown, LEVEL) == "0.98"
        assert value(shown, r"printer_supply_replaced_total\{.*\}") == "1"


@pytest.mark.parametrize("rows", ["supplies", "trays"])
async def test_what_was_taken_away_is_gone_within_five_minutes_without_any_hint(rows: str) -> None:
    entry, series = {"supplies": (SUPPLY, LEVEL), "trays": (f"{M}.8.2.1", r"printer_tray_sheets\{.*\}")}[rows]
    async with watched() as (app, mib, clock):
        for at in [at for at in mib.values if at[: len(oid(entry))] == oid(entry)]:
            del mib.values[at]
        clock.now += 301
        assert value(await scraped(app), series) is None
        assert value(await scraped(app), r"printer_up\{.*\}") == "1"


@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
async def test_a_printer_replaced_shows_in_the_next_cycle_over_snmpv3_too(engine: str) -> None:
    """Its SNMP engine has another ID, so that the session which was kept is of no use."""
    user = User("someone", "auth-password", "priv-password")
    other = BASE | {SERIAL: OctetString(b"SNMPD-2")}
    async with V3Agent(MovingMib(BASE), own_address(), 0, user=user) as first:
        text = f"""
snmp:
  engine: {engine}
  credentials:
    v3:
      version: 3
      user: someone
      auth: {{ protocol: SHA256, password: auth-password }}
      priv: {{ protocol: AES128, password: priv-password }}
printers: [{{ name: P, host: "{first.host}:{first.port}", credentials: v3 }}]
"""
        head = HEAD.replace("timeout: 100ms, retries: 0", "timeout: 1s, retries: 1")
        async with running(text, head=head) as (app, _):
            assert 'serial="SNMPD-1"' in await scraped(app)
            await first.close()
            async with V3Agent(MovingMib(other), first.host, first.port, user=user):
                shown = await scraped(app)
    assert 'serial="SNMPD-2"' in shown
    assert value(shown, r"printer_up\{.*\}") == "1"
