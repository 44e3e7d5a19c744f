"""What CUPS servers tell: a real cupsd, and servers that misbehave."""

import asyncio
import base64
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from exporter.discovery import cups
from exporter.discovery.answer import Answer, ServerError
from exporter.ipp.codec import cups_get_printers, parse_each
from tests.support.pems import write_pair
from tests.support.printservers import cupsd, free_port, needs_cups

QUEUES = {
    "Accounting": ("socket://10.10.5.28:9100", "Room 2.11", "Accounting, Küche"),
    "Accounting-A3": ("lpd://10.10.5.28/a3", "", ""),
    "Hall": ("dnssd://Kyocera._ipp._tcp.local/?uuid=1", "", ""),
    "Office": ("hp:/net/LaserJet?ip=10.10.5.30", "", ""),
    "Nowhere": ("file:///dev/null", "", ""),
    "Secret": ("ipp://joe:planted@10.10.5.31/ipp/print", "", ""),
}
WRONG = "planted-wrong"
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def ask(
    port: int, host: str = "127.0.0.1", *, tls: bool = False, verify: bool = True, user: str = "", password: str = ""
) -> Answer:
    return await cups.ask(host, port, tls=tls, verify=verify, user=user, password=password, timeout=5)


async def reason(port: int, **options: Any) -> tuple[str, str]:
    with pytest.raises(ServerError) as caught:
        await ask(port, **options)
    return caught.value.reason, str(caught.value)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with cupsd(QUEUES) as port:
        yield port


@needs_cups
async def test_printers_are_found_by_their_device_uri(server: int) -> None:
    answer = await ask(server)
    assert {found.name: found.host for found in answer.found} == {
        "Accounting": "10.10.5.28",
        "Accounting-A3": "10.10.5.28",
        "Office": "10.10.5.30",
        "Secret": "10.10.5.31",
    }
    assert {queue.name: queue.why for queue in answer.left_out} == {
        "Hall": "no_address",
        "Nowhere": "virtual",
    }


@needs_cups
async def test_a_printer_comes_with_its_words(server: int) -> None:
    found = {each.name: each for each in (await ask(server)).found}["Accounting"]
    assert (found.location, found.remark, found.model) == ("Room 2.11", "Accounting, Küche", "Local Raw Printer")


@needs_cups
async def test_a_server_without_printers_has_none() -> None:
    with cupsd({}) as port:
        assert await ask(port) == Answer(())


@needs_cups
async def test_a_server_that_wants_a_password_refuses_without_and_with_a_wrong_one() -> None:
    with cupsd({}, limit="AuthType Basic\n    Require valid-user\n    Order deny,allow") as port:
        assert await reason(port) == ("auth", "refused with HTTP 401")
        assert await reason(port, user="root", password=WRONG) == ("auth", "refused with HTTP 401")


async def test_nobody_there_is_unreachable() -> None:
    assert await reason(free_port()) == ("unreachable", "nothing listens on this port")
    kind, _ = await reason(631, host="nobody.invalid")
    assert kind == "unreachable"


# ---- servers that misbehave


def item(tag: int, name: str, value: str) -> bytes:
    return struct.pack(f">BH{len(name)}sH", tag, len(name), name.encode(), len(value)) + value.encode()


def printers(count: int, status: int = 0) -> bytes:
    head = struct.pack(">BBHI", 1, 1, status, 1) + b"\x01" + item(0x47, "attributes-charset", "utf-8")
    queues = (
        b"\x04" + item(0x42, "printer-name", f"P{number}") + item(0x45, "device-uri", f"socket://p{number}")
        for number in range(count)
    )
    return head + b"".join(queues) + b"\x03"


