"""From a device to a message, on real servers: office, exporter, Prometheus, Alertmanager, with the files as shipped.

What the tests change, all of it in `stack`: addresses, receivers, and time. A scrape takes place every second, the
digest of supplies is due every day, and the constants below say how much faster the rest is.
"""

import asyncio
import math
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from os import getpid
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from exporter.simulator.cameras import OFFICE_CAMERAS
from exporter.simulator.mib import RecomputedMib
from exporter.simulator.office import PLACES, Office
from exporter.simulator.printer import values
from tests.support.alertmanager import ALERTMANAGER, Alertmanager, alertmanager, redirected, shipped, with_digest_on
from tests.support.durations import scaled_rules
from tests.support.prometheus import PROMETHEUS, RULES, Prometheus, free_port, prometheus, wait_until_ready
from tests.support.webhook import Inbox, Message, inbox

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None or ALERTMANAGER is None, reason="prometheus and prometheus-alertmanager are not installed"
)

SPEED = 1 / 120
"""Of the rules: an hour is 30 s, 5 minutes are 2.5 s."""
WAIT = 1 / 60
"""Of Alertmanager's waits: polls and searches are not as much faster as the rules, so the last alert of an outage is
farther behind the first."""
INTERVAL = 1 / 600
"""Of Alertmanager's intervals, so that the end of an alert shows soon."""
LIMIT = 60.0
SWITCH = "sw-b1-1"
AT_SWITCH = ("Accounting", "Reception", "Sales")
CAMERAS_AT_SWITCH = ("Workshop", "Front door")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Devices:
    """The demo office in a thread of its own; its devices can be broken and mended."""

    def __init__(self) -> None:
        self._base = f"127.{200 + getpid() % 50}.0.1"
        self.office = Office(self._base, 0, announce_every=1.0)
        self._cameras = self.office.cameras._cameras
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self.office.start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.office.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def config(self, state: Path) -> str:
        """The exporter's config: that of the demo, polled at any time, with a switch named in B1."""
        config = yaml.safe_load(self.office.config_text())
        config["polling"] |= {"timeout": "500ms", "retries": 0, "min_interval": "500ms"}
        config["cameras"]["search"] |= {"window": "400ms"}
        config["state"]["path"] = str(state)
        at_switch = {"location": "B1", "labels": {"network": SWITCH}}
        networks = (f"{self._base.removesuffix('.1')}.0/30", "127.44.0.8/31")
        config["locations"] = [{"network": one, **at_switch} for one in networks] + config["locations"]
        return yaml.safe_dump(config)

    def switch_printers(self, *names: str, on: bool) -> None:
        """Let printers answer, or not."""
        for place, agent in zip(PLACES, self.office.agents, strict=True):
            if place.name in names:
                self._run(agent.start() if on else agent.close())

    def switch_cameras(self, *names: str, on: bool) -> None:
        """Let all cameras be heard, or all but these; `Front door` is the one that the config calls so."""
        called = {"02:00:5e:10:00:09": "Front door"}

        silent = () if on else names
        self.office.cameras._cameras = tuple(
            replace(one, answers=False, announces=False)
            if called.get(one.device.mac, one.device.name) in silent
            else one
            for one in self._cameras
        )

    def fill(self, name: str, description: str, level: float | None) -> None:
        """Set a supply of a printer to a share of its capacity; None is what it began with."""
        [(place, agent)] = [pair for pair in zip(PLACES, self.office.agents, strict=True) if pair[0].name == name]
        supplies = tuple(
            replace(supply, start=level) if level is not None and description in supply.description else supply
            for supply in place.printer.supplies
        )
        printer = replace(place.printer, supplies=supplies)
        before = agent._mib
        assert isinstance(before, RecomputedMib)
        agent._mib = RecomputedMib(lambda elapsed: values(printer, elapsed), before._elapsed)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


