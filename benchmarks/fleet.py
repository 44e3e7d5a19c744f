"""What a scrape of a fleet costs, beside Debian's prometheus-snmp-exporter on the same agents in the same run.

    python benchmarks/fleet.py --counts 10 100 1000 --profile large --printing 0 0.1
    python benchmarks/fleet.py --counts 10 100 1000 10000 --profile typical --printing 0.1 --no-peer  # growth

Both exporters run at once, each on a fleet of like printers of its own, and are scraped in turns. Figures are of the
exporter's process alone: CPU a printer and wall time of the first scrape, in which this exporter reads the structure
of every printer, and the median of the later ones; requests that the agents answered; peak memory; series. A ratio is
the median of the ratios of neighbouring scrapes. What the peer is asked for is in peer-snmp.yml. A share of the
printers prints a page a second, so that a counter and a level move between any two scrapes; the others stand idle.
Each fleet is measured with each of the shares.
"""

import argparse
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.load import Scraper, answer_rate, bulk_request, get_request
from benchmarks.processes import LISTEN, PEER, Exporter, Shape, agents, cpu, ours, peak_memory, peer

# A Prometheus scrapes all targets in parallel, spread over the interval; dead ones hold a connection for long.
_WORKERS = 32
_PAGE_LIMIT = 120.0
# Prometheus's default scrape timeout, for pages of one printer.
_PEER_LIMIT = 10.0
# What an exporter does after its answer counts as well.
_SETTLE = 0.05
_COLUMNS = (
    "printers",
    "printing",
    "exporter",
    "up",
    "first: CPU ms",
    "requests",
    "wall s",
    "later: CPU ms",
    "requests",
    "wall s",
    "requests/s",
    "agents busy",
    "peak MiB",
    "series",
    "MB text",
)
_CAPTION = "CPU ms and requests: a printer; requests: as the agents answered; ratio: ours / peer's, median of pairs"


@dataclass(frozen=True, slots=True)
class Round:
    """One scrape of all printers: seconds of wall time, of the exporter's and of its agents' CPU, and the outcome."""

    wall: float
    cpu: float
    agents_cpu: float
    requests: int
    up: int
    series: int
    octets: int


@dataclass(frozen=True, slots=True)
class Result:
    """All scrapes by one exporter; `peak` is its peak memory in MiB."""

    name: str
    first: Round
    later: Sequence[Round]
    peak: float

    def median(self, figure: Callable[[Round], float]) -> float:
        """The median of a figure over the later scrapes."""
        return statistics.median(map(figure, self.later))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The exporters on fleets of one shape: this one, and the peer where there is one; rates are the agents'."""

    shape: Shape
    own: Sequence[Result]
    peer: Result | None
    get_rate: float
    bulk_rate: float


def _ratio(own: Result, other: Result, figure: Callable[[Round], float]) -> float:
    """Return the median of ours divided by the peer's, scrape by scrape."""
    pairs = zip(own.later, other.later, strict=True)
    return statistics.median(figure(mine) / (figure(its) or float("nan")) for mine, its in pairs)


def main() -> int:
    """Measure the fleets, print a table and the ratios."""
    options = _arguments()
    # So that SIGTERM, like Ctrl-C, ends the children too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        shapes = [
            Shape(count, options.profile, options.dead, printing)
            for count in options.counts
            for printing in options.printing
        ]
        comparisons = [_compare(shape, options) for shape in shapes]
    except KeyboardInterrupt:
        return 130
    _print(comparisons, options)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a scrape of a fleet costs.")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000], metavar="N", help="[10 100 1000]")
    parser.add_argument("--profile", choices=("large", "typical"), default="large", help="15 or 5 supplies [large]")
    parser.add_argument("--scrapes", type=int, default=5, help="scrapes after the first [5]")
    parser.add_argument("--dead", type=float, default=0.0, help="share of printers that never answer [0]")
    parser.add_argument(
        "--printing",
        type=float,
        nargs="+",
        default=[0.0, 0.1],
        metavar="SHARE",
        help="that prints all the time [0 0.1]",
    )
    parser.add_argument("--pysnmp", action="store_true", help="this exporter with its portable engine, too")
    parser.add_argument("--no-peer", action="store_true", help="leave prometheus-snmp-exporter out")
    return parser.parse_args()


def _compare(shape: Shape, options: argparse.Namespace) -> Comparison:
    with agents(Shape(shape.count, shape.profile)) as fleet:
        rates = [answer_rate(fleet.addresses, request) for request in (get_request(), bulk_request())]
    dead = round(shape.count * shape.dead)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engines = ["auto", "pysnmp"] if options.pysnmp else ["auto"]
        exporters = [stack.enter_context(ours(shape, folder, engine=engine)) for engine in engines]
        has_peer = bool(PEER) and not options.no_peer
        if has_peer:
            exporters.append(stack.enter_context(peer(shape)))
        pairs = [
            (exporter, stack.enter_context(Scraper(LISTEN, exporter.port, _WORKERS + dead, _limit(exporter))))
            for exporter in exporters
        ]
        turns = [[_round(*pair) for pair in pairs] for _ in range(options.scrapes + 1)]
        results = [
            Result(exporter.name, first, later, peak_memory(exporter.process))
            for exporter, (first, *later) in zip(exporters, zip(*turns, strict=True), strict=True)
        ]
    other = results.pop() if has_peer else None
    return Comparison(shape, results, other, *rates)


