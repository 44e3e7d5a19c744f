"""Every query of every dashboard, and every rule, on a Prometheus with forty days of the office."""

import json
import math
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from dashboards.source.grafana import Json
from exporter.discovery.roster import Overview
from exporter.discovery.servers import Status
from exporter.metrics.exporter import Self, self_registry
from exporter.metrics.families import CAMERA_FAMILIES, PRINTER_FAMILIES
from exporter.metrics.inventory import add_inventory
from exporter.metrics.printservers import add_print_servers
from tests.support import history, promql
from tests.support.prometheus import PROMTOOL, RULES, Prometheus
from tests.support.questions import Question, options, questions, selected_by, values_at_first
from tests.support.sample_dashboard import planted, sample

ROOT = Path(__file__).parents[1]
DASHBOARDS: list[Json] = [
    json.loads(path.read_text()) for path in sorted((ROOT / "dashboards" / "grafana").glob("*.json"))
]
BY_NAME = {made["uid"].removeprefix("printcam-"): made for made in DASHBOARDS}
QUESTIONS = [question for made in DASHBOARDS for question in questions(made)]
VARIABLES = [
    (made, variable)
    for made in DASHBOARDS
    for variable in made["templating"]["list"]
    if variable["type"] not in {"datasource", "textbox"}
]

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


RIGHTLY_EMPTY = {
    "printer/Its own alert table/A": ("the first printer has no alert", {"printer": "Canteen"}),
    "printer/Oddities/A": ("the first printer has none", {"printer": "IT Lab"}),
    "printer/Oddities/B": ("the first printer was not exchanged", {"printer": "Training"}),
    "printer/What happened most/A": ("nothing happened to the first printer", {"printer": "Meeting Room 1"}),
}
"""Queries without data where the dashboard opens: why, and a choice with which there is some."""

NOT_SHOWN = {
    "camera_up": "one missed search means nothing; its status is shown",
    "printcam_exporter_inventory_changes_total": "the audit log tells what they were",
    "printcam_exporter_inventory_conflicts": "for questions about the inventory",
    "printcam_exporter_inventory_file_printers": "for questions about the inventory",
    "printcam_exporter_print_server_last_success_timestamp_seconds": "an alert tells that a server fails",
    "printcam_exporter_print_server_poll_failures_total": "an alert tells that a server fails",
    "printcam_exporter_print_server_polls_total": "beside its failures",
    "printcam_exporter_print_server_printers": "for questions about one server",
    "printcam_exporter_print_server_queues_left_out": "for questions about one server",
    "printer_discovered_info": "tells of a print server, for questions about the inventory",
    "printer_vanished_timestamp_seconds": "a printer that left its print server is dropped by itself",
    "printer_supply_capacity": "in units that differ; its share is shown",
    "printer_supply_level": "in units that differ; its share is shown",
    "printer_supply_tracked_since_timestamp_seconds": "what is shown is when it was installed",
    "process_virtual_memory_bytes": "the resident memory is what it costs",
    "python_gc_collections_total": "for debugging the exporter",
    "python_gc_objects_collected_total": "for debugging the exporter",
    "python_gc_objects_uncollectable_total": "for debugging the exporter",
    "python_info": "the version stands in printcam_exporter_build_info",
}
"""Metrics that no panel and no rule asks for, and why."""

CHOOSES_EXPORTERS = 'instance=~"$instance"'
OF_ONE_EXPORTER = {
    "CameraSegmentBlind": "its interface; the same name is another network elsewhere",
    "CameraListenerDown": "its port; the other exporter's is no help to it",
    "PrintcamExporterDown": "the exporter itself",
    "PrintcamOneExporterDown": "the exporter itself",
    "PrintcamCycleTooSlow": "the exporter itself",
    "PrintcamReloadFailed": "its config",
    "PrintcamInventoryFileNotLoaded": "its file",
    "PrintcamAuditNotWritable": "its audit log",
    "PrintcamStateNotWritable": "its state file",
    "PrintcamPrintServerFailing": "its way to the server, and its account there",
}
"""Alerts that keep the labels of the target, and whose it is."""
OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS", "ALERTS_FOR_STATE"}
USER_LABELS = {"department", "floor", "network"}
"""Labels that a config gives devices, as far as queries name them."""
OF_ALERTS = {"alertname", "alertstate", "severity", "topic", "location", "printer", "supply", "mac", "camera"}
ASKED_IN_TEXTS = re.compile(r'"((?:[^"\\]|\\.)+)"[^}|"]*\| query')


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of Prometheus."""

    name: str
    expression: str
    is_recording: bool
    asks: tuple[str, ...]
    """What the texts of an alert ask for, with any text for the alert's labels."""


