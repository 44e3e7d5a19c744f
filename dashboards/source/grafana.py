"""Grafana's classic dashboard model as far as our dashboards use it: values in, JSON out.

Schema version 39 is Grafana 11's; 12 and 13 migrate it while they load it. What their migrations would touch is not
used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
SCHEMA_VERSION = 39
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
TAG = "printcam"
COLUMNS = 24
"""Width of the grid."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus: now (`instant`) or over the dashboard's range; `table` for one row a series."""

    expr: str
    legend: str = ""
    instant: bool = False
    table: bool = False

    def json(self, ref: str) -> Json:
        """Return it as a panel's target."""
        return {
            "datasource": DATASOURCE,
            "refId": ref,
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "instant": self.instant,
            "range": not self.instant,
            "format": "table" if self.table else "time_series",
            "editorMode": "code",
        }


def now(expr: str, legend: str = "") -> Query:
    """Ask for values at the end of the range, one field a series."""
    return Query(expr, legend, instant=True)


def rows(expr: str) -> Query:
    """Ask for values at the end of the range, one table row a series."""
    return Query(expr, instant=True, table=True)


def steps(*pairs: tuple[float | None, str]) -> Json:
    """Return thresholds: colours from these values on; the first value is None, for everything below the second."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


def says(words: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Return a mapping of numbers to a word and its colour."""
    options = {
        str(value): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def override(matcher: str, argument: str, **properties: Any) -> Json:
    """Return an override of the fields that match; `custom__x` stands for the property custom.x."""
    named = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": matcher, "options": argument}, "properties": named}


def field(name: str, **properties: Any) -> Json:
    """Return an override of the field of this name."""
    return override("byName", name, **properties)


def color_of(name: str, color: str) -> Json:
    """Return an override that draws the fields whose name matches in one colour."""
    return override("byRegexp", name, color={"mode": "fixed", "fixedColor": color})


def link(title: str, uid: str, *kept: str, **variables: str) -> Json:
    """Return a data link to another dashboard: its data source and time range go along, variables are kept or set."""
    chosen = "".join(f"&${{{name}:queryparam}}" for name in kept)
    chosen += "".join(f"&var-{name}={value}" for name, value in variables.items())
    return {
        "title": title,
        "url": f"/d/{uid}?${{datasource:queryparam}}{chosen}&${{__url_time_range}}",
        "targetBlank": False,
    }


def panel(
    kind: str,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    size: tuple[int, int],
    unit: str = "none",
    options: Json | None = None,
    custom: Json | None = None,
    overrides: Sequence[Json] = (),
    transformations: Sequence[Json] = (),
    interval: str = "",
    **defaults: Any,
) -> Json:
    """Return a panel `size` columns wide and rows high; further keywords are defaults of its fields."""
    fields: Json = {"unit": unit, "custom": custom or {}, "mappings": [], **defaults}
    fields.setdefault("thresholds", steps((None, "text")))
    made: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": [query.json(chr(ord("A") + number)) for number, query in enumerate(queries)],
        "gridPos": {"w": size[0], "h": size[1], "x": 0, "y": 0},
        "fieldConfig": {"defaults": fields, "overrides": list(overrides)},
        "options": options or {},
        "transformations": list(transformations),
    }
    return made | ({"interval": interval} if interval else {})


def stat(title: str, description: str, queries: Sequence[Query], *, size: tuple[int, int], **more: Any) -> Json:
    """Return big numbers, coloured by threshold; `graph` adds a line behind them."""
    options = {
        "colorMode": more.pop("color_mode", "value"),
        "graphMode": "area" if more.pop("graph", False) else "none",
        "justifyMode": "auto",
        "orientation": more.pop("orientation", "auto"),
        "textMode": more.pop("text_mode", "auto"),
        "reduceOptions": {
            "calcs": [more.pop("calc", "lastNotNull")],
            "fields": more.pop("fields", ""),
            "values": False,
        },
    }
    return panel("stat", title, description, queries, size=size, options=options, **more)


