"""Twenty things that spoil printer monitoring elsewhere: for each what users met, and that it does not happen here.

An agent answers over a socket, the exporter polls it as its config says, and what is served is looked at.
"""

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter import config
from exporter.app import App
from exporter.commands import probe
from exporter.config import Polling
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, Kind, ObjectId, OctetString, Oid, Request, Value, decode_request
from exporter.simulator.v3agent import User, V3Agent
from exporter.web import exposition
from tests.support import snmprec
from tests.support.agents import own_address
from tests.support.fleet import poll_once, printer, snapshot_of
from tests.test_poll import BASE, V2C, MovingMib, oid

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_NOON = datetime(2026, 9, 21, 12, tzinfo=BERLIN).timestamp()
MINUTE, HOUR = 60.0, 3600.0
P, H = "1.3.6.1.2.1.43", "1.3.6.1.2.1.25"
DEVICE_STATUS, STATE, ERRORS = oid(f"{H}.3.2.1.5.1"), oid(f"{H}.3.5.1.1.1"), oid(f"{H}.3.5.1.2.1")
CHARSET_ROW, CHARSET = oid(f"{P}.5.1.1.2.1"), oid(f"{P}.7.1.1.4.1.1")
LEVEL, PAGES = oid(f"{P}.11.1.1.9.1.1"), oid(f"{P}.10.2.1.4.1.1")

TONER, WASTE, INK = 3, 4, 5
IMPRESSIONS, PERCENT = 7, 19
CRITICAL, WARNING = 3, 4
INPUT, SUPPLIES = 8, 11

Values = dict[Oid, Value]


def supply(
    row: int,
    level: int,
    text: bytes = b"Black Toner",
    *,
    maximum: int = 100,
    kind: int = TONER,
    unit: int = PERCENT,
    colorant: int = 0,
) -> Values:
    """Return a row of prtMarkerSuppliesTable."""
    numbers = {3: colorant, 4: 4 if kind == WASTE else 3, 5: kind, 7: unit, 8: maximum, 9: level}
    cells: Values = {oid(f"{P}.11.1.1.{column}.1.{row}"): Integer(number) for column, number in numbers.items()}
    return cells | {oid(f"{P}.11.1.1.6.1.{row}"): OctetString(text)}


def alert(row: int, code: int, severity: int = WARNING, *, group: int = SUPPLIES, index: int = 1) -> Values:
    """Return a row of prtAlertTable about row `index` of the group's table."""
    numbers = {2: severity, 3: 3, 4: group, 5: index, 7: code}
    return {oid(f"{P}.18.1.1.{column}.1.{row}"): Integer(number) for column, number in numbers.items()}


def tray(row: int, name: bytes, level: int, maximum: int, *, kind: int = 3) -> Values:
    """Return a row of prtInputTable, in sheets."""
    numbers = {2: kind, 8: 8, 9: maximum, 10: level}
    cells: Values = {oid(f"{P}.8.2.1.{column}.1.{row}"): Integer(number) for column, number in numbers.items()}
    return cells | {oid(f"{P}.8.2.1.13.1.{row}"): OctetString(name)}


def sound(*rows: Mapping[Oid, Value]) -> Values:
    """Return a printer without any trouble, with these rows besides; one toner at 33 % unless they have supplies."""
    trouble = (oid(f"{P}.18"), oid(f"{P}.6"))
    values = {at: value for at, value in BASE.items() if at[: len(trouble[0])] not in trouble}
    values |= {DEVICE_STATUS: Integer(2), STATE: Integer(3), ERRORS: OctetString(b"\0")}
    supplies = oid(f"{P}.11")
    if any(at[: len(supplies)] == supplies for row in rows for at in row):
        values = {at: value for at, value in values.items() if at[: len(supplies)] != supplies}
    for row in rows:
        values |= row
    return values


def recorded(name: str) -> Values:
    """Return the values of a recording of the test suite."""
    return _as_values(snmprec.read(snmprec.RECORDINGS / f"{name}.snmprec"))


def _as_values(found: Mapping[str, int | bytes | str]) -> Values:
    kinds = {int: Integer, bytes: OctetString}
    return {
        oid(at): ObjectId(oid(value)) if isinstance(value, str) else kinds[type(value)](value)
        for at, value in found.items()
    }


@dataclass
class Wire:
    """What reaches the agent, and what is done to its replies."""

    delay: float = 0.0
    silent: bool = False
    mute_below: Oid | None = None
    kinds: set[tuple[str, Kind]] = field(default_factory=set)

    def __call__(self, request: Request, reply: bytes) -> Iterable[tuple[float, bytes]]:
        self.kinds.add((request.version, request.kind))
        below = self.mute_below
        is_mute = below is not None and any(asked[: len(below)] == below for asked in request.oids)
        return () if self.silent or is_mute else [(self.delay, reply)]


