"""Clients of every kind, and a storm of reloads, against the whole exporter: it goes on answering the others."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress

import pytest

from exporter.config import ConfigError
from exporter.simulator.agent import Agent
from tests.support.agents import open_sockets
from tests.support.chaos import HEAD, LIMIT, Exporter, exporting, failures, problems, told, value
from tests.test_chaos_printers import sound

SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def fleet(count: int, labels: str = "", *, head: str = HEAD) -> AsyncIterator[tuple[Exporter, list[Agent]]]:
    """Run the exporter on so many sound printers."""
    async with AsyncExitStack() as stack:
        agents = [await stack.enter_async_context(sound()) for _ in range(count)]
        exporter = await stack.enter_async_context(exporting(labels + inventory(agents), head=head))
        yield exporter, agents


def inventory(agents: list[Agent], options: str = "") -> str:
    lines = [f'  - {{ name: P{n}, host: "{at.host}:{at.port}", {options} }}\n' for n, at in enumerate(agents)]
    return f"printers:\n{''.join(lines)}"


def bulky_fleet() -> AbstractAsyncContextManager[tuple[Exporter, list[Agent]]]:
    """Run the exporter on printers that have more to show than all buffers between here and there hold."""
    labels = "\n".join(f'  label_{number}: "{number:0>120}"' for number in range(60))
    return fleet(12, f"printer_defaults:\n labels:\n{labels}\n")


async def connect(exporter: Exporter) -> socket.socket:
    """Open a connection whose buffer holds next to nothing."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    url = exporter.client._base_url
    assert url
    await loop.sock_connect(connection, (url.host, url.port))
    return connection


async def test_a_scraper_that_hangs_up_costs_nobody_anything(caplog: pytest.LogCaptureFixture) -> None:
    """It leaves before the polls end, while the answer is on its way, and with a reset."""
    loop = asyncio.get_running_loop()
    async with bulky_fleet() as (exporter, _):
        truth = told(await exporter.scrape(), "P7")
        for number in range(30):
            connection = await connect(exporter)
            await loop.sock_sendall(connection, SCRAPE)
            if number % 3:
                await loop.sock_recv(connection, 1000)
            if number % 3 == 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        text = await exporter.scrape()
        assert told(text, "P7") == truth
        assert text.count("\nprinter_up{") == 12
    assert problems(caplog.messages) == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def all_closed(before: int) -> None:
    """Wait until no more sockets are open than before."""
    async with asyncio.timeout(LIMIT):
        while open_sockets() > before:
            await asyncio.sleep(0.01)


async def test_readers_that_do_not_read_hold_up_neither_others_nor_the_end(caplog: pytest.LogCaptureFixture) -> None:
    loop, before = asyncio.get_running_loop(), open_sockets()
    async with bulky_fleet() as (exporter, _):
        truth = told(await exporter.scrape(), "P7")
        slow = [await connect(exporter) for _ in range(20)]
        for connection in slow:
            await loop.sock_sendall(connection, SCRAPE)
        for connection in slow:
            assert await loop.sock_recv(connection, 100)
        for _ in range(3):
            assert told(await exporter.scrape(), "P7") == truth
        # The exporter ends with all of them still there.
    for connection in slow:
        connection.close()
    await all_closed(before)
    assert problems(caplog.messages) == []


async def test_200_scrapers_at_once_are_all_answered_with_everything_and_poll_each_printer_once() -> None:
    async with fleet(10, head=HEAD.replace("min_interval: 0", "min_interval: 25s")) as (exporter, agents):
        pages = await asyncio.gather(*(exporter.fetch() for _ in range(200)))
        assert {page.count("\nprinter_up{") for page in pages} == {10}
        asked = [agent.requests for agent in agents]
        assert {value(page, "printer_polls_total", printer="P3") for page in pages} == {1}
        await exporter.fetch()
        assert [agent.requests for agent in agents] == asked


async def test_a_storm_of_reloads_during_scrapes_loses_no_printer_and_ends_with_the_last_config(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Good configs and bad ones in turn, by several hands, while others scrape."""
    async with fleet(20) as (exporter, agents):
        truth = told(await exporter.scrape(), "P7")
        good = [inventory(agents), inventory(agents, "maintenance: false"), inventory(agents, "location: Unassigned")]
        reloaded = 0

        async def reload(hand: int) -> None:
            nonlocal reloaded
            for number in range(hand, hand + 10):
                exporter.source.text = "printers: [" if number % 4 == 3 else good[number % 4]
                with suppress(ConfigError):
                    await exporter.app.reload()
                    reloaded += 1

        storm = [asyncio.create_task(reload(hand)) for hand in range(4)]
        for _ in range(10):
            text = await exporter.fetch()
            assert text.count("\nprinter_up{") == 20
            assert "\nprinter_up{" in text
            assert all(failures(text, f"P{number}") == {} for number in range(20))
        await asyncio.wait(storm, timeout=LIMIT)
        assert all(task.done() and not task.exception() for task in storm)
        assert 0 < reloaded < 40
        exporter.source.text = good[0]
        await exporter.fetch("/-/reload", method="POST")
        text = await exporter.scrape()
        assert told(text, "P7") == truth
        assert value(text, "printcam_exporter_config_last_reload_successful") == 1
    assert problems(caplog.messages) == []
