"""What a scrape of a fleet costs: the real exporter and simulated printers, each in a process of its own.

    python benchmarks/fleet.py --counts 10 100 1000 --profile large

Figures of the exporter's process alone: CPU a printer and wall time of the first scrape, which reads the structure
of every printer, and of the later ones, each the median of several; SNMP requests a printer; peak memory; series.
"""

import argparse
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

BASE = IPv4Address("127.60.0.1")
LISTEN = "127.0.0.1"
SCRAPE_LIMIT = 120.0
START_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """One scrape: seconds of wall time and of the exporter's CPU, and what it returned."""

    wall: float
    cpu: float
    series: int
    octets: int
    requests: float
    up: int


@dataclass(frozen=True, slots=True)
class Result:
    """All scrapes of one fleet; `peak` is the exporter's peak memory in MiB."""

    count: int
    first: Scrape
    later: Sequence[Scrape]
    peak: float


def main() -> int:
    """Measure the fleets and print a table."""
    options = _arguments()
    results = [_measure(count, options) for count in options.counts]
    _print(results, options)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a scrape of a fleet costs.")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000], metavar="N", help="[10 100 1000]")
    parser.add_argument("--profile", choices=("large", "typical"), default="large", help="15 or 5 supplies [large]")
    parser.add_argument("--scrapes", type=int, default=5, help="scrapes after the first [5]")
    parser.add_argument("--dead", type=float, default=0.0, help="share of printers that never answer [0]")
    return parser.parse_args()


def _measure(count: int, options: argparse.Namespace) -> Result:
    snmp_port, http_port = _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_STREAM)
    with (
        tempfile.TemporaryDirectory() as folder,
        _agents(count, snmp_port, options),
        _exporter(_config(Path(folder), count, snmp_port), http_port) as process,
    ):
        url = f"http://{LISTEN}:{http_port}/metrics"
        first = _scrape(url)
        later = [_scrape(url) for _ in range(options.scrapes)]
        return Result(count, first, later, _peak_memory(process.pid))


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LISTEN, 0))
        return int(probe.getsockname()[1])


def _config(folder: Path, count: int, port: int) -> Path:
    path = folder / "config.yaml"
    entries = (f'  - {{ name: "printer-{n}", host: "{BASE + n}:{port}", location: B1 }}\n' for n in range(count))
    path.write_text("polling: { min_interval: 0 }\nprinters:\n" + "".join(entries))
    return path


@contextmanager
def _agents(count: int, port: int, options: argparse.Namespace) -> Iterator[None]:
    """Run the simulated printers in a process of their own; it says when all sockets are bound."""
    command = [sys.executable, "-m", "exporter.simulator.fleet", f"--count={count}", f"--base={BASE}"]
    command += [f"--port={port}", f"--profile={options.profile}", f"--dead={options.dead}"]
    with _running(command, stdout=subprocess.PIPE) as process:
        if process.stdout is None or not process.stdout.readline().startswith(b"ready"):
            raise RuntimeError("the simulated printers did not start")
        yield


@contextmanager
def _exporter(config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "exporter", f"--config.file={config}", "--log.level=error"]
    with _running([*command, f"--web.listen-address={LISTEN}:{port}"]) as process:
        limit = time.monotonic() + START_LIMIT
        while not _is_ready(f"http://{LISTEN}:{port}/-/ready"):
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("the exporter did not start")
        yield process


@contextmanager
def _running(command: Sequence[str], stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=stdout) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(15)


def _is_ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _fetch(url: str) -> str:
    with urlopen(url, timeout=SCRAPE_LIMIT) as answer:
        return str(answer.read().decode())


def _cpu(url: str) -> float:
    found = re.search(r"(?m)^process_cpu_seconds_total (\S+)$", _fetch(f"{url}?collect[]=self"))
    if not found:
        raise RuntimeError("no process_cpu_seconds_total in the answer")
    return float(found[1])


def _scrape(url: str) -> Scrape:
    before, started = _cpu(url), time.monotonic()
    text = _fetch(f"{url}?collect[]=printers")
    wall = time.monotonic() - started
    requests = [float(value) for value in re.findall(r"(?m)^printer_poll_requests\{.*\} (\S+)$", text)]
    return Scrape(
        wall=wall,
        cpu=_cpu(url) - before,
        series=sum(1 for line in text.splitlines() if not line.startswith("#")),
        octets=len(text.encode()),
        requests=statistics.fmean(requests) if requests else 0.0,
        up=len(re.findall(r"(?m)^printer_up\{.*\} 1$", text)),
    )


def _peak_memory(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def _print(results: Sequence[Result], options: argparse.Namespace) -> None:
    table = Table(title=f"profile {options.profile}, {options.scrapes} later scrapes, {options.dead:.0%} dead")
    for column in (
        "printers",
        "up",
        "first: ms CPU/printer",
        "requests/printer",
        "wall s",
        "later: ms CPU/printer",
        "requests/printer",
        "wall s",
        "peak MiB",
        "series",
        "MB text",
    ):
        table.add_column(column, justify="right")
    for result in results:
        first, last = result.first, result.later[-1]
        cpu = statistics.median(scrape.cpu for scrape in result.later)
        wall = statistics.median(scrape.wall for scrape in result.later)
        table.add_row(
            f"{result.count}",
            f"{last.up}",
            f"{first.cpu / result.count * 1000:.2f}",
            f"{first.requests:.1f}",
            f"{first.wall:.2f}",
            f"{cpu / result.count * 1000:.3f}",
            f"{last.requests:.1f}",
            f"{wall:.2f}",
            f"{result.peak:.0f}",
            f"{last.series}",
            f"{last.octets / 1e6:.1f}",
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
