"""What dashboards ask of Prometheus, as Grafana asks it: with its variables filled in, now or over a range."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from dashboards.source.grafana import Json
from tests.support import history
from tests.support.prometheus import Prometheus

SCRAPE_INTERVAL = 60
"""Seconds; what the data source is told."""
POINTS = 1_000
"""About as many as a wide panel has."""
ASKED_POINTS = 100
"""As many are enough to see whether there is data."""
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 31 * 86_400, "y": 366 * 86_400}
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)|\$\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Question:
    """One query of a panel or an annotation."""

    dashboard: str
    title: str
    ref: str
    template: str
    is_instant: bool
    seconds: int
    interval: int

    def __str__(self) -> str:
        return f"{self.dashboard}/{self.title}/{self.ref}"

    def expression(self, values: Mapping[str, str]) -> str:
        """Return the PromQL, with these values of the variables; raises `KeyError` for one that is not among them."""
        step = max(self.seconds // POINTS, self.interval)
        built_in = {
            "__range": f"{self.seconds}s",
            "__range_s": str(self.seconds),
            "__interval": f"{step}s",
            "__rate_interval": f"{max(step + SCRAPE_INTERVAL, 4 * SCRAPE_INTERVAL)}s",
        }
        return filled(self.template, {**built_in, **values})

    def answer(self, server: Prometheus, values: Mapping[str, str]) -> list[Any]:
        """Return the series that Prometheus answers with."""
        expression = self.expression(values)
        if self.is_instant:
            return server.query(expression)
        step = max(self.seconds // ASKED_POINTS, self.interval)
        return server.query_range(expression, history.END - self.seconds, history.END, step)


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the text with each variable's value; raises `KeyError` for an unknown one."""
    return _VARIABLE.sub(lambda found: values[found[1] or found[2]], template)


def questions(dashboard: Json) -> Iterator[Question]:
    """Yield every query of every panel, those in closed rows too, and of every annotation."""
    uid, since = dashboard["uid"].removeprefix("printcam-"), dashboard["time"]["from"]
    for panel in (one for row in dashboard["panels"] for one in (row, *row.get("panels", []))):
        seconds = duration(panel.get("timeFrom") or since)
        interval = duration(panel.get("interval") or f"{SCRAPE_INTERVAL}s")
        for target in panel.get("targets", []):
            yield Question(uid, panel["title"], target["refId"], target["expr"], target["instant"], seconds, interval)
    for annotation in dashboard["annotations"]["list"]:
        step = duration(annotation["step"])
        yield Question(uid, annotation["name"], "annotation", annotation["expr"], False, duration(since), step)


def duration(text: str) -> int:
    """Return the seconds of `30d` or `now-30d`; a start such as `now/d` is taken as a whole one ago."""
    found = re.fullmatch(r"(?:now-)?(\d+)(\w)|now/(\w)", text)
    if not found:
        raise ValueError(text)
    return int(found[1] or 1) * SECONDS[found[2] or found[3]]


def options(variable: Json, values: Mapping[str, str], server: Prometheus) -> list[str]:
    """Return the values that a variable offers, given those before it."""
    if variable["type"] != "query":
        return [option["value"] for option in variable["options"]]
    parameters = {"match[]": selected_by(variable, values), "start": history.START, "end": history.END}
    label = _offered(variable)[2]
    path = f"label/{label}/values" if label else "labels"
    kept = re.compile(variable["regex"].strip("/"))
    return [value for value in server.api(f"{path}?{urlencode(parameters)}") if kept.search(value)]


def selected_by(variable: Json, values: Mapping[str, str]) -> str:
    """Return the selector of the series whose labels a variable offers."""
    return filled(_offered(variable)[1], values)


def _offered(variable: Json) -> re.Match[str]:
    found = re.fullmatch(r"label_(?:names|values)\((.+?)(?:,\s*(\w+))?\)", variable["query"]["query"])
    if not found:
        raise ValueError(f"no kind of query that is known here: {variable['query']['query']}")
    return found


def values_at_first(dashboard: Json, server: Prometheus) -> dict[str, str]:
    """Return what each variable stands for in queries when the dashboard is opened."""
    values: dict[str, str] = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "datasource":
            values[variable["name"]] = _at_first(variable, values, server)
    return values


def _at_first(variable: Json, values: Mapping[str, str], server: Prometheus) -> str:
    match variable["current"].get("value"):
        case ["$__all"] if variable.get("allValue"):
            return str(variable["allValue"])
        case ["$__all"]:
            return any_of(options(variable, values, server))
        case list(chosen):
            return any_of(chosen)
        case current:
            return str(current or min(options(variable, values, server)))


def any_of(chosen: Sequence[str]) -> str:
    """Return the regular expression, quoted for PromQL, that several chosen values stand for."""
    return f"({'|'.join(re.escape(value) for value in chosen)})".replace("\\", "\\\\")
