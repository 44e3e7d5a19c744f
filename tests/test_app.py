"""The parts together: inventory, reload, places, schedules, log lines."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from exporter import config
from exporter.app import App
from exporter.config import Config, ConfigError
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, Request, encode_response, encode_varbind
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

    def load(self) -> Config:
        return config.parse(HEAD + self.text)

    def clock(self) -> float:
        return self.now


@asynccontextmanager
async def running(text: str) -> AsyncIterator[tuple[App, Source]]:
    source = Source(text)
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
