"""What Windows print servers tell: a real Samba, servers that misbehave, and octets that no spooler sends."""

import asyncio
import math
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket import nt_errors, system_errors
from impacket.dcerpc.v5 import rprn, rrp
from impacket.smbconnection import SessionError

from exporter.discovery import spooler, windows
from exporter.discovery.answer import Answer, ServerError
from tests.support.printservers import PASSWORD, USER, Share, free_port, needs_samba, samba

SHARES = {
    "Accounting": Share("IP_10.10.5.28", "Second floor", "Room 2.11"),
    "Accounting-A3": Share("IP_10.10.5.28_1"),
    "Moved": Share("IP_10.10.5.30"),
    "Kyocera": Share("KM-0815"),
    "Described": Share("Samba Printer Port", "10.10.5.44, by the window"),
    "By-name": Share("localhost.localdomain_1"),
    "Lost": Share("WSD-1c4b2f6e-0031"),
    "PDF": Share("PORTPROMPT:"),
    "Cable": Share("USB001"),
    "Küche": Share("10.10.5.50:9100", "Küche\x07, 1. Stock"),
}
HOSTS = {"IP_10.10.5.30": "10.10.5.31", "KM-0815": "kyocera.office.example"}

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def ask(port: int, *, user: str = USER, password: str = PASSWORD, timeout: float = 20) -> Answer:
    return await windows.ask("127.0.0.1", port, user=user, password=password, timeout=timeout)


async def reason(port: int, **options: Any) -> tuple[str, str]:
    with pytest.raises(ServerError) as caught:
        await ask(port, **options)
    return caught.value.reason, str(caught.value)


@pytest.fixture(scope="module")
def dc3() -> Iterator[int]:
    with samba(SHARES, HOSTS) as port:
        yield port


@needs_samba
async def test_printers_are_found_by_port_name_registry_and_description(dc3: int) -> None:
    answer = await ask(dc3)
    assert {found.name: found.host for found in answer.found} == {
        "Accounting": "10.10.5.28",
        "Accounting-A3": "10.10.5.28",
        "Described": "10.10.5.44",
        "Kyocera": "kyocera.office.example",
        "Küche": "10.10.5.50",
        "Moved": "10.10.5.31",
    }
    assert {queue.name: queue.why for queue in answer.left_out} == {
        "By-name": "no_address",
        "Cable": "local",
        "Lost": "no_address",
        "PDF": "virtual",
    }


@needs_samba
async def test_a_printer_comes_with_its_words(dc3: int) -> None:
    found = {each.name: each for each in (await ask(dc3)).found}
    assert (found["Accounting"].location, found["Accounting"].remark) == ("Room 2.11", "Second floor")
    assert found["Küche"].remark == "Küche, 1. Stock"


@needs_samba
@pytest.mark.parametrize("user", [f"OFFICE\\{USER}", f"{USER}", ""])
async def test_an_account_may_name_its_domain_or_be_nobody(dc3: int, user: str) -> None:
    assert len((await ask(dc3, user=user, password=PASSWORD * bool(user))).found) == 6


@needs_samba
async def test_a_wrong_password_and_an_unknown_user_are_refused(dc3: int) -> None:
    assert await reason(dc3, password=PASSWORD.upper()) == ("auth", "refused with STATUS_LOGON_FAILURE")
    assert await reason(dc3, user="nobody-here") == ("auth", "refused with STATUS_LOGON_FAILURE")


@needs_samba
async def test_a_server_that_wants_a_name_refuses_nobody() -> None:
    with samba({"One": Share("IP_10.10.5.28")}, restrict=2) as port:
        assert await reason(port, user="", password="") == ("auth", "refused with STATUS_ACCESS_DENIED")
        assert len((await ask(port)).found) == 1


