"""Finds what is wrong with a dashboard, by Grafana's vocabulary and by our conventions: JSON in, findings out."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.source import theme
from dashboards.source.grafana import COLUMNS, SCHEMA_VERSION, TAG, Json

VOCABULARY: dict[str, list[str]] = json.loads((Path(__file__).parents[1] / "grafana" / "vocabulary.json").read_text())
FREE_UNITS = ("suffix:", "prefix:", "time:", "si:", "count:", "currency:", "bool:")
DATASOURCE_UID = "${datasource}"
STATUS_COLORS = dict((*theme.PRINTER_STATUS.values(), *theme.CAMERA_STATUS.values()))
PALETTE = {
    *(value for name, value in vars(theme).items() if name.isupper() and isinstance(value, str)),
    *theme.SUPPLY_COLORS.values(),
    "text",
    "transparent",
}
OF_TARGETS = {"job", "instance"}
"""All of these are the exporters alone, not every target of the Prometheus."""
WITH_LEGEND = {"timeseries", "state-timeline", "barchart"}
WITH_NAMES = WITH_LEGEND | {"bargauge"}
VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\$\{(\w+)[^}]*\}|\[\[(\w+)[^\]]*\]\]")
FIXED_RATE = re.compile(r"\bi?rate\([^\[\]]*\[(?!\$__rate_interval\])[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard, with the variables of all dashboards by their uid."""

    json: Json
    known: Mapping[str, set[str]]

    @property
    def panels(self) -> list[Json]:
        """The panels that ask for something, those in closed rows too."""
        every = [one for panel in self.json["panels"] for one in (panel, *panel.get("panels", []))]
        return [panel for panel in every if panel["type"] != "row"]

    @property
    def variables(self) -> list[Json]:
        """The variables in their order."""
        return list(self.json["templating"]["list"])

    @property
    def annotations(self) -> list[Json]:
        """The annotations."""
        return list(self.json["annotations"]["list"])


def variables_of(dashboard: Json) -> set[str]:
    """Return the names of its variables."""
    return {variable["name"] for variable in dashboard["templating"]["list"]}


def names_in(text: str) -> set[str]:
    """Return the variables that a text names."""
    return {next(filter(None, found)) for found in VARIABLE.findall(text)}


def findings(dashboard: Json, known: Mapping[str, set[str]]) -> list[str]:
    """Return all that is wrong with it; `known` has every dashboard's uid, with its variables."""
    return [finding for rule in RULES for finding in rule(Dashboard(dashboard, known))]


def _model(dashboard: Dashboard) -> Iterator[str]:
    made = dashboard.json
    if made.get("schemaVersion") != SCHEMA_VERSION:
        yield f"schemaVersion is not {SCHEMA_VERSION}"
    if "elements" in made:
        yield "elements belong to schema v2, which files cannot be"
    if not isinstance(made.get("refresh"), str):
        yield "refresh is not text"
    if "time_options" in made.get("timepicker", {}):
        yield "timepicker.time_options is gone in newer versions"
    if made.get("editable") is not False:
        yield "a provisioned dashboard is not editable"
    if not re.fullmatch(r"printcam-[a-z-]{1,31}", made.get("uid", "")):
        yield "the uid is not a readable one of ours"
    if TAG not in made.get("tags", []):
        yield f"the tag {TAG} is missing, by which the dashboards find each other"


def _words(dashboard: Dashboard) -> Iterator[str]:
    for key in ("title", "description"):
        if not dashboard.json.get(key):
            yield f"the dashboard has no {key}"
    for row in dashboard.json["panels"]:
        if not row.get("title"):
            yield f"panel {row['id']} has no title"
    for panel in dashboard.panels:
        if not panel.get("description", "").endswith("."):
            yield f"{panel['title']}: the description is no sentence"
    for variable in dashboard.variables:
        if not variable.get("label"):
            yield f"the variable {variable['name']} has no label"


def _ids(dashboard: Dashboard) -> Iterator[str]:
    every = [one for panel in dashboard.json["panels"] for one in (panel, *panel.get("panels", []))]
    for number, count in Counter(panel.get("id") for panel in every).items():
        if number is None or count > 1:
            yield f"{count} panels have the id {number}"
    for panel in dashboard.panels:
        refs = [target.get("refId") for target in panel["targets"]]
        if not refs or len(set(refs)) < len(refs):
            yield f"{panel['title']}: no query, or two of one refId"


def _grid(dashboard: Dashboard) -> Iterator[str]:
    for row in dashboard.json["panels"]:
        yield from _covered(row.get("panels", []))
    yield from _covered(dashboard.json["panels"])


