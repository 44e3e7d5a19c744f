"""The processes of the benchmark: simulated printers, this exporter and its peer, each cleaned up whatever happens."""

import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from urllib.request import urlopen

LISTEN = "127.0.0.1"
PEER = shutil.which("prometheus-snmp-exporter")
_BASE = IPv4Address("127.60.0.1")
_HERE = Path(__file__).parent
# A first scrape of 10,000 may take longer than the default limits.
_POLLING = "polling: { min_interval: %s, idle_interval: 1d, deadline: 110s, poll_limit: 110s }\n"
_START_LIMIT = 60.0
_STOP_LIMIT = 15.0


@dataclass(frozen=True, slots=True)
class Shape:
    """So many printers of a profile; a `dead` share never answers, a `printing` share of the others prints on."""

    count: int
    profile: str
    dead: float = 0.0
    printing: float = 1.0


@dataclass(frozen=True, slots=True)
class Agents:
    """Simulated printers at addresses of their own and the same port."""

    process: subprocess.Popen[bytes]
    addresses: Sequence[tuple[str, int]]

    def answered(self) -> int:
        """How many requests they have answered."""
        if self.process.stdin is None:
            raise RuntimeError("the simulated printers take no questions")
        self.process.stdin.write(b"\n")
        return int(_line(self.process))


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter that serves: `paths` are one scrape of all printers, `up` marks each that answered."""

    name: str
    process: subprocess.Popen[bytes]
    agents: Agents
    port: int
    paths: Sequence[str]
    up: re.Pattern[bytes]


@contextmanager
def agents(shape: Shape) -> Iterator[Agents]:
    """Run simulated printers; they have bound all sockets when this yields."""
    port = _free_port(socket.SOCK_DGRAM)
    command = [sys.executable, str(_HERE / "agents.py"), str(shape.count), str(_BASE), str(port)]
    with _running([*command, shape.profile, str(shape.dead), str(shape.printing)], talks=True) as process:
        if _line(process) != b"ready\n":
            raise RuntimeError("the simulated printers did not start")
        yield Agents(process, [(str(_BASE + number), port) for number in range(shape.count)])


@contextmanager
def ours(shape: Shape, folder: Path, *, engine: str = "auto", min_interval: str = "0") -> Iterator[Exporter]:
    """Run this exporter on printers of its own, which it polls at each scrape unless one was `min_interval` ago."""
    port = _free_port(socket.SOCK_STREAM)
    config = folder / "config.yaml"
    with agents(shape) as fleet:
        entries = (
            f'  - {{ name: "printer-{number}", host: "{host}:{snmp_port}", location: B1 }}\n'
            for number, (host, snmp_port) in enumerate(fleet.addresses)
        )
        state = f'state: {{ path: "{folder / str(port)}.db" }}\n'
        snmp = f"snmp: {{ engine: {engine} }}\n"
        config.write_text(_POLLING % min_interval + snmp + state + "printers:\n" + "".join(entries))
        command = [sys.executable, "-m", "exporter", f"--config.file={config}", "--log.level=error"]
        with _serving(command, port, "/-/ready") as process:
            up = re.compile(rb"(?m)^printer_up\{.*\} 1$")
            name = "printcam-exporter" + (f", {engine}" if engine != "auto" else "")
            yield Exporter(name, process, fleet, port, ["/metrics?collect[]=printers"], up)


@contextmanager
def peer(shape: Shape) -> Iterator[Exporter]:
    """Run Debian's prometheus-snmp-exporter on printers of its own; Prometheus scrapes it once a printer."""
    port = _free_port(socket.SOCK_STREAM)
    command = [str(PEER), f"--config.file={_HERE / 'peer-snmp.yml'}", "--log.level=error"]
    with agents(shape) as fleet, _serving(command, port, "/") as process:
        paths = [f"/snmp?module=printer&target={host}:{snmp_port}" for host, snmp_port in fleet.addresses]
        yield Exporter("snmp_exporter", process, fleet, port, paths, re.compile(rb"(?m)^snmp_scrape_duration_seconds "))


def cpu(process: subprocess.Popen[bytes]) -> float:
    """Seconds of user and system time of all its threads: /proc/PID/stat's, by the clock that has nanoseconds."""
    # clock_getcpuclockid(3) on Linux; its last bits are CPUCLOCK_SCHED for a whole process.
    return time.clock_gettime(~process.pid << 3 | 2)


def peak_memory(process: subprocess.Popen[bytes]) -> float:
    """MiB that the process has had resident at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


@contextmanager
def _serving(command: Sequence[str], port: int, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a web server on `port` until its page `ready` answers, and on."""
    with _running([*command, f"--web.listen-address={LISTEN}:{port}"]) as process:
        limit = time.monotonic() + _START_LIMIT
        while not _is_ready(f"http://{LISTEN}:{port}{ready}"):
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.05)
        yield process


def _is_ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def _running(command: Sequence[str], *, talks: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Run a child in a process group of its own: Ctrl-C reaches the benchmark alone, which ends it here."""
    pipe = subprocess.PIPE if talks else None
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, process_group=0) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()


def _line(process: subprocess.Popen[bytes]) -> bytes:
    """Read the next line that a child says."""
    if process.stdout is None or not select.select([process.stdout], [], [], _START_LIMIT)[0]:
        raise RuntimeError("the simulated printers keep silent")
    return process.stdout.readline()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LISTEN, 0))
        return int(probe.getsockname()[1])
