"""How long supplies last, as the recording rules have it: asked of Prometheus in the background, kept for a while."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.config import Prometheus
from exporter.repeats import Repeats
from exporter.reports.prometheus import Client, PrometheusError, Series

log = logging.getLogger(__name__)

MAX_AGE: Final = 300.0
"""Seconds after which a page has it asked for again."""
_TIMEOUT = 20.0
_DAYS = "min by (printer, supply) (printer_supply:left:days)"
_TRUSTED = "min by (printer, supply) (last_over_time(printer_supply:pace:trusted[2h]))"


@dataclass(frozen=True, slots=True)
class Left:
    """Days until a supply is empty; a hint only where the pace is not `trusted`."""

    days: float
    trusted: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known of all supplies, by printer and supply; `remark` says why that may be nothing."""

    left: Mapping[tuple[str, str], Left] = field(default_factory=dict)
    remark: str = ""


NOT_CONFIGURED: Final = Forecast(remark="There is no forecast: prometheus.url is not configured.")
_PENDING = Forecast(remark="The forecast is on its way.")
_FAILED = Forecast(remark="There is no forecast now: Prometheus cannot be asked, and the log says why.")
_EMPTY = "There is no forecast: the recording rules are not loaded in Prometheus, or have no three days of data yet."


class Forecasts:
    """The last forecast of the Prometheus that `settings` names when it is asked; None for nobody.

    `now` is the time of day in Unix seconds.
    """

    def __init__(self, settings: Callable[[], Prometheus | None], now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._asked: Prometheus | None = None
        self._begun = -math.inf
        self._known = _PENDING
        self._failures = Repeats()
        self._task: asyncio.Task[None] | None = None

    def current(self) -> Forecast:
        """Return what is known, and have it asked for again when that is old; waits for nothing."""
        settings, now = self._settings(), time.monotonic()
        if settings is None:
            return NOT_CONFIGURED
        if settings != self._asked:
            self._asked, self._begun, self._known = settings, -math.inf, _PENDING
        if now - self._begun >= MAX_AGE and (self._task is None or self._task.done()):
            self._begun = now
            self._task = asyncio.create_task(self._ask(settings), name="forecast")
        return self._known

    async def close(self) -> None:
        """Stop asking."""
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _ask(self, settings: Prometheus) -> None:
        try:
            async with Client(settings, timeout=_TIMEOUT) as client:
                at = self._now()
                days, trusted = await client.query(_DAYS, at), await client.query(_TRUSTED, at)
        except PrometheusError as error:
            if times := self._failures.failed("forecast", at=time.monotonic()):
                log.warning("no forecast", extra={"error": error, "failures": times})
            found = _FAILED
        else:
            self._failures.ended("forecast")
            found = _forecast(days, trusted)
        if settings == self._asked:
            self._known = found


def _forecast(days: list[Series], trusted: list[Series]) -> Forecast:
    sure = {_key(series) for series in trusted if series.value == 1}
    left = {
        _key(series): Left(series.value, _key(series) in sure)
        for series in days
        if math.isfinite(series.value) and series.value >= 0
    }
    return Forecast(left, "" if left else _EMPTY)


def _key(series: Series) -> tuple[str, str]:
    return series.labels.get("printer", ""), series.labels.get("supply", "")