@dataclass
class Shown:
    """What is served of a printer."""

    text: str

    def __call__(self, family: str, label: str = "") -> dict[str, float]:
        """Return the values of a family by one label, or by "" for a family of one sample."""
        found = re.findall(rf"(?m)^{family}\{{(.*)\}} (\S+)$", self.text)
        keys = [dict(re.findall(r'(\w+)="([^"]*)"', labels)).get(label, "") for labels, _ in found]
        assert len(set(keys)) == len(keys)
        return {key: float(number) for key, (_, number) in zip(keys, found, strict=True)}

    def one(self, family: str) -> float | None:
        """Return the value of a family of one sample; None when it is not there."""
        return self(family).get("")

    @property
    def status(self) -> str:
        (status,) = (name for name, holds in self("printer_status", "status").items() if holds)
        return status

    @property
    def levels(self) -> dict[str, float]:
        return self("printer_supply_level_ratio", "supply")

    @property
    def statuses(self) -> dict[str, float]:
        return self("printer_supply_status", "supply")


@dataclass
class Watched:
    """A printer, the exporter that watches it, and the time of day."""

    mib: MovingMib
    wire: Wire = field(default_factory=Wire)
    config: str = ""
    app: App | None = None
    now: float = MONDAY_NOON

    async def poll(self, after: float = MINUTE) -> Shown:
        """Let time pass, poll to the end and return what is served then."""
        self.now += after
        assert self.app
        for device in self.app.cycle.devices.values():
            await self.app.cycle.poll(device)
        return self.shown()

    def shown(self) -> Shown:
        assert self.app
        return Shown(b"".join(exposition.stream("", self.app.groups(["printers"]), None)).decode())


@asynccontextmanager
async def watched(
    values: Values, options: str = "", polling: str = "timeout: 2s, retries: 1", **agent_options: object
) -> AsyncIterator[Watched]:
    """Run an exporter that lists one printer, P, with these options and settings."""
    watch = Watched(MovingMib(values))
    async with (
        Agent(watch.mib, own_address(), 0, hook=watch.wire, **agent_options) as agent,  # type: ignore[arg-type]
        exporting(watch, f'- {{ name: P, host: "{agent.host}:{agent.port}", {options} }}', polling),
    ):
        yield watch


@asynccontextmanager
async def exporting(watch: Watched, entries: str, polling: str = "timeout: 2s, retries: 1") -> AsyncIterator[None]:
    """Run an exporter of these entries."""
    settings = f"time_zone: Europe/Berlin\nstate: {{ path: ':memory:' }}\npolling: {{ min_interval: 0, {polling} }}"
    watch.config = f"{settings}\nprinters:\n{entries}\n"
    watch.app = App(lambda: config.parse(watch.config), now=lambda: watch.now)
    await watch.app.start()
    try:
        yield
    finally:
        await watch.app.close()


async def look(values: Values, options: str = "") -> Shown:
    """Poll a printer once and return what is served of it."""
    async with watched(values, options) as one:
        return await one.poll()


async def test_01_toner_shown_as_a_constant_50_per_cent_or_as_minus_3() -> None:
    """A printer that only knows that some toner is left was drawn at half full for months, or at -3 %."""
    shown = await look(sound(supply(1, -3), supply(2, -3, b"Cyan Toner", maximum=-2)))
    assert shown.levels == {}
    assert shown.statuses == {"Black toner": 0, "Cyan toner": 0}
    assert "} -" not in shown.text, "no special number is served as if it were a value"


async def test_01_a_maker_that_knows_better_than_some_left_is_asked() -> None:
    """The same users read exact levels on the printer's own panel."""
    shown = await look(recorded("ricoh-color-mfp"))
    assert shown.levels == {"Black toner": 0.3, "Waste toner": 1.0, "Yellow toner": 0.8}
    assert shown.statuses["Cyan toner"] == 2, "nearly empty, in the maker's words"
    assert shown.statuses["Magenta toner"] == 0, "some left, which is all that the maker knows of it"


async def test_02_unknown_that_means_nearly_out() -> None:
    """Printers that answer "unknown" were taken for well filled until they stopped."""
    black, cyan = supply(1, -2), supply(2, -2, b"Cyan Toner")
    shown = await look(sound(black, cyan, alert(1, 1104, index=2)))
    assert shown.levels == {}
    assert shown.statuses == {"Cyan toner": 1}, "what the printer's alert says; of the other nothing is said"
    low_toner = {ERRORS: OctetString(b"\x20")}
    assert (await look(sound(black, low_toner))).statuses == {"Black toner": 1}


async def test_02_a_level_that_is_unknown_only_while_asleep() -> None:
    """Levels came and went with every nap of the printer."""
    async with watched(sound(supply(1, 12))) as one:
        assert (await one.poll()).levels == {"Black toner": 0.12}
        one.mib.set(level=-2)
        asleep = await one.poll(8 * HOUR)
        assert (asleep.levels, asleep.statuses) == ({"Black toner": 0.12}, {"Black toner": 1})


@pytest.mark.parametrize("witness", [alert(1, 1104), {ERRORS: OctetString(b"\x20")}], ids=["alert", "error bit"])
async def test_03_level_says_100_per_cent_while_the_panel_says_toner_low(witness: Values) -> None:
    """A level in coarse steps stayed full while the printer itself asked for toner."""
    shown = await look(sound(supply(1, 100), witness))
    assert (shown.levels, shown.statuses, shown.status) == ({"Black toner": 1.0}, {"Black toner": 1}, "warning")
    assert (await look(sound(supply(1, 100)))).status == "ok"


