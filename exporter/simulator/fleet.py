"""A fleet of like printers for benchmarks: one process, one loopback address each, little work an answer.

`python -m exporter.simulator.fleet --count 1000` prints `ready 1000` once all sockets are bound; SIGTERM ends it
with a line on what it answered.
"""

import argparse
import asyncio
import copy
import ipaddress
import resource
import time
from collections.abc import Callable, Sequence

from exporter.simulator.agent import Agent, Site
from exporter.simulator.ber import Counter32, Integer, OctetString, Oid, TimeTicks
from exporter.simulator.mib import Mib, Source
from exporter.simulator.printer import (
    DRUM,
    FUSER,
    GROUP_INPUT,
    GROUP_SUPPLIES,
    PRINTER,
    SYSTEM,
    TRANSFER_UNIT,
    WARNING,
    WASTE_TONER,
    Alert,
    Cover,
    Maker,
    Printer,
    Supply,
    Tray,
    values,
)
from exporter.simulator.running import say, stop_signal

_MAKER = Maker("Fleet", (11, 2, 3, 9, 1), "Fleet printer {model}")
_COLOURS = ("black", "cyan", "magenta", "yellow")
_SUPPLIES = (
    *(Supply(f"{colour} toner", colorant=colour, start=0.7) for colour in _COLOURS),
    Supply("waste toner", WASTE_TONER, start=0.8),
    *(Supply(f"{colour} drum", DRUM, colour, start=0.6) for colour in _COLOURS),
    Supply("fuser", FUSER, start=0.5),
    Supply("transfer belt", TRANSFER_UNIT, start=0.5),
    *(Supply(f"feed roller {number}", type=1, start=0.9) for number in range(1, 5)),
)
_ALERTS = (
    Alert(WARNING, GROUP_INPUT, 2, 807, "tray 2 low"),
    Alert(WARNING, GROUP_SUPPLIES, 1, 1104, "black toner low"),
    Alert(WARNING, GROUP_SUPPLIES, 5, 1107, "waste toner nearly full"),
)


def _shape(supplies: int, trays: int, covers: int, alerts: int) -> Printer:
    return Printer(
        _MAKER,
        "Model F",
        "F0000000",
        "fleet",
        _SUPPLIES[:supplies],
        tuple(Tray(f"Tray {number}", f"Tray {number}") for number in range(1, trays + 1)),
        covers=tuple(Cover(f"Cover {number}") for number in range(1, covers + 1)),
        faults=_ALERTS[:alerts],
    )


PROFILES = {
    "large": _shape(supplies=15, trays=6, covers=8, alerts=3),
    "typical": _shape(supplies=5, trays=4, covers=2, alerts=1),
}

_SYS_UP_TIME: Oid = (*SYSTEM, 3, 0)
_SYS_NAME: Oid = (*SYSTEM, 5, 0)
_SERIAL: Oid = (*PRINTER, 5, 1, 1, 17, 1)
_LIFE_COUNT: Oid = (*PRINTER, 10, 2, 1, 4, 1, 1)
_FIRST_LEVEL: Oid = (*PRINTER, 11, 1, 1, 9, 1, 1)


class Fleet(Site[Agent]):
    """So many agents that answer alike.

    A `dead` share never answers, and a `printing` share of the others prints a page a second; both are spread evenly.
    """

    def __init__(
        self, count: int, base: str, port: int, profile: str = "large", *, dead: float = 0.0, printing: float = 1.0
    ) -> None:
        shared = _encoded_mib(PROFILES[profile])
        first = ipaddress.IPv4Address(base)
        started = time.monotonic()

        def elapsed() -> float:
            return time.monotonic() - started

        self.agents = tuple(
            Agent(
                _one_of_many(shared, number, elapsed, prints=_is_chosen(number - int(number * dead), printing)),
                str(first + number),
                port,
                silent=_is_chosen(number, dead),
            )
            for number in range(count)
        )

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return sum(agent.requests for agent in self.agents)


def _is_chosen(number: int, share: float) -> bool:
    """Tell whether a printer is of a share that is spread evenly."""
    return int((number + 1) * share) > int(number * share)


def _encoded_mib(printer: Printer) -> Mib:
    """Encode every binding once, for all printers of the fleet."""
    mib = Mib(values(printer, 0))
    for oid in mib:
        mib.varbind(oid)
    return mib


def _one_of_many(shared: Mib, number: int, elapsed: Callable[[], float], *, prints: bool) -> Mib:
    """Give a printer its own name and serial, and the few values that move."""
    mib = copy.copy(shared)

    def printed() -> int:
        return number + (int(elapsed()) if prints else 0)

    sources: dict[Oid, Source] = {
        _SYS_NAME: OctetString(f"fleet-{number}".encode()),
        _SERIAL: OctetString(f"F{number:07}".encode()),
        _SYS_UP_TIME: lambda: TimeTicks(int(elapsed() * 100)),
        _LIFE_COUNT: lambda: Counter32(10_000 + printed()),
        _FIRST_LEVEL: lambda: Integer(100 - printed() % 100),
    }
    mib.replace(sources)
    return mib


def _raise_file_limit() -> None:
    """Let the process have as many sockets as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(fleet: Fleet) -> None:
    """Answer until SIGTERM or SIGINT, then say how much it was."""
    stop = stop_signal()
    async with fleet:
        say(f"ready {len(fleet.agents)}")
        used = time.process_time()
        await stop.wait()
        say(f"answered {fleet.requests} requests in {time.process_time() - used:.2f} s of CPU")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a fleet from the command line."""
    parser = argparse.ArgumentParser(prog="python -m exporter.simulator.fleet", description="Simulated printers.")
    parser.add_argument("--count", type=int, default=1000, help="how many printers")
    parser.add_argument("--base", default="127.50.0.1", help="address of the first one")
    parser.add_argument("--port", type=int, default=10161)
    parser.add_argument("--profile", choices=PROFILES, default="large")
    parser.add_argument("--dead", type=float, default=0.0, help="share of printers that never answer")
    parser.add_argument("--printing", type=float, default=1.0, help="share of printers that print a page a second")
    options = parser.parse_args(arguments)
    _raise_file_limit()
    asyncio.run(_serve(Fleet(**vars(options))))


if __name__ == "__main__":
    main()
