"""Agents that no one here wrote: net-snmp's snmpd and snmpsim, started for a test and awaited until they answer."""

import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gufo.snmp import SnmpError, SnmpVersion
from gufo.snmp.sync import SnmpSession

from exporter.snmp.session import SYS_UPTIME

SNMPD = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
SNMPSIM = Path(sys.executable).with_name("snmpsim-command-responder")
START_LIMIT = 30.0

_SYS_DESCR = "1.3.6.1.2.1.1.1.0"
_hosts = itertools.count(1)


def own_address() -> str:
    """Return a loopback address that no other test of this run has."""
    number = next(_hosts)
    return f"127.{100 + os.getpid() % 100}.{number // 250}.{number % 250 + 1}"


def free_port(address: str) -> int:
    """Return a UDP port that is free on the address now."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextmanager
def snmpd(
    folder: Path,
    overrides: Mapping[str, tuple[str, object]],
    extra: str = "",
    *,
    at: tuple[str, int] | None = None,
    engine: tuple[str, int] | None = None,
) -> Iterator[tuple[str, int]]:
    """Run snmpd with the given instances (OID: (type, value)) over its own; yield its address and port.

    `at` is an address to come back to, `engine` the SNMP engine ID in hexadecimal and how often it has booted.
    """
    address = at[0] if at else own_address()
    port = at[1] if at else free_port(address)
    lines = [f"override {oid} {kind} {_quoted(value)}" for oid, (kind, value) in overrides.items()]
    config = folder / "snmpd.conf"
    listen = f"udp6:[{address}]:{port}\nrocommunity6 public" if ":" in address else f"udp:{address}:{port}"
    config.write_text(f"agentaddress {listen}\nrocommunity public\n{extra}\n" + "\n".join(lines) + "\n")
    memory = folder / "memory.conf"
    memory.write_text(f"oldEngineID 0x{engine[0]}\nengineBoots {engine[1] - 1}\n" if engine else "")
    environment = os.environ | {"MIBS": "", "SNMP_PERSISTENT_DIR": str(folder), "SNMPCONFPATH": str(folder)}
    command = [str(SNMPD), "-f", "-Lf", str(folder / "snmpd.log"), "-C", "-c", f"{config},{memory}"]
    with _running([*command, "-p", str(folder / "pid")], environment):
        _await_answer(address, port, "public", SYS_UPTIME)
        yield address, port


@contextmanager
def snmpsim(recordings: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """Serve a folder of `*.snmprec` files, each under its stem as community; yield address and port."""
    address = own_address()
    port = free_port(address)
    command = [str(SNMPSIM), f"--data-dir={recordings}", f"--cache-dir={folder}", "--logging-method=null"]
    command += [f"--agent-udpv4-endpoint={address}:{port}"]
    if os.geteuid() == 0:
        command += ["--process-user=root", "--process-group=root"]
    first = min(recordings.glob("*.snmprec")).stem
    with _running(command, dict(os.environ)):
        _await_answer(address, port, first, _SYS_DESCR)
        yield address, port


def open_sockets() -> int:
    """Count the sockets that this process has open."""
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(str(entry.readlink()).startswith("socket:") for entry in entries)


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _await_answer(address: str, port: int, community: str, oid: str) -> None:
    """Ask until the agent answers: a server is ready when it says so, not after a while."""
    limit = time.monotonic() + START_LIMIT
    session = SnmpSession(address, port, community=community, version=SnmpVersion.v2c, timeout=0.5)
    while time.monotonic() < limit:
        try:
            session.get(oid)
        except (TimeoutError, SnmpError, OSError):
            continue
        return
    raise TimeoutError(f"no agent on {address}:{port}")
