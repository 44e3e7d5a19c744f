"""What the exporter says of its inventory: where it comes from, and what changed."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.discovery.inventory import CHANGES, CONFLICTS, KINDS
from exporter.discovery.roster import Overview


class _InventoryCollector(Collector):
    def __init__(self, state: Callable[[], Overview]) -> None:
        self._state = state

    def describe(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        return []

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        state = self._state()
        up = GaugeMetricFamily(
            "printcam_exporter_inventory_file_up",
            "1 when the inventory file could be used when it was last read; at 0, what it said before stays.",
            labels=["file"],
        )
        printers = GaugeMetricFamily(
            "printcam_exporter_inventory_file_printers", "Printers that the inventory file lists.", labels=["file"]
        )
        for path, (is_usable, count) in state.files.items():
            up.add_metric([path], int(is_usable))
            printers.add_metric([path], count)
        yield up
        yield printers
        conflicts = GaugeMetricFamily(
            "printcam_exporter_inventory_conflicts",
            "Printers on whose host, name or location two sources differ; the first counts.",
            labels=["what"],
        )
        for what in CONFLICTS:
            conflicts.add_metric([what], state.conflicts.get(what, 0))
        yield conflicts
        changes = CounterMetricFamily(
            "printcam_exporter_inventory_changes",
            "Printers added, removed, renamed or moved to another host, by who said so.",
            labels=["change", "source"],
        )
        for change in CHANGES:
            for kind in KINDS:
                changes.add_metric([change, kind], state.changes.get((change, kind), 0))
        yield changes
        if state.audit_writable is not None:
            yield GaugeMetricFamily(
                "printcam_exporter_audit_writable",
                "0 while the audit log cannot be written; its lines wait in memory. Absent without one.",
                int(state.audit_writable),
            )


def add_inventory(registry: CollectorRegistry, state: Callable[[], Overview]) -> None:
    """Add to the registry what there is to say of the inventory, read anew at each collection."""
    registry.register(_InventoryCollector(state))
