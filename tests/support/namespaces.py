"""Machines of one process each: network namespaces joined by switches, without touching the machine's own network.

with Lab() as lab:
    switch = lab.switch()
    exporter = lab.host(switch, "10.9.0.1/24")
    camera = lab.host(switch, "10.9.0.21/24")
    with camera.entered():
        ...                       # sockets that are opened here stay in the camera's namespace
    exporter.start("printcam-exporter", ...)
"""

import ctypes
import itertools
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_namespaces = pytest.mark.skipif(
    not (_ROOT and shutil.which("ip") and shutil.which("nft")), reason="root, iproute2 and nftables are needed"
)

_FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_ETH_P_ALL = 3
_OUTGOING = 4
_numbers = itertools.count(1)


def _run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Namespace:
    """A network namespace with its loopback up; processes started in it end with it."""

    def __init__(self) -> None:
        self.name = f"printcam-{os.getpid()}-{next(_numbers)}"
        self._processes: list[subprocess.Popen[str]] = []
        _run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments: str) -> str:
        """Run `ip` on what is in the namespace."""
        return _run("ip", "-n", self.name, *arguments)

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a command to its end and return what it printed; it must succeed."""
        return _run("ip", "netns", "exec", self.name, *command, text=text)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command with a pipe from its output; what it says on standard error goes where ours does."""
        inside = ["ip", "netns", "exec", self.name, *command]
        process = subprocess.Popen(inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        return process

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move this thread, and threads that it starts, into the namespace. Sockets keep theirs."""
        with Path("/proc/thread-self/ns/net").open() as before, (_FOLDER / self.name).open() as inside:
            _enter(inside.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def firewall(self, hook: str, rule: str) -> None:
        """Add an nftables rule for IPv4 in the input or output hook."""
        chain = f"chain {hook} {{ type filter hook {hook} priority 0\n{rule}\n}}"
        self.run("nft", "-f", "-", text=f"table ip lab {{\n{chain}\n}}\n")

    def no_firewall(self) -> None:
        """Drop all rules."""
        self.run("nft", "flush", "ruleset")

    def close(self) -> None:
        """End the processes and drop the namespace with all that is in it."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        _run("ip", "netns", "delete", self.name)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "cannot enter the namespace")


class Switch(Namespace):
    """A namespace that only forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.ip("link", "add", "bridge", "type", "bridge")
        self.ip("link", "set", "bridge", "up")


class Host(Namespace):
    """A machine; each of its interfaces has a cable to a switch."""

    def __init__(self) -> None:
        super().__init__()
        self._ports: dict[str, tuple[Switch, str]] = {}

    def connect(self, switch: Switch, interface: str, *addresses: str) -> None:
        """Give the machine another interface, with addresses such as 10.9.0.1/24."""
        port = f"port{next(_numbers)}"
        self._ports[interface] = switch, port
        self.ip("link", "add", interface, "type", "veth", "peer", "name", port, "netns", switch.name)
        switch.ip("link", "set", port, "master", "bridge", "up")
        for address in addresses:
            self.ip("address", "add", address, "dev", interface)
        self.set_up(interface)

    def set_up(self, interface: str) -> None:
        """Switch an interface on."""
        self.ip("link", "set", interface, "up")
        self._await_link(interface, is_up=True)

    def pull_cable(self, interface: str) -> None:
        """Take the link away; the interface itself stays up."""
        switch, port = self._ports[interface]
        switch.ip("link", "set", port, "down")
        self._await_link(interface, is_up=False)

    def plug_in(self, interface: str) -> None:
        """Give the link back."""
        switch, port = self._ports[interface]
        switch.ip("link", "set", port, "up")
        self._await_link(interface, is_up=True)

    def _await_link(self, interface: str, *, is_up: bool) -> None:
        """Wait until the kernel has noticed, which may take it a second."""
        limit = time.monotonic() + 10
        while (" state UP " in self.ip("link", "show", "dev", interface)) is not is_up:
            assert time.monotonic() < limit, f"the link of {interface} does not change"

    def lose(self, percent: int) -> None:
        """Lose so much of what arrives, at random."""
        self.firewall("input", f"numgen random mod 100 < {percent} drop")


class Lab:
    """Makes switches and machines, and clears them away."""

    def __init__(self) -> None:
        self._open = ExitStack()
        _clear_away_killed_runs()

    def switch(self) -> Switch:
        """Return a new switch."""
        switch = Switch()
        self._open.callback(switch.close)
        return switch

    def host(self, switch: Switch, *addresses: str, interface: str = "lan0") -> Host:
        """Return a new machine with one interface, connected to a switch."""
        host = Host()
        self._open.callback(host.close)
        host.connect(switch, interface, *addresses)
        return host

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _clear_away_killed_runs() -> None:
    for path in _FOLDER.glob("printcam-*"):
        if not Path("/proc", path.name.split("-")[1]).exists():
            # Another run may clear away the same.
            subprocess.run(["ip", "netns", "delete", path.name], capture_output=True, check=False)


@dataclass(frozen=True, slots=True)
class Captured:
    """A UDP datagram as it was on the wire."""

    source: str
    destination: str
    port: int
    """Where it went."""
    data: bytes


class Capture:
    """Everything in IPv4 that passes an interface of this thread's namespace from now on, in either direction."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)

    def datagrams(self) -> list[Captured]:
        """Return the UDP datagrams since the last call; each once, although loopback passes them out and in."""
        found: list[Captured] = []
        while True:
            try:
                packet, (_, protocol, kind, *_) = self._socket.recvfrom(65535)
            except BlockingIOError:
                return found
            is_echo = kind == _OUTGOING and self._is_loopback
            if protocol == 0x0800 and packet[9] == socket.IPPROTO_UDP and not is_echo:
                found.append(_udp(packet))

    @property
    def _is_loopback(self) -> bool:
        return bool(self._socket.getsockname()[0] == "lo")

    def close(self) -> None:
        """Stop."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _udp(packet: bytes) -> Captured:
    start = (packet[0] & 15) * 4
    port, length = struct.unpack_from(">HH", packet, start + 2)
    source, destination = (socket.inet_ntoa(packet[offset : offset + 4]) for offset in (12, 16))
    return Captured(source, destination, port, packet[start + 8 : start + length])
