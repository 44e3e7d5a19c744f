"""What a segment of many cameras costs, and what a flood of garbage beside them does.

    python -m benchmarks.cameras --count 2000 --rate 20000

Three machines on a switch, each a network namespace: the exporter, the cameras, and one that sends garbage. A phase is
two searches long: cameras alone, then by turns ten seconds of garbage beside them, and cameras alone again. Where one
ends, the cameras are held and the exporter reads what waits, so that all counts are of the same moment:

    sent = read + dropped + lost on the way       read = counted as errors + sightings

The kernel counts what cameras sent, and what the exporter read or had dropped (Udp in /proc/PID/net/snmp); the rest is
the word of the sender and of /metrics. Every datagram of garbage has one reason under which it must be counted.

Exits with 1 when a datagram got lost inside the exporter or /metrics failed, with 2 where there are no namespaces.
"""

import argparse
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from rich.console import Console
from rich.table import Table

from exporter.cameras import easyip
from tests.support.namespaces import Host, Lab

_GARBAGE = Path(__file__).parent / "garbage.py"
_PORT = 10143
_BROADCAST = "10.9.255.255"
_FIRST_ADDRESS, _FIRST_MAC = "10.9.16.1", "02:00:5e:20:00:01"
# A scrape searches when the last search is so old; the others then only serve.
_CONFIG = """\
polling: {{ min_interval: 5s, idle_interval: 1d }}
state: {{ path: {folder}/printcam.db }}
cameras: {{}}
"""
_ROUND = 6.0
_ROUNDS = 2
_PAGES = 3
_PAGE_EVERY = 1.0
# Prometheus' default scrape timeout.
_PAGE_LIMIT = 10.0
_FLOOD = 10.0
_START_LIMIT = 30.0
_DRAIN_LIMIT = 5.0
# So long cameras go on when the flood is over: the kernel tells of drops with the next datagram.
_SETTLE = 0.3
# What it logs when a datagram was read well and then was of no use.
_LOST = "a sighting was lost"
_BAD = ("checksum", *easyip.REASONS)

