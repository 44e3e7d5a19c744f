"""Printers that answer SNMP on loopback: demo, tests and benchmarks use them."""
