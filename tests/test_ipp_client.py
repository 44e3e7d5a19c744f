"""How a printer is asked over IPP, and what becomes of servers that do not answer as one."""

import asyncio
import ssl
from pathlib import Path

import pytest

from exporter.ipp import client
from exporter.ipp.client import Client
from exporter.snmp.errors import SnmpError
from tests.support.ipp import Respond, Server, http, message, serving
from tests.support.pems import write_pair

PRINTER = http(message({"printer-state": 3}))
NOT_FOUND = http(b"not here", "404 Not Found", "")
NAMES = ("printer-state",)


def asking(server: Server, *, path: str = "", tls: bool = False, timeout: float = 5, retries: int = 0) -> Client:
    return Client(server.host, server.port, path=path, tls=tls, timeout=timeout, retries=retries)


async def refusal(one: Client, *, silent: bool = False) -> tuple[str, str]:
    """Return the reason and the words with which a printer could not be read."""
    with pytest.raises(SnmpError) as caught:
        await one.attributes(NAMES, silent=silent)
    return caught.value.reason, str(caught.value)


def only_at(*paths: str) -> Respond:
    """Answer as a printer at these paths."""

    async def respond(writer: asyncio.StreamWriter, path: str) -> None:
        writer.write(PRINTER if path in paths else NOT_FOUND)
        await writer.drain()

    return respond


async def silence(writer: asyncio.StreamWriter, path: str) -> None:
    """Take the request, and never answer."""


def endless(chunk: bytes, every: float = 0.0) -> Respond:
    """Answer without end."""

    async def respond(writer: asyncio.StreamWriter, path: str) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
            await asyncio.sleep(every)

    return respond


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_printer_is_asked_once_at_the_usual_path_under_its_address(host: str) -> None:
    async with serving(PRINTER, host) as server:
        one = asking(server)
        assert await one.attributes(NAMES, silent=False) == {"printer-state": [3]}
        assert (one.requests, one.address, server.paths) == (1, host, ["/ipp/print"])
    shown = f"[{host}]" if ":" in host else host
    assert f"ipp://{shown}:{server.port}/ipp/print".encode() in server.bodies[0]


async def test_no_connection_outlives_its_request() -> None:
    async with serving(PRINTER) as server, asyncio.timeout(5):
        await asking(server).attributes(NAMES, silent=False)
        while server.connections:
            await asyncio.sleep(0.01)


async def test_the_other_usual_paths_are_tried_and_the_right_one_is_remembered() -> None:
    async with serving(only_at("/")) as server:
        one = asking(server)
        await one.attributes(NAMES, silent=False)
        assert (server.paths, one.requests) == (["/ipp/print", "/ipp", "/"], 3)
        await one.attributes(NAMES, silent=False)
        assert (server.paths[3:], one.requests) == (["/"], 1)


async def test_a_printer_that_moves_to_another_path_is_found_again() -> None:
    at = ["/"]

    async def respond(writer: asyncio.StreamWriter, path: str) -> None:
        await only_at(*at)(writer, path)

    async with serving(respond) as server:
        one = asking(server)
        await one.attributes(NAMES, silent=False)
        at[:] = ["/ipp/print"]
        assert await one.attributes(NAMES, silent=False) == {"printer-state": [3]}


async def test_a_path_of_the_config_is_the_only_one() -> None:
    async with serving(only_at("/printers/lobby one", "/printers/lobby%20one")) as server:
        assert await asking(server, path="/printers/lobby one").attributes(NAMES, silent=False)
        reason, words = await refusal(asking(server, path="/elsewhere"))
    assert (reason, "ipp_path" in words, "/elsewhere" in words) == ("protocol", True, True)
    assert server.paths == ["/printers/lobby%20one", "/elsewhere"]