_COLUMNS = (
    "phase",
    "cameras sent",
    "garbage",
    "read",
    "errors",
    "sightings",
    "dropped",
    "on the way",
    "CPU s",
    "us each",
    "RSS MiB",
    "present",
    "answers",
    "search s",
    "page ms",
    "worst",
)
_CAPTION = (
    "us each: CPU a datagram read; answers: of the poorest search; "
    "search s: slowest scrape with a search; page ms: median scrape without"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything that is counted from the start, at one moment; `cpu` in seconds, `rss` in octets."""

    cameras: int
    read: int
    dropped: int
    errors: Mapping[str, int]
    cpu: float
    rss: float
    present: int


@dataclass(slots=True)
class Scrapes:
    """Seconds until /metrics had answered, with a search and without; what searches brought; what failed."""

    searches: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Phase:
    """What happened between two moments; `garbage` was sent by reason."""

    name: str
    before: Counts
    after: Counts
    garbage: Mapping[str, int]
    scrapes: Scrapes

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the exporter used."""
        return self.after.cpu - self.before.cpu

    @property
    def cameras(self) -> int:
        """Datagrams that the cameras sent."""
        return self.after.cameras - self.before.cameras

    @property
    def read(self) -> int:
        """Datagrams that the exporter took from the kernel."""
        return self.after.read - self.before.read

    @property
    def dropped(self) -> int:
        """Datagrams that the kernel dropped for want of room."""
        return self.after.dropped - self.before.dropped

    @property
    def on_the_way(self) -> int:
        """Datagrams that never came to the exporter's socket."""
        return self.cameras + sum(self.garbage.values()) - self.read - self.dropped

    @property
    def answers(self) -> int:
        """Cameras that answered the poorest search."""
        return min(self.scrapes.answers, default=0)

    def errors(self, reason: str) -> int:
        """Datagrams that /metrics counts under a reason."""
        return self.after.errors[reason] - self.before.errors[reason]

    @property
    def bad(self) -> int:
        """Datagrams that /metrics counts as bad ones."""
        return sum(map(self.errors, _BAD))

    @property
    def sightings(self) -> int:
        """Datagrams read that were not bad: what cameras sent."""
        return self.read - self.bad

    def faults(self) -> Iterator[str]:
        """Say what was lost inside the exporter, or wrongly counted."""
        if self.sightings > self.cameras:
            yield f"{self.sightings - self.cameras} datagrams were read and not counted"
        for reason in _BAD:
            if self.errors(reason) > self.garbage.get(reason, 0):
                yield f"{self.errors(reason)} counted as {reason}, {self.garbage.get(reason, 0)} sent"
        if self.errors("dropped") != self.dropped:
            yield f"{self.dropped} were dropped by the kernel, {self.errors('dropped')} are told of"
        if not (self.dropped or self.on_the_way) and self.answers < self.after.present:
            yield f"{self.answers} of {self.after.present} cameras answered in time, although no datagram was dropped"
        if self.errors("too_many"):
            yield f"{self.errors('too_many')} sightings of cameras beyond the limit"
        yield from self.scrapes.failures


class Segment:
    """The three machines while they run; to be used by a thread in the exporter's namespace."""

    def __init__(self, exporter: subprocess.Popen[str], cameras: subprocess.Popen[str], sender: Host) -> None:
        self._exporter = exporter
        self._cameras = cameras
        self._sender = sender
        self._next = 0.0
        self._search = 0.0

    def phase(self, name: str, rate: int) -> Phase:
        """Scrape for two searches, with so many datagrams of garbage a second for ten seconds."""
        with self._held():
            before = self._counts()
        flood = self._flood(rate) if rate else None
        scrapes = Scrapes()
        for _ in range(_ROUNDS):
            self._round(scrapes)
        garbage = _garbage(flood) if flood else {}
        time.sleep(_SETTLE)
        with self._held():
            return Phase(name, before, self._counts(), garbage, scrapes)

    def warm_up(self) -> None:
        """Search until all cameras are known; the first search may have come before they listened."""
        self._round(Scrapes())

    def _flood(self, rate: int) -> subprocess.Popen[str]:
        command = [sys.executable, str(_GARBAGE), _BROADCAST, _FIRST_MAC, str(rate), str(_FLOOD)]
        return self._sender.start(*command)

    def _round(self, scrapes: Scrapes) -> None:
        """Scrape when it is time for a search, and then for the pages alone."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + _ROUND
        self._scrape(scrapes)
        for _ in range(_PAGES):
            time.sleep(_PAGE_EVERY)
            self._scrape(scrapes)

    def _scrape(self, scrapes: Scrapes) -> None:
        before, began = self._search, time.monotonic()
        try:
            page = self._page()
        except (OSError, HTTPException) as error:
            scrapes.failures.append(f"/metrics failed: {error!r}")
            return
        passed = time.monotonic() - began
        if self._search == before:
            scrapes.pages.append(passed)
        else:
            scrapes.searches.append(passed)
            scrapes.answers.append(int(_value(page, b"camera_search_answers")))

    def _page(self) -> bytes:
        """Fetch /metrics; how long the last search took tells it from those before."""
        page = _fetch("/metrics")
        self._search = _value(page, b"camera_search_duration_seconds")
        return page

    def _counts(self) -> Counts:
        """Count when the exporter has read everything."""
        limit = time.monotonic() + _DRAIN_LIMIT
        while _waiting(self._exporter.pid):
            if time.monotonic() > limit:
                raise RuntimeError("the exporter does not read what waits for it")
            time.sleep(0.01)
        page = self._page()
        received = _udp(self._exporter.pid)
        return Counts(
            cameras=_udp(self._cameras.pid)["OutDatagrams"],
            read=received["InDatagrams"],
            dropped=received["RcvbufErrors"],
            errors={
                reason.decode(): int(value)
                for reason, value in re.findall(rb'(?m)^camera_search_errors_total\{reason="(\w+)"\} (\d+)', page)
            },
            cpu=_value(page, b"process_cpu_seconds_total"),
            rss=_value(page, b"process_resident_memory_bytes"),
            present=len(re.findall(rb'(?m)^camera_status\{.*status="(?:active|ip_changed)"\} 1$', page)),
        )

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep the cameras from sending."""
        self._cameras.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._cameras.send_signal(signal.SIGCONT)


def main() -> int:
    """Measure, print a table, and say what was lost."""
    options = _arguments()
    # So that SIGTERM, like Ctrl-C, ends the children too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not _has_namespaces():
        sys.stderr.write("no network namespaces: root, CAP_SYS_ADMIN and iproute2 are needed\n")
        return 2
    try:
        phases, log = _measure(options)
    except KeyboardInterrupt:
        return 130
    _print(phases, options)
    faults = [f"{phase.name}: {fault}" for phase in phases for fault in phase.faults()]
    if _LOST in log:
        faults.append("sightings were lost in a fault of the exporter")
    for line in [*log.splitlines(), *faults]:
        sys.stderr.write(f"{line}\n")
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What cameras cost, and garbage beside them.")
    parser.add_argument("--count", type=int, default=2000, metavar="N", help="cameras [2000]")
    parser.add_argument("--rate", type=int, default=20_000, metavar="N", help="datagrams of garbage a second [20000]")
    parser.add_argument("--floods", type=int, default=2, metavar="N", help="how often they come [2]")
    return parser.parse_args()


def _has_namespaces() -> bool:
    unshare = shutil.which("unshare")
    if not (unshare and shutil.which("ip")):
        return False
    return subprocess.run([unshare, "--net", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def _measure(options: argparse.Namespace) -> tuple[list[Phase], str]:
    """Return all phases, and what the exporter logged of warnings."""
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        switch = lab.switch()
        here, there, sender = (lab.host(switch, f"10.9.0.{number}/16") for number in (1, 2, 3))
        cameras = _start_cameras(there, options.count)
        log = Path(folder) / "log"
        exporter = _start_exporter(here, log)
        segment = Segment(exporter, cameras, sender)
        with here.entered():
            _await_ready(exporter)
            segment.warm_up()
            phases = [segment.phase("cameras", 0)]
            for _ in range(options.floods):
                phases.append(segment.phase("+ garbage", options.rate))
                phases.append(segment.phase("after", 0))
        return phases, log.read_text()


def _start_cameras(host: Host, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "exporter.simulator.cameras", "--interface=lan0", f"--count={number}"]
    process = host.start(*command, f"--address={_FIRST_ADDRESS}", f"--mac={_FIRST_MAC}", "--announce-every=5")
    if process.stdout is None or process.stdout.readline() != f"ready {number}\n":
        raise RuntimeError("the cameras did not start")
    return process


def _start_exporter(host: Host, log: Path) -> subprocess.Popen[str]:
    config = log.with_name("config.yaml")
    config.write_text(_CONFIG.format(folder=log.parent))
    command = [sys.executable, "-m", "exporter", f"--config.file={config}", "--log.level=warning"]
    logged = ["sh", "-c", 'exec "$@" 2>"$0"', str(log), *command]
    return host.start(*logged, f"--web.listen-address=127.0.0.1:{_PORT}")


def _await_ready(exporter: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + _START_LIMIT
    while True:
        try:
            _fetch("/-/ready")
        except OSError:
            if exporter.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("the exporter did not start") from None
            time.sleep(0.05)
        else:
            return


def _fetch(path: str) -> bytes:
    """Return a page, not compressed; raises OSError or HTTPException."""
    connection = HTTPConnection("127.0.0.1", _PORT, timeout=_PAGE_LIMIT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != 200:
            raise HTTPException(response.status, response.reason)
        return response.read()
    finally:
        connection.close()


def _value(page: bytes, name: bytes) -> float:
    """Return the value of a sample without labels."""
    found = re.search(rb"(?m)^" + name + rb" (\S+)$", page)
    return float(found[1]) if found else float("nan")


def _garbage(flood: subprocess.Popen[str]) -> Mapping[str, int]:
    """Wait until all garbage is sent, and return how much by reason."""
    text, _ = flood.communicate(timeout=_START_LIMIT)
    if flood.returncode:
        raise RuntimeError("the garbage could not be sent")
    return Counter(json.loads(text))


def _udp(pid: int) -> Mapping[str, int]:
    """Return the counters of UDP where a process is (RFC 4113, and Linux's own)."""
    lines = Path(f"/proc/{pid}/net/snmp").read_text().splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith("Udp:"))
    return dict(zip(names, map(int, values), strict=True))


def _waiting(pid: int) -> bool:
    """Tell whether datagrams wait to be read on the listen port."""
    sockets = [line.split() for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]]
    return any(
        local.endswith(f":{easyip.LISTEN_PORT:04X}") and int(queues.split(":")[1], 16)
        for _, local, _, _, queues, *_ in sockets
    )


def _print(phases: Sequence[Phase], options: argparse.Namespace) -> None:
    table = Table(title=f"{options.count} cameras, {options.rate} datagrams of garbage a second", caption=_CAPTION)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "phase" else "right", no_wrap=True)
    for phase in phases:
        table.add_row(*_cells(phase))
    console = Console(width=175, highlight=False)
    console.print(table)
    idle, *others = phases
    floods = [phase for phase in others if phase.garbage]
    if floods:
        costs = [(flood.cpu - idle.cpu) / (flood.read - idle.read) * 1e6 for flood in floods]
        console.print(f"a datagram of garbage costs {statistics.median(costs):.1f} us of CPU")
    grown = (phases[-1].after.rss - idle.after.rss) / 2**20
    console.print(f"memory grew by {grown:.1f} MiB from the first phase to the last")


def _cells(phase: Phase) -> Sequence[str]:
    scrapes = phase.scrapes
    return (
        phase.name,
        f"{phase.cameras}",
        f"{sum(phase.garbage.values())}",
        f"{phase.read}",
        f"{phase.bad}",
        f"{phase.sightings}",
        f"{phase.dropped}",
        f"{phase.on_the_way}",
        f"{phase.cpu:.2f}",
        f"{phase.cpu / phase.read * 1e6:.0f}",
        f"{phase.after.rss / 2**20:.1f}",
        f"{phase.after.present}",
        f"{phase.answers}",
        f"{max(scrapes.searches, default=0):.2f}",
        f"{statistics.median(scrapes.pages or [0]) * 1000:.0f}",
        f"{max(scrapes.pages, default=0) * 1000:.0f}",
    )


if __name__ == "__main__":
    sys.exit(main())