def _limit(exporter: Exporter) -> float:
    return _PAGE_LIMIT if len(exporter.paths) == 1 else _PEER_LIMIT


def _round(exporter: Exporter, scraper: Scraper) -> Round:
    """Scrape all printers once; the answers are looked into when the clocks have been read."""
    fleet = exporter.agents
    requests, used, agents_used = fleet.answered(), cpu(exporter.process), cpu(fleet.process)
    started = time.monotonic()
    pages = scraper.fetch(exporter.paths)
    wall = time.monotonic() - started
    time.sleep(_SETTLE)
    return Round(
        wall=wall,
        cpu=cpu(exporter.process) - used,
        agents_cpu=cpu(fleet.process) - agents_used,
        requests=fleet.answered() - requests,
        up=sum(len(exporter.up.findall(page)) for page in pages),
        series=sum(not line.startswith(b"#") for page in pages for line in page.splitlines()),
        octets=sum(map(len, pages)),
    )


def _print(comparisons: Sequence[Comparison], options: argparse.Namespace) -> None:
    title = f"profile {options.profile}, {options.scrapes} later scrapes, {options.dead:.0%} dead"
    table = Table(title=title, caption=_CAPTION)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "exporter" else "right", no_wrap=True)
    for comparison in comparisons:
        _add_rows(table, comparison, options)
    console = Console(width=200, highlight=False)
    console.print(table)
    for comparison in comparisons:
        _print_rates(console, comparison)
    for comparison in comparisons:
        if comparison.peer:
            own, other = comparison.own[0], comparison.peer
            cpu_ratio, requests = _ratio(own, other, _cpu), _ratio(own, other, _requests)
            of = f"printers {comparison.shape.count} printing {comparison.shape.printing:.0%}"
            console.print(f"ratio cpu {cpu_ratio:.2f} requests {requests:.2f} {of}")


def _add_rows(table: Table, comparison: Comparison, options: argparse.Namespace) -> None:
    shape, other = comparison.shape, comparison.peer
    for result in (*comparison.own, *([other] if other else [])):
        table.add_row(f"{shape.count}", f"{shape.printing:.0%}", *_cells(shape.count, result))
    if other:
        for result in comparison.own:
            ratios = [f"{_ratio(result, other, figure):.2f}x" for figure in (_cpu, _requests, _wall)]
            table.add_row("", "", result.name.replace("printcam-exporter", "ratio"), *[""] * 4, *ratios)
    elif not options.no_peer:
        table.add_row("", "", "peer not installed")
    table.add_section()


def _cells(count: int, result: Result) -> Sequence[str]:
    first, last = result.first, result.later[-1]
    return (
        result.name,
        f"{min(scrape.up for scrape in result.later)}",
        f"{first.cpu / count * 1000:.2f}",
        f"{first.requests / count:.1f}",
        f"{first.wall:.2f}",
        f"{result.median(_cpu) / count * 1000:.3f}",
        f"{result.median(_requests) / count:.1f}",
        f"{result.median(_wall):.2f}",
        f"{result.median(_rate):.0f}",
        f"{result.median(_agents_share):.0%}",
        f"{result.peak:.0f}",
        f"{last.series}",
        f"{last.octets / 1e6:.1f}",
    )


def _print_rates(console: Console, comparison: Comparison) -> None:
    """Say what the agents can answer; warn where an exporter asked for more than half of it."""
    limits = (comparison.get_rate, comparison.bulk_rate)
    what = f"{limits[0]:.0f} GET of 20 objects or {limits[1]:.0f} GETBULK of 25 rows"
    console.print(f"{comparison.shape.count} agents answer {what} a second")
    results = [(result, limits[0]) for result in comparison.own]
    for result, limit in (*results, *([(comparison.peer, limits[1])] if comparison.peer else [])):
        share = result.median(_rate) / limit
        if share > 0.5:
            console.print(f"  {result.name} asked for {share:.0%} of that: its wall time is in part the agents'")


def _cpu(scrape: Round) -> float:
    return scrape.cpu


def _requests(scrape: Round) -> float:
    return scrape.requests


def _wall(scrape: Round) -> float:
    return scrape.wall


def _rate(scrape: Round) -> float:
    return scrape.requests / scrape.wall


def _agents_share(scrape: Round) -> float:
    return scrape.agents_cpu / scrape.wall


if __name__ == "__main__":
    sys.exit(main())
