"""Two shards, two replicas, one store, on real servers, with the example and the commands as they are documented.

What the tests change of them: addresses, and how often is scraped.
"""

import json
import math
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from exporter import config
from exporter.simulator.office import PLACES
from tests.support import history, promql
from tests.support.prometheus import PROMETHEUS, PROMTOOL, Prometheus, Vector, free_port, prometheus, running
from tests.support.questions import values_at_first
from tests.support.victoria import VICTORIA_METRICS, VMALERT, fill, flush, victoria_metrics
from tests.test_dashboard_queries import ALL_RULES, BY_NAME, QUESTIONS
from tests.test_docs import code_blocks
from tests.test_notifications import Devices, Exporter, until

ROOT = Path(__file__).parents[1]
SHARD = ROOT / "dashboards" / "prometheus" / "examples" / "shard.yml"
DOCUMENT = ROOT / "docs" / "scaling.md"
RULES = {rule.name: rule.expression for rule in ALL_RULES}
SILENT = {place.name for place in PLACES if place.silent}
OF_THIS_PROCESS = {"process_resident_memory_bytes", "process_open_fds"}
"""What the history has from this process as it is when it is written, and is written twice."""
EDGE = 0.02
"""The share of an increase that may lie within one scrape interval, in the shortest window with the fewest events."""
NAMES = {place.name for place in PLACES}

pytestmark = pytest.mark.skipif(
    None in (PROMETHEUS, PROMTOOL, VICTORIA_METRICS, VMALERT),
    reason="prometheus and victoria-metrics are not installed",
)


def shell(word: str, folder: Path) -> None:
    """Run the command of the document that has this word."""
    (command,) = [text for text in code_blocks(DOCUMENT, "sh") if word in text]
    subprocess.run(command, shell=True, cwd=folder, check=True, timeout=30)  # noqa: S602 - our own document


def numbered(number: int) -> str:
    """Return the example for the server of this number."""
    text, found = re.subn(r'&shard "0"', f'&shard "{number}"', SHARD.read_text())
    assert found == 1
    return text


