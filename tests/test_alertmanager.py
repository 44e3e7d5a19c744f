"""Who is told what: routes, inhibition, the weekly digest and the words; the shipped files on a real Alertmanager."""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.alertmanager import (
    ALERTMANAGER,
    AMTOOL,
    FOLDER,
    Alertmanager,
    alertmanager,
    redirected,
    shipped,
    with_digest_on,
)
from tests.support.durations import seconds
from tests.support.examples import uncommented
from tests.support.prometheus import RULES
from tests.support.webhook import inbox

pytestmark = pytest.mark.skipif(
    ALERTMANAGER is None or AMTOOL is None, reason="prometheus-alertmanager is not installed"
)

ALERTS = [
    rule
    for path in sorted(RULES.glob("alerts-*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
RECEIVERS = {
    "nobody": {"PrinterPageAnomaly", "PrinterIdentityChanged"},
    "urgent": {
        "PrinterSupplyEmpty",
        "PrinterWasteFull",
        "PrinterJammed",
        "CameraListenerDown",
        "PrintcamExporterDown",
    },
    "outages": {
        "PrinterOffline",
        "PrintersOfNetworkOffline",
        "AllPrintersOffline",
        "CameraOffline",
        "CameraMissing",
        "CameraSegmentBlind",
    },
    "supplies": {"PrinterSupplyLow", "PrinterSupplyEmptySoon", "PrinterWasteNearlyFull"},
    "team": {
        "PrinterManyJams",
        "PrinterCoverOpen",
        "PrinterServiceRequested",
        "PrinterOutOfPaper",
        "CameraAddressChanged",
        "CameraAddressConflict",
        "CameraNew",
        "CameraPasswordNotSet",
        "PrintcamOneExporterDown",
        "PrintcamCycleTooSlow",
        "PrintcamReloadFailed",
        "PrintcamInventoryFileNotLoaded",
        "PrintcamAuditNotWritable",
        "PrintcamStateNotWritable",
        "PrintcamPrintServerFailing",
    },
}


def amtool(*arguments: str) -> str:
    environment = os.environ | {"TZ": "UTC"}
    done = subprocess.run([str(AMTOOL), *arguments], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def receiver_of(labels: dict[str, str], config: Path = FOLDER / "alertmanager.yml") -> str:
    pairs = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={config}", *pairs).strip()


@pytest.fixture
def with_examples(tmp_path: Path) -> Path:
    """The config with every example put to use, but for two keys that are newer than 0.25."""
    config = yaml.safe_load(uncommented((FOLDER / "alertmanager.yml").read_text()))
    for receiver in config["receivers"]:
        receiver.pop("msteamsv2_configs", None)
        for webhook in receiver.get("webhook_configs", ()):
            webhook["url"] = f"https://example.com{webhook.pop('url_file')}"
    (tmp_path / "printcam.tmpl").write_text((FOLDER / "printcam.tmpl").read_text())
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_config_is_valid() -> None:
    assert "SUCCESS" in amtool("check-config", str(FOLDER / "alertmanager.yml"))


def test_nobody_is_told_before_somebody_chooses_how() -> None:
    assert all(receiver.keys() == {"name"} for receiver in shipped()["receivers"])


def test_every_example_is_valid_where_it_stands(with_examples: Path) -> None:
    assert "SUCCESS" in amtool("check-config", str(with_examples))
    kinds = {key for receiver in yaml.safe_load(with_examples.read_text())["receivers"] for key in receiver}
    assert kinds == {"name", "email_configs", "slack_configs", "webhook_configs"}


def test_an_example_uses_only_templates_that_exist() -> None:
    defined = set(re.findall(r'define "([\w.]+)"', (FOLDER / "printcam.tmpl").read_text()))
    used = set(re.findall(r'template "([\w.]+)"', uncommented((FOLDER / "alertmanager.yml").read_text())))
    assert used
    assert used <= defined


def test_no_secret_is_asked_for_in_the_config_itself() -> None:
    text = uncommented((FOLDER / "alertmanager.yml").read_text())
    secrets = re.findall(r"(?m)^[\s-]*(\w*(?:password|url|token|secret|key)\w*): (?!https://…)", text)
    assert secrets
    assert all(name.endswith("_file") for name in secrets)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_reaches_whom_it_is_meant_for(rule: dict[str, Any]) -> None:
    labels = {"alertname": rule["alert"], "location": "B1", **rule["labels"]}
    [meant] = [name for name, alerts in RECEIVERS.items() if rule["alert"] in alerts]
    assert receiver_of(labels) == meant


def test_every_alert_is_meant_for_one_receiver_and_every_receiver_is_used() -> None:
    names = [name for alerts in RECEIVERS.values() for name in alerts]
    assert sorted(names) == sorted({rule["alert"] for rule in ALERTS})
    assert RECEIVERS.keys() == {receiver["name"] for receiver in shipped()["receivers"]}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_a_building_can_have_everything_but_context_to_itself(rule: dict[str, Any], with_examples: Path) -> None:
    labels = {"alertname": rule["alert"], **rule["labels"]}
    theirs = "nobody" if rule["labels"]["severity"] == "info" else "team-b1"
    assert receiver_of(labels | {"location": "B1"}, with_examples) == theirs
    assert receiver_of(labels | {"location": "B2"}, with_examples) != "team-b1"


def test_the_example_of_a_building_waits_and_groups_as_the_common_routes_do(with_examples: Path) -> None:
    building, *common = yaml.safe_load(with_examples.read_text())["route"]["routes"]
    timing = ("group_by", "group_wait", "group_interval", "active_time_intervals")
    for one in building["routes"]:
        [same] = [route for route in common if route["matchers"] == one["matchers"]]
        assert {key: one[key] for key in timing if key in one} == {key: same[key] for key in timing if key in one}


def duration_of(name: str) -> float:
    [rule] = [rule for rule in ALERTS if rule["alert"] == name]
    return seconds(rule["for"])


def test_an_outage_waits_until_its_last_alert_can_have_come() -> None:
    [outages] = [route for route in shipped()["route"]["routes"] if route["receiver"] == "outages"]
    first = min(duration_of("PrintersOfNetworkOffline"), duration_of("CameraSegmentBlind"))
    last = max(duration_of("PrinterOffline"), duration_of("CameraOffline"))
    # A single device is given up after two or three rounds of a minute, and the scrape may come a minute late.
    assert seconds(outages["group_wait"]) > last + 4 * 60 - first


def test_the_digest_is_looked_at_in_every_interval_and_forgotten_within_a_week() -> None:
    config = shipped()
    [digest] = [route for route in config["route"]["routes"] if route["receiver"] == "supplies"]
    [interval] = config["time_intervals"][0]["time_intervals"]
    begin, end = (datetime.strptime(interval["times"][0][key], "%H:%M") for key in ("start_time", "end_time"))  # noqa: DTZ007
    hour = (end - begin).total_seconds()
    assert hour / 2 < seconds(digest["group_interval"]) < hour
    # Alertmanager forgets after --data.retention, 120 h; a longer repeat_interval would only be logged as a mistake.
    assert hour < seconds(digest["repeat_interval"]) <= 120 * 3_600


def printer(name: str, printer: str = "Sales", location: str = "B1", **labels: str) -> dict[str, str]:
    return {"alertname": name, "printer": printer, "location": location, **labels}


def camera(name: str, mac: str = "02:00:5e:10:00:01", **labels: str) -> dict[str, str]:
    return {"alertname": name, "mac": mac, "location": "B1", **labels}


NETWORK = {"alertname": "PrintersOfNetworkOffline", "location": "B1", "network": "sw-1"}
EXPORTER = {"alertname": "PrintcamExporterDown", "job": "printcam", "instance": "exporter:10143"}
EMPTY, SOON, LOW = ("PrinterSupplyEmpty", "PrinterSupplyEmptySoon", "PrinterSupplyLow")


@pytest.mark.parametrize(
    ("cause", "quiet", "loud"),
    [
        pytest.param(
            EXPORTER,
            [printer("PrinterJammed"), camera("CameraMissing"), NETWORK, {"alertname": "AllPrintersOffline"}],
            [EXPORTER | {"alertname": "PrintcamStateNotWritable"}],
            id="the exporter over all",
        ),
        pytest.param(
            {"alertname": "AllPrintersOffline"},
            [NETWORK, printer("PrinterOffline"), printer("PrinterOffline", location="B2", network="sw-2")],
            [camera("CameraOffline"), EXPORTER | {"alertname": "PrintcamCycleTooSlow"}],
            id="all printers over networks",
        ),
        pytest.param(
            NETWORK,
            [printer("PrinterOffline", network="sw-1"), printer("PrinterOffline", "Legal", network="sw-1")],
            [
                printer("PrinterOffline", "Design", "B2", network="sw-1"),
                printer("PrinterOffline", "Canteen", network="sw-2"),
                printer("PrinterOffline", "Hall"),
                camera("CameraOffline", network="sw-1"),
                printer("PrinterJammed", "Archive", network="sw-1"),
            ],
            id="a network over its printers",
        ),
        pytest.param(
            {"alertname": "PrintersOfNetworkOffline", "location": "B1"},
            [printer("PrinterOffline")],
            [printer("PrinterOffline", "Legal", network="sw-1")],
            id="a location without networks over its printers",
        ),
        pytest.param(
            printer("PrinterOffline"),
            [printer(LOW, supply="Black toner"), printer("PrinterCoverOpen", cover="Front")],
            [printer(LOW, "Legal", supply="Black toner"), NETWORK, camera("CameraOffline")],
            id="a printer over what it said last",
        ),
        pytest.param(
            printer(EMPTY, supply="Black toner"),
            [printer(LOW, supply="Black toner"), printer(SOON, supply="Black toner")],
            [printer(LOW, supply="Cyan toner"), printer(SOON, "Legal", supply="Black toner")],
            id="empty over nearly empty",
        ),
        pytest.param(
            printer("PrinterWasteFull", supply="Waste toner"),
            [printer("PrinterWasteNearlyFull", supply="Waste toner")],
            [printer("PrinterWasteNearlyFull", supply="Waste ink")],
            id="full over nearly full",
        ),
        pytest.param(
            {"alertname": "CameraSegmentBlind", "interface": "eth0", "location": "B1", "network": "sw-1"},
            [camera("CameraOffline", network="sw-1"), camera("CameraMissing", network="sw-1")],
            [camera("CameraOffline", "02:00:5e:10:00:02"), printer("PrinterOffline", network="sw-1")],
            id="a blind segment over its cameras",
        ),
        pytest.param(
            printer(SOON, supply="Black toner"),
            [printer(LOW, supply="Black toner")],
            [printer(LOW, supply="Cyan toner"), printer(LOW, "Legal", supply="Black toner")],
            id="empty soon over low",
        ),
        pytest.param(
            camera("CameraMissing"),
            [camera("CameraOffline")],
            [camera("CameraOffline", "02:00:5e:10:00:02"), camera("CameraAddressChanged")],
            id="missing over offline",
        ),
    ],
)
def test_a_cause_keeps_its_consequences_quiet_and_nothing_else(
    cause: dict[str, str], quiet: Sequence[dict[str, str]], loud: Sequence[dict[str, str]], tmp_path: Path
) -> None:
    with alertmanager(tmp_path, shipped()) as server:
        server.post([cause, *quiet, *loud])
        expected = sorted(map(_in_order, [cause, *loud]))
        # It takes alerts in and judges them in threads of their own.
        until = time.monotonic() + 10
        while (told := sorted(map(_in_order, told_by(server)))) != expected and time.monotonic() < until:
            time.sleep(0.05)
    assert told == expected


def told_by(server: Alertmanager) -> list[dict[str, str]]:
    return [alert["labels"] for alert in server.alerts() if not alert["status"]["inhibitedBy"]]


def _in_order(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(labels.items())


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def digest_config(url: str, *days: datetime) -> Any:
    """The shipped config with short waits, and with the digest due on the weekdays of these days."""
    config = redirected(shipped(), url, wait=1 / 600, interval=1 / 600)
    return with_digest_on(config, *(DAYS[day.weekday()] for day in days))


LOW_AND_EMPTY = [
    printer(LOW, supply="Black toner", severity="warning", topic="supplies"),
    printer(LOW, "Legal", supply="Cyan toner", severity="warning", topic="supplies"),
    printer(EMPTY, "Hall", supply="Cyan toner", severity="critical", topic="supplies"),
]


def test_supplies_that_run_low_are_one_message_on_the_day_of_the_digest(tmp_path: Path) -> None:
    today = datetime.now(UTC)
    with inbox() as received:
        config = digest_config(received.url, today, today + timedelta(days=1))
        with alertmanager(tmp_path, config) as server:
            server.post(LOW_AND_EMPTY)
            digest = received.wait(lambda came: next((one for one in came if one.path == "/supplies"), None), 20)
    assert {alert["labels"]["printer"] for alert in digest.alerts} == {"Sales", "Legal"}


def test_supplies_that_run_low_wait_for_the_day_of_the_digest_but_empty_ones_do_not(tmp_path: Path) -> None:
    with inbox() as received:
        config = digest_config(received.url, datetime.now(UTC) + timedelta(days=3))
        with alertmanager(tmp_path, config) as server:
            server.post(LOW_AND_EMPTY)
            received.wait(lambda came: any(one.path == "/urgent" for one in came), 20)
            # What was raised later and waits as long has been told: the digest's group was looked at, to no effect.
            server.post([printer("PrinterCoverOpen", severity="warning", topic="faults")])
            received.wait(lambda came: any(one.path == "/team" for one in came), 20)
    assert not [message for message in received.messages if message.path.startswith("/supplies")]


def test_the_document_s_route_takes_every_alert_in() -> None:
    [matcher] = re.findall(r"matchers: \[alertname =~ \"(.+)\"\]", (FOLDER.parent / "README.md").read_text())
    assert [rule["alert"] for rule in ALERTS if not re.fullmatch(matcher, rule["alert"])] == []


def alert(name: str, severity: str, summary: str, description: str, at: str, **labels: str) -> dict[str, Any]:
    return {
        "status": labels.pop("status", "firing"),
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"https://example.com/runbooks.md#{name.lower()}",
        },
        "startsAt": f"2026-11-21T{at}:00Z",
    }


JAM = alert(
    "PrinterJammed",
    "critical",
    "A printer is jammed.",
    "Meeting Room 1 (B1) is jammed.",
    "09:05",
    printer="Meeting Room 1",
    location="B1",
)
AT_SWITCH = {"location": "B1", "network": "sw-b1-2"}
OUTAGE = [
    alert(
        "CameraOffline", "warning", "A camera is offline.", "Dock (B1) is offline.", "14:10", camera="Dock", **AT_SWITCH
    ),
    alert(
        "CameraOffline", "warning", "A camera is offline.", "Gate <2> is offline.", "14:11", camera="Gate", **AT_SWITCH
    ),
    alert(
        "PrintersOfNetworkOffline",
        "critical",
        "A network is off.",
        "4 of 5 printers do not answer.",
        "14:05",
        **AT_SWITCH,
    ),
]
OVER = [one | {"status": "resolved"} for one in OUTAGE[:2]]


def message(alerts: Sequence[dict[str, Any]], **group: str) -> dict[str, Any]:
    firing = any(one["status"] == "firing" for one in alerts)
    return {
        "status": "firing" if firing else "resolved",
        "alerts": alerts,
        "groupLabels": group,
        "commonLabels": _common(alerts),
    }


def _common(alerts: Sequence[dict[str, Any]]) -> dict[str, str]:
    return dict(set[Any].intersection(*(set(one["labels"].items()) for one in alerts)))


def rendered(template: str, told: dict[str, Any], folder: Path, kind: str = "text") -> str:
    data = folder / "data.json"
    data.write_text(json.dumps(told))
    return amtool(
        "template",
        "render",
        f"--template.glob={FOLDER}/printcam.tmpl",
        f'--template.text={{{{ template "printcam.{template}" . }}}}',
        f"--template.type={kind}",
        f"--template.data={data}",
    )


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (message([JAM], topic="faults", location="B1"), "Urgent: A printer is jammed, Meeting Room 1, B1"),
        (message(OUTAGE[:2], location="B1"), "To do: A camera is offline, B1 (2 alerts)"),
        (message(OUTAGE, **AT_SWITCH), "Urgent: A network is off, B1, sw-b1-2 (3 alerts)"),
        (message(OUTAGE[:1], **AT_SWITCH), "To do: A camera is offline, Dock, B1, sw-b1-2"),
        (message([*OUTAGE[2:], *OVER], **AT_SWITCH), "Urgent: A network is off, B1, sw-b1-2"),
        (message(OVER, **AT_SWITCH), "Over: A camera is offline, B1, sw-b1-2 (2 alerts)"),
    ],
)
def test_the_subject_tells_what_where_and_how_many(told: dict[str, Any], subject: str, tmp_path: Path) -> None:
    assert rendered("subject", told, tmp_path) == subject


def test_the_text_has_the_worst_first_and_a_line_for_each_device(tmp_path: Path) -> None:
    assert rendered("text", message([*OUTAGE, JAM, *OVER[:1]], location="B1"), tmp_path) == (
        "CRITICAL: A network is off.\n"
        "What to do: https://example.com/runbooks.md#printersofnetworkoffline\n"
        "- 4 of 5 printers do not answer. Since 21 Nov 14:05.\n"
        "  http://localhost:3000/d/printcam-office\n"
        "\n"
        "CRITICAL: A printer is jammed.\n"
        "What to do: https://example.com/runbooks.md#printerjammed\n"
        "- Meeting Room 1 (B1) is jammed. Since 21 Nov 09:05.\n"
        "  http://localhost:3000/d/printcam-printer?var-printer=Meeting+Room+1\n"
        "\n"
        "WARNING: A camera is offline.\n"
        "What to do: https://example.com/runbooks.md#cameraoffline\n"
        "- Dock (B1) is offline. Since 21 Nov 14:10.\n"
        "  http://localhost:3000/d/printcam-cameras?var-camera=Dock\n"
        "- Gate <2> is offline. Since 21 Nov 14:11.\n"
        "  http://localhost:3000/d/printcam-cameras?var-camera=Gate\n"
        "\n"
        "OVER:\n"
        "- A camera is offline. Dock (B1) is offline.\n"
    )


def test_the_mail_is_the_same_in_html_with_the_devices_words_escaped(tmp_path: Path) -> None:
    page = rendered("html", message([*OUTAGE, JAM, *OVER[:1]], location="B1"), tmp_path, "html")
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).strip()
    assert words == (
        "A network is off. What to do 4 of 5 printers do not answer. Since 21 Nov 14:05. "
        "A printer is jammed. What to do Meeting Room 1 (B1) is jammed. Since 21 Nov 09:05. "
        "A camera is offline. What to do Dock (B1) is offline. Since 21 Nov 14:10. "
        "Gate &lt;2&gt; is offline. Since 21 Nov 14:11. "
        "Over A camera is offline. Dock (B1) is offline. All printers and cameras"
    )
    assert re.findall(r'href="([^"]+)"', page) == [
        "https://example.com/runbooks.md#printersofnetworkoffline",
        "http://localhost:3000/d/printcam-office",
        "https://example.com/runbooks.md#printerjammed",
        "http://localhost:3000/d/printcam-printer?var-printer=Meeting&#43;Room&#43;1",
        "https://example.com/runbooks.md#cameraoffline",
        "http://localhost:3000/d/printcam-cameras?var-camera=Dock",
        "http://localhost:3000/d/printcam-cameras?var-camera=Gate",
        "http://localhost:3000/d/printcam-office",
    ]


@pytest.mark.parametrize(
    ("labels", "page"),
    [
        ({"alertname": "PrinterJammed", "printer": "A & B"}, "printcam-printer?var-printer=A+%26+B"),
        ({"alertname": "CameraOffline", "camera": "正面"}, "printcam-cameras?var-camera=%E6%AD%A3%E9%9D%A2"),
        ({"alertname": "CameraSegmentBlind", "interface": "eth0"}, "printcam-cameras"),
        ({"alertname": "PrintcamExporterDown", "instance": "exporter:10143"}, "printcam-exporter"),
        ({"alertname": "AllPrintersOffline"}, "printcam-office"),
    ],
)
def test_an_alert_leads_to_a_dashboard_that_exists(labels: dict[str, str], page: str, tmp_path: Path) -> None:
    one = {"status": "firing", "labels": {"severity": "critical", **labels}, "annotations": {"summary": "It is so."}}
    [link] = re.findall(r"http://localhost:3000/d/(\S+)", rendered("text", message([one]), tmp_path))
    assert link == page
    name, _, variable = page.partition("?var-")
    dashboard = json.loads((FOLDER.parent / "grafana" / f"{name}.json").read_text())
    assert variable.split("=")[0] in {"", *(one["name"] for one in dashboard["templating"]["list"])}