def rules() -> Iterator[Rule]:
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                texts = "".join(rule.get("annotations", {}).values())
                asks = (text.replace("%q", '"x"').replace('\\"', '"') for text in ASKED_IN_TEXTS.findall(texts))
                yield Rule(rule.get("record") or rule["alert"], rule["expr"], "record" in rule, tuple(asks))


ALL_RULES = list(rules())


def every_expression(server: Prometheus) -> dict[str, str]:
    """Return the expressions of all panels, annotations, variables and rules, by where they stand."""
    found = {
        f"rule {rule.name} {number}": text
        for rule in ALL_RULES
        for number, text in enumerate((rule.expression, *rule.asks))
    }
    for made in DASHBOARDS:
        values = values_at_first(made, server)
        found |= {str(question): question.expression(values) for question in questions(made)}
        found |= {
            f"{made['uid']} ${variable['name']}": selected_by(variable, values)
            for variable in made["templating"]["list"]
            if variable["type"] == "query"
        }
    return found


def families() -> set[str]:
    """Return the names of the exporter's own metrics."""
    state = Self(1, 1, True, 1, 1.0, True, 1.0)
    registry = self_registry(lambda: state)
    add_inventory(registry, lambda: Overview({"b1.yaml": (True, 1)}, audit_writable=True))
    add_print_servers(registry, lambda: {"windows://dc3": Status(up=True, last_success=1.0)})
    own = (sample.name for metric in registry.collect() for sample in metric.samples)
    return {family.name for family in PRINTER_FAMILIES + CAMERA_FAMILIES} | set(own)


@pytest.fixture(scope="module")
def values(seeded: Prometheus) -> dict[str, dict[str, str]]:
    """What the variables of each dashboard stand for when it is opened."""
    return {name: values_at_first(made, seeded) for name, made in BY_NAME.items()}


def numbers(answer: list[Any]) -> list[float]:
    """Return the values of an answer that are numbers."""
    found = (point[1] for one in answer for point in one.get("values", [one.get("value")]))
    return [float(value) for value in found if not math.isnan(float(value))]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_the_query_is_answered_with_data(
    question: Question, seeded: Prometheus, values: dict[str, dict[str, str]]
) -> None:
    answered = bool(numbers(question.answer(seeded, values[question.dashboard])))
    assert answered != (str(question) in RIGHTLY_EMPTY)


@pytest.mark.parametrize("name", RIGHTLY_EMPTY)
def test_a_query_that_is_rightly_empty_is_answered_with_another_choice(
    name: str, seeded: Prometheus, values: dict[str, dict[str, str]]
) -> None:
    (question,) = [question for question in QUESTIONS if str(question) == name]
    assert numbers(question.answer(seeded, values[question.dashboard] | RIGHTLY_EMPTY[name][1]))


@pytest.mark.parametrize(("made", "variable"), VARIABLES, ids=lambda one: one.get("uid") or one["name"])
def test_the_variable_offers_something(made: Json, variable: Json, seeded: Prometheus) -> None:
    assert options(variable, values_at_first(made, seeded), seeded)


def test_prometheus_can_parse_every_query(seeded: Prometheus, tmp_path: Path) -> None:
    expressions = every_expression(seeded)
    recorded = [{"record": "a:b:c", "expr": text, "labels": {"of": name}} for name, text in expressions.items()]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(expressions)} rules found" in done.stdout


def test_every_metric_that_is_named_exists(seeded: Prometheus) -> None:
    exist = families() | OF_PROMETHEUS | {rule.name for rule in ALL_RULES if rule.is_recording}
    named = {name: promql.metrics(text) for name, text in every_expression(seeded).items()}
    assert {name: found - exist for name, found in named.items() if found - exist} == {}


def test_every_metric_is_on_a_dashboard_or_in_a_rule_or_is_left_out_on_purpose(seeded: Prometheus) -> None:
    named = {metric for text in every_expression(seeded).values() for metric in promql.metrics(text)}
    assert families() - named - set(NOT_SHOWN) == set()
    assert set(NOT_SHOWN) - families() | set(NOT_SHOWN) & named == set()


def documented_labels() -> dict[str, set[str]]:
    """Return the labels of our metrics but for those of every device: an empty one is no label to Prometheus."""
    found: dict[str, set[str]] = {}
    before: set[str] = set()
    for row in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if columns := re.match(r"\| `(\w+)` \| \w+ \|([^|]*)\|", row):
            same = before if "the same and" in columns[2] else set()
            before = found[columns[1]] = set(re.findall(r"`(\w+)`", columns[2])) | same
    return found


