"""The parts together: inventory, reload, places, schedules, log lines."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exporter import config
from exporter.app import App
from exporter.commands import kept
from exporter.config import Config, ConfigError
from exporter.printers import stored
from exporter.printers.lifecycle import Life
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, Request, encode_response, encode_varbind
from exporter.state import Changes, State, StateError
from exporter.web import exposition
from tests.support.agents import free_port, own_address
from tests.test_poll import BASE, MovingMib

HEAD = """\
time_zone: Europe/Berlin
polling: { timeout: 100ms, retries: 0, min_interval: 0, offline_after: 2 }
state: { path: ":memory:" }
"""
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY_NOON = datetime(2026, 9, 21, 12, tzinfo=BERLIN).timestamp()


@dataclass
class Source:
    """The text of a config, and the time of day, both for the test to change."""

    text: str
    now: float = MONDAY_NOON
    state: Path | str = ":memory:"
    head: str = HEAD

    def load(self) -> Config:
        return config.parse(self.head.replace(":memory:", str(self.state)) + self.text)

    def clock(self) -> float:
        return self.now


@asynccontextmanager
async def running(
    text: str, state: Path | str = ":memory:", now: float = MONDAY_NOON, head: str = HEAD
) -> AsyncIterator[tuple[App, Source]]:
    source = Source(text, now, state, head)
    app = App(source.load, now=source.clock)
    await app.start()
    try:
        yield app, source
    finally:
        await app.close()


async def scraped(app: App) -> str:
    """Poll every printer to the end, which a scrape would not wait for, and return the exposition."""
    for device in app.cycle.devices.values():
        await app.cycle.poll(device)
    return b"".join(exposition.stream("", app.groups(["printers"]), None)).decode()


def value(text: str, series: str) -> str | None:
    """Return the value of the one series whose name and labels match."""
    found = re.findall(rf"(?m)^{series} (\S+)$", text)
    assert len(found) <= 1
    return found[0] if found else None


@asynccontextmanager
async def agent() -> AsyncIterator[str]:
    async with Agent(MovingMib(BASE), own_address(), 0) as answering:
        yield f"{answering.host}:{answering.port}"


async def test_nothing_is_shown_of_a_printer_before_its_first_poll_ends() -> None:
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]') as (app, _):
        assert list(app.printer_lines()) == []
        await app.scrape(["printers"], 10)
        assert len(list(app.printer_lines())) == 1


async def test_who_looks_before_anything_was_scraped_starts_the_first_cycle() -> None:
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]') as (app, _):
        first = await app.picture()
        again = await app.picture()
        assert [entry.record.up for entry in first.printers] == [True]
        assert [entry.record.polls for entry in again.printers] == [1]


async def test_location_and_labels_come_from_the_printer_else_from_its_network() -> None:
    address = own_address()
    text = f"""
locations:
  - {{ network: 127.0.0.0/8, location: B1, labels: {{ switch: sw-1, floor: "1" }} }}
printers:
  - {{ name: Own, host: "{address}", location: B2, labels: {{ floor: "2" }} }}
  - {{ name: Network, host: "{address}:162" }}
  - {{ name: Named, host: "localhost:163" }}
  - {{ name: Nowhere, host: "no-such-host.invalid" }}