async def test_03_a_level_in_steps_that_goes_to_and_fro_is_no_new_cartridge() -> None:
    """A printer that knows tens only wavers between two of them."""
    async with watched(sound(supply(1, 50))) as one:
        for level in (40, 50, 40):
            one.mib.set(level=level)
            shown = await one.poll(HOUR)
        assert shown("printer_supply_replaced_total", "supply") == {"Black toner": 0}


async def test_04_over_100_per_cent() -> None:
    """Levels of 150 % and 60000 % were drawn where a level and its maximum did not fit together."""
    shown = await look(
        sound(
            supply(1, 150),
            supply(2, 60_000, b"Cyan Toner", unit=IMPRESSIONS),
            supply(3, 5, b"Magenta Toner", maximum=0, unit=IMPRESSIONS),
            supply(4, 5, b"Yellow Toner", maximum=-2, unit=IMPRESSIONS),
        )
    )
    assert shown.levels == {}
    assert shown.one("printer_supply_implausible") == 3
    raw = shown("printer_supply_level", "supply")
    assert raw == {"Cyan toner": 60_000, "Magenta toner": 5, "Yellow toner": 5}, "the device's own numbers stay"


async def test_04_a_maximum_that_changes_with_the_cartridge_is_read_with_its_level() -> None:
    """A bigger cartridge showed as overfull until the maximum was read again."""
    async with watched(sound(supply(1, 1000, maximum=2000, unit=IMPRESSIONS))) as one:
        assert (await one.poll()).levels == {"Black toner": 0.5}
        one.mib.values |= supply(1, 9000, maximum=10_000, unit=IMPRESSIONS)
        assert (await one.poll()).levels == {"Black toner": 0.9}


async def test_05_waste_box_the_wrong_way_round() -> None:
    """An empty waste box raised the alarm, or a full one did not: makers disagree on what its level means."""
    box = b"Waste Toner Box"
    healthy = await look(sound(supply(1, 95, box, kind=WASTE)))
    assert (healthy.levels, healthy.statuses) == ({"Waste toner": 0.95}, {"Waste toner": 0}), "95 % is the room left"
    async with watched(sound(supply(1, 40, box, kind=WASTE))) as one:
        await one.poll()
        one.mib.set(level=0)
        full = await one.poll()
    assert (full.levels, full.statuses) == ({"Waste toner": 0.0}, {"Waste toner": 2})
    rule = "supplies: [{ match: { kind: waste_toner }, invert: true }]"
    turned = await look(sound(supply(1, 95, box, kind=WASTE)), rule)
    assert turned.levels["Waste toner"] == pytest.approx(0.05)
    assert turned.statuses == {"Waste toner": 2}


@pytest.mark.parametrize(
    ("code", "severity", "status"), [(1107, WARNING, 1), (1109, CRITICAL, 2)], ids=["nearly full", "full"]
)
async def test_05_the_alert_of_a_full_waste_box_is_above_its_number(code: int, severity: int, status: int) -> None:
    """Whichever way the number runs, the printer stops when the box is full, and says so."""
    shown = await look(sound(supply(1, 95, b"Waste Toner Box", kind=WASTE), alert(1, code, severity)))
    assert shown.statuses == {"Waste toner": status}
    assert shown.status == ("warning", "error")[status - 1]


async def test_06_supplies_of_the_same_words_hid_each_other() -> None:
    """Of several supplies with one description, the last one won."""
    shown = await look(sound(supply(1, 80, b"Toner"), supply(2, 5, b"Toner"), supply(5, 60, b"Toner")))
    assert shown.levels == {"Toner": 0.8, "Toner 2": 0.05, "Toner 3": 0.6}
    assert shown.statuses == {"Toner": 0, "Toner 2": 2, "Toner 3": 0}


async def test_06_ghost_supplies_that_alarm_for_ever() -> None:
    """A row for a unit that is not fitted stood at 0, and called for a cartridge that nobody can buy."""
    async with watched(sound(supply(1, 5), supply(2, 0, b"Cyan Toner"))) as one:
        shown = await one.poll()
        assert (shown.levels, shown.statuses) == ({"Black toner": 0.05}, {"Black toner": 2})
        one.mib.set(level=0)
        shown = await one.poll()
        assert (shown.levels, shown.statuses) == ({"Black toner": 0}, {"Black toner": 2}), "that one was not empty once"
    believed = await look(sound(supply(1, 50), supply(2, 0, b"Cyan Toner"), alert(1, 1101, CRITICAL, index=2)))
    assert believed.statuses == {"Black toner": 0, "Cyan toner": 2}, "the printer itself says that it is empty"