def _covered(panels: list[Json]) -> Iterator[str]:
    """Yield what leaves the grid, lies on another panel, or has room above that Grafana would pull it into."""
    places = [panel["gridPos"] for panel in panels]
    cells: Counter[tuple[int, int]] = Counter()
    for panel, place in zip(panels, places, strict=True):
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > COLUMNS:
            yield f"{panel['title']}: outside of the grid"
        cells.update((x, y) for x in _span(place, "x", "w") for y in _span(place, "y", "h"))
    if any(count > 1 for count in cells.values()):
        yield f"panels overlap at {min(cell for cell, count in cells.items() if count > 1)}"
    if places:
        top, end = min(place["y"] for place in places), max(place["y"] + place["h"] for place in places)
        holes = [(x, y) for y in range(top, end) for x in range(COLUMNS) if (x, y) not in cells]
        if holes:
            yield f"a hole in the grid at {holes[0]}"


def _span(place: Json, start: str, size: str) -> range:
    return range(place[start], place[start] + place[size])


def _variables(dashboard: Dashboard) -> Iterator[str]:
    defined = variables_of(dashboard.json)
    made = dashboard.json
    used: set[str] = set()
    for part in (made["panels"], made["annotations"], made["templating"]["list"], made["links"]):
        used |= names_in(json.dumps(part))
    for name in sorted(defined - used):
        yield f"the variable {name} is not used"
    for name in sorted(used - defined):
        if not name.startswith("__"):
            yield f"the variable {name} is not defined"
    earlier: set[str] = set()
    for variable in dashboard.variables:
        if variable["name"] in earlier:
            yield f"the variable {variable['name']} stands twice"
        if later := names_in(json.dumps(variable.get("query"))) - earlier:
            yield f"the variable {variable['name']} needs {sorted(later)}, which come later or never"
        earlier.add(variable["name"])
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"the variable {variable['name']} does not follow the time range"
        if variable.get("includeAll") and not variable.get("allValue") and variable["name"] not in OF_TARGETS:
            yield f"the variable {variable['name']} has no value for all"


def _datasource(dashboard: Dashboard) -> Iterator[str]:
    first = dashboard.variables[0] if dashboard.variables else {}
    if (first.get("type"), first.get("name")) != ("datasource", "datasource"):
        yield "the first variable is not the data source"
    asking = [(panel["title"], one) for panel in dashboard.panels for one in (panel, *panel["targets"])]
    asking += [(variable["name"], variable) for variable in dashboard.variables if variable["type"] == "query"]
    asking += [(annotation["name"], annotation) for annotation in dashboard.annotations]
    for name, one in asking:
        if one.get("datasource") != {"type": "prometheus", "uid": DATASOURCE_UID}:
            yield f"{name}: the data source is not that of the variable"


def _properties(panel: Json) -> Iterator[tuple[str, Any]]:
    """Yield what the panel sets of its fields, by default and in overrides."""
    yield from panel["fieldConfig"]["defaults"].items()
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            yield one["id"], one.get("value")


