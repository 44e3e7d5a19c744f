"""Attributes to snapshots, by way of the objects that they stand for. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.config import SupplyRule, Thresholds
from exporter.ipp.codec import Attributes
from exporter.printers import decode, mib
from exporter.printers.ipp.objects import firmware, objects
from exporter.printers.model import Snapshot, Structure
from exporter.snmp.session import Value


class Reader:
    """Makes snapshots of one printer; what it says as before is the very object of the snapshot before."""

    def __init__(self, rules: Sequence[SupplyRule], thresholds: Thresholds) -> None:
        self._rules = rules
        self._thresholds = thresholds
        self._reader: decode.Reader | None = None

    def snapshot(self, attributes: Attributes) -> Snapshot:
        """Return what the attributes say."""
        values = objects(attributes)
        tables = {table.name: decode.table_rows(table, values.items()) for table in mib.TABLES}
        shape = self._shape(attributes, values, tables)
        if self._reader is None or self._reader.shape != shape:
            self._reader = decode.Reader(shape)
        return self._reader.snapshot(values, tables["prtAlert"])

    def _shape(self, attributes: Attributes, values: dict[str, Value], tables: decode.Tables) -> Structure:
        named = {scalar.name: values[scalar.oid] for scalar in mib.SYSTEM if scalar.oid in values}
        structures = {name: rows for name, rows in tables.items() if name != "prtAlert"}
        shape = decode.structure(named, structures, self._rules, self._thresholds)
        return replace(shape, identity=replace(shape.identity, firmware=firmware(attributes)))
