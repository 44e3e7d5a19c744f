"""Searching for cameras and hearing them: a UDP socket on every interface, open from the first search on.

Nothing but searches leaves: `_Link.search` is the one place that sends, and it makes the datagram itself.

On Linux a socket belongs to one interface by SO_BINDTODEVICE; one bound to an address would hear no broadcast. Where
that is missing, one socket serves all interfaces: a device then belongs to the interface whose network holds the
sender's address, and datagrams that the kernel dropped cannot be counted. Windows' default loop cannot watch sockets.
"""

import asyncio
import errno
import ipaddress
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

from exporter.cameras import easyip
from exporter.cameras.model import Search, Sighting
from exporter.config import CameraSearch
from exporter.repeats import Repeats

log = logging.getLogger(__name__)

ERRORS: Final = ("send", "listen", "dropped", "checksum", *easyip.REASONS)
"""What search errors are counted under: ours, the kernel's, and what is wrong with a datagram."""

_EVERYONE = "255.255.255.255"
# Values of Linux that the socket module does not name.
_SO_RCVBUFFORCE = 33
_SO_RXQ_OVFL = 40
_SO_BINDTODEVICE: int | None = getattr(socket, "SO_BINDTODEVICE", None)

# What 2,000 answers at once and a loop that is busy for half a second need; the kernel gives what it may.
_BUFFER = 16 * 1024 * 1024
# More than the codec takes, so that it sees an oversized datagram as such.
_DATAGRAM = 2048
# Read at one go before the rest of the loop has its turn.
_BATCH = 64
# How long a search waits for datagrams that came in time and were not read yet, in seconds.
_BACKLOG_LIMIT = 1.0
# Forged answers must not fill the memory.
_MAX_ANSWERS = 20_000


@dataclass(frozen=True, slots=True)
class Address:
    """One IPv4 address of an interface; `broadcast` is "" where the network has none."""

    own: str
    network: ipaddress.IPv4Network
    broadcast: str


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface as it is now; `index` is another one once it was removed and made again."""

    name: str
    index: int
    is_up: bool
    is_loopback: bool
    can_broadcast: bool
    addresses: tuple[Address, ...]

    @property
    def trouble(self) -> str:
        """Say why nothing can be searched for here, "" when it can."""
        if not self.is_up:
            return "the interface is down or has no link"
        return "" if self.addresses else "the interface has no IPv4 address"

    def destinations(self) -> list[tuple[str, str]]:
        """Return from which own address to which broadcast addresses a search goes; none on loopback."""
        if self.is_loopback or not self.addresses:
            return []
        directed = {address.broadcast: address.own for address in reversed(self.addresses) if address.broadcast}
        return [(own, to) for to, own in directed.items()] + [(self.addresses[0].own, _EVERYONE)]

    def towards(self, host: str) -> str:
        """Return the own address in the network of a host, else the first."""
        target = ipaddress.IPv4Address(host)
        near = (address.own for address in self.addresses if target in address.network)
        return next(near, self.addresses[0].own)


def read_interfaces() -> list[Interface]:
    """Return the interfaces of this system. Blocks."""
    addresses: dict[str, list[Address]] = {}
    for label, entries in psutil.net_if_addrs().items():
        # Linux lists an address that has a label (eth0:1) under the label.
        found = addresses.setdefault(label.partition(":")[0], [])
        found += [_address(*entry[1:4]) for entry in entries if entry.family == socket.AF_INET]
    interfaces = []
    for name, state in psutil.net_if_stats().items():
        flags = state.flags.split(",")
        # It may be gone by now.
        with suppress(OSError):
            index = socket.if_nametoindex(name)
            interfaces.append(
                Interface(
                    name, index, state.isup, "loopback" in flags, "broadcast" in flags, tuple(addresses.get(name, ()))
                )
            )
    return interfaces


def _address(own: str, netmask: str | None, broadcast: str | None) -> Address:
    """Work out the broadcast address where none was set: the C library then gives the address itself, or nothing."""
    network = ipaddress.IPv4Interface(f"{own}/{netmask or 32}").network
    usual = str(network.broadcast_address) if network.prefixlen < ipaddress.IPV4LENGTH - 1 else ""
    return Address(own, network, broadcast if broadcast and broadcast != own else usual)


class _Link:
    """An open socket that hears one interface, or all of them where `name` is ""."""

    def __init__(self, interface: Interface, port: int) -> None:
        self.name = interface.name if _SO_BINDTODEVICE else ""
        self.index = interface.index
        self.has_more = False
        """Whether there was more to read than one go takes."""
        self._drops = 0
        self._loop = asyncio.get_running_loop()
        self._socket = _open_socket(self.name, port)

    def watch(self, read: Callable[["_Link"], None]) -> None:
        """Call `read` whenever there is something to receive."""
        self._loop.add_reader(self._socket, read, self)

    def search(self, mac: str, own: str, to: tuple[str, int]) -> None:
        """Send one search; raises OSError."""
        self._socket.sendto(easyip.search(mac, own), to)

    def receive(self) -> tuple[bytes, str, int]:
        """Return a datagram, who sent it and how many the kernel has dropped meanwhile; raises OSError."""
        # asyncio's own datagram transport would throw the kernel's count away with all ancillary data.
        data, ancillary, _, sender = self._socket.recvmsg(_DATAGRAM, socket.CMSG_SPACE(4))
        drops = self._drops
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                self._drops = int.from_bytes(value[:4], sys.byteorder)
        # The kernel counts from the socket's start, in 32 bits.
        return data, sender[0], (self._drops - drops) % 2**32

    def close(self) -> None:
        """Give the socket back."""
        self._loop.remove_reader(self._socket)
        self._socket.close()


def _open_socket(interface: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if _SO_BINDTODEVICE and interface:
            opened.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, os.fsencode(interface))
            opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        _enlarge_buffer(opened)
        opened.bind(("", port))
    except OSError:
        opened.close()
        raise
    return opened


def _enlarge_buffer(opened: socket.socket) -> None:
    """Ask for more than net.core.rmem_max, which takes CAP_NET_ADMIN, else for as much as that."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except OSError:
        # Linux cuts it down to what is allowed; others refuse and keep their own.
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


