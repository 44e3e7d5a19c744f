"""What befalls a process: no descriptors, a full disk, a clock that jumps, signals, a lossy network, half a fleet."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Self, TypeVar

import pytest

from exporter.printers.stored import ENGINE, RECORD, load_life, load_record
from exporter.state import State
from tests.support.agents import free_port, own_address
from tests.support.chaos import LIMIT, failures, problems, value
from tests.support.namespaces import Namespace, needs_namespaces
from tests.test_cli import fetch, serving
from tests.test_state import fill, needs_root

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
    folder: Path,
    hosts: Sequence[str],
    polling: Mapping[str, object] = QUICK,
    *,
    state: str = ":memory:",
    cameras: Mapping[str, int] | None = None,
) -> str:
    """Write a config for these printers, P0, P1, …; return the option that names it."""
    printers = [{"name": f"P{number}", "host": host} for number, host in enumerate(hosts)]
    whole: dict[str, object] = {"time_zone": "UTC", "polling": polling, "state": {"path": state}, "printers": printers}
    if cameras:
        search = {"interfaces": ["lo"], "targets": ["127.255.255.255"], "window": "500ms", **cameras}
        whole["cameras"] = {"search": search}
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


# ---- the state


@needs_root
def test_a_full_disk_costs_nothing_but_what_would_be_kept_and_that_is_made_good(
    tmp_path: Path, small_disk: Path
) -> None:
    state = small_disk / "printcam.db"

    def scrape() -> dict[str, str]:
        text = fetch(f"{url}/metrics")
        pages = by_printer(text)
        assert len(are_up(pages)) == 20
        assert all(failures(shown, name) == {} for name, shown in pages.items())
        return {"writable": str(value(text, "printcam_exporter_state_writable")), **pages}

    with fleet(20) as hosts:
        option = configured(tmp_path, hosts, state=str(state))
        with serving(option, log=tmp_path / "log") as (process, url), Health(url):
            assert scrape()["writable"] == "1.0"
            ballast = fill(small_disk)
            until(lambda: scrape()["writable"] == "0.0")
            scrape()
            ballast.unlink()
            until(lambda: scrape()["writable"] == "1.0")
            last = scrape()
        with serving(option, log=tmp_path / "log again") as (process, url):
            process.terminate()
            assert process.wait(LIMIT) == 0
    log = (tmp_path / "log").read_text()
    assert log.count("state not written, going on from memory") == 1
    assert problems([log]) == []
    assert kept_pages(state).keys() == last.keys() - {"writable"}


def kept_pages(path: Path) -> dict[str, int]:
    """Return the last reading of each printer that the state file holds, which must be whole."""
    with closing(State(path, read_only=True)) as state:
        lives = {key: load_life(key, text) for key, text in state.documents(ENGINE).items()}
        records = {name: load_record(name, text) for name, text in state.documents(RECORD).items()}
    return {name: lives[kept.record.serial].pages or 0 for name, kept in records.items()}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_in_the_middle_of_a_cycle_leaves_the_state_whole_and_counters_that_go_on(
    how: signal.Signals, tmp_path: Path
) -> None:
    state, ends = tmp_path / "printcam.db", threading.Event()
    shown: dict[str, dict[str, float]] = {}

    def scrape() -> None:
        while not ends.is_set():
            with suppress(OSError, HTTPException):
                shown.update(counters(fetch(f"{url}/metrics", timeout=LIMIT)))

    with fleet(30) as hosts, ThreadPoolExecutor(1) as pool:
        option = configured(tmp_path, hosts, state=str(state))
        before: dict[str, dict[str, float]] = {}
        for _ in range(2):
            with serving(option, log=tmp_path / "log") as (process, url):
                ends.clear()
                scraping = pool.submit(scrape)
                until(lambda: cycles(url) > 2)
                process.send_signal(how)
                assert process.wait(LIMIT) == (0 if how is signal.SIGTERM else -how)
                ends.set()
                scraping.result(LIMIT)
            assert problems([(tmp_path / "log").read_text()]) == []
            assert len(kept_pages(state)) == 30
            assert shown.keys() == {f"P{n}" for n in range(30)}
            for name, now in shown.items():
                assert all(now[counter] >= count for counter, count in before.get(name, {}).items())
            before = dict(shown)


def counters(text: str) -> dict[str, dict[str, float]]:
    """Return what is counted over restarts, by printer."""
    names = ("printer_pages_total", "printer_jams_total", "printer_supply_used_ratio_total", "printer_month_pages")
    return {
        name: {
            series: float(count)
            for series, _, count in (line.rpartition(" ") for line in shown.splitlines())
            if series.startswith(names)
        }
        for name, shown in by_printer(text).items()
    }


def cycles(url: str) -> float:
    return value(fetch(f"{url}/metrics?collect[]=self"), "printcam_exporter_cycles_total") or 0.0


# ---- the clock

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed")
def test_a_clock_that_jumps_by_a_day_changes_neither_counters_nor_who_is_there(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    under = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1"]
    under.append("FAKETIME_DONT_FAKE_MONOTONIC=1")
    ports = {"listen_port": free_port("127.0.0.1"), "device_port": free_port("127.0.0.1")}
    with fleet(6, dead=0.5) as hosts, cameras(3, **ports):
        option = configured(tmp_path, hosts, cameras=ports)
        with serving(option, log=tmp_path / "log", under=under) as (_, url), Health(url):
            until(lambda: fetch(f"{url}/metrics").count("camera_discoveries_total{") == 3)
            first = before = fetch(f"{url}/metrics")
            for jump in ("+1d", "+0", "-1d", "+0"):
                clock.write_text(jump)
                for _ in range(2):
                    text = fetch(f"{url}/metrics")
                    check_unmoved(before, text)
                    before = text
                at = value(text, "printer_last_success_timestamp_seconds", printer="P0")
                assert at
                assert abs(at - time.time() - {"+": 86_400, "-": -86_400}[jump[0]] * (jump != "+0")) < 600, "it jumped"
    assert problems([(tmp_path / "log").read_text()]) == []
    assert first


def check_unmoved(before: str, text: str) -> None:
    """See that nobody came or went, and that nothing counted went back or was taken for odd."""
    assert are_up(by_printer(text)) == {"P0", "P2", "P4"}
    assert text.count('status="active"} 1') == 3
    assert not re.search(r"(?m)^printer_counter_anomalies_total{.* [1-9]", text)
    now = counters(text)
    for name in ("P0", "P2", "P4"):
        assert failures(text, name) == {}
        told_before = counters(before)[name]
        assert all(0 <= now[name][series] - count < 100 for series, count in told_before.items())


@contextmanager
def cameras(count: int, *, listen_port: int, device_port: int) -> Iterator[None]:
    """Run so many simulated cameras in a process of their own."""
    command = [sys.executable, "-m", "exporter.simulator.cameras", f"--count={count}", "--answer-only"]
    ports = [f"--listen-port={listen_port}", f"--device-port={device_port}"]
    process = subprocess.Popen([*command, *ports], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == f"ready {count}\n"
        yield
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT)


# ---- the network


class Net:
    """A network of its own, where the exporter and a fleet of 20 share a loopback."""

    def __init__(self, folder: Path) -> None:
        self._space = Namespace()
        self._folder = folder
        module = [sys.executable, "-m", "exporter.simulator.fleet"]
        fleet = self._space.start(*module, "--count=20", "--base=127.50.0.1", "--port=1610", "--profile=typical")
        assert fleet.stdout
        assert fleet.stdout.readline() == "ready 20\n"

    @contextmanager
    def exporter(self) -> Iterator[None]:
        """Run the exporter there."""
        hosts = [f"127.50.0.{number}:1610" for number in range(1, 21)]
        option = configured(self._folder, hosts, {"timeout": "150ms", "retries": 2, "min_interval": 0})
        options = [option, "--web.listen-address=127.0.0.1:10143"]
        process = self._space.start(sys.executable, "-m", "exporter", *options)
        try:
            until(lambda: process.poll() is None and self._is_ready())
            yield
            assert process.poll() is None
        finally:
            process.kill()
            process.wait(LIMIT)

    def scrape(self) -> str:
        """Return the metrics, and see that health is told meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            scrape = pool.submit(self._fetch, "/metrics")
            self._fetch("/-/healthy")
            return scrape.result(LIMIT)

    def lose(self) -> None:
        """Lose three datagrams in ten."""
        self._space.firewall("input", "meta l4proto udp numgen random mod 100 < 30 drop")

    def lose_nothing(self) -> None:
        """Let all pass."""
        self._space.no_firewall()

    def close(self) -> None:
        """End all that runs there."""
        self._space.close()

    def _fetch(self, path: str) -> str:
        with self._space.entered():
            return fetch(f"http://127.0.0.1:10143{path}")

    def _is_ready(self) -> bool:
        try:
            return bool(self._fetch("/-/ready"))
        except OSError:
            return False


@needs_namespaces
def test_30_percent_of_loss_invents_nothing_and_is_got_over(tmp_path: Path) -> None:
    def series(text: str) -> set[str]:
        found = (line.rpartition(" ")[0] for line in text.splitlines() if line.startswith("printer_"))
        return {each for each in found if not each.startswith("printer_supply_installed_")}

    with closing(Net(tmp_path)) as net, net.exporter():
        first = counters(net.scrape())
        truth = series(net.scrape())
        net.lose()
        lost: Counter[str] = Counter()
        for _ in range(4):
            text = net.scrape()
            assert series(text) <= truth
            for name, shown in by_printer(text).items():
                now = counters(shown)[name]
                assert all(0 <= now[each] - count < 100 for each, count in first[name].items())
                lost.update(failures(shown, name).keys())
        assert lost
        assert lost.keys() <= {"timeout", "deadline"}
        net.lose_nothing()
        until(lambda: series(text := net.scrape()) == truth and len(are_up(by_printer(text))) == 20)