"""
    async with running(text) as (app, _):
        shown = await scraped(app)
    places = dict(re.findall(r'(?m)^printer_up\{printer="(\w+)",(.*)\} \d$', shown))
    assert places == {
        "Own": 'location="B2",floor="2",switch="sw-1"',
        "Network": 'location="B1",floor="1",switch="sw-1"',
        "Named": 'location="B1",floor="1",switch="sw-1"',
        "Nowhere": 'location="Unassigned"',
    }


async def test_a_reload_keeps_the_history_of_what_stays_and_takes_up_what_is_new() -> None:
    async with agent() as one, agent() as two:
        first = f'printers: [{{ name: One, host: "{one}" }}]'
        async with running(first) as (app, source):
            before = await scraped(app)
            kept = app.cycle.devices["One"]
            source.now += 100
            source.text = f'printers: [{{ name: One, host: "{one}" }}, {{ name: Two, host: "{two}" }}]'
            await app.reload()
            assert app.cycle.devices["One"] is kept
            after = await scraped(app)
            changed = r'printer_status_changed_timestamp_seconds\{printer="One",location="Unassigned"\}'
            assert value(after, changed) == value(before, changed)
            assert value(after, r'printer_polls_total\{printer="One",.*\}') == "2"
            assert value(after, r'printer_polls_total\{printer="Two",.*\}') == "1"


async def test_a_reload_that_moves_a_printer_shows_at_once_and_keeps_its_counters() -> None:
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]') as (app, source):
        await scraped(app)
        source.text = f'printers: [{{ name: One, host: "{host}", location: B9 }}]'
        await app.reload()
        shown = b"".join(exposition.stream("", app.groups(["printers"]), None)).decode()
        assert value(shown, r'printer_polls_total\{printer="One",location="B9"\}') == "1"
        assert "Unassigned" not in shown


async def test_another_host_behind_a_name_starts_afresh() -> None:
    async with agent() as one, agent() as two, running(f'printers: [{{ name: P, host: "{one}" }}]') as (app, source):
        await scraped(app)
        source.text = f'printers: [{{ name: P, host: "{two}" }}]'
        await app.reload()
        assert list(app.printer_lines()) == []


async def test_a_bad_reload_changes_nothing() -> None:
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]') as (app, source):
        await scraped(app)
        kept = dict(app.cycle.devices)
        source.text = "printers: [{ name: Two }]"
        with pytest.raises(ConfigError):
            await app.reload()
        assert dict(app.cycle.devices) == kept
        assert value(await scraped(app), r'printer_up\{printer="One",.*\}') == "1"


@asynccontextmanager
async def agents(count: int) -> AsyncIterator[list[str]]:
    """Serve so many printers, each on an address of its own."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(agent()) for _ in range(count)]


def inventory(hosts: list[str], location: str) -> str:
    lines = (f'  - {{ name: P{n}, host: "{host}", location: {location} }}\n' for n, host in enumerate(hosts))
    return "printers:\n" + "".join(lines)


async def test_a_reload_in_the_middle_of_a_scrape_calls_no_living_printer_dead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with agents(60) as hosts, running(inventory(hosts, "B0")) as (app, source):
        for round_ in range(1, 6):
            scrape = asyncio.create_task(app.scrape(["printers"], 10))
            for _ in range(40 * round_):  # into the polls, a little further each time
                await asyncio.sleep(0)
            source.text = inventory(hosts, f"B{round_}")
            await app.reload()
            await scrape
            shown = await scraped(app)
            assert shown.count(f'location="B{round_}"}} 1\n') >= 60
            assert re.findall(r"(?m)^printer_up.* 0$", shown) == []
            assert len(re.findall(r"(?m)^printer_up\{", shown)) == 60
    assert "Traceback" not in caplog.text


async def test_closing_in_the_middle_of_a_scrape_leaves_nothing_and_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with agents(60) as hosts, running(inventory(hosts, "B0")) as (app, _):
        scrape = asyncio.create_task(app.scrape(["printers"], 10))
        for _ in range(60):
            await asyncio.sleep(0)
        await app.close()
        await scrape
        await app.scrape(["printers"], 10)
        assert all(device.task is None for device in app.cycle.devices.values()), "and nothing starts again"
    assert "Traceback" not in caplog.text


async def test_a_poll_that_never_ends_is_given_up_at_its_limit_whatever_keeps_answering() -> None:
    """One row an answer, for ever: there is always something received when the limit comes."""

    def endless(request: Request, reply: bytes) -> list[tuple[float, bytes]]:
        asked = request.oids[0]
        following = (*asked[:-1], asked[-1] + 1) if len(asked) > 12 else (*asked, 1, 1)
        return [(0, encode_response(request, [encode_varbind(following, Integer(1))]))]

    async with AsyncExitStack() as stack:
        hosts = []
        for _ in range(5):
            hostile = await stack.enter_async_context(Agent(MovingMib(BASE), own_address(), 0, hook=endless))
            hosts.append(f"{hostile.host}:{hostile.port}")
        source = Source(inventory(hosts, "B1"))
        limited = HEAD.replace("offline_after: 2", "offline_after: 2, deadline: 500ms, poll_limit: 500ms")
        app = App(lambda: config.parse(limited + source.text), now=source.clock)
        await app.start()
        shown = await scraped(app)
        await app.close()
    assert shown.count('reason="deadline"} 1') + len(re.findall(r"(?m)^printer_up.* 1$", shown)) == 5
    durations = re.findall(r"(?m)^printer_poll_duration_seconds.* (\S+)$", shown)
    assert max(map(float, durations)) < 5


