"""From the device URI of a CUPS queue to where its printer is. Pure: no name is looked up."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from exporter.configtypes import bracketed, split_host
from exporter.discovery.answer import Why
from exporter.discovery.ports import OURS, Lead

_NETWORK: Final = ("socket", "ipp", "ipps", "http", "https", "lpd")
_INNER = re.compile(rf"(?:{'|'.join(_NETWORK)})://.*")
_SCHEMES: Final[dict[str, Why]] = {
    "": "virtual",  # /dev/null
    "file": "virtual",
    "implicitclass": "virtual",
    "cups-pdf": "virtual",
    "cups-brf": "virtual",
    "smb": "relayed",
    "dnssd": "no_address",
    "mdns": "no_address",
    "usb": "local",
    "parallel": "local",
    "serial": "local",
    "scsi": "local",
    "bluetooth": "local",
}


def host_of(uri: str) -> Lead | Why:
    """Return the host of a printer, or why there is none."""
    try:
        parts = urlsplit(uri)
        why = _SCHEMES.get(parts.scheme) or ("local" if parts.path.startswith("/usb/") else None)
        if why:
            return why
        if parts.scheme not in _NETWORK and (inner := _INNER.search(uri)):  # beh:/1/3/5/socket://10.10.5.28
            return host_of(inner[0])
        host = _host(parts)
    except ValueError:
        return "no_address"
    if host in OURS:
        return "local"
    if parts.path.startswith(("/printers/", "/classes/")):  # a queue of another CUPS
        return "relayed"
    return Lead(host) if host else "no_address"


def _host(parts: SplitResult) -> str:
    """Return the host that a URI names; HP's name it behind the question mark. Raises ValueError for what is none."""
    query = parse_qs(parts.query, max_num_fields=20) if parts.scheme in {"hp", "hpfax"} else {}
    host = next((query[key][0] for key in ("ip", "hostname") if key in query), None) or parts.hostname or ""
    return split_host(bracketed(host))[0] if host else ""
