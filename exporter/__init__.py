"""Prometheus exporter for office printers (SNMP) and Panasonic / i-PRO cameras (Easy IP)."""

__version__ = "0.1.0"