async def test_06_a_supply_that_nobody_wants_to_see_can_be_left_out() -> None:
    """Rows that mean nothing had to be filtered by hand in every graph and alarm."""
    values = sound(supply(1, 80), supply(2, 1, b"Option Unit", kind=1))
    assert set((await look(values)).levels) == {"Black toner", "Option Unit"}
    shown = await look(values, "supplies: [{ match: { description: Option Unit }, ignore: true }]")
    assert set(shown.levels) == {"Black toner"}
    assert "Option Unit" not in shown.text


async def test_07_asleep_or_switched_off_is_down_all_night() -> None:
    """Every evening brought alarms of dead printers, and toner alarms that ended because nobody answered."""
    polling = "timeout: 200ms, retries: 0, offline_after: 2"
    async with watched(sound(supply(1, 12)), 'expected_off: { nights: "19:00-07:00", grace: 1h }', polling) as one:
        evening = await one.poll()
        one.wire.silent = True
        for hours in (8, 2, 4):
            night = await one.poll(hours * HOUR)
            assert (night.status, night.one("printer_up"), night.one("printer_expected_off")) == ("unknown", 0, 1)
            assert (night.levels, night.statuses) == (evening.levels, evening.statuses)
            assert night("printer_supply_status_changed_timestamp_seconds", "supply") == evening(
                "printer_supply_status_changed_timestamp_seconds", "supply"
            )
        assert night.one("printer_last_success_timestamp_seconds") == MONDAY_NOON + MINUTE, "the age is told"
        one.wire.silent = False
        morning = await one.poll(6 * HOUR)
        assert (morning.status, morning.one("printer_up")) == ("warning", 1)


async def test_07_one_miss_by_day_is_not_offline() -> None:
    """A printer that dozes off for a minute was reported as down."""
    async with watched(sound(), polling="timeout: 200ms, retries: 0, offline_after: 3") as one:
        await one.poll()
        one.wire.silent = True
        silence = [await one.poll() for _ in range(3)]
        assert [shown.status for shown in silence] == ["ok", "ok", "offline"]
        assert silence[-1].levels == {"Black toner": 0.33}


async def test_08_never_comes_back_after_one_lost_packet() -> None:
    """After one answer that was lost, or an outage, a printer stayed unavailable until a restart."""
    async with watched(sound(), polling="timeout: 300ms, retries: 0, offline_after: 2") as one:
        await one.poll()
        for misses, status in ((1, "ok"), (3, "offline")):
            one.wire.silent = True
            for _ in range(misses):
                silent = await one.poll(HOUR / misses)
            assert (silent.one("printer_up"), silent.status) == (0, status)
            one.wire.silent = False
            back = await one.poll()
            assert (back.one("printer_up"), back.status, back.one("printer_pages_total")) == (1, "ok", 4321)


async def test_08_comes_back_at_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A printer that got another address was lost though its name led there."""
    addresses = [own_address(), own_address()]
    real = socket.getaddrinfo

    def look_up(host: str, *args: object, **options: object) -> object:
        return real(addresses[0] if host == "printer.example" else host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    watch = Watched(MovingMib(sound()))
    async with Agent(watch.mib, addresses[0], 0) as first:
        entry = f'- {{ name: P, host: "printer.example:{first.port}" }}'
        async with exporting(watch, entry, "timeout: 300ms, retries: 0, offline_after: 2"):
            before = await watch.poll()
            assert f'address="{addresses[0]}"' in before.text
            await first.close()
            addresses.reverse()
            async with Agent(watch.mib, addresses[0], first.port):
                for _ in range(2):
                    after = await watch.poll()
            assert after.one("printer_up") == 1
            assert f'address="{addresses[0]}"' in after.text
            assert after.levels == before.levels


class _Tapped(Agent):
    """Keeps the tag of every PDU that comes, also of those that it does not answer."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.tags: set[int] = set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.tags.add(data[data.index(b"public") + len(b"public")])
        super().datagram_received(data, addr)


async def test_09_polling_wakes_or_even_restarts_the_printer() -> None:
    """Probes of the printing ports woke printers, printed garbage, or made them restart."""
    connections = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer.get_extra_info("sockname"))
        writer.close()

    host = own_address()
    listeners = [await asyncio.start_server(connected, host, port) for port in (9100, 8631, 8080)]
    watch = Watched(MovingMib(sound()))
    async with _Tapped(watch.mib, host, 0) as agent:
        async with exporting(watch, f'- {{ name: P, host: "{host}:{agent.port}" }}'):
            await watch.poll()
            before = agent.requests
            rest = await watch.poll()
        assert agent.tags <= {0xA0, 0xA1, 0xA5}, "GET, GETNEXT and GETBULK, never a SET"
        assert agent.requests - before == rest.one("printer_poll_requests") == 2, "a printer at rest is asked little"
    for listener in listeners:
        listener.close()
        await listener.wait_closed()
    assert connections == []


async def test_09_a_printer_is_asked_as_seldom_as_its_entry_says() -> None:
    """One rate for all was too much for the printer that nods off between two polls."""
    async with watched(sound(), "interval: 15m") as one:
        assert one.app
        for _ in range(3):
            await one.app.scrape(["printers"], 10)
        assert one.shown().one("printer_polls_total") == 1