def _units(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']}: no unit"
        for key, value in _properties(panel):
            if key == "unit" and value not in VOCABULARY["units"] and not str(value).startswith(FREE_UNITS):
                yield f"{panel['title']}: {value} is no unit"


def _reducers(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        options = panel["options"]
        used = [*options.get("reduceOptions", {}).get("calcs", []), *options.get("legend", {}).get("calcs", [])]
        for step in panel["transformations"]:
            used += _reducers_of(step["options"])
        for name in used:
            if name not in VOCABULARY["reducers"]:
                yield f"{panel['title']}: {name} is no reducer"


def _reducers_of(options: Json) -> list[str]:
    """Return the reducers that a transformation names, wherever its options keep them."""
    by_field = options.get("fields", {})
    grouped = by_field.values() if isinstance(by_field, dict) else []
    return [
        *options.get("reducers", []),
        *([options["reduce"]["reducer"]] if "reduce" in options else []),
        *(name for field in grouped for name in field.get("aggregations", [])),
        *(one["stat"] for one in options.values() if isinstance(one, dict) and "stat" in one),
    ]


def _matchers(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        for override in panel["fieldConfig"]["overrides"]:
            if override["matcher"]["id"] not in VOCABULARY["matchers"]:
                yield f"{panel['title']}: {override['matcher']['id']} is no matcher"


def _transformations(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        for step in panel["transformations"]:
            if step["id"] not in VOCABULARY["transformations"]:
                yield f"{panel['title']}: {step['id']} is no transformation"
            if step["id"] == "formatTime":
                yield f"{panel['title']}: formatTime becomes another one in newer versions"


def _property_ids(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        for key, _ in _properties(panel):
            if key not in VOCABULARY["properties"] and not key.startswith("custom"):
                yield f"{panel['title']}: {key} is no property of a field"


def _legends(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        legend = panel["options"].get("legend")
        if panel["type"] in WITH_LEGEND and (
            legend is None or {"showLegend", "displayMode", "placement", "calcs"} - set(legend)
        ):
            yield f"{panel['title']}: the legend is left to chance"
        named = panel["type"] in WITH_NAMES and "displayName" not in panel["fieldConfig"]["defaults"]
        for target in panel["targets"] if named else []:
            if target["format"] == "time_series" and target.get("legendFormat") in {None, "", "__auto"}:
                yield f"{panel['title']}: the names of the series of {target['refId']} are left to chance"


def _links(dashboard: Dashboard) -> Iterator[str]:
    values = [value for panel in dashboard.panels for key, value in _properties(panel) if key == "links"]
    links = [link for value in values for link in value]
    for link in links:
        if link["url"].startswith("http://${__value"):
            continue  # the device's own page
        yield from _target(dashboard, link)
        if "${datasource:queryparam}" not in link["url"] or "${__url_time_range}" not in link["url"]:
            yield f"{link['title']}: does not keep the data source and the time"
    for link in dashboard.json["links"]:
        if link["type"] == "link":
            yield from _target(dashboard, link)
        if not link["includeVars"] and "${datasource:queryparam}" not in link["url"]:
            yield f"{link['title']}: does not keep the data source"


def _target(dashboard: Dashboard, link: Json) -> Iterator[str]:
    """Yield what is wrong with where a link leads."""
    if not (to := re.match(r"/d/([\w-]+)(?=[/?]|$)", link["url"])):
        yield f"{link['title']}: leads to no dashboard"
    elif to[1] not in dashboard.known:
        yield f"{link['title']}: there is no dashboard {to[1]}"
    else:
        for name in re.findall(r"[?&](?:var-(?=\w+=)|\$\{(?=\w+:queryparam\}))(\w+)", link["url"]):
            if name not in dashboard.known[to[1]]:
                yield f"{link['title']}: {to[1]} has no variable {name}"


def _colors(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        for color in _values_of([panel["fieldConfig"], panel["options"]], {"color", "fixedColor"}):
            if isinstance(color, str) and color not in PALETTE:
                yield f"{panel['title']}: {color} is not a color of ours"
        for text, color in _mapped(panel):
            if STATUS_COLORS.get(text, color) != color:
                yield f"{panel['title']}: {text} is {color}, elsewhere {STATUS_COLORS[text]}"


def _values_of(json_value: Any, keys: set[str]) -> Iterator[Any]:
    """Yield every value of these keys, at any depth."""
    if isinstance(json_value, dict):
        for key, value in json_value.items():
            if key in keys:
                yield value
            yield from _values_of(value, keys)
    elif isinstance(json_value, list):
        for value in json_value:
            yield from _values_of(value, keys)


def _mapped(panel: Json) -> Iterator[tuple[str, str]]:
    """Yield each word that a number is shown as, and each name that has a color of its own, with the color."""
    for key, value in _properties(panel):
        for mapping in value if key == "mappings" else []:
            results = mapping["options"].values() if mapping["type"] == "value" else [mapping["options"]["result"]]
            yield from ((one["text"], one["color"]) for one in results if {"text", "color"} <= set(one))
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "color" and one["value"]["mode"] == "fixed":
                yield str(override["matcher"]["options"]).strip("/^$"), one["value"]["fixedColor"]


def _thresholds(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard.panels:
        for key, value in _properties(panel):
            if key != "thresholds":
                continue
            steps = [step["value"] for step in value["steps"]]
            if not steps or steps[0] is not None:
                yield f"{panel['title']}: the first threshold is not null"
            elif None in steps[1:] or steps[1:] != sorted(steps[1:]):
                yield f"{panel['title']}: the thresholds do not rise"


def _expressions(dashboard: Dashboard) -> Iterator[str]:
    asked = [(panel["title"], target["expr"]) for panel in dashboard.panels for target in panel["targets"]]
    asked += [(annotation["name"], annotation["expr"]) for annotation in dashboard.annotations]
    for name, expression in asked:
        if not expression.strip():
            yield f"{name}: an empty query"
        if FIXED_RATE.search(expression):
            yield f"{name}: a rate over another window than $__rate_interval"


RULES: tuple[Callable[[Dashboard], Iterator[str]], ...] = (
    _model,
    _words,
    _ids,
    _grid,
    _variables,
    _datasource,
    _units,
    _reducers,
    _matchers,
    _transformations,
    _property_ids,
    _legends,
    _links,
    _colors,
    _thresholds,
    _expressions,
)