def table(title: str, description: str, queries: Sequence[Query], *, size: tuple[int, int], **more: Any) -> Json:
    """Return a table; `sort` names a column, with a leading minus for the largest first."""
    sort = more.pop("sort", "")
    options = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": sort.lstrip("-"), "desc": sort.startswith("-")}] if sort else [],
    }
    custom = {"align": "auto", "filterable": more.pop("filterable", True), "cellOptions": {"type": "auto"}}
    # Else a firmware 02.0000 is shown as the number 2, and an empty cell in the words for an empty table.
    plain = [override("byType", "string", unit="string"), override("byRegexp", ".*", noValue="-")]
    more["overrides"] = [*plain, *more.get("overrides", ())]
    return panel("table", title, description, queries, size=size, options=options, custom=custom, **more)


def joined(columns: Mapping[str, str], hidden: Sequence[str] = (), sort: str = "") -> list[Json]:
    """Return what makes one table of several queries: columns by label or `Value #A`, in order, with their titles.

    `sort` names a column, with a leading minus for the largest first; it may be hidden.
    """
    order = {name: index for index, name in enumerate(columns)}
    unwanted = dict.fromkeys(("Time", *hidden), True)
    by = {"field": sort.lstrip("-"), "desc": sort.startswith("-")}
    return [
        {"id": "merge", "options": {}},
        *([{"id": "sortBy", "options": {"fields": {}, "sort": [by]}}] if sort else []),
        {
            "id": "organize",
            "options": {
                "excludeByName": unwanted,
                "indexByName": order,
                "renameByName": dict(columns),
                "includeByName": {},
            },
        },
    ]


def graph(title: str, description: str, queries: Sequence[Query], *, size: tuple[int, int], **more: Any) -> Json:
    """Return lines, areas (`fill`), bars (`bars`) or piles (`stacked`) over time, with a legend that has `calcs`.

    A bar begins at its point in time.
    """
    bars, stacked = more.pop("bars", False), more.pop("stacked", False)
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": more.pop("interpolation", "linear"),
        "lineWidth": 1,
        "fillOpacity": more.pop("fill", 80 if bars else 10),
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        **({"barAlignment": 1, "barWidthFactor": 0.8} if bars else {}),
    } | more.pop("custom", {})
    calcs = more.pop("calcs", [])
    shape = more.pop("legend", "table" if calcs else "list")
    options = {
        "legend": {
            "showLegend": shape != "hidden",
            "displayMode": shape,
            "placement": more.pop("placement", "bottom"),
            "calcs": calcs,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, queries, size=size, custom=custom, options=options, **more)


def timeline(title: str, description: str, queries: Sequence[Query], *, size: tuple[int, int], **more: Any) -> Json:
    """Return a state timeline: a bar a series, twenty to a page, coloured by the value mapping."""
    options = {
        "mergeValues": True,
        "showValue": more.pop("show_value", "never"),
        "alignValue": "left",
        "rowHeight": 0.85,
        "perPage": 20,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"lineWidth": 0, "fillOpacity": 80}
    return panel("state-timeline", title, description, queries, size=size, custom=custom, options=options, **more)


def bars(title: str, description: str, queries: Sequence[Query], *, size: tuple[int, int], **more: Any) -> Json:
    """Return a bar gauge: one horizontal bar a series."""
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "manual",
        "minVizWidth": 8,
        "minVizHeight": more.pop("bar_height", 16),
        "maxVizHeight": 48,
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return panel("bargauge", title, description, queries, size=size, options=options, **more)


def columns(
    title: str, description: str, queries: Sequence[Query], *, size: tuple[int, int], category: str, **more: Any
) -> Json:
    """Return a bar chart of table rows: a group of bars for each value of the column `category`."""
    options = {
        "xField": category,
        "orientation": "auto",
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 0,
        "showValue": "auto",
        "stacking": "none",
        "groupWidth": 0.8,
        "barWidth": 0.95,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    custom = {"lineWidth": 1, "fillOpacity": 80}
    return panel("barchart", title, description, queries, size=size, options=options, custom=custom, **more)


def heading(title: str) -> Json:
    """Return a row that groups the panels after it."""
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"w": COLUMNS, "h": 1, "x": 0, "y": 0},
    }