@pytest.mark.parametrize("asleep", [False, True])
async def test_09_a_printer_that_sleeps_is_left_alone_for_longer(*, asleep: bool) -> None:
    """Polled at full rate all night, printers never came to rest."""
    panel: Values = {oid(f"{P}.18.1.1.8.1.1"): OctetString(b"Sleep" if asleep else b"Ready")}
    row = alert(1, 0, 0, index=-1) | panel
    async with watched(sound(row), "interval: 1m") as one:
        assert one.app
        await one.app.scrape(["printers"], 10)
        for minutes, polls in ((1, 1 if asleep else 2), (10, 2 if asleep else 3)):
            one.app.cycle.devices["P"].started -= minutes * MINUTE
            await one.app.scrape(["printers"], 10)
            assert one.shown().one("printer_polls_total") == polls
        assert one.shown().status == "ok"


async def test_10_mute_exactly_when_it_matters_while_printing_or_jammed() -> None:
    """A busy or jammed printer answers slowly, and its values vanished just then."""
    polling = "timeout: 10s, retries: 0, deadline: 200ms, poll_limit: 30s"
    async with watched(sound(), polling=polling) as one:
        assert one.app
        await one.poll()
        one.mib.values |= {ERRORS: OctetString(b"\x04"), STATE: Integer(1)}
        one.wire.delay = 0.5
        await one.app.scrape(["printers"], 10)
        meanwhile = one.shown()
        assert (meanwhile.one("printer_up"), meanwhile.levels) == (1, {"Black toner": 0.33})
        late = one.app.cycle.devices["P"].task
        assert late, "the poll goes on"
        await late
        shown = one.shown()
        assert (shown.status, shown("printer_error", "error")["jammed"]) == ("error", 1)
        assert set(shown("printer_poll_failures_total", "reason").values()) == {0}


async def test_10_a_jam_stays_on_the_page_when_the_printer_falls_silent() -> None:
    """The fault went away with the answers, though not from the printer."""
    polling = "timeout: 200ms, retries: 0, offline_after: 3"
    async with watched(sound({ERRORS: OctetString(b"\x04")}), polling=polling) as one:
        await one.poll()
        one.wire.silent = True
        silent = await one.poll()
        assert (silent.one("printer_up"), silent.status, silent("printer_error", "error")["jammed"]) == (0, "error", 1)


@pytest.mark.parametrize(
    ("octets", "charset", "description"),
    [
        ("黑色碳粉盒".encode(), 106, "黑色碳粉盒"),
        ("黑色碳粉盒".encode(), 2004, "黑色碳粉盒"),
        ("ブラックトナー".encode("shift_jis"), 17, "ブラックトナー"),
        ("Cartouche noire récupérée".encode("latin-1"), 4, "Cartouche noire récupérée"),
        ("Schwarz für Fächer".encode("hp-roman8"), 2004, "Schwarz für Fächer"),
        (b"E9 BB 91 E8 89 B2 E7 A2 B3 E7 B2 89", 106, "黑色碳粉"),
        ("Cartouche noire récupérée".encode()[:-2], 106, "Cartouche noire récupér"),
        (b"Black\r\nToner\0\0", 3, "Black Toner"),
        (b"Black Cartridge HP CF410X", 106, "Black Cartridge HP CF410X"),
        (b"Black Toner Cartridge, PN 106R03480;SN1234ABCD", 106, "Black Toner Cartridge"),
    ],
)
async def test_11_names_as_hex_or_dots(octets: bytes, charset: int, description: str) -> None:
    """Names in other scripts came out as hexadecimal or dots, and serial numbers made new series of old supplies."""
    localized = {CHARSET_ROW: Integer(1), CHARSET: Integer(charset)}
    shown = await look(sound(supply(1, 50, octets), localized))
    assert list(shown("printer_supply_info", "description")) == [description]
    assert list(shown.levels.values()) == [0.5]


async def test_11_one_bad_name_cost_the_whole_scrape() -> None:
    """A string that is no text ended the scrape, and cleaning it could make two names equal."""
    bad = b'\xff\xfe\x00\x01 Roll\n"er\\'
    shown = await look(sound(supply(1, 50, bad, kind=1), supply(2, 40, bad + b"\0", kind=1), supply(3, 30)))
    samples = [each for family in text_string_to_metric_families(shown.text) for each in family.samples]
    assert samples
    assert len({(each.name, *sorted(each.labels.items())) for each in samples}) == len(samples)
    assert sorted(s.value for s in samples if s.name == "printer_supply_level_ratio") == [0.3, 0.4, 0.5]


