"""Cameras and recorders that speak Easy IP: for the demo on loopback, for tests and benchmarks on a real interface.

`python -m exporter.simulator.cameras --interface cam0 --address 10.9.0.21` prints `ready 1` once it listens; SIGTERM
ends it with a line on what it sent. Of the rest of the exporter only the codec is used, and what it makes.
"""

import argparse
import asyncio
import ipaddress
import math
import os
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

from exporter.cameras import easyip
from exporter.cameras.model import Device
from exporter.simulator.running import Running, say, stop_signal

ANNOUNCE_EVERY = 5.0
SETUP_WINDOW = 1200.0
"""Seconds after a start in which a device announces itself and lets itself be set up."""

_EVERYONE = "255.255.255.255"
_EVERYONE_HERE = "127.255.255.255"
# Values of Linux that the socket module does not name.
_IP_PKTINFO = 8
_BUFFER = 4 * 1024 * 1024
# Answers under way to different searchers, for each camera.
_MAX_PENDING = 8


@dataclass(frozen=True, slots=True)
class SimulatedCamera:
    """A camera, or a recorder; what it says depends only on the seconds since the simulation began."""

    device: Device
    """As it describes itself; whether its set-up window is open is worked out, unless it does not tell (None)."""
    started: float = -math.inf
    """When it last started; before 0 is before the simulation."""
    setup_window: float = SETUP_WINDOW
    """Infinite on one that is set to announce itself for ever."""
    answers: bool = True
    announces: bool = True
    moves: tuple[str, ...] = ()
    """Addresses that it takes one after the other, and again from the first, in place of its own."""
    moves_every: float = math.inf
    silent_every: float = math.inf
    """It is off at the end of each span of so many seconds, for `silent_for` of them."""
    silent_for: float = 0.0
    loss: float = 0.0
    """The share of what it sends that gets lost."""

    @property
    def delay(self) -> float:
        """Seconds until it answers: 20 to 40 ms, always the same for one camera."""
        return 0.02 + zlib.crc32(self.device.mac.encode()) % 1000 / 50_000

    def device_at(self, elapsed: float) -> Device | None:
        """Return what it would say of itself, None while it is off."""
        if self.silent_for and elapsed % self.silent_every >= self.silent_every - self.silent_for:
            return None
        told = self.device.setup_window_open
        return replace(
            self.device,
            address=self.moves[int(elapsed // self.moves_every) % len(self.moves)]
            if self.moves
            else self.device.address,
            setup_window_open=None if told is None else self.is_new(elapsed),
        )

    def is_new(self, elapsed: float) -> bool:
        """Tell whether its last start, or change of address, was within the set-up window."""
        changes = [self.started, *(_last_multiple(elapsed, span) for span in (self.moves_every, self.silent_every))]
        return elapsed - max(changes) < self.setup_window or math.isinf(self.setup_window)

    def answer(self, requester: tuple[str, str], elapsed: float) -> bytes | None:
        """Return the answer to a search from this MAC and address, None for silence."""
        device = self.device_at(elapsed) if self.answers else None
        return _encoded(device, easyip.Type.ANSWER, requester) if device else None

    def announcement(self, elapsed: float) -> bytes | None:
        """Return what it broadcasts by itself, None for silence."""
        device = self.device_at(elapsed) if self.announces and self.is_new(elapsed) else None
        return _encoded(device, easyip.Type.ANNOUNCEMENT) if device else None


def _last_multiple(elapsed: float, span: float) -> float:
    """Return the last moment but 0 at which a span ended, minus infinity before the first."""
    return elapsed // span * span if elapsed >= span else -math.inf


@lru_cache(maxsize=10_000)
def _encoded(device: Device, kind: easyip.Type, requester: tuple[str, str] | None = None) -> bytes:
    datagram = easyip.Datagram(
        kind,
        device_mac=device.mac,
        role=0 if device.kind == "recorder" else 2,
        password=easyip.PASSWORD[device.admin_password_set],
        tags=easyip.tags(device, announced=kind is easyip.Type.ANNOUNCEMENT),
    )
    if requester:
        datagram = replace(datagram, requester_mac=requester[0], requester_address=requester[1])
    return easyip.encode(datagram)


class CameraSite(Running):
    """Cameras behind one socket: on an interface, or on loopback, where nothing leaves the machine.

    On loopback each camera sends from its own address, which must be one of 127.0.0.0/8.
    """

    def __init__(
        self,
        cameras: Sequence[SimulatedCamera],
        interface: str | None = None,
        *,
        listen_port: int = easyip.LISTEN_PORT,
        device_port: int = easyip.DEVICE_PORT,
        announce_every: float = ANNOUNCE_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answered = 0
        self.announced = 0
        self._cameras = cameras
        self._interface = interface
        self._listen_port = listen_port
        self._device_port = device_port
        self._announce_every = announce_every
        self._clock = clock
        self._started = clock()
        self._random = random.Random(0)  # noqa: S311 - which datagrams get lost is no secret
        self._pending: dict[tuple[int, str], asyncio.TimerHandle] = {}
        self._announcing: dict[int, asyncio.TimerHandle] = {}
        self._socket: socket.socket | None = None

    async def start(self) -> None:
        """Bind the socket, and begin to announce."""
        loop = asyncio.get_running_loop()
        self._socket = _open_socket(self._interface, self._device_port)
        loop.add_reader(self._socket, self._read, self._socket)
        for index in range(len(self._cameras)):
            self._announce_later(index, self._announce_every * index / len(self._cameras))

    async def close(self) -> None:
        """Give the socket back and forget what was still to be sent."""
        for handle in (*self._pending.values(), *self._announcing.values()):
            handle.cancel()
        self._pending.clear()
        self._announcing.clear()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self, source: socket.socket) -> None:
        with suppress(BlockingIOError):
            requester = easyip.requester_of(source.recv(easyip.MAX_SIZE + 1))
            if requester:
                for index in range(len(self._cameras)):
                    self._answer_later(index, requester)

    def _answer_later(self, index: int, requester: tuple[str, str]) -> None:
        """Answer a searcher once for all searches that come while the answer is under way."""
        key = (index, requester[0])
        if key in self._pending or len(self._pending) >= _MAX_PENDING * len(self._cameras):
            return

        def fire() -> None:
            del self._pending[key]
            camera = self._cameras[index]
            self.answered += self._send(camera, camera.answer(requester, self._elapsed()))

        self._pending[key] = asyncio.get_running_loop().call_later(self._cameras[index].delay, fire)

    def _announce_later(self, index: int, delay: float) -> None:
        def fire() -> None:
            self._announce_later(index, self._announce_every)
            camera = self._cameras[index]
            self.announced += self._send(camera, camera.announcement(self._elapsed()))

        self._announcing[index] = asyncio.get_running_loop().call_later(delay, fire)

    def _send(self, camera: SimulatedCamera, data: bytes | None) -> bool:
        """Broadcast a datagram, unless there is none, or it gets lost, or the interface is down."""
        if self._socket is None or data is None or self._random.random() < camera.loss:
            return False
        with suppress(OSError):
            if self._interface:
                self._socket.sendto(data, (_EVERYONE, self._listen_port))
            else:
                device = camera.device_at(self._elapsed()) or camera.device
                self._socket.sendmsg([data], [_source(device.address)], 0, (_EVERYONE_HERE, self._listen_port))
            return True
        return False

    def _elapsed(self) -> float:
        return self._clock() - self._started


def _open_socket(interface: str | None, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        for option in (socket.SO_REUSEADDR, socket.SO_BROADCAST):
            opened.setsockopt(socket.SOL_SOCKET, option, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            opened.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        if interface:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(interface))
        opened.bind(("" if interface else _EVERYONE_HERE, port))
    except OSError:
        opened.close()
        raise
    return opened


def _source(address: str) -> tuple[int, int, bytes]:
    """Return the ancillary data that make a datagram leave from this address (struct in_pktinfo of ip(7))."""
    return socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("@i4s4s", 0, socket.inet_aton(address), bytes(4))


def _office(number: int, name: str, model: str, firmware: str, *, mode: str = "static") -> Device:
    return Device(
        f"02:00:5e:10:00:{number:02x}",
        address=f"127.44.0.{number}",
        netmask="255.0.0.0",
        gateway="127.0.0.1",
        port=80,
        name=name,
        model=model,
        serial=f"SIM{number:05}",
        firmware=firmware,
        network_mode=mode,
        admin_password_set=True,
        setup_window_open=False,
    )


OFFICE_CAMERAS: tuple[SimulatedCamera, ...] = (
    SimulatedCamera(_office(1, "Lobby", "X22700-V2L", "3.67")),
    SimulatedCamera(
        _office(2, "Loading dock", "S2536L", "2.41", mode="dhcp"),
        moves=("127.44.0.2", "127.44.0.102"),
        moves_every=900.0,
    ),
    SimulatedCamera(_office(3, "Car park", "X5550LT", "1.52"), silent_every=1200.0, silent_for=300.0),
    SimulatedCamera(_office(4, "Stairwell", "S4576L", "1.90"), answers=False, setup_window=math.inf),
    SimulatedCamera(replace(_office(5, "Archive", "S1136", "3.02"), address="127.44.0.56")),
    SimulatedCamera(replace(_office(6, "Corridor", "S1136", "3.02"), address="127.44.0.56")),
    SimulatedCamera(replace(_office(7, "Server room", "U1130", "1.31"), admin_password_set=False)),
    SimulatedCamera(_office(8, "Workshop", "S4576L", "1.90", mode="auto"), setup_window=math.inf),
    SimulatedCamera(_office(9, "正面玄関", "S2236L", "2.41")),
    SimulatedCamera(
        replace(
            _office(10, "Auditorium", "HE130K", "02.0000", mode="auto_advanced"), serial="", admin_password_set=None
        )
    ),
    SimulatedCamera(replace(_office(11, "", "NX510", ""), kind="recorder"), announces=False),
)
"""The demo office: one camera moves, one goes silent, one only announces itself, two share an address, one has no
password, one can be set up by anybody, and the last one is a recorder."""


def _cameras(options: argparse.Namespace) -> list[SimulatedCamera]:
    """Return as many cameras as were asked for, with MACs and addresses that follow each other."""
    mac = int(options.mac.replace(":", ""), 16)
    address = ipaddress.IPv4Address(options.address)
    return [
        SimulatedCamera(
            Device(
                (mac + number).to_bytes(6).hex(":"),
                str(address + number),
                netmask="255.255.255.0",
                port=80,
                name=options.name if options.count == 1 else f"{options.name} {number + 1}",
                model=options.model,
                serial=f"SIM{number:05}",
                firmware="1.00",
                network_mode="static",
                kind="recorder" if options.recorder else "camera",
                admin_password_set=True,
                setup_window_open=False,
            ),
            started=-math.inf if options.answer_only else 0.0,
            answers=not options.announce_only,
            announces=not options.answer_only,
            loss=options.loss,
        )
        for number in range(options.count)
    ]


async def _serve(site: CameraSite, count: int) -> None:
    """Run until SIGTERM or SIGINT, then say how much was sent."""
    stop = stop_signal()
    async with site:
        say(f"ready {count}")
        await stop.wait()
    say(f"answered {site.answered} announced {site.announced}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run cameras from the command line."""
    parser = argparse.ArgumentParser(prog="python -m exporter.simulator.cameras", description="Simulated cameras.")
    parser.add_argument("--interface", help="the interface to listen and answer on; loopback when there is none")
    parser.add_argument("--address", default="127.44.1.1", help="address of the first one")
    parser.add_argument("--mac", default="02:00:5e:20:00:01", help="MAC of the first one")
    parser.add_argument("--name", default="Camera")
    parser.add_argument("--model", default="SIM1000")
    parser.add_argument("--count", type=int, default=1, help="how many cameras")
    parser.add_argument("--recorder", action="store_true", help="they are recorders")
    parser.add_argument("--announce-every", type=float, default=ANNOUNCE_EVERY, metavar="SECONDS")
    parser.add_argument("--announce-only", action="store_true", help="never answer")
    parser.add_argument("--answer-only", action="store_true", help="never announce: started long ago")
    parser.add_argument("--loss", type=float, default=0.0, help="share of what they send that gets lost")
    parser.add_argument("--listen-port", type=int, default=easyip.LISTEN_PORT)
    parser.add_argument("--device-port", type=int, default=easyip.DEVICE_PORT)
    options = parser.parse_args(arguments)
    cameras = _cameras(options)
    site = CameraSite(
        cameras,
        options.interface,
        listen_port=options.listen_port,
        device_port=options.device_port,
        announce_every=options.announce_every,
    )
    asyncio.run(_serve(site, len(cameras)))


if __name__ == "__main__":
    main()
