"""What a day leaves in the log."""

import logging
import socket
from pathlib import Path

import pytest

from exporter import logs
from exporter.cameras import network
from exporter.config import CameraSearch
from exporter.simulator.agent import Agent
from tests.support.agents import free_port, own_address
from tests.test_app import agent, running, scraped
from tests.test_cli import serving
from tests.test_poll import BASE, MovingMib

STEP = 300
DAY = range(0, 24 * 3600, STEP)


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


async def test_a_quiet_day_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with agent() as one, agent() as two:
        text = f'printers: [{{ name: One, host: "{one}" }}, {{ name: Two, host: "{two}" }}]'
        async with running(text) as (app, source):
            caplog.set_level(logging.INFO)
            for _ in DAY:
                source.now += STEP
                await app.scrape(["printers"], 10)
            assert app.cycle.rounds.finished == len(DAY)
            assert lines(caplog) == []


async def test_searches_that_find_what_they_found_before_leave_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port(own_address())
    search = f"{{ targets: [127.255.255.255], interfaces: [lo], listen_port: {port}, attempts: 1, window: 100ms }}"
    async with running(f"cameras: {{ search: {search} }}") as (app, _):
        await app.scrape(["cameras"], 10)
        caplog.set_level(logging.INFO)
        for _ in range(20):
            await app.scrape(["cameras"], 10)
        assert app.searches.finished > 20
        assert lines(caplog) == []


async def test_a_printer_that_is_dead_for_a_day_is_told_of_at_once_and_then_seldom_with_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    address = own_address()
    async with running(f'printers: [{{ name: P, host: "{address}:{free_port(address)}" }}]') as (app, source):
        for _ in DAY:
            await scraped(app)
            source.now += STEP
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert {record.getMessage() for record in warned} == {"printer does not answer"}
    assert [(vars(each)["printer"], vars(each)["reason"]) for each in warned] == [("P", "refused")] * 5
    assert [vars(record)["failures"] for record in warned] == [1, 12, 24, 48, 96]
    assert lines(caplog).count("status changed") == 1


async def test_a_printer_that_comes_and_goes_is_told_of_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answering = Agent(MovingMib(BASE), own_address(), 0)
    await answering.start()
    host = f"{answering.host}:{answering.port}"
    async with running(f'printers: [{{ name: P, host: "{host}" }}]') as (app, source):
        for _ in range(24):  # two hours, in which every other poll fails
            await scraped(app)
            source.now += STEP / 2
            await answering.close()
            await scraped(app)
            source.now += STEP / 2
            await answering.start()
    await answering.close()
    told = [text for text in lines(caplog) if "answer" in text]
    assert told == ["printer does not answer", "printer answers again"] * 2


async def test_silence_that_is_expected_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    address = own_address()
    host = f"{address}:{free_port(address)}"
    off = '{ nights: "00:00-23:59" }'
    async with running(f'printers: [{{ name: P, host: "{host}", expected_off: {off} }}]') as (app, _):
        for _ in range(5):
            await app.scrape(["printers"], 10)
    assert lines(caplog, logging.WARNING) == []


async def test_a_device_that_sends_garbage_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    moment = 0.0
    watcher = network.Network(CameraSearch(), lambda _: None, monotonic=lambda: moment)
    for minute in range(24 * 60):
        moment = minute * 60.0
        watcher._take(b"garbage", "eth0")
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [vars(record)["times"] for record in told] == [1, 60, 120, 240, 480]
    assert {vars(record)["reason"] for record in told} == {"truncated"}


def test_clients_that_send_no_http_do_not_fill_the_log(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text('state: { path: ":memory:" }\nprinters: []\n')
    with serving(log=tmp_path / "log") as (_, url):
        host, _, port = url.removeprefix("http://").partition(":")
        for _ in range(20):
            with socket.create_connection((host, int(port)), 10) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n")
                assert b" 400 " in client.recv(100)
        said = (tmp_path / "log").read_text().splitlines()
    assert [line for line in said if "aiohttp" in line] == [line for line in said if "times=1" in line]
    assert len(said) == 2


def test_what_a_library_warns_of_is_told_of_by_kind_and_with_a_count() -> None:
    seldom = logs.Seldom()

    def passes(name: str, level: int, error: Exception | None, minute: int) -> logging.LogRecord | None:
        exc_info = (type(error), error, None) if error else None
        record = logging.LogRecord(name, level, "library.py", 1, "text %s", (minute,), exc_info)
        record.created = minute * 60.0
        return record if seldom.filter(record) else None

    told = [passes("asyncio", logging.ERROR, OSError(minute), minute) for minute in range(70)]
    assert [(minute, vars(each)["times"]) for minute, each in enumerate(told) if each] == [(0, 1), (60, 60)]
    assert passes("asyncio", logging.ERROR, ValueError(), 71), "something else"
    assert passes("asyncio", logging.INFO, None, 71)
    assert all(passes("exporter.app", logging.WARNING, None, 71) for _ in range(3))