async def test_12_color_missing_or_wrong() -> None:
    """Colours were read off the order of rows, which differs by maker, or left out."""
    colorants = {oid(f"{P}.12.1.1.4.1.{row}"): OctetString(text) for row, text in ((1, b"yellow"), (2, b"cyan"))}
    shown = await look(
        sound(
            supply(1, 10, b"Cartridge One", colorant=1),
            supply(2, 20, b"Cartridge Two", colorant=2),
            supply(3, 30, b"Toner Magenta"),
            supply(4, 40, b"Schwarzer Toner"),
            supply(5, 50, "トナー シアン".encode(), kind=1),
            supply(6, 60, b"Toner, yellow", kind=INK),
            supply(7, 70, b"Cartridge"),
            colorants,
        )
    )
    assert shown.levels == {
        "Yellow toner": 0.1,
        "Cyan toner": 0.2,
        "Magenta toner": 0.3,
        "Black toner": 0.4,
        "Cyan toner 2": 0.5,
        "Yellow ink": 0.6,
        "Toner": 0.7,
    }
    assert 'supply="Toner",kind="toner",color=""' in shown.text, "what nobody tells is not guessed"


@pytest.mark.parametrize(
    ("octets", "bits", "status"),
    [
        (b"", set(), "ok"),
        (b"\0", set(), "ok"),
        (b"\x20", {"low_toner"}, "warning"),
        (b"\x0c", {"door_open", "jammed"}, "error"),
        (b"\0\x80", {"input_tray_missing"}, "error"),
        (b"\x80\x06", {"low_paper", "input_tray_empty", "overdue_maintenance"}, "warning"),
        (b"\x40\x08\xff", {"no_paper", "output_full"}, "error"),
    ],
)
async def test_13_error_state_misread(octets: bytes, bits: set[str], status: str) -> None:
    """Of several error bits one was shown, the second octet was dropped, and short or long strings were misread."""
    shown = await look(sound({ERRORS: OctetString(octets)}))
    found = shown("printer_error", "error")
    assert {name for name, holds in found.items() if holds} == bits
    assert set(found.values()) <= {0, 1}
    assert (len(found), shown.status) == (15, status)


async def test_13_the_status_of_the_device_is_not_that_of_the_printer() -> None:
    """A device that runs was called a printer that prints: the two enumerations are not the same."""
    shown = await look(sound({DEVICE_STATUS: Integer(3), STATE: Integer(4)}))
    assert {state for state, holds in shown("printer_state", "state").items() if holds} == {"printing"}
    assert shown.status == "ok"


@pytest.mark.parametrize(("name", "kind"), [(b"Tray 9", "manual"), (b"Multi-purpose feeder", "bypass")])
async def test_14_an_empty_manual_feed_is_critical(name: bytes, kind: str) -> None:
    """The feed that is empty until somebody puts a sheet in raised a critical alarm all day."""
    feed = tray(9, name, 0, 1, kind=5 if kind == "manual" else 3)
    shown = await look(sound(feed, alert(1, 808, CRITICAL, group=INPUT, index=9)))
    assert shown.status == "ok"
    assert shown("printer_alert", "level") == {"information": 1}
    assert shown("printer_tray_level_ratio", "kind") == {"removable": 0.25, kind: 0.0}
    other = await look(sound(alert(1, 808, CRITICAL, group=INPUT, index=1)))
    assert other.status == "error", "an empty cassette is one"


async def test_14_the_level_of_a_tray_is_what_is_left() -> None:
    """Thresholds stood upside down, and trays that tell 0, 50 and 100 only looked broken."""
    shown = await look(sound(tray(1, b"Tray 1", 500, 500), tray(2, b"Tray 2", 250, 500), tray(3, b"Tray 3", 0, 500)))
    assert shown("printer_tray_level_ratio", "tray") == {"Tray 1": 1.0, "Tray 2": 0.5, "Tray 3": 0.0}
    assert shown("printer_tray_sheets", "tray") == {"Tray 1": 500, "Tray 2": 250, "Tray 3": 0}


@pytest.mark.parametrize(
    ("recording", "total", "by_function"),
    [("kyocera-color-mfp", 77_500, 77_000), ("canon-mf-labels", 8215, 8215)],
)
async def test_15_page_counters_disagree_with_the_panel(recording: str, total: int, by_function: int) -> None:
    """One number was the standard's on this printer and the maker's on that, and fitted neither panel nor bill."""
    shown = await look(recorded(recording))
    assert shown.one("printer_pages_total") == total
    functions = re.findall(r"(?m)^printer_function_pages_total\{.*\} (\S+)$", shown.text)
    assert sum(map(float, functions)) == by_function, "the maker's own stand apart, and no page is in two of them"


async def test_15_the_unit_of_a_page_counter_is_told() -> None:
    """Sheets were added to impressions."""
    for unit, name in ((7, "impressions"), (8, "sheets")):
        shown = await look(sound({oid(f"{P}.10.2.1.3.1.1"): Integer(unit)}))
        assert shown("printer_pages_total", "unit") == {name: 4321}
    assert (await look(sound({oid(f"{P}.10.2.1.3.1.1"): Integer(17)})))("printer_pages_total") == {}, "meters"


