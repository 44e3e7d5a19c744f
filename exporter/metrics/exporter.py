"""What the exporter says of itself, with the default process and Python metrics."""

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter import __version__


@dataclass(frozen=True, slots=True)
class Self:
    """The exporter's state at one moment; times in Unix seconds, durations in seconds."""

    printers: int
    cameras: int
    state_writable: bool
    cycles: int
    cycle_duration: float | None
    reload_succeeded: bool
    reload_success_at: float


class _SelfCollector(Collector):
    def __init__(self, state: Callable[[], Self]) -> None:
        self._state = state

    def describe(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        return []

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        state = self._state()
        build = GaugeMetricFamily(
            "printcam_exporter_build_info", "The version of the exporter.", labels=["version", "python_version"]
        )
        build.add_metric([__version__, platform.python_version()], 1)
        yield build
        yield GaugeMetricFamily(
            "printcam_exporter_config_last_reload_successful",
            "1 when the last load of the config succeeded.",
            int(state.reload_succeeded),
        )
        yield GaugeMetricFamily(
            "printcam_exporter_config_last_reload_success_timestamp_seconds",
            "When a config was last loaded with success, in Unix time.",
            state.reload_success_at,
        )
        devices = GaugeMetricFamily("printcam_exporter_devices", "Devices of the inventory, by kind.", labels=["kind"])
        devices.add_metric(["printer"], state.printers)
        devices.add_metric(["camera"], state.cameras)
        yield devices
        yield GaugeMetricFamily(
            "printcam_exporter_state_writable",
            "0 while the state file cannot be written; what would be kept waits in memory.",
            int(state.state_writable),
        )
        yield CounterMetricFamily("printcam_exporter_cycles", "Cycles that ended.", state.cycles)
        if state.cycle_duration is not None:
            yield GaugeMetricFamily(
                "printcam_exporter_cycle_duration_seconds", "How long the last cycle took.", state.cycle_duration
            )


def self_registry(state: Callable[[], Self]) -> CollectorRegistry:
    """Return a registry of the exporter's own metrics, read anew at each collection."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_SelfCollector(state))
    return registry


def add_web_config(registry: CollectorRegistry, succeeded: Callable[[], bool]) -> None:
    """Add to the registry whether the web config could be used when it was last read."""
    gauge = Gauge(
        "printcam_exporter_web_config_last_reload_successful",
        "1 when the last load of the web config succeeded; absent without one.",
        registry=registry,
    )
    gauge.set_function(lambda: float(succeeded()))