async def test_silence_in_the_night_is_unknown_and_in_the_day_offline() -> None:
    address = own_address()
    text = f"""
printers:
  - name: P
    host: "{address}:{free_port(address)}"
    expected_off: {{ nights: "19:00-07:00", grace: 1h }}
"""
    seen = []
    async with running(text) as (app, source):
        for day, hour, minute in ((21, 21, 0), (21, 23, 0), (22, 6, 59), (22, 7, 59), (22, 8, 1), (22, 8, 2)):
            source.now = datetime(2026, 9, day, hour, minute, tzinfo=BERLIN).timestamp()
            shown = await scraped(app)
            status = re.findall(r'(?m)^printer_status\{.*status="(\w+)"\} 1$', shown)
            seen.append((*status, value(shown, r"printer_expected_off\{.*\}")))
    night = ("unknown", "1")
    assert seen == [night, night, night, night, ("unknown", "0"), ("offline", "0")]


async def test_the_first_answer_ends_the_grace_at_once() -> None:
    async with agent() as host:
        text = f'printers: [{{ name: P, host: "{host}", expected_off: {{ nights: "19:00-07:00" }} }}]'
        async with running(text) as (app, source):
            for hour, expected in ((6, "1"), (7, "0"), (12, "0"), (20, "1")):
                source.now = datetime(2026, 9, 22, hour, 30, tzinfo=BERLIN).timestamp()
                shown = await scraped(app)
                assert value(shown, r"printer_expected_off\{.*\}") == expected
                assert value(shown, r'printer_status\{.*status="ok"\}') == "0", "an open cover is an error at night too"


