"""What the exporter says of the print servers that it asks."""

from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.discovery.answer import Reason, Why
from exporter.discovery.servers import Status

REASONS = get_args(Reason)
WHYS = get_args(Why)


class _ServersCollector(Collector):
    def __init__(self, statuses: Callable[[], Mapping[str, Status]]) -> None:
        self._statuses = statuses

    def describe(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        return []

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        up = GaugeMetricFamily(
            "printcam_exporter_print_server_up",
            "1 when the print server told its printers when it was last asked; absent before the first answer.",
            labels=["server"],
        )
        success = GaugeMetricFamily(
            "printcam_exporter_print_server_last_success_timestamp_seconds",
            "When the print server last told its printers, in Unix time; absent until it has since the start.",
            labels=["server"],
        )
        printers = GaugeMetricFamily(
            "printcam_exporter_print_server_printers",
            "Printers of which the print server told then.",
            labels=["server"],
        )
        left_out = GaugeMetricFamily(
            "printcam_exporter_print_server_queues_left_out",
            "Its queues then without a printer to ask: virtual, by cable, at another print server, without an address.",
            labels=["server", "why"],
        )
        polls = CounterMetricFamily(
            "printcam_exporter_print_server_polls", "How often the print server was asked.", labels=["server"]
        )
        failures = CounterMetricFamily(
            "printcam_exporter_print_server_poll_failures",
            "How often the print server did not tell its printers.",
            labels=["server", "reason"],
        )
        for url, status in self._statuses().items():
            if status.up is not None:
                up.add_metric([url], int(status.up))
            if status.last_success is not None:
                success.add_metric([url], status.last_success)
                printers.add_metric([url], status.printers)
                for why in WHYS:
                    left_out.add_metric([url, why], status.left_out.get(why, 0))
            polls.add_metric([url], status.polls)
            for reason in REASONS:
                failures.add_metric([url, reason], status.failures[reason])
        yield from (up, success, printers, left_out, polls, failures)


def add_print_servers(registry: CollectorRegistry, statuses: Callable[[], Mapping[str, Status]]) -> None:
    """Add to the registry what there is to say of print servers, read anew at each collection."""
    registry.register(_ServersCollector(statuses))