def choice(name: str, label: str, query: str, *, many: bool = True) -> Json:
    """Return a variable whose values come from Prometheus; with `many`, several or all of them."""
    made: Json = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"{name}-variable", "qryType": 1},
        "refresh": 2,
        "sort": 7,
        "regex": "",
        "hide": 0,
        "multi": many,
        "includeAll": many,
        "options": [],
        "skipUrlSync": False,
    }
    everything = {"allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
    return made | (everything if many else {"current": {}})


def label_choice(name: str, label: str, metric: str, first: str) -> Json:
    """Return a variable of the names of a metric's labels but its target's; `first` is chosen where it is one."""
    query = f"label_names({metric})"
    made = choice(name, label, query, many=False)
    return made | {
        "query": {"query": query, "refId": f"{name}-variable", "qryType": 0},
        "regex": "/^(?!(?:__name__|instance|job)$)(.+)$/",
        "current": {"selected": True, "text": first, "value": first},
    }


def fixed_choice(
    name: str, label: str, values: Sequence[str], *, many: bool = True, chosen: Sequence[str] = ()
) -> Json:
    """Return a variable with these values; at first those that are `chosen`, else with `many` all, else the first."""
    options = [{"text": value, "value": value, "selected": False} for value in values]
    first = {"selected": True, "text": values[0], "value": values[0]}
    made: Json = {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(values),
        "hide": 0,
        "multi": many,
        "includeAll": many,
        "options": options,
        "current": first,
        "skipUrlSync": False,
    }
    at_first = {"selected": True, "text": list(chosen or ["All"]), "value": list(chosen or ["$__all"])}
    return made | ({"allValue": ".*", "current": at_first} if many else {})


def _datasource_variable() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "current": {},
        "skipUrlSync": False,
    }


def events(name: str, expr: str, color: str, title: str, step: str = "5m") -> Json:
    """Return annotations: a mark wherever the expression has a value; `title` may use {{labels}}."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "step": step,
        "titleFormat": title,
        "useValueForTime": False,
    }


def placed(*lines: Sequence[Json]) -> list[Json]:
    """Give each panel its id and place, line by line; raises `ValueError` where a line leaves a hole."""
    panels: list[Json] = []
    y = 0
    for line in lines:
        sizes = [one["gridPos"] for one in line]
        if sum(size["w"] for size in sizes) != COLUMNS or len({size["h"] for size in sizes}) != 1:
            raise ValueError(f"no full line of one height: {[one['title'] for one in line]}")
        x = 0
        for one, size in zip(line, sizes, strict=True):
            panels.append(one | {"id": len(panels) + 1, "gridPos": size | {"x": x, "y": y}})
            x += size["w"]
        y += sizes[0]["h"]
    return panels


def dashboard(
    uid: str,
    title: str,
    description: str,
    lines: Sequence[Sequence[Json]],
    *,
    variables: Sequence[Json] = (),
    annotations: Sequence[Json] = (),
    since: str = "now-24h",
    refresh: str = "1m",
    back: tuple[str, str] | None = None,
) -> Json:
    """Return a dashboard of these lines of panels; `variables` come after the data source's.

    `back` is title and uid of the dashboard that leads here.
    """
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "refresh": refresh,
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "links": [*([_way(*back)] if back else []), _siblings()],
        "templating": {"list": [_datasource_variable(), *variables]},
        "annotations": {"list": list(annotations)},
        "panels": placed(*lines),
    }


def _way(title: str, uid: str) -> Json:
    return {
        "type": "link",
        "title": title,
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": False,
        "icon": "arrow-left",
        "tooltip": "",
        "url": f"/d/{uid}?${{datasource:queryparam}}",
    }


def _siblings() -> Json:
    return {
        "type": "dashboards",
        "title": "Printers and cameras",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
