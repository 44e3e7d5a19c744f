"""What a day leaves in the log."""

import logging

import pytest

from exporter.cameras import network
from exporter.config import CameraSearch
from exporter.simulator.agent import Agent
from tests.support.agents import free_port, own_address
from tests.test_app import agent, running, scraped
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
