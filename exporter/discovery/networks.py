"""Networks, ranges and single addresses as a person writes them → addresses to ask."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

MAX_ADDRESSES: Final = 65_536
"""Asked in one go: more is a slip of the pen, or hours."""

Address: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Span:
    """Addresses in a row, first and last included."""

    first: Address
    last: Address

    @property
    def count(self) -> int:
        """How many they are."""
        return int(self.last) - int(self.first) + 1


def span(text: str) -> Span:
    """Return the hosts of `10.10.5.0/24`, `10.10.5.20-10.10.5.40`, `10.10.5.20-40` or `10.10.5.28`; IPv6 alike.

    Of a network, its own address and the broadcast address are no hosts. Raises ValueError.
    """
    if "%" in text:
        raise ValueError("an address that holds on one link only is not swept")
    first, dash, last = text.partition("-")
    found = _range(first, last) if dash else _network(text)
    if any(end.is_multicast or end.is_unspecified for end in (found.first, found.last)):
        raise ValueError("hosts have no such addresses")
    return found


def addresses(spans: Iterable[Span]) -> list[Address]:
    """Return every address once, in the order given; raises ValueError when they are too many."""
    spans = list(spans)
    if (count := sum(each.count for each in spans)) > MAX_ADDRESSES:
        raise ValueError(f"{count:,} addresses are too many: at most {MAX_ADDRESSES:,} are asked in one go")
    return list(dict.fromkeys(type(each.first)(int(each.first) + n) for each in spans for n in range(each.count)))


def _network(text: str) -> Span:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("expected a network such as 10.10.5.0/24, a range or an address") from None
    if "/" in text and ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"this is an address inside a network; the network is {network}")
    first, last = network.network_address, network.broadcast_address
    if network.num_addresses > 2:  # RFC 3021 and 6164: of two, both are hosts
        first, last = first + 1, last - (network.version == 4)
    return Span(first, last)


def _range(first: str, last: str) -> Span:
    """Return a range; its end may be the last part of an address only, as it differs from the start."""
    mark = ":" if ":" in first else "."
    whole = last if mark in last else f"{first.rpartition(mark)[0]}{mark}{last}"
    try:
        start, end = ipaddress.ip_address(first), ipaddress.ip_address(whole)
    except ValueError:
        raise ValueError("expected a range such as 10.10.5.20-10.10.5.40 or 10.10.5.20-40") from None
    if start.version != end.version or int(end) < int(start):
        raise ValueError("a range ends behind its start")
    return Span(start, end)