async def test_a_silent_printer_makes_one_log_line_not_one_a_poll(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    address = own_address()
    async with running(f'printers: [{{ name: P, host: "{address}:{free_port(address)}" }}]') as (app, _):
        for _ in range(4):
            await scraped(app)
    messages = [record.getMessage() for record in caplog.records if record.name == "exporter.app"]
    assert messages == ["printer does not answer", "status changed"]


async def test_maintenance_is_shown_where_it_is_configured() -> None:
    async with agent() as host, agent() as other:
        text = f'printers: [{{ name: A, host: "{host}", maintenance: true }}, {{ name: B, host: "{other}" }}]'
        async with running(text) as (app, _):
            shown = await scraped(app)
    assert value(shown, r'printer_maintenance\{printer="A",.*\}') == "1"
    assert value(shown, r'printer_maintenance\{printer="B",.*\}') is None


async def test_thresholds_of_the_config_are_shown_and_used() -> None:
    async with agent() as host:
        text = f"""
printers:
  - name: P
    host: "{host}"
    thresholds: {{ warning: 0.5, error: 0.4 }}
    supplies: [{{ match: {{ kind: toner }}, thresholds: {{ warning: 0.3, error: 0.1 }} }}]
"""
        async with running(text) as (app, _):
            shown = await scraped(app)
    assert value(shown, r'printer_supply_threshold_ratio\{printer="P",location="Unassigned",level="warning"\}') == "0.5"
    assert value(shown, r'printer_supply_threshold_ratio\{.*level="error",supply="Black toner"\}') == "0.1"
    assert value(shown, r"printer_supply_status\{.*\}") == "0", "33 % is above the rule's 30 %"


# ---- what survives a restart

PAGES, LEVEL = r"printer_pages_total\{.*\}", r"printer_supply_level_ratio\{.*\}"


@dataclass
class Desk:
    """A printer whose values a test moves, a state file, and exporters that run on them one after the other."""

    mib: MovingMib
    text: str
    state: Path
    now: float = MONDAY_NOON

    @asynccontextmanager
    async def exporter(self) -> AsyncIterator[tuple[App, Source]]:
        async with running(self.text, self.state, self.now) as (app, source):
            yield app, source

    async def forget(self, name: str) -> None:
        """Drop the printer by a command beside a running exporter."""
        await asyncio.to_thread(kept.forget, name, Source(self.text, state=self.state).load())

    async def write(self, changes: Changes) -> None:
        def write() -> None:
            with closing(State(self.state)) as state:
                for kind in changes.kinds():
                    state.documents(kind)
                assert state.write(changes)

        await asyncio.to_thread(write)

    async def documents(self) -> dict[str, list[str]]:
        """Return the keys of the documents in the file, by kind."""

        def read() -> dict[str, list[str]]:
            with closing(State(self.state, read_only=True)) as state:
                return {kind: list(state.documents(kind)) for kind in stored.KINDS}

        return await asyncio.to_thread(read)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    mib = MovingMib(BASE)
    async with Agent(mib, own_address(), 0) as answering:
        text = f'printers: [{{ name: P, host: "{answering.host}:{answering.port}" }}]'
        yield Desk(mib, text, tmp_path / "state.db")


def shown_now(app: App) -> str:
    return b"".join(exposition.stream("", app.groups(["printers"]), None)).decode()


async def test_a_silent_printer_keeps_its_last_values_and_their_age_over_a_restart(tmp_path: Path) -> None:
    async with agent() as host:
        text = f'printers: [{{ name: P, host: "{host}" }}]'
        async with running(text, tmp_path / "state.db") as (app, _):
            before = await scraped(app)
    async with running(text, tmp_path / "state.db", MONDAY_NOON + 3600) as (app, source):
        restored = shown_now(app)
        assert value(restored, r"printer_up\{.*\}") is None, "nobody has asked yet"
        for _ in range(2):
            source.now += 60
            silent = await scraped(app)
    for shown in (restored, silent):
        assert value(shown, LEVEL) == value(before, LEVEL) == "0.33"
        assert value(shown, PAGES) == "4321"
        assert value(shown, r"printer_last_success_timestamp_seconds\{.*\}") == str(MONDAY_NOON)
        assert value(shown, r"printer_supply_status_changed_timestamp_seconds\{.*\}") == str(MONDAY_NOON)
    assert value(restored, r"printer_status_changed_timestamp_seconds\{.*\}") == str(MONDAY_NOON)
    assert value(silent, r'printer_status\{.*status="offline"\}') == "1"
    assert value(silent, r"printer_status_changed_timestamp_seconds\{.*\}") == str(MONDAY_NOON + 3600 + 120)


async def test_since_when_survives_a_restart_in_which_nothing_changed(desk: Desk) -> None:
    async with desk.exporter() as (app, _):
        await scraped(app)
    desk.now += 3600
    async with desk.exporter() as (app, _):
        shown = await scraped(app)
    assert value(shown, r"printer_status_changed_timestamp_seconds\{.*\}") == str(MONDAY_NOON)
    assert value(shown, r"printer_supply_tracked_since_timestamp_seconds\{.*\}") == str(MONDAY_NOON)
    assert value(shown, r"printer_polls_total\{.*\}") == "1", "what counts polls begins with the process"


async def test_pages_by_month_go_on_over_restarts_in_the_zone_of_the_config(desk: Desk) -> None:
    moments = (
        (datetime(2026, 9, 30, 23, 50, tzinfo=BERLIN), 4321),
        (datetime(2026, 9, 30, 23, 58, tzinfo=BERLIN), 4331),
        (datetime(2026, 10, 1, 0, 2, tzinfo=BERLIN), 4351),
    )
    for moment, pages in moments:
        desk.now = moment.timestamp()
        desk.mib.set(pages=pages)
        async with desk.exporter() as (app, _):
            shown = await scraped(app)
    months = dict(re.findall(r'(?m)^printer_month_pages\{.*month="(.*)"\} (\d+)$', shown))
    assert months == {"2026-09": "10", "2026-10": "20"}


async def test_use_and_replacements_go_on_over_restarts(desk: Desk) -> None:
    for hour, level in enumerate((33, 13, 100)):
        desk.now = MONDAY_NOON + hour * 3600
        desk.mib.set(level=level)
        async with desk.exporter() as (app, _):
            shown = await scraped(app)
    assert value(shown, r"printer_supply_used_ratio_total\{.*\}") == "0.2"
    assert value(shown, r"printer_supply_replaced_total\{.*\}") == "1"
    assert value(shown, r"printer_supply_installed_timestamp_seconds\{.*\}") == str(MONDAY_NOON + 7200)


JAM = dict(zip((2, 3, 4, 5, 7), (3, 3, 13, 1, 8), strict=True))


def jam(mib: MovingMib, *, present: bool) -> None:
    for column, number in JAM.items():
        at = (1, 3, 6, 1, 2, 1, 43, 18, 1, 1, column, 1, 8)
        mib.values.pop(at, None)
        if present:
            mib.values[at] = Integer(number)


async def test_a_jam_counts_once_whatever_restarts_in_between(desk: Desk) -> None:
    counts = []
    for present in (False, True, True, False, True):
        desk.now += 60
        jam(desk.mib, present=present)
        async with desk.exporter() as (app, _):
            shown = await scraped(app)
        counts.append(value(shown, r"printer_jams_total\{.*\}"))
    assert counts == ["0", "1", "1", "1", "2"]
    events = dict(re.findall(r'(?m)^printer_alert_events_total\{.*code="(\w+)".*\} (\d+)$', shown))
    assert events == {"coverOpen": "0", "jam": "2"}


async def test_a_used_printer_that_takes_over_a_name_invents_nothing(desk: Desk) -> None:
    async with desk.exporter() as (app, source):
        for level, serial in ((50, b"A1"), (40, b"A1"), (100, b"B2"), (95, b"B2")):
            source.now += 3600
            desk.mib.set(level=level, serial=serial)
            shown = await scraped(app)
    assert value(shown, r"printer_supply_used_ratio_total\{.*\}") == "0.05"
    assert value(shown, r"printer_supply_replaced_total\{.*\}") == "0"
    assert value(shown, r"printer_identity_changed_timestamp_seconds\{.*\}") == str(MONDAY_NOON + 3 * 3600)


async def test_a_printer_that_moves_to_another_name_takes_its_months_along_and_counts_from_0(desk: Desk) -> None:
    async with desk.exporter() as (app, source):
        for level, pages in ((50, 1000), (40, 1010)):
            source.now += 3600
            desk.mib.set(level=level, pages=pages)
            await scraped(app)
        source.text = desk.text.replace("name: P", "name: Q")
        await app.reload()
        assert shown_now(app) == ""
        shown = await scraped(app)
    assert value(shown, r'printer_month_pages\{printer="Q",.*\}') == "10"
    assert value(shown, r'printer_supply_used_ratio_total\{printer="Q",.*\}') == "0.0"
    assert 'printer="P"' not in shown


async def test_each_cycle_is_written_without_anybody_waiting_for_it(desk: Desk) -> None:
    async with desk.exporter() as (app, _):
        assert app.saver
        await app.scrape(["printers"], 10)
        await app.saver.saved()
        assert await desk.documents() == {"printer": ["P"], "snapshot": ["P"], "engine": ["SNMPD-1"], "heard": ["all"]}


async def test_a_printer_forgotten_by_a_command_begins_anew_with_the_next_cycle(desk: Desk) -> None:
    async with desk.exporter() as (app, source):
        assert app.saver
        await app.scrape(["printers"], 10)
        await app.saver.saved()
        await desk.forget("P")
        source.now += 3600
        desk.mib.set(pages=4400)
        await app.scrape(["printers"], 10)
        await app.saver.saved()
        assert shown_now(app) == ""
        source.now += 60
        await app.scrape(["printers"], 10)
        shown = shown_now(app)
    assert value(shown, r"printer_supply_tracked_since_timestamp_seconds\{.*\}") == str(MONDAY_NOON + 3660)
    assert value(shown, r'printer_month_pages\{.*month="2026-09"\}') == "0"


async def test_months_that_a_command_imports_are_shown_while_running(desk: Desk) -> None:
    async with desk.exporter() as (app, _):
        assert app.saver
        await app.scrape(["printers"], 10)
        await app.saver.saved()
        imported = stored.dump_life(Life(months={"2026-08": 70}))
        await desk.write(Changes({(stored.ENGINE, "SNMPD-1"): imported}))
        desk.mib.set(pages=4330)
        await app.scrape(["printers"], 10)
        await app.saver.saved()
        shown = shown_now(app)
    assert dict(re.findall(r'(?m)^printer_month_pages\{.*month="(.*)"\} (\d+)$', shown)) == {
        "2026-08": "70",
        "2026-09": "9",
    }


async def test_a_printer_that_leaves_the_config_for_a_while_keeps_its_history(desk: Desk) -> None:
    text = desk.text
    async with desk.exporter() as (app, source):
        await scraped(app)
        source.text = "printers: []"
        await app.reload()
        assert list(app.printer_lines()) == []
    desk.text = "printers: []"
    async with desk.exporter():
        pass
    desk.text = text
    async with desk.exporter() as (app, _):
        assert value(shown_now(app), LEVEL) == "0.33"


async def test_a_stored_printer_that_cannot_be_read_stops_the_start(desk: Desk) -> None:
    await desk.write(Changes({(stored.ENGINE, "A1"): "nonsense"}))
    app = App(Source(desk.text, state=desk.state).load)
    with pytest.raises(StateError, match=r"engine A1: .*Invalid JSON.*restore a backup"):
        await app.start()
    await app.close()


async def test_the_exporter_is_well_while_its_rounds_end_and_what_starts_them_lives() -> None:
    async with running("printers: []") as (app, _):
        assert app.is_well
        app._tasks[0].cancel()
        await asyncio.wait(app._tasks[:1])
        assert not app.is_well
