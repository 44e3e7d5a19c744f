"""The rules of Prometheus: promtool's scenarios in tests/rules, and what every rule has to have."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import PROMTOOL, RULES

ROOT = Path(__file__).parents[1]
SCENARIOS = sorted((ROOT / "tests" / "rules").glob("*.yml"))
RUNBOOK = "https://github.com/printcam-exporter/printcam-exporter/blob/main/docs/runbooks.md"
SEVERITIES = {"critical", "warning", "info"}
TOPICS = {"supplies", "paper", "faults", "reachability", "pages", "cameras", "exporter"}
ALERT_NAME = re.compile(r"(Printer|Camera|Printcam|AllPrinters)[A-Z]?[A-Za-z]+")
STATE_OF_ALERTS = re.compile(r'alertname="(\w+)"')

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = sorted(rule["record"] for rule in rules() if "record" in rule)


def scenarios() -> Iterator[dict[str, Any]]:
    for path in SCENARIOS:
        yield from yaml.safe_load(path.read_text())["tests"]


def cases() -> Iterator[tuple[str, bool]]:
    """Yield the alert of each case whose whole text is compared, and whether it fires there."""
    for scenario in scenarios():
        for case in scenario.get("alert_rule_test", []):
            yield case["alertname"], bool(case.get("exp_alerts"))


def promtool(*arguments: str | Path) -> str:
    """Return what promtool says; fails the test where it finds fault."""
    done = subprocess.run([str(PROMTOOL), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_finds_no_fault_in_the_rules() -> None:
    said = promtool("check", "rules", *sorted(RULES.glob("*.yml")))
    counts = re.findall(r"SUCCESS: (\d+) rules found", said)
    assert sum(map(int, counts)) == len(ALERTS) + len(RECORDED)


@needs_promtool
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_scenarios_end_as_they_say(path: Path) -> None:
    promtool("test", "rules", path)


def test_no_two_alerts_have_one_name() -> None:
    names = [rule["alert"] for rule in rules() if "alert" in rule]
    assert sorted(names) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_alert_fires_in_a_scenario_and_is_quiet_in_another(alert: str) -> None:
    assert {fires for name, fires in cases() if name == alert} == {True, False}


def test_no_scenario_asks_for_an_alert_that_is_not_there() -> None:
    expressions = [test["expr"] for scenario in scenarios() for test in scenario.get("promql_expr_test", [])]
    named = {name for text in expressions for name in STATE_OF_ALERTS.findall(text)}
    assert {name for name, _ in cases()} | named <= ALERTS.keys()


@pytest.mark.parametrize("name", RECORDED)
def test_the_recorded_series_is_compared_with_what_it_should_be(name: str) -> None:
    tests = [test for scenario in scenarios() for test in scenario.get("promql_expr_test", [])]
    assert any(name in test["expr"] and test.get("exp_samples") for test in tests)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_alert_says_how_bad_it_is_what_it_is_about_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert ALERT_NAME.fullmatch(alert)
    assert rule["labels"].keys() == {"severity", "topic"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["labels"]["topic"] in TOPICS
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"{RUNBOOK}#{alert.lower()}"


@pytest.mark.parametrize("alert", ALERTS)
def test_the_summary_is_one_sentence_and_the_same_for_all_alerts_of_a_group(alert: str) -> None:
    assert re.fullmatch(r"[A-Z][^.{}]+\.", ALERTS[alert]["annotations"]["summary"])


@pytest.mark.parametrize("alert", ALERTS)
def test_the_description_names_the_device_or_the_exporter(alert: str) -> None:
    subject = {"Printer": "$labels.printer", "Camera": "$labels.mac", "Printcam": "$labels.instance"}
    of_many = {"PrintersOfNetworkOffline": "$silent.Labels.printer", "AllPrintersOffline": "$value"}
    of_exporter = {"CameraSegmentBlind": "$labels.instance", "CameraListenerDown": "$labels.instance"}
    first_word = re.match(r"Printer|Camera|Printcam|All", alert)
    assert first_word
    wanted = {**of_many, **of_exporter}.get(alert) or subject[first_word[0]]
    description = ALERTS[alert]["annotations"]["description"]
    assert wanted in description
    assert "$labels.location" in description or wanted in {"$labels.instance", "$value"}


@pytest.mark.parametrize("alert", [name for name, rule in ALERTS.items() if rule["labels"]["topic"] == "supplies"])
def test_an_alert_on_a_supply_names_the_part_to_order(alert: str) -> None:
    description = ALERTS[alert]["annotations"]["description"]
    assert 'label "part" $info' in description
    assert 'label "description" $info' in description


@pytest.mark.parametrize("alert", ALERTS)
def test_the_alert_waits_for_some_polls(alert: str) -> None:
    assert re.fullmatch(r"[1-9]\d*[mh]", ALERTS[alert]["for"])
    assert ALERTS[alert]["for"] not in {"1m", "2m"}


@pytest.mark.parametrize("alert", [name for name in ALERTS if name.startswith("Printer")])
def test_maintenance_silences_what_is_about_a_printer(alert: str) -> None:
    # The series of PrintersOfNetworkOffline leaves such printers out itself.
    expression = ALERTS[alert]["expr"]
    assert "printer_maintenance" in expression or "printer:silent:bool" in expression


def test_what_is_recorded_once_an_hour_is_looked_for_over_two_hours() -> None:
    groups = (group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"])
    hourly = {rule["record"] for group in groups if group.get("interval") == "1h" for rule in group["rules"]}
    assert hourly
    for rule in rules():
        for name in hourly:
            assert name not in rule["expr"].replace(f"last_over_time({name}", ""), rule.get("record") or rule["alert"]


def test_there_is_a_runbook_for_each_alert_and_none_for_others() -> None:
    headings = re.findall(r"(?m)^### (.*)$", (ROOT / "docs" / "runbooks.md").read_text())
    assert sorted(headings) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_runbook_says_what_to_check_and_what_makes_the_alert_quiet(alert: str) -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text()
    section = re.split(r"(?m)^##+ ", text.split(f"### {alert}\n", 1)[1])[0]
    assert re.search(r"(?m)^1\. ", section)
    assert re.search(r"(?m)^Quiet ", section)


@pytest.mark.parametrize(
    "alert",
    [
        "PrinterJammed",
        "PrinterCoverOpen",
        "PrinterServiceRequested",
        "PrinterOutOfPaper",
        "PrinterOffline",
        "PrintersOfNetworkOffline",
        "CameraOffline",
    ],
)
def test_the_runbook_tells_how_long_the_alert_waits(alert: str) -> None:
    words = {"5m": "for five minutes", "10m": "for ten minutes", "15m": "for a quarter of an hour", "1h": "for an hour"}
    text = (ROOT / "docs" / "runbooks.md").read_text()
    first = text.split(f"### {alert}\n", 1)[1].strip().split("\n\n")[0]
    assert words[ALERTS[alert]["for"]] in " ".join(first.split())