@asynccontextmanager
async def answering(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    application = web.Application()
    application.router.add_post("/", handle)
    server = TestServer(application, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    try:
        assert server.port
        yield server.port
    finally:
        await server.close()


def always(body: bytes, status: int = 200) -> Handle:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return handle


async def test_two_thousand_printers_are_taken() -> None:
    async with answering(always(printers(2_000))) as port:
        assert len((await ask(port)).found) == 2_000


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (printers(5_000), 200, ("too_many", "5,000 printers, of which at most 2,000 are taken")),
        (b"<html>", 200, ("protocol", "the answer is no IPP message")),
        (b"", 200, ("protocol", "the answer is no IPP message")),
        (printers(3)[:-4], 200, ("protocol", "the answer ends in the middle of an attribute")),
        (printers(0, 0x0403), 200, ("auth", "the server answers status 0x0403")),
        (printers(0, 0x0501), 200, ("protocol", "the server answers status 0x0501")),
        (b"", 404, ("protocol", "the server answers HTTP 404")),
        (b"", 301, ("protocol", "the server answers HTTP 301")),
        (b"", 403, ("auth", "refused with HTTP 403")),
        (b"", 426, ("protocol", "the server answers over TLS only: write ipps:// in the url")),
        (b"x" * (16 * 1024 * 1024 + 1), 200, ("too_many", "an answer of more than 16,777,216 octets")),
    ],
    ids=["5000", "html", "empty", "cut off", "forbidden", "unsupported", "404", "301", "403", "426", "huge"],
)
async def test_an_answer_that_cannot_be_used_is_named(body: bytes, status: int, expected: tuple[str, str]) -> None:
    async with answering(always(body, status)) as port:
        assert await reason(port) == expected


async def test_a_server_that_hangs_takes_its_time_and_no_more() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with answering(hang) as port:
        with pytest.raises(ServerError) as caught:
            await cups.ask("127.0.0.1", port, tls=False, verify=True, user="", password="", timeout=0.3)
        assert caught.value.reason == "timeout"


async def test_a_server_that_speaks_no_http_is_named() -> None:
    async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.office.example ESMTP\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(garbage, "127.0.0.1", 0)
    async with server:
        kind, said = await reason(server.sockets[0].getsockname()[1])
    assert (kind, said) == ("protocol", "the answer broke off, or is no HTTP")


async def test_a_server_that_ends_a_greeting_of_tls_is_named() -> None:
    async def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(leave, "127.0.0.1", 0)
    async with server:
        kind, said = await reason(server.sockets[0].getsockname()[1], tls=True)
    assert (kind, said) == ("protocol", "the connection was closed while TLS was agreed upon")


async def test_user_and_password_are_sent() -> None:
    async def check(request: web.Request) -> web.Response:
        wanted = "Basic " + base64.b64encode(f"jö:{WRONG}:1".encode()).decode()
        return web.Response(status=200 if request.headers.get("Authorization") == wanted else 401, body=printers(1))

    async with answering(check) as port:
        assert len((await ask(port, user="jö", password=f"{WRONG}:1")).found) == 1
        assert await reason(port) == ("auth", "refused with HTTP 401")


async def test_a_certificate_is_checked_for_the_name_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pair(tmp_path, "localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with answering(always(printers(1)), tls) as port:
        refusal = ("protocol", "the certificate is not trusted; see verify")
        assert await reason(port, host="localhost", tls=True) == refusal
        assert len((await ask(port, "localhost", tls=True, verify=False)).found) == 1
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert len((await ask(port, "localhost", tls=True)).found) == 1
        assert await reason(port, host="127.0.0.1", tls=True) == refusal


async def test_tls_where_there_is_none_is_named() -> None:
    async with answering(always(printers(1))) as port:
        assert await reason(port, tls=True) == ("protocol", "no TLS that can be understood")


# ---- the codec


def test_each_printer_has_its_own_attributes() -> None:
    answers = parse_each(printers(2), ["printer-name", "device-uri"])
    assert [dict(each) for each in answers.printers] == [
        {"printer-name": [b"P0"], "device-uri": [b"socket://p0"]},
        {"printer-name": [b"P1"], "device-uri": [b"socket://p1"]},
    ]


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ValueError, match="more than 200000 values"):
        parse_each(printers(0)[:-1] + b"\x04" * 200_001, [])


def test_the_request_names_the_operation_and_the_attributes() -> None:
    request = cups_get_printers(["printer-name", "device-uri"])
    assert request[2:4] == b"\x40\x02"
    assert request.endswith(item(0x44, "requested-attributes", "printer-name") + item(0x44, "", "device-uri") + b"\x03")


@given(st.binary(max_size=300))
def test_any_octets_are_an_answer_or_a_fault(octets: bytes) -> None:
    try:
        parse_each(struct.pack(">BBHI", 1, 1, 0, 1) + octets, ["printer-name"])
    except ValueError:
        return
