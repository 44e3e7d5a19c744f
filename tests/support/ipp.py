"""Printers over IPP: CUPS' ippeveprinter, and servers that answer what a test wants."""

import asyncio
import os
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Told: TypeAlias = Mapping[str, int | str | Sequence[int | str]]
"""What a printer says, by attribute."""

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
IPPEVEPRINTER = shutil.which("ippeveprinter", path=_PATH)
_IPPTOOL = shutil.which("ipptool", path=_PATH) or "ipptool"
_DBUS = shutil.which("dbus-daemon", path=_PATH)
HAS_IPPEVEPRINTER = bool(IPPEVEPRINTER and _DBUS)
START_LIMIT = 30.0

INTEGER, ENUM, OCTETS, TEXT, KEYWORD = 0x21, 0x23, 0x30, 0x41, 0x44
_OCTET_STRINGS = {"printer-supply", "printer-input-tray", "printer-output-tray", "printer-alert"}

# A job that tells ippeveprinter how the printer is from now on.
_JOB = """\
{
  OPERATION Print-Job
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR naturalLanguage attributes-natural-language en
  ATTR uri printer-uri $uri
  ATTR name requesting-user-name test
  ATTR mimeMediaType document-format image/pwg-raster
  FILE $filename
  STATUS successful-ok
}
"""


def item(tag: int, name: str, value: bytes) -> bytes:
    """Return one attribute with one value (RFC 8010 section 3.1.4)."""
    return struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(value)) + value


def message(told: Told, status: int = 0) -> bytes:
    """Return an answer to Get-Printer-Attributes."""
    return struct.pack(">BBHI", 1, 1, status, 1) + b"\x01" + _charset() + b"\x04" + _items(told) + b"\x03"


def _charset() -> bytes:
    return item(0x47, "attributes-charset", b"utf-8") + item(0x48, "attributes-natural-language", b"en")


def _items(told: Told) -> bytes:
    return b"".join(_attribute(name, values) for name, values in told.items())


def _attribute(name: str, values: int | str | Sequence[int | str]) -> bytes:
    several = [values] if isinstance(values, int | str) else values
    named = [name, *[""] * (len(several) - 1)]
    return b"".join(_value(name, label, value) for label, value in zip(named, several, strict=True))


def _value(name: str, label: str, value: int | str) -> bytes:
    if isinstance(value, int):
        return item(ENUM if name == "printer-state" else INTEGER, label, struct.pack(">i", value))
    return item(OCTETS if name in _OCTET_STRINGS else TEXT, label, value.encode("utf-8", "surrogateescape"))


def http(body: bytes, status: str = "200 OK", headers: str = "Content-Type: application/ipp\r\n") -> bytes:
    """Return an HTTP response."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Server:
    """Where a server listens, the paths that were asked for, and how many connections are open now."""

    host: str
    port: int
    paths: list[str]
    bodies: list[bytes]
    connections: int = 0


Respond: TypeAlias = Callable[[asyncio.StreamWriter, str], Awaitable[None]]
"""Answers a request for a path."""


@asynccontextmanager
async def serving(
    respond: Respond | bytes, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Answer each request in this way, or with these octets."""
    server = Server(host, 0, [], [])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(line for line in head.splitlines() if line.lower().startswith("content-length:"))
            server.bodies.append(await reader.readexactly(int(length.split(":")[1])))
            server.paths.append(head.split()[1])
            if isinstance(respond, bytes):
                writer.write(respond)
                await writer.drain()
            else:
                await respond(writer, server.paths[-1])
            await reader.read()  # until the other side hangs up
        except (OSError, asyncio.IncompleteReadError):
            pass  # it hung up in the middle
        finally:
            writer.close()
            server.connections -= 1

    listening = await asyncio.start_server(handle, host, 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()
        while server.connections:
            await asyncio.sleep(0.01)


class EvePrinter:
    """A running ippeveprinter, which keeps what it says of itself until a job changes it."""

    def __init__(self, port: int, folder: Path) -> None:
        self.host, self.port = "127.0.0.1", port
        self._folder = folder

    def becomes(self, *lines: str) -> None:
        """Let it say something else: `STATE: media-jam-error` or `ATTR: marker-levels=5`, as the man page has them."""
        (self._folder / "job").write_text("\n".join(lines) + "\n")
        test = self._folder / "job.test"
        test.write_text(_JOB)
        uri = f"ipp://{self.host}:{self.port}/ipp/print"
        subprocess.run([_IPPTOOL, "-f", self._folder / "job", uri, test], check=True, capture_output=True, timeout=20)


@contextmanager
def eve_printer(folder: Path, attributes: str) -> Iterator[EvePrinter]:
    """Run ippeveprinter with these attributes, in the form of `-a`, on a D-Bus of its own; yield it when it answers."""
    file, command = folder / "printer.conf", folder / "command"
    file.write_text(attributes)
    command.write_text('#!/bin/sh\ncat "$1" >&2\n')
    command.chmod(0o755)
    bus = folder / "bus"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ExitStack() as stack:
        stack.enter_context(
            _running([str(_DBUS), "--session", "--nofork", "--nopidfile", f"--address=unix:path={bus}"])
        )
        _wait_for(bus.exists)
        options = [
            "-r",
            "off",
            "-p",
            str(port),
            "-n",
            "localhost",
            "-d",
            str(folder),
            "-a",
            str(file),
            "-c",
            str(command),
        ]
        environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}", "HOME": str(folder)}
        stack.enter_context(_running([str(IPPEVEPRINTER), *options, "Test printer"], environment))
        _wait_for(lambda: _listens(port))
        yield EvePrinter(port, folder)


@contextmanager
def _running(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[None]:
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + START_LIMIT
    while not condition():
        assert time.monotonic() < until, "it does not start"
        time.sleep(0.02)
