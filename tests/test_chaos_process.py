"""What befalls a process: too few descriptors, a full disk, a clock that jumps, signals, a lossy network, half a fleet."""

import json
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

from tests.support.agents import free_port, own_address
from tests.support.chaos import LIMIT, failures, problems, value
from tests.test_cli import fetch, serving

T = TypeVar("T")
QUICK = {"timeout": "500ms", "retries": 1, "min_interval": 0}


@contextmanager
def fleet(count: int, *, dead: float = 0.0) -> Iterator[list[str]]:
    """Run so many simulated printers in a process of their own; yield where they are."""
    address = own_address()
    base, port = f"127.{90 + int(address.split('.')[3]) % 10}.{int(address.split('.')[1])}.1", free_port(address)
    command = [sys.executable, "-m", "exporter.simulator.fleet", f"--count={count}", f"--base={base}", f"--port={port}"]
    process = subprocess.Popen([*command, "--profile=typical", f"--dead={dead}"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == f"ready {count}\n"
        first = int.from_bytes(map(int, base.split(".")))
        yield [f"{'.'.join(map(str, (first + number).to_bytes(4)))}:{port}" for number in range(count)]
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT)


def configured(
    folder: Path, hosts: Sequence[str], polling: Mapping[str, object] = QUICK, *, state: str = ":memory:"
) -> str:
    """Write a config for these printers, P0, P1, …; return the option that names it."""
    printers = [{"name": f"P{number}", "host": host} for number, host in enumerate(hosts)]
    whole = {"time_zone": "UTC", "polling": polling, "state": {"path": state}, "printers": printers}
    file = folder / "config.yaml"
    file.write_text(json.dumps(whole))
    return f"--config.file={file}"


class Health:
    """Asks for /-/healthy all the time, and knows how often it was answered."""

    def __init__(self, url: str) -> None:
        self.answers = 0
        self._url = url
        self._end = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def _ask(self) -> None:
        while not self._end.wait(0.02):
            assert "healthy" in fetch(f"{self._url}/-/healthy", timeout=LIMIT)
            self.answers += 1

    def __enter__(self) -> Self:
        self._asking = self._pool.submit(self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._asking.result(LIMIT)
        self._pool.shutdown()
        assert self.answers


def until(holds: Callable[[], T]) -> T:
    """Wait until something holds, and return it."""
    limit = time.monotonic() + LIMIT
    while not (found := holds()):
        assert time.monotonic() < limit, "it does not come to hold"
        time.sleep(0.02)
    return found


def by_printer(text: str) -> dict[str, str]:
    """Return what is shown of each printer."""
    lines: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        if found := re.match(r'printer_\w+{printer="(\w+)"', line):
            lines[found[1]].append(line)
    return {name: "\n".join(shown) for name, shown in lines.items()}


def are_up(pages: Mapping[str, str]) -> set[str]:
    """Return the printers that are up."""
    return {name for name, shown in pages.items() if value(shown, "printer_up")}


def test_500_dead_printers_of_1000_cost_the_living_nothing(tmp_path: Path) -> None:
    def scrape() -> dict[str, str]:
        pages = by_printer(fetch(f"{url}/metrics"))
        return pages if len(pages) == 1000 else {}

    with fleet(1000, dead=0.5) as hosts:
        option = configured(tmp_path, hosts, QUICK | {"timeout": "1s", "retries": 0})
        with serving(option, log=tmp_path / "log") as (_, url), Health(url):
            until(scrape)
            pages = until(scrape)
    assert are_up(pages) == {f"P{number}" for number in range(0, 1000, 2)}
    for name, shown in pages.items():
        alive = int(name[1:]) % 2 == 0
        assert failures(shown, name).keys() == (set() if alive else {"timeout"})
        assert (value(shown, "printer_pages_total") is not None) == alive
        assert shown.count("printer_supply_level_ratio") == (5 if alive else 0)
    assert problems([(tmp_path / "log").read_text()]) == []


def test_too_few_descriptors_cost_some_printers_and_neither_health_nor_scrapes(tmp_path: Path) -> None:
    with fleet(100) as hosts:
        under = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
        option = configured(tmp_path, hosts)
        with (
            serving(option, log=tmp_path / "log", under=under) as (_, url),
            Health(url),
            ThreadPoolExecutor(8) as pool,
        ):
            for _ in range(3):
                texts = list(pool.map(fetch, [f"{url}/metrics"] * 8))
    for text in texts:
        pages = by_printer(text)
        assert len(pages) == 100
        assert 10 < len(are_up(pages)) < 64
        reasons = {reason for name in pages.keys() - are_up(pages) for reason in failures(pages[name], name)}
        assert reasons == {"internal"}
    log = (tmp_path / "log").read_text()
    assert problems([log]) == []
    assert "out of system resource" not in log
    assert log.count("raise its limit of open files") <= 100, "one line a printer"
