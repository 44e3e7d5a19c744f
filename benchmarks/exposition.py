"""What an answer of /metrics costs when nothing was polled, beside prometheus-client's exposition of the same series.

    python -m benchmarks.exposition --series 60000

The exporter polls its simulated printers once; then its page is fetched again and again, as it is and compressed. The
peer is `generate_latest` of the same samples in this process: what an exporter pays that writes its page at each
scrape. Figures are CPU a page, medians, taken in turns.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry
from rich.console import Console
from rich.table import Table

from benchmarks.processes import LISTEN, Exporter, Shape, cpu, ours

# Of one printer of the profile "large".
_SERIES_A_PRINTER = 188
_SETTLE = 0.2


class _Parsed(Collector):
    """The families of a page that was read back."""

    def __init__(self, page: str) -> None:
        self._families = list(text_string_to_metric_families(page))

    def collect(self) -> Iterable[Metric]:
        return self._families


def main() -> int:
    """Fetch pages in turns and print a table."""
    options = _arguments()
    shape = Shape(-(-options.series // _SERIES_A_PRINTER), "large")
    with tempfile.TemporaryDirectory() as folder, ours(shape, Path(folder), min_interval="1h") as exporter:
        page = _fetch(exporter)
        time.sleep(_SETTLE)
        registry = CollectorRegistry()
        registry.register(_Parsed(page.decode()))
        ways: dict[str, Callable[[], tuple[float, float, int]]] = {
            "printcam-exporter": lambda: _cost(exporter),
            "printcam-exporter, gzip": lambda: _cost(exporter, {"Accept-Encoding": "gzip"}),
            "prometheus-client": lambda: _own_cost(registry),
        }
        rounds = [{name: measure() for name, measure in ways.items()} for _ in range(options.pages)]
    _print(page, {name: [each[name] for each in rounds] for name in ways})
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a page of /metrics costs.")
    parser.add_argument("--series", type=int, default=60_000, help="[60000]")
    parser.add_argument("--pages", type=int, default=10, help="pages fetched in each way [10]")
    return parser.parse_args()


def _fetch(exporter: Exporter, headers: dict[str, str] | None = None) -> bytes:
    connection = HTTPConnection(LISTEN, exporter.port, timeout=120)
    connection.request("GET", "/metrics", headers=headers or {})
    page = connection.getresponse().read()
    connection.close()
    return page


def _cost(exporter: Exporter, headers: dict[str, str] | None = None) -> tuple[float, float, int]:
    """Return CPU and wall time of a page, in seconds, and its octets."""
    used, started = cpu(exporter.process), time.monotonic()
    page = _fetch(exporter, headers)
    wall = time.monotonic() - started
    return cpu(exporter.process) - used, wall, len(page)


def _own_cost(registry: CollectorRegistry) -> tuple[float, float, int]:
    used, started = time.process_time(), time.monotonic()
    page = generate_latest(registry)
    return time.process_time() - used, time.monotonic() - started, len(page)


def _print(page: bytes, ways: dict[str, list[tuple[float, float, int]]]) -> None:
    series = sum(not line.startswith(b"#") for line in page.splitlines())
    table = Table(title=f"a page of {series} series, {len(next(iter(ways.values())))} times in each way")
    for column in ("", "CPU ms", "least", "wall ms", "MB"):
        table.add_column(column, justify="right" if column else "left")
    for name, costs in ways.items():
        table.add_row(name, *_cells(costs))
    Console(width=120, highlight=False).print(table)


def _cells(costs: Sequence[tuple[float, float, int]]) -> Iterator[str]:
    used, walls, sizes = zip(*costs, strict=True)
    yield f"{statistics.median(used) * 1000:.1f}"
    yield f"{min(used) * 1000:.1f}"
    yield f"{statistics.median(walls) * 1000:.1f}"
    yield f"{sizes[-1] / 1e6:.1f}"


if __name__ == "__main__":
    sys.exit(main())