@pytest.mark.parametrize("reading", [100, 4_000_000], ids=["down", "up"])
async def test_16_counters_that_jump_break_the_months(reading: int) -> None:
    """A counter that a repair set back, or that told nonsense once, was in the month's pages for good."""
    async with watched(sound()) as one:
        await one.poll()
        one.mib.set(pages=4331)
        assert (await one.poll()).one("printer_month_pages") == 10
        one.mib.set(pages=reading)
        strange = await one.poll()
        assert (strange.one("printer_pages_total"), strange.one("printer_page_anomalies_total")) == (4331, 1)
        for _ in range(5):
            shown = await one.poll()
        one.mib.set(pages=reading + 7)
        shown = await one.poll()
        assert shown.one("printer_pages_total") == reading + 7
        assert (shown.one("printer_month_pages"), shown.one("printer_page_anomalies_total")) == (17, 1)


async def test_16_pages_are_right_over_a_gap_and_over_another_printer() -> None:
    """Graphs broke over outages, and a used printer in the old one's place counted its whole life as one day."""
    async with watched(sound(), polling="timeout: 300ms, retries: 0") as one:
        await one.poll()
        one.wire.silent = True
        await one.poll(24 * HOUR)
        one.wire.silent = False
        one.mib.set(pages=5321)
        assert (await one.poll(24 * HOUR)).one("printer_month_pages") == 1000
        one.mib.set(pages=900_000, serial=b"OTHER1")
        other = await one.poll()
        assert other("printer_pages_total", "serial") == {"OTHER1": 900_000}
        assert (other.one("printer_month_pages"), other.one("printer_page_anomalies_total")) == (0, 0)
        assert other.one("printer_identity_changed_timestamp_seconds") == one.now


async def test_17_a_printer_of_version_1_only_looked_dead() -> None:
    """The wrong default version looked like a printer that is off, and bulk requests failed on version 1."""
    async with watched(sound(), polling="timeout: 300ms, retries: 0", versions={"1"}) as one:
        seen = [(await one.poll()).one("printer_up") for _ in range(4)]
        assert seen == [0, 1, 1, 1], "found with the second poll, and remembered"
        assert one.wire.kinds == {("1", Kind.GET), ("1", Kind.GETNEXT)}
        failures = one.shown()("printer_poll_failures_total", "reason")
        assert (failures["timeout"], failures["auth"]) == (1, 0)


async def test_17_version_3_names_the_wrong_password_and_outlives_a_restart() -> None:
    """A wrong password, a clock that ran apart and a dead printer were one and the same message."""
    user = User("monitor", "a-long-password", "another-password")
    watch = Watched(MovingMib(sound()))
    async with (
        V3Agent(watch.mib, own_address(), 0, user=user) as right,
        V3Agent(watch.mib, own_address(), 0, user=user) as wrong,
    ):
        entries = f"""
- {{ name: Right, host: "{right.host}:{right.port}" }}
- {{ name: Wrong, host: "{wrong.host}:{wrong.port}", credentials: mistyped }}
snmp:
  credentials:
    default:
      version: 3
      user: monitor
      auth: {{ protocol: SHA256, password: a-long-password }}
      priv: {{ protocol: AES128, password: another-password }}
    mistyped:
      version: 3
      user: monitor
      auth: {{ protocol: SHA256, password: not-the-password }}
      priv: {{ protocol: AES128, password: another-password }}
"""
        async with exporting(watch, entries):
            shown = await watch.poll()
            assert shown("printer_up", "printer") == {"Right": 1, "Wrong": 0}
            assert re.search(r'(?m)^printer_poll_failures_total\{printer="Wrong".*reason="auth"\} 1$', shown.text)
            await right.close()
            await right.start()
            for _ in range(2):
                shown = await watch.poll()
            assert shown("printer_up", "printer") == {"Right": 1, "Wrong": 0}, "boots and time are learnt anew"


class _Divided(Agent):
    """Shows each community a view of its own."""

    def __init__(self, views: Mapping[bytes, MovingMib], host: str) -> None:
        super().__init__(MovingMib({}), host, 0)
        self._views = views

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._community = decode_request(data).community
        self._mib = self._views.get(self._community, MovingMib({}))
        super().datagram_received(data, addr)


async def test_17_a_printer_that_shows_itself_in_a_context_only() -> None:
    """The network card answered, and of the printer behind it there was nothing."""
    system = {at: value for at, value in BASE.items() if at[:7] == oid("1.3.6.1.2.1.1")}
    views = {b"public": MovingMib(system), b"public@Jetdirect": MovingMib(sound())}
    watch = Watched(MovingMib({}))
    async with (
        _Divided(views, own_address()) as agent,
        exporting(watch, f'- {{ name: P, host: "{agent.host}:{agent.port}" }}'),
    ):
        shown = await watch.poll()
        assert (shown.levels, shown.one("printer_pages_total")) == ({"Black toner": 0.33}, 4321)
        assert (await watch.poll()).one("printer_poll_requests") == 2, "the context is remembered"


