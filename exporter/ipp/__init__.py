"""IPP over HTTP, for printers that are not asked over SNMP."""
