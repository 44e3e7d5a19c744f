"""The dashboards are what the code makes, and follow Grafana's vocabulary and our conventions."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from dashboards.source import theme
from dashboards.source.__main__ import FOLDER, texts
from tests.support.grafana_lint import RULES, Dashboard, findings, variables_of
from tests.support.sample_dashboard import planted, sample

FILES = sorted(FOLDER.glob("*.json"))
MADE = {path.stem: json.loads(path.read_text()) for path in FILES}
KNOWN = {made["uid"]: variables_of(made) for made in [*MADE.values(), sample()]}


def test_the_files_are_what_the_code_makes() -> None:
    assert {path: path.read_text() for path in FILES} == texts(), "make dashboards"


def test_no_uid_and_no_title_stands_twice() -> None:
    for key in ("uid", "title"):
        assert max(Counter(made[key] for made in MADE.values()).values()) == 1
    assert {made["uid"] for made in MADE.values()} == set(MADE)


@pytest.mark.parametrize("name", MADE)
def test_the_dashboard_follows_the_conventions(name: str) -> None:
    assert findings(MADE[name], KNOWN) == []


def test_the_sample_follows_the_conventions() -> None:
    assert findings(sample(), KNOWN) == []


PROPERTY = "panels.2.fieldConfig.overrides.-2.properties.1"
FAULTS: list[tuple[str, Any, str]] = [
    ("schemaVersion", 42, "schemaVersion"),
    ("elements", {}, "schema v2"),
    ("refresh", False, "refresh"),
    ("timepicker.time_options", [], "time_options"),
    ("editable", True, "editable"),
    ("uid", "aa0bb1cc2", "uid"),
    ("tags", [], "tag"),
    ("title", "", "no title"),
    ("description", "", "no description"),
    ("panels.0.title", "", "panel 1 has no title"),
    ("panels.1.description", "Nothing to say", "Answering: the description"),
    ("templating.list.1.label", "", "location has no label"),
    ("panels.1.id", 1, "2 panels have the id 1"),
    ("panels.1.id", ..., "the id None"),
    ("panels.1.targets", [], "no query"),
    ("panels.2.targets.1.refId", "A", "two of one refId"),
    ("panels.2.gridPos.w", 17, "outside of the grid"),
    ("panels.2.gridPos.x", 7, "overlap"),
    ("panels.1.gridPos.h", 3, r"hole in the grid at \(0, 4\)"),
    ("templating.list.3.name", "weeks", "weeks is not used"),
    ("templating.list.3.name", "weeks", "days is not defined"),
    ("templating.list.1.name", "printer", "stands twice"),
    ("templating.list.1.query.query", "label_values(up{a=~'$printer'}, b)", "come later"),
    ("templating.list.1.refresh", 1, "time range"),
    ("templating.list.1.allValue", "", "no value for all"),
    ("templating.list.0.name", "source", "first variable"),
    ("panels.1.datasource", {"type": "prometheus", "uid": "abc"}, "Answering: the data source"),
    ("panels.1.targets.0.datasource.uid", "abc", "Answering: the data source"),
    ("templating.list.1.datasource", None, "location: the data source"),
    ("annotations.list.0.datasource", None, "Replaced: the data source"),
    ("panels.1.fieldConfig.defaults.unit", "", "no unit"),
    ("panels.1.fieldConfig.defaults.unit", "percents", "percents is no unit"),
    ("panels.2.fieldConfig.overrides.-1.properties.0.value", "pages", "pages is no unit"),
    ("panels.1.options.reduceOptions.calcs", ["latest"], "latest is no reducer"),
    ("panels.3.options.legend.calcs", ["average"], "average is no reducer"),
    ("panels.2.transformations.2", {"id": "reduce", "options": {"reducers": ["avg"]}}, "avg is no reducer"),
    (
        "panels.2.transformations.2",
        {"id": "calculateField", "options": {"mode": "reduceRow", "reduce": {"reducer": "total"}}},
        "total is no reducer",
    ),
    (
        "panels.2.transformations.2",
        {"id": "groupBy", "options": {"fields": {"a": {"operation": "aggregate", "aggregations": ["biggest"]}}}},
        "biggest is no reducer",
    ),
    ("panels.2.transformations.2", {"id": "timeSeriesTable", "options": {"A": {"stat": "end"}}}, "end is no reducer"),
    ("panels.2.fieldConfig.overrides.-2.matcher.id", "byLabel", "byLabel is no matcher"),
    ("panels.2.transformations.0.id", "merged", "merged is no transformation"),
    ("panels.2.transformations.0.id", "formatTime", "formatTime becomes"),
    (PROPERTY, {"id": "mapping", "value": []}, "mapping is no property"),
    ("panels.1.fieldConfig.defaults.units", "s", "units is no property"),
    ("panels.3.options.legend", ..., "legend is left to chance"),
    ("panels.5.options.legend.showLegend", ..., "legend is left to chance"),
    ("panels.3.targets.0.legendFormat", "__auto", "names of the series of A"),
    ("panels.4.targets.0.legendFormat", "__auto", "names of the series of A"),
    ("panels.2.fieldConfig.overrides.-3.properties.0.value.0.url", "https://example.com", "leads to no dashboard"),
    ("panels.2.fieldConfig.overrides.-3.properties.0.value.0.url", "/d/printcam-x?", "no dashboard printcam-x"),
    ("panels.2.fieldConfig.overrides.-3.properties.0.value.0.url", "/d/printcam-sample?var-mac=1", "no variable mac"),
    (
        "panels.2.fieldConfig.overrides.-3.properties.0.value.0.url",
        "/d/printcam-sample?${days:queryparam}&${camera:queryparam}",
        "no variable camera",
    ),
    ("panels.2.fieldConfig.overrides.-3.properties.0.value.0.url", "/d/printcam-sample", "does not keep"),
    ("links.0.includeVars", False, "does not keep"),
    ("links.0", {**sample()["links"][0], "type": "link", "url": "/d/printcam-x"}, "no dashboard printcam-x"),
    ("panels.5.fieldConfig.defaults.mappings.0.options.3.color", theme.RED, "offline is red"),
    ("panels.3.fieldConfig.defaults.thresholds.steps.1.color", "purple", "purple is not a color"),
    (PROPERTY, {"id": "color", "value": {"mode": "fixed", "fixedColor": "#ff0000"}}, "#ff0000 is not a color"),
    ("panels.3.fieldConfig.defaults.thresholds.steps.0.value", 0, "first threshold"),
    ("panels.3.fieldConfig.defaults.thresholds.steps.2", {"value": -1, "color": "red"}, "do not rise"),
    ("panels.3.targets.0.expr", "", "empty query"),
    ("panels.3.targets.0.expr", "rate(printer_polls_total[5m])", "another window"),
]


@pytest.mark.parametrize(("path", "value", "words"), FAULTS)
def test_a_planted_fault_is_found(path: str, value: Any, words: str) -> None:
    found = findings(planted(sample(), path, value), KNOWN)
    assert any(re.search(words, finding) for finding in found), found


def test_a_name_that_is_a_status_has_its_color() -> None:
    made = planted(sample(), "panels.2.fieldConfig.overrides.-2.matcher", {"id": "byRegexp", "options": "/^missing$/"})
    wrong = planted(made, PROPERTY, {"id": "color", "value": {"mode": "fixed", "fixedColor": theme.GREY}})
    assert findings(wrong, KNOWN) == [f"Printers: missing is {theme.GREY}, elsewhere {theme.RED}"]


def test_every_rule_has_a_planted_fault() -> None:
    wrong = [Dashboard(planted(sample(), path, value), KNOWN) for path, value, _ in FAULTS]
    assert [rule for rule in RULES if not any(list(rule(made)) for made in wrong)] == []


def test_bars_that_count_what_comes_after_their_point_begin_there_and_do_not_stand_across_it() -> None:
    graphs = [panel for made in MADE.values() for panel in made["panels"] if panel["type"] == "timeseries"]
    ahead = [panel for panel in graphs if any("offset -" in target["expr"] for target in panel["targets"])]
    assert ahead
    assert {panel["fieldConfig"]["defaults"]["custom"].get("barAlignment") for panel in ahead} == {1}


def test_a_timeline_of_many_has_pages_in_which_a_line_can_be_read() -> None:
    timelines = [panel for made in MADE.values() for panel in made["panels"] if panel["type"] == "state-timeline"]
    assert {panel["options"]["perPage"] for panel in timelines} == {20}
