"""A real Prometheus on loopback: started empty or on seeded history, asked over its HTTP API.

`python -m tests.support.prometheus DIR --port 9090` serves the history of `tests.support.history`:
dashboards can be looked at with it.
"""

import argparse
import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import history

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
RULES = Path(__file__).parents[2] / "dashboards" / "prometheus" / "rules"
NO_SCRAPES = "global: {}\n"
Vector = dict[tuple[tuple[str, str], ...], float]
"""Values by sorted labels."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running server."""

    url: str

    def api(self, path: str, **parameters: str | float) -> Any:
        """Return the data of an answer; raises `ValueError` with the server's words where it refuses."""
        form = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", form or None, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{json.load(error)['error']}: {parameters}") from error

    def query(self, expression: str, at: float = history.END) -> list[Any]:
        """Return the series of an instant query, each with `metric` and `value`."""
        data = self.api("query", query=expression, time=at)
        return list(data["result"]) if data["resultType"] == "vector" else [{"metric": {}, "value": data["result"]}]

    def vector(self, expression: str, at: float = history.END) -> Vector:
        """Return the values of an instant query by their labels."""
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in self.query(expression, at)}

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Any]:
        """Return the series of a range query, each with `metric` and `values`."""
        return list(self.api("query_range", query=expression, start=start, end=end, step=step)["result"])


def free_port() -> int:
    """Return a TCP port that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def prometheus(
    folder: Path, config: str = NO_SCRAPES, options: Sequence[str] = (), port: int = 0
) -> Iterator[Prometheus]:
    """Run a server on the data in `folder` until the block ends; its log is `folder`/prometheus.log."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(config)
    port = port or free_port()
    command = (
        str(PROMETHEUS),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        *options,
    )
    with (folder / "prometheus.log").open("ab") as log, running(command, stdout=log, stderr=log) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/-/ready", process)
        yield Prometheus(f"http://127.0.0.1:{port}")


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it is asked to stop, and killed after 10 s."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Return once `url` answers 200; raises `TimeoutError`, or `ChildProcessError` when the server ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ChildProcessError(f"{process.args!r} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)


LOOK_BACK = ("--query.lookback-delta=35m",)
"""As far apart as the history's samples are."""


def seed(folder: Path, series: Iterable[history.Series], rules: Iterable[Path] = ()) -> None:
    """Make `folder` a server's, with these series, and with what the recording rules would have made of them."""
    folder.mkdir(parents=True, exist_ok=True)
    _backfill(folder, series)
    recorded = _recorded(rules)
    while recorded:
        # A rule may read another one's series: those first that read none that is still to be made.
        ready = {
            name: rule for name, rule in recorded.items() if not any(other in rule.expression for other in recorded)
        }
        with prometheus(folder, options=LOOK_BACK) as server:
            made = [found for name, rule in ready.items() for found in _made(server, name, rule)]
        _backfill(folder, made)
        recorded = {name: rule for name, rule in recorded.items() if name not in ready}


@contextmanager
def prometheus_with(
    folder: Path, series: Iterable[history.Series], options: Sequence[str] = ()
) -> Iterator[Prometheus]:
    """Run a server that has these series beside the data in `folder`; skips where none is installed."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not installed")
    seed(folder, series)
    with prometheus(folder, options=options) as server:
        yield server


@dataclass(frozen=True, slots=True)
class _Rule:
    expression: str
    step: int | None


def _recorded(rules: Iterable[Path]) -> dict[str, _Rule]:
    """Return the recording rules of these files by name, with the step in seconds where their group has one."""
    groups = (group for path in rules for group in yaml.safe_load(path.read_text())["groups"])
    return {
        rule["record"]: _Rule(rule["expr"], 3_600 if group.get("interval") == "1h" else None)
        for group in groups
        for rule in group["rules"]
        if "record" in rule
    }


def _made(server: Prometheus, name: str, rule: _Rule) -> Iterator[history.Series]:
    """Yield what a recording rule makes of the history."""
    ranges = [(history.START, history.FINE_FROM - 1, history.COARSE), (history.FINE_FROM, history.END, history.FINE)]
    if rule.step:
        # Whole steps back from the end, so that the last one is fresh.
        ranges = [(history.END - (history.END - history.START) // rule.step * rule.step, history.END, rule.step)]
    values: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for start, end, step in ranges:
        for one in server.query_range(rule.expression, start, end, step):
            labels = tuple((key, value) for key, value in one["metric"].items() if key != "__name__")
            values.setdefault(labels, {}).update((t, float(value)) for t, value in one["values"])
    for labels, at in values.items():
        yield history.Series(name, dict(labels), at.get, tuple(sorted(at)))


def _backfill(folder: Path, series: Iterable[history.Series]) -> None:
    """Add these series to the server's data."""
    text = folder / "history.txt"
    with text.open("w") as file:
        history.write(file, series)
    command = (str(PROMTOOL), "tsdb", "create-blocks-from", "--max-block-duration=960h", "openmetrics")
    done = subprocess.run([*command, str(text), str(folder / "data")], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr + done.stdout).decode())
    text.unlink()


def main() -> None:
    """Serve the seeded history until it is interrupted."""
    parser = argparse.ArgumentParser(description="serve forty days of the demo office from a Prometheus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=9090)
    arguments = parser.parse_args()
    if not (arguments.folder / "data").exists():
        seed(arguments.folder, history.office(), sorted(RULES.glob("recording*.yml")))
    with prometheus(arguments.folder, options=LOOK_BACK, port=arguments.port) as server:
        print(f"{server.url}, as of {history.END}", flush=True)  # noqa: T201 - a command prints
        signal.pause()


if __name__ == "__main__":
    main()
