"""A real single-node VictoriaMetrics on loopback. It answers Prometheus' API, so it is asked as a Prometheus is."""

import shutil
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.support import history
from tests.support.prometheus import Prometheus, free_port, running, wait_until_ready

VICTORIA_METRICS = shutil.which("victoria-metrics")
VMALERT = shutil.which("vmalert")


@contextmanager
def victoria_metrics(folder: Path, options: Sequence[str] = ()) -> Iterator[Prometheus]:
    """Run a server that shows samples at once, until the block ends; its log is `folder`/victoria.log."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = (
        str(VICTORIA_METRICS),
        f"-storageDataPath={folder}/data",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
        *options,
    )
    with (folder / "victoria.log").open("ab") as log, running(command, stdout=log, stderr=log) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/health", process)
        yield Prometheus(f"http://127.0.0.1:{port}")


def fill(server: Prometheus, folder: Path, series: Iterable[history.Series]) -> None:
    """Add these series; of one that comes twice the first counts, as with a Prometheus that is seeded."""
    distinct: dict[tuple[str, tuple[tuple[str, str], ...]], history.Series] = {}
    for one in series:
        distinct.setdefault((one.name, tuple(sorted(one.labels.items()))), one)
    path = folder / "history.txt"
    with path.open("w") as file:
        history.write(file, map(_in_milliseconds, distinct.values()))
    with urllib.request.urlopen(f"{server.url}/api/v1/import/prometheus", path.read_bytes(), timeout=60):
        path.unlink()
    flush(server)


def flush(server: Prometheus) -> None:
    """Let queries see what was written; for 10 s it remembers what it did not find."""
    with urllib.request.urlopen(f"{server.url}/internal/force_flush", timeout=60):
        pass


def _in_milliseconds(series: history.Series) -> history.Series:
    return replace(series, times=[t * 1_000 for t in series.times], value=lambda t: series.value(t / 1_000))