class Exporter:
    """The exporter as a process, which can be stopped and started again."""

    def __init__(self, config: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        options = (f"--config.file={config}", f"--web.listen-address={self.address}")
        self._command = (sys.executable, "-m", "exporter", *options)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        wait_until_ready(f"http://{self.address}/-/ready", self._process)

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(10)


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything between a device and a message."""

    devices: Devices
    exporter: Exporter
    prometheus: Prometheus
    alerts: Alertmanager
    inbox: Inbox

    def value(self, expression: str) -> float:
        """Return what Prometheus says now; not a number where it knows nothing."""
        return next(iter(self.prometheus.vector(expression, time.time()).values()), math.nan)

    def hears(self, status: str, after: int = 0, /, **labels: str) -> Message:
        """Return the first message behind so many that has an alert with this status and these labels."""
        return self.inbox.wait(
            lambda messages: next((one for one in messages if alert_in(one, status, **labels)), None),
            LIMIT,
            after=after,
        )

    def reads(self, words: str, *, after: int = 0) -> dict[str, str]:
        """Return title and text of the first message for people behind so many that has these words."""

        def find(messages: list[Message]) -> dict[str, str] | None:
            notes = (note for one in messages for note in one.body.get("attachments", ()))
            return next((note for note in notes if words in note["text"]), None)

        return self.inbox.wait(find, LIMIT, after=after)


def alert_in(message: Message, status: str, **labels: str) -> dict[str, Any] | None:
    """Return the alert of a message with this status and these labels."""
    found = (one for one in message.alerts if one["status"] == status and labels.items() <= one["labels"].items())
    return next(found, None)


def addressed(text: str, addresses: Mapping[str, str]) -> str:
    """Put addresses of this machine in place of those of the services."""
    for service, address in addresses.items():
        text = text.replace(f"[{service}]", f"[{address}]")
    return text


def prometheus_config(folder: Path, addresses: Mapping[str, str]) -> str:
    """Put the shipped rules, made faster, into `folder`, and return the shipped configuration for these addresses."""
    (folder / "rules").mkdir(parents=True)
    for path in RULES.glob("*.yml"):
        rules = scaled_rules(yaml.safe_load(path.read_text()), SPEED)
        (folder / "rules" / path.name).write_text(yaml.safe_dump(rules))
    text = addressed((RULES.parent / "prometheus.yml").read_text(), addresses)
    return re.sub(r"(_interval|_timeout): \d+s", r"\1: 1s", text)


@contextmanager
def stack(folder: Path) -> Iterator[Stack]:
    """Run everything until the block ends."""
    with ExitStack() as parts:
        devices = parts.enter_context(Devices())
        received = parts.enter_context(inbox())
        receivers = redirected(shipped(), received.url, wait=WAIT, interval=INTERVAL)
        alerts = parts.enter_context(alertmanager(folder / "alertmanager", with_digest_on(receivers, *DAYS)))
        config = folder / "config.yaml"
        config.write_text(devices.config(folder / "state.db"))
        exporter = Exporter(config)
        parts.callback(exporter.stop)
        exporter.start()
        port = free_port()
        addresses = {
            "exporter:10143": exporter.address,
            "alertmanager:9093": alerts.url.removeprefix("http://"),
            "localhost:9090": f"127.0.0.1:{port}",
        }
        text = prometheus_config(folder / "prometheus", addresses)
        server = parts.enter_context(prometheus(folder / "prometheus", text, port=port))
        yield Stack(devices, exporter, server, alerts, received)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, with everything up that should be; some ink runs low at once, which takes longest to be told."""
    with stack(tmp_path_factory.mktemp("stack")) as running:
        until(lambda: running.value("sum(printer_up)") == len(PLACES) - 1)
        until(lambda: running.value('sum(camera_status{status="active"})') == len(OFFICE_CAMERAS))
        running.devices.fill("Design", "Black Ink", 0.08)
        yield running


def until(holds: Callable[[], bool]) -> None:
    """Return once something holds, which is looked at every tenth of a second."""
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.1)


def test_a_printer_that_dies_and_a_camera_that_vanishes_are_told_and_so_is_their_return(office: Stack) -> None:
    before = len(office.inbox.messages)
    office.devices.switch_printers("Training", on=False)
    office.devices.switch_cameras("Lobby", on=False)
    dead = {"alertname": "PrinterOffline", "printer": "Training", "location": "B2", "department": "hr"}
    gone = {"alertname": "CameraOffline", "camera": "Lobby", "location": "B1", "mac": "02:00:5e:10:00:01", "floor": "0"}
    for labels in (dead, gone):
        message = office.hears("firing", before, severity="warning", topic="reachability", **labels)
        assert message.path == "/outages"
        told = alert_in(message, "firing", **labels)
        assert told
        assert told["annotations"]["runbook_url"].endswith(f"/docs/runbooks.md#{labels['alertname'].lower()}")
    note = office.reads("Training", after=before)
    assert note["title"] == "To do: Printers do not answer, Training, B2"
    assert re.search(r"(?m)^- Training \(B2\) has not answered for \S+ at 127\.\S+\. Since \d", note["text"])

    before = len(office.inbox.messages)
    office.devices.switch_printers("Training", on=True)
    office.devices.switch_cameras(on=True)
    for labels in (dead, gone):
        office.hears("resolved", before, **labels)
    assert office.reads("OVER:\n- Printers do not answer. Training", after=before)["title"].startswith("Over: ")