async def test_18_one_slow_device_spoils_all_and_nobody_says_which() -> None:
    """One printer that took its time left gaps in the graphs of all, without a word on who it was."""
    slow = Wire(delay=0.3)
    watch = Watched(MovingMib(sound()))
    async with (
        Agent(watch.mib, own_address(), 0) as quick,
        Agent(watch.mib, own_address(), 0, hook=slow) as late,
    ):
        hosts = {"Quick": quick, "Slow": late}
        entries = "\n".join(f'- {{ name: {name}, host: "{a.host}:{a.port}" }}' for name, a in hosts.items())
        async with exporting(watch, entries, "timeout: 5s, retries: 0, deadline: 1s, poll_limit: 1500ms"):
            assert watch.app
            await watch.app.scrape(["printers"], 10)
            assert watch.shown()("printer_up", "printer") == {"Quick": 1}, "nobody waits for the slow one"
            shown = await watch.poll()
    assert shown("printer_up", "printer") == {"Quick": 1, "Slow": 0}
    durations = shown("printer_poll_duration_seconds", "printer")
    assert durations["Quick"] < 1.5 <= durations["Slow"]
    assert re.search(r'(?m)^printer_poll_failures_total\{printer="Slow".*reason="deadline"\} [12]$', shown.text)


async def test_18_what_one_table_costs_is_that_table_only() -> None:
    """A device that chokes on one object lost all of its data."""
    polling = "timeout: 200ms, retries: 0"
    async with watched(sound(tray(1, b"Tray 1", 125, 500)), polling=polling) as one:
        one.wire.mute_below = oid(f"{P}.11.1.1")
        shown = await one.poll()
        assert (shown.one("printer_up"), shown.one("printer_pages_total")) == (1, 4321)
        assert shown("printer_tray_sheets", "tray") == {"Tray 1": 125}
        assert (shown.one("printer_poll_faults_total") or 0) > 0


async def test_19_not_supported_send_a_walk() -> None:
    """Printers whose tables stand under another device index, or of makers not in a list, were not read at all."""
    shown = await look(recorded("device-zero-ink"))
    assert shown.levels["Yellow ink"] == pytest.approx(230 / 651, abs=1e-6)
    assert (shown.levels["Cyan ink"], shown.one("printer_pages_total")) == (1.0, 5120)
    nobody = {oid("1.3.6.1.2.1.1.2.0"): ObjectId(oid("1.3.6.1.4.1.99999.1"))}
    stranger = await look(sound(supply(7, 44), nobody))
    assert (stranger.levels, stranger.one("printer_pages_total")) == ({"Black toner": 0.44}, 4321)


async def test_19_a_recording_of_an_odd_printer_is_a_test_as_it_is(tmp_path: Path) -> None:
    """A request for a walk opened a thread of weeks, and the walk was full of names and addresses."""
    file = tmp_path / "odd.snmprec"
    values = sound(supply(7, 44), supply(9, -3, b"Cyan Toner"))
    values |= {oid("1.3.6.1.2.1.1.4.0"): OctetString(b"Jane Doe"), oid("1.3.6.1.2.1.1.6.0"): OctetString(b"Room 101")}
    polling = Polling(timeout=2, retries=1)
    async with Agent(MovingMib(values), own_address(), 0) as agent:
        answer = await probe.ask(printer(agent.host, agent.port, V2C), "auto", polling)
        recording = await probe.record(answer, "auto", polling, lambda _: None)
    await asyncio.to_thread(file.write_text, recording.text)
    for secret in ("Jane", "Doe", "Room", "SNMPD-1", agent.host, "printer-1"):
        assert secret not in recording.text
    async with Agent(MovingMib(_as_values(await asyncio.to_thread(snmprec.read, file))), own_address(), 0) as again:
        replayed = await poll_once(printer(again.host, again.port, V2C))
    assert snapshot_of(replayed).supplies == snapshot_of(answer.poll).supplies
    assert snapshot_of(replayed).pages == 4321


async def test_20_another_printer_behind_an_address_and_a_log_full_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """Behind an address another printer answered, and nobody said so; and each failed poll was a log line."""
    caplog.set_level(logging.INFO)
    async with watched(sound(), polling="timeout: 200ms, retries: 0, offline_after: 2") as one:
        before = await one.poll()
        assert before.one("printer_identity_changed_timestamp_seconds") is None
        one.wire.silent = True
        for _ in range(5):
            await one.poll()
        one.wire.silent = False
        one.mib.set(serial=b"OTHER1")
        await one.poll()
        after = await one.poll()
    assert after.one("printer_identity_changed_timestamp_seconds") == one.now - MINUTE, "told once"
    assert after.levels == before.levels
    assert set(re.findall(r'printer="(\w+)"', after.text)) == {"P"}, "its series keep their name"
    lines = [record.getMessage() for record in caplog.records if record.name == "exporter.app"]
    assert lines == ["printer does not answer", "status changed", "printer answers again", "status changed"]


async def test_20_the_serial_number_finds_a_printer_again_under_another_name() -> None:
    """A printer that moved began at nothing, and its pages counted twice in the month."""
    async with watched(sound()) as one:
        assert one.app
        await one.poll()
        one.mib.set(pages=4400)
        await one.poll()
        one.config = one.config.replace("name: P", "name: New")
        await one.app.reload()
        shown = await one.poll()
    assert shown("printer_month_pages", "printer") == {"New": 79}
    assert shown.one("printer_supply_tracked_since_timestamp_seconds") == MONDAY_NOON + MINUTE