async def test_nobody_there_is_unreachable() -> None:
    assert await reason(free_port()) == ("unreachable", "Connection refused")
    with pytest.raises(ServerError, match="the name has no address") as caught:
        await windows.ask("nobody.invalid", 445, user="", password="", timeout=20)
    assert caught.value.reason == "unreachable"


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    done: set[asyncio.Task[None]] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.add(asyncio.get_running_loop().create_task(tracked(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in done:
            task.cancel()
        await asyncio.gather(*done, return_exceptions=True)


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send what keeps a connection alive for ever (RFC 1001, section 17.3.1)."""
    while True:
        writer.write(b"\x85\0\0\0" * 100)
        await writer.drain()
        await asyncio.sleep(0.01)


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)
    writer.write(b"\0\0\1\0" + b"\xfeSMB" + b"x" * 252)
    await writer.drain()


@pytest.mark.parametrize(("serve", "reasons"), [(hang, {"timeout"}), (drip, {"timeout", "protocol"})])
async def test_a_server_that_hangs_takes_its_time_and_no_more(serve: Serve, reasons: set[str]) -> None:
    loop = asyncio.get_running_loop()
    async with serving(serve) as port:
        started = loop.time()
        kind, _ = await reason(port, timeout=1.5)
        assert (kind in reasons, loop.time() - started < 5) == (True, True)


async def test_garbage_is_named() -> None:
    async with serving(garbage) as port:
        kind, said = await reason(port)
        assert kind == "protocol"
        assert "xxxx" not in said


async def test_a_question_that_nobody_waits_for_leaves_no_process() -> None:
    came = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        left.set()

    left = asyncio.Event()
    async with serving(serve) as port:
        task = asyncio.create_task(ask(port, timeout=60))
        await asyncio.wait_for(came.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while not left.is_set():  # it sends its first message, then its end
            await asyncio.sleep(0.01)


class Spooler:
    """Answers like impacket's connection: needs this much room each time it is asked."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = list(sizes)

    def request(self, request: Any) -> Any:
        """Refuse for want of room, until there is enough."""
        packet = {"pcbNeeded": self._sizes.pop(0), "ErrorCode": system_errors.ERROR_INSUFFICIENT_BUFFER}
        if packet["pcbNeeded"] > request["cbBuf"]:
            raise rprn.DCERPCSessionError(packet=packet)
        return {"pPrinterEnum": b"", "pcReturned": 0}


def test_a_list_that_has_grown_between_two_questions_is_asked_for_again() -> None:
    assert spooler._printers(Spooler(100, 200, 200)) == (b"", 0)


@pytest.mark.parametrize(
    ("sizes", "reason"), [((2**32 - 1,), "too_many"), ((100, 200, 300, 400), "protocol")], ids=["huge", "ever more"]
)
def test_a_list_without_bounds_is_not_read(sizes: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ServerError) as caught:
        spooler._printers(Spooler(*sizes))
    assert caught.value.reason == reason


def test_a_list_of_megabytes_costs_what_its_octets_do() -> None:
    octets = bytes(range(256)) * 16_384
    request = rprn.RpcEnumPrinters()
    request["Name"] = "dc3\0"
    request["pPrinterEnum"] = octets
    started = time.monotonic()
    packed = request.getData()
    assert octets in packed
    assert rprn.RpcEnumPrinters(packed)["pPrinterEnum"] == octets
    assert time.monotonic() - started < 2


def test_offsets_lead_from_each_structure_to_its_texts() -> None:
    texts = "A\0".encode("utf-16-le")
    first = struct.pack("<7I", 0, 168, 0, 0, 0, 0, 0).ljust(84, b"\0")
    second = struct.pack("<7I", 0, 84, 0, 84, 0, 0, 2**32 - 1).ljust(84, b"\0")
    queues = list(spooler._queues(first + second + texts, 2))
    assert [(queue["name"], queue["port"], queue["location"]) for queue in queues] == [("A", "", ""), ("A", "A", "")]


@given(st.binary(max_size=600), st.integers(0, 2**32 - 1))
def test_any_octets_are_queues_or_a_fault(octets: bytes, count: int) -> None:
    with suppress(ServerError):
        queues = list(spooler._queues(octets, count))
        assert all(len(text) <= 512 for queue in queues for text in queue.values())


def test_a_registry_whose_service_starts_with_the_question_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [SessionError(nt_errors.STATUS_OBJECT_NAME_NOT_FOUND), "connected"]

    def connect(*_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(spooler, "_START", 0)
    monkeypatch.setattr(spooler, "_pipe", connect)
    assert spooler._registry(SimpleNamespace()) == "connected"
    answers[:] = [SessionError(nt_errors.STATUS_ACCESS_DENIED), "connected"]
    assert spooler._hosts(SimpleNamespace(), {"IP_10.10.5.28"}, math.inf) == {}
    assert answers == ["connected"]


def test_more_queues_than_a_server_can_have_are_not_looked_at() -> None:
    with pytest.raises(ServerError) as caught:
        list(spooler._queues(bytes(84 * 10_001), 10_001))
    assert caught.value.reason == "too_many"


async def test_a_process_that_ends_by_itself_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert await reason(445) == ("protocol", "the process that asks it has ended with 1")


def test_a_registry_that_may_not_be_read_costs_only_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise rprn.DCERPCException(error_code=5)

    monkeypatch.setattr(spooler, "_pipe", refuse)
    assert spooler._hosts(SimpleNamespace(), {"IP_10.10.5.28"}, math.inf) == {}


def test_a_registry_far_away_tells_what_it_can_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(spooler, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(spooler, "_registry", lambda _smb: None)
    monkeypatch.setattr(rrp, "hOpenLocalMachine", lambda *_: {"phKey": None})
    monkeypatch.setattr(spooler, "_host", lambda _rpc, _root, port: f"host-{port}")
    told = spooler._hosts(None, {f"port{number}" for number in range(9)}, 2)
    assert told == {"port0": "host-port0", "port1": "host-port1"}