class Network:
    """Searches for cameras on every chosen interface, and listens all the time: `heard` gets every sighting.

    `interfaces` blocks and is called in a thread. To be used on one event loop.
    """

    def __init__(
        self,
        settings: CameraSearch,
        heard: Callable[[Sighting], None],
        *,
        interfaces: Callable[[], Sequence[Interface]] = read_interfaces,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._heard = heard
        self._read_interfaces = interfaces
        self._now = now
        self._monotonic = monotonic
        # Locally administered, by which answers to our searches are told from those to others'.
        self._mac = "02:" + secrets.token_bytes(5).hex(":")
        self._turn = asyncio.Lock()
        self._present: Sequence[Interface] = ()
        self._chosen: dict[str, Interface | None] = {}
        self._links: dict[str, _Link] = {}
        self._answered: set[str] = set()
        self._names: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._repeats = Repeats()
        self._errors = dict.fromkeys(ERRORS, 0)

    @property
    def listening(self) -> bool:
        """Whether every chosen interface has its socket open, and there is one at least."""
        return bool(self._chosen) and self._links.keys() >= self._chosen.keys()

    @property
    def errors(self) -> Mapping[str, int]:
        """How often something went wrong since the start, for each of ERRORS."""
        return self._errors

    def configure(self, settings: CameraSearch) -> None:
        """Take over other settings; a search under way ends without segments, the next opens what they want."""
        if settings != self.settings:
            self.close()
            self.settings = settings

    def close(self) -> None:
        """Give all sockets back."""
        for name in list(self._links):
            self._close(name)
        self._chosen = {}

    async def search(self, is_done: Callable[[], bool]) -> Search:
        """Search once, and wait until the window ends or `is_done` says so after one of the attempts.

        Never raises for what the network does. A second call waits for the first.
        """
        async with self._turn:
            began = self._monotonic()
            self._chosen = self._choose(await self._interfaces())
            troubles = self._open_links()
            links = dict(self._links)
            self._answered = set()
            sent = await self._ask(is_done, [name for name in self._chosen if name not in troubles])
            await self._read_backlog()
            present = {interface.name: interface for interface in await self._interfaces()}
            for name in self._chosen.keys() - troubles.keys():
                trouble = self._trouble_after(name, links[name], sent, present.get(name))
                if trouble:
                    troubles[name] = trouble
            self._tell(troubles)
            ended = self._monotonic()
            segments = {name: name not in troubles for name in self._chosen}
            return Search(self._now(), ended, ended - began, len(self._answered), segments)

    async def _interfaces(self) -> Sequence[Interface]:
        """Return the interfaces as they are now, or as they were when they cannot be read."""
        try:
            self._present = await asyncio.to_thread(self._read_interfaces)
        except OSError as error:
            self._log("interfaces", "cannot read the interfaces", reason=_words(error))
        return self._present

    def _choose(self, present: Sequence[Interface]) -> dict[str, Interface | None]:
        """Return the interfaces to search on by name, None for one that is configured and absent."""
        if not self.settings.interfaces:
            return {each.name: each for each in present if _is_usual(each)}
        chosen: dict[str, Interface | None] = {}
        for entry in self.settings.interfaces:
            found = next((each for each in present if _is_meant(each, entry)), None)
            # One that is configured by its address keeps its name when the address goes.
            name = self._names[entry] = found.name if found else self._names.get(entry, entry)
            chosen[name] = found or chosen.get(name)
        return chosen

    def _open_links(self) -> dict[str, str]:
        """Open what is new, close what is gone or was made again; return for each interface what is wrong with it."""
        for name, link in list(self._links.items()):
            interface = self._chosen.get(name)
            if interface is None or (link.name and link.index != interface.index):
                self._close(name)
        troubles = {} if self._chosen else {"": "there is no interface that can broadcast"}
        for name, interface in self._chosen.items():
            trouble = self._open(interface) or interface.trouble if interface else "there is no such interface"
            if trouble:
                troubles[name] = trouble
        return troubles

    def _open(self, interface: Interface) -> str:
        """Listen on an interface; return what is wrong."""
        if interface.name in self._links:
            return ""
        shared = None if _SO_BINDTODEVICE else next(iter(self._links.values()), None)
        try:
            link = shared or _Link(interface, self.settings.listen_port)
        except OSError as error:
            self._errors["listen"] += 1
            return _explain(error, self.settings.listen_port)
        self._links[interface.name] = link
        link.watch(self._read)
        log.info("listening for cameras", extra=self._place(interface.name))
        return ""

    def _close(self, name: str) -> None:
        link = self._links.pop(name)
        if link not in self._links.values():
            link.close()
        log.info("no longer listening for cameras", extra=self._place(name))

    async def _ask(self, is_done: Callable[[], bool], names: Collection[str]) -> set[str]:
        """Send all attempts, evenly over the window; return the interfaces that a datagram left from."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        sent: set[str] = set()
        settings = self.settings
        unreached = dict.fromkeys(settings.targets) if names else {}
        for number in range(1, settings.attempts + 1):
            sent |= {name for name in names if self._send(name, unreached)}
            await asyncio.sleep(began + settings.window * number / settings.attempts - loop.time())
            if is_done():
                break
        self._errors["send"] += len(unreached)
        return sent

    def _send(self, name: str, unreached: dict[str, None]) -> bool:
        """Send one attempt out of an interface, and strike off what was reached; tell whether anything left."""
        interface, link = self._chosen.get(name), self._links.get(name)
        if interface is None or link is None:
            return False
        own = [self._send_one(link, *way, name) for way in interface.destinations()]
        self._errors["send"] += own.count(False)
        reached = [to for to in self.settings.targets if self._send_one(link, interface.towards(to), to, name)]
        for to in reached:
            unreached.pop(to, None)
        return any(own) or bool(reached)

    def _send_one(self, link: _Link, own: str, to: str, interface: str) -> bool:
        try:
            link.search(self._mac, own, (to, self.settings.device_port))
        except OSError as error:
            self._log("send", "cannot send a search for cameras", interface=interface, to=to, reason=_words(error))
            return False
        return True

    async def _read_backlog(self) -> None:
        """Read what came within the window, when the loop was too busy to do so."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + _BACKLOG_LIMIT
        while any(link.has_more for link in self._links.values()) and loop.time() < limit:  # noqa: ASYNC110 - readers tell
            await asyncio.sleep(0)

    def _trouble_after(self, name: str, link: _Link, sent: Collection[str], present: Interface | None) -> str:
        """Say what kept a search from being sent, or from being heard until its end."""
        if self._links.get(name) is not link:
            return "the socket failed during the search"
        if name not in sent:
            return "no search could be sent"
        if present is None or (link.name and link.index != present.index):
            return "the interface went away during the search"
        return present.trouble

    def _tell(self, troubles: dict[str, str]) -> None:
        """Log what is wrong with an interface once when it begins, and once when it ends."""
        for name, trouble in troubles.items():
            if self._troubles.get(name) != trouble:
                log.warning("cannot search for cameras", extra=self._place(name) | {"reason": trouble})
        for name in self._troubles.keys() - troubles.keys():
            if name in self._chosen:
                log.info("searching for cameras again", extra=self._place(name))
        self._troubles = troubles

    def _read(self, link: _Link) -> None:
        """Read what is there, a bounded batch at a time."""
        link.has_more = False
        for _ in range(_BATCH):
            try:
                data, sender, drops = link.receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._give_up(link, error)
                return
            if drops:
                self._errors["dropped"] += drops
                hint = "raise net.core.rmem_max"
                self._log("dropped", "datagrams dropped by the kernel", dropped=drops, hint=hint)
            self._take(data, link.name or self._place_of(sender))
        link.has_more = True

    def _give_up(self, link: _Link, error: OSError) -> None:
        """Close a socket that fails; the next search opens another."""
        self._errors["listen"] += 1
        self._log("read", "a listening socket failed", interface=link.name, reason=_words(error))
        for name in [name for name, each in self._links.items() if each is link]:
            self._close(name)

    def _take(self, data: bytes, interface: str) -> None:
        """Make a sighting of a datagram, or count what is wrong with it."""
        try:
            datagram = easyip.parse(data)
            device = easyip.device(datagram)
        except easyip.EasyIpError as error:
            self._count(error.reason, interface)
            return
        if datagram.checksum is not None:
            self._count("checksum", interface)
        if device is None:
            self._mention(datagram, interface)
            return
        is_ours = datagram.type == easyip.Type.ANSWER and datagram.requester_mac == self._mac
        if is_ours and len(self._answered) < _MAX_ANSWERS:
            self._answered.add(device.mac)
        try:
            self._heard(Sighting(device, interface, datagram.type == easyip.Type.ANNOUNCEMENT))
        except Exception:  # noqa: BLE001 - a fault in judging one datagram must not end the hearing of others
            self._log("heard", "a sighting was lost", exc_info=True, interface=interface)

    def _count(self, reason: str, interface: str) -> None:
        self._errors[reason] += 1
        self._log(reason, "a bad datagram", interface=interface, reason=reason)

    def _mention(self, datagram: easyip.Datagram, interface: str) -> None:
        """Log that somebody changes the settings of a camera."""
        if datagram.type in {easyip.Type.CONFIGURE, easyip.Type.ACK}:
            message, mac = "a camera is being reconfigured", datagram.device_mac
            self._log("reconfigured", message, logging.INFO, interface=interface, mac=mac)

    def _log(
        self, event: str, message: str, level: int = logging.WARNING, *, exc_info: bool = False, **fields: object
    ) -> None:
        """Log what may happen any number of times: loudly now and then, with how often it did, else quietly."""
        times = self._repeats.failed(event, at=self._monotonic())
        count = {"times": times} if times else {}
        log.log(level if times else logging.DEBUG, message, exc_info=exc_info, extra=fields | count)

    def _place(self, name: str) -> dict[str, object]:
        return {"interface": name, "port": self.settings.listen_port}

    def _place_of(self, sender: str) -> str:
        """Return the interface whose network holds an address, "" when none does."""
        address = ipaddress.IPv4Address(sender)
        for name, interface in self._chosen.items():
            if interface and any(address in each.network for each in interface.addresses):
                return name
        return ""


def _is_usual(interface: Interface) -> bool:
    """Tell whether an interface is searched on when none is configured."""
    return interface.can_broadcast and not interface.is_loopback and not interface.trouble


def _is_meant(interface: Interface, entry: str) -> bool:
    return entry == interface.name or entry in {address.own for address in interface.addresses}


def _explain(error: OSError, port: int) -> str:
    """Say why a socket cannot be opened, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by a program that does not share it: stop that program"
    if error.errno in {errno.EPERM, errno.EACCES}:
        return f"listening on port {port} is not allowed: grant CAP_NET_RAW and CAP_NET_BIND_SERVICE"
    return _words(error)


def _words(error: OSError) -> str:
    return error.strerror or str(error)
