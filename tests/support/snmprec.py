"""Recordings read as the values that an agent would send."""

import re
from pathlib import Path

from exporter.snmp.session import Value

RECORDINGS = Path(__file__).parent.with_name("recordings")


def read(recording: Path) -> dict[str, Value]:
    """Return the values of an `snmprec` file by OID, without lines that are broken."""
    lines = (line.split("|", 2) for line in recording.read_text().splitlines() if line)
    return {oid: value for oid, kind, text in lines if (value := _value(kind, text)) is not None}


def _value(kind: str, text: str) -> Value | None:
    if kind == "4x":
        return bytes.fromhex(text)
    if kind == "4":
        return text.encode()
    if kind in {"6", "64"}:
        return text
    return int(text) if re.fullmatch(r"-?\d+", text) else None
