"""Where the exporter listens: addresses, Unix sockets, and sockets that systemd opened."""

import asyncio
import logging
import os
import re
import socket
import ssl
import stat
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeAlias

from aiohttp import web

from exporter.configtypes import bracketed

log = logging.getLogger(__name__)

UNIX = "unix:"
SYSTEMD = "--web.systemd-socket"
_FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""
_ADDRESS = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]*)):([0-9]{1,5})")

Tls: TypeAlias = Callable[[], ssl.SSLContext]
"""Gives the context of each new connection."""


class ListenError(Exception):
    """Somewhere the exporter cannot listen: where, and why."""

    def __init__(self, address: str, reason: object) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


def split_address(address: str) -> tuple[str | None, int]:
    """Return (host or None for all, port) of `:10143`, `localhost:10143` or `[::1]:10143`; raises ValueError."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > 65535:
        raise ValueError(f"{address!r} is not an address to listen on; write host:port, :port or unix:/path")
    return match[1] or match[2] or None, int(match[3])


def check_address(address: str) -> None:
    """Raise ValueError for what nothing can listen on."""
    if address == UNIX:
        raise ValueError(f"{address!r} names no path; write unix:/path")
    if not address.startswith(UNIX):
        split_address(address)


async def listen(runner: web.BaseRunner, addresses: Sequence[str], tls: Tls | None = None) -> None:
    """Serve on every address; raises ListenError. What was opened is closed with the runner."""
    context = PerConnection(tls) if tls else None
    for address in addresses:
        await _start(_site(runner, address, context), address)


async def listen_on(runner: web.BaseRunner, sockets: Sequence[socket.socket], tls: Tls | None = None) -> None:
    """Serve on sockets that are open already; raises ListenError."""
    context = PerConnection(tls) if tls else None
    for each in sockets:
        await _start(web.SockSite(runner, each, ssl_context=context), name_of(each))


def _site(runner: web.BaseRunner, address: str, context: ssl.SSLContext | None) -> web.BaseSite:
    if address.startswith(UNIX):
        return _UnixSite(runner, address.removeprefix(UNIX), ssl_context=context)
    host, port = split_address(address)
    return web.TCPSite(runner, host, port, ssl_context=context)


async def _start(site: web.BaseSite, address: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise ListenError(address, error.strerror or error) from None
    except ValueError as error:  # a host that is no name, a socket that is no stream
        raise ListenError(address, error) from None


class _UnixSite(web.UnixSite):
    """A Unix socket whose file goes with it."""

    _own: int | None = None

    async def start(self) -> None:
        await asyncio.to_thread(_make_room, Path(self._path))
        await super().start()
        self._own = await asyncio.to_thread(_inode, Path(self._path))

    async def stop(self) -> None:
        await super().stop()
        await asyncio.to_thread(self._remove, Path(self._path))

    def _remove(self, path: Path) -> None:
        if self._own is not None and _inode(path) == self._own:
            path.unlink(missing_ok=True)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _make_room(path: Path) -> None:
    """Remove a socket that was left; raises OSError when somebody listens there or it is no socket."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise OSError(0, "is there and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # so many wait there already
            pass
    raise OSError(0, "another process listens there")


def from_systemd(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the sockets that systemd passes (sd_listen_fds(3)); raises ListenError when there are none."""
    is_ours = environ.pop("LISTEN_PID", "") == str(os.getpid())
    count = environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if not is_ours or not re.fullmatch("[1-9][0-9]{0,3}", count):
        raise ListenError(SYSTEMD, "systemd passed no socket; start it by a .socket unit")
    return [_taken(descriptor) for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count))]


def _taken(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(SYSTEMD, f"descriptor {descriptor}: {error.strerror}") from None


def name_of(listener: socket.socket) -> str:
    """Return the address of a socket as `--web.listen-address` takes it."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"{UNIX}{name}"
    host, port = name[:2]
    return f"{bracketed(host)}:{port}"


class PerConnection(ssl.SSLContext):
    """A context that takes another one for each connection, so that a renewed certificate needs no restart."""

    _current: Tls

    def __new__(cls, current: Tls) -> Self:
        """Make a context out of what gives contexts."""
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made._current = current
        return made

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection, as asyncio does."""
        context = self._current()
        context.sslobject_class = _Session
        return context.wrap_bio(*arguments, **options)


class _Session(ssl.SSLObject):
    """A connection that says why its handshake failed: asyncio keeps that to itself."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            log.debug("TLS handshake failed", extra={"reason": error.reason})
            raise