def shard_config(number: int, addresses: dict[str, str]) -> str:
    """Return the example for one server of these addresses, which scrapes every second."""
    text = numbered(number)
    for service, address in addresses.items():
        text = text.replace(service, address)
    return re.sub(r"(_interval|_timeout): \d+s", r"\1: 1s", text)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What runs: exporters by number, servers by number, and the store."""

    exporters: tuple[Exporter, Exporter]
    shards: tuple[Prometheus, Prometheus]
    store: Prometheus
    addresses: dict[str, str]

    def vector(self, expression: str) -> Vector:
        """Ask the store, now."""
        flush(self.store)
        return self.store.vector(expression, time.time())

    def labels(self, expression: str, name: str) -> list[str]:
        """Return a label of each series that the store answers with now."""
        return sorted(dict(labels).get(name, "") for labels in self.vector(expression))


def exporter_config(devices: Devices, folder: Path, number: str, *without: str) -> Path:
    """Write the office's config without some sections, with a state of its own."""
    sections = yaml.safe_load(devices.config(folder / f"{number}.db"))
    path = folder / f"{number}.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in sections.items() if key not in without}))
    return path


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Everything but the exporter of the cameras in B2, which is down."""
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as parts:
        devices = parts.enter_context(Devices())
        configs = [exporter_config(devices, folder, number, "cameras") for number in ("0", "1")]
        configs.append(exporter_config(devices, folder, "cameras-b1", "printers"))
        exporters = [Exporter(config) for config in configs]
        for exporter in exporters:
            parts.callback(exporter.stop)
            exporter.start()
        store = parts.enter_context(victoria_metrics(folder / "store"))
        ports = free_port(), free_port()
        addresses = {
            "exporter-0:10143": exporters[0].address,
            "exporter-1:10143": exporters[1].address,
            "cameras-b1:10143": exporters[2].address,
            "cameras-b2:10143": f"127.0.0.1:{free_port()}",
            "prometheus-0:9090": f"127.0.0.1:{ports[0]}",
            "prometheus-1:9090": f"127.0.0.1:{ports[1]}",
            "victoriametrics:8428": store.url.removeprefix("http://"),
        }
        shards = tuple(
            parts.enter_context(prometheus(folder / f"shard{number}", shard_config(number, addresses), port=port))
            for number, port in enumerate(ports)
        )
        parts.enter_context(recording_rules(folder, store.url))
        running_fleet = Fleet((exporters[0], exporters[1]), (shards[0], shards[1]), store, addresses)
        # Four times: a silent printer is offline after three.
        until(lambda: len(running_fleet.vector("printer_polls_total >= 4")) == len(NAMES))
        yield running_fleet


@contextmanager
def recording_rules(folder: Path, store: str) -> Iterator[None]:
    """Run the recording rules on the store, every second."""
    command = (
        str(VMALERT),
        f"-rule={rules_for_the_store(folder)}/recording.yml",
        f"-datasource.url={store}",
        f"-remoteWrite.url={store}",
        "-remoteWrite.flushInterval=200ms",
        "-evaluationInterval=1s",
        f"-httpListenAddr=127.0.0.1:{free_port()}",
    )
    with (folder / "vmalert.log").open("wb") as log, running(command, stdout=log, stderr=log):
        yield


def polled_by(exporter: Exporter) -> set[str]:
    """Return the printers of which an exporter knows anything; discovery polls nobody."""
    with urllib.request.urlopen(f"http://{exporter.address}/sd/printers", timeout=10) as answer:
        groups = json.load(answer)
    return {group["targets"][0] for group in groups if group["labels"]["__meta_printer_address"]}


def targets(server: Prometheus, job: str) -> dict[str, str]:
    """Return the address that each printer, or other target, of a job is scraped at."""
    found = [one for one in server.api("targets")["activeTargets"] if one["labels"]["job"] == job]
    return {one["labels"].get("printer", one["labels"]["instance"]): one["labels"]["instance"] for one in found}


def test_the_example_is_a_valid_configuration_for_each_number(tmp_path: Path) -> None:
    for number in (0, 1):
        file = tmp_path / "shard.yml"
        file.write_text(numbered(number))
        subprocess.run([str(PROMTOOL), "check", "config", str(file)], check=True, capture_output=True)


def test_every_printer_is_polled_by_one_shard_through_one_exporter(fleet: Fleet) -> None:
    shares = [set(targets(shard, "printers")) for shard in fleet.shards]
    assert shares[0] | shares[1] == NAMES
    assert not shares[0] & shares[1]
    assert all(shares)
    for share, exporter, shard in zip(shares, fleet.exporters, fleet.shards, strict=True):
        assert set(targets(shard, "printers").values()) == {exporter.address}
        assert polled_by(exporter) == share
        assert {dict(labels)["printer"] for labels in shard.vector("printer_up", time.time())} == share


def test_the_store_has_each_printer_once_under_the_labels_that_it_has_everywhere(fleet: Fleet) -> None:
    found = [dict(labels) for labels in fleet.vector("printer_up")]
    assert sorted(one["printer"] for one in found) == sorted(NAMES)
    assert {one["job"] for one in found} == {"printers"}
    assert {one["instance"] for one in found} == {exporter.address for exporter in fleet.exporters}
    others = {"__name__", "job", "instance", "printer", "location", "department"}
    assert all(one.keys() - {"network"} == others for one in found)
    assert fleet.labels('up{job="printers"} == 1', "printer") == sorted(NAMES)
    silent = {dict(labels)["printer"] for labels, up in fleet.vector("printer_up").items() if up == 0}
    assert silent == SILENT


def test_exporters_and_servers_are_each_watched_by_one_server(fleet: Fleet) -> None:
    first, second = fleet.shards
    for job in ("printcam", "printcam-cameras", "prometheus"):
        assert len(targets(first, job)) == len(targets(second, job)) == 1
        assert not targets(first, job).keys() & targets(second, job).keys()
    assert set(targets(first, "prometheus")) == {second.url.removeprefix("http://")}
    assert sorted(fleet.labels("printcam_exporter_build_info", "instance")) == sorted(
        fleet.addresses[name] for name in ("exporter-0:10143", "exporter-1:10143", "cameras-b1:10143")
    )
    until(lambda: bool(fleet.vector('camera_status{status="active"} == 1')))


def test_the_rules_are_answered_from_the_store_for_all_printers_together(fleet: Fleet) -> None:
    counted = fleet.vector(f"sum without (location, status) ({RULES['location_status:printers:count']})")
    assert counted == {(): len(NAMES)}
    assert sum(fleet.vector(RULES["printer:status:code"]).values()) > 0
    assert set(fleet.labels(RULES["PrinterOffline"], "printer")) == SILENT
    for shard in fleet.shards:
        one = shard.vector(f"sum without (location, status) ({RULES['location_status:printers:count']})", time.time())
        assert one[()] < len(NAMES)


def test_only_an_exporter_that_is_down_is_taken_for_one(fleet: Fleet) -> None:
    assert fleet.vector(RULES["PrintcamExporterDown"]) == {}
    down = fleet.labels(RULES["PrintcamOneExporterDown"], "instance")
    assert down == [fleet.addresses["cameras-b2:10143"]]
    watched = [dict(labels) for labels in fleet.vector('up{job=~"printcam.*"}')]
    assert len(watched) == 4
    assert not any("printer" in labels for labels in watched), "the alert would name every printer"


def test_vmalert_writes_what_it_records_to_the_store(fleet: Fleet) -> None:
    until(lambda: len(fleet.vector("printer:status:code")) == len(NAMES))
    until(lambda: fleet.vector("sum(location_status:printers:count)") == {(): len(NAMES)})


# ---- The same forty days in Prometheus and in the store


def rules_for_the_store(folder: Path) -> Path:
    """Return a folder with the rules as the document has them changed for VictoriaMetrics."""
    shutil.copytree(ROOT / "dashboards" / "prometheus" / "rules", folder / "rules")
    shutil.copytree(ROOT / "dashboards" / "grafana", folder / "grafana")
    shell("_prometheus(", folder)
    return folder / "rules"


def changed(expression: str) -> str:
    """Return an expression as the document has it changed; that this is the same is tested."""
    return re.sub(r"\b(increase|changes)\(", r"\1_prometheus(", expression)


@pytest.fixture(scope="module")
def filled(seeded: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A store with what the seeded Prometheus has."""
    folder = tmp_path_factory.mktemp("filled")
    with victoria_metrics(folder, ("-search.maxStalenessInterval=35m",)) as store:
        fill(store, folder, [*history.office(), *recorded(seeded)])
        yield store


