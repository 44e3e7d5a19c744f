"""An SNMP v1 and v2c agent on one UDP socket."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Generic, TypeAlias, TypeVar

from exporter.simulator.ber import (
    BerError,
    EndOfMibView,
    ErrorStatus,
    Kind,
    NoSuchInstance,
    NoSuchObject,
    Oid,
    Request,
    decode_request,
    encode_null,
    encode_response,
    encode_varbind,
)
from exporter.simulator.mib import Mib, View
from exporter.simulator.running import Running

Hook: TypeAlias = Callable[[Request, bytes], Iterable[tuple[float, bytes]]]
"""From a request and its reply to what is sent in its place: datagrams, each so many seconds from now."""

_DEFAULT_PORT = 10161
# What RFC 3417 section 3.2.1 wants an agent to manage at the least is 484; this fills one Ethernet frame.
_MAX_MESSAGE = 1472
# Message, PDU and binding list may each need two more octets of length than when they are empty.
_LENGTH_GROWTH = 6


class Agent(Running, asyncio.DatagramProtocol):
    """Answers GET, GETNEXT and GETBULK; other versions, communities and broken datagrams meet silence."""

    def __init__(
        self,
        mib: View,
        host: str = "127.0.0.1",
        port: int = _DEFAULT_PORT,
        *,
        versions: Collection[str] = ("1", "2c"),
        community: str = "public",
        max_message: int = _MAX_MESSAGE,
        silent: bool = False,
        hook: Hook | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.requests = 0
        self._mib = mib
        self._versions = frozenset(versions)
        self._community = community.encode()
        self._max_message = max_message
        self._silent = silent
        self._hook = hook
        self._late: set[asyncio.TimerHandle] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Bind the socket; `port` is then the real one, also when 0 was asked for."""
        self._closed.clear()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        """Give the socket back and forget replies that were still to be sent."""
        for handle in self._late:
            handle.cancel()
        self._late.clear()
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()
            self._transport = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that the socket is closed."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one datagram, or keep silent."""
        if self._silent:
            return
        try:
            request = decode_request(data)
        except BerError:
            return
        if request.version not in self._versions or request.community != self._community:
            return
        self.requests += 1
        reply = respond(request, self._mib.now(), self._max_message)
        if self._hook is None:
            self._send(reply, addr)
            return
        for delay, datagram in self._hook(request, reply):
            self._send_later(delay, datagram, addr)

    def _send(self, datagram: bytes, address: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(datagram, address)

    def _send_later(self, delay: float, datagram: bytes, address: tuple[str, int]) -> None:
        if delay <= 0:
            self._send(datagram, address)
            return

        def fire() -> None:
            self._late.discard(handle)
            self._send(datagram, address)

        handle = asyncio.get_running_loop().call_later(delay, fire)
        self._late.add(handle)


A = TypeVar("A", bound=Running)


class Site(Running, Generic[A]):
    """Agents that start and end together; a subclass makes them."""

    agents: tuple[A, ...]

    async def start(self) -> None:
        """Bind every socket, or none."""
        try:
            for agent in self.agents:
                await agent.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give all sockets back."""
        for agent in self.agents:
            await agent.close()


def respond(request: Request, mib: Mib, max_message: int) -> bytes:
    """Work out the reply in at most `max_message` octets (RFC 1157 section 4.1, RFC 3416 section 4.2)."""
    if request.kind is Kind.GETBULK:
        return encode_response(request, _fitting(request, _bulk(request, mib), max_message))
    find = _get if request.kind is Kind.GET else _next
    varbinds = [find(mib, oid, request.version == "2c") for oid in request.oids]
    found = [varbind for varbind in varbinds if varbind is not None]
    if len(found) < len(varbinds):
        return _refuse(request, ErrorStatus.NO_SUCH_NAME, varbinds.index(None) + 1)
    reply = encode_response(request, found)
    return reply if len(reply) <= max_message else _refuse(request, ErrorStatus.TOO_BIG, 0)


def _refuse(request: Request, status: ErrorStatus, index: int) -> bytes:
    """Echo the request's names with an error; v2c leaves them out when too big (RFC 3416 section 4.2.1)."""
    bare = request.version != "1" and status is ErrorStatus.TOO_BIG
    return encode_response(request, () if bare else map(encode_null, request.oids), status, index)


def _get(mib: Mib, oid: Oid, marks: bool) -> bytes | None:
    """Give the binding of `oid` itself; without it a mark, or None where the version has no marks."""
    if oid in mib:
        return mib.varbind(oid)
    if not marks:
        return None
    return encode_varbind(oid, NoSuchInstance() if mib.has_below(oid[:-1]) else NoSuchObject())


def _next(mib: Mib, oid: Oid, marks: bool) -> bytes | None:
    """Give the binding behind `oid`; at the end a mark, or None where the version has no marks."""
    following = mib.after(oid)
    if following is not None:
        return mib.varbind(following)
    return encode_varbind(oid, EndOfMibView()) if marks else None


def _bulk(request: Request, mib: Mib) -> Iterator[bytes]:
    """Give the non-repeaters, then row after row, up to one that is all end (RFC 3416 section 4.2.3)."""
    split = max(request.non_repeaters, 0)
    cursors = list(request.oids[split:])
    for oid in request.oids[:split]:
        yield _next(mib, oid, marks=True) or b""
    for _ in range(request.max_repetitions if cursors else 0):
        following = [mib.after(oid) for oid in cursors]
        for oid, found in zip(cursors, following, strict=True):
            yield encode_varbind(oid, EndOfMibView()) if found is None else mib.varbind(found)
        if not any(following):
            return
        cursors = [found or oid for oid, found in zip(cursors, following, strict=True)]


def _fitting(request: Request, varbinds: Iterator[bytes], max_message: int) -> Iterator[bytes]:
    """Pass bindings on while the message has room for them."""
    room = max_message - len(encode_response(request, ())) - _LENGTH_GROWTH
    for varbind in varbinds:
        room -= len(varbind)
        if room < 0:
            return
        yield varbind