def test_a_dead_switch_is_one_message_with_its_printers_and_cameras(office: Stack) -> None:
    before = len(office.inbox.messages)
    group = {"location": "B1", "network": SWITCH}

    def messages() -> list[Message]:
        return [one for one in office.inbox.messages[before:] if one.body.get("groupLabels") == group]

    office.devices.switch_printers(*AT_SWITCH, on=False)
    office.devices.switch_cameras(*CAMERAS_AT_SWITCH, on=False)
    office.hears("firing", before, alertname="PrintersOfNetworkOffline", **group)
    singles = ("PrinterOffline", "CameraOffline")
    until(lambda: len([one for one in at_switch(office) if one["labels"]["alertname"] in singles]) == 5)
    until(lambda: bool(messages()))

    [message] = messages()
    assert message.path == "/outages"
    assert message.names() == {"PrintersOfNetworkOffline", "CameraOffline"}
    assert {one["labels"].get("camera") for one in message.alerts} == {None, *CAMERAS_AT_SWITCH}
    note = office.reads(SWITCH, after=before)
    assert note["title"] == f"Urgent: Many printers of a network do not answer, B1, {SWITCH} (3 alerts)"
    assert all(name in note["text"] for name in (*AT_SWITCH, *CAMERAS_AT_SWITCH))
    inhibited = [one["labels"].get("printer") for one in at_switch(office) if one["status"]["inhibitedBy"]]
    assert sorted(filter(None, inhibited)) == sorted(AT_SWITCH)
    assert len(messages()) == 1

    office.devices.switch_printers(*AT_SWITCH, on=True)
    office.devices.switch_cameras(on=True)
    office.hears("resolved", before, alertname="PrintersOfNetworkOffline", **group)
    for camera in CAMERAS_AT_SWITCH:
        office.hears("resolved", before, alertname="CameraOffline", camera=camera)
    assert not any("PrinterOffline" in one.names() | one.names("resolved") for one in messages())


def at_switch(office: Stack) -> list[dict[str, Any]]:
    """Return the alerts of the switch's devices on Alertmanager."""
    return [one for one in office.alerts.alerts() if one["labels"].get("network") == SWITCH]


def test_ink_that_runs_low_is_in_the_digest_with_the_part_to_order(office: Stack) -> None:
    low = {"alertname": "PrinterSupplyLow", "printer": "Design", "supply": "Black ink", "location": "B2"}
    message = office.hears("firing", severity="warning", topic="supplies", department="marketing", **low)
    assert message.path == "/supplies"
    told = alert_in(message, "firing", **low)
    assert told
    assert re.fullmatch(
        r"Black ink of Design \(B2\) is low: [78]% left\. Order T9441\.", told["annotations"]["description"]
    )

    before = len(office.inbox.messages)
    office.devices.fill("Design", "Black Ink", None)
    office.hears("resolved", before, **low)


def test_an_exporter_that_is_stopped_is_all_that_is_told_and_its_restart_tells_nothing_else(office: Stack) -> None:
    before = len(office.inbox.messages)
    office.exporter.stop()
    message = office.hears("firing", before, alertname="PrintcamExporterDown", severity="critical")
    assert message.path == "/urgent"
    # Printers and cameras are all inhibited by now, whatever becomes of their alerts.
    assert all(
        one["status"]["inhibitedBy"]
        for one in office.alerts.alerts()
        if not one["labels"]["alertname"].startswith("Printcam")
    )

    office.exporter.start()
    office.hears("resolved", before, alertname="PrintcamExporterDown")
    until(lambda: office.value("sum(printer_up)") == len(PLACES) - 1)
    told = {name for one in office.inbox.messages[before:] for name in one.names() | one.names("resolved")}
    assert told == {"PrintcamExporterDown"}