def recorded(server: Prometheus) -> Iterator[history.Series]:
    """Yield the series that the recording rules made."""
    for rule in ALL_RULES:
        if rule.is_recording:
            answer = server.api("query", query=f"{rule.name}[{history.DAYS}d]", time=history.END)
            for one in answer["result"]:
                values = {t: float(value) for t, value in one["values"]}
                labels = {name: value for name, value in one["metric"].items() if name != "__name__"}
                yield history.Series(rule.name, labels, values.get, tuple(values))


def differs(expression: str, server: Prometheus, store: Prometheus) -> bool:
    """Tell whether both answer differently.

    MetricsQL keeps a name here and there, and its increase leaves out the first interval of the window.
    """
    of_rules = changed(expression)
    one, other = without_names(server.vector(expression)), without_names(store.vector(of_rules))
    tolerance = 1e-9 if of_rules == expression else EDGE
    return one.keys() != other.keys() or not all(
        math.isclose(value, other[labels], rel_tol=tolerance) for labels, value in one.items()
    )


def without_names(answer: Vector) -> Vector:
    """Return the values by labels other than the metric's name."""
    return {tuple(pair for pair in labels if pair[0] != "__name__"): value for labels, value in answer.items()}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_means_the_same_in_the_store(name: str, seeded: Prometheus, filled: Prometheus) -> None:
    assert not differs(RULES[name], seeded, filled)


def test_what_messages_ask_and_every_panel_mean_the_same_in_the_store(seeded: Prometheus, filled: Prometheus) -> None:
    asked = [text for rule in ALL_RULES for text in rule.asks]
    for uid, made in BY_NAME.items():
        values = values_at_first(made, seeded)
        asked += [question.expression(values) for question in QUESTIONS if question.dashboard == uid]
    asked = [text for text in asked if not promql.metrics(text) & OF_THIS_PROCESS]
    assert len(asked) > 200
    assert [text for text in asked if differs(text, seeded, filled)] == []


def test_a_counter_that_comes_to_another_exporter_has_not_risen(filled: Prometheus, tmp_path: Path) -> None:
    labels = {"printer": "Moved", "location": "B1", "job": "printers", "instance": "exporter-1:10143"}
    moved = history.Series("printer_jams_total", labels, lambda t: 4.0, history.SHORT[-60:])
    fill(filled, tmp_path, [moved])

    def jams(expression: str) -> list[float]:
        found = filled.vector(expression)
        return [value for labels, value in found.items() if dict(labels).get("printer") == "Moved"]

    assert jams(changed(RULES["printer:jams:increase7d"])) == [0]
    assert jams(RULES["printer:jams:increase7d"]) == [4], "why the document has increase() replaced"


def test_the_commands_for_the_rules_do_what_the_tests_do_and_vmalert_takes_the_result(tmp_path: Path) -> None:
    rules = rules_for_the_store(tmp_path)
    for folder, shipped in ((rules, SHARD.parents[1] / "rules"), (tmp_path / "grafana", ROOT / "dashboards/grafana")):
        for path in (path for pattern in ("*.yml", "*.json") for path in folder.glob(pattern)):
            assert path.read_text() == changed((shipped / path.name).read_text())
    shell("keep_firing_for", tmp_path)
    command = [str(VMALERT), "-dryRun", f"-rule={rules}/*.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


def test_the_snippets_are_valid(tmp_path: Path) -> None:
    snippets = {text.split(":")[0]: text for text in code_blocks(DOCUMENT, "yaml")}
    assert snippets.keys() == {"groups", "scrape_configs", "cameras"}
    assert config.parse(snippets["cameras"]).cameras
    for key, kind in (("groups", "rules"), ("scrape_configs", "config")):
        file = tmp_path / f"{key}.yml"
        file.write_text(snippets[key])
        subprocess.run([str(PROMTOOL), "check", kind, str(file)], check=True, capture_output=True)