@pytest.fixture(scope="module")
def labels(seeded: Prometheus) -> promql.Labels:
    """Tells the labels of a metric: those of its series, and those that it has by the documents."""
    known = documented_labels() | {"ALERTS": OF_ALERTS}
    scraped = families()
    seen: dict[str, set[str]] = {}

    def labels_of(metric: str) -> set[str]:
        if metric not in seen:
            selected = urlencode({"match[]": metric, "start": history.START, "end": history.END})
            found = {*seeded.api(f"labels?{selected}"), *known.get(metric, ()), *USER_LABELS}
            seen[metric] = found | (promql.TARGET if metric in scraped else set())
        return seen[metric]

    return labels_of


def test_every_label_that_is_named_exists_and_joins_are_between_reduced_series(
    seeded: Prometheus, labels: promql.Labels
) -> None:
    faults = {name: promql.label_faults(text, labels) for name, text in every_expression(seeded).items()}
    assert {name: found for name, found in faults.items() if found} == {}


def test_no_result_has_the_labels_of_a_target_but_where_exporters_are_the_subject(
    values: dict[str, dict[str, str]], labels: promql.Labels
) -> None:
    asked = {rule.name: rule.expression for rule in ALL_RULES if rule.name not in OF_ONE_EXPORTER} | {
        str(question): question.expression(values[question.dashboard])
        for question in QUESTIONS
        if CHOOSES_EXPORTERS not in question.template
    }
    assert [name for name, text in asked.items() if promql.result_labels(text, labels) & promql.TARGET] == []
    for rule in ALL_RULES:
        if rule.name in OF_ONE_EXPORTER:
            assert "instance" in promql.result_labels(rule.expression, labels), rule.name


def test_nothing_is_counted_over_what_is_reduced(seeded: Prometheus) -> None:
    assert [name for name, text in every_expression(seeded).items() if promql.reduced_too_early(text)] == []


def points(answer: list[Any]) -> dict[tuple[frozenset[tuple[str, str]], float], float]:
    """Return the values of an answer by their labels and times."""
    return {
        (frozenset(one["metric"].items()), t): float(value)
        for one in answer
        for t, value in one.get("values", [one.get("value")])
    }


def same(once: list[Any], twice: list[Any]) -> bool:
    """Return whether two answers are the same, but for how the last digits of numbers were rounded."""
    one, two = points(once), points(twice)
    return one.keys() == two.keys() and all(
        math.isclose(value, two[key], rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(value) and math.isnan(two[key]))
        for key, value in one.items()
    )


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_the_query_gives_the_same_where_two_exporters_are_scraped(
    question: Question, seeded: Prometheus, doubled: Prometheus
) -> None:
    made = BY_NAME[question.dashboard]
    once, twice = (question.answer(server, values_at_first(made, server)) for server in (seeded, doubled))
    if CHOOSES_EXPORTERS in question.template:
        # Here the exporters themselves are shown, each for itself.
        assert len(twice) == 2 * len(once)
        twice = [one for one in twice if one["metric"]["instance"] == history.TARGET["instance"]]
    assert same(once, twice)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_the_rule_gives_the_same_where_two_exporters_are_scraped(
    rule: Rule, seeded: Prometheus, doubled: Prometheus
) -> None:
    start, step = history.END - 6 * 3_600, 1_800
    once, twice = (server.query_range(rule.expression, start, history.END, step) for server in (seeded, doubled))
    assert same(once, twice)


def asked(expression: str) -> Question:
    """Return the first query of the sample with another expression."""
    return next(questions(planted(sample(), "panels.1.targets.0.expr", expression)))


@pytest.mark.parametrize("expression", ["no_such_metric", 'printer_up{printer="Nobody"}', "printer_up / 0 * 0"])
def test_a_query_without_data_is_noticed(expression: str, seeded: Prometheus) -> None:
    assert not numbers(asked(expression).answer(seeded, {}))


@pytest.mark.parametrize("expression", ["sum(", "sum by location (printer_up)", "rate(printer_up)"])
def test_a_query_that_prometheus_cannot_read_is_noticed(expression: str, seeded: Prometheus) -> None:
    with pytest.raises(ValueError, match="parse error"):
        asked(expression).answer(seeded, {})


@pytest.mark.parametrize(
    "expression",
    [
        "printer_up",
        "sum(printer_up)",
        "sum(increase(printer_jams_total[7d]))",
        "resets(camera_discoveries_total[20d]) > 0",
    ],
)
def test_a_query_that_counts_two_exporters_is_noticed(expression: str, seeded: Prometheus, doubled: Prometheus) -> None:
    once, twice = (asked(expression).answer(server, {}) for server in (seeded, doubled))
    assert not same(once, twice)


def test_only_the_dashboard_of_the_exporters_shows_them_apart() -> None:
    assert {question.dashboard for question in QUESTIONS if "$instance" in question.template} == {"exporter"}