async def test_a_printer_that_knows_no_such_object_is_not_at_this_path() -> None:
    async with serving(http(message({}, status=0x0406))) as server:
        assert (await refusal(asking(server)))[0] == "protocol"
    assert len(server.paths) == 3


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (http(b"", "401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n'), "auth", "HTTP 401"),
        (http(b"", "403 Forbidden"), "auth", "HTTP 403"),
        (http(message({}, status=0x0401)), "auth", "client-error-forbidden"),
        (http(message({}, status=0x0403)), "auth", "not-authorized"),
        (http(message({}, status=0x0503)), "protocol", "version-not-supported"),
        (http(message({}, status=0x0599)), "protocol", "0x0599"),
        (http(b"", "426 Upgrade Required"), "protocol", "ipps"),
        (http(b"", "301 Moved", "Location: https://127.0.0.1/ipp/print\r\n"), "protocol", "ipps"),
        (http(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"), "protocol", "HTTP 302"),
        (http(b"", "500 Internal Server Error"), "protocol", "HTTP 500"),
        (http(b"<html>printer</html>", headers="Content-Type: text/html\r\n"), "protocol", "no IPP message"),
        (http(message({"printer-state": 3})[:-9]), "protocol", "ends in the middle"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n", "protocol", "no HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
            "protocol",
            "no IPP message",
        ),
    ],
)
async def test_what_is_wrong_with_an_answer_is_named(answer: bytes, reason: str, words: str) -> None:
    async with serving(answer) as server:
        told = await refusal(asking(server, timeout=2))
    assert told[0] == reason
    assert words in told[1]


async def test_an_answer_that_breaks_off_is_a_failure() -> None:
    async def respond(writer: asyncio.StreamWriter, path: str) -> None:
        writer.write(PRINTER[:-4])
        writer.close()

    async with serving(respond) as server:
        assert await refusal(asking(server)) == ("protocol", "the answer broke off, or is no HTTP")


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    async with serving(endless(b"x" * 60_000)) as server:
        assert await refusal(asking(server)) == (
            "protocol",
            f"the answer is longer than {client.MAX_OCTETS} octets",
        )


@pytest.mark.parametrize("respond", [silence, endless(b"x", every=0.01)], ids=["silent", "drop by drop"])
async def test_a_printer_that_does_not_come_to_an_end_is_given_up(respond: Respond) -> None:
    async with serving(respond) as server:
        assert await refusal(asking(server, timeout=0.2)) == ("timeout", "no answer")


@pytest.mark.parametrize(("silent", "requests"), [(False, 3), (True, 1)])
async def test_a_printer_is_asked_again_unless_it_was_silent_before(silent: bool, requests: int) -> None:
    async with serving(silence) as server:
        one = asking(server, timeout=0.1, retries=2)
        assert (await refusal(one, silent=silent))[0] == "timeout"
    assert (one.requests, len(server.paths)) == (requests, requests)


async def test_a_port_on_which_nothing_listens_is_refused() -> None:
    async with serving(PRINTER) as server:
        pass
    assert await refusal(asking(server)) == ("refused", "nothing listens on this port")


async def test_a_name_without_an_address_is_not_resolved() -> None:
    one = Client("no-such-printer.invalid", 631, timeout=5, retries=0)
    assert (await refusal(one))[0] == "resolve"


async def test_a_lack_of_descriptors_is_no_printers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(client, "check_left", none_left)
    async with serving(PRINTER) as server:
        assert (await refusal(asking(server)))[0] == "internal"


# ---- TLS


def own_certificate(folder: Path) -> ssl.SSLContext:
    write_pair(folder, "printer.invalid")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_a_certificate_that_nobody_knows_will_do(tmp_path: Path) -> None:
    async with serving(PRINTER, context=own_certificate(tmp_path)) as server:
        assert await asking(server, tls=True).attributes(NAMES, silent=False) == {"printer-state": [3]}
    assert f"ipps://127.0.0.1:{server.port}/ipp/print".encode() in server.bodies[0]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_an_old_printer_with_old_tls_is_understood(tmp_path: Path) -> None:
    context = own_certificate(tmp_path)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(PRINTER, context=context) as server:
        assert await asking(server, tls=True).attributes(NAMES, silent=False)


async def test_tls_where_there_is_none_is_named() -> None:
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(http(b"", "400 Bad Request"))
        writer.close()

    server = await asyncio.start_server(complain, "127.0.0.1", 0)
    async with server:
        at = server.sockets[0].getsockname()
        reason, words = await refusal(Client(*at, tls=True, timeout=5, retries=0))
    assert (reason, "no TLS on this port" in words) == ("protocol", True)


async def test_plain_text_where_only_tls_is_spoken_is_a_failure(tmp_path: Path) -> None:
    async with serving(PRINTER, context=own_certificate(tmp_path)) as server:
        assert (await refusal(asking(server)))[0] == "protocol"
