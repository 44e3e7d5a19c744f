"""From what a Windows print server says of a queue to where its printer is. Pure: names are looked up by the caller."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from exporter.configtypes import split_host
from exporter.discovery.answer import Why

_IPV4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\.?[0-9])")
# Wizards and drivers name a port after the host that it leads to: IP_printer1, TCP_printer1, printer1_1, printer1:9100.
_PREFIX = re.compile(r"^(?:IP|TCP|TCPIP|PORT|NET)_", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:_[0-9]{1,3})?(?::[0-9]{1,5})?$")
_RELAYED = re.compile(r"\\\\.*|https?://.*/printers/.*", re.IGNORECASE)
# Numbers that Windows makes up: a name server that knows every name has an address for them too.
_NAMELESS = re.compile(r"WSD-", re.IGNORECASE)
_LOCAL = re.compile(r"(?:LPT|COM|USB|DOT4|BTH|IR|1394|TS|CLIENT)[_-]?[0-9]*:?(?: .*)?", re.IGNORECASE)
_VIRTUAL = re.compile(
    r"nul:?|file:|print ?to ?file:?|portprompt:|shrfax:|fax.*|.*pdf.*|xps.*|.*onenote.*|.*evernote.*|redmon.*"
    r"|rpt[0-9]+:|microsoft\..*|[a-z]:\\.*|.*\.(?:prn|ps|xps)",
    re.IGNORECASE,
)
_VIRTUAL_DRIVER = re.compile(
    r"microsoft (?:print to pdf|xps|shared fax|office document image).*|.*onenote.*|.*\bpdf\b.*|.*\bfax\b.*"
    r"|remote desktop easy print",
    re.IGNORECASE,
)
OURS: Final = ("127.0.0.1", "::1", "localhost")
"""Hosts that are the print server itself."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as the spooler lists it (PRINTER_INFO_2, MS-RPRN 2.2.2.9.3)."""

    name: str
    port: str
    driver: str = ""
    comment: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Lead:
    """Where the printer may be; a guess is a name that counts only if it has an address."""

    host: str
    is_guess: bool = False


def leads(queue: Queue, hosts: Mapping[str, str]) -> tuple[Lead, ...] | Why:
    """Return where the printer of a queue is, the likeliest first, or why it is nowhere.

    `hosts` has what the server's registry says of its TCP/IP ports, by name: a port keeps its name when it is moved.
    """
    if _RELAYED.fullmatch(queue.port):
        return "relayed"
    if _LOCAL.fullmatch(queue.port):
        return "local"
    named = tuple(_hosts(hosts.get(queue.port, ""))) or tuple(_addresses(queue.port))
    if not named and (_VIRTUAL.fullmatch(queue.port) or _VIRTUAL_DRIVER.fullmatch(queue.driver)):
        return "virtual"
    guessed = () if named else tuple(_hosts(_host_in(queue.port)))
    if any(host.casefold() in OURS for host in (*named, *guessed)):
        return "local"
    if named:
        return tuple(map(Lead, named))
    guesses = (Lead(host, is_guess=not is_address(host)) for host in guessed)
    return (*guesses, *map(Lead, _written(queue))) or "no_address"


def _host_in(port: str) -> str:
    if _NAMELESS.match(port):
        return ""
    if "://" in port:
        return _url_host(port)
    bare = _PREFIX.sub("", port)
    return bare if is_address(bare) else _SUFFIX.sub("", bare)


def _url_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _hosts(text: str) -> Iterator[str]:
    """Yield the host that a text is, if it is one."""
    try:
        host, _ = split_host(text.strip())
    except ValueError:
        return
    if not host.isdecimal() and (is_address(host) or not _IPV4.fullmatch(host)):
        yield host


def _written(queue: Queue) -> Iterator[str]:
    """Yield the address in what people wrote; several are none, since one of them may be the predecessor's."""
    for text in (queue.location, queue.comment, queue.name):
        found = dict.fromkeys(_addresses(text))
        if len(found) == 1:
            yield from found


def _addresses(text: str) -> Iterator[str]:
    for match in _IPV4.finditer(text):
        if is_address(match[0]):
            yield match[0]


def is_address(text: str) -> bool:
    """Tell whether a text is an address that a printer can have, ours included."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast or text == "255.255.255.255")
